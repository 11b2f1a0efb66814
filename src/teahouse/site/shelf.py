"""The shelf: the home of a site with several apps, each with what it does in a picture, and what became of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.responses import Response

from teahouse.site import accuracy, media, owner_access, pages, pictures, render
from teahouse.site.deps import Deps, Live, Shown, trains
from teahouse.site.shell import shell_of
from teahouse.store import lineage, rollouts, tallies

FRESH_S = 30.0
WEEK_MS = 7 * 86_400_000


@dataclass(frozen=True)
class Facts:
    """What is told of an app: how often it is right, how often it was played with, and how many words of visitors its
    release learned from that the release of a week ago did not know."""

    accuracy: pages.Accuracy | None
    played: int
    learned: int


class Board:
    """The facts of each app, read again after half a minute."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, str, Facts]] = {}

    def facts(self, deps: Deps, live: Live) -> Facts:
        """Those of the app of this champion."""
        kept = self._kept.get(live.app)
        if kept is None or kept[1] != live.release or time.monotonic() - kept[0] > FRESH_S:
            kept = self._kept[live.app] = (time.monotonic(), live.release, read(deps, live))
        return kept[2]


def read(deps: Deps, live: Live) -> Facts:
    """The facts of an app as they are now."""
    measured = accuracy.of_page(accuracy.of(deps, live))
    with deps.house.db.read() as c:
        return Facts(measured, tallies.played(c, live.app), learned(c, live, deps.clock()))


def learned(c: Any, live: Live, now: int) -> int:
    """How many words of visitors this champion learned from, less those that the champion of a week ago did."""
    before = next((step for step in rollouts.fulls(c, live.app) if step.at < now - WEEK_MS), None)
    return max(0, words_in(c, live.release) - (words_in(c, before.release) if before is not None else 0))


def words_in(c: Any, release: str) -> int:
    """How many words of visitors a release learned from."""
    version = lineage.version_of(c, release)
    counts = version.counts if version is not None else {}
    return int(counts.get("learned") or 0) + int(counts.get("words") or 0)


def page(request: Request, deps: Deps) -> Response:
    """The shelf, with another picture of each app that draws at each look."""
    board: Board = request.app.state.board
    shown = deps.serving.apps.values()
    owner = owner_access.is_at_home(request)
    shell = shell_of(deps, owner=owner)
    cards = tuple(card(deps, board, one) for one in shown)
    return render.render(pages.Shelf(shell=shell, apps=cards), request.state.nonce)


def card(deps: Deps, board: Board, shown: Shown) -> pages.AppCard:
    """An app on the shelf."""
    live = shown.champion
    told = {"title": shown.title, "description": str(shown.declaration.get("description") or "")}
    if live is None or not live.ready:
        return pages.AppCard(shown.name, **told, open=False)
    facts = board.facts(deps, live)
    return pages.AppCard(
        shown.name,
        **told,
        photo=media.light_example_address(deps, live, 0, media.OPENING),
        answer=drawn(deps, live) if pictures.is_of_seeds(live) else answered(deps, live),
        release=live.number,
        accuracy=facts.accuracy,
        played=facts.played,
        learned=facts.learned,
        by_hand=not trains(shown.declaration),
    )


def drawn(deps: Deps, live: Live) -> pages.Pictured | None:
    """A picture of an app that draws by itself, another one each time; None while none is made."""
    piece = deps.stock.deck(live.release).draw(time.monotonic())
    return pages.Pictured(piece.address, piece.picture.width, piece.picture.height) if piece is not None else None


def answered(deps: Deps, live: Live) -> pages.Labelled | pages.Pictured | pages.Written | None:
    """What a release answers to its first example, or None where it does not hold that."""
    expected = live.manifest.examples[0].get("expected") if live.manifest.examples else None
    if not isinstance(expected, dict):
        return None
    if expected.get("scores"):
        scores = {str(label): float(score) for label, score in expected["scores"].items()}
        return pages.Labelled(label=expected["label"], scores=scores, confidence=max(scores.values()))
    if live.output.kind == "image" and expected.get("width") and expected.get("height"):
        whole, small = (
            media.example_output_address(deps, live, 0),
            media.light_output_address(deps, live, 0, media.OPENING),
        )
        return pages.Pictured(whole, expected["width"], expected["height"], small=small)
    value = expected.get("text", expected.get("number"))
    return None if value is None else pages.Written(f"{value:.4g}" if isinstance(value, float) else str(value))
