"""Ledger: nobody pays twice or for nothing, no cent goes missing, and paying costs a visitor no time.

    python benchmarks/ledger.py [--quick] [--report FILE]

    kills       one site sells (Stripe's own library and webhooks, against a loopback server that speaks and signs as
                Stripe does); four buyers spend, payments and refunds come in four at a time, and the whole house is
                killed with SIGKILL 50 times at random moments. Then every chain is followed and every account summed
    overhead    two sites side by side, one of free answers (counted), one of paid ones, asked by turns over one
                connection each: p50 and p99 of one against the other. The model takes 15 ms
    rows        M1 to M8, D5, D6 and D9 of the standard at their figures, and the journey in Chromium, as tests

--quick: 5 kills, 300 answers of each kind, and the rows at their daily counts: two minutes. All of it: about an hour.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import rows

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.payments.stripe_server import StripeServer  # noqa: E402
from tests.standard import challengers, money  # noqa: E402
from tests.standard.acting import ONCE  # noqa: E402
from tests.standard.money import PATH, Buyer, Shop, deliver, event, killing, spending  # noqa: E402

from teahouse import testing  # noqa: E402
from teahouse.site.pulse import quantile  # noqa: E402
from teahouse.store import rollouts  # noqa: E402

TIMES = 1.1
M, P = "tests/standard/test_m_money.py", "tests/payments"
TESTS = {  # of each row of the standard: where it is, which tests
    "M1: 1,000 events, 1 to 5 times, shuffled, 20 at once, kill -9 between: as if each came once": (M, "m1"),
    "M2: events that Stripe did not sign for this account a moment ago: 400, no change": (P, "m2 or no_access"),
    "M3: all 120 orders of 5 events: the same end, no move backwards": (P, "m3"),
    "M4: 100 spend the last credit, 200 times: 1 success, 99 x 402": (M, "m4"),
    "M5: 500 answers that end badly: bought - spent - refunded = balance": (M, "m5"),
    "M6: four days down, then one look: all payments, none twice": (M, "m6"),
    "M7: amount, currency and price of the browser are ignored; thanks without payment give nothing": (
        "tests/site/test_paying.py", "m7"),
    "M8: a refund after spending ends at 0, the owner is told": (P, "m8"),
    "F8: Stripe hangs, refuses, talks nonsense, drips: free predictions' p99 <= 1.2 x": (M, "f8"),
    "D5: flipped bytes and changed entries of the ledger: all found": (P, "d5"),
    "D6: the clock has no say": (P, "d6"),
    "D9: 10,000 steps against a model ledger, 0 divergences": (P, "d9"),
    "journey in Chromium: free, the limit, the test till, on, restored elsewhere, refunded": (
        "tests/journeys/test_paying.py", ""),
}  # fmt: skip
FULL = {
    "TEAHOUSE_LAST_CREDITS": "200", "TEAHOUSE_SPENDS": "500", "TEAHOUSE_LEDGER_STEPS": "10000",
    "TEAHOUSE_LEDGER_FLIPS": "200", "TEAHOUSE_EXACT": "1",
}  # fmt: skip


def measure(quick: bool) -> list[rows.Row]:
    """All rows."""
    found = [*kills(5 if quick else 50), *overhead(300 if quick else 3000)]
    return [*found, *(of_test(name, *where, quick) for name, where in TESTS.items())]


# ---- kills ----------------------------------------------------------------------------------------------------------


def moments(count: int) -> Iterator[float]:
    """Random seconds of life between two kills."""
    dice = random.Random(50)
    return (dice.uniform(0.2, 1.2) for _ in range(count))


def kills(count: int) -> list[rows.Row]:
    """SIGKILL during purchases and spends."""
    server = StripeServer()
    with tempfile.TemporaryDirectory(prefix="teahouse-ledger-") as scratch:
        shop = Shop.made(Path(scratch) / "house", server)
        buyers = [Buyer(n, shop.paid(100_000).code) for n in range(4)]
        sold, site, dice = shop.orders(40 * count), shop.site(), random.Random(1)
        told = [(one, "checkout.session.completed", {}) for one in sold]
        told += [(one, "charge.refunded", {"amount_refunded": 100}) for one in dice.sample(sold, len(sold) // 4)]
        dice.shuffle(told)
        bodies = [event(site, one, kind, number, **changes) for number, (one, kind, changes) in enumerate(told)]
        done, sent = threading.Event(), []
        with shop:
            shop.start()
            with spending(shop, buyers):
                deliverer = threading.Thread(target=lambda: sent.append(trickle(shop, bodies, done)))
                deliverer.start()
                with killing(shop, moments(count)) as happened:
                    money.wait(lambda: len(happened) >= count, 60.0 * count)
                done.set()
                deliverer.join()
            shop.stop()
        books = shop.books()
    server.close()
    wrong = books.wrong()
    bought = sum(moved["bought", "pass"] for moved in books.moved.values())
    spent, seen = sum(books.spends.values()), sum(len(buyer.answered) for buyer in buyers)
    words = (
        f"{len(happened)} kills; {sent[0]} of {len(bodies)} events taken, {bought:,} bought, {spent:,} spent "
        f"({seen:,} of these answers were seen), {len(books.balances):,} accounts; wrong: {wrong[:3] or 0}"
    )
    bar = "bought - spent - refunded = balance in every account, chain intact"
    full = len(happened) >= count and spent > 0 and sent[0] == len(bodies)
    return [rows.row(f"{count} kills with SIGKILL during purchases and spends", words, bar, full and not wrong)]


def trickle(shop: Shop, bodies: list[bytes], done: threading.Event) -> int:
    """Sends events, a few at a time, as long as there are kills, and what is left after them; how many were taken."""
    taken, few = 0, 20
    for at in range(0, len(bodies), few):
        asyncio.run(deliver(shop, bodies[at : at + few], at_once=4, patience=120))
        taken += len(bodies[at : at + few])
        done.wait(0.2)
    return taken


# ---- overhead -------------------------------------------------------------------------------------------------------


def overhead(count: int) -> list[rows.Row]:
    """A paid answer's time against a free one's."""
    with tempfile.TemporaryDirectory(prefix="teahouse-ledger-") as scratch:
        shops = [steady(Path(scratch) / name, free) for name, free in (("free", 1_000_000), ("paid", 0))]
        codes = ["", shops[1].paid(1_000_000).code]
        took: list[list[float]] = [[], []]
        with shops[0], shops[1]:
            for shop in shops:
                shop.start()
            clients = [httpx.Client(base_url=shop.url, timeout=30, verify=ONCE) for shop in shops]
            for seed in range(count + 50):
                photo = testing.photo("warm", seed)
                for way in dice_order(seed):
                    headers = {"X-Pass": codes[way]} if codes[way] else {}
                    began = time.monotonic()
                    told = clients[way].post(PATH, content=photo, headers=headers)
                    took[way].append(time.monotonic() - began)
                    assert told.status_code == 201, told.text
                    assert (told.json()["left"]["credits"] > 0) == (way == 1)
    free, paid = (one[50:] for one in took)
    found = []
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        one, other = quantile(paid, share) * 1000, quantile(free, share) * 1000
        words = f"{one / other:.3f} x ({one:.1f} to {other:.1f} ms, {count} each)"
        found.append(rows.row(f"a paid prediction's {name} against a free one's", words, f"<= {TIMES} x",
                              one <= TIMES * other))  # fmt: skip
    return found


def dice_order(seed: int) -> tuple[int, int]:
    """Who is asked first, by turns."""
    return (0, 1) if seed % 2 else (1, 0)


def steady(root: Path, free: int) -> Shop:
    """A shop whose model takes 15 ms."""
    shop = Shop.made(root, free=free)
    with shop.opened() as house:
        release = challengers.install(house, root.with_name(f"{root.name}-release"), "steady")
        house.db.write(lambda c: rollouts.append(c, rollouts.Step(testing.APP, release, "full")))
    return shop


# ---- rows that are tests --------------------------------------------------------------------------------------------


def of_test(name: str, where: str, words: str, quick: bool) -> rows.Row:
    """A row of the standard, run as its tests."""
    command = [sys.executable, "-m", "pytest", "-q", "-s", where, *(["-k", words] if words else [])]
    began = time.monotonic()
    environment = {**os.environ, **({} if quick else FULL)}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    lines = [line for line in ended.stdout.splitlines() if line.startswith(("M1:", "M4:", "M5:", "F8,"))]
    last = next((line for line in reversed(ended.stdout.splitlines()) if " passed" in line or " failed" in line), "")
    value = f"{' '.join(lines) or last} ({time.monotonic() - began:.0f} s)"
    return rows.row(name, value, "as it says", ended.returncode == 0 and " passed" in last and " skipped" not in last)


if __name__ == "__main__":
    sys.exit(rows.main((__doc__ or "").partition("\n")[0], measure))
