"""Pulse: what this process does right now: answers, refusals, and where the time of an answer goes. In memory alone.

Prometheus reads it at /metrics; the owner's live page shows the last answers and the last minutes of it.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from starlette.exceptions import HTTPException

from teahouse.errors import ClosedForToday, DeadlinePassed, QueueFull, TooMany

STAGES = ("receive", "queue", "decode", "wait", "infer", "commit", "send")
"""receive: the body comes in and is checked; queue: for a place at the worker; decode, wait (for a slot), infer: at the
worker; commit: until it is on the disk; send: until the last byte was handed over."""
OUTCOMES = ("answered", "shed", "late", "refused", "failed", "left")
"""shed: the queue was full, there was no room for the photo, or one asked too often; late: over its deadline; refused:
what was given can not be used; failed: an error of the release or of the house; left: its visitor did not wait."""
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1, 2, 4, 8, 16, 32)
LAST = 1000  # answers whose times are known one by one
MINUTES = 5


class Bins:
    """A histogram as Prometheus counts it. Its own costs ten times as much an observation, which each answer has
    seven times."""

    def __init__(self, edges: tuple[float, ...]) -> None:
        self.edges, self.n, self.sum = edges, [0] * (len(edges) + 1), 0.0

    def add(self, value: float) -> None:
        """One more."""
        self.n[bisect_left(self.edges, value)] += 1
        self.sum += value

    def told(self) -> tuple[list[tuple[str, float]], float]:
        """(edge, how many up to it) and the sum, as `HistogramMetricFamily.add_metric` takes them."""
        so_far, found = 0, []
        for edge, n in zip((*map(str, self.edges), "+Inf"), self.n, strict=True):
            so_far += n
            found.append((edge, float(so_far)))
        return found, self.sum


@dataclass
class Second:
    """What happened in one second (`at`: whole seconds of time.monotonic)."""

    at: int
    counts: Counter[str] = field(default_factory=Counter)


class Pulse:
    """Counts and times since the process began. Lives in one event loop."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.stages = {stage: Bins(SECONDS) for stage in STAGES}
        self.sizes = Bins(SIZES)
        self.last: deque[Mapping[str, float]] = deque(maxlen=LAST)
        self.batches: deque[int] = deque(maxlen=LAST)
        self.seconds: deque[Second] = deque(maxlen=60 * MINUTES)

    def over(self, error: BaseException | None = None) -> None:
        """One request for an answer is over: answered, or ended by this error."""
        outcome, now = outcome_of(error), int(time.monotonic())
        self.outcomes[outcome] += 1
        if not self.seconds or self.seconds[-1].at != now:
            self.seconds.append(Second(now))
        self.seconds[-1].counts[outcome] += 1

    def took(self, ms: Mapping[str, float], batch: int) -> None:
        """Where the milliseconds of one answer went, by stage, and how many were worked out with it."""
        for stage, value in ms.items():
            self.stages[stage].add(value / 1000)
        self.sizes.add(batch)
        self.last.append(ms)
        self.batches.append(batch)

    def by_second(self, outcome: str, seconds: int) -> list[int]:
        """How many had this outcome in each of the last whole seconds, oldest first."""
        now = int(time.monotonic())
        found = {one.at: one.counts[outcome] for one in list(self.seconds)}  # a thread may ask
        return [found.get(now - back, 0) for back in range(seconds, 0, -1)]

    def collect(self) -> Iterator[Metric]:
        """For Prometheus: one family after another."""
        outcomes = CounterMetricFamily(
            "teahouse_predictions", "Requests for an answer, by what became of them.", labels=["outcome"]
        )
        for outcome in OUTCOMES:
            outcomes.add_metric([outcome], self.outcomes[outcome])
        yield outcomes
        stages = HistogramMetricFamily("teahouse_stage_seconds", "Where the time of an answer goes.", labels=["stage"])
        for stage, bins in self.stages.items():
            stages.add_metric([stage], *bins.told())
        yield stages
        sizes = HistogramMetricFamily("teahouse_batch_size", "How many answers were worked out together.")
        sizes.add_metric([], *self.sizes.told())
        yield sizes


def outcome_of(error: BaseException | None) -> str:
    """What became of a request that ended in this error, or in none."""
    if error is None:
        return "answered"
    if isinstance(error, asyncio.CancelledError):
        return "left"
    status = getattr(error, "status", getattr(error, "status_code", 500))  # of ours, or of starlette's
    if isinstance(error, (QueueFull, TooMany, ClosedForToday)) or (isinstance(error, HTTPException) and status == 503):
        return "shed"
    if isinstance(error, DeadlinePassed):
        return "late"
    return "refused" if status < 500 else "failed"


def quantile(values: Iterable[float], share: float) -> float:
    """The value below which this share of them lies (nearest rank); 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
