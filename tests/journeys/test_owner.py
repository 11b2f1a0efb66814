"""The owner's way through the house, in a real browser: claim, review by keyboard, retrain, promote, roll back."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from teahouse import ids, testing
from teahouse.store import apps, jobs, lineage, reviews
from teahouse.testing import APP, photo, tiny_declaration
from tests.journeys.conftest import printed_link
from tests.journeys.people import DESK, PATIENCE_MS, PHONE, Guest, guest, look
from tests.standard.houses import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PASSWORD = "six plain words would do here"
BY_LOT, OTHERS = 1, 4
"""Photos that the review must have at least."""


def give_photos(house) -> None:
    """Visitors let photos be kept, until the review has enough that are drawn by lot and enough that are not."""
    own = {"Origin": house.url, "Sec-Fetch-Site": "same-origin"}
    with testing.open_house(house.data) as opened:
        for seed in range(1, 80):
            with httpx.Client(base_url=house.url, headers=own, timeout=60) as visitor:
                give_photos_of_one(visitor, seed)
            with opened.db.read() as c:
                drawn = [row.judges for row in reviews.queue(c, APP) if row.judges == row.held]
            if drawn.count(True) >= BY_LOT and drawn.count(False) >= OTHERS:
                return
    raise AssertionError(f"no luck with the lot: {drawn}")


def give_photos_of_one(visitor: httpx.Client, seed: int) -> None:
    """A photo, a word against its answer, and the yes to keep it; then one whose yes came before its answer."""
    body, sent = photo("warm", seed), {"Content-Type": "image/jpeg"}
    told = visitor.post(f"/api/apps/{APP}/predictions", content=body, headers=sent).raise_for_status().json()
    at, receipt = f"/api/predictions/{told['id']}", {"X-Receipt": told["receipt"]}
    visitor.post(f"{at}/feedback", json={"kind": "correct", "value": "cold"}, headers=receipt).raise_for_status()
    yes = {**sent, "X-Consent": "keep, train"}
    visitor.put(f"{at}/input", content=body, headers={**yes, **receipt}).raise_for_status()
    visitor.post(f"/api/apps/{APP}/predictions", content=photo("cold", 1000 + seed), headers=yes).raise_for_status()


def write_lineage(house) -> None:
    """A frozen version, and a training that ended with two curves: what the pages of both show."""
    version, run, job, at = ids.new_id(), ids.new_id(), ids.new_id(), ids.now_ms()

    def write(c: Any) -> None:
        jobs.ask(c, job, "retrain", APP, {}, "loop", None, at - 9000)
        jobs.event(c, job, "running", None, at - 8000)
        lineage.add_version(c, version, APP, "b" * 64, None, {"rows": 12, "train": 9, "gold": 3}, "c" * 64, at - 8000)
        lineage.add_run(c, run, APP, version, "train", "", None, job, at - 8000)
        for step in range(20):
            lineage.run_event(c, run, "log", {"loss": 1 / (step + 1), "right": step / 20}, at - 7000 + step * 100)
        jobs.event(c, job, "done", {"words": "a release was made"}, at - 1000)
        apps.declare(c, APP, "Warm or cold?", tiny_declaration(deadline_s=90.0, hooks=["train"]), "", at)

    with testing.open_house(house.data) as opened:
        opened.db.write(write)


def go(page: Page, room: str) -> None:
    """To a room of the owner's side, by its link."""
    page.get_by_role("navigation", name="Owner").get_by_role("link", name=re.compile(f"^{room}")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile(room, re.I), timeout=PATIENCE_MS)


def test_the_owner_claims_reviews_retrains_promotes_and_rolls_back(chromium, house):
    give_photos(house)
    write_lineage(house)
    with guest(chromium, house.url, DESK) as owner:
        claims(owner, house)
        reviews_by_keyboard(owner)
        takes_back_one_decision_though_the_answer_is_lost(owner)
        sees_what_happened(owner)
        promotes_and_rolls_back(owner, house)
        asks_for_a_training(owner, house)
        logs_out_and_in(owner)


