"""B3: whatever an archive says of itself, nothing is written outside of its staging folder, and it takes no time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from teahouse.testing import tiny_release
from tests.standard.bad_archives import archives
from tests.standard.source import calls, dotted, imports, modules
from tests.standard.zips import tree

ROOT = Path(__file__).parents[2]
MOST_S, MOST_MB = 1.0, 64


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What became of each archive, unpacked one after the other by a process of its own."""
    root = tmp_path_factory.mktemp("bad")
    tiny_release(root / "honest")
    made = archives(root / "honest")
    (root / "given").mkdir()
    names = {}
    for number, (name, data) in enumerate(made.items()):
        (root / "given" / f"{number:04}.teahouse").write_bytes(data)
        names[f"{number:04}.teahouse"] = name
    (root / "house" / "releases").mkdir(parents=True)
    (root / "house" / "secret.json").write_text("kept")
    before = tree(root)
    command = [sys.executable, "-m", "tests.standard.unpacking", str(root / "given"), str(root / "house" / "releases")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(made)
    return [{**one, "name": names[one["name"]]} for one in found], before, tree(root)


def test_b3_every_hostile_archive_is_refused_in_words(told):
    found, _, _ = told
    assert len(found) >= 60
    assert [one["name"] for one in found if not one["refused"]] == []
    assert all("Refused because" in one["refused"] or "can not" in one["refused"] for one in found)


def test_b3_nothing_is_written_anywhere(told):
    _, before, after = told
    assert after == before


def test_b3_each_takes_at_most_a_second_and_64_mb(told, capsys):
    found, _, _ = told
    slow = {one["name"]: one["seconds"] for one in found if one["seconds"] > MOST_S}
    large = {one["name"]: one["grew_mb"] for one in found if one["grew_mb"] > MOST_MB}
    with capsys.disabled():
        print(
            f"\nB3: {len(found)} archives refused, slowest {max(one['seconds'] for one in found):.2f} s, "
            f"most memory + {max(one['grew_mb'] for one in found):.0f} MB"
        )
    assert (slow, large) == ({}, {})


def test_b3_no_module_unpacks_by_itself():
    for path, tree_ in modules():
        roots = {name.split(".")[0] for name in imports(tree_)}
        assert "tarfile" not in roots, path
        for call in calls(tree_):
            name = dotted(call.func).split(".")[-1]
            assert name not in ("extract", "extractall", "unpack_archive"), f"{path}:{call.lineno}"
