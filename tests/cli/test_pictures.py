"""Pictures in the terminal: how many visitors preferred a release, and a training that waits for their choices."""

import json

import click
import pytest

from teahouse import ids
from teahouse.cli import follow, train
from teahouse.store import feedback, rollouts, rows, tables
from teahouse.store.house import House
from teahouse.testing import NAMES, install_tiny

APP = NAMES["seed"]


@pytest.fixture
def project(teahouse, here, monkeypatch):
    """A project whose app has a champion and a challenger that visitors compare; the house's folder."""
    assert teahouse("new", APP).status == 0
    monkeypatch.chdir(here / APP)
    with House.open(here / APP / ".teahouse") as house:
        one = install_tiny(house, kind="seed")
        other = install_tiny(house, note="two", state="shadow", kind="seed")
        house.db.write(lambda c: [choose(c, other, one) for _ in range(7)] + [choose(c, one, other) for _ in range(2)])
    return here / APP / ".teahouse"


def choose(c, winner, loser):
    """Somebody likes a picture of one release better than one of the other."""
    made = [ids.new_id(), ids.new_id()]
    for id_, release in zip(made, (winner, loser), strict=True):
        row = {"at": 1, "id": id_, "app": APP, "release": release, "form": "fp32", "arm": "pool", "given": b"g",
               "seed": 1, "output": {}, "held": False, "cached": False, "ms": 1.0}  # fmt: skip
        rows.add(c, tables.predictions, row)
    feedback.say(c, ids.new_id(), made[0], ids.new_id(), "once", "choose", True, 1, made[1])


def test_releases_tell_how_many_preferred_a_challenger(teahouse, project):
    (new, old) = json.loads(teahouse("releases", "--json").out)
    assert (new["choices"]["preferred"], new["choices"]["n"], old["choices"]) == (7, 9, None)
    assert "7 of 9 preferred it" in teahouse("releases").words


@pytest.mark.parametrize(("beside", "status"), [(True, 0), (False, 1)])
def test_a_training_that_waits_for_choices_has_done_its_work(project, capsys, beside, status):
    with House.open(project) as house:
        with house.db.read() as c:
            (release,) = [row.release for row in rollouts.wanted(c) if row.state == "shadow"]
        reason = {"code": "too-few-choices", "words": "It waits for choices."}
        detail = {"outcome": "hold", "release": release, "reasons": [reason], "beside": beside, "promoted": False}
        ended = 0
        try:
            train.tell(house, APP, follow.Ending("done", detail, {}), as_json=False)
        except click.exceptions.Exit as left:
            ended = left.exit_code
    said = capsys.readouterr().out
    assert ended == status and "It waits for choices." in said
    assert ("Shown beside the champion: release 2" in said) == beside
