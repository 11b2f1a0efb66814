"""Zip files by hand, so that they can say of themselves whatever they like."""

import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from teahouse import ids
from teahouse.model import archive, bundle, signing

PLAIN = 0o100644


@dataclass
class Part:
    """A file in a zip. None: as it truly is."""

    name: bytes
    data: bytes = b""
    mode: int = PLAIN
    method: int = 0
    flags: int = 0
    extra: bytes = b""
    local_name: bytes | None = None
    local_size: int | None = None
    size: int | None = None
    whole: int | None = None
    crc: int | None = None
    at: int | None = None
    listed: bool = True
    before: bytes = b""
    kept: int = field(default=0, init=False)

    def local(self) -> bytes:
        name = self.name if self.local_name is None else self.local_name
        size = len(self.data) if self.local_size is None else self.local_size
        head = struct.pack("<4s5H3I2H", b"PK\3\4", 10, self.flags, self.method, 0, 0x21, self.sum(), size, size,
                           len(name), len(self.extra))  # fmt: skip
        return head + name + self.extra + self.data

    def central(self) -> bytes:
        size = len(self.data) if self.size is None else self.size
        at = self.kept if self.at is None else self.at
        whole = size if self.whole is None else self.whole
        head = struct.pack("<4s6H3I5H2I", b"PK\1\2", 0x0314, 10, self.flags, self.method, 0, 0x21, self.sum(), size,
                           whole, len(self.name), len(self.extra), 0, 0, 0, self.mode << 16, at)  # fmt: skip
        return head + self.name + self.extra

    def sum(self) -> int:
        return zlib.crc32(self.data) if self.crc is None else self.crc


def written(parts: list[Part], count: int | None = None, comment: bytes = b"", behind: bytes = b"") -> bytes:
    """The zip of these parts, in their order; `count` is what its end says."""
    out = bytearray()
    for part in parts:
        out += part.before
        part.kept = len(out)
        out += part.local()
    start = len(out)
    listed = [part.central() for part in parts if part.listed]
    out += b"".join(listed)
    said = len(listed) if count is None else count
    sizes = (said & 0xFFFF, said & 0xFFFF, len(out) - start, start, len(comment))
    return bytes(out) + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, *sizes) + comment + behind


def parts_of(folder: Path, key: signing.Key | None = None) -> list[Part]:
    """The parts of an honest bundle of this release."""
    names = sorted([*bundle.read(folder).files, bundle.MANIFEST])
    found = [Part(name.encode(), (folder / name).read_bytes()) for name in names]
    if key:
        signature = signing.sign(key, ids.sha256((folder / bundle.MANIFEST).read_bytes()))
        found.append(Part(archive.SIGNATURE.encode(), ids.canonical(signature)))
    return found


def tree(folder: Path) -> dict[str, bytes]:
    """Everything below a folder, by path: what a file holds, nothing for the rest."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}
