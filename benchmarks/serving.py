"""Serving: answers a second, waits, memory and start, beside four peers and beside no server at all.

    python benchmarks/serving.py [--quick] [--report FILE] [--peers DIR] [--only NAME,…] [--scratch DIR]

One net (MobileNet v1, 224 x 224, 4.2 million parameters; benchmarks/mobilenet), trained and sealed by `teahouse train`;
Teahouse, the peers and the limit load the release's own model.onnx. Eight photos of each of three sizes (320 x 240,
1280 x 960, 4032 x 3024; of TEAHOUSE_PHOTOS where that is set, else made up). One load generator: wrk (Debian's), one
thread, which writes a new comment into each photo that it sends, so that no two requests are the same; 1 and 32
connections. Whatever is measured runs on this one machine, wrk too.

    teahouse   `teahouse serve` on a copy of the project, on a real disk (--scratch; beside the report, else /var/tmp),
               fp32; every answer is committed (synchronous=FULL) before it is sent. "int8" where the release has it
    fastapi, litserve, bentoml, ray    as their own pages show an image classifier (benchmarks/peers), in an
               environment of their own: `make peers` makes .make/peers; --peers names another. Each decodes the whole
               photo with Pillow and runs ONNX Runtime with its default options
    limit      no server: the worker's own decode and inference in a process with as many threads as cores

Rounds go through all of them, one after the other, each started anew, driven over all sizes and connections, killed.
A run lasts 2 seconds unmeasured and 6 measured (12 with 32 phone photos at once); in these the first second does not
count for the rate: what is on its way at the beginning of the rest then stands for what is at its end. A bar is held
against medians of 3 rounds. wrk's p99 counts what waited behind a slow answer too, for everyone alike. Milliseconds of
CPU are of user and kernel.

--quick: one round, 2 seconds a run, FastAPI alone of the peers, 3,000 predictions in place of 100,000: nine minutes.
--only names what is to be run of these, and of start, memory, memory-int8, phones, apps, retrain, stages. A full run
takes some 50 minutes on two cores, on which nothing else should run: a row tells what others took.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import rows
import serving_load
import serving_model
import serving_peers
import serving_photos
import serving_site
from serving_load import Point, Served
from serving_model import Project

SIZES, CONNECTIONS = ("small", "middle", "phone"), (1, 32)
COUNT = 8  # photos of a size
PEERS = tuple(peer.name for peer in serving_peers.PEERS)
QUICK_PEERS = ("fastapi",)
ENGINES = ("limit", "teahouse", "int8", *PEERS)
PARTS = ("start", "memory", "memory-int8", "phones", "apps", "retrain", "stages")
OF_LIMIT = {"small": 0.90, "middle": 0.90, "phone": 0.80}
OF_PEERS = {"small": 1.0, "middle": 1.6, "phone": 4.5}
OF_PEERS_INT8 = {"small": 1.8, "middle": 2.2, "phone": 5.0}
NOT_BEHIND = 0.97  # what counts as level on the small size: two runs of one server differ by as much
FULL_SYNC = 2
OTHERS = 0.05
AT_ONCE = 32


@dataclass(frozen=True)
class Plan:
    """How long and how often; what of it all is run."""

    rounds: int
    warm: int
    seconds: int
    sizes: serving_site.Sizes
    only: tuple[str, ...]
    peers: Path

    def runs(self, name: str) -> bool:
        """Whether this engine or part is asked for."""
        return name in self.only


@dataclass
class Found:
    """What was measured: points by (engine, size, connections), why an engine gave none, memory under phone photos,
    predictions answered and found in the database."""

    points: dict[tuple[str, str, int], list[Point]] = field(default_factory=lambda: defaultdict(list))
    why: dict[str, str] = field(default_factory=dict)
    peaks: dict[str, tuple[float, str]] = field(default_factory=dict)
    kept: list[tuple[str, int, serving_model.Kept]] = field(default_factory=list)

    def has(self, engine: str) -> bool:
        """Whether an engine was measured."""
        return engine not in self.why and any(one == engine for one, _, _ in self.points)

    def forms(self) -> dict[str, str]:
        """Which forms of the release the answers of "teahouse" and "int8" name, most often first."""
        counted: dict[str, Counter[str]] = defaultdict(Counter)
        for engine, _, kept in self.kept:
            counted[engine].update(kept.forms)
        return {engine: ", ".join(name for name, _ in forms.most_common()) for engine, forms in counted.items()}

    def of(self, what: str, engine: str, size: str, connections: int = AT_ONCE) -> float:
        """The median over the rounds of rate, p50 or p99."""
        return median(getattr(point, what) for point in self.points[engine, size, connections])

    def beside(self, engine: str, other: str, size: str) -> float:
        """How many times as many answers a second as another; nobody gives none for long."""
        return self.of("rate", engine, size) / max(self.of("rate", other, size), 0.01)

    def best(self, what: str, size: str, connections: int = AT_ONCE) -> tuple[float, str]:
        """The best of the peers that were measured, and its name."""
        told = [(self.of(what, peer, size, connections), peer) for peer in PEERS if self.has(peer)]
        return max(told) if what == "rate" else min(told)


# ---- rounds -------------------------------------------------------------------------------------------------------


def round_of(engine: str, turn: int, plan: Plan, bench: Bench, found: Found) -> None:
    """One engine in one round."""
    folder = bench.scratch / f"{engine}-{turn}"
    if engine == "limit":
        for size in SIZES:
            point = limit(bench.plain, bench.photos[size], plan.seconds)
            found.points[engine, size, AT_ONCE].append(point)
            say(f"round {turn + 1}, limit, {size}: {point.rate:.1f} a second")
        return
    if engine in PEERS:
        peer = next(one for one in serving_peers.PEERS if one.name == engine)
        model = bench.plain.folder / "model.onnx"
        with serving_peers.standing(peer, plan.peers, model, serving_model.LABELS, folder) as served:
            drive(engine, turn, served, plan, bench, found)
        return
    project = bench.plain if engine == "teahouse" else bench.project
    with serving_model.standing(project.root, folder / "house") as served:
        answered = drive(engine, turn, served, plan, bench, found)
    found.kept.append((engine, answered, serving_model.kept(folder / "house")))


def limit(project: Project, photos: list[Path], seconds: int) -> Point:
    """What is answered without a server."""
    script = Path(__file__).with_name("serving_limit.py")
    command = [sys.executable, str(script), str(project.folder), "model.onnx", str(seconds), *map(str, photos)]
    meter = serving_load.Meter()
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    others = meter.others(meter.children())
    return Point(float(told[0]), 0.0, 0.0, 0, 0, {"limit": float(told[1])}, others)


def drive(engine: str, turn: int, served: Served, plan: Plan, bench: Bench, found: Found) -> int:
    """All sizes and connections of one server; how many answers it gave."""
    load = serving_load.load_of(served, bench.scratch / "bodies" / engine, bench.photos)
    answered = len(SIZES)
    for size in SIZES:
        for connections in CONNECTIONS:
            answered += load.run(size, connections, plan.warm, served.family).answered
            served.settle()
            seconds = plan.seconds * (2 if (size, connections) == ("phone", AT_ONCE) else 1)
            point = load.run(size, connections, seconds, served.family)
            served.settle()
            answered += point.answered
            found.points[engine, size, connections].append(point)
            say(f"round {turn + 1}, {engine}, {size}, {connections}: {in_words(point)}")
    if turn == 0 and plan.runs("phones"):
        found.peaks[engine], more = serving_site.peak(served, load, plan.seconds)
        answered += more
    return answered


def in_words(point: Point) -> str:
    """A point on a line."""
    cpu = ", ".join(f"{role} {1000 * seconds:.2f}" for role, seconds in sorted(point.cpu.items()))
    return (f"{point.rate:.1f} a second, p50 {point.p50:.1f} ms, p99 {point.p99:.1f} ms, {point.answered} answered, "
            f"{point.failed} failed; CPU ms an answer: {cpu}")  # fmt: skip


def say(words: str) -> None:
    """How far it is, for who waits."""
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


def rounds(plan: Plan, bench: Bench) -> Found:
    """All rounds; an engine that does not stand is told of, and left out from then on."""
    found = Found()
    wanted = [engine for engine in ENGINES if plan.runs(engine)]
    for peer in serving_peers.PEERS:
        if peer.name in wanted and (why := serving_peers.missing(plan.peers, peer)):
            found.why[peer.name] = why
    if bench.project.left_out:
        found.why["int8"] = bench.project.left_out
    found.why |= {engine: "it was not asked for" for engine in ENGINES if engine not in wanted}
    for turn in range(plan.rounds):
        shift = turn % len(wanted) if wanted else 0
        for engine in wanted[shift:] + wanted[:shift]:
            if engine in found.why:
                continue
            try:
                round_of(engine, turn, plan, bench, found)
            except (RuntimeError, OSError, AssertionError, subprocess.SubprocessError) as error:
                found.why[engine] = str(error)[-300:]
                say(f"{engine}: {error}")
    return found


# ---- bars ---------------------------------------------------------------------------------------------------------


def spread(found: Found, engine: str, size: str) -> str:
    """The rates of an engine's rounds."""
    rates = [point.rate for point in found.points[engine, size, AT_ONCE]]
    return f"{engine} {median(rates):.1f} ({min(rates):.1f} to {max(rates):.1f})"


