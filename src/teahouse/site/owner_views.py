"""Fills the owner's pages from the store: rows in, the dataclasses of the pages out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from teahouse import ids
from teahouse.errors import NotFound
from teahouse.feedback import judges, tastes
from teahouse.monitor.today import Today as Numbers
from teahouse.release.verdict import ROWS
from teahouse.site import (
    accuracy,
    cap,
    owner_live,
    owner_loop,
    owner_pictures,
    owner_releases,
    owner_rollouts,
    pages,
    pictures,
    render,
)
from teahouse.site import owner_page_shapes as shapes
from teahouse.site.deps import Deps, trains
from teahouse.site.owner_reviews import needed_of, photo_address
from teahouse.site.owner_shapes import PredictionOut, ReleaseOut, RunEvent, RunOut, VerdictOut
from teahouse.store import apps, drifts, jobs, labels, lineage, releases, reports, reviews, rollouts, till_events

TONES = {"promote": "good", "reject": "bad"}
OUTCOMES = {
    "first": "is the first.",
    "promote": "is better.",
    "hold": "can not be told from the one before yet.",
    "reject": "was refused.",
}
UNJUDGED = "Nobody has judged this release yet."
OWN_REPORT = (
    "It came with a report of its own: how often it was right on photos that it never learned from. "
    "No verdict has compared it with another release."
)
JOBS = {
    "retrain": "A training",
    "judge": "A verdict",
    "gather": "Taking in the maker's data",
    "fill_pool": "Filling the pool",
    "erase": "An erasure",
    "retain": "The tidying up",
    "export": "An export",
    "backup": "A backup",
    "notify": "A message to you",
}
STATES = {"queued": "waits", "running": "runs", "step": "runs", "done": "ended", "refused": "was refused"}
SIDES = ("train", "validation", "gold", "test")
BESIDE = {"visitors": "from visitors", "words": "visitors' words", "waiting_for_caps": "wait for room"}
UNITS = {"labels": "label", "photos": "photo", "words": "word"}


def desk(c: Any, deps: Deps, shown: Any) -> shapes.Desk:
    """What surrounds every page of the owner."""
    declared = apps.all_latest(c)
    busy = next((row for row in jobs.unfinished(c, app=shown.name) if row.state != "queued"), None)
    return shapes.Desk(
        app=shown.name,
        app_title=shown.title,
        apps=tuple((row.name, row.title) for row in declared),
        waiting=reviews.left(c, shown.name),
        running=owner_loop.job_words(busy) if busy is not None else "",
        reports=reports.waiting(c),
        money=about_money(c, deps, declared),
    )


def about_money(c: Any, deps: Deps, declared: Sequence[Any]) -> bool:
    """Whether money is a matter here: an app has a price, a cap is set, or something was ordered once."""
    priced = any(row.declaration.get("price") for row in declared)
    return priced or any(cap.caps(deps.settings.money)) or till_events.first_order_at(c) is not None


# ---- today ---------------------------------------------------------------------------------------------------------


def figures(seen: Numbers, counts: Mapping[str, int], learns: str = "labels") -> tuple[shapes.Figure, ...]:
    """The numbers of the last 24 hours, of an app that learns from labels, photos (whose result was rated) or words."""
    if learns != "labels":
        return owner_pictures.figures(seen, counts["waiting"], learns == "words")
    agreed, errors = seen.agreement, seen.sum.errors
    by_hour = tuple(float(hour.answers) for hour in seen.hours)
    words = f"{seen.sum.agreed:,} of {seen.sum.words:,} words" if seen.sum.words else "no words yet"
    return (
        shapes.Figure("answers", f"{seen.sum.answers:,}", "in the last 24 hours", by_hour),
        shapes.Figure("visitors agree", f"{agreed * 100:.0f} %" if agreed is not None else "–", words),
        owner_pictures.answer_takes(seen),
        shapes.Figure("never seen the like", f"{seen.sum.unfamiliar:,}", "unfamiliar photos"),
        shapes.Figure("errors", f"{errors:,}", "of ours", tone="bad" if errors else "plain"),
        shapes.Figure("to review", f"{counts['waiting']:,}", "labels wait for you"),
    )


def circle(c: Any, deps: Deps, shown: Any) -> shapes.Circle:
    """Where the loop of an app stands."""
    champion = rollouts.champion(c, shown.name)
    row = releases.get(c, champion.release) if champion is not None else None
    measured = owner_releases.accuracy_of(row, lineage.verdict_on(c, row.id)) if row is not None else None
    on = champion.release if champion is not None else None
    words, href = learning(c, shown.name)
    judged_by, judging = "photos", judges.live(c, shown.name)
    waits, since, needed = candidate(c, shown.name, on, judging)
    if owner_pictures.are_made(shown.declaration):
        compared, judging, needed = owner_pictures.compared(c, shown.name, on)
        judged_by, waits = ("choices", compared) if compared else ("", waits)
    return shapes.Circle(
        new=tastes.waiting(c, shown.name),
        needed=needed_of(deps, shown.declaration),
        judging=judging,
        judging_needed=needed,
        unit=UNITS[owner_pictures.learns_from(shown.declaration)],
        judged_by=judged_by,
        champion=row.number if row is not None else None,
        champion_accuracy=accuracy.of_page(measured),
        candidate=waits,
        candidate_since=since,
        learning=words,
        learning_href=href,
        trains=trains(shown.declaration),
    )


def candidate(c: Any, app: str, champion: str | None, judging: int) -> tuple[str, int | None, int]:
    """What the latest verdict waits for, in words ("" for nothing), the moment that they are about, if any, and how
    many photos of visitors the next one takes, of which there are `judging`."""
    verdict = next(iter(lineage.verdicts(c, app, limit=1)), None)
    if verdict is None or verdict.outcome == "reject" or verdict.candidate == champion:
        return "", None, ROWS
    number, again = releases.number(c, verdict.candidate), (verdict.numbers or {}).get("again_at") or {}
    if off := rollouts.taken_off(c, app, verdict.candidate):
        return f"release {number} {owner_rollouts.off_words(off)}", off.at, ROWS
    if verdict.outcome == "promote":
        tried, since = owner_rollouts.tried_words(c, app, verdict.candidate)
        if tried:
            return tried, since, ROWS
        waits = verdict.champion == champion  # else somebody has put another one on since
        return (f"release {number} is better: promote it on its page" if waits else ""), None, ROWS
    if "choices" in again:
        return "", None, ROWS  # told where visitors compare it; nowhere else it waits for anything
    if needed := int(again.get("gold_live") or 0):
        missing = max(1, needed - judging)
        return f"release {number} waits for {render.count(missing, 'more judging photo')}", None, needed
    return f"release {number} waits for your look", None, ROWS


def learning(c: Any, app: str) -> tuple[str, str]:
    """How the training that runs (else the next that waits) stands, and where to see it; "" and "" where none does."""
    asked_for = jobs.unfinished(c, "retrain", app)
    job = next((row for row in asked_for if row.state != "queued"), next(iter(asked_for), None))
    if job is None:
        return "", ""
    run = lineage.run_of_job(c, job.id)
    path = f"/owner/runs/{ids.text(run.id)}" if run is not None else "/owner/runs"
    return spaced(owner_loop.job_words(job)), here(path, app)


def happenings(c: Any, app: str, limit: int = 12) -> tuple[shapes.Happening, ...]:
    """What happened last: jobs, verdicts and rollouts, newest first."""
    told = [job_happening(row) for row in jobs.recent(c, limit, app)]
    told += [verdict_happening(c, row) for row in lineage.verdicts(c, app, limit=limit)]
    told += [rollout_happening(c, row) for row in rollouts.history(c, app, limit)]
    champion = rollouts.champion(c, app)
    told += [
        drift_happening(c, row, is_on=champion is not None and champion.release == row.release)
        for row in drifts.of_app(c, app, limit)
    ]
    return tuple(sorted(told, key=lambda one: -one.at)[:limit])


def verdict_happening(c: Any, row: Any) -> shapes.Happening:
    """A verdict as a line."""
    why = next(iter(reasons(row.reasons or ())), None)
    outcome = "first" if row.outcome == "promote" and row.champion is None else row.outcome
    words = OUTCOMES.get(outcome, outcome) + (f" {why.words.removeprefix('The first release. ')}" if why else "")
    subject, href = f"Release {releases.number(c, row.candidate)}", f"/owner/releases/{row.candidate}"
    return shapes.Happening(row.at, subject, words, href, TONES.get(row.outcome, "plain"))


def rollout_happening(c: Any, row: Any) -> shapes.Happening:
    """A step of a rollout as a line."""
    number = releases.number(c, row.release)
    words, href = owner_rollouts.step_words(c, row), f"/owner/releases/{row.release}"
    tone = "bad" if row.state == "rolled_back" and row.by == "guard" else "plain"
    return shapes.Happening(row.at, f"Release {number}", words, href, tone)


def drift_happening(c: Any, row: Any, is_on: bool) -> shapes.Happening:
    """What began to differ from the training, as a line that leads to the curves; an alarm while the release that met
    it is on, and once another one answers a thing of the past."""
    words = f"met a change. {row.numbers.get('words', '')}".rstrip()
    subject = f"Release {releases.number(c, row.release)}"
    return shapes.Happening(row.at, subject, words, here("/owner/monitor", row.app), "bad" if is_on else "plain")


def job_happening(row: Any) -> shapes.Happening:
    """A job as a line. One that ended in a verdict leaves the words to that one's own line."""
    judged = isinstance(row.detail, Mapping) and "verdict" in row.detail
    state, words = "done" if judged else row.state or "queued", "" if judged else owner_loop.job_words(row)
    said = STATES.get(state, state) + (f": {spaced(words)}" if words and state != "queued" else "")
    subject = JOBS.get(row.kind, row.kind.replace("_", " ").capitalize())
    href = f"/owner/runs?app={quote(row.app)}" if row.kind == "retrain" and row.app else ""
    return shapes.Happening(row.state_at or row.at, subject, said, href, "bad" if state == "failed" else "plain")