def claims(owner: Guest, house) -> None:
    """The printed link makes its first user the owner, once."""
    page, link = owner.page, printed_link(house)
    assert page.goto("/owner/").status == 403, "nobody is let in before the house has an owner"
    look(page, PHONE)
    page.goto(link)
    look(page)
    page.get_by_label("Password").fill(PASSWORD)
    owner.button("Take the keys").click()
    owner.sees(page.get_by_role("heading", name="Today"))
    look(page, PHONE)
    assert page.goto(link).status == 404, "a claimed house has no claim link"
    owner.watch.refusals(403)
    owner.watch.refusals(404)


def reviews_by_keyboard(owner: Guest) -> None:
    """The photo drawn by lot first, and without a guess; a key each; the last one taken back and decided anew."""
    page = owner.page
    page.goto("/owner/review")
    photo_of = page.get_by_alt_text("The photo to review")
    owner.sees(photo_of)
    left = int(re.search(r"\d+", page.locator("[data-count]").inner_text())[0])

    def count(n: int) -> None:
        expect(page.locator("[data-count]")).to_have_text(f"{n} to go", timeout=PATIENCE_MS)

    owner.sees(page.get_by_text("Drawn by lot:"))
    expect(page.locator("[data-guess]")).to_be_empty()
    expect(page.locator("[data-word]")).to_be_empty()
    look(page)
    first = photo_of.get_attribute("src")
    page.keyboard.press("Enter")
    count(left)
    page.keyboard.press("2")
    count(left - 1)
    while page.get_by_text("Drawn by lot:").is_visible():
        left -= 1
        page.keyboard.press("1")
        count(left - 1)
    assert photo_of.get_attribute("src") != first
    owner.sees(page.get_by_text(re.compile("^It said ")))
    look(page, PHONE)
    second = photo_of.get_attribute("src")
    owner.sees(page.get_by_text("The visitor said cold."))
    expect(page.get_by_text("It said warm")).to_be_visible()
    expect(page.locator(".choice.outlined")).to_have_attribute("data-choice", "cold")
    owner.sees(page.get_by_text("Enter takes what is outlined"))
    page.keyboard.press("Enter")
    count(left - 2)
    wait_until(lambda: truth_of(page, second) == {"label": "cold"}, "Enter takes the visitor's word, not the guess")
    page.keyboard.press("z")
    count(left - 1)
    expect(photo_of).to_have_attribute("src", second)
    page.keyboard.press("s")
    count(left - 2)
    wait_until(lambda: decisions(page)["set_aside"] == 1, "the photo set aside is written down")
    assert decisions(page)["accept"] >= 1
    page.reload()
    count(left - 2)


def takes_back_one_decision_though_the_answer_is_lost(owner: Guest) -> None:
    """The house did it, its answer got lost: the repeat takes no second decision back."""
    page, lost = owner.page, []

    def lose(route: Any) -> None:
        lost.append(route.fetch().status)
        route.abort()

    before = decisions(page)
    owner.sees(page.get_by_alt_text("The photo to review"))
    page.keyboard.press("1")
    wait_until(lambda: sum(decisions(page).values()) == sum(before.values()) + 1, "the decision is written down")
    page.route("**/api/owner/reviews?label=*", lose)
    page.keyboard.press("z")
    owner.sees(page.get_by_role("alert").get_by_text("I cannot reach the site."))
    page.unroute("**/api/owner/reviews?label=*")
    owner.button("Try again").click()
    owner.sees(page.locator("[data-note]"))
    assert lost == [200] and decisions(page) == before
    page.keyboard.press("s")
    wait_until(lambda: decisions(page)["set_aside"] == before["set_aside"] + 1, "the queue goes on")
    assert (owner.watch.lost(), owner.watch.refusals(409)) == (1, 1)


def decisions(page: Page) -> dict[str, int]:
    """How many visitors' labels the owner accepted and set aside, as the API tells."""
    rows = page.evaluate("fetch('/api/owner/labels?limit=200').then((r) => r.json())")["labels"]
    return {word: sum(row.get("decision") == word for row in rows) for word in ("accept", "set_aside")}


