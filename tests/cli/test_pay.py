"""`teahouse pay`: connecting Stripe, and the look at each step."""

import json

import httpx
import pytest
from tests.payments.stripe_server import KEY, SECRET, StripeServer

from teahouse import ids, keeper, settings, testing
from teahouse.cli import pay
from teahouse.desk.say import WrongUse
from teahouse.errors import NotReady
from teahouse.payments import chosen, orders, stripe
from teahouse.payments.till import Order
from teahouse.store import apps, ledger, passes
from teahouse.store.house import House

URL = "https://tea.example"


@pytest.fixture
def server(monkeypatch):
    made = StripeServer()
    monkeypatch.setenv(stripe.API, made.url)
    yield made
    made.close()


@pytest.fixture
def shop(teahouse, here, monkeypatch):
    teahouse("new", "hats")
    monkeypatch.chdir(here / "hats")
    file = here / "hats" / "teahouse.toml"
    words = file.read_text().replace('# url = ""', f'url = "{URL}"')
    words = words.replace('# contact = ""', 'contact = "kin@tea.example"')
    file.write_text(words)
    refused = httpx.Response(400, json={"error": {"code": "bad-event"}})
    monkeypatch.setattr(httpx, "post", lambda *_, **__: refused)  # the site at an address that is nobody's
    return here / "hats"


def sell(shop):
    told = testing.tiny_declaration(free_per_day=5, price={"amount": 200, "currency": "EUR", "predictions": 50})
    with House.open(shop / ".teahouse") as house:
        house.db.write(lambda c: apps.declare(c, testing.APP, "Warm?", told, "", 5))


def test_connect_keeps_the_key_makes_the_webhook_and_switches_the_till_on(teahouse, shop, server, monkeypatch):
    monkeypatch.setenv(stripe.KEY, KEY)
    for _ in range(2):  # again is harmless: the old webhook goes
        ended = teahouse("pay", "connect")
        assert ended.status == 0, ended.words
    assert [one["url"] for one in server.endpoints] == [f"{URL}/api/till/stripe"]
    kept = shop / ".teahouse" / "secrets" / "stripe.json"
    assert json.loads(kept.read_text()) == {"key": KEY, "secret": SECRET} and kept.stat().st_mode & 0o777 == 0o600
    assert "[money] till" in ended.words and pay.EMAILS in ended.words and "Successful payments" in ended.words
    assert settings.load(shop).money.till == "stripe" and KEY not in ended.words and SECRET not in ended.words
    sell(shop)
    checked = teahouse("pay", "check", "--json")
    found = json.loads(checked.out)
    assert checked.status == 0 and not [one for one in found if one["state"] == "wrong"], found
    assert any("test mode" in one["what"] for one in found)
    (mails,) = [one for one in found if "receipts" in one["what"]]
    assert mails["state"] == "note" and pay.EMAILS in mails["fix"]
    assert teahouse("pay", "connect", "--play-money").status == 0 and settings.load(shop).money.till == "test"


def test_check_names_each_step_that_is_missing(teahouse, shop, server, monkeypatch):
    ended = teahouse("pay", "check")
    assert ended.status == 1 and "no app has a price" in ended.words and "play money" in ended.words
    sell(shop)
    ended = teahouse("pay", "check")
    assert ended.status == 1 and "anybody there can play as if they had paid" in ended.words
    monkeypatch.setenv("TEAHOUSE_SITE_URL", "https://localhost:8360")
    assert teahouse("pay", "check").status == 0
    monkeypatch.delenv("TEAHOUSE_SITE_URL")
    monkeypatch.setenv("TEAHOUSE_MONEY_TILL", "stripe")
    ended = teahouse("pay", "check")
    assert ended.status == 1 and "teahouse pay connect" in ended.words
    monkeypatch.setenv(stripe.KEY, KEY)
    monkeypatch.setenv(stripe.SECRET, SECRET)
    ended = teahouse("pay", "check")
    assert ended.status == 1 and "nothing" in ended.words
    monkeypatch.setenv(stripe.KEY, "sk_test_wrong")
    ended = teahouse("pay", "check")
    assert ended.status == 1 and "Stripe refused this: " in ended.words and "Invalid API Key" in ended.words
    assert "teahouse pay check" not in ended.words and "Buying does not work" not in ended.words


def test_a_webhook_that_can_not_be_made_costs_the_one_of_before_nothing(teahouse, shop, server, monkeypatch):
    monkeypatch.setenv(stripe.KEY, KEY)
    teahouse("pay", "connect")
    before, kept = list(server.endpoints), (shop / ".teahouse" / "secrets" / "stripe.json").read_bytes()
    server.refuses = 400, {"message": "You have reached the maximum of 16 webhook endpoints."}
    ended = teahouse("pay", "connect")
    assert ended.status == 1 and "maximum of 16" in ended.words and "stripe-refused" not in ended.words
    assert "Buying does not work" not in ended.words
    assert server.endpoints == before and (shop / ".teahouse" / "secrets" / "stripe.json").read_bytes() == kept