def health(deps: Deps, app: str) -> tuple[str, str]:
    """One line on the engine where it is well, and one where it is not."""
    shown = deps.serving.apps.get(app)
    live = shown.champion if shown is not None else None
    if live is None:
        return "", "No release serves yet. Train one: the button is on the page Runs."
    if not live.ready:
        return (
            "",
            f"Release {live.number} does not load: {live.why or 'its worker is silent'}. Roll back, or see the log.",
        )
    queue = deps.engine.state().queue
    return f"Release {live.number} answers; {queue or 'nobody'} in the queue.", ""


# ---- predictions, versions, runs -------------------------------------------------------------------------------------


def prediction_line(told: PredictionOut, number: int) -> shapes.PredictionLine:
    """An answer as a line."""
    output = told.output if isinstance(told.output, Mapping) else {}
    scores = output.get("scores") or {}
    return shapes.PredictionLine(
        id=told.id,
        at=told.at,
        label=answered(output),
        confidence=max(scores.values(), default=0.0),
        familiar=output.get("familiar"),
        release=number,
        ms=told.ms,
        word=said(told.word),
        held=told.held,
        photo=told.photo,
        made=owner_pictures.made_with(told),
    )


def answered(output: Mapping[str, Any]) -> str:
    """An answer in a word: its label, the size of its picture, or its one value."""
    if pictures.is_picture(output) or {"width", "height"} <= output.keys():
        return f"a picture, {output['width']} × {output['height']}"
    return str(output.get("label", next(iter(output.values()), "–") if len(output) == 1 else "–"))[:80]


