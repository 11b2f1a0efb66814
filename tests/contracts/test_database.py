"""What every database of the house promises."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from teahouse.errors import Conflict, NotFound, NotReady
from teahouse.store import migrate, tables, tallies
from teahouse.store.database import Database

quotas = tables.quotas


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    migrate.upgrade(tmp_path)
    database = Database(tmp_path / "house.db")
    yield database
    database.close()


def row(name: str) -> dict[str, Any]:
    return {"at": 1, "day": "1", "subject": name, "what": "x", "n": 1}


def names(db: Database) -> list[str]:
    with db.read() as c:
        return list(c.execute(sa.select(quotas.c.subject).order_by(quotas.c.seq)).scalars())


def insert(name: str) -> Any:
    return lambda c: c.execute(sa.insert(quotas).values(row(name)).returning(quotas.c.seq)).scalar_one()


def test_a_write_returns_what_its_function_returned_once_it_is_kept(db: Database) -> None:
    assert db.write(insert("a")) == 1
    assert names(db) == ["a"]


def test_a_function_that_fails_spoils_nothing_but_its_own_writes(db: Database) -> None:
    gate, results = threading.Event(), {}

    def slow(c: Any) -> None:
        gate.wait(10)

    def broken(c: Any) -> None:
        insert("lost")(c)
        raise NotFound("No such thing.")

    def call(name: str, fn: Any) -> None:
        try:
            results[name] = db.write(fn)
        except Exception as error:
            results[name] = error

    threads = [threading.Thread(target=call, args=("slow", slow))]
    threads[0].start()
    for name, fn in (("good", insert("good")), ("broken", broken), ("twice", insert("good")), ("last", insert("last"))):
        threads.append(threading.Thread(target=call, args=(name, fn)))
        threads[-1].start()
    gate.set()
    for thread in threads:
        thread.join(20)
    assert isinstance(results["broken"], NotFound)
    # The two that write the same may come in either order: one is refused.
    assert sum(isinstance(results[name], Conflict) for name in ("good", "twice")) == 1
    assert isinstance(results["last"], int)
    assert sorted(names(db)) == ["good", "last"]


async def test_appended_rows_share_commits_and_know_their_seq(db: Database) -> None:
    seqs = await asyncio.gather(*(db.append(quotas, row(str(n))) for n in range(700)))
    assert sorted(seqs) == list(range(1, 701))
    with db.read() as c:
        kept = dict(c.execute(sa.select(quotas.c.seq, quotas.c.subject)).all())
    assert all(kept[seq] == str(n) for n, seq in enumerate(seqs))


async def test_a_refused_row_does_not_take_its_neighbours_with_it(db: Database) -> None:
    asked = ["a", "b", "a", "c"]
    results = await asyncio.gather(*(db.append(quotas, row(name)) for name in asked), return_exceptions=True)
    assert [type(result) for result in results].count(Conflict) == 1
    assert sorted(names(db)) == ["a", "b", "c"]


async def test_what_rows_add_to_the_tallies_is_counted_with_them_alone(db: Database) -> None:
    def counted(name: str) -> list[tallies.Tally]:
        return [tallies.Tally("tea", "", "full", 7, what, 1, 0.5) for what in ("answers", name)]

    asked = ["a", "b", "a", "c"]
    given = (db.append(quotas, row(name), counted(f"{name}s")) for name in asked)
    results = await asyncio.gather(*given, return_exceptions=True)
    assert [type(result) for result in results].count(Conflict) == 1
    with db.read() as c:
        found = {one.what: (one.n, one.total) for one in tallies.read(c, "tea", 0)}
    assert found == {"answers": (3, 1.5), "as": (1, 0.5), "bs": (1, 0.5), "cs": (1, 0.5)}


async def test_rows_with_different_columns_go_together(db: Database) -> None:
    verdict = {"at": 1, "id": b"1" * 16, "role": "push", "rights": [], "hash": "a" * 64}
    await asyncio.gather(db.append(tables.keys, verdict), db.append(quotas, row("a")))
    with pytest.raises(KeyError, match="nonsense"):
        await db.append(quotas, {"nonsense": 1})


async def test_a_coroutine_that_is_cancelled_leaves_the_others_alone(db: Database) -> None:
    gate = threading.Event()
    first = asyncio.create_task(db.write_async(lambda c: gate.wait(10)))
    second, third = (asyncio.create_task(db.write_async(insert(name))) for name in ("second", "third"))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.set()
    await first
    assert isinstance(await third, int)
    assert names(db) == ["third"]


def test_a_reader_can_not_write(db: Database) -> None:
    with pytest.raises(sa.exc.OperationalError, match="readonly"):
        with db.read() as c:
            insert("x")(c)
    assert names(db) == []


def test_a_reader_sees_one_moment(db: Database) -> None:
    with db.read() as c:
        count = sa.select(sa.func.count()).select_from(quotas)
        assert c.execute(count).scalar() == 0
        db.write(insert("a"))
        assert c.execute(count).scalar() == 0
    assert names(db) == ["a"]


def test_the_version_differs_after_own_and_others_commits(db: Database) -> None:
    seen = [db.version()]
    assert db.version() == seen[0]
    db.write(insert("own"))
    seen.append(db.version())
    other = Database(db.path)
    other.write(insert("other"))
    other.close()
    seen.append(db.version())
    assert len(set(seen)) == 3


def test_two_databases_write_to_one_file_in_turns(db: Database) -> None:
    other = Database(db.path)
    threads = [
        threading.Thread(target=lambda d=d, k=k: [d.write(insert(f"{k}{n}")) for n in range(30)])
        for k, d in enumerate((db, other))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    other.close()
    assert len(names(db)) == 60


def test_a_write_inside_a_write_is_told_at_once(db: Database) -> None:
    with pytest.raises(RuntimeError, match="inside"):
        db.write(lambda c: db.write(insert("x")))


def test_what_waits_is_kept_when_the_house_closes(tmp_path: Path) -> None:
    migrate.upgrade(tmp_path)
    db = Database(tmp_path / "house.db")
    gate = threading.Event()
    threads = [threading.Thread(target=db.write, args=(lambda c: gate.wait(10),))]
    threads += [threading.Thread(target=db.write, args=(insert(str(n)),)) for n in range(5)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 10
    while db._queue.qsize() < 5 and time.monotonic() < until:
        time.sleep(0.005)
    gate.set()
    db.close()
    for thread in threads:
        thread.join(10)
    with pytest.raises(NotReady):
        db.write(insert("late"))
    again = Database(tmp_path / "house.db")
    assert len(names(again)) == 5
    again.close()


def test_an_erasing_checkpoint_leaves_no_byte_behind(db: Database) -> None:
    marker = "a-marker-that-must-not-stay"
    for n in range(50):
        db.write(insert(f"{marker}-{n}"))
    db.write(lambda c: c.execute(sa.update(quotas).values(subject=sa.cast(quotas.c.seq, sa.String))))
    assert db.checkpoint() is True
    for file in db.path.parent.glob("house.db*"):
        assert marker.encode() not in file.read_bytes(), file.name


def test_a_checkpoint_that_waits_for_a_reader_lets_others_write(db: Database) -> None:
    done: list[bool] = []
    with db.read() as c:
        assert c.execute(sa.select(sa.func.count()).select_from(quotas)).scalar() == 0
        db.write(insert("erased"))
        thread = threading.Thread(target=lambda: done.append(db.checkpoint()))
        thread.start()
        until = time.monotonic() + 10
        while not db._queue.empty() and time.monotonic() < until:
            time.sleep(0.005)
        began = time.monotonic()
        for n in range(5):
            db.write(insert(str(n)))
        assert time.monotonic() - began < 0.9
        assert done == []
    thread.join(20)
    assert done == [True] and not db.checkpoint_due


def test_what_contradicts_names_no_table(db: Database) -> None:
    db.write(insert("a"))
    with pytest.raises(Conflict) as told:
        db.write(insert("a"))
    assert "quotas" not in str(told.value)
