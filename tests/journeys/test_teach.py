"""Teaching and reviewing in a real browser: a round on a phone, a question where it is unsure, stacks by keyboard."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from teahouse import testing
from teahouse.store import labels, probes, tables
from teahouse.testing import APP, photo
from tests.journeys.conftest import printed_link
from tests.journeys.people import DESK, PATIENCE_MS, PHONE, Guest, guest, look
from tests.loop import circle
from tests.standard.houses import RealHouse, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WORDS = testing.LABELS
PASSWORD = "six plain words would do here"
ENDS = "['.dots', '.dots li:last-child'].map((each) => document.querySelector(each).getBoundingClientRect().right)"
UNSURE = (131, 128, 128)  # the tiny release says warm, 55 %


def fill(house: RealHouse) -> None:
    """The maker's photos that a round is drawn from; visitors' photos that wait, six of them one photo."""
    with testing.open_house(house.data) as opened:

        def bring(c: Any) -> None:
            for n in range(40):
                blob = opened.blobs.put(photo(WORDS[n % 2], 5000 + n, side=200))
                row = {"at": 1, "app": APP, "source": "maker", "inputs": {"input": {"blob": blob}}}
                labels.add(c, {**row, "truth": {"label": WORDS[n % 2]}, "split": "train", "near": n.to_bytes(8)})
            probes.fill(c, APP, 1)

        opened.db.write(bring)
        for _ in range(6):
            circle.visit(opened, photo("warm", 1, side=200), "cold")
        circle.visit(opened, photo("cold", 2, side=200), "warm")


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    with RealHouse(tmp_path_factory.mktemp("taught")) as real:
        real.prepare()
        fill(real)
        real.start()
        yield real
        real.stop()


def seen(visitor: Guest) -> str:
    """What somebody with eyes says: more red or more blue, as the page shows it."""
    return visitor.page.evaluate("""async () => {
        const shown = document.querySelector("[data-photo]");
        await shown.decode();
        const at = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
        at.drawImage(shown, 0, 0, 1, 1);
        const [red, , blue] = at.getImageData(0, 0, 1, 1).data;
        return red > blue ? "Warm" : "Cold";
    }""")


def round_(visitor: Guest, slip: bool = False) -> None:
    """Five pictures, a tap each; one slip is mended before it counts."""
    page, choices = visitor.page, visitor.page.get_by_role("group", name="What is it?")
    for n in range(5):
        visitor.sees(page.locator("[data-count]"), f"Picture {n + 1} of 5")
        word = seen(visitor)
        page.wait_for_timeout(300)  # a tap sooner than that is taken for the second of a double tap
        visitor.tap(choices.get_by_role("button", name=word))
        if slip and n == 2:
            visitor.tap(visitor.button("Back one"))
            visitor.sees(page.locator("[data-count]"), "Picture 3 of 5")
            page.wait_for_timeout(300)
            visitor.tap(choices.get_by_role("button", name=seen(visitor)))
    visitor.sees(page.locator("[data-done] h2"))


def test_a_visitor_teaches_on_a_phone_and_earns_standing_in_four_rounds(chromium, filled):
    with guest(chromium, filled.url, PHONE) as visitor:
        page = visitor.page
        page.goto(f"/{APP}")
        visitor.tap(page.get_by_role("link", name="Teach it: 5 quick ones"))
        visitor.sees(page.locator("[data-say]").first)
        expect(page.locator("[data-say]").first).to_be_enabled(timeout=PATIENCE_MS)
        look(page, PHONE, DESK)
        ends = page.evaluate(ENDS)
        assert abs(ends[0] - ends[1]) < 1, f"the last bar ends where the row ends: {ends}"
        round_(visitor, slip=True)
        visitor.sees(page.locator("[data-head]"), "Thank you.")
        look(page, PHONE, DESK)
        for _ in range(3):
            visitor.tap(visitor.button("Five more"))
            round_(visitor)
        visitor.sees(page.locator("[data-head]"), "Thank you. You know your way here.")
        visitor.sees(page.get_by_text("You have looked at 20 pictures so far."))
    with testing.open_house(filled.data) as opened, opened.db.read() as c:
        rows = c.execute(tables.taught.select()).all()
        standing = [row.standing[APP] for row in c.execute(tables.visitors.select()) if (row.standing or {}).get(APP)]
    assert len(rows) == 20 and [(one["probes"], one["right"], one["known"]) for one in standing] == [(20, 20, True)]


def test_where_it_is_unsure_it_asks_what_it_is_and_may_show_the_photo_to_others(chromium, filled):
    with guest(chromium, filled.url, PHONE) as visitor:
        page = visitor.page
        page.goto(f"/{APP}")
        visitor.choose({"name": "grey.jpg", "mimeType": "image/jpeg", "buffer": photo(UNSURE, 4)})
        visitor.sees(page.get_by_role("heading", name="I am unsure about this one: what is it?"))
        look(page, PHONE)
        visitor.tap(page.locator("[data-chips]").get_by_role("button", name="Cold"))
        also = page.get_by_label("Other visitors may see this one too, when they teach it.")
        visitor.sees(also)
        look(page, PHONE, DESK)
        also.check()
        page.wait_for_selector("[data-keep]:not([aria-disabled])")
        visitor.tap(visitor.button("Yes, keep it"))
        visitor.sees(page.get_by_role("heading", name="Thank you. It is kept."))
        visitor.choose({"name": "warm.jpg", "mimeType": "image/jpeg", "buffer": photo("warm", 77)})
        visitor.hears("Warm")
        visitor.sees(page.get_by_role("heading", name="Was that right?"))
    with testing.open_house(filled.data) as opened, opened.db.read() as c:
        said = [row.purposes for row in c.execute(tables.consents.select()) if "show" in (row.purposes or ())]
    assert said == [["keep", "show", "train"]], "the yes to others holds for that one photo"


def test_the_owner_decides_a_stack_with_one_key_takes_it_back_and_apart(chromium, filled):
    with guest(chromium, filled.url, DESK) as owner:
        page = owner.page
        page.goto(printed_link(filled))
        page.get_by_label("Password").fill(PASSWORD)
        owner.button("Take the keys").click()
        owner.sees(page.get_by_role("heading", name="Today"))
        page.goto(f"/owner/review?app={APP}")
        owner.sees(page.get_by_text(re.compile("more photos drawn by lot, labelled by you")))
        count = page.locator("[data-count]")
        owner.sees(page.locator("[data-photo]"))  # before the first one stands there a key decides nothing
        left = int(re.search(r"\d+", count.inner_text())[0])
        while not page.locator("[data-times]").is_visible():
            page.keyboard.press("1")
            left -= 1
            expect(count).to_have_text(f"{left} to go" if left else "All reviewed", timeout=PATIENCE_MS)
        owner.sees(page.locator("[data-times]"), "× 6")
        owner.sees(page.get_by_text("6 that look alike: one key for all of them."))
        look(page, PHONE, DESK)
        page.keyboard.press("2")
        after = left - 6
        expect(count).to_have_text(f"{after} to go" if after else "All reviewed", timeout=PATIENCE_MS)
        wait_until(lambda: decided(filled, "cold") == 6, "all six are written down")
        page.keyboard.press("z")
        expect(count).to_have_text(f"{left} to go", timeout=PATIENCE_MS)
        wait_until(lambda: decided(filled, "cold") == 0, "all six are taken back")
        page.keyboard.press("x")
        expect(page.locator("[data-times]")).to_be_hidden(timeout=PATIENCE_MS)
        page.keyboard.press("2")
        expect(count).to_have_text(f"{left - 1} to go", timeout=PATIENCE_MS)
        wait_until(lambda: decided(filled, "cold") == 1, "one alone is written down")


def decided(house: RealHouse, word: str) -> int:
    """How many of the six copies count with this label."""
    near = testing.photo("warm", 1, side=200)
    with testing.open_house(house.data) as opened, opened.db.read() as c:
        rows = labels.of_app(c, APP, sources=["visitor"])
    from teahouse.spec import media

    key = media.clean(near).near
    return sum(row.near == key and row.is_accepted and row.answer == {"label": word} for row in rows)
