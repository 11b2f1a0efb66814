"""Suite: the maker's own tests of an app, apps/APP/tests, run by pytest in a process of their own."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from teahouse import child

SECONDS = 1200.0
NOTHING = 5  # pytest's status where it finds no test
FAILED = re.compile(r"^(?:FAILED|ERROR) (.{1,200})", re.MULTILINE)
SUMMARY = re.compile(r"=* ?((?:\d+ [a-z]+(?:, )?)+) in [\d.]+ ?s.*\Z", re.MULTILINE)


def run(source: Path, project: Path) -> dict[str, Any] | None:
    """{ok, words, do_next}, or None where the app has no tests. `import app` finds the app, from the project's top."""
    tests = source / "tests"
    if not tests.is_dir():
        return None
    if find_spec("pytest") is None:
        return {"ok": False, "words": "your tests can not be run: pytest is missing", "do_next": "pip install pytest"}
    command = [sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=short", "--no-header", "-p", "no:cacheprovider"]
    environment = child.environment(PYTHONPATH=str(source), PYTHONDONTWRITEBYTECODE="1")
    try:
        done = subprocess.run(
            [*command, str(tests)],
            cwd=project,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return {"ok": False, "words": f"your tests took longer than {SECONDS / 60:.0f} minutes", "do_next": ""}
    found = SUMMARY.search(done.stdout.strip())
    words = f"your tests: {found[1] if found else f'pytest ended with status {done.returncode}'}"
    if done.returncode in (0, NOTHING):
        return {"ok": True, "words": words if done.returncode == 0 else "your tests: none found", "do_next": ""}
    failed = FAILED.findall(done.stdout)
    if failed:
        words += f" ({failed[0]}{f', and {len(failed) - 1} more' if len(failed) > 1 else ''})"
    return {"ok": False, "words": words, "do_next": f"python -m pytest {tests.relative_to(project)}"}
