"""The owner is told: by a real mail server and a real web server, once for one thing, and by nobody else's road."""

import datetime
import http.server
import json
import os
import smtplib
import socket
import threading
import time
from contextlib import contextmanager
from functools import partial

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from tests.standard import outside

from teahouse import ids, settings
from teahouse.loop import notify, steps
from teahouse.monitor import notices as due
from teahouse.payments import orders
from teahouse.payments.till import TillEvent
from teahouse.settings import Notify
from teahouse.site import noticing
from teahouse.store import apps, jobs, lineage, notices, passes, rollouts, tallies
from teahouse.testing import APP, install_tiny, whole_house

DAY, HOUR = 86_400_000, 3_600_000
NOW = 28_000 * DAY + 10 * HOUR  # a Thursday of 2046, so that nothing that a test does today is news then


class Letters:
    """What a mail server took."""

    def __init__(self, answer="250 OK"):
        self.got, self.answer = [], answer

    async def handle_DATA(self, server, session, envelope):
        self.got.append(envelope)
        return self.answer


@contextmanager
def mail_server(letters, **how):
    """A real mail server on this machine; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(letters, hostname="127.0.0.1", port=port, **how)
    server.start()
    try:
        yield port
    finally:
        server.stop()


class Hook(http.server.BaseHTTPRequestHandler):
    """What a web server took: (path, headers, body)."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        if self.server.wait:
            self.server.gate.wait(5)
        self.send_response(self.server.status)
        self.send_header("Location", self.server.elsewhere)
        self.end_headers()

    def log_message(self, *words):
        pass


