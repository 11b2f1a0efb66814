"""`teahouse doctor` finds what is wrong, and names its fix."""

import json
import socket

import pytest

from teahouse import ids
from teahouse.payments import orders, stripe
from teahouse.payments.till import TillEvent
from teahouse.store import apps, passes, tables
from teahouse.testing import APP, install_tiny, open_house, tiny_declaration


def test_a_healthy_machine_outside_of_a_project_has_nothing_wrong(teahouse, here):
    ended = teahouse("doctor", "--json")
    found = json.loads(ended.out)
    assert ended.status == 0 and not [line for line in found if line["state"] == "wrong"], found


def test_an_unsound_sqlite_is_wrong(teahouse, here, monkeypatch):
    from teahouse.errors import DatabaseUnsound
    from teahouse.store import sqlite

    def unsound():
        raise DatabaseUnsound("This SQLite can lose data.", "sqlite3 brings SQLite 3.40.1.", "pip install pysqlite3")

    monkeypatch.setattr(sqlite, "sound_module", unsound)
    ended = teahouse("doctor")
    assert ended.status == 1 and "pysqlite3" in ended.words


def test_a_data_directory_that_others_can_read_is_wrong(teahouse, here, monkeypatch):
    teahouse("new", "hats")
    monkeypatch.chdir(here / "hats")
    data = here / "hats" / ".teahouse"
    data.mkdir()
    data.chmod(0o755)
    ended = teahouse("doctor")
    assert ended.status == 1 and f"chmod 700 {data}" in ended.words


def test_a_taken_port_is_wrong(teahouse, here, monkeypatch):
    teahouse("new", "hats")
    monkeypatch.chdir(here / "hats")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("TEAHOUSE_SITE_PORT", str(taken.getsockname()[1]))
        ended = teahouse("doctor")
    assert ended.status == 1 and "serve --port 0" in ended.words


@pytest.fixture
def shop(teahouse, here, monkeypatch):
    """A project whose house sold one pass with play money; the current folder."""
    teahouse("new", "hats")
    monkeypatch.chdir(here / "hats")
    price = {"amount": 200, "currency": "EUR", "predictions": 50}
    with open_house(here / "hats" / ".teahouse") as house:
        install_tiny(house)
        pass_id = ids.new_id()

        def sell(c):
            apps.declare(c, APP, "Warm?", tiny_declaration(free_per_day=1, price=price), "", 2)
            passes.add(c, pass_id, orders.new_code(), APP, False, 1)
            order = orders.add(c, pass_id, APP, price, False, 1)
            orders.take(c, TillEvent("evt-1", "paid", 1, order, "pay-1", 200, "EUR"), 1)

        house.db.write(sell)
    return here / "hats"


def test_the_ledger_is_followed_and_play_money_is_named(teahouse, shop):
    ended = teahouse("doctor")
    assert "the ledger is intact: 2 entries" in ended.words and "the till takes play money" in ended.words
    assert "teahouse pay connect" in ended.words


@pytest.mark.parametrize(
    ("url", "state"),
    [
        ("https://tea.example", "wrong"), ("https://192.0.2.1", "wrong"), ("https://localhost:8360", "note"),
        ("https://127.0.0.1", "note"), ("https://[::1]:1", "note"), ("http://192.168.1.7:8360", "note"), ("", "note"),
    ],
)  # fmt: skip
def test_play_money_on_a_public_address_is_wrong(teahouse, shop, monkeypatch, url, state):
    monkeypatch.setenv("TEAHOUSE_SITE_URL", url)
    found = json.loads(teahouse("doctor", "--json").out)
    assert [one["state"] for one in found if "takes play money" in one["what"]] == [state]


def test_a_ledger_that_was_changed_is_wrong_and_its_pass_is_named(teahouse, shop):
    with open_house(shop / ".teahouse") as house:
        house.db.write(lambda c: c.execute(tables.ledger.update().values(amount=7)))
        with house.db.read() as c:
            name = c.execute(tables.passes.select()).one().id.hex()[:12]
    ended = teahouse("doctor")
    assert ended.status == 1 and f"the ledger, pass {name}: entry 1 is not what was written" in ended.words
    assert "teahouse restore BACKUP" in ended.words and "intact" not in ended.words


def test_a_till_without_access_is_wrong_and_its_kind_is_told(teahouse, shop, monkeypatch):
    for name in (stripe.KEY, stripe.SECRET):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEAHOUSE_MONEY_TILL", "stripe")
    ended = teahouse("doctor")
    assert ended.status == 1 and "the till: Stripe has no key here." in ended.words
    monkeypatch.setenv(stripe.SECRET, "whsec_of_a_test")
    monkeypatch.setenv(stripe.KEY, "sk_test_1")
    assert "the till is Stripe in its test mode" in teahouse("doctor").words
    monkeypatch.setenv(stripe.KEY, "rk_live_1")
    assert "the till is Stripe, and takes real money" in teahouse("doctor").words


def test_a_house_that_sells_nothing_hears_nothing_of_money(teahouse, here, monkeypatch):
    teahouse("new", "hats")
    monkeypatch.chdir(here / "hats")
    assert not {"till", "ledger", "money"} & set(teahouse("doctor").words.split())
