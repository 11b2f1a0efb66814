"""Page: how much of our own comes before the first photo, how soon a phone on a slow line can play, who else is asked.

    python benchmarks/page.py [--quick] [--report FILE]

A house stands on a scratch folder with a mirror (a photo in, a picture out; the tests' tiny release) and the shipped
releases of the starters that ask for a photo, served as `teahouse serve` serves them. The system's Chromium, as a phone
of 360 x 740 pixels, opens each play page with an empty cache on a slow 4G line (150 ms, 1.6 Mbit/s down, 750 kbit/s up)
and a processor slowed down four times. Usable: the sample is painted, its answer is there, and the button that takes a
photo is heard. Bytes are counted twice, as they come over the line and as they are unpacked; the pictures under /media/
are the photos, everything else is ours. Shifts are counted until the answer to a photo of one's own is there.

Gradio stands beside it where $TEAHOUSE_PEERS/gradio (else /tmp/peers/gradio) is a virtual environment with gradio and
onnxruntime: the same ONNX file in an Interface of the fewest lines, the same profile. Its rows have no bar.

3 openings of each page with --quick, else 7; times are medians.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import urlopen

import rows

STARTERS = Path(__file__).parents[1] / "src" / "teahouse" / "starters"
PHOTOS = ("tea", "toon", "style")
MOST_BYTES, USABLE_S = 60_000, 1.0
PATIENCE_S = 90
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
LINE = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 750e3 / 8}
SLOWER = 4
CHROMIUM = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
WATCH = """
globalThis.told = { shifted: 0, usable: null, heard: null };
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) told.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
const listen = EventTarget.prototype.addEventListener;
EventTarget.prototype.addEventListener = function (kind, ...rest) {
    const gives = kind === "change" && this instanceof HTMLInputElement && this.matches("[data-give]");
    if (gives) told.heard ??= performance.now();
    return listen.call(this, kind, ...rest);
};
const look = () => {
    if (USABLE) told.usable = performance.now();
    else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
OURS = """
told.heard && document.querySelector("[data-answer][data-state=told]")
    && [...document.querySelectorAll("[data-photo], [data-made]")].every((each) => each.complete && each.naturalWidth)
"""
THEIRS = """
[...document.querySelectorAll("button")].some((each) => each.innerText.trim() === "Submit" && each.offsetHeight)
    && document.querySelector("input[type=file]")
"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
GRADIO = """
import sys
import gradio
import numpy
import onnxruntime
net = onnxruntime.InferenceSession(sys.argv[1])
def mirror(photo):
    batch = photo.transpose(2, 0, 1)[None].astype(numpy.float32) / 255
    return (net.run(None, {"input": batch})[0][0].transpose(1, 2, 0).clip(0, 1) * 255).astype(numpy.uint8)
picture, made = gradio.Image(), gradio.Image()
face = gradio.Interface(mirror, picture, made, title="What does the mirror see?", analytics_enabled=False)
face.launch(server_name="127.0.0.1", server_port=int(sys.argv[2]), quiet=True)
"""


@dataclass
class Opening:
    """One opening of a page: what was asked for, in the order of the answers, and when things were there."""

    origin: str
    urls: dict[str, str] = field(default_factory=dict)
    line: dict[str, float] = field(default_factory=dict)
    unpacked: dict[str, int] = field(default_factory=dict)
    paint: float | None = None
    usable: float | None = None
    heard: float | None = None
    opened: float = 0.0  # layout shift until it was still
    shifted: float = 0.0  # and until the answer to one's own photo

    def listen(self, network: Any) -> None:
        """Counts what the page asks for from now on."""
        network.on("Network.requestWillBeSent", lambda e: self.urls.__setitem__(e["requestId"], e["request"]["url"]))
        network.on("Network.loadingFinished", lambda e: self.line.__setitem__(e["requestId"], e["encodedDataLength"]))
        network.on("Network.dataReceived", self.more)

    def more(self, event: dict[str, Any]) -> None:
        """More of one body."""
        before = self.unpacked.get(event["requestId"], 0)
        self.unpacked[event["requestId"]] = before + event["dataLength"]

    def asked(self) -> list[str]:
        """Ids of requests that went over a line."""
        return [one for one, url in self.urls.items() if not url.startswith(("data:", "blob:", "about:"))]

    def own(self) -> list[str]:
        """Ids of what is not a photo."""
        return [one for one in self.asked() if "/media/" not in self.urls[one]]

    def strayed(self) -> list[str]:
        """Addresses of others."""
        return [self.urls[one] for one in self.asked() if not self.urls[one].startswith(f"{self.origin}/")]


# ---- who is measured ----------------------------------------------------------------------------------------------


def shipped() -> list[str]:
    """The starters that take a photo and have a release."""
    return [name for name in PHOTOS if (STARTERS / name / "release" / "release.json").is_file()]


def put(house: Any, name: str) -> None:
    """Installs a starter's release in an open house, and lets it answer."""
    from teahouse import ids
    from teahouse.model import bundle, shape
    from teahouse.spec.load import load_app
    from teahouse.store import apps, releases, rollouts

    declared = load_app(STARTERS / name).declaration()
    release = bundle.install(STARTERS / name / "release", house.releases)
    manifest, at = shape.to_json(bundle.read(house.releases / release)), ids.now_ms()

    def write(c: Any) -> None:
        apps.declare(c, manifest["app"], manifest["title"], declared, "", at)
        releases.add(c, release, manifest["app"], None, manifest, at=at)
        rollouts.append(c, manifest["app"], release, "full", by="owner", why="a benchmark", at=at)

    house.db.write(write)


def wait_for(found: Callable[[], Any], process: subprocess.Popen[bytes], log: Path) -> Any:
    """The first true value; RuntimeError where the process ends before, or takes too long."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if value := found():
                return value
        except (OSError, ValueError, KeyError):
            pass
        time.sleep(0.1)
    raise RuntimeError(log.read_text("utf-8", "replace")[-2000:])


@contextmanager
def started(command: list[str], folder: Path, found: Callable[[], Any], **environment: str) -> Iterator[Any]:
    """A server while it stands: what `found` tells of it."""
    log = folder / "server.log"
    with log.open("wb") as told:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=told, stderr=told,
                                   env={**os.environ, **environment})  # fmt: skip
    try:
        yield wait_for(found, process, log)
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def house(folder: Path) -> Iterator[str]:
    """A house with the mirror and the starters; its address."""
    from teahouse import testing

    folder.mkdir()
    (folder / "teahouse.toml").write_text("[site]\nport = 0\n[limits]\nrequests_per_minute = 1000000\n")
    with testing.open_house(folder / ".teahouse") as opened:
        testing.install_tiny(opened, kind="picture")
        for name in shipped():
            put(opened, name)

    def found() -> str:
        url = json.loads((folder / ".teahouse" / "run" / "house.json").read_text())["url"]
        return url if urlopen(f"{url}/readyz", timeout=5).status == 200 else ""

    with started([sys.executable, "-m", "teahouse.cli", "serve", "--no-open"], folder, found) as url:
        yield url


@contextmanager
def gradio(folder: Path) -> Iterator[str]:
    """Gradio's page for the mirror; its address. FileNotFoundError where it is not there."""
    from teahouse import testing

    peer = Path(os.environ.get("TEAHOUSE_PEERS", "/tmp/peers")) / "gradio" / "bin" / "python"
    if not peer.is_file():
        raise FileNotFoundError(peer)
    folder.mkdir()
    testing.picture_release(folder / "release")
    (folder / "face.py").write_text(GRADIO)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [str(peer), "face.py", str(folder / "release" / "model.onnx"), str(port)]
    quiet = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    with started(command, folder, lambda: urlopen(url, timeout=5).status == 200, **quiet):
        yield url


# ---- how --------------------------------------------------------------------------------------------------------


@contextmanager
def browser() -> Iterator[Any]:
    """The system's Chromium."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if not program:
        raise FileNotFoundError("chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=list(CHROMIUM))
        yield opened
        opened.close()


def open_once(browser: Any, url: str, path: str, usable: str, own: bytes = b"") -> Opening:
    """Opens a page as a slow phone does, until it is usable and still; then gives it `own`, a photo, where there is
    one, and waits for its answer."""
    seen = Opening(url)
    with browser.new_context(**PHONE, service_workers="block") as context:
        page = context.new_page()
        network = context.new_cdp_session(page)
        network.send("Network.enable")
        network.send("Network.setCacheDisabled", {"cacheDisabled": True})
        network.send("Network.emulateNetworkConditions", LINE)
        network.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        seen.listen(network)
        page.add_init_script(WATCH.replace("USABLE", usable))
        page.goto(url + path, timeout=PATIENCE_S * 1000)
        page.wait_for_function("told.usable !== null", timeout=PATIENCE_S * 1000)
        page.wait_for_load_state("networkidle", timeout=PATIENCE_S * 1000)
        seen.paint, seen.usable, seen.heard = page.evaluate(f"[{PAINT}, told.usable, told.heard]")
        seen.opened = page.evaluate("told.shifted")
        first = dict(seen.urls)
        if own:
            with page.expect_response(lambda told: told.url.endswith("/predictions"), timeout=PATIENCE_S * 1000):
                page.locator("input[type=file][data-give]").last.set_input_files(
                    {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": own}
                )
            page.wait_for_selector("[data-answer]:is([data-state=told], [data-state=strange])", state="attached")
            page.wait_for_timeout(300)
        seen.shifted, seen.urls = page.evaluate("told.shifted"), first
    return seen


def faults(page: Any) -> int:
    """What axe finds on a page as it stands, light and dark."""
    from axe_playwright_python.sync_playwright import Axe

    found = 0
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        if not page.evaluate("'axe' in globalThis"):
            page.evaluate(Axe().axe_script)
        told = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found += len(told["violations"])
    return found


def focus(page: Any, target: Any) -> None:
    """Tab until it has the focus."""
    target.wait_for(timeout=PATIENCE_S * 1000, state="attached")
    for _ in range(80):
        if target.evaluate("(each) => each === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise RuntimeError(f"the keyboard does not reach {target}")


def press(page: Any, name: str, key: str = "Enter") -> None:
    """Goes to a button by Tab, and presses it."""
    focus(page, page.get_by_role("button", name=name, exact=True).locator("visible=true").first)
    page.keyboard.press(key)


def by_keyboard(browser: Any, url: str, path: str, own: bytes) -> tuple[str, int]:
    """A visitor without a mouse: a sample, a photo of their own, a word, a yes or a share; what they did, and the
    faults that axe found on the way."""
    with browser.new_context(viewport=PHONE["viewport"], reduced_motion="reduce", service_workers="block") as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("filechooser", lambda _chooser: None)  # from now on, or the first one may open uncaught
        page.goto(url + path)
        page.wait_for_selector("[data-answer]:is([data-state=told], [data-state=strange])", state="attached")
        found, done = faults(page), ["open"]
        focus(page, page.locator("input[type=file][data-give]").last)
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Enter")
        with page.expect_response(lambda told: told.url.endswith("/predictions")):
            chooser.value.set_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": own})
        page.wait_for_selector("[data-answer]:is([data-state=told], [data-state=strange])", state="attached")
        done.append("own photo")
        if page.locator("[data-split]").count():
            focus(page, page.locator("[data-split]"))
            page.keyboard.press("ArrowRight")
            press(page, "Love it")
        else:
            focus(page, page.locator("[data-chips] button").first)
            page.keyboard.press("Enter")
        done.append("word")
        page.locator("[data-consent]").wait_for(state="visible")
        page.wait_for_timeout(800)  # it takes no tap that was meant for what was there before
        found += faults(page)
        press(page, "Yes, keep it")
        page.get_by_role("heading", name="Thank you. It is kept.").wait_for()
        done.append("kept")
        if page.locator("[data-share]").count():
            press(page, "Share")
            press(page, "Make the page")
            page.get_by_role("dialog").get_by_label("Link").wait_for()
            found += faults(page)
            page.keyboard.press("Escape")
            done.append("shown")
        return ", ".join(done), found


# ---- the report --------------------------------------------------------------------------------------------------


def told_of(what: str, openings: list[Opening]) -> list[rows.Row]:
    """The rows of one page of ours."""
    one = openings[0]
    line = max(sum(each.line.get(i, 0) for i in each.own()) for each in openings)
    unpacked = max(sum(each.unpacked.get(i, 0) for i in each.own()) for each in openings)
    usable, paint = (median(getattr(each, name) for each in openings) / 1000 for name in ("usable", "paint"))
    heard = median(each.heard or 0.0 for each in openings) / 1000
    best = min(each.usable for each in openings) / 1000
    opened, shifted = (max(getattr(each, name) for each in openings) for name in ("opened", "shifted"))
    strayed = sum(len(each.strayed()) for each in openings)
    busy = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    photos = len(one.asked()) - len(one.own())
    size = f"{line:,.0f} on the line, {unpacked:,} unpacked; {len(one.own())} requests and {photos} of photos"
    return [
        rows.row(f"{what}: bytes of our own before the first photo", size, f"<= {MOST_BYTES:,} on the line",
                 line <= MOST_BYTES),
        rows.row(f"{what}: usable on slow 4G and a 4 x slower processor",
                 f"{usable:.2f} s (best {best:.2f}, first paint {paint:.2f}, the button heard at {heard:.2f}; {busy})",
                 f"< {USABLE_S:g} s", usable < USABLE_S),
        rows.row(f"{what}: layout shift while it opens", f"{opened:.4f}", "0", opened == 0),
        rows.row(f"{what}: layout shift until one's own answer", f"{shifted:.4f}", "0", shifted == 0),
        rows.row(f"{what}: requests elsewhere", strayed, "0", strayed == 0),
    ]  # fmt: skip


def beside(browser: Any, folder: Path, count: int) -> list[rows.Row]:
    """Gradio's figures: told, and no bar."""
    name = "Gradio, the mirror"
    try:
        with gradio(folder) as url:
            found = [open_once(browser, url, "/", THEIRS) for _ in range(count)]
    except Exception as error:  # edge: a peer that is not there, or does not stand, is no failure of ours
        why = "no peer" if isinstance(error, FileNotFoundError) else str(error)[:200]
        return [rows.row(name, f"not measured: {why}", "none, it stands beside", True)]
    one = found[0]
    line = max(sum(each.line.values()) for each in found)
    usable, paint = (median(getattr(each, name) for each in found) / 1000 for name in ("usable", "paint"))
    value = (f"{line:,.0f} bytes on the line, {sum(one.unpacked.values()):,} unpacked, {len(one.asked())} requests, "
             f"{len(one.strayed())} of them elsewhere; first paint {paint:.2f} s, usable {usable:.2f} s, "
             f"layout shift {max(each.shifted for each in found):.4f}")  # fmt: skip
    return [rows.row(name, value, "none, it stands beside", True)]


def measure(quick: bool) -> list[rows.Row]:
    """The rows of the report."""
    count = 3 if quick else 7
    found: list[rows.Row] = []
    with tempfile.TemporaryDirectory() as scratch, browser() as opened:
        from teahouse import testing

        own = testing.photo("cold", 31, side=320)
        with house(Path(scratch) / "house") as url:
            for name in (testing.NAMES["picture"], *shipped()):
                path, what = f"/{name}", f"play page of {name}"
                open_once(opened, url, path, OURS)
                found += told_of(what, [open_once(opened, url, path, OURS, own) for _ in range(count)])
                try:
                    done, axe = by_keyboard(opened, url, path, own)
                except Exception as error:  # edge: whatever a browser says, the row tells it
                    found.append(rows.row(f"{what}: whole flow by keyboard", str(error)[:200], "yes", False))
                    continue
                found.append(rows.row(f"{what}: axe violations, light and dark", axe, "0", axe == 0))
                found.append(rows.row(f"{what}: whole flow by keyboard", done, "yes", True))
        found += beside(opened, Path(scratch) / "gradio", count)
    return found


if __name__ == "__main__":
    sys.exit(rows.main((__doc__ or "").partition("\n")[0], measure))
