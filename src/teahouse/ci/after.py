"""After: at how many new labels an app asks for a retrain: a child reads its app.py, which is given no key.

That keeps a key from slipping into a log. It is no wall: merged code that looks at its parent's environment has it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from teahouse import child

SECONDS = 120.0


def of_app(source: Path) -> int | None:
    """Its `retrain_after`, or None where it names none, or where its file can not be loaded here: what it needs beside
    Teahouse is not installed where a key is."""
    try:
        told = subprocess.run(
            [sys.executable, "-m", __name__, str(source)],
            env=child.environment(PYTHONDONTWRITEBYTECODE="1"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
        found = json.loads(told.stdout.strip().rpartition("\n")[2]) if told.returncode == 0 else None
    except (subprocess.TimeoutExpired, ValueError):
        return None
    return found if isinstance(found, int) and found > 0 else None


def main(source: str) -> None:
    """Tell it on the last line of the output."""
    from teahouse.spec.load import load_app

    sys.stdout.write(f"\n{json.dumps(load_app(Path(source)).retrain_after)}\n")


if __name__ == "__main__":
    main(sys.argv[1])
