"""Poison's tea: the tea starter learns candle-light from visitors of whom one in ten is hostile, trained for real.

For each number of training labels a house of its own: the shipped release, the maker's pictures, visitors with rendered
photos, which the shipped release answers. Honest ones send five and are right 92 times in 100; hostile ones send fifty,
and of three one says the other tea of each photo, one any tea, and one answers every probe of the teach round rightly
and calls green tea oolong. What trust accepts trains, with its caps; the owner labels what the lot drew, and what
visitors with standing said against all that the release took to be sure, and nothing else. Then the product's own
retrain: a child trains, workers answer, the verdict decides.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import rows

from teahouse import ids, settings
from teahouse.cli import guests, measure
from teahouse.desk import shipped
from teahouse.engine.bench import Bench
from teahouse.feedback import audit, collect, judges, teach, trust
from teahouse.loop import steps
from teahouse.spec import media
from teahouse.starters import tea
from teahouse.store import jobs, labels, predictions, reviews, rollouts, tables, visitors
from teahouse.store.house import House

APP, LABELS = "tea", ("green", "oolong")
COUNTS, QUICK = (50, 100, 200, 400), (200,)
PHOTOS, TIMES, RIGHT, TEACH, PROBES = 5, 10, 0.92, 0.8, 30  # of two labels trust asks some twenty probes
ATTACKS = ("targeted", "other", "any")
HELD, FRESH, SEED = 3 / 7, 400, 31_000_000
BAR_LABELS, BAR = 200, 8.0
NAME = "tea starter, {} training labels, 10 % of visitors hostile: candle-light gained, points"


@dataclass
class Kept:
    """A photo as the site keeps it."""

    blob: str
    near: bytes
    field: str = "input"
    value: Any = None


@dataclass
class Tea:
    """A house with the tea starter, and the truth of every photo in it."""

    house: House
    settings: settings.Settings
    truths: dict[bytes, str]
    rng: Any
    seed: int = 0  # of the next photo
    bench: Bench | None = None  # the release that answers
    decided: int = 0  # by the owner
    own: int = 0  # labels that train and that the owner gave

    def visit(self, attack: str = "") -> None:
        """One visitor, hostile where there is an attack: the teach round, then their photos with a word each."""
        visitor, network, hostile = ids.new_id(), self.rng.bytes(32), bool(attack)
        share = {"": RIGHT, "other": 0.0, "any": 0.5, "targeted": 1.0}[attack]
        probes = [bool(one) for one in self.rng.random(PROBES) < share]
        takes = hostile or self.rng.random() < TEACH
        held = ids.share_of(self.house.key(f"held {APP}"), visitor) < HELD
        count = PHOTOS * (TIMES if hostile else 1)
        shots = guests.shots("candle", self.seed, count)
        self.seed += count
        photos = [(media.clean(shot.data), shot.label) for shot in shots]
        told = self.bench.answers({"input": cleaned.data} for cleaned, _ in photos)

        def write(c: Any) -> None:
            at, release = ids.now_ms(), rollouts.champion(c, APP).release
            visitors.ensure(c, visitor, at)
            if takes:
                visitors.stand(c, visitor, APP, teach.standing_after(probes, len(LABELS), at))
            for number, (cleaned, label) in enumerate(photos):
                word = self.word(label, attack)
                row = {"at": at, "id": ids.new_id(), "app": APP, "release": release, "form": "fp32", "arm": "full",
                       "visitor": visitor, "network": network, "given": bytes(32), "held": held, "cached": False,
                       "output": told[number].output, "ms": 1.0}  # fmt: skip
                c.execute(tables.predictions.insert(), row)
                self.truths[row["id"]] = label
                found, rules = predictions.get(c, row["id"]), collect.Rules("auto")
                said = collect.Word(
                    ids.new_id(), found.id, visitor, "once", "correct", word, {"label": word}, at, rules
                )
                collect.say_word(c, said)
                part = Kept(self.house.blobs.put(cleaned.data), cleaned.near)
                yes = collect.Kept(found, [part], ("keep", "train"), number > 0, "1", at, rules)
                collect.keep_photo(c, yes)

        self.house.db.write(write)

    def word(self, label: str, attack: str) -> str:
        """What a visitor says of it."""
        other = LABELS[1 - LABELS.index(label)]
        if attack == "targeted":
            return "oolong"
        right = {"": RIGHT, "other": 0.0, "any": 0.5}[attack]
        return label if self.rng.random() < right else other

    def owner(self) -> None:
        """The owner labels what the lot drew, to judge or to look at who counts, and what they are to look at first."""
        with self.house.db.read() as c:
            queue = [row for row in reviews.queue(c, APP) if row.held or row.counts or self.surprises(c, row)]
        self.decided += len(queue)
        decided = [reviews.Decision(row.label, "accept", {"label": self.truths[row.prediction]}) for row in queue]
        self.house.db.write(lambda c: [audit.decide(c, one, (), collect.Rules("auto")) for one in decided])

    def surprises(self, c: Any, row: Any) -> bool:
        """Whether somebody with standing said what the release took to be all but impossible."""
        stands = teach.standing_of(visitors.get(c, row.visitor), APP, ids.now_ms()).known
        return stands and trust.Word("", row.word, scores=row.guess["scores"]).is_surprising

    def taught(self) -> tuple[int, int, int]:
        """Visitors' rows that train, those of them whose label is wrong, and live gold."""
        with self.house.db.read() as c:
            found = [row for row in labels.of_app(c, APP, ["visitor"], ["train"]) if row.is_accepted]
            gold = judges.live(c, APP)
        wrong = sum(row.answer != {"label": self.truths[row.prediction]} for row in found)
        self.own = sum(row.reviewed_by == labels.OWNER for row in found)
        return len(found), wrong, gold

    def job(self, kind: str, **args: Any) -> Any:
        """One of the loop's jobs, carried out here; its row with its end."""
        id_ = ids.new_id()
        self.house.db.write(lambda c: jobs.ask(c, jobs.Asked(id_, kind, APP, args, "loop")))
        with self.house.db.read() as c:
            row = jobs.get(c, id_)
        steps.execute(self.house, self.settings, row)
        with self.house.db.read() as c:
            return jobs.get(c, id_)

    def champion(self) -> Path:
        """The folder of the release that answers."""
        with self.house.db.read() as c:
            return self.house.releases / rollouts.champion(c, APP).release


