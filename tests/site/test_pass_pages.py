"""The pages of who buys: what is left, the pass, the test till, and the maker's own terms."""

import asyncio
import os
import re

import pytest

from teahouse import settings as page
from teahouse.errors import ClosedForToday, SettingsError
from teahouse.site import maker_texts, reconcile, till
from teahouse.site.pool import Filler, Rules
from teahouse.store import apps
from teahouse.testing import APP, NAMES, install_tiny, photo, tiny_declaration, whole_house

PATH, HTML = f"/api/apps/{APP}/predictions", {"Accept": "text/html"}
OWN = {"Origin": "http://127.0.0.1:8360"}
PRICE = {"amount": 200, "currency": "EUR", "predictions": 3}


@pytest.fixture
def shop(tmp_path):
    with whole_house(tmp_path, page.Settings(project=tmp_path, site={"title": "Little *Tea* House"})) as site:
        sells(site)
        yield site


def sells(site, kind="labels", **changes):
    told = tiny_declaration(kind=kind, **{"free_per_day": 2, "price": PRICE, **changes})
    site.house.db.write(lambda c: apps.declare(c, NAMES[kind], told["title"], told, "", 5))
    site.client.portal.call(reconcile.once, site.deps)


def play(client, seed):
    return client.post(PATH, content=photo(seed=seed), headers=OWN)


def order(client):
    return client.post("/api/checkouts", json={"app": APP}, headers=OWN).json()["order"]


def buy(client, outcome="pay"):
    made = order(client)
    assert client.post(f"/api/play-money/{made}", json={"outcome": outcome}, headers=OWN).status_code == 200
    return made


def text_of(client, path):
    told = client.get(path, headers=HTML)
    assert told.status_code == 200, told.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", told.text))


def left(client):
    return re.search(r"data-left .*?<span>(.*?)</span>", client.get(f"/{APP}", headers=HTML).text)[1]


def test_the_play_page_says_what_is_left_and_what_more_costs(shop):
    assert left(shop.client) == "2 free today"
    assert "Get 3 more for 2.00 EUR" in shop.client.get(f"/{APP}").text
    play(shop.client, 0)
    assert left(shop.client) == "1 free today"
    assert left(shop.visitor("198.51.100.7")) == "2 free today"
    buy(shop.client)
    assert left(shop.client) == "1 free today · 3 left on your pass"
    play(shop.client, 1), play(shop.client, 2)
    assert left(shop.client) == "2 left on your pass"


def test_who_has_had_todays_free_ones_is_told_that_none_is_left_of_them(shop):
    play(shop.client, 0), play(shop.client, 1)
    assert left(shop.client) == "None left today"
    sells(shop, free_per_day=0)
    assert left(shop.client) == "Answers come from a pass"


def test_an_app_that_counts_nothing_has_nothing_of_it_on_its_page(site):
    told = site.client.get(f"/{APP}").text
    assert "data-left" not in told and "data-counts" not in told and "purse" not in told and "My pass" not in told
    assert "Nothing is for sale here" in text_of(site.client, "/pass")


def test_an_app_with_free_ones_and_no_price_sells_nothing(shop):
    sells(shop, price=None)
    told = shop.client.get(f"/{APP}").text
    assert "2 free today" in told and "EUR" not in told and "My pass" not in told


def test_a_page_that_is_filled_for_anybody_tells_nothing_of_who_asked_first(tmp_path):
    with whole_house(tmp_path, page.Settings(project=tmp_path), kind="seed") as site:
        asyncio.run(Filler(site.deps, Rules(keep=2, make=1, first=2)).turn())
        sells(site, "seed", free_per_day=3)
        for _ in range(2):
            told = site.client.get("/").text
            assert "<span>3 free a day</span>" in told
            site.ask(seed=7)


def test_in_a_frame_nobody_is_known_and_nothing_is_bought(shop):
    told = shop.client.get(f"/{APP}/embed").text
    assert "2 free a day" in told and "data-price" not in told


