"""Trial: a training in little: the maker's train function on the maker's own rows, cut to the minutes that it may take.

It begins from nothing, never from the champion: what the champion has seen is not known here, and some of it may be
among the rows that judge today.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from teahouse import ids
from teahouse.ci.champion import Side, of_folder
from teahouse.ci.own import Own
from teahouse.model import bundle
from teahouse.training import run

SLACK_S = 600.0  # beside the epochs: what comes before and after them, and one epoch that does not fit
Event = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Trained:
    """A candidate that was trained here, with what its checks said, and its curves: name to (seconds, value)."""

    side: Side
    checks: list[dict[str, Any]]
    metrics: dict[str, Any]
    curves: dict[str, list[tuple[float, float]]]
    epochs: int
    of: int

    @property
    def is_cut(self) -> bool:
        """Whether the minutes were over before the training was."""
        return self.epochs < self.of


@dataclass(frozen=True)
class Work:
    """What a training makes its candidate of: the app's code in `source`, the project's requirements, the rows."""

    app: str
    source: Path
    project: Path
    own: Own


def run_id(work: Work, cut_to: float | None = None) -> bytes:
    """The id of a training: the same code with the same requirements on the same rows has the same one everywhere.

    One that was cut short has another: `cut_to`, its minutes. So a training to the end is never left out for it."""
    needs = work.project / "requirements.txt"
    told = {
        "app": work.app,
        "code": run.code_digest(work.source),
        "needs": ids.sha256(needs.read_bytes()) if needs.is_file() else "",
        "rows": work.own.digest,
    }
    return bytes.fromhex(ids.digest_of(told if cut_to is None else {**told, "cut_to": str(cut_to)})[:32])


def train(work: Work, scratch: Path, minutes: float, on_event: Event) -> Trained:
    """Train, export, try and seal, in a child. Raises TrainingFailed with the maker's own line."""
    folder, app, source, own = scratch / "train", work.app, work.source, work.own
    plan = run.Plan(
        ids.text(run_id(work)),
        app,
        "train",
        source,
        int(own.digest[:8], 16),
        run.Limits(seconds=2 * 60 * minutes + SLACK_S),
        own.training(),
        own.photo,
        extra={"version": own.digest, "epoch_seconds": 60 * minutes},
    )
    run.prepare(folder, plan)
    watch = _Watch(on_event)
    value = run.follow(folder, watch.see).or_raise()
    if watch.done < watch.of:
        rename_run(folder / "candidate", ids.text(run_id(work, minutes)))
    release = bundle.install(folder / "candidate", scratch / "releases")
    side = of_folder(scratch / "releases" / release, release, "trained here")
    return Trained(side, list(value["checks"]), dict(value["metrics"]), watch.curves, watch.done, watch.of)


def rename_run(folder: Path, run_text: str) -> None:
    """Seal the release anew as one that came of this training."""
    bundle.seal(folder, replace(bundle.read(folder), run=run_text, files={}))


class _Watch:
    """Keeps what a training says: its curves, and how many of its epochs it did."""

    def __init__(self, on_event: Event) -> None:
        self.curves: dict[str, list[tuple[float, float]]] = {}
        self.done = self.of = 0
        self._on_event, self._began = on_event, 0.0

    def see(self, event: dict[str, Any]) -> None:
        """Take in one line of the training's journal and hand it on."""
        numbers, at = event.get("numbers") or {}, float(event.get("t") or 0)
        self._began = self._began or at
        if event["name"] in ("epoch-done", "cut"):
            self.done, self.of = int(numbers["epoch"]), int(numbers["of"])
        if event["name"] == "log":
            for name, value in numbers.items():
                if name != "epoch" and isinstance(value, (int, float)):
                    self.curves.setdefault(str(name), []).append((at - self._began, float(value)))
        self._on_event(event)
