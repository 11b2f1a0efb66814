"""Judge: one candidate beside one champion on the maker's own rows, from the project's files alone; what came of it.

Nothing here writes to a house. The rows are those that judge in every house of this app, the verdict is the loop's own,
and a candidate that was trained here has seen none of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from teahouse import ids
from teahouse.ci import own, trial
from teahouse.ci import shown as pictures
from teahouse.ci.champion import Side, first, newest, of_file, of_folder, trusted_in
from teahouse.errors import ReleaseBroken
from teahouse.loop import judging
from teahouse.release import choices, evaluate
from teahouse.release.paired import Pair, Reason, tail
from teahouse.release.verdict import GUARD_LOSS, SURE, Budget, Check, History, Verdict
from teahouse.release.verdict import judge as decide
from teahouse.settings import Settings
from teahouse.training import run

# Reasons that rows alone gave: a training that was cut short, and a model that is the same, are not judged by them.
BY_ROWS = frozenset(
    {"not-better", "class-suffers", "worse-than-guessing", "may-be-luck", "too-few-rows", "below-the-first"}
)


@dataclass(frozen=True)
class Ask:
    """What shall be judged. `candidate` and `against` are bundles (or release folders); without a candidate one is
    trained within `minutes`. `champion` is the folder of the project's own, `known` what its house knows."""

    app: str
    source: Path
    project: Path
    settings: Settings
    scratch: Path
    candidate: Path | None = None
    against: Path | None = None
    champion: Path | None = None
    known: own.Known = field(default_factory=own.Known)
    minutes: float = 5.0
    told: own.Told = lambda words, done, of: None
    event: Callable[[dict[str, Any]], None] = lambda event: None


@dataclass
class Judged:
    """What came of it: `report` as report.json holds it, pictures by the path that it names, curves by name, and the
    candidate's folder (None where nothing had to be trained)."""

    report: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)
    curves: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    candidate: Path | None = None


@dataclass
class _Clock:
    """Minutes by what they were spent on."""

    minutes: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.minutes[name] = round((now - self.began) / 60, 3)
        self.began = now


@dataclass(frozen=True)
class _Heard:
    """Both sides' answers and what was decided; `original`: the first Release, where it was heard too."""

    verdict: Verdict
    challenger: judging.Heard
    champion: judging.Heard | None
    rows: Sequence[evaluate.Row] = ()
    original: Side | None = None


def judge(ask: Ask) -> Judged:
    """Bring both sides, let them answer, decide. Raises what stops a side from being there at all."""
    clock = _Clock()
    data = own.gather(ask.app, ask.source, ask.scratch, ask.known, ask.told)
    clock.lap("data")
    champion = champion_of(ask)
    trained = None
    if ask.candidate is not None:
        side = of_file(ask.candidate, ask.app, ask.scratch / "releases", trusted=trusted_in(ask.project))
        checks = behaviour(ask, side, data)
    elif champion is not None and champion.manifest.run == ids.text(trial.run_id(_work(ask, data))):
        return Judged(_same(ask, data, champion, clock))
    else:
        trained = trial.train(_work(ask, data), ask.scratch, ask.minutes, ask.event)
        side, checks = trained.side, trained.checks
        clock.lap("training")
    told = [Check(one["name"].replace("_", " "), bool(one["passed"]), one.get("words", "")) for one in checks]
    sure = proof(side, data, trained is not None)
    heard = _hear(ask, data, _Sides(side, champion, sure != "unknown"), told)
    if trained is not None and trained.is_cut:
        heard = replace(heard, verdict=spared(heard.verdict, trained.epochs, trained.of))
    heard = replace(heard, verdict=as_good(heard.verdict))  # what was cut short is told so first
    clock.lap("judging")
    report = _report(ask, data, (side, champion), heard, clock)
    report["behaviour"] = [{"name": one.name, "passed": one.passed, "words": one.words} for one in told]
    report["candidate"] |= {"epochs": trained.epochs, "of": trained.of, "cut": trained.is_cut} if trained else {}
    report["candidate"]["metrics"] = dict(trained.metrics if trained else side.manifest.metrics)
    report["proof"] = sure
    files: dict[str, bytes] = {}
    report["pictures"] = (
        pictures.changed(heard.rows, heard.champion, heard.challenger, data.photo, files)
        if side.manifest.output["kind"] == "labels"
        else pictures.made(side, champion, files)
    )
    return Judged(report, files, trained.curves if trained else {}, side.folder)


