"""What a till tells, in whatever order and number, and what the ledger says of it in the end."""

import itertools
import random

import pytest
import sqlalchemy as sa

from teahouse import ids
from teahouse.errors import DatabaseUnsound
from teahouse.payments import orders
from teahouse.store import ledger, notices, passes, tables, till_events


def spend(shop, pass_id, n=1):
    for _ in range(n):
        shop.house.db.write(lambda c: ledger.spend(c, pass_id, ids.new_id(), 3))


def moved(shop, order):
    return dict(shop.read(ledger.of_order, order))


def state_of(shop, order):
    return shop.read(lambda c: orders.standing(till_events.order(c, order), till_events.of_order(c, order)))


def test_a_paid_order_fills_its_pass_once_however_often_it_is_told(shop):
    pass_id, _ = shop.a_pass()
    order = shop.order(pass_id)
    paid = shop.event("paid", order, payment="pi_1")
    assert [shop.take(paid), shop.take(paid)] == [True, False]
    shop.take(shop.event("paid", order, payment="pi_1"))  # another event of the same
    assert shop.balance(pass_id) == 50
    assert moved(shop, order) == {("till:EUR", "income:EUR"): 200, ("bought", "pass"): 50}
    assert shop.read(ledger.checked, pass_id)


@pytest.mark.parametrize("price", [{"amount": 199}, {"currency": "USD"}])
def test_another_sum_than_asked_for_fills_nothing_and_the_owner_hears_of_it(shop, price):
    pass_id, _ = shop.a_pass()
    order = shop.order(pass_id)
    shop.take(shop.event("paid", order, **price))
    assert shop.balance(pass_id) == 0 and state_of(shop, order).state == "ordered"
    assert shop.read(notices.waiting, 0)[0].kind == "money"


KINDS = {
    "paid": ("paid", 200),
    "failed": ("failed", 0),
    "refunded": ("refunded", 100),
    "disputed": ("disputed", 200),
    "expired": ("expired", 0),
}


def run(shop, kinds):
    pass_id, _ = shop.a_pass()
    order = shop.order(pass_id)
    payment = f"pi_{order}"
    seen = []
    for kind in kinds:
        word, amount = KINDS[kind]
        named = None if word == "disputed" else order  # a dispute names the payment alone
        shop.take(shop.event(word, named, amount=amount, payment=payment))
        seen.append((shop.balance(pass_id), state_of(shop, order)))
    shop.read(ledger.checked, pass_id)
    return pass_id, order, seen


@pytest.mark.standard
def test_m3_all_orders_of_five_events_end_in_the_same_and_never_move_back(shop):
    ends, rank = set(), {"ordered": 0, "failed": 1, "expired": 1, "paid": 2, "refunded": 3, "disputed": 4}
    for kinds in itertools.permutations(KINDS):
        pass_id, order, seen = run(shop, kinds)
        done = moved(shop, order)
        held = done.get(("pass", "held"), 0) - done.get(("held", "refunded"), 0)
        refunded = done.get(("pass", "refunded"), 0) + done.get(("held", "refunded"), 0)
        money = done[("till:EUR", "income:EUR")] - done[("income:EUR", "till:EUR")]
        ends.add((shop.balance(pass_id), held, refunded, money, seen[-1][1]))
        ranks = [rank[one.state] for _, one in seen]
        assert ranks == sorted(ranks), kinds
    assert ends == {(0, 25, 25, 100, orders.Standing("disputed", True, 100, True))}


def test_a_dispute_that_is_won_gives_all_back_and_one_that_is_lost_takes_all(shop):
    pass_id, _ = shop.a_pass()
    for closed, left in (("dispute_won", 43), ("dispute_lost", 43)):
        order = shop.order(pass_id)
        shop.take(shop.event("paid", order, payment=order))
        if closed == "dispute_won":
            spend(shop, pass_id, 7)
        before = shop.balance(pass_id)
        shop.take(shop.event("disputed", payment=order))
        assert shop.balance(pass_id) == before - (43 if closed == "dispute_won" else 50)
        shop.take(shop.event(closed, payment=order))
        assert shop.balance(pass_id) == left, closed
    assert shop.read(ledger.checked, pass_id)


@pytest.mark.standard
def test_m8_a_refund_after_spending_ends_at_nothing_never_below_and_the_owner_is_told(shop):
    pass_id, code = shop.a_pass()
    order = shop.order(pass_id)
    shop.take(shop.event("paid", order, payment="pi"))
    spend(shop, pass_id, 30)
    shop.take(shop.event("refunded", order, 200, payment="pi"))
    assert shop.balance(pass_id) == 0
    assert moved(shop, order)[("lost", "refunded")] == 30 and moved(shop, order)[("pass", "refunded")] == 20
    with pytest.raises(Exception, match="nothing left"):
        spend(shop, pass_id)
    assert "30 of its answers" in shop.read(notices.waiting, 0)[0].words
    assert shop.read(orders.may_fill, code, "warmth", True) is None, "the next purchase makes a new pass"
    third = shop.order(pass_id)
    shop.take(shop.event("paid", third))
    assert shop.read(orders.may_fill, code, "warmth", True) is not None, "what is on a pass is not left behind"
    assert shop.read(ledger.checked, pass_id)


