"""Markdown: somebody's words in it, without meaning: no picture, link, mention or HTML comes of them."""

from __future__ import annotations

import re
from typing import Any

LOUD = re.compile(r"[\\`*_{}\[\]|#~@!$&<>]")
BLANK = re.compile(r"[\s\x00-\x1f]+")


def text(words: Any, most: int | None = None) -> str:
    """The words on one line, cut to `most` letters of theirs: no markup, no break out of a table's cell."""
    return LOUD.sub(lambda found: f"&#{ord(found[0])};", BLANK.sub(" ", str(words)).strip()[:most])
