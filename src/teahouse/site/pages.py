"""What each page shows: one frozen dataclass a template, the page's whole contract; the owner's: owner_page_shapes.

A handler fills one of the pages below and hands it to `render.render`; a template sees the fields of its page and
nothing else. Times are milliseconds UTC, shares and confidences are 0..1, addresses are paths on this site.
Labels are shown as the maker spelt them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from teahouse.site.offer import Counted
from teahouse.spec.fields.image import MAX_BYTES

SURENESS = ((0.97, "quite sure"), (0.85, "fairly sure"), (0.6, "I think so"), (0.0, "only a guess"))
"""From this confidence on, these words; highest first. The page hands the same list to the browser."""

PURPOSE = (
    "The photo is shrunk, stripped of place and time, and kept here to teach the next release. "
    "Nobody but the owner sees it, and you can take it back at any time."
)
PURPOSE_OF_WORDS = (
    "What you gave is kept here to teach the next release. "
    "Nobody but the owner sees it, and you can take it back at any time."
)
PURPOSE_ALONE = (
    "It is shrunk, stripped of place and time, and kept in this browser alone. "
    "It leaves it in the file that you save and send to the maker. Other pages of this address could read it."
)
"""The same on a page without a house behind it."""
PURPOSE_VERSION = "2025-11"
"""Stored with each consent (`text_version`): change it whenever one of the two changes, or the tick below them
(play.html) by which a visitor lets others see that photo when they teach."""

REPORTS = (
    ("private", "It shows me, or somebody who did not agree"),
    ("illegal", "It is against the law"),
    ("hurtful", "It hurts or insults"),
    ("other", "Something else"),
)
"""What can be wrong with a page that a visitor shows to others: the word of the API, and how a person says it."""
SHOW_VERSION = "2025-12"  # the same for what js/sharing.js asks before an answer is shown to others


def sureness(confidence: float) -> str:
    """The confidence in words, as the visitor reads it."""
    return next(words for floor, words in SURENESS if confidence >= floor)


# ---- parts ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shell:
    """What surrounds every page. `nonce` is put in by `render`; `many` is true where the house holds several apps,
    `framed` where the page lies in a frame of another site's page, `alone` where no house stands behind it and the
    browser itself answers; `home` is then the address of the house that hears what visitors say, or ""."""

    title: str
    many: bool = False
    owner: bool = False
    framed: bool = False
    alone: bool = False
    home: str = ""
    sells: bool = False  # whether some app has a price


@dataclass(frozen=True)
class Social:
    """What other sites show where somebody links to the page: title, a line, and the whole addresses of the page and of
    its card (1200 x 630)."""

    title: str
    words: str
    address: str
    card: str


@dataclass(frozen=True)
class Accuracy:
    """How often a release is right on photos it never saw: value, its 95 % interval, number of photos, whose
    they are (maker | visitors), and how often the release before is right on the same photos, where that is known."""

    value: float
    low: float
    high: float
    n: int
    whose: str = "maker"
    before: float | None = None


@dataclass(frozen=True)
class Labelled:
    """One answer of a Labels output, only shown: nobody says a word on it."""

    label: str
    scores: dict[str, float]
    confidence: float
    familiar: bool | None = True

    @property
    def words(self) -> str:
        return sureness(self.confidence)


@dataclass(frozen=True)
class Pictured:
    """One answer that is a picture: its address, and its size in pixels, so that its place is kept before it comes;
    the address of a small copy that is shown in its place, where there is one."""

    picture: str
    width: int
    height: int
    familiar: bool | None = True
    small: str = ""


@dataclass(frozen=True)
class Written:
    """One answer in words: a text, or a number as it is read."""

    text: str
    familiar: bool | None = True


@dataclass(frozen=True)
class Sample:
    """A photo of the maker that one tap answers: the address of its bytes, words for who can not see it, the address of
    a small copy that is shown in its place, where there is one, and its width over its height."""

    photo: str
    alt: str = ""
    small: str = ""
    ratio: float = 1.0


@dataclass(frozen=True)
class Opening:
    """The sample that stands as the page opens, and its answer; None: the page asks for it by itself."""

    sample: Sample
    answer: Labelled | Pictured | Written | None


@dataclass(frozen=True)
class Chip:
    """One word of a choice, with the address of its small picture, or ""."""

    word: str
    picture: str = ""


@dataclass(frozen=True)
class Input:
    """One input as the page asks for it: the template inputs/{kind}.html and the module js/inputs/{kind}.js.

    `start` stands as the page opens. `low`, `high`, `step` are a number's, `chips` a choice's, `most` a text's."""

    kind: str
    name: str = "input"
    label: str = ""
    start: float | str | None = None
    low: float = 0.0
    high: float = 1.0
    step: float | None = None
    most: int = 200
    chips: tuple[Chip, ...] = ()


