"""Sayings: what a maker's code said of a file, beside what the page's model says of it: how far they lie apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from teahouse.errors import DeclarationError
from teahouse.publishing import graphs
from teahouse.publishing.examples import HOW, Example
from teahouse.publishing.outputs import NEAR_ONE, Reading
from teahouse.spec.fields import Field

Array = numpy.ndarray
SHARE, PIXELS, PART = 0.05, 0.03, 0.02  # what a visitor would see: of a share, of pixels, of a number's range
SURELY = 0.1  # of a share: a word that is beaten by less says nothing of the labels' order
RELATIVE, LITTLE = 0.15, 0.01  # or of the logits' own spread, where the shares differ by this at least
GRID = 64  # pictures of different sizes are compared this small


@dataclass(frozen=True)
class Saying:
    """What was said, in the page's own terms: logits, a picture, a number; or one word alone. `told`: it may be what
    the maker knows of the file, and not what a net said."""

    output: Field
    row: Array | None = None
    word: int | None = None
    told: bool = False

    @property
    def numbers(self) -> int:
        """How many numbers it is that something else would have to meet: of labels one less, for shares sum to 1."""
        if self.word is not None or self.output.kind == "number":
            return 1
        return max(1, self.row.size - (self.output.kind == "labels"))

    def differs(self, page: Array) -> bool:
        """Whether a visitor would see the difference, or it would show on other pictures."""
        if self.output.kind == "image":
            return self.apart(page) > PIXELS
        if self.output.kind == "number":
            return self.apart(page) > PART
        if self.word is not None:
            return int(page.argmax()) != self.word
        other = int(page.argmax()) != int(self.row.argmax())
        apart = self.apart(page)
        return apart > SHARE or ((other or self.off(page) > RELATIVE) and apart > LITTLE)

    def apart(self, page: Array) -> float:
        """How far, in what visitors see: 0 to about 1."""
        if self.output.kind == "image":
            return float(numpy.abs(_small(page) - _small(self.row)).mean())
        if self.output.kind == "number":
            return float(abs(page.ravel()[0] - self.row.ravel()[0]) / (self.output.high - self.output.low))
        shares = softmax(page)
        if self.word is not None:
            return float(shares.max() - shares[self.word])
        return float(numpy.abs(shares - softmax(self.row)).max())

    def off(self, page: Array) -> float:
        """How far, measured by the spread of what was said: 0 is the same, 1 is as good as chance."""
        if self.output.kind == "image":
            ours, theirs = _small(page), _small(self.row)
            return float(numpy.sqrt(((ours - theirs) ** 2).mean()) / (theirs.std() + 1e-3))
        if self.output.kind == "number":
            return self.apart(page) / SHARE
        if self.word is not None:
            return 0.0 if int(page.argmax()) == self.word else 1.0 + self.apart(page)
        ours, theirs = page - page.mean(), self.row - self.row.mean()
        return float(numpy.linalg.norm(ours - theirs) / (numpy.linalg.norm(theirs) + 1e-6))


def of(output: Field, one: Example, reading: Reading) -> Saying | None:
    """The saying of an example; None where nothing was said. DeclarationError where it is no answer of this app."""
    said = one.said
    if said is None:
        return None
    if output.kind == "labels" and isinstance(said, (str, int)):
        return Saying(output, word=_place(output, one.name, said), told=True)
    if output.kind == "labels" and isinstance(said, dict):
        shares = [said.get(word, 0.0) for word in output.words()]
        if not set(said) <= set(output.words()):
            _refuse(one.name, f"it names {sorted(set(said) - set(output.words()))[0]!r}, which is no label")
        return Saying(output, numpy.log(numpy.float32(shares).clip(graphs.LEAST_P)))
    array = numpy.float32([said]) if isinstance(said, (int, float)) else said
    if not isinstance(array, numpy.ndarray):
        _refuse(one.name, f"{said!r:.60} is no answer of {output.kind}")
    row = _row(output, one.name, numpy.asarray(array, numpy.float32), reading)
    return Saying(output, row, told=isinstance(said, (int, float)))


def _place(output: Field, name: str, said: str | int) -> int:
    words = output.words()
    if isinstance(said, str) and said in words:
        return words.index(said)
    if isinstance(said, int) and 0 <= said < len(words):
        return said
    return _refuse(name, f"it says {said!r}, which is none of {', '.join(words[:6])}")


def _refuse(name: str, why: str) -> Any:
    raise DeclarationError(f"What your code says of {name} can not be compared.", f"{why[0].upper()}{why[1:]}.", HOW)


def _row(output: Field, name: str, said: Array, reading: Reading) -> Array:
    """What the maker's net said, taken through the same steps as the release's."""
    if output.kind == "labels":
        flat = said.ravel()
        if reading.order and flat.size == len(reading.order):
            flat = flat[list(reading.order)]
        if flat.size == len(output.words()) and abs(float(flat.sum()) - 1) < NEAR_ONE and flat.min() >= 0:
            return numpy.log(flat.clip(graphs.LEAST_P))
        if flat.size not in (1, len(output.words())):
            _refuse(name, f"it gives {flat.size} numbers for {len(output.words())} labels")
    if output.kind == "image":
        said = said[None] if said.ndim == 2 else said
        if said.ndim != 3:
            _refuse(name, f"its shape is {said.shape}, and a picture's [3, height, width]")
        if reading.classes and said.shape[0] == 3 != reading.classes:  # they coloured it themselves
            return said
    made = graphs.finished(said[None], reading.steps, reading.classes)[0]
    if output.kind == "image" and (made.ndim != 3 or made.shape[0] != 3):
        _refuse(name, f"its shape is {said.shape}, and a picture's [3, height, width]")
    return made


def softmax(row: Array) -> Array:
    """Logits [n] to shares."""
    parts = numpy.exp(row - row.max())
    return parts / parts.sum()


def _small(picture: Array) -> Array:
    """[3, H, W] as means over a grid of at most 64 by 64."""
    rows = picture.clip(0, 1)
    for axis in (1, 2):
        parts = numpy.array_split(rows, min(GRID, rows.shape[axis]), axis)
        rows = numpy.stack([part.mean(axis) for part in parts], axis)
    return rows


@dataclass(frozen=True)
class Order:
    """That labels stand in another order; `exact` where the shares say so, and not words alone."""

    cause: str
    fix: str
    exact: bool


def other_order(
    output: Field, examples: Sequence[Example], page: Callable[[Example], Array], reading: Reading
) -> Order | None:
    """Whether the maker's words and the page's are the same but for the order of the labels. A net that errs on one
    photo looks the same: of words alone two labels at least have to be wrong, all of them surely, and none right but by
    name."""
    if output.kind != "labels":
        return None
    named = [one for one in examples if isinstance(one.said, (str, dict))]
    if not named:
        return None
    words, moved, unsure = output.words(), {}, False
    exact = any(isinstance(one.said, dict) for one in named)
    for one in named:
        row = page(one)
        unsure = unsure or (isinstance(one.said, str) and 0 < _lead(row, words, one.said) < SURELY)
        for place, word in _pairs(one, row, words):
            if moved.setdefault(place, word) != word:
                return None
    if len(set(moved.values())) < len(moved) or all(words[place] == word for place, word in moved.items()):
        return None
    wrong = [place for place, word in moved.items() if words[place] != word]
    guess = sorted(words, key=str)
    by_name = guess != words and all(guess[place] == word for place, word in moved.items())
    if not exact and (unsure or len(wrong) < 2 or (len(wrong) < len(moved) and not by_name)):
        return None
    order = guess if by_name else _completed(words, moved)
    who = "your code says" if exact else "you say"
    cause = f"the labels are in another order (wrong label order): {who} " + ", ".join(
        f'"{moved[place]}" where the page says "{words[place]}"' for place in wrong[:3]
    )
    hint = " (the order of ImageFolder: by name)" if by_name else ""
    written = ", ".join(f'"{word}"' for word in order)
    return Order(cause, f"Write Labels({written}){hint}.", exact)


def _lead(row: Array, words: Sequence[str], said: str) -> float:
    """By how much of a share the page prefers its own word to the one that was said; 0 where it is the same one, or
    one that the page does not know."""
    shares = softmax(row)
    return float(shares.max() - shares[words.index(said)]) if said in words else 0.0


def _pairs(one: Example, row: Array, words: Sequence[str]) -> list[tuple[int, str]]:
    """(the page's place, the maker's word) that belong together by this example."""
    if isinstance(one.said, str):
        return [(int(row.argmax()), one.said)]
    ours = softmax(row)
    theirs = sorted(one.said.items(), key=lambda pair: -pair[1])
    places = sorted(range(len(words)), key=lambda place: -ours[place])
    pairs = [(place, word, share) for place, (word, share) in zip(places, theirs, strict=False)]
    clear = [pair for pair in pairs if abs(ours[pair[0]] - pair[2]) < SHARE]
    if len(clear) < len(pairs):  # the shares themselves are others: it is not the order alone
        return [(0, words[0]), (0, words[-1])]
    return [(place, word) for place, word, share in pairs if share > SHARE]


def _completed(words: Sequence[str], moved: dict[int, str]) -> list[str]:
    """An order that has the words that are known in their places, and the others as they were where they can be."""
    left = [word for word in words if word not in moved.values()]
    order = {place: word for place, word in enumerate(words) if place not in moved and word in left}
    rest = iter([word for word in left if word not in order.values()])
    return [moved.get(place) or order.get(place) or next(rest) for place in range(len(words))]
