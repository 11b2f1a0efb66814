"""Which commit a training was made of: of a real repository, clean or changed, or of none."""

import os
import shutil
import subprocess

import pytest

from teahouse.loop import commit

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def git(folder, *words):
    """git, as nobody in particular."""
    who = ("-c", "user.name=kin", "-c", "user.email=kin@tea.example", "-c", "commit.gpgsign=false")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(
        ["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True, env=environment
    ).stdout.strip()


@pytest.fixture
def project(tmp_path):
    """A repository with an app in a folder of its own, and another one beside."""
    app = tmp_path / "apps" / "tea"
    app.mkdir(parents=True)
    (app / "app.py").write_text("app = 1\n")
    (tmp_path / "other.txt").write_text("other\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return app


def test_a_clean_folder_is_its_commit_whatever_changed_elsewhere(project):
    head = git(project, "rev-parse", "HEAD")
    (project.parents[1] / "other.txt").write_text("changed\n")
    assert commit.of(project) == head


def test_what_differs_from_the_commit_is_told(project):
    head = git(project, "rev-parse", "HEAD")
    (project / "app.py").write_text("app = 2\n")
    assert commit.of(project) == f"{head}+changes"
    git(project, "checkout", "-q", ".")
    (project / "train.py").write_text("new\n")
    assert commit.of(project) == f"{head}+changes"


def test_no_repository_no_commit_and_an_ignored_folder_have_none(tmp_path, project):
    assert commit.of(tmp_path / "nowhere") is None
    (project.parents[1] / ".gitignore").write_text("built/\n")
    built = project.parents[1] / "built"
    built.mkdir()
    (built / "app.py").write_text("app = 3\n")
    assert commit.of(built) is None
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    assert commit.of(empty) is None


def test_nothing_that_the_repository_brings_is_run(project):
    mark = project.parents[1] / "ran"
    hook = project.parents[1] / "monitor.sh"
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    git(project, "config", "core.fsmonitor", str(hook))
    assert commit.of(project) is not None and not mark.exists()
