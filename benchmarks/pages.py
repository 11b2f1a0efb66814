"""Pages that stand alone: do they play with the network cut, answer as a site does, and answer soon on a slow phone?

    python benchmarks/pages.py [--quick] [--report FILE]

A fresh clone of this repository (what git knows of the working tree) writes tea, toon and teapot with `teahouse new`
and `teahouse pages`; a plain server of files hands them out, text gzipped as GitHub Pages does. The system's Chromium
can resolve no name, so nothing but that server can be reached. Photographs come from the folder that TEAHOUSE_PHOTOS
names (else they are drawn); of each the answers to the very same bytes are compared, also made 3,000 pixels wide as a
phone's. Slow: 360 x 740 pixels, a slow 4G line (150 ms, 1.6 Mbit/s down) and a processor slowed down four times, as in
page.py. The first answer is the one the page opens with. The first to a photo of one's own waits for what runs the
model, which is several megabytes: it is told, and has no bar; on the second visit the browser has kept them.

5 photographs and 1 slow opening with --quick, else 20 and 3.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import page as slow
import rows

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tests.journeys import alone  # noqa: E402

APPS: dict[str, tuple[dict[str, Any], str]] = {
    "tea": ({}, "input"), "toon": ({"palette": "comic"}, "photo"), "teapot": ({}, ""),
}  # fmt: skip
SAME, FIRST_S = 1e-3, 5.0
ENDED = "[data-answer]:is([data-state=told], [data-state=strange])"
CUT = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
ANSWERED = """
document.querySelector("[data-answer]:is([data-state=told], [data-state=strange])")
    && [...document.querySelectorAll("[data-photo], [data-made]")].every((each) => each.complete && each.naturalWidth)
"""


@dataclass
class Opening:
    """Seconds of one slow visit: until the first answer, the first to a photo of one's own, that of the second visit;
    and the bytes that had come by the first."""

    first: float
    own: float
    again: float
    bytes_first: float


# ---- what is measured ----------------------------------------------------------------------------------------------


def written(folder: Path) -> tuple[dict[str, Path], float]:
    """The pages, from a clone by the terminal's verbs alone; and how long the verb takes for one of them."""
    clone, shop = folder / "clone", folder / "clone" / "shop"
    listing = ["git", "ls-files", "-co", "--exclude-standard", "src"]
    for name in subprocess.run(listing, cwd=ROOT, capture_output=True, text=True).stdout.splitlines():
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, clone / name)
    environment = {**os.environ, "PYTHONPATH": str(clone / "src")}

    def verb(*words: str, at: Path) -> None:
        subprocess.run([sys.executable, "-m", "teahouse.cli", *words], cwd=at, env=environment, check=True,
                       capture_output=True)  # fmt: skip

    verb("new", "shop", "--starter", "tea", at=clone)
    for name in ("toon", "teapot"):
        verb("new", name, "--starter", name, at=shop)
    took, found = [], {}
    for name, app in (("tea", "shop"), ("toon", "toon"), ("teapot", "teapot")):
        began, to = time.monotonic(), folder / "public" / name
        verb("pages", app, "--to", str(to), at=shop)
        took.append(time.monotonic() - began)
        found[name] = to
    return found, max(took)


