"""Which labels wait, count, judge and are new; the owner's queue."""

from collections.abc import Callable
from typing import Any

import pytest

from teahouse.errors import Conflict, InputError, NotFound
from teahouse.ids import new_id
from teahouse.store import consents, labels, lineage, reviews
from teahouse.store.house import House

GREEN, OOLONG = {"label": "green"}, {"label": "oolong"}
Keep = Callable[..., Any]


def read(house: House, fn: Callable[[Any], Any]) -> Any:
    with house.db.read() as c:
        return fn(c)


def counts(house: House) -> dict[str, int]:
    found = read(house, lambda c: labels.counts(c, "tea"))
    return {name: n for name, n in found.items() if n}


def accept(house: House, label: bytes, truth: Any = GREEN, by: str = "owner") -> None:
    house.db.write(lambda c: reviews.decide(c, label, "accept", truth, by, "", 5))


def freeze(house: House) -> None:
    house.db.write(lambda c: lineage.add_version(c, new_id(), "tea", "a" * 64, None, {}, "b" * 64, 6))


def maker(house: House, split: str = "train") -> None:
    row = {"at": 1, "app": "tea", "source": "maker", "truth": GREEN, "split": split, "near": new_id()[:8]}
    house.db.write(lambda c: labels.add(c, {**row, "inputs": {"input": {"blob": house.blobs.put(new_id())}}}))


def test_a_visitors_label_without_consent_can_not_be(house: House, predict: Keep) -> None:
    row = {"at": 1, "app": "tea", "prediction": predict(), "source": "visitor", "inputs": {}, "split": "train"}
    with pytest.raises(Conflict) as told:
        house.db.write(lambda c: labels.add(c, row))
    assert "visitors_consent" in str(told.value.__cause__)
    with pytest.raises(Conflict):
        house.db.write(lambda c: labels.add(c, {**row, "consent": new_id()}))


def test_a_label_waits_until_it_is_reviewed(house: House, keep: Keep) -> None:
    label, prediction, consent, photo = keep(truth=OOLONG)
    assert counts(house) == {"waiting": 1}
    accept(house, label, None)
    assert counts(house) == {"accepted": 1, "train": 1, "new": 1}
    row = read(house, lambda c: labels.get(c, label))
    assert (row.answer, row.reviewed_by, row.consent, row.prediction) == (OOLONG, "owner", consent, prediction)
    assert row.is_accepted and row.consent_live and row.inputs == {"input": {"blob": photo}}


def test_setting_aside_and_undoing(house: House, keep: Keep) -> None:
    first, second = keep()[0], keep()[0]
    accept(house, first)
    house.db.write(lambda c: reviews.decide(c, second, "set_aside", None, "owner", "blurred", 5))
    assert counts(house) == {"accepted": 1, "train": 1, "set_aside": 1, "new": 1}
    assert house.db.write(lambda c: reviews.undo(c, "owner", 6)) == [second]
    assert counts(house) == {"accepted": 1, "train": 1, "waiting": 1, "new": 1}
    assert house.db.write(lambda c: reviews.undo(c, "owner", 7)) == [first]
    assert house.db.write(lambda c: reviews.undo(c, "owner", 8)) == []
    assert counts(house) == {"waiting": 2}
    accept(house, first, OOLONG)
    assert read(house, lambda c: reviews.latest(c, first)).truth == OOLONG


def test_an_undo_takes_back_only_ones_own_decision(house: House, keep: Keep) -> None:
    label = keep()[0]
    accept(house, label, GREEN, by="owner")
    accept(house, label, OOLONG, by="trust")
    assert house.db.write(lambda c: reviews.undo(c, "owner", 6)) == [label]
    row = read(house, lambda c: labels.get(c, label))
    assert (row.reviewed_by, row.answer) == ("trust", OOLONG)


def test_new_counts_what_was_accepted_after_the_last_version(house: House, keep: Keep) -> None:
    known, late = keep()[0], keep()[0]
    accept(house, known)
    freeze(house)
    assert "new" not in counts(house)
    accept(house, late)
    accept(house, keep(split="test", held=True)[0])
    maker(house)
    assert counts(house)["new"] == 1
    house.db.write(lambda c: reviews.undo(c, "owner", 7))
    house.db.write(lambda c: reviews.undo(c, "owner", 8))
    assert "new" not in counts(house)


