"""D5, D6 and D9 of the ledger: what is changed behind its back is found, the clock has no say, and it does what a
model of it does, whatever happens in whatever order."""

import os
import random
import shutil
import tempfile
from collections import deque
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from teahouse import ids
from teahouse.errors import Conflict, DatabaseUnsound, NoCredit, TeahouseError
from teahouse.store import ledger, passes, tables
from teahouse.store.house import House
from tests.payments.conftest import Shop

STEPS = int(os.environ.get("TEAHOUSE_LEDGER_STEPS", "500"))  # nightly 10,000
FLIPS = int(os.environ.get("TEAHOUSE_LEDGER_FLIPS", "60"))  # nightly 200
A_RUN, PAGE = 50, 4096


def written(shop, passes_of=6):
    """Some passes with a history; the rows of their ledger."""
    dice = random.Random(7)
    for _ in range(passes_of):
        pass_id, _ = shop.a_pass()
        order = shop.order(pass_id)
        shop.take(shop.event("paid", order, payment=order))
        for _ in range(dice.randint(5, 40)):
            shop.house.db.write(lambda c, p=pass_id: ledger.spend(c, p, ids.new_id(), 3))
        if dice.random() < 0.5:
            shop.take(shop.event("refunded", order, 100, payment=order))
    shop.house.db.checkpoint()
    return rows_of(shop.house)


def rows_of(house):
    with house.db.read() as c:
        told = [one for one in tables.ledger.c if one.name != "seq"]
        of_passes = [one for one in tables.passes.c if one.name not in ("seq", "at")]
        both = sa.select(*told).order_by("pass", "n"), sa.select(*of_passes).order_by("id")
        return [list(map(tuple, c.execute(query))) for query in both]


def whole_rows(house):
    """The entries with their numbers of order."""
    with house.db.read() as c:
        return [dict(row) for row in c.execute(sa.select(tables.ledger).order_by("seq")).mappings()]


def look(folder):
    """What a house says of itself: its rows, and if it found a fault or would not open."""
    try:
        with House.open(folder) as house:
            rows = rows_of(house)
            with house.db.read() as c:
                return rows, bool(list(ledger.faults(c)))
    except (TeahouseError, sa.exc.DBAPIError, ValueError, LookupError, TypeError) as error:
        return None, type(error).__name__


