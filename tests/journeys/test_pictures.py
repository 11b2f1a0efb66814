"""A visitor's ways through apps that make pictures, in a real browser: of a photo, of a seed, of several inputs."""

from __future__ import annotations

import io
import re
from urllib.request import urlopen

import pytest
from PIL import Image as Pillow
from playwright.sync_api import expect

from teahouse import testing
from teahouse.store import tables
from teahouse.testing import photo
from tests.journeys import styled
from tests.journeys.people import DESK, PATIENCE_MS, PHONE, guest, look
from tests.standard.houses import RealHouse, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

MIRROR, COLOUR = f"/{testing.NAMES['picture']}", f"/{testing.NAMES['seed']}"
TINTED = f"/{styled.NAME}"
MOVING = {**DESK, "reduced_motion": "no-preference"}
SHIFTS = """
globalThis.shifted = [];
const moved = ({ node, previousRect, currentRect }) =>
    [node?.outerHTML?.slice(0, 80), previousRect.toJSON(), currentRect.toJSON()];
new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
        if (!entry.hadRecentInput) globalThis.shifted.push(entry.value, ...entry.sources.map(moved));
}).observe({ type: "layout-shift", buffered: true });
"""
ENOUGH_PAIRS = "sessionStorage.setItem('pairs', '[9,3,9]')"
PAIR_OR_ANOTHER = """(before) => {
    return document.querySelector("dialog .pair") || document.querySelector("[data-number]").textContent !== before;
}"""
STILL = "() => document.getAnimations().every((each) => each.playState !== 'running')"
AT = "(stage) => getComputedStyle(stage).getPropertyValue('--at')"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A standing site with three apps: a mirror, a colour that does not exist, a tint of several inputs."""
    pytest.importorskip("onnx", reason="there is no onnx here: pip install -e .[train]")
    with RealHouse(tmp_path_factory.mktemp("gallery")) as real:
        real.prepare("picture")
        real.prepare("seed")
        with testing.open_house(real.data) as opened:
            styled.install(opened)
        real.start()
        yield real
        real.stop()


def own(colour, seed: int) -> dict:
    """A photo as a phone's gallery hands it over."""
    return {"name": "holiday.jpg", "mimeType": "image/jpeg", "buffer": photo(colour, seed, side=320)}


def files(house) -> list:
    """What the house keeps as files of photos."""
    with testing.open_house(house.data) as opened, opened.db.read() as c:
        return list(c.execute(tables.inputs.select()))


def said(house) -> list:
    """Every word that the house heard: kind and value, oldest first."""
    with testing.open_house(house.data) as opened, opened.db.read() as c:
        return [(row.kind, row.value) for row in c.execute(tables.feedback.select().order_by(tables.feedback.c.seq))]


def pixels(data: bytes) -> Pillow.Image:
    return Pillow.open(io.BytesIO(data)).convert("RGB")


def mean(data: bytes) -> tuple[float, ...]:
    """The mean colour of a picture."""
    return tuple(pixels(data).resize((1, 1), Pillow.Resampling.BOX).getpixel((0, 0)))


def shown(page) -> bytes:
    """The bytes of the picture on the page."""
    return bytes(
        page.evaluate(
            """async () => {
                const made = document.querySelector("[data-made]");
                const canvas = document.createElement("canvas");
                [canvas.width, canvas.height] = [made.naturalWidth, made.naturalHeight];
                canvas.getContext("2d").drawImage(made, 0, 0);
                const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
                return [...new Uint8Array(await blob.arrayBuffer())];
            }"""
        )
    )


