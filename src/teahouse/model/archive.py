"""A release as one file, NAME.teahouse: a zip that has one writing, so that any other byte is refused.

Reading never asks a zip library what the file may mean: of the directory at its end four values are read for each entry
(name, size, checksum, place), and everything else must be what `pack` writes for them. Entries lie end to end in their
order, so none overlaps, hides, repeats or lies about its size. Nothing is decompressed, because nothing is compressed.
"""

import hashlib
import os
import stat
import struct
import tempfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from rfc8785 import CanonicalizationError

from teahouse import ids
from teahouse.errors import Conflict, ReleaseBroken
from teahouse.model import bundle, signing
from teahouse.model.shape import Manifest, from_json

SUFFIX = ".teahouse"
SIGNATURE = "signature.json"
LOCAL, CENTRAL, END = struct.Struct("<4s5H3I2H"), struct.Struct("<4s6H3I5H2I"), struct.Struct("<4s4H2IH")
# 1 January 1980, unpacked by anything that reads zip 1.0, plain files of mode 0644, made "on Unix"
DATE, NEEDS, MADE_BY, MODE = 0x21, 10, 0x0314, (stat.S_IFREG | 0o644) << 16
MOST_NAME, MOST_SIGNATURE = 700, 1000
CHUNK = 1 << 20
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class _Entry:
    name: str
    size: int
    crc: int
    at: int

    @property
    def data(self) -> int:
        return self.at + LOCAL.size + len(self.name)

    @property
    def end(self) -> int:
        return self.data + self.size


@dataclass(frozen=True)
class _Held:
    """What a bundle says of itself, after the checks that need no model: `entries` are release.json and its files."""

    release: str
    manifest: Manifest
    signature: dict[str, str] | None
    entries: tuple[_Entry, ...]


