"""V5: on the day, old rows and photos are gone; the clock is an argument."""

import pytest

from teahouse import settings
from teahouse.feedback import retention
from teahouse.store import labels
from teahouse.testing import whole_house
from tests.standard.conftest import ORIGIN
from tests.standard.search import forms, hits
from tests.standard.visits import APP, accept, ask, held, marked, visit

DAYS = settings.Keep().days
BEGAN = 1_790_000_000_000


@pytest.fixture
def site(tmp_path):
    with whole_house(tmp_path) as site:
        site.deps.clock = lambda: BEGAN
        yield site


def test_v5_old_rows_and_photos_are_gone_on_the_day(site):
    client, stays = site.visitor(), site.visitor()
    old = held(site.house, visit(client, ORIGIN, marked("warm", 1)))
    kept = held(site.house, visit(stays, ORIGIN, marked("cold", 2)))
    accept(site.house, kept.label)
    plain = ask(client, ORIGIN, marked("warm", 3))
    day = BEGAN + DAYS * retention.DAY_MS
    site.deps.clock = lambda: day
    young = held(site.house, visit(site.visitor(), ORIGIN, marked("warm", 4)))

    retention.sweep(site.house, DAYS, day)
    assert client.get(old.path, headers=old.receipt).status_code == 200, "not before the day"
    retention.sweep(site.house, DAYS, day + 1)

    for told in (old, plain):
        path = told.path if told is old else f"/api/predictions/{plain['id']}"
        receipt = old.receipt if told is old else {"X-Receipt": plain["receipt"]}
        assert client.get(path, headers=receipt).status_code == 404
    assert client.get("/api/mine", headers={"Origin": ORIGIN}).json()["predictions"] == []
    gone = [*forms(old.visitor), *forms(bytes.fromhex(old.blob)), old.piece]
    assert hits(site.house.data, *gone) == []
    there = {needle for _, needle in hits(site.house.data, kept.visitor, kept.piece, young.visitor, young.piece)}
    assert there == {kept.visitor, kept.piece, young.visitor, young.piece}
    (mine,) = stays.get("/api/mine", headers={"Origin": ORIGIN}).json()["predictions"]
    assert mine["kept"] is True


def test_v5_an_accepted_row_goes_when_its_yes_ends_however_old_it_is(site):
    client = site.visitor()
    one = held(site.house, visit(client, ORIGIN, marked("warm", 1)))
    accept(site.house, one.label)
    retention.sweep(site.house, DAYS, BEGAN + 3 * DAYS * retention.DAY_MS)
    with site.house.db.read() as c:
        assert [row.id for row in labels.of_app(c, APP)] == [one.label]
    assert client.delete(one.path, headers={"Origin": ORIGIN}).status_code == 204
    assert hits(site.house.data, one.piece) == []


@pytest.mark.parametrize("days", [1, 30])
def test_v5_the_setting_is_the_measure(site, days):
    told = ask(site.client, ORIGIN, marked())
    path, receipt = f"/api/predictions/{told['id']}", {"X-Receipt": told["receipt"]}
    retention.sweep(site.house, days, BEGAN + days * retention.DAY_MS)
    assert site.client.get(path, headers=receipt).status_code == 200
    retention.sweep(site.house, days, BEGAN + days * retention.DAY_MS + 1)
    assert site.client.get(path, headers=receipt).status_code == 404
