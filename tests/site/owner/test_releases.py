"""Releases and rollouts by hand: appended, waited for, told truly."""

import asyncio
import threading

import pytest

from teahouse import ids
from teahouse.site import owner_releases, reconcile
from teahouse.store import lineage, rollouts, tables
from teahouse.testing import APP, install_tiny

PATH = f"/api/owner/apps/{APP}/rollouts"


@pytest.fixture
def reconciled(quick):
    """The reconciler at work beside the site, in a thread of its own."""
    stop = threading.Event()

    async def work():
        reconciler = reconcile.Reconciler(quick.deps)
        task = asyncio.create_task(reconciler.run())
        while not stop.is_set():
            await asyncio.sleep(0.02)
        task.cancel()

    thread = threading.Thread(target=asyncio.run, args=(work(),))
    thread.start()
    yield quick
    stop.set()
    thread.join(10)


def second(site):
    """A second release beside the champion, installed and nowhere on."""
    release = install_tiny(site.house, note="the second", state="")
    return release


def put(owner, release, state="full", **more):
    return owner.post(PATH, json={"release": release, "state": state, **more})


def test_a_promotion_is_appended_and_returns_when_the_site_serves_it(reconciled, owner):
    release = second(reconciled)
    told = put(owner, release, why="looks good").json()
    assert told["served"] is True and "missing" not in told and told["by"] == "owner" and told["why"] == "looks good"
    assert reconciled.deps.serving.apps[APP].champion.release == release
    assert reconciled.ask().json()["release"] == release
    with reconciled.house.db.read() as c:
        assert [row.release for row in rollouts.history(c, APP)][0] == release and len(rollouts.history(c, APP)) == 2


def test_a_rollback_puts_the_champion_before_on(reconciled, owner):
    release, before = second(reconciled), reconciled.release
    put(owner, release)
    told = put(owner, release, "rolled_back", share=0).json()
    assert told["served"] and told["release"] == before and told["state"] == "full"
    assert reconciled.ask().json()["release"] == before
    steps = owner.get(PATH).json()["rollouts"]
    assert [(step["release"], step["state"]) for step in steps[:2]] == [(before, "full"), (release, "rolled_back")]


def test_the_only_champion_can_not_be_rolled_back(owner, quick):
    assert put(owner, quick.release, "rolled_back").status_code == 409


def test_a_canary_gets_its_share(reconciled, owner):
    release = second(reconciled)
    told = put(owner, release, "canary", share=500).json()
    assert told["served"] and told["share"] == 500
    (canary,) = reconciled.deps.serving.apps[APP].canaries
    assert canary.release == release and reconciled.deps.serving.apps[APP].champion.release == reconciled.release
    assert put(owner, release, "rolled_back").json()["served"]
    assert reconciled.deps.serving.apps[APP].canaries == ()


def test_a_release_that_does_not_load_is_told_at_once_and_the_champion_serves_on(reconciled, owner):
    release = second(reconciled)
    reconciled.engine.broken.add(release)
    told = put(owner, release).json()
    assert told["served"] is False and "could not be loaded" in told["missing"]
    assert reconciled.ask().json()["release"] == reconciled.release


def test_what_is_missing_is_told_when_patience_ends(quick, owner, monkeypatch):
    monkeypatch.setattr(owner_releases.wait_served, "__defaults__", (0.1,))
    release = second(quick)
    told = put(owner, release).json()
    assert told["served"] is False and release[:12] in told["missing"]


def test_nonsense_is_refused_and_nothing_is_appended(quick, owner):
    wrong = [
        ({"release": "0" * 64}, 404),
        ({"release": "../../secrets/house.key"}, 422),
        ({"state": "best"}, 422),
        ({"share": 10_001}, 422),
        ({"share": -1}, 422),
    ]
    for change, status in wrong:
        given = {"release": quick.release, "state": "full", "share": 10_000, **change}
        assert owner.post(PATH, json=given).status_code == status, change
    with quick.house.db.read() as c:
        assert len(rollouts.history(c, APP)) == 1


def test_a_release_of_another_app_or_in_quarantine_does_not_go_on(quick, owner):
    release = second(quick)
    aside = tables.releases.update().where(tables.releases.c.id == release).values(state="quarantined")
    quick.house.db.write(lambda c: c.execute(aside))
    assert put(owner, release).status_code == 409
    answer = owner.post("/api/owner/apps/other/rollouts", json={"release": quick.release, "state": "full"})
    assert answer.status_code == 404


