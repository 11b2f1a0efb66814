"""How often a release is right, from the rows that it was judged on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel

from teahouse.site import pages
from teahouse.site.deps import Deps, Live
from teahouse.store import lineage


class Accuracy(BaseModel):
    """How often the champion is right on photos that it never saw: a share, its 95 % interval, the number of photos,
    whose photos they are, and `before`, the share that the release before it has on the same ones."""

    value: float
    low: float
    high: float
    n: int
    whose: Literal["maker", "visitors"] = "maker"
    before: float | None = None


# Where the numbers of a verdict and the metrics of a manifest hold it, best first.
PLACES = (("report", "accuracy"), ("gold", "challenger_interval"), ("accuracy",))


def of(deps: Deps, live: Live) -> Accuracy | None:
    """The accuracy of a release by its latest verdict, else by its own manifest; None where nobody measured it."""
    with deps.house.db.read() as c:
        verdict = lineage.verdict_on(c, live.release)
    return judged(verdict) or found(live.manifest.metrics)


def judged(verdict: Any) -> Accuracy | None:
    """The accuracy that a verdict measured (None of no verdict), beside that of the champion which answered the same
    rows; the first release is compared with guessing, and that is no release."""
    told = found((verdict.numbers or {}) if verdict is not None else {})
    gold = (verdict.numbers or {}).get("gold") if told is not None else None
    if told is None or verdict.champion is None or not isinstance(gold, Mapping) or gold.get("n") != told.n:
        return told
    champion = gold.get("champion")
    return told if champion is None else told.model_copy(update={"before": round(champion / told.n, 4)})


def found(numbers: Mapping[str, Any]) -> Accuracy | None:
    """The first interval of at least one row in these numbers; a verdict says whose rows it was measured on."""
    whose = "visitors" if numbers.get("measured_on") == "live" else "maker"
    for place in PLACES:
        part: Any = numbers
        for word in place:
            part = part.get(word) if isinstance(part, Mapping) else None
        if isinstance(part, Mapping) and part.get("n"):
            try:
                return Accuracy(value=part["value"], low=part["low"], high=part["high"], n=part["n"], whose=whose)
            except (KeyError, ValueError):
                continue
    return None


def of_page(given: Accuracy | None) -> pages.Accuracy | None:
    """The same for a page."""
    return pages.Accuracy(**given.model_dump()) if given else None
