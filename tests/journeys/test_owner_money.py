"""The owner looks at what was sold, gives a payment back and takes the ledger along, in a real browser."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from teahouse import ids, testing
from teahouse.store import apps
from teahouse.testing import APP, tiny_declaration
from tests.journeys.conftest import printed_link
from tests.journeys.people import DESK, PATIENCE_MS, PHONE, guest, look
from tests.standard.houses import RealHouse

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PRICE = {"amount": 200, "currency": "EUR", "predictions": 50}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A standing site that sells, with a cap."""
    with RealHouse(tmp_path_factory.mktemp("money")) as real:
        real.environment |= {"TEAHOUSE_MONEY_MONTH_HOURS": "20", "TEAHOUSE_MONEY_HOUR_COSTS": "0.05"}
        real.prepare()
        told = tiny_declaration(deadline_s=90.0, free_per_day=5, price=PRICE)
        with testing.open_house(real.data) as opened:
            opened.db.write(lambda c: apps.declare(c, APP, told["title"], told, "", ids.now_ms()))
        real.start()
        yield real
        real.stop()


def buy(house) -> None:
    """Somebody buys a pass with play money."""
    with httpx.Client(base_url=house.url, headers={"Origin": house.url}, timeout=60) as buyer:
        order = buyer.post("/api/checkouts", json={"app": APP}).raise_for_status().json()["order"]
        buyer.post(f"/api/play-money/{order}", json={"outcome": "pay"}).raise_for_status()


def test_the_owner_sees_what_was_sold_gives_it_back_and_takes_the_ledger_along(chromium, house):
    buy(house), buy(house)
    with guest(chromium, house.url, DESK) as owner:
        page = owner.page
        page.goto(printed_link(house))
        page.get_by_label("Password").fill("six plain words would do here")
        owner.button("Take the keys").click()
        page.get_by_role("navigation", name="Owner").get_by_role("link", name="Money").click()
        owner.sees(page.get_by_role("heading", name="Money"))
        expect(page.get_by_text("Nobody pays anything here")).to_be_visible()
        expect(page.get_by_text("You owe 100 answers")).to_be_visible()
        expect(page.get_by_text("of 20 hours of work this month")).to_be_visible(timeout=PATIENCE_MS)
        expect(page.get_by_text(re.compile("The ledger is intact: 4 entries"))).to_be_visible()
        look(page, PHONE, DESK)
        owner.button("Refund").first.click()
        dialog = page.get_by_role("dialog", name="Give 2.00 EUR back?")
        owner.sees(dialog)
        look(page, PHONE)
        dialog.get_by_role("button", name="Refund").click()
        owner.sees(page.get_by_text("given back", exact=True))
        expect(page.get_by_text("You owe 50 answers")).to_be_visible()
        expect(owner.button("Refund")).to_have_count(1)
        with page.expect_download() as saved:
            page.get_by_role("link", name="The ledger as a table").click()
        rows = list(csv.DictReader(Path(saved.value.path()).read_text().splitlines()))
        assert len(rows) == 6 and rows[-1]["to"] == "refunded"
