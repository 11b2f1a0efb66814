"""I3: bombs are refused at once, before anything large is decoded or held."""

import io
import json
import struct
import time
import zlib

import pytest
from PIL import Image as Pillow

from teahouse.errors import TeahouseError
from teahouse.spec import media
from teahouse.spec.fields import Image
from teahouse.testing import APP, photo, whole_house

PATH = f"/api/apps/{APP}/predictions"
LONGEST_S = 0.5


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with whole_house(tmp_path_factory.mktemp("bombs")) as site:
        site.ask()
        yield site


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of this size by its header, with these chunks before an almost empty picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + b"".join(chunk(*one) for one in chunks)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def animated() -> bytes:
    out = io.BytesIO()
    frames = [Pillow.new("RGB", (8, 8), (shade, 0, 0)) for shade in range(200)]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], duration=10)
    return out.getvalue()


def gif() -> bytes:
    out = io.BytesIO()
    frames = [Pillow.new("P", (8, 8), shade % 255) for shade in range(1000)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


BOMBS = {
    "50,000 by 50,000": png(50_000, 50_000),
    "just over the megapixels": png(6000, 4001),
    "huge text chunk": png(64, 64, (b"zTXt", b"k\0\0" + zlib.compress(b"\0" * 80_000_000))),
    "huge colour profile": png(64, 64, (b"iCCP", b"k\0\0" + zlib.compress(b"\0" * 80_000_000))),
    "animated WebP": animated(),
    "GIF of a thousand frames": gif(),
    "BMP": b"BM" + bytes(200),
    "ICO": b"\0\0\1\0" + bytes(200),
    "TIFF": b"II*\0" + bytes(200),
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "empty": b"",
    "JPEG of millions of segments": b"\xff\xd8" + b"\xff\xe0\0\2" * 2_400_000,
    "JPEG of fill bytes": b"\xff\xd8" + b"\xff" * 9_900_000,
    "JPEG of stray bytes": b"\xff\xd8\xff\xe0\0\2" + bytes(9_900_000),
    "JPEG of millions of segments after its frame": photo()[:2]
    + b"\xff\xc0\0\x0b\x08\0\x40\0\x40\1\1\x11\0"
    + b"\xff\xe0\0\2" * 2_400_000,
}


def refused_fast(site, content: bytes, headers: dict[str, str]):
    began = time.perf_counter()
    response = site.client.post(PATH, content=content, headers=headers)
    took = time.perf_counter() - began
    assert 400 <= response.status_code < 500, response.text
    assert set(response.json()["error"]) >= {"code", "what", "why", "do_next"}
    assert took <= LONGEST_S, f"{took:.2f} s"


@pytest.mark.parametrize("name", BOMBS)
def test_i3_a_bomb_is_refused_at_once(site, name):
    refused_fast(site, BOMBS[name], {"Content-Type": "image/png"})


def test_i3_a_hostile_header_holds_nobody_up():
    for name, given in BOMBS.items():
        began = time.perf_counter()
        with pytest.raises(TeahouseError):
            Image(16).check(given) or media.open_image(given)
        assert time.perf_counter() - began < 0.1 or not given.startswith(b"\xff\xd8"), name


def multipart(parts: list[bytes], preamble: bytes = b"") -> bytes:
    return preamble + b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + b"--x--\r\n"


FORMS = {
    "ten thousand parts": multipart([b'Content-Disposition: form-data; name="a"\r\n\r\n1'] * 10_000),
    "a part with a header of megabytes": multipart(
        [b'Content-Disposition: form-data; name="' + b"a" * 5_000_000 + b'"\r\n\r\n1']
    ),
    "a preamble of megabytes": multipart(
        [b'Content-Disposition: form-data; name="input"\r\n\r\n1'], preamble=b"z" * 9_000_000 + b"\r\n"
    ),
    "no end": b'--x\r\nContent-Disposition: form-data; name="input"\r\n\r\n',
    "no boundary at all": b"hello",
}


@pytest.mark.parametrize("name", FORMS)
def test_i3_a_hostile_form_is_refused_at_once(site, name):
    refused_fast(site, FORMS[name], {"Content-Type": "multipart/form-data; boundary=x"})


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000 + b"]" * 100_000, b'{"input":' * 50_000 + b"1" + b"}" * 50_000, b"\xff\xfe", b"{", b'"\\ud800"'],
)
def test_i3_hostile_json_is_refused_at_once(site, body):
    refused_fast(site, body, {"Content-Type": "application/json"})


@pytest.mark.parametrize("length", ["-1", "1e9", "99999999999999999999", "0x10", ""])
def test_i3_a_lying_length_is_refused(site, length):
    response = site.client.post(
        PATH, content=iter([photo()]), headers={"Content-Type": "image/jpeg", "Content-Length": length}
    )
    assert 400 <= response.status_code < 500


def test_i3_a_compressed_body_is_refused(site):
    refused_fast(site, zlib.compress(b"\0" * 50_000_000), {"Content-Type": "image/jpeg", "Content-Encoding": "gzip"})


def test_i3_an_honest_photo_still_passes(site):
    assert site.ask().status_code == 201
    assert json.loads(site.ask(seed=3).text)["output"]["label"] == "warm"
