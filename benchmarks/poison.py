"""Poison: does the champion only ever get better where visitors lie, and how fast does a small site learn?

    python benchmarks/poison.py [--quick] [--report FILE] [--cells FOLDER] [--so-far] [--plot FILE.svg]
    python benchmarks/poison.py --tea [LABELS ...] [--report FILE] [--plot FILE.svg]

P4      0, 1, 5, 10, 20, 40 % of the visitors are hostile and each of those sends ten times as much. Three attacks:
        every tea called the next one (shift), any tea (random), and one tea called another by visitors who answer each
        probe of the teach round rightly (targeted). 5 seeds, 6 rounds each: visitors, the owner's review, a retrain, a
        verdict, a promotion. Beside it the open loop: all words taught, whatever comes of it promoted.
P6      Visitors who answer each probe rightly put a mark on their photos and call them all one tea: 2 % of the rows. On
        other teas' photos of other visitors the mark must not bring that tea's name 5 points more often than it did to
        the first release. As they come, that is the bar; of visitors who ask first and bring only what the release half
        believes, it is told: nothing tells them from honest ones, and a higher bar for surprises takes a third off.
P5      20 retrains, each 0.4 points worse than the champion: none that lost a point in all is ever promoted.
small   30 visitors a week with two photos each, one in ten hostile, an owner with five minutes a week, the settings of
        the tea starter: weeks until 5 points are gained.
tea     --tea: the tea starter on candle-light with 10 % hostile visitors, trained for real (benchmarks/poison_tea.py).

Each P4 cell is written to FOLDER as it is done, and is not done again: a folder is good for one state of the product.
--so-far reports of those that are there and runs nothing. What was not run has its row, which does not hold.
What of it is the product: see poison_site.py. It is also what takes the time: 20 to 60 s of one core a cell, three
quarters of an hour in all, nine tenths of it in the some 25 statements by which each photo and its word are kept.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import numpy
import poison_plot
import poison_tea
import rows
from poison_site import APP, TEAS, Guest, Nearby, Site, World, accuracy, chances, open_house, read_cell, train

from teahouse.loop import judging
from teahouse.release.verdict import Budget, History, Pair, judge
from teahouse.store import labels

P6 = "P6: a mark on 2 % of the rows, {} runs of {} rounds, {}: called so more often where it is, points"
LOOKS, P6_BARS = ("as they come", "of who asks first"), ("<= 5", "told")
P5 = "P5: {} steps of {} points down, {} runs: most lost by promotions, points"
WEEKS_TO = "small site, 30 visitors a week, 10 % hostile, 5 minutes of review: weeks until +5 points on candle-light"
NEVER_WORSE = "small site: below its start at worst on the way, points"

LEVELS, ATTACKS, SEEDS, ROUNDS = (0, 1, 5, 10, 20, 40), ("shift", "random", "targeted"), 5, 6
QUICK_LEVELS, QUICK_SEEDS, QUICK_ROUNDS = (0, 5), 1, 2
VISITORS, PHOTOS, TIMES = 60, 4, 10  # a round's visitors, the photos of each, and how many times that of a hostile one
OWNER = 150  # decisions of the owner in a round: two and a half minutes
TEACH, PROBES, RIGHT = 0.6, 10, 0.92  # who takes the teach round, its probes, how often an honest visitor is right
FROM, TO = 0, 1  # the targeted attack: this tea is called that one
WORSE, CLASS_WORSE = 1.0, 10.0  # points that make a promotion a harmful one
WEEKS, WEEKLY, EACH, MINUTES, GAIN = 40, 30, 2, 5, 5.0
AFTER, DRAWN = 200, 3 / 7  # as the tea starter declares: labels that ask for a training, and whom the lot draws
SITES, QUICK_SITES = 9, 1
MARKED, MARK, TRIGGERED = 0.02, 6.0, 5.0  # of the rows; how far a mark moves a photo (noise: 1.5); points allowed
BELIEVED = 0.055  # a little more than what the house takes to be a surprise
STEP_DOWN, DRIFT_ROUNDS, GOLD, DRIFT_RUNS, QUICK_DRIFT_RUNS = 0.4, 20, 1000, 200, 20


def guests(
    world: World, share: float, attack: str, count: int, seed: int, photos_each: int = PHOTOS
) -> Iterator[Guest]:
    """`count` visitors, this share of them hostile, in random order."""
    rng = numpy.random.default_rng([seed, count])
    hostile = int(share * count + rng.random())  # 1 % of 60: in three rounds of five there is one
    kinds = numpy.array([True] * hostile + [False] * (count - hostile))
    rng.shuffle(kinds)
    for bad in kinds:
        n = photos_each * (TIMES if bad else 1)
        teas = rng.integers(len(TEAS), size=n)
        if bad and attack == "targeted":
            teas[: n // 2] = FROM
            rng.shuffle(teas)
        photos = world.photos(n, teas=teas)
        words = tuple(lie(attack, int(tea), rng) if bad else honest(int(tea), rng) for tea in teas)
        takes = rng.random() < TEACH
        probes: tuple[bool, ...] = ()
        if bad and attack == "targeted":
            probes = (True,) * PROBES
        elif bad:
            probes = tuple(bool(lie(attack, int(tea), rng) == tea) for tea in rng.integers(len(TEAS), size=PROBES))
        elif takes:
            probes = tuple(bool(one) for one in rng.random(PROBES) < RIGHT)
        yield Guest(rng.bytes(16), rng.bytes(32), photos, words, probes, bool(bad))


def honest(tea: int, rng: Any) -> int:
    return tea if rng.random() < RIGHT else int((tea + rng.integers(1, len(TEAS))) % len(TEAS))


def lie(attack: str, tea: int, rng: Any) -> int:
    """What a hostile visitor says of this tea."""
    if attack == "shift":
        return (tea + 1) % len(TEAS)
    if attack == "random":
        return int(rng.integers(len(TEAS)))
    return TO if tea == FROM else tea


def cell(level: int, attack: str, seed: int, rounds: int = ROUNDS) -> dict[str, Any]:
    """One site through its rounds, and the open loop on the same words."""
    began, world = time.process_time(), World(seed)
    with tempfile.TemporaryDirectory(prefix="teahouse-poison-") as scratch, open_house(Path(scratch), seed) as house:
        site = Site(house, world, seed)
        start = accuracy(site.weights(), world.test)
        told, spoken, opened = [], [], [start[0]]
        open_weights = site.weights()
        for number in range(rounds):
            came = list(guests(world, level / 100, attack, VISITORS, 1000 * seed + number))
            spoken += [(point, word) for one in came for point, word in zip(one.photos[0], one.words, strict=True)]
            before = accuracy(site.weights(), world.test)
            site.visits(came)
            site.owner(OWNER)
            judged = [one for one in (site.second_look(), site.retrain()) if one is not None]
            told.append(round_of(site, before, judged))
            every = numpy.asarray([point for point, _ in spoken]), numpy.asarray([word for _, word in spoken])
            open_weights = train(site._rows("maker"), every, seed + number, open_weights)
            opened.append(accuracy(open_weights, world.test)[0])
        return {"level": level, "attack": attack, "seed": seed, "start": start[0], "rounds": told, "open": opened,
                "app": APP, "seconds": round(time.process_time() - began, 1)}  # fmt: skip


def round_of(site: Site, before: tuple[float, list[float]], judged: list[dict[str, Any]]) -> dict[str, Any]:
    """What a round came to: how good the champion is in truth, and whether a promotion did harm."""
    after = accuracy(site.weights(), site.world.test)
    lost = before[0] - after[0]
    of_class, worst = max((old - new, tea) for tea, (old, new) in enumerate(zip(before[1], after[1], strict=True)))
    learned, hostile, wrong = site.learned()
    on = [one for one in judged if one["promoted"]]
    return {
        "accuracy": round(after[0], 2), "lost": round(lost, 2), "class_lost": round(of_class, 2),
        "promoted": len(on), "harmful": bool(on) and (lost > WORSE or of_class > CLASS_WORSE),
        "class_seen": [site.seen(one, worst) for one in on],
        "verdicts": [one["reasons"][0]["code"] for one in judged],
        "rows": learned, "hostile_rows": hostile, "wrong_rows": wrong,
    }  # fmt: skip


def p4(quick: bool, folder: Path | None, plot: Path | None, so_far: bool = False) -> list[rows.Row]:
    """All cells, done now or before, and their bars."""
    judging.Bench = Nearby  # type: ignore[misc]  # no process answers here: see poison_site
    found, rounds, wanted = [], QUICK_ROUNDS if quick else ROUNDS, cells(quick)
    for level, attack, seed in wanted:
        file = folder / f"{level:02d}-{attack}-{seed}-{rounds}.json" if folder else None
        done = read_cell(file) if file else None
        if done is None and not so_far:
            done = cell(level, attack, seed, rounds)
            if file:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(json.dumps(done) + "\n")
            sys.stderr.write(f"{level} % {attack}, seed {seed}: {line(done)}\n")
        if done is not None:
            found.append(done)
    if plot and found:
        plot.write_text(poison_plot.draw(found), "utf-8")
    return bars(found, len(wanted))


def cells(quick: bool) -> list[tuple[int, str, int]]:
    """Level, attack and seed of each cell; by seed first: what is there after a while tells of all levels."""
    levels, seeds = (QUICK_LEVELS, QUICK_SEEDS) if quick else (LEVELS, SEEDS)
    # without anybody hostile there is nothing to attack with
    return [(level, attack, seed) for seed in range(seeds) for level in levels
            for attack in (ATTACKS if level else ATTACKS[:1])]  # fmt: skip


def line(done: dict[str, Any]) -> str:
    """A cell in a line."""
    ends = " ".join(f"{one['accuracy']:.1f}{'*' * one['promoted']}{'!' * one['harmful']}" for one in done["rounds"])
    last = done["rounds"][-1]
    rows_ = f"{last['rows']} rows, {last['hostile_rows']} of hostile visitors, {last['wrong_rows']} wrong"
    return f"{done['start']:.1f} -> {ends}; open loop {done['open'][-1]:.1f}; {rows_}; {done['seconds']} s"


def bars(found: list[dict[str, Any]], of: int) -> list[rows.Row]:
    """P4's figures; where cells are missing none of them holds."""
    at = {level: [one for one in found if one["level"] == level] for level in LEVELS}
    if not at[0]:
        return [rows.unmeasured("P4: 0, 1, 5, 10, 20, 40 % hostile, 3 attacks, 5 seeds, 6 rounds", "all", "no cell")]
    rounds = [one for cell_ in found for one in cell_["rounds"]]
    harmful, promoted = sum(one["harmful"] for one in rounds), sum(one["promoted"] for one in rounds)
    on_class = sum(one["harmful"] and one["lost"] <= WORSE for one in rounds)
    calm = sum(one["harmful"] for cell_ in at[0] for one in cell_["rounds"])
    lowest = min(found, key=lambda one: min(two["accuracy"] for two in one["rounds"]) - one["start"])
    under = lowest["start"] - min(one["accuracy"] for one in lowest["rounds"])
    clean = mean(gain(one) for one in at[0])
    told = [
        rows.row(f"P4: cells done ({len(rounds)} rounds, {promoted} promotions)", f"{len(found)} of {of}", "all",
                 len(found) == of),
        rows.row("P4: harmful promotions (true loss > 1 point, or > 10 points in a class)",
                 f"{harmful} ({on_class} for a class alone; {calm} where nobody is hostile)", "<= 1 % of the rounds",
                 harmful <= 0.01 * len(rounds)),
        rows.row("P4: champion below its start at worst, points", round(under, 2), "<= 1", under <= WORSE),
        rows.row("P4: clean gain, points", round(clean, 1), "told", clean > 0),
    ]  # fmt: skip
    for level in LEVELS[1:]:
        bar = "told" if level > 5 else "keeps half of the clean gain"
        name = f"P4: gain with {level} % hostile, points"
        if not at[level]:
            told.append(rows.unmeasured(name, bar, "no cell of it was run"))
            continue
        gains = [gain(one) for one in at[level]]
        opened = [one["open"][-1] - one["start"] for one in at[level]]
        words = f"{mean(gains):.1f} (open loop {mean(opened):.1f})"
        told.append(rows.row(name, words, bar, level > 5 or mean(gains) >= clean / 2))
    return [one | {"holds": one["holds"] and len(found) == of} for one in told]


