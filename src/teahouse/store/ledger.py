"""The ledger: double-entry, append-only, and for each pass a chain of digests; a balance is a sum.

An entry moves an amount from one account (debit) to another (credit). Credits, each worth one answer: `bought` →
`pass` when an order is paid, `pass` → `spent` with an answer (and back, where it could not be handed over), `pass` →
`held` while a payment is disputed and back, `pass` or `held` → `refunded` when the money went back, `lost` →
`refunded` for what had been spent by then. Money, in minor units: `till:EUR` → `income:EUR` when it came, and back when
it went. Play money has the same accounts, on passes of its own. So on every pass at every moment

    bought − spent − held − (refunded − lost) = balance

Each entry's digest is over its own values and the digest before it, the first one's over the pass itself, so that a
flipped bit, a changed, missing or inserted entry is found (SQLite has no checksums of pages). The balance of a pass is
kept beside, under CHECK ≥ 0, in the same transaction; it has to equal the sum.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from teahouse.errors import DatabaseUnsound, NoCredit
from teahouse.store import passes as passes_of
from teahouse.store.tables import ledger, passes

PASS = "pass"  # noqa: S105  an account
COLUMNS = ("previous", "pass", "n", "at", "debit", "credit", "amount", "balance", "prediction", "order")
"""What an entry's digest is over."""
PAGE, DAY_MS = 1000, 86_400_000


@dataclass(frozen=True)
class Entry:
    """So much from one account to another, on a pass; `order`: of which purchase, `prediction`: for which answer."""

    debit: str
    credit: str
    amount: int
    at: int
    prediction: bytes | None = None
    order: str | None = None


def spend(c: sa.Connection, pass_id: bytes, prediction: bytes, at: int) -> int:
    """Take one credit for an answer that the same transaction records; what is left. NoCredit where there is none."""
    return append(c, pass_id, Entry(PASS, "spent", 1, at, prediction=prediction))


def give_back(c: sa.Connection, prediction: bytes, at: int) -> bool:
    """Give back the credit of an answer that could not be handed over; False where it took none, or has it back."""
    mine = list(c.execute(sa.select(ledger).where(ledger.c.prediction == prediction)).mappings())
    if [one["credit"] for one in mine] != ["spent"]:
        return False
    append(c, mine[0]["pass"], Entry("spent", PASS, 1, at, prediction=prediction))
    return True


def append(c: sa.Connection, pass_id: bytes, entry: Entry) -> int:
    """Append an entry to a pass's chain; its balance afterwards.

    NoCredit where it would be negative; DatabaseUnsound where what stands there was tampered with or damaged."""
    change = entry.amount * ((entry.credit == PASS) - (entry.debit == PASS))
    balance = c.execute(_change(), {"pass_id": pass_id, "change": change}).scalar()  # first: it locks the pass
    if balance is None:
        raise NoCredit("There is nothing left on this pass.", "Its answers were all used.", "Buy more, or come back.")
    last = c.execute(_last(), {"pass_id": pass_id}).one_or_none()
    if balance - change != (last.balance if last is not None else 0) or (last and last.digest != digest_of(last)):
        raise damaged(pass_id)
    row = {
        "at": entry.at,
        "pass": pass_id,
        "n": last.n + 1 if last is not None else 1,
        "debit": entry.debit,
        "credit": entry.credit,
        "amount": entry.amount,
        "balance": balance,
        "prediction": entry.prediction,
        "order": entry.order,
        "previous": last.digest if last is not None else origin_of(passes_of.get(c, pass_id)),
    }
    c.execute(_insert(), {**row, "digest": _digest(row)})
    return balance


def entries(c: sa.Connection, pass_id: bytes) -> list[Any]:
    """All entries of a pass, oldest first."""
    return list(c.execute(sa.select(ledger).where(ledger.c["pass"] == pass_id).order_by(ledger.c.n)))


