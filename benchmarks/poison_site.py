"""Poison's small site: the product's own store, trust, versions, judge and promotion around a model that trains in a
blink. What is real: every visitor's row goes through `collect`, every decision through `reviews`, every version through
`datasets`, every verdict through `judging`, every promotion through `steps`. What is not: photos are points in a space
of 16 numbers, the model is a softmax over 96 fixed features of them, and no process is started to train or to answer.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy

from teahouse import datasets, ids, settings
from teahouse.engine.port import Answer
from teahouse.feedback import audit, collect, order, teach
from teahouse.loop import steps
from teahouse.spec.fields import Labels
from teahouse.store import apps, labels, lineage, releases, reviews, rollouts, tables, visitors
from teahouse.store.house import House, write_private
from teahouse.testing import tiny_declaration

APP = "teas"
TEAS = ("green", "oolong", "black", "white", "puer", "rooibos")
DIMENSIONS, OWN, TEST = 16, 900, 6000
BETWEEN, SHIFT, WARM = 1.04, 0.7, 3.0  # how far the teas lie apart; how far visitors' photos lie from the maker's
FEATURES, STEPS, BATCH, RATE, DECAY = 96, 500, 64, 0.2, 5e-4
LAYER = numpy.random.default_rng(96).normal(scale=(DIMENSIONS + 1) ** -0.5, size=(DIMENSIONS + 1, FEATURES))
HELD, RIGHT = 1 / 3, 0.92
A_TIME = 100  # rows in one transaction
HOUR = 3_600_000
Array = numpy.ndarray


class World:
    """One house's truth: teas as clouds of points, and visitors whose light differs from the maker's."""

    def __init__(self, seed: int) -> None:
        self.rng = numpy.random.default_rng([20261126, seed])
        self.middles = self.rng.normal(scale=BETWEEN, size=(len(TEAS), DIMENSIONS))
        self.light = self.rng.normal(scale=SHIFT, size=(len(TEAS), DIMENSIONS))
        self.warm = WARM * numpy.ones(DIMENSIONS) / DIMENSIONS**0.5  # the light itself, which is seen on each photo
        self.test = self.photos(TEST)

    def photos(self, n: int, light: float = 1.0, teas: Array | None = None) -> tuple[Array, Array]:
        """float [n, 16] and which tea it is. `light` 1: as visitors photograph, 0: as the maker does."""
        teas = self.rng.integers(len(TEAS), size=n) if teas is None else teas
        noise = 1.5 * self.rng.normal(size=(n, DIMENSIONS))
        points = self.middles[teas] + light * (self.light[teas] + self.warm) + noise
        return points.round(3), teas


def train(own: tuple[Array, Array], new: tuple[Array, Array], seed: int, start: Array | None = None) -> Array:
    """Softmax weights [97, 6]; each batch is half of the maker's rows and half of the visitors', in the maker's mix of
    labels, as `data.train` is."""
    rng = numpy.random.default_rng(seed)
    weights = numpy.zeros((FEATURES + 1, len(TEAS))) if start is None else start.copy()
    sides = [side for side in (own, new) if len(side[1])]
    mixes = [mix(side[1], own[1]) for side in sides]
    for step in range(STEPS):
        picked = [mixed.searchsorted(rng.random(BATCH // len(sides))) for mixed in mixes]
        points = numpy.concatenate([side[0][some] for side, some in zip(sides, picked, strict=True)])
        teas = numpy.concatenate([side[1][some] for side, some in zip(sides, picked, strict=True)])
        wrong = chances(weights, points)
        wrong[numpy.arange(len(teas)), teas] -= 1
        gradient = features(points).T @ wrong / len(teas) + DECAY * weights
        weights -= RATE * (1 - step / STEPS) * gradient
    return weights


def mix(teas: Array, own: Array) -> Array:
    """float [n], rising to 1: where a number 0..1 falls among rows of these teas, so that each comes as often as among
    the maker's own."""
    chance = (numpy.bincount(own, minlength=len(TEAS)) / numpy.bincount(teas, minlength=len(TEAS)).clip(1))[teas]
    chance = numpy.ones(len(teas)) if not chance.sum() else chance
    found = chance.cumsum() / chance.sum()
    found[-1] = 1.0  # whatever the sum lost in rounding
    return found


