"""`releases`, `promote`, `rollback`, `status`: in the own house, site or no site, and over HTTP with --site."""

import json

import pytest

from teahouse import ids, testing
from teahouse.cli import releases
from teahouse.desk.say import CheckFailed
from teahouse.store import apps, keys, rollouts, servings
from teahouse.store.house import House
from teahouse.testing import APP, install_tiny, whole_house


@pytest.fixture
def project(teahouse, here, monkeypatch):
    """A project whose app has two releases; the second is the champion."""
    assert teahouse("new", APP).status == 0
    monkeypatch.chdir(here / APP)
    with House.open(here / APP / ".teahouse") as house:
        return install_tiny(house), install_tiny(house, note="the second")


def champion(folder) -> str:
    with House.open(folder / ".teahouse") as house, house.db.read() as c:
        return rollouts.champion(c, APP).release


def test_releases_are_listed_newest_first_with_the_champion_marked(teahouse, project):
    found = json.loads(teahouse("releases", "--json").out)
    assert [(row["number"], row["champion"]) for row in found] == [(2, True), (1, False)]


def test_a_share_says_whose_photos_it_was_measured_on():
    share = {"value": 0.94, "low": 0.9, "high": 0.97, "n": 219}
    assert releases.accuracy_of({"accuracy": {**share, "whose": "visitors"}}).endswith("of 219 visitors'")
    assert releases.accuracy_of({"accuracy": share}).endswith("of 219 your own")


def test_promote_takes_a_number_or_the_beginning_of_an_id(teahouse, project, here):
    assert "Release 1 is on" in teahouse("promote", "1").words
    assert champion(here / APP) == project[0]
    assert teahouse("promote", project[1][:8]).status == 0
    assert champion(here / APP) == project[1]


def test_promote_of_what_is_not_there_is_wrong_use(teahouse, project):
    ended = teahouse("promote", "7")
    assert ended.status == 2 and "no release '7'" in ended.words


def test_rollback_puts_the_one_before_on_and_says_so_in_the_rollouts(teahouse, project, here):
    assert teahouse("rollback").status == 0
    assert champion(here / APP) == project[0]
    with House.open(here / APP / ".teahouse") as house, house.db.read() as c:
        assert [row.state for row in rollouts.history(c, APP)][:2] == ["full", "rolled_back"]


def test_rollback_with_nothing_before_is_refused(teahouse, project):
    teahouse("rollback")
    ended = teahouse("rollback")
    assert ended.status == 1 and "no champion before this one" in ended.words and "teahouse promote" in ended.words


def steps(folder):
    with House.open(folder / ".teahouse") as house, house.db.read() as c:
        return [(row.release, row.state, row.by, bool(row.pinned)) for row in rollouts.history(c, APP)]


def test_rollback_takes_what_is_on_its_way_to_visitors_away_first(teahouse, project, here):
    first, second = project
    with House.open(here / APP / ".teahouse") as house:
        house.db.write(lambda c: rollouts.append(c, rollouts.Step(APP, first, "canary", 500)))
    ended = teahouse("rollback")
    assert ended.status == 0 and "Release 1 was taken away from visitors; release 2 answers everybody" in ended.words
    assert champion(here / APP) == second and steps(here / APP)[0] == (first, "rolled_back", "owner", False)


def test_a_form_is_pinned_for_the_app_and_the_champions_pin_stays_as_it_is(teahouse, project, here):
    with House.open(here / APP / ".teahouse") as house:
        install_tiny(house, kind="twice")
    assert "Release 3 is always run as int8" in teahouse("pin", "--form", "int8").words
    assert steps(here / APP)[0][3] is False
    teahouse("pin")
    assert "run in whichever form is fastest" in teahouse("pin", "--form", "fastest").words
    assert steps(here / APP)[0][3] is True
    with House.open(here / APP / ".teahouse") as house, house.db.read() as c:
        assert rollouts.form(c, APP) == ""
        assert [row.form for row in rollouts.history(c, APP)][:3] == ["fastest", None, "int8"]


def test_a_form_that_the_site_could_not_start_is_told(project, here):
    with House.open(here / APP / ".teahouse") as house:
        release = install_tiny(house, kind="twice")

        def served(c, form, at):
            servings.append(c, servings.Serving("here", "web", APP, release, form, "ready", at))

        house.db.write(lambda c: [served(c, "int8", 1), served(c, "fp32", 2)])
        with house.db.read() as c:
            with pytest.raises(CheckFailed, match="pinned to int8, and runs as fp32"):
                releases.refuse_other_form(c, APP, release, "int8")
            releases.refuse_other_form(c, APP, release, "fp32")
            releases.refuse_other_form(c, APP, release, "fastest")


def test_a_form_that_the_champion_does_not_have_is_refused(teahouse, project):
    ended = teahouse("pin", "--form", "int8")
    assert ended.status == 1 and "Release 2 has no form int8" in ended.words and "It has fp32." in ended.words
    assert teahouse("pin", "--form", "fp32", "--off").status == 2
    assert teahouse("pin", "--form", "int4").status == 2


