"""Collect: consent, inputs and label in one breath, on the right side, once."""

import sqlalchemy as sa
from tests.loop.circle import APP, label_of, review, visit, withdraw

from teahouse import ids
from teahouse.feedback import collect, order
from teahouse.store import consents, inputs, jobs, labels, lineage, reviews, tables
from teahouse.testing import photo

AUTO = collect.Rules("auto")
A, B, FAR = bytes(8), bytes([0b111111, *bytes(7)]), bytes([255, 255, *bytes(6)])


def test_a_new_row_stands_where_its_neighbours_stand():
    assert collect.split_of(A, False, []) == "train"
    assert collect.split_of(A, True, []) == "test"
    assert collect.split_of(A, False, [(B, "gold")]) == "test"
    assert collect.split_of(A, False, [(B, "test")]) == "test"
    assert collect.split_of(A, False, [(B, "train")]) == "train"
    assert collect.split_of(A, False, [(B, "validation")]) == "train"
    assert collect.split_of(A, True, [(B, "train")]) == "set_aside"
    assert collect.split_of(A, False, [(B, "train"), (A, "gold")]) == "set_aside"
    assert collect.split_of(A, True, [(FAR, "train")]) == "test"


def test_keys_that_are_no_image_hashes_are_near_only_when_equal():
    assert collect.is_near(b"x" * 32, b"x" * 32)
    assert not collect.is_near(b"x" * 32, b"x" * 31 + b"y")


def test_a_kept_photo_has_consent_input_and_label_and_keeping_it_again_adds_nothing(house):
    row = visit(house, photo("warm", 1), "cold")
    label = label_of(house, row)
    assert (label.truth, label.split, label.source) == ({"label": "cold"}, "train", "visitor")
    assert label.consent_live and label.decision is None
    with house.db.read() as c:
        assert len(inputs.of_prediction(c, row.id)) == 1
        assert consents.for_prediction(c, row.id).id == label.consent
    again = collect.Kept(row, [], ["keep"], False, "1")
    assert house.db.write(lambda c: collect.keep_photo(c, again)) == label.consent


def test_a_later_word_mends_the_label_until_somebody_reviewed_it(house):
    row = visit(house, photo("warm", 1), "cold")

    def say(word):
        made = collect.Word(ids.new_id(), row.id, row.visitor, word, "correct", word, {"label": word})
        return house.db.write(lambda c: collect.say_word(c, made))

    _, new = say("warm")
    assert new
    assert label_of(house, row).truth == {"label": "warm"}
    _, new = say("warm")
    assert not new
    review(house, label_of(house, row).id, "warm")
    say("cold")
    assert label_of(house, row).answer == {"label": "warm"}


def test_a_held_visitors_row_judges_only_when_the_yes_came_first_and_the_owner_looked(house):
    first = label_of(house, visit(house, photo("warm", 1), "warm", held=True, before=False))
    then = label_of(house, visit(house, photo("warm", 2), "warm", held=True, before=True))
    assert (first.split, then.split) == ("test", "test")
    review(house, first.id, "warm")
    review(house, then.id, "warm")
    with house.db.read() as c:
        assert not labels.get(c, first.id).is_live_gold
        assert labels.get(c, then.id).is_live_gold


def test_a_withdrawn_yes_makes_the_row_count_nowhere(house):
    row = visit(house, photo("warm", 1), "cold")
    review(house, label_of(house, row).id, "cold")
    assert withdraw(house, row.id)
    assert not label_of(house, row).is_accepted


def test_a_retrain_is_asked_for_once_when_enough_rows_are_accepted(house):
    rows = [label_of(house, visit(house, photo("warm", seed), "cold")) for seed in range(4)]
    for label in rows[:2]:
        review(house, label.id, "cold")
    assert house.db.write(lambda c: collect.retrain_due(c, APP, 3)) is None
    review(house, rows[2].id, "cold")
    job = house.db.write(lambda c: collect.retrain_due(c, APP, 3))
    review(house, rows[3].id, "cold")
    assert job is not None
    assert house.db.write(lambda c: collect.retrain_due(c, APP, 3)) == job
    with house.db.read() as c:
        assert [one.kind for one in jobs.waiting(c)] == ["retrain"]