def against_limit(found: Found) -> list[rows.Row]:
    """fp32 beside no server."""
    told = []
    for size, bar in OF_LIMIT.items():
        name, words = f"fp32, {size} photos, 32 at once: answers a second beside the no-server limit", f">= {bar:.2f} x"
        if why := next((f"{one}: {found.why[one]}" for one in ("teahouse", "limit") if one in found.why), ""):
            told.append(rows.unmeasured(name, words, why))
            continue
        share = found.beside("teahouse", "limit", size)
        value = f"{share:.2f} x: {spread(found, 'teahouse', size)}, {spread(found, 'limit', size)}"
        told.append(rows.row(name, value, words, share >= bar))
    return told


def against_peers(found: Found, engine: str, bars: dict[str, float]) -> list[rows.Row]:
    """Answers a second beside the best of the peers."""
    told, form = [], "fp32" if engine == "teahouse" else "int8"
    for size, bar in bars.items():
        name = f"{form}, {size} photos, 32 at once: answers a second beside the best peer"
        words = f">= {bar:.1f} x" if bar > 1 else f"not behind: >= 1.0 x, {NOT_BEHIND} counts as level"
        if why := unfit(found, engine):
            told.append(rows.unmeasured(name, words, why))
            continue
        peer = found.best("rate", size)[1]
        share = found.beside(engine, peer, size)
        value = f"{share:.2f} x: {spread(found, engine, size)}, {spread(found, peer, size)}"
        told.append(rows.row(name, value, words, share >= (bar if bar > 1 else NOT_BEHIND)))
    return told