def said(word: Mapping[str, Any] | None) -> str:
    """A visitor's word as it is shown: "yes", "no", "love", "meh", or the right label."""
    if word is None:
        return ""
    value = word["value"]
    if word["kind"] == "agree":
        return "yes" if value else "no"
    if word["kind"] == "choose":
        return "the better of two"
    return str(value.get("label", "")) if isinstance(value, Mapping) else str(value or "")


def prediction_lines(c: Any, rows: Sequence[Any]) -> tuple[shapes.PredictionLine, ...]:
    """A page of answers, without those that were erased."""
    numbers = {id_: releases.number(c, id_) or 0 for id_ in {row.release for row in rows}}
    told = ((row.release, owner_live.answer_out(c, row)) for row in rows if row.output is not None)
    return tuple(prediction_line(answer, numbers[release]) for release, answer in told)


def version_line(row: Any, trained: Sequence[int]) -> shapes.VersionLine:
    """A dataset version as a line: its rows by side, of them those of visitors, and what waits for room."""
    told = row.counts
    sides = {name: int(told.get(name) or 0) for name in SIDES}
    others = {words: int(told.get(name) or 0) for name, words in BESIDE.items()}
    return shapes.VersionLine(
        id=ids.text(row.id),
        at=row.at,
        digest=row.digest,
        rows=int(told.get("rows") or sum(sides.values())),
        counts={name: n for name, n in {**sides, **others}.items() if n},
        new=int(told.get("new") or 0),
        erased=int(told.get("erased") or 0),
        releases=tuple(trained),
    )


