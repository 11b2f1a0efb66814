"""What the owner's page of money shows, by the same rules as the other pages; every number as it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from teahouse.site.owner_page_shapes import Desk, Figure
from teahouse.site.pages import Shell


@dataclass(frozen=True)
class Month:
    """A month of a currency, in money: what came, what went back, and the rest; `net` again as a number for drawing."""

    name: str
    income: str
    refunds: str
    net: str
    value: float = 0.0


@dataclass(frozen=True)
class Book:
    """All months of a currency that had any, newest first, and their sums."""

    currency: str
    income: str
    refunds: str
    net: str
    months: tuple[Month, ...] = ()


@dataclass(frozen=True)
class Credits:
    """Answers that were sold: what became of them. `worth`: of the income, what those are that are owed; or ""."""

    sold: int = 0
    spent: int = 0
    refunded: int = 0
    lost: int = 0  # given back after they were used
    held: int = 0  # while a payment is disputed
    outstanding: int = 0
    worth: str = ""


@dataclass(frozen=True)
class Work:
    """What answers of a kind took this month: how many, for how long, and what that costs ("" if unknown)."""

    name: str
    answers: int
    took: str
    moved: str
    costs: str = ""


@dataclass(frozen=True)
class Meter:
    """A cap: how much of it is used, in words and as a share; tone: plain, near (80 %) or full."""

    words: str
    share: float
    tone: str = "plain"


@dataclass(frozen=True)
class Purchase:
    """An order: `order` is its id, `name` its number. left: answers on its pass; gives:
    whether it can be given back; asked: whether the till was asked to a moment ago."""

    order: str
    name: str
    at: int
    price: str
    app: str
    answers: int
    state: str
    left: int = 0
    tone: str = "plain"
    gives: bool = False
    asked: bool = False


@dataclass(frozen=True)
class Ledger:
    """Whether the ledger's chains hold: how many entries, when that was looked at (None: it is going on), and what is
    wrong: (pass, words)."""

    entries: int = 0
    at: int | None = None
    faults: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Money:
    """`/owner/money`, of all apps of the house. till: play, test (Stripe's), live or "" where its access is not whole;
    `trouble` then says why. sells: whether an app has a price; others: how many orders are of the other kind of money,
    and not counted here. wanted: the number of the order that alone is shown, or "". months: the net
    of the first currency by month, oldest first, for drawing."""

    template: ClassVar[str] = "owner/money.html"
    shell: Shell
    desk: Desk
    till: str
    sells: bool
    ledger: Ledger
    trouble: str = ""
    figures: tuple[Figure, ...] = ()
    books: tuple[Book, ...] = ()
    credits: Credits = Credits()
    work: tuple[Work, ...] = ()
    priced: bool = False  # whether it is known what an hour or a GB costs
    caps: tuple[Meter, ...] = ()
    purchases: tuple[Purchase, ...] = ()
    older: str = ""
    others: int = 0
    wanted: str = ""
    payouts: str = ""


PAGES = (Money,)
