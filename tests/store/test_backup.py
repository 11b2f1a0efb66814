"""A backup taken under writes brings the whole house back, and nothing that was erased."""

import fcntl
import json
import os
import shutil
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from teahouse.errors import BlobDamaged, Conflict, NotFound
from teahouse.ids import is_digest, new_id
from teahouse.store import backup as room
from teahouse.store import erasures, inputs, ledger, passes, predictions, tables
from teahouse.store.backup import backup, examine, restore
from teahouse.store.house import House

Keep = Callable[..., Any]


def rows_of(house: House) -> list[Any]:
    with house.db.read() as c:
        return list(c.execute(tables.inputs.select().where(tables.inputs.c.blob.is_not(None))))


def test_a_house_comes_back_from_a_backup_that_was_taken_while_it_was_written(
    house: House, keep: Keep, tmp_path: Path
) -> None:
    early = [keep() for _ in range(5)]
    (house.releases / "x").mkdir()
    (house.releases / "x" / "release.json").write_text("{}")
    key, stop = house.key("given"), threading.Event()
    house.keys.passing("network", 1)

    def write() -> None:
        while not stop.is_set():
            keep()

    writer = threading.Thread(target=write)
    writer.start()
    seen: list[tuple[int, int]] = []
    try:
        summary = backup(house, tmp_path / "kept", lambda done, total: seen.append((done, total)))
    finally:
        stop.set()
        writer.join(30)
    assert summary["blobs"] >= 5 and summary["damaged"] == 0 and seen[-1][0] == seen[-1][1]
    house.close()
    shutil.rmtree(house.data)

    assert restore(tmp_path / "kept", tmp_path / "data")["erased"] == 0
    examine(tmp_path / "data")
    with House.open(tmp_path / "data", create=False) as again:
        assert again.key("given") == key
        found = rows_of(again)
        assert {row.blob for row in found} >= {photo for *_, photo in early}
        for row in found:
            again.blobs.get(row.blob)
        assert (again.releases / "x" / "release.json").read_text() == "{}"
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [again.data, *again.data.rglob("*")]}
        assert {path: mode for path, mode in modes.items() if mode not in (0o700, 0o600)} == {}
        assert not list((again.data / "secrets").glob("*.passing"))
        keepers = again.db.write(lambda c: c.execute(tables.visitors.insert().values(at=1, id=new_id())).rowcount)
        assert keepers == 1


