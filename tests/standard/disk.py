"""A disk that tells what was done to it, and what a power cut would have left of that (disk.c is its other half)."""

import os
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

HEAD = struct.Struct("=QQIII4s")
SOURCE = Path(__file__).with_name("disk.c")


@cache
def compiled(folder: Path) -> Path:
    """disk.c as a library in this folder; skips the test where none can be made."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("the disk that fails is a C library for Linux: there is no compiler here")
    library = folder / "disk.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True, timeout=60)
    return library


def environment(library: Path, root: Path, journal: Path | None = None, fault: Path | None = None) -> dict[str, str]:
    """What a process is to see so that all below `root` is such a disk, for it and for all that it starts."""
    told = {"LD_PRELOAD": library, "DISK_ROOT": root, "DISK_JOURNAL": journal, "DISK_FAULT": fault}
    return {name: str(value) for name, value in told.items() if value is not None}


def arm(fault: Path, call: str, name: str, passes: int, process: int) -> None:
    """The disk answers EIO to this process, once: to the `call` (write, fsync, truncate) on a file of this name that
    comes after so many that pass. Then the file `fault` is gone."""
    fresh = fault.with_suffix(".new")
    fresh.write_text(f"{call} {name} {passes} {process}")
    fresh.replace(fault)


class Record(NamedTuple):
    """A change (c create, w write, t truncate, l link, r rename, u unlink or rmdir, m mkdir), an fsync (s of a file, d
    of a folder, e one that failed) or a mark (!) of the program's own; paths are relative to the root."""

    kind: str
    inode: int
    offset: int
    path: str
    other: str
    data: bytes


def read(journal: Path, root: Path) -> Iterator[Record]:
    """The records of a journal, in the order in which they happened."""
    told, at = journal.read_bytes(), 0

    def piece(size: int) -> bytes:
        nonlocal at
        at += size
        return told[at - size : at]

    while at < len(told):
        inode, offset, size, path_size, other_size, kind = HEAD.unpack(piece(HEAD.size))
        path, other = (os.path.relpath(os.fsdecode(piece(n)), root) if n else "" for n in (path_size, other_size))
        yield Record(kind[:1].decode(), inode, offset, path, other, piece(size))


@dataclass
class File:
    """A file's bytes: `live` as a process reads them, `synced` as the disk surely has them, `pending` what lies
    between, (offset, bytes) of a write and (size, None) of a truncation."""

    live: bytearray = field(default_factory=bytearray)
    synced: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def change(self, offset: int, data: bytes | None) -> None:
        """What a process does."""
        self.pending.append((offset, data))
        _apply(self.live, offset, data)

    def sync(self) -> None:
        """What fsync does."""
        for offset, data in self.pending:
            _apply(self.synced, offset, data)
        self.pending.clear()

    def forget(self) -> None:
        """What a failed fsync may do: the kernel takes what was to be written for written, though the disk has it not.
        Processes go on reading it, and no later fsync tells of it."""
        self.pending.clear()

    def torn(self, dice: random.Random, sector: int, odds: float) -> bytes:
        """What a power cut may leave: of each sector that was written since, any version that it had, old or new; of
        the size the same. What never came to the disk below that size is whatever lay there."""
        size, sizes = len(self.synced), [len(self.synced)]
        for offset, data in self.pending:
            size = offset if data is None else max(size, offset + len(data))
            sizes.append(size)
        left = bytearray(self.synced)
        if len(left) < max(sizes):
            left += dice.randbytes(max(sizes) - len(left)) if dice.random() < 0.5 else bytes(max(sizes) - len(left))
        stays: set[int] = set()  # the sectors that hear of no later write
        for offset, data in self.pending:
            if data is None:
                continue  # what is cut off is only forgotten: another size may bring it back
            for first in range(offset - offset % sector, offset + len(data), sector):
                if first in stays or dice.random() < odds:
                    stays.add(first)
                    continue
                begin, end = max(first, offset), min(first + sector, offset + len(data))
                left[begin:end] = data[begin - offset : end - offset]
        return bytes(left[: dice.choice(sizes)])


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
    content.extend(bytes(max(0, offset - len(content))))
    if data is not None:
        content[offset : offset + len(data)] = data


