"""Bytes under their own SHA-256, in a folder: durable when put returns, verified when got."""

import os
import secrets
import time
from pathlib import Path
from typing import Protocol

from teahouse import failpoints, telemetry
from teahouse.errors import BlobDamaged, DiskFull, NotFound
from teahouse.ids import is_digest, sha256

log = telemetry.log("store")
_STALE = 600  # seconds after which a temporary file belongs to nobody


class Blobs(Protocol):
    """Where bytes are kept."""

    def put(self, data: bytes) -> str:
        """Keep the bytes; their SHA-256, durable on return, idempotent."""

    def get(self, digest: str) -> bytes:
        """The verified bytes, or BlobDamaged."""

    def delete(self, digest: str) -> None:
        """Gone; absent is fine."""


class FolderBlobs:
    """Blobs in a folder of this machine: `ab/<64 hex>`.

    Whoever deletes asks under the database's write lock whether a row names the blob; whoever writes a row that names
    one makes sure, under the same lock, that it is there."""

    def __init__(self, root: Path):
        """Use this folder, and make it if need be."""
        self.root = root
        root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Where this blob lies; NotFound for anything that is no digest, so that a digest is never a path."""
        if not is_digest(digest):
            raise NotFound("There is no such blob.", "A blob's name is 64 hexadecimal digits.")
        return self.root / digest[:2] / digest

    def exists(self, digest: str) -> bool:
        """Whether something lies there (not verified)."""
        return self.path(digest).is_file()

    def size(self, digest: str) -> int:
        """How many bytes lie there; 0 where nothing does."""
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError:
            return 0

    def put(self, data: bytes) -> str:
        """Keep the bytes; their SHA-256, durable on return, idempotent. DiskFull where the disk does not take them."""
        digest = sha256(data)
        target = self.path(digest)
        folder = target.parent
        temporary = folder / f".{secrets.token_hex(8)}"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            if self._holds(target, data):
                os.utime(target)  # wanted again: a sweep for what no row names takes it for new
            else:
                try:
                    _write(temporary, data)
                    _link(temporary, target)
                finally:
                    temporary.unlink(missing_ok=True)
            # Also for one that was there: whoever linked it may not have come to this line.
            _sync_folder(folder)
            _sync_folder(self.root)
        except OSError as error:
            log.error("blob-not-kept", error=str(error))
            why = f"The disk did not take it ({error.strerror})."
            raise DiskFull("This could not be kept.", why, "Make room.") from error
        failpoints.here("blob-renamed")
        return digest

    def get(self, digest: str) -> bytes:
        """The verified bytes, or BlobDamaged (also where nothing lies there)."""
        try:
            data = _read(self.path(digest))
        except OSError as error:
            if not isinstance(error, FileNotFoundError):  # what is raised tells all of that
                log.error("blob-unreadable", error=str(error))
            why = f"{digest[:12]}: {error.strerror}."
            raise BlobDamaged("A kept file can not be read.", why, "Restore it from a backup.") from error
        if sha256(data) != digest:
            raise BlobDamaged("A kept file has changed on the disk.", digest, "Restore it from a backup.")
        return data

    def delete(self, digest: str) -> None:
        """Gone; absent is fine."""
        target = self.path(digest)
        try:
            target.unlink()
        except FileNotFoundError:
            return
        _sync_folder(target.parent)

    def older(self, seconds: float) -> list[str]:
        """The blobs that were put so long ago or longer, sorted."""
        until = time.time() - seconds
        return sorted(file.name for file in self.root.glob("??/*") if is_digest(file.name) and _put_at(file) < until)

    def digests(self) -> list[str]:
        """All blobs that lie here, sorted."""
        return sorted(file.name for file in self.root.glob("??/*") if is_digest(file.name))

    def sweep(self) -> int:
        """Remove what a killed process left half written; how many."""
        old = [file for file in self.root.glob("??/.*") if file.stat().st_mtime < time.time() - _STALE]
        for file in old:
            file.unlink(missing_ok=True)
        return len(old)

    def _holds(self, target: Path, data: bytes) -> bool:
        try:
            return _read(target) == data
        except OSError:
            return False


def _put_at(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _link(temporary: Path, target: Path) -> None:
    try:
        os.link(temporary, target)
    except FileExistsError:
        # Someone else put the same bytes, or what lies there is damaged: either way these are the right ones.
        os.replace(temporary, target)


def _read(path: Path) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        return file.read()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
