"""Judging: copies are one row, a fault costs its row, a release that can not start is no reason to stop."""

from types import SimpleNamespace

import pytest
from tests.loop.circle import APP, review, visit

from teahouse import ids, settings
from teahouse.engine.port import Answer
from teahouse.errors import ReleaseBroken
from teahouse.feedback import judges
from teahouse.loop import judging, maker, steps
from teahouse.release.evaluate import Row
from teahouse.spec import media
from teahouse.store import labels, lineage, rollouts
from teahouse.testing import install_tiny, open_house, photo


@pytest.fixture
def house(tmp_path):
    with open_house(tmp_path / "data") as house:
        yield house


@pytest.fixture
def two(house):
    """(champion, challenger) of the tiny app."""
    old, new = install_tiny(house), install_tiny(house, note="another", state="shadow")
    house.db.write(lambda c: rollouts.append(c, APP, old, "full", by="owner", why="", at=ids.now_ms()))
    return old, new


def bench_of(broken=(), faults=(), gone=None):
    """A bench whose releases always say warm; `broken` ones do not start, a photo in `faults` is not answered."""

    class Bench:
        def __init__(self, folder):
            if folder.name in broken:
                raise ReleaseBroken("It does not start.")

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def answer(self, given):
            if given["input"] in faults:
                raise ReleaseBroken("The model stopped on this input.")
            if gone:
                gone()
            return Answer({"label": "warm", "scores": {"warm": 1.0}}, (), "fp32", {"infer": 1.0}, 1, None)

    return Bench


def case(house, candidate, champion, original=None):
    blobs = [house.blobs.put(data) for data in (b"one", b"two", b"three")]
    rows = [Row(blob, {"input": {"blob": blob}}, {"label": "warm"}, "gold", "maker") for blob in blobs]
    told = tuple(("base", row) for row in rows)
    return judging.Case(candidate, champion, original, told, None, b"v" * 16, 0, ()), blobs


def gold(house, monkeypatch, case, bench):
    monkeypatch.setattr(judging, "Bench", bench)
    verdict, _ = judging.hear(house, settings.Settings(), case)
    return verdict.numbers["gold"]


def test_a_champion_that_can_not_start_is_right_about_nothing(house, two, monkeypatch):
    old, new = two
    found = gold(house, monkeypatch, case(house, new, old)[0], bench_of(broken={old}))
    assert (found["n"], found["champion"], found["challenger"]) == (3, 0, 3)


def test_a_first_champion_that_can_not_start_is_left_out(house, two, monkeypatch):
    old, new = two
    found = gold(house, monkeypatch, case(house, new, old, "0" * 64)[0], bench_of(broken={"0" * 64}))
    assert (found["champion"], found["challenger"]) == (3, 3)


def test_a_fault_on_one_photo_is_one_wrong_answer(house, two, monkeypatch):
    old, new = two
    found = gold(house, monkeypatch, case(house, new, old)[0], bench_of(faults={b"two"}))
    assert (found["n"], found["challenger"]) == (3, 2)


def test_a_challenger_that_can_not_start_is_rejected(house, two, monkeypatch):
    old, new = two
    monkeypatch.setattr(judging, "Bench", bench_of(broken={new}))
    verdict, report = judging.hear(house, settings.Settings(), case(house, new, old)[0])
    assert (verdict.outcome, verdict.reasons[0].code, report) == ("reject", "check-failed", {})


def test_a_photo_that_is_erased_while_the_judge_works_counts_for_nobody(house, two, monkeypatch):
    old, new = two
    before, blobs = case(house, new, old, "0" * 64)
    found = gold(house, monkeypatch, before, bench_of(gone=lambda: house.blobs.delete(blobs[2])))
    assert (found["n"], found["champion"], found["challenger"]) == (2, 2, 2)


def accepted(house, **how):
    row = visit(house, said="warm", held=True, before=True, **how)
    with house.db.read() as c:
        label = labels.of_prediction(c, row.id)
    review(house, label.id, "warm")