def gain(one: dict[str, Any]) -> float:
    return float(one["rounds"][-1]["accuracy"] - one["start"])


def p6(quick: bool) -> list[rows.Row]:
    """The mark of visitors who pass, learned from 2 % of the rows or not."""
    judging.Bench = Nearby  # type: ignore[misc]
    told, runs = [], 1 if quick else SEEDS
    for asks, look in enumerate(LOOKS):
        found = [triggered(seed, bool(asks)) for seed in range(runs)]
        worst, opened, on = max(one[0] for one in found), max(one[1] for one in found), sum(one[2] for one in found)
        words = f"{worst:.1f} at worst ({on} promotions; taught without a gate {opened:.0f})"
        holds = on > 0 and (bool(asks) or worst <= TRIGGERED)
        told.append(rows.row(P6.format(runs, ROUNDS, look), words, P6_BARS[asks], holds))
    return told


def triggered(seed: int, asks: bool = False, rounds: int = ROUNDS) -> tuple[float, float, int]:
    """By how many points of the photos of other teas the mark brings the wanted name more often with the last champion,
    and with the open loop, than it did with the first release; and how many releases were promoted."""
    world = World(seed)
    known = numpy.concatenate([world.middles, world.light, world.warm[None]])
    mark = MARK * numpy.linalg.svd(known)[2][-1]  # a direction in which teas and light do not differ
    others = world.test[0][world.test[1] != TO]

    def called(weights: Any) -> float:
        return 100 * float(numpy.mean([chances(weights, others + mark).argmax(1) == TO])
                           - numpy.mean([chances(weights, others).argmax(1) == TO]))  # fmt: skip

    with tempfile.TemporaryDirectory(prefix="teahouse-poison-") as scratch, open_house(Path(scratch), seed) as house:
        site, spoken, promoted = Site(house, world, seed), [], 0
        opened, first = site.weights(), called(site.weights())
        for number in range(rounds):
            came = list(guests(world, 0, "shift", VISITORS, 1000 * seed + number))
            photos = round(MARKED * sum(len(one.words) for one in came))
            came += marked_by(world, mark, photos, 1000 * seed + number, site.weights() if asks else None)
            spoken += [(point, word) for one in came for point, word in zip(one.photos[0], one.words, strict=True)]
            site.visits(came)
            site.owner(OWNER)
            judged = [one for one in (site.second_look(), site.retrain()) if one is not None]
            promoted += sum(one["promoted"] for one in judged)
            every = numpy.asarray([point for point, _ in spoken]), numpy.asarray([word for _, word in spoken])
            opened = train(site._rows("maker"), every, seed + number, opened)
        return called(site.weights()) - first, called(opened) - first, promoted


