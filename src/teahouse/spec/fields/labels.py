"""Labels: the answer is one of a few words, each with its score."""

import math
from typing import ClassVar

from teahouse.errors import InputError, likely
from teahouse.ids import digest_of
from teahouse.spec.fields.declared import Labelled, label_of, words_of
from teahouse.spec.fields.protocol import Array, Feedback, Json


class Labels(Labelled):
    """A classifier's answer. The model gives one logit a label, in the order of the words.

    Feedback: agree (it was right) or correct (which word is right). The truth is {"label": word}."""

    kind: ClassVar[str] = "labels"
    binary = False
    feedback = frozenset({"agree", "correct"})

    def __init__(self, *words: str, label: str = "", name: str = "output") -> None:
        self._words = words_of(words, "Labels", 'Labels("green", "oolong")')
        self._label, self.name = label_of(label, "Labels"), name

    def words(self) -> list[str]:
        """The labels in the order of the model's logits."""
        return list(self._words)

    def json(self) -> dict[str, Json]:
        return {"kind": self.kind, "name": self.name, "label": self.label, "words": self.words()}

    @classmethod
    def from_json(cls, declared: dict[str, Json]) -> "Labels":
        return cls(*declared["words"], label=declared.get("label", ""), name=declared.get("name", "output"))

    def schema(self) -> dict[str, Json]:
        score = {"type": "number", "minimum": 0, "maximum": 1}
        return {
            "type": "object",
            "required": ["label", "scores"],
            "properties": {
                "label": {"type": "string", "enum": self.words()},
                "scores": {"type": "object", "properties": {word: score for word in self._words}},
            },
        }

    def check(self, given: Json) -> None:
        """{"label": word}, as truths are stored."""
        word = given.get("label") if isinstance(given, dict) else given
        if word not in self._words:
            raise InputError(
                f"{str(word)[:60]!r} is not one of the labels.",
                f"They are: {', '.join(self._words)}.",
                likely(str(word)[:60], self._words).strip() or "Choose one of these.",
            )

    def tensor(self, given: Json) -> Array:
        """The label's index as an int64 scalar."""
        import numpy

        self.check(given)
        return numpy.int64(self._words.index(given["label"] if isinstance(given, dict) else given))

    def value(self, row: Array) -> Json:
        """Logits [n] to {"label", "scores"}: softmax, rounded to six places."""
        logits = [float(number) for number in row]
        if len(logits) != len(self._words):
            raise InputError(f"The model gave {len(logits)} numbers for {len(self._words)} labels.")
        if not all(math.isfinite(number) for number in logits):
            raise InputError("The model's answer is not a number.")
        top = max(logits)
        parts = [math.exp(number - top) for number in logits]
        scores = {word: round(part / sum(parts), 6) for word, part in zip(self._words, parts, strict=True)}
        return {"label": max(scores, key=scores.__getitem__), "scores": scores}

    def same(self, row: Array, other: Array) -> bool:
        """Whether two rows say the same label."""
        return self.value(row)["label"] == self.value(other)["label"]

    def truth(self, feedback: Feedback, output: Json) -> Json | None:
        if feedback.kind == "agree":
            return {"label": output["label"]} if feedback.value is True and output else None
        if feedback.kind == "correct":
            word = feedback.value.get("label") if isinstance(feedback.value, dict) else feedback.value
            self.check(word)
            return {"label": word}
        return None

    def near(self, given: Json) -> bytes:
        return bytes.fromhex(digest_of(given))[:8]
