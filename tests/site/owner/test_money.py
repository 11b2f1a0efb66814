"""Money as its owner sees it: sums of the ledger, refunds, the table, and whether the chains hold."""

import csv
import html
import io
import re
from types import SimpleNamespace

import pytest

from teahouse import ids
from teahouse.errors import NotReady, SettingsError
from teahouse.feedback import retention
from teahouse.payments import orders
from teahouse.payments.stripe import StripeRefused
from teahouse.payments.till import TillEvent
from teahouse.site import chains, owner_money, owner_refunds, reconcile, till
from teahouse.store import apps, ledger, passes, tables
from teahouse.testing import APP, photo, tiny_declaration

PAGE = {"Accept": "text/html"}
PRICE = {"amount": 200, "currency": "EUR", "predictions": 4}
PLAY = f"/api/apps/{APP}/predictions"
DAY = 86_400_000
OWN = {"Origin": "http://127.0.0.1:8360", "Sec-Fetch-Site": "same-origin"}


def sells(site, **changes):
    told = tiny_declaration(**{"free_per_day": 1, "price": PRICE, **changes})
    site.house.db.write(lambda c: apps.declare(c, APP, told["title"], told, "", ids.now_ms()))
    site.client.portal.call(reconcile.once, site.deps)


def buy(client, outcome="pay"):
    order = client.post("/api/checkouts", json={"app": APP}, headers=OWN).json()["order"]
    assert client.post(f"/api/play-money/{order}", json={"outcome": outcome}, headers=OWN).status_code == 200
    return order


@pytest.fixture
def buyer(quick):
    """A visitor who plays two times: a free one, and one that was paid for."""
    sells(quick)
    visitor = quick.visitor("198.51.100.7")
    visitor.order = buy(visitor)
    for seed in range(2):
        assert visitor.post(PLAY, content=photo(seed=seed), headers=OWN).status_code == 201
    return visitor


def shown(owner, path="/owner/money"):
    return html.unescape(owner.get(path, headers=PAGE).text)


def facts(text):
    return dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", text))


def refund(owner, order):
    return owner.post("/api/owner/refunds", json={"order": order})


class Stripeish:
    """A till that only does as it is told, as Stripe: what happened comes in later."""

    name, live = "stripe", False

    def __init__(self, error=None):
        self.asked, self.error = [], error

    def refund(self, payment):
        if self.error:
            raise self.error
        self.asked.append(payment)

    def checkout(self, order):
        raise self.error


def test_a_house_that_sells_nothing_says_how_and_has_no_link_to_it(owner):
    text = shown(owner)
    assert 'App(free_per_day=5, price=Price("2.00 EUR", predictions=50))' in text and "Play money" not in text
    assert 'href="/owner/money?' not in shown(owner, "/owner/") and 'href="/owner/money?' in text


def test_income_what_is_owed_and_the_purchases_are_those_of_the_ledger(quick, owner, buyer):
    buy(quick.visitor("198.51.100.8"), "decline")
    text = shown(owner)
    assert "<strong>Play money</strong>" in text and 'href="/owner/money?' in shown(owner, "/owner/")
    assert facts(text) == {"Sold": "4", "Used": "1", "Given back": "0", "Owed": "3"}
    assert "<b>2.00</b>" in text and "You owe 3 answers" in text and "about 1.50 EUR" in text
    assert text.index("the payment failed") < text.index('>paid<') and text.count(">Refund<") == 1
    assert buyer.order[-12:] in text and "3 left on the pass" in text and "Payouts" not in text
    assert "The ledger is intact: 3 entries" in text
    with quick.house.db.read() as c:
        assert ledger.totals(c) == {("till:EUR", "income:EUR"): (1, 200), ("bought", "pass"): (1, 4),
                                    ("pass", "spent"): (1, 1)}  # fmt: skip
        assert ledger.outstanding(c, False) == 3 and ledger.outstanding(c, True) == 0


def test_a_purchase_is_found_by_the_number_that_its_buyer_sees(quick, owner, buyer):
    second = buy(buyer)
    number = second[-12:]
    assert f"No. {number}" in buyer.get("/pass").text
    for given in (number, f"No.+{number.upper()}", f"+{second}+"):
        found = shown(owner, f"/owner/money?find={given}")
        assert re.findall(r'order-name">([^<]+)<', found) == [number] and "Show all" in found
    for given in ("___", "0000", number[1:], "123456789abc"):
        assert "No purchase has this number." in shown(owner, f"/owner/money?find={given}")


