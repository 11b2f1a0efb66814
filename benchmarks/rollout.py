"""Rollout: how often is an equal release stopped, how soon is a worse one, how soon does a better one answer everybody?

    python benchmarks/rollout.py [--quick] --report FILE

In simulation, with the product's own functions (release/verdict.judge, release/rollout.advance): a site of 300 answers
an hour; a third of its visitors say if the answer was right, one to three times each, and one in ten says "wrong" to
everything. The rollout is looked at every 15 minutes of the site's time (later more seldom).

    A/A          champion and challenger are equally good: judged, then given to 5 %
    power        5, 20 and 50 points worse: after how many words of visitors it is taken off, if the canary lasts
    better       3 points better: after how many words it answers everybody by its answers, if time does not end it
    hostile      one guest in the canary says "wrong" 2,000 times, under as many names from one network

On one real site (keeper, web, workers; no loop runs): promotions and rollbacks under load, the seconds of a step by
hand, and challengers that err, are slow, crash on load or give no number (STANDARD F6, F7).

500 rollouts, 60 of each power, 50 promotions; with --quick 60, 8 and 10 (verdicts, which cost nothing, always 500).
"""

from __future__ import annotations

import functools
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import rows

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.standard import challengers  # noqa: E402
from tests.standard.houses import RealHouse  # noqa: E402

from teahouse import testing  # noqa: E402
from teahouse.release import rollout  # noqa: E402
from teahouse.release.rollout import HOUR_MS, Facts, Rollout, Rules, Side, Word, advance  # noqa: E402
from teahouse.release.verdict import Budget, History, Pair, judge  # noqa: E402
from teahouse.store import rollouts  # noqa: E402
from teahouse.store.house import House  # noqa: E402

RULES = Rules()
WRONG, SPEAK, ALWAYS, NETWORKS = 0.15, 1 / 3, 0.1, 500
AN_HOUR, LOOK = 300, 0.25  # answers in an hour of the site, hours between two looks
MOST_HOURS, FULL = 400, 500
GOLD = 200


@dataclass(frozen=True)
class End:
    """How a simulated rollout ended: "full" or "rolled_back", by what, after how many words (of both sides), answers
    and hours; "" where it still stands."""

    state: str
    code: str
    words: int
    answers: int
    hours: float


class Site:
    """Visitors who come, are answered by one of two releases, and say what they think."""

    def __init__(self, seed: int, worse: float, share: float) -> None:
        self.rng, self.rates, self.share = random.Random(f"rollout {seed}"), (WRONG, WRONG + worse), share
        self.words: list[Word] = []
        self.answers = [0, 0]
        self.visitors = 0

    def hour(self, part: float) -> None:
        """A part of an hour passes."""
        for _ in range(round(AN_HOUR * part / 2)):  # two answers each, on average
            self.visitors += 1
            mine, asked = self.rng.random() < self.share, self.rng.choice((1, 2, 3))
            self.answers[mine] += asked
            if self.rng.random() >= SPEAK:
                continue
            rate = 1.0 if self.rng.random() < ALWAYS else self.rates[mine]
            network = self.rng.randrange(NETWORKS)
            said = (Word(mine, self.rng.random() < rate, self.visitors, network) for _ in range(asked))
            self.words += said

    def facts(self) -> Facts:
        """What the ticker would know."""
        return Facts(Side(self.answers[1]), Side(self.answers[0]), self.words)


def run(seed: int, worse: float, share: float = RULES.share, most: float = RULES.hours, rules: Rules = RULES) -> End:
    """One rollout from its canary on, until it ends or `most` hours have passed."""
    site, age = Site(seed, worse, share), 0.0
    stood = Rollout("r", "canary", round(share * 10_000), True, 0)
    while age < most:
        part = max(LOOK, 0.03 * age)  # seldomer after the first day: a look takes all words so far
        site.hour(part)
        age += part
        event = advance(replace(stood, age_ms=round(age * HOUR_MS)), site.facts(), rules)
        if event is not None:
            return End(event.state, event.code, len(site.words), site.answers[1], age)
    return End("", "", len(site.words), site.answers[1], most)


