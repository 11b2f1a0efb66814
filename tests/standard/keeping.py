"""Keeps things in a house, several at once, and marks in the disk's journal what was acknowledged:
`python -m tests.standard.keeping DATA NAME ACTS [SPOILT]`, under disk.c, with an app of its own by that NAME.

SPOILT leaves out what keeps a promise through a power cut: "normal" (synchronous=NORMAL) or "folders" (of blobs: no
fsync of them).
A mark is a line of JSON: {what: prediction | word | photo | erased, id, blob?}."""

import asyncio
import ctypes
import json
import sys
import threading
from pathlib import Path

import sqlalchemy as sa

from teahouse import ids
from teahouse.store import apps, blobs, consents, feedback, inputs, releases, rows, sqlite, tables
from teahouse.store.house import House

CLIENTS = 6


def mark(what: str, id_: bytes, blob: str = "") -> None:
    """Says in the journal that this was acknowledged."""
    line = json.dumps({"what": what, "id": id_.hex(), "blob": blob}).encode()
    ctypes.CDLL(None).disk_mark(line, ctypes.c_size_t(len(line)))


def spoil(how: str) -> None:
    """Leaves out one of the things that make an acknowledgement true."""
    if how == "normal":
        sqlite.PRAGMAS["synchronous"] = 1
    elif how == "folders":
        blobs._sync_folder = lambda folder: None


def prediction(app: str, release: str, number: int) -> dict:
    """An answer's row."""
    output = {"label": "warm", "scores": {"warm": 0.9, "cold": 0.1}, "note": "x" * (number % 900)}
    return {
        "at": ids.now_ms(),
        "id": ids.new_id(),
        "app": app,
        "release": release,
        "form": "fp32",
        "arm": "full",
        "visitor": ids.new_id(),
        "given": b"g" * 32,
        "output": output,
        "held": False,
        "cached": False,
        "ms": 1.0,
    }


def keep(house: House, row: dict, photo: bytes) -> str:
    """A visitor's photo with its consent, as one act; its blob."""
    blob = house.blobs.put(photo)

    def write(c) -> None:
        given = consents.Given(ids.new_id(), row["id"], row["visitor"], ["keep"], False, "1")
        consents.give(c, given)
        inputs.keep(c, inputs.Kept(ids.new_id(), row["id"], given.id, "input", blob))

    house.db.write(write)
    return blob


def erase(house: House, id_: bytes) -> None:
    """The photo again, and for good."""
    for blob in house.db.write(lambda c: inputs.erase(c, id_)):
        house.blobs.delete(blob)
    house.db.checkpoint(patience=0.0)


async def client(house: House, name: str, release: str, acts: range) -> None:
    """One who plays, says a word and lets the photo be kept, again and again."""
    for number in acts:
        row = prediction(name, release, number)
        if number % 2:
            await house.db.append(tables.predictions, row)
        else:
            await house.db.write_async(lambda c, row=row: rows.add(c, tables.predictions, row))
        mark("prediction", row["id"])
        said = feedback.Said(ids.new_id(), row["id"], row["visitor"], "1", "correct", "cold")
        await house.db.write_async(lambda c, said=said: feedback.say(c, said))
        mark("word", said.id)
        if number % 3 == 0:
            photo = ids.sha256(row["id"]).encode() * (1 + number % 150)  # no two alike
            mark("photo", row["id"], await asyncio.to_thread(keep, house, row, photo))
            if number % 9 == 0:
                await asyncio.to_thread(erase, house, row["id"])
                mark("erased", row["id"])


def watch(house: House, end: threading.Event) -> None:
    """One who reads for a while, again and again: meanwhile the log can be folded in part only."""
    while not end.wait(0.002):
        with house.db.read() as c:
            c.execute(sa.select(sa.func.count()).select_from(tables.predictions)).scalar()
            end.wait(0.02)


async def everyone(house: House, name: str, acts: int) -> None:
    """All clients at once."""
    release = ids.sha256(name.encode())
    house.db.write(lambda c: apps.declare(c, name, name, {}, "", ids.now_ms()))
    house.db.write(lambda c: releases.add(c, releases.Sealed(release, name, None, {})))
    step = acts // CLIENTS
    shares = [range(number * step, (number + 1) * step) for number in range(CLIENTS)]
    await asyncio.gather(*(client(house, name, release, share) for share in shares))


if __name__ == "__main__":
    spoil("".join(sys.argv[4:]))
    ended = threading.Event()
    with House.open(Path(sys.argv[1])) as own:
        watching = threading.Thread(target=watch, args=(own, ended))
        watching.start()
        try:
            asyncio.run(everyone(own, sys.argv[2], int(sys.argv[3])))
        finally:
            ended.set()
            watching.join()
