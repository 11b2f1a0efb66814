"""What each page of the owner shows: one frozen dataclass a template, by the same rules as the visitor's pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from teahouse.site.owner_forms import Forms
from teahouse.site.owner_shapes import LoadOut
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
    money: bool = False  # whether anything is sold or capped here


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
    from labels, photos (whose result was rated) or words (then nothing waits here). `told`: sentences on what is
    missing for a verdict; `aside`: how many the house set aside; `of_aside`: this page is about those."""

    template: ClassVar[str] = "owner/review.html"
    shell: Shell
    desk: Desk
    choices: tuple[str, ...]
    left: int = 0
    done: int = 0
    learns: str = "labels"
    told: tuple[str, ...] = ()
    aside: int = 0
    of_aside: bool = False


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
    trains: bool = True  # whether its app.py says how


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
    rolled_back: int | None = None  # when, where it has not been on since
    off_by: str = ""  # owner, or guard: of the canary
    off_why: str = ""
    progress: str = ""  # of one in the shadow or the canary: how it stands
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
    can_try: bool = False  # on a few visitors
    few: int = 500  # so many of 10,000
    few_words: str = "one visitor in 20"
    can_pin: bool = False
    measures: str = "How often it is right"  # what the bars tell
    judged: str = ""  # the address of its verdict
    forms: Forms | None = None
    replace_by: int | None = None  # it learned from a row that was taken back: until when (ms) another is to answer


@dataclass(frozen=True)
class Example:
    """A photo that the two releases name otherwise: its address, what it is ("" where nobody said), what the champion
    says and what the challenger says."""

    photo: str
    truth: str
    before: str
    after: str


@dataclass(frozen=True)
class Replayed:
    """What a challenger says of earlier photos of visitors: of how many it says something else, and some of them."""

    photos: int
    otherwise: int
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True)
class Sheet:
    """Numbers below the words: a line each part of the rows: (its name, rows, champion, challenger, at worst, at best),
    shares of 0 to 1 and points."""

    title: str
    lines: tuple[tuple[str, int, float, float, float, float], ...]


@dataclass(frozen=True)
class VerdictPage:
    """`/owner/verdicts/{id}`: a verdict in words, what the challenger mends beside what it breaks, what it says of
    earlier photos; the numbers one click below."""

    template: ClassVar[str] = "owner/verdict.html"
    shell: Shell
    desk: Desk
    release: str
    number: int
    at: int
    outcome: str  # promote | hold | reject | first
    summary: str
    champion: int | None = None
    reasons: tuple[Said, ...] = ()
    mended: tuple[Example, ...] = ()
    broken: tuple[Example, ...] = ()
    fixed: int = 0  # all rows that it mends, and that it breaks
    lost: int = 0
    replayed: Replayed | None = None
    sheets: tuple[Sheet, ...] = ()
    sure: tuple[str, ...] = ()  # how well each side knows how sure it may be, in words
    can_promote: bool = False


@dataclass(frozen=True)
class Releases:
    """`/owner/releases` and `/owner/releases/{id}`."""

    template: ClassVar[str] = "owner/releases.html"
    shell: Shell
    desk: Desk
    releases: tuple[ReleaseLine, ...] = ()
    opened: Report | None = None


@dataclass(frozen=True)
class DayChart:
    """A number day by day: what it is, its latest value, how that stands to the training in words, and the drawing:
    `values` oldest first (None: none that day), the ends of the axis and what is written at them, the band of the
    training, the places where another release took over. `rows`: the numbers, newest first, (day, value, of how many).
    `drifted`: what was found to differ, in words."""

    name: str
    title: str
    value: str
    note: str = ""
    values: tuple[float | None, ...] = ()
    bounds: tuple[float, float] = (0.0, 1.0)
    ends: tuple[str, str] = ("", "")
    band: tuple[float, float] | None = None
    changes: tuple[int, ...] = ()
    rows: tuple[tuple[str, str, str], ...] = ()
    drifted: str = ""


@dataclass(frozen=True)
class Mix:
    """The labels day by day as shares, most frequent first: `names` with their shares lately and in the training."""

    names: tuple[tuple[str, str, str], ...]
    rows: tuple[tuple[float, ...], ...]
    usual: tuple[float, ...] = ()
    note: str = ""
    drifted: str = ""


@dataclass(frozen=True)
class Told:
    """Something that was found and asks for a look, with when."""

    at: int
    words: str
    numbers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Monitor:
    """`/owner/monitor`: small charts of the last four weeks beside the training's own figures. `compared`: the number
    of the release whose training that is; `has_figures`: whether it brings any."""

    template: ClassVar[str] = "owner/monitor.html"
    shell: Shell
    desk: Desk
    charts: tuple[DayChart, ...] = ()
    mix: Mix | None = None
    drifts: tuple[Told, ...] = ()
    photos: int = 0
    phones: str = ""
    compared: int | None = None
    has_figures: bool = True


@dataclass(frozen=True)
class Link:
    """A thing by its name, where to see it ("" for nowhere), and a few words on it."""

    name: str
    href: str = ""
    words: str = ""


@dataclass(frozen=True)
class Moment:
    """A line of the timeline: when, what kind of thing, who or what, what happened, and where it leads."""

    at: int
    kind: str
    thing: Link
    words: str
    links: tuple[Link, ...] = ()
    tone: str = "plain"


@dataclass(frozen=True)
class Timeline:
    """`/owner/timeline`: what happened to an app, newest first; `older` is the address of what came before or ""."""

    template: ClassVar[str] = "owner/timeline.html"
    shell: Shell
    desk: Desk
    moments: tuple[Moment, ...] = ()
    older: str = ""


@dataclass(frozen=True)
class Load:
    """`/owner/load`: the steps of an answer (name, words), and how busy the house is now."""

    template: ClassVar[str] = "owner/load.html"
    shell: Shell
    desk: Desk
    stages: tuple[tuple[str, str], ...]
    told: LoadOut


@dataclass(frozen=True)
class Trace:
    """`/owner/trace/{kind}/{id}`: one thing with its facts, what it came of and what came of it, each a link onward.
    `photo`: an address, or ""; `more`: the page that tells most of it."""

    template: ClassVar[str] = "owner/trace.html"
    shell: Shell
    desk: Desk
    kind: str
    name: str
    at: int | None = None
    facts: tuple[tuple[str, str], ...] = ()
    came_of: tuple[Link, ...] = ()
    led_to: tuple[Link, ...] = ()
    photo: str = ""
    more: Link | None = None


PAGES = (Today, Predictions, Review, Reports, Versions, Runs, Releases, VerdictPage, Monitor, Load, Timeline, Trace)
