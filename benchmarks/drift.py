"""Drift: how soon is candle-light told, how often is day called a change, what does a look cost?

    python benchmarks/drift.py [--quick] [--report FILE]

The tea starter's shipped release gets figures of its training by the product's own code, from day pictures; a real
worker then answers pictures that it has never seen, one visitor each, and what it says of them is counted and tested
after every photo as the site does it. Candle: how many photos until the first word. Day: in how many of 20 houses there
is a word at all, looked at after every photo.
"""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy
import rows
from PIL import Image as Pillow

from teahouse import ids
from teahouse.engine.front import LocalEngine
from teahouse.engine.port import Wanted
from teahouse.model import bundle, looks
from teahouse.model.session import Session
from teahouse.monitor import drift
from teahouse.settings import Settings
from teahouse.site.seen import Looks
from teahouse.spec.load import load_app
from teahouse.training import figures
from teahouse.training.data import TrainingData

TEA = Path(__file__).parents[1] / "src" / "teahouse" / "starters" / "tea"
LABELS = ("green", "oolong")
HOUSES, SOON = 20, 100
UNSEEN = 1_000_000  # seeds from here on are nobody's training


@dataclass(frozen=True)
class Sizes:
    """Pictures that the figures are of, photos in each day house, houses by candle-light."""

    training: int
    day: int
    candles: int


QUICK, FULL = Sizes(600, 60, 6), Sizes(2000, 400, 20)


def photo(seed: int, domain: str) -> bytes:
    """A cup of tea as a JPEG, the label by the seed."""
    from render.scene import render

    out = io.BytesIO()
    Pillow.fromarray(render(seed, LABELS[seed % 2], domain, 128)).save(out, "JPEG", quality=92)
    return out.getvalue()


def known(app: Any, folder: Path, count: int) -> dict[str, Any]:
    """The figures of the release, from `count` day pictures as they lie in a run folder."""
    (folder / "photos").mkdir(parents=True)
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as file:
        for number in range(count):
            # the first three quarters are of the training's own seeds, the rest it has not seen
            seen = number < count * 3 // 4
            data = photo(number if seen else UNSEEN * 9 + number, "day")
            digest = ids.sha256(data)
            (folder / "photos" / digest).write_bytes(data)
            split, truth = "train" if seen else "validation", {"label": LABELS[number % 2]}
            row = {"row": str(number), "inputs": {"input": {"blob": digest}}, "truth": truth, "source": "maker"}
            file.write(json.dumps({**row, "split": split}) + "\n")
    data = TrainingData(folder, app.fields, app.output, 1)
    made = figures.of_photos(app, data.pantry, [*data.train.rows, *data.validation.rows])
    session = Session(TEA / "release")
    return made | figures.of_answers(app, data.pantry, data.validation.rows, session.predict)


def sealed(folder: Path, told: dict[str, Any]) -> str:
    """The shipped release with these figures in folder/<id>; its id."""
    copy = folder / "copy"
    shutil.copytree(TEA / "release", copy)
    bundle.seal(copy, replace(bundle.read(copy), figures=told, files={}))
    return bundle.install(copy, folder)


class House:
    """What one house has counted of its visitors' photos."""

    def __init__(self, live: Any) -> None:
        self.live, self.looks, self.visitors = live, Looks(), 0
        self.counts: dict[str, tuple[int, float]] = {}

    def saw(self, answer: Any) -> list[drift.Drift]:
        """One more visitor's photo; what has drifted by now."""
        self.visitors += 1
        name = str(self.visitors).encode()
        self.looks.add(self.live, "full", answer, (name, b"n" + name), {**(answer.look or {}), "device": "phone"}, 0)
        for row in self.looks.take():
            n, total = self.counts.get(row.what, (0, 0.0))
            self.counts[row.what] = (n + row.n, total + row.total)
        tallies = [Tallied(what, n, total) for what, (n, total) in self.counts.items()]
        return drift.find(self.live.manifest.figures, drift.weeks(tallies))


@dataclass(frozen=True)
class Tallied:
    """A row of the tallies of the first week."""

    what: str
    n: int
    total: float
    week: int = 0


@dataclass(frozen=True)
class Live:
    """What is counted against."""

    app: str
    release: str
    manifest: Any


async def until_told(engine: LocalEngine, live: Live, domain: str, first: int, most: int) -> tuple[int | None, str]:
    """How many photos until the first word (None: none within `most`), and the word."""
    house = House(live)
    for number in range(most):
        answer = await engine.predict(live.release, {"input": photo(first + number, domain)}, time.monotonic() + 60)
        if found := house.saw(answer):
            return number + 1, found[0].words
    return None, ""


async def run(folder: Path, sizes: Sizes) -> list[rows.Row]:
    app = load_app(TEA)
    release = sealed(folder, known(app, folder / "run", sizes.training))
    live = Live("tea", release, bundle.read(folder / release))
    engine = LocalEngine(folder, settings=Settings())
    try:
        (ready,) = await engine.ensure([Wanted("tea", release)])
        if ready.why:
            return [rows.unmeasured("drift", "a worker", ready.why)]
        candles = [
            await until_told(engine, live, "candle", UNSEEN + house * 1000, SOON) for house in range(sizes.candles)
        ]
        days = [
            await until_told(engine, live, "day", 2 * UNSEEN + house * 1000, sizes.day) for house in range(HOUSES)
        ]
    finally:
        await engine.close()
    soon, alarms = [n for n, _ in candles if n], [words for n, words in days if n]
    said = sorted({words for n, words in candles if n})
    told = f"{len(soon)} of {len(candles)}, median {median(soon) if soon else None}, at most {max(soon, default=None)}"
    return [
        rows.row(f"candle-light is told within {SOON} photos", told, "all", len(soon) == len(candles)),
        rows.row("in words", "; ".join(said), "darker, warmer or unlike", bool(said)),
        rows.row(f"day is called a change, houses of {HOUSES} with {sizes.day} photos", len(alarms), "<= 1",
                 len(alarms) <= 1),
        cost(),
    ]  # fmt: skip


def cost() -> rows.Row:
    """Milliseconds of processor time that a look takes, at the size of most models."""
    picture = numpy.random.default_rng(0).random((3, 224, 224), dtype=numpy.float32)
    began = time.process_time()
    for _ in range(200):
        looks.look(picture, 1024)
    ms = (time.process_time() - began) / 200 * 1000
    return rows.row("a look at 224 x 224 pixels, ms of processor time", round(ms, 3), "<= 1", ms <= 1)


def measure(quick: bool) -> list[rows.Row]:
    """The rows of the report."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(run(Path(folder), QUICK if quick else FULL))


if __name__ == "__main__":
    sys.exit(rows.main((__doc__ or "").partition("\n")[0], measure))
