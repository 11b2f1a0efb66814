"""How the terminal follows a release on its way to visitors: the shadow, the canary, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from teahouse.errors import TrainingFailed

LOOK_S = 0.2
PATIENCE_S = 300.0


def follow(
    house: Any, app: str, release: str, told: Callable[[Any], None], meanwhile: Callable[[], None] = lambda: None
) -> Any:
    """The step that ended the rollout of a release, full or rolled back; `told` hears each step once, `meanwhile` is
    called between two looks (the demo's visitors come then). TrainingFailed where nothing moves it any more."""
    from teahouse.store import rollouts

    until, seen, late = time.monotonic() + PATIENCE_S, 0, False
    while not late:
        late = time.monotonic() >= until  # asked before the look: what moves at the very end is seen
        with house.db.read() as c:
            step = rollouts.latest(c, app, release)
        if step is not None and step.seq != seen:
            seen = step.seq
            told(step)
            if step.state in ("full", "rolled_back"):
                return step
        meanwhile()
        time.sleep(LOOK_S)
    why = "Its site moves it, and that seems to be down."
    raise TrainingFailed("The release does not get on.", why, "teahouse status")
