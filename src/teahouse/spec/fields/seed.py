"""Seed: an input that is drawn, not given. One whole number stands for all the chance that a picture is made from."""

import secrets
from typing import ClassVar

from teahouse.errors import DeclarationError, InputError
from teahouse.ids import digest_of
from teahouse.spec.fields.declared import InputOnly, Labelled, label_of, number_of, refuse_unknown
from teahouse.spec.fields.protocol import Array, Json

MOST = 2**32 - 1
SEED_SALT, PLACE_SALT = 0x7EA40E5E, 0x9E3779B9
TAKES = ("size", "truncation", "label")


class Seed(Labelled, InputOnly):
    """A seed, 0 to 4,294,967,295; where nobody gives one it is drawn. The model takes its numbers, float32 [N, size].

    truncation: what the numbers are multiplied by; below 1 the pictures are more usual and less varied.

    The numbers of a seed are the same everywhere, also in a browser. With 32-bit unsigned arithmetic,
    mix(x): x ^= x >> 16; x *= 0x7FEB352D; x ^= x >> 15; x *= 0x846CA68B; x ^= x >> 16.
    bits(i) = mix(mix(seed ^ 0x7EA40E5E) ^ mix(i ^ 0x9E3779B9)) and u(i) = (bits(i) + 0.5) / 2**32. Numbers 2k and
    2k + 1 are sqrt(-2 ln u(2k)) times cos and sin of 2 pi u(2k + 1), in float64 (Box-Muller), then float32."""

    kind: ClassVar[str] = "seed"
    binary = False
    drawn: ClassVar[bool] = True

    def __init__(
        self, size: int = 48, truncation: float = 1.0, label: str = "", *, name: str = "input", **unknown: Json
    ) -> None:
        refuse_unknown("Seed", unknown, TAKES)
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= 4096:
            raise DeclarationError(
                f"Seed(size={size!r}) can not be used.", "It is a whole number from 1 to 4,096.", "Write Seed(48)."
            )
        if not 0 < number_of(truncation, "Seed", "truncation") <= 2:
            raise DeclarationError(
                f"Seed(truncation={truncation!r}) can not be used.", "It is above 0 and at most 2.", "Write 0.9."
            )
        self.size, self.truncation, self._label, self.name = size, truncation, label_of(label, "Seed"), name

    def draw(self) -> int:
        """Another seed, from the system's own chance."""
        return secrets.randbelow(MOST + 1)

    def json(self) -> dict[str, Json]:
        return {
            "kind": self.kind, "name": self.name, "label": self.label, "size": self.size, "truncation": self.truncation,
        }  # fmt: skip

    @classmethod
    def from_json(cls, declared: dict[str, Json]) -> "Seed":
        return cls(
            declared["size"], declared["truncation"], declared.get("label", ""), name=declared.get("name", "input")
        )

    def schema(self) -> dict[str, Json]:
        return {
            "type": "integer",
            "minimum": 0,
            "maximum": MOST,
            "description": "The same seed makes the same thing. One is drawn where it is left out.",
        }

    def check(self, given: Json) -> None:
        if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= MOST:
            raise InputError(
                f"{str(given)[:40]!r} is not a seed.", f"A seed is a whole number from 0 to {MOST:,}.", "Send 7."
            )

    def tensor(self, given: Json) -> Array:
        """float32 [size]: normal numbers of mean 0 and deviation `truncation`."""
        import numpy

        self.check(given)
        places = numpy.arange(self.size + self.size % 2, dtype=numpy.uint32)
        bits = _mix(_mix(numpy.array([given], numpy.uint32) ^ SEED_SALT) ^ _mix(places ^ PLACE_SALT))
        even, odd = ((bits.astype(numpy.float64) + 0.5) / 2**32).reshape(-1, 2).T
        far, turn = numpy.sqrt(-2 * numpy.log(even)), 2 * numpy.pi * odd
        normal = numpy.stack([far * numpy.cos(turn), far * numpy.sin(turn)], 1).ravel()[: self.size]
        return (normal * self.truncation).astype(numpy.float32)

    def near(self, given: Json) -> bytes:
        return bytes.fromhex(digest_of(given))[:8]


def _mix(x: Array) -> Array:
    """uint32 to uint32, one to one, each bit of the result hanging on all of x (C. Wellons' lowbias32, 2018)."""
    import numpy

    x = (x ^ (x >> numpy.uint32(16))) * numpy.uint32(0x7FEB352D)
    x = (x ^ (x >> numpy.uint32(15))) * numpy.uint32(0x846CA68B)
    return x ^ (x >> numpy.uint32(16))
