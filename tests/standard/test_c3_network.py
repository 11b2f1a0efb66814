"""C3: the house, and its own tests, need no network: all runs in a namespace that has nothing but its own loopback."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSIDE = ["unshare", "--net", *(() if os.geteuid() == 0 else ("--map-root-user",)), "bash", "-c"]
UP = 'ip link set lo up && exec "$@"'
# The whole of `make quick` takes longer than a row may in CI: there these rooms stand for it, beside the house below
# with its workers; at night all of it runs.
TELLING = ("tests/site/test_predict.py", "tests/site/test_serve.py")
UNSEEN = re.search(r"^UNSEEN := .*--ignore=tests/,(.+)\)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
WHOLE = bool(os.environ.get("TEAHOUSE_OFFLINE_WHOLE"))


def without_network(*command: str, seconds: int) -> subprocess.CompletedProcess[str]:
    """A command of this Python where nothing but loopback is."""
    whole = [*INSIDE, UP, "inside", sys.executable, *command]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(whole, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds)


@pytest.fixture(scope="module", autouse=True)
def namespaces():
    if not shutil.which("unshare") or not shutil.which("ip"):
        pytest.skip("there is no unshare or no ip here")
    if (told := without_network("-c", "", seconds=20)).returncode:
        pytest.skip(f"this machine lets nobody make a network namespace: {told.stderr.strip()[:100]}")


def test_c3_a_house_stands_and_plays_without_a_network(tmp_path):
    told = without_network("-m", "tests.standard.offline", str(tmp_path / "house"), seconds=100)
    assert told.returncode == 0, told.stdout + told.stderr[-3000:]
    assert "outside: Network is unreachable" in told.stdout and "played" in told.stdout


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_c3_the_tests_pass_without_a_network(capsys):
    marks = "not torch and not slow and not standard and not long" + (" and not browser" if WHOLE else "")
    chosen = [f"--ignore=tests/{room}" for room in UNSEEN] if WHOLE else list(TELLING)
    workers = ["-n", "2", "--dist", "loadfile"] if WHOLE else []
    told = without_network("-m", "pytest", "-q", *workers, "-m", marks, *chosen, seconds=1100)
    with capsys.disabled():
        print(f"\nC3: {told.stdout.strip().splitlines()[-1]} without a network")
    assert told.returncode == 0, told.stdout[-5000:] + told.stderr[-1000:]
