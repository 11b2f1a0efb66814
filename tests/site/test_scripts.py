"""The scripts' own tests, run by node where there is one; the site itself needs none."""

import shutil
import subprocess
from pathlib import Path

import pytest

from teahouse.site import render

TESTS = Path(__file__).parent / "scripts"


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_scripts_keep_what_they_say(tmp_path):
    shutil.copytree(render.STATIC / "js", tmp_path / "js")
    shutil.copytree(TESTS, tmp_path / "scripts")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    files = [f"scripts/{path.name}" for path in sorted(TESTS.glob("*.test.mjs"))]
    done = subprocess.run(["node", "--test", *files], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-4000:]
