"""A house opens closed to others, on a local disk, with keys that stay."""

import os
import stat
from pathlib import Path

import pytest

from teahouse.errors import DatabaseUnsound, NotFound
from teahouse.ids import new_id
from teahouse.store import house as room
from teahouse.store import migrate, tables
from teahouse.store.house import House, Keys


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux tells of locks")
def test_a_second_opening_in_a_process_leaves_the_locks_of_the_first(tmp_path: Path) -> None:
    def locks() -> list[str]:
        lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        return [" ".join(one[3:]) for one in lines if one[5].endswith(f":{(tmp_path / 'house.db').stat().st_ino}")]

    with House.open(tmp_path):
        before = locks()
        House.open(tmp_path).close()
        assert before and locks() == before, "another process could take the log away under this one"


def test_everything_is_closed_to_others_under_any_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "migrate", migrate)  # the database is made here, not copied
    before = os.umask(0)
    try:
        with House.open(tmp_path / "data") as house:
            house.key("x")
            house.keys.passing("network", 1)
            house.blobs.put(b"leaf")
            house.db.write(lambda c: c.execute(tables.visitors.insert().values(at=1, id=new_id())))
            found = {path: stat.S_IMODE(path.stat().st_mode) for path in [house.data, *house.data.rglob("*")]}
    finally:
        os.umask(before)
    assert {path.name for path in found} >= {"house.db", "house.db-wal", "house.db-shm", "house.key"}
    assert {path: mode for path, mode in found.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}


def test_a_folder_that_was_open_is_closed(tmp_path: Path) -> None:
    with House.open(tmp_path / "data"):
        pass
    (tmp_path / "data").chmod(0o755)
    (tmp_path / "data" / "house.db").chmod(0o644)
    with House.open(tmp_path / "data", create=False) as house:
        assert stat.S_IMODE(house.data.stat().st_mode) == 0o700
        assert stat.S_IMODE((house.data / "house.db").stat().st_mode) == 0o600


def test_no_house_is_made_where_none_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        House.open(tmp_path / "data", create=False)
    assert not (tmp_path / "data").exists()


def test_keys_stay_and_differ_by_purpose(tmp_path: Path) -> None:
    with House.open(tmp_path / "data") as house:
        first, other = house.key("given"), house.key("receipts")
    with House.open(tmp_path / "data") as house:
        assert house.key("given") == first != other
        assert len(first) == 32


def test_a_passing_key_dies_with_its_month_or_when_told(tmp_path: Path) -> None:
    day = 86_400_000
    with House.open(tmp_path / "data") as house:
        first = house.keys.passing("network", 0)
        assert house.keys.passing("network", 29 * day) == first
        assert house.keys.passing("network", 30 * day) != first
        assert len(list((house.data / "secrets").glob("network-*"))) == 1
        second = house.keys.passing("network", 31 * day)
        house.keys.forget("network")
        third = house.keys.passing("network", 31 * day)
        assert third != second
        Keys(house.keys.folder).forget("network")  # by another process
        assert house.keys.passing("network", 31 * day) not in (second, third)


@pytest.mark.parametrize(
    "line",
    [
        "nas:/export {} nfs4 rw 0 0",
        "//nas/x {} cifs rw 0 0",
        "me@host: {} fuse.sshfs rw 0 0",
        "C: {} 9p rw,aname=drvfs;path=C: 0 0",
    ],
)
def test_a_network_filesystem_is_refused(tmp_path: Path, line: str) -> None:
    mounts = "\n".join(["/dev/sda / ext4 rw 0 0", line.format(tmp_path), "tmpfs /nowhere tmpfs rw 0 0"])
    with pytest.raises(DatabaseUnsound, match="network filesystem"):
        room.refuse_network(tmp_path / "data", mounts)
    room.refuse_network(tmp_path.parent / "elsewhere", mounts)


def test_a_local_mount_inside_of_a_network_one_is_fine(tmp_path: Path) -> None:
    inside = tmp_path / "disk"
    room.refuse_network(inside / "data", f"nas:/x {tmp_path} nfs rw 0 0\n/dev/sdb {inside} ext4 rw 0 0")


def test_two_houses_live_in_one_process(tmp_path: Path) -> None:
    with House.open(tmp_path / "one") as one, House.open(tmp_path / "two") as two:
        one.db.write(lambda c: c.execute(tables.visitors.insert().values(at=1, id=new_id())))
        for house, count in ((one, 1), (two, 0)):
            with house.db.read() as c:
                assert len(c.execute(tables.visitors.select()).all()) == count
        assert one.key("x") != two.key("x")
