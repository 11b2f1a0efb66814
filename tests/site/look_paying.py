"""The pages for paying, filled with demo data."""

from dataclasses import replace

from markupsafe import Markup

from teahouse.site import drawing, maker_texts
from teahouse.site import pages as p
from teahouse.site import pass_page_shapes as s
from teahouse.site.offer import Counted, Offer

NOW = 1_764_100_000_000
SHOP = p.Shell("Little Tea House", sells=True)
OFFER = Offer("tea", "Green tea or oolong?", "2.00 EUR", 50, "Little Tea House", False)
PLAY_MONEY = replace(OFFER, trial="play money: nothing is charged")
CONTACT = "kin@tea.example"
CODE = "7KQ4M-2XW9D-PB3HN-0VTRA"
LINK = f"/pass#{CODE}"
STATES = (("paid", "good"), ("waiting for your bank", ""), ("declined, nothing was charged", "bad"), ("refunded", ""))
HELD = s.Held(
    "tea", "Green tea or oolong?", CODE, 47, LINK, drawing.qr(f"https://tea.example{LINK}"),
    tuple(s.Purchase("0123456789ab", NOW - n * 86_400_000, 50, "2.00 EUR", *state) for n, state in enumerate(STATES)),
    offer=PLAY_MONEY,
)  # fmt: skip


def told(play, drawn, styled, hostile):
    """The pages by name. `play`: makes a play page; `drawn`, `styled`: what differs of one that draws, or has knobs."""
    counted = {
        "play, counted": play(shell=SHOP, counted=Counted(5, 3, 0, OFFER)),
        "play, counted, a pass": play(shell=SHOP, counted=Counted(5, 0, 1204, PLAY_MONEY), standing=True),
        "play, counted, no price": play(counted=Counted(5, 0)),
        "play, counted, with a style": play(
            output_kind="image", labels=(), inputs=styled, counted=Counted(5, 5, 50, OFFER), shell=SHOP,
            opening=p.Opening(p.Sample("/media/0", "A sample"), p.Pictured("/media/9", 512, 384)),
        ),
        "play, counted, drawn": play(
            **drawn, shell=SHOP, counted=Counted(5, None, 0, OFFER), seed=7, picture="/media/9", prediction="pooled"
        ),
        "play, counted, words in": play(
            output_kind="text", labels=(), samples=(), opening=None, inputs=(p.Input("text", "words", "words"),),
            counted=Counted(1, 1, 0, OFFER), shell=SHOP,
        ),
        "embed, counted": play(shell=p.Shell("Kin's corner", framed=True), counted=Counted(5, None, 0, OFFER)),
    }  # fmt: skip
    title, body = maker_texts.written(f"# Our terms\n\n## {hostile}\n\n- one\n\n[here](/mine)\n\n|a|b|\n|-|-|\n|1|2|\n")
    return counted | {
        "pass": s.Pass(SHOP, (HELD,)),
        "pass, none": s.Pass(SHOP, (), (OFFER, replace(PLAY_MONEY, app="toon", title=hostile, predictions=1))),
        "pass, nothing sold": s.Pass(p.Shell("Little Tea House")),
        "pass, a payment at a bank": s.Pass(SHOP, (replace(HELD, pending="order-1", offer=None),), contact=CONTACT),
        "pass, play money pending": s.Pass(SHOP, (
            replace(HELD, pending="order-1", at_test_till=True, offer=None),
        )),
        "pass, perhaps just paid": s.Pass(SHOP, (replace(HELD, awaits=True),), contact=CONTACT),
        "pass, closed": s.Pass(SHOP, (HELD,), closed="Closed for today. It opens again at midnight (UTC)."),
        "pass, empty": s.Pass(SHOP, (replace(HELD, credits=0, empty=True, purchases=HELD.purchases[2:3]),)),
        "pass, refunded after use": s.Pass(SHOP, (
            replace(HELD, credits=0, blocked=True, purchases=HELD.purchases[3:]),
        )),
        "pass, awaited": s.Pass(SHOP, (replace(HELD, empty=True, credits=0, purchases=(), offer=None),), back=s.Back(
            "order-1", "ordered", "tea", "Green tea or oolong?", 50)),
        "pass, bank": s.Pass(SHOP, (HELD,), back=s.Back("order-1", "pending", "tea", "Tea?", 50)),
        "pass, paid": s.Pass(SHOP, (HELD,), back=s.Back("order-1", "paid", "tea", "Green tea or oolong?", 50)),
        "pass, declined": s.Pass(SHOP, (HELD,), back=s.Back("order-1", "failed", "tea", "Tea?", 50)),
        "pass, ran out": s.Pass(SHOP, (HELD,), back=s.Back("order-1", "expired", "tea", "Tea?", 50)),
        "pass, lost": s.Pass(SHOP, back=s.Back("order-1", "lost")),
        "pay": s.Pay(SHOP, "order-1", "Green tea or oolong?", "2.00 EUR", 50, "Little Tea House", "not paid"),
        "pay, done": s.Pay(SHOP, "order-1", hostile, "2.00 EUR", 50, "the maker of this site", "paid", False),
        "terms": s.Text(SHOP, title, body, "pages/terms.md"),
        "refunds": s.Text(SHOP, "Refunds", maker_texts.written((maker_texts.OURS / "refunds.md").read_text())[1]),
        "tax": s.Text(SHOP, hostile, Markup("<p>None.</p>"), "pages/tax.md", "It is not UTF-8 text."),
    }  # fmt: skip