def test_a_till_that_can_not_be_opened_leaves_the_page_without_a_price(shop, monkeypatch):
    def shut(self):
        raise SettingsError("Stripe has no key here.")

    monkeypatch.setattr(type(shop.deps), "till", property(shut))
    told = shop.client.get(f"/{APP}")
    assert told.status_code == 200 and "2 free today" in told.text and "data-price" not in told.text


def test_the_pass_page_of_who_has_none_offers_one_in_words_that_hide_nothing(shop):
    told = text_of(shop.visitor(), f"/pass?app={APP}")
    for words in (
        "3 answers for 2.00 EUR", "play money: nothing is charged", "sold by Little *Tea* House", "no subscription",
        "no account", "it does not run out", "Refunds", "Terms",
    ):  # fmt: skip
        assert words in told
    assert "data-buy" in shop.client.get("/pass?app=another").text


def test_the_pass_page_shows_what_is_held_and_a_link_that_no_server_hears_of(shop):
    buy(shop.client)
    (mine,) = shop.client.get("/api/passes").json()["passes"]
    told = shop.client.get("/pass")
    assert told.headers["cache-control"] == "no-store"
    assert f"data-copied>{mine['code']}</code>" in told.text and f'/pass#{mine["code"]}"' in told.text
    assert "<b>3</b> answers left" in told.text and "<svg" in told.text and 'class="state good">paid<' in told.text
    assert mine["code"] not in shop.visitor().get("/pass").text


@pytest.mark.parametrize(
    ("outcome", "head", "state"),
    [
        ("pay", "Thank you: 3 answers are on your pass.", "paid"),
        ("decline", "Your payment was declined.", "declined, nothing was charged"),
        ("later", "Waiting for your bank", "waiting for your bank"),
        ("expire", "The time to pay ran out.", "ran out of time, nothing was charged"),
    ],
)
def test_who_is_back_from_the_till_is_told_how_it_went(shop, outcome, head, state):
    made = buy(shop.client, outcome)
    told = text_of(shop.client, f"/pass?paid={made}")
    assert head in told and state in told
    assert shop.deps.till_awaited is (outcome == "later")


def test_a_payment_that_is_awaited_has_the_till_asked_and_nothing_is_sold_meanwhile(shop):
    made = order(shop.client)
    told = shop.client.get(f"/pass?paid={made}").text
    assert f'data-awaits="{made}"' in told and shop.deps.till_awaited and "data-buy" not in told
    shop.deps.till_awaited = False
    other = text_of(shop.visitor(), f"/pass?paid={made}")
    assert "This purchase is not in this browser." in other and not shop.deps.till_awaited


def test_who_is_back_with_the_app_in_their_address_is_told_of_that_one_alone(shop):
    install_tiny(shop.house, kind="seed")
    sells(shop, "seed")
    made = order(shop.client)
    waits = shop.client.get(f"/pass?app={APP}&paid={made}").text
    assert f'data-awaits="{made}"' in waits and "data-buy" not in waits
    shop.client.post(f"/api/play-money/{made}", json={"outcome": "pay"}, headers=OWN)
    told = shop.client.get(f"/pass?app={APP}&paid={made}").text
    assert "Thank you: 3 answers are on your pass." in told and f'data-buy="{NAMES["seed"]}"' not in told
    turned_back = shop.visitor().get(f"/pass?app={APP}").text
    assert f'data-buy="{APP}"' in turned_back and f'data-buy="{NAMES["seed"]}"' not in turned_back


def test_what_went_back_is_told_in_words(shop):
    made = buy(shop.client)
    play(shop.client, 0), play(shop.client, 1), play(shop.client, 2)
    till.tell_play(shop.deps, made, "refunded")
    told = text_of(shop.client, f"/pass?paid={made}")
    assert "0 answers left" in told and " refunded " in told and "comes on a new pass" in told
    assert "Thank you" not in told


def test_what_is_disputed_is_told_in_words(shop):
    made = buy(shop.client)
    till.tell_play(shop.deps, made, "disputed")
    assert "disputed with your bank" in text_of(shop.client, "/pass")


