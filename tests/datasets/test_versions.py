"""Dataset versions: the same rows are the same version, caps hold, nothing that judges trains."""

import json
import random

import pytest
from tests.loop.circle import APP, review, visit, withdraw

from teahouse import datasets, ids
from teahouse.errors import BlobDamaged, NothingToDo
from teahouse.feedback import collect
from teahouse.store import labels, reviews
from teahouse.testing import install_tiny, open_house, photo
from teahouse.training import run


@pytest.fixture
def house(tmp_path):
    with open_house(tmp_path / "data") as house:
        install_tiny(house)
        yield house


def build(house):
    return house.db.write(lambda c: datasets.build(c, house, APP))


def accept(house, row, truth="cold"):
    with house.db.read() as c:
        label = labels.of_prediction(c, row.id)
    review(house, label.id, truth)
    return label


def test_without_rows_there_is_nothing_to_freeze(house):
    with pytest.raises(NothingToDo):
        build(house)


def test_the_same_rows_are_the_same_version_and_a_new_row_makes_a_new_one(house):
    accept(house, visit(house, photo("warm", 1), "cold"))
    first, again = build(house), build(house)
    assert (first.new, again.new, first.id, first.digest) == (True, False, again.id, again.digest)
    accept(house, visit(house, photo("warm", 2), "cold"))
    second = build(house)
    assert second.digest != first.digest
    assert second.counts["new"] == 1
    assert {datasets.row_digest(row) for row in datasets.rows_of(house, first)} < {
        datasets.row_digest(row) for row in datasets.rows_of(house, second)
    }


def test_waiting_set_aside_and_withdrawn_rows_are_in_no_version(house):
    kept = accept(house, visit(house, photo("warm", 1), "cold"))
    visit(house, photo("warm", 2), "cold")
    gone = visit(house, photo("warm", 3), "cold")
    accept(house, gone)
    withdraw(house, gone.id)
    assert [row["row"] for row in datasets.rows_of(house, build(house))] == [ids.text(kept.id)]


def test_the_order_of_rows_says_nothing_and_one_changed_byte_is_found(house):
    for seed in range(5):
        accept(house, visit(house, photo("warm", seed), "cold"))
    version = build(house)
    rows = datasets.rows_of(house, version)
    assert datasets.digest_of(random.Random(1).sample(rows, 5)) == version.digest
    rows[0]["truth"] = {"label": "warm"}
    with pytest.raises(BlobDamaged):
        datasets.read_rows(datasets.write_rows(rows), version.digest)


def test_a_hole_verifies_and_does_not_tell_what_was_there(house):
    accept(house, visit(house, photo("warm", 1), "cold"))
    accept(house, visit(house, photo("warm", 2), "cold"))
    version = build(house)
    rows = datasets.rows_of(house, version)
    kept, new = datasets.make_holes(rows, lambda row: row != rows[0]["row"])
    assert new == 1
    assert datasets.read_rows(datasets.write_rows(kept), version.digest) == kept
    assert set(kept[0]) == {"row_digest", "erased"}


def test_rows_that_no_owner_saw_are_capped_by_visitor_and_the_owners_are_not(house):
    visitor = ids.new_id()
    rows = [visit(house, photo("warm", seed), "cold", visitor=visitor) for seed in range(9)]
    for row in rows[:8]:
        with house.db.read() as c:
            label = labels.of_prediction(c, row.id)
        decision = reviews.Decision(label.id, "accept", {"label": "cold"}, collect.TRUST)
        house.db.write(lambda c, decision=decision: reviews.decide(c, decision))
    accept(house, rows[8])
    version = build(house)
    assert (version.counts["train"], version.counts["waiting_for_caps"]) == (6, 3)
    assert build(house).counts["waiting_for_caps"] >= 0


@pytest.mark.standard
def test_no_row_that_judges_or_is_near_one_is_ever_handed_to_a_training(house):
    for seed in range(12):
        accept(house, visit(house, photo("warm", seed), "cold", held=seed % 2 == 0, before=True))
    twin = visit(house, photo("warm", 0, side=96), "cold", held=False)
    accept(house, twin)
    rows = datasets.rows_of(house, build(house))
    handed = run.rows_for(rows)
    assert {row["split"] for row in handed} == {"train"}
    judging = [bytes.fromhex(row["near"]) for row in rows if row["split"] in ("test", "gold")]
    given = {row["row"] for row in handed}
    trained = [bytes.fromhex(row["near"]) for row in rows if row["row"] in given]
    assert judging and trained
    assert not any(collect.is_near(one, other) for one in judging for other in trained)


def test_an_export_is_an_image_folder_with_metadata(house, tmp_path):
    label = accept(house, visit(house, photo("warm", 1), "cold"))
    accept(house, visit(house, photo("warm", 2), "warm", held=True, before=True), "warm")
    told = []
    count = datasets.export_folder(house, build(house), tmp_path / "out", lambda done, of: told.append((done, of)))
    assert (count, told[-1]) == (2, (2, 2))
    (line,) = [json.loads(line) for line in (tmp_path / "out/train/metadata.jsonl").read_text().splitlines()]
    assert line == {
        "file_name": f"cold/{ids.text(label.id)}.jpg", "label": "cold", "row": ids.text(label.id), "source": "visitor",
    }  # fmt: skip
    assert (tmp_path / "out/train" / line["file_name"]).read_bytes() == house.blobs.get(label.inputs["input"]["blob"])
    assert (tmp_path / "out/test/warm").is_dir()


def test_a_photo_that_may_be_kept_but_not_trained_on_is_in_no_version_and_counts_nowhere(house):
    for held in (False, True):
        accept(house, visit(house, photo("warm", 1 + held), "cold", held=held, before=True, purposes=("keep",)))
    visit(house, photo("warm", 3), "cold", purposes=("keep",))
    with house.db.read() as c:
        assert not any(row.is_accepted or row.is_live_gold for row in labels.of_app(c, APP))
        counts, left = labels.counts(c, APP), reviews.left(c, APP)
    assert {name: n for name, n in counts.items() if n} == {} and left == 0
    with pytest.raises(NothingToDo):
        build(house)
