"""Photos for benchmarks/serving.py: three sizes with the bytes of real ones, and small ones to train on."""

from __future__ import annotations

import io
import os
import random
from dataclasses import dataclass
from pathlib import Path

import numpy
from PIL import Image as Pillow

SEED = 20_261_127
GRAIN = 5.0  # of 255: what a sensor adds, and what makes a JPEG's bytes those of a photo
COLOURS = ((200, 60, 60), (60, 180, 70), (60, 80, 200), (200, 180, 60), (60, 180, 190), (180, 70, 180))
ROOM = 48  # characters of the comment that the load generator writes anew into each request
MARK = b"teahouse serving benchmark ".ljust(ROOM, b".")


@dataclass(frozen=True)
class Size:
    """A size of photo: its name, its pixels, and how many bytes it should have, from and to."""

    name: str
    width: int
    height: int
    least: int
    most: int


SIZES = (
    Size("small", 320, 240, 18_000, 22_000),
    Size("middle", 1280, 960, 250_000, 300_000),
    Size("phone", 4032, 3024, 2_800_000, 3_000_000),
)


def scenes(count: int) -> list[Pillow.Image]:
    """Pictures to make photos of: those of TEAHOUSE_PHOTOS where that is set, else made up."""
    folder = os.environ.get("TEAHOUSE_PHOTOS", "")
    files = sorted(Path(folder).rglob("*.jpg")) if folder else []
    if len(files) < count:
        return [scene(SEED + number) for number in range(count)]
    found = []
    for file in random.Random(SEED).sample(files, count):
        with Pillow.open(file) as picture:
            found.append(picture.convert("RGB"))
    return found


def scene(seed: int, colour: tuple[int, int, int] | None = None, side: int = 640, strength: int = 45) -> Pillow.Image:
    """A made-up picture: clouds of all sizes, of this `strength` (of 255), the finer the weaker."""
    rng = numpy.random.default_rng(seed)
    base = numpy.array(colour if colour else rng.integers(60, 196, 3), dtype=numpy.float32)
    whole = numpy.zeros((side, side, 3), dtype=numpy.float32) + base
    for octave in range(1, 8):
        rough = rng.normal(0, strength / octave, (2**octave, 2**octave, 3)).astype(numpy.float32)
        layers = [Pillow.fromarray(rough[:, :, channel]).resize((side, side), Pillow.Resampling.BICUBIC)
                  for channel in range(3)]  # fmt: skip
        whole += numpy.stack([numpy.asarray(layer) for layer in layers], axis=2)
    return Pillow.fromarray(whole.clip(0, 255).astype(numpy.uint8))


def photo(picture: Pillow.Image, size: Size, seed: int) -> bytes:
    """A JPEG of this size whose bytes lie between least and most, as near as its quality lets them, with a comment of
    ROOM characters in it."""
    rng = numpy.random.default_rng(seed)
    large = numpy.asarray(picture.resize((size.width, size.height), Pillow.Resampling.BICUBIC), dtype=numpy.float32)
    grain = rng.standard_normal((size.height, size.width, 1), dtype=numpy.float32)
    grainy = Pillow.fromarray((large + GRAIN * grain).clip(0, 255).astype(numpy.uint8))
    low, high, data = 30, 97, b""
    while low < high:
        quality = (low + high) // 2
        data = encoded(grainy, quality)
        if size.least <= len(data) <= size.most:
            break
        low, high = (quality + 1, high) if len(data) < size.least else (low, quality)
    return commented(data)


def encoded(picture: Pillow.Image, quality: int) -> bytes:
    """The picture as a JPEG."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def commented(data: bytes) -> bytes:
    """The same picture with a comment behind its first segment."""
    at = 4 + int.from_bytes(data[4:6]) if data[2:4] == b"\xff\xe0" else 2
    return data[:at] + b"\xff\xfe" + (ROOM + 2).to_bytes(2) + MARK + data[at:]


def write(folder: Path, count: int) -> dict[str, list[Path]]:
    """`count` photos of each size as files; their paths by size."""
    folder.mkdir(parents=True)
    found: dict[str, list[Path]] = {}
    pictures = scenes(count)
    for size in SIZES:
        for number, picture in enumerate(pictures):
            path = folder / f"{size.name}-{number}.jpg"
            path.write_bytes(photo(picture, size, SEED + number))
            found.setdefault(size.name, []).append(path)
    return found


def write_training(folder: Path, labels: tuple[str, ...], count: int) -> None:
    """`count` small photos a label, each label of its own colour."""
    for place, label in enumerate(labels):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            small = scene(1000 * place + number, COLOURS[place], 256, 15)
            small.save(folder / label / f"{number:03d}.jpg", "JPEG", quality=88)
