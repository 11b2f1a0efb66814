"""A real house that sells answers: its orders, passes and buyers, and the look that says whether a cent is missing."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import sqlalchemy as sa

from teahouse import ids, testing
from teahouse.payments import orders, stripe
from teahouse.store import apps, ledger, passes, tables, till_events
from teahouse.store.house import House
from tests.payments.stripe_server import KEY, SECRET, StripeServer, signed
from tests.standard.acting import ONCE
from tests.standard.houses import RealHouse, wait_until

PRICE = {"amount": 200, "currency": "EUR", "predictions": 50}
PATH = f"/api/apps/{testing.APP}/predictions"
AGAIN_S = 0.02


@dataclass
class Sold:
    """An order with what Stripe would know of it."""

    order: str
    pass_id: bytes
    code: str
    payment: str


class Shop(RealHouse):
    """`teahouse serve` with an app that costs something, and play money where there is no Stripe server."""

    release = ""

    @classmethod
    def made(cls, root: Path, server: StripeServer | None = None, free: int = 0) -> Shop:
        """A shop, not started."""
        shop = cls(root)
        if server is not None:
            with (root / "teahouse.toml").open("a") as settings:
                settings.write('[money]\ntill = "stripe"\n')
            shop.environment = {stripe.KEY: KEY, stripe.SECRET: SECRET, stripe.API: server.url}
        shop.release = shop.prepare()
        with testing.open_house(shop.data) as house:
            shop.sell(house, free)
        return shop

    def sell(self, house: House, free: int) -> None:
        told = testing.tiny_declaration(free_per_day=free, price=PRICE)
        house.db.write(lambda c: apps.declare(c, testing.APP, told["title"], told, "", 5))

    @contextmanager
    def opened(self) -> Iterator[House]:
        """The house's store, beside its processes."""
        with House.open(self.data) as house:
            yield house

    def site(self) -> str:
        """What marks its orders at Stripe."""
        with self.opened() as house:
            return house.key("site")[:8].hex()

    def orders(self, count: int, predictions: int = 50, ago: int = 0) -> list[Sold]:
        """Orders on as many new passes, as a checkout writes them; made so many milliseconds ago."""
        made, at, price = [], ids.now_ms() - ago, {**PRICE, "predictions": predictions}
        with self.opened() as house:
            for number in range(count):
                pass_id, code = ids.new_id(), orders.new_code()

                def write(c: Any, pass_id: bytes = pass_id, code: str = code) -> str:
                    passes.add(c, pass_id, code, testing.APP, False, at)
                    return orders.add(c, pass_id, testing.APP, price, False, at)

                made.append(Sold(house.db.write(write), pass_id, code, f"pi_{number}_{pass_id.hex()}"))
        return made

    def paid(self, credits: int) -> Sold:
        """A pass with so many credits on it."""
        (sold,) = self.orders(1, credits)
        with self.opened() as house:
            body = {"amount": PRICE["amount"], "currency": PRICE["currency"]}

            def write(c: Any) -> None:
                till_events.add(c, f"evt_{sold.order}", "paid", sold.order, sold.payment, body, 2)
                orders.settle(c, sold.order, 3)

            house.db.write(write)
        return sold

    def books(self) -> Books:
        """What the ledger says, after every chain was followed."""
        with self.opened() as house, house.db.read() as c:
            return Books.read(c)


@dataclass
class Books:
    """All balances, what moved on each pass, which answers were paid for and how often, and what is wrong."""

    balances: dict[bytes, int]
    moved: dict[bytes, Counter[tuple[str, str]]]
    spends: Counter[bytes]
    recorded: set[bytes]
    faults: list[tuple[bytes, str]] = field(default_factory=list)

    @classmethod
    def read(cls, c: Any) -> Books:
        moved: dict[bytes, Counter[tuple[str, str]]] = {}
        spends: Counter[bytes] = Counter()
        for row in c.execute(sa.select(tables.ledger)).mappings():
            moved.setdefault(row["pass"], Counter())[row["debit"], row["credit"]] += row["amount"]
            if row["credit"] == "spent":
                spends[row["prediction"]] += 1
        balances = dict(c.execute(sa.select(tables.passes.c.id, tables.passes.c.balance)).all())
        recorded = set(c.execute(sa.select(tables.predictions.c.id)).scalars())
        return cls(balances, moved, spends, recorded, list(ledger.faults(c)))

    def wrong(self) -> list[str]:
        """Where bought − spent − held − (refunded − lost) is not the balance, an answer was paid twice or is not there,
        or a chain is broken; [] where all is well."""
        found = [f"{pass_id.hex()[:8]}: {what}" for pass_id, what in self.faults]
        for pass_id, balance in self.balances.items():
            moved = self.moved.get(pass_id, Counter())
            held = moved["pass", "held"] - moved["held", "pass"] - moved["held", "refunded"]
            refunded = sum(amount for (_, credit), amount in moved.items() if credit == "refunded")
            spent = moved["pass", "spent"] - moved["spent", "pass"]
            sum_ = moved["bought", "pass"] - spent - held - (refunded - moved["lost", "refunded"])
            if sum_ != balance or balance < 0:
                found.append(f"{pass_id.hex()[:8]}: {dict(moved)} is not {balance}")
        found += [f"answer {one.hex()[:8]} paid {n} times" for one, n in self.spends.items() if n != 1]
        return found + [f"answer {one.hex()[:8]} is paid and not there" for one in self.spends.keys() - self.recorded]


