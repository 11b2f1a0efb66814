"""Love or meh, and which of two is liked better: who may say so, of what, and what is written down."""

import asyncio
import base64

import pytest

from teahouse import ids
from teahouse.site import reconcile, stock, visitors
from teahouse.site.pool import Filler, Rules
from teahouse.store import apps, consents, feedback, labels, predictions, tables, tallies
from teahouse.store import pool as in_pool
from teahouse.testing import NAMES, drew, install_tiny, photo, tiny_declaration, whole_house

OWN = {"Origin": "http://127.0.0.1:8360", "Sec-Fetch-Site": "same-origin"}
RULES = Rules(keep=4, make=1, first=4)


def challenge(site):
    """Another release, which waits in the shadow for choices; its id."""
    release = install_tiny(site.house, note="two", state="shadow", kind=site.kind)
    asyncio.run(reconcile.once(site.deps))
    return release


def fill(site):
    filler = Filler(site.deps, RULES)

    async def turns():
        while await filler.turn():
            pass

    asyncio.run(turns())


def row_of(site, answer):
    with site.house.db.read() as c:
        return predictions.get(c, ids.parse(answer["id"]))


def receipt(answer):
    return {"X-Receipt": answer["receipt"]}


def beside(site, first, seed=0, **headers):
    """Another picture beside the first one."""
    return site.ask(seed=seed, **{"X-Beside": first["id"], **receipt(first), **headers})


def rate(site, answer, value, **headers):
    address = f"/api/predictions/{answer['id']}/feedback"
    return site.client.post(address, json={"kind": "rate", "value": value}, headers=headers)


def choose(client, winner, loser, **headers):
    given = {"X-Receipt": winner["receipt"], "X-Other-Receipt": loser["receipt"], **headers}
    pair = winner.get("pair") or loser.get("pair") or ""
    said = {"kind": "choose", "value": True, "other": loser["id"], "pair": pair}
    return client.post(f"/api/predictions/{winner['id']}/feedback", json=said, headers=given)


def pooled(site, app=None):
    return site.client.get(f"/api/apps/{app or site.name}/pool").json()["items"]


def test_love_and_meh_are_words_on_a_picture(mirror):
    answer = mirror.ask().json()
    said = rate(mirror, answer, "love", **receipt(answer))
    assert said.status_code == 201 and said.json()["ask_consent"] is True
    with mirror.house.db.read() as c:
        assert [(word.kind, word.value) for word in feedback.of_prediction(c, ids.parse(answer["id"]))] == [
            ("rate", "love")
        ]
        assert [(t.what, t.n, t.total) for t in tallies.read(c, mirror.name, 0) if t.what == "rate"] == [
            ("rate", 1, 1.0)
        ]
    assert rate(mirror, answer, "love").status_code == 404


@pytest.mark.parametrize("value", ["like", True, 1, "", {"label": "love"}])
def test_other_words_on_a_picture_are_refused(mirror, value):
    answer = mirror.ask().json()
    assert rate(mirror, answer, value, **receipt(answer)).status_code == 422


@pytest.mark.parametrize("kind", ["agree", "correct"])
def test_a_picture_is_neither_right_nor_wrong(mirror, kind):
    answer = mirror.ask().json()
    address = f"/api/predictions/{answer['id']}/feedback"
    assert mirror.client.post(address, json={"kind": kind, "value": True}, headers=receipt(answer)).status_code == 422


def test_a_label_is_not_loved(tmp_path):
    with whole_house(tmp_path) as site:
        answer = site.ask().json()
        assert rate(site, answer, "love", **receipt(answer)).status_code == 422


def test_the_challenger_answers_beside_the_champion_and_a_choice_names_both(mirror):
    assert "choose" not in {one["kind"] for one in mirror.ask().json()["feedback"]}
    release = challenge(mirror)
    first = mirror.ask("warm", 1).json()
    assert {"kind": "choose", "values": [True], "between": "releases"} in first["feedback"]
    second = beside(mirror, first, 1)
    assert second.status_code == 201, second.text
    one, other = row_of(mirror, first), row_of(mirror, second.json())
    assert (other.release, other.arm, other.shadow_of) == (release, "shadow", one.id)
    assert (other.visitor, other.given) == (one.visitor, one.given)
    said = choose(mirror.client, second.json(), first)
    assert said.status_code == 201 and said.json()["ask_consent"] is False
    assert choose(mirror.client, second.json(), first).json()["id"] == said.json()["id"]
    with mirror.house.db.read() as c:
        (found,) = feedback.choices(c, mirror.name, mirror.release, release)
    assert found[:3] == (release, mirror.release, one.visitor)
    assert choose(mirror.client, first, second.json()).status_code == 201
    with mirror.house.db.read() as c:
        (found,) = feedback.choices(c, mirror.name, mirror.release, release)
    assert found.winner == mirror.release, "who changes their mind is still one visitor"