def test_what_is_bought_first_is_spent_first_and_a_refund_takes_no_other_purchases(shop):
    pass_id, code = shop.a_pass()
    first, second = shop.order(pass_id), shop.order(pass_id)
    for order in (first, second):
        shop.take(shop.event("paid", order, payment=order))
    spend(shop, pass_id, 60)
    shop.take(shop.event("refunded", second, 200, payment=second))
    assert shop.balance(pass_id) == 0 and moved(shop, second)[("lost", "refunded")] == 10
    third = shop.order(pass_id)  # was under way: what is paid for is served
    shop.take(shop.event("paid", third, payment=third))
    assert shop.balance(pass_id) == 50
    shop.take(shop.event("refunded", first, 200, payment=first))
    assert shop.balance(pass_id) == 50, "all fifty of the first were spent"


def test_a_code_is_read_however_it_was_typed():
    code = orders.new_code()
    assert orders.read_code(code.lower().replace("-", " ")) == code
    assert orders.read_code(code.replace("0", "o").replace("1", "l")) == code
    for wrong in ("", "ABC", code + "A", code[:-1] + "!", code[:-1] + "ü", "Ⅷ" * 20):
        assert orders.read_code(wrong) is None
    assert len({orders.new_code() for _ in range(100)}) == 100


def test_events_for_no_order_of_ours_change_nothing_and_money_for_one_is_told_to_the_owner(shop):
    assert shop.take(shop.event("disputed", payment="pi_of_another"))
    assert shop.read(notices.waiting, 0) == []
    assert shop.take(shop.event("paid", "order-unknown", payment="pi_x"))
    (told,) = shop.read(notices.waiting, 0)
    assert "2.00 EUR" in told.words and "order-unknown" in told.words and "pi_x" in told.words
    assert shop.read(ledger.totals) == {}


def test_of_a_dispute_in_part_a_part_is_lost(shop):
    pass_id, _ = shop.a_pass()
    order = shop.order(pass_id)
    for kind, amount in (("paid", 200), ("refunded", 50), ("disputed", 100), ("dispute_lost", 100)):
        shop.take(shop.event(kind, order, amount, payment="p"))
    assert moved(shop, order)[("income:EUR", "till:EUR")] == 150 and shop.balance(pass_id) == 13


def test_an_order_or_an_event_that_was_changed_behind_the_house_moves_nothing(shop):
    pass_id, _ = shop.a_pass()
    order = shop.order(pass_id)
    mine = tables.till_events.c.provider_id == order
    body = {**shop.read(till_events.order, order).body, "predictions": 5000}
    shop.house.db.write(lambda c: c.execute(sa.update(tables.till_events).where(mine).values(body=body)))
    with pytest.raises(DatabaseUnsound, match="order is damaged"):
        shop.take(shop.event("paid", order))
    assert shop.balance(pass_id) == 0


def test_a_refund_that_did_not_reach_its_buyer_is_told_to_the_owner(shop):
    pass_id, _ = shop.a_pass()
    order = shop.order(pass_id)
    shop.take(shop.event("paid", order, payment="p"))
    shop.take(shop.event("refunded", order, 200, payment="p"))
    shop.take(shop.event("refund_failed", None, 200, payment="p"))
    (told,) = shop.read(notices.waiting, 0)
    assert "2.00 EUR" in told.words and "did not reach" in told.words and shop.balance(pass_id) == 0


def test_a_credit_is_given_back_once(shop):
    pass_id, _ = shop.a_pass()
    order = shop.order(pass_id)
    shop.take(shop.event("paid", order))
    prediction = ids.new_id()
    shop.house.db.write(lambda c: ledger.spend(c, pass_id, prediction, 3))
    back = [shop.house.db.write(lambda c: ledger.give_back(c, prediction, 4)) for _ in range(2)]
    assert back == [True, False] and shop.balance(pass_id) == 50
    assert not shop.house.db.write(lambda c: ledger.give_back(c, ids.new_id(), 4))
    shop.take(shop.event("refunded", order, 200))
    assert shop.balance(pass_id) == 1 and shop.read(ledger.checked, pass_id)


def test_partial_refunds_go_up_only(shop):
    pass_id, _ = shop.a_pass()
    order = shop.order(pass_id)
    back = [shop.event("refunded", order, n, payment="p") for n in (50, 120, 90)]
    events = [shop.event("paid", order, payment="p"), *back]
    random.Random(3).shuffle(events)
    for event in events:
        shop.take(event)
    assert shop.balance(pass_id) == 20 and moved(shop, order)[("income:EUR", "till:EUR")] == 120
    assert shop.read(passes.get, pass_id).balance == 20
