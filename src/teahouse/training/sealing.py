"""Sealing: a folder with a model in it becomes a release: its examples written down and answered, then its manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy

from teahouse.spec.app import App
from teahouse.training import pictures, tries

if TYPE_CHECKING:
    from teahouse.model.forms import Tried

EXAMPLES = 8
TOLERANCE = 0.02


@dataclass(frozen=True)
class Facts:
    """What a release says of how it was made, as `model.shape.Manifest` describes each; `tried` is its faster form."""

    parity: dict[str, Any]
    examples: list[dict[str, Any]]
    run: str | None = None
    version: str | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    familiar: dict[str, Any] | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    code: bool = False
    tried: Tried | None = None


def seal(app: App, target: Path, facts: Facts) -> str:
    """Write release.json over all that lies in `target`; the release's id. ReleaseBroken for what may not lie there."""
    from teahouse.model import bundle
    from teahouse.model.shape import Manifest
    from teahouse.spec.fields.image import MAX_BYTES, MAX_MEGAPIXELS, MAX_SIDE

    return bundle.seal(
        target,
        Manifest(
            app=app.name,
            title=app.title,
            description=app.description,
            note=app.note,
            fields=[each.json() for each in app.fields.values()],
            output=app.output.json(),
            version=facts.version,
            run=facts.run,
            metrics=facts.metrics,
            parity=facts.parity,
            familiar=facts.familiar,
            figures=facts.figures,
            **(facts.tried.facts() if facts.tried else {}),
            hooks=[name for name in ("predict",) if name in app.hooks],
            code=facts.code,
            limits={"bytes": MAX_BYTES, "megapixels": MAX_MEGAPIXELS, "side": MAX_SIDE},
            deadline_s=float(app.deadline_s),
            examples=facts.examples,
            tolerance=TOLERANCE,
            made=datetime.now(UTC).isoformat(timespec="seconds"),
        ),
    )


def write_examples(
    app: App, target: Path, given: Sequence[Mapping[str, Any]], predict: Callable[[Mapping[str, Any]], Any]
) -> list[dict[str, Any]]:
    """Up to eight examples in target/examples, as the manifest lists them: photos as files, and what `predict` says of
    each (of a model that makes pictures the picture's row, float32 [3, height, width])."""
    (target / "examples").mkdir(exist_ok=True)
    alone = sum(field.binary for field in app.fields.values()) == 1
    found = []
    for number, part in enumerate(given[:EXAMPLES]):
        example, inputs = tries.with_values(app, part, number), {}
        for name, each in app.fields.items():
            if each.binary:
                inputs[name] = f"examples/{number}.jpg" if alone else f"examples/{number}-{name}.jpg"
                (target / inputs[name]).write_bytes(example[name])
            else:
                inputs[name] = example[name]
        first = next((value for name, value in inputs.items() if app.fields[name].binary), "")
        said = predict(example)
        expected = pictures.write_example(target, number, said) if app.output.kind == "image" else said
        found.append({"file": first, "inputs": inputs, "expected": expected})
    return found


def write_familiar(photos: numpy.ndarray, target: Path) -> dict[str, Any] | None:
    """familiar.safetensors, of float32 [N, 3, height, width] 0..1: what the model's own photos look like; what the
    manifest says of it, None where they are too few to tell."""
    from safetensors.numpy import save_file

    from teahouse.model import familiar

    if len(photos) < familiar.LEAST:
        return None
    known = familiar.fit(photos, None)
    save_file({key: numpy.ascontiguousarray(value) for key, value in known.items()}, target / "familiar.safetensors")
    return {"threshold": float(known["threshold"][0]), "file": "familiar.safetensors"}
