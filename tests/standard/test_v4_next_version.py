"""V4, P7: what was erased is in no later version, neither its row nor its digest; what was trained on it is known."""

from teahouse import datasets, ids
from teahouse.feedback import erase
from teahouse.store import labels, lineage
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