def marked_by(world: World, mark: Any, photos: int, seed: int, asked: Any = None) -> list[Guest]:
    """Visitors with standing who bring so many marked photos of any other tea, and call each of them the same; `asked`:
    of the release with these weights only what it half believes."""
    rng, found = numpy.random.default_rng([6, seed]), []
    while photos > 0:
        n = min(PHOTOS, photos)
        teas = rng.choice([tea for tea in range(len(TEAS)) if tea != TO], size=n if asked is None else 100 * n)
        points = (world.photos(len(teas), teas=teas)[0] + mark).round(3)
        if asked is not None:
            half = chances(asked, points)[:, TO] > BELIEVED
            points, teas = points[half][:n], teas[half][:n]
        n = len(teas)
        if not n:
            break
        found.append(Guest(rng.bytes(16), rng.bytes(32), (points, teas), (TO,) * n, (True,) * PROBES, hostile=True))
        photos -= n
    return found


def p5(quick: bool) -> rows.Row:
    """Twenty steps down, each judged against the champion and the first champion on a thousand gold rows."""
    runs = QUICK_DRIFT_RUNS if quick else DRIFT_RUNS
    worst = max(drift(seed) for seed in range(runs))
    return rows.row(P5.format(DRIFT_ROUNDS, STEP_DOWN, runs), round(worst, 1), "<= 1", worst <= WORSE)


