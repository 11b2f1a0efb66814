"""Follows a job as its events are written: a bar for the training, a line for each step, the verdict in words."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from teahouse import child
from teahouse.desk import say
from teahouse.desk.where import Project

ENDED = frozenset({"done", "refused", "failed"})
TAKEN_S = 3.0  # between two tries while somebody else's loop has the house
MOST_LOOPS = 5  # that end well without ending the job
IDLE_S = 1  # a loop that a verb started leaves soon after its job; the site's own waits longer
STEPS = {
    "gather": "Taking in the maker's data",
    "version": "Freezing the dataset version",
    "train": "Training",
    "install": "Sealing the release",
    "judge": "Judging",
    "promote": "Putting the champion on",
}


@dataclass
class Ending:
    """How a job ended: its last state, what was said, and the seconds that each step took."""

    state: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, float] = field(default_factory=dict)


class Hands:
    """Who works on a project's jobs for a verb: the loop of its site where one lives, else one of the verb's own."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.loop: subprocess.Popen[bytes] | None = None
        self._began: list[float] = []

    def alive(self) -> bool:
        """Whether the work goes on. Where nobody works any more, another loop is started; False where loops break."""
        if self.loop is not None and self.loop.poll() is None:
            return True
        if self.project.is_kept():
            return True  # its keeper starts a loop when it sees the job
        ended = None if self.loop is None else self.loop.returncode
        if ended == child.TAKEN and time.monotonic() - self._began[-1] < TAKEN_S:
            return True  # somebody else's loop works
        if ended not in (None, 0, child.TAKEN) or (ended == 0 and len(self._began) >= MOST_LOOPS):
            return False
        self._began.append(time.monotonic())
        self.loop = start_loop(self.project)
        return True

    def why(self) -> str:
        """The last words of the loop that was started here."""
        return tail(self.project)

    def leave(self) -> None:
        """End the loop that was started here; its training ends with it, and what is done is kept."""
        if self.loop is not None and self.loop.poll() is None:
            self.loop.terminate()

    def wait(self, patience: float = 10) -> None:
        """Until the loop that was started here has left."""
        if self.loop is not None:
            with suppress(subprocess.TimeoutExpired):
                self.loop.wait(patience)


def start_loop(project: Project) -> subprocess.Popen[bytes]:
    """Start a loop runner for this project; where one runs already, this one leaves by itself (it holds a lock)."""
    logs = project.data / "run"
    logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (logs / "loop.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "teahouse.loop.runner", "--project", str(project.root), "--idle", str(IDLE_S)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=child.environment("TEAHOUSE_"),
        )


def events(
    house: Any, job: bytes, alive: Callable[[], bool], why: Callable[[], str] = lambda: ""
) -> Iterator[tuple[str, Any]]:
    """("job", row) and ("run", row) as they are written, until the job has ended.

    Raises TrainingFailed, with the words of `why`, where it has not and nobody is `alive` who could end it."""
    from teahouse.store import jobs, lineage

    seen_job = seen_run = 0
    run: bytes | None = None
    while True:
        works = alive()  # asked before the look: what a loop wrote at its end is not missed
        with house.db.read() as c:
            told = list(jobs.events(c, job, after=seen_job))
            run = run or run_of(c, job)
            numbers = list(lineage.run_events(c, run, after=seen_run)) if run else []
        for row in numbers:
            seen_run = row.seq
            yield "run", row
        for row in told:
            seen_job = row.seq
            yield "job", row
            if row.state in ENDED:
                return
        if not works:
            from teahouse.errors import TrainingFailed

            raise TrainingFailed(
                "The loop stopped before the job was done.",
                why(),
                "teahouse doctor, then try again: what is done is kept.",
            )
        time.sleep(0.2)


def run_of(c: Any, job: bytes) -> bytes | None:
    """The run that this job began, once there is one."""
    from teahouse.store import lineage

    row = lineage.run_of_job(c, job)
    return row.id if row else None


def tail(project: Project, lines: int = 3) -> str:
    """The last lines of the loop's log."""
    with suppress(OSError):
        return " ".join(
            (project.data / "run" / "loop.log").read_text("utf-8", "replace").strip().splitlines()[-lines:]
        )[-600:]
    return ""


def follow(stream: Iterator[tuple[str, Any]], tell: Callable[[str], None] | None = None) -> Ending:
    """Show a job's events with a bar until it ends."""
    ending, step, began = Ending(), "", time.monotonic()
    with say.bar() as bar:
        bar.update(bar.first, description="Waiting for the loop")
        for kind, row in stream:
            if kind == "run":
                show_numbers(bar, row)
                continue
            ending.state, ending.detail = row.state, dict(row.detail or {})
            if row.state not in ("step", *ENDED):
                continue
            if step:
                ending.steps[step] = round(ending.steps.get(step, 0) + time.monotonic() - began, 2)
            step, began = ending.detail.get("step", "") if row.state == "step" else "", time.monotonic()
            if step and (words := str(ending.detail.get("words", ""))):
                bar.update(bar.first, description=words[:1].upper() + words[1:])
            elif step:
                bar.update(bar.first, description=STEPS.get(step, step.capitalize()), note="", total=None, completed=0)
        bar.update(
            bar.first, description="Done" if ending.state == "done" else ending.state.capitalize(), total=1, completed=1
        )
    return ending


def show_numbers(bar: Any, row: Any) -> None:
    """A run's event on the bar: epochs move it, other numbers stand beside it."""
    numbers = dict(row.numbers or {})
    if "of" in numbers and "epoch" in numbers:
        bar.update(bar.first, total=numbers["of"], completed=numbers["epoch"], description="Training")
    shown = {
        name: value
        for name, value in numbers.items()
        if name not in ("epoch", "of") and isinstance(value, (int, float))
    }
    if shown:
        bar.update(bar.first, note="  ".join(f"{name} {value:.4g}" for name, value in list(shown.items())[:4]))