def equal_pairs(seed: int) -> list[Pair]:
    """Two releases as good as each other (right 85 times in 100) that differ on one row in ten, on live gold."""
    rng, found = random.Random(f"gold {seed}"), []
    for number in range(GOLD):
        before = after = rng.random() < 0.85
        if rng.random() < 0.1:
            before, after = rng.choice(((True, False), (False, True)))
        found.append(Pair(f"live{number}", before, after, {"class": str(number % 2), "source": "live"}))
    return found


def equals(number: int) -> list[rows.Row]:
    """A/A: false promotions by the verdict, false rollbacks by the guards."""
    promoted = sum(judge(equal_pairs(seed), [], Budget(), History()).outcome == "promote" for seed in range(FULL))
    ends = [run(seed, 0.0) for seed in range(number)]
    back = [one for one in ends if one.state == "rolled_back"]
    by = {code: sum(one.code == code for one in ends) for code in ("answers", "hours")}
    least, most = 0.05 * number, 0.05 * FULL
    told = f"{len(back)} (to everybody: {by['answers']} by answers, {by['hours']} by time)"
    return [
        rows.row(f"A/A: false promotions of {FULL}", promoted, f"<= {most:.0f}", promoted <= most),
        rows.row(f"A/A: false rollbacks of {number}", told, f"<= {least:.0f}", len(back) <= least),
    ]


