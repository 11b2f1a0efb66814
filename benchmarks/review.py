"""The review page by keyboard alone, killed in the middle; and whether the forecast there tells the truth.

    python benchmarks/review.py [--quick] [--report FILE]

A real site with photos of visitors that wait, the system's Chromium, and a script that does what an owner does: it
looks at the photo that stands there and presses a key. In the middle every process of the site is killed (SIGKILL) and
the site is started again; the page asks to try again, and goes on once the site answers as it did. Then the store is
compared with the keys. The server time of a decision stands in the site's log, from where the route begins to after the
commit. An owner's browser runs on another machine than the site: here it stands back for the site's processes (Linux's
autogroup, where there is one) and keeps its profile off their disk. What it waits is told, and has no bar.

Forecast: simulated sites (benchmarks/sites.py), each labelled visit by visit with a retrain and the product's verdict
every twenty training rows; what the page said at the thirtieth labelled visit, against what it took.

40 photos and 10 sites with --quick, else 200 photos beside 2,000 reviewed ones, and 50 sites.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import rows
import sites

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tests.journeys.conftest import ARGUMENTS, printed_link  # noqa: E402
from tests.loop import circle  # noqa: E402
from tests.standard.houses import RealHouse, wait_until  # noqa: E402

from teahouse import ids, testing  # noqa: E402
from teahouse.store import labels, reviews  # noqa: E402

PASSWORD = "six plain words would do here"  # noqa: S105  a site of this script alone
WORDS = testing.LABELS
DECISION_MS, WITHIN, SEED = 100.0, 0.8, 20261125
PATIENCE_MS = 60_000
STANDS = "[data-judge]:not([hidden]) [data-photo]:not([hidden]), [data-done-note]:not([hidden])"
MOVED = """
label => !document.querySelector("[data-photo]").src.endsWith(label)
    || [...document.querySelectorAll("[data-trouble], [data-done-note]")].some((each) => !each.hidden)
"""


@dataclass
class Walk:
    """What the script did: the key's label by the label's id, the milliseconds of each decision's answer."""

    pressed: dict[str, str] = field(default_factory=dict)
    waited: list[float] = field(default_factory=list)
    seconds: float = 0.0
    worked_ms: float = 0.0  # of the web process's own time a decision, photos and queue with it


@contextmanager
def standing_back() -> Iterator[None]:
    """This session, and the browser in it, gets the processors when the site's own session leaves them; the browser
    keeps its profile in memory, where there is room for that."""
    weight, memory = Path("/proc/self/autogroup"), Path("/dev/shm")
    before = weight.read_text().rpartition(" ")[2].strip() if weight.exists() else ""
    folder = os.environ.get("TMPDIR")
    try:
        if before:
            weight.write_text("19")
        if memory.is_dir():
            os.environ["TMPDIR"] = str(memory)
        yield
    finally:
        if before:
            weight.write_text(before)
        os.environ.pop("TMPDIR", None) if folder is None else os.environ.update(TMPDIR=folder)


@contextmanager
def house(photos: int, reviewed: int) -> Iterator[RealHouse]:
    """A site with so many photos that wait and so many that the owner has reviewed, on a port that stays the same."""
    with tempfile.TemporaryDirectory(prefix="teahouse-review-") as scratch, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        with RealHouse(Path(scratch)) as real:
            settings = real.root / "teahouse.toml"
            settings.write_text(settings.read_text().replace("port = 0", f"port = {port}"))
            real.prepare()
            with testing.open_house(real.data) as opened:
                for seed in range(photos + reviewed):
                    held = seed % 3 == 0
                    sent = testing.photo(WORDS[seed % 2], seed)
                    row = circle.visit(opened, sent, WORDS[seed % 2], held=held, before=held)
                    if seed >= photos:
                        circle.review(opened, circle.label_of(opened, row).id, WORDS[seed % 2])
            real.start()
            yield real
            real.stop()


