"""The demo's story, chapter by chapter: who does what, how long it takes, and what came of it."""

from __future__ import annotations

import contextlib
import functools
import json
import platform
import shutil
import signal
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from teahouse.cli import canary, follow, guests, measure, stage
from teahouse.cli.guests import Shot
from teahouse.cli.stage import APP, RETRAIN_AFTER
from teahouse.desk import reach, say
from teahouse.desk.where import Project
from teahouse.errors import TrainingFailed

GOLD = 200  # photos drawn by lot that shall judge: with 150 one true gain of eight points in four would wait for more
PHOTOS_EACH = 8  # a visitor's; the first is asked about after its answer, so it never judges
WAVE = 10  # visitors
TRIED = (6, 2)  # visitors, and photos of each, of the small waves that meet a release on its way
MOST_WAVES = 20
HELD_OUT = 500  # photos of each kind for the figures
HELD_OUT_SIDE = 128  # pixels


@dataclass(frozen=True)
class Choice:
    """What the person at the terminal asked for."""

    seed: int = 1
    report: Path | None = None
    leave: bool = False
    port: int | None = None
    folder: Path | None = None
    open_page: bool | None = None


@dataclass
class Told:
    """What happened: seconds of each chapter, and the figures."""

    began: float
    times: dict[str, float] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)

    @contextlib.contextmanager
    def chapter(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.times[name] = round(time.monotonic() - start, 2)


class Story:
    """The demo. `tell()` runs it and returns the exit status."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self.told = Told(began=process_began())
        self.site: stage.Child | None = None
        self.pip: stage.Child | None = None
        self.project: Project | None = None
        self.memory = guests.Memory()
        self.waves = 0  # of visitors that came
        self.url = ""
        self.seeds = 1_000_000_000 + choice.seed * 10_000_000  # far from every seed that the starter trains on

    def tell(self) -> int:
        """All chapters; whatever happens, what was started is stopped."""
        signal.signal(signal.SIGTERM, interrupted)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup asks for that
            signal.signal(signal.SIGHUP, interrupted)
        try:
            url = self.open_house()
            self.play(url)
            write_report(self.choice, self.told)
            self.farewell(url)
        except KeyboardInterrupt:
            say.line("\nStopping …")
        finally:
            self.stop()
        return 0 if self.told.figures.get("promoted") else 1

    def play(self, url: str) -> None:
        """From the first visitor to the new champion."""
        assert self.project is not None
        with self.project.house() as house:
            owner = self.claim(house, url)
            ask_gather(house)
            before = champion(house)
            self.measure_before(house.releases / before)
            self.receive_visitors(house, owner, url)
            self.wait_torch()
            needed = self.accept_words(house, owner)
            missing = self.watch_loop(house, "retrain", needed)
            if missing:
                needed = self.receive_more(house, owner, url, missing)
                self.watch_loop(house, "judge", needed)
            owner.close()
            self.measure_after(house.releases / before, house.releases / champion(house))

    # ---- the chapters

    def open_house(self) -> str:
        """The project and the site, before anything slow; then PyTorch is fetched beside it."""
        say.line(
            "[bold]Teahouse demo[/]: everybody in it is simulated and named so; "
            "the site, the training and the verdict are real.\n"
        )
        folder = stage.demo_folder(self.choice.folder)
        self.project = stage.make_project(folder, reach.free_port(self.choice.port))
        self.site = stage.start_site(self.project)
        url = self.url = stage.wait_site(self.project, self.site)
        self.told.times["first_page"] = round(time.time() - self.told.began, 2)
        say.step(
            f"The site stands after {say.took(self.told.times['first_page'])}: [bold link={url}]{url}[/]  (in {folder})"
        )
        if (
            self.choice.open_page
            if self.choice.open_page is not None
            else sys.stdout.isatty() and not self.choice.leave
        ):
            webbrowser.open(url)
        missing = stage.missing_for_training()
        if missing:
            self.told.times["torch"] = -time.monotonic()
            self.pip = stage.install(missing, self.project.data / "run" / "pip.log")
            say.line(
                f"  [dim]PyTorch is being installed meanwhile ({', '.join(missing)}); answering does not need it.[/]"
            )
        return url

    def claim(self, house: Any, url: str) -> guests.SimulatedOwner:
        """The simulated owner takes the site by its one-time link."""
        from teahouse.site import owner_door

        owner = guests.SimulatedOwner(url, owner_door.claim_link(house, url), self.memory)
        say.step("A [italic]simulated owner[/] has taken the site (it is yours later, by the command at the end).")
        return owner

    def measure_before(self, release: Path) -> None:
        """How often the shipped model is right, by day and by candle-light, on photos rendered for this."""
        with (
            self.told.chapter("measure_before"),
            counted("Rendering held-out photos", 2 * HELD_OUT, "photos") as tick,
        ):
            self.held_out = {
                kind: list(
                    ticked(guests.shots(kind, self.seeds + 5_000_000 + 100_000 * place, HELD_OUT, HELD_OUT_SIDE), tick)
                )
                for place, kind in enumerate(("candle", "day"))
            }
        self.told.figures["before"] = {
            kind: measure.accuracy(release, self.held_out[kind]).json() for kind in self.held_out
        }
        found = self.told.figures["before"]
        say.step(
            f"The shipped model is right on {percent(found['day'])} of photos by day, "
            f"and on {percent(found['candle'])} by candle-light."
        )

    def receive_visitors(self, house: Any, owner: guests.SimulatedOwner, url: str) -> None:
        """Visitors come in waves and the owner labels what the lot drew, until enough of both kinds are there."""
        say.line("\n[italic]Simulated visitors[/] photograph tea by candle-light and say what is in it; ", end="")
        say.line("the simulated owner labels the photos that the lot drew.")
        right = [0]
        with self.told.chapter("visitors"), say.bar(unit="photos") as bar:
            bar.update(bar.first, description="Sent by visitors")
            judging = bar.add_task("Labelled to judge", total=GOLD, note="")
            while self.waves < MOST_WAVES:
                self.send_wave(url, heard(lambda: bar.advance(bar.first), right))
                owner.label_drawn(APP, lambda: None)
                now = counts(house)
                bar.update(judging, completed=min(GOLD, now["gold_live"]))
                if now["gold_live"] >= GOLD and now["learnt"] + now["waiting"] >= RETRAIN_AFTER:
                    break
            visitors, sent = self.waves * WAVE, self.waves * WAVE * PHOTOS_EACH
            bar.update(bar.first, total=sent)
        self.told.figures["visitors"] = {"visitors": visitors, "photos": sent, "answered_right": right[0]}
        say.step(f"{visitors} visitors sent {sent} photos; {right[0]} of the answers were right.")

    def receive_more(self, house: Any, owner: guests.SimulatedOwner, url: str, missing: int) -> float:
        """What is held back for want of judged rows waits for more visitors, and is judged once more; when they were
        there."""
        wanted = counts(house)["gold_live"] + missing
        say.line(f"So more visitors come, until there are {wanted} photos to judge.")
        with self.told.chapter("more_visitors"), say.bar(missing, "photos") as bar:
            bar.update(bar.first, description="Labelled to judge")
            for _ in range(MOST_WAVES):
                self.send_wave(url, lambda right: None)
                owner.label_drawn(APP, lambda: None)
                left = wanted - counts(house)["gold_live"]
                bar.update(bar.first, completed=missing - max(0, left))
                if left <= 0:
                    break
        self.told.figures["labels"]["gold_live"] = counts(house)["gold_live"]
        return time.monotonic()

    def send_wave(self, url: str, told: Callable[[bool], None], size: tuple[int, int] | None = None) -> None:
        """One wave of visitors (so many, so many photos of each, their own), whose photos the owner will know again."""
        self.waves += 1
        visitors, each = size or (WAVE, PHOTOS_EACH)
        wave = self.waves
        taken = guests.shots("candle", self.seeds + wave * WAVE * PHOTOS_EACH, visitors * each)
        photos = [[next(taken) for _ in range(each)] for _ in range(visitors)]
        for shot in (shot for round_ in photos for shot in round_):
            self.memory.learn(shot)
        guests.visits(url, APP, photos, wave * WAVE, told)

    def accept_words(self, house: Any, owner: guests.SimulatedOwner) -> float:
        """The owner accepts visitors' words up to the number at which the loop starts by itself; when that was."""
        with (
            self.told.chapter("accept"),
            counted("Words accepted by the owner", RETRAIN_AFTER, "labels") as tick,
        ):
            while (missing := RETRAIN_AFTER - counts(house)["learnt"]) > 0:
                if owner.accept_words(APP, missing, tick) == 0:
                    raise TrainingFailed(
                        "There were not enough visitors' words.",
                        f"{missing} labels are missing.",
                        "Try another --seed.",
                    )
        now = counts(house)
        self.told.figures["labels"] = {"train": now["learnt"], "gold_live": now["gold_live"], "waiting": now["waiting"]}
        say.step(f"{now['learnt']} labels are accepted: the loop starts by itself.")
        return time.monotonic()

    def watch_loop(self, house: Any, kind: str, needed: float) -> int:
        """Follow the loop's own job of this kind to its verdict, and until the site serves what it put on; how many
        judged rows are missing where it is held back."""
        from teahouse.cli import releases, train

        ending = follow.follow(follow.events(house, asked_job(house, kind), self.site.running, self.site.last_words))
        report = train.report_of(house, ending)
        rolling = bool(report.get("rolling"))
        on = report["promoted"] or (rolling and tried(self, house, report))
        promoted = on and releases.wait_served(house, APP, report["release"])
        spent = round(time.monotonic() - needed, 2)
        took = {f"loop_{step}": took for step, took in ending.steps.items()}
        self.told.times |= {"judged_again": spent} if kind == "judge" else {"correction_to_champion": spent, **took}
        self.told.figures |= {
            "outcome": report["outcome"],
            "promoted": promoted,
            "reasons": [reason.get("words") for reason in report["reasons"]],
        }
        if not rolling:
            say.line()
            say.verdict(report["outcome"], report["reasons"], report["number"])
        steps = ", ".join(f"{step} {say.took(took)}" for step, took in ending.steps.items())
        end = "new champion" if promoted else "verdict"
        say.line(f"  {say.took(spent)} from the last label to the {end} ({steps})\n")
        return int(ending.detail.get("missing") or 0) if report["outcome"] == "hold" else 0

    def wait_torch(self) -> None:
        """Wait for pip, where it still runs."""
        if self.pip is None:
            return
        if self.pip.running():
            with counted("PyTorch is still being installed", None, ""):
                self.pip.process.wait()
        stage.installed(self.pip)
        self.told.times["torch"] = round(self.told.times["torch"] + time.monotonic(), 2)
        say.step(f"PyTorch is installed ({say.took(self.told.times['torch'])}, beside the rest).")

    def measure_after(self, before: Path, after: Path) -> None:
        """The same photos again, with what is on now."""
        if before == after:
            say.line("Visitors still meet release 1: only what is surely better is put on.\n")
        was = self.told.figures["before"]
        now = {kind: measure.accuracy(after, self.held_out[kind]).json() for kind in self.held_out}
        gain = {kind: round(100 * (now[kind]["value"] - was[kind]["value"]), 2) for kind in now}
        self.told.figures |= {
            "after": now,
            "gain_points": gain,
            "release_before": before.name,
            "release_after": after.name,
        }
        light = {kind: f"{kind}-light" if kind == "candle" else f"{kind}light" for kind in now}
        rows = [
            (light[kind], percent(was[kind]), percent(now[kind]), f"{gain[kind]:+.1f} points") for kind in now
        ]
        if before != after:
            say.table((f"{HELD_OUT} held-out photos by", "before", "after", ""), rows)

    def farewell(self, url: str) -> None:
        """What to do next; then stay until Ctrl-C."""
        assert self.project is not None
        say.step(f"The story took {say.took(self.told.times['story'])}.")
        if self.choice.leave:
            return
        say.line(f"\nThe site stays up: [bold link={url}]{url}[/]   Next, in another terminal:\n")
        for words, what in commands(self.project.root, bool(self.told.figures.get("promoted"))):
            say.line(f"  {words}   [dim]{what}[/]", soft_wrap=True)
        say.line("\nCtrl-C stops it.")
        while self.site and self.site.running():
            time.sleep(0.5)

    def stop(self) -> None:
        """End what was started; a second Ctrl-C does not leave anything behind either."""
        for child in (self.pip, self.site):
            if child is not None:
                child.stop()


def commands(folder: Path, promoted: bool) -> list[tuple[str, str]]:
    """Three commands to go on with, and what each does."""
    verb, here = command(), f"cd {folder} && {command()}"
    then = (f"{here} rollback", "put the old champion back, and see it happen")
    return [
        (f"{here} open", "the owner's pages, as the owner"),
        then if promoted else (f"{here} releases", "what was trained, and why it waits"),
        (f"{verb} new mine --from-folder PHOTOS", "the same for photos of your own"),
    ]


def command() -> str:
    """How this very `teahouse` is called from another terminal: by its name where that is on the path, else in full."""
    own = Path(sys.executable).with_name("teahouse")
    found = shutil.which("teahouse")
    return "teahouse" if found and Path(found).resolve() == own.resolve() else str(own)


def tried(story: Story, house: Any, report: dict[str, Any]) -> bool:
    """The new release on its way to everybody, while visitors come and go; whether it got there."""
    say.line()
    say.verdict(report["outcome"], report["reasons"], report["number"])
    more = functools.partial(story.send_wave, story.url, lambda right: None, TRIED)
    with story.told.chapter("rollout"):
        step = canary.follow(house, APP, report["release"], lambda step: say.line(step_line(step)), more)
    story.told.figures["rollout"] = {"ended": step.state, "why": step.why, "numbers": step.numbers}
    return bool(step.state == "full")


def step_line(step: Any) -> str:
    """A step of a rollout, as the demo tells it."""
    from teahouse.release.rollout import visitors

    head = {
        "shadow": "It is tried in the shadow: asked what visitors ask, and nobody sees its answer.",
        "canary": f"[bold]{visitors(step.share).capitalize()} gets the new one[/], always the same ones.",
        "full": "[bold]It answers everybody.[/]",
    }.get(step.state, "[bold]It was taken off again.[/]")
    why = step.why.partition(" Now ")[0] if step.state == "canary" else step.why
    return f"  {head} [dim]{why}[/]" if step.state != "shadow" else f"  {head}"


def ask_gather(house: Any) -> None:
    """Have the maker's own pictures taken in beside the visitors: a retrain needs them, and needs no PyTorch for it."""
    from teahouse import ids
    from teahouse.store import jobs

    house.db.write(lambda c: jobs.ask(c, ids.new_id(), "gather", APP, {}, "owner", "demo-gather", ids.now_ms()))


def champion(house: Any) -> str:
    """The release that visitors meet."""
    from teahouse.store import rollouts

    with house.db.read() as c:
        return str(rollouts.champion(c, APP).release)


def counts(house: Any) -> dict[str, int]:
    """judges.counts, and under "learnt" the visitors' labels that are accepted for training."""
    from teahouse.feedback import judges
    from teahouse.store import labels

    with house.db.read() as c:
        rows = labels.of_app(c, APP, sources=["visitor"], splits=["train"])
        return {**judges.counts(c, APP), "learnt": sum(row.is_accepted for row in rows)}


def asked_job(house: Any, kind: str, patience: float = 60) -> bytes:
    """The job of this kind that the loop asked of itself."""
    from teahouse.store import jobs

    until = time.monotonic() + patience
    while time.monotonic() < until:
        with house.db.read() as c:
            found = next((row for row in jobs.recent(c, 20, APP) if row.kind == kind), None)
        if found is not None:
            return bytes(found.id)
        time.sleep(0.1)
    raise TrainingFailed(
        "The loop did not start.", f"The labels for it are there, and no job ({kind}) was asked.", "teahouse doctor"
    )


def write_report(choice: Choice, told: Told) -> None:
    """All figures as JSON, where asked for."""
    told.times["story"] = round(time.time() - told.began, 2)
    if choice.report is not None:
        about = {"seed": choice.seed, "python": platform.python_version(), "machine": platform.platform()}
        choice.report.write_text(
            json.dumps({**about, "times_s": told.times, **told.figures}, indent=2, ensure_ascii=False) + "\n", "utf-8"
        )


def interrupted(*_: object) -> None:
    """SIGTERM, or a terminal that was closed, is a Ctrl-C by other means."""
    raise KeyboardInterrupt


def process_began() -> float:
    """When this process was started, in seconds since 1970: the interpreter's own start counts too."""
    import psutil

    return float(psutil.Process().create_time())


def percent(found: dict[str, Any]) -> str:
    return say.share(found["value"], found["low"], found["high"])


@contextlib.contextmanager
def counted(words: str, total: int | None, unit: str) -> Iterator[Callable[[], None]]:
    """A bar with these words; what it yields moves it by one."""
    with say.bar(total, unit) as bar:
        bar.update(bar.first, description=words)
        yield lambda: bar.advance(bar.first)


def ticked(stream: Iterator[Shot], tick: Callable[[], None]) -> Iterator[Shot]:
    for shot in stream:
        tick()
        yield shot


def heard(tick: Callable[[], None], right: list[int]) -> Callable[[bool], None]:
    """Counts the right answers while the bar moves."""

    def told(was_right: bool) -> None:
        right[0] += was_right
        tick()

    return told
