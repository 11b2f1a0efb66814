"""What benchmarks/serving.py measures on Teahouse alone: start, memory, many apps, a retrain meanwhile, stages."""

from __future__ import annotations

import asyncio
import http.client
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

import rows
import serving_load
import serving_model
import sqlalchemy as sa
from serving_load import Load, Point, Served
from serving_model import APP, Project
from serving_peers import free_port
from tests.standard.houses import wait_until

from teahouse import ids
from teahouse.engine.front import LocalEngine
from teahouse.engine.port import Wanted
from teahouse.settings import Settings
from teahouse.store import jobs, predictions, tables
from teahouse.store.house import House

START_S, IDLE_MB, FLAT, PHONES_MB, APPS, APPS_MB, BESIDE = 2.0, 250, 0.05, 600, 20, 400, 2.0
PATIENCE_S = 120
STILL_S, STILL_MB = 2.0, 1.0  # a site is at rest when its memory changes by no more than that in so long
Photos = dict[str, list[Path]]


@dataclass(frozen=True)
class Sizes:
    """How much is done: starts; predictions before the first look at the memory and at its end; seconds of a run beside
    a retrain; photos whose stages are looked at."""

    starts: int
    first: int
    last: int
    beside: int
    staged: int


    @property
    def bars(self) -> dict[str, list[tuple[str, str]]]:
        """The rows of each part and their bars."""
        over, held = f"memory over {self.last:,} predictions", f"within 5 % of that after the first {self.first:,}"
        return {
            "start": [(START, f"<= {START_S:g}")],
            "memory": [(REST, f"<= {IDLE_MB}"), (over, held)],
            "memory-int8": [(f"{over}: int8", held)],
            "apps": [(f"memory at rest, {APPS} apps on one site, MB (PSS)", f"<= {APPS_MB}")],
            "retrain": [(f"{RETRAIN}, {connections} at once", f"<= {BESIDE:g} x without") for connections in HANDS],
            "stages": [],
        }


START = "process start to the first answer of an existing site, s"
REST = "memory at rest, one app, loop asleep, three photos answered, MB (PSS of all processes)"
RETRAIN = "play p99 during a retrain, middle photos"
HANDS = (1, 32)
QUICK, FULL = Sizes(2, 500, 3_000, 3, 40), Sizes(3, 10_000, 100_000, 10, 200)


# ---- start --------------------------------------------------------------------------------------------------------


def first_answer(project: Project, folder: Path, photo: bytes, sizes: Sizes) -> list[rows.Row]:
    """Seconds from the process's start to the first 201, on a site that was there before."""
    house = serving_model.copied(project.root, folder)
    file, took = house.root / "teahouse.toml", []
    for _ in range(sizes.starts + 1):  # the first one brings the disk's cache to where it is on a machine in use
        port = free_port()
        file.write_text(file.read_text().partition("port = ")[0] + f"port = {port}\n" + LIMITS)
        with house:
            asking, answered = threading.Event(), []
            thread = threading.Thread(target=ask_until, args=(port, photo, answered, asking))
            began = time.monotonic()
            thread.start()
            house.start()
            thread.join(PATIENCE_S)
            asking.set()
            took.append((answered[0] if answered else float("inf")) - began)
    value = f"{median(took[1:]):.2f} (of {sizes.starts}: {', '.join(f'{one:.2f}' for one in took[1:])})"
    return told(sizes.bars["start"], [(value, median(took[1:]) <= START_S)])


def told(bars: list[tuple[str, str]], found: list[tuple[str, bool]]) -> list[rows.Row]:
    """The rows of a part: (name, bar) of each, and (value, whether it holds)."""
    return [rows.row(name, value, bar, holds) for (name, bar), (value, holds) in zip(bars, found, strict=True)]


LIMITS = '[limits]\nrequests_per_minute = 1000000\ntrusted_proxies = ["127.0.0.1"]\n'


def ask_until(port: int, photo: bytes, answered: list[float], end: threading.Event) -> None:
    """Asks with this photo until it is answered with 201; notes when that was."""
    while not end.is_set():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("POST", f"/api/apps/{APP}/predictions", photo, {"Content-Type": "image/jpeg"})
            if connection.getresponse().status == 201:
                answered.append(time.monotonic())
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        end.wait(0.01)


# ---- memory -------------------------------------------------------------------------------------------------------


