"""What the owner sees of apps that make pictures: how many are loved, what visitors chose, what the loop waits for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from teahouse.feedback import judges, tastes
from teahouse.monitor.today import Today as Numbers
from teahouse.release import choices as verdicts
from teahouse.release.evaluate import interval
from teahouse.site import owner_page_shapes as shapes
from teahouse.site import pages
from teahouse.site.owner_shapes import ChoicesOut, PredictionOut, ReleaseOut
from teahouse.store import lineage, releases, rollouts

LIKED = "How often visitors liked it better"


def are_made(declaration: Mapping[str, Any]) -> bool:
    """Whether an app's answers are pictures."""
    return (declaration.get("output") or {}).get("kind") == "image"


def learns_from(declaration: Mapping[str, Any]) -> str:
    """What sets off the next training of an app: labels, photos whose result was rated, or words on seeds."""
    if not are_made(declaration):
        return "labels"
    return "words" if tastes.are_taken(declaration) else "photos"


def choices_of(c: Any, row: Any, step: Any, champion: str | None, verdict: Any) -> ChoicesOut | None:
    """What visitors chose between a release and the champion: up to now while they are shown side by side, else what
    its verdict was made of; None where nobody was asked."""
    if step is not None and step.state == "shadow" and champion is not None and are_made(row.manifest):
        found = judges.choices(c, row.app, champion, row.id)
        preferred = sum(choice.winner == row.id for choice in found)
        return choices_out(preferred, len(found), releases.number(c, champion), waits=missing(len(found)))
    told = ((verdict.numbers or {}) if verdict is not None else {}).get("choices")
    if not told or not told.get("n"):
        return None
    against = releases.number(c, verdict.champion) if verdict.champion else None
    return choices_out(int(told["challenger"]), int(told["n"]), against)


def choices_out(preferred: int, n: int, against: int | None, waits: int = 0) -> ChoicesOut:
    """So many of so many, with the interval."""
    share = interval(preferred, n)
    return ChoicesOut(n=n, preferred=preferred, low=share.low, high=share.high, against=against, missing=waits)


def missing(n: int) -> int:
    """How many more choices a verdict takes, or the next look at one."""
    return next((wanted - n for wanted, _ in verdicts.LOOKS if n < wanted), 0)


def in_words(told: ChoicesOut | None) -> str:
    """The choices in a few words; "" where nobody was asked."""
    if told is None or not told.n:
        return ""
    return f"{told.preferred} of {told.n} preferred it" + (f" to release {told.against}" if told.against else "")


def made_with(told: PredictionOut) -> str:
    """What an answer was made with beside a photo, in words: inputs that are kept, else its seed, else ""."""
    given = ", ".join(f"{name} {value}".replace("_", " ") for name, value in told.given.items())
    return given[:160] or (f"seed {told.seed}" if told.seed is not None else "")


def learnt(counts: Mapping[str, Any]) -> str:
    """What a training on this version's rows learns from visitors' words, in words; "" for nothing."""
    words, pictures = int(counts.get("words") or 0), int(counts.get("train") or 0) + int(counts.get("validation") or 0)
    return f"it learns from {words:,} words on {pictures:,} pictures" if words else ""


def summary(told: ReleaseOut) -> str:
    """How a release stands that is shown beside the champion; "" for any other."""
    if told.choices is None or told.state != "shadow":
        return ""
    more = told.choices.missing
    waits = f"At {told.choices.n + more} choices there is a verdict, or another look: {more} more." if more else ""
    said = in_words(told.choices)
    return f"Visitors see it beside the champion and say which picture they like better. {said and said + '. '}{waits}"


def bar(told: ReleaseOut) -> tuple[shapes.Bar, ...]:
    """The choices as an interval."""
    if told.choices is None or not told.choices.n:
        return ()
    said = told.choices
    name = f"beside release {said.against}" if said.against else "visitors' choices"
    return (shapes.Bar(name, pages.Accuracy(said.preferred / said.n, said.low, said.high, said.n), unit="choice"),)


def answer_takes(seen: Numbers) -> shapes.Figure:
    """How long an answer took to work out on average: its row tells that, so that writing the row is not in it."""
    took = f"{seen.mean_ms:.0f} ms" if seen.mean_ms is not None else "–"
    return shapes.Figure("an answer takes", took, "on average, without the disk")


def figures(seen: Numbers, waiting: int, of_words: bool) -> tuple[shapes.Figure, ...]:
    """The numbers of the last 24 hours."""
    loved, errors = seen.love, seen.sum.errors
    said = f"{seen.sum.loved:,} of {seen.sum.rated:,} words" if seen.sum.rated else "no words yet"
    asked = tuple(float(hour.answers) for hour in seen.hours)
    opened = tuple(float(hour.shown) for hour in seen.hours)
    shown = shapes.Figure("shown", f"{seen.sum.shown:,}", "from the pool, counted each minute", opened)
    found = [
        *((shown,) if of_words else ()),
        shapes.Figure("asked for" if of_words else "answers", f"{seen.sum.answers:,}", "in the last 24 hours", asked),
        shapes.Figure("visitors love it", f"{loved * 100:.0f} %" if loved is not None else "–", said),
        answer_takes(seen),
        shapes.Figure("errors", f"{errors:,}", "of ours", tone="bad" if errors else "plain"),
    ]
    if not of_words:
        found.append(shapes.Figure("to review", f"{waiting:,}", "photos wait for you"))
    return tuple(found)


def compared(c: Any, app: str, champion: str | None) -> tuple[str, int, int]:
    """(what is told of the challenger that visitors see beside the champion, choices so far, choices that the next look
    at them takes); "" and zeros where there is none."""
    for release, step in rollouts.standing(c, app).items():
        verdict = lineage.verdict_on(c, release) if step.state == "shadow" else None
        if champion is None or verdict is None or (verdict.numbers or {}).get("measured_on") != verdicts.MEASURED:
            continue
        found = judges.choices(c, app, champion, release)
        preferred, number = sum(choice.winner == release for choice in found), releases.number(c, release)
        words = f"release {number} is shown beside it"
        said = f"{words}: {preferred} of {len(found)} preferred it" if found else words
        return said, len(found), len(found) + missing(len(found))
    return "", 0, 0
