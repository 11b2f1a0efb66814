"""Known: what was answered a moment ago, so that the very same photo is not worked out twice. In memory alone.

Each answer is a prediction of its own all the same: it has its row, its receipt and its visitor's word.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from teahouse.site.stock import LruCache

if TYPE_CHECKING:
    from teahouse.engine.port import Answer
    from teahouse.site.deps import Live

MOST, MOST_BYTES, KEPT_S, SWEEP_S = 2000, 16_000_000, 600.0, 60.0
Key = tuple[str, str, bytes, bytes]


@dataclass(frozen=True)
class Answered:
    """An answer, when it was put here (seconds of time.monotonic), and the bytes that it has as JSON."""

    told: Answer
    at: float
    size: int

    @property
    def is_fresh(self) -> bool:
        """Whether it may still be given."""
        return time.monotonic() - self.at < KEPT_S


class Known:
    """Answers by release, form, the keyed digest of what was given and that of the network it came from: how fast an
    answer comes tells nobody elsewhere that a photo was here. No words and numbers, which can be guessed; no picture:
    what a model made from a visitor's photo goes to that visitor and stays nowhere. Nothing of an app whose own
    `predict` may answer otherwise the next time."""

    def __init__(self) -> None:
        self._kept = LruCache[Key, Answered](MOST, MOST_BYTES, lambda one: one.size)
        self._swept = time.monotonic()

    def get(self, live: Live, given: bytes, network: bytes) -> Answer | None:
        """The answer of at most ten minutes ago, or None."""
        found = self._kept.get((live.release, live.form, given, network))
        return found.told if found is not None and found.is_fresh else None

    def put(self, live: Live, given: bytes, network: bytes, told: Answer) -> None:
        """Keep this one, where it may be given again; what is old goes."""
        if time.monotonic() - self._swept > SWEEP_S:
            self._swept = time.monotonic()
            self._kept.drop([key for key, one in self._kept.items() if not one.is_fresh])
        photo = any(one.binary for one in live.fields.values())
        if photo and not told.parts and "predict" not in live.manifest.hooks and told.form == live.form:
            answered = Answered(told, time.monotonic(), len(msgspec.json.encode(told.output)))
            self._kept.put((live.release, live.form, given, network), answered)

    def clear(self) -> None:
        """Forget all of it: something was erased, and nothing here says whose is whose."""
        self._kept.drop([key for key, _ in self._kept.items()])
