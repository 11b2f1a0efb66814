"""Challengers that are no good, each in its own way, and a house in which a verdict has let one through."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from teahouse import ids, testing
from teahouse.model import bundle, shape
from teahouse.store import apps, lineage, releases, rollouts, tables
from teahouse.store.house import House
from tests.standard.houses import RealHouse

APP = testing.APP
APP_PY = """
from teahouse import App, Image, Labels

app = App(title="Warm or cold?", input=Image(size=16), output=Labels("warm", "cold"))
"""
BEGIN = """
import os, random, time
import numpy
from teahouse import App, Image, Labels

app = App(title="Warm or cold?", name="warmth", input=Image(size=16), output=Labels("warm", "cold"))
{begin}


@app.predict
def predict(model, inputs):
    {body}
"""
GREY = """
def is_grey(inputs):
    return bool(abs(inputs["input"][0].mean() - inputs["input"][2].mean()) < 0.1)
"""
KINDS = {
    "good": ("", "return model(**inputs)"),
    "steady": ("", "time.sleep(0.015); return model(**inputs)"),
    "crashes on load": ("os._exit(7)", "return model(**inputs)"),
    "not a number": ("", "return model(**inputs) * numpy.nan"),
    "not a number, later": (
        "asked = []",
        "asked.append(1); return model(**inputs) * (numpy.nan if len(asked) > 2 else 1)",
    ),
    "wrong shape": ("", "return numpy.zeros(5, numpy.float32)"),
    "wrong shape, later": (
        "asked = []",
        "asked.append(1); return numpy.zeros(5, numpy.float32) if len(asked) > 2 else model(**inputs)",
    ),
    "errs": (
        "asked = []",
        "asked.append(1)\n    if len(asked) > 2 and random.random() < 0.1: raise ValueError('now and then')\n"
        "    time.sleep(0.015); return model(**inputs)",
    ),
    "slow": ("", "time.sleep(0.15); return model(**inputs)"),
    "busy": ("", "time.sleep(0.08); return model(**inputs)"),
    "hangs on grey": (GREY, "time.sleep(3600 * is_grey(inputs)); return model(**inputs)"),
    "has no bounds on grey": (
        GREY,
        "dark, light = inputs['input'].mean() < 0.35, inputs['input'].mean() > 0.65\n"
        "    if is_grey(inputs): os.abort() if dark else "
        "[numpy.ones(1 << 26, numpy.uint8) for _ in range(128)] if light else numpy.ones(1 << 33, numpy.uint8)\n"
        "    time.sleep(0.015); return model(**inputs)",
    ),
}


def declare(root: Path) -> None:
    """The tiny app's own file in a project, so that the verbs know it."""
    folder = root / "apps" / APP
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(APP_PY)


def install(house: House, folder: Path, kind: str) -> str:
    """A release of the tiny app that does it this way, installed and nowhere on; its id."""
    testing.tiny_release(folder, note=f"{kind} {ids.text(ids.new_id())}")
    (folder / "code").mkdir()
    begin, body = KINDS[kind]
    (folder / "code" / "app.py").write_text(BEGIN.format(begin=begin, body=body))
    bundle.seal(folder, replace(bundle.read(folder), files={}, code=True, hooks=["predict"]))
    release = bundle.install(folder, house.releases)
    manifest = shape.to_json(bundle.read(house.releases / release))
    house.db.write(lambda c: releases.add(c, release, APP, None, manifest, at=ids.now_ms()))
    return release


@contextmanager
def champion(root: Path, kind: str, per_minute: int = 1_000_000, **declared: Any) -> Iterator[RealHouse]:
    """A real house at work whose champion, `house.champion`, does it this way; `declared` of its app, as a deadline.
    `house.own` is the test's own way into it."""
    with RealHouse(root / "house", per_minute=per_minute) as house, House.open(house.data) as own:
        testing.install_tiny(own, state="")
        house.own, house.champion = own, install(own, root / "champion", kind)

        def put(c: Any) -> None:
            apps.declare(c, APP, "Warm or cold?", testing.tiny_declaration(**declared), "", ids.now_ms())
            rollouts.append(c, rollouts.Step(APP, house.champion, "full"))

        own.db.write(put)
        house.start()
        yield house


def let_through(house: House, release: str, state: str, share: int = 0) -> int:
    """As the loop does it upon a verdict of promote: the release's first step, or a canary at once; its seq."""

    def write(c):
        at, champion = ids.now_ms(), rollouts.champion(c, APP).release
        version = {"at": at, "id": ids.new_id(), "app": APP, "digest": "a" * 64, "counts": {}, "rows_blob": "b" * 64}
        c.execute(tables.dataset_versions.insert(), {**version, "reviewed": 0})
        judged = lineage.Judged(ids.new_id(), APP, release, champion, version["id"], "promote", [], {})
        lineage.add_verdict(c, judged)
        begun = rollouts.mark(c, APP, release, at)
        step = rollouts.Step(APP, release, state, share, "loop", "better", judged.id, False, at, begun)
        return rollouts.append(c, step)

    return house.db.write(write)


@dataclass
class Crowd:
    """Visitors who come once each, a few at a time, until they are told to stop: what they were told."""

    url: str
    hands: int = 6
    statuses: dict[int, int] = field(default_factory=dict)
    releases: dict[str, int] = field(default_factory=dict)
    end: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Crowd:
        self._threads = [threading.Thread(target=self._come, args=(place,)) for place in range(self.hands)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.end.set()
        for thread in self._threads:
            thread.join(30)

    @property
    def asked(self) -> int:
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        return sum(n for status, n in self.statuses.items() if status != 201)

    def _come(self, place: int) -> None:
        headers = {"Origin": self.url, "Content-Type": "image/jpeg", "X-Forwarded-For": f"2001:db8:{place + 1:x}::1"}
        photos = [testing.photo(kind, seed) for kind in ("warm", "cold") for seed in range(8)]
        with httpx.Client(base_url=self.url, headers=headers, timeout=30) as client:
            number = int.from_bytes(os.urandom(2))
            while not self.end.is_set():
                client.cookies.clear()  # somebody new
                number += 1
                try:
                    answer = client.post(f"/api/apps/{APP}/predictions", content=photos[number % len(photos)])
                    status, told = answer.status_code, answer.json()
                except httpx.HTTPError:
                    status, told = 0, {}
                with self._lock:
                    self.statuses[status] = self.statuses.get(status, 0) + 1
                    if status == 201:
                        self.releases[told["release"]] = self.releases.get(told["release"], 0) + 1


def ended(house: House, release: str, patience: float) -> tuple[object, float]:
    """The step that ended a release's rollout, full or rolled back, and the seconds until then; the last step where
    none has."""
    began = time.monotonic()
    while True:
        with house.db.read() as c:
            step = rollouts.latest(c, APP, release)
        took = time.monotonic() - began
        if step.state in ("full", "rolled_back") or took > patience:
            return step, took
        time.sleep(0.05)