@contextmanager
def browser() -> Iterator[Any]:
    """The system's Chromium, which finds no host by name."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if not program:
        raise FileNotFoundError("chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=[*slow.CHROMIUM, CUT])
        yield opened
        opened.close()


def photographs(count: int) -> tuple[list[bytes], str]:
    """Photos, and where they are from."""
    folder = Path(os.environ.get("TEAHOUSE_PHOTOS") or "nowhere")
    if folder.is_dir():
        return [path.read_bytes() for path in alone.some(folder, count)], "photographs"
    from teahouse import testing

    return [testing.photo(("warm", "cold")[n % 2], n, side=500) for n in range(count)], "drawn photos"


def larger(photo: bytes) -> bytes:
    """The photo as a phone would have taken it."""
    from PIL import Image

    picture, out = Image.open(io.BytesIO(photo)).convert("RGB"), io.BytesIO()
    side = 3000 / max(picture.size)
    picture.resize((round(picture.width * side), round(picture.height * side)), Image.Resampling.LANCZOS).save(
        out, "JPEG", quality=92
    )
    return out.getvalue()


def apart(tab: Any, name: str, photos: list[bytes]) -> tuple[float, float, float]:
    """How far the page's numbers lie from the site's for the same bytes: photo (levels of 255), answer, and the
    milliseconds that an answer takes in the browser (median)."""
    import numpy

    from teahouse.engine.answering import Answerer

    values, field = APPS[name]
    answerer = Answerer(alone.STARTERS / name / "release")
    inputs, answers, took = [0.0], [0.0], []
    for photo in photos:
        told = tab.evaluate(alone.RUN, [base64.b64encode(photo).decode(), "image/jpeg", values, field])
        decoded = answerer.decode({**values, field: base64.b64decode(told["sent"])})
        ours = answerer.session.predict({key: array[None] for key, array in decoded.arrays.items()})
        tensor = numpy.frombuffer(base64.b64decode(told["tensor"]), numpy.float32).reshape(told["dims"])[0]
        row = numpy.frombuffer(base64.b64decode(told["row"]), numpy.float32)
        inputs.append(float(numpy.abs(tensor - decoded.arrays[field]).max()) * 255)
        if name == "tea":
            scores = answerer.run([decoded])[0].output["scores"]
            answers.append(max(abs(scores[word] - told["output"]["scores"][word]) for word in scores))
        else:
            answers.append(float(numpy.abs(row - ours.ravel()).max()))
        took.append(told["ms"])
    return max(inputs), max(answers), median(took)


def seeds_apart(tab: Any, count: int) -> float:
    """The same of pictures of seeds."""
    import numpy

    from teahouse.engine.answering import Answerer

    answerer, found = Answerer(alone.STARTERS / "teapot" / "release"), 0.0
    for seed in range(7, 7 + count):
        row = tab.evaluate(
            """async (seed) => {
                const from = document.querySelector("script[src*='play.js']").src;
                const { run } = await import(from.replace("play.js", "alone/house.js"));
                return [...(await run({ input: seed }, true)).row];
            }""",
            seed,
        )
        tensor = answerer.fields["input"].tensor(seed)
        ours = answerer.session.predict({"input": tensor[None]})
        found = max(found, float(numpy.abs(numpy.asarray(row) - ours.ravel()).max()))
    return found


def play(opened: Any, url: str, name: str, photo: bytes) -> tuple[str, int, list[str]]:
    """A visitor's first minute; what was asked of others, and what the browser complained of."""
    with opened.new_context(**slow.PHONE, service_workers="block") as context:
        tab, strayed, said = context.new_page(), [], []
        tab.on("request", lambda one: one.url.startswith((url, "blob:", "data:")) or strayed.append(one.url))
        tab.on("console", lambda one: one.type in ("error", "warning") and said.append(one.text))
        tab.on("pageerror", lambda one: said.append(str(one)))
        tab.goto(f"{url}/")
        tab.wait_for_selector(ENDED, state="attached")
        if name == "teapot":
            before = tab.locator("[data-number]").inner_text()
            tab.get_by_role("button", name="Another one").click()
            tab.wait_for_function(f"() => document.querySelector('[data-number]').textContent !== '{before}'")
            return tab.locator("[data-number]").inner_text(), len(strayed), said
        give(tab, photo)
        told = tab.locator("[data-label]" if name == "tea" else "[data-made]")
        words = told.inner_text() if name == "tea" else "a picture of {} x {}".format(*told.evaluate(
            "async (made) => (await made.decode(), [made.naturalWidth, made.naturalHeight])"))  # fmt: skip
        return words, len(strayed), said


def give(tab: Any, photo: bytes) -> float:
    """Gives the page a photo and waits for its answer; the seconds that takes."""
    began = time.monotonic()
    file = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo}
    tab.locator("input[type=file][data-give]").last.set_input_files(file)
    tab.wait_for_selector("[data-answer]:is([data-state=waiting], [data-state=again])", state="attached")
    tab.wait_for_selector(ENDED, state="attached", timeout=slow.PATIENCE_S * 1000)
    return time.monotonic() - began