def end(house, job, state="done"):
    house.db.write(lambda c: jobs.event(c, job, state, None, ids.now_ms()))


def accept(house, seeds):
    for seed in seeds:
        review(house, label_of(house, visit(house, photo("warm", seed), "cold")).id, "cold")


def freeze(house):
    version = lineage.Version(ids.new_id(), APP, "0" * 64, None, {}, "0" * 64)
    house.db.write(lambda c: lineage.add_version(c, version))


def due(house):
    return house.db.write(lambda c: collect.retrain_due(c, APP, 2))


def test_the_next_count_after_a_training_asks_for_the_next_one(house):
    accept(house, range(2))
    first = due(house)
    freeze(house)
    accept(house, range(2, 4))  # while it runs
    assert due(house) == first, "one training at a time"
    end(house, first)
    second = due(house)
    assert second not in (None, first)
    freeze(house)
    end(house, second)
    assert due(house) is None, "nothing is new"


def test_an_undo_does_not_bring_an_old_job_back(house):
    accept(house, range(2))
    first = due(house)
    freeze(house)
    end(house, first)
    accept(house, range(2, 4))
    house.db.write(lambda c: reviews.undo(c, "owner", ids.now_ms()))
    assert due(house) is None
    accept(house, [5])
    assert due(house) not in (None, first)


def test_a_training_that_froze_nothing_is_not_asked_for_again_at_every_word(house):
    accept(house, range(2))
    first = due(house)
    end(house, first, "failed")
    accept(house, [2])
    assert due(house) is None
    accept(house, [3])
    assert due(house) not in (None, first)


def test_what_the_owner_asked_for_counts_as_under_way(house):
    accept(house, range(2))
    asked = jobs.Asked(ids.new_id(), "retrain", APP, {}, "owner")
    house.db.write(lambda c: jobs.ask(c, asked))
    assert due(house) == asked.id


def test_asking_reads_no_label_that_is_not_new(house):
    accept(house, range(3))
    freeze(house)
    accept(house, [7])

    def steps_of(c):
        seen = []
        c.connection.driver_connection.set_progress_handler(lambda: seen.append(1), 1)
        found = labels.new(c, APP)
        c.connection.driver_connection.set_progress_handler(None, 1)
        return found, len(seen)

    with house.db.read() as c:
        found, few = steps_of(c)
    row = {"app": APP, "source": "maker", "inputs": {"input": "x"}, "truth": {"label": "warm"}, "near": bytes(8)}
    many = [{**row, "id": ids.new_id(), "at": 1, "split": "train"} for _ in range(500)]
    house.db.write(lambda c: c.execute(tables.labels.insert(), many))
    with house.db.read() as c:
        again, steps = steps_of(c)
    assert (found, again) == (1, 1)
    assert steps <= few


def test_a_candidate_on_hold_is_judged_once_more_when_the_missing_rows_are_there(house):
    with house.db.read() as c:
        release = c.execute(tables.releases.select()).one().id

    def hold(c):
        version = lineage.Version(ids.new_id(), APP, "0" * 64, None, {}, "0" * 64)
        lineage.add_version(c, version)
        numbers = {"again_at": {"gold_live": 1}}
        lineage.add_verdict(c, lineage.Judged(ids.new_id(), APP, release, None, version.id, "hold", [], numbers))

    house.db.write(hold)
    assert house.db.write(lambda c: collect.retrain_due(c, APP, 50)) is None
    review(house, label_of(house, visit(house, photo("warm", 2), "warm", held=True, before=True)).id, "warm")
    job = house.db.write(lambda c: collect.retrain_due(c, APP, 50))
    with house.db.read() as c:
        asked = jobs.get(c, job)
    assert (asked.kind, asked.args) == ("judge", {"release": release})
    assert house.db.write(lambda c: collect.retrain_due(c, APP, 50)) == job


