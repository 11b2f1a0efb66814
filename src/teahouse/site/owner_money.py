"""/owner/money: what was sold, what is owed, what answers cost, the caps, and whether the ledger holds."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from fastapi import Request
from starlette.responses import Response

from teahouse.errors import SettingsError
from teahouse.payments import orders
from teahouse.payments.till import Till, number
from teahouse.site import cap, chains, owner_page_shapes, owner_views, pages, render
from teahouse.site import owner_money_shapes as shapes
from teahouse.site.costs import BYTES, SITE
from teahouse.site.deps import Deps, deps_of
from teahouse.site.owner_reviews import app_of
from teahouse.spec.price import WHOLE, told
from teahouse.store import apps, ledger, passes, tallies, till_events
from teahouse.store.ledger import PASS

PAGE = 30
PAYOUTS = {True: "https://dashboard.stripe.com/payouts", False: "https://dashboard.stripe.com/test/payouts"}
KINDS = {"work:paid": "Answers that were paid for", "work:free": "Free play", "work:open": "Play that nobody counts"}
STATES = {
    "ordered": "not paid",
    "pending": "the payment is on its way",
    "failed": "the payment failed",
    "expired": "was not paid in time",
    "paid": "paid",
    "disputed": "the buyer's bank disputes it",
}
TONES = {"paid": "good", "disputed": "bad"}


def page(request: Request) -> Response:
    """GET /owner/money; with ?asked= the order whose money the till was just asked to give back, with ?find= the order
    of this number alone."""
    deps = deps_of(request)
    till, trouble = till_of(deps)
    live = till.live if till is not None else deps.settings.money.till == "stripe"
    given = request.query_params.get("before", "")
    before = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None
    wanted = request.query_params.get("find", "").strip()[:100]
    numbers = re.findall(r"[0-9a-f]{12,}", wanted.lower())
    followed = chains_of(deps)  # before this page reads: that may take a moment
    with deps.house.db.read() as c:
        shown = app_of(c, request.query_params.get("app") or None)
        declared = apps.all_latest(c)
        moved = ledger.of_orders(c, live)
        books, credits = books_of(moved), credits_of(c, moved, live)
        currency = currency_of(declared, books)
        costs = Costs(deps, c, currency)
        end = number(numbers[-1]) if numbers else ""
        rows = till_events.orders(c, live, before, PAGE, end) if end or not wanted else []
        titles = {row.name: row.title for row in declared}
        bought = tuple(purchase(c, row, titles, request.query_params.get("asked", "")) for row in rows)
        body = shapes.Money(
            shell=pages.Shell(deps.settings.site.title or "Teahouse", len(deps.serving.apps) > 1, owner=True),
            desk=owner_views.desk(c, deps, shown),
            till="" if till is None else "live" if live else "play" if till.name == "test" else "test",
            sells=any(row.declaration.get("price") for row in declared),
            ledger=followed,
            trouble=trouble,
            figures=figures(books, credits, costs),
            books=books,
            credits=credits,
            work=costs.work,
            priced=costs.priced,
            caps=tuple(meter(one) for one in deps.cap.limits),
            purchases=bought,
            wanted=wanted,
            older=owner_views.here("/owner/money", shown.name, rows[-1].seq) if len(rows) == PAGE else "",
            others=till_events.count(c, not live),
            payouts=PAYOUTS[live] if deps.settings.money.till == "stripe" else "",
        )
    return render.render(body, request.state.nonce)


def till_of(deps: Deps) -> tuple[Till | None, str]:
    """The till, or why there is none, in words."""
    try:
        return deps.till, ""
    except SettingsError as error:
        return None, f"{error.what} {error.why} {error.do_next}"


def chains_of(deps: Deps) -> shapes.Ledger:
    """Whether the ledger holds, as far as that is known by now."""
    found: chains.Followed | None = deps.chains.told(deps)
    return shapes.Ledger(found.entries, found.at, found.faults) if found is not None else shapes.Ledger()


# ---- what was sold ---------------------------------------------------------------------------------------------------


def books_of(moved: Sequence[Any]) -> tuple[shapes.Book, ...]:
    """Income and refunds of each currency by month; the currency in which most was bought comes first."""
    came: dict[str, Counter[str]] = defaultdict(Counter)
    back: dict[str, Counter[str]] = defaultdict(Counter)
    often: Counter[str] = Counter()
    for row in moved:
        side, _, currency = row.debit.partition(":")
        if side == "till":
            came[currency][month_of(row.day)] += row.amount
            often[currency] += row.n
        elif side == "income":
            back[currency][month_of(row.day)] += row.amount
    return tuple(book(currency, came[currency], back[currency]) for currency, _ in often.most_common())


def book(currency: str, came: Mapping[str, int], back: Mapping[str, int]) -> shapes.Book:
    """A currency's months, newest first; those between them in which nothing happened too."""

    def line(name: str, income: int, refunds: int) -> shapes.Month:
        net, digits = income - refunds, 0 if currency in WHOLE else -2
        words = told(income, currency), told(refunds, currency), told(net, currency)
        return shapes.Month(name, *words, float(Decimal(net).scaleb(digits)))

    months = tuple(
        line(f"{date.fromisoformat(f'{month}-01'):%b %Y}", came.get(month, 0), back.get(month, 0))
        for month in between(min({*came, *back}), max({*came, *back}))
    )
    whole = line("", sum(came.values()), sum(back.values()))
    return shapes.Book(currency, whole.income, whole.refunds, whole.net, months[::-1])


