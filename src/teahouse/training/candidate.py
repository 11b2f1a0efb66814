"""Candidate: from a trained net to a sealed release: exported, compared, tried on the maker's checks, with examples."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy

from teahouse.errors import InputError, TeahouseError, TooLarge, TrainingFailed
from teahouse.spec import media
from teahouse.spec.app import App
from teahouse.spec.fields import Picture
from teahouse.training.data import TrainingData, TrainRow
from teahouse.training.progress import Journal, finite
from teahouse.training.run import code_files

EXAMPLES = 8
SAMPLES = {".jpg", ".jpeg", ".png", ".webp"}
COMPARED = 16  # rows on which ONNX and PyTorch are compared
FAMILIAR = 600  # of the maker's training rows, that tell what is familiar
BATCH = 32
TOLERANCE = 0.02


@dataclass(frozen=True)
class Example:
    """A row that a check may use: `inputs` are what was given (photo bytes or values), `arrays` what the model takes
    (an image: float32 [3, height, width], 0 to 1), `truth` the right answer."""

    inputs: Mapping[str, Any]
    arrays: Mapping[str, numpy.ndarray]
    truth: Any

    @property
    def array(self) -> numpy.ndarray:
        """The only input's array."""
        return next(iter(self.arrays.values()))


class Predict:
    """What a maker's check is called with: `predict(given)` is the candidate's answer ({"label", "scores"}).

    `given` is a photo's bytes, an array as in `Example.arrays`, or a dict of these by field. `predict.rows` are
    up to 200 rows that the training did not see where there are any, else rows that it saw."""

    def __init__(self, app: App, folder: Path, rows: Sequence[Example]) -> None:
        from teahouse.model.session import Session

        self._app = app
        self._session = Session(folder)
        self.rows = list(rows)

    def __call__(self, given: Any) -> Any:
        if not isinstance(given, Mapping):
            given = {next(iter(self._app.fields)): given}
        arrays = {
            name: value if isinstance(value, numpy.ndarray) else numpy.asarray(self._app.fields[name].tensor(value))
            for name, value in given.items()
        }
        return self._tell(
            self.outputs({name: numpy.asarray(array, numpy.float32)[None] for name, array in arrays.items()})[0]
        )

    def outputs(self, batch: Mapping[str, numpy.ndarray]) -> numpy.ndarray:
        """The model's rows for a batch, through the maker's predict function where there is one."""
        hook = self._app.hooks.get("predict")
        if hook is None:
            return self._session.predict(dict(batch))

        def model(**arrays: numpy.ndarray) -> numpy.ndarray:
            """Runs the ONNX file on one item: arrays without batch axis in, one out."""
            return self._session.predict(
                {name: numpy.asarray(array, numpy.float32)[None] for name, array in arrays.items()}
            )[0]

        count = len(next(iter(batch.values())))
        return numpy.stack(
            [numpy.asarray(hook(model, {name: array[i] for name, array in batch.items()})) for i in range(count)]
        )

    def _tell(self, row: numpy.ndarray) -> Any:
        value = self._app.output.value(row)
        return {"picture": 0, "media_type": value.media_type} if isinstance(value, Picture) else value


def make(app: App, folder: Path, net: Any, data: TrainingData) -> dict[str, Any]:
    """Export the net to folder/candidate, try it, seal it; what result.json says of it."""
    from teahouse.model.export import export

    journal, target = Journal(folder), folder / "candidate"
    target.mkdir(exist_ok=True)
    journal.write("exporting")
    pantry = data.pantry
    rows = pantry.there([*data.validation.rows, *data.train.rows])[:COMPARED]
    compared, arrays = pantry.reading(rows, pantry.arrays)
    if not compared:
        raise TrainingFailed("There are no rows to try the model on.", "The data is empty.", "Add photographs.")
    net.eval()
    parity = export(net, app.fields, arrays, target)
    journal.write("exported", **parity)
    unseen = pantry.there(data.validation.rows) or pantry.there(data.train.rows)
    predict = Predict(app, target, _examples(data, unseen[:200]))
    metrics = _metrics(app, predict, data, unseen)
    journal.write("validated", **metrics)
    checks = _try_checks(app, predict)
    if checks:
        journal.write("checked", passed=sum(one["passed"] for one in checks), of=len(checks))
    release = _seal(app, folder, _Made(predict, data, metrics, parity, _familiar(app, data, target)))
    journal.write("sealed", release=release)
    return {"release": release, "metrics": metrics, "parity": parity, "checks": checks}


