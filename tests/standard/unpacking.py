"""Unpacks every file of a folder, one after the other: `python -m tests.standard.unpacking FOLDER RELEASES`.

A line of JSON each: {name, refused, seconds, grew_mb}: how much larger the process was at its largest than before."""

import json
import re
import sys
import time
from pathlib import Path

from teahouse.errors import ReleaseBroken
from teahouse.model import archive


def resident_mb(which: str) -> float:
    """VmRSS: now. VmHWM: the most since it was last forgotten."""
    return int(re.search(rf"{which}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def unpacked(file: Path, releases: Path) -> dict:
    forget_peak()
    before, began, refused = resident_mb("VmRSS"), time.monotonic(), ""
    try:
        archive.unpack(file, releases, None)
    except ReleaseBroken as error:
        refused = str(error)
    seconds = time.monotonic() - began
    return {"name": file.name, "refused": refused, "seconds": seconds, "grew_mb": resident_mb("VmHWM") - before}


def main(folder: Path, releases: Path) -> None:
    for file in sorted(folder.iterdir()):
        # the shorter of two times: the other processes of a busy machine are not what is asked about
        told = [unpacked(file, releases) for _ in range(2)]
        print(json.dumps({**told[0], "seconds": min(one["seconds"] for one in told)}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
