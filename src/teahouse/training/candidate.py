"""Candidate: from a trained net to a sealed release: exported, compared, tried on the maker's checks, with examples."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from teahouse.errors import TeahouseError, TrainingFailed
from teahouse.model.forms import Tried
from teahouse.spec.app import App
from teahouse.training import figures, forms, pictures, sealing, tries
from teahouse.training.data import Pantry, TrainingData, TrainRow
from teahouse.training.progress import Journal, finite
from teahouse.training.run import code_files

CHECKED, CHECKED_KEPT = 200, 32  # rows that a check may use; of photos that keep their shape fewer: they are large
THUMBNAIL = 256  # pixels of the longer side of a choice's small pictures
FAMILIAR = 600  # of the maker's training rows, that tell what is familiar
BATCH = 32
FASTER_S, FASTER = 60.0, 0.1  # seconds that the faster form may take to build and judge, or so much of the training's
ARRAYS = (numpy.ndarray, numpy.generic)  # one number of a batch is no ndarray any more


@dataclass(frozen=True)
class Example:
    """A row that a check may use: `inputs` are what was given (photo bytes or values), `arrays` what the model takes
    (an image: float32 [3, height, width], 0 to 1), `truth` the right answer."""

    inputs: Mapping[str, Any]
    arrays: Mapping[str, numpy.ndarray]
    truth: Any

    @classmethod
    def of(cls, app: App, number: int, given: Mapping[str, Any], truth: Any) -> Example:
        """The `number`th of what is given to try, with a value for each field that it leaves open."""
        whole = tries.with_values(app, given, number)
        return cls(whole, {name: app.fields[name].tensor(one) for name, one in whole.items()}, truth)

    @property
    def array(self) -> numpy.ndarray:
        """The only input's array."""
        return next(iter(self.arrays.values()))


class Predict:
    """What a maker's check is called with: `predict(given)` is the candidate's answer: {"label", "scores"}, of a model
    that makes pictures the picture, float32 [3, height, width].

    `given` is a photo's bytes, an array as in `Example.arrays`, or a dict of these by field; what is not given is at
    its start. `predict.rows` are up to 200 rows that the training did not see where there are any, else rows that it
    saw."""

    def __init__(self, app: App, folder: Path, rows: Sequence[Example], file: str = "model.onnx") -> None:
        from teahouse.model.session import Session

        self._app = app
        self._session = Session(folder, file=file)
        self.rows = list(rows)

    def __call__(self, given: Any) -> Any:
        if not isinstance(given, Mapping):
            given = {next(iter(self._app.fields)): given}
        arrays = {
            name: numpy.asarray(value if isinstance(value, ARRAYS) else self._app.fields[name].tensor(value))
            for name, value in tries.with_values(self._app, given, 0).items()
        }
        row = self.outputs({name: array[None] for name, array in arrays.items()})[0]
        return row if self._app.output.kind == "image" else self._app.output.value(row)

    def outputs(self, batch: Mapping[str, numpy.ndarray]) -> numpy.ndarray:
        """The model's rows for a batch, through the maker's predict function where there is one."""
        hook = self._app.hooks.get("predict")
        if hook is None:
            return self._session.predict(dict(batch))

        def model(**arrays: numpy.ndarray) -> numpy.ndarray:
            """Runs the ONNX file on one item: arrays without batch axis in, one out."""
            return self._session.predict({name: numpy.asarray(array)[None] for name, array in arrays.items()})[0]

        count = len(next(iter(batch.values())))
        return numpy.stack(
            [numpy.asarray(hook(model, {name: array[i] for name, array in batch.items()})) for i in range(count)]
        )