def truth_of(page: Page, photo: str) -> Any:
    """What is written down of the row with this photo, as the API tells."""
    rows = page.evaluate("fetch('/api/owner/labels?limit=200').then((r) => r.json())")["labels"]
    return next((row["truth"] for row in rows if row["photo"] == photo and row.get("decision") == "accept"), None)


def sees_what_happened(owner: Guest) -> None:
    """Predictions, versions and runs, each with its rows."""
    page = owner.page
    go(page, "Predictions")
    assert page.locator("tbody tr").count() >= BY_LOT + OTHERS
    expect(page.get_by_text("drawn by lot").first).to_be_visible()
    look(page)
    go(page, "Load")
    played = page.evaluate("fetch('/api/owner/load').then((r) => r.json())")
    assert played["counts"]["answered"] >= BY_LOT + OTHERS and played["ms"]["infer"] > 0
    expect(page.locator("[data-told=most]")).to_contain_text("in a second", timeout=PATIENCE_MS)
    expect(page.locator("[data-told=infer-middle]")).to_contain_text("ms")
    look(page)
    look(page, PHONE)
    go(page, "Versions")
    expect(page.get_by_role("heading", name="12 rows")).to_be_visible()
    look(page)
    go(page, "Runs")
    page.get_by_role("link", name="From version bbbbbbbb").click()
    owner.sees(page.get_by_role("img", name=re.compile("^loss: from 1 to 0.05")))
    expect(page.get_by_role("img", name=re.compile("^right"))).to_be_visible()
    look(page)


def answers(house) -> int:
    """The number of the release that answers everybody."""
    return httpx.get(f"{house.url}/api/apps/{APP}", timeout=60).json()["number"]


def promotes_and_rolls_back(owner: Guest, house) -> None:
    """Each after a question; "leave it" leaves it; the release that answered before answers again."""
    page, dialog = owner.page, owner.page.get_by_role("dialog")
    go(page, "Releases")
    look(page)
    page.get_by_role("link", name="Release 2").click()
    owner.button("Promote release 2").click()
    owner.sees(dialog.get_by_role("heading", name="Let release 2 answer everyone?"))
    look(page, PHONE)
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert answers(house) == 1
    owner.button("Promote release 2").click()
    dialog.get_by_role("button", name="Promote release 2").click()
    owner.sees(owner.button("Roll back"))
    assert answers(house) == 2, "the page comes back when the new release answers"
    expect(page.locator("article").get_by_text("answers now")).to_be_visible()
    look(page, PHONE)
    owner.button("Roll back").click()
    owner.sees(dialog.get_by_role("heading", name="Roll back release 2?"))
    dialog.get_by_role("button", name="Roll back").click()
    owner.sees(owner.button("Promote release 2"))
    assert answers(house) == 1
    go(page, "Today")
    owner.sees(page.get_by_text("Release 2 was rolled back, by you"))
    look(page, DESK)


def asks_for_a_training(owner: Guest, house) -> None:
    """One tap asks the loop; the job stands in the store."""
    page = owner.page
    go(page, "Runs")
    owner.button("Train now").click()
    with testing.open_house(house.data) as opened:

        def asked() -> list[Any]:
            with opened.db.read() as c:
                return [row for row in jobs.recent(c, 20, APP) if (row.kind, row.by) == ("retrain", "owner")]

        assert len(wait_until(asked, "the job stands in the store")) == 1
    go(page, "Today")
    owner.sees(page.get_by_text(re.compile("^A training ")).first)


def logs_out_and_in(owner: Guest) -> None:
    """Logged out, nothing of the owner's opens; the password opens it where one wanted to go."""
    page = owner.page
    owner.button("Log out").click()
    page.wait_for_url(lambda url: "/owner" not in url)
    page.goto("/owner/releases")
    owner.sees(page.get_by_label("Password"))
    look(page)
    page.get_by_label("Password").fill("not the password at all")
    owner.button("Come in").click()
    owner.sees(page.get_by_role("alert"), re.compile("That is not the password"))
    owner.watch.refusals(401)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    owner.sees(page.get_by_role("heading", name="Releases", exact=True))
