"""The engine as the site sees it: values and one protocol. Bytes in, bytes out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from teahouse.errors import QueueFull
from teahouse.spec.fields.protocol import Picture

Json = Any
AFTER = ("after-1", "after-2", "after-3", "after-4", "after-5")  # of networks that had some of this minute, and more
VISITORS = ("paid", "free", *AFTER, "late")  # late: of a network that asks again and again, whatever it is told
LANES = ("owner", *VISITORS, "idle")


@dataclass(frozen=True)
class Form:
    """One way to run a release on a host. name: of one of its forms, "" the first. slots: how many run side by side, 0
    as many as there are cores. threads: of one inference, 0 as the engine is set. batch: the most that are run
    together, 0 as the release says. alone: threads of an inference while this machine answers nothing else, 0 as of
    any."""

    name: str = ""
    slots: int = 0
    threads: int = 0
    batch: int = 0
    alone: int = 0


@dataclass(frozen=True)
class Timed:
    """How a release's form did on this host: run so, an answer took `ms` of the host's time (1000 / answers a second).
    why: it does not hold here, and has no time; where it is `unknown`, it was not found out and may be later."""

    form: Form
    ms: float = 0.0
    why: str = ""
    unknown: bool = False


@dataclass(frozen=True)
class Wanted:
    """A release that the rollouts want live. state: shadow, canary or full; share in 1/10,000. warm: False where it was
    ready here before and may sleep until somebody comes. form: how it shall run;
    where it can not be started so, it runs in its first form."""

    app: str
    release: str
    state: str = "full"
    share: int = 10_000
    warm: bool = True
    form: Form = Form()


@dataclass(frozen=True)
class Ready:
    """What became of a wanted release: ready where `why` is empty, in the form of this name. window: how many inputs
    its worker takes at once."""

    release: str
    form: str = ""
    window: int = 0
    why: str = ""


@dataclass(frozen=True)
class Answer:
    """One answer. output is JSON; a picture is {"picture": index in parts, "media_type", "width", "height"} in it.

    ms: {"queue", "decode", "wait", "infer"}; batch: how many were run together; familiar: None where it can not tell.
    score: how much the app itself likes this answer; None where it does not say.
    look: how the photo looks: {"brightness", "blur", "side"}, as `model.looks` measures it; None without one.
    alone: it ran on more cores than others do, for this machine answered nothing else."""

    output: Json
    parts: tuple[Picture, ...] = ()
    form: str = ""
    ms: Mapping[str, float] = field(default_factory=dict)
    batch: int = 1
    familiar: bool | None = None
    score: float | None = None
    look: Mapping[str, float] | None = None
    alone: bool = False


@dataclass(frozen=True)
class Cleaned:
    """A picture decoded and encoded again: upright, without metadata; near is its 64-bit dHash."""

    data: bytes
    media_type: str
    width: int
    height: int
    near: bytes


@dataclass(frozen=True)
class EngineState:
    """What the engine does right now. queue: waiting inputs; wait: seconds that a new one would wait.

    asleep: releases that are ready and have no worker, for nobody played; memory: bytes of all workers; counts
    since the start: asked, answered, full, late, broke, died, started."""

    ready: tuple[Ready, ...] = ()
    queue: int = 0
    wait: float = 0.0
    memory: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    asleep: tuple[str, ...] = ()


class Engine(Protocol):
    """What answers: local worker processes, or a cluster."""

    async def ensure(self, wanted: Sequence[Wanted]) -> Sequence[Ready]:
        """Loads, warms and tries what is not live; then drains the rest. Raises nothing: `Ready.why` tells."""

    async def predict(
        self, release: str, given: Mapping[str, bytes | Json], until: float, lane: str = "free"
    ) -> Answer:
        """One answer before `until` (seconds of time.monotonic).

        Raises InputError, QueueFull(place, wait, retry_after), DeadlinePassed, InputBroke, NotReady; an error that took
        a worker's time has its seconds as `worked_s`."""

    def wake(self, release: str) -> None:
        """Somebody came who may ask this release soon: where it sleeps it wakes. From any thread."""

    def full(self, release: str, until: float, lane: str = "free") -> QueueFull | None:
        """The refusal that a call would get if it came now, so that nobody sends a photo for nothing; None: there is
        room for it."""

    def place(self, release: str, given: Mapping[str, bytes | Json]) -> tuple[int, float] | None:
        """Where the call with this very `given` stands among those that wait (1: it is next), and its seconds to wait;
        None where it does not wait."""

    async def clean(self, data: bytes, field: Json) -> Cleaned:
        """The picture encoded again, as it may be kept."""

    async def light(self, data: bytes, side: int, lane: str = "free") -> Picture:
        """A small copy of a picture for a page, at most `side` pixels long. InputError where it can not be read."""

    async def card(self, texts: Mapping[str, str], pictures: Sequence[bytes]) -> bytes:
        """The card of a page as PNG, 1200 x 630: `texts` are its title, line and site; no picture, one, or a photo and
        what was made of it. InputError where one can not be read."""

    def state(self) -> EngineState:
        """Ready releases, queue, memory, counts."""

    async def close(self) -> None:
        """Ends every worker."""
