"""Verdict: may the challenger take over? Promote, hold or reject, with reasons a maker can read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from teahouse.release import calibration, slices
from teahouse.release.evaluate import FEW, interval, whole
from teahouse.release.paired import Pair, Reason, Tally, by, tail, tally

SURE = 0.05  # the chance of promoting an equal model that we accept
ROWS = 60  # judged rows below which nothing is promoted
GUARD_LOSS = 5.0  # points that no guard may lose
BASE_LOSS = 2.0  # points on the maker's own rows that may go when it is sure that they went
ORIGINAL_LOSS = 1.0  # points below the first champion: many small steps down are one big one
MANY = 1000  # judged rows more than anybody will wait for
GOLD = ("live", "base")


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
class Verdict:
    """`outcome` is promote, hold or reject; the first reason is the one that decided."""

    outcome: str
    reasons: tuple[Reason, ...]
    numbers: Mapping[str, object]

    @property
    def missing(self) -> int:
        """How many judged rows are wanted before it can be said; 0 where more rows are not the matter."""
        return int(self.numbers.get("missing", 0))


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
    every = [*parts["live"], *parts["base"]]
    found = tally(gold)
    numbers = {
        "measured_on": measured_on,
        "gold": found.as_dict(),
        "classes": {name: tally(rows).as_dict() for name, rows in by("class", gold).items()},
        "missing": 0,
    }
    found_wrong = stops(checks, budget)
    if history.first:
        return _first(found, found_wrong, numbers, history.fresh)
    if measured_on == "live":
        numbers["base"] = tally(parts["base"]).as_dict()
    numbers["test"] = tally(parts["test"]).as_dict()
    numbers["slices"] = slices.told(every)
    numbers["calibration"] = calibration.told(gold)
    lost = slices.labels_lost(gold, every)
    found_wrong += _guards(parts, measured_on, history)
    if found_wrong:
        return Verdict("reject", (*lost, *found_wrong), numbers)
    doubts = [*lost, *slices.suffering(every), *calibration.much_worse(gold)]
    verdict = _compare(found, parts["test"], doubts, numbers, history)
    if lost and lost[0] not in verdict.reasons:  # nothing is gained that would be worth it
        return Verdict("reject", tuple(lost), numbers)
    return by_hand(verdict, found)


def by_hand(verdict: Verdict, found: Tally) -> Verdict:
    """The same verdict; one of hold says what the owner would risk who puts the challenger on by hand."""
    if verdict.outcome != "hold" or not found.n:
        return verdict
    low, high = found.between
    worst = "it is no worse than the champion" if low >= 0 else f"it is {points(-low)} worse than the champion"
    best = f"{points(high)} better" if high > 0 else "no better"
    words = (
        f"You can put it on by hand all the same. At worst {worst} on photos like these, at best {best}: "
        "so it is 95 times in 100."
    )
    numbers = {"low": round(low, 2), "high": round(high, 2), "n": found.n}
    return Verdict(verdict.outcome, (*verdict.reasons, Reason("by-hand", words, numbers)), verdict.numbers)


def points(many: float) -> str:
    """So many points in words, whole ones, never fewer than one."""
    whole_ = max(1, math.ceil(round(many, 1)))
    return f"{whole_} point{'s' * (whole_ != 1)}"


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


def _compare(
    found: Tally, spoken: Sequence[Pair], doubts: Sequence[Reason], numbers: dict, history: History
) -> Verdict:
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
        more = max(0, wanted - found.n)
        settled = (
            f"If it goes on like this, {wanted} judged rows would settle it: {more} more."
            if more <= MANY
            else f"They are so close that telling them apart would take thousands of judged rows ({wanted:,})."
        )
        words = f"{story}. That may be luck (luck alone does as well {odds(p)}). {settled}"
        return _hold(Reason("may-be-luck", words, found.as_dict()), max(1, wanted - found.n), numbers, history)
    test = tally(spoken)
    if test.n >= FEW and test.points < -GUARD_LOSS and tail(test.broken, test.fixed) < SURE:
        words = (
            f"The judged rows say yes, but on {test.n} photos that visitors spoke of it does "
            f"{-test.points:.0f} points worse. Please look at those in the review first."
        )
        return _hold(Reason("visitors-disagree", words, test.as_dict()), 0, numbers, history)
    words = f"{story}: {found.points:+.1f} points, and luck alone would do as well only {odds(p)}."
    better = Reason("better", words, found.as_dict())
    if doubts:
        held = _hold(doubts[0], 0, numbers, history)
        return Verdict(held.outcome, (*held.reasons, *doubts[1:], better), held.numbers)
    return Verdict("promote", (better,), numbers)


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
    """What forbids a promotion whatever was gained: the maker's own rows, the first champion."""
    found = []
    base = tally(parts["base"])
    if measured_on == "live" and base.n >= FEW:
        surely = base.points < -BASE_LOSS and tail(base.broken, base.fixed) < SURE
        if surely or base.points < -GUARD_LOSS:
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


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def odds(p: float) -> str:
    """How often luck does that, in words."""
    if p >= 0.4:
        return "about every second time"
    return f"about one time in {float(f'{1 / p:.2g}'):,.0f}" if p > 1e-6 else "less than one time in a million"
