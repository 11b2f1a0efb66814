"""V4, P7: what was erased is in no later version, neither its row nor its digest; what was trained on it is known."""

from types import SimpleNamespace

from teahouse import datasets, ids, settings
from teahouse.feedback import erase
from teahouse.loop import chores
from teahouse.store import labels, lineage, notices, releases
from teahouse.testing import install_tiny, open_house, photo
from tests.loop.circle import APP, review, visit


def test_v4_and_p7_a_forgotten_visitor_is_in_no_later_version(tmp_path):
    with open_house(tmp_path / "data") as house:
        install_tiny(house)
        visitor = ids.new_id()
        rows = [visit(house, photo("warm", seed), "cold", visitor=visitor if seed % 2 else None) for seed in range(8)]
        with house.db.read() as c:
            found = [labels.of_prediction(c, row.id) for row in rows]
        for label in found:
            review(house, label.id, "cold")
        first = house.db.write(lambda c: datasets.build(c, house, APP))
        before = {row["row"]: datasets.row_digest(row) for row in datasets.rows_of(house, first)}
        house.db.write(lambda c: lineage.add_run(c, lineage.Run(ids.new_id(), APP, first.id, "train", "0" * 64)))
        freed = house.db.write(lambda c: erase.forget_visitor(c, house, visitor, "visitor"))
        erase.delete_blobs(house, freed)
        second = house.db.write(lambda c: datasets.build(c, house, APP))
        after = datasets.rows_of(house, second)
        gone = {ids.text(label.id) for label in found if label.visitor == visitor}
        text = house.blobs.get(second.rows_blob).decode()
        assert len(gone) == 4 and len(freed) == 4
        assert {row["row"] for row in after} == before.keys() - gone
        for row in gone:
            assert row not in text and before[row] not in text
        assert not any(blob in text for blob in freed)
        assert (first.digest != second.digest, len(before) - len(after)) == (True, 4)
        with house.db.read() as c:
            (trained,) = lineage.runs(c, APP)
            assert lineage.version(c, trained.version).id == first.id, "what was trained on it can be named"


def accepted(house, seed, visitor=None, held=False):
    row = visit(house, photo("warm", seed), "cold", visitor=visitor, held=held, before=held)
    with house.db.read() as c:
        label = labels.of_prediction(c, row.id)
    review(house, label.id, "cold")
    return label


def trained(house, version, note):
    """A release that was trained from a version, on nobody's page."""
    run = ids.new_id()
    house.db.write(lambda c: lineage.add_run(c, lineage.Run(run, APP, version.id, "train", "0" * 64)))
    release = ids.sha256(note.encode())
    house.db.write(lambda c: releases.add(c, releases.Sealed(release, APP, run, {"output": {"kind": "labels"}})))
    return release


def forget(house, label):
    erase.delete_blobs(house, house.db.write(lambda c: erase.forget_label(c, house, label.id, "visitor")))
    chores.erase(house, settings.Settings(), SimpleNamespace(id=ids.new_id()), {})


def to_replace(house):
    with house.db.read() as c:
        return lineage.learned_from_erased(c, APP)


def test_v4_each_release_that_saw_an_erased_row_is_listed_with_the_day_from_which_the_limit_counts(tmp_path):
    with open_house(tmp_path / "data") as house:
        install_tiny(house)
        early, judges = accepted(house, 1), accepted(house, 2, held=True)
        first = house.db.write(lambda c: datasets.build(c, house, APP))
        old = trained(house, first, "old")
        late = accepted(house, 3)
        second = house.db.write(lambda c: datasets.build(c, house, APP))
        new = trained(house, second, "new")
        forget(house, judges)
        assert to_replace(house) == {}, "nobody learned from a row that judges"
        began = ids.now_ms()
        forget(house, late)
        assert list(to_replace(house)) == [new]
        assert began <= to_replace(house)[new] <= ids.now_ms()
        since = to_replace(house)
        forget(house, early)
        assert set(to_replace(house)) == {old, new} and to_replace(house)[new] == since[new], "the first row counts"
        third = house.db.write(lambda c: datasets.build(c, house, APP)) if accepted(house, 4) else None
        trained(house, third, "third")
        assert set(to_replace(house)) == {old, new}, "what was trained after it never saw it"
        with house.db.read() as c:
            words = [row.words for row in notices.waiting(c, 0)]
        assert len(words) == 2 and all("within 30 days" in one for one in words)
