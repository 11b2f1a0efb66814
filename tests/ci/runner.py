"""A stand-in for GitHub's runner: does a workflow's jobs in order, each `run:` step for real, from a clean clone.

Of the actions it does what their READMEs say: a checkout is a clone, an artifact is a copy. A step sees the environment
that the workflow gives it and no more, so a secret that is not handed to a step is not there.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .stand_in import REPO, TOKEN

EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass
class Step:
    """A step that was done: what it was, how it ended and what it said."""

    name: str
    ok: bool
    said: str = ""


@dataclass
class Job:
    """A job that was done (one for each value of its matrix): its result, steps and outputs."""

    id: str
    result: str
    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def said(self) -> str:
        return "\n".join(f"--- {step.name}\n{step.said}" for step in self.steps)


@dataclass
class Runner:
    """`github`: the stand-in of the API; `origin`: the repository; `bin`: the folder that holds what is installed."""

    github: Any
    origin: Path
    scratch: Path
    bin: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    artifacts: dict[str, Path] = field(default_factory=dict)
    attested: dict[str, str] = field(default_factory=dict)
    deployed: list[Path] = field(default_factory=list)
    summary: str = ""
    runs: int = 0

    def run(
        self, workflow: str, event: Mapping[str, Any], ref: str, only: Collection[str] = ()
    ) -> dict[str, list[Job]]:
        """All jobs of a workflow file as it stands on `ref`; {job: one Job for each value of its matrix}. Where `only`
        some are asked for, the others count as done."""
        from ruamel.yaml import YAML  # it comes with the developers' check-jsonschema

        self.runs += 1
        self.artifacts = {}
        commit = self.git("rev-parse", ref)
        page = YAML(typ="safe").load(self.git("show", f"{commit}:.github/workflows/{workflow}"))
        github = {
            "event": event, "repository": REPO, "token": TOKEN, "sha": commit, "ref_name": event.get("ref_name", ref)
        }  # fmt: skip
        done: dict[str, list[Job]] = {}
        for name, job in page["jobs"].items():
            if only and name not in only:
                done[name] = [Job(name, "success")]
                continue
            needed = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            needs = {one: {"result": combined(done[one]), "outputs": done[one][-1].outputs} for one in needed}
            scope = {"github": github, "needs": needs, "vars": self.variables, "secrets": self.secrets}
            sound = all(one["result"] == "success" for one in needs.values())
            if not (truth(job.get("if", "true"), scope) and (sound or "cancelled" in job.get("if", ""))):
                done[name] = [Job(name, "skipped")]
                continue
            matrix = job.get("strategy", {}).get("matrix", {"": [None]})
            ((axis, values),) = matrix.items()
            done[name] = [self.do(name, job, {**scope, "matrix": {axis: value}}) for value in values]
        return done

    def do(self, name: str, job: Mapping[str, Any], scope: dict[str, Any]) -> Job:
        """One job on a fresh machine."""
        work = self.scratch / f"run-{self.runs}-{name}-{'-'.join(map(str, scope['matrix'].values()))}"
        work.mkdir(parents=True)
        scope = {**scope, "steps": {}, "failed": False, "work": work}
        done = Job(name, "success")
        for step in job["steps"]:
            told = step.get("name") or step.get("uses", "").partition("@")[0]
            if not (truth(step["if"], scope) if "if" in step else True):
                continue
            if scope["failed"] and "cancelled" not in step.get("if", ""):
                continue
            if "run" in step:
                here = work / job.get("defaults", {}).get("run", {}).get("working-directory", "")
                finished = self.shell(step, {**job.get("env", {}), **step.get("env", {})}, scope, here)
            else:
                finished = self.act(step["uses"].partition("@")[0], filled(step.get("with", {}), scope), scope)
            done.steps.append(Step(told, *finished))
            scope["failed"] = scope["failed"] or not finished[0]
        done.result = "failure" if scope["failed"] else "success"
        done.outputs = {key: filled(value, scope) for key, value in job.get("outputs", {}).items()}
        return done

    def shell(self, step: Mapping[str, Any], env: Mapping[str, str], scope: Any, here: Path) -> tuple[bool, str]:
        """A `run:` step, as the runner does it: bash -e on a file."""
        work = scope["work"]
        event, output, summary, script = (work.with_name(f"{work.name}.{end}") for end in ("event", "out", "md", "sh"))
        event.write_text(json.dumps(scope["github"]["event"]))
        output.write_text("")
        summary.write_text("")
        script.write_text(filled(step["run"], scope))
        home = self.scratch / "home"
        home.mkdir(exist_ok=True)
        given = {
            "PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8", "CI": "true", "COLUMNS": "200",
            "GITHUB_ACTIONS": "true", "GITHUB_API_URL": self.github.url, "GITHUB_REPOSITORY": REPO,
            "GITHUB_SERVER_URL": "https://github.example", "GITHUB_RUN_ID": str(self.runs),
            "GITHUB_SHA": scope["github"]["sha"], "GITHUB_REF_NAME": scope["github"]["ref_name"],
            "GITHUB_EVENT_PATH": str(event), "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary),
            **self.environment, **{name: str(filled(value, scope)) for name, value in env.items()},
        }  # fmt: skip
        told = subprocess.run(
            ["bash", "-e", str(script)], cwd=here, env=given, capture_output=True, text=True, timeout=240, check=False
        )
        if "id" in step:
            pairs = (line.partition("=") for line in output.read_text().splitlines())
            scope["steps"][step["id"]] = {"outputs": {name: value for name, _, value in pairs}}
        self.summary += summary.read_text()
        return told.returncode == 0, told.stdout + told.stderr

    def act(self, action: str, given: Mapping[str, Any], scope: dict[str, Any]) -> tuple[bool, str]:
        """What an action does, as far as a workflow can see it."""
        work = scope["work"]
        if action == "actions/checkout":
            assert given["persist-credentials"] is False
            self.git("worktree", "prune")
            subprocess.run(["git", "clone", "-q", str(self.origin), str(work)], check=True)
            subprocess.run(["git", "-C", str(work), "checkout", "-q", scope["github"]["sha"]], check=True)
        elif action == "actions/upload-artifact":
            source = work / given["path"]
            if not source.exists():
                return given["if-no-files-found"] == "ignore", "no files"
            self.artifacts[given["name"]] = self.keep(source, given["name"])
        elif action == "actions/download-artifact":
            target = work / given["path"]
            for name, folder in self.artifacts.items():
                if Path(name).match(given["pattern"]):
                    shutil.copytree(folder, target, dirs_exist_ok=True)
        elif action == "actions/attest-build-provenance":
            for file in work.glob(given["subject-path"]):
                self.attested[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
        elif action == "actions/upload-pages-artifact":
            self.artifacts["github-pages"] = self.keep(work / given["path"], "github-pages")
        elif action == "actions/deploy-pages":
            self.deployed.append(self.artifacts["github-pages"])
            scope["steps"]["deploy"] = {"outputs": {"page_url": "https://maker.github.example/warmth/"}}
        else:
            assert action == "actions/setup-python", action
        return True, ""

    def keep(self, source: Path, name: str) -> Path:
        """A copy of what a job leaves for later ones."""
        target = self.scratch / "artifacts" / f"{self.runs}-{name}"
        return Path(shutil.copytree(source, target))

    def git(self, *words: str) -> str:
        """A git command on the repository."""
        told = subprocess.run(["git", "-C", str(self.origin), *words], capture_output=True, text=True, check=True)
        return told.stdout.strip()


def combined(jobs: list[Job]) -> str:
    """The result of all jobs of a matrix."""
    results = {job.result for job in jobs}
    return "failure" if "failure" in results else "skipped" if "skipped" in results else "success"


def filled(value: Any, scope: Mapping[str, Any]) -> Any:
    """A value with its expressions in place."""
    if isinstance(value, dict):
        return {name: filled(one, scope) for name, one in value.items()}
    if not isinstance(value, str):
        return value
    return EXPRESSION.sub(lambda found: str(worth(found[1], scope)), value)


def truth(condition: str, scope: Mapping[str, Any]) -> bool:
    """Whether an `if:` holds."""
    found = EXPRESSION.fullmatch(condition.strip())
    return bool(worth(found[1] if found else condition, scope))


def worth(words: str, scope: Mapping[str, Any]) -> Any:
    """What an expression is worth: &&, ==, !=, !, cancelled(), hashFiles(), texts and names; nothing else is used."""
    parts = [part.strip() for part in words.split("&&")]
    if len(parts) > 1:
        return all(worth(part, scope) for part in parts)
    for sign, same in (("==", True), ("!=", False)):
        left, found, right = words.partition(sign)
        if found:
            return (worth(left.strip(), scope) == worth(right.strip(), scope)) is same
    if words.startswith("!"):
        return not worth(words[1:].strip(), scope)
    if words.startswith("'"):
        return words.strip("'")
    if words in ("cancelled()", "true"):
        return words == "true"
    if found := re.fullmatch(r"hashFiles\('(.*)'\)", words):
        return "some" if list(scope["work"].glob(found[1])) else ""
    value: Any = scope
    for name in words.split("."):
        value = value.get(name, "") if isinstance(value, Mapping) else ""
    return value


# What a workflow has to install itself before it is there; what these stand on is beside them already.
HIDDEN = ("pytest", "_pytest", "ruff", "py.py", "teahouse")


def tools(folder: Path, packages: Path, wheels: Path) -> tuple[Path, dict[str, str]]:
    """A virtual environment in which pip finds this teahouse, linter and pytest as wheels, and what they need beside
    it: its bin folder, and the environment that keeps pip off the network. What is HIDDEN is there once it is
    installed, and not before."""
    import sys

    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
    (place,) = folder.glob("lib/python*/site-packages")
    beside = folder / "beside"
    beside.mkdir()
    for one in packages.iterdir():
        if (
            one.suffix != ".pth"
            and one.name not in HIDDEN
            and not one.name.startswith(("pytest-", "ruff-", "teahouse-"))
        ):
            (beside / one.name).symlink_to(one)
    (place / "zz-what-is-here.pth").write_text(f"{beside}\n")
    environment = {
        "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_IGNORE_INSTALLED": "1", "PIP_FIND_LINKS": str(wheels),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    if "TMPDIR" in os.environ:
        environment["TMPDIR"] = os.environ["TMPDIR"]
    return folder / "bin", environment
