"""Teach: a round of five pictures, known answers among them, by which a visitor earns that their words count."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from teahouse.feedback.trust import Standing
from teahouse.store import probes, visitors
from teahouse.store.probes import Picture

ROUND = 5
LEAST = 12  # probes that an app needs before it asks to be taught: fewer are soon known by heart
NEWCOMER, KNOWN = 4, 1  # probes in a round


def pick(
    known: Sequence[Picture], others: Sequence[Picture], seen: Collection[bytes], standing: Standing, lot: random.Random
) -> list[Picture]:
    """The pictures of a visitor's next round, in an order that says nothing: of `known` (probes) four of five for a
    newcomer and one for who is known, the rest of `others`; none that the visitor has seen.

    A probe's label is drawn first, each alike, and then one of its pictures: so nobody who can not see them is right
    more often than one time in as many as there are labels. Where a label has none left that is new to the visitor,
    the answers could be told from what is missing: then there is none any more."""
    by_label: dict[str, list[Picture]] = defaultdict(list)
    for one in known:
        by_label[str(one.truth)].append(one)
    fresh = {name: [one for one in some if one.label not in seen] for name, some in by_label.items()}
    rest = [one for one in others if one.label not in seen]
    wanted = KNOWN if standing.known else NEWCOMER
    wanted = max(wanted, ROUND - len(rest))
    chosen: list[Picture] = []
    while len(chosen) < wanted and len(fresh) > 1 and all(fresh.values()):
        some = fresh[lot.choice(sorted(fresh))]
        chosen.append(some.pop(lot.randrange(len(some))))
    # By lot too: what stood in every stranger's first round would be known by that as no probe.
    chosen += lot.sample(rest, min(len(rest), max(0, ROUND - len(chosen))))
    lot.shuffle(chosen)
    return chosen


def standing_of(row: Any, app: str, at: int) -> Standing:
    """How the visitor of this row (of `visitors`, or None) stands in an app today."""
    return standing_in(row.standing if row is not None else None, app, at)


def standing_in(written: Mapping[str, Any] | None, app: str, at: int) -> Standing:
    """The same of what is written in that row."""
    mine = (written or {}).get(app)
    return Standing(**mine).today(at) if isinstance(mine, Mapping) else Standing()


def standing_after(answers: Iterable[bool], labels: int, at: int) -> dict[str, Any]:
    """What is written down of a visitor who answered these probes so, in an app of so many labels."""
    standing = Standing()
    for right in answers:
        standing = standing.after(right, 1 / labels, at)
    return asdict(standing)


def learn(c: Any, app: str, visitor: bytes, label: bytes, said: Any, at: int) -> tuple[Standing, Standing]:
    """Write down what a visitor says of a picture in a round (None: they can not tell); how they stood, and stand.

    Each picture counts once for each visitor. Who can not tell loses nothing by it, and gains nothing."""
    visitors.ensure(c, visitor, at)
    before = standing_of(visitors.get(c, visitor), app, at)
    if not probes.say(c, label, visitor, said, at) or said is None:
        return before, before
    truth = probes.truth_of(c, label)
    if truth is None:
        return before, before
    # `pick` draws each label alike: who can not see a picture is right one time in as many as there are.
    after = before.after(said == truth, 1 / max(1, probes.answers(c, app)), at)
    visitors.stand(c, visitor, app, asdict(after))
    return before, after
