"""A real Chromium, and a real house for each module of journeys."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import save_file

from teahouse import ids, testing
from teahouse.model import bundle, shape
from teahouse.model.familiar import fit
from teahouse.store import apps, releases
from tests.standard.houses import RealHouse, wait_until

ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)


@pytest.fixture(scope="module")
def chromium():
    """The system's Chromium; a module of its own, for Playwright's loop must be gone before others begin theirs."""
    program = shutil.which("chromium")
    if not program:
        pytest.skip("there is no chromium here: `make .make/browser` installs it")
    api = pytest.importorskip("playwright.sync_api", reason="there is no Playwright here: pip install -e .[dev]")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A standing site with the tiny release on it, and another one installed that nobody has let answer."""
    with RealHouse(tmp_path_factory.mktemp("house")) as real:
        real.prepare()
        with testing.open_house(real.data) as opened:
            add_release(opened, "another")
        real.start()
        yield real
        real.stop()


def add_release(house: Any, note: str) -> str:
    """Installs a tiny release that knows what it was made for, and lets it answer nobody; its id.

    The app's deadline grows too: a slow machine takes its time to load a worker."""
    folder = Path(house.data) / "run" / f"made-{note}"
    testing.tiny_release(folder, note=note)
    save_file(known(), folder / "familiar.safetensors")
    familiar = {"threshold": 3.0, "file": "familiar.safetensors"}
    bundle.seal(folder, replace(bundle.read(folder), familiar=familiar))
    release = bundle.install(folder, house.releases)
    shutil.rmtree(folder)
    manifest, at = shape.to_json(bundle.read(house.releases / release)), ids.now_ms()

    def put(c: Any) -> None:
        releases.add(c, release, testing.APP, None, manifest, at=at)
        apps.declare(c, testing.APP, manifest["title"], testing.tiny_declaration(deadline_s=90.0), "", at)

    house.db.write(put)
    return release


def known() -> dict[str, numpy.ndarray]:
    """What a warm or cold photo is like: another such photo lies within 2 of it, a yellow one beyond a thousand."""
    field = testing.tiny_app().fields["input"]
    photos = [field.tensor(testing.photo(label, seed)) for seed in range(40) for label in testing.LABELS]
    return fit(numpy.stack(photos))


def printed_link(real: RealHouse) -> str:
    """The one-time link that `teahouse serve` printed."""
    found = wait_until(lambda: re.findall(r"http://\S+/claim/\S+", real.log.read_text()), "no claim link was printed")
    return found[-1]