def test_a_photo_becomes_a_picture_that_a_hand_or_keys_compare_with_it(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page, kept = visitor.page, len(files(house))
        page.goto(MIRROR)
        stage, edge = page.locator("[data-stage].both"), page.get_by_role("slider", name="From the photo")
        expect(stage).to_be_visible()
        assert visitor.taps == 0, "the page opens with an answer"

        visitor.choose(own("warm", 1))
        address = visitor.gets()
        assert address.startswith("blob:")
        left = pixels(shown(page))
        given = pixels(own("warm", 1)["buffer"])
        assert left.size == given.size
        assert abs(left.getpixel((5, 5))[0] - given.getpixel((314, 5))[0]) < 30, "it is a mirror"

        before = stage.evaluate(AT)
        edge.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert stage.evaluate(AT) == f"{int(before.rstrip('%')) + 2}%"
        assert "what was made" in edge.evaluate("(range) => range.ariaValueText")
        box = stage.bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 20, steps=3)
        page.mouse.up()
        assert 88 <= int(stage.evaluate(AT).rstrip("%")) <= 92

        with page.expect_download() as download:
            visitor.tap(page.get_by_role("link", name="Save"))
        assert re.fullmatch(r"mirror\.(png|jpg)", download.value.suggested_filename)
        assert pixels(download.value.path().read_bytes()).size == given.size

        visitor.tap(visitor.button("Love it"))
        visitor.sees(visitor.button("Yes, keep it"))
        assert ("rate", "love") in said(house)
        assert len(files(house)) == kept, "nothing is kept before the yes"
        visitor.tap(visitor.button("Yes, keep it"))
        visitor.sees(page.get_by_role("heading", name="Thank you. It is kept."))
        assert len(files(house)) == kept + 1


def test_showing_a_picture_to_others_is_asked_first_and_can_be_left(chromium, house):
    with guest(chromium, house.url, DESK) as visitor:
        page, sent = visitor.page, []
        page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
        page.goto(MIRROR)
        visitor.choose(own("cold", 2))
        visitor.gets()
        visitor.tap(visitor.button("Share"))
        dialog = page.get_by_role("dialog", name="Show it to others?")
        visitor.sees(dialog)
        expect(dialog).to_contain_text("take it back at any time")
        expect(dialog.get_by_label("Show my photo beside it too")).not_to_be_checked()
        look(page)
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(visitor.button("Share")).to_be_focused()
        assert not [url for url in sent if "share" in url]