def event(site: str, sold: Sold, kind: str, number: int, **changes: Any) -> bytes:
    """An event of Stripe's for an order."""
    item = {
        "id": f"obj_{number}", "metadata": {"teahouse": site, "order": sold.order}, "payment_intent": sold.payment,
        "amount_total": PRICE["amount"], "currency": "eur", "payment_status": "paid", **changes,
    }  # fmt: skip
    if kind.startswith("charge.dispute."):
        item["metadata"] = {}
    told = {"id": f"evt_{number}", "type": kind, "livemode": False, "created": int(time.time())}
    return json.dumps({**told, "data": {"object": item}}).encode()


async def deliver(shop: Shop, bodies: Sequence[bytes], at_once: int = 20, patience: float = 120.0) -> int:
    """Sends each of these to the webhook, again until it is taken, so many at once; how many tries it took. The house
    may be killed meanwhile: its address is asked for anew."""
    tries, waiting, until = itertools.count(), list(reversed(bodies)), time.monotonic() + patience

    async def hand() -> None:
        async with httpx.AsyncClient(timeout=5, verify=ONCE) as client:
            while waiting:
                body = waiting.pop()
                while time.monotonic() < until:
                    next(tries)
                    try:
                        headers = {"Stripe-Signature": signed(body)}
                        told = await client.post(f"{shop.url}/api/till/stripe", content=body, headers=headers)
                        assert told.status_code in (204, 429, 503), told.text
                        if told.status_code == 204:
                            break
                    except httpx.HTTPError:
                        pass
                    await asyncio.sleep(AGAIN_S)
                else:
                    raise AssertionError("an event was not taken in time")

    await asyncio.gather(*(hand() for _ in range(at_once)))
    return next(tries)


@contextmanager
def killing(shop: Shop, moments: Iterable[float]) -> Iterator[list[float]]:
    """Kills the whole house after each of these seconds, and starts it again, until the block ends; when it did."""
    end, kills, broke = threading.Event(), [], []

    def run() -> None:
        try:
            for moment in moments:
                if end.wait(moment):
                    return
                shop.kill()
                kills.append(time.monotonic())
                shop.start()
        except Exception as error:  # edge: told to the test below
            broke.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield kills
    finally:
        end.set()
        thread.join(90)
    if broke:
        raise broke[0]


@dataclass
class Buyer:
    """Who spends a pass: each answer under a key of its own, asked for again until it is known what became of it."""

    number: int
    code: str
    answered: dict[str, str] = field(default_factory=dict)
    refused: Counter[int] = field(default_factory=Counter)
    differs: int = 0  # answers that were another one the second time

    def spend(self, shop: Shop, end: threading.Event) -> None:
        """Plays on until the end, or until nothing is left; what they saw last is asked for once more."""
        photos = [testing.photo("warm", 1000 * self.number + seed) for seed in range(12)]
        network = f"2001:db8:{self.number + 1:x}::1"
        headers = {"Content-Type": "image/jpeg", "X-Pass": self.code, "X-Forwarded-For": network}
        with httpx.Client(timeout=15, verify=ONCE) as client:
            for n in itertools.count(max(0, len(self.answered) - 1)):
                key = f"key-{self.number}-{n}-of-this-buyer"
                # none is answered from memory; what follows the end of a JPEG is no part of its picture
                photo = photos[n % len(photos)] + f"{self.number}-{n}".encode()
                while True:
                    if end.is_set():
                        return
                    try:
                        told = client.post(f"{shop.url}{PATH}", content=photo,
                                           headers={**headers, "Idempotency-Key": key})  # fmt: skip
                    except httpx.HTTPError:
                        time.sleep(AGAIN_S)
                        continue
                    if told.status_code == 201:
                        self.differs += self.answered.setdefault(key, told.json()["id"]) != told.json()["id"]
                        break
                    self.refused[told.status_code] += 1
                    if told.status_code == 402:
                        return
                    time.sleep(AGAIN_S)


@contextmanager
def spending(shop: Shop, buyers: Sequence[Buyer]) -> Iterator[None]:
    """Buyers who play until the block ends."""
    end = threading.Event()
    threads = [threading.Thread(target=buyer.spend, args=(shop, end)) for buyer in buyers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join(30)


def web_of(shop: Shop) -> psutil.Process:
    """Its web process, once there is one again."""

    def found() -> psutil.Process | None:
        try:
            return shop.child("site.serve")
        except AssertionError:
            return None

    return wait_until(found, "no web process comes up")


def wait(is_so: Any, patience: float = 60.0) -> None:
    """Until it is so."""
    wait_until(is_so, "it did not come to that", patience, 0.1)
