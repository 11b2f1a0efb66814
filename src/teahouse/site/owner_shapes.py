"""What the owner's API takes and gives: one model a thing."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from teahouse.site.accuracy import Accuracy

At = Field(description="Milliseconds since 1970, UTC.")
Before = Field(None, description="Give it as ?before= for the next page; absent on the last one.")


# The number of a row, as a page's `before` or `after`: what the database can count to.
Seq = Annotated[int, Query(ge=0, le=2**63 - 1)]


def storable(given: Any) -> Any:
    """A JSON value that can be written down; ValueError for half a character or a number that is none."""
    try:
        json.dumps(given, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise ValueError("A text holds half a character.") from None
    except RecursionError:
        raise ValueError("It is nested too deeply.") from None
    return given


def whole(given: Any) -> int:
    """A whole number as JSON has it, 5 or 5.0; ValueError for a text or a truth that pydantic would take for one."""
    if type(given) is not int and not (isinstance(given, float) and given.is_integer()):
        raise ValueError("It is no whole number.")
    return int(given)


class LogInGiven(BaseModel):
    """The password; with the token of the claim link it becomes the password of the new owner."""

    password: str = Field(max_length=2000)
    token: str | None = Field(None, max_length=200)


class SessionOut(BaseModel):
    """Who asks, as the site knows them."""

    by: Literal["session", "key"]
    since: int = Field(description="When the password was given (milliseconds since 1970); 0 for a key.")


class Alike(BaseModel):
    """A photo that looks like the one above it, and is decided with it; what was guessed and said of it, and why it
    stands here, is told as there."""

    label: str
    photo: str
    guess: Any = None
    word: str | None = None
    why: str = ""


class QueueItem(BaseModel):
    """A photo that waits for the owner's word. Of one drawn by lot neither the guess nor the visitor's word is told.
    Where the answer was a picture there is no guess: the word is what its visitor said of it, love or meh. `given` is
    what was given beside the photo, by field; `like` are near-duplicates of it; `why` says why it comes before others,
    or why the house set it aside. `held`: drawn by lot; `judges`: and kept before its answer, so that it counts in a
    verdict."""

    label: str
    photo: str
    held: bool
    judges: bool = False
    guess: dict[str, Any] | None
    word: str | None
    choices: list[str]
    given: dict[str, Any] = Field(default_factory=dict)
    like: list[Alike] = Field(default_factory=list)
    why: str = ""


class QueueOut(BaseModel):
    """What to review next, and how many wait in all. `told`: what is still missing for a verdict, and how far a retrain
    is from showing a difference; `aside`: how many the house set aside by itself that nobody has looked at."""

    items: list[QueueItem]
    left: int
    told: list[str] | None = None
    aside: int | None = None


class DecisionGiven(BaseModel):
    """accept with the right answer (without one: what the visitor said), or set_aside. `like`: near-duplicates that
    are decided with it, and taken back with it."""

    label: str
    like: list[str] = Field(default_factory=list, max_length=100)
    decision: Literal["accept", "set_aside"]
    truth: Annotated[Any, AfterValidator(storable)] = Field(
        None, description='The right answer, such as {"label": "oolong"}.'
    )
    reason: str = Field("", max_length=500)


class DecisionOut(BaseModel):
    """The decision is kept. `job` is the training that is asked for by now, if one is."""

    label: str
    left: int
    job: str | None = None


class UndoneOut(BaseModel):
    """The label whose decision was taken back; it waits again."""

    label: str
    left: int


class LabelOut(BaseModel):
    """A label: an input with its right answer, and on which side it stands."""

    label: str
    at: int = At
    app: str
    source: str
    split: str
    held: bool
    truth: Any
    decision: str | None
    photo: str


class LabelsOut(BaseModel):
    """Labels, newest first, and how many there are of each kind."""

    labels: list[LabelOut]
    counts: dict[str, int]
    before: int | None = Before


class VersionOut(BaseModel):
    """A dataset version."""

    id: str
    at: int = At
    app: str
    digest: str
    parent: str | None
    counts: dict[str, Any]


class VersionsOut(BaseModel):
    """Dataset versions, newest first."""

    versions: list[VersionOut]
    before: int | None = Before


class RunOut(BaseModel):
    """A run and how it stands: waiting, running, done, refused or failed."""

    id: str
    at: int = At
    app: str
    version: str
    kind: str
    state: str
    words: str
    seconds: float | None
    release: str | None


class RunsOut(BaseModel):
    """Runs, newest first."""

    runs: list[RunOut]
    before: int | None = Before


class RunEvent(BaseModel):
    """What a run told, `x` seconds after it began: `numbers` that its training logged, or another event's `detail`."""

    seq: int
    at: int = At
    name: str
    x: float
    epoch: int | None = None
    numbers: dict[str, float]
    detail: dict[str, Any] | None = None


