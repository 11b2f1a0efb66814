"""The page of money filled with demo data."""

from teahouse.site import owner_money_shapes as m
from teahouse.site import owner_page_shapes as o

NOW = 1_764_100_000_000
HOSTILE = "<img src=x onerror=alert(1)>\"'{{ 7*7 }}"
MONTHS = tuple(
    m.Month(name, f"{come:.2f} EUR", f"{back:.2f} EUR", f"{come - back:,.2f} EUR", come - back)
    for name, come, back in (
        ("Nov 2025", 124, 2), ("Oct 2025", 310, 0), ("Sep 2025", 0, 4), ("Aug 2025", 66, 0),
        ("Jul 2025", 12, 2),
    )
)  # fmt: skip
BOOK = m.Book("EUR", "512.00 EUR", "8.00 EUR", "504.00 EUR", MONTHS)
FEW = m.Book("EUR", "4.00 EUR", "0.00 EUR", "4.00 EUR", MONTHS[:1])
YENS = ("1,200 JPY", "0 JPY", "1,200 JPY")
YEN = m.Book("JPY", *YENS, (m.Month("Nov 2025", *YENS, 1200.0),))
FIGURES = (
    o.Figure("income in EUR", "504.00", "512.00 came, 8.00 went back"),
    o.Figure("answers owed", "1,312", "paid for, and not used yet"),
    o.Figure("an answer costs", "0.00031", "EUR, of work and bytes, this month"),
    o.Figure("free play costs", "1.92", "EUR, this month so far"),
)
WORK = (
    m.Work("Answers that were paid for", 2204, "2.1 h", "310.2 MB", "0.38 EUR"),
    m.Work("Free play", 18_204, "17.4 h", "2.6 GB", "1.92 EUR"),
)
CAPS = (
    m.Meter("1.2 of 3 hours of work today", 0.4),
    m.Meter("17.4 of 20 hours of work this month", 0.87, "near"),
    m.Meter("5.01 of 5 of costs this month", 1.0, "full"),
)


def bought(state, tone="plain", **more):
    order = (f"order-{'1' * 32}", "4f1c22ab90de", NOW, "2.00 EUR", "Green tea or oolong?", 50)
    return m.Purchase(*order, state, 37, tone, **more)


PURCHASES = (
    bought("paid", "good", gives=True),
    bought("paid", "good", gives=True, asked=True),
    bought("the buyer's bank disputes it", "bad"),
    bought("1.00 EUR given back", gives=True),
    bought("not paid"),
    m.Purchase("order-2", "2", NOW, "2.00 EUR", HOSTILE, 1, "given back"),
)


def told(owner, desk):
    """The page in each state that looks different."""
    whole = m.Ledger(12_408, NOW)
    return {
        "money": m.Money(
            owner, desk, "live", True, whole, figures=FIGURES, books=(BOOK,),
            credits=m.Credits(12_800, 11_288, 150, 12, 50, 1312, "52.48 EUR"), work=WORK, priced=True, caps=CAPS,
            purchases=PURCHASES, older="/owner/money?app=tea&before=5", others=3,
            payouts="https://dashboard.stripe.com/payouts",
        ),
        "money, of a trial": m.Money(
            owner, desk, "play", True, whole, figures=FIGURES[:2], books=(FEW, YEN),
            credits=m.Credits(100, 100), work=WORK, purchases=PURCHASES[:1],
        ),
        "money, one found": m.Money(
            owner, desk, "live", True, whole, books=(BOOK,), purchases=PURCHASES[:1], wanted="4f1c22ab90de"
        ),
        "money, none found": m.Money(owner, desk, "live", True, whole, books=(BOOK,), wanted="4f1c"),
        "money, Stripe's test mode": m.Money(
            owner, desk, "test", True, m.Ledger(), others=1, payouts="https://dashboard.stripe.com/test/payouts"
        ),
        "money, nothing": m.Money(owner, desk, "play", False, m.Ledger(0, NOW)),
        "money, damaged": m.Money(
            owner, desk, "", True, m.Ledger(12, NOW, (("0193a1b2c3d4", "entry 4 is not what was written"),) * 7),
            "Stripe has no key here. A key begins with sk_ or rk_. Run `teahouse pay connect`.", caps=CAPS[1:],
            purchases=PURCHASES[:1],
        ),
    }  # fmt: skip
