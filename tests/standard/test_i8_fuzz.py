"""I8: what the house reads is fuzzed with the coverage as a guide (atheris): only declared errors come out."""

import base64
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Of each target; nightly 600. The row is one of the night: in CI it shows that each target still runs and holds.
SECONDS = int(os.environ.get("TEAHOUSE_FUZZ_SECONDS", "2"))
TARGETS = ("bundle", "manifest", "rows", "export", "labels", "photo", "multipart", "config")
pytest.importorskip("atheris", reason="there is no atheris for this machine: it has wheels for Linux on x86-64")


def fuzzed(name: str, folder: Path, seconds: int, module: str = "tests.standard.fuzz") -> subprocess.CompletedProcess:
    memory, most = Path("/dev/shm"), seconds + 100  # a file is written for each input: a disk would slow that down
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as scratch:
        # libFuzzer counts the most memory that it ever had, and Linux lets a child begin with what its parent has: this
        # process may have loaded much, so a small shell comes between.
        between = ["sh", "-c", '"$@"; exit $?', "sh"]
        command = [*between, sys.executable, "-m", module, name, str(folder), str(seconds), scratch]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=most)


def what_broke(told: subprocess.CompletedProcess, folder: Path) -> str:
    """The error, and the file that brings it about with its bytes, for a runner keeps none; nothing where none did."""
    left = sorted(str(one) for kind in ("crash", "oom", "timeout", "leak") for one in folder.glob(f"{kind}-*"))
    if told.returncode == 0 and not left:
        return ""
    why = re.search(r"=== Uncaught Python exception: ===.*?(?=\n\n|\Z)", told.stdout, re.S)
    held = "".join(f"\n{one}: {base64.b64encode(Path(one).read_bytes()).decode()}" for one in left)
    said = why[0] if why else told.stderr[-2000:]
    return f"{', '.join(left) or 'no file'} ends it with {told.returncode}: {said}{held}"


@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.parametrize("name", TARGETS)
def test_i8_only_declared_errors_come_out(name, tmp_path, capsys):
    told = fuzzed(name, tmp_path / name, SECONDS)
    assert not (broke := what_broke(told, tmp_path / name)), broke
    runs = int(re.search(r"Done (\d+) runs", told.stderr)[1])
    with capsys.disabled():
        print(f"\nI8: {name}, {runs:,} inputs in {SECONDS} s")
    assert runs > 1, "it never got beyond what it was given"


def test_i8_the_table_is_all_that_is_fuzzed():
    from tests.standard.fuzz.targets import TARGETS as known

    assert set(known) == set(TARGETS)


def test_i8_a_planted_fault_is_found_and_its_input_is_left(tmp_path):
    told = fuzzed("manifest", tmp_path, 60, module="tests.standard.fuzz.planted")
    broke = what_broke(told, tmp_path)
    assert "ZeroDivisionError" in broke and re.search(r"crash-[0-9a-f]{40}", broke)
    (left,) = tmp_path.glob("crash-*")
    assert b"teapot" in left.read_bytes()