class RunEventsOut(BaseModel):
    """A run with what it logged since ?after=."""

    run: RunOut
    state: str
    events: list[RunEvent]
    after: int = Field(description="Give it as ?after= to hear what comes next.")


class VerdictOut(BaseModel):
    """promote, hold or reject, with the reasons in words and the numbers behind them."""

    at: int = At
    outcome: str
    reasons: list[Any]
    numbers: dict[str, Any]
    champion: str | None


class ChoicesOut(BaseModel):
    """How many of those who saw a picture of this release and one of release `against` liked this one's better, with
    the 95 % interval of the share. `missing`: choices until there is a verdict, or another look; 0 where none waits."""

    n: int
    preferred: int
    low: float
    high: float
    against: int | None
    missing: int = 0


class ReleaseOut(BaseModel):
    """A release. `state`: full, canary, shadow, loaded, earlier, refused or quarantined."""

    release: str
    number: int
    at: int = At
    app: str
    state: str
    share: int
    champion: bool
    previous_champion: bool
    pinned: bool
    rolled_back: int | None = Field(None, description="When it was rolled back, where it has not been on since.")
    rolled_back_by: str | None = Field(None, description="By whom: owner, or guard of the canary.")
    rolled_back_why: str | None = None
    progress: str | None = Field(None, description="Of one in the shadow or the canary: how it stands, in words.")
    accuracy: Accuracy | None
    choices: ChoicesOut | None = Field(None, description="Of a release that makes pictures: what visitors chose.")
    verdict: VerdictOut | None
    run: str | None


class ReleasesOut(BaseModel):
    """Releases, newest first."""

    releases: list[ReleaseOut]
    before: int | None = Before


class ReleaseWholeOut(BaseModel):
    """A release with its manifest."""

    release: ReleaseOut
    manifest: dict[str, Any]


class RolloutGiven(BaseModel):
    """Which release to put where; `share` of 10,000 visitors. `rolled_back` of the champion puts the one before on.
    `form`: which of its forms the app always runs in from here on, or fastest: whichever is, where it runs."""

    release: str = Field(pattern="^[0-9a-f]{64}$")
    state: Literal["shadow", "canary", "full", "rolled_back"]
    share: Annotated[int, BeforeValidator(whole)] = Field(10_000, ge=0, le=10_000)
    pinned: StrictBool = False
    form: Literal["fastest", "fp32", "int8"] | None = None
    why: str = Field("by hand", max_length=500)


class RolloutOut(BaseModel):
    """A step of a rollout. After a POST `served` says if the site serves what is wanted, `missing` what it does not."""

    seq: int
    at: int = At
    app: str
    release: str
    state: str
    share: int
    by: str
    why: str
    pinned: bool
    form: str | None = None
    served: bool | None = None
    missing: str | None = None


class RolloutsOut(BaseModel):
    """Steps, newest first."""

    rollouts: list[RolloutOut]
    before: int | None = Before


