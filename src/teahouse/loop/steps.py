"""Steps: the circle on one page. Each takes (house, settings, job, so_far), may be done twice, and returns JSON.

retrain   gather → version → train → install → judge → promote
judge     judge → promote          replay, gather, export, erase, backup, retain, time   one step each
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from teahouse import datasets, failpoints, ids, telemetry
from teahouse.errors import BlobDamaged, NothingToDo, TeahouseError
from teahouse.loop import chores, commit, forms, judging, maker, notify, replay
from teahouse.loop.maker import derived, source_of
from teahouse.model import bundle, shape
from teahouse.settings import Settings
from teahouse.spec.fields import field_from_json
from teahouse.store import apps, jobs, lineage, releases, rollouts
from teahouse.store.house import House
from teahouse.training import run
from teahouse.training.progress import finite

So = dict[str, Any]
Step = Callable[[House, Settings, Any, So], So]
Call = Callable[[str, Callable[[], So]], So]

log = telemetry.log("loop")


def gather(house: House, settings: Settings, job: Any, so_far: So) -> So:
    """The maker's declaration and own rows, as they are on disk now."""
    found = maker.gather(house, settings, job)
    _tell(house, job, "step", {"step": "gather", **found})
    return found


def version(house: House, settings: Settings, job: Any, so_far: So) -> So:
    """What may be used now, frozen."""
    with house.db.read() as c:
        declared = apps.get(c, job.app)
    if declared is not None and "train" not in declared.declaration.get("hooks", ["train"]):
        raise NothingToDo(
            "This app has no train function.",
            "What came in is kept, but nothing learns from it.",
            "Write @app.train def train(data, run): … in app.py, and run `teahouse train`; or publish a better model.",
        )
    until = so_far.get("gather", {}).get("words_until")
    found = house.db.write(lambda c: datasets.build(c, house, job.app, until))
    return {
        "version": ids.text(found.id),
        "digest": found.digest,
        "rows": found.rows,
        "counts": dict(found.counts),
        "new": found.new,
    }


def train(house: House, settings: Settings, job: Any, so_far: So) -> So:
    """The child's training, followed line by line. A child that was cut off begins again with the same seed."""
    run_id, frozen = derived(job.id, "train"), so_far["version"]
    folder = house.run_dir(run_id)
    ended = run.finished(folder)
    if ended is None or not ended.ok:
        run.clear(folder)
        _prepare(house, settings, job, frozen, run_id)
        ended = run.follow(folder, _keep_events(house, job, run_id))
    value = ended.or_raise()
    return {name: value[name] for name in ("release", "metrics", "parity", "checks")} | {"run": ids.text(run_id)}


def install(house: House, settings: Settings, job: Any, so_far: So) -> So:
    """The candidate becomes a release of this house, its forms are timed here; the photos leave the run folder."""
    run_id = derived(job.id, "train")
    folder, release = house.run_dir(run_id), so_far["train"]["release"]
    if (folder / "candidate").is_dir():
        bundle.install(folder / "candidate", house.releases)
    manifest = shape.to_json(bundle.verify(house.releases / release, release))
    number = house.db.write(lambda c: releases.add(c, releases.Sealed(release, job.app, run_id, manifest)))
    run.tidy(folder)
    forms.timed_or_none(house, settings, release)
    return {"release": release, "number": number}


def judge(house: House, settings: Settings, job: Any, so_far: So) -> So:
    """Challenger beside champion on rows whose answers the owner knows."""
    return judging.judge(house, settings, job, so_far)


def promote(house: House, settings: Settings, job: Any, so_far: So) -> So:
    """A verdict of promote, carried out as the settings say: at once, or first in the shadow, from where the site's
    rolling leads it on; not where the owner has pinned the champion. A challenger that waits for choices is shown
    beside the champion; one that was refused is not, and is tried no more."""
    judged = so_far["judge"]
    if judged["outcome"] != "promote":
        beside = house.db.write(lambda c: _beside(c, job.app, judged))
        return {"promoted": False, "why": judged["words"], **({"beside": True} if beside else {})}
    return house.db.write(lambda c: _carry_out(c, job.app, judged, settings))