def of_order(c: sa.Connection, order: str) -> Counter[tuple[str, str]]:
    """{(debit, credit): amount} of an order."""
    query = sa.select(ledger.c.debit, ledger.c.credit, sa.func.sum(ledger.c.amount)).where(ledger.c.order == order)
    return Counter({(debit, credit): n for debit, credit, n in c.execute(query.group_by("debit", "credit"))})


def lost_some(c: sa.Connection, pass_id: bytes) -> bool:
    """Whether some of what was bought on a pass was refunded after it was spent."""
    query = sa.select(ledger.c.seq).where(ledger.c["pass"] == pass_id, ledger.c.debit == "lost").limit(1)
    return c.execute(query).scalar() is not None


def left_of(chain: Iterable[Any], order: str) -> int:
    """How many credits of an order are left on its pass: what was bought first is spent first. One that was given back
    counts as bought anew: it can be of no order."""
    lots: dict[str | None, int] = {}
    for one in chain:
        if one.credit == PASS:
            lots[one.order] = lots.get(one.order, 0) + one.amount
        elif one.debit == PASS and one.order is not None:
            lots[one.order] -= one.amount
        elif one.debit == PASS:
            due = one.amount
            for each, has in lots.items():
                taken = min(has, due)
                lots[each], due = has - taken, due - taken
    return lots.get(order, 0)


def tail(c: sa.Connection, pass_id: bytes, limit: int = 200) -> list[Any]:
    """The newest entries of a pass, oldest first, after the chain between them was followed: with the balance that they
    say. DatabaseUnsound where it is broken."""
    query = sa.select(ledger).where(ledger.c["pass"] == pass_id).order_by(ledger.c.n.desc()).limit(limit)
    found, the_pass = list(c.execute(query))[::-1], passes_of.get(c, pass_id)
    broken = [one for one, after in pairwise(found) if after.previous != one.digest or after.n != one.n + 1]
    if broken or any(one.digest != digest_of(one) for one in found) or the_pass is None:
        raise damaged(pass_id)
    if the_pass.balance != (found[-1].balance if found else 0):
        raise damaged(pass_id)
    return found


def checked(c: sa.Connection, pass_id: bytes) -> list[Any]:
    """The entries of a pass, oldest first, after their chain was followed; DatabaseUnsound where it is broken."""
    found = entries(c, pass_id)
    if fault_of(passes_of.get(c, pass_id), found):
        raise damaged(pass_id)
    return found


def fault_of(the_pass: Any, chain: Iterable[Any]) -> str:
    """What is wrong with a pass's chain of entries or with its balance; "" where all is well."""
    if the_pass is None:
        return "there is no such pass"
    previous, balance, n = origin_of(the_pass), 0, 0
    for n, one in enumerate(chain, 1):
        if one.n != n or one.previous != previous:
            return f"entry {one.n} does not follow the one before"
        if one.amount <= 0 or one.digest != digest_of(one):
            return f"entry {one.n} is not what was written"
        balance += one.amount * ((one.credit == PASS) - (one.debit == PASS))
        if balance < 0 or one.balance != balance:
            return f"entry {one.n} does not sum up"
        previous = one.digest
    if the_pass.balance != balance:
        return f"the balance is not the sum of its {n} entries"
    return ""


def faults(c: sa.Connection) -> Iterator[tuple[bytes, str]]:
    """Passes whose chain or balance is broken, and how; entries of no pass too. Reads all of the ledger."""
    known, chain, whose = set(), [], None
    stream = c.execute(sa.select(ledger).order_by(ledger.c["pass"], ledger.c.n).execution_options(yield_per=PAGE))
    for one in stream:
        if whose is not None and one._mapping["pass"] != whose:
            known.add(whose)
            yield from _fault(c, whose, chain)
            chain = []
        whose = one._mapping["pass"]
        chain.append(one)
    if whose is not None:
        known.add(whose)
        yield from _fault(c, whose, chain)
    for row in c.execute(sa.select(passes).where(passes.c.balance != 0)):
        if row.id not in known:
            yield row.id, "the balance is not the sum of its 0 entries"


