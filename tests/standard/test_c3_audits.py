"""C3: what bandit and ruff's S find in the code: nothing of high severity, and each of medium one known and right."""

import ast
import json
import subprocess
import sys
from collections import Counter
from inspect import isclass
from pathlib import Path

import pytest

from teahouse.site import owner_money_shapes, owner_page_shapes, pages, pass_page_shapes
from tests.standard.source import calls, dotted

ROOT = Path(__file__).parents[2]
# test: (how many, why they are right). None: as many as there are pages, each looked at below.
MEDIUM = {
    "B103": (1, "a folder of pages is for a web server to read"),
    "B104": (5, "an address that is compared with, or that the maker asked for"),
    "B704": (2, "squares that segno drew, and the maker's own terms, rendered with HTML off: test_pass_pages tries it"),
    "B604": (None, "a page's frame is called shell= here: these calls make shapes of pages, and start nothing"),
}


def findings(*places: str) -> list[dict]:
    command = [sys.executable, "-m", "bandit", "-q", "-r", "-f", "json", *places]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert told.returncode in (0, 1), told.stderr
    whole = json.loads(told.stdout)
    assert whole["errors"] == []
    return whole["results"]


def said(found: list[dict]) -> list[str]:
    return [f"{one['filename']}:{one['line_number']} {one['test_id']} {one['issue_text']}" for one in found]


def test_c3_bandit_finds_nothing_high_and_of_medium_what_is_listed():
    found = findings("src")
    high = [one for one in found if one["issue_severity"] == "HIGH"]
    medium = [one for one in found if one["issue_severity"] == "MEDIUM"]
    assert said(high) == []
    assert said([one for one in medium if one["test_id"] not in MEDIUM]) == []
    counts = Counter(one["test_id"] for one in medium)
    for test, (count, why) in MEDIUM.items():
        assert count in (None, counts[test]), (test, why, said(medium))
    assert [one for one in medium if one["test_id"] == "B604" and not makes_a_page(one)] == []


def makes_a_page(one: dict) -> bool:
    """Whether what bandit found at this line makes a shape of a page (a class of ours, not a function that starts)."""
    modules = (pages, owner_page_shapes, owner_money_shapes, pass_page_shapes)
    shapes = {name for module in modules for name, kind in vars(module).items() if isclass(kind)}
    tree = ast.parse((ROOT / one["filename"]).read_text("utf-8"))
    about = (call for call in calls(tree) if call.lineno <= one["line_number"] <= call.end_lineno)
    found = [call for call in about if any(given.arg == "shell" for given in call.keywords)]
    return bool(found) and all(dotted(call.func).rsplit(".", 1)[-1] in shapes for call in found)


@pytest.mark.parametrize(
    ("line", "test"),
    [("import subprocess\nsubprocess.run('ls ' + name, shell=True)\n", "B602"),
     ("import hashlib\nhashlib.md5(b'')\n", "B324")],
)  # fmt: skip
def test_c3_bandit_sees_a_planted_fault(tmp_path, line, test):
    (tmp_path / "planted.py").write_text(line)
    assert any(one["issue_severity"] == "HIGH" and one["test_id"] == test for one in findings(str(tmp_path)))


def test_c3_ruff_checks_all_of_s():
    told = subprocess.run([sys.executable, "-m", "ruff", "check", "src"], cwd=ROOT, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout
    planted = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--stdin-filename", "src/teahouse/planted.py", "-"],
        cwd=ROOT, input="import tempfile\n\nprint(tempfile.mktemp())\n", capture_output=True, text=True,
    )  # fmt: skip
    assert "S306" in planted.stdout