def champion_of(ask: Ask) -> Side | None:
    """Whom it is judged against: the file that was named, else the project's own champion, else the newest Release."""
    if ask.against is not None:
        return of_file(ask.against, ask.app, ask.scratch / "releases", trusted=trusted_in(ask.project))
    if ask.champion is not None:
        return of_folder(ask.champion, ask.champion.name, "this project's champion")
    return newest(ask.app, ask.project, ask.scratch)


def behaviour(ask: Ask, side: Side, data: own.Own) -> list[dict[str, Any]]:
    """The checks on a candidate that was made elsewhere: those of its pictures, and the maker's as they are now, on
    rows that neither judge nor (by the draw) were trained on."""
    from teahouse.spec.load import load_app
    from teahouse.training import candidate

    app = load_app(ask.source)
    watched = [row for row in data.training() if row["split"] == "validation"] or data.training()
    given = [
        ({name: data.photo(value["blob"]) for name, value in row["inputs"].items()}, row["truth"])
        for row in watched[: candidate.CHECKED]
    ]
    examples = [pictures.inputs_of(side.folder, one["inputs"]) for one in side.manifest.examples]
    given = given or [(inputs, one["expected"]) for inputs, one in zip(examples, side.manifest.examples, strict=True)]
    rows = [candidate.Example.of(app, number, *one) for number, one in enumerate(given)]
    predict = candidate.Predict(app, side.folder, rows)
    return candidate.tried(app, predict, examples)


def spared(verdict: Verdict, epochs: int, of: int) -> Verdict:
    """A training that was cut short is no fair match for a champion that was trained to its end: where the rows alone
    speak against it, or for too little, nothing is decided. Checks and costs count as ever."""
    if verdict.outcome == "promote" or not all(reason.code in BY_ROWS for reason in verdict.reasons):
        return verdict
    words = (
        f"It was trained for {epochs} of {of} epochs, for more did not fit into the minutes: too little for a fair "
        "match. It runs, and it passes its checks."
    )
    return Verdict(
        "hold", (Reason("cut-short", words, {"epochs": epochs, "of": of}), *verdict.reasons), verdict.numbers
    )


def as_good(verdict: Verdict) -> Verdict:
    """A change that makes the model no better, and neither surely nor much worse, is no fault: who tidies a train.py
    or writes a comment has a green pull request, and the champion stays. What was lost is named."""
    gold = verdict.numbers.get("gold", {})
    if verdict.outcome != "reject" or {reason.code for reason in verdict.reasons} != {"not-better"} or not gold:
        return verdict
    if tail(gold["broken"], gold["fixed"]) < SURE or gold["points"] < -GUARD_LOSS:
        return verdict
    lost = gold["broken"] - gold["fixed"]
    words = (
        f"It is right on {lost} fewer of {gold['n']} photos, which may be chance; it is no gain in any case."
        if lost
        else "It is right as often as the champion. There is nothing to gain by changing over."
    )
    return Verdict("hold", (Reason("as-good", words, gold), *verdict.reasons), verdict.numbers)


def proof(side: Side, data: own.Own, here: bool) -> str:
    """How sure it is that the candidate has not been trained on what judges it: "here" and "same-rows" are certain,
    "by-draw" rests on the draw, which is the same in every house as long as photos came all at once, and "unknown" is
    one that names no rows: `teahouse.publish` does not know what a model was trained on."""
    if here:
        return "here"
    if side.manifest.version is None:
        return "unknown"
    return "same-rows" if side.manifest.version == data.digest else "by-draw"


def may_have_seen(verdict: Verdict) -> Verdict:
    """What speaks for a candidate that names no rows may be what it was trained on. What speaks against it counts, and
    a first release that nothing was measured on claims nothing."""
    if verdict.outcome != "promote" or verdict.reasons[0].code == "first-unmeasured":
        return verdict
    words = (
        "Nobody can say that it has not been trained on the photos that judge: it names no rows of its training. "
        "Train it here (@app.train), or judge it on photos that are newer than it."
    )
    return Verdict("hold", (Reason("may-have-seen", words), *verdict.reasons), verdict.numbers)


