"""Slices: whom a challenger would hurt though it is better on the whole: a label, dark photos, one kind of device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from teahouse.release.evaluate import FEW
from teahouse.release.paired import Pair, Reason, Tally, by, tail, tally

LOSS = 5.0  # points that no label may lose, and no slice surely
CLASS_LUCK = 0.1  # how often luck alone may do to a label what is held against the challenger
SURE = 0.05
DARK = 0.3  # mean grey, 0 to 1, below which a photo counts as dark
# What a slice is called in a sentence. One that is not here is not looked at.
WORDS: Mapping[str, Mapping[str, str]] = {
    "light": {"bright": "bright photos", "dark": "dark photos"},
    "device": {
        "phone": "photos from phones",
        "computer": "photos from computers",
        "other": "photos from other devices",
    },
    "seen": {"familiar": "photos like those it learned from", "strange": "photos unlike those it learned from"},
    "source": {"live": "visitors' photos", "base": "your own photos"},
}


def light(brightness: float | None) -> str | None:
    """The slice of a photo by its mean grey; None where that is not known."""
    return None if brightness is None else "dark" if brightness < DARK else "bright"


def told(pairs: Sequence[Pair]) -> dict[str, dict[str, dict]]:
    """Both sides on each slice that has a row: {"light": {"dark": a tally}}; a slice that holds all rows is none."""
    found = {}
    for name in WORDS:
        parts = by(name, pairs)
        if len(parts) > 1:
            found[name] = {value: tally(rows).as_dict() for value, rows in parts.items()}
    return found


def suffering(pairs: Sequence[Pair]) -> list[Reason]:
    """The slices of twenty rows and more that surely lose over five points: such a challenger waits for the owner."""
    found = []
    for name, words in WORDS.items():
        for value, rows in by(name, pairs).items():
            lost = tally(rows)
            if value in words and len(rows) < len(pairs) and loses(lost, SURE):
                text = (
                    f"It is better on the whole, but not on {words[value]}: right on {lost.challenger} of {lost.n} "
                    f"instead of {lost.champion}. Whether that is worth it is yours to say."
                )
                found.append(Reason("slice-suffers", text, {"slice": name, "value": value, **lost.as_dict()}))
    return found


def labels_lost(judged: Sequence[Pair], gold: Sequence[Pair]) -> list[Reason]:
    """The labels that would suffer, on the judged rows alone or on all gold rows together: over five points, and more
    than luck does one time in ten. Without that second half two rows of thirty would do: of equal challengers nine in
    ten would be refused where there are six labels, and the loop would be deaf."""
    found = []
    for name in sorted({*by("class", judged), *by("class", gold)}):
        for rows, where in ((by("class", judged), "judged rows"), (by("class", gold), "judged rows and your own")):
            lost = tally(rows.get(name, ()))
            if loses(lost, CLASS_LUCK):
                words = (
                    f'"{name}" would suffer: right on {lost.challenger} of {lost.n} {where} instead of '
                    f"{lost.champion}. No label may lose more than {LOSS:.0f} points."
                )
                found.append(Reason("class-suffers", words, {"class": name, **lost.as_dict()}))
                break
    return found


def loses(lost: Tally, luck: float) -> bool:
    """Whether so many rows lose over five points, and luck alone does that more rarely than `luck`."""
    return lost.n >= FEW and lost.points < -LOSS and tail(lost.broken, lost.fixed) < luck
