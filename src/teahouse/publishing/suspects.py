"""Suspects: where the page answers a file otherwise than the maker's own code, which usual mistake explains it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy

from teahouse.publishing import graphs, looks, sayings
from teahouse.publishing.examples import Example
from teahouse.publishing.outputs import Reading
from teahouse.spec import media
from teahouse.spec.app import App
from teahouse.spec.fields.image import IMAGENET

MOST = 3  # examples that a suspect is tried on; the page's own answer is looked at for all
EXPLAINS, NEARLY = 0.3, 0.25  # of the distance that may be left, and how far an explained answer may lie off
EXACT, SEVERAL = 0.02, 4  # to the letter: how far off, and on how many numbers, so that it is no chance
WORDS = 4  # that are wrong, before a guess is made from words alone
MAYBE, IF_SO = "your net may be wrong on these photos, or", "If it is that:"
AGREEING = "Look whether this value was made of this very file. "
UNKNOWN = (
    "none of the usual mistakes explains it",
    "Compare what your own code gives the net with Image(…): channels, range, mean and deviation. A net in "
    "training mode answers otherwise too: call net.eval() before you make the examples.",
)
TRAINING = (
    "your net is in training mode (net.training is True), where dropout and batch norm answer otherwise; the page's "
    "copy was put in eval mode",
    "Call net.eval(), make the examples again, and publish again.",
)
SIDES = (28, 32, 48, 64, 96, 112, 128, 160, 192, 224, 256, 299, 320, 384, 448, 512)  # what nets are trained on
FARTHEST = 2.5  # how many times larger or smaller: another size than that is no slip
AS_IT_IS = -1  # the side of a file that was not made smaller,
SMALLEST, LARGEST = 8, 1024  # where it is one that a net can be asked about in little time
Scale = tuple[tuple[float, ...], tuple[float, ...]]
SCALES: dict[str, Scale] = {
    "plain": ((0.0,) * 3, (1.0,) * 3),
    "imagenet": IMAGENET,
    "half": ((0.5,) * 3, (0.5,) * 3),
    "bytes": ((0.0,) * 3, (1 / 255,) * 3),
}
WRITE = {
    "plain": "Leave normalize= out of Image(…).",
    "imagenet": 'Write Image(…, normalize="imagenet").',
    "half": "Write Image(…, normalize=((.5, .5, .5), (.5, .5, .5))).",
    "bytes": "Write Image(…, normalize=((0, 0, 0), (1/255, 1/255, 1/255))).",
}
GIVEN = {
    "plain": "pixels from 0 to 1, without mean and deviation (no mean/std)",
    "imagenet": "pixels less ImageNet's mean, by its deviation (mean/std)",
    "half": "pixels from -1 to 1 (mean/std of 0.5)",
    "bytes": "pixels from 0 to 255 (0..255)",
}


@dataclass(frozen=True)
class Difference:
    """An example whose file the page answers otherwise than the maker's code. `apart`: how far (shares of a label,
    pixels or a number's range, 0..1); `cause` in words, and the `fix`. `told`: the maker said it in a word, of which
    nobody knows whether it is their code's; the cause is then a guess, or that the net may be wrong."""

    example: str
    apart: float
    cause: str
    fix: str
    told: bool = False

    def __str__(self) -> str:
        return f"{self.example}: the page answers otherwise ({self.apart:.2f} apart): {self.cause}. {self.fix}".strip()


@dataclass(frozen=True)
class Suspect:
    """One way in which the maker's code may have looked at a file: how it was cut, its channels, its numbers."""

    cut: str = "page"
    channels: str = "rgb"
    scale: str = ""
    mistakes: int = 0
    side: int = 0

    def words(self, app_scale: str, field: Any) -> tuple[str, str]:
        """(cause, fix)."""
        if self.side:
            here = f"at most {max(field.size)} a side" if field.fit == "keep" else "{} by {}".format(*field.size)
            there = "in their own size" if self.side == AS_IT_IS else f"of size {self.side}"
            fix = 'Make them smaller in your own code, or write Image(…, fit="keep") with a size as large as theirs.'
            fix = fix if self.side == AS_IT_IS else f"Write Image({self.side}, …)."
            return f"your code gave the net pictures {there}; the page gives it {here}", fix
        told = [looks.CUTS[self.cut].told, looks.CHANNELS[self.channels]]
        if self.scale:
            there = GIVEN.get(app_scale, "pixels less a mean of its own, by its deviation")
            if app_scale == "plain" and self.scale == "bytes":
                there = "pixels from 0 to 1"
            told.append((f"your code gave the net {GIVEN[self.scale]}; the page gives it {there}", WRITE[self.scale]))
        if self.channels == "bgr" and app_scale not in ("plain", "half", "bytes") and not self.scale:
            told.append(("", "Then turn round the mean and deviation of normalize= too: they come before the net."))
        said = [one for one in told if one[0]]
        if not said:
            return looks.SMALLER
        return "; and ".join(one[0] for one in said), " ".join(one[1] for one in told if one[1])


