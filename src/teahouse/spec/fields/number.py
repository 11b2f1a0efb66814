"""Number: a slider between two ends, or an amount that a model tells."""

import math
from typing import ClassVar

from teahouse.errors import DeclarationError, InputError
from teahouse.ids import digest_of
from teahouse.spec.fields.declared import Labelled, label_of, number_of, refuse_unknown
from teahouse.spec.fields.protocol import Array, Feedback, Json

TAKES = ("low", "high", "step", "start", "label")
FAR = 1e9
ALIKE = 0.01  # of the range: what nobody sees of a number


class Number(Labelled):
    """A number from `low` to `high`. The model takes float32 [N]; as output it gives one number a row, [N] or [N, 1].

    step: how far the slider moves at once; numbers in between are good as well. start: where it stands at first, and
    what is taken where nobody gives one. Feedback as output: correct (the true number). The truth is {"number": x}."""

    kind: ClassVar[str] = "number"
    binary = False
    feedback = frozenset({"correct"})

    def __init__(
        self,
        low: float,
        high: float,
        step: float | None = None,
        start: float | None = None,
        label: str = "",
        *,
        name: str = "input",
        **unknown: Json,
    ) -> None:
        refuse_unknown("Number", unknown, TAKES)
        self.low, self.high = number_of(low, "Number", "low"), number_of(high, "Number", "high")
        if not -FAR <= self.low < self.high <= FAR:
            raise DeclarationError(
                f"Number({low!r}, {high!r}) can not be used.",
                f"The low end lies below the high one, both within {FAR:,.0f} of zero.",
                "Write Number(0, 1).",
            )
        if step is not None and not 0 < number_of(step, "Number", "step") <= self.high - self.low:
            raise DeclarationError(
                f"Number(step={step!r}) can not be used.", "It is above 0 and fits between the two ends.", ""
            )
        if start is not None and not self.low <= number_of(start, "Number", "start") <= self.high:
            raise DeclarationError(
                f"Number(start={start!r}) can not be used.", f"It lies between {self.low:g} and {self.high:g}.", ""
            )
        self.step, self.start, self._label, self.name = step, start, label_of(label, "Number"), name

    def json(self) -> dict[str, Json]:
        return {
            "kind": self.kind, "name": self.name, "label": self.label,
            "low": self.low, "high": self.high, "step": self.step, "start": self.start,
        }  # fmt: skip

    @classmethod
    def from_json(cls, declared: dict[str, Json]) -> "Number":
        return cls(
            declared["low"],
            declared["high"],
            declared.get("step"),
            declared.get("start"),
            declared.get("label", ""),
            name=declared.get("name", "input"),
        )

    def schema(self) -> dict[str, Json]:
        """As an input the number itself; as an output it stands in {"number": x}."""
        number = {"type": "number", "minimum": self.low, "maximum": self.high}
        if self.name == "output":
            return {"type": "object", "required": ["number"], "properties": {"number": number}}
        return number if self.start is None else {**number, "default": self.start}

    def check(self, given: Json) -> None:
        """A number between the ends; {"number": x} as well, as truths are stored."""
        given = _plain(given)
        ours = not isinstance(given, bool) and isinstance(given, (int, float)) and self.low <= given <= self.high
        if not ours:  # NaN is between nothing
            raise InputError(
                f"{str(given)[:40]!r} does not fit.",
                f"It takes a number from {self.low:g} to {self.high:g}.",
                f"Send {self.start if self.start is not None else self.low:g}.",
            )

    def tensor(self, given: Json) -> Array:
        """A float32 scalar."""
        import numpy

        self.check(given)
        return numpy.asarray(_plain(given), dtype=numpy.float32)

    def value(self, row: Array) -> Json:
        """One number, within the ends, to {"number": x}, in the digits that float32 has."""
        numbers = [float(number) for number in getattr(row, "ravel", lambda: [row])()]
        if len(numbers) != 1:
            raise InputError(f"The model gave {len(numbers)} numbers for one.")
        if not math.isfinite(numbers[0]):
            raise InputError("The model's answer is not a number.")
        return {"number": float(f"{min(max(numbers[0], self.low), self.high):.7g}")}

    def same(self, row: Array, other: Array) -> bool:
        """Whether two rows lie within a hundredth of the range of each other."""
        apart = abs(self.value(row)["number"] - self.value(other)["number"])
        return apart <= ALIKE * (self.high - self.low)

    def truth(self, feedback: Feedback, output: Json) -> Json | None:
        if feedback.kind != "correct":
            return None
        self.check(feedback.value)
        return {"number": _plain(feedback.value)}

    def near(self, given: Json) -> bytes:
        return bytes.fromhex(digest_of(float(_plain(given))))[:8]


def _plain(given: Json) -> Json:
    return given.get("number") if isinstance(given, dict) else given
