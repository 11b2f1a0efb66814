"""Fuzzes one target for so many seconds: `python -m tests.standard.fuzz NAME FOLDER SECONDS [SCRATCH]`.

libFuzzer's own words go to stderr. What breaks the target is left in FOLDER as crash-…, oom-… or timeout-…; then the
status is not 0."""

import os
import sys
from pathlib import Path

import atheris

MEMORY_MB, EACH_S, LONGEST = 1500, 60, 20_000
SEED = int(os.environ.get("TEAHOUSE_FUZZ_SEED", "1"))  # 0: another each time, as at night
PARTS = ["teahouse", "tests.standard.fuzz.targets", "python_multipart", "tomllib", "zipfile"]

with atheris.instrument_imports(include=PARTS):
    from tests.standard.fuzz.targets import TARGETS

from teahouse import child  # noqa: E402
from teahouse.errors import TeahouseError  # noqa: E402


def main(name: str, folder: Path, seconds: int, scratch: Path) -> None:
    target, corpus = TARGETS[name], folder / "corpus"
    for made in (scratch, corpus):
        made.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds(folder)):
        (corpus / f"seed-{number}").write_bytes(seed)
    spelt = ("".join(f"\\x{byte:02x}" for byte in word.encode("latin-1")) for word in target.words)
    (folder / "words").write_text("".join(f'"{word}"\n' for word in spelt))

    def once(data: bytes) -> None:
        try:
            target.run(scratch, data)
        except TeahouseError:
            pass

    child.limit_memory(MEMORY_MB + 500)
    options = {"max_total_time": seconds, "timeout": EACH_S, "rss_limit_mb": MEMORY_MB, "max_len": LONGEST}
    options |= {"artifact_prefix": f"{folder}/", "dict": folder / "words", "print_final_stats": 1, "seed": SEED}
    atheris.Setup([sys.argv[0], *(f"-{key}={value}" for key, value in options.items()), str(corpus)], once)
    atheris.Fuzz()


if __name__ == "__main__":
    place = Path(sys.argv[2])
    main(sys.argv[1], place, int(sys.argv[3]), Path(sys.argv[4]) if len(sys.argv) > 4 else place / "scratch")