def same_model(verdict: Verdict, side: Side, champion: Side | None) -> Verdict:
    """Where both sides answer alike whatever they are given, rows decide nothing. Checks and costs count as ever."""
    decided = verdict.outcome == "promote" or all(reason.code in BY_ROWS for reason in verdict.reasons)
    if champion is None or not decided or _model(side) != _model(champion):
        return verdict
    words = "It is the champion's model, byte for byte: nothing changes for anybody."
    return Verdict("hold", (Reason("same-model", words),), verdict.numbers)


def _model(side: Side) -> Any:
    """What a release's answers come from: its models' and its code's digests, what it takes and how it answers."""
    told = side.manifest
    files = {path: one for path, one in told.files.items() if path.endswith(".onnx") or path[:5] == "code/"}
    return files, told.fields, told.output, told.forms, told.hooks


def _work(ask: Ask, data: own.Own) -> trial.Work:
    return trial.Work(ask.app, ask.source, ask.project, data)


@dataclass(frozen=True)
class _Sides:
    """Who meets; `fresh`: it is known that the candidate was not trained on what judges it."""

    side: Side
    champion: Side | None
    fresh: bool


def _hear(ask: Ask, data: own.Own, sides: _Sides, checks: Sequence[Check]) -> _Heard:
    """Let both sides answer and decide, by rows for labels; for other answers no right one is known here."""
    champion = sides.champion
    try:
        if sides.side.manifest.output["kind"] == "labels":
            rows = data.gold()
            if all(rows_for(one, rows) is not None for one in (sides.side, champion) if one):
                return _hear_rows(ask, data, sides, checks)
        challenger = judging.make_examples(sides.side.folder)
        beside = judging.make_examples(champion.folder) if champion else None
    except ReleaseBroken as error:
        return _Heard(
            decide([], [judging.broken(error)], Budget(), History(first=champion is None)),
            judging.Heard({}, 0, 0),
            None,
        )
    cost = judging.cost_of(ask.settings, challenger, beside)
    kind = sides.side.manifest.output["kind"]
    if kind == "labels":
        return _Heard(_other_inputs(decide([], checks, cost, History(first=True)), sides), challenger, beside)
    verdict = choices.judge((), checks, cost, first=champion is None)
    if verdict.outcome == "hold":
        words = (
            "Its checks pass. Which pictures are better is for visitors to say, on a site: here nobody can."
            if kind == "image"
            else "Its checks pass. No right answers are known here, so nothing else can be compared."
        )
        verdict = Verdict("hold", (Reason("checks-alone", words),), verdict.numbers)
    return _Heard(verdict, challenger, beside)


def _other_inputs(verdict: Verdict, sides: _Sides) -> Verdict:
    """What checks and costs say, and a hold where they say nothing against it: no row can be shown to both sides."""
    if verdict.outcome == "reject":
        return verdict

    def shape(one: Side) -> str:
        return f"{', '.join(str(field['name']) for field in one.manifest.fields)} → {one.manifest.output['kind']}"

    beside = f", the champion takes {shape(sides.champion)}" if sides.champion else ""
    words = (
        f"The photos here can not be shown to both alike: it takes {shape(sides.side)}{beside}. So nobody can say "
        "which is better. Its checks pass; put it on by hand if it is right."
    )
    return Verdict("hold", (Reason("other-inputs", words),), verdict.numbers)


def rows_for(side: Side, rows: Sequence[evaluate.Row]) -> list[evaluate.Row] | None:
    """The maker's rows as this side takes them: the photo under the name of its only photo, a start for what no row
    gives. None where a row can not be shown to it, or it answers no labels."""
    from teahouse.spec.fields import field_from_json
    from teahouse.training.tries import with_values

    if side.manifest.output["kind"] != "labels":
        return None
    declared = SimpleNamespace(fields={one.name: one for one in map(field_from_json, side.manifest.fields)})
    photos = [name for name, one in declared.fields.items() if one.binary]
    made = []
    for number, row in enumerate(rows):
        given = dict(row.inputs)
        if set(given) != set(declared.fields):
            if len(given) != 1 or len(photos) != 1:
                return None
            given = with_values(declared, {photos[0]: next(iter(given.values()))}, number)
        if set(given) != set(declared.fields):
            return None
        made.append(replace(row, inputs=given))
    return made