def at_rest(served: Served) -> dict[str, float]:
    """The memory of a site once its loop and the worker without a model have left and nothing changes any more."""
    serving_model.asleep(served)
    wait_until(lambda: "bare" not in serving_load.memory(served.family()), "the bare worker sleeps", 120, STILL_S)
    last = [serving_load.memory(served.family())]

    def is_still() -> bool:
        last.append(serving_load.memory(served.family()))
        return abs(sum(last[-1].values()) - sum(last[-2].values())) <= STILL_MB

    wait_until(is_still, "the memory is still", PATIENCE_S, STILL_S)
    return last[-1]


def by_role(held: dict[str, float]) -> str:
    """Roles and their megabytes in words."""
    return ", ".join(f"{name} {value:.0f}" for name, value in sorted(held.items(), key=lambda one: -one[1]))


def idle_and_flat(project: Project, folder: Path, photos: Photos, sizes: Sizes) -> list[rows.Row]:
    """At rest; then over many predictions."""
    with serving_model.standing(project.root, folder / "house") as served:
        load = serving_load.load_of(served, folder / "bodies", photos)
        served.settle()
        idle = at_rest(served)
        whole = sum(idle.values())
        rest = f"{whole:.0f} ({by_role(idle)})", whole <= IDLE_MB
        return told(sizes.bars["memory"], [rest, flat(served, load, sizes)])


def flat_int8(project: Project, folder: Path, photos: Photos, sizes: Sizes) -> list[rows.Row]:
    """Over many predictions in int8; RuntimeError where the site answers otherwise."""
    if project.left_out:
        raise RuntimeError(project.left_out)
    with serving_model.standing(project.root, folder / "house") as served:
        load = serving_load.load_of(served, folder / "bodies", photos)
        served.settle()
        found = flat(served, load, sizes)
    if set(forms := serving_model.kept(folder / "house").forms) != {"int8"}:
        raise RuntimeError(f"the site answers with {', '.join(forms)}")
    return told(sizes.bars["memory-int8"], [found])


def flat(served: Served, load: Load, sizes: Sizes) -> tuple[str, bool]:
    """How much more memory a site holds after many predictions than after the first of them, in words; whether that is
    within the bar. RuntimeError where an answer failed, or a worker was replaced meanwhile and began anew."""
    answered, looks, workers = 0, [], serving_load.pids(served.family(), "worker")
    for wanted in (sizes.first, sizes.last):
        while answered < wanted:
            point = load.run("small", 32, 5 if sizes is QUICK else 20, served.family)
            if point.failed or serving_load.pids(served.family(), "worker") != workers:
                raise RuntimeError(f"{point.failed} answers failed, or a worker ended, after {answered:,}")
            answered += point.answered
        served.settle()
        looks.append((answered, serving_load.memory(served.family())))
    (first, before), (last, after) = looks
    for one in (before, after):
        one.pop("bare", None)  # it sleeps a minute after its last photo: it would be in one look and not in the other
    grown = sum(after.values()) / sum(before.values()) - 1
    words = (
        f"{grown:+.1%} ({sum(before.values()):.0f} MB after {first:,}: {by_role(before)}; "
        f"{sum(after.values()):.0f} MB after {last:,}: {by_role(after)})"
    )
    return words, abs(grown) <= FLAT


def peak(served: Served, load: Load, seconds: int) -> tuple[tuple[float, str], int]:
    """Most megabytes while 32 phone photos are on their way at once, and by role; how many were answered."""
    with serving_load.watched(served.family) as seen:
        point = load.run("phone", 32, seconds, served.family)
    highest = max(seen, key=lambda one: sum(one.values()))
    return (sum(highest.values()), by_role(highest)), point.answered


def many_apps(project: Project, folder: Path, sizes: Sizes) -> list[rows.Row]:
    """Twenty apps at rest on a site that was there before, and on which nobody played for a while."""
    names = serving_model.crowd(project, folder, APPS)
    with serving_model.copied(folder, folder.with_name(f"{folder.name}-house")) as house:
        for _ in range(2):  # the first time all of them are loaded, for they have to show that they can be
            house.start()
            served = serving_model.served_by(house)
            held = at_rest(served)
            loaded = sum(serving_load.role(process) == "worker" for process in served.family())
            house.stop()
    whole = sum(held.values())
    value = f"{whole:.0f} ({by_role(held)}; {loaded} workers for {len(names)} apps)"
    return told(sizes.bars["apps"], [(value, whole <= APPS_MB)])


# ---- a retrain beside visitors ------------------------------------------------------------------------------------


