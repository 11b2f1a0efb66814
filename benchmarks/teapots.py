"""Teapots: 128 pictures to be named by somebody who does not know what they are: ours among renders and other vessels.

    python benchmarks/teapots.py FOLDER KEY [--weights FILE]

FOLDER gets 001.png … 128.png at twice their size, in an order drawn by lot, and numbered sheets of 32; KEY becomes a
JSON file of what each is: shown (the best quarter of 256 seeds, as a page shows them), render, jug or kettle. The
reader says one word for each; `benchmarks/starters.py --blind KEY WORDS` counts them.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from vessels import vessels

from starters import MADE, best, pots, renders

SHEET, ACROSS, SIDE, MARGIN = 32, 8, 256, 26


def pictures(seed: int, weights: Path | None) -> list[tuple[str, Image.Image]]:
    """(what it is, picture), shuffled."""
    found = [("shown", one) for one in best(*pots(weights, 3_000_000 + seed, MADE))]
    found += [("render", one) for one in renders(700_000 + seed, 32)]
    others, names = vessels(800_000 + seed, 32)
    found += list(zip(names, others, strict=True))
    random.Random(seed).shuffle(found)
    return [(kind, large(one)) for kind, one in found]


def large(picture: np.ndarray) -> Image.Image:
    """float32 [3, H, W] at twice its size, as a browser draws it."""
    pixels = (picture.clip(0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)
    return Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def sheet(numbered: list[tuple[str, Image.Image]]) -> Image.Image:
    """Pictures beside each other, each with its number below."""
    down = -(-len(numbered) // ACROSS)
    whole = Image.new("RGB", (ACROSS * (SIDE + 8), down * (SIDE + MARGIN)), "white")
    draw = ImageDraw.Draw(whole)
    for place, (number, picture) in enumerate(numbered):
        x, y = place % ACROSS * (SIDE + 8) + 4, place // ACROSS * (SIDE + MARGIN)
        whole.paste(picture, (x, y))
        draw.text((x + SIDE // 2, y + SIDE + 3), number, fill="black", anchor="ma", font_size=18)
    return whole


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("key", type=Path)
    parser.add_argument("--weights", type=Path, help="of the net, in place of the shipped release's")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    given.key.parent.mkdir(parents=True, exist_ok=True)
    found = pictures(given.seed, given.weights)
    numbered = [(f"{number:03d}", picture) for number, (_, picture) in enumerate(found, 1)]
    for number, picture in numbered:
        picture.save(given.folder / f"{number}.png")
    for start in range(0, len(numbered), SHEET):
        sheet(numbered[start : start + SHEET]).save(given.folder / f"sheet-{start // SHEET + 1}.png")
    key = {number: kind for (number, _), (kind, _) in zip(numbered, found, strict=True)}
    given.key.write_text(json.dumps(key, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
