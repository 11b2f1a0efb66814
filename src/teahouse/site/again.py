"""Again: a request under an Idempotency-Key that was answered before. It gets that answer, and pays nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool

from teahouse.errors import Conflict
from teahouse.site import pictures
from teahouse.store import inputs, ledger, predictions

if TYPE_CHECKING:
    from teahouse.site.deps import Deps
    from teahouse.site.predict import Asked

PICTURE_MS = 900_000
"""So long a picture, whose bytes are not kept, is made once more under its key: for who lost it on its way, not for who
wants another one."""
GONE, NEW = "This key made a picture that is not kept.", "Take a new key."


def of_key(c: Any, asked: Asked) -> tuple[Any, bool] | None:
    """The answer that this key got before, and if its photo is kept; None where it got none. Conflict where the key was
    used for something else."""
    before = predictions.by_key(c, asked.shown.name, asked.key) if asked.key is not None else None
    if before is None:
        return None
    if before.given != asked.given:
        raise Conflict("This Idempotency-Key was used for something else.", do_next=NEW)
    return before, bool(inputs.of_prediction(c, before.id))


def first(deps: Deps, asked: Asked) -> tuple[Any, bool] | None:
    """The same. Runs in a thread."""
    with deps.house.db.read() as c:
        return of_key(c, asked)


async def known(deps: Deps, asked: Asked) -> tuple[Any, bool] | None:
    """The answer of before that can be told without any work; None where it has to be worked out. Where that can not be
    done any more (another release answers by now) its credit is given back."""
    if asked.fare.before is None:
        return None
    found = await run_in_threadpool(first, deps, asked)
    if found is None:
        raise Conflict("What this key was used for is gone.", do_next=NEW)
    if not pictures.is_picture(found[0].output):
        return found
    row, at = found[0], deps.clock()
    if at - row.at > PICTURE_MS:
        raise Conflict(GONE, "It was made a while ago.", NEW)
    if row.release != asked.live.release:
        back = await deps.house.db.write_async(lambda c: ledger.give_back(c, row.id, at))
        raise Conflict(GONE, "Its credit is given back." if back else "", NEW)
    return None
