"""/pass and /pay/{order}: the pages of who buys. They tell what the ledger holds; nothing is credited here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fastapi import Request
from starlette.responses import Response

from teahouse.errors import NotFound, TeahouseError
from teahouse.payments import orders
from teahouse.payments.play_money import PlayMoney
from teahouse.payments.till import number
from teahouse.site import account, drawing, origin, render
from teahouse.site import pass_page_shapes as shapes
from teahouse.site.deps import Deps, Shown, deps_of
from teahouse.site.offer import Counted, Offer
from teahouse.site.shell import shell_of
from teahouse.spec.price import told
from teahouse.store import till_events

STATES = {
    "ordered": ("not paid", ""),
    "pending": ("waiting for your bank", ""),
    "failed": ("declined, nothing was charged", "bad"),
    "expired": ("ran out of time, nothing was charged", "bad"),
    "paid": ("paid", "good"),
    "disputed": ("disputed with your bank", "bad"),
    "refunded": ("refunded", ""),
}
"""What a purchase stands at, in words, and their tone."""
UNPAID = ("ordered", "failed", "expired")
MAKER = "the maker of this site"
PLAY, TEST = "play money: nothing is charged", "a test: only test cards pay, nothing is charged"


def page(request: Request) -> Response:
    """GET /pass: `?app=` offers that app's answers, `?paid=` is a buyer who is back; a till brings them with both."""
    deps = deps_of(request)
    mine = account.listing(request)
    offers = {name: one for name, shown in deps.serving.apps.items() if (one := offer_of(deps, shown)) is not None}
    asked, order = request.query_params.get("app", ""), request.query_params.get("paid", "")
    back = back_of(mine, order, offers) if order else None
    if back is not None and deps.settings.money.till == "test":
        back = replace(back, at_test_till=True)
    wanted = [asked] if asked in offers else list(offers)
    if back is not None and back.state in account.AWAITED:
        deps.till_awaited = True
        offers.pop(back.app, None)  # nobody pays twice because a bank is slow
    address = origin.address_of(request.scope, request.headers, deps.settings)
    closed = deps.cap.closed
    shown = shapes.Pass(
        shell=shell_of(deps),
        held=tuple(held_of(deps, one, address, offers.get(one.app)) for one in mine.passes),
        offers=offered(mine, offers, wanted),
        back=back,
        closed=f"{closed.what} {closed.do_next}" if closed is not None else "",
        contact=deps.settings.money.contact,
    )
    return render.render(shown, request.state.nonce)


def offer_of(deps: Deps, shown: Shown) -> Offer | None:
    """What an app sells; None where it has no price, or the till can not be opened: then nobody can pay."""
    price = shown.declaration.get("price")
    if price is None:
        return None
    try:
        live = deps.till.live
    except TeahouseError:
        return None
    seller = deps.settings.site.title or MAKER
    asks = told(price["amount"], price["currency"])
    return Offer(shown.name, shown.title, asks, price["predictions"], seller, trial=trial_of(deps, live))


def trial_of(deps: Deps, live: bool) -> str:
    """What stands on a button that buys, where no money moves."""
    if live:
        return ""
    return PLAY if deps.settings.money.till == "test" else TEST


def counted(deps: Deps, request: Request, shown: Shown) -> Counted | None:
    """What this visitor has left of an app, for its page; None where nothing is counted. A page that is filled for
    anybody tells what a day has, and one in a frame knows nobody."""
    free = shown.declaration.get("free_per_day")
    if free is None:
        return None
    anybody = getattr(request.state, "piece", None) is not None or bool(getattr(request.state, "framed", False))
    left = None if anybody else account.left_of(deps, request, shown)
    offer = offer_of(deps, shown)
    return Counted(int(free), offer=offer) if left is None else Counted(int(free), left["free"], left["credits"], offer)


def offered(mine: account.PassesOut, offers: dict[str, Offer], wanted: Iterable[str]) -> tuple[Offer, ...]:
    """What is offered of these apps beside the passes that are held; a pass has an offer of its own."""
    known = {one.app for one in mine.passes}
    return tuple(offers[name] for name in wanted if name in offers and name not in known)


def held_of(deps: Deps, one: account.PassOut, address: str, offer: Offer | None) -> shapes.Held:
    """A pass as the page shows it. While a payment is under way, nothing more is offered: nobody pays twice."""
    link = f"{address}/pass#{one.code}"
    empty = not one.credits and all(order.state in UNPAID for order in one.orders)
    told_of = [order for order in one.orders if order.state != "ordered"]  # who turned back before paying knows it
    bought = tuple(
        shapes.Purchase(number(each.order), each.at, each.predictions, each.price, *STATES[each.state])
        for each in told_of
    )
    state = account.awaited(one.orders, deps.clock())
    test = deps.settings.money.till == "test"
    pending = next((each.order for each in one.orders if each.state == "pending"), "") if state == "pending" else ""
    return shapes.Held(one.app, one.title, one.code, one.credits, link, drawing.qr(link), bought, empty=empty,
                       blocked=one.blocked, awaits=state == "ordered" and not test, pending=pending, at_test_till=test,
                       offer=None if pending else offer)  # fmt: skip


def back_of(mine: account.PassesOut, order: str, offers: dict[str, Offer]) -> shapes.Back:
    """Where the purchase of a buyer who is back stands; lost where no pass of this browser has it."""
    for held in mine.passes:
        for one in held.orders:
            if one.order == order:
                offer = offers.get(held.app)
                return shapes.Back(order, one.state, held.app, held.title, one.predictions, offer)
    return shapes.Back(order, "lost")


def pay(request: Request) -> Response:
    """GET /pay/{order}: the test till; NotFound where the site takes real money."""
    deps, order = deps_of(request), request.path_params["order"]
    if not isinstance(deps.till, PlayMoney):
        raise nothing()
    with deps.house.db.read() as c:
        row = till_events.order(c, order)
        state = orders.standing(row, till_events.of_order(c, order)).state if row is not None else ""
    if row is None or row.body["live"]:
        raise nothing()
    sold = deps.serving.apps.get(row.body["app"])
    shown = shapes.Pay(
        shell=shell_of(deps),
        order=order,
        title=sold.title if sold is not None else row.body["app"],
        price=told(row.body["amount"], row.body["currency"]),
        predictions=row.body["predictions"],
        seller=deps.settings.site.title or MAKER,
        state=STATES[state][0],
        open=state in account.AWAITED,
    )
    return render.render(shown, request.state.nonce)


def nothing() -> NotFound:
    """The refusal of a till that is not there."""
    return NotFound("There is nothing to pay here.", "This order is not known to a test till.", "Look at your pass.")
