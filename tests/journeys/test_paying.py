"""Paying, in a real browser: today's free ones, the limit, the test till, a pass on two devices, money back."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from teahouse import settings, testing
from teahouse.site import till
from teahouse.site.deps import make_deps
from teahouse.spec.price import Price
from teahouse.store import apps
from teahouse.testing import photo
from tests.journeys.people import DESK, PATIENCE_MS, PHONE, Guest, guest, look
from tests.standard.houses import RealHouse

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

OFFER = "Get 3 more for 2.00 EUR"
PAID, PLAY_MONEY = "Thank you: 3 answers are on your pass.", "play money: nothing is charged"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A standing site that gives two answers a day and sells three for two euros, with play money."""
    with RealHouse(tmp_path_factory.mktemp("shop")) as real:
        page = real.root / "teahouse.toml"
        page.write_text(page.read_text().replace("[site]\n", '[site]\ntitle = "Little Tea House"\n'))
        real.prepare()
        price = Price("2.00 EUR", predictions=3).json()
        declared = testing.tiny_declaration(free_per_day=2, price=price, deadline_s=90.0)
        with testing.open_house(real.data) as opened:
            opened.db.write(lambda c: apps.declare(c, testing.APP, declared["title"], declared, "", 5))
        real.start()
        yield real
        real.stop()


def own(seed: int) -> dict:
    """A photo as a phone's gallery hands it over; warm where the seed is odd."""
    kind = "warm" if seed % 2 else "cold"
    return {"name": "cup.jpg", "mimeType": "image/jpeg", "buffer": photo(kind, seed, side=320)}


def left(visitor: Guest, words: str) -> None:
    """Waits until the page says that so much is left."""
    expect(visitor.page.locator("[data-left] span")).to_have_text(words, timeout=PATIENCE_MS)


def plays(visitor: Guest, seed: int, words: str) -> None:
    """Gives a photo, gets its answer, and is told what is left."""
    visitor.choose(own(seed))
    visitor.hears("Warm" if seed % 2 else "Cold")
    left(visitor, words)


def meets_the_limit(visitor: Guest, seed: int) -> None:
    """Plays today's free ones and asks for one more."""
    visitor.page.goto("/")
    left(visitor, "2 free today")
    plays(visitor, seed, "1 free today")
    plays(visitor, seed + 1, "None left today")
    visitor.choose(own(seed + 2))
    visitor.sees(visitor.page.get_by_role("heading", name="That was today's 2 for free."))
    assert visitor.watch.refusals(402) == 1


def buys(visitor: Guest) -> None:
    """Goes to the till; says who sells what, and that nothing is charged, before."""
    card = visitor.page.locator(".spent")
    for words in (PLAY_MONEY, "Sold by Little Tea House", "no subscription, no account", "or get 3 more for 2.00 EUR"):
        expect(card).to_contain_text(words)
    visitor.tap(card.get_by_role("button", name=OFFER))
    visitor.sees(visitor.page.get_by_text("This is a test till. No money moves."))


