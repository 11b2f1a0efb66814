"""Suspects: where the page answers a file otherwise than the maker's own code, which usual mistake explains it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    pixels or a number's range, 0..1); `cause` in words, and the `fix`."""

    example: str
    apart: float
    cause: str
    fix: str

    def __str__(self) -> str:
        return f"{self.example}: the page answers otherwise ({self.apart:.2f} apart): {self.cause}. {self.fix}"


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

    def own_row(self, arrays: Mapping[str, numpy.ndarray], training: bool = False) -> numpy.ndarray | None:
        """What the maker's net itself says, taken through the release's own steps; None where it can not take that."""
        said = self.own.rows({name: array[None] for name, array in arrays.items()}, training)
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


def differences(page: Page, examples: Sequence[Example]) -> list[Difference]:
    """What the page answers otherwise than the maker, each with the cause that explains the most of them."""
    apart: list[tuple[Example, sayings.Saying, float]] = []
    for one in examples:
        saying = sayings.of(page.app.output, one, page.reading)
        if saying is None:
            continue
        row = page.row(one.given)
        if saying.differs(row):
            apart.append((one, saying, saying.apart(row)))
    if not apart:
        return []
    cause, fix = explained(page, [(one, saying) for one, saying, _ in apart], examples)
    return [Difference(one.name, round(far, 4), cause, fix) for one, _, far in apart]


def explained(
    page: Page, apart: Sequence[tuple[Example, sayings.Saying]], examples: Sequence[Example]
) -> tuple[str, str]:
    """(cause, fix): the simplest suspect under which the model says what the maker said."""
    in_order = sayings.other_order(page.app.output, examples, lambda one: page.row(one.given), page.reading)
    if in_order and in_order.sure:
        return in_order.cause, in_order.fix
    found = best(page, apart[:MOST]) if page.photo else None
    if found is not None and not all(found.agrees(one, saying) for one, saying in apart):
        found = None
    if page.own is not None and page.own.training and in_training(page, apart[:MOST], found):
        return TRAINING
    if found is not None:
        cause, fix = found.suspect.words(page.scale(), page.app.fields[page.photo])
        return (f"{cause} (or {in_order.cause})", fix) if in_order else (cause, fix)
    return (in_order.cause, in_order.fix) if in_order else UNKNOWN


def in_training(page: Page, apart: Sequence[tuple[Example, sayings.Saying]], found: Found | None) -> bool:
    """Whether it is likelier that the maker's net answered in training mode than that the suspect, if any, explains it.

    What dropout leaves out is another part each time: where nothing else explains the examples the mode is named."""
    if found is None:
        return True
    for one, saying in apart:
        row = page.own_row(page.arrays(one.given), training=True)
        if row is None or saying.off(row) > saying.off(page.row(one.given, found.suspect)):
            return False
    return True


@dataclass(frozen=True)
class Found:
    """A suspect that explains what the maker's code said."""

    page: Page
    suspect: Suspect

    def agrees(self, one: Example, saying: sayings.Saying) -> bool:
        """Whether it explains this example too."""
        row = self.page.row(one.given, self.suspect)
        return row is not None and saying.off(row) <= max(NEARLY, EXPLAINS * saying.off(self.page.row(one.given)))


def best(page: Page, apart: Sequence[tuple[Example, sayings.Saying]]) -> Found | None:
    """The suspect with the fewest mistakes that explains the examples; among those the one that lies nearest."""

    def off(ask: Callable[[Example], numpy.ndarray | None]) -> float:
        rows = [(saying, ask(one)) for one, saying in apart]
        return float(numpy.mean([numpy.inf if row is None else saying.off(row) for saying, row in rows]))

    before = off(lambda one: page.row(one.given))
    limit = min(NEARLY, EXPLAINS * before)
    for level in levels(page):
        tried = [(off(lambda one, way=suspect: page.row(one.given, way)), suspect) for suspect in level]
        if tried and (nearest := min(tried, key=lambda pair: pair[0]))[0] <= limit:
            return Found(page, nearest[1])
    return None


def levels(page: Page) -> Iterator[list[Suspect]]:
    """All suspects, those with fewer mistakes first."""
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
    for count in range(4):
        yield [one for one in every if one.mistakes == count]