def test_what_a_page_opened_with_can_be_saved_and_shown_like_any_other(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        page.goto(MIRROR)
        saved = page.get_by_role("link", name="Save").get_attribute("href")
        assert page.request.get(saved).headers["content-type"].startswith("image/")
        visitor.tap(visitor.button("Share"))
        visitor.sees(page.get_by_role("dialog", name="Show it to others?"))
        visitor.tap(page.get_by_role("button", name="Make the page"))
        visitor.sees(page.get_by_role("dialog").get_by_label("Link"))


def test_a_picture_that_its_visitor_shows_has_a_page_until_it_is_taken_back(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor, guest(chromium, house.url, DESK) as friend:
        page = visitor.page
        page.goto(TINTED)
        visitor.choose(own("cold", 12))
        visitor.gets()
        visitor.tap(visitor.button("Share"))
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Show my photo beside it too").check()
        visitor.tap(dialog.get_by_role("button", name="Make the page"))
        link = dialog.get_by_label("Link")
        visitor.sees(link)
        look(page, PHONE)
        friend.page.goto(link.input_value())
        friend.sees(friend.page.locator("[data-stage].both"))
        friend.sees(friend.page.get_by_role("link", name="Make your own"))
        look(friend.page)
        visitor.tap(dialog.get_by_role("button", name="Take it back"))
        visitor.sees(page.get_by_role("heading", name="It is taken back."))
        assert friend.page.goto(friend.page.url).status == 404
        assert friend.watch.refusals(404) >= 1


def test_a_seed_app_opens_with_a_picture_and_shows_another_at_every_tap_key_and_refresh(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        page.add_init_script(ENOUGH_PAIRS)
        page.goto(COLOUR)
        number, seen = page.locator("[data-number]"), []
        tap, key = lambda: visitor.tap(visitor.button("Another one")), lambda: page.keyboard.press("Space")
        for another in (tap, key, page.reload):
            visitor.gets()
            seen.append(number.inner_text())
            another()
            expect(number).not_to_have_text(seen[-1], timeout=PATIENCE_MS)
        visitor.gets()
        assert len({*seen, number.inner_text()}) == 4
        visitor.tap(visitor.button("Meh"))
        visitor.sees(page.get_by_role("heading", name="Noted: not this one."))
        wait_until(lambda: ("rate", "meh") in said(house), "a word on a picture of nobody's needs no receipt")
        expect(page.locator("[data-consent]")).to_be_hidden()

        which = number.inner_text()
        colour = mean(shown(page))
        number.click()
        page.wait_for_url(f"**{COLOUR}/seeds/{which}")
        visitor.gets()
        expect(number).to_have_text(which)
        visitor.sees(page.get_by_role("heading", name="Noted: not this one."))
        visitor.tap(visitor.button("Change it"))
        visitor.tap(visitor.button("Love it"))
        visitor.sees(page.get_by_role("heading", name="Noted: you love it."))
        wait_until(lambda: said(house)[-1] == ("rate", "love"), "a later word takes the place of the first")
        assert mean(shown(page)) == pytest.approx(colour, abs=2)
        visitor.tap(visitor.button("Share"))
        link = page.get_by_role("dialog").get_by_label("Link")
        expect(link).to_have_value(f"{house.url}{COLOUR}/seeds/{which}")
        look(page, PHONE)
        visitor.tap(visitor.button("Done"))
        visitor.tap(visitor.button("Another one"))
        expect(number).not_to_have_text(which, timeout=PATIENCE_MS)
        page.wait_for_url(f"**/seeds/{number.inner_text()}")


def test_two_to_choose_from_come_seldom_and_only_where_a_challenger_waits(chromium, house):
    with guest(chromium, house.url, DESK) as visitor:
        visitor.page.goto(COLOUR, wait_until="networkidle")
        for _ in range(10):
            visitor.tap(visitor.button("Another one"))
            visitor.gets()
            expect(visitor.page.get_by_role("dialog")).to_be_hidden()
    with testing.open_house(house.data) as opened:
        testing.install_tiny(opened, note="two", state="shadow", kind="seed")
    pool = f"{house.url}/api/apps{COLOUR}/pool"
    wait_until(lambda: '"releases"' in urlopen(pool).read().decode(), "the challenger waits")
    with guest(chromium, house.url, DESK) as visitor:
        page, offered, words = visitor.page, [], len(said(house))
        page.goto(COLOUR, wait_until="networkidle")
        dialog = page.get_by_role("dialog", name="Which of these two do you like better?")
        number = page.locator("[data-number]")
        for turn in range(24):
            before = number.inner_text()
            page.keyboard.press("Space")
            page.wait_for_function(PAIR_OR_ANOTHER, arg=before, timeout=PATIENCE_MS)
            if dialog.is_visible():
                offered.append(turn)
                if len(offered) == 1:
                    look(page)
                    page.keyboard.press("1")
                    visitor.sees(page.get_by_role("heading", name="Thank you.", exact=True))
                else:
                    visitor.tap(dialog.get_by_role("button", name="Skip"))
                expect(dialog).to_be_hidden()
            visitor.gets()
        assert len(offered) == 2, "no more than the visitor enjoys"
        assert offered[0] >= 4 and offered[1] - offered[0] > 8, "the page itself was the first answer"
        wait_until(lambda: [kind for kind, _ in said(house)[words:]] == ["choose"], "one choice, one skip")


def test_a_chip_and_a_slider_answer_again_for_the_same_photo(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page, asked = visitor.page, []
        page.goto(TINTED)
        expect(page.get_by_role("radio", name="Sepia")).to_be_checked()
        page.on("request", lambda request: asked.append(request) if request.url.endswith("/predictions") else None)
        visitor.choose(own((200, 200, 200), 3))
        first = visitor.gets()
        red, _, blue = mean(shown(page))
        assert red > blue + 60, "sepia"
        page.get_by_role("radio", name="Sea").check()
        expect(page.locator("[data-made]")).not_to_have_attribute("src", first, timeout=PATIENCE_MS)
        second = visitor.gets()
        red, _, blue = mean(shown(page))
        assert blue > red + 60, "sea"
        expect(page.locator("[data-stage].both")).to_be_visible()

        slider = page.get_by_role("slider", name="Strength")
        slider.focus()
        for _ in range(20):
            page.keyboard.press("ArrowLeft")
        expect(page.locator("output")).to_have_text("0")
        expect(page.locator("[data-made]")).not_to_have_attribute("src", second, timeout=PATIENCE_MS)
        visitor.gets()
        wait_until(lambda: max(mean(shown(page))) - min(mean(shown(page))) < 12, "at strength 0 it is the photo itself")
        assert len(asked) <= 6, "a slider that moves asks when it rests"
        visitor.tap(visitor.button("Love it"))
        visitor.tap(visitor.button("Yes, keep it"))
        visitor.sees(page.get_by_role("heading", name="Thank you. It is kept."))


def test_a_picture_that_is_not_what_the_chip_says_can_not_be_spoken_of(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        page.goto(TINTED)
        visitor.choose(own("cold", 4))
        visitor.gets()
        page.route("**/predictions", lambda route: route.abort())
        page.get_by_role("radio", name="Sea").check()
        visitor.sees(visitor.button("Try now"))
        for name in ("Love it", "Meh", "Share"):
            expect(visitor.button(name)).to_be_hidden()
        visitor.sees(page.get_by_text("What you gave stays here."))
        page.unroute("**/predictions")
        visitor.tap(visitor.button("Try now"))
        visitor.sees(visitor.button("Love it"))
        visitor.watch.said = [text for text in visitor.watch.said if "ERR_FAILED" not in text]


def test_the_live_camera_takes_a_photo(chromium, house):
    with guest(chromium, house.url, DESK) as visitor:
        page = visitor.page
        page.goto(MIRROR)
        visitor.tap(visitor.button("Camera"))
        dialog = page.get_by_role("dialog", name="Camera")
        shutter = dialog.get_by_role("button", name="Take it")
        expect(shutter).to_be_enabled(timeout=PATIENCE_MS)
        look(page)
        visitor.tap(shutter)
        expect(dialog).to_be_hidden(timeout=PATIENCE_MS)
        assert visitor.gets().startswith("blob:")
        red, green, blue = mean(shown(page))
        assert green > red and green > blue, "Chromium's own test picture is green"
        visitor.tap(visitor.button("Camera"))
        expect(shutter).to_be_enabled(timeout=PATIENCE_MS)
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(visitor.button("Camera")).to_be_focused()


def test_a_camera_that_stays_closed_is_said_in_words(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        page.add_init_script(
            "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'));"
        )
        page.goto(MIRROR)
        visitor.tap(visitor.button("Camera"))
        expect(page.get_by_role("dialog")).to_contain_text("The camera stays closed", timeout=PATIENCE_MS)
        look(page, PHONE)


def test_on_plain_http_no_camera_is_shown_that_would_not_open(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        page.add_init_script("Object.defineProperty(globalThis, 'isSecureContext', { value: false });")
        page.goto(MIRROR, wait_until="networkidle")
        expect(visitor.button("Camera")).to_be_hidden()
        expect(page.locator("label", has_text="Take a photo")).to_be_visible()


def test_a_photo_given_without_a_connection_is_kept_and_answered_once_it_is_back(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        page.goto(MIRROR, wait_until="networkidle")
        page.context.set_offline(True)
        visitor.choose(own("warm", 5))
        page.wait_for_selector("[data-answer][data-state=offline]", timeout=PATIENCE_MS)
        expect(page.get_by_role("alert")).to_contain_text("You are offline.")
        visitor.sees(page.get_by_alt_text("Your photo"))
        look(page, PHONE)
        page.context.set_offline(False)
        assert visitor.gets().startswith("blob:"), "nobody had to press anything"
        visitor.watch.said = [text for text in visitor.watch.said if "net::ERR_INTERNET_DISCONNECTED" not in text]


def test_a_full_house_says_so_and_asks_again_by_itself(chromium, house):
    full = {"error": {"code": "queue-full", "what": "The site is full just now.", "do_next": "", "retry_after": 1}}
    with guest(chromium, house.url, DESK) as visitor:
        page = visitor.page
        page.route("**/predictions", lambda route: route.fulfill(status=503, json=full))
        page.goto(MIRROR, wait_until="networkidle")
        visitor.choose(own("warm", 6))
        page.wait_for_selector("[data-answer][data-state=full]", timeout=PATIENCE_MS)
        expect(page.get_by_role("alert")).to_contain_text("Trying again in")
        look(page)
        page.unroute("**/predictions")
        visitor.gets()
        assert visitor.watch.refusals(503) >= 1


@pytest.mark.parametrize("address", [MIRROR, COLOUR, TINTED])
@pytest.mark.parametrize("device", [PHONE, MOVING], ids=["phone", "desk"])
def test_nothing_shifts_while_a_page_comes(chromium, house, address, device):
    with guest(chromium, house.url, device) as visitor:
        page = visitor.page
        page.add_init_script(SHIFTS)
        page.goto(address, wait_until="networkidle")
        page.wait_for_function(STILL, timeout=PATIENCE_MS)
        assert page.evaluate("globalThis.shifted") == []


def test_no_page_that_makes_pictures_has_a_fault_that_axe_finds(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        for address in (MIRROR, COLOUR, TINTED):
            page.goto(address, wait_until="networkidle")
            look(page)
        visitor.choose(own("warm", 7))
        visitor.gets()
        look(page)
        visitor.tap(visitor.button("Meh"))
        visitor.sees(visitor.button("No, forget it"))
        look(page)
        visitor.tap(visitor.button("No, forget it"))
        visitor.sees(page.get_by_role("heading", name="It is forgotten."))
        look(page, PHONE)


def test_the_keyboard_alone_makes_a_picture_and_speaks_of_it(chromium, house):
    with guest(chromium, house.url, DESK) as visitor:
        page = visitor.page
        page.goto(TINTED, wait_until="networkidle")
        reach(page, "Choose a photo")
        with page.expect_file_chooser() as opened:
            page.keyboard.press("Enter")
        opened.value.set_files(own("cold", 8))
        first = visitor.gets()
        reach(page, "Sepia")
        page.keyboard.press("ArrowRight")
        expect(page.locator("[data-made]")).not_to_have_attribute("src", first, timeout=PATIENCE_MS)
        visitor.gets()
        reach(page, "Love it")
        page.keyboard.press("Enter")
        visitor.sees(visitor.button("Yes, keep it"))
        reach(page, "Share")
        page.keyboard.press("Enter")
        visitor.sees(page.get_by_role("dialog"))
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()


def reach(page, name: str) -> None:
    """Tab until the control of this name has the focus, and shows it."""
    focused = """() => {
        const on = document.activeElement, ring = (each) => getComputedStyle(each).outlineStyle !== "none";
        const name = on.ariaLabel || on.labels?.[0]?.innerText || on.innerText;
        return [name.trim(), ring(on) || ring(on.parentElement)];
    }"""
    for _ in range(40):
        page.keyboard.press("Tab")
        found, ring = page.evaluate(focused)
        if found == name:
            assert ring, f"no one sees that {name} has the focus"
            return
    raise AssertionError(f"no Tab leads to {name}")
