"""Stripe's own library against a server that speaks as Stripe does."""

import json
import time

import pytest

from teahouse import ids
from teahouse.errors import BadEvent, NotReady, SettingsError, TillRefused
from teahouse.payments import stripe as page
from teahouse.payments.stripe import Access, Stripe
from teahouse.payments.till import Order
from tests.payments.stripe_server import KEY, SECRET, StripeServer, signed

SITE = "a1b2c3"


@pytest.fixture
def server():
    made = StripeServer()
    yield made
    made.close()


@pytest.fixture
def till(server):
    return Stripe(Access(KEY, SECRET, server.url), SITE)


def an_order(**changes):
    told = {
        "id": f"order-{ids.new_id().hex()}", "pass_id": b"p" * 16, "app": "tea", "title": "Green tea or oolong?",
        "amount": 200, "currency": "EUR", "predictions": 50, "code": "AAAAA-BBBBB-CCCCC-DDDDD",
        "back_url": "https://tea.example/pass?app=tea",
    }  # fmt: skip
    return Order(**{**told, **changes})


def told(till, event, **changes):
    body = json.dumps({**event, **changes}).encode()
    return till.event(body, {"stripe-signature": signed(body)})


def test_a_checkout_names_price_pass_and_site_and_the_same_order_gets_the_same_page(till, server):
    order = an_order()
    assert till.checkout(order) == till.checkout(order)
    (session,) = server.sessions.values()
    assert (session["amount_total"], session["currency"]) == (200, "eur")
    assert session["metadata"] == {"teahouse": SITE, "order": order.id, "pass": order.pass_id.hex()}
    assert "AAAAA-BBBBB-CCCCC-DDDDD" in session["description"]
    assert session["success_url"].endswith(f"?app=tea&paid={order.id}")


def test_a_page_is_open_for_an_hour_from_the_order_on_however_late_it_is_asked_for(till, server):
    late = ids.now_ms() - 20 * 60_000
    order = an_order(id=f"order-{late.to_bytes(6, 'big').hex()}{ids.new_id()[6:].hex()}")
    till.checkout(order)
    (session,) = server.sessions.values()
    assert session["expires_at"] == late // 1000 + 3600
    assert session["expires_at"] - time.time() > 1800 + 300, "Stripe's least, and room for two clocks that differ"


def test_a_call_that_failed_is_made_again_under_the_same_key(till, server):
    server.once = 1
    assert till.checkout(an_order()).startswith("https://checkout.stripe.com/")
    keys = [key for _, path, key in server.calls if path == "/v1/checkout/sessions"]
    assert len(keys) == 2 and len(set(keys)) == 1


def test_each_event_is_read_in_the_words_of_this_house(till, server):
    order = an_order()
    till.checkout(order)
    payment = server.order(order.id)["payment_intent"]
    events = [
        server.pay(order.id), server.pay(order.id, status="unpaid"), server.fail(order.id), server.expire(order.id),
        server.pay(order.id, "checkout.session.async_payment_succeeded"), server.refund(order.id, 50),
        server.dispute(order.id), server.dispute(order.id, "won"), server.dispute(order.id, "lost"),
        server.dispute(order.id, "warning_closed"),
    ]  # fmt: skip
    found = [told(till, one) for one in events]
    assert [one.kind for one in found] == [
        "paid", "pending", "failed", "expired", "paid", "refunded", "disputed", "dispute_won", "dispute_lost",
        "dispute_won",
    ]  # fmt: skip
    assert {one.payment for one in found} == {payment} and {one.currency for one in found} == {"EUR"}
    assert [one.order for one in found] == [order.id] * 6 + [None] * 4
    assert (found[0].amount, found[5].amount) == (200, 50)
    assert told(till, server.tell("customer.created", {})) is None
    assert told(till, server.tell("checkout.session.completed", {"metadata": {"teahouse": "another"}})) is None


@pytest.mark.standard
def test_m2_what_stripe_did_not_sign_for_this_account_a_moment_ago_is_refused(till, server):
    till.checkout(order := an_order())
    event = server.pay(order.id)
    body, now = json.dumps(event).encode(), time.time()
    good = signed(body)
    assert till.event(body, {"stripe-signature": good}).kind == "paid"
    refused = {
        "none": (body, {}),
        "empty": (body, {"stripe-signature": ""}),
        "wrong": (body, {"stripe-signature": signed(body, "whsec_another0123456789")}),
        "stale": (body, {"stripe-signature": signed(body, at=now - 302)}),
        "future": (body, {"stripe-signature": signed(body, at=now + 310)}),
        "v0 only": (body, {"stripe-signature": signed(body, scheme="v0")}),
        "truncated": (body, {"stripe-signature": good[:-1]}),
        "no time": (body, {"stripe-signature": good.split(",")[1]}),
        "a space more": (body + b" ", {"stripe-signature": good}),
        "a space less": (body.replace(b": ", b":", 1), {"stripe-signature": good}),
        "no text": (b"\xff\xfe", {"stripe-signature": signed(b"\xff\xfe")}),
        "no JSON": (b"hello", {"stripe-signature": signed(b"hello")}),
        "a list": (b"[1]", {"stripe-signature": signed(b"[1]")}),
    }
    for changes in ({"livemode": True}, {"account": "acct_another"}):
        other = json.dumps({**event, **changes}).encode()
        refused[str(changes)] = other, {"stripe-signature": signed(other)}
    taken = [name for name, (given, headers) in refused.items() if not refuses(till, given, headers)]
    assert taken == []
    test_of_live = Stripe(Access(KEY.replace("test", "live"), SECRET), SITE)
    assert refuses(test_of_live, body, {"stripe-signature": good}), "a test event in live mode"


