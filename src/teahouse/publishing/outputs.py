"""Outputs: what a net's numbers are, and the steps that make of them what the app has declared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from teahouse.errors import ExportFailed
from teahouse.spec.fields import Field

Array = numpy.ndarray
NEAR_ONE = 1e-3  # how far shares may sum from 1
UNIT, TANH, BYTES = (-0.3, 1.3), (-1.3, 1.3), (-96.0, 352.0)  # where a picture's pixels lie, with what runs over


@dataclass(frozen=True)
class Reading:
    """How a net's rows become a release's: the steps of `graphs.finish`, and what the maker is told of it. `order`:
    where the labels stand in what the maker's own model says, where that is another order."""

    steps: tuple[str, ...] = ()
    note: str = ""
    classes: int = 0
    order: tuple[int, ...] = ()


def read(output: Field, rows: Sequence[Array]) -> Reading:
    """The reading of what a net said, [N, ...] for each batch it was tried on. ExportFailed says what would fit."""
    said = rows[0]
    if said.dtype.kind in "iub" and output.kind in ("labels", "image"):
        raise ExportFailed(
            "The net returns whole numbers, as argmax gives them.",
            "A page shows how sure the net is, which they do not tell any more.",
            "Return the logits: leave .argmax() out of forward (of a picture in whole numbers: add .float()).",
        )
    if output.kind == "labels":
        return _labels(output, numpy.concatenate([row.reshape(len(row), -1) for row in rows]), said.shape)
    if output.kind == "image":
        return _picture(rows)
    if output.kind == "number" and said[0].size != 1:
        raise ExportFailed(
            f"The net gives {said[0].size} numbers where Number(…) is one.", f"Its answer is {said.shape}.",
            "Publish output=Labels(…) for a classifier, or a net that ends in one number.",
        )  # fmt: skip
    return Reading()


def _labels(output: Field, said: Array, shape: tuple[int, ...]) -> Reading:
    words = output.words()
    flat = ("flat",) if len(shape) > 2 else ()
    if len(shape) > 2 and max(shape[2:]) > 1:
        raise ExportFailed(
            f"The net gives {shape[1:]} for each picture, and Labels(…) needs one number a label.",
            "That is a value for each place in the picture.",
            "For a segmentation write output=Image(); for a classifier pool it: net(x).mean((2, 3)).",
        )
    width = said.shape[1]
    between = bool((said >= 0).all() and (said <= 1).all())
    if width == 1 and len(words) == 2:
        if between:
            return Reading(("odds",), f'Its one number is read as the share of "{words[1]}".')
        return Reading(("twice",), f'Its one number is read as a logit of "{words[1]}" against "{words[0]}".')
    if width != len(words):
        raise ExportFailed(
            f"The net gives {width} numbers for {len(words)} labels.",
            f"Labels({', '.join(map(repr, words[:4]))}{', …' if len(words) > 4 else ''}) names {len(words)}.",
            "Name every class, in the order of the net's outputs: Labels(*classes).",
        )
    if between and float(numpy.abs(said.sum(1) - 1).max()) < NEAR_ONE:
        return Reading((*flat, "log"), "The net gives shares already (it ends in a softmax); they are shown.")
    return Reading(flat)


def _picture(rows: Sequence[Array]) -> Reading:
    said = rows[0]
    if said.ndim != 4:
        raise ExportFailed(
            f"The net gives {said.shape}, and a picture is [N, 3, height, width].", "",
            "Publish output=Labels(…) for a classifier; reshape what is a picture.",
        )  # fmt: skip
    low, high = (float(numpy.quantile(numpy.concatenate([row.ravel() for row in rows]), at)) for at in (0.005, 0.995))
    upright = ("upright",) if said.shape[1] > 4 and said.shape[3] in (1, 3) else ()
    channels = said.shape[3] if upright else said.shape[1]
    if channels not in (1, 3):
        note = f"Its {channels} classes become colours: at each place that of the class it gives most."
        return Reading((*upright, "colours"), note, channels)
    as_grey = ("grey",) if channels == 1 else ()
    for (least, most), steps, note in (
        (UNIT, (), ""),
        (TANH, ("half",), "Its pixels go from -1 to 1 (it ends in a tanh); they are shown from 0 to 1."),
        (BYTES, ("bytes",), "Its pixels go from 0 to 255; they are shown from 0 to 1."),
    ):
        if least <= low and high <= most and not (steps == ("bytes",) and (low < -20 or high < 20)):
            return Reading((*upright, *steps, *as_grey), note)
    if channels == 1:
        return Reading((*upright, "sigmoid", "grey"), "Its one channel is read as logits of a mask, and shown as grey.")
    raise ExportFailed(
        "The net's pictures can not be shown.",
        f"Their values go from {low:.3g} to {high:.3g}; a picture's go from 0 to 1 (or -1 to 1, or 0 to 255).",
        "End it in torch.sigmoid. For three classes publish their colours: softmax(1), then a sum over three colours.",
    )
