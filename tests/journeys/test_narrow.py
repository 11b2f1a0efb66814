"""Every page in demo data on the narrowest phone: nothing sticks out at its side, however long a word is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from teahouse.site import render
from tests.site.look_pages import PAGES

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

NAMES = list(PAGES)
TWO_LINES = """all => all.filter((one) => one.offsetHeight > 1.9 * parseFloat(getComputedStyle(one).fontSize))
.map((one) => one.textContent)"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Shown(BaseHTTPRequestHandler):
    """Serves the demo pages by their number, and what they are dressed in."""

    def do_GET(self) -> None:
        status, kind, body = 404, "text/plain", b""
        if self.path.startswith("/static/"):
            found = render.static_file(*self.path.removeprefix("/static/").split("/", 1))
            status, kind, body = 200, found.headers["content-type"], bytes(found.body)
        elif self.path[1:].isdigit():
            status, kind, body = 200, "text/html", render.html(PAGES[NAMES[int(self.path[1:])]], "nonce").encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the demo pages are shown."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Shown) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_no_page_is_wider_than_a_phone_and_no_share_takes_two_lines(chromium, address):
    page = chromium.new_page(viewport={"width": 360, "height": 800}, reduced_motion="reduce", java_script_enabled=False)
    wide, broken = {}, {}
    for number, name in enumerate(NAMES):
        page.goto(f"{address}/{number}")
        if (more := page.evaluate(WIDER)) > 0:
            wide[name] = more
        lines = page.eval_on_selector_all(".bars .share", TWO_LINES)
        if lines:
            broken[name] = lines
    page.close()
    assert not wide
    assert not broken
