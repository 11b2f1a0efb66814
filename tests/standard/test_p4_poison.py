"""P4, a sample of `benchmarks/poison.py`: hostile visitors at ten times the volume against the product's own loop."""

import importlib
from pathlib import Path

import pytest

from teahouse.loop import judging

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def poison(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    found = importlib.import_module("poison")
    monkeypatch.setattr(judging, "Bench", found.Nearby)
    return found


@pytest.mark.standard
@pytest.mark.slow
@pytest.mark.parametrize("attack", ["shift", "targeted"])
def test_p4_one_in_ten_visitors_lies_and_the_champion_is_never_worse(poison, attack):
    done = poison.cell(10, attack, 0, rounds=3)
    assert not any(one["harmful"] for one in done["rounds"])
    assert min(one["accuracy"] for one in done["rounds"]) >= done["start"] - 1
    if attack == "shift":
        assert any(one["promoted"] for one in done["rounds"]), "the loop is not deaf"
        assert done["rounds"][-1]["hostile_rows"] == 0, "who fails the probes teaches nothing"
        assert done["open"][-1] < done["start"] - 5, "taught without a gate it is ruined"