def test_a_backup_is_closed_to_others_and_names_every_file(house: House, keep: Keep, tmp_path: Path) -> None:
    keep()
    backup(house, tmp_path / "kept")
    files = json.loads((tmp_path / "kept" / "manifest.json").read_text())["files"]
    there = [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]
    found = {path.relative_to(tmp_path / "kept").as_posix() for path in there}
    assert found == {*files, "manifest.json"} and all(map(is_digest, files.values()))
    for path in [tmp_path / "kept", *(tmp_path / "kept").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_the_next_backup_copies_what_is_new_and_drops_what_was_erased(
    house: House, keep: Keep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays, goes = keep(), keep()
    backup(house, tmp_path / "kept")
    for digest in house.db.write(lambda c: erasures.forget_prediction(c, goes[1], "asked", 5)):
        house.blobs.delete(digest)
    untouched = (tmp_path / "kept" / "blobs" / stays[3][:2] / stays[3]).stat().st_ino
    backup(house, tmp_path / "kept")
    assert (tmp_path / "kept" / "blobs" / stays[3][:2] / stays[3]).stat().st_ino == untouched
    assert not (tmp_path / "kept" / "blobs" / goes[3][:2] / goes[3]).exists()


def test_what_moves_real_money_is_in_no_backup_and_stays_in_its_house(house: House, tmp_path: Path) -> None:
    access = house.data / "secrets" / "stripe.json"
    house.key("x")
    access.write_text("sk_live_of_before")
    access.chmod(0o600)
    kept = tmp_path / "kept"
    backup(house, kept)
    assert not any(b"sk_live" in file.read_bytes() for file in kept.rglob("*") if file.is_file())
    old = kept / "secrets" / "stripe.json"  # as backups of before had it
    old.write_text("sk_live_of_before")
    backup(house, kept)
    assert not old.exists() and (kept / "secrets" / "house.key").is_file()
    restore(kept, tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere" / "secrets" / "stripe.json").exists()
    access.write_text("sk_live_of_now")
    house.close()
    restore(kept, house.data)
    assert access.read_text() == "sk_live_of_now" and stat.S_IMODE(access.stat().st_mode) == 0o600


def test_what_was_erased_after_the_backup_is_erased_again(house: House, keep: Keep, tmp_path: Path) -> None:
    visitor = new_id()
    stays, goes = keep(), keep(visitor=visitor)
    backup(house, tmp_path / "kept")
    house.db.write(lambda c: erasures.forget_visitor(c, visitor, "asked", 5))
    house.close()
    summary = restore(tmp_path / "kept", house.data)
    assert summary["erased"] == 3 and Path(summary["moved"]).is_dir()
    with House.open(house.data, create=False) as again:
        assert again.blobs.digests() == [stays[3]]
        with again.db.read() as c:
            assert predictions.get(c, goes[1]).visitor is None and inputs.of_prediction(c, goes[1]) == []
        for file in again.data.glob("house.db*"):
            assert visitor not in file.read_bytes()


@pytest.mark.parametrize("victim", ["house.db", "blobs", "secrets"])
def test_a_damaged_backup_changes_nothing(house: House, keep: Keep, tmp_path: Path, victim: str) -> None:
    house.key("x")
    keep()
    backup(house, tmp_path / "kept")
    file = next(path for path in sorted((tmp_path / "kept").rglob("*")) if path.is_file() and victim in str(path))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(BlobDamaged):
        restore(tmp_path / "kept", tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "run/evil", "blobs/../../evil"])
def test_a_manifest_never_leads_outside(house: House, tmp_path: Path, name: str) -> None:
    backup(house, tmp_path / "kept")
    manifest = json.loads((tmp_path / "kept" / "manifest.json").read_text())
    manifest["files"][name] = "a" * 64
    (tmp_path / "kept" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BlobDamaged, match="no file of a house"):
        restore(tmp_path / "kept", tmp_path / "new")


def test_a_blob_that_rotted_is_left_out_and_counted(house: House, keep: Keep, tmp_path: Path) -> None:
    photo = keep()[3]
    house.blobs.path(photo).write_bytes(b"rot")
    assert backup(house, tmp_path / "kept")["damaged"] == 1


def test_an_open_house_is_not_replaced(house: House, tmp_path: Path) -> None:
    backup(house, tmp_path / "kept")
    for name in ("keeper.lock", "loop.lock"):
        with (house.data / "run" / name).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(Conflict, match="open"):
                restore(tmp_path / "kept", house.data)


def test_the_note_of_a_crashed_site_does_not_keep_a_house_from_being_restored(house: House, tmp_path: Path) -> None:
    backup(house, tmp_path / "kept")
    (house.data / "run" / "house.json").write_text(json.dumps({"pid": os.getpid(), "url": ""}))
    assert restore(tmp_path / "kept", house.data)["moved"]


def test_other_folders_are_left_alone(house: House, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.jpg").write_bytes(b"x")
    with pytest.raises(Conflict):
        backup(house, tmp_path / "mine")
    with pytest.raises(NotFound):
        restore(tmp_path / "mine", tmp_path / "new")
    assert room.MANIFEST not in {path.name for path in (tmp_path / "mine").iterdir()}


def test_a_damaged_ledger_is_told_and_keeps_nobody_from_their_house(house: House, tmp_path: Path) -> None:
    pass_id = new_id()

    def sell(c: Any) -> None:
        passes.add(c, pass_id, "AAAAA", "tea", True, 1)
        ledger.append(c, pass_id, ledger.Entry("bought", "pass", 5, 1, order="order-1"))

    house.db.write(sell)
    backup(house, tmp_path / "whole")
    house.db.write(lambda c: c.execute(tables.ledger.update().values(amount=50)))
    backup(house, tmp_path / "damaged")
    house.close()
    assert restore(tmp_path / "whole", tmp_path / "one")["faults"] == []
    wrong = f"pass {pass_id.hex()[:12]}: entry 1 is not what was written"
    assert restore(tmp_path / "damaged", tmp_path / "two")["faults"] == [wrong]
