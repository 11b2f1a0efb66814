"""What the house tells its owner, in a real browser: every number is followed back and forth by clicks, the monitor
shows what the worker saw, and a rollback by a guard reaches the owner's own server."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from teahouse import datasets, ids, testing
from teahouse.store import apps, jobs, lineage, reviews, rollouts, tables
from teahouse.testing import APP, photo, tiny_declaration
from tests.journeys.conftest import add_release, printed_link
from tests.journeys.people import DESK, PATIENCE_MS, PHONE, Guest, guest, look
from tests.loop.test_notify import web_server
from tests.standard.houses import RealHouse, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PASSWORD = "six plain words would do here"
COMMIT = "4f1c22ab" * 5


@pytest.fixture(scope="module")
def hook():
    """The owner's own server, that is told."""
    with web_server() as server:
        yield server


@pytest.fixture(scope="module")
def told_house(tmp_path_factory, hook):
    """A standing site whose owner is told by webhook; its release learned from what a visitor gave."""
    with RealHouse(tmp_path_factory.mktemp("house")) as real:
        settings = real.root / "teahouse.toml"
        settings.write_text(f'{settings.read_text()}[notify]\nwebhook = "{hook.address}"\nlocal = true\n')
        real.prepare()
        with testing.open_house(real.data) as opened:
            other = add_release(opened, "another")
            declared = tiny_declaration(held=0.0)
            opened.db.write(lambda c: apps.declare(c, APP, "Warm or cold?", declared, "", ids.now_ms()))
        real.start()
        given = ask(real, photo("warm", 1), keep=True)
        with testing.open_house(real.data) as opened:
            story(opened, other)
        wait_until(lambda: ask(real, photo("cold", 2))["release"] == other, "the release that learned never answered")
        yield real, given, other
        real.stop()


def ask(real: RealHouse, body: bytes, keep: bool = False) -> dict[str, Any]:
    """A visitor's photo, and where it is kept the word that it is cold."""
    own = {"Origin": real.url, "Sec-Fetch-Site": "same-origin", "User-Agent": "Mozilla/5.0 (Linux; Android 15) Mobile"}
    with httpx.Client(base_url=real.url, headers=own, timeout=60) as visitor:
        sent = {"Content-Type": "image/jpeg"}
        told = visitor.post(f"/api/apps/{APP}/predictions", content=body, headers=sent).raise_for_status().json()
        at, receipt = f"/api/predictions/{told['id']}", {"X-Receipt": told["receipt"]}
        if keep:
            word = {"kind": "correct", "value": "cold"}
            visitor.post(f"{at}/feedback", json=word, headers=receipt).raise_for_status()
            yes = {**sent, **receipt, "X-Consent": "keep, train"}
            visitor.put(f"{at}/input", content=body, headers=yes).raise_for_status()
    return told


def story(house: Any, release: str) -> None:
    """The owner accepts the photo; a version holds it, a run of a commit learns from it, and its release is put on. A
    third release is taken off by a guard."""
    with house.db.read() as c:
        (label,) = reviews.queue(c, APP)
    run, job, bad = ids.new_id(), ids.new_id(), add_release(house, "bad")

    def write(c: Any) -> None:
        reviews.decide(c, label.label, "accept", {"label": "cold"})
        version = datasets.build(c, house, APP)
        jobs.ask(c, job, "retrain", APP, {}, "owner", None, ids.now_ms())
        jobs.event(c, job, "done", {"words": "a release was made"}, ids.now_ms())
        lineage.add_run(c, run, APP, version.id, "train", "c" * 64, COMMIT, job)
        c.execute(tables.releases.update().where(tables.releases.c.id == release).values(run=run))
        rollouts.append(c, rollouts.Step(APP, release, "full", by="loop", why="14 won, 2 lost"))
        rollouts.append(c, rollouts.Step(APP, bad, "rolled_back", 0, "guard", "It made more errors than it may."))

    house.db.write(write)


