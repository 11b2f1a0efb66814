"""Missing: what a verdict still waits for, and how far a retrain is from showing a difference, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from teahouse.feedback import judges
from teahouse.release import forecast
from teahouse.release.verdict import ROWS
from teahouse.store import labels, lineage, reviews


def words(c: Any, app: str, declaration: Mapping[str, Any]) -> list[str]:
    """What the review page says below its heading; nothing of an app whose answers no labels judge."""
    held = float(declaration.get("held", 1 / 3))
    if declaration["output"]["kind"] != "labels" or not 0 < held < 1:
        return []
    gold = judges.live(c, app)
    found = forecast.forecast(facts(c, app, gold, held))
    return [sentence for sentence in (lot(gold, wanted(c, app)), found.words if found else early(c, app)) if sentence]


def wanted(c: Any, app: str) -> int:
    """How many photos drawn by lot the next verdict takes: what the last one asked for, at least sixty."""
    last = next(iter(lineage.verdicts(c, app, limit=1)), None)
    again = (last.numbers or {}).get("again_at") if last is not None and last.outcome == "hold" else None
    asked = again.get("gold_live", 0) if isinstance(again, Mapping) else 0
    return max(ROWS, int(asked))


def lot(gold: int, most: int) -> str:
    """How many are missing."""
    if gold >= most:
        return f"{gold:,} photos drawn by lot are labelled: enough for a verdict."
    photos = "photo" if most - gold == 1 else "photos"
    so_far = f"({gold:,} of {most:,})"
    return f"{most - gold:,} more {photos} drawn by lot, labelled by you, and a verdict can be given {so_far}."


def facts(c: Any, app: str, gold: int, held: float) -> forecast.Facts:
    """What the forecast is made of. Photos drawn by lot tell without bias how often the model is wrong; the others
    stand in an order that puts its mistakes first, and tell as much of it as the share of them that is done."""
    rows = [row for row in reviews.looked_at(c, app) if isinstance(row.guess, Mapping) and "label" in row.guess]
    wrong = {kind: [row.guess["label"] != _label(row.truth) for row in rows if bool(row.held) == kind]
             for kind in (True, False)}  # fmt: skip
    waiting = reviews.left(c, app)
    done = len(wrong[False]) / (len(wrong[False]) + waiting) if wrong[False] else 0.0
    counted = len(wrong[True]) + done * len(wrong[False])
    share = (sum(wrong[True]) + done * sum(wrong[False])) / counted if counted else 0.0
    judge = sum(bool(row.may_judge) for row in rows)
    # The first photo of a visitor never judges: what share of the labelled ones does, the site itself knows best.
    lot_of = (judge + 6 * held) / (len(rows) + 6)
    return forecast.Facts(len(rows), share * len(rows), gold, labels.new(c, app), lot_of)


def early(c: Any, app: str) -> str:
    """What is said before anything can be foretold."""
    more = forecast.LEAST - len(reviews.looked_at(c, app, forecast.LEAST))
    if more <= 0:
        return ""
    photos = "photo" if more == 1 else "photos"
    return f"Label {more} more {photos}, and I can say how far a retrain is from showing a difference."


def _label(truth: Any) -> Any:
    return truth.get("label") if isinstance(truth, Mapping) else None
