"""Archives that mean harm to whoever unpacks them, made here by rules. None is a bundle, and some nearly are."""

import gzip
import io
import json
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from teahouse import ids
from teahouse.model import bundle
from tests.standard.zips import PLAIN, Part, parts_of, written

Named = Iterator[tuple[str, bytes]]
PATHS = [
    b"../x.json", b"../../../../etc/x.json", b"examples/../../x.json", b"examples/../x.json", b"code/..", b"./card.md",
    b"examples//0.png", b"examples/./0.png", b"/card.md", b"//host/share/x.json", b"/etc/cron.d/x.json", b"C:/x.json",
    b"C:\\x.json", b"C:card.md", b"\\\\host\\share\\x.json", b"..\\x.json", b"examples\\..\\..\\x.json", b"~/x.json",
    b"examples/\0.png", b"card.md\0.png", b"examples/a\nb.png", b"examples/ .png", b"examples/x.png/", b"examples/",
    b"%2e%2e/x.json", b"....//x.json", b".ssh/x.json", b"examples/.x.png", b"", b"/", b"x.sh", b"code/x.so",
    b"other/x.json", b"examples/" + b"a" * 101 + b".png", b"code/" + b"a/" * 9 + b"x.py", b"a" * 65_000,
    "examples/\uff0e\uff0e/x.json".encode(), "examples/caf\u00e9.png".encode(), "examples/cafe\u0301.png".encode(),
    b"examples/caf\x82.png", b"\xc0\xae\xc0\xae/x.json", "examples/\u202egnp.exe".encode(),
]  # fmt: skip
MODES = {
    "a link": stat.S_IFLNK | 0o777, "a folder": stat.S_IFDIR | 0o755, "a device of letters": stat.S_IFCHR | 0o666,
    "a device of blocks": stat.S_IFBLK | 0o666, "a pipe": stat.S_IFIFO | 0o666, "a socket": stat.S_IFSOCK | 0o666,
    "a program of root's": stat.S_IFREG | 0o4755, "for everybody": stat.S_IFREG | 0o666, "of no kind": 0,
}  # fmt: skip


def whole(folder: Path, *more: Part, without: str = "") -> list[Part]:
    """An honest bundle's parts and these, in order, with a release.json that names them all and their digests."""
    own = [part for part in parts_of(folder) if part.name not in (b"release.json", without.encode())]
    parts = [*own, *more]
    told = json.loads((folder / bundle.MANIFEST).read_bytes())
    told["files"] = {part.name.decode("utf-8", "replace"): ids.sha256(part.data) for part in parts}
    parts.append(Part(b"release.json", ids.canonical(told)))
    return sorted(parts, key=lambda part: part.name)


def paths(folder: Path) -> Named:
    """Names that lead elsewhere, or are something else than they look."""
    for name in PATHS:
        yield f"path {name[:40]!r}", written(whole(folder, Part(name, b"x")))
        flagged = Part(name, b"x", flags=0x800)
        yield f"path in UTF-8 {name[:40]!r}", written(whole(folder, flagged))
    inside = whole(folder)
    inside[0].local_name = b"../../" + inside[0].name[6:]
    yield "another name inside", written(inside)
    unicode_path = struct.pack("<HHBI", 0x7075, 5 + 9, 1, 0) + b"../x.json"
    yield "another name in the extra field", written(whole(folder, Part(b"card.md", b"x", extra=unicode_path)))


def kinds(folder: Path) -> Named:
    """What is no plain file."""
    for what, mode in MODES.items():
        target = Part(b"card.md", b"/etc/passwd", mode=mode)
        yield f"{what}", written(whole(folder, target))
    linked = [Part(b"code", b"/tmp", mode=MODES["a link"]), Part(b"code/x.json", b"{}")]
    yield "a file below a link", written(whole(folder, *linked))
    hard = struct.pack("<HH", 0x756E, 14) + bytes(14)
    yield "a hard link by its extra field", written(whole(folder, Part(b"card.md", b"x", extra=hard)))


def twins(folder: Path) -> Named:
    """Two files where some or all computers have room for one."""
    for one, two in (
        (b"card.md", b"card.md"), (b"release.json", b"release.json"), (b"examples/A.png", b"examples/a.png"),
        (b"code/Net/x.py", b"code/net/y.py"), (b"examples/x.png", b"examples/x.png/y.png"),
        (b"code/x.py", b"code/X.PY"), (b"code/x.json", b"code/X.json/y.json"),
        ("code/\u212a.py".encode(), b"code/k.py"), ("code/\u00e9.py".encode(), "code/e\u0301.py".encode()),
    ):  # fmt: skip
        yield f"twins {one!r} {two!r}", written(whole(folder, Part(one, b"x"), Part(two, b"y")))
    parts = parts_of(folder)
    yield "a hidden twin before", written([Part(b"model.onnx", b"evil", listed=False), *parts])
    yield "a hidden twin between", written([*parts[:2], Part(b"model.onnx", b"evil", listed=False), *parts[2:]])
    two = written(parts)
    yield "two bundles in one", two + written(whole(folder, Part(b"card.md", b"x")))


