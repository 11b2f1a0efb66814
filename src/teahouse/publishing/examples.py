"""Examples: the maker's own pictures, and what their own code said of each, read in whatever form they come."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from teahouse.errors import DeclarationError, InputError, TooLarge
from teahouse.spec.app import App
from teahouse.training import tries

HOW = "Write examples=[('cat.jpg', net(transform(photo)[None]))]: a file, and what your own code says of it."


@dataclass(frozen=True)
class Example:
    """One of the maker's: `given` by field (bytes of a file, or a value); `said` what their code made of it: float
    array without batch axis, a label, a plain number, shares by label, or None. `name` is what people are told."""

    name: str
    given: dict[str, Any]
    said: Any


def read(app: App, given: Sequence[Any]) -> list[Example]:
    """The examples as the app takes them. DeclarationError names the one that can not be used, and why."""
    if isinstance(given, (str, Path, bytes, Mapping)):
        raise DeclarationError("examples= is a list of pairs.", f"It is {type(given).__name__}.", HOW)
    return [_one(app, number, each) for number, each in enumerate(given)]


def _one(app: App, number: int, each: Any) -> Example:
    pair = each if isinstance(each, (tuple, list)) and len(each) == 2 else (each, None)
    inputs = pair[0] if isinstance(pair[0], Mapping) else {next(iter(app.fields)): pair[0]}
    strange = sorted(set(inputs) - set(app.fields))
    if strange:
        raise DeclarationError(
            f"Example {number} gives {strange[0]!r}, which is no input.", f"There is {', '.join(app.fields)}.", HOW
        )
    files = [Path(value).name for value in inputs.values() if isinstance(value, (str, Path))]
    name = next(iter(files), f"example {number}")
    taken = {key: _value(app, key, value, name) for key, value in inputs.items()}
    whole = tries.with_values(app, taken, number)
    missing = [key for key in app.fields if key not in whole]
    if missing:
        raise DeclarationError(f"{name} gives nothing for {missing[0]!r}.", "It is a file.", HOW)
    return Example(name, whole, said_of(pair[1]))


def _value(app: App, key: str, value: Any, name: str) -> Any:
    each = app.fields[key]
    try:
        if each.binary:
            value = _file(value)
        elif hasattr(value, "item"):
            value = value.item()
        each.check(value)
    except FileNotFoundError as error:
        why = f"There is no such file in {Path(value).expanduser().absolute().parent}."
        raise DeclarationError(f"{name} can not be an example.", why, HOW) from error
    except (OSError, InputError, TooLarge) as error:
        raise DeclarationError(f"{name} can not be an example.", str(error), HOW) from error
    return value


def _file(value: Any) -> bytes:
    """The bytes of a path, of bytes, of a Pillow picture, or of an array [height, width, 3] of bytes."""
    if isinstance(value, (str, Path)):
        return Path(value).expanduser().read_bytes()
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    from PIL import Image as Pillow

    if isinstance(value, numpy.ndarray) and value.dtype == numpy.uint8:
        value = Pillow.fromarray(value)
    if not isinstance(value, Pillow.Image):
        raise InputError(f"This is no file: {type(value).__name__}.", "The page begins with a file, as a visitor does.")
    out = io.BytesIO()
    value.convert("RGB").save(out, "PNG")
    return out.getvalue()


def said_of(given: Any) -> Any:
    """What a maker's code said, in plain form: a word, a number of a class, shares by word, or an array."""
    if given is None or isinstance(given, (str, bool)):
        return given
    if hasattr(given, "logits"):
        given = given.logits
    if isinstance(given, Sequence) and given and all(isinstance(one, Mapping) and "label" in one for one in given):
        return {str(one["label"]): float(one["score"]) for one in given}
    if isinstance(given, Mapping):
        if "label" in given and "scores" not in given:
            return str(given["label"])
        return {str(word): float(share) for word, share in dict(given.get("scores", given)).items()}
    if isinstance(given, int) or type(given) is float:  # numpy's float64 is a float too, and comes of a model
        return given
    array = _array(given)
    if array.dtype.kind in "US":
        return str(array.ravel()[0])
    if array.dtype.kind in "iu" and array.size == 1:
        return int(array.ravel()[0])
    return array[0] if array.ndim > 1 and len(array) == 1 else array


def _array(given: Any) -> numpy.ndarray:
    if hasattr(given, "detach"):  # a tensor, wherever it lies
        given = given.detach().cpu()
        given = given.float().numpy() if given.is_floating_point() else given.numpy()
    elif hasattr(given, "getbands"):
        given = numpy.asarray(given.convert("RGB"))
    array = numpy.asarray(given)
    if array.dtype == numpy.uint8 and array.ndim == 3 and array.shape[-1] == 3:  # a picture as files hold it
        return array.transpose(2, 0, 1).astype(numpy.float32) / 255
    return array.astype(numpy.float32) if array.dtype.kind == "f" else array
