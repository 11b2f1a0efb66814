"""Tries: what a candidate is tried on: rows of the data, or where there are none samples, seeds and made-up photos."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy

from teahouse.errors import InputError, TooLarge
from teahouse.spec import media
from teahouse.spec.app import App
from teahouse.spec.fields import absent
from teahouse.training.data import TrainingData, TrainRow

TRIED = 16  # rows on which ONNX and PyTorch are compared, and a maker of pictures is looked at
SAMPLES = {".jpg", ".jpeg", ".png", ".webp"}


def rows_to_try(app: App, data: TrainingData, code: Path) -> list[TrainRow]:
    """Up to sixteen rows that are there. An app that needs nobody is tried on sixteen seeds of its own; so is, on its
    samples, one that declares no data. None where its data should be there and is not."""
    if absent.needs_nobody(app.fields):
        return stand_ins(app, code)
    rows = data.pantry.there([*data.validation.rows, *data.train.rows])[:TRIED]
    if rows or app.folder is not None or "data" in app.hooks:
        return rows
    return stand_ins(app, code)


def stand_ins(app: App, code: Path) -> list[TrainRow]:
    """Sixteen rows of nobody's, always the same: samples (or photos made up from chance), and values of all kinds."""
    photos = samples(app, code) or [made_up_photo(number) for number in range(4)]
    return [
        TrainRow(
            f"stand-in {number}",
            {
                name: photos[number % len(photos)] if field.binary else absent.stand_in(field, number)
                for name, field in app.fields.items()
            },
            {},
            "validation",
            "stand-in",
        )
        for number in range(TRIED)
    ]


def with_values(app: App, given: Mapping[str, Any], number: int) -> dict[str, Any]:
    """What was given, and for what was not its start, or the `number`th value that stands in."""
    whole = absent.filled(given, app.fields, lambda field: absent.stand_in(field, number))
    for name, field in app.fields.items():
        if name not in whole and not field.binary:
            whole[name] = absent.stand_in(field, number)
    return {name: whole[name] for name in app.fields if name in whole}


def samples(app: App, code: Path) -> list[bytes]:
    """The pictures in the samples folder of an app with one photo among its inputs: green-1, oolong-1, green-2, …"""
    folder = code / app.samples
    if len([field for field in app.fields.values() if field.binary]) != 1 or not app.samples or not folder.is_dir():
        return []
    found = []
    for file in sorted(folder.iterdir(), key=lambda file: (file.stem.rpartition("-")[2], file.name)):
        if cleaned := cleaned_file(file):
            found.append(cleaned)
    return found


def sample_inputs(app: App, code: Path) -> list[dict[str, Any]]:
    """The samples as what is given to the app, by field."""
    photo = next((name for name, field in app.fields.items() if field.binary), None)
    return [{photo: data} for data in samples(app, code)] if photo else []


def cleaned_file(file: Path, side: int = 1024) -> bytes | None:
    """A picture file encoded again; None where it is none that can be read."""
    with contextlib.suppress(InputError, TooLarge, OSError):
        if file.suffix.lower() in SAMPLES:
            return media.clean(file.read_bytes(), side).data
    return None


def made_up_photo(number: int) -> bytes:
    """A PNG of soft blots in all colours, of another shape for each number: no photo, but as varied as one."""
    from PIL import Image as Pillow

    chance = numpy.random.default_rng(number)
    sides = [(256, 192), (192, 256), (224, 224), (320, 128)][number % 4]
    small = chance.integers(0, 256, (5, 6, 3), dtype=numpy.uint8)
    out = io.BytesIO()
    Pillow.fromarray(small).resize(sides, Pillow.Resampling.BICUBIC).save(out, "PNG")
    return out.getvalue()