@dataclass(eq=False)
class Folder:
    """The names in a folder, as a process sees them and as the disk surely has them."""

    live: dict[str, "File | Folder"] = field(default_factory=dict)
    synced: dict[str, "File | Folder"] = field(default_factory=dict)


Step = list[tuple[Folder, str, "File | Folder | None"]]
"""What one call does to names: all of it is done, or nothing."""


class Disk:
    """What a journal's records leave on a disk, and what a power cut would leave of it."""

    def __init__(self) -> None:
        self.root = Folder()
        self._files: dict[int, File] = {}
        self._steps: list[Step] = []  # of names, in order, whose folder was not synced since

    def apply(self, one: Record) -> None:
        """One more record."""
        if one.kind == "c":
            self._files[one.inode] = File()
            self._step((one.path, self._files[one.inode]))
        elif one.kind in "wt":
            self._files[one.inode].change(one.offset, one.data if one.kind == "w" else None)
        elif one.kind == "s":
            self._files[one.inode].sync()
        elif one.kind == "e":
            self._files[one.inode].forget()
        elif one.kind == "d":
            self._sync(self._at(one.path))
        elif one.kind == "m":
            self._step((one.path, Folder()))
        elif one.kind == "l":
            self._step((one.other, self._at(one.path)))
        elif one.kind == "r":
            self._step((one.other, self._at(one.path)), (one.path, None))
        elif one.kind == "u":
            self._step((one.path, None))

    def _at(self, path: str) -> "File | Folder":
        found: File | Folder = self.root
        for name in Path(path).parts:
            found = found.live[name]
        return found

    def _step(self, *changes: tuple[str, "File | Folder | None"]) -> None:
        step = [(self._at(os.path.dirname(path)), os.path.basename(path), now) for path, now in changes]
        for folder, name, now in step:
            _name(folder.live, name, now)
        self._steps.append(step)

    def _sync(self, folder: Folder) -> None:
        for step in self._steps:
            if any(one is folder for one, _, _ in step):
                for one, name, now in step:
                    _name(one.synced, name, now)
        self._steps = [step for step in self._steps if not any(one is folder for one, _, _ in step)]

    def all(self) -> dict[str, bytes]:
        """Every file as processes see it."""
        return {path: bytes(file.live) for path, file in _walk(self.root, lambda folder: folder.live)}

    def cut(self, dice: random.Random) -> dict[str, bytes]:
        """What a power cut now may leave, by path: what was synced; of all else nothing, or everything, or of each name
        an older or newer state and of each file an older or newer state of each of its sectors."""
        how = dice.choice(("nothing", "everything", "torn", "torn"))
        sector, odds = dice.choice((512, 4096)), dice.choice((0.02, 0.3, 0.8))
        if how == "everything":
            return self.all()
        names = {id(folder): (folder, dict(folder.synced)) for step in self._steps for folder, _, _ in step}
        stays: set[tuple[int, str]] = set()
        for step in self._steps:
            keys = {(id(folder), name) for folder, name, _ in step}
            if how == "nothing" or keys & stays or dice.random() < odds:
                stays |= keys
                continue
            for folder, name, now in step:
                _name(names[id(folder)][1], name, now)
        found = _walk(self.root, lambda folder: names[id(folder)][1] if id(folder) in names else folder.synced)
        return {path: bytes(file.synced) if how == "nothing" else file.torn(dice, sector, odds) for path, file in found}


def _name(names: dict[str, "File | Folder"], name: str, now: "File | Folder | None") -> None:
    if now is None:
        names.pop(name, None)
    else:
        names[name] = now


def _walk(folder: Folder, names, below: str = "") -> Iterator[tuple[str, File]]:
    for name, found in names(folder).items():
        if isinstance(found, File):
            yield below + name, found
        else:
            yield from _walk(found, names, f"{below}{name}/")


def laid_out(files: dict[str, bytes], folder: Path) -> Path:
    """These files, below a folder that is made for them."""
    folder.mkdir()
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder
