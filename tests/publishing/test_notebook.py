"""The page on publishing is a notebook that runs for real, here and where nobody can reach it."""

import subprocess
import sys

import httpx
import pytest
from tests.publishing import notebook

from teahouse.desk.where import find_project
from teahouse.publishing import standing

pytest.importorskip("torch")
pytest.importorskip("nbclient", reason="there is no nbclient here: pip install -e .[dev]")
pytestmark = [pytest.mark.long, pytest.mark.torch, pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, whose site is stopped in the end whatever happens."""
    for name in ("TEAHOUSE_DATA", "TEAHOUSE_SITE_PORT"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    project = find_project(tmp_path / "teahouse-site")
    if project is not None:
        standing.stop(project)
        assert not project.is_kept()


def test_the_notebook_ends_in_a_page_that_answers_here_and_on_the_network(here):
    book = notebook.run(here, [*notebook.cells(), "app"])
    shown = notebook.shown(book)
    project = find_project(here / "teahouse-site")
    note = project.running()
    assert note, "the site outlives the kernel"
    assert f"{note['url']}/warm-or-cold/embed" in shown and "otherwise" not in shown
    phone = shown.partition("network<br>")[2].partition("<")[0].rpartition("/")[0]
    assert bool(phone) == standing.is_private(standing.addresses())
    given = (here / "sunset.jpg").read_bytes()
    for url in filter(None, (note["url"], phone)):
        asked = f"{url}/api/apps/warm-or-cold/predictions"
        assert httpx.post(asked, files={"input": given}, timeout=30).json()["output"]["label"] == "warm"
    assert ("<svg" in shown) == bool(phone) and ("this computer alone: " in shown) != bool(phone)
    if phone:
        port = phone.rpartition(":")[2]
        for name in (phone.removeprefix("http://"), f"localhost:{port}", f"127.0.0.1:{port}"):
            assert httpx.get(f"{phone}/owner/", headers={"Host": name}, timeout=30).status_code == 421
    told = subprocess.run(
        [sys.executable, "-m", "teahouse.cli", "status"], cwd=project.root, capture_output=True, text=True
    )
    assert note["url"] in told.stdout


def test_on_colab_the_notebook_ends_in_a_file_and_two_commands(here, monkeypatch):
    from teahouse.model import archive

    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab-external_20260101")
    monkeypatch.setenv("COLAB_GPU", "1")
    shown = notebook.shown(notebook.run(here, [*notebook.cells(), "app"]))
    assert not (here / "teahouse-site").exists()
    release, manifest, _ = archive.look(here / "warm-or-cold.teahouse")
    assert manifest.title == "Warm or cold?" and len(release) == 64
    assert "teahouse new warm-or-cold --bundle warm-or-cold.teahouse" in shown and "Google Colab" in shown
    assert 'download="warm-or-cold.teahouse"' in shown and "<iframe" not in shown


def test_publishing_again_puts_the_new_release_on_the_same_site(here):
    from teahouse.store import rollouts

    cells = notebook.cells()
    notebook.run(
        here, [*cells, "first = app", cells[-1], "assert app.url == first.url and app.release != first.release"]
    )
    project = find_project(here / "teahouse-site")
    with project.house() as house, house.db.read() as c:
        assert rollouts.previous_champion(c, "warm-or-cold") is not None