@contextmanager
def web_server(status=204, wait=False):
    """A real web server on this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.got, server.status, server.wait, server.gate = [], status, wait, threading.Event()
    server.elsewhere = f"http://127.0.0.1:{server.server_port}/elsewhere"
    server.address = f"http://127.0.0.1:{server.server_port}/hook?of=tea"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.gate.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def house(tmp_path):
    with whole_house(tmp_path) as site:
        yield site.house


def told(house, **given):
    """One job of the loop, as the loop works it off; how it ended."""
    page = settings.Settings(project=house.data.parent, notify=Notify(**given))
    job, _ = house.db.write(lambda c: jobs.ask(c, jobs.Asked(ids.new_id(), "notify")))
    with house.db.read() as c:
        row = jobs.get(c, job)
    assert steps.execute(house, page, row) == "done"
    with house.db.read() as c:
        return jobs.get(c, job).detail


def news(house, kind="rollback", ref="1", words="Tea: release 2 was taken off by itself. Many errors."):
    house.db.write(lambda c: notices.add(c, kind, ref, words, ids.now_ms()))


def waiting(house):
    with house.db.read() as c:
        return [row.ref for row in notices.waiting(c, 0)]


def test_a_mail_goes_out_once_and_says_what_happened_and_where(house, monkeypatch):
    letters = Letters()
    news(house)
    with mail_server(letters) as port:
        monkeypatch.setenv(notify.SMTP, f"smtp://127.0.0.1:{port}")
        assert told(house, email="kin@tea.example", sender="house@tea.example")["told"] == 1
        assert told(house, email="kin@tea.example")["told"] == 0
    (letter,) = letters.got
    text = letter.content.decode()
    assert letter.rcpt_tos == ["kin@tea.example"] and letter.mail_from == "house@tea.example"
    assert "Subject: Teahouse: A release was taken off" in text and "Many errors." in text
    assert "/owner/releases" in text and "Message-ID: <" in text and "Auto-Submitted: auto-generated" in text
    assert waiting(house) == []


def test_the_same_notice_has_the_same_id_and_another_another(house):
    page = settings.Settings(project=house.data.parent)
    news(house)
    news(house, ref="2")
    with house.db.read() as c:
        one, two = notices.waiting(c, 0)
    assert notify.message_of(house, page, one).id == notify.message_of(house, page, one).id
    assert notify.message_of(house, page, one).id != notify.message_of(house, page, two).id


def test_a_password_reaches_a_server_on_this_machine_and_goes_nowhere_in_the_clear(house, monkeypatch):
    seen = []

    def check(server, session, envelope, mechanism, auth):
        seen.append((auth.login, auth.password))
        return AuthResult(success=True)

    letters = Letters()
    news(house)
    with mail_server(letters, authenticator=check, auth_require_tls=False) as port:
        (house.data / "secrets" / "smtp").write_text(f"smtp://kin:p%40ss@127.0.0.1:{port}\n")
        assert told(house, email="kin@tea.example")["told"] == 1
        assert seen == [(b"kin", b"p@ss")]
        monkeypatch.setattr(notify, "_is_here", lambda host: False)
        news(house, ref="2")
        detail = told(house, email="kin@tea.example")
    assert "no encryption" in detail["failed"][0] and len(letters.got) == 1 and waiting(house) == ["2"]


def test_a_password_that_no_mail_can_carry_does_not_keep_the_webhook_from_being_told(house):
    news(house)
    with mail_server(Letters(), authenticator=lambda *told: AuthResult(success=True), auth_require_tls=False) as port:
        (house.data / "secrets" / "smtp").write_text(f"smtp://kin:gr%C3%BCn@127.0.0.1:{port}\n")
        with web_server() as server:
            detail = told(house, email="kin@tea.example", webhook=server.address, local=True)
    assert detail["told"] == 1 and len(server.got) == 1 and "did not take the mail" in detail["failed"][0]


def test_a_webhook_is_told_as_json(house):
    news(house, "disk", "2026-11-26", "The disk is nearly full.")
    with web_server() as server:
        assert told(house, webhook=server.address, local=True)["told"] == 1
    ((path, headers, body),) = server.got
    given = json.loads(body)
    assert path == "/hook?of=tea" and headers["Host"] == f"127.0.0.1:{server.server_port}"
    assert given["kind"] == "disk" and given["words"] == "The disk is nearly full." and given["text"].endswith("full.")
    assert headers["Idempotency-Key"] == given["id"] and len(given["id"]) == 24


def test_a_webhook_in_this_machines_own_network_is_not_called_unless_allowed(house):
    news(house)
    with web_server() as server:
        detail = told(house, webhook=server.address)
    assert server.got == [] and "own network" in detail["failed"][0] and waiting(house) == ["1"]


@pytest.mark.parametrize("status", [301, 307, 404, 500])
def test_an_answer_that_is_no_yes_is_followed_nowhere_and_tried_again(house, status):
    news(house)
    with web_server(status) as server:
        detail = told(house, webhook=server.address, local=True)
        assert [path for path, *_ in server.got] == ["/hook?of=tea"]
        assert detail["told"] == 0 and str(status) in detail["failed"][0] and waiting(house) == ["1"]
        server.status = 200
        assert told(house, webhook=server.address, local=True)["told"] == 1
    first, again = (json.loads(body)["id"] for _, _, body in server.got)
    assert first == again


def test_a_server_that_never_answers_holds_the_loop_no_longer_than_its_time(house, monkeypatch):
    monkeypatch.setattr(notify, "SECONDS", 0.3)
    news(house)
    with web_server(wait=True) as server:
        began = time.monotonic()
        detail = told(house, webhook=server.address, local=True)
    assert time.monotonic() - began < 4 and "did not answer" in detail["failed"][0]


@pytest.mark.parametrize("kind", outside.KINDS)
def test_no_call_outlives_its_time_whatever_the_other_side_does(house, monkeypatch, kind):
    monkeypatch.setattr(notify, "SECONDS", 1.0)
    news(house)
    with outside.outside(kind) as server:
        monkeypatch.setenv(notify.SMTP, f"smtp://127.0.0.1:{server.port}")
        began = time.monotonic()
        detail = told(house, email="kin@tea.example", webhook=f"http://127.0.0.1:{server.port}/", local=True)
        took = time.monotonic() - began
        assert server.calls == (0 if kind == "refused" else 2)
    assert detail["told"] == 0 and len(detail["failed"]) == 2 and waiting(house) == ["1"]
    assert took < 10 * notify.SECONDS  # a read that begins anew with each byte would have no end


def test_one_way_that_works_is_enough_and_the_other_is_named(house, monkeypatch):
    monkeypatch.setenv(notify.SMTP, "smtp://127.0.0.1:1")
    news(house)
    with web_server() as server:
        detail = told(house, email="kin@tea.example", webhook=server.address, local=True)
    assert detail["told"] == 1 and len(server.got) == 1 and "e-mail" in detail["failed"][0] and waiting(house) == []


def test_a_mail_that_can_not_go_out_waits_and_says_why(house, monkeypatch):
    monkeypatch.delenv(notify.SMTP, raising=False)
    news(house)
    assert notify.SMTP in told(house, email="kin@tea.example")["failed"][0]
    letters = Letters("451 not now")
    with mail_server(letters) as port:
        monkeypatch.setenv(notify.SMTP, f"smtp://127.0.0.1:{port}")
        assert smtplib.SMTPDataError.__name__ in told(house, email="kin@tea.example")["failed"][0]
    assert waiting(house) == ["1"]


def test_nobody_is_called_where_nothing_is_set(house):
    news(house)
    assert told(house) == {"told": 0, "waiting": 1}


def test_old_news_is_told_no_more(house):
    house.db.write(lambda c: notices.add(c, "rollback", "old", "Long ago.", ids.now_ms() - 3 * DAY))
    with web_server() as server:
        assert told(house, webhook=server.address, local=True) == {"told": 0, "waiting": 0}
    assert server.got == []


# ---- what is news ----------------------------------------------------------------------------------------------------


def found(house, at=NOW, asks=False, disk=None):
    with house.db.read() as c:
        return due.due(c, at, asks=asks, disk=disk)


def test_nothing_happened_and_nothing_is_told(house):
    assert found(house) == []


def test_a_rollback_by_a_guard_is_news_and_one_by_the_owner_is_not(house):
    other = install_tiny(house, note="2", state="")

    def write(c):
        rollouts.append(c, rollouts.Step(APP, other, "canary", 500, "loop", "", at=NOW - 5))
        rollouts.append(c, rollouts.Step(APP, other, "rolled_back", 0, "owner", "", at=NOW - 4))
        return rollouts.append(c, rollouts.Step(APP, other, "rolled_back", 0, "guard", "It errs.", at=NOW - 3))

    seq = house.db.write(write)
    assert found(house) == [("rollback", str(seq), "Warm or cold?: release 2 was taken off by itself. It errs.")]
    assert found(house, NOW + 3 * DAY) == []


def judged(house, outcome, numbers=None):
    release, champion = install_tiny(house, note="2", state=""), None
    with house.db.read() as c:
        champion = rollouts.champion(c, APP).release
    version = ids.new_id()

    def write(c):
        lineage.add_version(c, lineage.Version(version, APP, "a" * 64, None, {}, "b" * 64, 1))
        why = [{"words": "30 more reviewed photos are missing."}]
        lineage.add_verdict(
            c, lineage.Judged(ids.new_id(), APP, release, champion, version, outcome, why, numbers or {}, NOW - 5)
        )

    house.db.write(write)
    return release


def test_a_verdict_that_waits_is_told_once_for_a_release(house):
    release = judged(house, "hold")
    (one,) = found(house)
    assert one.kind == "verdict" and one.ref == f"hold:{release[:32]}" and "30 more reviewed" in one.words


def test_a_yes_is_asked_for_only_where_the_owner_promotes(house):
    release = judged(house, "promote")
    assert found(house) == []
    (one,) = found(house, asks=True)
    assert one.ref.startswith("yes:") and "once you promote it" in one.words
    with house.db.read() as c:
        verdict = lineage.verdict_on(c, release).id
    put = partial(rollouts.Step, APP, release, by="loop", verdict=verdict)
    house.db.write(lambda c: rollouts.append(c, put("shadow", 0, at=NOW - 3)))
    assert found(house, asks=True) == [], "nobody has met it yet"
    house.db.write(lambda c: rollouts.append(c, put("canary", 500, at=NOW - 2)))
    (one,) = found(house, asks=True)
    assert one.ref.startswith("met:") and "A few visitors have it" in one.words
    house.db.write(lambda c: rollouts.append(c, rollouts.Step(APP, release, "full", at=NOW - 1)))
    assert found(house, asks=True) == []


def test_pictures_that_wait_for_choices_and_what_was_refused_are_no_news(house):
    judged(house, "hold", {"choices": {"n": 3}})
    assert found(house) == []
    judged(house, "reject")
    assert found(house) == []


def test_a_full_disk_is_told_once_a_day(house):
    full, fine = due.Disk(90_000_000, 40_000_000_000), due.Disk(900_000_000, 10_000_000_000)
    (one,) = found(house, disk=full)
    assert one.kind == "disk" and one.ref == found(house, NOW + HOUR, disk=full)[0].ref != found(
        house, NOW + DAY, disk=full
    )[0].ref  # fmt: skip
    assert found(house, disk=fine) == []


def week_of(day):
    return f"{datetime.date(1970, 1, 1) + datetime.timedelta(days=day):%G-W%V}"


def test_the_week_is_told_after_it_is_over_and_only_where_something_happened(house):
    with house.db.read() as c:
        release = rollouts.champion(c, APP).release
        assert apps.get(c, APP).title == "Warm or cold?"
    monday = NOW // DAY - 3 - 7

    def write(c):
        tallies.add(c, APP, release, "full", (monday - 1) * 24, "answers", 1000, 1.0)
        tallies.add(c, APP, release, "full", monday * 24, "answers", 40, 400.0)
        tallies.add(c, APP, release, "full", monday * 24, "agree", 10, 9.0)
        tallies.add(c, APP, release, "full", (monday + 7) * 24, "answers", 7, 70.0)

    house.db.write(write)
    (week,) = found(house)
    assert week.kind == "digest" and week.ref == week_of(monday)
    assert "Warm or cold?: 40 answers, 10 words of visitors, 90 in 100 agree." in week.words
    assert found(house, NOW + 7 * DAY)[0].ref == week_of(monday + 7)


# ---- from the site to the loop ---------------------------------------------------------------------------------------


def test_the_site_asks_the_loop_once_and_calls_nobody(tmp_path):
    page = settings.Settings(project=tmp_path, notify=Notify(webhook="https://hook.example/x"))
    with whole_house(tmp_path, page) as site:
        assert noticing.notice(site.deps) is None
        news(site.house)
        job = noticing.notice(site.deps)
        assert job is not None and noticing.notice(site.deps) is None
        with site.house.db.read() as c:
            assert jobs.get(c, job).kind == "notify"
        site.house.db.write(lambda c: jobs.event(c, job, "done", {}, ids.now_ms()))
        assert noticing.notice(site.deps) is None  # that way failed: again in ten minutes
        site.deps.clock = lambda: ids.now_ms() + noticing.AGAIN_MS
        assert noticing.notice(site.deps) is not None


def test_settings_name_one_address_and_the_secret_is_none_of_them(monkeypatch):
    monkeypatch.setenv(notify.SMTP, "smtps://kin:secret@mail.example")
    assert "secret" not in repr(settings.Settings()) and not settings.Settings().notify.is_set
    for wrong in ("kin", "a@b, c@d", "Kin <kin@tea.example>", "a@b\nBcc: x@y"):
        with pytest.raises(ValueError, match="one address"):
            Notify(email=wrong)
    assert os.environ[notify.SMTP]


def test_news_of_money_leads_to_its_page(house):
    news(house, "money", "disputed:1", "The buyer's bank disputes a payment.")
    news(house, "cap", "day:hours:1", "80 % of the cap is used.")
    page = settings.Settings(project=house.data.parent)
    with house.db.read() as c:
        told = [notify.message_of(house, page, row) for row in notices.waiting(c, 0)]
    assert {one.url.removeprefix(page.url) for one in told} == {"/owner/money"}
    assert [one.title for one in told] == ["A payment needs a look", "A cap is being used up"]


def test_the_week_tells_what_came_in_and_play_money_is_none(house):
    last_week, price = NOW - 7 * DAY, {"amount": 200, "currency": "EUR", "predictions": 50}

    def sell(c, at, live):
        pass_id, name = ids.new_id(), f"{at}-{live}"
        passes.add(c, pass_id, orders.new_code(), APP, live, at)
        order = orders.add(c, pass_id, APP, price, live, at)
        orders.take(c, TillEvent(f"evt-{name}", "paid", at, order, f"pay-{name}", 200, "EUR"), at)

    for at, live in ((last_week, True), (last_week + HOUR, True), (last_week, False), (NOW, True)):
        house.db.write(lambda c, at=at, live=live: sell(c, at, live))
    (one,) = [each for each in found(house) if each.kind == "digest"]
    assert one.words.splitlines()[-1] == "Income: 4.00 EUR, of 2 payments."