def judge(site, release, outcome="hold", missing=12):
    """A dataset version and a verdict on a release."""
    version, at = ids.new_id(), ids.now_ms()
    counted = {"value": 0.9, "low": 0.8, "high": 0.95, "n": 60}
    numbers = {
        "gold": {"challenger_interval": counted, "champion_interval": {**counted, "value": 0.85}},
        "missing": missing,
        "again_at": {"gold_live": missing} if missing else {},
    }
    reasons = [{"code": "too-few-rows", "words": "There are 48 judged rows and a verdict takes 60.", "numbers": {}}]

    def write(c):
        lineage.add_version(c, version, APP, "d" * 64, None, {"rows": 9, "train": 7, "test": 2, "new": 3}, "b" * 64, at)
        lineage.add_verdict(c, ids.new_id(), APP, release, site.release, version, outcome, reasons, numbers, at)

    site.house.db.write(write)
    return version


def test_the_list_tells_champion_verdict_and_accuracy(quick, owner):
    release = second(quick)
    judge(quick, release)
    told = {one["number"]: one for one in owner.get(f"/api/owner/releases?app={APP}").json()["releases"]}
    assert told[1]["champion"] and told[1]["state"] == "full"
    assert told[2]["verdict"]["outcome"] == "hold" and told[2]["accuracy"]["value"] == 0.9
    assert not told[2]["champion"] and told[2]["verdict"]["reasons"][0]["words"].startswith("There are 48")
    whole = owner.get(f"/api/owner/releases/{release}").json()
    assert whole["manifest"]["note"] == "the second"
    assert owner.get("/api/owner/releases/nonsense").status_code == 404


def test_the_pages_show_a_release_its_reasons_and_what_can_be_done(quick, owner):
    release = second(quick)
    judge(quick, release)
    page = owner.get(f"/owner/releases/{release}", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "There are 48 judged rows" in page.text and "Promote release 2" in page.text and "Roll back" not in page.text
    assert owner.get("/owner/", headers={"Accept": "text/html"}).text.count("waits for 12 more judging photos") == 1


def test_what_the_owner_rolled_back_is_told_so_and_not_offered_anew(quick, owner, monkeypatch):
    monkeypatch.setattr(owner_releases.wait_served, "__defaults__", (0.0,))
    release = second(quick)
    judge(quick, release, "promote", 0)
    html = {"Accept": "text/html"}
    assert "promote it on its page" in owner.get("/owner/", headers=html).text
    put(owner, release)
    put(owner, release, "rolled_back", share=0)
    today, page = (owner.get(f"/owner/{path}", headers=html).text for path in ("", f"releases/{release}"))
    assert "Release 2 was rolled back by you, <time" in today and "promote it on its page" not in today
    assert "rolled back by you, <time" in page and "You have rolled it back." in page
    told = {one["number"]: one for one in owner.get(f"/api/owner/releases?app={APP}").json()["releases"]}
    assert told[2]["rolled_back"] and "rolled_back" not in told[1]
    put(owner, release)
    assert "rolled back by you, <time" not in owner.get(f"/owner/releases/{release}", headers=html).text


def test_a_release_that_came_with_its_own_report_is_told_so(quick, owner):
    def page():
        return owner.get(f"/owner/releases/{quick.release}", headers={"Accept": "text/html"}).text

    assert "Nobody has judged this release yet." in page()
    manifest = owner.get(f"/api/owner/releases/{quick.release}").json()["manifest"]
    manifest["metrics"] = {"accuracy": {"value": 0.97, "low": 0.95, "high": 0.98, "n": 596}}
    came = tables.releases.update().values(manifest=manifest)
    quick.house.db.write(lambda c: c.execute(came))
    assert "It came with a report of its own" in page() and "Nobody has judged this release yet." not in page()


def test_the_champion_becomes_no_canary_and_no_shadow_of_itself(quick, owner):
    for state in ("canary", "shadow"):
        assert put(owner, quick.release, state, share=500).status_code == 409
    with quick.house.db.read() as c:
        assert rollouts.champion(c, APP).release == quick.release


@pytest.mark.parametrize("path", ["releases", "labels", "versions", "runs", "predictions", f"apps/{APP}/rollouts"])
def test_a_page_before_a_number_that_no_row_has_is_refused(owner, path):
    assert owner.get(f"/api/owner/{path}?before={10**22}").status_code == 422
    assert owner.get(f"/api/owner/erasures?after={10**22}").status_code == 422
    assert owner.get("/owner/labels?before=²", headers={"Accept": "text/html"}).status_code in (200, 404)


def test_half_a_character_can_not_be_written_down(owner):
    for body in (b'{"kind": "export", "args": {"a": "\\ud800"}}', b'{"kind": "export", "args": {"a": NaN}}'):
        asked = owner.post("/api/owner/jobs", content=body, headers={"Content-Type": "application/json"})
        assert asked.status_code == 422, asked.text
    half = b'{"label": "x", "decision": "accept", "truth": {"label": "\\ud800"}}'
    asked = owner.post("/api/owner/reviews", content=half, headers={"Content-Type": "application/json"})
    assert asked.status_code == 422
