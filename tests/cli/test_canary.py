"""The terminal follows a release on its way to visitors, step by step."""

import pytest

from teahouse.cli import canary, story
from teahouse.errors import TrainingFailed
from teahouse.store import rollouts
from teahouse.testing import APP, install_tiny, open_house


@pytest.fixture
def house(tmp_path):
    with open_house(tmp_path / "data") as house:
        install_tiny(house)
        yield house


def test_each_step_is_told_once_and_the_last_one_ends_it(house):
    new = install_tiny(house, note="new", state="shadow")
    coming, told = [("canary", 2500), ("full", 10_000)], []

    def visitors():
        if len(told) + len(coming) == 3 and coming:
            state, share = coming.pop(0)
            step = rollouts.Step(APP, new, state, share, "loop", f"now {state}")
            house.db.write(lambda c: rollouts.append(c, step))

    ended = canary.follow(house, APP, new, lambda step: told.append(step.state), visitors)
    assert told == ["shadow", "canary", "full"] and ended.why == "now full"


def test_what_a_guard_takes_off_ends_it_too_and_the_demo_says_why(house):
    new = install_tiny(house, note="new", state="canary")
    step = rollouts.Step(APP, new, "rolled_back", 0, "guard", "It errs.")
    ended = canary.follow(
        house, APP, new, lambda step: None, lambda: house.db.write(lambda c: rollouts.append(c, step))
    )
    assert ended.state == "rolled_back" and "taken off again" in story.step_line(ended)
    assert "It errs." in story.step_line(ended)
    shown = story.step_line(rollouts.Step(APP, new, "canary", 2500, why="Now one visitor in 4 gets it."))
    assert "One visitor in 4 gets the new one" in shown


def test_where_nothing_moves_it_that_is_said(house, monkeypatch):
    new = install_tiny(house, note="new", state="shadow")
    monkeypatch.setattr(canary, "PATIENCE_S", 0.3)
    with pytest.raises(TrainingFailed):
        canary.follow(house, APP, new, lambda step: None)
