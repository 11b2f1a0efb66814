"""Fair: of what many people said so much counts of one of them. Pure: values in, values out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Cap:
    """`whose` says whose an item is (None: nobody's, not capped). Of one there count at most `least`, or this share of
    all that count."""

    whose: Callable[[Any], Hashable | None]
    least: int
    share: float

    def allows(self, mine: int, all_: int) -> bool:
        """Whether `mine` of `all_` is not too much."""
        return mine <= max(self.least, int(self.share * all_))


def in_order(items: Iterable[Item], caps: Sequence[Cap]) -> list[Item]:
    """Those that count, each decided when it came and never again: what comes later changes nothing before it."""
    counted: list[Counter[Hashable]] = [Counter() for _ in caps]
    found: list[Item] = []
    for item in items:
        owners = [cap.whose(item) for cap in caps]
        if all(
            who is None or cap.allows(count[who] + 1, len(found) + 1)
            for cap, count, who in zip(caps, counted, owners, strict=True)
        ):
            found.append(item)
            for count, who in zip(counted, owners, strict=True):
                count[who] += 1
    return found


def in_all(items: Sequence[Item], cap: Cap) -> list[Item]:
    """Those that count when all are looked at together, the first ones of each: the order in which people came does not
    matter. As many as the cap allows; more items never make it fewer."""
    sizes = Counter(who for item in items if (who := cap.whose(item)) is not None)
    free = sum(cap.whose(item) is None for item in items)
    most = max(sizes.values(), default=0)
    while most and not cap.allows(most, free + sum(min(size, most) for size in sizes.values())):
        most -= 1
    counted: Counter[Hashable] = Counter()
    found = []
    for item in items:
        who = cap.whose(item)
        counted[who] += 1
        if who is None or counted[who] <= most:
            found.append(item)
    return found