@dataclass(frozen=True)
class PhotoLimits:
    """What the browser may send, and what it shrinks a photo to (pixels on the long side)."""

    bytes: int = MAX_BYTES
    side: int = 1280
    accept: str = "image/*,.heic,.heif"


@dataclass(frozen=True)
class AppCard:
    """An app on the shelf: name (its path), title, one line, open or not, and what it does in a picture: `photo` with
    the `answer` to it, one made of the other where the answer is a picture; an answer alone where nothing is given.

    `played`: how often visitors played with it; `learned`: words of visitors that it learned from in the last week."""

    name: str
    title: str
    description: str = ""
    photo: str = ""
    accuracy: Accuracy | None = None
    open: bool = True
    answer: Labelled | Pictured | Written | None = None
    release: int | None = None
    played: int = 0
    learned: int = 0
    by_hand: bool = False  # nothing retrains it by itself


# ---- the visitor's pages -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Play:
    """`/` with one app, else `/{app}`: what the visitor gives, its answer, the visitor's word.

    Where nothing is given but a seed, `seed`, `picture` and `prediction` are the picture that the page opens with, and
    `pool` says how many the pool made and how many of them it shows."""

    template: ClassVar[str] = "play.html"
    shell: Shell
    name: str
    title: str
    labels: tuple[str, ...]
    release: int
    description: str = ""
    note: str = ""
    samples: tuple[Sample, ...] = ()
    opening: Opening | None = None
    accuracy: Accuracy | None = None
    standing: bool = False
    limits: PhotoLimits = field(default_factory=PhotoLimits)
    inputs: tuple[Input, ...] = (Input("image"),)
    output_kind: str = "labels"  # the template answers/{output_kind}.html and the module js/answers/{output_kind}.js
    fit: str = "keep"  # how a photo lies under the picture made of it: crop, pad or keep
    size: tuple[int, int] = (1, 1)  # the proportions of a picture that is made
    seed: int | None = None
    picture: str = ""
    prediction: str = ""
    pool: tuple[int, int] = (0, 0)  # of a release without a number, `release` is 0
    social: Social | None = None
    by_hand: bool = False  # whether nothing retrains it by itself: then the page promises nothing
    teach: bool = False  # whether the app has a round in which visitors teach it
    counted: Counted | None = None  # what is left, where answers are counted


@dataclass(frozen=True)
class Teach:
    """`/{app}/teach`: a round of `round` pictures, to say of each which of the `labels` it is; js/teach.js fetches
    them."""

    template: ClassVar[str] = "teach.html"
    shell: Shell
    name: str
    title: str
    labels: tuple[str, ...]
    round: int = 5


@dataclass(frozen=True)
class Shared:
    """`/shared/{token}`: an answer that its visitor shows to others. `words` is an answer that is no picture; `make` is
    where to make one's own, `picture` and `photo` are addresses or ""."""

    template: ClassVar[str] = "shared.html"
    shell: Shell
    token: str
    title: str
    make: str
    at: int
    words: str = ""
    description: str = ""
    picture: str = ""
    photo: str = ""
    size: tuple[int, int] = (1, 1)
    social: Social | None = None
    kinds: tuple[tuple[str, str], ...] = REPORTS


@dataclass(frozen=True)
class Shelf:
    """`/` with several apps, or none yet."""

    template: ClassVar[str] = "shelf.html"
    shell: Shell
    apps: tuple[AppCard, ...] = ()


@dataclass(frozen=True)
class Entry:
    """A line of the ship log: what came out at a moment, of which app, and what there is to say of it, or ""."""

    at: int
    app: str
    title: str
    release: int
    kind: str = "release"  # opened | release | back
    words: str = ""


@dataclass(frozen=True)
class Month:
    """A month of the ship log: its name, its lines (newest first), and how many releases and new apps they are."""

    name: str
    entries: tuple[Entry, ...]
    releases: int = 0
    opened: int = 0


