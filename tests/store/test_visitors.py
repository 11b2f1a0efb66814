"""Predictions, words, consents and kept inputs of a visitor, and how all of it is forgotten."""

from collections.abc import Callable
from typing import Any

import pytest

from teahouse.errors import Conflict
from teahouse.ids import new_id, text
from teahouse.store import consents, erasures, feedback, inputs, labels, predictions, rows, tables, visitors
from teahouse.store.house import House

Keep = Callable[..., Any]


def give(house: House, visitor: bytes, *purposes: str, prediction: bytes | None = None) -> bytes:
    consent = new_id()
    house.db.write(lambda c: consents.give(c, consent, prediction, visitor, list(purposes), True, "1", 3))
    return consent


def test_an_idempotency_key_makes_one_prediction(house: House, predict: Keep) -> None:
    made = predict(key="k")
    with pytest.raises(Conflict):
        predict(key="k")
    with house.db.read() as c:
        assert predictions.by_key(c, "tea", "k").id == made
        assert predictions.by_key(c, "tea", "other") is None
        assert predictions.get(c, made).output["label"] == "green"


def test_lists_page_backwards_by_seq(house: House, predict: Keep) -> None:
    visitor = new_id()
    made = [predict(visitor=visitor) for _ in range(5)]
    with house.db.read() as c:
        first = predictions.page(c, "tea", limit=2)
        second = predictions.page(c, before=first[-1].seq, limit=2)
        assert [row.id for row in first + second] == made[::-1][:4]
        assert [row.id for row in predictions.of_visitor(c, visitor, 3)] == made[::-1][:3]


def test_no_page_of_predictions_reads_them_all(house: House, predict: Keep) -> None:
    predict(visitor=new_id(), key="k")
    asked = {
        "visitor": "SELECT * FROM predictions WHERE visitor = x'00' ORDER BY seq DESC LIMIT 9",
        "app": "SELECT * FROM predictions WHERE app = 'tea' AND arm != 'pool' AND seq < 9 ORDER BY seq DESC LIMIT 9",
        "key": "SELECT * FROM predictions WHERE app = 'tea' AND key = 'k'",
        "id": "SELECT * FROM predictions WHERE id = x'00'",
        "shadow": "SELECT * FROM predictions WHERE shadow_of = x'00'",
    }
    with house.db.read() as c:
        plans = {name: c.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all() for name, sql in asked.items()}
    for name, plan in plans.items():
        assert all("SEARCH" in step.detail for step in plan), (name, plan)
        assert not any("TEMP B-TREE" in step.detail for step in plan), (name, plan)


def test_a_word_is_kept_once(house: House, predict: Keep) -> None:
    made, visitor = predict(), new_id()

    def say(value: str, idem: str) -> tuple[Any, bool]:
        return house.db.write(lambda c: feedback.say(c, new_id(), made, visitor, idem, "correct", value, 4))

    first, new = say("oolong", "a")
    again, repeated = say("green", "a")
    assert new and not repeated and again.id == first.id and again.value == "oolong"
    last, _ = say("green", "b")
    with house.db.read() as c:
        assert feedback.latest(c, made).id == last.id
        assert [row.value for row in feedback.of_prediction(c, made)] == ["oolong", "green"]


def test_a_word_about_nothing_is_refused(house: House) -> None:
    with pytest.raises(Conflict):
        house.db.write(lambda c: feedback.say(c, new_id(), new_id(), None, "a", "agree", True, 4))


def test_a_yes_stands_until_it_is_ended_or_taken_back(house: House) -> None:
    visitor = new_id()
    first = give(house, visitor, "keep", "train")
    with house.db.read() as c:
        assert consents.standing(c, visitor).id == first and consents.live(c, first)
    assert house.db.write(lambda c: consents.withdraw_standing(c, visitor, 4)) is True
    with house.db.read() as c:
        assert consents.standing(c, visitor) is None
        assert consents.live(c, first)
    second = give(house, visitor, "keep")
    with house.db.read() as c:
        assert consents.standing(c, visitor).id == second
    assert house.db.write(lambda c: consents.withdraw(c, second, 5)) is True
    assert house.db.write(lambda c: consents.withdraw(c, second, 6)) is False
    with house.db.read() as c:
        assert consents.standing(c, visitor) is None and not consents.live(c, second) and consents.live(c, first)
        assert not consents.live(c, new_id())


def test_a_yes_stands_when_one_answer_is_deleted_and_so_does_a_no(house: House, predict: Keep) -> None:
    visitor, made = new_id(), [predict(), predict()]
    for one in made:
        yes = give(house, visitor, "keep", "train", prediction=one)
    house.db.write(lambda c: erasures.forget_prediction(c, made[1], "visitor", 5))
    with house.db.read() as c:
        assert consents.standing(c, visitor).id == yes and not consents.live(c, yes)
    assert house.db.write(lambda c: consents.withdraw_standing(c, visitor, 6)) is True
    house.db.write(lambda c: erasures.forget_prediction(c, made[0], "visitor", 7))
    with house.db.read() as c:
        assert consents.standing(c, visitor) is None