def run_line(c: Any, told: RunOut) -> shapes.RunLine:
    """A run as a line; its version by the first digits of its digest."""
    version = lineage.version(c, ids.parse(told.version))
    return shapes.RunLine(
        id=told.id,
        at=told.at,
        state=told.state,
        words=told.words,
        version=version.digest[:8] if version is not None else "",
        seconds=told.seconds,
        release=releases.number(c, told.release) if told.release else None,
        learnt=owner_pictures.learnt(version.counts) if version is not None else "",
    )


def asked(c: Any, app: str, limit: int = 5) -> tuple[shapes.RunLine, ...]:
    """Trainings that were asked for and made no run: those that wait or begin, and the last that came to nothing."""
    found = []
    for row in jobs.recent(c, 50, app):
        if row.kind != "retrain" or row.state == "done" or lineage.run_of_job(c, row.id) is not None:
            continue
        state = owner_loop.STATES.get(row.state or "queued", row.state)
        found.append(shapes.RunLine("", row.state_at or row.at, state, spaced(owner_loop.job_words(row))))
    return tuple(found[:limit])


def curves(events: Sequence[RunEvent]) -> tuple[shapes.Curve, ...]:
    """The logged numbers of a run, each as a curve."""
    points: dict[str, list[tuple[float, float]]] = {}
    for event in events:
        for name, value in event.numbers.items():
            points.setdefault(name, []).append((event.x, value))
    return tuple(shapes.Curve(name, tuple(found)) for name, found in points.items())


def warnings(events: Sequence[RunEvent]) -> tuple[str, ...]:
    """What a run warned of, in words."""
    return tuple(str((event.detail or {}).get("words", "")) for event in events if event.name == "warning")


# ---- releases --------------------------------------------------------------------------------------------------------


def release_line(told: ReleaseOut) -> shapes.ReleaseLine:
    """A release as a line; the first one's verdict had no champion to be better than."""
    verdict = told.verdict
    why = next(iter(reasons(verdict.reasons)), None) if verdict else None
    outcome = verdict.outcome if verdict else ""
    return shapes.ReleaseLine(
        id=told.release,
        number=told.number,
        at=told.at,
        state=told.state,
        share=told.share / 10_000,
        accuracy=accuracy.of_page(told.accuracy),
        outcome="first" if outcome == "promote" and verdict.champion is None else outcome,
        why=why.words if why else "",
        pinned=told.pinned,
        rolled_back=told.rolled_back,
        off_by=told.rolled_back_by or "",
        off_why=told.rolled_back_why or "",
        progress=told.progress or "",
        beside=told.state == "shadow" and told.choices is not None,
        liked=owner_pictures.in_words(told.choices),
    )


def reasons(given: Sequence[Any], outcome: str = "") -> tuple[shapes.Said, ...]:
    """The reasons of a verdict in words."""
    tone = TONES.get(outcome, "plain")
    words = (str(one.get("words", "")) if isinstance(one, Mapping) else str(one) for one in given)
    return tuple(shapes.Said(spaced(said_), tone) for said_ in words)


def spaced(words: str) -> str:
    """Shares as the pages write them: 79 %, also in what was written down as 79%."""
    return re.sub(r"(\d) ?%", "\\1\u00a0%", words)