def walk(real: RealHouse, photos: int) -> Walk:
    """Every photo by one key; in the middle the site is killed."""
    from playwright.sync_api import sync_playwright

    done, lot = Walk(), random.Random(SEED)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(ARGUMENTS))
        page = browser.new_page()
        page.goto(printed_link(real))
        page.get_by_label("password").first.fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/owner/**", timeout=PATIENCE_MS)
        page.goto(f"{real.url}/owner/review?app={circle.APP}")
        page.on("requestfinished", lambda request: timed(request, done))
        began = time.monotonic()
        killed = False
        while len(done.pressed) < photos:
            label, key = standing(page), lot.randrange(len(WORDS))
            if not label:
                break
            page.keyboard.press(str(key + 1))
            page.wait_for_function(MOVED, arg=label, timeout=PATIENCE_MS)
            if standing(page) != label:  # the page took the key: it stands for a decision that may not get lost
                done.pressed[label] = WORDS[key]
            if len(done.pressed) == photos // 2 and not killed:
                real.kill()
                killed = True
            if page.locator("[data-trouble]").is_visible():
                real.start()
                wait_until(lambda: httpx.get(f"{real.url}/readyz").status_code == 200, "it does not answer", pause=0.5)
                web, at = real.child("teahouse.site.serve"), len(done.waited)
                worked = sum(web.cpu_times()[:2])
                page.locator("[data-retry]").press("Enter")
                page.wait_for_selector("[data-trouble]", state="hidden", timeout=PATIENCE_MS)
        page.wait_for_selector("[data-done-note]:not([hidden])", timeout=PATIENCE_MS)
        until = time.monotonic() + PATIENCE_MS / 1000
        while len(done.waited) < photos and time.monotonic() < until:  # what was pressed last is still on its way
            page.wait_for_timeout(50)
        done.seconds = time.monotonic() - began
        done.worked_ms = 1000 * (sum(web.cpu_times()[:2]) - worked) / max(1, len(done.waited) - at)
        browser.close()
    return done


def standing(page: Any) -> str:
    """The label whose photo stands on the page; "" once all are decided."""
    page.wait_for_selector(STANDS, timeout=PATIENCE_MS)
    if page.locator("[data-done-note]").is_visible():
        return ""
    return str(page.locator("[data-photo]").get_attribute("src")).rpartition("/")[2]


def timed(request: Any, done: Walk) -> None:
    """Notes how long the browser waited for the first byte of a decision's answer."""
    if request.method == "POST" and request.url.endswith("/api/owner/reviews"):
        timing = request.timing
        done.waited.append(timing["responseStart"] - timing["requestStart"])


def logged(text: str) -> list[float]:
    """The server time of each decision in a site's log, ms."""
    found = (json.loads(line) for line in text.splitlines() if line.startswith("{") and '"reviewed"' in line)
    return [one["ms"] for one in found if one["event"] == "reviewed"]


def by_keyboard(quick: bool) -> list[rows.Row]:
    """The rows of the walk."""
    photos, reviewed = (40, 40) if quick else (200, 2000)
    with house(photos, reviewed) as real:
        with standing_back():
            done = walk(real, photos)
        with testing.open_house(real.data) as opened, opened.db.read() as c:
            kept = {label: labels.get(c, ids.parse(label)) for label in done.pressed}
            left = reviews.left(c, circle.APP)
        took = logged(real.log.read_text())
    lost = [label for label, word in done.pressed.items() if kept[label].answer != {"label": word}]
    not_own = [label for label in done.pressed if kept[label].reviewed_by != labels.OWNER]
    slowest = max(done.waited)
    most = sorted(done.waited)[int(0.95 * len(done.waited))]
    told = f"{median(done.waited):.0f} in the middle, {most:.0f} of 19 in 20, {slowest:.0f} the slowest"
    return [
        rows.row("photos decided by keyboard alone", len(done.pressed), photos, len(done.pressed) == photos),
        rows.row("decisions lost or not as pressed, killed in the middle", len(lost) + len(not_own), 0,
                 not lost and not not_own),
        rows.row("photos left in the queue", left, 0, left == 0),
        rows.row("ms of server time, the slowest decision", f"{max(took):.0f} ({median(took):.0f} in the middle)",
                 f"<= {DECISION_MS:.0f}", len(took) >= photos and max(took) <= DECISION_MS),
        rows.row("ms that the browser waits for a decision's answer", told, "told", True),
        rows.row("ms that the web process worked for a decision, photos and queue with it", f"{done.worked_ms:.0f}",
                 f"<= {DECISION_MS:.0f}", done.worked_ms <= DECISION_MS),
        rows.row("seconds in all, the restart among them", f"{done.seconds:.0f}", "told", True),
    ]  # fmt: skip


def foretold(quick: bool) -> list[rows.Row]:
    """The rows of the forecast."""
    wanted, found, seed = 10 if quick else 50, [], 0
    while len(found) < wanted:
        if (site := sites.run(seed)) is not None:
            found.append(site)
        seed += 1
    good = sum(site.within_two for site in found)
    inside = sum(
        (site.told.low or 0) <= (site.needed or sites.MOST) <= (site.told.high or sites.MOST) for site in found
    )
    needed = median(site.needed or sites.MOST for site in found)
    return [
        rows.row("sites where the forecast was within a factor of two", f"{good} of {wanted}",
                 f">= {WITHIN * wanted:.0f}", good >= WITHIN * wanted),
        rows.row("sites where what it took lay in the range that was told", f"{inside} of {wanted}", "told", True),
        rows.row("labelled visits that it took, the middle site", f"{needed:.0f}", "told", True),
    ]  # fmt: skip


def measure(quick: bool) -> list[rows.Row]:
    """The rows of the report."""
    return by_keyboard(quick) + foretold(quick)


if __name__ == "__main__":
    sys.exit(rows.main((__doc__ or "").partition("\n")[0], measure))
