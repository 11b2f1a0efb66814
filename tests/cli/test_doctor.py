"""`teahouse doctor` finds what is wrong, and names its fix."""

import json
import socket


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