def make(app: App, folder: Path, net: Any, data: TrainingData, took: float = 0.0) -> dict[str, Any]:
    """Export the net to folder/candidate, try it, seal it; what result.json says of it. `took`: the seconds that the
    training took, of which a tenth may go into its faster form."""
    from teahouse.model.export import export

    journal, target = Journal(folder), folder / "candidate"
    target.mkdir(exist_ok=True)
    journal.write("exporting")
    pantry = data.pantry
    rows = tries.rows_to_try(app, data, folder / "code")
    seen, arrays = pantry.reading(rows, lambda rows: [pantry.arrays(group) for group in pantry.by_shape(rows)])
    if not seen:
        raise TrainingFailed("There are no rows to try the model on.", "The data is empty.", "Add photographs.")
    net.eval()
    parity = export(net, app.fields, arrays, target)
    journal.write("exported", **parity)
    unseen = pantry.there(data.validation.rows) or pantry.there(data.train.rows)
    keeps = any(getattr(field, "fit", "") == "keep" for field in app.fields.values())
    predict = Predict(app, target, _examples(data, (unseen or seen)[: CHECKED_KEPT if keeps else CHECKED]))
    metrics = _metrics(app, predict, data, unseen)
    journal.write("validated", **metrics)
    checks = [*_look_at_pictures(app, predict, pantry, seen), *_try_checks(app, predict)]
    if checks:
        journal.write("checked", passed=sum(one["passed"] for one in checks), of=len(checks))
    own = figures.of_photos(app, pantry, [*data.train.rows, *data.validation.rows])
    own |= figures.of_answers(app, pantry, data.validation.rows, predict.outputs)
    faster = _faster(app, folder, data, max(FASTER_S, took * FASTER))
    release = _seal(app, folder, _Made(predict, data, metrics, parity, _familiar(app, data, target), own, faster))
    journal.write("sealed", release=release)
    return {"release": release, "metrics": metrics, "parity": parity, "checks": checks}


@dataclass(frozen=True)
class _Made:
    predict: Predict
    data: TrainingData
    metrics: dict[str, Any]
    parity: dict[str, Any]
    familiar: dict[str, Any] | None
    figures: dict[str, Any]
    tried: Tried


def _faster(app: App, folder: Path, data: TrainingData, seconds: float) -> Tried:
    """The faster form, built from the maker's rows, or where there are none from the samples."""
    journal, target = Journal(folder), folder / "candidate"
    journal.write("building-form")
    own = forms.of_rows(app, data.pantry, data.train.rows, data.validation.rows)
    own = own if own.reads else forms.of_files(app, tries.sample_inputs(app, folder / "code"))
    tried = forms.int8(app, target, own, _outputs(app, target), seconds)
    told = {name: tried.form[name] for name in ("flips", "rows")} if tried.form else {"words": tried.why}
    journal.write("built-form", **told)
    return tried


def _outputs(app: App, target: Path) -> Callable[[str], Callable[[Mapping[str, numpy.ndarray]], Any]]:
    return lambda file: Predict(app, target, [], file).outputs


def _examples(data: TrainingData, rows: Sequence[TrainRow]) -> list[Example]:
    def example(rows: list[TrainRow]) -> Example:
        (row,) = rows
        given = {name: data.pantry.given(row, name) for name in row.inputs}
        return Example(given, {name: array[0] for name, array in data.pantry.arrays(rows).items()}, row.truth)

    found = [data.pantry.reading([row], example) for row in rows]
    return [made for row, made in found if row]


def _metrics(app: App, predict: Predict, data: TrainingData, rows: Sequence[TrainRow]) -> dict[str, Any]:
    """How right it is on validation rows, and whatever the maker's own function adds. Told, never judged on.

    Where pictures differ in size the maker's function gets a list of them in place of an array."""
    found: dict[str, Any] = {"validation_rows": len(data.validation.rows)}
    hook = app.hooks.get("evaluate")
    if app.output.kind == "image":  # nothing is measured on pictures but what the maker measures
        rows = rows[: tries.TRIED] if hook else []
    batches = [
        data.pantry.reading(group[start : start + BATCH], data.pantry.arrays)
        for group in data.pantry.by_shape(data.pantry.there(rows))
        for start in range(0, len(group), BATCH)
    ]
    made = [predict.outputs(arrays) for batch, arrays in batches if batch]
    if not made:
        return found
    if any(numpy.isnan(each).any() for each in made):
        raise TrainingFailed(
            "The net answers with what is no number.", "Its loss has run away.", "Try a lower learning rate."
        )
    one_shape = len({each.shape[1:] for each in made}) == 1
    outputs = numpy.concatenate(made) if one_shape else [row for each in made for row in each]
    targets = data.pantry.targets([row for batch, _ in batches for row in batch])
    if targets is not None and data.validation.rows:
        if app.output.kind == "labels":
            found["validation_accuracy"] = round(float((outputs.argmax(1) == targets).mean()), 4)
        elif app.output.kind == "number":
            found["validation_error"] = round(float(numpy.nanmean(numpy.abs(outputs.ravel() - targets))), 6)
    if hook is not None:
        found |= {str(name)[:40]: finite(float(value)) for name, value in dict(hook(outputs, targets)).items()}
    return found