@dataclass(frozen=True)
class _Made:
    predict: Predict
    data: TrainingData
    metrics: dict[str, Any]
    parity: dict[str, Any]
    familiar: dict[str, Any] | None


def _examples(data: TrainingData, rows: Sequence[TrainRow]) -> list[Example]:
    def example(rows: list[TrainRow]) -> Example:
        (row,) = rows
        given = {name: data.pantry.given(row, name) for name in row.inputs}
        return Example(given, {name: array[0] for name, array in data.pantry.arrays(rows).items()}, row.truth)

    found = [data.pantry.reading([row], example) for row in rows]
    return [made for row, made in found if row]


def _metrics(app: App, predict: Predict, data: TrainingData, rows: Sequence[TrainRow]) -> dict[str, Any]:
    """Accuracy on validation rows, and whatever the maker's own function adds. Told, never judged on."""
    found: dict[str, Any] = {"validation_rows": len(data.validation.rows)}
    batches = [
        data.pantry.reading(rows[start : start + BATCH], data.pantry.arrays) for start in range(0, len(rows), BATCH)
    ]
    if not any(batch for batch, _ in batches):
        return found
    outputs = numpy.concatenate([predict.outputs(arrays) for batch, arrays in batches if batch])
    if numpy.isnan(outputs).any():
        raise TrainingFailed(
            "The net answers with what is no number.", "Its loss has run away.", "Try a lower learning rate."
        )
    targets = data.pantry.targets([row for batch, _ in batches for row in batch])
    if targets is not None and app.output.kind == "labels" and data.validation.rows:
        found["validation_accuracy"] = round(float((outputs.argmax(1) == targets).mean()), 4)
    hook = app.hooks.get("evaluate")
    if hook is not None:
        found |= {str(name)[:40]: finite(float(value)) for name, value in dict(hook(outputs, targets)).items()}
    return found


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
    from safetensors.numpy import save_file

    from teahouse.model import familiar

    if name is None:
        return None
    own = data.pantry.there([row for row in data.train.rows if not row.is_new])  # no visitor says what is familiar
    evenly = numpy.unique(numpy.linspace(0, len(own) - 1, FAMILIAR).astype(int)) if own else ()
    rows, arrays = data.pantry.reading([own[index] for index in evenly], data.pantry.arrays)
    if len(rows) < familiar.LEAST:
        return None
    known = familiar.fit(arrays[name], None)
    save_file({key: numpy.ascontiguousarray(value) for key, value in known.items()}, target / "familiar.safetensors")
    return {"threshold": float(known["threshold"][0]), "file": "familiar.safetensors"}


def _seal(app: App, folder: Path, made: _Made) -> str:
    from teahouse.model import bundle
    from teahouse.model.shape import Manifest
    from teahouse.spec.fields.image import MAX_BYTES, MAX_MEGAPIXELS, MAX_SIDE

    target, written = folder / "candidate", _read_json(folder / "run.json")
    with_code = "predict" in app.hooks
    if with_code:
        _copy_code(folder / "code", target / "code")
    (target / "card.md").write_text(_card(app, written, made), encoding="utf-8")
    return bundle.seal(
        target,
        Manifest(
            app=app.name,
            title=app.title,
            description=app.description,
            note=app.note,
            fields=[field.json() for field in app.fields.values()],
            output=app.output.json(),
            version=written.get("version"),
            run=written["run"],
            metrics=made.metrics,
            parity=made.parity,
            familiar=made.familiar,
            hooks=[name for name in ("predict",) if name in app.hooks],
            code=with_code,
            limits={"bytes": MAX_BYTES, "megapixels": MAX_MEGAPIXELS, "side": MAX_SIDE},
            deadline_s=float(app.deadline_s),
            examples=list(_write_examples(app, folder, made)),
            tolerance=TOLERANCE,
            made=datetime.now(UTC).isoformat(timespec="seconds"),
        ),
    )


