"""How busy the house is, as its owner sees it."""

import re

from teahouse.engine.port import EngineState
from teahouse.errors import QueueFull
from teahouse.site import owner_load


def test_a_house_that_nobody_asked_says_so(owner):
    told = owner.get("/api/owner/load").json()
    assert told["words"]["rate"] == "0.0" and told["words"]["waiting-note"] == "nobody waits"
    assert told["words"]["whole-note"] == "nothing yet" and not any(told["answered"])
    assert "How busy the house is" in owner.get("/owner/load").text


def test_answers_and_refusals_are_counted_and_their_steps_timed(owner, quick, monkeypatch):
    for seed in range(3):
        assert quick.ask(seed=seed).status_code == 201

    async def full(*_args):
        raise QueueFull("Full.", place=9, wait=3.0, retry_after=3)

    monkeypatch.setattr(quick.engine, "predict", full)
    assert quick.ask(seed=9).status_code == 503
    told = owner.get("/api/owner/load").json()
    assert told["counts"] == {"answered": 3, "shed": 1}
    assert told["ms"]["infer"] > 0 and told["ms"]["commit"] > 0 and max(told["bars"].values()) == 1
    assert "Each was worked out by itself." in told["words"]["batch"]
    assert re.search(r'data-told="infer-middle">[\d.]+ ms<', owner.get("/owner/load").text)


def test_who_waits_is_told_with_the_time_that_it_takes(owner, quick, monkeypatch):
    monkeypatch.setattr(quick.engine, "state", lambda: EngineState(queue=1200, wait=4.25, memory=90_000_000))
    told = owner.get("/api/owner/load").json()
    words = told["words"]
    assert (words["waiting"], words["waiting-note"]) == ("1,200", "about 4.2 s")
    assert told["memory"] > 90_000_000 and words["memory"] == owner_load.megabytes(told["memory"])


def test_words_are_those_of_people():
    assert [owner_load.milliseconds(value) for value in (0.42, 38.4, 1240)] == ["0.4 ms", "38 ms", "1.2 s"]
    assert owner_load.batches([1, 1, 1, 4]) == "75% were worked out one by one, the others with up to 4 at a time."
