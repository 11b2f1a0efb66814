"""An app in a frame of another site's page: as high as it needs, without a cookie, and nothing of the owner in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from teahouse.testing import APP, photo
from tests.journeys.people import DESK, PATIENCE_MS, PHONE, TELL_VIOLATIONS, Watch, faults
from tests.standard.houses import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

HEAD = (
    '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Elsewhere</title>'
    "<h1>Elsewhere</h1>"
)
FRAMES = "[...document.querySelectorAll('iframe')].map((frame) => frame.clientHeight)"
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@contextmanager
def elsewhere(body: str) -> Iterator[str]:
    """Another site, of one page: to a browser `localhost` is another site than 127.0.0.1."""
    page = (HEAD + body).encode()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/" else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page if self.path == "/" else b"")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def snippet(chromium, house) -> str:
    """The lines of HTML that the play page gives out."""
    with chromium.new_context(base_url=house.url) as context:
        page = context.new_page()
        page.goto("/")
        page.get_by_role("button", name="Put it on your page").click()
        dialog = page.get_by_role("dialog", name="Put it on a page of your own")
        expect(dialog).to_be_visible(timeout=PATIENCE_MS)
        assert faults(page).violations_count == 0
        return dialog.get_by_label("HTML for a page of your own").input_value()


def frame_of(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def told(page: Page, label: str) -> None:
    expect(frame_of(page).locator("[data-answer][data-state=told] [data-label]")).to_have_text(
        label, timeout=PATIENCE_MS
    )


def high(page: Page) -> int:
    """The height that the frame has, once it is that of what lies in it."""
    inside = page.frames[1]

    def fits():
        (outer,), inner = page.evaluate(FRAMES), inside.evaluate("Math.ceil(document.body.offsetHeight)")
        return outer if abs(outer - inner) <= 1 else None

    return wait_until(fits, "the frame has not the height of what lies in it")


@pytest.fixture
def guest_elsewhere(chromium, house):
    """Opens a page with the app in it as a phone or a desk; at the end what the browser did is looked at."""
    with elsewhere(snippet(chromium, house)) as address:
        opened = []

        def open_(device, **more):
            context = chromium.new_context(**device, reduced_motion="reduce", **more)
            page, watch = context.new_page(), Watch(house.url)
            page.set_default_timeout(PATIENCE_MS)
            page.add_init_script(TELL_VIOLATIONS)
            watch.on(page)
            page.goto(address)
            opened.append((context, watch))
            return page

        yield open_
        for context, watch in opened:
            assert context.cookies(house.url) == [], "the frame got a cookie"
            context.close()
            watch.strayed = [url for url in watch.strayed if not url.startswith(address)]
            watch.said = [text for text in watch.said if "favicon" not in text and "status of 404" not in text]
            watch.check()


@pytest.mark.parametrize("device", [PHONE, DESK], ids=["phone", "desk"])
def test_the_frame_takes_the_height_that_it_needs_and_scrolls_nowhere(guest_elsewhere, device):
    page = guest_elsewhere(device)
    told(page, "Warm")
    first = high(page)
    assert 300 < first < 1200
    assert page.frames[1].evaluate(WIDER) <= 0
    page.set_viewport_size({"width": 900, "height": 2000})
    if device is PHONE:
        wait_until(lambda: high(page) < first, "another width, another height")
    assert high(page) < 1200, "it does not grow with the window"
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = faults(page.frames[1])
        assert found.violations_count == 0, found.generate_report()


def test_a_receipt_opens_word_and_consent_and_takes_back_what_was_kept(guest_elsewhere, house):
    page = guest_elsewhere(DESK)
    told(page, "Warm")
    frame = frame_of(page)
    with page.expect_file_chooser() as chooser:
        frame.locator("label", has_text="Choose").click()
    chooser.value.set_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo("cold", 31, side=320)})
    told(page, "Cold")
    before = kept(house)
    frame.get_by_role("button", name="It was warm").click()
    expect(frame.get_by_text("A yes stands for your next")).to_have_count(0)
    frame.get_by_role("button", name="Yes, keep it").click(delay=800)
    expect(frame.get_by_role("heading", name="Thank you. It is kept.")).to_be_visible()
    assert kept(house) == before + 1
    expect(frame.locator("[data-pill]")).to_be_hidden()
    high(page)
    with page.context.expect_page() as opened:
        frame.get_by_role("link", name="See it, or take it back").click()
    mine = opened.value
    expect(mine.locator("ul.given > li")).to_have_count(1)
    expect(mine.get_by_text("Your photo is kept.")).to_be_visible()
    mine.close()

    frame.get_by_role("button", name="Take back what I let it keep").click()
    expect(frame.locator("[data-kept]")).to_be_hidden()
    wait_until(lambda: kept(house) == before, "what was taken back is no file any more")
    page.context.clear_cookies()


def test_nothing_in_the_frame_leads_to_the_owner_and_links_leave_the_frame(guest_elsewhere):
    page = guest_elsewhere(DESK)
    told(page, "Warm")
    links = page.frames[1].evaluate("[...document.links].map((link) => [new URL(link.href).pathname, link.target])")
    assert {path for path, _ in links} == {f"/{APP}"}
    assert page.frames[1].evaluate("document.querySelector('base').target") == "_blank"
    with page.context.expect_page() as opened:
        frame_of(page).get_by_role("contentinfo").get_by_role("link").click()
    expect(opened.value.get_by_role("navigation", name="Site")).to_be_visible(timeout=PATIENCE_MS)


def test_no_other_page_of_the_house_can_be_framed(chromium, house):
    paths = ("/", f"/{APP}", "/mine", "/log", "/offline", "/owner/", "/owner/login", "/docs")
    with elsewhere("".join(f'<iframe src="{house.url}{path}"></iframe>' for path in paths)) as address:
        with chromium.new_context() as context:
            page, said = context.new_page(), []
            page.on("console", lambda message: said.append(message.text))
            page.goto(address)
            wait_until(lambda: sum("frame-ancestors" in text for text in said) >= len(paths), f"not refused: {said}")
            assert all(not frame.url.startswith(house.url) for frame in page.frames)


def kept(house) -> int:
    """How many files the house keeps."""
    return sum(file.is_file() for file in (house.data / "blobs").rglob("*"))
