"""Judging: what a verdict needs, brought together: rows or choices, answers of both sides, checks, cost, history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Any

from teahouse import datasets, ids, telemetry
from teahouse.engine.bench import Bench
from teahouse.engine.port import Answer
from teahouse.errors import BlobDamaged, NothingToDo, QueueFull, ReleaseBroken, TeahouseError, WorkerDied
from teahouse.feedback import judges
from teahouse.loop import replay
from teahouse.loop.maker import derived
from teahouse.model import bundle
from teahouse.release import choices, evaluate, slices
from teahouse.release.evaluate import Row, Scored
from teahouse.release.verdict import ROWS, Budget, Check, History, Pair, Verdict
from teahouse.release.verdict import judge as decide
from teahouse.settings import Settings
from teahouse.store import feedback, labels, lineage, releases, rollouts
from teahouse.store.house import House
from teahouse.training import run

log = telemetry.log("loop")

SLOWER = 3.0  # times the champion's milliseconds
SLACK_MS = 25.0  # and so much more: 0.6 ms beside 0.2 is no reason
EXAMPLES = 12  # of what a challenger mends, and of what it breaks


@dataclass(frozen=True)
class Case:
    """What stands before the judge. Rows: gold (live, base) and test, in this order of weight."""

    candidate: str
    champion: str | None
    original: str | None
    rows: tuple[tuple[str, Row], ...]
    usual: str | None
    version: bytes
    earlier: int
    checks: tuple[Check, ...]
    chosen: Chosen | None = None
    devices: Mapping[str, str] = field(default_factory=dict)  # by row: what kind of device its photo came from


@dataclass(frozen=True)
class Chosen:
    """What visitors chose of pictures, oldest first (True: the challenger's), how many people that were, and the last
    word that was looked at."""

    preferred: tuple[bool, ...] = ()
    people: int = 0
    until: int = 0


@dataclass(frozen=True)
class Heard:
    """How one release did: its scores by row (of those that are still there), the median milliseconds of an answer, its
    file's bytes, and how the photos looked to it (by row: "light", "seen")."""

    scored: Mapping[str, Scored]
    ms: float
    size: int
    looks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def judge(house: House, settings: Settings, job: Any, so_far: Mapping[str, Any]) -> dict[str, Any]:
    """Hear both sides, decide, write the verdict down. Doing it again gives the verdict that is there."""
    verdict_id = derived(job.id, "verdict")
    with house.db.read() as c:
        written = lineage.verdict(c, verdict_id)
    if written is None:
        case = bring(house, job, so_far)
        verdict, report = hear(house, settings, case)
        numbers = {
            **verdict.numbers,
            "report": report,
            "again_at": _again_at(verdict, case),
            "checks": [{"name": check.name, "passed": check.passed, "words": check.words} for check in case.checks],
        }
        reasons = [reason.as_dict() for reason in verdict.reasons]
        made = lineage.Judged(
            verdict_id, job.app, case.candidate, case.champion, case.version, verdict.outcome, reasons, numbers
        )
        house.db.write(lambda c: _write(c, made))
        with house.db.read() as c:
            written = lineage.verdict(c, verdict_id)
    return {
        "verdict": ids.text(written.id),
        "release": written.candidate,
        "champion": written.champion,
        "outcome": written.outcome,
        "reasons": written.reasons,
        "missing": written.numbers.get("missing", 0),
        "words": written.reasons[0]["words"] if written.reasons else "",
        "by_choices": written.numbers.get("measured_on") == choices.MEASURED,
    }


def _write(c: Any, made: lineage.Judged) -> None:
    """The verdict, and with it, where it does not refuse, the wish for a replay on earlier photos."""
    lineage.add_verdict(c, made)
    if made.outcome != "reject" and made.champion is not None and "choices" not in made.numbers:
        replay.ask(c, made.app, made.candidate, made.id)


def bring(house: House, job: Any, so_far: Mapping[str, Any]) -> Case:
    """Read all that the judge needs; NothingToDo where the candidate is the champion already."""
    candidate = so_far["install"]["release"] if "install" in so_far else str((job.args or {}).get("release", ""))
    with house.db.read() as c:
        release = releases.get(c, candidate)
        if release is None or release.app != job.app:
            raise NothingToDo("There is nothing to judge.", "This release is not one of the app's.", "Name a release.")
        champion = rollouts.champion(c, job.app)
        if champion is not None and champion.release == candidate:
            raise NothingToDo(
                "This release is the champion already.",
                "The training came to the same weights.",
                "Add photos or change train.",
            )
        last = next(iter(lineage.versions(c, job.app, limit=1)), None)
        trained = lineage.run(c, release.run) if release.run else None
        version = lineage.version(c, trained.version) if trained else last
        found = labels.of_app(c, job.app)
        earlier = [row for row in lineage.verdicts(c, job.app, limit=200) if row.candidate == candidate]
        first = [row.release for row in rollouts.history(c, job.app, limit=10_000) if row.state == "full"]
        chosen = _chosen(c, release, champion)
        looks = labels.looks(c, job.app)
    if version is None:
        raise NothingToDo("There is nothing to judge on.", "No dataset version is there.", "Train once.")
    champion_id = champion.release if champion is not None else None
    original = first[-1] if first and first[-1] != champion_id else None
    return Case(
        candidate,
        champion_id,
        original,
        tuple(rows_of(found)) if chosen is None else (),
        _usual(house, version),
        version.id,
        len(earlier),
        _checks(house, release, earlier),
        chosen,
        {ids.text(id_): str(look["device"]) for id_, look in looks.items() if "device" in look},
    )


def _chosen(c: Any, release: Any, champion: Any) -> Chosen | None:
    """What visitors chose between the two, or None where its answers are no pictures."""
    if release.manifest["output"]["kind"] != "image":
        return None
    found = judges.choices(c, release.app, champion.release, release.id) if champion is not None else []
    people = len({choice.visitor or choice.network for choice in found})
    return Chosen(tuple(choice.winner == release.id for choice in found), people, feedback.last_seq(c))


def rows_of(found: Iterable[labels.LabelRow]) -> list[tuple[str, Row]]:
    """("live" | "base" | "test", row): live gold, base gold, and held rows that only their visitors spoke of; of each
    those that are evidence of their own."""
    parts: dict[str, list[labels.LabelRow]] = {"live": [], "base": [], "test": []}
    for label in found:
        if label.answer is None:
            continue
        if label.is_live_gold:
            parts["live"].append(label)
        elif label.is_base_gold:
            parts["base"].append(label)
        elif (
            label.source == "visitor" and label.split == "test" and label.consent_live and label.decision != "set_aside"
        ):
            parts["test"].append(label)
    return [(source, _row(label)) for source, part in parts.items() for label in judges.independent(part)]


def _row(label: labels.LabelRow) -> Row:
    inputs = {name: datasets.bare(value) for name, value in label.inputs.items()}
    return Row(ids.text(label.id), inputs, label.answer, label.split, label.source)


def hear(house: House, settings: Settings, case: Case) -> tuple[Verdict, dict[str, Any]]:
    """Let both sides answer every row and decide; (the verdict, the challenger's report on the gold rows)."""
    if case.chosen is not None:
        return _hear_choices(house, settings, case, case.chosen)
    rows = [row for _, row in case.rows]
    try:
        challenger = answer_all(house.releases / case.candidate, rows, house.blobs.get)
    except ReleaseBroken as error:  # a challenger that can not even be started never meets a visitor
        return decide([], [broken(error)], Budget(), History(first=case.champion is None)), {}
    champion = _champion(house, case.champion, rows) if case.champion else None
    original = _original(house, case)
    heard = [each for each in (challenger, champion) if each]
    there = [(source, row) for source, row in case.rows if all(row.id in each.scored for each in heard)]
    budget = cost_of(settings, challenger, champion)
    pairs = [pair(source, row, champion, challenger, case.usual, case.devices) for source, row in there]
    history = History(
        first=case.champion is None,
        judged=case.earlier,
        original=[pair(source, row, original, challenger, None) for source, row in there if row.id in original.scored]
        if original
        else (),
    )
    verdict = decide(pairs, case.checks, budget, history)
    judged = [row for source, row in there if source == verdict.numbers["measured_on"]]
    gold = [challenger.scored[row.id] for row in judged]
    words = _labels_of(house, case.candidate)
    examples = {} if champion is None else {"examples": differing(judged, champion, challenger)}
    return verdict, evaluate.report(gold, words, case.usual).as_dict() | {
        "ms": round(challenger.ms, 2),
        "bytes": challenger.size,
        **examples,
    }


def differing(rows: Iterable[Row], champion: Heard, challenger: Heard) -> dict[str, list[dict[str, Any]]]:
    """{"mended", "broken"}: rows that only one side is right on, those that the wrong side was surest of first; of each
    kind the first few, with what both said."""
    found: dict[str, list[dict[str, Any]]] = {"mended": [], "broken": []}
    for row in rows:
        before, after = champion.scored[row.id], challenger.scored[row.id]
        if before.right != after.right:
            wrong_one = before if after.right else after
            said = {"row": row.id, "truth": before.truth, "before": before.said, "after": after.said}
            found["mended" if after.right else "broken"].append({**said, "p": round(wrong_one.p, 4)})
    return {kind: sorted(some, key=lambda one: (-one["p"], one["row"]))[:EXAMPLES] for kind, some in found.items()}


def _hear_choices(house: House, settings: Settings, case: Case, chosen: Chosen) -> tuple[Verdict, dict[str, Any]]:
    """Pictures have no right answer: each side makes its examples, for what that costs, and visitors have chosen."""
    first = case.champion is None
    try:
        challenger = make_examples(house.releases / case.candidate)
    except ReleaseBroken as error:
        return choices.judge(chosen.preferred, [broken(error)], Budget(), first=first, people=chosen.people), {}
    champion = None
    try:
        champion = make_examples(house.releases / case.champion) if case.champion else None
    except ReleaseBroken as error:
        log.error("champion-broken", release=case.champion, what=str(error))
    budget = cost_of(settings, challenger, champion)
    verdict = choices.judge(chosen.preferred, case.checks, budget, first=first, people=chosen.people)
    return verdict, {"ms": round(challenger.ms, 2), "bytes": challenger.size}


def make_examples(folder: Path) -> Heard:
    """What it costs to make a release's own examples; ReleaseBroken where it does not make them."""
    given = [
        {name: (folder / value).read_bytes() if _is_file(folder, value) else value for name, value in one.items()}
        for one in (example["inputs"] for example in bundle.read(folder).examples)
    ]
    try:
        with Bench(folder) as bench:
            times = [_ms(bench.answer(one)) for one in given]
    except (WorkerDied, QueueFull, ReleaseBroken):
        raise
    except TeahouseError as error:
        raise ReleaseBroken("It does not make the pictures of its own examples.", str(error)) from error
    return Heard({}, median(times) if times else 0.0, _size(folder))


def _is_file(folder: Path, value: Any) -> bool:
    return isinstance(value, str) and value.startswith("examples/") and (folder / value).is_file()


def broken(error: ReleaseBroken) -> Check:
    """What a release that can not be started fails."""
    return Check("it starts and answers its own examples", False, str(error))


def cost_of(settings: Settings, challenger: Heard, champion: Heard | None) -> Budget:
    """What an answer costs the challenger, and the most it may: thrice the champion's milliseconds and some slack."""
    beside = champion.ms if champion else 0.0
    most = min(settings.engine.deadline_s * 500, max(SLOWER * beside, beside + SLACK_MS) if beside else 1e9)
    return Budget(challenger.ms, beside, most, challenger.size, settings.engine.memory_mb * 500_000)


def _champion(house: House, release: str, rows: Sequence[Row]) -> Heard:
    """The champion's answers; one that can not even be started is right about nothing."""
    try:
        return answer_all(house.releases / release, rows, house.blobs.get)
    except ReleaseBroken as error:
        log.error("champion-broken", release=release, what=str(error))
        return Heard({row.id: wrong(row) for row in rows}, 0.0, 0)


def _original(house: House, case: Case) -> Heard | None:
    """The very first champion's answers on gold rows; None where there is none any more."""
    if not case.original:
        return None
    try:
        rows = [row for source, row in case.rows if source != "test"]
        return answer_all(house.releases / case.original, rows, house.blobs.get)
    except ReleaseBroken as error:
        log.warning("original-broken", release=case.original, what=str(error))
        return None


def wrong(row: Row) -> Scored:
    """A row that a release did not answer."""
    return Scored(row.id, evaluate.word_of(row.truth), "", 1.0, False)


def answer_all(
    folder: Path,
    rows: Sequence[Row],
    photo: Callable[[str], bytes],
    told: Callable[[int], None] = lambda done: None,
) -> Heard:
    """Every row whose photo is still there, asked one at a time: a fault costs this row. ReleaseBroken where the
    release can not be started. `photo`: a digest's bytes; `told`: how many rows are done."""
    times: list[float] = []
    scored: dict[str, Scored] = {}
    looks: dict[str, dict[str, str]] = {}
    with Bench(folder) as bench:
        for number, row in enumerate(rows):
            told(number)
            try:
                given = {name: _given(photo, value) for name, value in row.inputs.items()}
            except BlobDamaged:
                continue  # its visitor has erased it since
            try:
                answer = bench.answer(given)
            except (WorkerDied, QueueFull):
                raise  # this machine's trouble, not the release's
            except TeahouseError:
                scored[row.id] = wrong(row)
                continue
            times.append(_ms(answer))
            scored[row.id] = evaluate.score(row, answer.output)
            looks[row.id] = _look(answer)
    return Heard(scored, median(times) if times else 0.0, _size(folder), looks)


def _look(answer: Answer) -> dict[str, str]:
    """The slices that a photo's answer tells of: how light it is, and whether the release knows its like."""
    light = slices.light((answer.look or {}).get("brightness"))
    seen = None if answer.familiar is None else "familiar" if answer.familiar else "strange"
    return {name: value for name, value in (("light", light), ("seen", seen)) if value is not None}


def _ms(answer: Answer) -> float:
    return float(answer.ms.get("decode", 0)) + float(answer.ms.get("infer", 0)) / max(1, answer.batch)


def _size(folder: Path) -> int:
    model = folder / "model.onnx"
    return model.stat().st_size if model.is_file() else 0


def _given(photo: Callable[[str], bytes], value: Any) -> Any:
    return photo(value["blob"]) if isinstance(value, Mapping) and "blob" in value else value


def pair(
    source: str,
    row: Row,
    champion: Heard | None,
    challenger: Heard,
    usual: str | None,
    devices: Mapping[str, str] = MappingProxyType({}),
) -> Pair:
    """One row with both outcomes; where there is no champion, always saying the commonest label stands for it. How it
    looks is what the champion makes of it: it was there when the photo came."""
    truth, after = evaluate.word_of(row.truth), challenger.scored[row.id]
    device = {"device": devices[row.id]} if row.id in devices else {}
    look = (champion or challenger).looks.get(row.id, {})
    before = champion.scored[row.id] if champion else None
    return Pair(
        row.id,
        before.right if before else truth == usual,
        after.right,
        {"class": truth, "source": source, **look, **device},
        before.p if before else None,
        after.p,
    )


def _usual(house: House, version: Any) -> str | None:
    rows = datasets.rows_of(house, version)
    return evaluate.commonest(
        row["truth"] for row in rows if not row.get("erased") and row["split"] == "train" and row["truth"]
    )


def _labels_of(house: House, release: str) -> list[str]:
    with house.db.read() as c:
        return list(releases.get(c, release).manifest["output"].get("words", []))


def _checks(house: House, release: Any, earlier: Sequence[Any]) -> tuple[Check, ...]:
    """What the checks said when the candidate was made."""
    told = run.finished(house.run_dir(release.run)) if release.run else None
    found = told.value.get("checks", []) if told else next((row.numbers.get("checks", []) for row in earlier), [])
    return tuple(Check(one["name"].replace("_", " "), bool(one["passed"]), one.get("words", "")) for one in found)


def _again_at(verdict: Verdict, case: Case) -> dict[str, int]:
    """Gold rows at which a verdict of hold is worth a second look, by where they come from, or choices (and how many
    more, after which word); nothing otherwise."""
    if verdict.outcome != "hold" or not verdict.missing:
        return {}
    if case.chosen is not None:
        n, missing = verdict.numbers["choices"]["n"], verdict.missing
        return {"choices": n + missing, "more": missing, "after": case.chosen.until}
    measured = str(verdict.numbers["measured_on"])
    return {"gold_live": ROWS, f"gold_{measured}": verdict.numbers["gold"]["n"] + verdict.missing}
