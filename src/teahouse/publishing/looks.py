"""Looks: a file turned into pixels in the ways that makers' own code does it, the usual mistakes among them."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy
from PIL import Image as Pillow
from PIL import ImageOps

from teahouse.spec import media

SMOOTH, FINE = Pillow.Resampling.BILINEAR, Pillow.Resampling.BICUBIC
LARGER = 256 / 224  # torchvision's usual: a side of 256, of which the middle 224 are taken


class Cut(NamedTuple):
    """A way to a picture of the wanted size: what is told of it (cause, fix), and whether it is a mistake."""

    told: tuple[str, str]
    mistake: int = 1


SQUEEZED = (
    "your code resizes pictures without cropping (both sides to the square, so that they are squeezed); the page cuts "
    "out the middle",
    "Where you train and where you test use Resize(size) and then CenterCrop(size), or pictures that are square.",
)
MIDDLE = (
    "your code takes the middle of a larger picture (Resize(256), CenterCrop(224)); the page takes all of the square",
    "Write Image(224, resize=256), or what your Resize and your CenterCrop say.",
)
PADDED = ("your code puts the whole picture on a ground; the page cuts out the middle", 'Write Image(…, fit="pad").')
CROPPED = ("your code cuts out the middle; the page shows all of the picture", 'Write Image(…, fit="crop").')
TURNED = (
    "your code does not turn photos upright (phones note their direction in EXIF); the page does",
    "Read with ImageOps.exif_transpose(Image.open(file)).",
)
SMALLER = (
    "your code makes pictures smaller in another way (bilinear, or without smoothing); the page does it bicubic",
    "Most often this may stay: if not, Resize(size, InterpolationMode.BICUBIC) where you train.",
)
CUTS = {
    "page": Cut(("", ""), 0),
    "bilinear": Cut(("", ""), 0),
    "rough": Cut(SMALLER, 1),
    "squeezed": Cut(SQUEEZED),
    "squeezed fine": Cut(SQUEEZED),
    "squeezed rough": Cut(SQUEEZED),
    "middle": Cut(MIDDLE),
    "padded": Cut(PADDED),
    "padded black": Cut(PADDED),
    "cropped": Cut(CROPPED),
    "unturned": Cut(TURNED),
}
CHANNELS = {
    "rgb": ("", ""),
    "bgr": (
        "your code gave the net BGR (blue and red changed places, as cv2.imread reads them); the page gives it RGB",
        "Publish a module whose forward is net(x.flip(1)), or train on cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).",
    ),
    "planes": (
        "your code flattened one colour after the other; the page flattens rows, then columns, then colours",
        "Flatten with numpy.asarray(picture).ravel().",
    ),
}


def cuts_of(field: Any) -> list[str]:
    """The cuts that can be told apart for this field."""
    if field.fit == "keep":
        return ["page"]
    left_out = ("padded", "padded black") if field.fit == "pad" else ("cropped", "middle" if field.resize else "")
    return [name for name in CUTS if name not in left_out]


def look(data: bytes, field: Any, cut: str, channels: str = "rgb") -> numpy.ndarray:
    """float32 [3, height, width] RGB 0..1 (or as `channels` says) of a file, cut in this way."""
    array = field.tensor(data) if cut == "page" else _array(_cut(data, field, cut))
    if channels == "bgr":
        return numpy.ascontiguousarray(array[::-1])
    if channels == "planes":
        return numpy.ascontiguousarray(array.reshape(array.shape[1], array.shape[2], 3).transpose(2, 0, 1))
    return array


def _array(picture: Pillow.Image) -> numpy.ndarray:
    pixels = numpy.asarray(picture, dtype=numpy.float32) / numpy.float32(255)
    return numpy.ascontiguousarray(pixels.transpose(2, 0, 1))


def _cut(data: bytes, field: Any, cut: str) -> Pillow.Image:
    size, larger = field.size, (field.resize or field.size[0]) / field.size[0]
    if cut == "unturned":
        picture = Pillow.open(io.BytesIO(data), formats=media.FORMATS).convert("RGB")
        return ImageOps.fit(picture, size, FINE)
    picture = media.open_image(data)
    if cut.startswith("squeezed"):
        if cut.endswith("rough"):
            return _rough(picture, size)
        return picture.resize(size, FINE if cut.endswith("fine") else SMOOTH)
    if cut == "rough":
        side = min(picture.width / size[0], picture.height / size[1]) / larger
        whole = _rough(picture, (round(picture.width / side), round(picture.height / side)))
        return _middle(whole, size)
    if cut == "middle":
        return _middle(_to_side(picture, size, LARGER), size)
    if cut.startswith("padded") or (cut == "bilinear" and field.fit == "pad"):
        colour = (0, 0, 0) if cut.endswith("black") else media.GREY
        return ImageOps.pad(picture, size, SMOOTH, color=colour)
    return _middle(_to_side(picture, size, larger), size)


def _to_side(picture: Pillow.Image, size: tuple[int, int], larger: float) -> Pillow.Image:
    """As torchvision's Resize: the shorter side as long as wanted, the other one cut down to a whole number."""
    scale = max(size[0] / picture.width, size[1] / picture.height) * larger
    sides = (max(size[0], int(picture.width * scale + 1e-6)), max(size[1], int(picture.height * scale + 1e-6)))
    return picture.resize(sides, SMOOTH)


def _middle(picture: Pillow.Image, size: tuple[int, int]) -> Pillow.Image:
    left, top = round((picture.width - size[0]) / 2), round((picture.height - size[1]) / 2)
    return picture.crop((left, top, left + size[0], top + size[1]))


def _rough(picture: Pillow.Image, size: tuple[int, int]) -> Pillow.Image:
    """As cv2.resize does it: between the four nearest pixels, however many lie between."""
    array = numpy.asarray(picture, dtype=numpy.float32)
    for axis, side in ((0, size[1]), (1, size[0])):
        at = ((numpy.arange(side) + 0.5) * array.shape[axis] / side - 0.5).clip(0, array.shape[axis] - 1)
        low = numpy.floor(at).astype(int)
        part = (at - low).astype(numpy.float32).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        high = (low + 1).clip(max=array.shape[axis] - 1)
        array = array.take(low, axis) * (1 - part) + array.take(high, axis) * part
    return Pillow.fromarray((array + 0.5).clip(0, 255).astype(numpy.uint8))
