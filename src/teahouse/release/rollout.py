"""Rollout: shadow, canary, full; or back. Pure: what is known comes in, the next step comes out, or none.

A challenger that the verdict lets through is first asked in the shadow what visitors ask the champion, and nobody sees
what it says; then a few visitors get it, always the same ones; then everybody. Meanwhile a guard may take it off: for
errors, for slow answers, for visitors who say more often that it is wrong. The guards look at every tick and do not cry
wolf more often for it (release/sequential.py). What a guard takes off never comes back by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from teahouse.release.sequential import ALARM, Block, above_e, bernoulli_e, interval

SHADOW_ANSWERS = 20
SHADOW_AFTER_ERROR = 60  # with one error among them it may still be luck; with two it is not
SHADOW_PART, SHADOW_LEAST = 0.1, 1 / 120  # of the canary's hours, and hours: what nobody asks can not be tried longer
HOUR_MS = 3_600_000

ERRORS = 0.02  # share of errors over the champion's own that is no reason yet
SLOWER, SLACK_MS, TIMED = 3.0, 25.0, 20  # the verdict's own budget; medians of so many answers
WORSE = 0.10  # by so much it may be wrong more often, at worst, where answers alone shall do
VISITOR_WORDS, NETWORK_WORDS, NETWORK_PART = 3, 30, 0.05
LEAST_NETWORKS = 2
BLOCK, OTHER_BLOCK, BLOCKS = 2, 4, 100  # words of each side that end a block; after so many, blocks grow


@dataclass(frozen=True)
class Rules:
    """[loop]: `share` 0..1 of visitors in the canary, enough `answers`, enough `hours`; `asks`: the owner ends it."""

    share: float = 0.05
    answers: int = 200
    hours: float = 24.0
    asks: bool = False


@dataclass(frozen=True)
class Rollout:
    """How a challenger stands. `moves`: the loop put it there upon a verdict; else only the guards act."""

    release: str
    state: str  # shadow | canary
    share: int  # of 10,000 visitors
    moves: bool
    age_ms: int


@dataclass(frozen=True)
class Side:
    """What one release did since the step: answers, errors of its own, the median of its last milliseconds and of how
    many answers that is; `work`: the median of what its worker needed for one that it worked out by itself, None of too
    few; `differs`: mirrored answers that were not the champion's."""

    answers: int = 0
    errors: int = 0
    ms: float | None = None
    timed: int = 0
    work: float | None = None
    differs: int = 0


@dataclass(frozen=True)
class Word:
    """A visitor's last word on one answer, in the order of the first words. `mine`: the challenger's answer."""

    mine: bool
    wrong: bool
    visitor: Hashable | None = None
    network: Hashable | None = None


