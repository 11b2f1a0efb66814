"""Choice: one of a few words that a visitor picks, such as a style."""

from typing import ClassVar

from teahouse.errors import DeclarationError, InputError, likely
from teahouse.ids import digest_of
from teahouse.spec.fields.declared import InputOnly, Labelled, label_of, refuse_unknown, words_of
from teahouse.spec.fields.protocol import Array, Json

TAKES = ("start", "label", "pictures")


class Choice(Labelled, InputOnly):
    """One of a few words. The model takes its place among them: int64 [N].

    start: the word that is picked at first, and taken where nobody picks one. pictures: a folder beside app.py with a
    small picture for each word (`night sky.jpg`), shown in place of a plain list; they travel with the release."""

    kind: ClassVar[str] = "choice"
    binary = False

    def __init__(
        self,
        *words: str,
        start: str | None = None,
        label: str = "",
        pictures: str = "",
        name: str = "input",
        **unknown: Json,
    ) -> None:
        refuse_unknown("Choice", unknown, TAKES)
        self._words = words_of(words, "Choice", 'Choice("night sky", "woodblock")')
        if start is not None and start not in self._words:
            raise DeclarationError(
                f"Choice(start={start!r}) is none of its words.",
                f"They are: {', '.join(self._words)}.",
                likely(str(start), self._words).strip(),
            )
        if not isinstance(pictures, str) or pictures.startswith(("/", "~")) or ".." in pictures.split("/"):
            raise DeclarationError(
                f"Choice(pictures={pictures!r}) can not be used.", "It is a folder beside app.py.", 'Write "styles".'
            )
        self.start, self._label, self.pictures, self.name = start, label_of(label, "Choice"), pictures, name

    def words(self) -> list[str]:
        """What may be picked, in the order of the model's numbers."""
        return list(self._words)

    def picture(self, word: str) -> str:
        """Where a release holds the small picture of a word, if it has one: a path within the release."""
        return f"examples/{self.name}-{self._words.index(word)}.jpg"

    def json(self) -> dict[str, Json]:
        return {
            "kind": self.kind, "name": self.name, "label": self.label,
            "words": self.words(), "start": self.start, "pictures": self.pictures,
        }  # fmt: skip

    @classmethod
    def from_json(cls, declared: dict[str, Json]) -> "Choice":
        return cls(
            *declared["words"],
            start=declared.get("start"),
            label=declared.get("label", ""),
            pictures=declared.get("pictures", ""),
            name=declared.get("name", "input"),
        )

    def schema(self) -> dict[str, Json]:
        schema: dict[str, Json] = {"type": "string", "enum": self.words()}
        return schema if self.start is None else {**schema, "default": self.start}

    def check(self, given: Json) -> None:
        if not isinstance(given, str) or given not in self._words:
            raise InputError(
                f"{str(given)[:60]!r} is not among what can be chosen.",
                f"There is: {', '.join(self._words)}.",
                likely(str(given)[:60], self._words).strip() or "Choose one of these.",
            )

    def tensor(self, given: Json) -> Array:
        """The word's place as an int64 scalar."""
        import numpy

        self.check(given)
        return numpy.asarray(self._words.index(given), dtype=numpy.int64)

    def near(self, given: Json) -> bytes:
        return bytes.fromhex(digest_of(given))[:8]
