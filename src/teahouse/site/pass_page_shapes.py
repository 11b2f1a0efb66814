"""What the pages for paying show: one frozen dataclass a template, as in pages.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup

from teahouse.site.offer import Offer
from teahouse.site.pages import Shell


@dataclass(frozen=True)
class Purchase:
    """One purchase on a pass, with its number and its state in words. tone: good, bad or ""."""

    number: str
    at: int
    predictions: int
    price: str
    state: str
    tone: str = ""


@dataclass(frozen=True)
class Held:
    """A pass that this browser holds. link: opens it on another device, qr: the same as a picture; empty: nothing was
    ever paid for on it; blocked: it was refunded after use and is filled no more; awaits: a payment may be under way;
    pending: the order whose payment is, or "", at_test_till: and with play money; offer: what more cost, or None."""

    app: str
    title: str
    code: str
    credits: int
    link: str
    qr: Markup
    purchases: tuple[Purchase, ...] = ()
    empty: bool = False
    blocked: bool = False
    awaits: bool = False
    pending: str = ""
    at_test_till: bool = False
    offer: Offer | None = None


@dataclass(frozen=True)
class Back:
    """A buyer who is back from the till. state: that of their order, or lost where this browser holds no such order;
    at_test_till: the till takes play money."""

    order: str
    state: str
    app: str = ""
    title: str = ""
    predictions: int = 0
    offer: Offer | None = None
    at_test_till: bool = False


@dataclass(frozen=True)
class Pass:
    """`/pass`: the passes of this browser, what can be bought, and the door for a code. closed: why nothing is sold
    just now, or ""; contact: where buyers write to, or ""."""

    template: ClassVar[str] = "pass.html"
    shell: Shell
    held: tuple[Held, ...] = ()
    offers: tuple[Offer, ...] = ()
    back: Back | None = None
    closed: str = ""
    contact: str = ""


@dataclass(frozen=True)
class Pay:
    """`/pay/{order}`: the test till. state: that of the order, in words; open: whether it can still be paid."""

    template: ClassVar[str] = "pay.html"
    shell: Shell
    order: str
    title: str
    price: str
    predictions: int
    seller: str
    state: str
    open: bool = True


@dataclass(frozen=True)
class Text:
    """`/terms`, `/refunds`, `/tax`. file: where the owner writes it, told to the owner alone, or ""; why: what keeps
    the file that is there from being shown, or ""."""

    template: ClassVar[str] = "text.html"
    shell: Shell
    title: str
    body: Markup
    file: str = ""
    why: str = ""


PAGES = (Pass, Pay, Text)
