"""Backup and restore: the whole house in a folder, every file under its digest, taken while the site goes on."""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from teahouse.child import is_held
from teahouse.errors import BlobDamaged, Conflict, DatabaseUnsound, DiskFull, NotFound, TeahouseError
from teahouse.ids import is_digest, now_ms
from teahouse.store import erasures, ledger, migrate, sqlite
from teahouse.store.blobs import FolderBlobs
from teahouse.store.database import Database
from teahouse.store.house import House, close_to_others, sync_folder

MANIFEST = "manifest.json"
LEFT_OUT = ("secrets/stripe.json",)  # it moves real money, and a new one is made in a minute: it stays in its house
Progress = Callable[[int, int], object]


def backup(house: House, target: Path, progress: Progress = lambda _done, _total: None) -> dict[str, Any]:
    """Copy database, blobs, releases and secrets to a folder (0700); what lies there already is not copied again. What
    opens the till's account (LEFT_OUT) is not copied.

    progress: called with (files done, files in all). Returns {"blobs", "releases", "bytes", "damaged"}; a blob
    that no longer matches its digest is left out and counted. Keys that are to die are left out."""
    target = Path(target).absolute()
    if target.exists() and any(target.iterdir()) and not (target / MANIFEST).is_file():
        raise Conflict("This folder is not a backup.", f"{target} holds other files.", "Name a new folder.")
    close_to_others(target)
    files, damaged = {}, 0
    try:
        # The database first: every blob that it names was durable before its row.
        _copy_database(house.db.path, target / "house.db.new")
        wanted = [*_files(house.data, "releases"), *_files(house.data, "secrets"), *_files(house.data, "blobs")]
        wanted = [file for file in wanted if not file.name.startswith(".") and file.suffix != ".passing"]
        for done, file in enumerate(wanted):
            progress(done, len(wanted) + 1)
            name = file.relative_to(house.data).as_posix()
            if name in LEFT_OUT:
                continue
            promised = file.name if name.startswith("blobs/") and is_digest(file.name) else None
            digest = _copy(file, target / name, promised)
            if digest:
                files[name] = digest
            elif digest is None:
                damaged += 1
        os.replace(target / "house.db.new", target / "house.db")
        files["house.db"] = _digest(target / "house.db")
        _finish(target, files)
    except OSError as error:
        raise DiskFull("The backup could not be written.", str(error), "Make room, then run it again.") from error
    progress(len(wanted) + 1, len(wanted) + 1)
    size = sum((target / name).stat().st_size for name in files)
    counts = {kind: sum(name.startswith(f"{kind}/") for name in files) for kind in ("blobs", "releases")}
    return {**counts, "bytes": size, "damaged": damaged}


def restore(source: Path, data: Path, progress: Progress = lambda _done, _total: None) -> dict[str, Any]:
    """Bring a house back to `data`: every digest checked, the database examined, erasures replayed, then put in place.

    A house that lies there is moved beside, and what it knows to be erased is erased in the restored one too. Returns
    {"blobs", "releases", "erased", "moved", "faults" (of the ledger, in words)}; raises BlobDamaged, DatabaseUnsound or
    Conflict with nothing changed."""
    source, data = Path(source).absolute(), Path(data).absolute()
    files = _manifest(source)
    _refuse_open(data)
    log = _erasures_of(data)
    staging = data.parent / f".{data.name}-{secrets.token_hex(4)}"
    close_to_others(staging)
    try:
        for done, (name, digest) in enumerate(sorted(files.items())):
            progress(done, len(files))
            if _copy(source / name, staging / name, digest) != digest:
                raise BlobDamaged("The backup is damaged.", f"{name} does not match its digest.", "Use another backup.")
        migrate.upgrade(staging)
        faults = examine(staging)
        erased = _replay(staging, log)
        for name in LEFT_OUT:  # the house that lies there goes on taking money
            if (data / name).is_file():
                _copy(data / name, staging / name, None)
        moved = _put_in_place(staging, data)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    progress(len(files), len(files))
    counts = {kind: sum(name.startswith(f"{kind}/") for name in files) for kind in ("blobs", "releases")}
    return {**counts, "erased": erased, "moved": str(moved) if moved else "", "faults": faults}


def examine(data: Path) -> list[str]:
    """DatabaseUnsound unless SQLite finds the house's database whole and every reference met. What is wrong with the
    ledger, in words: that is told and keeps nobody from their house."""
    db = Database(data / "house.db")
    try:
        with db.read() as c:
            words = c.exec_driver_sql("PRAGMA integrity_check").scalar()
            dangling = c.exec_driver_sql("PRAGMA foreign_key_check").all()
            whole = words == "ok" and not dangling
            faults = [f"pass {pass_id.hex()[:12]}: {wrong}" for pass_id, wrong in ledger.faults(c)] if whole else []
    finally:
        db.close()
    if not whole:
        why = words if words != "ok" else f"{len(dangling)} rows point to nothing."
        raise DatabaseUnsound("The database is damaged.", str(why), "Use another backup.")
    return faults