def test_the_webhook_of_before_ends_after_the_new_one_is_kept(teahouse, shop, server, monkeypatch):
    monkeypatch.setenv(stripe.KEY, KEY)
    teahouse("pay", "connect")
    first, kept = server.endpoints[0]["id"], shop / ".teahouse" / "secrets" / "stripe.json"
    kept.unlink()

    def ends(till, id_):
        assert id_ == first and len(server.endpoints) == 2 and kept.is_file()
        raise NotReady("The till does not answer just now.")

    monkeypatch.setattr(stripe.Stripe, "end_webhook", ends)
    ended = teahouse("pay", "connect")
    assert ended.status == 0 and first in ended.words and pay.WEBHOOKS in ended.words, "said, and in nobody's way"


def test_a_secret_of_the_environment_that_is_another_webhooks_is_told(teahouse, shop, server, monkeypatch):
    monkeypatch.setenv(stripe.KEY, KEY)
    monkeypatch.setenv(stripe.SECRET, "whsec_of_before_0123456789")
    for words in (teahouse("pay", "connect").words, teahouse("pay", "check").words):
        assert stripe.SECRET in words and "Take it out of the environment" in words
        assert "of_before" not in words and SECRET not in words
    monkeypatch.setenv(stripe.SECRET, SECRET)
    assert stripe.SECRET not in teahouse("pay", "connect").words + teahouse("pay", "check").words


def test_a_restricted_key_is_asked_for_with_the_rights_that_it_needs(teahouse, shop, server, monkeypatch):
    monkeypatch.delenv(stripe.KEY, raising=False)
    monkeypatch.setattr("click.prompt", lambda *_, **__: "rk_test_of_nobody")
    ended = teahouse("pay", "connect")
    for right in (
        "Accounts: read",
        "Checkout Sessions",
        "Charges and Refunds",
        "Webhook Endpoints: write",
        "Events: read",
    ):
        assert ended.words.count(right) == 2, "before, and where Stripe refuses it"
    assert ended.status == 1 and "Invalid API Key" in ended.words


def test_a_restore_elsewhere_says_that_the_key_is_to_be_given_again(teahouse, shop, server, monkeypatch):
    monkeypatch.setenv(stripe.KEY, KEY)
    teahouse("pay", "connect")
    monkeypatch.delenv(stripe.KEY)
    assert teahouse("backup", shop / "kept").status == 0
    ended = teahouse("restore", shop / "kept")
    assert ended.status == 0 and "pay connect" not in ended.words, "here it stayed"
    monkeypatch.setenv("TEAHOUSE_DATA", str(shop / "elsewhere"))
    ended = teahouse("restore", shop / "kept")
    assert ended.status == 0 and "Stripe's key is in no backup: run teahouse pay connect" in ended.words


def test_check_only_looks_at_what_was_not_told_here(teahouse, shop, server, monkeypatch):
    sell(shop)
    monkeypatch.setenv(stripe.KEY, KEY)
    teahouse("pay", "connect")
    price, at = {"amount": 200, "currency": "EUR", "predictions": 50}, ids.now_ms()
    with House.open(shop / ".teahouse") as house:
        pass_id, code = ids.new_id(), orders.new_code()
        house.db.write(lambda c: passes.add(c, pass_id, code, testing.APP, False, at))
        order = house.db.write(lambda c: orders.add(c, pass_id, testing.APP, price, False, at))
        till = chosen.till_of(settings.load(shop), house)
        till.checkout(Order(order, pass_id, testing.APP, "Warm?", 200, "EUR", 50, code, f"{URL}/pass"))
        event = server.pay(order)
    ended = teahouse("pay", "check")
    assert "1 events of late, and 1 of them are not known here" in ended.words and "within the hour" in ended.words
    with House.open(shop / ".teahouse") as house:
        with house.db.read() as c:
            assert ledger.size(c) == 0
        house.db.write(lambda c: orders.take(c, till.read(event), at))
    assert "1 events of late, and all are known here" in teahouse("pay", "check").words


def test_check_says_that_a_site_runs_with_what_stood_in_teahouse_toml_before(teahouse, shop, server, monkeypatch):
    def told():
        return teahouse("pay", "check").words

    assert "does not run" in told()
    note = keeper.note_of(shop / ".teahouse")
    note.parent.mkdir(exist_ok=True)
    with keeper.locked(shop / ".teahouse"):
        note.write_text(json.dumps({"started": ids.now_ms() + 1000}))
        assert "runs with these settings" in told()
        note.write_text(json.dumps({"started": 1}))
        assert "before teahouse.toml was changed" in told()


def test_check_asks_the_address_that_stripe_tells_whether_the_site_hears_there(server):
    nobody, other = pay.heard_at("https://127.0.0.1:1/api/till/stripe"), pay.heard_at(f"{server.url}/api/till/stripe")
    assert nobody.state == other.state == pay.heard_at("https://tea..example/").state == "wrong"
    assert "nobody answers at https://127.0.0.1:1" in nobody.what and "status 401" in other.what