def open_slowly(opened: Any, url: str, name: str, photo: bytes) -> Opening:
    """One visit on a slow phone with nothing kept, and a second one."""
    with opened.new_context(**slow.PHONE, service_workers="block") as context:
        tab = context.new_page()
        network = context.new_cdp_session(tab)
        counted = [0.0]
        network.send("Network.enable")
        network.send("Network.emulateNetworkConditions", slow.LINE)
        network.send("Emulation.setCPUThrottlingRate", {"rate": slow.SLOWER})
        network.on("Network.loadingFinished", lambda e: counted.__setitem__(0, counted[0] + e["encodedDataLength"]))
        tab.add_init_script(slow.WATCH.replace("USABLE", ANSWERED))
        tab.goto(f"{url}/", timeout=slow.PATIENCE_S * 1000)
        tab.wait_for_function("() => told.usable !== null", timeout=slow.PATIENCE_S * 1000)
        first, bytes_first = tab.evaluate("told.usable") / 1000, counted[0]
        if name == "teapot":
            return Opening(first, 0.0, 0.0, bytes_first)
        give(tab, photo)
        own = tab.evaluate("performance.now()") / 1000
        tab.wait_for_timeout(2000)  # what was fetched is being kept
        tab.reload(timeout=slow.PATIENCE_S * 1000)
        tab.wait_for_function("() => told.usable !== null", timeout=slow.PATIENCE_S * 1000)
        give(tab, photo)
        return Opening(first, own, tab.evaluate("performance.now()") / 1000, bytes_first)


# ---- the report ----------------------------------------------------------------------------------------------------


def told_of(opened: Any, name: str, folder: Path, quick: bool) -> list[rows.Row]:
    """The rows of one page."""
    photos, what = photographs(5 if quick else 20)
    found: list[rows.Row] = []
    with alone.handed_out(folder) as url:
        words, strayed, said = play(opened, url, name, photos[0])
        holds = bool(words) and strayed == 0 and not said
        found.append(rows.row(f"{name}: plays with the network cut", f"{words}; {strayed} requests elsewhere, "
                              f"{len(said)} complaints {said[:2]}", "yes, 0, 0", holds))  # fmt: skip
        with opened.new_context(service_workers="block") as context:
            tab = context.new_page()
            tab.goto(f"{url}/")
            if name == "teapot":
                far = seeds_apart(tab, len(photos))
                found.append(rows.row(f"{name}: answers apart from the site's, {len(photos)} seeds", f"{far:.1e}",
                                      f"<= {SAME:g}", far <= SAME))  # fmt: skip
            else:
                for size, given in (("as they are", photos), ("3,000 pixels", [larger(one) for one in photos[:5]])):
                    levels, far, ms = apart(tab, name, given)
                    value = f"{far:.1e}; the photo itself {levels:.2f} levels of 255 apart; {ms:.0f} ms an answer"
                    found.append(rows.row(f"{name}: answers apart from the site's, {len(given)} {what}, {size}", value,
                                          f"<= {SAME:g}", far <= SAME))  # fmt: skip
        visits = [open_slowly(opened, url, name, photos[0]) for _ in range(1 if quick else 3)]
    return found + told_slow(name, visits, weight(folder / "engine", "*") + weight(folder / "model", "*"))


def weight(folder: Path, which: str) -> int:
    """Bytes of the files below a folder."""
    return sum(one.stat().st_size for one in folder.rglob(which) if one.is_file())


def told_slow(name: str, visits: list[Opening], heavy: int) -> list[rows.Row]:
    """The rows of the slow visits to one page."""

    def mid(of: Callable[[Opening], float]) -> float:
        return median(of(one) for one in visits)

    first, busy = mid(lambda one: one.first), f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    found = [rows.row(f"{name}: first answer, slow 4G and a 4 x slower processor",
                      f"{first:.2f} s ({mid(lambda one: one.bytes_first) / 1e3:,.0f} kB by then; {busy})",
                      f"<= {FIRST_S:g} s", first <= FIRST_S)]  # fmt: skip
    if name != "teapot":
        own, again = mid(lambda one: one.own), mid(lambda one: one.again)
        value = f"{own:.1f} s, for {heavy / 1e6:.1f} MB come first; on the second visit {again:.1f} s"
        found.append(rows.row(f"{name}: first answer to one's own photo, given as the page opens", value,
                              "none, it is told", True))  # fmt: skip
    return found


def measure(quick: bool) -> list[rows.Row]:
    """The rows of the report."""
    with tempfile.TemporaryDirectory() as scratch, browser() as opened:
        folders, took = written(Path(scratch))
        sizes = {name: weight(to, "*") for name, to in folders.items()}
        heavy = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sizes.items())
        found = [rows.row("clone to public folder by two verbs", f"{took:.1f} s the slowest; {heavy}", "each <= 25 MB",
                          max(sizes.values()) <= 25e6)]  # fmt: skip
        for name, to in folders.items():
            found += told_of(opened, name, to, quick)
        return found


if __name__ == "__main__":
    sys.exit(rows.main((__doc__ or "").partition("\n")[0], measure))
