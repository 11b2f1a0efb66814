"""Pictures that mean harm, made here by rules: broken, lying, huge, two things at once, full of what is private."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import piexif
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from teahouse.testing import photo

SENTINEL = "sentinel-4d7e"
SCRIPT = f"<script>document.title='{SENTINEL}';fetch('/{SENTINEL}')</script>"
PAGE = f"<!doctype html><html><body>{SCRIPT}</body></html>".encode()
FORMS = ("JPEG", "PNG", "WEBP")
SIZES = ((50_000, 50_000), (8192, 8192), (65_535, 1), (1, 65_535), (0, 0), (8193, 8), (6000, 4001), (16_383, 16_383))
Named = Iterator[tuple[str, bytes]]


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 2, interlace: int = 0) -> bytes:
    """A PNG of this size by its header, with these chunks before an almost empty picture."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))
    end = chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + end


def segment(marker: int, data: bytes) -> bytes:
    """A segment of a JPEG."""
    return bytes((0xFF, marker)) + (len(data) + 2).to_bytes(2) + data


def within(*segments: bytes, seed: int = 0) -> bytes:
    """A JPEG with these segments behind its beginning."""
    given = photo("warm", seed)
    return given[:2] + b"".join(segments) + given[2:]


def saved(picture: Pillow.Image, form: str, **how: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **how)
    return out.getvalue()


def webp(width: int, height: int) -> bytes:
    """An extended WebP that says it is this large."""
    size = (max(width, 1) - 1).to_bytes(3, "little") + (max(height, 1) - 1).to_bytes(3, "little")
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + size + photo(form="WEBP")[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def unusual() -> Named:
    """Whole pictures of every kind that there is, and many that no camera makes."""
    rgb = Pillow.open(io.BytesIO(photo("warm", 3, side=96)))
    yield "progressive", saved(rgb, "JPEG", progressive=True)
    for mode in ("L", "CMYK"):
        yield f"JPEG {mode}", saved(rgb.convert(mode), "JPEG")
    for mode in ("1", "L", "LA", "P", "RGBA"):
        yield f"PNG {mode}", saved(rgb.convert(mode), "PNG")
    yield "PNG of 16 bits", saved(rgb.convert("L").convert("I").convert("I;16"), "PNG")
    yield "palette with a hole", saved(rgb.convert("P"), "PNG", transparency=3)
    yield "WebP without loss", saved(rgb.convert("RGBA"), "WEBP", lossless=True)
    frames = [Pillow.new("RGB", (16, 16), (shade * 8, 0, 0)) for shade in range(30)]
    for form in ("PNG", "WEBP", "GIF"):
        yield f"moving {form}", saved(frames[0], form, save_all=True, append_images=frames[1:], duration=20)
    for form in ("BMP", "TIFF", "ICO", "PPM", "TGA", "PCX", "JPEG2000"):
        yield f"another kind, {form}", saved(rgb, form)
    for side in (1, 2, 3, 7):
        yield f"{side} pixels", saved(rgb.resize((side, side)), "PNG")
    yield "a thread", saved(rgb.resize((8000, 1)), "PNG")
    yield "a pole", saved(rgb.resize((1, 8000)), "JPEG")


def other_files() -> Named:
    """What is no picture, or only begins like one."""
    noise = random.Random(5).randbytes(4000)
    entity = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
    for name, data in (
        ("nothing", b""), ("text", b"hello"), ("page", PAGE), ("SVG", drawing), ("XML", entity), ("noise", noise),
        ("PDF", b"%PDF-1.7\n" + noise), ("ZIP", b"PK\3\4" + noise), ("EPS", b"%!PS-Adobe-3.0 EPSF-3.0\n"),
        ("HEIC", b"\0\0\0\x18ftypheic" + noise), ("AVIF", b"\0\0\0\x1cftypavif" + noise), ("zeros", bytes(4000)),
        ("program", b"\x7fELF" + noise),
    ):  # fmt: skip
        yield f"no picture, {name}", data
    for magic in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x20\0\0\0WEBP", b"RIFF\xff\xff\xff\xffWEBPVP8X"):
        yield f"only {magic!r}", magic
        yield f"{magic!r} and noise", magic + noise


def bombs() -> Named:
    """Sizes that a header claims, and little that grows large."""
    large = zlib.compress(bytes(60_000_000), 9)
    for width, height in SIZES:
        yield f"PNG {width} x {height}", png(width, height)
        yield f"WebP {width} x {height}", webp(width, height)
        frame = b"\x08" + struct.pack(">HH", min(height, 65_535), min(width, 65_535)) + b"\3\1\x11\0\2\x11\1\3\x11\1"
        yield f"JPEG {width} x {height}", b"\xff\xd8" + segment(0xC0, frame) + photo()[2:]
    yield "zTXt bomb", png(64, 64, chunk(b"zTXt", b"k\0\0" + large))
    yield "iTXt bomb", png(64, 64, chunk(b"iTXt", b"k\0\1\0\0\0" + large))
    yield "iCCP bomb", png(64, 64, chunk(b"iCCP", b"k\0\0" + large))
    yield "IDAT bomb", png(64, 64, chunk(b"IDAT", large))
    yield "many small chunks", png(64, 64, *[chunk(b"tEXt", b"k\0v")] * 20_000)
    yield "many segments", b"\xff\xd8" + b"\xff\xe0\0\2" * 100_000
    yield "fill bytes", b"\xff\xd8" + b"\xff" * 500_000


def malformed() -> Named:
    """Metadata, profiles, tables and chunks that contradict themselves."""
    for number in (0, 9, 255, 65_535):
        yield f"orientation {number}", within(segment(0xE1, _exif(struct.pack(">HHIHH", 0x0112, 3, 1, number, 0))))
    wild = {
        "an offset beyond": struct.pack(">HHII", 0x010F, 2, 4_000_000_000, 4_294_967_295),
        "an orientation of text": struct.pack(">HHI4s", 0x0112, 2, 4, b"abc\0"),
        "a division by zero": struct.pack(">HHII", 0x011A, 5, 1, 0),
        "an unknown type": struct.pack(">HHII", 0x0112, 99, 1, 1),
        "itself below itself": struct.pack(">HHII", 0x8769, 4, 1, 8),
    }
    for name, entry in wild.items():
        yield f"EXIF, {name}", within(segment(0xE1, _exif(entry)))
    yield "EXIF of 500 entries and no data", within(segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\x01\xf4"))
    for at in (0, 6, 8, 12):
        yield f"EXIF cut at {at}", within(segment(0xE1, piexif.dump({"0th": {271: "x"}})[:at]))
    yield "XMP of brackets", within(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"<a>" * 15_000))
    for count in (0, 1, 255):
        yield f"profile {count} of 0", within(segment(0xE2, b"ICC_PROFILE\0" + bytes((count, 0)) + b"\xff" * 300))
    for transform in range(0, 256, 51):
        yield f"Adobe transform {transform}", within(segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes((transform,))))
    for marker in (0xC4, 0xDB, 0xDD, 0xC0, 0xC9, 0xDA, 0xDC, 0xFE):
        yield f"an odd segment {marker:x}", within(segment(marker, random.Random(marker).randbytes(40)))
    for depth, colour, interlace in ((3, 2, 0), (8, 7, 0), (8, 2, 9), (16, 3, 0), (8, 3, 0), (1, 6, 1), (0, 0, 0)):
        yield f"PNG {depth}, {colour}, {interlace}", png(64, 64, depth=depth, colour=colour, interlace=interlace)
    whole = photo(form="PNG")
    yield "a wrong checksum", whole[:30] + bytes((whole[30] ^ 0xFF,)) + whole[31:]
    yield "a header twice", png(64, 64, chunk(b"IHDR", struct.pack(">IIBBBBB", 9999, 9999, 8, 2, 0, 0, 0)))
    yield "a palette too long", png(64, 64, chunk(b"PLTE", bytes(3000)), chunk(b"tRNS", bytes(4000)), colour=3)
    yield "a chunk of 4 GB", whole[:33] + b"\xff\xff\xff\xffIDAT" + whole[41:]
    for size in (0, 1, 0xFFFF_FFFF):
        yield f"a RIFF of {size}", b"RIFF" + struct.pack("<I", size) + photo(form="WEBP")[8:]


