"""Slices: who would suffer from a challenger that is better on the whole."""

import random

from teahouse.release import slices
from teahouse.release.paired import Pair
from teahouse.release.verdict import Budget, History, judge


def pairs(count, before, after, first=0, **parts):
    """`count` rows that both sides answer so; labels in turn."""
    return [
        Pair(f"{first}-{n}-{before}-{after}-{sorted(parts.items())}", before, after,
             {"class": ("green", "oolong")[n % 2], "source": "live", **parts})
        for n in range(count)
    ]  # fmt: skip


def codes(verdict):
    return [reason.code for reason in verdict.reasons]


def test_a_challenger_that_is_surely_worse_on_dark_photos_waits_for_the_owner():
    rows = [
        *pairs(60, True, True, light="bright"), *pairs(40, False, True, light="bright"),
        *pairs(30, True, True, light="dark"), *pairs(8, True, False, light="dark"),
    ]  # fmt: skip
    verdict = judge(rows, [], Budget(), History())
    assert (verdict.outcome, codes(verdict)) == ("hold", ["slice-suffers", "better", "by-hand"])
    assert "not on dark photos: right on 30 of 38 instead of 38" in verdict.reasons[0].words
    assert verdict.numbers["slices"]["light"]["dark"]["broken"] == 8 and verdict.missing == 0


def test_a_slice_that_loses_by_luck_or_has_few_rows_holds_nobody_up():
    better = [*pairs(60, True, True, light="bright"), *pairs(40, False, True, light="bright")]
    few = [*pairs(2, True, True, light="dark"), *pairs(8, True, False, light="dark")]
    unsure = [*pairs(26, True, True, light="dark"), *pairs(3, True, False, light="dark")]
    for dark in (few, unsure):
        assert judge([*better, *dark], [], Budget(), History()).outcome == "promote"


def test_devices_familiarity_and_sources_are_told_too():
    rows = [
        *pairs(40, True, True, device="phone", seen="familiar"),
        *pairs(40, False, True, device="computer", seen="strange"),
    ]
    told = judge(rows, [], Budget(), History()).numbers["slices"]
    assert {name: sorted(parts) for name, parts in told.items()} == {
        "device": ["computer", "phone"], "seen": ["familiar", "strange"],
    }  # fmt: skip
    assert told["device"]["computer"]["points"] == 100 and told["seen"]["familiar"]["points"] == 0


def test_a_photo_is_dark_below_three_tenths_and_nothing_where_nobody_measured():
    assert [slices.light(value) for value in (0.05, 0.29, 0.3, 0.9, None)] == ["dark", "dark", "bright", "bright", None]


def test_two_rows_of_thirty_are_no_reason_to_refuse():
    better = [*pairs(60, True, True), *pairs(30, False, True)]
    lost = [Pair(f"l{n}", True, n >= 2, {"class": "white", "source": "live"}) for n in range(30)]
    assert judge([*better, *lost], [], Budget(), History()).outcome == "promote"
    lost = [Pair(f"l{n}", True, n >= 4, {"class": "white", "source": "live"}) for n in range(30)]
    assert codes(judge([*better, *lost], [], Budget(), History()))[0] == "class-suffers"


def test_a_label_of_which_the_judged_rows_are_few_is_guarded_with_the_makers_own():
    better = [*pairs(60, True, True), *pairs(40, False, True)]
    lost = [Pair(f"l{n}", True, n >= 3, {"class": "white", "source": "live"}) for n in range(10)]
    own = [Pair(f"o{n}", True, n >= 3, {"class": "white", "source": "base"}) for n in range(20)]
    assert "class-suffers" in codes(judge([*better, *lost, *own], [], Budget(), History()))


def test_of_equally_good_challengers_few_are_refused_for_a_label():
    rng, refused = random.Random(20261126), 0
    for _ in range(400):
        rows = []
        for source, count in (("live", 180), ("base", 180)):
            for n in range(count):
                u, same = rng.random(), rng.random() < 0.85
                before, after = (False, True) if u < 0.04 else (True, False) if u < 0.08 else (same, same)
                rows.append(Pair(f"{source}{n}", before, after, {"class": "abcdef"[n % 6], "source": source}))
        refused += bool(slices.labels_lost([row for row in rows if row.slices["source"] == "live"], rows))
    assert refused < 0.25 * 400


def test_of_challengers_that_lose_ten_points_of_a_label_most_are_refused():
    rng, refused = random.Random(7), 0
    for _ in range(200):
        rows = [
            Pair(f"{source}{n}", True, n % 6 > 0 or rng.random() > 0.12, {"class": "abcdef"[n % 6], "source": source})
            for source, count in (("live", 300), ("base", 180))
            for n in range(count)
        ]  # fmt: skip
        refused += bool(slices.labels_lost([row for row in rows if row.slices["source"] == "live"], rows))
    assert refused > 0.8 * 200
