"""From what a visitor gave to the answer: decode, run, tell. A batch of one is the general case."""

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy

from teahouse import ids
from teahouse.engine.port import Answer
from teahouse.errors import InputError, ReleaseBroken
from teahouse.model import bundle, looks
from teahouse.model.forms import apart
from teahouse.model.session import Session
from teahouse.model.shape import Manifest
from teahouse.spec.fields import Field, Picture, field_from_json
from teahouse.spec.fields.image import longer_side

Json = Any


class Made(NamedTuple):
    """What a model made of one input: its row, and how much it likes that."""

    row: numpy.ndarray
    score: float | None = None


@dataclass(frozen=True)
class Decoded:
    """One input as arrays without batch axis, the milliseconds that took, whether the release knows its like, and how
    its photo looks."""

    arrays: dict[str, numpy.ndarray]
    ms: float
    familiar: bool | None
    at: float
    look: Mapping[str, float] | None = None

    @property
    def shapes(self) -> tuple:
        """Inputs of equal shapes may be run together."""
        return tuple((name, array.shape) for name, array in self.arrays.items())


class Answerer:
    """A loaded release. `decode` and `run` are apart, so that a worker decodes beside running; `answer` does both.

    form: the name of one of its forms, else its first. batch: how many inputs are run together, else as the form says.
    ReleaseBroken for a form that it does not have."""

    def __init__(self, folder: Path, *, form: str = "", threads: int = 1, batch: int = 0) -> None:
        folder = Path(folder)
        self.folder = folder
        self.manifest = bundle.verify(folder, folder.name) if ids.is_digest(folder.name) else bundle.read(folder)
        self.form = _form(self.manifest, form)
        self.fields: dict[str, Field] = {field.name: field for field in map(field_from_json, self.manifest.fields)}
        self.output = field_from_json(self.manifest.output)
        self.session = Session(folder, threads, self.form["file"])
        self.hook = _hook(folder, self.manifest)
        self._alone: Session | None = None
        self._known = _familiar(folder, self.manifest, self.fields)
        self._batch = batch

    def open_alone(self, threads: int) -> None:
        """A second session, of so many threads, that has answered an example: from now on `run` takes it for what is
        alone; not where a maker's function answers, which may bear no two. ReleaseBroken, MemoryError where that does
        not go, and nothing has changed."""
        if self.hook:
            return
        session = Session(self.folder, threads, self.form["file"])
        for given, _ in self.examples()[:1]:
            self._by_batch([self.decode(given)], session)
        self._alone = session

    @property
    def batch(self) -> int:
        """The most inputs that are run together; 1 where a maker's function sees one at a time."""
        return 1 if self.hook else max(1, self._batch or int(self.form.get("batch", 1)))

    def decode(self, given: Mapping[str, bytes | Json]) -> Decoded:
        """Checks and decodes every field; InputError says which one is wrong."""
        start = time.perf_counter()
        if set(given) != set(self.fields):
            raise InputError(
                "The inputs are not those of this app.",
                f"It takes {', '.join(self.fields)}.",
                "Send each of them once.",
            )
        arrays = {name: self._tensor(field, given[name]) for name, field in self.fields.items()}
        familiar = self._known(arrays) if self._known else None
        look = self._look(arrays, given)
        now = time.perf_counter()
        return Decoded(arrays, (now - start) * 1000, familiar, now, look)

    def run(self, items: Sequence[Decoded], alone: bool = False) -> list[Answer]:
        """The answers to inputs of equal shapes, in their order. alone: nothing else is to be worked out meanwhile."""
        start = time.perf_counter()
        alone = alone and self._alone is not None
        session = self._alone if alone else self.session
        made = [self._by_hook(item) for item in items] if self.hook else self._by_batch(items, session)
        ms = (time.perf_counter() - start) * 1000
        return [
            self._tell(item, one, {"decode": item.ms, "wait": (start - item.at) * 1000, "infer": ms}, len(items), alone)
            for item, one in zip(items, made, strict=True)
        ]

    def answer(self, given: Mapping[str, bytes | Json]) -> Answer:
        """One whole answer."""
        return self.run([self.decode(given)])[0]

    def examples(self) -> list[tuple[dict[str, bytes | Json], Json]]:
        """(what was given, expected output) of the release's own examples."""
        return [(self._given(example), example.get("expected")) for example in self.manifest.examples]

    def try_examples(self) -> None:
        """Answers every example; ReleaseBroken where one differs by more than the tolerance. Warms the session too."""
        examples, tolerance = self.examples(), float(self.form.get("tolerance", self.manifest.tolerance))
        for number, (given, expected) in enumerate(examples):
            output = as_expected(self.answer(given))
            if apart(output, without_path(expected)) > tolerance:
                raise ReleaseBroken(
                    "The release does not answer its own examples.",
                    f"Example {number}: {output!r} is not {expected!r}.",
                    "Train or export it again.",
                )

    def _given(self, example: dict[str, Json]) -> dict[str, bytes | Json]:
        inputs = example.get("inputs") or {next(iter(self.fields)): example.get("file")}
        return {
            name: self._file(value) if name in self.fields and self.fields[name].binary else value
            for name, value in inputs.items()
        }

    def _file(self, path: str) -> bytes:
        if path not in self.manifest.files:
            raise ReleaseBroken(
                "This release is not whole.", f"It names {path!r}, which it does not hold.", "Seal it again."
            )
        return (self.folder / path).read_bytes()

    @staticmethod
    def _tensor(field: Field, value: bytes | Json) -> numpy.ndarray:
        field.check(value)
        return numpy.asarray(field.tensor(value))

    def _look(self, arrays: Mapping[str, numpy.ndarray], given: Mapping[str, bytes | Json]) -> dict[str, float] | None:
        """How the first photo looks; None of what has none."""
        name = next((name for name, field in self.fields.items() if field.binary), None)
        if name is None or arrays[name].ndim != 3:
            return None
        return looks.look(arrays[name], longer_side(bytes(given[name])))

    def _by_batch(self, items: Sequence[Decoded], session: Session) -> list[Made]:
        arrays = {name: [item.arrays[name] for item in items] for name in self.fields}
        said = session.predict_all(
            {name: numpy.stack(some) if len(some) > 1 else some[0][None] for name, some in arrays.items()}
        )
        scores = [float(score) for score in said["score"]] if "score" in said else [None] * len(items)
        return [Made(row, score) for row, score in zip(said["output"], scores, strict=True)]

    def _by_hook(self, item: Decoded) -> Made:
        scores: list[float | None] = [None]

        def model(**arrays: numpy.ndarray) -> numpy.ndarray:
            """Runs the ONNX file on one item: arrays without batch axis in, one out."""
            said = self.session.predict_all({name: numpy.asarray(array)[None] for name, array in arrays.items()})
            scores.append(float(said["score"][0]) if "score" in said else None)
            return said["output"][0]

        row = numpy.asarray(self.hook(model, dict(item.arrays)))
        if row.dtype.kind == "f" and not numpy.isfinite(row).all():
            raise ReleaseBroken("The maker's predict function gave no number.", "It holds NaN or infinity.")
        return Made(row, scores[-1])

    def _tell(self, item: Decoded, made: Made, ms: dict[str, float], batch: int, alone: bool) -> Answer:
        value = self.output.value(made.row)
        pictures: tuple[Picture, ...] = ()
        if isinstance(value, Picture):
            pictures = (value,)
            value = {"picture": 0, "media_type": value.media_type, "width": value.width, "height": value.height}
        return Answer(
            value,
            pictures,
            self.form["name"],
            {name: round(number, 3) for name, number in ms.items()},
            batch,
            item.familiar,
            made.score,
            item.look,
            alone,
        )


