"""Paying: how one answer is paid for: not at all, with one of today's free ones, or with a credit of a pass.

A credit is reserved in memory while its answer is worked out, and spent in the transaction that records the answer:
where no answer comes, or it can not be kept, nothing was taken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from teahouse import failpoints
from teahouse.errors import ClosedForToday, NoCredit
from teahouse.feedback import retention
from teahouse.payments import orders
from teahouse.site import samples, visitors
from teahouse.site.deps import Deps, Live, Shown, deps_of
from teahouse.site.purse import Fare, Left
from teahouse.site.visitors import Visitor
from teahouse.spec.price import told
from teahouse.store import ledger, passes, predictions, quotas

NETWORK = 50
"""So often a visitor's free answers of a day has a network: a household, a class; who throws cookies away too."""
SAMPLES = 20
"""So many of a maker's own samples a visitor may look at in a day before they count."""
HEADER, DAY_MS = "x-pass", 86_400_000


def is_counted(shown: Shown) -> bool:
    """Whether the app's answers are counted at all."""
    return shown.declaration.get("free_per_day") is not None


def code_of(request: Request, app: str, page: bool) -> str | None:
    """The code of the pass that a request shows: a program's header, or the cookie where one of our own pages asks."""
    given = request.headers.get(HEADER) or (request.cookies.get(cookie(request, app), "") if page else "")
    return orders.read_code(given[:100]) if given else None


def cookie(request: Request, app: str) -> str:
    """The name of the cookie that holds an app's pass."""
    return visitors.cookie_name(request, f"pass-{app}")


async def fare(request: Request, shown: Shown, visitor: Visitor, network: bytes, key: str | None) -> Fare:
    """How the next answer is paid for; NoCredit or ClosedForToday where it is not, before the photo is read. Who has a
    key and no cookie is let in to be looked at again: `renamed` knows by what they give if it was answered before."""
    deps = deps_of(request)
    if not is_counted(shown):
        deps.cap.refuse()
        return Fare()
    code = code_of(request, shown.name, visitor.page)
    try:
        return await run_in_threadpool(fare_of, deps, shown, subjects(visitor, network), code, key)
    except (NoCredit, ClosedForToday):
        if visitor.fresh and key is not None:
            return Fare("again")
        raise


async def renamed(deps: Deps, shown: Shown, fare: Fare, visitor: Visitor, whose: tuple[bytes, str]) -> Fare:
    """The same fare for a visitor who is known by another name now, from a network and under a key."""
    network, key = whose
    if fare.kind == "open":
        return fare
    anew = await run_in_threadpool(fare_of, deps, shown, subjects(visitor, network), None, key, fare.kind == "paid")
    if anew.before is not None:
        return anew
    return fare if fare.kind == "paid" else replace(anew, pass_id=fare.pass_id, balance=fare.balance)


async def unless_sample(
    deps: Deps, shown: Shown, live: Live, fare: Fare, whose: tuple[Visitor, bytes], given: bytes
) -> Fare:
    """The same fare; on our own pages another one for one of the maker's samples as it stands, which takes none of a
    visitor's answers: SAMPLES of a day. Past these, and past the cap, it counts like any photo."""
    visitor, network = whose
    if fare.kind not in ("free", "paid") or not visitor.page or deps.cap.closed is not None:
        return fare
    if not await samples.holds(deps, live, given):
        return fare
    day, what = retention.day_of(deps.clock()), f"sample:{shown.name}"
    taken = (quotas.Taken(day, visitor.id.hex(), what, 1, SAMPLES),
             quotas.Taken(day, network.hex(), what, 1, SAMPLES * NETWORK))  # fmt: skip

    def left() -> int:
        with deps.house.db.read() as c:
            return min(one.most - quotas.used(c, one) for one in taken)

    found = await run_in_threadpool(left)
    return Fare("sample", quotas=taken, left=found, first=fare.first) if found > 0 else fare


def subjects(visitor: Visitor, network: bytes) -> tuple[bytes | None, bytes]:
    """Whose free answers are counted: a program that keeps no cookie is a new visitor each time."""
    return (visitor.id if visitor.page else None), network


def fare_of(
    deps: Deps, shown: Shown, whose: tuple[bytes | None, bytes], code: str | None, key: str | None, paid: bool = False
) -> Fare:
    """How the next answer is paid for, of a visitor (None: a program that is none) and their network; paid: that is
    known, and asked is if it was answered before. NoCredit or ClosedForToday where it is not. Runs in a thread."""
    app, live, closed = shown.name, deps.live, deps.cap.closed is not None
    with deps.house.db.read() as c:
        if key is not None and (before := predictions.by_key(c, app, key)) is not None:
            return Fare("again", before=before)
        if paid:
            return Fare("paid")
        mine = passes.by_code(c, code, live)
        pass_id, balance = (mine.id, mine.balance) if mine is not None and mine.app == app else (None, 0)
        free = free_today(deps, shown, whose)
        left = min(one.most - quotas.used(c, one) for one in free)
    if left > 0 and not closed:
        return Fare("free", pass_id, balance, free, left)
    if balance and (live or not closed):  # play money buys nothing of what costs the maker real money
        return Fare("paid", pass_id, balance, first=live)
    deps.cap.refuse()
    raise spent(deps, shown)


def free_today(deps: Deps, shown: Shown, whose: tuple[bytes | None, bytes]) -> tuple[quotas.Taken, ...]:
    """One free answer of today, as it counts for a visitor and for their network."""
    free, day = int(shown.declaration["free_per_day"]), retention.day_of(deps.clock())
    visitor, network = whose
    mine = [(visitor, free)] if visitor is not None else []
    return tuple(
        quotas.Taken(day, subject.hex(), f"free:{shown.name}", 1, most)
        for subject, most in (*mine, (network, free * NETWORK))
    )


def pay(c: Any, fare: Fare, prediction: bytes, at: int) -> Left | None:
    """Takes what an answer costs, in the transaction that records it: what is left, None where nothing is counted.
    NoCredit where others were faster, and then the answer is not recorded."""
    if fare.kind == "open":
        return None
    if fare.kind in ("free", "sample") and all(quotas.fits(c, one) for one in fare.quotas):
        taken = [quotas.take_of(c, one) or 0 for one in fare.quotas]
        left = min(one.most - n for one, n in zip(fare.quotas, taken, strict=True))
        return Left(left, fare.balance) if fare.kind == "free" else None
    if fare.kind in ("free", "paid") and fare.pass_id is not None and fare.balance:
        left = ledger.spend(c, fare.pass_id, prediction, at)
        failpoints.here("spent")
        return Left(0, left)
    raise NoCredit("Today's free answers are used.", "Others of yours came first.", "Come back tomorrow.")


def spent(deps: Deps, shown: Shown) -> NoCredit:
    """What is said to who has had today's free answers and has no credit."""
    free, price = int(shown.declaration["free_per_day"]), shown.declaration.get("price")
    wait = (DAY_MS - deps.clock() % DAY_MS) // 1000 + 1
    had = f"That was today's {free} for free." if free > 1 else "That was today's free one."
    what = had if free else "A pass is needed here."
    if price is None:
        return NoCredit(what, "There are as many again tomorrow.", "Come back tomorrow.", retry_after=wait)
    asks = told(price["amount"], price["currency"])
    why = f"{price['predictions']} more are {asks}, and never run out of date."
    tomorrow = "or come back tomorrow" if free else "on its page"
    return NoCredit(what, why, f"Get a pass, {tomorrow}.", retry_after=wait, price=price, buy=f"/pass?app={shown.name}")