def _carry_out(c: Any, app: str, judged: Mapping[str, Any], settings: Settings) -> So:
    """The first step of a rollout, or why there is none."""
    verdict, champion, release = ids.parse(judged["verdict"]), rollouts.champion(c, app), judged["release"]
    done = rollouts.of_verdict(c, verdict)
    if done is not None or (champion is not None and champion.release == release):
        full = done is None or done.state == "full"
        return {"promoted": True} if full else _tried(settings, done.state != "rolled_back")
    if judged["champion"] != (champion.release if champion is not None else None):
        return {"promoted": False, "why": "The champion changed meanwhile; it is judged again when asked."}
    if off := rollouts.taken_off(c, app, release):
        who = "you have rolled it back" if off.by == "owner" else "it was rolled back when visitors met it"
        return {"promoted": False, "why": f"It may go on, but {who}: only you put it on again."}
    if champion is not None and champion.pinned:
        return {"promoted": False, "why": "It may go on, but you have pinned the champion."}
    at_once = champion is None or not settings.loop.canary_share
    if at_once and settings.loop.promote != "auto":
        return {"promoted": False, "why": "It may go on; you want to be asked first."}
    at, words = ids.now_ms(), judged["words"]
    for step in rollouts.standing(c, app).values():
        if step.release != release and step.by == "loop" and step.state in ("shadow", "canary"):
            gone = "A newer release is tried in its place."
            rollouts.append(c, rollouts.Step(app, step.release, "rolled_back", 0, "loop", gone, step.verdict, at=at))
    if at_once:
        rollouts.append(c, rollouts.Step(app, release, "full", 10_000, "loop", words, verdict, at=at))
        failpoints.here("promotion")
        return {"promoted": True}
    begun = rollouts.mark(c, app, release, at)
    rollouts.append(c, rollouts.Step(app, release, "shadow", 0, "loop", words, verdict, at=at, numbers=begun))
    failpoints.here("promotion")
    return _tried(settings)


def _tried(settings: Settings, stands: bool = True) -> So:
    """What is told of a release that the site leads on from here."""
    if not stands:
        return {"promoted": False, "why": "It was tried on visitors and taken off again."}
    last = "then it waits for you" if settings.loop.promote == "ask" else "then it answers everybody"
    why = f"It is tried in the shadow first, then on a few visitors, {last}."
    return {"promoted": False, "rolling": True, "why": why}


def _beside(c: Any, app: str, judged: Mapping[str, Any]) -> bool:
    """Put a challenger that is held beside the champion where choices judge it, in place of any other that waits there,
    or take a refused one away; whether it stands there now. What was taken off stays off."""
    steps, release, verdict = rollouts.standing(c, app), judged["release"], ids.parse(judged["verdict"])
    last = steps.get(release)

    def step(of: str, state: str, why: str) -> None:
        rollouts.append(c, rollouts.Step(app, of, state, 0, "loop", why, verdict))

    if judged["outcome"] == "reject":
        if last is not None and last.state in ("shadow", "canary") and last.by == "loop":
            step(release, "rolled_back", judged["words"])
        return False
    if not judged.get("by_choices") or rollouts.is_taken_off(last):
        return False
    waiting = [row.release for row in steps.values() if row.state == "shadow" and not rollouts.moves(c, row)]
    if last is not None and last.state == "shadow":
        return True
    for other in waiting:
        step(other, "rolled_back", "A newer release is shown beside the champion in its place.")
    step(release, "shadow", judged["words"])
    return True


PLANS: Mapping[str, tuple[tuple[str, Step], ...]] = {
    "gather": (("gather", gather),),
    "retrain": (
        ("gather", gather),
        ("version", version),
        ("train", train),
        ("install", install),
        ("judge", judge),
        ("promote", promote),
    ),
    "judge": (("judge", judge), ("promote", promote)),
    "replay": (("replay", replay.replay),),
    "export": (("export", chores.export),),
    "erase": (("erase", chores.erase),),
    "backup": (("backup", chores.backup),),
    "retain": (("retain", chores.retain),),
    "notify": (("notify", notify.send),),
    "time": (("time", forms.time),),
}
TRAINING = frozenset({"gather", "retrain", "judge", "replay", "time"})  # what computes: one at a time


def execute(house: House, settings: Settings, job: Any, call: Call = lambda name, fn: fn()) -> str:
    """All steps of a job, and its end in words; the state it ended in. `call` runs one step (durably, in the runner)
    and returns what it returned, now or in an earlier life."""
    so_far: So = {}
    plan = PLANS.get(job.kind)
    if plan is None:
        return _end(house, job, "failed", {"what": f'The loop knows no job "{job.kind}".'})
    for name, step in plan:
        told = call(name, lambda name=name, step=step: _attempt(house, settings, job, name, step, dict(so_far)))
        if "error" in told:
            state = "refused" if told["error"].get("code") == NothingToDo.code else "failed"
            return _end(house, job, state, {"step": name, **told["error"]})
        so_far[name] = told["value"]
    return _end(house, job, *_outcome(job, so_far))


