"""Releases whose worker does what the colour of a photo says: answer, hang, die, take all memory."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from teahouse.engine.desk import DeskRules
from teahouse.engine.front import EngineRules, LocalEngine
from teahouse.engine.port import Answer
from teahouse.model import bundle, shape
from teahouse.testing import RELEASES, photo, tiny_release

MOODS = {
    "hang": (255, 255, 255),
    "die": (0, 0, 0),
    "greedy": (20, 220, 20),
    "slow": (220, 220, 20),
    "raise": (220, 20, 220),
}
MOODY = """
import os, signal, time
import numpy
from teahouse import App, Image, Labels

app = App(title="Warm or cold?", name="moody", input=Image(size=16), output=Labels("warm", "cold"))
MOODS = {moods}

@app.predict
def predict(model, inputs):
    colour = inputs["input"].mean((1, 2)) * 255
    mood = min(MOODS, key=lambda each: abs(colour - MOODS[each]).sum())
    if abs(colour - MOODS[mood]).sum() < 60:
        if mood == "hang":
            while True:
                pass
        if mood == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if mood == "greedy":
            numpy.ones(1 << 30)
        if mood == "slow":
            time.sleep(0.3)
        if mood == "raise":
            raise ValueError("not today")
    return model(input=inputs["input"])
"""


GREEDY = """
import numpy
from teahouse import App, Image, Labels

app = App(title="Warm or cold?", name="greedy", input=Image(size=16), output=Labels("warm", "cold"))
held = []

@app.predict
def predict(model, inputs):
    if len(held) >= 2:
        numpy.ones(1 << 30)
    held.append(1)
    return model(input=inputs["input"])
"""


class Releases:
    """A releases folder and what it takes to fill it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._scratch = folder / "releases", folder / "scratch"

    def tiny(self, note: str = "", **changes: object) -> str:
        """A release that answers; `changes` are of its manifest."""
        source = self._source()
        tiny_release(source, note=note)
        return self._sealed(source, changes)

    def of_kind(self, kind: str, **changes: object) -> str:
        """A tiny release that makes pictures: kind is picture or seed."""
        source = self._source()
        RELEASES[kind](source)
        return self._sealed(source, changes)

    def moody(self) -> str:
        """A release with a function of the maker's that does what MOODS says."""
        source = self._source()
        tiny_release(source, name="moody")
        (source / "code").mkdir()
        (source / "code" / "app.py").write_text(MOODY.replace("{moods}", repr(MOODS)))
        return self._sealed(source, {"code": True, "hooks": ["predict"]})

    def greedy(self) -> str:
        """A release whose own function takes ever more memory once its examples are answered."""
        source = self._source()
        tiny_release(source)
        (source / "code").mkdir()
        (source / "code" / "app.py").write_text(GREEDY)
        return self._sealed(source, {"code": True, "hooks": ["predict"]})

    def broken(self, code: str) -> str:
        """A release whose code is this."""
        source = self._source()
        tiny_release(source)
        (source / "code").mkdir()
        (source / "code" / "app.py").write_text(code)
        return self._sealed(source, {"code": True, "hooks": ["predict"]})

    def _source(self) -> Path:
        self._scratch.mkdir(exist_ok=True)
        return self._scratch / str(len(list(self._scratch.iterdir())))

    def _sealed(self, source: Path, changes: dict) -> str:
        written = json.loads((source / "release.json").read_bytes())
        bundle.seal(source, shape.from_json({**written, **changes}))
        return bundle.install(source, self.folder)


def mood(name: str, seed: int = 0) -> bytes:
    """A photo whose colour asks for this."""
    return photo(MOODS[name], seed=seed, side=32, form="PNG")


async def ask(engine: LocalEngine, release: str, given: bytes, seconds: float = 5.0, lane: str = "free") -> Answer:
    return await engine.predict(release, {"input": given}, time.monotonic() + seconds, lane)


async def until(what: Callable[[], object], seconds: float = 10.0) -> object:
    """The first truthy result; fails after so many seconds."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not come"
        await asyncio.sleep(0.01)
    return found


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    return Releases(tmp_path)


def settings(memory_mb: int = 1024, deadline_s: float = 5.0) -> SimpleNamespace:
    return SimpleNamespace(engine=SimpleNamespace(memory_mb=memory_mb, deadline_s=deadline_s))


@pytest.fixture
async def begin(releases: Releases) -> AsyncIterator[Callable[..., LocalEngine]]:
    """Makes engines over the releases folder; they are closed at the end."""
    begun: list[LocalEngine] = []

    def make(desk: DeskRules | None = None, **rules: float) -> LocalEngine:
        given = EngineRules(desk=desk or DeskRules(), **rules)
        begun.append(LocalEngine(releases.folder, settings=settings(), rules=given))
        return begun[-1]

    yield make
    for engine in begun:
        await engine.close()


async def refused(work: Awaitable) -> Exception:
    """The error that the work ends in."""
    with pytest.raises(Exception) as told:
        await work
    return told.value
