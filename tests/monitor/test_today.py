"""Today's numbers: sums of tallies, hour by hour."""

from dataclasses import dataclass

import pytest

from teahouse.monitor.today import read, today
from teahouse.store import tallies
from teahouse.testing import open_house


@dataclass
class Row:
    arm: str
    hour: int
    what: str
    n: int = 1
    total: float = 0.0


def test_hours_are_summed_and_what_no_visitor_saw_is_left_out():
    rows = [
        Row("full", 99, "answers", 3, 60.0),
        Row("canary", 100, "answers", 1, 40.0),
        Row("shadow", 100, "answers", 50, 9000.0),
        Row("full", 100, "errors", 2),
        Row("full", 100, "agree", 4, 3.0),
        Row("full", 10, "answers", 7, 7.0),
        Row("full", 100, "unheard of", 9),
    ]
    seen = today(rows, 100)
    assert len(seen.hours) == 24 and [hour.answers for hour in seen.hours[-2:]] == [3, 1]
    assert seen.sum.answers == 4 and seen.mean_ms == 25 and seen.sum.errors == 2 and seen.agreement == 0.75


def test_an_empty_day_has_no_averages():
    seen = today([], 100)
    assert seen.sum.answers == 0 and seen.mean_ms is None and seen.agreement is None


def test_the_store_gives_the_last_hours(tmp_path):
    with open_house(tmp_path) as house:
        for hour in (75, 77, 100):
            house.db.write(lambda c, hour=hour: tallies.add(c, "tea", "r", "full", hour, "answers", 1, 5.0))
        with house.db.read() as c:
            assert read(c, "tea", 100 * 3_600_000 + 5).sum.answers == pytest.approx(2)
