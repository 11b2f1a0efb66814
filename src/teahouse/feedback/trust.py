"""Trust: which words count at once, which wait for the owner. Pure: values in, a decision out."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

VISITOR_ROWS, VISITOR_SHARE = 5, 0.01
NETWORK_ROWS, NETWORK_SHARE = 20, 0.05
COPIES_OF_ONE, COPIES = 5, 20  # near-duplicates that may wait for the owner: of one visitor, and of everybody
COUNTED = 2  # near-duplicates that count without the owner's look: more would carry one photo in again and again
SURPRISE, OF_CHANCE = 0.05, 0.3  # less likely than this, and than this share of a blind guess, is a surprise
MEHS, KNOWN_MS = 2, 600_000

PROBES, PROBES_RIGHT = 5, 4  # the floor: at least four of five right, whatever the test says
SKILLED = 0.9  # how often somebody is right who knows what they see
GUESSER_PASSES, SKILLED_FAILS = 1e-4, 0.1
EARNED = math.log((1 - SKILLED_FAILS) / GUESSER_PASSES)
FAILED = math.log(SKILLED_FAILS / (1 - GUESSER_PASSES))
DAY_MS = 86_400_000
KNOWN_DAYS, FAILED_DAYS = 90, 30  # without a probe, after which both are forgotten


@dataclass(frozen=True)
class Standing:
    """What a visitor's answers to pictures with known answers say of them: how many, how many right, and the evidence
    (the log of how much likelier somebody who knows would have answered so than a guesser). `known`: their words
    count; `failed`: they guess. `at`: the last probe that counted, ms UTC.

    This is Wald's sequential probability ratio test (A. Wald, Sequential Tests of Statistical Hypotheses, 1945): it
    asks until it is sure, and no longer. Four of five right alone would let one in five coin tossers pass where there
    are two labels; the test lets one in ten thousand pass, and asks sixteen there, five where there are ten labels.

    Standing fades: each probe that comes later counts on (evidence never grows beyond what earns it, so that three
    wrong ones in a row take it away where there are two labels), and after 90 days without one it is earned anew. Who
    fails may try again after 30 days."""

    probes: int = 0
    right: int = 0
    evidence: float = 0.0
    known: bool = False
    failed: bool = False
    at: int = 0

    def today(self, at: int) -> Standing:
        """The standing at this moment: a new one where the old one has faded."""
        days = KNOWN_DAYS if self.known else FAILED_DAYS if self.failed else None
        return Standing() if days is not None and at - self.at > days * DAY_MS else self

    def after(self, right: bool, guess: float, at: int) -> Standing:
        """The standing after one more probe; `guess`: how often who can not see the picture is right. Who has failed
        stays so for 30 days: an answer more is no new test."""
        old = self.today(at)
        if old.failed:
            return replace(old, probes=old.probes + 1, right=old.right + right)
        guess = min(max(guess, 0.01), 0.8)  # no label is so common that nothing could be learned of who names it
        step = math.log(SKILLED / guess) if right else math.log((1 - SKILLED) / (1 - guess))
        probes, hits, evidence = old.probes + 1, old.right + right, min(EARNED, old.evidence + step)
        if old.known:
            lost = evidence < EARNED / 2
            return Standing(at=at) if lost else Standing(probes, hits, evidence, True, False, at)
        floor = probes >= PROBES and hits * PROBES >= PROBES_RIGHT * probes
        return Standing(probes, hits, evidence, evidence >= EARNED and floor, evidence <= FAILED, at)


@dataclass(frozen=True)
class Word:
    """What a visitor said of one prediction. `truth` is the right answer that it states, or None; `scores` what the
    release gave each label there (0..1), where it names labels."""

    kind: str
    truth: object
    held: bool = False
    kept: bool = True
    scores: Mapping[str, float] | None = None

    @property
    def is_surprising(self) -> bool:
        """Whether the release took what it states to be all but impossible.

        About half of the rows that say so are wrong, of honest visitors too (one in ten of all words is): training on
        what a net finds likely and looking at the rest is small-loss selection (B. Han et al., Co-teaching, NeurIPS
        2018). And a mark on some photos that is to teach another answer for all that bear it (T. Gu et al., BadNets,
        2017) gets in far less easily; probes do not find who brings them. Who asks first, and brings only what the
        release half believes, still can: the owner's lot is what is left then."""
        label = self.truth.get("label") if isinstance(self.truth, Mapping) else None
        if not self.scores or not isinstance(label, str):
            return False
        return self.scores.get(label, 0.0) < min(SURPRISE, OF_CHANCE / len(self.scores))


@dataclass(frozen=True)
class Record:
    """What is known of the visitor and of the photo: how they stand; how many other trusted sources (the owner, the
    maker, visitors with standing) say the same of this photo or something else, and whether the owner or the maker is
    `sure` of the same; how many near-duplicates of it wait,
    `mine` from this visitor, `copies` from everybody, and how many `counted` on a word alone; and of this visitor's
    words on photos that the owner has `seen`, how many were `wrong`."""

    standing: Standing = Standing()
    agree: int = 0
    disagree: int = 0
    sure: bool = False
    mine: int = 0
    copies: int = 0
    counted: int = 0
    seen: int = 0
    wrong: int = 0


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


def is_doubted(seen: int, wrong: int) -> bool:
    """Whether the owner saw too often otherwise than a visitor said: fewer than four of five words were right, the
    floor of the probes. Who is right on probes and wrong on the photos that they bring is found out by nothing else;
    who made one slip is believed again as soon as four other words of theirs were right."""
    return (seen - wrong) * PROBES < PROBES_RIGHT * seen


def decide(word: Word, record: Record, caps: Caps) -> Decision:
    """Does this word become a training row now? Doubt means waiting for the owner, who alone decides where the house is
    set so. Set aside is what would only cost the owner's time; they find it again, and their own decision stands."""
    if word.truth is None:
        return Decision("waiting", "It does not say what would be right.")
    if not word.kept:
        return Decision("waiting", "The visitor let us keep no photo.")
    if word.held:
        return Decision("waiting", "Held out by lot: only the owner's own look counts here.")
    if caps.review != "auto":
        return Decision("waiting", "The owner looks at every row.")
    if record.standing.failed:
        return Decision("set_aside", "This visitor was wrong on pictures whose answer is known, as often as a guesser.")
    if record.mine >= COPIES_OF_ONE or record.copies >= COPIES:
        return Decision("set_aside", "The same photo again: copies of it wait already, and one more teaches nothing.")
    return _weigh(word, record, caps)


def _weigh(word: Word, record: Record, caps: Caps) -> Decision:
    """The same of a word that may count."""
    if is_doubted(record.seen, record.wrong):
        return Decision("waiting", "You saw otherwise on photos of this visitor.")
    if record.disagree:
        return Decision("waiting", "Trusted sources differ about this photo.")
    if caps.of_visitor >= most_of_visitor(caps.new):
        return Decision("waiting", "This visitor has given enough rows for this version.")
    if caps.of_network >= most_of_network(caps.new):
        return Decision("waiting", "This network has given enough rows for this version.")
    vouched = record.sure and record.counted < COUNTED
    if word.is_surprising and not vouched and (record.standing.known or record.agree):
        return Decision("waiting", "The release was all but sure of something else.")
    if record.standing.known:
        return Decision("accepted", "The visitor was right on pictures whose answer is known.")
    if record.agree >= 1 and record.counted >= COUNTED:
        return Decision("waiting", "Photos that look the same count already.")
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