def _attempt(house: House, settings: Settings, job: Any, name: str, step: Step, so_far: So) -> So:
    """One step: its value, or the error that it met, both as JSON that outlives this process."""
    _tell(house, job, "step", {"step": name})
    failpoints.here(f"retrain-{name}")
    try:
        return {"value": step(house, settings, job, so_far)}
    except TeahouseError as error:
        log.warning("step-refused", job=ids.text(job.id), step=name, code=error.code, what=error.what)
        return {"error": error.as_dict()}
    except Exception as error:  # edge: a step that breaks ends its job, not the loop
        log.error("step-broke", job=ids.text(job.id), step=name, error=repr(error), exc_info=True)
        return {
            "error": {
                "code": "internal",
                "what": f"The step {name} broke.",
                "why": type(error).__name__,
                "do_next": "See the loop's log.",
            }
        }


def _outcome(job: Any, so_far: So) -> tuple[str, So]:
    if "judge" in so_far:
        judged = so_far["judge"]
        detail = {
            key: judged[key] for key in ("outcome", "release", "reasons", "missing", "words", "verdict")
        } | so_far["promote"]
        return "refused" if judged["outcome"] == "reject" else "done", detail
    return "done", so_far[next(reversed(so_far))] if so_far else {}


def _end(house: House, job: Any, state: str, detail: So) -> str:
    _tell(house, job, state, detail)
    log.info("job-ended", job=ids.text(job.id), kind=job.kind, app=job.app, state=state)
    return state


def _tell(house: House, job: Any, state: str, detail: So) -> None:
    house.db.write(lambda c: jobs.event(c, job.id, state, detail, ids.now_ms()))


def _prepare(house: House, settings: Settings, job: Any, frozen: Mapping[str, Any], run_id: bytes) -> None:
    source = source_of(house, settings, job.app)
    with house.db.read() as c:
        row = lineage.version(c, ids.parse(frozen["version"]))
        champion, declared = rollouts.champion(c, job.app), apps.get(c, job.app)
        before = releases.get(c, champion.release) if champion else None
        known = lineage.run(c, run_id)
    if known is None:
        made = lineage.Run(run_id, job.app, row.id, "train", run.code_digest(source), commit.of(source), job.id)
        house.db.write(lambda c: lineage.add_run(c, made))
    rows = run.rows_for(datasets.rows_of(house, row))
    weights = (
        house.releases / before.id / "weights.safetensors"
        if before and _same_shape(before.manifest, declared)
        else None
    )
    seed = int(frozen["digest"][:8], 16)
    extra = {"version": frozen["digest"]}
    plan = run.Plan(
        ids.text(run_id),
        job.app,
        "train",
        source,
        seed,
        run.Limits(),
        rows,
        lambda digest: _photo(house, digest),
        weights,
        extra,
    )
    run.prepare(house.run_dir(run_id), plan)


def _photo(house: House, digest: str) -> bytes | None:
    """A photo's bytes, or None where it was erased; BlobDamaged where the disk has changed it."""
    try:
        return house.blobs.get(digest)
    except BlobDamaged:
        if house.blobs.exists(digest):
            raise
        return None


def _same_shape(manifest: Mapping[str, Any], declared: Any) -> bool:
    """Whether the champion answers the question that the app asks now; else its weights would not fit."""
    declaration = declared.declaration if declared else {}
    return all(
        _as_read(manifest.get(part) or []) == _as_read(declaration.get(part) or []) for part in ("output", "fields")
    )


def _as_read(told: Any) -> Any:
    """Fields as this version writes them: one that an earlier version wrote is the same field in other words."""
    return [field_from_json(one).json() for one in (told if isinstance(told, list) else [told])]


def _keep_events(house: House, job: Any, run_id: bytes) -> run.Event:
    def keep(event: dict[str, Any]) -> None:
        if event["name"] == "building-form":
            _tell(house, job, "step", {"step": "train", "words": "building a faster form"})
        house.db.write(
            lambda c: lineage.run_event(
                c, run_id, event["name"][:200], finite(event.get("numbers") or {}), int(event["t"] * 1000)
            )
        )

    return keep
