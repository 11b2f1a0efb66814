"""The fuzzer with a fault in a target: `python -m tests.standard.fuzz.planted NAME FOLDER SECONDS SCRATCH`."""

import sys
from dataclasses import replace
from pathlib import Path

from tests.standard.fuzz import __main__ as fuzzer


def faulty(folder: Path, data: bytes) -> None:
    """Breaks at a word that it says itself."""
    if b"teapot" in data:
        raise ZeroDivisionError


if __name__ == "__main__":
    name = sys.argv[1]
    honest = fuzzer.TARGETS[name]
    fuzzer.TARGETS[name] = replace(honest, run=faulty, words=(*honest.words, "teapot"))
    fuzzer.main(name, Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