def _fault(c: sa.Connection, pass_id: bytes, chain: list[Any]) -> Iterator[tuple[bytes, str]]:
    if found := fault_of(passes_of.get(c, pass_id), chain):
        yield pass_id, found


def totals(c: sa.Connection, since: int = 0) -> dict[tuple[str, str], tuple[int, int]]:
    """{(debit, credit): (entries, amount)} of all entries from this moment (ms UTC) on."""
    count, amount = sa.func.count(), sa.func.sum(ledger.c.amount)
    query = sa.select(ledger.c.debit, ledger.c.credit, count, amount).where(ledger.c.at >= since)
    return {(debit, credit): (n, total) for debit, credit, n, total in c.execute(query.group_by("debit", "credit"))}


def origin_of(the_pass: Any) -> str:
    """What the chain of a pass begins with."""
    return hashlib.sha256(f"{the_pass.id.hex()}|{the_pass.hash}|{the_pass.app}|{the_pass.live}".encode()).hexdigest()


def of_orders(c: sa.Connection, live: bool, since: int = 0) -> list[Any]:
    """(day, debit, credit, n, amount) of what orders moved from this moment (ms UTC) on, summed by day (days since
    1970), oldest first. live: of orders for real money, else of those of a trial; answers are in none."""
    day = (ledger.c.at // DAY_MS).label("day")
    n, amount = sa.func.count().label("n"), sa.func.sum(ledger.c.amount).label("amount")
    query = sa.select(day, ledger.c.debit, ledger.c.credit, n, amount).select_from(_with_passes())
    query = query.where(passes.c.live == live, ledger.c.order.is_not(None), ledger.c.at >= since)
    return list(c.execute(query.group_by(day, ledger.c.debit, ledger.c.credit).order_by(day)))


def outstanding(c: sa.Connection, live: bool) -> int:
    """How many credits are left on all passes of real money, or of a trial."""
    return c.execute(sa.select(sa.func.sum(passes.c.balance)).where(passes.c.live == live)).scalar() or 0


def size(c: sa.Connection) -> int:
    """How many entries there are."""
    return c.execute(sa.select(sa.func.count()).select_from(ledger)).scalar() or 0


def after(c: sa.Connection, seq: int = 0, limit: int = PAGE) -> list[Any]:
    """Entries newer than this seq, oldest first, each with the `app` of its pass and with `live`: whether that is one
    of real money."""
    query = sa.select(ledger, passes.c.app, passes.c.live).select_from(_with_passes()).where(ledger.c.seq > seq)
    return list(c.execute(query.order_by(ledger.c.seq).limit(limit)))


def _with_passes() -> Any:
    return ledger.join(passes, passes.c.id == ledger.c["pass"])


def digest_of(row: Any) -> str:
    """The digest of an entry as it stands there."""
    return _digest(row._mapping)


def _digest(row: Any) -> str:
    """SHA-256 of the values as a JSON list, in the order of COLUMNS, bytes in hex: types count too."""
    values = [row[name] for name in COLUMNS]
    told = [value.hex() if isinstance(value, bytes) else value for value in values]
    return hashlib.sha256(json.dumps(told, separators=(",", ":")).encode()).hexdigest()


def damaged(pass_id: bytes) -> DatabaseUnsound:
    """What is said of a pass whose chain does not hold."""
    return DatabaseUnsound(
        "The ledger is damaged.",
        f"What is written of the pass {pass_id.hex()[:12]} is not what was written first.",
        "Run `teahouse doctor`; restore the last backup: `teahouse restore`.",
    )


@functools.cache
def _last() -> Any:
    mine = ledger.c["pass"] == sa.bindparam("pass_id")
    return sa.select(ledger).where(mine).order_by(ledger.c.n.desc()).limit(1)


@functools.cache
def _change() -> Any:
    after = passes.c.balance + sa.bindparam("change")
    mine = (passes.c.id == sa.bindparam("pass_id"), after >= 0)
    return sa.update(passes).where(*mine).values(balance=after).returning(passes.c.balance)


@functools.cache
def _insert() -> Any:
    return sa.insert(ledger)