def test_a_withdrawn_consent_takes_its_label_out_of_everything(house: House, keep: Keep) -> None:
    label, _, consent, _ = keep()
    accept(house, label)
    assert house.db.write(lambda c: consents.withdraw(c, consent, 6)) is True
    assert counts(house) == {}
    assert not read(house, lambda c: labels.get(c, label)).is_accepted


@pytest.mark.parametrize(
    ("changes", "by", "gold"),
    [
        ({"held": True, "before": True, "split": "test"}, "owner", True),
        ({"held": True, "before": True, "split": "test"}, "trust", False),
        ({"held": True, "before": False, "split": "test"}, "owner", False),
        ({"held": False, "before": True, "split": "test"}, "owner", False),
        ({"held": True, "before": True, "split": "train"}, "owner", False),
    ],
)
def test_live_gold_was_drawn_and_consented_to_before_and_labelled_by_the_owner(
    house: House, keep: Keep, changes: dict[str, Any], by: str, gold: bool
) -> None:
    label = keep(**changes)[0]
    assert read(house, lambda c: labels.get(c, label)).is_live_gold is False
    accept(house, label, GREEN, by)
    row = read(house, lambda c: labels.get(c, label))
    assert row.is_live_gold is gold
    assert read(house, lambda c: labels.gold(c, "tea"))["gold_live"] == int(gold)


def test_the_makers_gold_is_base_gold_and_needs_no_review(house: House) -> None:
    for split in ("train", "train", "gold"):
        maker(house, split)
    assert counts(house) == {"train": 2}
    assert read(house, lambda c: labels.gold(c, "tea")) == {"gold_base": 1, "gold_live": 0}
    rows = read(house, lambda c: labels.maker_rows(c, "tea"))
    assert [row.is_base_gold for row in rows] == [False, False, True]
    sides = [split for _near, split in read(house, lambda c: labels.near_rows(c, "tea"))]
    assert sides == ["train", "train", "gold"]


def test_a_visitors_word_counts_while_nobody_reviewed_it(house: House, keep: Keep) -> None:
    label, prediction, _, _ = keep()
    assert house.db.write(lambda c: labels.say(c, prediction, GREEN)) is True
    accept(house, label, None)
    assert house.db.write(lambda c: labels.say(c, prediction, OOLONG)) is False
    assert read(house, lambda c: labels.get(c, label)).answer == GREEN


def test_a_prediction_has_one_label(house: House, keep: Keep) -> None:
    label, prediction, consent, _ = keep()
    row = {"at": 1, "app": "tea", "prediction": prediction, "source": "visitor", "consent": consent, "inputs": {}}
    assert house.db.write(lambda c: labels.add(c, {**row, "split": "train"})) == label


def test_accepting_without_any_answer_is_refused(house: House, keep: Keep) -> None:
    with pytest.raises(InputError):
        accept(house, keep()[0], None)
    with pytest.raises(NotFound):
        accept(house, new_id())


def test_the_queue_shows_held_rows_first_and_never_what_was_said_of_them(house: House, keep: Keep) -> None:
    def output(p: float) -> dict[str, Any]:
        return {"label": "green", "scores": {"green": p, "oolong": 1 - p}}

    sure, unsure = keep(truth=OOLONG, output=output(0.99))[0], keep(truth=OOLONG, output=output(0.51))[0]
    held = {keep(truth=OOLONG, held=True, split="test")[0] for _ in range(6)}
    keep(split="set_aside")
    queue = read(house, lambda c: reviews.queue(c, "tea"))
    assert {row.label for row in queue[:6]} == held
    assert all(row.word is None for row in queue[:6])
    assert [(row.label, row.word) for row in queue[6:]] == [(unsure, OOLONG), (sure, OOLONG)], "newest first"
    assert read(house, lambda c: reviews.left(c, "tea")) == 8
    assert read(house, lambda c: reviews.queue(c, "tea")) == queue
    accept(house, queue[0].label)
    assert queue[0].label not in [row.label for row in read(house, lambda c: reviews.queue(c, "tea"))]