def enters(owner: Guest, real: RealHouse) -> None:
    """The owner's first visit."""
    owner.page.goto(printed_link(real))
    owner.page.get_by_label("Password").fill(PASSWORD)
    owner.button("Take the keys").click()
    owner.sees(owner.page.get_by_role("heading", name="Today"))


def follows(page: Page, part: str, link: str | re.Pattern[str], heading: str | re.Pattern[str]) -> None:
    """Clicks on to what a thing came of, or what came of it."""
    page.get_by_role("region", name=part).get_by_role("link", name=link).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(heading, timeout=PATIENCE_MS)


CAME, LED = "What it came of", "What came of it"


def test_every_number_is_followed_back_and_forth_and_a_rollback_is_told(chromium, told_house, hook):
    real, given, release = told_house
    with guest(chromium, real.url, DESK) as owner:
        enters(owner, real)
        page = owner.page
        page.get_by_role("navigation", name="Owner").get_by_role("link", name="Predictions").click()
        page.locator("tbody tr").first.locator("a").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Cold", timeout=PATIENCE_MS)
        look(page, PHONE)
        follows(page, CAME, "Release 2", "Release 2")
        follows(page, CAME, re.compile("^Run"), re.compile("^Run"))
        follows(page, CAME, re.compile("^Version"), re.compile("^Version"))
        look(page)
        follows(page, CAME, "Row: Cold", "Row: Cold")
        look(page, PHONE)
        follows(page, CAME, "Answer: Warm", "Warm")
        assert page.url.endswith(given["id"])
        expect(page.get_by_role("region", name="What is known of it")).to_contain_text("Visitor's word")
        expect(page.get_by_role("region", name="What is known of it")).to_contain_text("phone")
        follows(page, LED, "Row: Cold", "Row: Cold")
        follows(page, LED, re.compile("^Version"), re.compile("^Version"))
        follows(page, LED, re.compile("^Run"), re.compile("^Run"))
        follows(page, CAME, re.compile("^Commit"), f"Commit {COMMIT[:8]}")
        follows(page, LED, re.compile("^Run"), re.compile("^Run"))
        follows(page, LED, "Release 2", "Release 2")
        follows(page, LED, "Answer: Cold", "Cold")
        the_timeline_has_it_all(owner)
        the_monitor_shows_what_the_worker_saw(owner, real)
    is_told(hook)


def the_timeline_has_it_all(owner: Guest) -> None:
    page = owner.page
    page.get_by_role("link", name="The whole timeline").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Timeline", timeout=PATIENCE_MS)
    for words in ("answers everybody, by the loop: 14 won, 2 lost", "was rolled back, by a guard", "1 row frozen"):
        expect(page.locator(".told")).to_contain_text(words)
    look(page, PHONE)


def the_monitor_shows_what_the_worker_saw(owner: Guest, real: RealHouse) -> None:
    page = owner.page

    def is_counted() -> bool:
        page.goto(f"{real.url}/owner/monitor")
        return page.get_by_role("img", name=re.compile("^Brightness")).count() > 0

    wait_until(is_counted, "the looks were never written down", pause=0.5)
    expect(page.locator(".lead")).to_contain_text("come from phones")
    page.get_by_text("Day by day").first.click()
    expect(page.get_by_role("table").first).to_be_visible()
    look(page, PHONE)


def is_told(hook: Any) -> None:
    """The loop has called the owner's server, once."""
    wait_until(lambda: hook.got, "nobody was told of the rollback")
    ((_, _, body),) = hook.got
    told = json.loads(body)
    assert told["kind"] == "rollback" and "It made more errors than it may." in told["words"]
    assert told["url"].endswith("/owner/releases")


def test_a_visitor_reads_the_card(chromium, told_house):
    real, _, _ = told_house
    with guest(chromium, real.url, PHONE) as visitor:
        page = visitor.page
        page.goto("/")
        page.get_by_role("link", name="Its card").click()
        expect(page.get_by_role("heading", name="How often it is right")).to_be_visible(timeout=PATIENCE_MS)
        expect(page.locator("main")).to_contain_text("It learned from 1 photo.")
        look(page, PHONE)
        look(page, DESK)