def beside_retrain(project: Project, folder: Path, photos: Photos, sizes: Sizes) -> list[rows.Row]:
    """The slowest hundredth without and with a training on the same machine."""
    found = []
    with serving_model.standing(project.root, folder / "house") as served:
        load = serving_load.load_of(served, folder / "bodies", {"middle": photos["middle"]})
        runs: dict[int, list[Point]] = {connections: [] for connections in HANDS}
        for trains in (False, True):
            if trains:
                ask_retrain(folder / "house", served)
            for connections, points in runs.items():
                load.run("middle", connections, 1, served.family)
                points.append(load.run("middle", connections, sizes.beside, served.family))
        still = any(serving_load.role(process) == "trainer" for process in served.family())
    for before, after in runs.values():
        value = (
            f"{after.p99 / before.p99:.2f} x ({before.p99:.0f} to {after.p99:.0f} ms; median {before.p50:.0f} to "
            f"{after.p50:.0f} ms; {before.rate:.0f} to {after.rate:.0f} a second; failed {after.failed})"
        )
        holds = still and after.failed == 0 and after.p99 <= BESIDE * before.p99
        if not still:
            value += "; the training ended before"
        found.append((value, holds))
    return told(sizes.bars["retrain"], found)


def ask_retrain(folder: Path, served: Served) -> None:
    """Asks for a retrain as the owner does, and waits until it learns."""
    with House.open(folder / ".teahouse") as house:
        job = ids.new_id()
        house.db.write(lambda c: jobs.ask(c, jobs.Asked(job, "retrain", APP)))

        def learns() -> bool:
            files = folder.glob(".teahouse/runs/*/progress.jsonl")
            if any('"loss"' in file.read_text("utf-8") for file in files if file.parent.joinpath("previous").is_dir()):
                return True
            with house.db.read() as c:
                row = jobs.get(c, job)
            if row.state in jobs.FINISHED:
                raise RuntimeError(f"the retrain ended: {row.detail}")
            return False

        wait_until(learns, "the retrain learns", PATIENCE_S, 0.2)


# ---- where the time goes ------------------------------------------------------------------------------------------


def stages(project: Project, folder: Path, photos: Photos, sizes: Sizes) -> list[Stage]:
    """Means of decode, wait and infer, as the worker's answers tell them, and of what is around them, by size and by
    how many ask at once.

    The API does not tell the worker's figures, so the engine is asked as the site asks it, without the site; then the
    site is asked, whose rows tell how long it took from a request that was read to the answer."""
    found = asyncio.run(of_engine(project, photos, sizes.staged))
    with serving_model.standing(project.root, folder / "house") as served, House.open(
        folder / "house" / ".teahouse"
    ) as house:
        load = serving_load.load_of(served, folder / "bodies", photos)
        for stage in found:
            with house.db.read() as c:
                last = predictions.last_seq(c)
            point = load.run(stage.size, stage.at_once, sizes.beside, served.family)
            served.settle()
            ms = sa.select(sa.func.avg(tables.predictions.c.ms)).where(tables.predictions.c.seq > last)
            with house.db.read() as c:
                stage.ms["site"] = round(float(c.execute(ms).scalar_one()), 2)
            stage.ms["client"] = round(point.p50, 2)
    return found


@dataclass(frozen=True)
class Stage:
    """Milliseconds of each stage for one size and so many at once: decode, wait, infer (worker), engine (with the way
    to the worker and the wait for it), site (from the request that was read to the answer), client (median)."""

    size: str
    at_once: int
    ms: dict[str, float]


async def of_engine(project: Project, photos: Photos, count: int) -> list[Stage]:
    """What the engine and its worker take."""
    engine, found = LocalEngine(project.folder.parent, settings=Settings()), []
    try:
        (ready,) = await engine.ensure([Wanted(APP, project.release)])
        if ready.why:
            raise RuntimeError(ready.why)
        for size, paths in photos.items():
            given = [path.read_bytes() for path in paths]
            for hands in HANDS:
                answers: list[dict[str, float]] = []
                turns = iter(range(count // 2 if size == "phone" else count))

                async def hand(given: list[bytes] = given, to: list = answers, turns: Iterator[int] = turns) -> None:
                    for turn in turns:
                        began, until = time.perf_counter(), time.monotonic() + 60
                        answer = await engine.predict(project.release, {"input": given[turn % len(given)]}, until)
                        to.append({**answer.ms, "engine": (time.perf_counter() - began) * 1000})

                await asyncio.gather(*(hand() for _ in range(hands)))
                ms = {name: round(mean(one[name] for one in answers), 2) for name in answers[0]}
                found.append(Stage(size, hands, ms))
    finally:
        await engine.close()
    return found
