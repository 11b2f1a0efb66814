"""Draws what the starters' shipped releases make: the sheets in docs/pictures, or of photographs of your own.

    python scripts/draw_starters.py [--photos FILE …] [--to FOLDER]

Without photos it takes the samples of toon and two cups that no training has seen, and draws the picture in each README
of a starter too. Each sheet weighs at most 150 KB.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from teahouse.model import bundle
from teahouse.model.session import Session
from teahouse.spec import media
from teahouse.spec.fields import field_from_json

ROOT = Path(__file__).parents[1]
STARTERS = ROOT / "src" / "teahouse" / "starters"
TILE, GAP, LINE, MOST_BYTES, A_README = 256, 6, 24, 150_000, 80_000
A_SHEET = {"toon": 3, "style": 2}  # photos on one


class Painter:
    """A shipped release that makes pictures: `paint(photo, …)`."""

    def __init__(self, starter: str) -> None:
        folder = STARTERS / starter / "release"
        self.fields = {one["name"]: field_from_json(one) for one in bundle.read(folder).fields}
        self.session = Session(folder)
        self.choices = next(field for field in self.fields.values() if field.kind == "choice").words()

    def paint(self, photo: bytes, **rest: object) -> Image.Image:
        """One picture; what is not given is at its start."""
        values = {name: rest.get(name, getattr(field, "start", None)) for name, field in self.fields.items()}
        values["photo"] = photo
        batch = {name: np.asarray(self.fields[name].tensor(value))[None] for name, value in values.items()}
        return pictured(self.session.predict(batch)[0])


def pictured(row: np.ndarray) -> Image.Image:
    """float32 [3, H, W] of 0..1 as a picture."""
    return Image.fromarray((row.clip(0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0))


def sheet(lines: Sequence[Sequence[Image.Image]], words: Sequence[str], side: int = TILE) -> Image.Image:
    """Lines of pictures, each cut to a square of `side` pixels, with words above the columns."""
    across, head = max(len(line) for line in lines), LINE if words else 0
    whole = Image.new("RGB", (across * (side + GAP) - GAP, len(lines) * (side + GAP) - GAP + head), "white")
    for column, word in enumerate(words):
        ImageDraw.Draw(whole).text(
            (column * (side + GAP) + side // 2, 3), word, fill="black", anchor="ma", font_size=15
        )
    for y, line in enumerate(lines):
        for x, picture in enumerate(line):
            cut = ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS)
            whole.paste(cut, (x * (side + GAP), y * (side + GAP) + head))
    return whole


def save(picture: Image.Image, path: Path, most: int = MOST_BYTES) -> None:
    """As a JPEG of the best quality that keeps to the weight."""
    for quality in range(90, 30, -4):
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality, optimize=True, progressive=True)
        if len(out.getvalue()) <= most:
            break
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(out.getvalue())
    sys.stdout.write(f"{path} {len(out.getvalue()) // 1000} KB, quality {quality}\n")


def usual() -> list[bytes]:
    """The samples that are photographs, and two cups that no training has seen."""
    from teahouse.starters.tea.render import render

    samples = STARTERS / "toon" / "samples"
    found = [(samples / f"{name}.jpg").read_bytes() for name in ("astronaut", "cat", "coffee", "rocket")]
    for seed, label, light in ((90_001, "green", "day"), (90_002, "oolong", "candle")):
        out = io.BytesIO()
        Image.fromarray(render(seed, label, light, 512)).save(out, "JPEG", quality=94)
        found.append(out.getvalue())
    return found


def painters(photos: Sequence[bytes], to: Path) -> None:
    """toon-1.jpg, …, style-1.jpg, …, and style-strength.jpg: the slider from 0 to 1."""
    for starter in ("toon", "style"):
        painter = Painter(starter)
        key = next(name for name, field in painter.fields.items() if field.kind == "choice")
        step = A_SHEET[starter]
        for start in range(0, len(photos), step):
            lines = [
                [media.open_image(photo), *(painter.paint(photo, **{key: word}) for word in painter.choices)]
                for photo in photos[start : start + step]
            ]
            save(sheet(lines, ["photo", *painter.choices]), to / f"{starter}-{start // step + 1}.jpg")
    strengths = (0.0, 0.25, 0.5, 0.75, 1.0)
    line = [painter.paint(photos[0], style="woodblock", strength=strength) for strength in strengths]
    save(sheet([line], [f"strength {strength:g}" for strength in strengths], 224), to / "style-strength.jpg")


def readmes(photos: Sequence[bytes]) -> None:
    """shown.jpg beside the README of toon, style and teapot."""
    for starter in ("toon", "style"):
        painter = Painter(starter)
        key = next(name for name, field in painter.fields.items() if field.kind == "choice")
        lines = [
            [media.open_image(photo), *(painter.paint(photo, **{key: word}) for word in painter.choices)]
            for photo in photos[:2]
        ]
        save(sheet(lines, ["photo", *painter.choices], 200), STARTERS / starter / "shown.jpg", A_README)
    shown = teapots(range(128, 192))
    save(sheet([shown[:8], shown[8:16]], (), 128), STARTERS / "teapot" / "shown.jpg", A_README)


def teapots(seeds: Iterable[int]) -> list[Image.Image]:
    """The quarter of these seeds' pots that the app itself likes best, the best first."""
    folder = STARTERS / "teapot" / "release"
    field, session = field_from_json(bundle.read(folder).fields[0]), Session(folder)
    made = [session.predict_all({"input": field.tensor(seed)[None]}) for seed in seeds]
    made.sort(key=lambda one: -float(one["score"][0]))
    return [pictured(one["output"][0]) for one in made[: len(made) // 4]]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", nargs="+", type=Path, default=[])
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "pictures")
    given = parser.parse_args()
    painters([file.read_bytes() for file in given.photos] or usual(), given.to)
    if not given.photos:
        readmes(usual())
        shown = teapots(range(128))
        save(sheet([shown[start : start + 8] for start in range(0, 32, 8)], (), 128), given.to / "teapot.jpg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
