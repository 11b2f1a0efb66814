"""What each page of the owner shows: one frozen dataclass a template, by the same rules as the visitor's pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from teahouse.site.pages import Accuracy, Shell


@dataclass(frozen=True)
class Desk:
    """Around every page of the owner: the app looked at, all apps (name, title), labels that wait, the running job."""

    app: str
    app_title: str
    apps: tuple[tuple[str, str], ...] = ()
    waiting: int = 0
    running: str = ""
    reports: int = 0  # that wait for the owner


@dataclass(frozen=True)
class Figure:
    """A number of today: its name, the value as shown ("1,204", "96 %"), a note, and up to 60 points of its past."""

    name: str
    value: str
    note: str = ""
    series: tuple[float, ...] = ()
    tone: str = "plain"  # plain | good | bad


@dataclass(frozen=True)
class Happening:
    """One line of what happened: when, whom it happened to (`subject`, linked where `href` is an address), and what."""

    at: int
    subject: str
    words: str
    href: str = ""
    tone: str = "plain"


@dataclass(frozen=True)
class Circle:
    """Where the loop stands: new labels of those needed, judging rows of those needed, the champion's number."""

    new: int
    needed: int
    judging: int
    judging_needed: int
    champion: int | None = None
    champion_accuracy: Accuracy | None = None
    candidate: str = ""  # in words: "release 4 waits for 12 more judging photos", or ""
    candidate_since: int | None = None  # where the words are about a moment
    unit: str = "label"  # what a training waits for: label | photo | word
    judged_by: str = "photos"  # what judges: photos | choices | "" while visitors compare nothing
    learning: str = ""  # how the training that waits or runs stands, in words
    learning_href: str = ""
    trains: bool = True  # whether its app.py says how; else nothing is ever learnt from what is kept


@dataclass(frozen=True)
class Today:
    """`/owner/`."""

    template: ClassVar[str] = "owner/today.html"
    shell: Shell
    desk: Desk
    figures: tuple[Figure, ...]
    circle: Circle
    happenings: tuple[Happening, ...] = ()
    healthy: str = ""  # one line on the engine, "" when nothing is to be said
    sick: str = ""  # what is wrong and what to do next, "" when all is well


@dataclass(frozen=True)
class PredictionLine:
    """One prediction. `word` as in MineLine, or "no"; `photo` is "" unless the visitor let it be kept; `made`: what a
    picture was made with, in words, or ""."""

    id: str
    at: int
    label: str
    confidence: float
    familiar: bool | None
    release: int
    ms: float
    word: str = ""
    held: bool = False
    photo: str = ""
    made: str = ""


@dataclass(frozen=True)
class Predictions:
    """`/owner/predictions`: newest first; `older` is the address of the next page or ""."""

    template: ClassVar[str] = "owner/predictions.html"
    shell: Shell
    desk: Desk
    lines: tuple[PredictionLine, ...] = ()
    older: str = ""
    shown: int = 0  # pages that opened with a picture of the pool, so far
    erased: int = 0  # answers of this page that are bare: their visitors erased them, or their days are over
    keep_days: int = 90


@dataclass(frozen=True)
class ShareLine:
    """Something that a visitor shows to others: its token, its page, a picture of it or "", and since when it is
    hidden."""

    token: str
    at: int
    href: str
    photo: str = ""
    hidden: int | None = None
    app: str = ""  # the app's title, where the house has several


@dataclass(frozen=True)
class ReportLine:
    """A report; `share` is what it is about while that is there, `gone` where it was taken back."""

    id: str
    at: int
    kind: str
    words: str = ""
    open: bool = True
    share: ShareLine | None = None
    gone: bool = False
    prediction: str = ""
    app: str = ""


@dataclass(frozen=True)
class Reports:
    """`/owner/reports`: what was reported, and all that is shared; newest first."""

    template: ClassVar[str] = "owner/reports.html"
    shell: Shell
    desk: Desk
    lines: tuple[ReportLine, ...] = ()
    shared: tuple[ShareLine, ...] = ()