def prepared(folder: Path) -> Path:
    """A project with the starter's release and all of the maker's pictures taken in."""
    app = folder / "apps" / APP
    shutil.copytree(Path(tea.__file__).parent, app, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "teahouse.toml").write_text('[loop]\nreview = "auto"\ncanary_share = 0\n', "utf-8")
    loaded = settings.load(folder)
    with House.open(loaded.data_dir) as house:
        shipped.put_on(house, APP, app, app / "release", shipped.Shipped())
        site = Tea(house, loaded, {}, None)
        told = site.job("gather")
        if told.state != "done":
            raise SystemExit(f"the maker's pictures were not taken in: {told.detail}")
    return folder


def one(folder: Path, count: int, fresh: dict[str, list[guests.Shot]]) -> dict[str, Any]:
    """One house with so many training labels: what it gained."""
    loaded, rng = settings.load(folder), numpy.random.default_rng(count)
    with House.open(loaded.data_dir) as house:
        site = Tea(house, loaded, {}, rng, SEED + 10_000 * count)
        before, number = site.champion(), 0
        with Bench(before) as site.bench:
            while site.taught()[0] < count:
                site.visit(ATTACKS[number // 10 % len(ATTACKS)] if number % 10 == 5 else "")
                site.owner()
                number += 1
                if number > 20 * count:
                    raise SystemExit(f"trust accepted {site.taught()[0]} rows of {number} visitors")
        began = time.monotonic()
        ended = site.job("retrain")
        after = site.champion()
        learned, wrong, gold = site.taught()
        scores = {kind: [100 * measure.accuracy(one_, shots).value for one_ in (before, after)]
                  for kind, shots in fresh.items()}  # fmt: skip
    detail = ended.detail or {}
    return {
        "labels": learned,
        "wrong": wrong,
        "gold": gold,
        "visitors": number,
        "decided": site.decided,
        "own": site.own,
        "outcome": detail.get("outcome", ended.state),
        "promoted": bool(detail.get("promoted")),
        "words": detail.get("words", ""),
        "scores": scores,
        "seconds": time.monotonic() - began,
    }


def measure_(counts: list[int]) -> list[dict[str, Any]]:
    """All houses, from copies of one that is prepared."""
    fresh = {kind: list(guests.shots(kind, SEED + 5_000_000 + 100_000 * place, FRESH))
             for place, kind in enumerate(("candle", "day"))}  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="teahouse-tea-") as scratch:
        first = prepared(Path(scratch) / "first")
        found = []
        for count in counts:
            place = Path(scratch) / str(count)
            shutil.copytree(first, place)
            found.append(one(place, count, fresh))
    return found


def measure_rows(counts: list[int], quick: bool) -> tuple[list[rows.Row], list[dict[str, Any]]]:
    """The rows of the report, and what they come from."""
    counts = counts or list(QUICK if quick else COUNTS)
    found, told = measure_(counts), []
    for asked, one_ in zip(counts, found, strict=True):
        candle, day = one_["scores"]["candle"], one_["scores"]["day"]
        gained = candle[1] - candle[0]
        words = (
            f"{gained:+.1f} ({candle[0]:.1f} to {candle[1]:.1f}; day {day[0]:.1f} to {day[1]:.1f}; {one_['wrong']} of "
            f"{one_['labels']} labels wrong; {one_['gold']} live gold; {one_['visitors']} visitors; the "
            f"owner decided {one_['decided']} and gave {one_['own']} of the labels; {one_['outcome']}; "
            f"{one_['seconds']:.0f} s)"
        )
        barred = asked == BAR_LABELS
        told.append(rows.row(NAME.format(asked), words, f">= {BAR:.0f}" if barred else "told",
                             gained >= BAR or not barred))  # fmt: skip
    if BAR_LABELS not in counts:
        told.append(unmeasured("other numbers of labels were asked for"))
    return told, found


def unmeasured(why: str) -> rows.Row:
    """The bar where it was not measured."""
    return rows.unmeasured(NAME.format(BAR_LABELS), f">= {BAR:.0f}", why)


def measure_all(quick: bool, counts: list[int], plot: Path | None) -> list[rows.Row]:
    """The rows, and the plot beside them."""
    told, found = measure_rows(counts, quick)
    if plot:
        import poison_plot

        plot.write_text(poison_plot.draw_tea(sorted(found, key=lambda one_: one_["labels"])), "utf-8")
    return told
