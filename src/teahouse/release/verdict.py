"""Verdict: may the challenger take over? Promote, hold or reject, with reasons a maker can read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from teahouse.release.evaluate import FEW, interval, whole

SURE = 0.05  # the chance of promoting an equal model that we accept
ROWS = 60  # judged rows below which nothing is promoted
CLASS_LOSS = 5.0  # points that no class, and no guard, may lose
BASE_LOSS = 2.0  # points on the maker's own rows that may go when it is sure that they went
ORIGINAL_LOSS = 1.0  # points below the first champion: many small steps down are one big one
GOLD = ("live", "base")


@dataclass(frozen=True)
class Pair:
    """One row answered by both sides. `slices` has "class" (its true label) and "source" (live, base or test)."""

    row: str
    champion: bool
    challenger: bool
    slices: Mapping[str, str]


@dataclass(frozen=True)
class Check:
    """One behaviour that the maker asks of a candidate, and whether the candidate shows it."""

    name: str
    passed: bool
    words: str = ""


@dataclass(frozen=True)
class Budget:
    """What an answer may cost. Milliseconds are medians on this machine; bytes are the model file's. 0 = no bound."""

    ms: float = 0.0
    champion_ms: float = 0.0
    most_ms: float = 0.0
    bytes: int = 0
    most_bytes: int = 0


@dataclass(frozen=True)
class History:
    """What came before: `first` when there is no champion (the champion's answers in the pairs are then the commonest
    label's), `judged` = verdicts already held on this candidate, `original` = pairs against the very first champion,
    `fresh` = it is known that the challenger was not trained on the rows."""

    first: bool = False
    judged: int = 0
    original: Sequence[Pair] = ()
    fresh: bool = True


@dataclass(frozen=True)
class Reason:
    """Why, for a program (`code`), for a person (`words`), and the numbers behind it."""

    code: str
    words: str
    numbers: Mapping[str, object] = field(default_factory=dict)

    def as_dict(self) -> dict:
        return {"code": self.code, "words": self.words, "numbers": dict(self.numbers)}


@dataclass(frozen=True)
class Verdict:
    """`outcome` is promote, hold or reject; the first reason is the one that decided."""

    outcome: str
    reasons: tuple[Reason, ...]
    numbers: Mapping[str, object]

    @property
    def missing(self) -> int:
        """How many judged rows are wanted before it can be said; 0 where more rows are not the matter."""
        return int(self.numbers.get("missing", 0))


@dataclass(frozen=True)
class Tally:
    """Both sides on the same rows: `fixed` only the challenger got right, `broken` only the champion."""

    n: int
    champion: int
    challenger: int
    fixed: int
    broken: int

    @property
    def points(self) -> float:
        """Percentage points gained (negative: lost)."""
        return 100 * (self.challenger - self.champion) / self.n if self.n else 0.0

    def as_dict(self) -> dict:
        return {
            **asdict(self),
            "points": round(self.points, 2),
            "p": round(tail(self.fixed, self.broken), 5),
            "champion_interval": interval(self.champion, self.n).as_dict(),
            "challenger_interval": interval(self.challenger, self.n).as_dict(),
        }


def tail(fixed: int, broken: int) -> float:
    """The chance of at least `fixed` of fixed + broken by the toss of a fair coin: McNemar's exact test, one-sided."""
    n = fixed + broken
    ways = total = math.comb(n, fixed)
    for k in range(fixed, n):
        ways = ways * (n - k) // (k + 1)
        total += ways
    return total / 2**n


def tally(pairs: Iterable[Pair]) -> Tally:
    """Count both sides on some rows."""
    pairs = list(pairs)
    return Tally(
        n=len(pairs),
        champion=sum(pair.champion for pair in pairs),
        challenger=sum(pair.challenger for pair in pairs),
        fixed=sum(pair.challenger and not pair.champion for pair in pairs),
        broken=sum(pair.champion and not pair.challenger for pair in pairs),
    )


