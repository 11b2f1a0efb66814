"""Held: who names a blob is looked up, never searched for, however many labels and however many blobs."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from teahouse.feedback import erase, retention
from teahouse.ids import new_id, sha256
from teahouse.store import held, labels, migrate, sqlite, tables
from teahouse.store.house import House

MANY = 3000
MAKERS = {"at": 1, "app": "tea", "source": "maker", "truth": {"label": "green"}, "split": "train"}


def label(house, *blobs):
    """A label of the maker's with so many photos; its id."""
    inputs = {f"photo{at}": {"blob": blob} for at, blob in enumerate(blobs)} | {"note": "a word", "number": 3}
    return house.db.write(lambda c: labels.add(c, {**MAKERS, "inputs": inputs}))


def many_labels(house):
    rows = [{**MAKERS, "inputs": {"photo": {"blob": sha256(new_id())}}} for _ in range(MANY)]
    house.db.write(lambda c: [labels.add(c, row) for row in rows])


def asked(house, blobs):
    """(those that no row names, how many statements that took, and how many steps of SQLite's)."""
    with house.db.read() as c:
        statements, steps = [], []
        sa.event.listen(c, "before_cursor_execute", lambda *told: statements.append(told[2]))
        c.connection.driver_connection.set_progress_handler(lambda: steps.append(1), 1)
        found = held.unnamed(c, blobs)
        c.connection.driver_connection.set_progress_handler(None, 1)
    return found, len(statements), len(steps)


def test_thousands_of_labels_and_hundreds_of_blobs_take_one_statement(house):
    some = [sha256(new_id()) for _ in range(8)]
    _, statements, few = asked(house, some)
    many_labels(house)
    found, again, steps = asked(house, some)
    assert (found, statements, again) == (sorted(some), 1, 1)
    assert steps <= few, "no label that names another blob is looked at"
    found, statements, _ = asked(house, [sha256(new_id()) for _ in range(500)])
    assert (len(found), statements) == (500, 1)
    assert asked(house, [])[:2] == ([], 0)


def test_each_table_is_asked_by_an_index(house):
    with house.db.read() as c:
        told = []
        sa.event.listen(c, "before_cursor_execute", lambda *given: told.append(given[2:4]))
        held.unnamed(c, [sha256(b"1"), sha256(b"2")])
        plan = str(c.exec_driver_sql(f"EXPLAIN QUERY PLAN {told[0][0]}", told[0][1]).all())
    assert plan.count("INDEX") >= 7 and "SCAN" not in plan


def test_what_nobody_names_goes_in_one_question_and_a_label_keeps_each_of_its_photos(house):
    kept, gone = ([house.blobs.put(new_id()) for _ in range(3)] for _ in range(2))
    name = label(house, *kept, kept[0])
    many_labels(house)
    assert erase.drop_unnamed(house, [*gone, *kept, gone[0]]) == 3
    assert house.blobs.digests() == sorted(kept)
    other = label(house, kept[0])
    freed = house.db.write(lambda c: erase.forget_label(c, house, name, "owner"))
    assert freed == sorted(kept[1:]), "another label names the first one"
    erase.delete_blobs(house, freed)
    assert house.blobs.digests() == [kept[0]]
    house.db.write(lambda c: labels.erase(c, other))
    erase.drop_unnamed(house, kept)
    assert house.blobs.digests() == []


def test_the_blobs_of_labels_from_before_are_looked_up_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = ScriptDirectory._upgrade_revs
    monkeypatch.setattr(ScriptDirectory, "_upgrade_revs", lambda self, _, now: steps(self, "second", now))
    migrate.upgrade(tmp_path)
    monkeypatch.undo()
    one, two = sha256(b"1"), sha256(b"2")
    inputs = {"a": {"blob": one, "origin": "x"}, "b": {"blob": two}, "c": "words", "d": 3.5}
    insert = "INSERT INTO labels (at, id, app, source, split, inputs) VALUES (1, :id, 'tea', 'maker', 'train', :inputs)"
    engine = sqlite.engine(tmp_path / "house.db", writes=True)
    with engine.begin() as c:
        c.execute(sa.text(insert), {"id": new_id(), "inputs": json.dumps(inputs)})
        c.execute(sa.text(insert), {"id": new_id(), "inputs": None})
    engine.dispose()
    with House.open(tmp_path) as house, house.db.read() as c:
        assert held.unnamed(c, [one, two, sha256(b"3")]) == [sha256(b"3")]
        assert held.all(c) == {one, two}


def test_what_a_process_of_before_wrote_is_named_before_anything_is_swept(house):
    blob, other = house.blobs.put(b"a photo"), house.blobs.put(b"another")
    named, erased = label(house, blob), label(house, other)

    def as_before(c):
        c.execute(sa.delete(tables.label_blobs).where(tables.label_blobs.c.label == named))
        c.execute(sa.update(tables.labels).where(tables.labels.c.id == erased).values(inputs=None))

    house.db.write(as_before)
    assert retention.sweep_blobs(house, older_s=-1) == 1
    assert house.blobs.exists(blob) and not house.blobs.exists(other)
    assert erase.drop_unnamed(house, [blob]) == 0
