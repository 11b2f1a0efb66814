"""/owner/verdicts/{id}: a verdict, told to a maker: in words, in photos, and one click below in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from fastapi import Request
from starlette.responses import Response

from teahouse import ids
from teahouse.errors import NotFound
from teahouse.release import slices
from teahouse.site import owner_page_shapes as shapes
from teahouse.site import owner_views, pages, render
from teahouse.site.deps import deps_of
from teahouse.site.owner_reviews import app_of
from teahouse.store import lineage, releases, replays, rollouts

SHOWN = 12  # examples of a kind
DAY_MS = 86_400_000
PARTS = (("gold", "the photos that decide"), ("base", "your own held-out photos"), ("test", "photos visitors spoke of"))


def page(request: Request) -> Response:
    """GET /owner/verdicts/{id}."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        row = lineage.verdict(c, ids.parse(request.path_params["id"]))
        if row is None:
            raise NotFound("There is no such verdict.", do_next="See the list of releases.")
        release, shown, numbers = releases.get(c, row.candidate), app_of(c, row.app), row.numbers or {}
        champion = rollouts.champion(c, row.app)
        words = owner_views.reasons(row.reasons or [], row.outcome)
        gold = numbers.get("gold") or {}
        body = shapes.VerdictPage(
            shell=pages.Shell(deps.settings.site.title or "Teahouse", len(deps.serving.apps) > 1, owner=True),
            desk=owner_views.desk(c, deps, shown),
            release=row.candidate,
            number=release.number,
            at=row.at,
            outcome="first" if row.outcome == "promote" and row.champion is None else row.outcome,
            summary=words[0].words if words else "",
            champion=releases.number(c, row.champion) if row.champion else None,
            reasons=words[1:],
            **examples(c, numbers),
            fixed=int(gold.get("fixed") or 0) if row.champion else 0,
            lost=int(gold.get("broken") or 0) if row.champion else 0,
            replayed=replayed(c, row.candidate),
            sheets=tuple(sheets(numbers)) if row.champion else (),
            sure=sureness(numbers.get("calibration") or {}),
            can_promote=release.state == "ready" and (champion is None or champion.release != row.candidate),
        )
    return render.render(body, request.state.nonce)


def examples(c: Any, numbers: Mapping[str, Any]) -> dict[str, tuple[shapes.Example, ...]]:
    """What it mends and what it breaks, of those photos that are still here."""
    report = numbers.get("report") if isinstance(numbers.get("report"), Mapping) else {}
    kept = report.get("examples") if isinstance(report.get("examples"), Mapping) else {}
    found = {}
    for kind in ("mended", "broken"):
        told = [(owner_views.photo_of_row(c, str(one.get("row", ""))), one) for one in kept.get(kind) or ()]
        found[kind] = tuple(
            shapes.Example(photo, str(one.get("truth", "")), str(one.get("before", "")), str(one.get("after", "")))
            for photo, one in told
            if photo
        )[:SHOWN]
    return found


def replayed(c: Any, release: str) -> shapes.Replayed | None:
    """What it says of earlier photos; None where it was shown none. Those that judge are counted and not shown: their
    label must be the owner's alone."""
    found = replays.of_release(c, release)
    if not found:
        return None
    other = [one for one in found if label_of(one.before) != label_of(one.now)]
    told = ((owner_views.photo_of_row(c, ids.text(one.label)), one) for one in other if not one.held)
    shown = (shapes.Example(photo, "", label_of(one.before), label_of(one.now)) for photo, one in told if photo)
    return shapes.Replayed(len(found), len(other), tuple(islice(shown, SHOWN)))


def label_of(output: Any) -> str:
    """The word that an answer comes down to."""
    return str(output.get("label", next(iter(output.values()), ""))) if isinstance(output, Mapping) else str(output)


def sheets(numbers: Mapping[str, Any]) -> Iterable[shapes.Sheet]:
    """All comparisons as numbers: the parts that decide, each label, each slice."""
    parts = [line(name, numbers.get(part)) for part, name in PARTS]
    yield shapes.Sheet("All", tuple(one for one in parts if one))
    labels = [line(name, one) for name, one in sorted((numbers.get("classes") or {}).items())]
    yield shapes.Sheet("By label", tuple(one for one in labels if one))
    told = [
        line(words, (numbers.get("slices") or {}).get(name, {}).get(value))
        for name, values in slices.WORDS.items()
        for value, words in values.items()
    ]
    if any(told):
        yield shapes.Sheet("By kind of photo", tuple(one for one in told if one))


def line(name: str, counted: Any) -> tuple[str, int, float, float, float, float] | None:
    """A tally as a line; None of no rows."""
    if not isinstance(counted, Mapping) or not counted.get("n"):
        return None
    n, points = int(counted["n"]), float(counted.get("points", 0.0))
    low, high = float(counted.get("low", points)), float(counted.get("high", points))
    return str(name), n, int(counted["champion"]) / n, int(counted["challenger"]) / n, low, high


def sureness(told: Mapping[str, Any]) -> tuple[str, ...]:
    """How well each side knows how sure it may be."""
    found = []
    for side, name in (("champion", "The champion"), ("challenger", "The challenger")):
        one = told.get(side)
        if isinstance(one, Mapping) and one.get("n"):
            sure, right, error = (round(100 * float(one[part])) for part in ("sure", "right", "error"))
            found.append(
                f"{name} says {sure}\u00a0% on average and is right on {right}\u00a0%; its sureness is off by "
                f"{error} point{'s' * (error != 1)}."
            )
    return tuple(found)


def linked(c: Any, report: shapes.Report, days: int) -> shapes.Report:
    """A release's report with the way to its verdict; and until when another release is to answer, where it learned
    from a row that was taken back."""
    id_, verdict = report.line.id, lineage.verdict_on(c, report.line.id)
    since = lineage.learned_from_erased(c, verdict.app).get(id_) if verdict is not None else None
    return replace(
        report,
        judged=f"/owner/verdicts/{ids.text(verdict.id)}" if verdict is not None else "",
        replace_by=None if since is None else since + days * DAY_MS,
    )
