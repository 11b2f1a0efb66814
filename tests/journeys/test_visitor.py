"""A visitor's ways through the house, in a real browser: play, say a word, let a photo be kept, take it all back."""

from __future__ import annotations

import io
import json
import re
import zipfile

import httpx
import pytest
from playwright.sync_api import Page, expect

from teahouse import ids, testing
from teahouse.store import releases, rollouts
from teahouse.testing import APP, photo
from tests.journeys.people import DESK, PATIENCE_MS, PHONE, Guest, guest, look
from tests.standard.houses import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

NEXT = "Your next photos are kept to learn from."
LOOKS = """(button) => {
    const drawn = getComputedStyle(button);
    return ["color", "backgroundColor", "borderColor", "fontSize", "fontWeight", "opacity"].map((name) => drawn[name]);
}"""
FOCUSED = """() => {
    const on = document.activeElement;
    const ring = [on, on.parentElement].some((each) => getComputedStyle(each).outlineStyle !== "none");
    const name = on.ariaLabel || on.labels?.[0]?.innerText || on.innerText || on.firstElementChild?.alt || "";
    return { name: name.trim(), ring };
}"""
PASTE = """(bytes) => {
    const given = new DataTransfer();
    given.items.add(new File([new Uint8Array(bytes)], "image.png", { type: "image/png" }));
    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: given, bubbles: true }));
}"""


def own(kind, seed: int, name: str = "holiday.jpg") -> dict:
    """A photo as a phone's gallery hands it over."""
    return {"name": name, "mimeType": "image/jpeg", "buffer": photo(kind, seed, side=320)}


def blobs(house) -> list:
    """What the house keeps as files."""
    return [file for file in (house.data / "blobs").rglob("*") if file.is_file()]


def asks_consent(visitor: Guest) -> None:
    """Two buttons, the same for the eye: neither is larger, higher, heavier or of another colour."""
    yes, no = visitor.button("Yes, keep it"), visitor.button("No, forget it")
    visitor.sees(yes)
    visitor.sees(no)
    visitor.page.mouse.move(0, 0)
    one, other = yes.bounding_box(), no.bounding_box()
    assert [one[side] for side in ("width", "height", "y")] == pytest.approx(
        [other[side] for side in ("width", "height", "y")], abs=1
    )
    assert yes.evaluate(LOOKS) == no.evaluate(LOOKS)


def test_a_phone_visitor_plays_corrects_lets_a_photo_be_kept_and_takes_it_back(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page, before = visitor.page, len(blobs(house))
        page.goto("/")
        visitor.hears("Warm")
        assert visitor.taps == 0, "the page opens with an answer"

        visitor.tap(page.get_by_role("button", name="Sample photo 2"))
        visitor.hears("Cold")
        assert visitor.taps == 1

        visitor.choose(own("warm", 1))
        visitor.hears("Warm")
        expect(page.locator("[data-sure]")).to_have_text("quite sure")
        assert visitor.taps == 2, "an own photo is one tap and the device's chooser"

        visitor.tap(visitor.button("It was cold"))
        assert visitor.taps == 3, "a word is one tap"
        asks_consent(visitor)
        assert len(blobs(house)) == before, "nothing is kept before the yes"
        visitor.tap(visitor.button("Yes, keep it"))
        visitor.sees(page.get_by_role("heading", name="Thank you. It is kept."))
        expect(page.get_by_text("You said cold. Its maker may teach the next release with it.")).to_be_visible()
        expect(page.get_by_text("the next release learns from it")).to_be_hidden()
        visitor.sees(page.get_by_text(NEXT))
        assert len(blobs(house)) == before + 1

        visitor.choose(own("cold", 2))
        visitor.hears("Cold")
        assert len(blobs(house)) == before + 2, "the next photo is kept with its answer"
        visitor.tap(visitor.button("Yes"))
        visitor.sees(page.get_by_role("heading", name="Thank you. It is kept."))
        expect(visitor.button("Yes, keep it")).to_be_hidden()
        visitor.tap(visitor.button("Stop"))
        visitor.sees(page.get_by_text("Your next photos are not kept."))
        expect(page.get_by_text(NEXT)).to_be_hidden()
        visitor.choose(own("cold", 3))
        visitor.hears("Cold")
        assert len(blobs(house)) == before + 2, "after the stop nothing more is kept"

        takes_everything_back(visitor, house, before)


def takes_everything_back(visitor: Guest, house, before: int) -> None:
    """My data: all is listed, comes along as a zip, and goes."""
    page = visitor.page
    visitor.tap(page.get_by_role("navigation", name="Site").get_by_role("link", name="My data"))
    lines = page.locator("ul.given > li")
    expect(lines).to_have_count(4, timeout=PATIENCE_MS)
    expect(lines.filter(has_text="Your photo is kept.")).to_have_count(2)
    expect(lines.filter(has_text="You said: Cold.")).to_have_count(1)
    expect(page.get_by_alt_text("The photo you let it keep")).to_have_count(2)
    with page.expect_download() as download:
        visitor.tap(page.get_by_role("link", name="Take it all with me (zip)"))
    with zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes())) as archive:
        told = json.loads(archive.read("data.json"))["predictions"]
        assert len(told) == 4
        assert len([name for name in archive.namelist() if name.startswith("photos/")]) == 2

    visitor.tap(lines.filter(has_text="Your photo is kept.").first.get_by_role("button", name="Delete"))
    dialog = page.get_by_role("dialog")
    visitor.sees(dialog.get_by_role("heading", name="Delete this answer?"))
    visitor.tap(dialog.get_by_role("button", name="Delete"))
    expect(lines).to_have_count(3, timeout=PATIENCE_MS)
    wait_until(lambda: len(blobs(house)) == before + 1, "a deleted photo is no file any more")
    visitor.tap(visitor.button("Delete everything"))
    visitor.sees(dialog)
    visitor.tap(dialog.get_by_role("button", name="Delete everything"))
    visitor.sees(page.get_by_role("heading", name="Nothing at all"))
    wait_until(lambda: len(blobs(house)) == before, "nothing of the visitor is a file any more")