def test_an_input_needs_its_consent_and_is_kept_once_a_field(house: House, predict: Keep) -> None:
    made, visitor = predict(), new_id()
    consent, blob = give(house, visitor, "keep", prediction=made), "ab" * 32
    with pytest.raises(Conflict):
        house.db.write(lambda c: inputs.keep(c, new_id(), made, new_id(), "input", blob, b"12345678"))
    assert house.db.write(lambda c: inputs.keep(c, new_id(), made, consent, "input", blob, b"12345678")) is True
    assert house.db.write(lambda c: inputs.keep(c, new_id(), made, consent, "input", "cd" * 32, b"1")) is False
    assert house.db.write(lambda c: inputs.keep(c, new_id(), made, consent, "cup", value={"ml": 200})) is True
    with house.db.read() as c:
        assert [(row.field, row.blob, row.value) for row in inputs.of_prediction(c, made)] == [
            ("input", blob, None),
            ("cup", None, {"ml": 200}),
        ]


def test_a_forgotten_prediction_leaves_a_bare_row(house: House, keep: Keep, predict: Keep) -> None:
    visitor = new_id()
    label, made, consent, photo = keep(truth={"label": "a-word"}, visitor=visitor, network=b"n" * 32, key="k")
    shadow = predict(shadow_of=made, arm="shadow")
    house.db.write(lambda c: feedback.say(c, new_id(), made, visitor, "a", "correct", "a-word", 4))
    assert house.db.write(lambda c: erasures.forget_prediction(c, made, "asked", 5)) == [photo]
    with house.db.read() as c:
        row = predictions.get(c, made)
        assert (row.visitor, row.network, row.key, row.given, row.output, row.app) == (*[None] * 5, "tea")
        assert predictions.get(c, shadow).output is None
        assert labels.get(c, label) is None and inputs.of_prediction(c, made) == []
        assert feedback.latest(c, made).value is None and not consents.live(c, consent)
        assert [(row.kind, row.ref) for row in erasures.since(c)] == [
            ("prediction", text(shadow)),
            ("label", text(label)),
            ("prediction", text(made)),
        ]
        assert c.exec_driver_sql("PRAGMA foreign_key_check").all() == []


def test_what_was_kept_of_a_challengers_answer_ends_by_itself_or_when_the_first_is_forgotten(
    house: House, keep: Keep, predict: Keep
) -> None:
    visitor = new_id()
    made = predict(visitor=visitor, given=b"g" * 32)
    label, shadow, consent, photo = keep(shadow_of=made, arm="shadow", visitor=visitor, given=b"g" * 32)
    assert house.db.write(lambda c: erasures.empty_prediction(c, made, "retention", 5)) == []
    with house.db.read() as c:
        assert predictions.get(c, shadow).visitor == visitor and consents.live(c, consent)
    assert house.db.write(lambda c: erasures.forget_prediction(c, made, "asked", 6)) == [photo]
    with house.db.read() as c:
        assert predictions.get(c, shadow).visitor is None and labels.get(c, label) is None
        assert not consents.live(c, consent) and erasures.holds(c, "prediction", text(shadow))


def test_a_photo_that_another_visitor_gave_too_stays(house: House, keep: Keep) -> None:
    first, second = keep(), keep()

    def share(c: Any) -> None:
        c.execute(tables.inputs.update().where(tables.inputs.c.prediction == second[1]).values(blob=first[3]))

    house.db.write(share)

    def forget(prediction: bytes) -> list[str]:
        return house.db.write(lambda c: erasures.forget_prediction(c, prediction, "asked", 5))

    assert forget(first[1]) == []
    assert forget(second[1]) == sorted({first[3], second[3]})


def test_of_a_forgotten_visitor_no_byte_is_left(house: House, keep: Keep, predict: Keep) -> None:
    visitor, other = new_id(), new_id()
    photos = [keep(truth={"label": "unheard-of"}, visitor=visitor)[3] for _ in range(3)]
    stays = keep(visitor=other)[3]
    pooled = predict(arm="pool")
    house.db.write(lambda c: feedback.say(c, new_id(), pooled, visitor, "a", "comment", "unheard-of", 4))
    gone = house.db.write(lambda c: erasures.forget_visitor(c, visitor, "asked", 5))
    assert sorted(gone) == sorted(photos)
    for digest in gone:
        house.blobs.delete(digest)
    assert house.db.checkpoint() is True
    assert house.blobs.digests() == [stays]
    for file in [file for file in house.data.rglob("*") if file.is_file()]:
        data = file.read_bytes()
        assert visitor not in data and b"unheard-of" not in data, file.name
    with house.db.read() as c:
        assert visitors.get(c, visitor) is None and visitors.get(c, other) is not None
        assert erasures.holds(c, "visitor", text(visitor))


def test_what_is_past_its_days_is_found_in_order(house: House, predict: Keep) -> None:
    old, new = [predict(at=at) for at in (10, 20)], predict(at=90)
    with house.db.read() as c:
        found = predictions.expired(c, 50)
        assert [row.id for row in found] == old
        assert predictions.expired(c, 50, after=found[-1].seq) == []
        assert predictions.expired(c, 100, after=found[-1].seq)[0].id == new


def test_a_row_may_be_given_as_one_value(house: House, predict: Keep) -> None:
    said = feedback.Said(new_id(), predict(), None, "a", "agree", True, 4)
    assert house.db.write(lambda c: feedback.say(c, said))[1] is True
    assert rows.values(said)["kind"] == "agree"
