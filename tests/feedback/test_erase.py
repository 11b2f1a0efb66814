"""Erase: what a visitor takes back is gone, here at once and in frozen versions when the loop comes."""

from tests.loop.circle import APP, label_of, review, visit

from teahouse import datasets, ids, settings
from teahouse.feedback import erase
from teahouse.loop import steps
from teahouse.store import erasures, jobs, labels, lineage, predictions
from teahouse.testing import photo


def test_a_forgotten_prediction_leaves_no_photo_no_word_and_a_job_for_the_loop(house):
    row = visit(house, photo("warm", 1), "cold")
    blob = label_of(house, row).inputs["input"]["blob"]
    freed = house.db.write(lambda c: erase.forget_prediction(c, house, row.id, "visitor"))
    assert freed == [blob]
    erase.delete_blobs(house, freed)
    assert not house.blobs.exists(blob)
    with house.db.read() as c:
        assert labels.of_prediction(c, row.id) is None
        assert predictions.get(c, row.id).visitor is None
        assert [job.kind for job in jobs.waiting(c)] == ["erase"]
        assert erasures.holds(c, "prediction", ids.text(row.id))


def test_a_photo_that_another_row_holds_too_stays(house):
    row, _ = visit(house, photo("warm", 1), "cold"), visit(house, photo("warm", 1), "cold")
    assert house.db.write(lambda c: erase.forget_prediction(c, house, row.id, "visitor")) == []


def test_a_forgotten_visitor_is_gone_from_all_rows(house):
    visitor = ids.new_id()
    for seed in range(3):
        visit(house, photo("warm", seed), "cold", visitor=visitor)
    assert len(house.db.write(lambda c: erase.forget_visitor(c, house, visitor, "visitor"))) == 3
    with house.db.read() as c:
        assert predictions.of_visitor(c, visitor) == []
        assert labels.of_app(c, APP) == []


def test_the_loop_makes_holes_in_frozen_versions_that_still_verify(house):
    rows = [visit(house, photo("warm", seed), "cold") for seed in range(3)]
    for row in rows:
        review(house, label_of(house, row).id, "cold")
    version = house.db.write(lambda c: datasets.build(c, house, APP))
    gone = label_of(house, rows[0])
    freed = house.db.write(lambda c: erase.forget_prediction(c, house, rows[0].id, "visitor"))
    erase.delete_blobs(house, freed)
    with house.db.read() as c:
        (job,) = jobs.waiting(c)
    assert steps.execute(house, settings.Settings(), job) == "done"
    with house.db.read() as c:
        mended = lineage.version(c, version.id)
    assert (mended.digest, mended.rows_blob == version.rows_blob) == (version.digest, False)
    assert not house.blobs.exists(version.rows_blob)
    kept = datasets.rows_of(house, mended)
    assert sum(bool(row.get("erased")) for row in kept) == 1
    text = house.blobs.get(mended.rows_blob).decode()
    assert ids.text(gone.id) not in text
    assert gone.inputs["input"]["blob"] not in text
    again = house.db.write(lambda c: datasets.build(c, house, APP))
    assert again.digest != version.digest
    assert again.counts["train"] == 2