def test_the_challengers_picture_costs_nothing_the_first_time(mirror):
    challenge(mirror)
    told = tiny_declaration(kind="picture", free_per_day=3)
    mirror.house.db.write(lambda c: apps.declare(c, mirror.name, told["title"], told, "", 5))
    asyncio.run(reconcile.once(mirror.deps))
    first = mirror.ask(**OWN).json()
    assert first["left"]["free"] == 2
    assert "left" not in beside(mirror, first, **OWN).json()
    assert beside(mirror, first, **OWN).json()["left"]["free"] == 1
    assert mirror.ask(seed=2, **OWN).json()["left"]["free"] == 0
    assert beside(mirror, first, **OWN).status_code == 402


def test_the_lot_of_the_first_picture_is_that_of_the_one_beside_it(mirror, monkeypatch):
    challenge(mirror)
    monkeypatch.setattr(visitors, "is_held", lambda *_: True)
    first = mirror.ask("warm", 1).json()
    monkeypatch.setattr(visitors, "is_held", lambda *_: False)
    assert row_of(mirror, beside(mirror, first, 1).json()).held


def test_who_erases_a_picture_erases_the_one_beside_it_and_its_page(mirror):
    challenge(mirror)
    first = mirror.ask("warm", 1).json()
    second = beside(mirror, first, 1).json()
    address = f"/api/predictions/{second['id']}"
    made = base64.b64decode(second["output"]["picture"].partition(",")[2])
    files = {"picture": ("a.png", made, "image/png")}
    shown = mirror.client.post(f"{address}/share", files=files, headers=receipt(second) | {"X-Consent": "show"})
    keeping = receipt(second) | {"X-Consent": "keep, train", "Content-Type": "image/jpeg"}
    assert mirror.client.put(f"{address}/input", content=photo("warm", 1), headers=keeping).status_code == 201
    assert choose(mirror.client, second, first).status_code == 201
    page = f"/shared/{shown.json()['token']}"
    assert mirror.client.get(page).status_code == 200
    gone = mirror.client.delete(f"/api/predictions/{first['id']}", headers=receipt(first))
    assert gone.status_code == 204 and mirror.client.get(page).status_code == 404
    assert mirror.house.blobs.digests() == []
    with mirror.house.db.read() as c:
        id_ = ids.parse(second["id"])
        assert labels.of_prediction(c, id_) is None and consents.for_prediction(c, id_) is None
        assert {word.visitor for word in feedback.of_prediction(c, id_)} == {None}


def test_another_photo_can_not_stand_beside(mirror):
    challenge(mirror)
    first = mirror.ask("warm", 1).json()
    assert beside(mirror, first, 2).status_code == 409


def test_nothing_stands_beside_where_nothing_waits(mirror):
    first = mirror.ask("warm", 1).json()
    answered = beside(mirror, first, 1)
    assert answered.status_code == 409 and answered.json()["error"]["code"] == "nothing-to-do"


def test_a_stranger_gets_nothing_beside_and_chooses_nothing(mirror):
    challenge(mirror)
    first = mirror.ask("warm", 1).json()
    second = beside(mirror, first, 1).json()
    assert mirror.ask("warm", 1, **{"X-Beside": first["id"]}).status_code == 404
    assert mirror.ask("warm", 1, **{"X-Beside": ids.text(ids.new_id())}).status_code == 404
    assert mirror.ask("warm", 1, **{"X-Beside": "nonsense"}).status_code == 404
    assert choose(mirror.client, second, first, **{"X-Other-Receipt": second["receipt"]}).status_code == 404
    assert choose(mirror.client, second, first, **{"X-Receipt": first["receipt"]}).status_code == 404


def test_the_cookie_opens_both_and_a_receipt_earns_none(mirror):
    challenge(mirror)
    first = mirror.ask("warm", 1, **OWN).json()
    second = mirror.ask("warm", 1, **{"X-Beside": first["id"], **OWN})
    assert second.status_code == 201
    assert (
        choose(mirror.client, second.json(), first, **OWN, **{"X-Receipt": "", "X-Other-Receipt": ""}).status_code
        == 201
    )
    stranger = mirror.visitor()
    given = {"X-Beside": first["id"], **receipt(first), **OWN, "Content-Type": "image/jpeg"}
    path = f"/api/apps/{mirror.name}/predictions"
    answered = stranger.post(path, content=photo("warm", 1), headers=given)
    assert answered.status_code == 201 and "set-cookie" not in answered.headers
    assert row_of(mirror, answered.json()).visitor == row_of(mirror, first).visitor


