"""Who walks through the house in a browser, and what holds on every page they see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

PATIENCE_MS = 30_000
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
DESK: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", (e) => console.error("policy", e.violatedDirective, e.blockedURI));
"""


@dataclass
class Watch:
    """What a browser did that it must not: asked another origin, broke the content policy, or said an error."""

    origin: str
    strayed: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def on(self, page: Page) -> None:
        page.context.on("request", lambda request: self.asked(request.url))
        page.on("console", lambda message: self.hears(message.type, message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))

    def asked(self, url: str) -> None:
        if not url.startswith((f"{self.origin}/", "blob:", "data:")):
            self.strayed.append(url)

    def hears(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.said.append(text)

    def refusals(self, status: int) -> int:
        """Takes the browser's own notes of an answer with this status out; how many there were."""
        noted = [text for text in self.said if f"status of {status}" in text]
        self.said = [text for text in self.said if text not in noted]
        return len(noted)

    def lost(self) -> int:
        """Takes the browser's own notes of requests that a test let fail out; how many there were."""
        noted = [text for text in self.said if "net::ERR_FAILED" in text]
        self.said = [text for text in self.said if text not in noted]
        return len(noted)

    def check(self) -> None:
        assert not self.strayed, self.strayed
        assert not self.said, self.said


@dataclass
class Guest:
    """Somebody with a browser: their page, and every tap counted."""

    page: Page
    watch: Watch
    touch: bool
    taps: int = 0

    def tap(self, target: Locator) -> None:
        """One tap of a finger, or one click."""
        self.taps += 1
        target.tap(timeout=PATIENCE_MS) if self.touch else target.click(timeout=PATIENCE_MS)

    def choose(self, file: Any) -> None:
        """An own photo: one tap, and the device's own chooser."""
        with self.page.expect_file_chooser(timeout=PATIENCE_MS) as opened:
            self.tap(self.page.locator("label", has_text="Choose"))
        opened.value.set_files(file)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def sees(self, target: Locator, text: Any = None) -> None:
        """Waits until it is there, with this text."""
        expect(target).to_be_visible(timeout=PATIENCE_MS)
        if text is not None:
            expect(target).to_have_text(text, timeout=PATIENCE_MS)

    def gets(self, state: str = "told") -> str:
        """Waits for a picture as the answer; its address."""
        self.page.wait_for_selector(f"[data-answer][data-state={state}]", state="attached", timeout=PATIENCE_MS)
        return self.page.locator("[data-made]").get_attribute("src")

    def hears(self, label: str) -> None:
        """Waits for an answer of this label."""
        self.sees(self.page.locator("[data-answer][data-state=told] [data-label]"), label)


@contextmanager
def guest(browser: Browser, origin: str, device: dict[str, Any]) -> Iterator[Guest]:
    """A new visitor with a device of this kind; at the end what the browser did is checked."""
    calm = {"reduced_motion": "reduce", **device}
    with browser.new_context(**calm, base_url=origin, accept_downloads=True) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script(TELL_VIOLATIONS)
        page.on("filechooser", lambda _chooser: None)  # from now on, or the first one may open uncaught
        watch = Watch(origin)
        watch.on(page)
        yield Guest(page, watch, bool(device.get("has_touch")))
        watch.check()


def faults(page: Page) -> AxeResults:
    """What axe finds on the page as it stands."""
    axe = Axe()
    if not page.evaluate("'axe' in globalThis"):
        page.evaluate(axe.axe_script)
    return AxeResults(page.evaluate("axe.run(document, {resultTypes: ['violations']})"))


def look(page: Page, *devices: dict[str, Any]) -> None:
    """The page has no fault that axe finds, and nothing sticks out at its side: light and dark, at each size."""
    before = page.viewport_size
    for device in devices or (PHONE, DESK):
        page.set_viewport_size(device["viewport"])
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.wait_for_function("() => document.getAnimations().every((a) => a.playState !== 'running')")
            found = faults(page)
            where = f"{page.url}, {device['viewport']['width']} px, {scheme}"
            assert found.violations_count == 0, f"{where}\n{found.generate_report()}"
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{where}: {wide} px wider than the screen"
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.set_viewport_size(before)