def test_a_visitor_plays_buys_plays_on_restores_and_is_refunded(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor, guest(chromium, house.url, DESK) as other:
        page = visitor.page
        meets_the_limit(visitor, 1)
        visitor.sees(page.get_by_text("What you gave waits on this page until you are back."))
        look(page)
        buys(visitor)
        look(page)
        visitor.tap(visitor.page.get_by_role("button", name="Pay with play money"))
        visitor.sees(page.get_by_role("heading", name=PAID))
        visitor.sees(page.get_by_text("What you gave waits for you there."))
        look(page)
        visitor.tap(page.get_by_role("link", name="Back to"))
        visitor.hears("Warm")  # the photo that was refused is answered now
        left(visitor, "2 left on your pass")
        visitor.sees(page.get_by_alt_text("Your photo"))
        look(page)
        plays(visitor, 4, "1 left on your pass")
        page.reload()
        left(visitor, "1 left on your pass")

        page.goto("/pass")
        visitor.tap(page.get_by_text("Use it on another device"))
        link = page.locator(".device a").get_attribute("href")
        look(page)
        asked = []
        other.page.context.on("request", lambda request: asked.append(request.url))
        other.page.goto(link)
        other.tap(other.button("Use it here"))
        other.sees(other.page.locator(".credits"), "1 answer left")
        assert not [url for url in asked if link.partition("#")[2] in url], "a code is never in an address that is sent"
        other.page.goto("/")
        left(other, "2 free today · 1 left on your pass")

        order = house_order(house)
        refund(house, order)
        for one in (visitor, other):
            one.page.goto("/pass")
            expect(one.page.locator(".state")).to_have_text("refunded")
            expect(one.page.locator(".credits")).to_have_text("0 answers left")
        look(page)
        page.goto("/")
        visitor.choose(own(5))
        visitor.sees(page.get_by_role("heading", name="That was today's 2 for free."))
        assert visitor.watch.refusals(402) == 1


def house_order(house: RealHouse) -> str:
    """The only order of the house so far."""
    from teahouse.store import till_events

    with testing.open_house(house.data) as opened, opened.db.read() as c:
        (row,) = till_events.orders(c, live=False)
        return row.provider_id


def refund(house: RealHouse, order: str) -> None:
    """The test till tells that the money went back."""
    with testing.open_house(house.data) as opened:
        till.tell_play(make_deps(opened, None, settings.load(house.root)), order, "refunded")


@pytest.mark.parametrize(
    ("button", "head"),
    [
        ("Be declined", "Your payment was declined."),
        ("Let it run out", "The time to pay ran out."),
        ("Pay later", "Waiting for your bank …"),
    ],
)
def test_what_is_not_paid_is_told_and_gives_nothing(chromium, house, button, head):
    with guest(chromium, house.url, DESK) as visitor:
        page = visitor.page
        page.goto("/pass")
        visitor.tap(page.get_by_role("button", name="Get 3 answers for 2.00 EUR"))
        visitor.tap(visitor.button(button))
        visitor.sees(page.get_by_role("heading", name=head))
        look(page)
        page.goto("/")
        left(visitor, "2 free today")


def test_a_payment_that_comes_later_is_seen_without_a_reload(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        page.goto("/pass")
        visitor.tap(page.get_by_role("button", name="Get 3 answers for 2.00 EUR"))
        page.wait_for_url("**/pay/*")
        order = page.url.rpartition("/")[2]
        page.goto(f"/pass?paid={order}")
        visitor.sees(page.get_by_role("heading", name="Waiting for your payment to arrive …"))
        look(page)
        visitor.page.request.post(
            f"/api/play-money/{order}", data={"outcome": "pay"}, headers={"Origin": house.url}
        )
        visitor.sees(page.get_by_role("heading", name=PAID))


def test_a_pass_is_forgotten_on_this_device_and_comes_back_with_its_code(chromium, house):
    with guest(chromium, house.url, DESK) as visitor:
        page = visitor.page
        page.goto("/pass")
        visitor.tap(page.get_by_role("button", name="Get 3 answers for 2.00 EUR"))
        visitor.tap(page.get_by_role("button", name="Pay with play money"))
        visitor.sees(page.get_by_role("heading", name=PAID))
        code = page.locator(".code").inner_text()
        visitor.tap(visitor.button("Forget this pass on this device"))
        visitor.tap(page.get_by_role("dialog").get_by_role("button", name="Forget this pass on this device"))
        visitor.sees(page.get_by_role("button", name="Get 3 answers for 2.00 EUR"))
        expect(page.locator(".code")).to_have_count(0)
        page.get_by_label("Twenty letters and digits").fill("AAAAA-AAAAA-AAAAA-AAAAA")
        visitor.tap(visitor.button("Use it here"))
        visitor.sees(page.get_by_text("No pass has this code."))
        assert visitor.watch.refusals(404) == 1
        page.get_by_label("Twenty letters and digits").fill(code.lower().replace("-", " "))
        visitor.tap(visitor.button("Use it here"))
        visitor.sees(page.locator(".credits"), "3 answers left")


def test_past_the_cap_the_page_says_when_it_opens_and_asks_no_more(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page, asked = visitor.page, []
        body = (
            '{"error": {"code": "closed-for-today", "what": "Closed for today.", "why": "So many came.", '
            '"do_next": "It opens again at midnight (UTC).", "retry_after": 3600}}'
        )

        def closed(route):
            asked.append(route.request.url)
            route.fulfill(status=503, content_type="application/json", body=body)

        page.route("**/predictions", closed)
        page.goto("/")
        visitor.choose(own(1))
        visitor.sees(page.get_by_role("heading", name="Closed for today."))
        expect(page.locator(".spent")).to_contain_text("It opens again")
        expect(page.locator(".spent .buy")).to_have_count(0)
        look(page)
        page.wait_for_timeout(4000)
        assert len(asked) == 1
        assert visitor.watch.refusals(503) == 1


@pytest.mark.parametrize("path", ["/terms", "/refunds", "/tax"])
def test_the_terms_can_be_read(chromium, house, path):
    with guest(chromium, house.url, PHONE) as visitor:
        assert visitor.page.goto(path).status == 200
        look(visitor.page)