def test_check_compares_what_the_site_has_with_what_app_py_says_now(teahouse, shop, server):
    app = shop / "apps" / "hats" / "app.py"
    app.parent.mkdir(parents=True, exist_ok=True)
    words = "from teahouse import *\nprint('hello')\n"
    words += "app = App(title='Hats?', input=Image(64), output=Labels('a', 'b'), {})\n"

    def told(price):
        app.write_text(words.replace("{}", price))
        return teahouse("pay", "check").words

    new = told('free_per_day=5, price=Price("3.00 EUR", predictions=50)')
    assert "app.py says 5 a day are free, 50 more 3.00 EUR, and the site sells nothing of it" in new
    assert "no app has a price" not in new
    # of another length: Python takes a file of the same second and length for the one that it compiled
    assert "0.10 EUR can not be asked for" in told('free_per_day=5, price=Price("0.10 EUR", predictions=5)')
    assert "no app has a price" in told("free_per_day=5")
    assert json.loads(teahouse("pay", "check", "--json").out)


def test_connect_on_a_site_that_stripe_can_not_reach_says_what_to_set(teahouse, here, monkeypatch, server):
    teahouse("new", "hats")
    monkeypatch.chdir(here / "hats")
    monkeypatch.setenv(stripe.KEY, KEY)
    ended = teahouse("pay", "connect")
    assert ended.status == 2 and "[site] url" in ended.words and not server.endpoints


FILES = {
    "nothing": "",
    "a header": "[money]\n",
    "left out": '[money]\n# till = "test"\nhour_costs = 1.0\n\n[notify]\n',
    "both": '[money]\n# till = "stripe"\n\ntill = "test"\nhour_costs = 1.0\n',
    "said why": '[site]\ntitle = "a"\n\n[money]\ntill = "test"  # so far\n[keep]\ndays = 3\n',
    "dotted": "money.hour_costs = 1.0\nkeep.days = 3\n[notify]\n",
    "dotted till": "keep.days = 3\nmoney.hour_costs = 1.0\nmoney.till = 'test'\n",
    "of Windows": '[money]\r\ntill = "test"\r\nhour_costs = 1.0\r\n',
    "switched": 'money = { till = "stripe", hour_costs = 1.0 }\n',
}


@pytest.mark.parametrize("words", FILES.values(), ids=FILES)
def test_the_till_is_set_in_teahouse_toml_and_the_rest_stays(tmp_path, words):
    file = tmp_path / "teahouse.toml"
    file.write_bytes(words.encode())
    file.chmod(0o640)
    before = settings.load(tmp_path)
    pay.switch(file, "stripe")
    after = settings.load(tmp_path)
    assert after.money.till == "stripe" and after.keep.days == before.keep.days
    assert after.money.hour_costs == before.money.hour_costs
    kept = [line for line in words.splitlines() if "till" not in line]
    assert [line for line in file.read_text().splitlines() if line in kept] == kept
    assert ("# so far" in words) == ("# so far" in file.read_text())
    assert (b"\r\n" in file.read_bytes()) == ("\r\n" in words)
    assert file.stat().st_mode & 0o777 == 0o640 and list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    "words",
    ["money = { hour_costs = 1.0 }\n", '[site]\ntitle = """\n[money]\n"""\n[money.more]\n', '[ "money" ]\n', "a ="],
)
def test_a_teahouse_toml_that_is_written_in_a_way_of_its_own_is_left_to_its_owner(tmp_path, words):
    file = tmp_path / "teahouse.toml"
    file.write_text(words)
    with pytest.raises(WrongUse) as raised:
        pay.switch(file, "stripe")
    assert 'till = "stripe"' in raised.value.do_next and file.read_text() == words
    assert list(tmp_path.iterdir()) == [file]


def test_connect_begins_nothing_where_the_till_can_not_be_switched_on(teahouse, shop, server, monkeypatch):
    monkeypatch.setenv(stripe.KEY, KEY)
    (shop / "teahouse.toml").write_text(f'money = {{ hour_costs = 1.0 }}\nsite.url = "{URL}"\n')
    ended = teahouse("pay", "connect")
    assert ended.status == 2 and 'till = "stripe"' in ended.words and not server.endpoints


def test_a_site_whose_till_has_no_access_does_not_open_and_says_what_to_do(teahouse, shop, monkeypatch):
    monkeypatch.setenv("TEAHOUSE_MONEY_TILL", "stripe")
    monkeypatch.setenv(stripe.KEY, KEY)
    monkeypatch.setenv(stripe.SECRET, "")
    from teahouse.desk import opening
    from teahouse.desk.where import project
    from teahouse.errors import SettingsError

    with pytest.raises(SettingsError, match="secret is missing"):
        opening.prepare(project())
