"""What the owner's pages say of a release that is on its way, was taken off by itself, or is pinned."""

import html
import re

import pytest

from teahouse import ids, settings
from teahouse.site import owner_releases
from teahouse.store import lineage, rollouts, tables
from teahouse.testing import APP, install_tiny

PATH = f"/api/owner/apps/{APP}/rollouts"


@pytest.fixture
def challenger(quick, monkeypatch):
    """A second release that a verdict lets through. Nothing is loaded here, so nobody waits for it."""
    monkeypatch.setattr(owner_releases, "wait_served", lambda *given: "")
    release = install_tiny(quick.house, note="the second", state="")

    def write(c):
        version = {"at": 1, "id": ids.new_id(), "app": APP, "digest": "a" * 64, "counts": {}, "rows_blob": "b" * 64}
        c.execute(tables.dataset_versions.insert(), {**version, "reviewed": 0})
        why = [{"code": "gain", "words": "It is right more often."}]
        judged = lineage.Judged(ids.new_id(), APP, release, quick.release, version["id"], "promote", why, {})
        lineage.add_verdict(c, judged)
        return judged.id

    quick.verdict = quick.house.db.write(write)
    return release


def put(site, release, state, by="loop", share=0, why="", **more):
    def write(c):
        begun = rollouts.mark(c, APP, release, site.deps.clock())
        step = rollouts.Step(APP, release, state, share, by, why, site.verdict, numbers=begun, **more)
        return rollouts.append(c, step)

    return site.house.db.write(write)


def words(owner, path):
    text = owner.get(path).text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split()).replace("\u00a0", " ")


def told(owner, release):
    return owner.get(f"/api/owner/releases/{release}").json()["release"]


def test_a_release_on_its_way_says_how_far_it_is(quick, owner, challenger):
    put(quick, challenger, "shadow", why="It is right more often.")
    assert told(owner, challenger)["progress"].endswith("0 of 20 answers so far.")
    page = words(owner, f"/owner/releases/{challenger}")
    assert "On its way. It is tried in the shadow" in page and "Take it away" in page
    put(quick, challenger, "canary", share=500)
    assert "One visitor in 20 gets it" in words(owner, f"/owner/releases/{challenger}")
    today = words(owner, "/owner/")
    assert "release 2 is better; it is tried on one visitor in 20 since" in today.replace("Release 2", "release 2")
    assert "answers one visitor in 20, by the loop" in today


def test_what_a_guard_took_off_says_so_and_why(quick, owner, challenger):
    put(quick, challenger, "rolled_back", "guard", why="11 of 111 requests got no answer from it.")
    found = told(owner, challenger)
    assert found["rolled_back_by"] == "guard" and found["rolled_back_why"].startswith("11 of 111")
    page = words(owner, f"/owner/releases/{challenger}")
    assert "It was rolled back by itself" in page and "11 of 111 requests" in page
    assert "It does not come back unless you put it on." in page and "Try it on a few" in page
    assert "something went wrong with visitors" in words(owner, "/owner/")


def test_a_canary_by_hand_knows_where_its_counts_begin(quick, owner, challenger):
    assert owner.post(PATH, json={"release": challenger, "state": "canary", "share": 500}).status_code == 201
    with quick.house.db.read() as c:
        step = rollouts.latest(c, APP, challenger)
    assert (step.by, step.numbers["champion"], step.numbers["word"]) == ("owner", quick.release, 0)
    assert "You put it there" in told(owner, challenger)["progress"]


def test_the_few_who_try_it_are_as_many_as_the_house_is_set_to(quick, owner, challenger):
    assert '"share": 500' in html.unescape(owner.get(f"/owner/releases/{challenger}").text)
    quick.deps.settings = settings.Settings(loop=settings.Loop(canary_share=0.25))
    page = html.unescape(owner.get(f"/owner/releases/{challenger}").text)
    assert '"share": 2500' in page and "answer one visitor in 4?" in page


def test_the_champion_can_be_pinned_and_unpinned(quick, owner, challenger):
    assert "Pin it" in words(owner, f"/owner/releases/{quick.release}")
    owner.post(PATH, json={"release": quick.release, "state": "full", "pinned": True})
    assert "answers now, pinned" in words(owner, f"/owner/releases/{quick.release}")
    assert "Unpin it" in words(owner, f"/owner/releases/{quick.release}")
    owner.post(PATH, json={"release": quick.release, "state": "full", "pinned": False})
    assert told(owner, quick.release)["pinned"] is False