def rows_wanted(found: Tally) -> int:
    """Judged rows at which a difference like the one seen would be sure; 0 when there is no gain to be sure of."""
    gain, differ = found.fixed - found.broken, found.fixed + found.broken
    if gain <= 0:
        return 0
    # (gain k - 1)^2 = z^2 differ k, with the continuity correction: solved for k, how many times the rows there are
    half = 2 * gain + 1.645**2 * differ
    times = (half + math.sqrt(half * half - 4 * gain * gain)) / (2 * gain * gain)
    return max(ROWS, math.ceil(found.n * times))


def judge(pairs: Sequence[Pair], checks: Sequence[Check], budget: Budget, history: History) -> Verdict:
    """Compare challenger and champion on rows whose answers the owner knows. Visitors' own words (source "test") and
    every guard can stop a challenger; only the paired test on gold rows can let it through."""
    parts = {source: [pair for pair in pairs if pair.slices.get("source") == source] for source in (*GOLD, "test")}
    measured_on = "live" if parts["live"] else "base"
    gold = parts[measured_on]
    found = tally(gold)
    numbers = {
        "measured_on": measured_on,
        "gold": found.as_dict(),
        "classes": {name: tally(rows).as_dict() for name, rows in _classes(gold).items()},
        "missing": 0,
    }
    found_wrong = stops(checks, budget)
    if history.first:
        return _first(found, found_wrong, numbers, history.fresh)
    if measured_on == "live":
        numbers["base"] = tally(parts["base"]).as_dict()
    numbers["test"] = tally(parts["test"]).as_dict()
    found_wrong += _guards(parts, measured_on, history)
    if found_wrong:
        return Verdict("reject", tuple(found_wrong), numbers)
    return _compare(found, tally(parts["test"]), numbers, history)


def _first(found: Tally, stops: list[Reason], numbers: dict, fresh: bool) -> Verdict:
    right = interval(found.challenger, found.n)
    rows = "rows that it has never seen" if fresh else "rows that it may have been trained on"
    if found.n and found.challenger < found.champion:
        words = (
            f"It is right on {found.challenger} of {found.n} {rows}. "
            f"Always saying the commonest label would be right on {found.champion}: nothing was learned yet."
        )
        stops.append(Reason("worse-than-guessing", words, found.as_dict()))
    if stops:
        return Verdict("reject", tuple(stops), numbers)
    if not found.n:
        words = "The first release. No rows were held out to measure it on, so nobody knows yet how good it is."
        return Verdict("promote", (Reason("first-unmeasured", words),), numbers)
    low, high = whole(right.low, right.high)
    words = (
        f"The first release. It is right on {found.challenger} of {found.n} {rows} "
        f"({100 * right.value:.0f} %; with this few rows anything from {low} % to {high} % may be true); "
        f"always saying the commonest label would be right on {found.champion}."
    )
    return Verdict("promote", (Reason("first", words, found.as_dict()),), numbers)


def _compare(found: Tally, test: Tally, numbers: dict, history: History) -> Verdict:
    """The paired test itself, once nothing else stands in the way."""
    if found.n < ROWS:
        missing = ROWS - found.n
        words = (
            f"There are {found.n} judged rows and a verdict takes {ROWS}: {missing} more, please. "
            f"So far the challenger puts {_count(found.fixed, 'mistake')} right and makes {found.broken} new."
        )
        return _hold(Reason("too-few-rows", words, found.as_dict()), missing, numbers, history)
    p = tail(found.fixed, found.broken)
    story = (
        f"On {found.n} judged rows it puts {_count(found.fixed, 'mistake')} of the champion right "
        f"and makes {_count(found.broken, 'new one')}"
    )
    if p >= SURE:
        if found.fixed <= found.broken:
            words = f"{story}: it is not better, so the champion stays."
            return Verdict("reject", (Reason("not-better", words, found.as_dict()),), numbers)
        wanted = rows_wanted(found)
        words = (
            f"{story}. That may be luck (luck alone does as well {odds(p)}). "
            f"If it goes on like this, {wanted} judged rows would settle it: {max(0, wanted - found.n)} more."
        )
        return _hold(Reason("may-be-luck", words, found.as_dict()), max(1, wanted - found.n), numbers, history)
    if test.n >= FEW and test.points < -CLASS_LOSS and tail(test.broken, test.fixed) < SURE:
        words = (
            f"The judged rows say yes, but on {test.n} photos that visitors spoke of it does "
            f"{-test.points:.0f} points worse. Please look at those in the review first."
        )
        return _hold(Reason("visitors-disagree", words, test.as_dict()), 0, numbers, history)
    words = f"{story}: {found.points:+.1f} points, and luck alone would do as well only {odds(p)}."
    return Verdict("promote", (Reason("better", words, found.as_dict()),), numbers)