def unfit(found: Found, engine: str) -> str:
    """Why an engine can not be held against the peers; "" where it can."""
    if not found.has(engine):
        return found.why.get(engine, "it was not measured")
    if engine == "int8" and not found.forms()[engine].startswith(engine):
        return f"the site answers with {found.forms()[engine]}"
    return "" if any(map(found.has, PEERS)) else "no peer was measured"


def waits(found: Found) -> list[rows.Row]:
    """The median of one at a time and the slowest hundredth of 32, beside the best of the peers."""
    told = []
    for what, connections in (("p50", 1), ("p99", AT_ONCE)):
        for size in SIZES:
            name = f"{what} of {size} photos, {connections} at once, ms"
            if why := unfit(found, "teahouse"):
                told.append(rows.unmeasured(name, "<= the best peer's", why))
                continue
            mine, (theirs, peer) = found.of(what, "teahouse", size, connections), found.best(what, size, connections)
            told.append(rows.row(name, f"{mine:.1f} ({peer} {theirs:.1f})", "<= the best peer's", mine <= theirs))
    return told


def durable(found: Found) -> list[rows.Row]:
    """Whether every answer was on the disk, and none failed."""
    names = ("every answer is committed at synchronous=FULL", "answers that were not 2xx, or broke",
             "answers that came from memory, and were not worked out")  # fmt: skip
    if not found.kept:
        why, bars = found.why.get("teahouse", "it was not measured"), ("rows >= answers", "0", "0")
        return [rows.unmeasured(name, bar, why) for name, bar in zip(names, bars, strict=True)]
    answered, kept = sum(one for _, one, _ in found.kept), sum(one.rows for _, _, one in found.kept)
    sync = {one.synchronous for _, _, one in found.kept}
    failed = sum(point.failed for (engine, _, _), points in found.points.items() for point in points
                 if engine in ("teahouse", "int8"))  # fmt: skip
    inputs, forms = sum(one.inputs for _, _, one in found.kept), found.forms()
    value = (
        f"{kept:,} rows of {inputs:,} different photos after SIGKILL, for {answered:,} answers; PRAGMA synchronous "
        f"{sorted(sync)}; forms {', '.join(f'{engine}: {words}' for engine, words in forms.items())}"
    )
    return [
        rows.row(names[0], value, "rows >= answers", kept >= answered and sync == {FULL_SYNC}),
        rows.row(names[1], failed, "0", failed == 0),
        rows.row(names[2], kept - inputs, "0", inputs == kept),
    ]