@dataclass
class Page:
    """The page's model, asked in the page's own way or in another."""

    app: App
    folder: Path
    reading: Reading
    kind: str = "torch"
    own: Any = None  # the maker's net itself, where there is one to ask: nets.Own
    _session: Any = field(init=False)

    def __post_init__(self) -> None:
        from teahouse.model.session import Session

        self._session = Session(self.folder)
        self.photo = next((name for name, each in self.app.fields.items() if each.kind == "image"), None)

    def row(self, given: Mapping[str, Any], suspect: Suspect | None = None) -> numpy.ndarray | None:
        """What the model says of a file, looked at as the page does, or as a suspect would have; None where it can not
        be looked at so."""
        arrays = self.arrays(given)
        if suspect is not None and suspect.side:
            picture = self.sized(given[self.photo], suspect.side)
            return None if picture is None else self.own_row({**arrays, self.photo: picture})
        if suspect is not None and self.photo:
            arrays[self.photo] = self.seen(given[self.photo], suspect)
        return self._session.predict({name: array[None] for name, array in arrays.items()})[0]

    def arrays(self, given: Mapping[str, Any]) -> dict[str, numpy.ndarray]:
        """What the page gives the model of an example, by field."""
        return {name: numpy.asarray(each.tensor(given[name])) for name, each in self.app.fields.items()}

    def own_row(self, arrays: Mapping[str, numpy.ndarray]) -> numpy.ndarray | None:
        """What the maker's net itself says, taken through the release's own steps; None where it can not take that."""
        said = self.own.rows({name: array[None] for name, array in arrays.items()})
        if said is None:
            return None
        row = graphs.finished(said, self.reading.steps, self.reading.classes)[0]
        # a net without an end of one size says more of a larger picture: that is no answer
        return None if self.app.output.kind == "labels" and row.shape != (len(self.app.output.words()),) else row

    def sized(self, data: bytes, side: int) -> numpy.ndarray | None:
        """A picture as the page would give it if it had declared this size."""
        field = self.app.fields[self.photo]
        size = media.open_image(data).size if side == AS_IT_IS else (side, side)
        return type(field)(size, fit=field.fit).tensor(data) if SMALLEST <= min(size) <= max(size) <= LARGEST else None

    def sides(self) -> list[int]:
        """The sizes that the maker's code may have used in place of the declared one, where there is a net to ask."""
        each = self.app.fields[self.photo]
        if self.own is None:
            return []
        near = [side for side in SIDES if max(side / max(each.size), max(each.size) / side) <= FARTHEST]
        return [AS_IT_IS, *(side for side in near if (side, side) != each.size)]

    def seen(self, data: bytes, suspect: Suspect) -> numpy.ndarray:
        """The picture that makes the graph give its net what the suspect's code would have given it."""
        each = self.app.fields[self.photo]
        look = looks.look(data, each, suspect.cut, suspect.channels)
        if not suspect.scale:
            return look
        theirs, ours = SCALES[suspect.scale], each.normalize or SCALES["plain"]
        (mean, std), (own_mean, own_std) = (
            [numpy.float32(part).reshape(3, 1, 1) for part in pair] for pair in (theirs, ours)
        )
        return ((look - mean) / std * own_std + own_mean).astype(numpy.float32)

    def scale(self) -> str:
        """The name of the app's own scale, or ""."""
        own = self.app.fields[self.photo].normalize if self.photo else None
        pair = own or SCALES["plain"]
        return next((name for name, known in SCALES.items() if numpy.allclose(pair, known, atol=2e-3)), "")


@dataclass(frozen=True)
class Heard:
    """An example with what was said of it, and what the page says."""

    example: Example
    saying: sayings.Saying
    row: numpy.ndarray

    @property
    def apart(self) -> bool:
        """Whether the page says something else."""
        return self.saying.differs(self.row)


def differences(page: Page, examples: Sequence[Example]) -> list[Difference]:
    """What the page answers otherwise than the maker, each with the cause that explains the most of them.

    Of a word, or a plain number, nobody knows whether the net was asked: where it is another one the net may simply be
    wrong. So a cause is looked for in what nets gave, and told of words where it mends them too."""
    heard = heard_of(page, examples)
    if not any(one.apart for one in heard):
        return []
    order = sayings.other_order(page.app.output, examples, lambda one: page.row(one.given), page.reading)
    given = [one for one in heard if not one.saying.told]
    off, right = [one for one in given if one.apart], [one for one in given if not one.apart]
    found = search(page, off, right) if off else None
    cause, fix = explained(page, off, right, found, order) if off else ("", "")
    named = found is not None and (cause, fix) == worded(page, found)
    guess = None if off else of_words(page, heard, order)
    made = []
    for one in heard:
        if not one.apart:
            continue
        told, words = one.saying.told, (cause, fix)
        if told and order is not None and order.exact:
            words = (order.cause, order.fix)
        elif told and named and found.agrees(one):
            told = False  # what explains the net's own answers explains this word too
        elif told:
            words = guess or simply_wrong(page, one)
        made.append(Difference(one.example.name, round(one.saying.apart(one.row), 4), *words, told))
    return made


