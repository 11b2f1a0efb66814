"""What every place for blobs promises."""

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from teahouse.errors import BlobDamaged, DiskFull, NotFound
from teahouse.ids import sha256
from teahouse.store import blobs as room
from teahouse.store.blobs import FolderBlobs


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs")


def test_what_is_put_can_be_got_under_its_digest(blobs: FolderBlobs) -> None:
    digest = blobs.put(b"leaf")
    assert digest == sha256(b"leaf") == blobs.put(b"leaf")
    assert blobs.get(digest) == b"leaf" and blobs.exists(digest)
    assert blobs.digests() == [digest]


def test_a_deleted_blob_is_gone_and_deleting_again_is_fine(blobs: FolderBlobs) -> None:
    digest = blobs.put(b"leaf")
    blobs.delete(digest)
    blobs.delete(digest)
    assert not blobs.exists(digest)
    with pytest.raises(BlobDamaged):
        blobs.get(digest)


@pytest.mark.parametrize("flip", [0, 2, 4])
def test_a_changed_blob_is_found_and_mended_by_the_next_put(blobs: FolderBlobs, flip: int) -> None:
    digest = blobs.put(b"leaf\n")
    data = bytearray(b"leaf\n")
    data[flip] ^= 1
    blobs.path(digest).write_bytes(data)
    with pytest.raises(BlobDamaged):
        blobs.get(digest)
    assert blobs.put(b"leaf\n") == digest
    assert blobs.get(digest) == b"leaf\n"


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 65, "a" * 63 + "\n", None])
def test_only_a_digest_is_a_name(blobs: FolderBlobs, name: Any) -> None:
    for act in (blobs.get, blobs.delete, blobs.exists, blobs.path):
        with pytest.raises(NotFound):
            act(name)


def test_a_link_is_not_followed(blobs: FolderBlobs, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    digest = sha256(b"secret")
    blobs.path(digest).parent.mkdir()
    blobs.path(digest).symlink_to(tmp_path / "secret")
    with pytest.raises(BlobDamaged):
        blobs.get(digest)


def test_the_file_and_the_names_are_synced_before_put_returns(
    blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    fsync, link = os.fsync, os.link

    def synced(handle: int) -> None:
        seen.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")
        fsync(handle)

    def linked(*args: Any) -> None:
        seen.append("link")
        link(*args)

    monkeypatch.setattr(room.os, "fsync", synced)
    monkeypatch.setattr(room.os, "link", linked)
    blobs.put(b"leaf")
    assert seen == ["file", "link", "folder", "folder"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_does_not_take_it_is_told_and_leaves_nothing(
    blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def broken(_handle: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(room.os, "fsync", broken)
    with pytest.raises(DiskFull):
        blobs.put(b"leaf")
    monkeypatch.undo()
    assert [file for file in blobs.root.rglob("*") if file.is_file()] == []
    assert blobs.get(blobs.put(b"leaf")) == b"leaf"


def test_many_put_the_same_at_once(blobs: FolderBlobs) -> None:
    data, found = os.urandom(100_000), []
    threads = [threading.Thread(target=lambda: found.append(blobs.put(data))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [sha256(data)] * 8
    assert blobs.get(found[0]) == data
    assert [file.name for file in blobs.root.rglob("*") if file.is_file()] == [found[0]]


def test_what_a_killed_process_left_is_swept_after_a_while(blobs: FolderBlobs) -> None:
    folder = blobs.path(blobs.put(b"leaf")).parent
    for name, age in ((".fresh", 0), (".stale", 3600)):
        (folder / name).write_bytes(b"half")
        moment = os.stat(folder / name).st_mtime - age
        os.utime(folder / name, (moment, moment))
    assert blobs.sweep() == 1
    assert sorted(file.name for file in folder.iterdir() if file.name.startswith(".")) == [".fresh"]


def test_a_blob_that_is_put_again_is_young_again(blobs: FolderBlobs) -> None:
    digest = blobs.put(b"leaf")
    os.utime(blobs.path(digest), (1, 1))
    assert blobs.older(3600) == [digest]
    blobs.put(b"leaf")
    assert blobs.older(3600) == []
