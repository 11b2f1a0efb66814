"""/owner/trace/{kind}/{id}: one thing, what it came of and what came of it; so that every number can be followed back.

prediction → release → run → dataset version → label (what a visitor gave and said) → commit, and the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import Request
from starlette.responses import Response

from teahouse import datasets, ids
from teahouse.errors import NotFound, TeahouseError
from teahouse.site import owner_monitor, owner_views, pages, render
from teahouse.site import owner_page_shapes as shapes
from teahouse.site.deps import Deps, deps_of
from teahouse.site.owner_page_shapes import Link
from teahouse.site.owner_reviews import app_of, photo_address
from teahouse.store import feedback, inputs, labels, lineage, predictions, releases, reviews, rollouts, timeline

MOST = 40  # links of a kind
VERSIONS = 30  # that are looked through for a row
COMMIT = re.compile(r"[0-9a-f]{7,64}\Z")
NOTHING = "There is nothing of this kind here."


def page(request: Request) -> Response:
    """GET /owner/trace/{kind}/{id}."""
    deps, kind = deps_of(request), request.path_params["kind"]
    if kind not in TRACES:
        raise NotFound(NOTHING, do_next="Begin at the timeline.")
    with deps.house.db.read() as c:
        app, told = TRACES[kind](c, deps, request.path_params["id"])
        shown = app_of(c, app)
        body = shapes.Trace(
            shell=pages.Shell(deps.settings.site.title or "Teahouse", len(deps.serving.apps) > 1, owner=True),
            desk=owner_views.desk(c, deps, shown),
            kind=kind,
            **told,
        )
    return render.render(body, request.state.nonce)


# ---- links -----------------------------------------------------------------------------------------------------------


def path(kind: str, id: str | bytes) -> str:
    """The address of a thing."""
    return f"/owner/trace/{kind}/{ids.text(id) if isinstance(id, bytes) else id}"


def prediction_link(row: Any, words: str = "") -> Link:
    """An answer, by what it said."""
    name = owner_views.answered(row.output) if isinstance(row.output, Mapping) else "an erased answer"
    return Link(f"Answer: {render.spoken(name)}", path("prediction", row.id), words)


def release_link(row: Any, words: str = "") -> Link:
    """A release by its number."""
    return Link(f"Release {row.number}", path("release", row.id), words)


def run_link(row: Any, words: str = "") -> Link:
    """A run by the first digits of its id's end, which no other run has."""
    return Link(f"Run {ids.text(row.id)[-6:]}", path("run", row.id), words)


def version_link(row: Any, words: str = "") -> Link:
    """A dataset version by the first digits of its digest."""
    return Link(f"Version {row.digest[:8]}", path("version", row.id), words)


def label_link(row: Any, words: str = "") -> Link:
    """A row of the data by its right answer."""
    truth = row.answer if isinstance(row.answer, Mapping) and not _is_secret(row) else {}
    name = str(truth.get("label") or next(iter(truth.values()), "") or "not decided yet")
    return Link(f"Row: {render.spoken(name[:40])}", path("label", row.id), words)


def _is_secret(row: Any) -> bool:
    """Whether the visitor's word on a row is kept from the owner: its label must be the owner's alone: it judges."""
    return row.held and row.decision is None


def side(row: Any) -> str:
    """What a row of the data does, or would do once the owner has said so."""
    if row.split == "set_aside" or row.decision == "set_aside":
        return "set aside"
    if row.source == "visitor" and not row.consent_live:
        return "kept, but not to train"
    if row.split == "train":
        return "trains" if row.is_accepted else "would train, once accepted"
    if row.split == "gold" or row.is_live_gold:
        return "judges"
    if row.held and row.consent_before:
        return "would judge, once you label it"
    return "counts in no verdict"


def why_so(row: Any) -> str:
    """Why a row does what it does, where that can not be seen; "" elsewhere."""
    if row.split == "set_aside":
        if row.held:
            return "It was drawn by lot to judge, and looks like a photo that trains: it may do neither."
        return "It looks like a photo that trains, and like one that judges: it may do neither."
    if row.split == "test" and row.source == "visitor" and not row.held:
        return "It looks like a photo that judges: it may not train."
    if row.split == "test" and row.source == "visitor" and not row.consent_before:
        return "It was drawn by lot to judge, but kept only after its answer: it may do neither."
    return ""