def _hear_rows(ask: Ask, data: own.Own, sides: _Sides, checks: Sequence[Check]) -> _Heard:
    side, champion, rows, usual = sides.side, sides.champion, data.gold(), data.usual()
    original = _original(ask, champion, rows)
    sort = {"the candidate": side, "the champion": champion, "the first Release": original}
    there = {name: one for name, one in sort.items() if one is not None}
    heard: dict[str, judging.Heard] = {}
    for number, (name, one) in enumerate(there.items()):

        def told(done: int, name: str = name, before: int = number * len(rows)) -> None:
            ask.told(f"Judging {name}", before + done, len(there) * len(rows))

        try:
            heard[name] = judging.answer_all(one.folder, rows_for(one, rows) or [], data.photo, told)
        except ReleaseBroken:
            if one is side:
                raise
            if one is champion:  # one that can not even be started is right about nothing
                heard[name] = judging.Heard({row.id: judging.wrong(row) for row in rows}, 0.0, 0)
    challenger, before, oldest = (heard.get(name) for name in sort)
    assert challenger is not None
    pairs: list[Pair] = [judging.pair("base", row, before, challenger, usual) for row in rows]
    below = [judging.pair("base", row, oldest, challenger, None) for row in rows] if oldest else []
    cost = judging.cost_of(ask.settings, challenger, before)
    verdict = decide(pairs, checks, cost, History(first=champion is None, original=below, fresh=sides.fresh))
    # no site is here to put it on
    verdict = replace(verdict, reasons=tuple(reason for reason in verdict.reasons if reason.code != "by-hand"))
    verdict = same_model(verdict if sides.fresh else may_have_seen(verdict), side, champion)
    return _Heard(verdict, challenger, before, rows, original if oldest else None)


def _original(ask: Ask, champion: Side | None, rows: Sequence[evaluate.Row]) -> Side | None:
    """The first Release, where the champion is a later one: many small steps down are one big one."""
    if champion is None or champion.number < 2:
        return None
    side = first(ask.app, ask.project, ask.scratch)
    return side if side is not None and rows_for(side, rows) is not None else None


def _report(ask: Ask, data: own.Own, sides: tuple[Side, Side | None], heard: _Heard, clock: _Clock) -> dict[str, Any]:
    side, champion = sides
    report = _frame(ask, data, champion, clock)
    report["outcome"] = heard.verdict.outcome
    report["reasons"] = [reason.as_dict() for reason in heard.verdict.reasons]
    report["kind"] = side.manifest.output["kind"]
    report["numbers"] = dict(heard.verdict.numbers)
    report["candidate"] = side.as_dict() | _cost(heard.challenger)
    report["original"] = heard.original.as_dict() if heard.original else None
    if champion is not None:
        report["champion"] |= _cost(heard.champion)
    if heard.rows:
        scored = [heard.challenger.scored[row.id] for row in heard.rows]
        words = list(side.manifest.output.get("words", []))
        report["found"] = evaluate.report(scored, words, data.usual()).as_dict()
    return report


def _same(ask: Ask, data: own.Own, champion: Side, clock: _Clock) -> dict[str, Any]:
    """The report where the training would be the champion's own, done again."""
    words = (
        "The champion comes of this very code and these very rows: training again would only make it again. "
        "So nothing was trained."
    )
    report = _frame(ask, data, champion, clock)
    return report | {"outcome": "hold", "reasons": [Reason("same-training", words).as_dict()], "proof": "here"}


def _frame(ask: Ask, data: own.Own, champion: Side | None, clock: _Clock) -> dict[str, Any]:
    return {
        "app": ask.app,
        "kind": champion.manifest.output["kind"] if champion else "",
        "candidate": None,
        "champion": champion.as_dict() | {"other_rows": _other_rows(ask, data, champion)} if champion else None,
        "rows": data.counts() | {"left_out": data.left_out_count},
        "left_out": list(data.left_out[:10]),
        "data": data.digest,
        "code": run.code_digest(ask.source),
        "numbers": {},
        "behaviour": [],
        "pictures": {},
        "minutes": clock.minutes | {"all": round(sum(clock.minutes.values()), 3)},
    }


def _other_rows(ask: Ask, data: own.Own, champion: Side) -> bool:
    """Whether a champion that was trained without a house saw other rows than lie here now: photos came or went."""
    from_house = ask.champion is not None and ask.against is None
    return not from_house and champion.manifest.version not in (None, data.digest)


def _cost(heard: judging.Heard | None) -> dict[str, Any]:
    return {"ms": round(heard.ms, 2), "bytes": heard.size} if heard else {}