def _exif(entry: bytes) -> bytes:
    return b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", 1) + entry + bytes(4)


def polyglots() -> Named:
    """Files that are a picture, and a page or a program too; each with the sentinel in it."""
    script, tail = f"/*{SENTINEL}*/fetch('/{SENTINEL}')".encode(), b"\n" + PAGE
    for form in FORMS:
        yield f"{form} and a page behind it", photo("warm", 7, form=form) + tail
        yield f"{form} and an archive", photo("cold", 8, form=form) + b"PK\3\4" + tail + b"PK\5\6" + bytes(18)
        yield f"{form} and a document", photo("warm", 9, form=form) + b"%PDF-1.4\n" + tail + b"%%EOF"
    yield "JPEG and a page in its comment", within(segment(0xFE, PAGE))
    yield "JPEG and a script", within(segment(0xE0, b"JFIF\0\1\1*/=1;" + script + b"/*"), segment(0xFE, script))
    yield "JPEG and a page as EXIF", within(segment(0xE1, piexif.dump({"0th": {270: PAGE, 315: SCRIPT.encode()}})))
    notes = PngInfo()
    notes.add_text("Comment", PAGE.decode())
    notes.add_itxt("XML:com.adobe.xmp", SCRIPT)
    picture = Pillow.open(io.BytesIO(photo("cold", 11)))
    yield "PNG and a page in its text", saved(picture, "PNG", pnginfo=notes)
    yield "WebP and a page as EXIF", saved(picture, "WEBP", exif=piexif.dump({"0th": {270: PAGE}}), xmp=PAGE)
    yield "GIF and a script", b"GIF89a/*" + bytes(6) + b"*/=1;" + script
    yield "a page that is named PNG", PAGE
    yield "a drawing with a script", b'<svg xmlns="http://www.w3.org/2000/svg">' + SCRIPT.encode() + b"</svg>"
    yield "a page before the picture", PAGE + photo()