def _hold(reason: Reason, missing: int, numbers: dict, history: History) -> Verdict:
    if history.judged:  # every further look at the same candidate is a further chance for luck
        words = f"{reason.words} It has been judged before and twice is enough: the next training may do better."
        return Verdict("reject", (Reason("judged-twice", words, reason.numbers),), {**numbers, "missing": 0})
    return Verdict("hold", (reason,), {**numbers, "missing": missing})


def stops(checks: Iterable[Check], budget: Budget) -> list[Reason]:
    """What stops a challenger whatever it is good at: checks that fail, and what an answer costs."""
    return [*_failed_checks(checks), *_over_budget(budget)]


def _failed_checks(checks: Iterable[Check]) -> list[Reason]:
    return [
        Reason(
            "check-failed",
            f'It fails the check "{check.name}": {check.words or "no reason given"}',
            {"check": check.name},
        )
        for check in checks
        if not check.passed
    ]


def _over_budget(budget: Budget) -> list[Reason]:
    found = []
    if budget.most_ms and budget.ms > budget.most_ms:
        beside = f" (the champion takes {budget.champion_ms:.0f} ms)" if budget.champion_ms else ""
        words = f"An answer takes {budget.ms:.0f} ms{beside}; the most is {budget.most_ms:.0f} ms."
        found.append(Reason("too-slow", words, {"ms": round(budget.ms, 2), "most_ms": round(budget.most_ms, 2)}))
    if budget.most_bytes and budget.bytes > budget.most_bytes:
        words = f"The model has {budget.bytes / 1e6:.0f} MB; the most is {budget.most_bytes / 1e6:.0f} MB."
        found.append(Reason("too-big", words, {"bytes": budget.bytes, "most_bytes": budget.most_bytes}))
    return found


def _guards(parts: Mapping[str, list[Pair]], measured_on: str, history: History) -> list[Reason]:
    """What forbids a promotion whatever was gained: a class that suffers, the maker's own rows, the first champion."""
    found = []
    for source in GOLD:
        where = "judged rows" if source == measured_on else "your own held-out rows"
        for name, rows in _classes(parts[source]).items():
            counted = tally(rows)
            if counted.n >= FEW and counted.points < -CLASS_LOSS:
                words = (
                    f'"{name}" would suffer: right on {counted.challenger} of {counted.n} {where} instead of '
                    f"{counted.champion}. No label may lose more than {CLASS_LOSS:.0f} points."
                )
                found.append(Reason("class-suffers", words, {"class": name, **counted.as_dict()}))
    base = tally(parts["base"])
    if measured_on == "live" and base.n >= FEW:
        surely = base.points < -BASE_LOSS and tail(base.broken, base.fixed) < SURE
        if surely or base.points < -CLASS_LOSS:
            words = (
                f"It forgets: on your own {base.n} held-out rows it is right {base.challenger} times instead of "
                f"{base.champion}."
            )
            found.append(Reason("forgets", words, base.as_dict()))
    original = tally(history.original)
    if original.n >= FEW and original.points < -ORIGINAL_LOSS:
        words = (
            f"The very first champion is right on {original.champion} of these {original.n} rows, this one on "
            f"{original.challenger}. Many small steps down are one big one."
        )
        found.append(Reason("below-the-first", words, original.as_dict()))
    return found


def _classes(pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    found: dict[str, list[Pair]] = {}
    for pair in pairs:
        found.setdefault(pair.slices.get("class", ""), []).append(pair)
    return dict(sorted(found.items()))


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def odds(p: float) -> str:
    """How often luck does that, in words."""
    if p >= 0.4:
        return "about every second time"
    return f"about one time in {round(1 / p)}" if p > 1e-6 else "less than one time in a million"