def _look_at_pictures(app: App, predict: Predict, pantry: Pantry, rows: Sequence[TrainRow]) -> list[dict[str, Any]]:
    """What every maker of pictures has to show, on the rows that it was compared on."""
    if app.output.kind != "image":
        return []
    _, groups = pantry.reading(rows, lambda rows: [(group, pantry.arrays(group)) for group in pantry.by_shape(rows)])
    seen = [row for group, _ in groups or () for row in group]
    try:
        made = [one for _, batch in groups or () for one in predict.outputs(batch)]
    except TeahouseError as error:
        return [{"name": "its pictures are whole", "passed": False, "words": str(error)[:300]}]
    return pictures.looked_at(made, [dict(row.inputs) for row in seen])


def tried(app: App, predict: Predict, given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """All checks on a release that was made elsewhere: of its pictures, on what is `given`, and the maker's."""
    if app.output.kind != "image":
        return _try_checks(app, predict)
    try:
        looked = pictures.looked_at([predict(one) for one in given], [dict(one) for one in given])
    except TeahouseError as error:
        looked = [{"name": "its pictures are whole", "passed": False, "words": str(error)[:300]}]
    return [*looked, *_try_checks(app, predict)]


def _try_checks(app: App, predict: Predict) -> list[dict[str, Any]]:
    return [{"name": name, **_outcome(check, predict)} for name, check in app.checks.items()]


def _outcome(check: Callable[[Predict], Any], predict: Predict) -> dict[str, Any]:
    try:
        check(predict)
    except Exception as error:  # edge: a check says no by raising whatever it likes
        words = str(error) if isinstance(error, TeahouseError) else f"{type(error).__name__}: {error}".rstrip(": ")
        return {"passed": False, "words": words[:300]}
    return {"passed": True, "words": ""}


def _familiar(app: App, data: TrainingData, target: Path) -> dict[str, Any] | None:
    """What the maker's training rows look like, so that a photo of something else can be told; of the first image."""
    name = next((name for name, field in app.fields.items() if field.kind == "image" and field.fit != "keep"), None)
    if name is None:
        return None
    own = data.pantry.there([row for row in data.train.rows if not row.is_new])  # no visitor says what is familiar
    evenly = numpy.unique(numpy.linspace(0, len(own) - 1, FAMILIAR).astype(int)) if own else ()
    rows, arrays = data.pantry.reading([own[index] for index in evenly], data.pantry.arrays)
    return sealing.write_familiar(arrays[name], target) if rows else None


def _seal(app: App, folder: Path, made: _Made) -> str:
    target, written = folder / "candidate", _read_json(folder / "run.json")
    with_code = "predict" in app.hooks
    if with_code:
        _copy_code(folder / "code", target / "code")
    _write_thumbnails(app, folder / "code", target)
    (target / "card.md").write_text(_card(app, written, made), encoding="utf-8")
    shown = _shown(app, folder, made)[: sealing.EXAMPLES]
    facts = sealing.Facts(
        parity=made.parity,
        examples=sealing.write_examples(app, target, shown, made.predict),
        tried=forms.held(app, target, made.tried, shown, _outputs(app, target)),
        run=written["run"],
        version=written.get("version"),
        metrics=made.metrics,
        familiar=made.familiar,
        figures=made.figures,
        code=with_code,
    )
    return sealing.seal(app, target, facts)


def _shown(app: App, folder: Path, made: _Made) -> list[dict[str, Any]]:
    """What the examples are of: the maker's samples, then the maker's rows, going round the labels; where there is
    neither, what the candidate was tried on. A visitor's photo never leaves with a release. Rows begin with the one
    that it answers best, for a page opens with the first."""
    pantry, code = made.data.pantry, folder / "code"
    own = [row for row in [*made.data.validation.rows, *made.data.train.rows] if row.source == "maker"]
    given = tries.sample_inputs(app, code)
    rows = [] if len(given) >= sealing.EXAMPLES else _spread(pantry.there(own))
    shown = [{name: pantry.given(row, name) for name in app.fields if name in row.inputs} for row in rows]
    if not given and app.output.kind == "labels":
        shown = _best_first(shown, [row.truth for row in rows], made.predict)
    return [*given, *shown] or [dict(row.inputs) for row in tries.stand_ins(app, code)]


def _best_first(given: list[Any], truths: Sequence[Any], predict: Callable[[Any], Any]) -> list[Any]:
    """The same examples, that one first which is answered right and most surely; as they are where none is right."""
    said = [predict(one) for one in given]
    right = [at for at, truth in enumerate(truths) if said[at]["label"] == truth["label"]]
    best = max(right, key=lambda at: said[at]["scores"][said[at]["label"]], default=0)
    return [*given[best : best + 1], *given[:best], *given[best + 1 :]]


def _write_thumbnails(app: App, code: Path, target: Path) -> None:
    """The small pictures of what can be chosen, where the maker gives a folder of them."""
    for field in app.fields.values():
        folder = code / getattr(field, "pictures", "")
        if field.kind != "choice" or folder == code or not folder.is_dir():
            continue
        for word in field.words():
            files = (folder / f"{word}{ending}" for ending in sorted(tries.SAMPLES))
            cleaned = next((data for file in files if (data := tries.cleaned_file(file, THUMBNAIL))), None)
            if cleaned:
                (target / "examples").mkdir(exist_ok=True)
                (target / field.picture(word)).write_bytes(cleaned)


def _spread(rows: Sequence[TrainRow]) -> list[TrainRow]:
    """Some rows, going round the labels."""
    by_label: dict[str, list[TrainRow]] = {}
    for row in rows:
        by_label.setdefault(str(row.truth), []).append(row)
    rounds = [[found[i] for found in by_label.values() if i < len(found)] for i in range(sealing.EXAMPLES)]
    return [row for one in rounds for row in one][: sealing.EXAMPLES]


def _copy_code(source: Path, target: Path) -> None:
    allowed = {".py", ".json", ".txt", ".md", ".toml", ".csv", ".safetensors"}
    for file in code_files(source):
        if file.suffix in allowed:
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)


