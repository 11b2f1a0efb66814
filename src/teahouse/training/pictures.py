"""Pictures: what every candidate that makes pictures has to show, and how its examples are written down."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy

from teahouse.spec import media

LEAST = 8  # pixels a side
FAR, MOST_FAR = 0.25, 0.1  # beyond 0..1, and the share of pixels that may lie there: a net that ends in tanh has more
FLAT, MOST_FLAT = 0.02, 0.5  # deviation of a picture's pixels that is no picture, and the share of such pictures
SAME, MOST_SAME = 0.01, 0.25  # mean difference of two pictures that are one, and the share of such pairs
LOOKED = 8  # pictures are compared this small
SHOWN = 1024  # pixels of the longer side of an example that is kept in a release


def looked_at(rows: Sequence[numpy.ndarray], given: Sequence[Any]) -> list[dict[str, Any]]:
    """Three checks on the pictures that were made (float32 [3, H, W] each) of what was given, as a maker's are told."""
    told = [("its pictures are whole", _not_whole(rows))]
    if not told[0][1]:
        told += [("its pictures are not constant", _constant(rows)), ("its pictures are varied", _alike(rows, given))]
    return [{"name": name, "passed": not words, "words": words} for name, words in told]


def _not_whole(rows: Sequence[numpy.ndarray]) -> str:
    for row in rows:
        if row.ndim != 3 or row.shape[0] != 3 or min(row.shape[1:]) < LEAST:
            return f"A picture has the shape [3, height, width], at least {LEAST} pixels a side; this is {row.shape}."
        if not numpy.isfinite(row).all():
            return "A picture holds NaN or infinity."
    far = float(numpy.mean([((row < -FAR) | (row > 1 + FAR)).mean() for row in rows]))
    if far > MOST_FAR:
        return f"{far:.0%} of the pixels lie outside of 0 to 1. A picture goes from 0 to 1: end the net in a sigmoid."
    return ""


def _constant(rows: Sequence[numpy.ndarray]) -> str:
    flat = sum(float(row.clip(0, 1).std((1, 2)).max()) < FLAT for row in rows)
    return f"{flat} of {len(rows)} pictures are of one colour." if flat > MOST_FLAT * len(rows) else ""


def _alike(rows: Sequence[numpy.ndarray], given: Sequence[Any]) -> str:
    small = [_small(row.clip(0, 1)) for row in rows]
    pairs = [(one, other) for one, other in combinations(range(len(rows)), 2) if given[one] != given[other]]
    same = sum(float(numpy.abs(small[one] - small[other]).mean()) < SAME for one, other in pairs)
    if same > MOST_SAME * len(pairs):
        return f"In {same} of {len(pairs)} pairs two different inputs gave the same picture."
    return ""


def _small(row: numpy.ndarray) -> numpy.ndarray:
    """Means over an 8 by 8 grid."""
    for axis in (1, 2):
        parts = numpy.array_split(row, LOOKED, axis)
        row = numpy.stack([part.mean(axis) for part in parts], axis)
    return row


def write_example(folder: Path, number: int, row: numpy.ndarray) -> dict[str, Any]:
    """Write what a model made beside its example; what the manifest expects: where the picture lies, its own sides, and
    its mean colour, for bytes differ from one machine to the next."""
    from PIL import Image as Pillow

    made = media.encode(row)
    data, ending = made.data, "jpg" if made.media_type == "image/jpeg" else "png"
    if max(made.width, made.height) > SHOWN:
        small, out = media.open_image(made.data), io.BytesIO()
        small.thumbnail((SHOWN, SHOWN), Pillow.Resampling.LANCZOS)
        small.save(out, "JPEG", quality=90, subsampling=0)
        data = out.getvalue()
    path = f"examples/{number}-after.{ending}"
    (folder / path).write_bytes(data)
    return {"picture": path, "width": made.width, "height": made.height, "mean": media.mean_colour(made.data)}
