"""Known: what was answered a moment ago, so that the very same photo is not worked out twice. In memory alone.

Each answer is a prediction of its own all the same: it has its row, its receipt and its visitor's word.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from teahouse.site.stock import LruCache

if TYPE_CHECKING:
    from teahouse.engine.port import Answer
    from teahouse.site.deps import Live

MOST, KEPT_S = 2000, 600.0
Key = tuple[str, str, bytes]


class Known:
    """Answers by release, form and the keyed digest of what was given. No picture: what a model made from a visitor's
    photo goes to that visitor and stays nowhere. Nothing of an app whose own `predict` may answer otherwise the next
    time."""

    def __init__(self) -> None:
        self._kept = LruCache[Key, tuple[float, "Answer"]](MOST, MOST, lambda _: 1)

    def get(self, live: Live, given: bytes) -> Answer | None:
        """The answer of at most ten minutes ago, or None."""
        found = self._kept.get((live.release, live.form, given))
        return found[1] if found is not None and time.monotonic() - found[0] < KEPT_S else None

    def put(self, live: Live, given: bytes, told: Answer) -> None:
        """Keep this one, where it may be given again."""
        if not told.parts and "predict" not in live.manifest.hooks and told.form == live.form:
            self._kept.put((live.release, live.form, given), (time.monotonic(), told))
