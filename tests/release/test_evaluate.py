"""Evaluate: intervals, the worst class, and the mistakes to look at first."""

import pytest

from teahouse.release import evaluate
from teahouse.release.evaluate import Row


def test_wilsons_interval_is_the_one_in_the_books():
    found = evaluate.interval(8, 10)
    assert (found.value, round(found.low, 3), round(found.high, 3), found.n) == (0.8, 0.490, 0.943, 10)
    assert evaluate.interval(0, 0).as_dict() == {"value": 0.0, "low": 0.0, "high": 1.0, "n": 0}
    assert evaluate.interval(50, 50).high == 1.0
    assert evaluate.interval(0, 50).low == 0.0


def test_a_report_has_the_worst_class_the_baselines_and_the_twelve_surest_mistakes():
    rows = [Row(f"r{i:02d}", {}, {"label": "green" if i < 40 else "oolong"}, "gold", "maker") for i in range(60)]

    said = ["green" if row.id < "r35" or row.id >= "r50" else "oolong" for row in rows]
    scored = [
        evaluate.score(row, {"label": word, "scores": {word: 0.5 + i / 200}})
        for i, (row, word) in enumerate(zip(rows, said, strict=True))
    ]
    found = evaluate.report(scored, ["green", "oolong"], "green").as_dict()
    assert found["accuracy"]["n"] == 60
    assert found["worst_class"] == "oolong"
    assert found["classes"]["oolong"]["value"] == 0.5
    assert found["guessing"] == 0.5
    assert found["commonest"]["value"] == pytest.approx(0.6667)
    assert found["balanced"] == pytest.approx((35 / 40 + 0.5) / 2)
    assert [one["row"] for one in found["mistakes"]] == [
        f"r{i}" for i in (59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 39, 38)
    ]


def test_the_commonest_label_is_the_same_every_time():
    assert evaluate.commonest([{"label": "b"}, {"label": "a"}]) == "a"
    assert evaluate.commonest([]) is None