def test_a_refund_of_play_money_moves_the_ledger_at_once_and_once(quick, owner, buyer):
    assert refund(owner, buyer.order).json() == {"order": buyer.order, "state": "refunded"}
    again = refund(owner, buyer.order)
    assert again.status_code == 409 and "went back already" in again.json()["error"]["what"]
    text = shown(owner)
    assert facts(text) == {"Sold": "4", "Used": "1", "Given back": "3", "Owed": "0"}
    assert "<b>0.00</b>" in text and "1 answer was used before the money went back" in text
    assert ">given back<" in text and ">Refund<" not in text


def test_what_was_not_paid_or_is_not_there_can_not_be_given_back(quick, owner, buyer):
    order = buy(quick.visitor("198.51.100.8"), "later")
    for given, status in ((order, 409), ("order-none", 404), (f"{order}'", 404)):
        assert refund(owner, given).status_code == status
    assert quick.visitor().post("/api/owner/refunds", json={"order": buyer.order}, headers=OWN).status_code == 401


def test_stripe_is_asked_and_the_ledger_waits_until_it_tells(quick, owner, buyer):
    quick.deps._till = fake = Stripeish()
    assert refund(owner, buyer.order).json()["state"] == "asked" and fake.asked == [f"play-{buyer.order}"]
    assert quick.deps.till_awaited
    assert refund(owner, buyer.order).json()["state"] == "asked"  # as often as it is asked: the till gives it back once
    text = shown(owner, f"/owner/money?asked={buyer.order}")
    assert "The till was asked" in text and ">Refund<" not in text and facts(text)["Owed"] == "3"
    told = TillEvent("evt-1", "refunded", 1, None, f"play-{buyer.order}", 200, "EUR")
    assert till.take(quick.deps, [told]) == (1, 0)
    assert refund(owner, buyer.order).status_code == 409 and facts(shown(owner))["Owed"] == "0"


def test_a_partly_refunded_order_can_be_given_back_whole_and_a_disputed_one_not(quick, owner, buyer):
    quick.deps._till = fake = Stripeish()
    payment = f"play-{buyer.order}"
    till.take(quick.deps, [TillEvent("evt-1", "refunded", 1, None, payment, 50, "EUR")])
    assert "0.50 EUR given back" in shown(owner) and refund(owner, buyer.order).status_code == 200
    till.take(quick.deps, [TillEvent("evt-2", "disputed", 2, None, payment, 200, "EUR")])
    text = shown(owner)
    assert "the buyer's bank disputes it" in text and facts(text)["Held in a dispute"] == "2"
    assert refund(owner, buyer.order).status_code == 409 and len(fake.asked) == 1


def test_what_the_till_says_is_told_as_it_is_and_nothing_moves(quick, owner, buyer):
    quick.deps._till = Stripeish(NotReady("The till does not answer just now.", "It can not be reached.", "Later."))
    told = refund(owner, buyer.order)
    assert told.status_code == 503 and told.json()["error"]["why"] == "It can not be reached."
    assert not quick.deps.till_awaited


def test_what_stripe_says_is_told_to_the_owner_and_to_no_visitor(quick, owner, buyer):
    quick.deps._till = Stripeish(StripeRefused("Insufficient funds: sk_test_***1.", "balance_insufficient"))
    told = refund(owner, buyer.order)
    assert told.status_code == 502 and told.json()["error"]["why"] == "Insufficient funds: sk_test_***1."
    said = buyer.post("/api/checkouts", json={"app": APP}, headers=OWN)
    assert said.status_code == 502 and said.json()["error"]["what"] == "Buying does not work just now."
    assert "***1" not in said.text and "insufficient" not in said.text


def test_a_refund_needs_the_password_of_the_last_minutes(quick, owner, buyer):
    now = quick.deps.clock()
    quick.deps.clock = lambda: now + 3_600_000
    assert refund(owner, buyer.order).status_code == 401
    assert owner.get("/owner/money", headers=PAGE).status_code == 200