def power(number: int) -> list[rows.Row]:
    """After how many words a worse release is taken off."""
    found, for_ever = [], replace(RULES, asks=True)
    for worse, share, bar in ((0.05, 0.05, 0), (0.05, 0.25, 0), (0.2, 0.05, 4000), (0.5, 0.05, 1000)):
        ends = [run(seed, worse, share, MOST_HOURS, for_ever) for seed in range(number)]
        needed = sorted(one.words if one.state == "rolled_back" else sys.maxsize for one in ends)
        middle, ninth = needed[number // 2], needed[int(number * 0.9)]
        told = f"median {_words(middle)}, 90th {_words(ninth)}; {sum(n < sys.maxsize for n in needed)} of {number}"
        name = f"power: {worse * 100:.0f} points worse at a canary of {share * 100:.0f} %"
        found.append(rows.row(name, told, f"median <= {bar:,} words" if bar else "told", not bar or middle <= bar))
    ends = [run(seed, 0.05) for seed in range(number)]
    back = sum(one.state == "rolled_back" for one in ends)
    name = "power: 5 points worse with the default rules (200 answers, 24 h), should a verdict let it through"
    found.append(rows.row(name, f"{back} of {number} rolled back, the rest answered everybody", "told", True))
    return found


def better(number: int) -> list[rows.Row]:
    """After how many words a better release answers everybody."""
    ends = [run(seed, -0.03, most=MOST_HOURS, rules=replace(RULES, hours=MOST_HOURS)) for seed in range(number)]
    full = [one for one in ends if one.state == "full" and one.code == "answers"]
    words, answers = (sorted(getattr(one, what) for one in full) for what in ("words", "answers"))
    told = "never"
    if full:
        told = f"median {median(words):,.0f} words ({median(answers):,.0f} answers of its own)"
        told += f", 90th {words[int(len(words) * 0.9)]:,}; {len(full)} of {number}"
    usual = [run(seed, -0.03) for seed in range(number)]
    on = sum(one.state == "full" for one in usual)
    by = sum(one.code == "answers" for one in usual)
    return [
        rows.row("better: 3 points better, to everybody by its answers", told, "told", len(full) >= 0.9 * number),
        rows.row("better: with the default rules", f"{on} of {number} on ({by} by answers, {on - by} after 24 h)",
                 f">= {0.95 * number:.0f}", on >= 0.95 * number),
    ]  # fmt: skip


def hostile(number: int) -> list[rows.Row]:
    """One guest with many names against an equal release."""
    back = 0
    for seed in range(number):
        site = Site(seed, 0.0, RULES.share)
        for _ in range(24):
            site.hour(1)
        guest = [Word(True, True, ("guest", at), "cellar") for at in range(2000)]
        told = site.words + guest
        site.rng.shuffle(told)
        event = rollout.guard(Rollout("r", "canary", 500, True, HOUR_MS), replace(site.facts(), words=told))
        back += event is not None
    name = f"hostile: sunk by one guest with 2,000 names, of {number}"
    return [rows.row(name, back, "<= 5 %", back <= 0.05 * number)]


def by_hand(house: RealHouse, own: House, times: int) -> list[rows.Row]:
    """Promotions and rollbacks under load, by the API's own steps, and one of each by the verb, with no loop about."""
    releases = [challengers.install(own, house.root / f"good-{at}", "good") for at in range(2)]
    took: list[float] = []
    with challengers.Crowd(house.url, hands=3) as crowd:
        for turn in range(2 * times):
            began, release = time.monotonic(), releases[turn % 2]
            own.db.write(lambda c, release=release: rollouts.append(c, rollouts.Step(challengers.APP, release, "full")))
            while True:
                seen = dict(crowd.releases)
                time.sleep(0.02)
                if any(crowd.releases.get(one, 0) > seen.get(one, 0) for one in (release,)):
                    break
            took.append(time.monotonic() - began)
    verbs = []
    for words in (("promote", "1"), ("rollback",), ("pin",), ("pin", "--off")):
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-m", "teahouse.cli", *words], cwd=house.root, capture_output=True)
        verbs.append(time.monotonic() - began if done.returncode == 0 else 99.0)
    loops = [one for one in house.family() if any("loop.runner" in part for part in one.cmdline())]
    return [
        rows.row(f"F6: {2 * times} promotions and rollbacks under load: failed of {crowd.asked} requests", crowd.failed,
                 "0", crowd.failed == 0),
        rows.row("F6: a step by hand until its first answer, seconds",
                 f"median {median(took):.2f}, slowest {max(took):.2f}", "<= 5", max(took) <= 5),
        rows.row(f"by hand: promote, rollback, pin, unpin by the verb, {len(loops)} loops running, seconds",
                 ", ".join(f"{one:.1f}" for one in verbs), "<= 5 each", max(verbs) <= 5),
    ]  # fmt: skip


def bad_ones(house: RealHouse, own: House) -> list[rows.Row]:
    """F7 on the same site."""
    found = []
    for kind in ("crashes on load", "not a number, later", "errs", "slow"):
        release = challengers.install(own, house.root / kind.replace(" ", "-"), kind)
        in_shadow = kind not in ("errs", "slow")
        with challengers.Crowd(house.url) as crowd:
            challengers.let_through(own, release, "shadow" if in_shadow else "canary", 0 if in_shadow else 500)
            step, took = challengers.ended(own, release, 90)
        met, back = crowd.releases.get(release, 0), step.state == "rolled_back"
        told = f"{step.state} by {step.by} after {took:.1f} s, {met} visitors met it"
        told += f"; {crowd.failed} of {crowd.asked} failed"
        good = back and crowd.failed <= 0.005 * crowd.asked and (met == 0 if in_shadow else took <= 60 or met <= 200)
        bar = "no visitor meets it" if in_shadow else "within 200 requests or 60 s, <= 0.5 % failed"
        found.append(rows.row(f"F7: {kind}", told, bar, good))
    return found


def real_site(times: int) -> list[rows.Row]:
    """The rows of one real site."""
    with tempfile.TemporaryDirectory() as scratch, RealHouse(Path(scratch) / "house") as house:
        with House.open(house.data) as own:
            challengers.declare(house.root)
            testing.install_tiny(own, state="")
            champion = challengers.install(own, house.root / "champion", "steady")
            own.db.write(lambda c: rollouts.append(c, rollouts.Step(challengers.APP, champion, "full")))
            house.environment = {"TEAHOUSE_IDLE_S": "0.2"}
            house.start()
            found = by_hand(house, own, times)
            own.db.write(lambda c: rollouts.append(c, rollouts.Step(challengers.APP, champion, "full")))
            return found + bad_ones(house, own)


def measure(quick: bool) -> list[rows.Row]:
    """The rows of the report."""
    many, some, times = (60, 8, 10) if quick else (FULL, 60, 50)
    parts = (functools.partial(real_site, times), functools.partial(equals, many), functools.partial(power, some),
             functools.partial(better, some), functools.partial(hostile, many))  # fmt: skip
    return [row for part in parts for row in part()]


def _words(n: int) -> str:
    return f"{n:,} words" if n < sys.maxsize else "more than there were"


if __name__ == "__main__":
    sys.exit(rows.main((__doc__ or "").partition("\n")[0], measure))