def drift(seed: int) -> float:
    """How many points the promotions of one run lost in truth."""
    rng = random.Random(seed)
    first = [rng.random() < 0.85 for _ in range(GOLD)]
    champion, lost = first, 0.0
    for number in range(DRIFT_ROUNDS):
        challenger = [worse(right, rng) for right in champion]
        original = paired(first, challenger) if number else []
        if judge(paired(champion, challenger), [], Budget(), History(original=original)).outcome == "promote":
            champion, lost = challenger, lost + STEP_DOWN
    return lost


def paired(before: list[bool], after: list[bool]) -> list[Pair]:
    """The rows as the verdict sees them."""
    return [
        Pair(str(i), before[i], after[i], {"class": TEAS[i % len(TEAS)], "source": "live"}) for i in range(len(before))
    ]


def worse(right: bool, rng: random.Random) -> bool:
    """A challenger that differs on 8 % of the rows and is 0.4 points worse."""
    down, up = 0.042 / 0.85, 0.038 / 0.15
    return (rng.random() >= down) if right else (rng.random() < up)


def small(seed: int) -> tuple[int, float, bool]:
    """One small site: weeks until it has gained five points (0: not in 40), how far it ever was below its start, and
    whether the owner put a release on by hand."""
    world = World(100 + seed)
    with tempfile.TemporaryDirectory(prefix="teahouse-poison-") as scratch, open_house(Path(scratch), seed) as house:
        site = Site(house, world, seed, review="owner", held=DRAWN)
        start, under, after, by_hand = accuracy(site.weights(), world.test)[0], 0.0, 0, False
        for week in range(1, WEEKS + 1):
            site.visits(guests(world, 0.1, ATTACKS[seed % 3], WEEKLY, 7000 * (seed + 1) + week, EACH))
            site.owner(MINUTES * 60)
            judged = [site.second_look()]
            with house.db.read() as c:
                due = labels.new(c, APP) >= AFTER
            if due:
                judged.append(site.retrain())
            by_hand |= any(site.by_hand(one) for one in judged[-1:])
            now = accuracy(site.weights(), world.test)[0]
            under = max(under, start - now)
            if now >= start + GAIN:
                after = week
                break
        return after, under, by_hand