def heard_of(page: Page, examples: Sequence[Example]) -> list[Heard]:
    """The examples of which something was said."""
    said = [(one, sayings.of(page.app.output, one, page.reading)) for one in examples]
    return [Heard(one, saying, page.row(one.given)) for one, saying in said if saying is not None]


def simply_wrong(page: Page, one: Heard) -> tuple[str, str]:
    """All that a word alone tells."""
    output, row = page.app.output, one.row
    if output.kind == "labels":
        words = output.words()
        here, yours = f'"{words[int(row.argmax())]}"', f'"{words[one.saying.word]}"'
    else:
        here, yours = (f"{float(each.ravel()[0]):.4g}" for each in (row, one.saying.row))
    return f"your net says {here} here; you say {yours}: it may be wrong on this photo", ""


def search(page: Page, off: Sequence[Heard], right: Sequence[Heard]) -> Found | None:
    """The suspect that explains all that a net's own answers differ in, and leaves alone those that agree."""
    # few numbers are met by chance by one of many suspects: who has said little is asked about simple ones
    most = min(3, sum(one.saying.numbers for one in off))
    found = best(page, off[:MOST], right, most) if page.photo else None
    return found if found is not None and all(found.agrees(one) for one in off) else None


def worded(page: Page, found: Found) -> tuple[str, str]:
    """(cause, fix) of a suspect."""
    return found.suspect.words(page.scale(), page.app.fields[page.photo])


def explained(
    page: Page, off: Sequence[Heard], right: Sequence[Heard], found: Found | None, order: sayings.Order | None
) -> tuple[str, str]:
    """(cause, fix) of what the net's own answers differ in."""
    if order is not None and order.exact:
        return order.cause, order.fix
    if page.own is not None and page.own.training and not (found is not None and found.is_exact(off)):
        return TRAINING
    if found is not None:
        return worded(page, found)
    return (f"{UNKNOWN[0]}, and {len(right)} more agree as they are", AGREEING + UNKNOWN[1]) if right else UNKNOWN


def of_words(page: Page, heard: Sequence[Heard], order: sayings.Order | None) -> tuple[str, str] | None:
    """(cause, fix), as no more than a guess, where words alone differ: another order of the labels, or what mends
    several words and breaks nothing; None where the net may simply be wrong."""
    if order is not None:
        return f"{MAYBE} {order.cause}", f"{IF_SO} {order.fix}"
    wrong = [one for one in heard if one.apart]
    if page.photo is None or len(wrong) < WORDS or len({one.saying.word for one in wrong}) < 2:
        return None
    found = best(page, wrong, [one for one in heard if not one.apart], 1)
    if found is None or not all(found.agrees(one) for one in wrong):
        return None
    cause, fix = worded(page, found)
    return f"{MAYBE} {cause}", f"{IF_SO} {fix}"


@dataclass(frozen=True)
class Found:
    """A suspect that explains what the maker's code said."""

    page: Page
    suspect: Suspect

    def off(self, one: Heard) -> float:
        """How far from what was said the model lies in this suspect's way."""
        row = self.page.row(one.example.given, self.suspect)
        return float("inf") if row is None else one.saying.off(row)

    def agrees(self, one: Heard) -> bool:
        """Whether it explains this example too."""
        return self.off(one) <= max(NEARLY, EXPLAINS * one.saying.off(one.row))

    def is_exact(self, heard: Sequence[Heard]) -> bool:
        """Whether it gives what was said to the letter, and of more numbers than chance could meet."""
        return sum(one.saying.numbers for one in heard) >= SEVERAL and all(self.off(one) <= EXACT for one in heard)

    def breaks(self, one: Heard) -> bool:
        """Whether an example that agrees as it is would not any more."""
        row = self.page.row(one.example.given, self.suspect)
        return row is None or one.saying.differs(row)


def best(page: Page, off: Sequence[Heard], right: Sequence[Heard], most: int) -> Found | None:
    """The suspect with the fewest mistakes, `most` at most, that explains the examples that differ and breaks none of
    those that agree; among those the one that lies nearest."""
    before = float(numpy.mean([one.saying.off(one.row) for one in off]))
    limit = min(NEARLY, EXPLAINS * before)
    for level in levels(page, most):
        tried = [Found(page, suspect) for suspect in level]
        far = [(float(numpy.mean([one.off(each) for each in off])), number) for number, one in enumerate(tried)]
        for _, number in sorted(pair for pair in far if pair[0] <= limit):
            if not any(tried[number].breaks(each) for each in right):
                return tried[number]
    return None


def levels(page: Page, most: int) -> Iterator[list[Suspect]]:
    """All suspects of at most so many mistakes, those with fewer first."""
    each = page.app.fields[page.photo]
    own = page.scale()
    scales = ["", *(name for name in SCALES if name != own)]
    channels = ["rgb", "bgr", *(["planes"] if page.kind == "sklearn" else [])]
    every = [
        Suspect(cut, order, scale, looks.CUTS[cut].mistake + (order != "rgb") + bool(scale))
        for cut in looks.cuts_of(each)
        for order in channels
        for scale in scales
    ]
    every += [Suspect(side=side, mistakes=1) for side in page.sides()]
    for count in range(most + 1):
        yield [one for one in every if one.mistakes == count]
