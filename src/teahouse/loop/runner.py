"""Runner: the loop's process. Takes jobs one after the other, and leaves when there are none.

    python -m teahouse.loop.runner --project PATH [--idle SECONDS]

What is heavy is imported once the house's lock is held: one that is not needed leaves before that.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from teahouse import child, settings, telemetry
from teahouse.errors import TeahouseError

IDLE_S = 300.0

log = telemetry.log("loop")


def main(arguments: list[str] | None = None) -> int:
    """0 when all is done, child.TAKEN where another loop runs for this house, 1 where the house can not be opened."""
    parser = argparse.ArgumentParser(prog="teahouse.loop.runner", description="Works off the jobs of a house.")
    parser.add_argument("--project", type=Path, required=True)
    parser.add_argument(
        "--idle", type=float, default=float(os.environ.get("TEAHOUSE_IDLE_S", IDLE_S)), metavar="SECONDS"
    )
    given = parser.parse_args(arguments)
    try:
        loaded = settings.load(given.project)
        with lock(loaded.data_dir) as mine:
            if not mine:
                log.info("loop-runs-already")
                return child.TAKEN
            from teahouse.loop.lanes import work
            from teahouse.store.house import House

            work(House.open(loaded.data_dir), loaded, given.idle)
    except TeahouseError as error:
        log.error("loop-cannot-start", **error.as_dict())
        return 1
    return 0


@contextlib.contextmanager
def lock(data: Path) -> Iterator[bool]:
    """Whether this process is the house's one loop; the lock goes with the process, however it ends."""
    folder = data / "run"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "loop.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


if __name__ == "__main__":
    sys.exit(main())