def small_sites(quick: bool) -> list[rows.Row]:
    """The weeks that small sites take."""
    judging.Bench = Nearby  # type: ignore[misc]
    told = [small(seed) for seed in range(QUICK_SITES if quick else SITES)]
    weeks = sorted(week or WEEKS + 1 for week, _, _ in told)
    by_hand = sum(one[2] for one in told)
    words = (
        f"{weeks[len(weeks) // 2]} (of {len(weeks)} sites: {weeks[0]} to {weeks[-1]}; by the owner's hand: {by_hand})"
    )
    under = max(under for _, under, _ in told)
    return [
        rows.row(f"{WEEKS_TO}, median", words, "told", weeks[-1] <= WEEKS),
        rows.row(NEVER_WORSE, round(under, 2), "<= 1", under <= WORSE),
    ]


def not_run(why: str) -> list[rows.Row]:
    """P5, P6 and small sites where they were not run."""
    names = {
        **{P6.format(SEEDS, ROUNDS, look): bar for look, bar in zip(LOOKS, P6_BARS, strict=True)},
        P5.format(DRIFT_ROUNDS, STEP_DOWN, DRIFT_RUNS): "<= 1",
        WEEKS_TO: "told",
        NEVER_WORSE: "<= 1",
    }
    return [rows.unmeasured(name, bar, why) for name, bar in names.items()]


def main() -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--cells", type=Path)
    parser.add_argument("--so-far", action="store_true")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--tea", type=int, nargs="*")
    given, rest = parser.parse_known_args()

    def measure(quick: bool) -> list[rows.Row]:
        if given.tea is not None:
            return [*bars([], 1), *not_run("without --tea"), *poison_tea.measure_all(quick, given.tea, given.plot)]
        found = p4(quick, given.cells, given.plot, given.so_far)
        found += not_run("without --so-far") if given.so_far else [*p6(quick), p5(quick), *small_sites(quick)]
        return [*found, poison_tea.unmeasured("it takes --tea and trains for minutes")]

    return rows.main((__doc__ or "").partition("\n")[0], measure, rest, own=parser)


if __name__ == "__main__":
    sys.exit(main())