def bombs(folder: Path) -> Named:
    """Little that says it is much, and much that hides in little."""
    deflated = zlib.compress(bytes(50_000_000), 9)[2:-4]
    large = Part(b"card.md", deflated, method=8, whole=50_000_000, crc=zlib.crc32(bytes(50_000_000)))
    yield "deflated zeros", written(whole(folder, large))
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as one:
        for number in range(16):
            one.writestr(f"lib {number}.zip", gzip.compress(bytes(1_000_000)))
    yield "42.zip", inner.getvalue()
    for method in (1, 9, 12, 14, 93, 95, 98, 99):
        yield f"packed by method {method}", written(whole(folder, Part(b"card.md", deflated[:99], method=method)))
    core = Part(b"examples/00.png", bytes(200_000))
    sharing = [Part(f"examples/{number:02}.png".encode(), b"", size=200_000, at=0) for number in range(1, 90)]
    for part in sharing:
        part.crc, part.listed = core.sum(), True
    yield "a hundred files that share their bytes", written([core, *sharing, *whole(folder)])
    parts = parts_of(folder)
    parts[1].at = 0
    yield "two files at one place", written(parts)
    parts = parts_of(folder)
    parts[0].size = len(parts[0].data) + 40
    yield "a file that reaches into the next", written(parts)
    many = b"".join(Part(b"code/%05d.py" % number).central() for number in range(100_000))
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 100_000 & 0xFFFF, 100_000 & 0xFFFF, len(many), 0, 0)
    yield "100,000 entries", many + end
    yield "65,535 entries", many + end[:8] + b"\xff\xff\xff\xff" + end[12:]
    yield "2,100 whole files", written(whole(folder, *[Part(b"code/%05d.py" % number) for number in range(2100)]))
    deep = b'{"app":' + b"[" * 900_000
    for name, text in (("deep", deep), ("wide", b"[" + b"[]," * 330_000 + b"[]]"), ("long", b'"' + b"x" * 5_000_000)):
        parts = [Part(part.name, text if part.name == b"release.json" else part.data) for part in parts_of(folder)]
        yield f"a {name} manifest", written(parts)
    told = (folder / bundle.MANIFEST).read_bytes()
    wide = told.replace(b'"metrics":{}', b'"metrics":{"":[' + b"[]," * 300_000 + b"[]]}")
    parts = [Part(part.name, wide if part.data == told else part.data) for part in parts_of(folder)]
    yield "a manifest of wide metrics", written(parts[1:])
    header = b'{"a":' + b"[" * 3_000_000
    for name, text in (
        ("deep", header),
        ("wide", b'{"a":[' + b"[]," * 2_500_000 + b"[]]}"),
        ("huge", b" " * 9_000_000),
    ):
        weights = struct.pack("<Q", len(text)) + text
        yield f"weights with a {name} header", written(whole(folder, Part(b"weights.safetensors", weights)))


def lies(folder: Path) -> Named:
    """Sizes, counts and places that are not so."""
    changes: dict[str, Callable[[Part], object]] = {
        "larger than it is": lambda part: setattr(part, "size", len(part.data) + 1),
        "smaller than it is": lambda part: setattr(part, "size", len(part.data) - 1),
        "of 4 GB": lambda part: setattr(part, "size", 0xFFFFFFFE),
        "of a size told elsewhere": lambda part: setattr(part, "size", 0xFFFFFFFF),
        "of two sizes": lambda part: setattr(part, "whole", len(part.data) + 1),
        "another size inside": lambda part: setattr(part, "local_size", 3),
        "another checksum": lambda part: setattr(part, "crc", 1),
        "behind the end": lambda part: setattr(part, "at", 0x7FFFFFFF),
        "encrypted": lambda part: setattr(part, "flags", 1),
        "with its size behind it": lambda part: setattr(part, "flags", 8),
        "with something before it": lambda part: setattr(part, "before", b"#!/bin/sh\n"),
        "of 64 bits": lambda part: setattr(part, "extra", struct.pack("<HHQ", 1, 8, 1 << 40)),
    }
    for name, change in changes.items():
        for place in (0, -1):
            parts = parts_of(folder)
            change(parts[place])
            yield f"{parts[place].name.decode()} {name}".replace("/", " "), written(parts)
    honest = parts_of(folder)
    for count in (0, 1, len(honest) - 1, len(honest) + 1, 60_000):
        yield f"a count of {count}", written(honest, count=count)
    yield "with a comment", written(honest, comment=b"hello")
    yield "with a second end in its comment", written(honest, comment=written([])[-22:])
    yield "with something behind it", written(honest, behind=b"\0")
    yield "a program before it", b"#!/bin/sh\nexit\n" + written(honest)


def others() -> Named:
    """No zip at all."""
    for mode in ("w", "w:gz"):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode=mode) as tar:
            link = tarfile.TarInfo("examples")
            link.type, link.linkname = tarfile.SYMTYPE, "/tmp"
            tar.addfile(link)
        yield f"tar {mode[1:]}".replace(":", ""), out.getvalue()
    yield "nothing", b""
    yield "an end alone", written([])
    yield "text", b"PK" * 9999
    yield "gzip", gzip.compress(b"")


def archives(folder: Path) -> dict[str, bytes]:
    """All of them by name; `folder` is an honest release, of which most are made."""
    assert PLAIN == stat.S_IFREG | 0o644
    return dict([*paths(folder), *kinds(folder), *twins(folder), *bombs(folder), *lies(folder), *others()])
