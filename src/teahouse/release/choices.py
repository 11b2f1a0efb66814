"""Choices: may a challenger that makes pictures take over? Visitors who saw one of each said which they like better.

The sign test (Dixon and Mood, 1946), one-sided and exact, at 30, 60, 120 and 240 choices. The chance of promoting an
equal challenger that we accept (SURE) is spent over these looks, half of what is left at each: asking often does not
make luck likelier. A look at the first 30 choices stays what it was, whatever is chosen later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from teahouse.release.evaluate import interval
from teahouse.release.verdict import SURE, Budget, Check, Reason, Verdict, odds, stops, tail

LEAST = 30  # choices below which nothing is decided
LOOKS = tuple((LEAST * 2**look, SURE / 2 ** (look + 1)) for look in range(4))  # (choices, chance of luck)
MEASURED = "choices"


@dataclass(frozen=True)
class Said:
    """How often each side was liked better, and by how many people."""

    challenger: int
    champion: int
    people: int = 0

    @property
    def n(self) -> int:
        """All choices."""
        return self.challenger + self.champion

    def as_dict(self) -> dict:
        return {
            "n": self.n,
            "challenger": self.challenger,
            "champion": self.champion,
            **({"people": self.people} if self.people else {}),
            "p": round(tail(self.challenger, self.champion), 5),
            "interval": interval(self.challenger, self.n).as_dict(),
        }


def judge(
    preferred: Sequence[bool], checks: Sequence[Check], budget: Budget, *, first: bool = False, people: int = 0
) -> Verdict:
    """`preferred`: of each choice that counts, in order, whether the challenger's picture was liked better. A check
    that fails and a cost that is too high stop a challenger; visitors' choices alone let it through. The `first`
    release has nobody beside it: there the checks alone decide."""
    said = Said(sum(preferred), len(preferred) - sum(preferred), people)
    numbers = {"measured_on": MEASURED, "choices": said.as_dict(), "missing": 0}
    if found := stops(checks, budget):
        return Verdict("reject", tuple(found), numbers)
    if first:
        return Verdict("promote", (_first(len(checks)),), numbers)
    for wanted, chance in LOOKS:
        if said.n < wanted:
            return _hold(said, wanted, numbers)
        won = sum(preferred[:wanted])
        then = Said(won, wanted - won)
        if (luck := tail(won, wanted - won)) < chance:
            words = f"{story(then)} It is liked better: luck alone would do as well only {odds(luck)}."
            return Verdict("promote", (Reason("liked-better", words, then.as_dict()),), numbers)
        if (luck := tail(wanted - won, won)) < chance:
            words = f"{story(then)} It is liked less: luck alone would do as badly only {odds(luck)}."
            return Verdict("reject", (Reason("liked-less", words, then.as_dict()),), numbers)
    words = f"{story(said)} Nobody can tell the two apart by that many, so the champion stays."
    return Verdict("reject", (Reason("liked-alike", words, said.as_dict()),), numbers)


def story(said: Said) -> str:
    """The choices in a sentence: "31 of 44 preferred it." """
    return f"{said.challenger} of {said.n} preferred it."


def _first(checks: int) -> Reason:
    passed = f"It passes {'its check' if checks == 1 else f'all of its {checks} checks'}. " if checks else ""
    return Reason("first", f"The first release. {passed}Whether visitors like its pictures is not known yet.")


def _hold(said: Said, wanted: int, numbers: dict) -> Verdict:
    missing = wanted - said.n
    if said.n < LEAST:
        so_far = f" So far {story(said)}" if said.n else ""
        words = (
            "It waits for choices: it is shown beside the champion, and visitors say which picture they like better. "
            f"A verdict takes {LEAST}: {missing} more, please.{so_far}"
        )
        return Verdict("hold", (Reason("too-few-choices", words, said.as_dict()),), {**numbers, "missing": missing})
    words = f"{story(said)} That may be luck. It is looked at again at {wanted} choices: {missing} more, please."
    return Verdict("hold", (Reason("may-be-luck", words, said.as_dict()),), {**numbers, "missing": missing})