def test_where_the_app_reviews_by_itself_a_word_is_weighed_when_it_is_said(house):
    row = visit(house, photo("warm", 1), "warm")
    review(house, label_of(house, visit(house, photo("warm", 1, side=80), "cold")).id, "cold")
    made = collect.Word(ids.new_id(), row.id, row.visitor, "two", "correct", "cold", {"label": "cold"}, rules=AUTO)
    house.db.write(lambda c: collect.say_word(c, made))
    assert label_of(house, row).is_accepted
    assert label_of(house, row).reviewed_by == collect.TRUST


def test_one_visitors_words_count_by_themselves_only_so_often_between_two_versions(house):
    visitor = ids.new_id()
    earned = {"probes": 16, "right": 16, "evidence": 9.0, "known": True, "at": ids.now_ms()}

    def word(seed):
        row = visit(house, photo("warm", seed), "cold", visitor=visitor)
        known = sa.update(tables.visitors).where(tables.visitors.c.id == visitor)
        house.db.write(lambda c: c.execute(known.values(standing={APP: earned})))
        return house.db.write(lambda c: collect.weigh(c, label_of(house, row).id, "auto", ids.now_ms())).state

    assert [word(seed) for seed in range(7)] == ["accepted"] * 5 + ["waiting"] * 2
    freeze(house)
    assert word(20) == "accepted", "a new version, a new measure"


def test_only_photos_within_six_bits_are_neighbours(house):
    row = label_of(house, visit(house, photo("warm", 1), "cold"))
    flipped = [int.from_bytes(row.near) ^ sum(1 << (bit * 11 % 64) for bit in range(n)) for n in (6, 7)]
    near, far = (key.to_bytes(8) for key in flipped)
    with house.db.read() as c:
        assert (row.near, "train") in labels.near_rows(c, APP, near)
        assert row.id in {one.id for one in labels.neighbours(c, APP, near)}
        assert collect.split_of(far, True, labels.near_rows(c, APP, far)) == "test"
        assert collect.split_of(near, True, labels.near_rows(c, APP, near)) == "set_aside"


def test_with_automatic_review_a_second_source_makes_a_word_count(house):
    mine = label_of(house, visit(house, photo("warm", 1), "cold"))
    alone = house.db.write(lambda c: collect.weigh(c, mine.id, "auto", ids.now_ms()))
    assert alone.state == "waiting"
    review(house, label_of(house, visit(house, photo("warm", 1, side=80), "cold")).id, "cold")
    decided = house.db.write(lambda c: collect.weigh(c, mine.id, "auto", ids.now_ms()))
    assert decided.state == "accepted"
    with house.db.read() as c:
        assert reviews.latest(c, mine.id).by == collect.TRUST
        assert labels.get(c, mine.id).is_accepted


def test_a_word_that_came_before_the_photo_is_weighed_when_the_photo_is_kept(house):
    review(house, label_of(house, visit(house, photo("warm", 1, side=80), "cold")).id, "cold")
    assert not label_of(house, visit(house, photo("warm", 1), "cold")).is_accepted
    assert label_of(house, visit(house, photo("warm", 1), "cold", rules=AUTO)).reviewed_by == collect.TRUST


def test_an_acceptance_by_word_sets_the_training_off(house):
    review(house, label_of(house, visit(house, photo("warm", 1, side=80), "cold")).id, "cold")
    visit(house, photo("warm", 1), "cold", rules=collect.Rules("auto", 3))
    with house.db.read() as c:
        assert jobs.waiting(c) == []
    visit(house, photo("warm", 1), "cold", rules=collect.Rules("auto", 3))
    with house.db.read() as c:
        assert [job.kind for job in jobs.waiting(c)] == ["retrain"]