def test_orders_of_a_trial_are_not_counted_among_real_money(quick, owner, buyer):
    quick.deps._till = SimpleNamespace(name="stripe", live=True)
    quick.deps.settings.money.till = "stripe"
    text = shown(owner)
    assert "Nobody has bought anything yet. 1 order of a trial" in text and not facts(text)
    assert "https://dashboard.stripe.com/payouts" in text and "Play money" not in text
    assert refund(owner, buyer.order).status_code == 409


def test_a_till_without_its_access_leaves_the_page_open_and_says_what_to_do(quick, owner, buyer, monkeypatch):
    def none(*_):
        raise SettingsError("Stripe has no key here.", "A key begins with sk_.", "Run `teahouse pay connect`.")

    quick.deps._till = None
    monkeypatch.setattr("teahouse.site.deps.till_of", none)
    assert "The till is shut" in shown(owner) and "<code>teahouse pay connect</code>" in shown(owner)


def test_costs_are_those_of_the_tallies_and_a_hint_stands_where_no_price_of_an_hour_is_known(quick, owner, buyer):
    quick.client.post(PLAY, content=photo(seed=9), headers=OWN)
    quick.deps.costs.keep(quick.deps)
    text = shown(owner)
    assert re.search(r"Answers that were paid for</th><td[^>]*>1<", text)
    assert re.search(r"Free play</th><td[^>]*>2<", text)
    assert "hour_costs = 0.05" in text and "An answer costs" not in text
    quick.deps.settings.money.hour_costs = 3600.0  # a second is one
    text = shown(owner)
    assert "An answer costs" in text and "EUR, of work and bytes, this month" in text and "hour_costs" not in text


def test_caps_are_meters(quick, owner):
    quick.deps.settings.money.month_hours = 1e-9
    assert 'href="/owner/money?' in shown(owner, "/owner/")
    quick.ask()
    quick.deps.cap.see(quick.deps)
    text = shown(owner)
    assert '<li class="full">' in text and "hours of work this month" in text and ">100 %<" in text


def test_a_ledger_that_was_tampered_with_is_a_loud_warning(quick, owner, buyer):
    quick.house.db.write(lambda c: c.execute(tables.ledger.update().values(amount=7).where(tables.ledger.c.n == 2)))
    quick.deps.chains = chains.Chains()
    text = shown(owner)
    assert "The ledger is damaged" in text and "entry 2 is not what was written" in text and "is intact:" not in text


def test_the_chains_are_followed_in_a_thread_that_no_page_waits_for(quick, monkeypatch):
    followed, real = [], ledger.faults
    monkeypatch.setattr(ledger, "faults", lambda c: followed.append(1) or real(c))
    told = chains.Chains()
    assert told.told(quick.deps, wait_s=5).entries == 0 and len(followed) == 1
    told._again = float("inf")
    assert told.told(quick.deps) is told.last and len(followed) == 1


def test_the_table_holds_every_entry_with_its_way_and_its_unit(quick, owner, buyer):
    answer = owner.get("/api/owner/money.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "money-20" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["from"], row["to"], row["amount"], row["unit"], row["money"]) for row in rows] == [
        ("till:EUR", "income:EUR", "2.00", "EUR", "trial"),
        ("bought", "pass", "4", "answers", "trial"),
        ("pass", "spent", "1", "answers", "trial"),
    ]
    assert {row["app"] for row in rows} == {APP} and rows[0]["order"] == buyer.order and rows[2]["order"] == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", rows[0]["date"]) and len(rows[0]["pass"]) == 12
    assert quick.visitor().get("/api/owner/money.csv").status_code == 401


HOSTILE = (
    "=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\n=x", '"=1+1', "a,b", 'say "hi"', "line\nbreak", "'x", "",
)  # fmt: skip


def test_no_text_of_the_table_is_a_formula_and_numbers_stay_numbers():
    text = owner_refunds.written([(one, 5, -2) for one in HOSTILE])
    back = list(csv.reader(io.StringIO(text, newline="")))
    assert [row[0].removeprefix("'") for row in back] == [one.removeprefix("'") for one in HOSTILE]
    assert not [row[0] for row in back if row[0].startswith(owner_refunds.FORMULA)]
    assert {(row[1], row[2]) for row in back} == {("5", "-2")}


