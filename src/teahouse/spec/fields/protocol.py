"""The field protocol: everything about a kind of input or output in one object."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray
else:
    Array = Any

Json = Any


@dataclass(frozen=True)
class Feedback:
    """A visitor's word on an answer. kind: agree, correct, choose, rate or comment; value: JSON."""

    kind: str
    value: Json


@dataclass(frozen=True)
class Picture:
    """A picture that a model made: encoded bytes, their media type, and its sides in pixels (0: not told)."""

    data: bytes
    media_type: str
    width: int = 0
    height: int = 0


@runtime_checkable
class Field(Protocol):
    """One kind of input or output. Implementations import the standard library only; pixels live in spec.media.

    label: the field's name in words for people. What a kind may have besides: `start`, the value of an input that
    nobody gave; `drawn = True` and `draw()`, where each is another one; `answers = False`, where it is no output; of an
    output `same(row, other)`: whether two rows are one answer to who reads them (else they are where `value` is)."""

    kind: ClassVar[str]
    name: str
    label: str
    binary: bool
    feedback: frozenset[str]

    def json(self) -> dict[str, Json]:
        """The declaration as JSON; `field_from_json` reads it back."""

    def schema(self) -> dict[str, Json]:
        """JSON Schema of the value in the API."""

    def check(self, given: bytes | Json) -> None:
        """Cheap checks in the web process (type, size, header); raises InputError or TooLarge."""

    def tensor(self, given: bytes | Json) -> Array:
        """One input without batch axis, as the model takes it (Image: float32 CHW RGB 0..1)."""

    def value(self, row: Array) -> Json | Picture:
        """One output row of the model as the API gives it (Labels: logits to {label, scores})."""

    def truth(self, feedback: Feedback, output: Json) -> Json | None:
        """The right answer that this word states, if it states one."""

    def near(self, given: bytes | Json) -> bytes:
        """Near-duplicate key: Image a 64-bit dHash, others the digest of the normalised value."""
