"""Draws the icons that an installed site has (static/img/icon-*.png) from the same drawing as static/img/icon.svg.

Needs Chromium and Playwright (`pip install -e .[dev]`) to turn the drawing into pixels, and Pillow to pack them."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

IMAGES = Path(__file__).parents[1] / "src" / "teahouse" / "site" / "static" / "img"
PAPER = "#f4eee1"
COLOURS = 32
# name, pixels, the drawing's share of a side, corners as a share of a side (a maskable one fills its square)
ICONS = (("icon-192", 192, 0.72, 0.22), ("icon-512", 512, 0.72, 0.22), ("icon-maskable", 512, 0.56, 0.0))


def drawn(mark: str, side: int, share: float, corner: float) -> str:
    """The mark on paper, as SVG."""
    at, scale = side * (1 - share) / 2, side * share / 32
    head, _, rest = mark.partition(">")
    strokes = head.partition("fill=")[2]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{side}" height="{side}">'
        f'<rect width="{side}" height="{side}" rx="{side * corner}" fill="{PAPER}"/>'
        f'<g transform="translate({at} {at}) scale({scale})" fill={strokes}>{rest.removesuffix("</svg>")}</g></svg>'
    )


def main() -> None:
    """Every icon anew."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    mark = (IMAGES / "icon.svg").read_text("utf-8").strip()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, side, share, corner in ICONS:
            page = browser.new_page(viewport={"width": side, "height": side})
            page.set_content(f"<style>body{{margin:0}}</style>{drawn(mark, side, share, corner)}")
            shot = page.screenshot(omit_background=True)
            page.close()
            packed = Image.open(io.BytesIO(shot)).quantize(COLOURS, method=Image.Quantize.FASTOCTREE)
            packed.save(IMAGES / f"{name}.png", optimize=True)
            print(f"{name}.png: {(IMAGES / f'{name}.png').stat().st_size} bytes")
        browser.close()


if __name__ == "__main__":
    main()