def _card(app: App, written: Mapping[str, Any], made: _Made) -> str:
    """The model's card: what it is, what it was trained on, how it did; for people."""
    train, validation, parity = made.data.train.rows, made.data.validation.rows, made.parity
    lines = [
        f"# {app.title}",
        "",
        app.description or "",
        "",
        app.note or "",
        "",
        *_trained_on(train, validation),
        f"- Dataset version: {written.get('version') or 'none'}",
        f"- Run: {written['run']}, seed {written['seed']}",
        f"- ONNX and PyTorch differ by at most {parity.get('max_abs', 0):.1e} on {parity.get('rows', 0)} rows.",
    ]
    lines += [f"- {name.replace('_', ' ')}: {value}" for name, value in made.metrics.items()]
    if app.output.kind != "image":
        lines += ["", "How often it is right is measured on rows that it has never seen, and told on its page."]
    return "\n".join(line for line, before in zip(lines, [None, *lines], strict=False) if line or before) + "\n"


def _trained_on(train: Sequence[TrainRow], validation: Sequence[TrainRow]) -> list[str]:
    if not train:
        return ["- Trained on what its own code makes, without rows."]
    words = sum(row.source == "import" for row in train)
    if words:
        return [f"- Learnt from visitors' words on {words} of its own pictures."]
    visitors = sum(row.is_new for row in train)
    return [
        f"- Trained on {len(train)} rows, {visitors} of them from visitors who allowed it.",
        f"- {len(validation)} more rows watched the training.",
    ]


def _read_json(path: Path) -> dict[str, Any]:
    import json

    return json.loads(path.read_bytes())