def _copy_database(path: Path, target: Path) -> None:
    for old in (target, target.with_name(f"{target.name}-wal"), target.with_name(f"{target.name}-shm")):
        old.unlink(missing_ok=True)
    target.touch(mode=0o600)
    module = sqlite.sound_module()
    source, copy = module.connect(path), module.connect(target)
    try:
        # In one step: one snapshot, and nobody waits.
        source.backup(copy, pages=-1)
        # A single file: without a log beside it.
        copy.execute("PRAGMA journal_mode=DELETE")
    finally:
        copy.close()
        source.close()
    _sync(target)


def _files(data: Path, folder: str) -> Iterator[Path]:
    return (file for file in sorted((data / folder).rglob("*")) if file.is_file() and not file.is_symlink())


def _copy(file: Path, target: Path, digest: str | None) -> str | None:
    """Copy a file (0600, durable); its SHA-256. None if it is not `digest`, "" if it has gone meanwhile."""
    if digest and target.is_file() and _digest(target) == digest:
        return digest
    for folder in reversed([target.parent, *target.parent.parents]):
        if not folder.exists():
            close_to_others(folder)
    part = target.with_name(f".{secrets.token_hex(8)}")
    try:
        with file.open("rb") as source, open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
            os.fchmod(copy.fileno(), 0o600)
            shutil.copyfileobj(source, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
        found = _digest(part)
        if digest and found != digest:
            return None
        os.replace(part, target)
        return found
    except FileNotFoundError:
        return ""
    finally:
        part.unlink(missing_ok=True)


def _finish(target: Path, files: dict[str, str]) -> None:
    """Name what belongs to the backup, then remove what does not: what was erased leaves old backups too."""
    manifest = {"format": 1, "made": now_ms(), "files": files}
    fresh = target / f"{MANIFEST}.new"
    fresh.write_text(json.dumps(manifest, indent=1, sort_keys=True))
    fresh.chmod(0o600)
    _sync(fresh)
    os.replace(fresh, target / MANIFEST)
    for file in [*_files(target, "blobs"), *_files(target, "releases"), *_files(target, "secrets")]:
        if file.relative_to(target).as_posix() not in files:
            file.unlink()
    for folder in {target, *((target / name).parent for name in files)}:
        sync_folder(folder)


def _manifest(source: Path) -> dict[str, str]:
    """The files of a backup with their digests; refuses names that leave the folder."""
    try:
        manifest = json.loads((source / MANIFEST).read_text())
    except FileNotFoundError:
        raise NotFound("This is not a backup.", f"{source} has no {MANIFEST}.", "Name the backup's folder.") from None
    except ValueError as error:
        raise BlobDamaged("The backup is damaged.", f"{MANIFEST}: {error}", "Use another backup.") from error
    files = manifest.get("files", {})
    for name, digest in files.items():
        inside = (source / name).resolve().is_relative_to(source.resolve())
        first = Path(name).parts[0]
        if not inside or not is_digest(digest) or first not in ("house.db", "blobs", "releases", "secrets"):
            raise BlobDamaged("The backup is damaged.", f"{name!r} is no file of a house.", "Use another backup.")
    return files


def _erasures_of(data: Path) -> list[tuple[str, str, str, int]]:
    """What the house that lies there (if one does, and can be read) knows to be erased."""
    if not (data / "house.db").is_file():
        return []
    try:
        migrate.upgrade(data)
        db = Database(data / "house.db")
    except TeahouseError:
        return []  # a damaged house is what one restores for
    try:
        with db.read() as c:
            return [(row.kind, row.ref, row.reason, row.at) for row in erasures.since(c, limit=1 << 40)]
    except TeahouseError:
        return []
    finally:
        db.close()


def _refuse_open(data: Path) -> None:
    """Conflict while the house that lies there is open: its processes would go on writing to what is moved away."""
    if is_held(data / "run" / "keeper.lock"):
        raise Conflict("The house is open.", f"A site serves {data}.", "Stop it first: `teahouse stop`.")
    if is_held(data / "run" / "loop.lock"):
        raise Conflict("The house is open.", "A training is under way in it.", "Wait until it has ended.")


def _replay(data: Path, log: list[tuple[str, str, str, int]]) -> int:
    """Forget what the log knows and the restored house does not; how many entries that were."""
    db, blobs = Database(data / "house.db"), FolderBlobs(data / "blobs")
    try:
        with db.read() as c:
            log = [entry for entry in log if not erasures.holds(c, entry[0], entry[1])]
        for digest in db.write(lambda c: erasures.replay(c, log)):
            blobs.delete(digest)
        db.checkpoint()
    finally:
        db.close()
    return len(log)


def _put_in_place(staging: Path, data: Path) -> Path | None:
    moved = None
    if data.exists() and any(data.iterdir()):
        moved = data.with_name(f"{data.name}.before-{now_ms()}")
        os.replace(data, moved)
    elif data.exists():
        data.rmdir()
    os.replace(staging, data)
    sync_folder(data.parent)
    return moved


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
