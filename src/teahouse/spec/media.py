"""Pixels: decoding with limits, cleaning, resizing, near-duplicate keys. Workers and trainers only, never the web."""

import io
import warnings
from dataclasses import dataclass

import numpy
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from teahouse.errors import InputError, TooLarge
from teahouse.spec.fields.image import MAX_MEGAPIXELS, MAX_SIDE, SMALLER, UNREADABLE, WORKS, refuse_unreadable
from teahouse.spec.fields.protocol import Picture

FORMATS = ("JPEG", "PNG", "WEBP")
GREY = (128, 128, 128)
LEAST = 32  # pixels of a side that is kept: nets that halve a picture a few times need something to halve
EVEN = 4  # what the sides of a kept picture are multiples of, for the same reason
ALIKE, PARTS = 2 / 255, 8  # mean difference of two pictures that are one; how finely they are compared, a side
PHOTO = 256  # pixels of the longer side from which on a picture that a model made is written as JPEG


@dataclass(frozen=True)
class Cleaned:
    """A picture decoded and encoded again: upright, no metadata; `near` is its 64-bit dHash."""

    data: bytes
    media_type: str
    width: int
    height: int
    near: bytes


def open_image(data: bytes, want: int | None = None) -> Pillow.Image:
    """An upright RGB picture.

    `want` (pixels of the longer side) lets the JPEG decoder scale while it decodes, 4 to 5 times faster."""
    refuse_unreadable(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            picture = Pillow.open(io.BytesIO(data), formats=FORMATS)
            width, height = picture.size
            if max(width, height) > MAX_SIDE or width * height > MAX_MEGAPIXELS * 1e6:
                raise TooLarge("This picture is too large.", f"It is {width} by {height}.", SMALLER)
            if getattr(picture, "n_frames", 1) > 1:
                raise InputError(
                    "This picture moves.", "Only pictures with one frame can be read.", "Send a single picture."
                )
            if want:
                picture.draft("RGB", (want * 2, want * 2))
            picture.load()
            return _opaque(ImageOps.exif_transpose(picture))
    except (InputError, TooLarge):
        raise
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        MemoryError,
        EOFError,
        OverflowError,
        TypeError,
        KeyError,
        IndexError,
        ZeroDivisionError,
        AttributeError,
        Warning,
        Pillow.DecompressionBombError,
    ) as error:
        raise InputError(UNREADABLE, "The file is damaged.", WORKS) from error