def test_past_the_cap_nothing_is_sold_and_what_is_held_is_shown(shop):
    buy(shop.client)
    shop.deps.cap.closed = ClosedForToday("Closed for today.", "", "It opens again at midnight (UTC).", retry_after=60)
    told = shop.client.get("/pass").text
    assert "Nothing is sold just now. Closed for today. It opens again at midnight (UTC)." in told
    assert "data-buy" not in told and "<b>3</b> answers left" in told


def test_the_test_till_says_what_it_is_and_knows_its_own_orders_alone(shop):
    made = order(shop.client)
    told = text_of(shop.visitor(), f"/pay/{made}")
    for words in ("This is a test till. No money moves.", "3 answers for 2.00 EUR", "Pay with play money"):
        assert words in told
    shop.client.post(f"/api/play-money/{made}", json={"outcome": "pay"}, headers=OWN)
    assert "This order is done: paid." in text_of(shop.client, f"/pay/{made}")
    assert shop.client.get("/pay/order-none", headers=HTML).status_code == 404


def test_a_site_that_takes_money_has_no_test_till(shop):
    class Real:
        name, live = "stripe", True

    made = order(shop.client)
    shop.deps._till = Real()
    assert shop.client.get(f"/pay/{made}", headers=HTML).status_code == 404
    assert "play money" not in shop.client.get("/pass").text and "play-money" not in shop.client.get("/pass").text


@pytest.mark.parametrize("name", ["terms", "refunds", "tax"])
def test_a_text_is_ours_until_the_maker_writes_it(shop, name, tmp_path):
    assert "Little *Tea* House" in text_of(shop.client, f"/{name}")
    assert "Only you see this" not in text_of(shop.client, f"/{name}")
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / f"{name}.md").write_text("# Fair play\n\nWrite to [me](mailto:me@tea.example).\n\n# More\n")
    told = shop.client.get(f"/{name}").text
    assert "<h1>Fair play</h1>" in told and told.count("<h1>") == 1 and "<h2>More</h2>" in told
    assert '<a href="mailto:me@tea.example">me</a>' in told and "plain words" not in told


def test_our_own_promise_is_fourteen_days(shop):
    words = "a payment of whose answers none was used goes back, all of it"
    assert f"Ask within 14 days of paying: {words}" in text_of(shop.client, "/refunds")


def test_a_text_is_never_markup(shop, tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "terms.md").write_text(
        "<script>alert(1)</script>\n\n[a](javascript:alert(1)) [b](https://other.example/) ![c](https://other.example/i)"
    )
    told = shop.client.get("/terms").text
    assert "<script>alert" not in told and 'href="javascript' not in told and "<img" not in told
    assert '<a href="https://other.example/" rel="nofollow noopener">b</a>' in told


@pytest.mark.parametrize(
    ("data", "why"), [(b"\xff\xfe broken", "UTF-8"), (b"a" * 100_001, "100 KB"), (b" \n", "empty")]
)
def test_a_text_that_can_not_be_shown_leaves_ours_in_its_place(shop, tmp_path, data, why):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "tax.md").write_bytes(data)
    assert "The price that you see is the whole price" in text_of(shop.client, "/tax")
    assert why in maker_texts.own(tmp_path / "pages" / "tax.md")[1]


def test_a_text_that_is_no_file_never_holds_the_page_up(shop, tmp_path):
    (tmp_path / "pages" / "terms.md").mkdir(parents=True)
    os.mkfifo(tmp_path / "pages" / "tax.md")
    for name in ("terms", "tax"):
        assert shop.client.get(f"/{name}").status_code == 200


def test_the_owner_is_told_which_file_to_write(shop, monkeypatch):
    monkeypatch.setattr("teahouse.site.owner_access.is_at_home", lambda request: True)
    assert "This page is pages/terms.md in your project folder" in text_of(shop.client, "/terms").replace("  ", " ")
