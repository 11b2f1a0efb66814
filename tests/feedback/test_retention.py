"""Retention: on the day, what is old goes, and what a visitor still lets us use stays theirs to take back."""

import pytest
from tests.loop.circle import APP, label_of, review, visit, withdraw

from teahouse import datasets, ids, settings
from teahouse.feedback import collect, erase, retention
from teahouse.loop import steps
from teahouse.store import consents, feedback, inputs, jobs, labels, lineage, predictions, reviews, tables, visitors
from teahouse.testing import photo

DAYS = 90
LATER = ids.now_ms() + DAYS * retention.DAY_MS + 3_600_000
PERSONAL = ("visitor", "network", "key", "given", "seed", "output")


def look(house, table):
    with house.db.read() as c:
        return list(c.execute(table.select()))


def answer(house, at, **changes):
    """An answer of which nothing was kept, with a word on it."""
    with house.db.read() as c:
        release = c.execute(tables.releases.select()).first().id
    row = {"at": at, "id": ids.new_id(), "app": APP, "release": release, "form": "fp32", "arm": "full"}
    row |= {"visitor": ids.new_id(), "network": b"n" * 32, "key": ids.new_id().hex(), "given": b"g" * 32, "seed": 7}
    row |= {"output": {"label": "warm", "scores": {}}, "held": False, "cached": False, "ms": 1.0, **changes}

    def write(c):
        c.execute(tables.predictions.insert(), row)
        word = collect.Word(ids.new_id(), row["id"], row["visitor"], "once", "correct", "cold", None, at)
        collect.say_word(c, word)

    house.db.write(write)
    return row


def test_answers_are_bare_on_the_day_and_not_before(house):
    made = answer(house, at=1000)
    day = 1000 + DAYS * retention.DAY_MS
    assert retention.sweep(house, DAYS, day) == retention.Swept(0, 0, 0)
    assert retention.sweep(house, DAYS, day + 1) == retention.Swept(0, 1, 1)
    with house.db.read() as c:
        row, word = predictions.get(c, made["id"]), feedback.latest(c, made["id"])
        assert visitors.get(c, made["visitor"]) is None
    assert [getattr(row, name) for name in PERSONAL] == [None] * len(PERSONAL)
    assert (row.release, row.at, row.ms) == (made["release"], 1000, 1.0)
    assert (word.visitor, word.value, word.kind) == (None, None, "correct")
    assert retention.sweep(house, DAYS, day + 1) == retention.Swept(0, 0, 0)
    for file in house.data.glob("house.db*"):
        assert made["visitor"] not in file.read_bytes()


def test_many_old_answers_go_and_young_ones_between_them_stay(house, monkeypatch):
    monkeypatch.setattr(retention, "ROWS", 3)
    old = [answer(house, at=1000 + n) for n in range(7)]
    young = answer(house, at=LATER)
    old += [answer(house, at=2000 + n) for n in range(4)]
    assert retention.sweep(house, DAYS, LATER).answers == 11
    with house.db.read() as c:
        assert all(predictions.get(c, row["id"]).given is None for row in old)
        assert predictions.get(c, young["id"]).given is not None
        assert visitors.get(c, young["visitor"]) is not None


def test_a_photo_that_nobody_accepted_goes_with_its_label_and_one_that_is_accepted_stays(house):
    waits, stays, aside = (visit(house, photo("warm", seed), "cold") for seed in range(3))
    review(house, label_of(house, stays).id, "cold")
    house.db.write(lambda c: reviews.decide(c, reviews.Decision(label_of(house, aside).id, "set_aside")))
    blobs = {row.id: label_of(house, row).inputs["input"]["blob"] for row in (waits, stays, aside)}
    assert retention.sweep(house, DAYS, LATER) == retention.Swept(2, 0, 2)
    assert [house.blobs.exists(blobs[row.id]) for row in (waits, stays, aside)] == [False, True, False]
    with house.db.read() as c:
        assert labels.of_prediction(c, waits.id) is None and inputs.of_prediction(c, waits.id) == []
        kept = labels.of_prediction(c, stays.id)
        assert kept.is_accepted and kept.network is None
        row = predictions.get(c, stays.id)
        assert row.visitor == stays.visitor and row.given == stays.given and row.network is None and row.key is None
        assert visitors.get(c, stays.visitor) is not None and visitors.get(c, waits.visitor) is None
    owners = {row.visitor for row in look(house, tables.consents)}
    assert owners == {None, stays.visitor}