def report(c: Any, told: ReleaseOut, row: Any) -> shapes.Report:
    """A release opened."""
    verdict = told.verdict
    metrics = row.manifest.get("metrics") or {}
    numbers = verdict.numbers if verdict else {}
    measured = numbers.get("report") if isinstance(numbers.get("report"), Mapping) else metrics.get("report", metrics)
    line, said_ = release_line(told), reasons(verdict.reasons, verdict.outcome) if verdict else ()
    serves = told.state == "full"
    return shapes.Report(
        line=line,
        outcome=line.outcome,
        summary=owner_pictures.summary(told)
        or (said_[0].words if said_ else UNJUDGED if told.accuracy is None else OWN_REPORT),
        reasons=said_[1:],
        bars=owner_pictures.bar(told) or bars(told, numbers, measured),
        **({"measures": owner_pictures.LIKED} if told.choices is not None else {}),
        worst=worst(measured),
        mistakes=mistakes(c, measured),
        facts=facts(told, row, verdict),
        can_promote=not serves and row.state == "ready",
        can_roll_back=serves and bool(rollouts.previous_champion(c, told.app)),
        can_take_away=told.state in ("shadow", "canary"),
        can_try=told.state not in ("full", "canary", "quarantined") and rollouts.champion(c, told.app) is not None,
        can_pin=serves,
    )


def bars(told: ReleaseOut, numbers: Mapping[str, Any], measured: Any) -> tuple[shapes.Bar, ...]:
    """Intervals: judged rows, the maker's own, what visitors said, then each label."""
    found = []
    names = (("gold", "judged rows"), ("base", "your own held-out rows"), ("test", "photos visitors spoke of"))
    for part, name in names:
        counted = numbers.get(part)
        shown = interval(counted.get("challenger_interval")) if isinstance(counted, Mapping) else None
        if shown is not None:
            before = interval(counted.get("champion_interval"))
            found.append(shapes.Bar(name, shown, before.value if before else None))
    if not found and told.accuracy is not None:
        found.append(shapes.Bar("photos it never saw", pages.Accuracy(**told.accuracy.model_dump())))
    classes = measured.get("classes") if isinstance(measured, Mapping) else None
    for name, one in (classes or {}).items():
        shown = interval(one)
        if shown is not None:
            found.append(shapes.Bar(str(name), shown))
    return tuple(found)


def interval(given: Any) -> pages.Accuracy | None:
    """{value, low, high, n} of at least one row as a page shows it."""
    if not isinstance(given, Mapping) or not given.get("n") or not {"value", "low", "high"} <= set(given):
        return None
    return pages.Accuracy(float(given["value"]), float(given["low"]), float(given["high"]), int(given["n"]))


def worst(measured: Any) -> str:
    """The label that it knows least, in words; "" where nothing was measured."""
    name = measured.get("worst_class") if isinstance(measured, Mapping) else None
    shown = interval((measured.get("classes") or {}).get(name)) if name else None
    return f"{name}: right on {round(shown.value * shown.n)} of {shown.n}" if shown else ""


def mistakes(c: Any, measured: Any) -> tuple[shapes.Mistake, ...]:
    """Its most confident mistakes, of those whose photo is still here."""
    given = measured.get("mistakes") if isinstance(measured, Mapping) else None
    told = []
    for one in given or ():
        photo = photo_of_row(c, str(one.get("row", "")))
        if photo:
            told.append(
                shapes.Mistake(photo, str(one.get("truth", "")), str(one.get("said", "")), float(one.get("p", 0.0)))
            )
    return tuple(told[:12])


def photo_of_row(c: Any, row: str) -> str:
    """The address of the photo of a row (a label's id as text), or ""."""
    try:
        label = labels.get(c, ids.parse(row))
    except NotFound:
        return ""
    return photo_address(label.id, label.inputs) if label is not None else ""


def facts(told: ReleaseOut, row: Any, verdict: VerdictOut | None) -> tuple[tuple[str, str], ...]:
    """What else is known of a release, as name and value."""
    manifest = row.manifest
    parity = manifest.get("parity") or {}
    given = (
        (
            "differs from PyTorch by",
            f"{parity['max_abs']:.1e} at most, on {parity.get('rows', 0)} rows" if "max_abs" in parity else "",
        ),
        ("dataset version", str(manifest.get("version") or "")[:12]),
        ("run", told.run or ""),
        ("made", str(manifest.get("made") or "")),
        ("its own code", "yes: its predict function runs in the worker" if manifest.get("code") else ""),
        ("note", str(manifest.get("note") or "")),
        ("release id", told.release),
    )
    return tuple((name, value) for name, value in given if value)


def here(path: str, app: str, before: int | None = None) -> str:
    """The address of a page of the owner for an app, or of its next page; "" after the last."""
    return f"{path}?app={quote(app)}" + (f"&before={before}" if before is not None else "")
