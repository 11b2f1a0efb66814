"""M1, M4, M5, M6 on real processes: nobody pays twice or for nothing, and no cent goes missing.

M2 stands in tests/payments/test_stripe.py, M3 and M8 in tests/payments/test_orders.py, M7 in tests/site/test_paying.py.
"""

import asyncio
import os
import random
import signal
import time

import httpx
import psutil
import pytest

from teahouse import failpoints, ids, testing
from teahouse.payments import stripe
from teahouse.payments.stripe import CALL_S, Access, Stripe
from teahouse.payments.till import Order
from teahouse.site import till
from teahouse.store import rollouts, till_events
from tests.payments.stripe_server import KEY, SECRET, StripeServer
from tests.standard import challengers, load, money
from tests.standard.acting import ONCE
from tests.standard.houses import wait_until
from tests.standard.money import PATH, Buyer, Shop, deliver, event, killing, spending
from tests.standard.outside import RATE, SECONDS, TIMES

EVENTS = 1000
LAST_CREDITS = int(os.environ.get("TEAHOUSE_LAST_CREDITS", "3"))  # nightly 200
ENDS = int(os.environ.get("TEAHOUSE_SPENDS", "4"))  # answers that end badly; nightly 500
TROUBLES = ("hang", "refuse", "garbage", "drip") if load.EXACT else ("hang",)
KINDS = ("checkout.session.completed", "charge.refunded", "charge.dispute.created")
pytestmark = pytest.mark.slow


@pytest.fixture
def server():
    made = StripeServer()
    yield made
    made.close()


@pytest.mark.timeout(300)
def test_m1_a_thousand_events_many_times_shuffled_twenty_at_once_and_a_kill_between(tmp_path, server, capsys):
    dice = random.Random(1)
    shop = Shop.made(tmp_path / "house", server)
    sold = shop.orders(400)
    told = [(one, KINDS[0], {}) for one in sold]
    told += [(one, KINDS[1], {"amount_refunded": dice.choice([50, 100, 200])}) for one in dice.sample(sold, 350)]
    told += [(one, KINDS[2], {"amount": 200}) for one in dice.sample(sold, EVENTS - len(told))]
    site = shop.site()
    bodies = [event(site, one, kind, number, **changes) for number, (one, kind, changes) in enumerate(told)]
    sent = [body for body in bodies for _ in range(dice.randint(1, 5))]
    dice.shuffle(sent)
    with shop:
        shop.start()
        with killing(shop, [0.7, 1.1]) as kills:
            tries = asyncio.run(deliver(shop, sent))
        assert shop.stop() == 0
    assert len(kills) == 2, "the house was not killed while events came"
    books, expected = shop.books(), {}
    for one in sold:
        mine = [(kind, changes) for who, kind, changes in told if who is one]
        back = max((changes["amount_refunded"] for kind, changes in mine if kind == KINDS[1]), default=0)
        left = 50 - 50 * back // 200
        expected[one.pass_id] = 0 if KINDS[2] in {kind for kind, _ in mine} else left
    assert books.wrong() == [] and books.balances == expected
    with shop.opened() as house, house.db.read() as c:
        kept = [one for sold_one in sold for one in till_events.of_order(c, sold_one.order)]
    assert len(kept) == EVENTS and len({one.provider_id for one in kept}) == EVENTS
    with capsys.disabled():
        print(f"\nM1: {EVENTS} events in {tries} tries ({len(sent)} sent, 2 kills): the ledger is as if each came once")


@pytest.mark.timeout(120 + 3 * LAST_CREDITS)
def test_m4_a_hundred_spend_the_last_credit_and_one_of_them_does(tmp_path, capsys):
    shop = Shop.made(tmp_path / "house")
    sold = [shop.paid(1) for _ in range(LAST_CREDITS)]
    photos = [testing.photo("warm", seed) for seed in range(100)]

    async def all_at_once(code: str) -> list[int]:
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
        async with httpx.AsyncClient(timeout=60, verify=ONCE, limits=limits, base_url=shop.url) as client:
            asked = (
                client.post(PATH, content=photo, headers={"X-Pass": code, "X-Forwarded-For": f"2001:db8:{n + 1:x}::1"})
                for n, photo in enumerate(photos)
            )
            return [told.status_code for told in await asyncio.gather(*asked)]

    with shop:
        shop.start()
        found = [asyncio.run(all_at_once(one.code)) for one in sold]
    assert [(said.count(201), said.count(402)) for said in found] == [(1, 99)] * LAST_CREDITS
    books = shop.books()
    assert books.wrong() == [] and set(books.balances.values()) == {0}
    with capsys.disabled():
        print(f"\nM4: {LAST_CREDITS} times 100 at once for the last credit: 1 answered, 99 heard 402, each time")


def seen(buyers):
    """How many answers they have seen."""
    return sum(len(buyer.answered) for buyer in buyers)


def end_badly(shop, way, dice, buyers):
    """Something ends in the middle of an answer that is paid for; how often."""
    if way in ("spent", "committed"):  # the web ends there by itself, at the third of each life
        ended = len(psutil.wait_procs([money.web_of(shop)], timeout=30)[0])
        shop.kill()  # its keeper would wait longer and longer before it tries again
        shop.start()
        return ended
    if way == "worker":
        answered = seen(buyers)
        money.wait(lambda: seen(buyers) > answered)  # one that still loads is in the middle of no answer
    time.sleep(dice.uniform(0.05, 0.4))  # the random moment
    if way == "house":
        shop.kill()
        shop.start()
        return 1
    worker = shop.worker(shop.release)
    if worker is not None:
        worker.send_signal(signal.SIGKILL)
    return worker is not None


