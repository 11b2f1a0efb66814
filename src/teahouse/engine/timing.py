"""Timing: how a release's forms do on this machine: how many side by side, with how many threads, how many together.

Each form answers the release's own examples first: one that does not holds nothing here. Decoding is left out, for it
is the same in every form. Where one thread for each answer gives most, it is looked whether one beside which the
machine answers nothing comes sooner on all cores.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from teahouse.engine.answering import Answerer, Decoded
from teahouse.engine.port import Form, Timed
from teahouse.errors import TeahouseError
from teahouse.model.shape import WORTH

SLICES, SLICE_S = 4, 0.1  # the best of so many: what else the machine does only makes one slower
FEW, TRIES, TRIES_S = 5, 20, 0.6  # answers on one core and on all in turn, and how long: the quickest of each counts
COPY = 64 * 1024 * 1024  # bytes of a form's file, of which a worker may hold a second copy for answers alone
TOGETHER = 8
SHARE = 0.9  # of the work is to time the form; the rest, whether an answer alone comes sooner

Told = Callable[[float], None]


def timed(folder: Path, names: Sequence[str], cores: int, told: Told = lambda share: None) -> list[Timed]:
    """The fastest way to run each of these forms of a release, in their order; `told` hears the share that is done."""
    found: list[Timed] = []
    for name in names:
        found.append(fastest(folder, name, cores, lambda part: told((len(found) + part) / len(names))))
    return found


def fastest(folder: Path, name: str, cores: int, told: Told = lambda share: None) -> Timed:
    """The fastest way to run one form, or why it does not hold here; unknown where there is no memory to find out."""
    best, items, answerer, by_hook = None, None, None, False
    why, unknown = "The release has no examples to time it with.", True
    for number, one_thread in enumerate((True, False) if cores > 1 else (True,)):
        if by_hook:
            break  # the processor's clock would count threads that wait for the maker's function as work well shared

        def goes_on(share: float = number / 2) -> None:
            told(share * SHARE)

        answerer = None  # two of them at once would need the memory of two
        try:
            answerer = Answerer(folder, form=name, threads=1 if one_thread else cores)
            by_hook = bool(answerer.hook)
            answerer.try_examples()
            goes_on()
            if items is None:
                items = [answerer.decode(given) for given, _ in answerer.examples()]
            slots, threads = cores if one_thread and not by_hook else 1, 1 if one_thread else cores
            for together in batches(answerer) if items else ():
                alike = [one for one in items if one.shapes == items[0].shapes]
                ms = pace(answerer, alike, slots, threads, together, goes_on)
                if best is None or ms * WORTH < best.ms:
                    best = Timed(Form(name, slots, threads, together), round(ms, 3))
        except (TeahouseError, MemoryError) as error:
            # onnxruntime says in words alone that it lacks memory: "Failed to allocate", "bad_alloc"
            unknown = isinstance(error, MemoryError) or "alloc" in str(error)
            why = "It needs more memory than a worker has." if unknown else str(error)
        goes_on((number + 1) / 2)
    if best is None:
        return Timed(Form(name), why=why, unknown=unknown)
    answerer = None
    if best.form.threads == 1 and cores > 1 and not by_hook:
        alone = cores if sooner_alone(folder, name, cores, lambda: told(SHARE)) else 0
        best = replace(best, form=replace(best.form, alone=alone))
    told(1.0)
    return best


def batches(answerer: Answerer) -> tuple[int, ...]:
    """How many inputs are worth trying together: where each has a shape of its own, one is."""
    free = not answerer.hook and all(getattr(field, "fit", "") != "keep" for field in answerer.fields.values())
    return (1, TOGETHER) if free else (1,)


def sooner_alone(folder: Path, name: str, cores: int, goes_on: Callable[[], None]) -> bool:
    """Whether an answer comes a tenth sooner on all cores than on one, by the wall's clock, in a worker that has a
    session for either: never of a file too large for that, or for which there is no memory.

    They take turns, so that what else the machine does meanwhile makes both of them slower."""
    try:
        answerer = Answerer(folder, form=name)
        if (answerer.folder / answerer.form["file"]).stat().st_size > COPY:
            return False
        answerer.open_alone(cores)
        item = answerer.decode(answerer.examples()[0][0])
        quickest = in_turn(answerer, item, goes_on)
    except (TeahouseError, MemoryError):
        return False
    return quickest[True] * WORTH < quickest[False]


def in_turn(answerer: Answerer, item: Decoded, goes_on: Callable[[], None]) -> dict[bool, float]:
    """The fewest milliseconds of an answer that is alone, and of one that is not."""
    quickest, until = {False: math.inf, True: math.inf}, time.perf_counter() + TRIES_S
    for turn in range(TRIES):
        for alone in quickest:
            start = time.perf_counter()
            answerer.run([item], alone)
            quickest[alone] = min(quickest[alone], (time.perf_counter() - start) * 1000)
        goes_on()
        if turn + 1 >= FEW and time.perf_counter() > until:
            break
    return quickest


def pace(
    answerer: Answerer,
    items: Sequence[Decoded],
    slots: int,
    threads: int,
    together: int,
    goes_on: Callable[[], None] = lambda: None,
) -> float:
    """Milliseconds of this machine's time that an answer takes while every slot is busy. `goes_on` is called now and
    then, so that a slow machine is not taken to hang.

    By the processor's clock, not by the wall's: what else the machine does meanwhile is no property of the form."""

    def work(turn: int, until: float) -> int:
        done = 0
        while not done or time.perf_counter() < until:
            answerer.run([items[(turn + done + place) % len(items)] for place in range(together)])
            done += together
        return done

    with ThreadPoolExecutor(slots, "timing") as pool:
        found = []
        for length in (0.0, *[SLICE_S] * SLICES):  # the first one warms up
            start, used = time.perf_counter(), time.process_time()
            turns = [pool.submit(work, turn, start + length) for turn in range(slots)]
            answers = sum(turn.result() for turn in turns)
            found.append((time.process_time() - used) * 1000 / answers / (slots * threads))
            goes_on()
    return min(found)
