"""`teahouse pages`: of a project's champion, or of a bundle where there is no project's data."""

import json
import subprocess

import pytest
from click.testing import CliRunner

from teahouse import testing
from teahouse.cli import teahouse as verbs
from teahouse.errors import Refused
from teahouse.model import archive
from teahouse.pages import runtime


@pytest.fixture
def project(tmp_path, monkeypatch, engine):
    """A project with one app, in which nothing is released yet."""
    monkeypatch.setattr(runtime, "get", lambda *_: engine)
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    (tmp_path / "teahouse.toml").write_text("")
    (tmp_path / "apps" / testing.APP).mkdir(parents=True)
    (tmp_path / "apps" / testing.APP / "app.py").write_text(f'app = App(name="{testing.APP}")')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(*words: str) -> dict:
    done = CliRunner().invoke(verbs, ["pages", *words, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def about(to) -> dict:
    return json.loads((to / "app.json").read_text("utf-8"))


def test_the_champion_becomes_a_folder(project):
    with testing.open_house(project / ".teahouse") as house:
        release = testing.install_tiny(house)
    made = told()
    assert made["release"] == release and made["to"] == str(project / "public")
    assert made["bytes"] == sum(one.stat().st_size for one in (project / "public").rglob("*") if one.is_file())
    assert "Release 1" in (project / "public" / "index.html").read_text("utf-8")


def test_a_bundle_becomes_one_without_any_data(project):
    folder = project / "release"
    testing.tiny_release(folder)
    release = archive.pack(folder, project / "warmth.teahouse", None)
    made = told("--bundle", "warmth.teahouse", "--to", "out/page")
    assert made["release"] == release and about(project / "out" / "page")["release"] == release
    assert "Release 0" not in (project / "out" / "page" / "index.html").read_text("utf-8")


def test_the_release_beside_app_py_becomes_one_where_the_house_has_none(project):
    testing.tiny_release(project / "apps" / testing.APP / "release")
    made = told()
    assert about(project / "public")["release"] == made["release"] and not (project / ".teahouse" / "house.db").exists()
    with testing.open_house(project / ".teahouse"):
        pass
    assert told()["release"] == made["release"]


def test_without_any_data_and_release_it_says_what_works(project):
    with pytest.raises(Exception, match="has no release yet") as why:
        told()
    assert "--bundle" in why.value.do_next


def test_without_a_release_it_says_how_to_come_by_one(project):
    with testing.open_house(project / ".teahouse"):
        pass
    with pytest.raises(Exception, match="has no release yet") as why:
        told()
    assert "--bundle" in why.value.do_next


def test_words_become_issues_of_the_repository_that_git_knows(project):
    with testing.open_house(project / ".teahouse") as house:
        testing.install_tiny(house)
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "remote", "add", "origin", "git@github.com:me/warmth.git"], check=True)
    told()
    assert about(project / "public")["issues"] == "https://github.com/me/warmth"
    assert "https://me.github.io/warmth/card.png" in (project / "public" / "index.html").read_text("utf-8")
    subprocess.run(["git", "remote", "set-url", "origin", "https://notgithub.com/me/warmth.git"], check=True)
    told()
    assert about(project / "public")["issues"] == ""
    for wrong in ("foo", "a/b/c", "https://github.com/me/warmth"):
        with pytest.raises(Exception, match="is no repository on GitHub"):
            told("--issues", wrong)
    told("--issues", "")
    assert about(project / "public")["issues"] == ""


def test_a_home_is_an_address_and_nothing_else(project):
    with testing.open_house(project / ".teahouse") as house:
        testing.install_tiny(house)
    told("--home", "https://tea.example/some/page")
    assert about(project / "public")["home"] == "https://tea.example"
    for wrong in ("tea.example", "javascript:alert(1)", "https://a b", "https://x;script-src *"):
        with pytest.raises(Exception, match="is no address"):
            told("--home", wrong)


def test_what_lies_in_the_folder_stays(project):
    (project / "public").mkdir()
    (project / "public" / "mine.txt").write_text("mine")
    with pytest.raises(Refused):
        told()