def test_a_no_on_a_large_screen_keeps_nothing(chromium, house):
    with guest(chromium, house.url, DESK) as visitor:
        page, before = visitor.page, blobs(house)
        page.goto("/")
        visitor.hears("Warm")
        visitor.choose(own("cold", 4))
        visitor.hears("Cold")
        visitor.tap(visitor.button("It was warm"))
        asks_consent(visitor)
        visitor.tap(visitor.button("No, forget it"))
        visitor.sees(page.get_by_role("heading", name="It is forgotten."))
        assert visitor.taps == 3
        visitor.choose(own("cold", 5))
        visitor.hears("Cold")
        page.goto("/mine")
        expect(page.get_by_text("Your photo is not kept.")).to_have_count(2, timeout=PATIENCE_MS)
        assert blobs(house) == before


def asked_for_consent(visitor: Guest, seed: int) -> None:
    """A visitor on a phone who gave a photo and is about to say a word."""
    visitor.page.goto("/")
    visitor.choose(own("warm", seed))
    visitor.hears("Warm")
    visitor.sees(visitor.button("Yes"))


def test_a_double_tap_on_a_word_is_no_yes_to_the_photo(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page, before = visitor.page, blobs(house)
        asked_for_consent(visitor, 20)
        box = visitor.button("Yes").bounding_box()
        at = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.click(*at)
        visitor.sees(visitor.button("Yes, keep it"))
        asked = []
        page.on("request", lambda request: asked.append(request.method))
        page.mouse.click(*at)
        page.evaluate("fetch('/healthz').then((told) => told.text())")
        assert "GET" in asked and "PUT" not in asked
        assert blobs(house) == before


def test_a_photo_on_its_way_can_not_be_forgotten_and_its_late_failure_leaves_the_next_alone(chromium, house):
    with guest(chromium, house.url, DESK) as visitor:
        page, before, held = visitor.page, blobs(house), []
        page.route("**/api/predictions/*/input", lambda route: held.append(route))
        asked_for_consent(visitor, 30)
        visitor.tap(visitor.button("Yes"))
        visitor.sees(visitor.button("Yes, keep it"))
        visitor.tap(visitor.button("Yes, keep it"))
        visitor.sees(page.get_by_role("heading", name="Keeping it …"))
        expect(visitor.button("No, forget it")).to_be_hidden()
        visitor.choose(own("cold", 31))
        visitor.hears("Cold")
        with page.expect_event("requestfailed"):
            held[0].abort()
        page.evaluate("fetch('/healthz').then((told) => told.text())")
        visitor.sees(visitor.button("It was warm"))
        expect(page.get_by_role("heading", name="I cannot reach the site.")).to_be_hidden()
        visitor.tap(visitor.button("It was warm"))
        asks_consent(visitor)
        visitor.tap(visitor.button("Yes, keep it"))
        visitor.sees(page.get_by_role("heading", name="Keeping it …"))
        with page.expect_event("requestfailed"):
            held[1].abort()
        page.unroute("**/api/predictions/*/input")
        visitor.tap(visitor.button("Try again"))
        visitor.sees(page.get_by_role("heading", name="Thank you. It is kept."))
        assert len(blobs(house)) == len(before) + 1, "the second photo alone"
        assert visitor.watch.lost() == 2


def test_a_sample_of_a_page_left_open_for_long_asks_to_reload(chromium, house):
    with guest(chromium, house.url, DESK) as visitor:
        page, sent = visitor.page, []
        page.goto("/", wait_until="networkidle")
        page.on("request", lambda request: sent.append(request.method))
        page.route("**/media/**", lambda route: route.fulfill(status=404, json={"error": {"code": "not-found"}}))
        visitor.tap(page.get_by_role("button", name="Sample photo 2"))
        expect(page.get_by_role("alert")).to_contain_text("not here any more", timeout=PATIENCE_MS)
        assert "POST" not in sent, "what is no photo is not sent as one"
        page.unroute("**/media/**")
        visitor.tap(visitor.button("Reload the page"))
        visitor.tap(page.get_by_role("button", name="Sample photo 2"))
        visitor.hears("Cold")
        visitor.watch.refusals(404)


def test_a_tap_counts_before_the_last_script_is_there(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page, late = visitor.page, []
        page.route("**/js/answers/*.js", lambda route: late.append(route))
        with page.expect_request("**/js/answers/*.js"):
            page.goto("/", wait_until="domcontentloaded")
        visitor.tap(page.get_by_role("button", name="Sample photo 2"))
        expect(page.locator("[data-answer][data-state=waiting]")).to_be_visible(timeout=PATIENCE_MS)
        late[0].continue_()
        visitor.hears("Cold")


def test_a_word_from_the_list_is_said_by_its_button_alone(chromium, house):
    scores = {"warm": 0.3, "cold": 0.2, **{f"hue-{n}": 0.1 - n / 100 for n in range(8)}}
    labels = json.dumps(list(scores)).replace('"', "&#34;")

    def many(route) -> None:
        text = re.sub(r'data-labels="[^"]*"', f'data-labels="{labels}"', route.fetch().text())
        route.fulfill(body=text, content_type="text/html")

    def scored(route) -> None:
        told = {"id": "a", "receipt": "r", "output": {"label": "warm", "scores": scores}, "confidence": 0.3}
        route.fulfill(status=201, json=told)

    def heard(route) -> None:
        said.append(route.request.post_data_json)
        route.fulfill(json={})

    said = []
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        page.route(f"{house.url}/", many)
        page.route("**/api/apps/*/predictions", scored)
        page.route("**/api/predictions/a/feedback", heard)
        page.goto("/", wait_until="networkidle")
        visitor.choose(own("warm", 40))
        visitor.hears("Warm")
        button, choices = visitor.button("Say it"), page.get_by_label("It was something else")
        expect(button).to_be_disabled()
        choices.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        expect(button).to_be_enabled()
        assert not said, "an arrow key looks, it does not speak"
        look(page, PHONE)
        visitor.tap(button)
        visitor.sees(visitor.button("Yes, keep it"))
        assert said == [{"kind": "correct", "value": "hue-5"}]


def test_what_a_yes_means_is_in_sight_with_its_buttons(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        asked_for_consent(visitor, 21)
        visitor.tap(visitor.button("Yes"))
        visitor.sees(visitor.button("Yes, keep it"))
        words, bar = page.locator("[data-consent] > p").last, page.locator(".give")
        foot = bar.bounding_box()["y"] if bar.is_visible() else page.viewport_size["height"]
        assert words.bounding_box()["y"] + words.bounding_box()["height"] <= foot


def test_a_text_that_calls_itself_a_photo_is_refused_in_place(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        page.goto("/")
        visitor.choose({"name": "list.jpg", "mimeType": "image/jpeg", "buffer": b"milk, bread, tea\n" * 40})
        trouble = page.get_by_role("alert")
        visitor.sees(trouble)
        expect(trouble).to_contain_text("JPEG")
        look(page, PHONE)
        visitor.watch.refusals(422)
        visitor.choose(own("warm", 6))
        visitor.hears("Warm")
        expect(trouble).to_be_hidden()


def test_a_photo_can_be_pasted(chromium, house):
    with guest(chromium, house.url, DESK) as visitor:
        visitor.page.goto("/", wait_until="networkidle")
        visitor.page.evaluate(PASTE, list(photo("cold", 7, form="PNG")))
        visitor.hears("Cold")
        visitor.sees(visitor.page.get_by_alt_text("Your photo"))


def test_the_keyboard_alone_is_enough(chromium, house):
    with guest(chromium, house.url, DESK) as visitor:
        page = visitor.page
        page.goto("/", wait_until="networkidle")

        walk(page, "To the page")
        walk(page, "Sample photo 2")
        page.keyboard.press("Enter")
        visitor.hears("Cold")
        page.reload(wait_until="networkidle")
        walk(page, "Choose a photo")
        with page.expect_file_chooser() as opened:
            page.keyboard.press("Enter")
        opened.value.set_files(own("cold", 8))
        visitor.hears("Cold")
        walk(page, "Yes")
        page.keyboard.press("Enter")
        visitor.sees(visitor.button("No, forget it"))
        walk(page, "No, forget it")
        page.keyboard.press("Space")
        visitor.sees(page.get_by_role("heading", name="It is forgotten."))


def walk(page: Page, to: str) -> None:
    """Tab until the control with this name has the focus, and shows it."""
    for _ in range(40):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused["name"] == to:
            assert focused["ring"], f"no one sees that {to} has the focus"
            return
    raise AssertionError(f"no Tab leads to {to}")


def test_no_page_of_a_visitor_has_a_fault_that_axe_finds(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        page.goto("/mine")
        look(page)
        page.goto("/")
        visitor.hears("Warm")
        look(page)
        visitor.choose(own("warm", 9))
        visitor.hears("Warm")
        visitor.tap(visitor.button("Yes"))
        visitor.sees(visitor.button("Yes, keep it"))
        look(page)
        visitor.tap(visitor.button("Yes, keep it"))
        visitor.sees(page.get_by_text(NEXT))
        look(page, PHONE)
        page.goto("/mine")
        visitor.sees(visitor.button("Delete everything"))
        look(page)
        visitor.tap(visitor.button("Delete everything"))
        visitor.sees(page.get_by_role("dialog"))
        look(page, PHONE)
        visitor.tap(page.get_by_role("dialog").get_by_role("button", name="Delete everything"))
        visitor.sees(page.get_by_role("heading", name="Nothing at all"))
        page.goto("/docs")
        look(page)
        assert page.goto("/no-such-app").status == 404
        look(page)
        assert visitor.watch.refusals(404) == 1


def test_what_the_house_has_never_seen_is_said_so(chromium, house):
    let_answer_the_other(house)
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        page.goto("/")
        visitor.choose(own((250, 250, 0), 10))
        strange = page.locator("[data-answer][data-state=strange]")
        visitor.sees(strange)
        words = "I have never seen anything like this; my guess would be warm."
        expect(strange.locator(".line")).to_have_text(words, use_inner_text=True, ignore_case=True)
        expect(page.locator("[data-bars]")).to_be_hidden()
        assert "%" not in strange.inner_text(), "who never saw it is not 98 % sure of it"
        look(page)
        visitor.choose(own("cold", 11))
        visitor.hears("Cold")


def let_answer_the_other(house) -> None:
    """Lets the release that knows what it was made for answer everybody."""
    with testing.open_house(house.data) as opened:
        with opened.db.read() as c:
            newest = releases.of_app(c, APP)[0]
        step = rollouts.Step(APP, newest.id, "full", by="owner", why="a test", at=ids.now_ms())
        opened.db.write(lambda c: rollouts.append(c, step))
    served = f"{house.url}/api/apps/{APP}"
    wait_until(lambda: httpx.get(served, timeout=60).json()["release"] == newest.id, "the other release answers")