def features(points: Array) -> Array:
    """float [n, 97]: what a layer that nobody trains makes of the points, and a one."""
    seen = numpy.maximum(points @ LAYER[:-1] + LAYER[-1], 0)
    return numpy.concatenate([seen, numpy.ones((len(points), 1))], 1)


def chances(weights: Array, points: Array) -> Array:
    """float [n, 6], each row of sum one."""
    logits = features(points) @ weights
    found = numpy.exp(logits - logits.max(1, keepdims=True))
    return found / found.sum(1, keepdims=True)


def accuracy(weights: Array, rows: tuple[Array, Array]) -> tuple[float, list[float]]:
    """How often it is right, in per cent: of all, and of each tea."""
    right = chances(weights, rows[0]).argmax(1) == rows[1]
    return 100 * float(right.mean()), [100 * float(right[rows[1] == tea].mean()) for tea in range(len(TEAS))]


class Nearby:
    """A bench without a process: the release's softmax answers here."""

    def __init__(self, folder: Path, **_: Any) -> None:
        self.weights = numpy.load(folder / "weights.npy")

    def __enter__(self) -> Nearby:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def answer(self, given: Any) -> Answer:
        """Label and scores, as a worker gives them."""
        return Answer(said(self.weights, given["input"]), (), "fp32", {"infer": 0.1}, 1, True)


def said(weights: Array, point: Sequence[float]) -> dict[str, Any]:
    found = chances(weights, numpy.asarray([point]))[0]
    scores = {name: round(float(p), 4) for name, p in zip(TEAS, found, strict=True)}
    return {"label": max(scores, key=lambda name: scores[name]), "scores": scores}


@contextmanager
def open_house(folder: Path, seed: int) -> Iterator[House]:
    """A fresh house whose key and new ids follow from the seed: the same cell ends in the same way each time."""
    rng, number, kept = numpy.random.default_rng([7, seed]), itertools.count(1_800_000_000_000), ids.uuid_utils

    def uuid7() -> Any:
        return SimpleNamespace(bytes=next(number).to_bytes(6) + rng.bytes(10))

    with House.open(folder) as house:
        write_private(house.keys.folder / "house.key", rng.bytes(32))
        ids.uuid_utils = SimpleNamespace(uuid7=uuid7)  # type: ignore[assignment]
        try:
            yield house
        finally:
            ids.uuid_utils = kept


@dataclass(frozen=True)
class Guest:
    """A visitor: how many photos they send, what they say of each (tea, true tea -> tea), how their probes go."""

    id: bytes
    network: bytes
    photos: tuple[Array, Array]
    words: tuple[int, ...]
    probes: tuple[bool, ...] = ()  # right or wrong, in order; empty: they do not take the round
    hostile: bool = False


@dataclass
class Point:
    """An input as it is kept: a value, found again by its digest alone."""

    value: Any
    field: str = "input"
    blob: str | None = None
    near: bytes = b""

    def __post_init__(self) -> None:
        self.near = bytes.fromhex(ids.digest_of(self.value))


