"""Text: a few lines that a visitor writes, or that a model answers with."""

import unicodedata
from typing import ClassVar

from teahouse.errors import DeclarationError, InputError
from teahouse.ids import digest_of
from teahouse.spec.fields.declared import Labelled, label_of, refuse_unknown
from teahouse.spec.fields.protocol import Array, Feedback, Json

TAKES = ("most", "label")
LIMIT = 10_000  # characters of any text that a request may carry


class Text(Labelled):
    """Up to `most` characters. The model takes their code points, int64 [N, most], 0 after the last one; as output it
    gives such a row. Letters with accents are one character each (NFC); no control characters but line ends.

    Feedback as output: correct (the text mended). The truth is {"text": …}."""

    kind: ClassVar[str] = "text"
    binary = False
    feedback = frozenset({"correct"})

    def __init__(self, most: int = 200, label: str = "", *, name: str = "input", **unknown: Json) -> None:
        refuse_unknown("Text", unknown, TAKES)
        if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= LIMIT:
            raise DeclarationError(
                f"Text(most={most!r}) can not be used.", f"It is a number of characters, 1 to {LIMIT:,}.", ""
            )
        self.most, self._label, self.name = most, label_of(label, "Text"), name

    def json(self) -> dict[str, Json]:
        return {"kind": self.kind, "name": self.name, "label": self.label, "most": self.most}

    @classmethod
    def from_json(cls, declared: dict[str, Json]) -> "Text":
        return cls(declared["most"], declared.get("label", ""), name=declared.get("name", "input"))

    def schema(self) -> dict[str, Json]:
        """As an input the text itself; as an output it stands in {"text": …}."""
        text = {"type": "string", "maxLength": self.most}
        if self.name == "output":
            return {"type": "object", "required": ["text"], "properties": {"text": text}}
        return text

    def check(self, given: Json) -> None:
        """A text that fits; {"text": …} as well, as truths are stored."""
        given = _plain(given)
        if not isinstance(given, str):
            raise InputError("This is not a text.", f"It is {type(given).__name__}.", "Send a string.")
        if any(unicodedata.category(letter) in ("Cc", "Cs") and letter != "\n" for letter in given):
            raise InputError(
                "This text can not be taken.", "It holds control characters.", "Send letters, spaces and line ends."
            )
        if len(unicodedata.normalize("NFC", given)) > self.most:
            raise InputError("This text is too long.", f"The limit is {self.most:,} characters.", "Shorten it.")

    def tensor(self, given: Json) -> Array:
        """int64 [most]: code points, then zeros."""
        import numpy

        self.check(given)
        points = [ord(letter) for letter in unicodedata.normalize("NFC", _plain(given))]
        row = numpy.zeros(self.most, dtype=numpy.int64)
        row[: len(points)] = points
        return row

    def value(self, row: Array) -> Json:
        """Code points up to the first 0 to {"text": …}; what is no character becomes U+FFFD."""
        letters = []
        for point in (round(float(number)) for number in row):
            if point == 0:
                break
            whole = 0 < point < 0x110000 and unicodedata.category(chr(point)) not in ("Cc", "Cs")
            letters.append(chr(point) if whole or point == 10 else "\ufffd")
        return {"text": unicodedata.normalize("NFC", "".join(letters))}

    def truth(self, feedback: Feedback, output: Json) -> Json | None:
        if feedback.kind != "correct":
            return None
        self.check(feedback.value)
        return {"text": unicodedata.normalize("NFC", _plain(feedback.value))}

    def near(self, given: Json) -> bytes:
        return bytes.fromhex(digest_of(unicodedata.normalize("NFC", _plain(given))))[:8]


def _plain(given: Json) -> Json:
    return given.get("text") if isinstance(given, dict) else given
