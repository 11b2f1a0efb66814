"""P2: a visitor and a network give a version only so many rows that nobody looked at; ten times the volume, no more."""

from collections import Counter

import pytest

from teahouse import datasets, ids
from teahouse.feedback import collect, teach
from teahouse.feedback.trust import most_of_network, most_of_visitor
from teahouse.store import labels, tables, visitors
from teahouse.testing import install_tiny, open_house, photo
from tests.loop.circle import APP, visit

pytestmark = pytest.mark.standard

AUTO = collect.Rules("auto")


@pytest.fixture
def house(tmp_path):
    with open_house(tmp_path / "data") as house:
        install_tiny(house)
        yield house


def known(house, visitor):
    """A visitor who was right on twenty probes: what they say counts as far as the caps go."""
    standing = {APP: teach.standing_after([True] * 20, 2, ids.now_ms())}
    house.db.write(lambda c: visitors.ensure(c, visitor, ids.now_ms()))
    known = tables.visitors.update().where(tables.visitors.c.id == visitor).values(standing=standing)
    house.db.write(lambda c: c.execute(known))
    return visitor


def flood(house, visitor, network, photos, seed):
    for n in range(photos):
        row = visit(house, photo("warm", seed * 1000 + n), "cold", visitor=visitor)
        house.db.write(
            lambda c, row=row: c.execute(
                tables.labels.update().where(tables.labels.c.prediction == row.id).values(network=network)
            )
        )
        with house.db.read() as c:
            label = labels.of_prediction(c, row.id)
        house.db.write(lambda c, label=label: collect.weigh(c, label.id, "auto", ids.now_ms()))


def of_version(house):
    """(rows, by visitor, by network) of the next version's rows that visitors gave."""
    with house.db.read() as c:
        chosen, _ = datasets.choose(labels.of_app(c, APP), set())
    return chosen, Counter(row.visitor for row in chosen), Counter(row.network for row in chosen)


@pytest.mark.parametrize("photos", [4, 40])
def test_a_visitor_gives_at_most_five_rows_whatever_they_send(house, photos):
    visitor = known(house, ids.new_id())
    flood(house, visitor, b"a" * 32, photos, 1)
    chosen, _, _ = of_version(house)
    assert len(chosen) == min(photos, most_of_visitor(0))
    with house.db.read() as c:
        assert labels.counts(c, APP)["waiting"] == max(0, photos - 5), "the rest waits for the owner, nothing is lost"


def test_a_network_gives_at_most_twenty_and_a_visitor_of_another_one_is_not_touched(house):
    for n in range(8):
        flood(house, known(house, ids.new_id()), b"a" * 32, 4, 10 + n)
    _, _, of_network = of_version(house)
    assert of_network == {b"a" * 32: most_of_network(32)}
    flood(house, known(house, ids.new_id()), b"b" * 32, 4, 30)
    assert of_version(house)[2][b"b" * 32] == 4


def test_ten_times_the_volume_gains_nothing(house):
    once, often = known(house, ids.new_id()), known(house, ids.new_id())
    flood(house, once, b"a" * 32, 5, 40)
    flood(house, often, b"b" * 32, 50, 41)
    _, of_visitor, _ = of_version(house)
    assert of_visitor[often] == of_visitor[once] == 5