def test_an_accepted_row_can_be_taken_back_long_after_and_goes_when_its_yes_ends(house):
    mine, withdrawn = visit(house, photo("warm", 1), "cold"), visit(house, photo("warm", 2), "cold")
    for row in (mine, withdrawn):
        review(house, label_of(house, row).id, "cold")
    retention.sweep(house, DAYS, LATER)
    withdraw(house, withdrawn.id)
    assert retention.sweep(house, DAYS, LATER).photos == 1
    assert label_of(house, withdrawn) is None and label_of(house, mine) is not None
    freed = house.db.write(lambda c: erase.forget_visitor(c, house, mine.visitor, "visitor"))
    assert len(freed) == 1 and label_of(house, mine) is None


def test_a_no_never_fades_from_before_an_older_yes(house):
    visitor = ids.new_id()
    row = visit(house, photo("warm", 1), "cold", visitor=visitor)
    review(house, label_of(house, row).id, "cold")
    assert house.db.write(lambda c: consents.withdraw_standing(c, visitor, ids.now_ms()))
    retention.sweep(house, DAYS, LATER)
    with house.db.read() as c:
        assert consents.standing(c, visitor) is None
        assert labels.of_prediction(c, row.id).is_accepted


def test_a_yes_stands_while_its_visitor_comes_and_is_forgotten_when_they_stay_away(house):
    visitor = ids.new_id()
    first = visit(house, photo("warm", 1), "cold", visitor=visitor)
    review(house, label_of(house, first).id, "cold")
    with house.db.read() as c:
        assert consents.standing(c, visitor) is not None
    retention.sweep(house, DAYS, LATER)
    with house.db.read() as c:
        assert consents.standing(c, visitor) is not None, "their photo is still here"
    house.db.write(lambda c: reviews.undo(c, "owner", ids.now_ms()))
    retention.sweep(house, DAYS, LATER)
    with house.db.read() as c:
        assert consents.standing(c, visitor) is None
    for file in house.data.glob("house.db*"):
        assert visitor not in file.read_bytes()


@pytest.mark.parametrize("says", ["yes", "no"])
def test_the_last_word_does_not_fade_because_one_photo_was_deleted_after_it(house, says):
    visitor = ids.new_id()
    kept, deleted = (visit(house, photo("warm", seed), "cold", visitor=visitor) for seed in (1, 2))
    review(house, label_of(house, kept).id, "cold")
    if says == "no":
        house.db.write(lambda c: consents.withdraw_standing(c, visitor, ids.now_ms()))
    house.db.write(lambda c: erase.forget_prediction(c, house, deleted.id, "visitor"))
    retention.sweep(house, DAYS, LATER)
    with house.db.read() as c:
        assert (consents.standing(c, visitor) is not None) == (says == "yes")


def test_a_day_has_one_run_whoever_asks(house):
    noon = 20_000 * retention.DAY_MS + retention.DAY_MS // 2
    job, new = house.db.write(lambda c: retention.ask(c, noon))
    assert new and house.db.write(lambda c: retention.ask(c, noon + 3_600_000)) == (job, False)
    other, new = house.db.write(lambda c: retention.ask(c, noon + retention.DAY_MS))
    assert new and other != job


def test_the_loop_carries_it_out_and_makes_holes_where_a_row_was_frozen(house):
    rows = [visit(house, photo("warm", seed), "cold") for seed in range(3)]
    for row in rows:
        review(house, label_of(house, row).id, "cold")
    version = house.db.write(lambda c: datasets.build(c, house, APP))
    gone = label_of(house, rows[2])
    house.db.write(lambda c: reviews.undo(c, "owner", ids.now_ms()))
    house.db.write(lambda c: c.execute(tables.labels.update().values(at=1)))
    house.db.write(lambda c: retention.ask(c, ids.now_ms()))
    with house.db.read() as c:
        (job,) = jobs.waiting(c)
    assert steps.execute(house, settings.Settings(), job) == "done"
    with house.db.read() as c:
        told, mended = jobs.get(c, job.id), lineage.version(c, version.id)
    assert told.detail["photos"] == 1
    kept = datasets.rows_of(house, mended)
    assert sum(bool(row.get("erased")) for row in kept) == 1
    assert gone.inputs["input"]["blob"] not in house.blobs.get(mended.rows_blob).decode()