def test_sixty_copies_of_one_photo_are_one_row_and_one_visitor_gives_few(house, two):
    visitor = ids.new_id()
    for side in range(64, 76):
        accepted(house, data=photo("warm", 1, side=side), visitor=visitor)
    for seed in range(2, 12):
        accepted(house, data=photo("warm", seed), visitor=visitor)
    accepted(house, data=photo("warm", 20))
    with house.db.read() as c:
        found = labels.of_app(c, APP)
        told, raw = judges.counts(c, APP), labels.gold(c, APP)
    rows = judging.rows_of(found)
    assert [source for source, _ in rows] == ["live"] * 6, "five of the busy visitor, one of the other"
    assert (told["gold_live"], raw["gold_live"]) == (6, 23), "what is told is what the judge counts"


def verdict_on(house, candidate, champion):
    id_ = ids.new_id()
    version = lineage.Version(ids.new_id(), APP, "0" * 64, None, {}, "0" * 64)

    def write(c):
        lineage.add_version(c, version)
        lineage.add_verdict(c, lineage.Judged(id_, APP, candidate, champion, version.id, "promote", [], {}))

    house.db.write(write)
    judged = {"release": candidate, "champion": champion, "outcome": "promote", "words": "", "verdict": ids.text(id_)}
    job = SimpleNamespace(app=APP)
    at_once = settings.Settings(loop={"canary_share": 0})
    return lambda: steps.promote(house, at_once, job, {"judge": judged})


def champion(house):
    with house.db.read() as c:
        return rollouts.champion(c, APP).release


def test_what_the_owner_put_on_while_the_judge_worked_stays_on(house, two):
    old, new = two
    third = install_tiny(house, note="a third")
    told = verdict_on(house, new, old)()
    assert (told["promoted"], champion(house)) == (False, third)
    assert "changed meanwhile" in told["why"]


def test_a_promotion_that_was_taken_back_is_not_carried_out_again(house, two):
    old, new = two
    promote = verdict_on(house, new, old)
    assert promote() == {"promoted": True} and champion(house) == new
    house.db.write(lambda c: rollouts.append(c, APP, new, "rolled_back", by="owner", why="", at=ids.now_ms()))
    assert champion(house) == old
    assert promote() == {"promoted": True} and champion(house) == old


def test_a_release_that_the_owner_rolled_back_is_put_on_again_by_the_owner_alone(house, two):
    old, new = two
    assert verdict_on(house, new, old)() == {"promoted": True}
    house.db.write(lambda c: rollouts.append(c, APP, new, "rolled_back", by="owner", why="", at=ids.now_ms()))
    told = verdict_on(house, new, old)()
    assert (told["promoted"], champion(house)) == (False, old) and "you have rolled it back" in told["why"]


def test_a_makers_photo_that_looks_like_a_judging_visitors_never_trains(house, two, tmp_path):
    accepted(house, data=photo("warm", 1))
    cleaned = media.clean(photo("warm", 1, side=80))
    blob = house.blobs.put(cleaned.data)
    (tmp_path / blob).write_bytes(cleaned.data)
    row = {"blob": blob, "origin": "o", "near": cleaned.near.hex(), "truth": {"label": "warm"}}
    told = maker._mirror(house, APP, "input", [], [row], tmp_path)
    assert told["drawn"] == {"train": 0, "validation": 0, "gold": 1, "set_aside": 0}


def test_a_number_that_is_none_is_kept_as_nothing(house, two):
    run, version = ids.new_id(), lineage.Version(ids.new_id(), APP, "0" * 64, None, {}, "0" * 64)

    def write(c):
        lineage.add_version(c, version)
        lineage.add_run(c, lineage.Run(run, APP, version.id, "train", "0" * 64))

    house.db.write(write)
    steps._keep_events(house, None, run)({"name": "log", "numbers": {"loss": float("nan"), "at": 1.0}, "t": 1.0})
    with house.db.read() as c:
        assert [event.numbers for event in lineage.run_events(c, run)] == [{"loss": None, "at": 1.0}]