def peaks(found: Found, plan: Plan) -> list[rows.Row]:
    """Memory under 32 phone photos at once, of all."""
    bar, name = serving_site.PHONES_MB, "memory under 32 phone photos at once, most, MB (PSS)"
    if "teahouse" not in found.peaks:
        why = found.why.get("teahouse", "it was not asked for" if not plan.runs("phones") else "it was not measured")
        return [rows.unmeasured(name, f"<= {bar}", why)]
    told = []
    for engine, (most, roles) in found.peaks.items():
        held = engine in ("teahouse", "int8")
        value = f"{most:.0f} ({roles})" if held else f"{most:.0f}"
        whose = name if engine == "teahouse" else f"{name}: {engine}"
        told.append(rows.row(whose, value, f"<= {bar}" if held else "told", not held or most <= bar))
    return told


def quiet(found: Found) -> rows.Row:
    """Whether the machine did nothing else meanwhile: else no other row means much."""
    name = "share of the processors that others took meanwhile, on the median"
    shares = [point.others for points in found.points.values() for point in points]
    if not shares:
        return rows.unmeasured(name, f"<= {OTHERS:.0%}", "nothing was measured")
    value = f"{median(shares):.1%}, most {max(shares):.1%}"
    return rows.row(name, value, f"<= {OTHERS:.0%}", median(shares) <= OTHERS)


def cpu(found: Found) -> list[rows.Row]:
    """What an answer takes of the processors, by process."""
    told = []
    for (engine, size, connections), points in found.points.items():
        if connections != AT_ONCE:
            continue
        roles = sorted({role for point in points for role in point.cpu})
        value = {role: 1000 * median(point.cpu.get(role, 0.0) for point in points) for role in roles}
        words = ", ".join(f"{role} {ms:.2f}" for role, ms in value.items() if ms >= 0.005)
        told.append(rows.row(f"CPU ms an answer, {engine}, {size}, 32 at once", words, "told", True))
    return told


# ---- all of it ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bench:
    """What all stand on: the project, the same with fp32 alone, the photos, a folder on a real disk."""

    project: Project
    plain: Project
    photos: dict[str, list[Path]]
    scratch: Path


def prepared(scratch: Path) -> Bench:
    """Trains the model and makes the photos."""
    say("making the photos, training the model")
    photos = serving_photos.write(scratch / "photos", COUNT)
    project = serving_model.made(scratch / "project")
    return Bench(project, serving_model.plain(project, scratch / "plain"), photos, scratch)


def site(plan: Plan, bench: Bench, beside: dict[str, Any]) -> list[rows.Row]:
    """What is measured on Teahouse alone; a part that breaks is told of."""
    small = bench.photos["small"][0].read_bytes()
    place, sizes = bench.scratch, plan.sizes

    def staged() -> list[rows.Row]:
        found = serving_site.stages(bench.plain, place / "stages", bench.photos, sizes)
        beside["stages"] = [asdict(one) for one in found]
        return [stage_row(one) for one in found]

    parts: dict[str, Callable[[], list[rows.Row]]] = {
        "start": lambda: serving_site.first_answer(bench.plain, place / "start", small, sizes),
        "memory": lambda: serving_site.idle_and_flat(bench.plain, place / "memory", bench.photos, sizes),
        "memory-int8": lambda: serving_site.flat_int8(bench.project, place / "memory-int8", bench.photos, sizes),
        "apps": lambda: serving_site.many_apps(bench.plain, place / "apps", sizes),
        "retrain": lambda: serving_site.beside_retrain(bench.plain, place / "retrain", bench.photos, sizes),
        "stages": staged,
    }
    found = []
    for name, part in parts.items():
        if not plan.runs(name):
            found += left_out(sizes.bars[name], "it was not asked for")
            continue
        say(name)
        try:
            found += part()
        except (RuntimeError, OSError, AssertionError) as error:
            found += left_out(sizes.bars[name] or [(name, "told")], str(error)[-300:])
    return found