@dataclass
class Site:
    """A house with an app, its first release, and what is known of it outside: the truth of every row."""

    house: House
    world: World
    seed: int
    review: str = "auto"
    held: float = HELD
    clock: int = 1_800_000_000_000
    truths: dict[bytes, int] = field(default_factory=dict)  # by prediction
    hostile: set[bytes] = field(default_factory=set)  # visitors
    trained: int = 0
    read: dict[bytes, list[Any]] = field(default_factory=dict)  # rows by version, whose digest is checked at each look

    def __post_init__(self) -> None:
        # At once, without a canary: what visitors say of a canary could only take a bad release off again.
        self.settings = settings.Settings(loop=settings.Loop(review=self.review, canary_share=0))
        declaration = {**tiny_declaration(APP), "output": Labels(*TEAS).json(), "hooks": ["train"],
                       "review": None}  # fmt: skip
        self.house.db.write(lambda c: apps.declare(c, APP, "Which tea?", declaration, "", self.clock))
        self.own = self.world.photos(OWN, light=0.0)
        sides = ["gold" if n % 5 == 0 else "train" for n in range(OWN)]
        self.house.db.write(lambda c: [labels.add(c, self._own(n, side)) for n, side in enumerate(sides)])
        found = self.step("version")
        self.install(train(self._rows("maker"), (numpy.empty((0, DIMENSIONS)), numpy.empty(0, int)), self.seed), found)

    def _own(self, n: int, side: str) -> dict[str, Any]:
        point = Point(self.own[0][n].tolist())
        truth = {"label": TEAS[self.own[1][n]]}
        return {"at": self.clock, "app": APP, "source": "maker", "inputs": {"input": point.value}, "truth": truth,
                "near": point.near, "split": side}  # fmt: skip

    # ---- visitors ----------------------------------------------------------------------------------------------------

    def visits(self, guests: Iterable[Guest]) -> None:
        """All of them, each photo with its word, kept with consent."""
        weights, release = self.weights(), self.champion()
        waiting: list[Any] = []
        for guest in guests:
            if guest.hostile:
                self.hostile.add(guest.id)
            if guest.probes:
                waiting.append(lambda c, guest=guest: stand(c, guest, self.clock))
            held = ids.share_of(self.house.key(f"held {APP}"), guest.id) < self.held
            for n, (point, tea, word) in enumerate(zip(*guest.photos, guest.words, strict=True)):
                self.clock += 1000
                row = {"at": self.clock, "id": ids.new_id(), "app": APP, "release": release, "form": "fp32",
                       "arm": "full", "visitor": guest.id, "network": guest.network, "given": bytes(32),
                       "output": said(weights, point), "held": held, "cached": False, "ms": 1.0}  # fmt: skip
                self.truths[row["id"]] = int(tea)
                waiting.append(lambda c, row=row, point=point, word=word, n=n: self._keep(c, row, point, word, n > 0))
        for start in range(0, len(waiting), A_TIME):
            part = waiting[start : start + A_TIME]
            self.house.db.write(lambda c, part=part: [one(c) for one in part])

    def _keep(self, c: Any, row: dict[str, Any], point: Array, word: int, before: bool) -> None:
        c.execute(tables.predictions.insert(), row)
        found, name = SimpleNamespace(**row), TEAS[word]
        rules = collect.Rules(self.review)
        kind, value = ("agree", True) if name == row["output"]["label"] else ("correct", name)
        truth = {"label": name}
        collect.say_word(c, collect.Word(ids.new_id(), found.id, found.visitor, "once", kind, value, truth, row["at"],
                                         rules))  # fmt: skip
        parts = [Point(point.tolist())]
        collect.keep_photo(c, collect.Kept(found, parts, ("keep", "train"), before, "1", row["at"], rules))

    def owner(self, decisions: int) -> int:
        """The owner goes through the queue and says what is on the photo; how many were decided."""
        done = 0
        while done < decisions:
            with self.house.db.read() as c:
                stacks = order.stacks(reviews.queue(c, APP))
                queue = [stack.rows[0] for stack in stacks][: min(A_TIME, decisions - done)]
            if not queue:
                break
            self.house.db.write(lambda c, queue=queue: [self._decide(c, row) for row in queue])
            done += len(queue)
        return done

    def _decide(self, c: Any, row: Any) -> None:
        truth = {"label": TEAS[self.truths[row.prediction]]}
        decision = reviews.Decision(row.label, "accept", truth, at=self.clock)
        audit.decide(c, decision, (), collect.Rules(self.review))

    # ---- the loop ----------------------------------------------------------------------------------------------------

    def step(self, name: str, so_far: dict[str, Any] | None = None, **args: Any) -> dict[str, Any]:
        """One of the product's own steps."""
        self.clock += HOUR
        self.job = SimpleNamespace(id=ids.new_id(), app=APP, kind="retrain", by="loop", args=args)
        return getattr(steps, name)(self.house, self.settings, self.job, so_far or {})

    def retrain(self) -> dict[str, Any] | None:
        """version → train → install → judge → promote; None where no row is new."""
        version = self.step("version")
        if not version["new"]:
            return None
        self.trained += 1
        weights = train(self._rows("maker"), self._rows("visitor"), 1000 * self.seed + self.trained, self.weights())
        return self.judge(self.install(weights, version))

    def judge(self, release: str) -> dict[str, Any]:
        """The verdict, and what follows from it."""
        judged = self.step("judge", {"install": {"release": release}})
        return judged | self.step("promote", {"judge": judged})

    def second_look(self) -> dict[str, Any] | None:
        """A candidate on hold for which the rows are there now."""
        with self.house.db.read() as c:
            last = next(iter(lineage.verdicts(c, APP, limit=1)), None)
        asked = self.house.db.write(lambda c: collect._judge_due(c, APP, self.clock))
        return self.judge(last.candidate) if asked else None

    def seen(self, judged: dict[str, Any], tea: int) -> dict[str, Any]:
        """What a verdict's live gold said of one tea."""
        with self.house.db.read() as c:
            numbers = lineage.verdict(c, ids.parse(judged["verdict"])).numbers
        found = numbers["classes"].get(TEAS[tea], {"n": 0, "champion": 0, "challenger": 0})
        return {name: found[name] for name in ("n", "champion", "challenger")}

    def by_hand(self, judged: dict[str, Any] | None) -> bool:
        """The owner puts on what is held though it is surely no worse, as the verdict's own words say."""
        reasons = judged["reasons"] if judged is not None and judged["outcome"] == "hold" else []
        if not any(one["code"] == "by-hand" and one["numbers"]["low"] > 0 for one in reasons):
            return False
        put = rollouts.Step(APP, judged["release"], "full", 10_000, "owner", "by hand")
        self.house.db.write(lambda c: rollouts.append(c, put))
        return True

    def install(self, weights: Array, version: dict[str, Any]) -> str:
        """A release of these weights; the first one answers everybody at once."""
        release, run = ids.sha256(weights.tobytes()), ids.new_id()
        folder = self.house.releases / release
        folder.mkdir(parents=True, exist_ok=True)
        numpy.save(folder / "weights.npy", weights)
        manifest = {**tiny_declaration(APP), "output": Labels(*TEAS).json(), "metrics": {}}

        def write(c: Any) -> None:
            lineage.add_run(c, lineage.Run(run, APP, ids.parse(version["version"]), "train", "0" * 64))
            releases.add(c, releases.Sealed(release, APP, run, manifest))
            if rollouts.champion(c, APP) is None:
                rollouts.append(c, rollouts.Step(APP, release, "full", 10_000, "loop", "the first"))

        self.house.db.write(write)
        return release

    def champion(self) -> str:
        """The release that answers everybody."""
        with self.house.db.read() as c:
            return str(rollouts.champion(c, APP).release)

    def weights(self) -> Array:
        """What it has learned."""
        return numpy.load(self.house.releases / self.champion() / "weights.npy")

    def _rows(self, source: str) -> tuple[Array, Array]:
        """The newest version's training rows of one source."""
        with self.house.db.read() as c:
            version = next(iter(lineage.versions(c, APP, limit=1)))
        if version.id not in self.read:
            self.read = {version.id: datasets.rows_of(self.house, version)}
        rows = [row for row in self.read[version.id]
                if row["split"] == "train" and (row["source"] == "maker") == (source == "maker")]  # fmt: skip
        points = numpy.asarray([row["inputs"]["input"] for row in rows], float).reshape(-1, DIMENSIONS)
        return points, numpy.asarray([TEAS.index(row["truth"]["label"]) for row in rows], int)

    def learned(self) -> tuple[int, int, int]:
        """Visitors' rows that train now: all, hostile visitors', and those whose label is wrong."""
        with self.house.db.read() as c:
            found = labels.of_app(c, APP, sources=["visitor"], splits=["train"])
        used = [row for row in found if row.is_accepted]
        wrong = sum(row.answer != {"label": TEAS[self.truths[row.prediction]]} for row in used)
        return len(used), sum(row.visitor in self.hostile for row in used), wrong


def stand(c: Any, guest: Guest, at: int) -> None:
    """The teach round: each probe once, and what its answers earn."""
    visitors.ensure(c, guest.id, at)
    visitors.stand(c, guest.id, APP, teach.standing_after(guest.probes, len(TEAS), at))


def read_cell(file: Path) -> dict[str, Any] | None:
    """A cell that was done before, or None."""
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