def _write_examples(app: App, folder: Path, made: _Made) -> Iterator[dict[str, Any]]:
    """Up to eight examples: the maker's samples, then the maker's rows, going round the labels. A visitor's photo never
    leaves with a release."""
    target, pantry = folder / "candidate", made.data.pantry
    (target / "examples").mkdir(exist_ok=True)
    own = [row for row in [*made.data.validation.rows, *made.data.train.rows] if row.source == "maker"]
    given = [
        *_samples(app, folder / "code"),
        *({name: pantry.given(row, name) for name in app.fields} for row in _spread(pantry.there(own))),
    ]
    for number, example in enumerate(given[:EXAMPLES]):
        inputs = {}
        for name, field in app.fields.items():
            if field.binary:
                inputs[name] = f"examples/{number}.jpg" if len(app.fields) == 1 else f"examples/{number}-{name}.jpg"
                (target / inputs[name]).write_bytes(example[name])
            else:
                inputs[name] = example[name]
        first = next((value for name, value in inputs.items() if app.fields[name].binary), "")
        yield {"file": first, "inputs": inputs, "expected": made.predict(example)}


def _samples(app: App, code: Path) -> list[dict[str, Any]]:
    """The pictures in the samples folder of an app whose only input is a photo: green-1, oolong-1, green-2, …"""
    names = list(app.fields)
    folder = code / app.samples
    if len(names) != 1 or app.fields[names[0]].kind != "image" or not app.samples or not folder.is_dir():
        return []
    files = sorted(folder.iterdir(), key=lambda file: (file.stem.rpartition("-")[2], file.name))
    found = []
    for file in files:
        with contextlib.suppress(InputError, TooLarge):  # a sample that can not be read is none
            if file.suffix.lower() in SAMPLES:
                found.append({names[0]: media.clean(file.read_bytes()).data})
    return found


def _spread(rows: Sequence[TrainRow]) -> list[TrainRow]:
    """Some rows, going round the labels."""
    by_label: dict[str, list[TrainRow]] = {}
    for row in rows:
        by_label.setdefault(str(row.truth), []).append(row)
    rounds = [[found[i] for found in by_label.values() if i < len(found)] for i in range(EXAMPLES)]
    return [row for one in rounds for row in one][:EXAMPLES]


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
    visitors = sum(row.is_new for row in train)
    lines = [
        f"# {app.title}",
        "",
        app.description or "",
        "",
        app.note or "",
        "",
        f"- Trained on {len(train)} rows, {visitors} of them from visitors who allowed it.",
        f"- {len(validation)} more rows watched the training.",
        f"- Dataset version: {written.get('version') or 'none'}",
        f"- Run: {written['run']}, seed {written['seed']}",
        f"- ONNX and PyTorch differ by at most {parity.get('max_abs', 0):.1e} on {parity.get('rows', 0)} rows.",
    ]
    lines += [f"- {name.replace('_', ' ')}: {value}" for name, value in made.metrics.items()]
    lines += ["", "How often it is right is measured on rows that it has never seen, and told on its page."]
    return "\n".join(line for line, before in zip(lines, [None, *lines], strict=False) if line or before) + "\n"


def _read_json(path: Path) -> dict[str, Any]:
    import json

    return json.loads(path.read_bytes())