def commit_link(commit: str) -> Link:
    """A commit of the maker's repository; with changes beside it where it was not clean."""
    digits, _, changed = commit.partition("+")
    return Link(f"Commit {digits[:8]}", path("commit", digits), "with changes beside it" if changed else "")


# ---- things ----------------------------------------------------------------------------------------------------------

Told = tuple[str, dict[str, Any]]


def _id(given: str) -> bytes:
    return ids.parse(given)


def _there(row: Any) -> Any:
    if row is None:
        raise NotFound(NOTHING, "It is gone, or it never was.", "Begin at the timeline.")
    return row


def prediction(c: Any, deps: Deps, given: str) -> Told:
    """An answer: of which release, what was said of it, which row it became."""
    row = _there(predictions.get(c, _id(given)))
    release, label = releases.get(c, row.release), labels.of_prediction(c, row.id)
    look = row.look if isinstance(row.look, Mapping) else {}
    facts = [("answer", owner_views.answered(row.output) if isinstance(row.output, Mapping) else "erased")]
    scores = row.output.get("scores") if isinstance(row.output, Mapping) else None
    facts += [("sure of it", render.percent(max(scores.values())))] if scores else []
    facts += [("answered by", {"full": "the champion", "canary": "a canary"}.get(row.arm, row.arm))]
    facts += [("took", f"{row.ms:.1f} ms"), ("drawn by lot", "yes" if row.held else "no")]
    facts += [(name, owner_monitor.shown(key, look[key])) for key, name in LOOKS.items() if key in look]
    for word in feedback.of_prediction(c, row.id):
        facts.append(("visitor's word", owner_views.said({"kind": word.kind, "value": word.value}) or "erased"))
    led = [label_link(label, side(label))] if label is not None else []
    first = predictions.get(c, row.shadow_of) if row.shadow_of else None
    came = [release_link(release, "answered")] if release is not None else []
    came += [prediction_link(first, "it stood beside this one")] if first is not None else []
    facts += [("its row", why)] if label is not None and (why := why_so(label)) else []
    photo = photo_address(label.id, label.inputs) if label is not None and label.consent_live else ""
    kept = bool(inputs.of_prediction(c, row.id))
    facts.append(("photo", "kept, its visitor allowed it" if kept else "not kept"))
    return row.app, _told(facts[0][1], row.at, facts, came, led, photo=photo)


LOOKS = {"brightness": "brightness", "blur": "sharpness", "side": "longer side", "device": "sent from"}


def release(c: Any, deps: Deps, given: str) -> Told:
    """A release: which run made it, who it answered, how it was judged."""
    row = _there(releases.get(c, given) if ids.is_digest(given) else None)
    made, verdict = lineage.run(c, row.run) if row.run else None, lineage.verdict_on(c, row.id)
    facts = [("number", str(row.number)), ("id", row.id)]
    facts += [("verdict", verdict.outcome)] if verdict is not None else []
    facts += [("signed by", row.signer)] if row.signer else []
    steps = [one for one in rollouts.history(c, row.app, limit=500) if one.release == row.id]
    facts += [(_step(one), one.why or "no reason given") for one in steps[:6]]
    came = [run_link(made, "made it")] if made is not None else []
    source = lineage.version(c, made.version) if made is not None else None
    came += [version_link(source, "is what it learned from")] if source is not None else []
    came += [commit_link(made.commit)] if made is not None and made.commit else []
    last = timeline.predictions_of_release(c, row.app, row.id)
    more = Link("How good it is", f"/owner/releases/{row.id}")
    led = [prediction_link(one) for one in last]
    return row.app, _told(f"Release {row.number}", row.at, facts, came, led, more=more)


def _step(row: Any) -> str:
    return {"full": "answered everybody", "canary": "canary", "rolled_back": "rolled back"}.get(row.state, row.state)


def run(c: Any, deps: Deps, given: str) -> Told:
    """A training: from which version and commit, and the release that came of it."""
    row = _there(lineage.run(c, _id(given)))
    source = lineage.version(c, row.version)
    facts = [("digest of the code", row.code), ("commit", row.commit or "none: the project is no repository")]
    came = [version_link(source, "is what it learned from")] if source is not None else []
    came += [commit_link(row.commit)] if row.commit else []
    led = [release_link(one, "came of it") for one in timeline.releases_of_run(c, row.id)]
    more = Link("Its curves", f"/owner/runs/{ids.text(row.id)}")
    return row.app, _told(run_link(row).name, row.at, facts, came, led, more=more)