def refuses(till, body, headers):
    try:
        till.event(body, headers)
    except BadEvent:
        return True
    return False


def test_the_till_remembers_all_that_happened_over_many_pages(till, server, monkeypatch):
    orders = [an_order() for _ in range(130)]
    for order in orders:
        till.checkout(order)
        server.pay(order.id)
    found = list(till.since(0))
    assert len(found) == 130 and {one.order for one in found} == {order.id for order in orders}
    assert sum(path == "/v1/events" for _, path, _ in server.calls) == 2
    assert list(till.since(int((time.time() + 1000) * 1000))) == []


def test_what_stripe_says_of_the_account_is_logged_and_told_to_no_visitor(till, server, capsys):
    words = "You cannot accept payments yet: see https://dashboard.stripe.com/account with sk_test_***back."
    server.refuses = 400, {"code": "account_invalid", "message": words}
    with pytest.raises(TillRefused) as raised:
        till.checkout(an_order())
    assert raised.value.as_dict() == {
        "code": "till-refused", "what": "Buying does not work just now.", "why": "Its maker was told.",
        "do_next": "Try again later; nothing was charged.",
    }  # fmt: skip
    assert "stripe.com" not in str(raised.value)
    assert words in raised.value.said and raised.value.reason == "account_invalid"
    (logged,) = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "stripe-refused" in line]
    assert words in logged["said"] and logged["reason"] == "account_invalid" and logged["status"] == 400


def test_a_refund_twice_is_one_refund(till, server):
    till.checkout(order := an_order())
    server.pay(order.id)
    payment = server.order(order.id)["payment_intent"]
    till.refund(payment)
    till.refund(payment)
    assert server.refunded == {payment: 200} and sum(one["type"] == "charge.refunded" for one in server.events) == 1
    with pytest.raises(TillRefused):
        till.refund("pi_none")


def test_a_refund_that_failed_can_be_asked_for_again_the_same_day(till, server):
    till.checkout(order := an_order())
    server.pay(order.id)
    payment = server.order(order.id)["payment_intent"]
    server.refuses = 400, {"code": "balance_insufficient", "message": "Insufficient funds in Stripe account."}
    with pytest.raises(TillRefused):
        till.refund(payment)
    server.refuses = None  # money came in
    till.refund(payment)
    assert server.refunded == {payment: 200}
    server.once = 1  # and one that is made again is one refund: the library gives each call a key of its own
    till.refund(payment)
    keys = [key for _, path, key in server.calls if path == "/v1/refunds"]
    assert keys[-1] == keys[-2] and len(set(keys)) == 3


@pytest.mark.parametrize("trouble", ["hang", "refuse", "garbage", "drip"])
def test_a_till_in_trouble_is_told_in_time_and_rests_after_three_failures(till, server, monkeypatch, trouble):
    monkeypatch.setattr(page, "CALL_S", 0.6)
    server.trouble = trouble
    took = []
    for _ in range(page.FAILURES):
        began = time.monotonic()
        with pytest.raises(NotReady):
            till.checkout(an_order())
        took.append(time.monotonic() - began)
    assert max(took) < 3.0
    calls = len(server.calls)
    with pytest.raises(NotReady):
        till.checkout(an_order())
    assert len(server.calls) == calls, "it rests"
    server.trouble, till.rests_until = "", 0.0
    assert till.checkout(an_order()) and till.failures == 0, "and it comes back by itself"


@pytest.mark.parametrize(
    ("key", "secret", "says"),
    [("", SECRET, "key"), (KEY, "", "secret"), (KEY, "   ", "secret"), ("pk_test_1", SECRET, "key"), (KEY, "x", "sec")],
)
def test_no_access_is_opened_without_a_key_and_a_secret(tmp_path, monkeypatch, key, secret, says):
    monkeypatch.setenv(page.KEY, key)
    monkeypatch.setenv(page.SECRET, secret)
    with pytest.raises(SettingsError, match=says) as raised:
        page.access(tmp_path)
    assert "teahouse pay connect" in raised.value.do_next


def test_the_test_address_is_of_this_machine_alone(tmp_path, monkeypatch):
    for name, value in ((page.KEY, KEY), (page.SECRET, SECRET), (page.API, "https://evil.example")):
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match="tests on this machine"):
        page.access(tmp_path)


def test_what_opens_something_is_in_no_traceback():
    order = an_order()
    assert KEY not in repr(Access(KEY, SECRET)) and SECRET not in repr(Access(KEY, SECRET))
    assert order.code not in repr(order) and order.id in repr(order)