def _opaque(picture: Pillow.Image) -> Pillow.Image:
    """Transparent parts stand on white, as on a page."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        ground = Pillow.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Pillow.alpha_composite(ground, rgba).convert("RGB")
    if picture.mode.startswith("I") or picture.mode == "F":
        array = numpy.asarray(picture, dtype=numpy.float32)
        span = float(array.max() - array.min()) or 1.0
        return Pillow.fromarray(((array - array.min()) * (255.0 / span)).astype(numpy.uint8)).convert("RGB")
    return picture.convert("RGB")


def pixels(
    data: bytes | Pillow.Image, size: tuple[int, int], fit: str = "crop", resize: int | None = None
) -> numpy.ndarray:
    """float32 [3, height, width] RGB 0..1.

    fit="keep": its own shape, longest side at most max(size), never enlarged (but to 32 pixels a side); both sides are
    cut down to multiples of 4. `resize`: with crop, the shorter side before the middle is cut out; it is read off the
    photo in one step."""
    picture = data if isinstance(data, Pillow.Image) else open_image(bytes(data), want=resize or max(size))
    if fit == "crop":
        edge = (1 - size[0] / resize) / 2 if resize else 0.0
        picture = ImageOps.fit(picture, size, Pillow.Resampling.BICUBIC, bleed=edge)
    elif fit == "pad":
        picture = ImageOps.pad(picture, size, Pillow.Resampling.BICUBIC, color=GREY)
    else:
        scale = min(1.0, max(size) / max(picture.size))
        sides = tuple(max(LEAST, round(side * scale) // EVEN * EVEN) for side in picture.size)
        picture = picture if sides == picture.size else picture.resize(sides, Pillow.Resampling.BICUBIC)
    array = numpy.asarray(picture, dtype=numpy.uint8)
    planes = numpy.ascontiguousarray(array.transpose(2, 0, 1), dtype=numpy.float32)
    planes /= numpy.float32(255)
    return planes


def clean(data: bytes, side: int = 1024) -> Cleaned:
    """Decoded, turned upright, at most `side` pixels long, encoded again as JPEG: no metadata, no second meaning."""
    picture = open_image(data, want=side)
    if max(picture.size) > side:
        picture.thumbnail((side, side), Pillow.Resampling.LANCZOS)
    out = io.BytesIO()
    Pillow.fromarray(numpy.asarray(picture)).save(out, "JPEG", quality=92, subsampling=0)
    return Cleaned(out.getvalue(), "image/jpeg", picture.width, picture.height, dhash(picture))


def light(data: bytes, side: int) -> Picture:
    """A small copy for a page: at most `side` pixels long, WebP, good enough to be looked at and not to be kept."""
    picture = open_image(data, want=side)
    picture.thumbnail((side, side), Pillow.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=60, method=6, exif=b"", icc_profile=b"")
    return Picture(out.getvalue(), "image/webp", picture.width, picture.height)


def dhash(data: bytes | Pillow.Image) -> bytes:
    """64-bit difference hash (N. Krawetz, 2013): 8 rows of 9 grey means, each compared with its right neighbour."""
    picture = data if isinstance(data, Pillow.Image) else open_image(bytes(data), want=64)
    grey = numpy.asarray(picture.convert("L").resize((9, 8), Pillow.Resampling.BOX), dtype=numpy.int16)
    return numpy.packbits(grey[:, 1:] > grey[:, :-1]).tobytes()


def encode(row: numpy.ndarray) -> Picture:
    """float32 [3, height, width] 0..1 to a picture: a JPEG where the longer side has 256 pixels or more, else a PNG.

    What lies outside of 0..1 is cut off. InputError where the model gave no picture or no numbers."""
    array = numpy.asarray(row, dtype=numpy.float32)
    sides = array.shape[1:]
    if array.ndim != 3 or array.shape[0] != 3 or not 1 <= min(sides) <= max(sides) <= MAX_SIDE:
        raise InputError("The model's answer is not a picture.", f"Its shape is {array.shape}.")
    if not numpy.isfinite(array).all():
        raise InputError("The model's answer is not a picture.", "It holds NaN or infinity.")
    made = Pillow.fromarray((array.clip(0, 1) * 255 + 0.5).astype(numpy.uint8).transpose(1, 2, 0))
    out = io.BytesIO()
    if max(sides) >= PHOTO:
        made.save(out, "JPEG", quality=90, subsampling=0)
    else:
        made.save(out, "PNG")
    kind = "image/jpeg" if max(sides) >= PHOTO else "image/png"
    return Picture(out.getvalue(), kind, made.width, made.height)


def mean_colour(data: bytes) -> list[float]:
    """Red, green and blue of a picture on the whole, 0..1: what its encoding hardly changes."""
    array = numpy.asarray(open_image(data), dtype=numpy.float32)
    return [round(float(number) / 255, 4) for number in array.mean((0, 1))]


def same(row: numpy.ndarray, other: numpy.ndarray) -> bool:
    """Whether two pictures, float32 [3, height, width] 0..1, are one to who looks at them: on the whole they lie no
    further apart than a picture and its JPEG do (a mean of 2 of 255: of what style draws `encode` makes 1.96 to 1.98),
    and none of 64 parts more than three times as far."""
    row, other = (numpy.asarray(one, dtype=numpy.float32).clip(0, 1) for one in (row, other))
    if row.shape != other.shape or row.ndim != 3:
        return False
    off = numpy.abs(row - other).mean(0)
    parts = [part for band in numpy.array_split(off, PARTS, 0) for part in numpy.array_split(band, PARTS, 1)]
    return bool(off.mean() <= ALIKE and max(part.mean() for part in parts if part.size) <= 3 * ALIKE)