def test_a_hostile_name_in_the_house_is_no_formula_in_the_table(quick, owner, buyer):
    quick.house.db.write(lambda c: c.execute(tables.passes.update().values(app="=cmd|' /C calc'!A0")))
    text = owner.get("/api/owner/money.csv").text
    assert "'=cmd|" in text and not re.search(r"(^|,|\")[=+@-]", text, re.M)


def test_the_table_comes_a_page_at_a_time_and_whole(quick, owner, buyer, monkeypatch):
    whole = owner.get("/api/owner/money.csv").text
    real = ledger.after
    monkeypatch.setattr(ledger, "after", lambda c, seq=0: real(c, seq, 1))
    assert owner.get("/api/owner/money.csv").text == whole and len(whole.splitlines()) == 4


def test_who_forgets_themselves_and_what_is_swept_leave_the_ledger_whole(quick, owner, buyer):
    assert buyer.delete("/api/mine", headers=OWN).status_code == 204
    lone = buyer.post("/api/checkouts", json={"app": APP}, headers=OWN)
    assert lone.status_code == 201
    stranger = quick.visitor("198.51.100.9")
    late = stranger.post("/api/checkouts", json={"app": APP}, headers=OWN).json()["order"]
    at = quick.deps.clock()
    retention.sweep(quick.house, 1, at + 44 * DAY)  # a payment may arrive yet

    def there():
        with quick.house.db.read() as c:
            assert not list(ledger.faults(c))
            return c.execute(tables.passes.select()).all()

    assert len(there()) == 2
    retention.sweep(quick.house, 1, at + 46 * DAY)
    (kept,) = there()
    assert kept.balance == 3 and late
    assert "The ledger is intact: 3 entries" in shown(owner)


def test_an_old_pass_that_is_ordered_on_again_waits_for_its_payment(quick):
    sells(quick)
    price, code, pass_id = PRICE, orders.new_code(), ids.new_id()
    quick.house.db.write(lambda c: passes.add(c, pass_id, code, APP, False, 1))
    order = quick.house.db.write(lambda c: orders.add(c, pass_id, APP, price, False, 100 * DAY))
    retention.sweep(quick.house, 90, 101 * DAY)
    till.take(quick.deps, [TillEvent("evt-1", "paid", 1, order, "pay-1", 200, "EUR")])
    with quick.house.db.read() as c:
        assert passes.get(c, pass_id).balance == 4


def test_months_are_whole_and_amounts_are_those_of_their_currency():
    def row(day, debit, credit, amount, n=1):
        return SimpleNamespace(day=day, debit=debit, credit=credit, n=n, amount=amount)

    moved = [
        row(0, "till:EUR", "income:EUR", 200, 2), row(59, "income:EUR", "till:EUR", 150), row(3, "bought", "pass", 9),
        row(0, "till:JPY", "income:JPY", 1200),
    ]  # fmt: skip
    euro, yen = owner_money.books_of(moved)
    assert [(m.name, m.income, m.refunds, m.value) for m in euro.months] == [
        ("Mar 1970", "0.00 EUR", "1.50 EUR", -1.5), ("Feb 1970", "0.00 EUR", "0.00 EUR", 0.0),
        ("Jan 1970", "2.00 EUR", "0.00 EUR", 2.0),
    ]  # fmt: skip
    assert (euro.net, yen.net, yen.months[0].value) == ("0.50 EUR", "1,200 JPY", 1200.0)


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0.00 EUR"), (0.00031, "0.00031 EUR"), (0.0456, "0.046 EUR"), (12.4, "12.40 EUR"), (1234.5, "1,234.50 EUR")],
)
def test_costs_are_told_however_small(value, words):
    assert owner_money.precisely(value, "EUR") == words
    assert owner_money.precisely(value, "") == words.split()[0]


def test_times_and_sizes_are_those_of_people():
    assert [owner_money.lasted(s) for s in (0.42, 12, 240, 7560)] == ["0.4 s", "12 s", "4 min", "2.1 h"]
    assert [owner_money.sized(n) for n in (310_000, 2.6e9)] == ["0.3 MB", "2.6 GB"]
