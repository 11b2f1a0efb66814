"""What a page that stands alone keeps in a browser: apart by page, and nothing of builds that are gone."""

import shutil
import subprocess
from pathlib import Path

import pytest

from teahouse.site import render

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def test_each_page_has_its_own_words_and_drops_its_own_old_models(tmp_path):
    shutil.copytree(render.STATIC / "js", tmp_path / "js")
    shutil.copy(Path(__file__).parent / "kept.mjs", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    done = subprocess.run(["node", "kept.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-3000:]
