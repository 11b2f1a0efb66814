"""Replay: a candidate answers earlier photos of visitors; what was taken back is not shown to it, and goes with it."""

from types import SimpleNamespace

import pytest
from tests.loop.circle import APP, visit, withdraw

from teahouse import ids, settings
from teahouse.engine.port import Answer
from teahouse.errors import NothingToDo, WorkerDied
from teahouse.feedback import erase
from teahouse.loop import judging, replay, steps
from teahouse.store import jobs, labels, lineage, predictions, replays, reviews, rollouts
from teahouse.testing import install_tiny, open_house, photo


@pytest.fixture
def house(tmp_path):
    with open_house(tmp_path / "data") as house:
        yield house


@pytest.fixture
def two(house):
    """(champion, challenger) of the tiny app."""
    old, new = install_tiny(house), install_tiny(house, note="another", state="")
    return old, new


class Bench:
    """Says cold of everything; dies after `lives` answers."""

    lives = 10**6
    asked = 0

    def __init__(self, folder):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def answer(self, given):
        if Bench.asked >= Bench.lives:
            raise WorkerDied("The machine is full.")
        Bench.asked += 1
        return Answer({"label": "cold", "scores": {"cold": 0.9, "warm": 0.1}}, (), "fp32", {"infer": 1.0}, 1)


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.setattr(replay, "Bench", Bench)
    monkeypatch.setattr(Bench, "asked", 0)
    monkeypatch.setattr(Bench, "lives", 10**6)
    return Bench


def job(release, id_=None):
    return SimpleNamespace(id=id_ or ids.new_id(), app=APP, kind="replay", args={"release": release}, by="loop")


def told(house, release):
    with house.db.read() as c:
        return replays.of_release(c, release)


def test_earlier_photos_are_answered_once_beside_what_was_said_then(house, two, bench):
    rows = [visit(house, photo("warm", seed), "warm") for seed in range(3)]
    visit(house, photo("warm", 9), "warm", purposes=("keep",))
    asked = job(two[1])
    assert replay.replay(house, settings.Settings(), asked, {}) == {"photos": 3, "otherwise": 3}
    assert replay.replay(house, settings.Settings(), asked, {}) == {"photos": 3, "otherwise": 3}
    assert bench.asked == 3, "what is answered is not asked again, and who said nothing of training is left out"
    assert {one.prediction for one in told(house, two[1])} == {row.id for row in rows}
    assert all((one.before["label"], one.now["label"]) == ("warm", "cold") for one in told(house, two[1]))
    with house.db.read() as c:
        (shadow,) = predictions.shadows(c, rows[0].id)
        made = predictions.get(c, shadow)
        assert (made.arm, made.release, made.visitor, made.network, made.held) == ("replay", two[1], None, None, False)
        assert predictions.of_visitor(c, rows[0].visitor, 10)[0].id == rows[0].id
        assert {row.id for row in predictions.page(c, APP)} >= {row.id for row in rows}
        assert all(row.arm != "replay" for row in predictions.page(c, APP)), "the owner's list tells what was asked"


def test_a_replay_that_is_cut_off_goes_on(house, two, bench, monkeypatch):
    for seed in range(30):
        visit(house, photo("warm", seed), "warm")
    monkeypatch.setattr(bench, "lives", 25)
    asked = job(two[1])
    with pytest.raises(WorkerDied):
        replay.replay(house, settings.Settings(), asked, {})
    assert len(told(house, two[1])) == 20, "those that were written down"
    monkeypatch.setattr(bench, "lives", 10**6)
    assert replay.replay(house, settings.Settings(), asked, {})["photos"] == 30
    assert bench.asked == 35


def test_what_was_taken_back_is_shown_to_no_candidate_and_goes_with_its_photo(house, two, bench):
    kept, gone, ended = (visit(house, photo("warm", seed), "warm") for seed in range(3))
    withdraw(house, ended.id)
    replay.replay(house, settings.Settings(), job(two[1]), {})
    assert {one.prediction for one in told(house, two[1])} == {kept.id, gone.id}
    house.db.write(lambda c: erase.forget_prediction(c, house, gone.id, "visitor"))
    assert {one.prediction for one in told(house, two[1])} == {kept.id}
    with house.db.read() as c:
        assert predictions.shadows(c, gone.id) == [], "nothing of it is left"


def test_a_photo_that_is_taken_back_while_it_is_answered_leaves_nothing(house, two, bench):
    row = visit(house, photo("warm", 1), "warm")
    late = replays.Told(ids.new_id(), row.id, two[1], "fp32", {"label": "cold"}, 1.0)
    house.db.write(lambda c: erase.forget_prediction(c, house, row.id, "visitor"))
    assert house.db.write(lambda c: replays.add(c, late)) is False
    assert told(house, two[1]) == []


def test_a_verdict_that_does_not_refuse_asks_for_a_replay(house, two):
    version = lineage.Version(ids.new_id(), APP, "0" * 64, None, {}, "0" * 64)
    house.db.write(lambda c: lineage.add_version(c, version))
    for outcome, asks in (("reject", 0), ("hold", 1), ("promote", 2)):
        made = lineage.Judged(ids.new_id(), APP, two[1], two[0], version.id, outcome, [], {})
        house.db.write(lambda c, made=made: judging._write(c, made))
        with house.db.read() as c:
            assert len(jobs.unfinished(c, "replay", APP)) == asks
    first = lineage.Judged(ids.new_id(), APP, two[1], None, version.id, "promote", [], {})
    house.db.write(lambda c: judging._write(c, first))
    with house.db.read() as c:
        assert len(jobs.unfinished(c, "replay", APP)) == 2, "the first release has nobody beside it"


def test_the_loop_carries_a_replay_out_with_the_real_worker(house, two):
    for seed in range(2):
        visit(house, photo("cold", seed), "cold")
    id_ = ids.new_id()
    house.db.write(lambda c: jobs.ask(c, jobs.Asked(id_, "replay", APP, {"release": two[1]})))
    with house.db.read() as c:
        row = jobs.get(c, id_)
    assert steps.execute(house, settings.Settings(), row) == "done"
    with house.db.read() as c:
        assert jobs.get(c, id_).detail == {"photos": 2, "otherwise": 2}, "the tiny release knows cold from warm"


def test_what_it_says_otherwise_is_known_to_the_review_but_for_what_judges(house, two, bench):
    trains = visit(house, photo("warm", 1), "warm")
    visit(house, photo("warm", 2), "warm", held=True, before=True)
    replay.replay(house, settings.Settings(), job(two[1]), {})
    with house.db.read() as c:
        queue = reviews.queue(c, APP)
    said = {row.prediction: row.other for row in queue}
    assert len(said) == 2 and [other and other["label"] for other in said.values()].count("cold") == 1
    assert said[trains.id]["label"] == "cold"


def test_a_release_that_is_not_here_is_no_work(house, two):
    with pytest.raises(NothingToDo):
        replay.replay(house, settings.Settings(), job("0" * 64), {})
    with house.db.read() as c:
        assert rollouts.champion(c, APP).release == two[0] and labels.of_app(c, APP) == []