def version(c: Any, deps: Deps, given: str) -> Told:
    """A dataset version: the visitors' rows in it, and the runs that learned from it."""
    row = _there(lineage.version(c, _id(given)))
    parent = lineage.version(c, row.parent) if row.parent else None
    facts = [(name.replace("_", " "), f"{n:,}") for name, n in row.counts.items() if isinstance(n, int) and n]
    facts.append(("digest", row.digest))
    came = [version_link(parent, "the one before")] if parent is not None else []
    own, others = _rows(c, deps, row)
    came += [label_link(one, side(one)) for one in own]
    facts += [("from visitors", f"{len(own) + others:,}" + (f", the newest {len(own)} stand here" if others else ""))]
    led = [run_link(one, "learned from it") for one in timeline.runs_of_version(c, row.id)]
    more = Link("All versions", "/owner/versions")
    return row.app, _told(f"Version {row.digest[:8]}", row.at, facts, came, led, more=more)


def _rows(c: Any, deps: Deps, version: Any) -> tuple[list[Any], int]:
    """The newest rows of a version that visitors gave and that are still there, and how many more it has."""
    try:
        found = datasets.rows_of(deps.house, version)
    except TeahouseError:  # a damaged list is told elsewhere; the rest of the page still stands
        return [], 0
    names = [one["row"] for one in found if not one.get("erased") and one.get("source") == "visitor"]
    there = [label for name in sorted(names, reverse=True)[:MOST] if (label := labels.get(c, ids.parse(name)))]
    return there, max(0, len(names) - MOST)


def label(c: Any, deps: Deps, given: str) -> Told:
    """A row of the data: the answer that it was given to, what was decided of it, the versions that hold it."""
    row = _there(labels.get(c, _id(given)))
    decided = reviews.latest(c, row.id)
    said = "" if _is_secret(row) else row.truth.get("label") if isinstance(row.truth, Mapping) else row.truth
    facts = [("came from", row.source), ("side", side(row))]
    facts += [("because", why)] if (why := why_so(row)) else []
    facts += [("said to be", str(said))] if said else []
    if decided is not None:
        by = "you" if decided.by == labels.OWNER else decided.by
        reason = f": {decided.reason}" if decided.reason else ""
        facts.append((f"decided by {by}", decided.decision.replace("_", " ") + reason))
    answer = predictions.get(c, row.prediction) if row.prediction else None
    came = [prediction_link(answer, "it was given to")] if answer is not None else []
    led = [version_link(one, "holds it") for one in holding(c, deps, row)]
    photo = photo_address(row.id, row.inputs) if row.source != "visitor" or row.consent_live else ""
    return row.app, _told(label_link(row).name, row.at, facts, came, led, photo=photo)


def holding(c: Any, deps: Deps, row: Any) -> list[Any]:
    """The newest versions that hold a row; its id stands in their lists as text."""
    mark, found = f'"row":"{ids.text(row.id)}"'.encode(), []
    for one in lineage.versions(c, row.app, limit=VERSIONS):
        if one.at < row.at:
            break
        try:
            if mark in deps.house.blobs.get(one.rows_blob):
                found.append(one)
        except TeahouseError:
            continue
    return found


def commit(c: Any, deps: Deps, given: str) -> Told:
    """A commit: the runs that were made of it."""
    if not COMMIT.match(given):
        raise NotFound(NOTHING)
    found = timeline.runs_of_commit(c, given)
    row = _there(next(iter(found), None))
    digits = row.commit.partition("+")[0]
    facts = [("to see it", f"git show {digits}")]
    return row.app, _told(f"Commit {digits[:8]}", None, facts, (), [run_link(one, "made of it") for one in found])


def _told(
    name: str,
    at: int | None,
    facts: Sequence[tuple[str, str]],
    came_of: Sequence[Link],
    led_to: Sequence[Link],
    **more: Any,
) -> dict[str, Any]:
    return {"name": name, "at": at, "facts": tuple(facts), "came_of": tuple(came_of), "led_to": tuple(led_to), **more}


TRACES: Mapping[str, Callable[[Any, Deps, str], Told]] = {
    "prediction": prediction,
    "release": release,
    "run": run,
    "version": version,
    "label": label,
    "commit": commit,
}