def test_pin_keeps_the_champion_and_off_lets_go(teahouse, project, here):
    first, second = project
    assert "Release 2 is pinned" in teahouse("pin").words
    assert steps(here / APP)[0] == (second, "full", "owner", True)
    assert "no longer pinned" in teahouse("pin", "--off").words
    assert steps(here / APP)[0] == (second, "full", "owner", False)


def test_status_tells_the_champion_and_what_waits(teahouse, project):
    found = json.loads(teahouse("status", "--json").out)
    assert found["running"] is None
    assert found["apps"][0]["champion"] == 2 and found["apps"][0]["waiting"] == 0
    assert found["apps"][0]["judging"] == {"visitors": 0, "maker": 0}


@pytest.mark.parametrize("columns", ["80", "50"])
def test_status_fits_into_a_terminal(teahouse, project, here, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    name, title = "a-name-as-long-as-this", "Is it green tea, or oolong, or [white] tea in a large cup from a garden?"
    with House.open(here / APP / ".teahouse") as house:
        declared = testing.tiny_declaration(name)
        house.db.write(lambda c: apps.declare(c, name, title, declared, "", ids.now_ms()))
    ended = teahouse("status")
    assert max(map(len, ended.out.splitlines())) <= int(columns)
    assert f"{APP} · Warm or cold? release 2 answers · 0 to review · 0 accepted" in ended.words
    assert "may judge: 0 of visitors' photos, 0 of yours" in ended.words
    assert f"{name} · {title} no release yet · 0 to review" in ended.words


def test_stop_without_a_site_is_wrong_use(teahouse, project):
    assert teahouse("stop").status == 2


@pytest.fixture
def elsewhere(here, monkeypatch):
    """A site elsewhere, with an owner and a key."""
    from teahouse.cli import remote
    from teahouse.store import owners

    with whole_house(here / "far") as site:
        key = "th_" + "k" * 40
        site.house.db.write(lambda c: owners.claim(c, "hash", ids.now_ms()))
        site.house.db.write(lambda c: keys.add(c, ids.new_id(), "owner", [], ids.sha256(key.encode()), at=ids.now_ms()))
        monkeypatch.setenv("TEAHOUSE_KEY", key)
        real = remote.Site
        monkeypatch.setattr(remote, "Site", lambda url: real(url, transport=site.client._transport))
        yield site


def test_status_of_a_site_elsewhere(teahouse, elsewhere):
    found = json.loads(teahouse("status", "--site", "http://127.0.0.1:8360", "--json").out)
    assert found["apps"][0]["app"] == APP and found["apps"][0]["champion"] == 1
    assert found["apps"][0]["judging"] == {"visitors": 0, "maker": 0} and found["apps"][0]["accepted"] == 0


def test_releases_of_a_site_elsewhere(teahouse, elsewhere):
    found = json.loads(teahouse("releases", "--site", "http://127.0.0.1:8360", "--json").out)
    assert [row["number"] for row in found] == [1]


def test_a_site_that_does_not_answer_is_status_3(teahouse, here, monkeypatch):
    monkeypatch.setenv("TEAHOUSE_KEY", "th_x")
    ended = teahouse("releases", APP, "--site", "http://127.0.0.1:9")
    assert ended.status == 3 and "does not answer" in ended.words


def test_a_site_elsewhere_wants_a_key(teahouse, here):
    ended = teahouse("status", "--site", "http://127.0.0.1:9")
    assert ended.status == 2 and "TEAHOUSE_KEY" in ended.words


@pytest.fixture
def two(elsewhere):
    """The site elsewhere with a second release, which is the champion; (first, second)."""
    import asyncio

    from teahouse.site import owner_releases, reconcile

    second = install_tiny(elsewhere.house, note="the second")
    asyncio.run(reconcile.once(elsewhere.deps))
    real = owner_releases.wait_served

    def wait(deps, app, wanted, mark, patience=30.0):
        asyncio.run(reconcile.once(deps))
        return real(deps, app, wanted, mark, patience)

    owner_releases.wait_served = wait
    yield elsewhere.release, second
    owner_releases.wait_served = real


def told(elsewhere):
    with elsewhere.house.db.read() as c:
        return [(row.release, row.state, bool(row.pinned)) for row in rollouts.history(c, APP)]


def test_rollback_and_pin_of_a_site_elsewhere(teahouse, elsewhere, two):
    first, second = two
    site = ("--site", "http://127.0.0.1:8360")
    assert "Release 2 is pinned" in teahouse("pin", *site).words
    assert told(elsewhere)[0] == (second, "full", True)
    assert teahouse("rollback", *site).status == 0
    assert told(elsewhere)[:2] == [(first, "full", False), (second, "rolled_back", False)]
    elsewhere.house.db.write(lambda c: rollouts.append(c, rollouts.Step(APP, second, "canary", 500)))
    assert "Release 2 was taken away" in teahouse("rollback", *site).words
    assert told(elsewhere)[0] == (second, "rolled_back", False)