@pytest.mark.timeout(240 + 15 * ENDS)
def test_m5_an_answer_that_ends_badly_gives_its_credit_back_once(tmp_path, capsys):
    dice, shop = random.Random(5), Shop.made(tmp_path / "house")
    buyers = [Buyer(n, shop.paid(100_000).code) for n in range(4)]
    ends = dict.fromkeys(("spent", "committed", "worker", "house"), 0)
    with shop:
        for way in ends:
            shop.environment = {} if way in ("worker", "house") else {failpoints.NAMED: f"{way}:3"}
            shop.start()
            while ends[way] < ENDS // 4:
                with spending(shop, buyers):
                    ends[way] += end_badly(shop, way, dice, buyers)
            shop.kill()
        shop.environment = {}
        shop.start()
        answered = seen(buyers)
        with spending(shop, buyers):
            money.wait(lambda: seen(buyers) > answered)
        assert shop.stop() == 0
    books = shop.books()
    assert books.wrong() == []
    acked = {ids.parse(id_) for buyer in buyers for id_ in buyer.answered.values()}
    assert acked <= books.spends.keys(), "an answer that was seen was not paid for"
    assert sum(buyer.differs for buyer in buyers) == 0, "an answer that was asked for again was another one"
    unseen = len(books.spends) - len(acked)
    assert unseen <= len(buyers), "each buyer asks again until they know"
    with capsys.disabled():
        spent = sum(books.spends.values())
        print(f"\nM5: {sum(ends.values())} ends ({ends}), {len(acked)} answers seen, {spent} credits spent, {unseen} "
              "answered and not seen yet: bought - spent - refunded = balance on each pass")  # fmt: skip


@pytest.mark.timeout(120)
def test_m5_an_answer_past_its_deadline_costs_nothing(tmp_path):
    shop = Shop.made(tmp_path / "house")
    with shop:
        with shop.opened() as house:
            slow = challengers.install(house, tmp_path / "hangs", "hangs on grey")
            step = rollouts.Step(testing.APP, slow, "full")
            house.db.write(lambda c: rollouts.append(c, step))
        sold = shop.paid(2)
        shop.start()
        headers = {"X-Pass": sold.code}
        with httpx.Client(base_url=shop.url, timeout=30, verify=ONCE) as client:
            late = client.post(PATH, content=testing.photo("neither"), headers=headers)
            assert late.status_code == 504
            assert client.post(PATH, content=testing.photo("warm"), headers=headers).json()["left"]["credits"] == 1
    assert shop.books().wrong() == []


def test_m6_after_four_days_of_silence_one_look_finds_all_payments_and_none_twice(tmp_path, server):
    four_days = 4 * 86_400
    shop = Shop.made(tmp_path / "house", server)
    server.clock = lambda: time.time() - four_days
    real = Stripe(Access(KEY, SECRET, server.url), shop.site())
    sold = shop.orders(150, ago=four_days * 1000)
    for one in sold:
        real.checkout(Order(one.order, one.pass_id, testing.APP, "Warm?", 200, "EUR", 50, one.code, "http://x/pass"))
        server.pay(one.order)
    for one in sold[:20]:
        server.refund(one.order)
    with shop:
        shop.start()  # it asks by itself when it opens
        money.wait(lambda: not shop.books().wrong() and sum(shop.books().balances.values()) == 130 * 50)
        money.wait(lambda: shop.logged("till-reconciled", events=170))  # it tells so after the books are right
        with shop.opened() as house:
            assert sum(house.db.write(lambda c, e=e: till.orders.take(c, e, 9)) for e in real.since(0)) == 0
    assert shop.books().wrong() == [] and sum(shop.books().balances.values()) == 130 * 50


@pytest.mark.timeout(300)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_f8_free_predictions_do_not_notice_that_stripe_is_in_trouble(tmp_path, server, capsys, trouble):
    shop = Shop.made(tmp_path / "house", server, free=1_000_000)
    with shop:
        shop.start()
        with httpx.Client(base_url=shop.url, timeout=CALL_S + 10, verify=ONCE) as client:
            asks = {"json": {"app": testing.APP}, "headers": {"Origin": shop.url, "Sec-Fetch-Site": "same-origin"}}

            def buy():
                client.cookies.clear()  # each a buyer of their own
                return client.post("/api/checkouts", **asks)

            assert buy().status_code == 201
            load.come(shop.url, seconds=2)
            before = load.come(shop.url, seconds=SECONDS, rate=RATE, seed=2)
            server.trouble = trouble
            with load.coming(shop.url, rate=RATE, seed=3) as crowd:
                began = time.monotonic()
                for _ in range(stripe.FAILURES):
                    asked = time.monotonic()
                    assert buy().json()["error"]["code"] == "not-ready"
                    assert time.monotonic() - asked < CALL_S + 3, "a call outlives its time"
                asked, calls = time.monotonic(), len(server.calls)
                assert buy().status_code == 503 and len(server.calls) == calls, "the breaker is not open"
                assert time.monotonic() - asked < 1
                over = began + SECONDS
                wait_until(lambda: buy().status_code == 503 and time.monotonic() > over, "it sells", SECONDS + 20, 2.0)
            server.trouble = ""
            wait_until(lambda: buy().status_code == 201, "the breaker does not close", stripe.REST_S + 15, 2.0)
    with capsys.disabled():
        print(f"\nF8, Stripe, {trouble}: {len(crowd.told)} visitors meanwhile, {len(crowd.failed)} failed; p99 "
              f"{before.p99() * 1000:.0f} ms before, {crowd.p99() * 1000:.0f} ms meanwhile")  # fmt: skip
    assert crowd.told and not crowd.failed
    assert load.within(crowd.p99(), TIMES * before.p99())