@dataclass(frozen=True)
class Facts:
    """What is known of a rollout now. `broken`: why it could not be loaded; `champion_left`: another one than it was
    judged against answers now. `untimed`: the champion runs in the form that was found fastest on this machine, and the
    challenger not yet."""

    challenger: Side = Side()
    champion: Side = Side()
    words: Sequence[Word] = ()
    broken: str = ""
    pinned: bool = False
    champion_left: bool = False
    untimed: bool = False

    @cached_property
    def heard(self) -> list[Word]:
        """Those words that count."""
        return counting(self.words)

    @cached_property
    def said(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """(wrong, all) of the words on the challenger and on the champion."""
        return tally(self.heard, True), tally(self.heard, False)


@dataclass(frozen=True)
class RolloutEvent:
    """The step to take. by: loop, or guard, which marks the release."""

    state: str  # canary | full | rolled_back
    share: int
    by: str
    code: str
    why: str
    numbers: dict[str, Any] = field(default_factory=dict)


def advance(rollout: Rollout, facts: Facts, rules: Rules) -> RolloutEvent | None:
    """The next step of a rollout, or None while it stays as it is."""
    if not rollout.moves and rollout.state != "canary":
        return None
    if rollout.moves and facts.pinned:
        return _off("loop", "pinned", "You have pinned the champion, so nothing else is tried.")
    if rollout.moves and facts.champion_left:
        words = "Another release answers since; it is judged against that one when you ask."
        return _off("loop", "champion-changed", words)
    if found := guard(rollout, facts):
        return found
    if not rollout.moves:
        return None
    return _out_of_shadow(rollout, facts, rules) if rollout.state == "shadow" else _to_all(rollout, facts, rules)


def guard(rollout: Rollout, facts: Facts) -> RolloutEvent | None:
    """The step that takes a challenger off, or None where nothing is wrong."""
    if facts.broken:
        return _off("guard", "not-loaded", f"It could not be loaded, so no visitor has met it. {facts.broken}")
    side = facts.challenger
    if rollout.state == "shadow":
        if side.errors < 2:
            return None
        words = f"Of {side.answers + side.errors} requests that it was tried on, {side.errors} got no answer. "
        return _off("guard", "errors", words + "No visitor has met it.", errors=side.errors, answers=side.answers)
    fair = not facts.untimed or rollout.age_ms >= HOUR_MS  # timing takes minutes: who can not be timed is slow
    return _errors(facts) or (_slow(facts) if fair else None) or _disagreed(facts)


def _errors(facts: Facts) -> RolloutEvent | None:
    side, other = facts.challenger, facts.champion
    asked = side.answers + side.errors
    others = other.answers + other.errors
    usual = other.errors / others if others else 0.0
    # what the champion may err at most as well: of few answers its own share is luck, and no bar to be held to
    limit = min(0.5, max(ERRORS + usual, interval(other.errors, others)[1]))
    if not side.errors or above_e(side.errors, asked, limit) < ALARM:
        return None
    words = f"{side.errors} of {asked} requests got no answer from it; the champion answered them where time allowed."
    return _off("guard", "errors", words, errors=side.errors, answers=side.answers, limit=round(limit, 4))


def _slow(facts: Facts) -> RolloutEvent | None:
    """Slower to visitors, or in its work: they wait for a busy champion too, and that must hide no slow challenger."""
    side, other = facts.challenger, facts.champion
    timed = min(side.timed, other.timed) >= TIMED
    for mine, theirs in ((side.ms, other.ms) if timed else (None, None), (side.work, other.work)):
        if mine is not None and theirs is not None and mine > SLOWER * theirs + SLACK_MS:
            words = f"Its answers take {_ms(mine)}, the champion's {_ms(theirs)} at the same time."
            return _off("guard", "slow", words, ms=round(mine, 1), champion_ms=round(theirs, 1), timed=side.timed)
    return None


def _disagreed(facts: Facts) -> RolloutEvent | None:
    mine, other = facts.said
    if not mine[1] or not other[1] or mine[0] / mine[1] <= other[0] / other[1]:
        return None
    evidence = evidence_against(facts.heard)
    if evidence < ALARM:
        return None
    words = (
        f"Visitors said {_of(mine)} times that it was wrong, and {_of(other)} times of the champion in the same hours: "
        "more than luck explains, also without the network that complained most."
    )
    return _off("guard", "disagreed", words, wrong=mine[0], words=mine[1], champion_wrong=other[0],
                champion_words=other[1], log_e=round(evidence, 2))  # fmt: skip


def counting(words: Iterable[Word]) -> list[Word]:
    """Those words that count: of one visitor 3, of one network 30, each decided when it came. The champion speaks to so
    many more that there a twentieth of all may come from one network."""
    said: Counter[Hashable] = Counter()
    found = []
    for word in words:
        who, where = ("visitor", word.visitor, word.mine), ("network", word.network, word.mine)
        most = NETWORK_WORDS if word.mine else max(NETWORK_WORDS, NETWORK_PART * said[word.mine])
        if word.visitor is not None and said[who] >= VISITOR_WORDS:
            continue
        if word.network is not None and said[where] >= most:
            continue
        for one in (who, where, word.mine):
            said[one] += 1
        found.append(word)
    return found


def tally(words: Iterable[Word], mine: bool) -> tuple[int, int]:
    """(wrong, all) of one side's words."""
    of_side = [word.wrong for word in words if word.mine is mine]
    return sum(of_side), len(of_side)


def evidence_against(heard: Sequence[Word]) -> float:
    """Log e-value that visitors find the challenger wrong more often. It has to stand without any one network: one
    guest with many names sinks nothing, and where all words come from one network nothing can be told."""
    complaints = Counter(word.network for word in heard if word.mine and word.wrong)
    networks = {word.network for word in heard if word.mine}
    if len(networks) < LEAST_NETWORKS or not complaints:
        return 0.0
    everybody = bernoulli_e(blocks(heard))
    if everybody < ALARM:
        return everybody
    loudest = complaints.most_common(1)[0][0]
    without = [word for word in heard if not (word.mine and word.network == loudest)]
    return min(everybody, bernoulli_e(blocks(without)))


def blocks(heard: Iterable[Word]) -> list[Block]:
    """The words in blocks of the same minutes: one ends when both sides have spoken enough, whatever they said."""
    found: list[Block] = []
    n = k = other_n = other_k = 0
    for word in heard:
        if word.mine:
            n, k = n + 1, k + word.wrong
        else:
            other_n, other_k = other_n + 1, other_k + word.wrong
        wider = 1 + len(found) // BLOCKS
        if n >= BLOCK * wider and other_n >= OTHER_BLOCK * wider:
            found.append(Block(n, k, other_n, other_k))
            n = k = other_n = other_k = 0
    return found


def _out_of_shadow(rollout: Rollout, facts: Facts, rules: Rules) -> RolloutEvent | None:
    side = facts.challenger
    numbers = {"answers": side.answers, "errors": side.errors, "differs": side.differs}
    share = max(1, round(rules.share * 10_000))
    if side.answers >= (SHADOW_AFTER_ERROR if side.errors else SHADOW_ANSWERS):
        other = f", {side.differs} of them another answer than the champion's" if side.differs else ""
        words = f"It answered {side.answers} requests in the shadow without trouble{other}. "
        return _canary(share, "shadow-passed", words, numbers)
    hours = max(SHADOW_LEAST, rules.hours * SHADOW_PART)
    if rollout.age_ms >= hours * HOUR_MS and not side.errors:
        tried = f"Only {_count(side.answers, 'request')}" if side.answers else "No request"
        words = f"{tried} came to try it on within {_hours(hours)}, and there was no trouble. "
        return _canary(share, "shadow-time", words, numbers)
    return None


def _canary(share: int, code: str, words: str, numbers: dict[str, Any]) -> RolloutEvent:
    return RolloutEvent("canary", share, "loop", code, f"{words}Now {visitors(share)} gets it.", numbers)


def _to_all(rollout: Rollout, facts: Facts, rules: Rules) -> RolloutEvent | None:
    if rules.asks or not (code := passed(rollout, facts, rules)):
        return None
    return RolloutEvent("full", 10_000, "loop", code, _why_passed(code, rollout, facts, rules), numbers_of(facts))


def passed(rollout: Rollout, facts: Facts, rules: Rules) -> str:
    """ "answers" or "hours", by which a canary has shown enough; "" while it has not."""
    mine, other = facts.said
    if facts.challenger.answers >= rules.answers and mine[1] and other[1] and worst(mine, other) <= WORSE:
        return "answers"
    return "hours" if rollout.age_ms >= rules.hours * HOUR_MS else ""


def worst(mine: tuple[int, int], other: tuple[int, int]) -> float:
    """By how much more often it may be wrong than the champion, at worst, -1..1, however often that is asked."""
    return interval(*mine, 0.05)[1] - interval(*other, 0.05)[0]


def _why_passed(code: str, rollout: Rollout, facts: Facts, rules: Rules) -> str:
    mine, other = facts.said
    answers = facts.challenger.answers
    said = f"Visitors said {_of(mine)} times that it was wrong, and {_of(other)} times of the champion."
    if code == "answers":
        at_worst = max(0, round(100 * worst(mine, other)))
        bound = f"at worst {at_worst} points more often wrong" if at_worst else "surely not more often wrong"
        heard = f"{answers:,} answers to {visitors(rollout.share)} brought no trouble. {said}"
        return f"{heard} It is {bound}, so it answers everybody."
    few = f"That is too little traffic to tell by ({_count(answers, 'answer')}, {_count(mine[1], 'word')} of visitors)"
    heard = f"{_hours(rules.hours)} as the answer to {visitors(rollout.share)} brought no trouble."
    if answers >= rules.answers and mine[1] and other[1]:
        return f"{heard} {said} It answers everybody."
    return f"{heard} {few}; the verdict on it stands, so it answers everybody."


def numbers_of(facts: Facts) -> dict[str, Any]:
    """What a step was decided by, as numbers."""
    mine, other = facts.said
    return {
        "answers": facts.challenger.answers,
        "errors": facts.challenger.errors,
        "ms": facts.challenger.ms,
        "wrong": mine[0],
        "words": mine[1],
        "champion_answers": facts.champion.answers,
        "champion_ms": facts.champion.ms,
        "champion_wrong": other[0],
        "champion_words": other[1],
    }


def progress(rollout: Rollout, facts: Facts, rules: Rules) -> str:
    """How it stands and what it waits for, in words for the owner."""
    side = facts.challenger
    if rollout.state == "shadow":
        so_far = f"{side.answers} of {SHADOW_ANSWERS} answers so far"
        return f"It is tried in the shadow: it answers what visitors ask, and nobody sees it. {so_far}."
    mine, other = facts.said
    said = f"{_count(side.answers, 'answer')}, {_count(side.errors, 'error')}"
    if mine[1]:
        said += f"; visitors said {_of(mine)} times that it was wrong"
        said += f", and {_of(other)} times of the champion" if other[1] else ""
    words = f"{visitors(rollout.share).capitalize()} gets it, always the same ones. So far {said}."
    if not rollout.moves:
        return f"{words} You put it there, so you say when it ends; if something goes wrong it is taken off."
    if rules.asks:
        waits = "It has shown enough and waits for you." if passed(rollout, facts, rules) else "Then it waits for you."
        return f"{words} {waits}"
    left = _hours(max(0.0, rules.hours - rollout.age_ms / HOUR_MS))
    return f"{words} After {rules.answers:,} answers that visitors agree with, or in {left}, it answers everybody."


def visitors(share: int) -> str:
    """A share of 10,000 visitors in words: "one visitor in 20"."""
    if share >= 10_000:
        return "every visitor"
    if share <= 0:
        return "no visitor"
    every = 10_000 / share
    return f"one visitor in {round(every)}" if abs(every - round(every)) < 0.05 else f"{share / 100:g} % of visitors"


def _off(by: str, code: str, why: str, **numbers: Any) -> RolloutEvent:
    return RolloutEvent("rolled_back", 0, by, code, why, numbers)


def _of(said: tuple[int, int]) -> str:
    return f"{said[0]:,} of {said[1]:,}"


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _ms(ms: float) -> str:
    return f"{ms / 1000:.1f} s" if ms >= 1000 else f"{ms:.0f} ms"


def _hours(hours: float) -> str:
    """Hours in the unit that suits: 24 hours, 45 minutes, 12 seconds."""
    if hours >= 1.5:
        return f"{hours:.0f} hours" if hours >= 10 or hours == round(hours) else f"{hours:.1f} hours"
    if hours >= 1.5 / 60:
        return _count(round(hours * 60), "minute")
    return _count(round(hours * 3600), "second")