@pytest.mark.standard
@pytest.mark.parametrize("half", ["payload cells", "whole pages"])
def test_d5_a_flipped_byte_of_the_ledger_is_found_or_changed_nothing(shop, tmp_path, half):
    before, dice = written(shop), random.Random(11)
    file = shop.house.data / "house.db"
    data, copy, quiet, found = file.read_bytes(), tmp_path / "copy", 0, 0
    for at in dice.sample(in_pages(data, before) if half == "whole pages" else in_payloads(data, before), FLIPS // 2):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(shop.house.data, copy)
        flipped = bytearray(data)
        flipped[at] ^= 1 << dice.randrange(8)
        for log in copy.glob("house.db-*"):
            log.unlink()
        (copy / "house.db").write_bytes(flipped)
        rows, fault = look(copy)
        differs = [[one for one in now if one not in was] for was, now in zip(before, rows or before, strict=True)]
        assert rows == before or fault, f"byte {at} changed what is told and nobody noticed: {differs}"
        quiet, found = quiet + (rows == before), found + bool(fault)
    assert found > FLIPS / 10 and quiet, "the flips hit nothing, or all"


def in_payloads(data, before):
    """Where the entries stand in the file: around their digests."""
    places = set()
    for row in before[0]:
        at = data.find(row[-1].encode())
        assert at >= 0, "no such entry in the file"
        places.update(range(at - 90, at + 64))
    for row in before[1]:  # a pass: its code's digest, whose answers it buys, its balance
        at = data.find(row[1].encode())
        places.update(range(at - 16, at + 76))
    return sorted(places)


def in_pages(data, before):
    """All of the pages in which they stand: headers, pointers and free space too."""
    pages = {at // PAGE for at in in_payloads(data, before)}
    return [page * PAGE + at for page in sorted(pages) for at in range(PAGE)]


@pytest.mark.standard
def test_d5_every_changed_taken_or_added_entry_is_found(shop):
    before, dice = written(shop), random.Random(13)
    rows, found = whole_rows(shop.house), 0
    columns = [name for name in rows[0] if name not in ("seq", "pass")]
    while found < FLIPS:
        row, name = dice.choice(rows), dice.choice(columns)
        value = row[name]
        text = ids.new_id() if name == "prediction" else f"{value or ''}x"[-64:]
        other = value + 1 if isinstance(value, int) else text
        try:
            put(shop, row["seq"], name, other)
        except Conflict:  # the table itself refuses it: n is taken
            continue
        with shop.house.db.read() as c:
            assert list(ledger.faults(c)), (name, value, other)
        put(shop, row["seq"], name, value)
        found += 1
    for row in dice.sample(rows, 20):
        gone = sa.delete(tables.ledger).where(tables.ledger.c.seq == row["seq"])
        shop.house.db.write(lambda c, gone=gone: c.execute(gone))
        with shop.house.db.read() as c:
            assert list(ledger.faults(c)), "an entry is missing"
        shop.house.db.write(lambda c, row=row: c.execute(sa.insert(tables.ledger), row))
    assert rows_of(shop.house) == before and not look(shop.house.data)[1]


def put(shop, seq, name, value):
    statement = sa.update(tables.ledger).where(tables.ledger.c.seq == seq).values({name: value})
    shop.house.db.write(lambda c: c.execute(statement))


@pytest.mark.standard
def test_d5_a_damaged_chain_spends_nothing_and_tells_nothing(shop):
    pass_id, _ = shop.a_pass()
    order = shop.order(pass_id)
    shop.take(shop.event("paid", order))
    last = tables.ledger.c["pass"] == pass_id
    shop.house.db.write(lambda c: c.execute(sa.update(tables.ledger).where(last).values(amount=51)))
    for ask in (lambda c: ledger.spend(c, pass_id, ids.new_id(), 3), lambda c: ledger.checked(c, pass_id)):
        with pytest.raises(DatabaseUnsound, match="ledger is damaged"):
            shop.house.db.write(ask)
    assert shop.balance(pass_id) == 50


@pytest.mark.standard
def test_d6_the_clock_has_no_say_in_the_order_of_entries(shop):
    pass_id, _ = shop.a_pass()
    order = shop.order(pass_id)
    shop.take(shop.event("paid", order))
    hour = 3_600_000
    clocks = [10**12, 10**12 + hour, 10**12 - 24 * hour, 2_147_483_647_000, 2_147_483_648_000, 0, 10**12]
    for at in clocks:
        shop.house.db.write(lambda c, at=at: ledger.spend(c, pass_id, ids.new_id(), at))
    chain = shop.read(ledger.checked, pass_id)
    assert [one.n for one in chain] == list(range(1, 10)) and [one.at for one in chain][2:] == clocks
    assert shop.balance(pass_id) == 43


class Model(RuleBasedStateMachine):
    """Two passes. Beside the house a model that knows nothing of it: lots of credits, first in, first out."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.shop = Shop(House.open(self.folder / "data"))
        self.passes = [self.shop.a_pass()[0] for _ in range(2)]
        self.lots = {one: deque() for one in self.passes}  # of [order, left]
        self.orders, self.taken, self.steps = {}, [], 0

    def tell(self, kind, order, amount=200, named=True):
        event = self.shop.event(kind, order if named else None, amount, payment=f"pi-{order}")
        self.taken.append(event)
        assert self.shop.take(event)
        self.follow(order)

    def follow(self, order):
        """The model's own reckoning, from what was told so far."""
        one = self.orders[order]
        told = [event for event in self.taken if event.payment == f"pi-{order}"]
        kinds = {event.kind for event in told}
        if "paid" not in kinds:
            return
        lots = self.lots[one["pass"]]
        if not one["paid"]:
            one["paid"] = True
            lots.append([order, one["n"]])
        mine = next(lot for lot in lots if lot[0] == order)
        back = max([event.amount for event in told if event.kind == "refunded"], default=0)
        back = 200 if "dispute_lost" in kinds else min(back, 200)
        due = one["n"] * back // 200 - one["back"]
        one["back"] += due
        from_held = min(due, one["held"])
        one["held"] -= from_held
        from_lot = min(due - from_held, mine[1])
        mine[1] -= from_lot
        one["lost"] += due - from_held - from_lot
        if "disputed" in kinds and not kinds & {"dispute_won", "dispute_lost"}:
            one["held"], mine[1] = one["held"] + mine[1], 0
        elif one["held"]:
            # it comes back as what was bought last: after what is there
            lots.remove(mine)
            lots.append([order, mine[1] + one["held"]])
            one["held"] = 0

    @precondition(lambda self: len(self.orders) < 12)
    @rule(which=strategies.integers(0, 1), n=strategies.integers(1, 9))
    def buy(self, which, n):
        order = self.shop.order(self.passes[which], predictions=n)
        self.orders[order] = {"pass": self.passes[which], "n": n, "paid": False, "back": 0, "held": 0, "lost": 0}

    @precondition(lambda self: self.orders)
    @rule(
        data=strategies.data(),
        kind=strategies.sampled_from(
            "paid paid paid pending failed expired refunded disputed dispute_won dispute_lost".split()
        ),
        amount=strategies.integers(1, 250),
    )
    def told(self, data, kind, amount):
        order = data.draw(strategies.sampled_from(sorted(self.orders)))
        self.tell(kind, order, amount if kind == "refunded" else 200, named=not kind.startswith("dispute"))

    @precondition(lambda self: self.taken)
    @rule(data=strategies.data())
    def told_again(self, data):
        assert not self.shop.take(data.draw(strategies.sampled_from(self.taken)))

    @rule(which=strategies.integers(0, 1), breaks=strategies.booleans())
    def spend(self, which, breaks):
        one = self.passes[which]
        left = sum(lot[1] for lot in self.lots[one])

        def write(c):
            ledger.spend(c, one, ids.new_id(), 3)
            if breaks:
                raise RuntimeError("the answer could not be kept")

        try:
            self.shop.house.db.write(write)
        except NoCredit:
            assert left == 0
        except RuntimeError:
            assert left > 0 and breaks
        else:
            assert left > 0 and not breaks
            next(lot for lot in self.lots[one] if lot[1])[1] -= 1

    @rule()
    def crash(self):
        """The process ends without closing: what opens the house next reads its log."""
        data = self.folder / f"data-{self.steps}"
        shutil.copytree(self.shop.house.data, data)
        self.shop.house.close()
        self.shop.house = House.open(data)
        self.steps += 1

    @invariant()
    def agrees(self):
        for one in self.passes:
            assert self.shop.balance(one) == sum(lot[1] for lot in self.lots[one])
            self.shop.read(ledger.checked, one)
        moved = self.shop.read(ledger.totals)
        assert moved.get(("lost", "refunded"), (0, 0))[1] == sum(one["lost"] for one in self.orders.values())
        money = moved.get(("till:EUR", "income:EUR"), (0, 0))[1]
        assert money == 200 * sum(one["paid"] for one in self.orders.values())

    def teardown(self):
        with self.shop.house.db.read() as c:
            assert not list(ledger.faults(c))
            assert {row.id for row in c.execute(sa.select(passes.passes))} == set(self.passes)
        self.shop.house.close()
        shutil.rmtree(self.folder)


@pytest.mark.standard
@pytest.mark.timeout(60 + STEPS // 5)
def test_d9_the_ledger_does_what_a_model_of_it_does():
    run_state_machine_as_test(
        Model,
        settings=settings(
            max_examples=max(1, STEPS // A_RUN), stateful_step_count=A_RUN, deadline=None, print_blob=True,
            suppress_health_check=list(HealthCheck), database=None, derandomize=True,
        ),
    )  # fmt: skip
