"""What this machine could answer without a server: decode and infer, in as many threads as it has cores.

    python benchmarks/serving_limit.py RELEASE FILE SECONDS PHOTO…

The same functions and the same options as in a worker of Teahouse; nobody sends, nobody keeps. Prints answers a second
and the CPU seconds of one.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
from pathlib import Path

from teahouse.model.session import Session
from teahouse.spec import media

SIDES = (224, 224)
WARM_S = 1.0


def main(words: list[str]) -> None:
    folder, file, seconds = Path(words[0]), words[1], float(words[2])
    photos = [Path(word).read_bytes() for word in words[3:]]
    session = Session(folder, 1, file)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    counts, turns = [0] * cores, itertools.count()
    begin, used = time.monotonic() + WARM_S, [0.0] * cores
    end = begin + seconds

    def work(place: int) -> None:
        while (now := time.monotonic()) < end:
            before = time.thread_time()
            given = media.pixels(photos[next(turns) % len(photos)], SIDES)
            session.predict({session.names[0]: given[None]})
            if now >= begin:
                counts[place] += 1
                used[place] += time.thread_time() - before

    threads = [threading.Thread(target=work, args=(place,)) for place in range(cores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(counts) / (time.monotonic() - begin), sum(used) / max(1, sum(counts)))


if __name__ == "__main__":
    main(sys.argv[1:])
