"""GitHub, as far as the chapters go there: what `gh` does is played on the stand-ins of tests/ci.

`gh run watch` and `gh pr checks` do what the workflows say, step by step; the others move commits between two folders.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Collection
from pathlib import Path

from teahouse.ci import init
from tests.ci.runner import Runner
from tests.ci.stand_in import REPO

APP = "galaxies"
PULL = 1


class Hub:
    """`runner`: what does the workflows, after `prepare`. What is pushed waits until it is watched."""

    def __init__(self, runner: Runner, prepare: Callable[[Runner], None]) -> None:
        self.runner, self.prepare, self.origin, self.branch = runner, prepare, runner.origin, ""

    def __call__(self, desk, words: list[str]) -> str:
        return getattr(self, "_".join(words[:2]))(desk, words[2:])

    def repo_create(self, desk, words: list[str]) -> str:
        """An empty repository, named in the project as its origin; from now on the desk knows GitHub."""
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", self.origin], check=True)
        subprocess.run(["git", "-C", desk.here, "remote", "add", "origin", self.origin], check=True)
        desk.environment |= self.runner.github.environment()
        desk.names |= {REPO: f"YOU/{APP}", str(self.origin): f"github.com:YOU/{APP}", "github.example": "github.com"}
        return ""

    def run_watch(self, desk, words: list[str]) -> str:
        """The workflow of what was pushed to main. Pages are written from the second Release on: they take a while."""
        only = () if self.runner.github.published else ("candidate", "release")
        return self.done(init.RELEASE, {"repository": {"private": False}, "ref_name": "main"}, "main", only)

    def pr_create(self, desk, words: list[str]) -> str:
        """The branch that is checked out asks to be merged."""
        told = subprocess.run(["git", "branch", "--show-current"], cwd=desk.here, capture_output=True, text=True)
        self.branch = told.stdout.strip()
        return f"https://github.example/{REPO}/pull/{PULL}"

    def pr_checks(self, desk, words: list[str]) -> str:
        """The workflow of the pull request."""
        pull = {"number": PULL, "head": {"repo": {"full_name": REPO}}}
        return self.done(init.CHECK, {"action": "opened", "pull_request": pull}, self.branch)

    def pr_merge(self, desk, words: list[str]) -> str:
        """GitHub's green button."""
        place = self.runner.scratch / "merging"
        subprocess.run(["git", "clone", "-q", self.origin, place], check=True)
        git = ["git", "-C", str(place), "-c", "user.name=Maker", "-c", "user.email=maker@example.org"]
        subprocess.run([*git, "merge", "-q", "--no-ff", "-m", "Merge", f"origin/{self.branch}"], check=True)
        subprocess.run([*git, "push", "-q", "origin", "main"], check=True)
        shutil.rmtree(place)
        return ""

    def done(self, workflow: str, event: dict, ref: str, only: Collection[str] = ()) -> str:
        """A workflow, and that no job of it failed."""
        self.prepare(self.runner)
        jobs = [job for found in self.runner.run(workflow, event, ref, only).values() for job in found]
        assert not [job for job in jobs if job.result == "failure"], "\n".join(job.said for job in jobs)
        return "\n".join(f"{'✓' if job.result == 'success' else '-'} {job.id}" for job in jobs)


def installed(folder: Path) -> tuple[Path, dict[str, str]]:
    """What a runner finds in place of PyPI: wheels of this Teahouse, of the linter and of pytest."""
    import click

    import teahouse
    from tests.ci import wheels
    from tests.ci.runner import tools

    house = folder / "wheels"
    house.mkdir(parents=True)
    source = Path(teahouse.__file__).parent
    wheels.of_source(source, "teahouse", teahouse.__version__, "teahouse.cli:main", house)
    for name in ("ruff", "pytest"):
        wheels.of_installed(name, house)
    return tools(folder / "venv", Path(click.__file__).parents[1], house)
