"""A house with a pass that sells, and a loopback server that speaks as Stripe does."""

import pytest

from teahouse import ids
from teahouse.payments import orders
from teahouse.payments.till import TillEvent
from teahouse.store import passes
from teahouse.testing import open_house

PRICE = {"amount": 200, "currency": "EUR", "predictions": 50}


class Shop:
    """A house's orders, without a site around them."""

    def __init__(self, house):
        self.house, self.events = house, 0

    def a_pass(self):
        id_, code = ids.new_id(), orders.new_code()
        self.house.db.write(lambda c: passes.add(c, id_, code, "warmth", True, 1))
        return id_, code

    def order(self, pass_id, **price):
        return self.house.db.write(lambda c: orders.add(c, pass_id, "warmth", {**PRICE, **price}, True, 1))

    def event(self, kind, order=None, amount=200, payment=None, currency="EUR", id_=None):
        self.events += 1
        return TillEvent(id_ or f"evt-{self.events}", kind, 1000 + self.events, order, payment, amount, currency)

    def take(self, event):
        return self.house.db.write(lambda c: orders.take(c, event, 5))

    def read(self, fn, *given):
        with self.house.db.read() as c:
            return fn(c, *given)

    def balance(self, pass_id):
        return self.read(passes.get, pass_id).balance


@pytest.fixture
def shop(tmp_path):
    with open_house(tmp_path / "data") as house:
        yield Shop(house)
