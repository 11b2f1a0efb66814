"""Free ones of today, credits of a pass, and what happens past them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from teahouse import ids
from teahouse import settings as page
from teahouse.payments.till import TillEvent
from teahouse.site import account, paying, reconcile, till
from teahouse.store import apps, ledger, passes, quotas, till_events
from teahouse.testing import APP, photo, tiny_declaration, whole_house

PATH = f"/api/apps/{APP}/predictions"
OWN = {"Origin": "http://127.0.0.1:8360"}
PRICE = {"amount": 200, "currency": "EUR", "predictions": 3}


@pytest.fixture
def shop(tmp_path):
    with whole_house(tmp_path, page.Settings(project=tmp_path)) as site:
        sells(site)
        yield site


def sells(site, **changes):
    told = tiny_declaration(**{"free_per_day": 2, "price": PRICE, **changes})
    site.house.db.write(lambda c: apps.declare(c, APP, told["title"], told, "", 5))
    site.client.portal.call(reconcile.once, site.deps)


def play(client, seed, **headers):
    return client.post(PATH, content=photo(seed=seed), headers={**OWN, **headers})


def real(site):
    """The till takes real money, as far as the house can tell."""
    site.deps.till.live = True


def pay(site):
    """An order of real money, paid."""
    order = site.client.post("/api/checkouts", json={"app": APP}, headers=OWN).json()["order"]
    event = TillEvent(f"evt-{order}", "paid", 9, order, f"pi-{order}", PRICE["amount"], PRICE["currency"])
    assert till.take(site.deps, [event]) == (1, 0)
    return order


def buy(client, outcome="pay"):
    made = client.post("/api/checkouts", json={"app": APP}, headers=OWN)
    assert made.status_code == 201, made.text
    order = made.json()["order"]
    assert made.json()["url"] == f"/pay/{order}"
    assert client.post(f"/api/play-money/{order}", json={"outcome": outcome}, headers=OWN).status_code == 200
    return order


def test_a_visitor_plays_free_meets_the_limit_buys_plays_on_and_restores_elsewhere(shop):
    one = shop.client
    assert [play(one, seed).json()["left"] for seed in range(2)] == [
        {"free": 1, "credits": 0}, {"free": 0, "credits": 0}
    ]  # fmt: skip
    told = play(one, 2)
    assert told.status_code == 402 and told.json()["error"]["code"] == "no-credit"
    assert told.json()["error"]["buy"] == f"/pass?app={APP}" and "2.00 EUR" in told.json()["error"]["why"]
    assert int(told.headers["retry-after"]) <= 86_401
    buy(one)
    (mine,) = one.get("/api/passes").json()["passes"]
    assert (mine["credits"], mine["orders"][0]["state"]) == (3, "paid")
    assert [play(one, seed).json()["left"]["credits"] for seed in (2, 3)] == [2, 1]
    other = shop.visitor("198.51.100.7")
    assert other.post("/api/passes", json={"code": "AAAAA-AAAAA-AAAAA-AAAAA"}, headers=OWN).status_code == 404
    assert other.post("/api/passes", json={"code": mine["code"].lower()}, headers=OWN).json()["credits"] == 1
    for seed in (4, 5):  # today's free ones of another visitor come first; their page has a key, and no cookie yet
        key = {"Idempotency-Key": f"the-key-of-{seed}-here"}
        assert play(other, seed, **key).json()["left"] == {"free": 5 - seed, "credits": 1}
    assert play(other, 6).json()["left"] == {"free": 0, "credits": 0}
    assert play(other, 7).status_code == play(one, 8).status_code == 402
    with shop.house.db.read() as c:
        the_pass = passes.by_code(c, mine["code"], False)
        assert len(ledger.checked(c, the_pass.id)) == 5 and not list(ledger.faults(c))


def test_a_pass_can_be_left_on_this_device_and_none_of_what_is_no_app(shop):
    buy(shop.client)
    assert shop.client.delete("/api/passes/null%2Cnull", headers=OWN).status_code == 404
    assert shop.client.delete(f"/api/passes/{APP}", headers=OWN).status_code == 204
    assert shop.client.get("/api/passes").json()["passes"] == []


def test_m7_what_the_browser_says_of_the_price_is_ignored_and_a_page_of_thanks_gives_nothing(shop):
    made = shop.client.post(
        "/api/checkouts", headers=OWN,
        json={"app": APP, "amount": 1, "currency": "XXX", "predictions": 10**6, "price": "price_free"},
    ).json()  # fmt: skip
    assert shop.client.get(f"/pass?paid={made['order']}").status_code == 200
    (mine,) = shop.client.get("/api/passes").json()["passes"]
    assert mine["credits"] == 0 and (mine["orders"][0]["amount"], mine["orders"][0]["predictions"]) == (200, 3)


@pytest.mark.parametrize(("outcome", "state"), [("decline", "failed"), ("later", "pending"), ("expire", "expired")])
def test_what_is_not_paid_gives_nothing(shop, outcome, state):
    buy(shop.client, outcome)
    (mine,) = shop.client.get("/api/passes").json()["passes"]
    assert mine["credits"] == 0 and mine["orders"][0]["state"] == state


def test_a_repeat_under_its_key_costs_nothing_more_even_where_nothing_is_left(shop):
    play(shop.client, 0)
    key = {"Idempotency-Key": "the-key-of-this-one"}
    first, worked = play(shop.client, 1, **key), shop.engine.answered
    again = play(shop.client, 1, **key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"] and first.json()["output"] == again.json()["output"]
    assert [play(shop.client, seed, **key).status_code for seed in (2, 3)] == [409, 409]
    assert shop.engine.answered == worked, "nothing was worked out for what is known"
    assert play(shop.client, 2, **{"Idempotency-Key": "another-key-altogether"}).status_code == 402


def test_the_makers_samples_cost_a_visitor_none_of_their_answers(shop):
    live = shop.deps.serving.app(APP).champion
    (path,) = {one["file"] for one in live.manifest.examples[:1]}
    sample = (shop.house.releases / live.release / path).read_bytes()
    for _ in range(3):
        told = shop.client.post(PATH, content=sample, headers=OWN)
        assert told.status_code == 201 and "left" not in told.json()
    assert [play(shop.client, seed).json()["left"]["free"] for seed in range(2)] == [1, 0]
    buy(shop.client)
    assert "left" not in shop.client.post(PATH, content=sample, headers=OWN).json()
    assert shop.client.post(PATH, content=sample + b"of my own", headers=OWN).json()["left"]["credits"] == 2


def test_nobody_pays_twice_because_a_bank_is_slow(shop):
    order = buy(shop.client, "later")
    second = shop.client.post("/api/checkouts", json={"app": APP}, headers=OWN)
    assert second.status_code == 409 and second.json()["error"]["what"] == "A payment of yours is under way."
    page = shop.client.get(f"/pass?app={APP}").text
    assert f'href="/pay/{order}"' in page and "data-buy" not in page and order[-12:] in page
    assert shop.client.post(f"/api/play-money/{order}", json={"outcome": "decline"}, headers=OWN).status_code == 200
    buy(shop.client)


def test_who_presses_again_comes_back_to_the_same_page_of_the_till(shop, monkeypatch):
    """And a page takes one payment: nobody pays twice because a webhook was lost."""

    def press():
        return shop.client.post("/api/checkouts", json={"app": APP}, headers=OWN)

    first, second = press().json(), press().json()
    assert first == second
    sells(shop, price={**PRICE, "amount": 300})
    dearer = press().json()["order"]
    assert dearer != first["order"], "the price is the one of now"
    now = shop.deps.clock()
    monkeypatch.setattr(shop.deps, "clock", lambda: now + account.OPEN_MS + 1)
    assert press().json()["order"] not in (first["order"], dearer), "its page closes soon"
    monkeypatch.setattr(account, "A_DAY", 4)
    assert press().status_code == 429, "each press is a call of the till's"


def test_who_has_just_paid_and_presses_on_an_old_page_hears_it(shop):
    order = buy(shop.client)
    again = shop.client.post("/api/checkouts", json={"app": APP}, headers=OWN)
    assert again.status_code == 409 and again.json()["error"]["what"] == "You have paid already."
    assert f"{PRICE['predictions']} answers are on your pass." in again.json()["error"]["why"]
    for seed in range(3):
        play(shop.client, seed)
    assert buy(shop.client) != order, "who uses them may buy more at once"


def test_an_address_that_names_no_app_makes_no_row_of_costs(shop):
    for name in ("nothing-there", "x" * 900):
        shop.client.post(f"/api/apps/{name}/predictions", content=b"1")
    assert {app for app, _ in shop.deps.costs.totals} <= {"", APP}


def test_a_program_is_told_what_an_app_costs_before_it_asks(shop):
    told = shop.client.get(f"/api/apps/{APP}").json()
    assert told["free_per_day"] == 2 and told["price"] == PRICE


def test_a_program_whose_last_answer_was_lost_on_its_way_gets_it_again(shop):
    buy(shop.client)
    code = shop.client.get("/api/passes").json()["passes"][0]["code"]
    sells(shop, free_per_day=0)
    program = {"Idempotency-Key": "a-key-of-a-program-1", "X-Pass": code}

    def ask(seed, **headers):
        return shop.visitor("203.0.113.9").post(PATH, content=photo(seed=seed), headers={**program, **headers})

    first = ask(0)
    for seed in (1, 2):
        assert ask(seed, **{"Idempotency-Key": f"another-key-{seed}-of-it"}).status_code == 201
    assert first.json()["left"] == {"free": 0, "credits": 2}
    assert ask(0).json()["id"] == first.json()["id"]
    assert ask(3, **{"Idempotency-Key": "a-key-that-is-quite-new"}).status_code == 402


def test_an_answer_that_does_not_come_costs_nothing(shop, monkeypatch):
    play(shop.client, 0), play(shop.client, 1), buy(shop.client)
    real = shop.engine.predict

    async def breaks(*_):
        raise OSError("a worker crashed")

    monkeypatch.setattr(shop.engine, "predict", breaks)
    shop.client.raise_server_exceptions = False
    try:
        play(shop.client, 2)
    except OSError:
        pass
    monkeypatch.setattr(shop.engine, "predict", real)
    assert not shop.deps.purses.reserved
    assert shop.client.get("/api/passes").json()["passes"][0]["credits"] == 3
    assert play(shop.client, 3).json()["left"]["credits"] == 2


def test_a_network_has_fifty_visitors_free_ones_and_a_program_counts_for_its_network(shop):
    program = shop.visitor("203.0.113.9")
    left = {program.post(PATH, content=photo(seed=seed)).json()["left"]["free"] for seed in range(3)}
    assert left == {99, 98, 97}


def test_past_the_cap_free_play_is_closed_for_today_and_who_paid_plays_on(tmp_path):
    money = {"day_hours": 1e-9, "hour_costs": 0.1}
    with whole_house(tmp_path, page.Settings(project=tmp_path, money=money)) as site:
        sells(site)
        real(site)
        pay(site)
        assert play(site.client, 0).status_code == 201
        site.deps.cap.see(site.deps)
        assert [limit.share > 1 for limit in site.deps.cap.limits] == [True]
        assert play(site.client, 1).json()["left"]["credits"] == 2
        closed = play(site.visitor("198.51.100.7"), 2)
        assert closed.status_code == 503 and closed.json()["error"]["code"] == "closed-for-today"
        assert 1 <= int(closed.headers["retry-after"]) <= 86_400
        assert site.visitor().post("/api/checkouts", json={"app": APP}, headers=OWN).status_code == 503


def test_the_till_is_asked_as_long_as_a_buyer_looks_whether_their_payment_came_and_for_three_hours(shop):
    def asked(client):
        shop.deps.till_awaited = False
        client.get("/api/passes")
        return shop.deps.till_awaited

    assert not asked(shop.client)
    shop.client.post("/api/checkouts", json={"app": APP}, headers=OWN)
    assert asked(shop.client) and asked(shop.client) and not asked(shop.visitor())
    shop.deps.clock = lambda: ids.now_ms() + account.OPEN_MS + 700_000
    assert asked(shop.client), "they may have paid in the last moment of the page"
    shop.deps.clock = lambda: ids.now_ms() + account.LOOK_MS + 1
    assert not asked(shop.client), "who went away three hours ago does not wait"
    order = buy(shop.client, "later")
    assert asked(shop.client)
    till.tell_play(shop.deps, order, "paid")
    assert not asked(shop.client)


class OtherTill:
    """A till elsewhere, which keeps what it was asked."""

    name, live = "other", False

    def checkout(self, order):
        self.order = order
        return "https://till.example/"


@pytest.mark.parametrize(
    ("site", "host", "back"),
    [
        ({"host": "0.0.0.0", "port": 0}, "192.168.1.7:49152", "http://192.168.1.7:49152"),
        ({"url": "https://tea.example"}, "tea.example", "https://tea.example"),
    ],
)
def test_who_comes_back_from_the_till_comes_where_they_were_and_to_the_app_they_bought(tmp_path, site, host, back):
    with whole_house(tmp_path, page.Settings(project=tmp_path, site=site)) as shop:
        sells(shop)
        shop.deps._till = OtherTill()
        came = {"Host": host, "Origin": back}
        made = shop.client.post("/api/checkouts", json={"app": APP}, headers=came)
        assert (made.status_code, made.json()["url"]) == (201, "https://till.example/")
        assert shop.deps.till.order.back_url == f"{back}/pass?app={APP}"


def test_an_app_without_a_price_is_free_without_an_end_and_says_nothing_of_it(site):
    assert all("left" not in play(site.client, seed).json() for seed in range(4))
    assert site.client.post("/api/checkouts", json={"app": APP}, headers=OWN).status_code == 404


def test_the_test_till_serves_its_own_house_alone_and_each_order_once(shop):
    assert shop.client.post("/api/play-money/order-none", json={"outcome": "pay"}, headers=OWN).status_code == 404
    assert shop.client.post("/api/till/test", content=b"{}").status_code == 404
    order = buy(shop.client, "later")
    assert shop.client.post(f"/api/play-money/{order}", json={"outcome": "pay"}, headers=OWN).status_code == 200
    assert shop.client.post(f"/api/play-money/{order}", json={"outcome": "pay"}, headers=OWN).status_code == 409


def test_past_the_cap_play_money_buys_nothing_and_is_never_served_first(tmp_path):
    with whole_house(tmp_path, page.Settings(project=tmp_path, money={"day_hours": 1e-9})) as site:
        sells(site, free_per_day=0)
        buy(site.client)
        lanes, predict = [], site.engine.predict

        async def seen(release, given, until, lane):
            lanes.append(lane)
            return await predict(release, given, until, lane)

        site.engine.predict = seen
        assert play(site.client, 0).status_code == 201 and lanes == ["free"]
        site.deps.cap.see(site.deps)
        assert play(site.client, 1).status_code == 503


def test_who_holds_a_pass_is_never_told_to_come_back_tomorrow_and_free_ones_are_not_served_first(shop, monkeypatch):
    real(shop)
    pay(shop)
    play(shop.client, 0)
    fare, lanes, predict = paying.fare_of, [], shop.engine.predict

    async def seen(release, given, until, lane):
        lanes.append(lane)
        return await predict(release, given, until, lane)

    def just_before(deps, shown, whose, code, key, paid=False):
        told = fare(deps, shown, whose, code, key, paid)
        if told.kind == "free":  # another of theirs takes the last free one meanwhile
            deps.house.db.write(lambda c: quotas.take_of(c, told.quotas[0]))
        return told

    monkeypatch.setattr(shop.engine, "predict", seen)
    monkeypatch.setattr(paying, "fare_of", just_before)
    assert play(shop.client, 1).json()["left"] == {"free": 0, "credits": 2}
    assert play(shop.client, 2).json()["left"] == {"free": 0, "credits": 1}
    assert len(lanes) == 2 and lanes[0] != "paid" and lanes[1] == "paid"


def test_who_has_one_left_has_one_worked_out_at_a_time(shop):
    play(shop.client, 0)
    shop.engine.hold_s = 0.3
    with ThreadPoolExecutor(4) as many:
        told = [one.status_code for one in many.map(lambda seed: play(shop.client, seed), range(1, 5))]
    assert sorted(told) == [201, 402, 402, 402] and shop.engine.answered == 2


def test_a_payment_that_was_not_told_is_found_though_later_ones_were(shop, monkeypatch):
    real(shop)
    day = 86_400_000
    at = [100 * day]
    shop.deps.clock = lambda: at[0]
    orders = []
    for _ in range(2):
        at[0] += account.OPEN_MS
        orders.append(shop.client.post("/api/checkouts", json={"app": APP}, headers=OWN).json()["order"])
    told = [
        TillEvent(f"evt-{order}", "paid", 100 * day + n * 4 * day, order, f"pi-{order}", PRICE["amount"], "EUR")
        for n, order in enumerate(orders)
    ]
    monkeypatch.setattr(shop.deps.till, "since", lambda since: [one for one in told if one.at >= since])
    at[0] = 104 * day
    till.take(shop.deps, told[1:])  # its webhook came through before the first look
    assert till.reconcile(shop.deps) == 1 and till.reconcile(shop.deps) == 0
    assert shop.client.get("/api/passes").json()["passes"][0]["credits"] == 6
    with shop.house.db.read() as c:
        assert till_events.looked_at(c) == 104 * day


def test_what_play_money_bought_is_worth_nothing_at_a_till_of_real_money(shop):
    buy(shop.client)
    sells(shop, free_per_day=0)
    assert play(shop.client, 0).status_code == 201
    real(shop)
    assert play(shop.client, 1).status_code == 402 and shop.client.get("/api/passes").json()["passes"] == []


def test_samples_are_bounded_and_a_lost_one_breaks_nothing(shop, monkeypatch):
    live = shop.deps.serving.app(APP).champion
    folder = shop.house.releases / live.release
    first, second = (folder / one["file"] for one in live.manifest.examples[:2])
    sample = first.read_bytes()
    second.rename(second.with_suffix(".gone"))
    monkeypatch.setattr(paying, "SAMPLES", 2)
    told = [shop.client.post(PATH, content=sample, headers=OWN).json().get("left") for _ in range(3)]
    assert told == [None, None, {"free": 1, "credits": 0}], "past the bound it counts like any photo"
    program = shop.visitor("198.51.100.9")
    assert program.post(PATH, content=sample).json()["left"]["free"] < 200, "a program looks at no page"