def test_who_forgets_a_picture_forgets_the_one_beside_it(mirror):
    challenge(mirror)
    first = mirror.ask("warm", 1).json()
    second = beside(mirror, first, 1).json()
    assert mirror.client.delete(f"/api/predictions/{first['id']}", headers=receipt(first)).status_code == 204
    assert row_of(mirror, second).output is None
    assert choose(mirror.client, second, first).status_code == 404


def test_two_that_were_not_side_by_side_are_not_compared(mirror):
    challenge(mirror)
    one, other = mirror.ask("warm", 1).json(), mirror.ask("warm", 2).json()
    assert choose(mirror.client, one, other).status_code == 422
    assert choose(mirror.client, one, one).status_code == 422
    said = {"kind": "choose", "value": True}
    address = f"/api/predictions/{one['id']}/feedback"
    assert mirror.client.post(address, json=said, headers=receipt(one)).status_code == 422


@pytest.mark.parametrize("whose", ["the pool's", "of two releases", "one's own", "one's own and the pool's"])
def test_nobody_makes_up_a_pair_of_seeds(colour, whose):
    releases = (colour.release, challenge(colour))
    fill(colour)
    with colour.house.db.read() as c:
        rows = [row for release in releases for row in in_pool.of_release(c, release)]
    first, second, *_, others = ({"id": ids.text(row.prediction), "receipt": ""} for row in rows)
    mine = [colour.ask(seed=seed).json() for seed in (1, 2)]
    one, other = {
        "the pool's": (first, second),
        "of two releases": (others, first),
        "one's own": mine,
        "one's own and the pool's": (mine[0], others),
    }[whose]
    for winner, loser in ((one, other), (other, one)):
        refused = choose(colour.client, winner, loser, **OWN)
        assert refused.status_code == 422 and refused.json()["error"]["code"] == "input-refused", refused.text
    with colour.house.db.read() as c:
        assert c.execute(tables.feedback.select()).first() is None


def test_a_pair_can_be_chosen_from_either_way_round_also_after_a_restart_and_on_another_network(colour):
    fill(colour)
    one, *_ = pooled(colour)
    other = colour.ask(seed=1, **{"X-Beside": one["id"]}).json()
    one["receipt"] = ""
    colour.deps.stock = stock.Stock()
    Filler(colour.deps, Rules(keep=6, make=1, first=6, round=6))
    assert choose(colour.client, other, one, **OWN).status_code == 201
    assert choose(colour.visitor("10.0.0.7"), one, other, **OWN).status_code == 201
    made_up = {**other, "pair": "0" * 64}
    assert choose(colour.client, made_up, one, **OWN).status_code == 422


def test_who_asks_again_under_the_same_key_gets_the_pair_of_the_first_answer(colour):
    mine, key = colour.ask(seed=1).json(), {"Idempotency-Key": "other"}
    again = [beside(colour, mine, 1, **key).json() for _ in range(2)]
    assert again[0]["id"] == again[1]["id"] and again[0]["pair"] == again[1]["pair"]
    assert choose(colour.client, again[1], mine, **OWN).status_code == 201


def test_another_seed_stands_beside_ones_own_where_nothing_waits(colour):
    first = colour.ask(seed=None).json()
    second = beside(colour, first, first["seed"])
    assert second.status_code == 201, second.text
    assert second.json()["seed"] != first["seed"] and second.json()["release"] == first["release"]
    assert row_of(colour, second.json()).seed == second.json()["seed"]
    assert choose(colour.client, first, second.json()).status_code == 201
    assert beside(colour, first, None).status_code == 201, "the seed that was drawn need not be sent"
    key = {"Idempotency-Key": "k", **OWN}
    mine = colour.ask(seed=1, **OWN).json()
    again = [colour.ask(seed=1, **{"X-Beside": mine["id"], **key}).json()["seed"] for _ in range(2)]
    assert again[0] == again[1] != 1


def test_the_same_seed_stands_beside_ones_own_where_a_challenger_waits(colour):
    release = challenge(colour)
    first = colour.ask(seed=5).json()
    second = beside(colour, first, 5).json()
    assert (second["seed"], row_of(colour, second).release) == (5, release)