@dataclass(frozen=True)
class Review:
    """`/owner/review`; the queue comes from GET /api/owner/reviews?app=. `left` at opening, `done` today. `learns`:
    from labels, photos (whose result was rated) or words (then nothing waits here)."""

    template: ClassVar[str] = "owner/review.html"
    shell: Shell
    desk: Desk
    choices: tuple[str, ...]
    left: int = 0
    done: int = 0
    learns: str = "labels"


@dataclass(frozen=True)
class VersionLine:
    """A dataset version: rows in all, how they split by name, how many are new, the releases trained from it."""

    id: str
    at: int
    digest: str
    rows: int
    counts: dict[str, int]
    new: int = 0
    erased: int = 0
    releases: tuple[int, ...] = ()


@dataclass(frozen=True)
class Versions:
    """`/owner/versions`."""

    template: ClassVar[str] = "owner/versions.html"
    shell: Shell
    desk: Desk
    versions: tuple[VersionLine, ...] = ()


@dataclass(frozen=True)
class RunLine:
    """A run: state is waiting, running, done, refused or failed; `words` say how it went; `seconds` so far.

    `id` is "" for a training that was asked for and has made no run, or not yet."""

    id: str
    at: int
    state: str
    words: str = ""
    version: str = ""
    seconds: float | None = None
    release: int | None = None
    learnt: str = ""  # what visitors said that it learns from, or ""


@dataclass(frozen=True)
class Curve:
    """One logged number of a run: its name and points (seconds since the start or step, value), in order."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Runs:
    """`/owner/runs`: the list; `/owner/runs/{id}`: one run opened, and the list of the others. `after`: seq of the last
    event drawn; the page asks on."""

    template: ClassVar[str] = "owner/runs.html"
    shell: Shell
    desk: Desk
    runs: tuple[RunLine, ...] = ()
    opened: RunLine | None = None
    curves: tuple[Curve, ...] = ()
    after: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """A reason of a verdict: words, and whether it speaks for (good), against (bad) or neither (plain)."""

    words: str
    tone: str = "plain"


@dataclass(frozen=True)
class Bar:
    """An interval drawn as a bar: what was measured (on so many of `unit`), with what came before (the champion's
    value) or None."""

    name: str
    measured: Accuracy
    before: float | None = None
    unit: str = "photo"


@dataclass(frozen=True)
class Mistake:
    """A photo the release got wrong while sure: the address of the photo, truth, its answer, its confidence."""

    photo: str
    truth: str
    label: str
    confidence: float


@dataclass(frozen=True)
class ReleaseLine:
    """A release in the list. state: full|canary|shadow|loaded|earlier|refused; outcome: promote|hold|reject|"" ."""

    id: str
    number: int
    at: int
    state: str
    share: float = 1.0
    accuracy: Accuracy | None = None
    outcome: str = ""
    why: str = ""
    pinned: bool = False
    rolled_back: int | None = None  # when, where the owner did and has not put it on since
    beside: bool = False  # visitors see its pictures beside the champion's
    liked: str = ""  # what they chose: "31 of 44 preferred it to release 6", or ""


@dataclass(frozen=True)
class Report:
    """A release opened: the verdict in words, intervals, the worst class, its most confident mistakes."""

    line: ReleaseLine
    outcome: str  # promote | hold | reject | first | ""
    summary: str
    reasons: tuple[Said, ...] = ()
    bars: tuple[Bar, ...] = ()
    worst: str = ""
    mistakes: tuple[Mistake, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()  # form, size, version, run, digest …
    can_promote: bool = False
    can_roll_back: bool = False
    can_take_away: bool = False
    measures: str = "How often it is right"  # what the bars tell


@dataclass(frozen=True)
class Releases:
    """`/owner/releases` and `/owner/releases/{id}`."""

    template: ClassVar[str] = "owner/releases.html"
    shell: Shell
    desk: Desk
    releases: tuple[ReleaseLine, ...] = ()
    opened: Report | None = None


PAGES = (Today, Predictions, Review, Reports, Versions, Runs, Releases)
