"""V2: nothing of a visitor is in a dataset without a yes that holds, said in words and at a time that are kept."""

import asyncio

import pytest
import sqlalchemy as sa

from teahouse import datasets, ids
from teahouse.errors import Conflict
from teahouse.site import reconcile
from teahouse.site.pages import PURPOSE_VERSION
from teahouse.store import consents, labels, tables
from teahouse.testing import whole_house
from tests.standard.conftest import ORIGIN, OWN
from tests.standard.visits import APP, accept, ask, draw_nobody, held, marked, visit


@pytest.fixture
def site(tmp_path):
    with whole_house(tmp_path) as site:
        draw_nobody(site.house)
        asyncio.run(reconcile.once(site.deps))
        yield site


def give(site, count: int = 6) -> list:
    """So many visitors who each let two photos be kept, all accepted by the owner."""
    found = []
    for number in range(count):
        client = site.visitor()
        for photo in range(2):
            found.append((client, held(site.house, visit(client, ORIGIN, marked("warm", 10 * number + photo)))))
            accept(site.house, found[-1][1].label)
    return found


def version_rows(site) -> set[str]:
    """The ids of the visitors' rows that a version frozen now holds."""
    made = site.house.db.write(lambda c: datasets.build(c, site.house, APP))
    rows = datasets.rows_of(site.house, made)
    return {row["row"] for row in rows if row["source"] == "visitor"}


def without_a_yes(site) -> int:
    """Visitors' labels that hold a photo and join no consent that stands."""
    ends = tables.consents.alias("ends")
    standing = sa.exists().where(
        tables.consents.c.id == tables.labels.c.consent,
        ~sa.exists().where(ends.c.withdraws == tables.consents.c.id),
    )
    mine = (tables.labels.c.source == "visitor", tables.labels.c.inputs.is_not(None))
    with site.house.db.read() as c:
        return c.execute(sa.select(sa.func.count()).where(*mine, ~standing)).scalar_one()


def test_v2_every_row_of_a_visitor_joins_a_yes_that_holds(site):
    given = give(site)
    assert without_a_yes(site) == 0
    assert version_rows(site) == {ids.text(one.label) for _, one in given if side(site, one) in ("train", "test")}
    with site.house.db.read() as c:
        for _, one in given:
            consent = consents.get(c, labels.get(c, one.label).consent)
            assert (consent.prediction, consent.visitor) == (one.id, one.visitor)
            assert consents.live(c, consent.id) and "train" in consent.purposes


def side(site, one) -> str:
    with site.house.db.read() as c:
        return labels.get(c, one.label).split


def test_v2_the_database_itself_takes_no_row_of_a_visitor_without_a_yes(site):
    bare = {"at": 1, "app": APP, "source": "visitor", "inputs": {"input": 1}, "truth": None, "near": bytes(8)}
    for consent in (None, ids.new_id()):  # none, and one that nobody gave
        with pytest.raises(Conflict):
            row = {**bare, "split": "train", "consent": consent}
            site.house.db.write(lambda c, row=row: labels.add(c, row))


def test_v2_a_photo_without_a_yes_has_no_row_and_no_word_makes_one(site):
    told = ask(site.client, ORIGIN, marked())
    word = {"kind": "correct", "value": "cold"}
    own = {**OWN, "X-Receipt": told["receipt"]}
    assert site.client.post(f"/api/predictions/{told['id']}/feedback", json=word, headers=own).status_code == 201
    for purposes in ("", "train", "everything", "keep everything"):
        let = {**own, "X-Consent": purposes, "Content-Type": "image/jpeg"}
        answer = site.client.put(f"/api/predictions/{told['id']}/input", content=marked(), headers=let)
        assert answer.status_code == 422
    with site.house.db.read() as c:
        assert labels.of_app(c, APP) == [] and list(c.execute(tables.consents.select())) == []


def test_v2_what_was_read_and_when_is_kept_with_the_yes(site):
    site.deps.clock = lambda: 1_790_000_000_123
    one = held(site.house, visit(site.client, ORIGIN, marked()))
    with site.house.db.read() as c:
        consent = consents.for_prediction(c, one.id)
    assert (consent.text_version, consent.at) == (PURPOSE_VERSION, 1_790_000_000_123)
    assert consent.purposes == ["keep", "train"] and not consent.before
    standing = ask(site.client, ORIGIN, marked("cold", 3), **{"X-Consent": "keep, train"})
    with site.house.db.read() as c:
        consent = consents.for_prediction(c, ids.parse(standing["id"]))
    assert consent.before and consent.text_version == PURPOSE_VERSION


@pytest.mark.parametrize("act", ["one photo", "everything"])
def test_v2_one_act_takes_it_out_of_the_next_version(site, act):
    given = give(site, 3)
    before = version_rows(site)
    client, mine = given[0]
    path = mine.path if act == "one photo" else "/api/mine"
    assert client.delete(path, headers=OWN).status_code == 204
    after = version_rows(site)
    gone = {ids.text(one.label) for other, one in given if other is client}
    gone = gone if act == "everything" else {ids.text(mine.label)}
    assert gone <= before and after == before - gone
    assert without_a_yes(site) == 0


def test_v2_deleting_one_photo_leaves_the_yes_for_the_next_ones(site):
    told = visit(site.client, ORIGIN, marked("warm", 1))
    assert site.client.delete(f"/api/predictions/{told['id']}", headers=OWN).status_code == 204
    assert site.client.get("/api/mine").json()["standing"] is True
    assert "Your next photos are kept" in site.client.get("/mine").text, "and one tap ends it"


def test_v2_a_standing_yes_ends_with_one_act_and_no_later_photo_is_kept(site):
    visit(site.client, ORIGIN, marked("warm", 1))
    yes = {"X-Consent": "keep, train"}
    assert ask(site.client, ORIGIN, marked("warm", 2), **yes)["kept"] is True
    assert site.client.delete("/api/mine/consent", headers=OWN).status_code == 204
    assert ask(site.client, ORIGIN, marked("warm", 3), **yes)["kept"] is False
