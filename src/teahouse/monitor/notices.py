"""Notices: what the owner should hear of now: a rollback by a guard, a full disk, a verdict that waits, the week.

Each names what it is about (`ref`), so that of one thing there is one message; and where nothing happened there is
nothing to say.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from teahouse.monitor import days
from teahouse.spec.price import told
from teahouse.store import apps, ledger, lineage, releases, rollouts

DAY_MS = 86_400_000
NEWS_MS = 2 * DAY_MS
"""What is older is no news: who sets [notify] up is not told of last year."""
LEAST_FREE, LEAST_SHARE = 512_000_000, 0.05
STEPS = 100  # of an app that are looked at


class Notice(NamedTuple):
    """Something to be told, once."""

    kind: str  # rollback | disk | verdict | digest; drift is written where it is found
    ref: str
    words: str


@dataclass(frozen=True)
class Disk:
    """Bytes free, and in all, where the data lies."""

    free: int
    total: int

    @property
    def is_full(self) -> bool:
        """Whether there is too little room left: less than a twentieth, and less than half a gigabyte."""
        return self.free < LEAST_FREE and self.free < self.total * LEAST_SHARE


def due(c: Any, now: int, *, asks: bool, disk: Disk | None = None) -> list[Notice]:
    """What is to be told at this moment (ms UTC), whether it was told already or not. `asks`: the owner promotes."""
    found = [*_disk(disk, now)] if disk is not None else []
    declared = apps.all_latest(c)
    for row in declared:
        found += _rollbacks(c, row, now)
        found += _verdicts(c, row, now, asks)
    return [*found, *_digest(c, declared, now)]


def _rollbacks(c: Any, app: Any, now: int) -> list[Notice]:
    """Releases that a guard took off."""
    found = []
    for step in rollouts.history(c, app.name, STEPS):
        if step.at < now - NEWS_MS:
            break
        if step.state == "rolled_back" and step.by == "guard":
            number = releases.number(c, step.release)
            words = f"{app.title}: release {number} was taken off by itself. {step.why}".rstrip()
            found.append(Notice("rollback", str(step.seq), words))
    return found


def _verdicts(c: Any, app: Any, now: int, asks: bool) -> list[Notice]:
    """The latest verdict, where it waits for the owner: for photos to be reviewed, or for a yes."""
    last = next(iter(lineage.verdicts(c, app.name, limit=1)), None)
    if last is None or last.champion is None:
        return []
    champion, step = rollouts.champion(c, app.name), rollouts.standing(c, app.name).get(last.candidate)
    if champion is not None and champion.release == last.candidate:
        return []
    if step is not None and step.state == "rolled_back":
        return []
    tried = step is not None and rollouts.moves(c, step)
    if (step.at if tried else last.at) < now - NEWS_MS:
        return []
    number = releases.number(c, last.candidate)
    why = next((str(one.get("words", "")) for one in last.reasons or () if isinstance(one, dict)), "")
    ref = last.candidate[:32]
    if last.outcome == "promote" and asks:
        if tried and step.state == "shadow":  # nobody has met it yet: there is nothing to say yes to
            return []
        few = "A few visitors have it, and it" if tried else "It"
        words = f"{app.title}: release {number} is better. {few} answers everybody once you promote it. {why}"
        return [Notice("verdict", f"{'met' if tried else 'yes'}:{ref}", words.rstrip())]
    if last.outcome == "hold" and "choices" not in (last.numbers or {}):
        words = f"{app.title}: release {number} waits. {why} What you review brings it on."
        return [Notice("verdict", f"hold:{ref}", words)]
    return []


def _disk(disk: Disk, now: int) -> list[Notice]:
    """The disk that is full, once a day."""
    if not disk.is_full:
        return []
    day = f"{datetime.fromtimestamp(now / 1000, UTC):%Y-%m-%d}"
    free = f"{disk.free / 1e6:,.0f} MB of {disk.total / 1e9:,.0f} GB are free"
    return [Notice("disk", day, f"The disk is nearly full: {free}. Soon nothing can be kept any more. Make room.")]


def _digest(c: Any, declared: list[Any], now: int) -> list[Notice]:
    """The last whole week, Monday to Sunday in UTC; nothing where nothing happened."""
    today = datetime.fromtimestamp(now / 1000, UTC).date()
    monday = today - timedelta(days=today.weekday() + 7)
    first = (monday - datetime(1970, 1, 1).date()).days
    lines = [line for row in declared if (line := _week(c, row, first, now))] + _income(c, first)
    if not lines:
        return []
    year, week, _ = monday.isocalendar()
    return [Notice("digest", f"{year}-W{week:02d}", "\n".join(["The week in your house:", *lines]))]


def _week(c: Any, app: Any, first: int, now: int) -> str:
    """An app's week in a line; "" where nothing happened."""
    span = now // DAY_MS - first + 1
    seen = [day for day in days.read(c, app.name, now, span) if first <= day.day < first + 7]
    answers, words = sum(day.answers for day in seen), sum(day.words for day in seen)
    errors = sum(day.errors for day in seen)
    begin, end = first * DAY_MS, (first + 7) * DAY_MS
    full = [step for step in rollouts.history(c, app.name, STEPS) if step.state == "full" and begin <= step.at < end]
    said = [_count(answers, "answer")] if answers else []
    if words:
        agreed = sum(day.agreed for day in seen)
        said.append(f"{_count(words, 'word')} of visitors, {agreed / words * 100:.0f} in 100 agree")
    said += [f"release {releases.number(c, step.release)} took over" for step in reversed(full[:3])]
    said += [f"{_count(errors, 'error')} of ours"] if errors else []
    return f"{app.title}: {', '.join(said)}." if said else ""


def _income(c: Any, first: int) -> list[str]:
    """What the week brought, a line each currency; play money is none."""
    came: Counter[str] = Counter()
    paid: Counter[str] = Counter()
    for row in ledger.of_orders(c, True, first * DAY_MS):
        side, _, currency = row.debit.partition(":")
        if row.day < first + 7 and side == "till":
            came[currency] += row.amount
            paid[currency] += row.n
        elif row.day < first + 7 and side == "income":
            came[currency] -= row.amount
    return [f"Income: {told(net, currency)}, of {_count(paid[currency], 'payment')}." for currency, net in came.items()]


def _count(n: int, one: str) -> str:
    return f"{n:,} {one}{'' if n == 1 else 's'}"
