"""The manifest: what release.json says of a release, read strictly and written canonically."""

import re
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import msgspec

from teahouse.errors import ReleaseBroken, likely
from teahouse.model.figures import are_sound

FORMAT = 1
NAME = r"[a-z][a-z0-9]{0,19}"  # of a form
MOST_BATCH = 64  # inputs together: so many more a worker takes at once, which then stand in no queue
WORTH = 1.1  # times as fast another form, or another way to run one, has to be; else the simpler one stays
Json = Any


@dataclass(frozen=True)
class Manifest:
    """A release in words and digests. Its id is the SHA-256 of the bytes of release.json.

    fields, output: as `Field.json` writes them.  forms: [{"name", "file", "flips", "rows"?, "tolerance"?, "batch"?}]:
    of so many rows so many were answered otherwise than by the first one, which is served wherever no other was timed;
    `tolerance` where a form has its own.  left_out: [{"name", "why"}] of forms that were tried and are not in here.
    files: path → SHA-256 of every file but release.json.  version: digest of the dataset version; run: id as text.
    parity: {"max_abs", "rows"}: how far ONNX and PyTorch lay apart.  familiar: {"threshold", "file"}.
    figures: how the photos it learned from look and how it answers: {"brightness", "blur", "side", "confidence":
    {"edges", "shares", "mean", "n"}, "labels": {"shares", "n"}}, as `model.figures` makes them.
    examples: [{"file", "inputs": {name: path for binary fields, else the value}, "expected": output JSON}],
    which a worker must answer within `tolerance` before it takes traffic.  made: ISO time."""

    app: str
    title: str
    fields: list[dict[str, Json]]
    output: dict[str, Json]
    forms: list[dict[str, Json]] = field(default_factory=lambda: [{"name": "fp32", "file": "model.onnx", "flips": 0}])
    left_out: list[dict[str, Json]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    description: str = ""
    note: str = ""
    version: str | None = None
    run: str | None = None
    metrics: dict[str, Json] = field(default_factory=dict)
    parity: dict[str, Json] = field(default_factory=dict)
    familiar: dict[str, Json] | None = None
    figures: dict[str, Json] = field(default_factory=dict)
    hooks: list[str] = field(default_factory=list)
    code: bool = False
    limits: dict[str, float] = field(default_factory=dict)
    deadline_s: float = 10.0
    examples: list[dict[str, Json]] = field(default_factory=list)
    tolerance: float = 0.02
    made: str = ""
    format: int = FORMAT


KNOWN = tuple(each.name for each in fields(Manifest))


def to_json(manifest: Manifest) -> dict[str, Json]:
    """The manifest as plain JSON values."""
    return asdict(manifest)


def from_json(given: Json) -> Manifest:
    """The manifest that `to_json` wrote. ReleaseBroken for an unknown key, a wrong type or another format."""
    if not isinstance(given, dict):
        raise ReleaseBroken("This release can not be read.", "release.json is not an object.")
    unknown = sorted(set(given) - set(KNOWN))
    if unknown:
        raise ReleaseBroken(
            "This release can not be read.",
            f'release.json has an unknown key "{unknown[0]}".',
            likely(unknown[0], KNOWN).strip() or "Use the version of Teahouse that made it.",
        )
    if given.get("format", FORMAT) != FORMAT:
        raise ReleaseBroken(
            "This release can not be read.",
            f"Its format is {given['format']!r}, this Teahouse reads {FORMAT}.",
            "Update Teahouse.",
        )
    try:
        manifest = msgspec.convert(given, Manifest)
    except msgspec.ValidationError as error:
        raise ReleaseBroken("This release can not be read.", f"release.json: {error}.") from error
    names = [form.get("name") for form in manifest.forms]
    most = most_apart(manifest.output)
    if not names or not all(_is_form(form, most) for form in manifest.forms):
        raise ReleaseBroken("This release can not be read.", "It names no form to run.")
    if len(set(names)) < len(names) or not all(map(_is_left_out, manifest.left_out)):
        raise ReleaseBroken("This release can not be read.", "Its forms are not told apart, or not told in words.")
    familiar = manifest.familiar
    if familiar is not None and not (
        isinstance(familiar.get("file"), str) and isinstance(familiar.get("threshold"), (int, float))
    ):
        raise ReleaseBroken("This release can not be read.", "familiar needs a file and a threshold.")
    if not are_sound(manifest.figures):
        raise ReleaseBroken("This release can not be read.", "Its figures are not those of deciles.")
    return manifest


def most_apart(output: dict[str, Json]) -> float:
    """The most that a form's own tolerance may be: 1, as of shares and colours; of a number with a wide range a
    fiftieth of it, for two that lie a hundredth apart are one answer."""
    ends = (output.get("low"), output.get("high")) if output.get("kind") == "number" else ()
    if not ends or not all(type(end) in (int, float) and abs(end) < 2**31 for end in ends):
        return 1.0
    return max(1.0, (ends[1] - ends[0]) / 50)


def _is_form(form: dict[str, Json], most: float) -> bool:
    """Whether a form that a manifest lists can be chosen, run and told of."""
    counts, batch = (form.get("flips", 0), form.get("rows", 0)), form.get("batch", 1)
    tolerance = form.get("tolerance", 0)
    return (
        isinstance(form.get("file"), str)
        and isinstance(form.get("name"), str)
        and re.fullmatch(NAME, form["name"]) is not None
        and all(type(count) is int and 0 <= count < 2**31 for count in counts)
        and type(batch) is int
        and 0 <= batch <= MOST_BATCH
        and type(tolerance) in (int, float)
        and 0 <= tolerance <= most
    )


def _is_left_out(one: dict[str, Json]) -> bool:
    return set(one) == {"name", "why"} and all(isinstance(value, str) and len(value) < 1000 for value in one.values())