ERASE = {  # what pydantic does not say of itself: erase names one thing
    "if": {"properties": {"kind": {"const": "erase"}}, "required": ["kind"]},
    "then": {
        "required": ["args"],
        "properties": {
            "args": {
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": False,
                "properties": {name: {"type": "string"} for name in ("prediction", "label", "visitor")},
            }
        },
    },
}


class JobGiven(BaseModel):
    """Work for the loop. erase takes args {"prediction": id}, {"label": id} or {"visitor": id}."""

    model_config = ConfigDict(json_schema_extra=ERASE)

    kind: Literal["retrain", "judge", "export", "erase"]
    app: str | None = None
    args: Annotated[dict[str, Any], AfterValidator(storable)] = Field(default_factory=dict)


class JobAsked(BaseModel):
    """The job's id; `new` is false where the same was asked before and has no end yet."""

    job: str
    new: bool


class JobEvent(BaseModel):
    """One thing that happened to a job."""

    seq: int
    at: int = At
    state: str
    detail: Any


class JobOut(BaseModel):
    """A job and how it stands: queued, running, step, done, refused or failed."""

    job: str
    at: int = At
    kind: str
    app: str | None
    by: str
    state: str
    detail: Any
    events: list[JobEvent] | None = None


class JobsOut(BaseModel):
    """Jobs, newest first."""

    jobs: list[JobOut]


class PredictionOut(BaseModel):
    """One answer. `photo` is "" unless the visitor let it be kept; then `given` is what was given beside it."""

    id: str
    at: int = At
    app: str
    release: str
    arm: str
    output: Any
    given: dict[str, Any] = Field(default_factory=dict)
    seed: int | None = None
    held: bool
    ms: float
    word: dict[str, Any] | None
    photo: str


class PredictionsOut(BaseModel):
    """Answers, newest first."""

    predictions: list[PredictionOut]
    before: int | None = Before


class TodayOut(BaseModel):
    """The last 24 hours from the tallies, and where the loop stands."""

    app: str
    answers: int
    errors: int
    unfamiliar: int
    words: int
    agreed: int
    rated: int = Field(description="Pictures that somebody spoke of; `loved` of them were loved.")
    loved: int
    shown: int = Field(description="Pages that opened with a picture of the pool.")
    mean_ms: float | None
    by_hour: list[int] = Field(description="Answers in each of the last 24 hours, oldest first.")
    waiting: int
    new: int = Field(description="New labels, or words where the app learns from these; `needed` ask for a training.")
    needed: int
    gold: int = Field(description="Visitors' photos that may judge: of near copies one, and few of one visitor.")
    gold_needed: int
    champion: int | None


class ErasureOut(BaseModel):
    """What was erased: kind and id, never whose it was."""

    seq: int
    at: int = At
    kind: str
    ref: str
    reason: str


class ErasuresOut(BaseModel):
    """Erasures since ?after=, oldest first: whoever holds a copy of the data forgets them too."""

    erasures: list[ErasureOut]
    after: int


class KeyGiven(BaseModel):
    """What the new key may do."""

    role: Literal["owner", "deploy", "pull"] = "owner"
    rights: list[str] = Field(default_factory=list, max_length=10)


class KeyOut(BaseModel):
    """A key. `key` itself is told once, when it is made."""

    id: str
    at: int = At
    role: str
    rights: list[str]
    revoked: int | None
    key: str | None = None


class KeysOut(BaseModel):
    """All keys, newest first."""

    keys: list[KeyOut]


class LoadOut(BaseModel):
    """How busy the house is: `words` as its page shows them, `bars` each step's share of the longest (0..1), answers
    and refusals in each of the last 120 seconds, and of the last thousand answers the middle and the slow of each step
    in ms; `memory` bytes of the workers and of this process; `counts` of what became of requests since it began."""

    words: dict[str, str]
    bars: dict[str, float]
    answered: list[int]
    shed: list[int]
    ms: dict[str, float]
    slow_ms: dict[str, float]
    waiting: int
    memory: int
    counts: dict[str, int]