def pack(folder: Path, target: Path, key: signing.Key | None) -> str:
    """Writes the release in `folder` as one file, signed where there is a key, and returns its id (64 hex digits).

    The same release and key make the same bytes everywhere. ReleaseBroken for a folder that is no whole release."""
    folder, target = Path(folder), Path(target)
    if target.exists() and target.suffix != SUFFIX:
        raise Conflict(f"{target} is there already.", f"Only a {SUFFIX} file is written over.", "Name another one.")
    release = ids.sha256(bundle.manifest_bytes(folder))
    manifest = bundle.verify(folder, release)
    names = sorted([*manifest.files, bundle.MANIFEST])
    _check_names(names)
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, scratch = tempfile.mkstemp(prefix=".packing-", suffix=SUFFIX, dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            entries = []
            for name in names:
                with (folder / name).open("rb") as source:
                    digest = manifest.files.get(name, release)
                    entries.append(_write_entry(file, name, source, digest))
            if key is not None:
                entries.append(_write_signature(file, signing.sign(key, release)))
            file.write(_directory(entries))
            file.flush()
            os.fsync(file.fileno())
        os.chmod(scratch, 0o644)
        os.replace(scratch, target)
    finally:
        Path(scratch).unlink(missing_ok=True)
    return release


@dataclass(frozen=True)
class Opened:
    """A bundle that is open: its id, manifest and signature {key, ed25519} (None: unsigned). What was checked is what
    is installed, for the file is opened once."""

    held: _Held
    file: BinaryIO

    @property
    def release(self) -> str:
        return self.held.release

    @property
    def manifest(self) -> Manifest:
        return self.held.manifest

    @property
    def signature(self) -> dict[str, str] | None:
        return self.held.signature

    def install(self, releases: Path, told: Told | None = None) -> str:
        """As `unpack`."""
        if bundle.holds(releases, self.release):
            _read_through(self.file, self.held, None, told)
            return self.release
        return bundle.place(self.release, releases, lambda staging: _read_through(self.file, self.held, staging, told))


@contextmanager
def opened(bundle_file: Path, trusted: Collection[str] | None) -> Iterator[Opened]:
    """A bundle, opened for all that is asked of it. Where keys are `trusted`, one of them has signed it: that is seen
    before anything in it is parsed. Raises as `unpack` does."""
    with _opened(Path(bundle_file)) as file:
        yield Opened(_examined(file, trusted), file)


def look(bundle_file: Path) -> tuple[str, Manifest, dict[str, str] | None]:
    """The id, manifest and signature {key, ed25519} (None: unsigned) of a bundle, without unpacking anything.

    A signature is checked against the key that it names; whom to trust is for who asks. Raises as `unpack` does."""
    with opened(bundle_file, None) as found:
        return found.release, found.manifest, found.signature


def unpack(bundle_file: Path, releases: Path, trusted: Collection[str] | None = None, told: Told | None = None) -> str:
    """Installs a bundle as releases/<id> and returns the id; again is harmless.

    trusted: public keys of which one must have signed it; None takes unsigned ones too. `told` is called with the bytes
    done and the bytes in all. ReleaseBroken, before any byte of a model is looked at, for whatever is not exactly what
    `pack` writes of that release; nothing stays behind of it and nothing is written outside of `releases`."""
    with opened(bundle_file, trusted) as found:
        return found.install(Path(releases), told)


def _write_entry(file: BinaryIO, name: str, source: Any, digest: str) -> _Entry:
    """The local header is written twice: its checksum is known once the data went by."""
    at, size, crc, seen = file.tell(), 0, 0, hashlib.sha256()
    file.write(_local(_Entry(name, 0, 0, at)))
    while data := source.read(CHUNK):
        size, crc = size + len(data), zlib.crc32(data, crc)
        seen.update(data)
        file.write(data)
    if seen.hexdigest() != digest:
        raise ReleaseBroken("This release can not be packed.", f"{name} changed meanwhile.", "Try again.")
    entry = _Entry(name, size, crc, at)
    file.seek(at)
    file.write(_local(entry))
    file.seek(entry.end)
    return entry


def _write_signature(file: BinaryIO, signature: dict[str, str]) -> _Entry:
    written = ids.canonical(signature)
    entry = _Entry(SIGNATURE, len(written), zlib.crc32(written), file.tell())
    file.write(_local(entry) + written)
    return entry


def _local(entry: _Entry) -> bytes:
    name = entry.name.encode("ascii")
    sizes = (entry.crc, entry.size, entry.size, len(name), 0)
    return LOCAL.pack(b"PK\3\4", NEEDS, 0, 0, 0, DATE, *sizes) + name


def _central(entry: _Entry) -> bytes:
    name = entry.name.encode("ascii")
    sizes = (entry.crc, entry.size, entry.size, len(name), 0, 0, 0, 0)
    return CENTRAL.pack(b"PK\1\2", MADE_BY, NEEDS, 0, 0, 0, DATE, *sizes, MODE, entry.at) + name


def _directory(entries: list[_Entry]) -> bytes:
    """The central directory and the end of the file."""
    listed = b"".join(_central(entry) for entry in entries)
    return listed + END.pack(b"PK\5\6", 0, 0, len(entries), len(entries), len(listed), entries[-1].end, 0)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The bundle, opened once for all that is asked of it: what was checked is what is unpacked."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise ReleaseBroken("This bundle can not be read.", f"{path}: {error.strerror}.") from error
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise _broken("it is no plain file")
        yield file


def _examined(file: BinaryIO, trusted: Collection[str] | None) -> _Held:
    """Layout, then signature, then manifest: what nobody vouches for is not even parsed."""
    entries = _listed(file)
    signed = entries.pop() if entries[-1].name == SIGNATURE else None
    _check_names([entry.name for entry in entries])
    if sum(entry.size for entry in entries) > bundle.MOST_BYTES:
        raise _broken(f"it holds more than {bundle.MOST_BYTES / 1e9:.0f} GB")
    found = {entry.name: entry for entry in entries}
    written = _small(file, found.get(bundle.MANIFEST), bundle.MANIFEST, bundle.MOST_MANIFEST)
    release = ids.sha256(written)
    signature = _signature(_small(file, signed, SIGNATURE, MOST_SIGNATURE)) if signed else None
    if signature is not None:
        signing.check(signature, release, trusted)
    elif trusted is not None:
        raise ReleaseBroken(
            "This bundle is not signed.",
            "Here only bundles are taken that a trusted key has signed.",
            "`teahouse keys new`, then pack it again where the key is.",
        )
    manifest = _manifest(written)
    for name in sorted(set(found) ^ {*manifest.files, bundle.MANIFEST}):
        raise _broken(f"{name} is {'not in release.json' if name in found else 'missing'}")
    return _Held(release, manifest, signature, tuple(entries))


def _listed(file: BinaryIO) -> list[_Entry]:
    """The entries by the directory at the end. Each is compared, whole, with what `pack` would have written."""
    size = os.fstat(file.fileno()).st_size
    file.seek(max(0, size - END.size))
    tail = file.read(END.size)
    if len(tail) != END.size or not tail.startswith(b"PK\5\6"):
        raise _broken("it does not end as a bundle does: it is cut off, goes on behind its end, or is something else")
    _, _, _, count, _, length, start, _ = END.unpack(tail)
    if not 1 <= count <= bundle.MOST_FILES + 2:
        raise _broken(f"it lists {count} files; at most {bundle.MOST_FILES} go in")
    if start + length + END.size != size or length > count * (CENTRAL.size + MOST_NAME):
        raise _broken("its directory is not where it says")
    file.seek(start)
    listed = file.read(length)
    entries, at, end = [], 0, 0
    for _ in range(count):
        entry, at = _entry(listed, at)
        if entry.at != end:
            raise _broken("its files overlap, leave gaps or are out of order")
        end = entry.end
        if end > start:
            raise _broken(f"{entry.name} is longer than the bundle")
        entries.append(entry)
    if _directory(entries) != listed + tail:
        raise _broken("its directory is not as a bundle's is")
    for entry in entries:
        file.seek(entry.at)
        if file.read(LOCAL.size + len(entry.name)) != _local(entry):
            raise _broken(f"{entry.name} is called something else inside than in the directory")
    return entries


def _entry(listed: bytes, at: int) -> tuple[_Entry, int]:
    """The directory's record at `at`, and where the next one begins."""
    if at + CENTRAL.size > len(listed):
        raise _broken("its directory is cut off")
    told = CENTRAL.unpack_from(listed, at)
    flags, method, crc, size, long = told[3], told[4], told[7], told[9], told[10]
    after = at + CENTRAL.size + long
    name = listed[at + CENTRAL.size : after]
    shown = ascii(name[:60].decode("ascii", "backslashreplace"))
    if not name.isascii() or (name != SIGNATURE.encode() and not bundle.allowed(name.decode())):
        raise _broken(f"{shown} may not be in a release")
    entry = _Entry(name.decode(), size, crc, told[16])
    if listed[at:after] != _central(entry):
        if told[15] != MODE:
            raise _broken(f"{shown} is a link, a folder or a device, or has another mode than a plain file")
        if method or flags:
            raise _broken(f"{shown} is compressed or encrypted")
        raise _broken(f"{shown} is not written as in a bundle")
    return entry, after


def _check_names(names: list[str]) -> None:
    """In order, each once, and apart on file systems where A is a: files and the folders above them."""
    if names != sorted(set(names)):
        raise _broken("its files are out of order, or one is there twice")
    spelt: dict[str, str] = {}
    for name in names:
        for end in [place for place, letter in enumerate(name) if letter == "/"]:
            if spelt.setdefault(name[:end].lower(), name[: end + 1]) != name[: end + 1]:
                raise _broken(f"{name} and {spelt[name[:end].lower()]} are the same name to some computers")
        if spelt.setdefault(name.lower(), name) != name:
            raise _broken(f"{name} and {spelt[name.lower()]} are the same name to some computers")


def _small(file: BinaryIO, entry: _Entry | None, name: str, most: int) -> bytes:
    if entry is None or entry.size > most:
        raise _broken(f"{name} is {'missing' if entry is None else 'too large'}")
    file.seek(entry.data)
    written = file.read(entry.size)
    if zlib.crc32(written) != entry.crc:
        raise _broken(f"{name} is damaged")
    return written


def _signature(written: bytes) -> dict[str, str]:
    given = _canonical(written, SIGNATURE)
    if not isinstance(given, dict):
        raise _broken(f"{SIGNATURE} is no signature")
    return given


def _manifest(written: bytes) -> Manifest:
    try:
        manifest = from_json(msgspec.json.decode(written))
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise _broken(f"{bundle.MANIFEST} is not JSON ({error})") from error
    _canonical(written, bundle.MANIFEST)
    return manifest


def _canonical(written: bytes, name: str) -> Any:
    """The JSON in its one writing: no key twice, no other order, so that every reader reads the same."""
    try:
        given = msgspec.json.decode(written)
        if ids.canonical(given) == written:
            return given
    except (msgspec.MsgspecError, CanonicalizationError, RecursionError, UnicodeError) as error:
        raise _broken(f"{name} is not JSON as a bundle has it ({type(error).__name__})") from error
    raise _broken(f"{name} is not canonical JSON")


def _read_through(file: BinaryIO, held: _Held, staging: Path | None, told: Told | None) -> None:
    """Compares every file with its digest and checksum, and writes it to `staging` where there is one."""
    done, whole = 0, sum(entry.size for entry in held.entries)
    for entry in held.entries:
        crc, seen = 0, hashlib.sha256()
        with _sink(staging, entry.name) as sink:
            for data in _chunks(file, entry):
                crc = zlib.crc32(data, crc)
                seen.update(data)
                if sink:
                    sink.write(data)
                done += len(data)
                if told:
                    told(done, whole)
        expected = held.manifest.files.get(entry.name, held.release)
        if crc != entry.crc or seen.hexdigest() != expected:
            raise _broken(f"{entry.name} is damaged")


def _chunks(file: BinaryIO, entry: _Entry) -> Iterator[bytes]:
    file.seek(entry.data)
    left = entry.size
    while left:
        data = file.read(min(left, CHUNK))
        if not data:
            raise _broken("it became shorter while it was read")
        left -= len(data)
        yield data


@contextmanager
def _sink(staging: Path | None, name: str) -> Iterator[BinaryIO | None]:
    """A new file in the staging folder; `name` has passed `bundle.allowed`, so it stays in there."""
    if staging is None:
        yield None
        return
    path = staging / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as sink:
        yield sink
        sink.flush()
        os.fsync(sink.fileno())


def _broken(why: str) -> ReleaseBroken:
    return ReleaseBroken("This bundle can not be used.", f"Refused because {why}.", "Get it anew from who made it.")