def left_out(bars: list[tuple[str, str]], why: str) -> list[rows.Row]:
    """The rows of a part that was not measured."""
    return [rows.unmeasured(name, bar, why) for name, bar in bars]


def stage_row(one: serving_site.Stage) -> rows.Row:
    """One line of the table of stages."""
    value = ", ".join(f"{name} {ms:.1f}" for name, ms in one.ms.items())
    return rows.row(f"stages of {one.size} photos, {one.at_once} at once, ms", value, "told", True)


def finite(point: Point) -> dict[str, Any]:
    """A point as JSON has it: no number where nobody was answered."""
    return {name: None if value == float("inf") else value for name, value in asdict(point).items()}


def measure(plan: Plan, scratch: Path, beside: dict[str, Any]) -> list[rows.Row]:
    """The rows of the report."""
    bench = prepared(scratch)
    beside["timed"] = bench.project.timed
    say("; ".join([*bench.project.timed, bench.project.left_out]))
    found = rounds(plan, bench)
    beside["points"] = [
        {"engine": engine, "size": size, "connections": connections, "rounds": [finite(point) for point in points]}
        for (engine, size, connections), points in found.points.items()
    ]
    beside["not measured"] = found.why
    told = [
        quiet(found),
        *against_limit(found),
        *against_peers(found, "teahouse", OF_PEERS),
        *against_peers(found, "int8", OF_PEERS_INT8),
        *durable(found),
        *waits(found),
        *peaks(found, plan),
        *site(plan, bench, beside),
        *cpu(found),
    ]
    left = [rows.row(f"peer {peer}", f"not measured: {found.why[peer]}", "told", True) for peer in PEERS
            if peer in found.why]  # fmt: skip
    return told + left


def versions(environment: Path | str) -> list[str]:
    """What is installed in an environment of that which matters here."""
    matter = ("onnxruntime", "pillow", "numpy", "uvicorn", "fastapi", "uvloop", *PEERS)
    found = (path.stem for path in Path(environment).glob("lib/python3*/site-packages/*.dist-info"))
    return sorted(one for one in found if one.partition("-")[0].lower() in matter)


def main() -> int:
    parser = argparse.ArgumentParser(add_help=False)
    peers = Path(__file__).parents[1] / ".make" / "peers"
    parser.add_argument("--peers", type=Path, default=peers, metavar="DIR", help="the peers' own environment")
    parser.add_argument("--only", default="", metavar="NAME,…", help=f"of {', '.join((*ENGINES, *PARTS))}")
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="a folder on a real disk")
    parser.add_argument("--report", type=Path)
    given, rest = parser.parse_known_args()
    rest += ["--report", str(given.report)] if given.report else []
    asked = tuple(filter(None, given.only.split(",")))
    if wrong := set(asked) - {*ENGINES, *PARTS}:
        parser.error(f"--only knows {', '.join((*ENGINES, *PARTS))}, not {', '.join(sorted(wrong))}")
    beside: dict[str, Any] = {"cores": os.cpu_count(), "load before": os.getloadavg()[0]}

    def measured(quick: bool) -> list[rows.Row]:
        usual = ("limit", "teahouse", "int8", *(QUICK_PEERS if quick else PEERS), *PARTS)
        sizes = serving_site.QUICK if quick else serving_site.FULL
        lasts = (1, 1, 2) if quick else (3, 2, 6)
        plan = Plan(*lasts, sizes, asked or usual, given.peers.absolute())
        beside["versions"] = {"here": versions(sys.prefix), "peers": versions(plan.peers)}
        if not serving_load.is_there():
            empty = Found(why=dict.fromkeys(ENGINES, serving_load.MISSING))
            return [quiet(empty), *against_limit(empty), *against_peers(empty, "teahouse", OF_PEERS),
                    *against_peers(empty, "int8", OF_PEERS_INT8), *durable(empty), *waits(empty), *peaks(empty, plan),
                    *(row for bars in sizes.bars.values() for row in left_out(bars, serving_load.MISSING))]  # fmt: skip
        place = given.scratch or (given.report.parent if given.report else Path("/var/tmp"))
        with tempfile.TemporaryDirectory(prefix="teahouse-serving-", dir=place.absolute()) as scratch:
            return measure(plan, Path(scratch), beside)

    return rows.main((__doc__ or "").partition("\n")[0], measured, rest, beside, parser)


if __name__ == "__main__":
    sys.exit(main())