def damaged(count: int) -> Named:
    """Pictures cut somewhere, and with bits turned over; `count` of them."""
    chance = random.Random(20)
    whole = {form: photo("warm", 4, side=96, form=form) for form in FORMS}
    for turn in range(count):
        form = FORMS[turn % 3]
        data = bytearray(whole[form])
        if turn % 5 < 2:
            yield f"{form} cut, {turn}", bytes(data[: chance.randrange(4, len(data))])
            continue
        for _ in range(chance.choice((1, 3, 10, 40))):
            data[chance.randrange(2, len(data) if turn % 2 else 200)] ^= 1 << chance.randrange(8)
        yield f"{form} with bits turned, {turn}", bytes(data)


def pictures(count: int = 200) -> list[tuple[str, bytes]]:
    """So many hostile pictures by name, or the few more that there are of a kind each."""
    found = [*unusual(), *other_files(), *bombs(), *malformed(), *polyglots()]
    return found + list(damaged(max(0, count - len(found))))


def talkative(form: str, seed: int, secret: str) -> bytes:
    """A photo that says where, when and by whom it was taken, wherever its format has room for it."""
    named = {piexif.ImageIFD.Make: secret, piexif.ImageIFD.Model: secret, piexif.ImageIFD.Artist: secret,
             piexif.ImageIFD.Copyright: secret, piexif.ImageIFD.ImageDescription: secret,
             piexif.ImageIFD.Orientation: seed % 8 + 1}  # fmt: skip
    taken = {piexif.ExifIFD.BodySerialNumber: secret, piexif.ExifIFD.CameraOwnerName: secret,
             piexif.ExifIFD.MakerNote: secret.encode(), piexif.ExifIFD.UserComment: b"ASCII\0\0\0" + secret.encode(),
             piexif.ExifIFD.DateTimeOriginal: "2026:01:01 00:00:00"}  # fmt: skip
    place = {piexif.GPSIFD.GPSLatitudeRef: "N", piexif.GPSIFD.GPSLatitude: ((48, 1), (51, 1), (2953, 100)),
             piexif.GPSIFD.GPSLongitudeRef: "E", piexif.GPSIFD.GPSLongitude: ((2, 1), (17, 1), (4040, 100)),
             piexif.GPSIFD.GPSAreaInformation: secret.encode()}  # fmt: skip
    small = within(segment(0xFE, secret.encode()), seed=seed)
    exif = piexif.dump({"0th": named, "Exif": taken, "GPS": place, "1st": {}, "thumbnail": small})
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>{secret}</a></x:xmpmeta>'.encode()
    picture = Pillow.open(io.BytesIO(photo("warm", seed, side=160)))
    if form == "PNG":
        notes = PngInfo()
        for key in ("Author", "Comment", "Software", "Raw profile type exif", "Raw profile type iptc"):
            notes.add_text(key, secret, zip=key == "Comment")
        notes.add_itxt("XML:com.adobe.xmp", xmp.decode())
        return saved(picture, "PNG", pnginfo=notes, exif=exif)
    if form == "WEBP":
        return saved(picture, "WEBP", exif=exif, xmp=xmp)
    iptc = (
        b"Photoshop 3.0\x008BIM\4\4\0\0" + struct.pack(">I", 5 + len(secret)) + b"\x1c\2\x50\0" + bytes((len(secret),))
    )
    given = saved(picture, "JPEG", exif=exif, icc_profile=secret.encode() * 9, comment=secret)
    more = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp) + segment(0xED, iptc + secret.encode())
    return given[:2] + more + given[2:] + secret.encode()


def bare(data: bytes) -> list[str]:
    """What a served JPEG or PNG holds beside its picture: nothing, as it should be."""
    if data.startswith(b"\x89PNG"):
        at, found = 8, []
        while at < len(data):
            size, kind = struct.unpack(">I4s", data[at : at + 8])
            found.append(kind.decode("ascii", "replace"))
            at += 12 + size
        return [kind for kind in found if kind not in ("IHDR", "PLTE", "tRNS", "IDAT", "IEND")]
    assert data.startswith(b"\xff\xd8\xff") and data.endswith(b"\xff\xd9"), data[:20]
    at, odd = 2, []
    while data[at + 1] != 0xDA:
        kind, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if kind == 0xE0 and data[at + 4 : at + 9] == b"JFIF\0" and size == 16:
            kind = 0xDB
        if kind not in (0xDB, 0xC0, 0xC2, 0xC4):
            odd.append(f"{kind:x}")
        at += 2 + size
    return odd
