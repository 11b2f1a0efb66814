"""Trust: which words count at once, which wait for the owner. Pure: values in, a decision out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

VISITOR_ROWS, VISITOR_SHARE = 5, 0.01
NETWORK_ROWS, NETWORK_SHARE = 20, 0.05
PROBES, PROBES_RIGHT = 5, 4
MEHS, KNOWN_MS = 2, 600_000


@dataclass(frozen=True)
class Word:
    """What a visitor said of one prediction. `truth` is the right answer that it states, or None."""

    kind: str
    truth: object
    held: bool = False
    kept: bool = True


@dataclass(frozen=True)
class Record:
    """What is known of the visitor and of the photo: probes asked and answered rightly, and how many other trusted
    sources (the owner, visitors with standing) say the same of this photo, or something else."""

    probes: int = 0
    probes_right: int = 0
    agree: int = 0
    disagree: int = 0

    @property
    def standing(self) -> bool:
        """Earned on probes with known answers, never by volume."""
        return self.probes >= PROBES and self.probes_right * PROBES >= PROBES_RIGHT * self.probes


@dataclass(frozen=True)
class Caps:
    """How the house is set ("owner" or "auto"), how many rows are new since the last dataset version, and how many of
    those this visitor and this network gave already."""

    review: str = "owner"
    new: int = 0
    of_visitor: int = 0
    of_network: int = 0


@dataclass(frozen=True)
class Decision:
    """`state` is accepted, waiting or set_aside; `reason` is one sentence for the owner."""

    state: str
    reason: str


@dataclass(frozen=True)
class Meh:
    """A visitor does not like a picture that was made for nobody: the network they said it from (a keyed digest), and
    for how long (ms) they had been known by then."""

    network: bytes | None
    known_ms: int = 0


def most_of_visitor(new: int) -> int:
    """Rows of `new` that one visitor may give without the owner's look."""
    return max(VISITOR_ROWS, int(new * VISITOR_SHARE))


def most_of_network(new: int) -> int:
    """Rows of `new` that one network (/24, /64) may give without the owner's look."""
    return max(NETWORK_ROWS, int(new * NETWORK_SHARE))


def decide(word: Word, record: Record, caps: Caps) -> Decision:
    """Does this word become a training row now? Doubt always means waiting; only the owner sets aside by hand."""
    if word.truth is None:
        return Decision("waiting", "It does not say what would be right.")
    if not word.kept:
        return Decision("waiting", "The visitor let us keep no photo.")
    if word.held:
        return Decision("waiting", "Held out by lot: only the owner's own look counts here.")
    if caps.review != "auto":
        return Decision("waiting", "The owner looks at every row.")
    if record.disagree:
        return Decision("waiting", "Trusted sources differ about this photo.")
    if caps.of_visitor >= most_of_visitor(caps.new):
        return Decision("waiting", "This visitor has given enough rows for this version.")
    if caps.of_network >= most_of_network(caps.new):
        return Decision("waiting", "This network has given enough rows for this version.")
    if record.standing:
        return Decision("accepted", "The visitor was right on known photos before.")
    if record.agree >= 1:
        return Decision("accepted", "A second trusted source says the same.")
    return Decision("waiting", "A single casual word waits for the owner.")


def takes_out(mehs: Collection[Meh]) -> bool:
    """Do these, each another visitor's, take a picture out of the pool? Two do that come from two networks.

    Who sends no cookie is a new visitor each time, so of one network only those count that we know: two whose first
    word here is ten minutes old when they say it, as at home or behind a proxy that nobody told us of. One machine
    without cookies hardly ever takes one out (the key of networks changes every 30 days); one that keeps two and waits
    can, as two people there could."""
    networks = {meh.network for meh in mehs if meh.network is not None}
    return len(networks) >= MEHS or sum(meh.known_ms >= KNOWN_MS for meh in mehs) >= MEHS