def test_copies_of_one_photo_do_not_call_the_judge_again(house):
    with house.db.read() as c:
        release = tables.releases.c.id
        release = c.execute(tables.releases.select().with_only_columns(release)).scalar()

    def hold(c):
        version = lineage.Version(ids.new_id(), APP, "0" * 64, None, {}, "0" * 64)
        lineage.add_version(c, version)
        numbers = {"again_at": {"gold_live": 2}}
        lineage.add_verdict(c, lineage.Judged(ids.new_id(), APP, release, None, version.id, "hold", [], numbers))

    def due(seed, side):
        row = visit(house, photo("warm", seed, side=side), "warm", held=True, before=True)
        review(house, label_of(house, row).id, "warm")
        return house.db.write(lambda c: collect.retrain_due(c, APP, 50))

    house.db.write(hold)
    assert [due(1, side) for side in (64, 72, 80)] == [None, None, None]
    assert due(2, 64) is not None


def test_a_storm_of_one_photo_is_set_aside_and_the_owner_finds_and_decides_it(house):
    visitor = ids.new_id()
    rows = [visit(house, photo("warm", 1), "cold", visitor=visitor, rules=AUTO) for _ in range(9)]
    told = [label_of(house, row) for row in rows]
    assert [row.decision for row in told] == [None] * 5 + ["set_aside"] * 4
    with house.db.read() as c:
        (_, *_, first) = reviews.queue(c, APP, aside=True)
        assert reviews.aside(c, APP) == 4 and reviews.left(c, APP) == 5
    assert first.reason == "The same photo again: copies of it wait already, and one more teaches nothing."
    review(house, first.label, "warm")
    with house.db.read() as c:
        assert reviews.aside(c, APP) == 3 and labels.get(c, first.label).answer == {"label": "warm"}
    other = label_of(house, visit(house, photo("warm", 7), "cold", visitor=visitor, rules=AUTO))
    assert other.decision is None, "another photo of theirs is a word like any"


def test_a_storm_of_many_visitors_is_one_too(house):
    rows = [label_of(house, visit(house, photo("warm", 1), "cold", rules=AUTO)) for _ in range(22)]
    assert sum(row.decision == "set_aside" for row in rows) == 2


def test_who_floods_hides_nobody_from_the_owner(house):
    honest = [label_of(house, visit(house, photo("warm", seed), "cold")).id for seed in range(3)]
    loud = label_of(house, visit(house, photo("warm", 9), "cold"))
    made = {"at": 1, "form": "fp32", "arm": "full", "given": b"g", "held": False, "cached": False, "ms": 1.0}

    def flood(c):
        release = c.execute(tables.predictions.select()).first().release
        for n in range(600):
            row = {**made, "id": ids.new_id(), "app": APP, "release": release, "visitor": loud.visitor}
            c.execute(tables.predictions.insert(), row)
            label = {"at": 1, "app": APP, "source": "visitor", "inputs": {"input": n}, "truth": {"label": "cold"}}
            more = {"consent": loud.consent, "visitor": loud.visitor, "near": ids.new_id()[-8:], "split": "train"}
            labels.add(c, {**label, **more, "prediction": row["id"]})

    house.db.write(flood)
    with house.db.read() as c:
        found = reviews.queue(c, APP)
    assert len(found) == 500 and {row.label for row in found} >= set(honest)
    first = [stack.rows[0].visitor for stack in order.stacks(found)][:5]
    assert first.count(loud.visitor) <= 2


def test_what_near_photos_cost_does_not_grow_with_a_storm(house):
    row = label_of(house, visit(house, photo("warm", 1), "cold"))
    copy = {"app": APP, "source": "maker", "inputs": {"input": "x"}, "truth": {"label": "warm"}, "near": row.near}
    many = [{**copy, "id": ids.new_id(), "at": 1, "split": "train"} for _ in range(900)]
    house.db.write(lambda c: c.execute(tables.labels.insert(), many))
    with house.db.read() as c:
        assert len(reviews.near_rows(c, APP, row.near)) == 200
