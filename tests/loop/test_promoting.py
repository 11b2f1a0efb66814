"""The last step of the circle: a verdict of promote begins a rollout, and where it does not, says why."""

from types import SimpleNamespace

import pytest

from teahouse import ids, settings
from teahouse.loop import steps
from teahouse.store import lineage, rollouts
from teahouse.testing import APP, install_tiny, open_house


@pytest.fixture
def house(tmp_path):
    with open_house(tmp_path / "data") as house:
        yield house


@pytest.fixture
def old(house):
    """The champion."""
    return install_tiny(house)


def judged(house, candidate, champion, outcome="promote", **more):
    """The step after this verdict, as often as it is called; its settings by name."""
    id_, version = ids.new_id(), lineage.Version(ids.new_id(), APP, "0" * 64, None, {}, "0" * 64)

    def write(c):
        lineage.add_version(c, version)
        lineage.add_verdict(c, lineage.Judged(id_, APP, candidate, champion, version.id, outcome, [], {}))

    house.db.write(write)
    told = {"release": candidate, "champion": champion, "outcome": outcome, "words": "so it is", **more}
    so_far = {"judge": {**told, "verdict": ids.text(id_)}}
    job = SimpleNamespace(app=APP)
    return lambda **loop: steps.promote(house, settings.Settings(loop=loop), job, so_far)


def stands(house, release):
    with house.db.read() as c:
        step = rollouts.latest(c, APP, release)
        return (step.state, step.by) if step is not None else None


def put(house, release, state, by="owner", **more):
    house.db.write(lambda c: rollouts.append(c, rollouts.Step(APP, release, state, by=by, **more)))


def test_a_better_release_is_tried_in_the_shadow_and_what_it_is_counted_from_stands_in_its_step(house, old):
    new = install_tiny(house, note="new", state="")
    promote = judged(house, new, old)
    told = promote()
    assert (told["promoted"], told["rolling"]) == (False, True) and "shadow first" in told["why"]
    assert stands(house, new) == ("shadow", "loop")
    assert promote()["rolling"] is True, "done twice"
    with house.db.read() as c:
        steps_ = [row for row in rollouts.history(c, APP) if row.release == new]
    assert len(steps_) == 1 and steps_[0].numbers["champion"] == old and steps_[0].why == "so it is"


def test_the_first_release_and_a_share_of_nothing_answer_everybody_at_once(house, old):
    first = install_tiny(house, note="new", state="")
    assert judged(house, first, old)(canary_share=0) == {"promoted": True}
    assert stands(house, first) == ("full", "loop")


def test_the_first_release_of_an_app_answers_everybody_at_once(house):
    first = install_tiny(house, state="")
    assert judged(house, first, None)() == {"promoted": True}
    assert stands(house, first) == ("full", "loop")


def test_who_wants_to_be_asked_is_asked_at_the_end_and_where_there_is_no_canary_before(house, old):
    new = install_tiny(house, note="new", state="")
    promote = judged(house, new, old)
    told = promote(promote="ask", canary_share=0)
    assert told["promoted"] is False and "asked first" in told["why"] and stands(house, new) is None
    assert promote(promote="ask")["rolling"] is True


@pytest.mark.parametrize(("by", "words"), [("owner", "you have rolled it back"), ("guard", "when visitors met it")])
def test_what_was_taken_off_never_comes_back_by_itself(house, old, by, words):
    new = install_tiny(house, note="new", state="")
    put(house, new, "rolled_back", by)
    told = judged(house, new, old)()
    assert told["promoted"] is False and words in told["why"] and stands(house, new) == ("rolled_back", by)
    put(house, new, "full", "owner")
    put(house, old, "full", "owner")
    assert judged(house, new, old)()["rolling"] is True, "the owner's promote ended the mark"


def test_nothing_starts_beside_a_pinned_champion(house, old):
    new = install_tiny(house, note="new", state="")
    put(house, old, "full", pinned=True)
    assert "pinned" in judged(house, new, old)()["why"] and stands(house, new) is None


def test_a_newer_one_takes_the_place_of_one_on_its_way_and_leaves_the_owners_alone(house, old):
    one, two, mine = (install_tiny(house, note=note, state="") for note in ("one", "two", "mine"))
    judged(house, one, old)()
    put(house, mine, "canary", "owner", share=500)
    judged(house, two, old)()
    assert (stands(house, one), stands(house, two)) == (("rolled_back", "loop"), ("shadow", "loop"))
    assert stands(house, mine) == ("canary", "owner")


def test_a_later_verdict_that_refuses_it_ends_its_way(house, old):
    new = install_tiny(house, note="new", state="")
    judged(house, new, old)()
    judged(house, new, old, "reject")()
    assert stands(house, new) == ("rolled_back", "loop")


def test_one_that_waits_for_choices_does_not_push_away_one_on_its_way(house, old):
    moving, waiting = install_tiny(house, note="one", state=""), install_tiny(house, note="two", state="")
    judged(house, moving, old)()
    assert judged(house, waiting, old, "hold", by_choices=True)()["beside"] is True
    assert stands(house, moving) == ("shadow", "loop") and stands(house, waiting) == ("shadow", "loop")
