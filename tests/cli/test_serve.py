"""`teahouse serve` before it serves: which port it takes."""

import os

import pytest

from teahouse.cli import serve
from teahouse.desk import reach, where
from teahouse.desk.where import project as find


@pytest.fixture
def busy(teahouse, here, monkeypatch):
    """A project whose usual port, and the one after it, are taken by others."""
    teahouse("new", "hats")
    monkeypatch.chdir(here / "hats")
    monkeypatch.delenv("TEAHOUSE_SITE_PORT", raising=False)
    monkeypatch.setattr(reach, "is_free", lambda host, port: port > 8361)


def test_where_the_usual_port_is_taken_a_site_takes_the_next_and_says_so(teahouse, busy, monkeypatch):
    monkeypatch.setenv("TEAHOUSE_SITE_PORT", "1")  # so that what the verb sets is gone after the test
    monkeypatch.delenv("TEAHOUSE_SITE_PORT")
    stood = []
    monkeypatch.setattr(serve, "stand", lambda place, greeting: stood.append((place.settings.site.port, greeting)))
    ended = teahouse("serve", "--quiet")
    assert stood == [(8362, ())] and ended.status == 0 and "Port 8360 is taken, so this site takes 8362." in ended.words
    assert os.environ["TEAHOUSE_SITE_PORT"] == "8362"  # the keeper's children read it there


def test_a_port_that_somebody_chose_is_kept(busy, here, monkeypatch):
    assert serve.free_instead(find()) == 8362
    monkeypatch.setenv("TEAHOUSE_SITE_PORT", "8360")
    assert serve.free_instead(find()) is None
    monkeypatch.delenv("TEAHOUSE_SITE_PORT")
    (here / "hats" / "teahouse.toml").write_text('[site]\nurl = "https://tea.example"\n')
    assert serve.free_instead(find()) is None  # a proxy leads to the usual one
    (here / "hats" / "teahouse.toml").write_text("[site]\nport = 8360\n")
    assert serve.free_instead(find()) is None


def test_the_doctor_minds_no_port_that_nobody_chose(teahouse, busy):
    assert "port 8360 is taken: teahouse serve takes 8362" in teahouse("doctor").words


def test_the_demo_takes_the_next_port_too(busy):
    assert (reach.free_port(None), reach.free_port(9000)) == (8362, 9000)


def test_where_the_site_runs_share_says_how_to_come_to_its_link(teahouse, busy, monkeypatch):
    note = {"url": "http://127.0.0.1:8360", "pid": 7}
    monkeypatch.setattr(where.Project, "running", lambda self: note)
    told = teahouse("share", "--yes")
    assert told.status != 0 and "runs already" in told.words and "teahouse stop && teahouse share" in told.words
    assert "teahouse open, or teahouse stop" in teahouse("serve", "--quiet").words
    monkeypatch.setattr(where.Project, "running", lambda self: None)
    monkeypatch.setenv("PATH", "")
    assert " https://github.com/cloudflare/cloudflared/releases/latest" in teahouse("share", "--yes").words
