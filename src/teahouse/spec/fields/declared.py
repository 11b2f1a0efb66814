"""What declarations of fields share: words for people, lists of words, numbers within bounds, unknown parameters."""

import math
import re
from collections.abc import Sequence
from typing import Any, ClassVar

from teahouse.errors import DeclarationError, InputError, likely

Json = Any
SAYING = 80  # characters of a field's own words
WORD = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff<>{}`$\\\"\u202a-\u202e\u2066-\u2069]{1,40}\Z")


class Labelled:
    """A field that people read the name of: the maker's words, or else the name with _ as spaces."""

    name: str
    _label: str = ""

    @property
    def label(self) -> str:
        """What stands beside the field on the page."""
        return self._label or self.name.replace("_", " ")


class InputOnly:
    """A kind that is given or drawn, and never an answer."""

    kind: ClassVar[str]
    answers: ClassVar[bool] = False
    feedback: ClassVar[frozenset[str]] = frozenset()

    def value(self, row: Any) -> Json:
        """InputError: no model answers with this kind."""
        raise InputError(f"A field of kind {self.kind} is no answer.", "It is something that goes in.")

    def truth(self, feedback: Any, output: Json) -> Json | None:
        """None: nothing is said of an input."""
        return None


def label_of(given: Any, kind: str) -> str:
    """The maker's words for a field, checked; "" where there are none."""
    plain = isinstance(given, str) and len(given) <= SAYING and given.isprintable()
    if not plain or given != given.strip():
        raise DeclarationError(
            f"{kind}(label={given!r}) can not be used.",
            f"It is one line of words for people, up to {SAYING} characters.",
            f'Write {kind}(…, label="strength").',
        )
    return given


def words_of(words: Sequence[Any], kind: str, example: str) -> list[str]:
    """Two to 1,000 different words that may be shown and stored."""
    if len(words) == 1 and isinstance(words[0], (list, tuple)):
        words = words[0]
    if not 2 <= len(words) <= 1000:
        raise DeclarationError(f"{kind} needs between 2 and 1,000 words, not {len(words)}.", "", f"Write {example}.")
    for word in words:
        if not isinstance(word, str) or not WORD.match(word) or word != word.strip():
            raise DeclarationError(
                f"{kind} can not take {word!r}.",
                "A label is a word or a few, up to 40 characters, without quotes, brackets or control characters.",
                "Rename it.",
            )
    if len({word.casefold() for word in words}) != len(words):
        raise DeclarationError(f"{kind} has the same word twice.", ", ".join(words), "Remove one of the two.")
    return list(words)


def number_of(given: Any, kind: str, parameter: str) -> float:
    """A finite number as the maker wrote it."""
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        raise DeclarationError(f"{kind}({parameter}={given!r}) can not be used.", "It is a number.", "")
    return given


def refuse_unknown(kind: str, unknown: dict[str, Any], known: Sequence[str]) -> None:
    """DeclarationError for a parameter that the kind does not have, with the likely one."""
    if unknown:
        word = next(iter(unknown))
        raise DeclarationError(
            f'{kind} has no parameter "{word}".', f"It takes {', '.join(known)}.", likely(word, known).strip()
        )
