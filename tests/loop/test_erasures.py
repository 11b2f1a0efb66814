"""What an erasure leaves behind: versions that share their rows stay readable, and one that is damaged stops nobody."""

from types import SimpleNamespace

import pytest
from tests.loop.circle import APP, review, visit

from teahouse import datasets, ids, settings
from teahouse.errors import BlobDamaged
from teahouse.feedback import erase
from teahouse.loop import chores, steps
from teahouse.store import labels, lineage, reviews
from teahouse.testing import install_tiny, open_house, photo


@pytest.fixture
def house(tmp_path):
    with open_house(tmp_path / "data") as house:
        install_tiny(house)
        yield house


def accept(house, seed):
    row = visit(house, photo("warm", seed), "cold")
    with house.db.read() as c:
        label = labels.of_prediction(c, row.id)
    review(house, label.id, "cold")
    return label.id


def freeze(house):
    return house.db.write(lambda c: datasets.build(c, house, APP))


def forget(house, label):
    erase.delete_blobs(house, house.db.write(lambda c: erase.forget_label(c, house, label, "visitor")))
    return chores.erase(house, settings.Settings(), SimpleNamespace(id=ids.new_id()), {})


def readable(house):
    with house.db.read() as c:
        return [len(datasets.rows_of(house, version)) for version in lineage.versions(c, APP)]


@pytest.fixture
def three(house):
    """Versions A, B and A again (its rows lie where those of the first A lie), and A's labels."""
    kept = [accept(house, seed) for seed in (1, 2)]
    first = freeze(house)
    more = accept(house, 3)
    freeze(house)
    house.db.write(lambda c: reviews.decide(c, reviews.Decision(more, "set_aside")))
    assert freeze(house).rows_blob == first.rows_blob
    return kept


def test_versions_with_the_same_rows_all_get_their_hole_and_stay_readable(house, three):
    assert forget(house, three[0]) == {"holes": 3}
    assert readable(house) == [2, 3, 2]
    assert forget(house, three[1]) == {"holes": 3}
    with house.db.read() as c:
        named = {version.rows_blob for version in lineage.versions(c, APP)}
    assert {blob for blob in house.blobs.digests() if house.blobs.get(blob).startswith(b'{"erased"')} <= named


def test_a_version_that_can_not_be_read_is_named_and_the_others_are_mended(house, three):
    house.data.joinpath("exports").mkdir()
    with house.db.read() as c:
        middle = lineage.versions(c, APP)[1]
    house.blobs.delete(middle.rows_blob)
    assert forget(house, three[0]) == {"holes": 2, "damaged": [ids.text(middle.id)]}
    assert not house.data.joinpath("exports").exists(), "what may hold the photo goes all the same"


def test_a_photo_that_is_gone_is_none_and_one_that_the_disk_changed_is_told(house):
    digest = house.blobs.put(b"a photo")
    assert steps._photo(house, digest) == b"a photo"
    house.blobs.path(digest).write_bytes(b"another")
    with pytest.raises(BlobDamaged):
        steps._photo(house, digest)
    house.blobs.delete(digest)
    assert steps._photo(house, digest) is None