def as_expected(answer: Answer) -> Json:
    """An answer as the manifest's examples tell it: of a picture its sides and its mean colour, for bytes differ from
    one machine to the next."""
    if not answer.parts:
        return answer.output
    from teahouse.spec import media

    (made,) = answer.parts
    return {"width": made.width, "height": made.height, "mean": media.mean_colour(made.data)}


def without_path(expected: Json) -> Json:
    """What an example expects but for where its picture lies in the release."""
    if isinstance(expected, dict) and "picture" in expected:
        return {name: value for name, value in expected.items() if name != "picture"}
    return expected


def _form(manifest: Manifest, name: str) -> dict[str, Json]:
    found = next((form for form in manifest.forms if not name or form["name"] == name), None)
    if found is None:
        names = ", ".join(form["name"] for form in manifest.forms)
        raise ReleaseBroken(f"This release has no form called {name}.", f"It has {names}.")
    return found


def _hook(folder: Path, manifest: Manifest) -> Callable | None:
    """The maker's predict function, from the code that is sealed in the release."""
    if "predict" not in manifest.hooks:
        return None
    if not manifest.code:
        raise ReleaseBroken("This release is not whole.", "It has a predict function and no code.", "Seal it again.")
    from teahouse.spec.load import load_app

    sys.dont_write_bytecode = True  # a compiled file in the folder would not be the release any more
    hooks = load_app(folder / "code").hooks
    if "predict" not in hooks:
        raise ReleaseBroken("This release is not whole.", "Its code has no predict function.", "Seal it again.")
    return hooks["predict"]


def _familiar(
    folder: Path, manifest: Manifest, fields: Mapping[str, Field]
) -> Callable[[dict[str, numpy.ndarray]], bool] | None:
    """Tells whether an input lies within what the release was trained on; None where the release does not know."""
    images: Iterable[str] = (name for name, field in fields.items() if field.json().get("fit") in ("crop", "pad"))
    name = next(iter(images), None)
    if manifest.familiar is None or name is None:
        return None
    from safetensors.numpy import load_file

    from teahouse.model.familiar import distance

    known, threshold = load_file(folder / manifest.familiar["file"]), float(manifest.familiar["threshold"])
    return lambda arrays: bool(distance(known, arrays[name]) <= threshold)
