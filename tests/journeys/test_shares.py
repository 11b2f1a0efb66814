"""What a visitor shows to others, in real browsers: the friend's, the one who reports it, the owner's."""

from __future__ import annotations

import io
import time

import pytest
from PIL import Image as Pillow
from playwright.sync_api import expect

from teahouse import testing
from teahouse.testing import photo
from tests.journeys.conftest import printed_link
from tests.journeys.people import DESK, PHONE, guest, look
from tests.standard.houses import RealHouse

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

MIRROR, COLOUR = f"/{testing.NAMES['picture']}", f"/{testing.NAMES['seed']}"
PASSWORD = "four plain words do"
CARD = "document.querySelector('meta[property=\"og:image\"]').content"
LATEST_S = 60


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A standing site with a mirror and a colour that does not exist."""
    with RealHouse(tmp_path_factory.mktemp("showing")) as real:
        real.prepare("picture")
        real.prepare("seed")
        real.start()
        yield real
        real.stop()


def show(visitor, seed: int, beside: bool = True) -> str:
    """Lets the mirror look at a photo and shows the picture to others; the address of its page."""
    page = visitor.page
    page.goto(MIRROR)
    given = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo("cold", seed, side=320)}
    visitor.choose(given)
    visitor.sees(page.locator("[data-answer][data-state=told]"))
    visitor.tap(visitor.button("Share"))
    dialog = page.get_by_role("dialog")
    if beside:
        dialog.get_by_label("Show my photo beside it too").check()
    visitor.tap(dialog.get_by_role("button", name="Make the page"))
    link = dialog.get_by_label("Link")
    visitor.sees(link)
    return link.input_value()


def card_of(page) -> Pillow.Image:
    """The picture that another site would show beside a link to this page."""
    told = page.request.get(page.evaluate(CARD))
    assert told.status == 200 and told.headers["content-type"] == "image/png"
    return Pillow.open(io.BytesIO(told.body()))


def test_a_friend_sees_it_with_its_card_until_it_is_taken_back_under_my_data(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor, guest(chromium, house.url, DESK) as friend:
        link = show(visitor, 1)
        friend.page.goto(link)
        friend.sees(friend.page.locator("[data-stage].both"))
        friend.page.get_by_role("slider").press("ArrowRight")
        expect(friend.page.get_by_role("slider")).to_have_value("37")
        assert card_of(friend.page).size == (1200, 630)
        look(friend.page)
        visitor.page.goto("/mine")
        visitor.sees(visitor.page.get_by_role("link", name="See its page"))
        look(visitor.page)
        began = time.monotonic()
        visitor.tap(visitor.button("Take it back"))
        visitor.page.wait_for_load_state()
        expect(visitor.button("Take it back")).to_have_count(0)
        for address in (link, f"{link}/card.png"):
            assert friend.page.goto(address).status == 404
        friend.page.goto(link)
        friend.sees(friend.page.get_by_role("heading", name="There is nothing to see here."))
        look(friend.page)
        assert time.monotonic() - began < LATEST_S
        friend.watch.refusals(404)


def test_who_reports_it_has_a_receipt_and_what_the_owner_hides_is_gone_for_all(chromium, house):
    with (
        guest(chromium, house.url, DESK) as visitor,
        guest(chromium, house.url, PHONE) as friend,
        guest(chromium, house.url, DESK) as owner,
    ):
        link = show(visitor, 2, beside=False)
        friend.page.goto(link)
        friend.tap(friend.page.get_by_role("button", name="Report it"))
        dialog = friend.page.get_by_role("dialog", name="What is wrong with it?")
        friend.sees(dialog)
        look(friend.page, PHONE)
        dialog.get_by_label("It shows me").check()
        dialog.get_by_role("textbox").fill("That is my cup.")
        friend.tap(dialog.get_by_role("button", name="Send"))
        dialog = friend.page.get_by_role("dialog", name="Thank you.")
        friend.sees(dialog)
        number = dialog.locator("[data-receipt]").inner_text()
        friend.tap(dialog.get_by_role("button", name="Good"))

        owner.page.goto(printed_link(house))
        owner.page.get_by_label("Password").first.fill(PASSWORD)
        owner.page.keyboard.press("Enter")
        owner.page.wait_for_url("**/owner/")
        owner.tap(owner.page.get_by_role("link", name="Reports"))
        owner.sees(owner.page.get_by_text(number))
        owner.sees(owner.page.get_by_text("That is my cup."))
        look(owner.page)
        began = time.monotonic()
        owner.tap(owner.page.get_by_role("button", name="Hide it").first)
        owner.sees(owner.page.get_by_role("button", name="Show it again").first)
        assert friend.page.goto(link).status == 404 and visitor.page.goto(link).status == 404
        assert time.monotonic() - began < LATEST_S
        for each in (friend, visitor):
            each.watch.refusals(404)


def test_the_page_of_a_seed_is_its_share(chromium, house):
    with guest(chromium, house.url, DESK) as visitor, guest(chromium, house.url, PHONE) as friend:
        visitor.page.goto(COLOUR)
        visitor.sees(visitor.page.locator("[data-made]"))
        visitor.tap(visitor.button("Share"))
        link = visitor.page.get_by_role("dialog").get_by_label("Link").input_value()
        friend.page.goto(link)
        friend.sees(friend.page.locator("[data-made]"))
        assert link in friend.page.evaluate(CARD)
        assert card_of(friend.page).size == (1200, 630)