def test_a_pooled_picture_takes_anyones_word_once(colour):
    fill(colour)
    (one, *_), (ada, bea) = pooled(colour), (colour.visitor(), colour.visitor())
    address = f"/api/predictions/{one['id']}/feedback"
    said = {"kind": "rate", "value": "love"}
    first = ada.post(address, json=said, headers=OWN)
    assert first.status_code == 201 and "set-cookie" in first.headers and first.json()["ask_consent"] is False
    again = ada.post(address, json=said, headers=OWN)
    assert again.json()["id"] == first.json()["id"] and "set-cookie" not in again.headers
    key = {"Idempotency-Key": "1"}
    assert bea.post(address, json=said, headers={**OWN, **key}).json()["id"] != first.json()["id"]
    assert colour.visitor().post(address, json=said, headers=key).status_code == 201, "any program may say a word"
    with colour.house.db.read() as c:
        found = feedback.rates(c, colour.name)
        assert [(rate.seed, rate.value) for rate in found] == [(one["seed"], "love")] * 3
        assert len({rate.visitor for rate in found}) == 3 and len({rate.network for rate in found} - {None}) == 1
        assert [t.n for t in tallies.read(c, colour.name, 0) if (t.what, t.arm) == ("rate", "pool")] == [3]


def test_beside_a_pooled_picture_stands_another_of_the_pool(colour):
    fill(colour)
    (one, *_) = pooled(colour)
    answered = colour.engine.answered
    second = colour.ask(seed=one["seed"], **{"X-Beside": one["id"]})
    assert second.status_code == 201 and colour.engine.answered == answered
    other = second.json()
    assert other["id"] != one["id"] and other["seed"] != one["seed"] and row_of(colour, other).arm == "pool"
    raw = colour.ask(seed=1, **{"X-Beside": one["id"], "Accept": "image/*"})
    assert drew(raw.content, int(raw.headers["x-seed"])) and len(raw.headers["x-pair"]) == 64
    said = {"kind": "choose", "value": True, "other": one["id"], "pair": other["pair"]}
    assert colour.client.post(f"/api/predictions/{other['id']}/feedback", json=said, headers=OWN).status_code == 201


def test_beside_a_pooled_picture_stands_one_of_the_challengers_pool(colour):
    release = challenge(colour)
    fill(colour)
    (one, *_) = pooled(colour)
    other = colour.ask(seed=one["seed"], **{"X-Beside": one["id"]}).json()
    assert row_of(colour, other).release == release and row_of(colour, other).arm == "pool"
    said = {"kind": "choose", "value": True, "other": one["id"], "pair": other["pair"]}
    assert colour.client.post(f"/api/predictions/{other['id']}/feedback", json=said, headers=OWN).status_code == 201
    with colour.house.db.read() as c:
        (found,) = feedback.choices(c, colour.name, colour.release, release)
    assert (found.winner, found.loser) == (release, colour.release) and found.network is not None


def test_an_empty_pool_makes_the_other_one_now(colour):
    fill(colour)
    (one, *_) = pooled(colour)
    release = challenge(colour)
    other = colour.ask(seed=one["seed"], **{"X-Beside": one["id"]}).json()
    assert row_of(colour, other).release == release and other["output"]["picture"].startswith("data:image/png")


def test_another_apps_picture_does_not_stand_beside(colour):
    install_tiny(colour.house, kind="picture")
    asyncio.run(reconcile.once(colour.deps))
    fill(colour)
    (one, *_) = pooled(colour)
    path = f"/api/apps/{NAMES['picture']}/predictions"
    assert colour.client.post(path, content=photo(), headers={"X-Beside": one["id"]}).status_code == 409


def test_a_browser_elsewhere_may_send_what_compares(colour):
    path = f"/api/apps/{colour.name}/predictions"
    asks = {"Origin": "https://other.test", "Access-Control-Request-Method": "POST"}
    told = colour.client.options(path, headers=asks)
    assert {"X-Beside", "X-Receipt"} <= set(told.headers["access-control-allow-headers"].split(", "))


def test_what_was_said_stays_with_who_said_it(colour):
    fill(colour)
    (one, *_) = pooled(colour)
    ada = colour.visitor()
    assert (
        ada.post(
            f"/api/predictions/{one['id']}/feedback", json={"kind": "rate", "value": "meh"}, headers=OWN
        ).status_code
        == 201
    )
    assert ada.delete("/api/mine", headers=OWN).status_code == 204
    with colour.house.db.read() as c:
        assert [(row.value, row.visitor, row.network) for row in c.execute(tables.feedback.select())] == [
            (None, None, None)
        ]