def month_of(day: int) -> str:
    """The month of a day (since 1970), "2026-11"."""
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()[:7]


def between(first: str, last: str) -> list[str]:
    """All months from one to another."""
    found, month = [], date.fromisoformat(f"{first}-01")
    while month.isoformat()[:7] <= last:
        found.append(month.isoformat()[:7])
        month = (month + timedelta(days=32)).replace(day=1)
    return found


def credits_of(c: Any, moved: Sequence[Any], live: bool) -> shapes.Credits:
    """What became of the answers that were sold; how many were used follows from the rest, as the ledger has it."""
    sums: Counter[tuple[str, str]] = Counter()
    for row in moved:
        sums[row.debit, row.credit] += row.amount
    sold, lost = sums["bought", PASS], sums["lost", "refunded"]
    held = sums[PASS, "held"] - sums["held", PASS] - sums["held", "refunded"]
    refunded, left = sums[PASS, "refunded"] + sums["held", "refunded"], ledger.outstanding(c, live)
    incomes = {debit.removeprefix("till:"): n for (debit, _), n in sums.items() if debit.startswith("till:")}
    worth = ""
    if len(incomes) == 1 and left:
        ((currency, income),) = incomes.items()
        worth = told(income * left // sold, currency)
    spent = max(0, sold - held - refunded - left)
    return shapes.Credits(sold, spent, refunded, lost, held, left, worth)


def purchase(c: Any, row: Any, titles: Mapping[str, str], asked: str) -> shapes.Purchase:
    """An order as a line."""
    now, body = orders.standing(row, till_events.of_order(c, row.provider_id)), row.body
    the_pass = passes.get(c, bytes.fromhex(body["pass"]))
    whole = now.returned >= body["amount"]
    state = STATES.get(now.state, "given back" if whole else f"{told(now.returned, body['currency'])} given back")
    gives = now.paid and not now.disputed and not whole
    return shapes.Purchase(
        order=row.provider_id,
        name=number(row.provider_id),
        at=row.at,
        price=told(body["amount"], body["currency"]),
        app=titles.get(body["app"], body["app"]),
        answers=body["predictions"],
        state=state,
        left=the_pass.balance if the_pass is not None else 0,
        tone=TONES.get(now.state, "plain"),
        gives=gives,
        asked=gives and row.provider_id == asked,
    )


# ---- what it costs ---------------------------------------------------------------------------------------------------


class Costs:
    """What this month's answers took, by how they were paid for, and what that costs."""

    def __init__(self, deps: Deps, c: Any, currency: str) -> None:
        money = deps.settings.money
        self.currency, self.priced = currency, bool(money.hour_costs or money.gb_costs)
        hour = int(cap.began("month", deps.clock()).timestamp()) // 3600
        sums = [tallies.sums(c, app, (*KINDS, BYTES), hour) for app in (SITE, *deps.serving.apps)]
        self.answers = {kind: sum(one.get(kind, (0, 0.0))[0] for one in sums) for kind in KINDS}
        seconds = {kind: sum(one.get(kind, (0, 0.0))[1] for one in sums) for kind in KINDS}
        size = sum(one.get(BYTES, (0, 0.0))[1] for one in sums)
        self.all = sum(self.answers.values())
        moved = {kind: size * n / self.all if self.all else 0.0 for kind, n in self.answers.items()}
        self.costs = {kind: cap.Used(seconds[kind], moved[kind]).of("costs", money) for kind in KINDS}
        self.work = tuple(
            shapes.Work(name, self.answers[kind], lasted(seconds[kind]), sized(moved[kind]), self.words(kind))
            for kind, name in KINDS.items() if self.answers[kind]
        )  # fmt: skip

    def words(self, *kinds: str) -> str:
        """What these cost, or "" where nothing is known of it."""
        return precisely(sum(self.costs[kind] for kind in kinds), self.currency) if self.priced else ""

    @property
    def each(self) -> str:
        """What an answer costs; "" where that is unknown."""
        known = self.priced and self.all
        return precisely(sum(self.costs.values()) / self.all, self.currency) if known else ""


def currency_of(declared: Sequence[Any], books: Sequence[shapes.Book]) -> str:
    """In which currency costs are told: that of the first price, else of what was sold; "" where there is none."""
    prices = [row.declaration["price"]["currency"] for row in declared if row.declaration.get("price")]
    return next(iter([*prices, *(one.currency for one in books)]), "")


def figures(
    books: Sequence[shapes.Book], credits: shapes.Credits, costs: Costs
) -> tuple[owner_page_shapes.Figure, ...]:
    """The numbers at the top."""
    figure = owner_page_shapes.Figure
    found = []
    for one in books[:2]:
        note = f"{amount(one.income)} came, {amount(one.refunds)} went back"
        found.append(figure(f"income in {one.currency}", amount(one.net), note))
    if credits.sold:
        found.append(figure("answers owed", f"{credits.outstanding:,}", "paid for, and not used yet"))
    if costs.each:
        free, unit = costs.words("work:free", "work:open"), f"{costs.currency}, " if costs.currency else ""
        found.append(figure("an answer costs", amount(costs.each), f"{unit}of work and bytes, this month"))
        found.append(figure("free play costs", amount(free), f"{unit}this month so far"))
    return tuple(found)


def amount(words: str) -> str:
    """A sum without its currency."""
    return words.partition(" ")[0]


def precisely(value: float, currency: str) -> str:
    """Costs, however small: "12.40 EUR", "0.00031 EUR"."""
    digits = 2 if value >= 0.1 or not value else max(2, 1 - Decimal(value).adjusted())
    return f"{value:,.{digits}f} {currency}".rstrip()


def lasted(seconds: float) -> str:
    """A time of work: "12 s", "4 min", "1.2 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 9.5 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:,.1f} h"


def sized(size: float) -> str:
    """Bytes in and out: "3.1 MB", "2.4 GB"."""
    return f"{size / 1e6:.1f} MB" if size < 1e8 else f"{size / 1e9:,.1f} GB"


def meter(limit: cap.Limit) -> shapes.Meter:
    """A cap on the page."""
    tone = "full" if limit.share >= 1 else "near" if limit.share * 100 >= cap.WARN[1] else "plain"
    return shapes.Meter(limit.words, min(1.0, limit.share), tone)
