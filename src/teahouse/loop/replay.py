"""Replay: a candidate answers what visitors asked before, so that a small site sees what would change.

Nothing is judged by it: nobody has said what is right. What it says otherwise goes first in the review.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from teahouse import ids, telemetry
from teahouse.engine.bench import Bench
from teahouse.errors import BlobDamaged, NothingToDo, QueueFull, TeahouseError, WorkerDied
from teahouse.loop.maker import derived
from teahouse.settings import Settings
from teahouse.store import jobs, labels, releases, replays
from teahouse.store.house import House

MOST = 200  # photos of one replay: the newest ones
A_TIME = 20  # answers in one transaction

log = telemetry.log("loop")


def ask(c: Any, app: str, release: str, verdict: bytes) -> bytes:
    """Ask the loop for a replay on what a verdict was given on; its job."""
    idem = f"replay {ids.text(verdict)}"
    return jobs.ask(c, jobs.Asked(ids.new_id(), "replay", app, {"release": release}, "loop", idem))[0]


def replay(house: House, settings: Settings, job: Any, so_far: Mapping[str, Any]) -> dict[str, Any]:
    """Let the release that the job names answer the newest photos that visitors let us learn from. Done again it goes
    on where it was cut off, and answers nothing twice."""
    release = str((job.args or {}).get("release", ""))
    with house.db.read() as c:
        row = releases.get(c, release) if ids.is_digest(release) else None
        if row is None or row.app != job.app:
            raise NothingToDo("There is nothing to replay.", "This release is not one of the app's.", "Name a release.")
        if row.manifest["output"]["kind"] == "image":
            raise NothingToDo("Pictures are not replayed.", "Nobody asked for these.", "Let visitors choose.")
        found = replays.left(c, job.app, release, MOST)
        seen = len(replays.of_release(c, release, MOST))
    found = found[: max(0, MOST - seen)]
    waiting: list[replays.Told] = []
    if found:
        with Bench(house.releases / release) as bench:
            for label in found:
                if (told := _answer(house, bench, job, release, label)) is not None:
                    waiting.append(told)
                if len(waiting) >= A_TIME:
                    _keep(house, waiting)
        _keep(house, waiting)
    with house.db.read() as c:
        both = replays.of_release(c, release, MOST)
    return {"photos": len(both), "otherwise": sum(is_otherwise(one) for one in both)}


def _answer(house: House, bench: Bench, job: Any, release: str, label: labels.LabelRow) -> replays.Told | None:
    """What it says of one row; None where the photo is gone or it has no answer."""
    try:
        given = {name: house.blobs.get(value["blob"]) if isinstance(value, Mapping) and "blob" in value else value
                 for name, value in label.inputs.items()}  # fmt: skip
        answer = bench.answer(given)
    except BlobDamaged:
        return None
    except (WorkerDied, QueueFull):
        raise  # this machine's trouble, not the release's
    except TeahouseError as error:
        log.info("replay-no-answer", label=ids.text(label.id), code=error.code)
        return None
    id_ = derived(job.id, f"replay {ids.text(label.id)}")
    took = float(answer.ms.get("decode", 0)) + float(answer.ms.get("infer", 0))
    return replays.Told(id_, label.prediction or b"", release, answer.form, dict(answer.output), took)


def _keep(house: House, waiting: list[replays.Told]) -> None:
    told = list(waiting)
    house.db.write(lambda c: [replays.add(c, one) for one in told])
    waiting.clear()


def is_otherwise(one: replays.Beside) -> bool:
    """Whether the release says something else than the visitor was told."""
    before, now = (side.get("label", side) if isinstance(side, Mapping) else side for side in (one.before, one.now))
    return bool(before != now)
