"""A house opened: its data directory, database, blobs and keys."""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from teahouse.errors import DatabaseUnsound, NotFound, Refused
from teahouse.ids import keyed, text
from teahouse.store import migrate
from teahouse.store.blobs import FolderBlobs
from teahouse.store.database import Database

# SQLite's locks and shared memory do not hold on these.
_NETWORK = (
    *("nfs", "cifs", "smb", "afs", "ncpfs", "ceph", "lustre", "beegfs", "gluster", "ocfs2", "gfs2", "gpfs", "davfs"),
    *("fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.gluster", "fuse.ceph", "fuse.gcsfuse", "fuse.davfs"),
    "drvfs",
)
_FOLDERS = ("blobs", "releases", "runs", "secrets", "run")


@dataclass(frozen=True)
class Keys:
    """The house's secrets, in files of their own."""

    folder: Path
    _passing: dict[str, tuple[str, object, bytes]] = field(default_factory=dict, repr=False, compare=False)

    def key(self, purpose: str) -> bytes:
        """32 bytes for this purpose, always the same in this house, of no use for another purpose."""
        return keyed(self._kept("house.key"), purpose.encode())

    def passing(self, purpose: str, at: int, days: int = 30) -> bytes:
        """32 random bytes that live for at most so many days (at: ms UTC): what was made with them is then nobody's."""
        period = at // (days * 86_400_000)
        name = f"{purpose}-{period:08d}.passing"
        stamp = _stamp(self.folder / name)  # another process may have ended it
        known = self._passing.get(purpose)
        if known is not None and stamp is not None and known[:2] == (name, stamp):
            return known[2]
        for old in self.folder.glob(f"{purpose}-*.passing"):
            if old.name < name:
                old.unlink(missing_ok=True)
        key = self._kept(name)
        self._passing[purpose] = (name, stamp, key)
        return key

    def forget(self, purpose: str) -> None:
        """End a passing key before its time."""
        for old in self.folder.glob(f"{purpose}-*.passing"):
            old.unlink(missing_ok=True)

    def _kept(self, name: str) -> bytes:
        path = self.folder / name
        if not path.exists():
            fresh = self.folder / f".{secrets.token_hex(8)}"
            write_private(fresh, secrets.token_bytes(32))
            try:
                os.link(fresh, path)
            except FileExistsError:
                pass  # another process was first: its key is the one
            finally:
                fresh.unlink()
            sync_folder(self.folder)
        return path.read_bytes()


def _stamp(path: Path) -> tuple[int, int] | None:
    """What differs where a file was taken away and made anew; None where there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


@dataclass(frozen=True)
class House:
    """A site's data directory, opened."""

    data: Path
    db: Database
    blobs: FolderBlobs
    keys: Keys

    @classmethod
    def open(cls, data: Path, create: bool = True) -> "House":
        """Open the house there (and make it, if allowed); brings the tables up to date.

        Raises NotFound where there is none, DatabaseUnsound where the place or this SQLite can not keep data safely,
        Refused where the folder can not be closed to others."""
        data = Path(data).absolute()
        if not create and not (data / "house.db").is_file():
            raise NotFound("There is no house here.", f"{data} holds none.", "`teahouse serve` makes one.")
        refuse_network(data)
        for folder in (data, *(data / name for name in _FOLDERS)):
            close_to_others(folder)
        migrate.upgrade(data)
        blobs = FolderBlobs(data / "blobs")
        blobs.sweep()
        return cls(data, Database(data / "house.db"), blobs, Keys(data / "secrets"))

    def key(self, purpose: str) -> bytes:
        """32 bytes for this purpose (HMAC of the house's own secret)."""
        return self.keys.key(purpose)

    @property
    def releases(self) -> Path:
        """Where releases lie, unpacked, by their id."""
        return self.data / "releases"

    def run_dir(self, run_id: bytes) -> Path:
        """The folder of one training run."""
        return self.data / "runs" / text(run_id)

    def close(self) -> None:
        """Commit what waits and let go."""
        self.db.close()

    def __enter__(self) -> "House":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def refuse_network(path: Path, mounts: str | None = None) -> None:
    """DatabaseUnsound if the path lies on a network filesystem (Linux; `mounts` as in /proc/mounts)."""
    table = Path("/proc/mounts")
    if mounts is None:
        mounts = table.read_text() if table.exists() else ""
    real = Path(os.path.realpath(path))
    kind, longest = "", -1
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ")
        # The later mount on the same point hides the earlier one.
        if real.is_relative_to(point) and len(point) >= longest:
            # WSL's bridge to the Windows disk calls itself 9p.
            kind, longest = "drvfs" if fields[2] == "9p" and "drvfs" in line else fields[2], len(point)
    if kind.startswith(_NETWORK):
        raise DatabaseUnsound(
            "The data directory lies on a network filesystem.",
            f"{path} is on {kind}, where the database's locks do not hold.",
            "Put it on a local disk: `[store] data` in teahouse.toml.",
        )


def close_to_others(folder: Path) -> None:
    """Make the folder if need be, with mode 0700 under any umask; Refused if it is somebody else's."""
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in new:  # a folder that a power cut takes, takes along all that was synced in it
        sync_folder(each.parent)
    try:
        if folder.stat().st_mode & 0o777 != 0o700:
            folder.chmod(0o700)
    except PermissionError as error:
        raise Refused(
            "Others can read the data directory.",
            f"{folder} is not ours to close ({error}).",
            f"Run `chmod 700 {folder}` as its owner, or choose another folder.",
        ) from error


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner can read (0600 under any umask), durably."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
