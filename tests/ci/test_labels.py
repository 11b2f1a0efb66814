"""Labels of a site in a training elsewhere: when they are due, what of them trains, and that none of them judges."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.loop.circle import review, visit

from teahouse import datasets, ids
from teahouse.ci import after, labels, own
from teahouse.errors import InputError
from teahouse.store import labels as store
from teahouse.testing import install_tiny, open_house, photo

from . import maker

APP = "warmth"


@pytest.fixture
def project(tmp_path):
    return maker.project(tmp_path / "shop", photos=20)


@pytest.fixture
def pulled(project, tmp_path):
    """A dataset version of the site's, pulled: three photos of visitors, of which one judges there."""
    target = tmp_path / "shop" / ".teahouse" / labels.PULLED / APP
    with open_house(tmp_path / "site") as house:
        install_tiny(house)
        from teahouse.store import rollouts

        with house.db.read() as c:
            release = rollouts.champion(c, "warm-or-cold") or rollouts.wanted(c)[0]
        house.db.write(lambda c: rollouts.append(c, rollouts.Step(APP, release.release, "full")))
        for seed, (kind, said) in enumerate([("warm", "warm"), ("cold", "cold"), ("warm", "cold")]):
            held = seed == 2
            found = visit(house, photo(kind, 500 + seed), said, held=held, before=held)
            with house.db.read() as c:
                row = store.of_prediction(c, found.id)
            review(house, row.id, said)
        version = house.db.write(lambda c: datasets.build(c, house, APP))
        datasets.export_folder(house, version, target)
    return target


def test_what_visitors_gave_trains_and_nothing_of_it_judges(project, pulled, tmp_path):
    known = labels.known(project / "apps" / APP, pulled)
    assert len(known.pulled) == 2 and {row["split"] for row, _ in known.pulled} == {"train"}
    alone = own.gather(APP, project / "apps" / APP, tmp_path / "alone", own.Known(), lambda *_: None)
    data = own.gather(APP, project / "apps" / APP, tmp_path / "with", known, lambda *_: None)
    added = [row for row in data.rows if row["source"] == "visitor"]
    assert len(data.rows) == len(alone.rows) + 2 and len(added) == 2 and data.digest != alone.digest
    assert {row["truth"]["label"] for row in added} == {"warm", "cold"}
    for row in added:
        (given,) = row["inputs"].values()
        assert ids.sha256(data.photo(given["blob"])) == given["blob"]
    trains = {row["row"] for row in data.training()}
    assert {row["row"] for row in added} <= trains
    assert not any(row.source == "visitor" for row in data.gold())


def test_where_nothing_was_pulled_nothing_changes(project, tmp_path):
    assert labels.known(project / "apps" / APP, tmp_path / "nowhere") == own.Known()


@pytest.mark.parametrize("line", ["no json", '{"label": "warm"}', '{"source": "visitor", "label": "warm", "file_name": "../../../teahouse.toml"}'])  # fmt: skip  # noqa: E501
def test_an_export_that_is_none_is_refused(pulled, line):
    metadata = next(pulled.glob("**/train/metadata.jsonl"))
    metadata.write_text(f"{line}\n")
    with pytest.raises(InputError):
        list(labels.rows_in(pulled, lambda data: b""))


@pytest.mark.parametrize(("new", "due"), [(49, False), (50, True), (None, False)])
def test_a_retrain_is_due_when_the_sites_loop_would_ask_for_one(new, due):
    assert labels.is_due({"new": new}, 50) is due


class Site(BaseHTTPRequestHandler):
    """A site of which only the labels' counts are asked."""

    new = 0

    def log_message(self, *_):
        """Silent."""

    def do_GET(self):
        fits = self.path.startswith("/api/owner/labels?app=warmth") and self.headers["Authorization"] == "Bearer th_key"
        data = json.dumps({"labels": [], "counts": {"new": self.new}} if fits else {"error": {"what": "no"}}).encode()
        self.send_response(200 if fits else 404)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.mark.parametrize("new", [3, 70])
def test_the_answer_is_left_for_the_next_job(project, tmp_path, monkeypatch, new):
    from click.testing import CliRunner

    from teahouse.cli.ci import ci_verb

    server = ThreadingHTTPServer(("127.0.0.1", 0), type("One", (Site,), {"new": new}))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    output = tmp_path / "output"
    monkeypatch.chdir(project)
    monkeypatch.setenv("TEAHOUSE_KEY", "th_key")
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    try:
        done = CliRunner().invoke(ci_verb, ["due", "--site", f"http://127.0.0.1:{server.server_address[1]}"])
    finally:
        server.shutdown()
        server.server_close()
    assert done.exit_code == 0, done.output
    assert output.read_text() == f"due={'true' if new > 50 else 'false'}\n"


def test_what_an_app_asks_for_is_read_where_no_key_is(project, monkeypatch):
    monkeypatch.setenv("TEAHOUSE_KEY", "th_key")
    source = project / "apps" / APP
    assert after.of_app(source) is None
    maker.change(project, ('title="Warm or cold?"', 'title="Warm or cold?", retrain_after=7'), file="app.py")
    assert after.of_app(source) == 7
    words = "import os\n\nprint('99')\nassert 'TEAHOUSE_KEY' not in os.environ\n"
    (source / "app.py").write_text(words + (source / "app.py").read_text())
    assert after.of_app(source) == 7
    (source / "app.py").write_text("import what_is_not_installed_here\n")
    assert after.of_app(source) is None
