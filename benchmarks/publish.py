"""Publishing: from an empty folder to a page on a second browser, eight models of different make, five mistakes.

    python benchmarks/publish.py [--quick] [--report FILE]

The notebook is docs/publish.md's own, run by a real kernel; the second browser is a Chromium that comes by the
network's address, as a phone does. For Hugging Face's models stands a module that returns an object with .logits.
`--quick` takes three of the eight models. Needs the extras [train], [sklearn] and [dev].
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rows

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
PAGE = ROOT / "docs" / "publish.md"
QUICK = ("CNN", "GAN", "scikit-learn pipeline")


@contextmanager
def empty_folder() -> Iterator[Path]:
    """An empty folder as the working directory; the site in it is stopped in the end."""
    from teahouse.desk.where import find_project
    from teahouse.publishing import standing

    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            project = find_project(Path(folder) / "teahouse-site")
            if project is not None:
                standing.stop(project)
            os.chdir(before)


def from_notebook_to_page() -> list[rows.Row]:
    """Commands, lines and seconds of the page's own section, until a second browser has its answer."""
    from tests.publishing import notebook

    commands = re.search(r"^    (pip .*)$", PAGE.read_text("utf-8"), re.M)[1].split(" && ")
    cells = notebook.cells(PAGE)
    written = len([line for line in cells[-1].splitlines() if line.strip()])
    with empty_folder() as folder:
        began = time.monotonic()
        shown = notebook.shown(notebook.run(folder, cells))
        cell = time.monotonic() - began
        phone = shown.partition("network<br>")[2].partition("<")[0]
        label = on_second_browser(phone, folder) if phone else "no network"
        whole = time.monotonic() - began
    value = f"{len(commands)} commands, {written} lines, {whole:.0f} s (notebook {cell:.0f} s): {label}"
    bar = "the notebook section alone, in an empty folder"
    return [rows.row("from a notebook to a page on a second browser", value, bar, label == "cold")]


def on_second_browser(address: str, folder: Path) -> str:
    """What a Chromium says that comes by this address and gives a photo of its own, a cold one."""
    import numpy
    from PIL import Image
    from playwright.sync_api import expect, sync_playwright

    blots = numpy.random.default_rng(7).normal((60, 110, 200), 40, (6, 8, 3)).clip(0, 255).astype("uint8")
    Image.fromarray(blots).resize((240, 180)).save(folder / "ice.jpg")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(address)
        page.set_input_files("input[type=file]", str(folder / "ice.jpg"))
        answer = page.locator("[data-label]").first
        expect(answer).to_have_text(re.compile("cold", re.I), timeout=60_000)
        said = answer.inner_text().strip().lower()
        browser.close()
    return said


def eight_models(quick: bool) -> list[rows.Row]:
    """Each published by its maker's own lines to one site, and asked there."""
    from tests.publishing import eight, makers

    found = []
    names = [name for name in eight.MODELS if not quick or name in QUICK]
    with empty_folder() as folder:
        (folder / "photos").mkdir()
        files = [makers.photo_file(folder / "photos", kind, 100 + kind) for kind in range(3)]
        for name in names:
            publish, ready = eight.MODELS[name]
            model, began = ready(), time.monotonic()
            published = publish(model, files)
            took = time.monotonic() - began
            found.append(one_model(name, eight.lines(publish), published, files[0], took))
    return found


def one_model(name: str, lines: int, published: Any, photo: Path, took: float) -> rows.Row:
    """How far the export lies from the maker's own, and whether the site answers."""
    from teahouse.model import bundle

    manifest = bundle.read(published.sealed)
    apart, other = manifest.parity["max_abs"], len(published.differences)
    status = asked(published, manifest, photo)
    value = f"{lines} lines, {apart:.1e} apart, {other} answers differ, site says {status}, {took:.1f} s"
    holds = lines <= 10 and apart <= 1e-3 and other == 0 and status == 201
    return rows.row(f"published: {name}", value, "at most 10 lines, equal (1e-3), playable", holds)


def asked(published: Any, manifest: Any, photo: Path) -> int:
    """The status of the site's answer to what the release's first example gives."""
    import httpx

    url, _, app = published.url.rpartition("/")
    given = manifest.examples[0]["inputs"]
    kinds = {one["name"]: one["kind"] for one in manifest.fields}
    files = {name: photo.read_bytes() for name in given if kinds[name] == "image"}
    values = {name: str(value) for name, value in given.items() if kinds[name] != "image"}
    there = f"{url}/api/apps/{app}/predictions"
    if files:
        return httpx.post(there, files=files, data=values, timeout=60).status_code
    return httpx.post(there, json=given, timeout=60).status_code


def five_mistakes() -> list[rows.Row]:
    """Each planted in a maker's own code; the difference names it and no other."""
    from tests.publishing import makers, mistakes

    found = []
    with empty_folder() as folder:
        os.environ["KAGGLE_KERNEL_RUN_TYPE"] = "Interactive"  # no site is needed for these
        try:
            for name, (plant, word) in mistakes.MISTAKES.items():
                files = [makers.photo_file(folder, kind, 100 + kind) for kind in range(3)]
                told = plant(files)
                causes = {one.cause for one in told}
                others = [each for _, each in mistakes.MISTAKES.values() if each != word and each in " ".join(causes)]
                holds = bool(told) and all(word in cause for cause in causes) and not others
                value = f"{len(told)} of {len(files)} answers differ: {next(iter(causes), 'nothing')[:90]}"
                found.append(rows.row(f"mistake: {name}", value, "noticed and named", holds))
        finally:
            del os.environ["KAGGLE_KERNEL_RUN_TYPE"]
    return found


def measure(quick: bool) -> list[rows.Row]:
    """All rows."""
    return [*from_notebook_to_page(), *eight_models(quick), *five_mistakes()]


if __name__ == "__main__":
    sys.exit(rows.main(__doc__.splitlines()[0], measure))