@dataclass(frozen=True)
class Log:
    """`/log`: the maker's ship log, newest month first."""

    template: ClassVar[str] = "log.html"
    shell: Shell
    months: tuple[Month, ...] = ()


@dataclass(frozen=True)
class Offline:
    """`/offline`: what an installed site shows without a connection."""

    template: ClassVar[str] = "offline.html"
    shell: Shell


@dataclass(frozen=True)
class Closed:
    """`/{app}` before its first release, or while no worker answers: what is so, and when to come again; `play`: where
    to go instead, or ""."""

    template: ClassVar[str] = "closed.html"
    shell: Shell
    title: str
    what: str = "This app is not open yet."
    do_next: str = "Its first release is still being made. Come back in a while."
    play: str = ""


@dataclass(frozen=True)
class ModelCard:
    """`/{app}/card`: a release told to visitors. `learned` and `weak` are sentences; `since` when it began to answer;
    `few`: its accuracy rests on few photos; `unlike`: it says so where a photo is unlike all that it knows."""

    template: ClassVar[str] = "card.html"
    shell: Shell
    name: str
    title: str
    release: int
    description: str = ""
    note: str = ""
    since: int | None = None
    answers: tuple[str, ...] = ()
    learned: tuple[str, ...] = ()
    accuracy: Accuracy | None = None
    preferred: str = ""
    weak: tuple[str, ...] = ()
    unlike: bool = False
    few: bool = False


@dataclass(frozen=True)
class MineLine:
    """One answer this visitor got. `word` is what they said of it ("yes", "no" or the right label), "" for nothing."""

    id: str
    at: int
    app_title: str
    label: str
    confidence: float | None
    word: str = ""
    kept: bool = False
    photo: str = ""
    shared: str = ""  # the path of the page that shows it to others
    beside: bool = False  # that page holds the photo, which is not kept otherwise
    hidden: bool = False  # the owner hides that page
    made: str = ""  # what it was made with beside the photo, in words
    taught: bool = False  # others may see the photo when they teach
    strange: bool = False  # its release had never seen the like


@dataclass(frozen=True)
class Mine:
    """`/mine[/{token}]`: see, export, delete, end the standing yes. `link` is the visitor's private link or "";
    `taught`: of how many pictures they said in teach rounds what they show."""

    template: ClassVar[str] = "mine.html"
    shell: Shell
    lines: tuple[MineLine, ...] = ()
    standing: bool = False
    link: str = ""
    keep_days: int = 90
    taught: int = 0


@dataclass(frozen=True)
class Trouble:
    """Any refusal as a page: the error object in the visitor's register."""

    template: ClassVar[str] = "trouble.html"
    shell: Shell
    status: int
    code: str
    what: str
    why: str = ""
    do_next: str = ""
    retry_after: int | None = None


@dataclass(frozen=True)
class Parameter:
    """One parameter of an operation: name, where (path, query, header), type in words, words."""

    name: str
    where: str
    type: str
    words: str = ""
    required: bool = False


@dataclass(frozen=True)
class Operation:
    """One operation of the API. `body` and `answer` are examples (JSON text or a few words), `curl` one shell line."""

    method: str
    path: str
    summary: str
    words: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: str = ""
    answer: str = ""
    statuses: tuple[tuple[str, str], ...] = ()
    curl: str = ""


@dataclass(frozen=True)
class Chapter:
    """Operations that belong together."""

    title: str
    operations: tuple[Operation, ...]
    words: str = ""


@dataclass(frozen=True)
class Docs:
    """`/docs`: the API, from the OpenAPI document."""

    template: ClassVar[str] = "docs.html"
    shell: Shell
    version: str
    chapters: tuple[Chapter, ...]
    openapi: str = "/openapi.json"


# ---- the way in ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """`/claim/{token}`: the owner's first password. The form posts JSON {token, password} to `action`, then `then`."""

    template: ClassVar[str] = "claim.html"
    shell: Shell
    token: str
    action: str = "/api/owner/session"
    then: str = "/owner/"
    least: int = 10


@dataclass(frozen=True)
class LogIn:
    """The owner's log-in. The form posts JSON {password} to `action`; on success the browser goes to `then`."""

    template: ClassVar[str] = "log-in.html"
    shell: Shell
    action: str = "/api/owner/session"
    then: str = "/owner/"


PAGES = (Play, Teach, Shared, Shelf, Log, Offline, Closed, ModelCard, Mine, Trouble, Docs, Claim, LogIn)
