"""The chapters of docs/learn as text: what they link to, and what they tell somebody to type."""

import re
from pathlib import Path

LEARN = Path(__file__).parents[2] / "docs" / "learn"
PAGES = sorted(LEARN.glob("[0-9]-*.md"))


def links(page: Path) -> set[str]:
    """The files that a chapter links to or shows."""
    return set(re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")))


def typed(page: Path) -> list[list[str]]:
    """Every `teahouse …` of a chapter, in a block or in a line, as words."""
    text = page.read_text("utf-8")
    lines = re.findall(r"(?:^\$ |`|&& )teahouse ([^`\n;|&>]*)", text, re.M)
    return [line.split() for line in lines]
