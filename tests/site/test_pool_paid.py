"""Pictures of seeds where answers are counted, and past the cap: what is there is shown, and no page makes more."""

import asyncio

import pytest

from teahouse.errors import ClosedForToday
from teahouse.site import reconcile
from teahouse.site.pool import Filler, Rules
from teahouse.store import apps, tallies
from teahouse.testing import NAMES, tiny_declaration, whole_house

APP, HTML = NAMES["seed"], {"Accept": "text/html"}
OWN = {"Origin": "http://127.0.0.1:8360"}
FEW = Rules(keep=4, make=1, first=4)
PRICE = {"amount": 200, "currency": "EUR", "predictions": 3}
CLOSED = ClosedForToday("Closed for today.", "", "It opens again at midnight (UTC).", retry_after=60)


@pytest.fixture
def site(tmp_path):
    with whole_house(tmp_path, kind="seed") as site:
        yield site


def sells(site, free=0):
    told = tiny_declaration(kind="seed", free_per_day=free, price=PRICE)
    site.house.db.write(lambda c: apps.declare(c, APP, told["title"], told, "", 5))
    site.client.portal.call(reconcile.once, site.deps)


def fill(site):
    return asyncio.run(Filler(site.deps, FEW).turn())


def seeds(site):
    return [one.seed for one in site.deps.stock.deck(site.release).hand(4, 0.0)]


def costs(site):
    site.deps.costs.keep(site.deps)
    with site.house.db.read() as c:
        return tallies.sums(c, APP, ("work:open", "answers"), 0)


def test_where_answers_are_counted_a_page_shows_what_is_there_and_makes_nothing_new(site):
    fill(site)
    sells(site)
    made, there, before = site.engine.answered, seeds(site)[0], costs(site)
    assert site.client.post(f"/api/apps/{APP}/predictions", json={"input": 100}, headers=OWN).status_code == 402
    assert site.client.get(f"/{APP}/seeds/{there}", headers=HTML).status_code == 200
    for seed in range(100, 110):
        page = site.client.get(f"/{APP}/seeds/{seed}", headers=HTML)
        assert page.status_code == 404 and f"Number {seed} is not drawn yet." in page.text
        assert f'href="/{APP}">Play</a>' in page.text and "data-prediction" not in page.text
    told = site.client.get(f"/{APP}/seeds/100", headers={"Accept": "application/json"})
    assert (told.status_code, told.json()["error"]["code"]) == (404, "not-found")
    assert site.engine.answered == made and costs(site) == before


def test_a_card_of_what_is_not_drawn_is_the_apps_own(site):
    fill(site)
    sells(site)
    made, there = site.engine.answered, seeds(site)[0]
    own, of_seed, none = (site.client.get(f"/{APP}{path}/card.png") for path in ("", f"/seeds/{there}", "/seeds/100"))
    assert own.status_code == of_seed.status_code == none.status_code == 200
    assert none.content == own.content != of_seed.content and site.engine.answered == made


def test_an_empty_pool_makes_nothing_for_a_page_of_an_app_that_counts(site):
    sells(site)
    for path in ("/", f"/{APP}", f"/{APP}/embed"):
        page = site.client.get(path, headers=HTML)
        assert page.status_code == 200 and "data-prediction" not in page.text
    assert site.client.get(f"/{APP}/card.png").status_code == 200 and site.engine.answered == 0


def test_who_was_given_a_picture_sees_it_again_under_its_own_address(site):
    sells(site, free=2)
    path = f"/{APP}/seeds/7"
    assert site.client.post(f"/api/apps/{APP}/predictions", json={"input": 7}, headers=OWN).status_code == 201
    assert site.visitor().get(path, headers=HTML).status_code == 404
    assert site.client.get(path, headers=HTML).status_code == 200
    assert site.client.get(f"/{APP}/seeds/8", headers=HTML).status_code == 404
    assert site.visitor().get(path, headers=HTML).status_code == 200, "it is in memory now, and nobody's"


def test_what_is_made_for_a_page_or_ahead_of_it_is_counted_among_the_costs(site):
    site.client.get(f"/{APP}/seeds/7", headers=HTML)
    first = costs(site)
    assert first["work:open"][1] > 0 and "answers" not in first
    site.client.get(f"/{APP}/seeds/7", headers=HTML)
    assert costs(site) == first, "the second time it is there"
    fill(site)
    assert costs(site)["work:open"][1] > first["work:open"][1]


def test_past_the_cap_no_page_makes_a_picture_and_those_that_are_there_are_shown(site):
    site.deps.cap.closed = CLOSED
    page = site.client.get("/", headers=HTML)
    assert page.status_code == 200 and "data-prediction" not in page.text
    closed = site.client.get(f"/{APP}/seeds/7", headers=HTML)
    assert closed.status_code == 503 and "Closed for today." in closed.text and closed.headers["retry-after"] == "60"
    assert site.client.get(f"/{APP}/seeds/7/card.png").status_code == 200
    assert not fill(site) and site.engine.answered == 0
    site.deps.cap.closed = None
    fill(site)
    site.deps.cap.closed, site.deps.stock._decks = CLOSED, {}
    assert not fill(site), "but what lies on the disk is opened"
    assert site.client.get(f"/{APP}/seeds/{seeds(site)[0]}", headers=HTML).status_code == 200
    assert "data-prediction" in site.client.get("/", headers=HTML).text


def test_who_compares_draws_nothing_new_for_free(site):
    fill(site)
    sells(site)
    first = site.client.get(f"/api/apps/{APP}/pool").json()["items"][0]
    site.deps.stock.deck(site.release).take([one.prediction for one in site.deps.stock.deck(site.release).hand(4, 0.0)])
    made = site.engine.answered
    told = site.client.post(f"/api/apps/{APP}/predictions", json={}, headers={**OWN, "X-Beside": first["id"]})
    assert told.status_code in (402, 404) and site.engine.answered == made, told.text
