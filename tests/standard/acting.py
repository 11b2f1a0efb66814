"""Visitors who act on a real house and write down what they are told, and the look that compares the house with it."""

import hashlib
import random
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import sqlalchemy as sa

from teahouse import ids, testing
from teahouse.site import predict
from teahouse.store import sqlite, tables
from tests.standard.houses import RealHouse

ONCE = ssl.create_default_context()  # reading the certificates takes longer than an act, and each client would do it
PHOTOS = [testing.photo(kind, seed) for kind in ("warm", "cold") for seed in range(4)]
PAUSE_S = 0.05  # of who was refused


@dataclass
class Journal:
    """What one client was told, and what it does not know the end of; `heard` is (began, ended, status) of each
    request, by the monotonic clock."""

    answered: list[str] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    heard: list[tuple[float, float, int]] = field(default_factory=list)
    open_key: tuple[str, bytes] | None = None
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)

    def hear(self, send: Callable[..., httpx.Response], path: str, **given: Any) -> httpx.Response:
        """Sends a request and writes down how it went."""
        began = time.monotonic()
        answer = send(path, **given)
        self.heard.append((began, time.monotonic(), answer.status_code))
        return answer


def act(url: str, journal: Journal, number: int, end: threading.Event) -> None:
    """One visitor, until the end: acts, and tries an unanswered request again under the same key."""
    dice = random.Random(number)
    headers = {"Content-Type": "image/jpeg", "Origin": url, "X-Forwarded-For": f"2001:db8:{number + 1:x}::1"}
    with httpx.Client(base_url=url, timeout=5, headers=headers, cookies=journal.cookies, verify=ONCE) as client:
        journal.cookies = client.cookies
        while not end.is_set():
            try:
                if not act_once(client, journal, dice):
                    end.wait(PAUSE_S)
            except httpx.HTTPError:
                continue


def act_once(client: httpx.Client, journal: Journal, dice: random.Random) -> bool:
    """Plays, says a word, lets the photo be kept; whether all of that was taken."""
    key, photo = journal.open_key or (uuid.uuid4().hex, dice.choice(PHOTOS))
    journal.open_key = (key, photo)
    played = {"content": photo, "headers": {"Idempotency-Key": key}}
    answer = journal.hear(client.post, f"/api/apps/{testing.APP}/predictions", **played)
    if answer.status_code != 201:
        return False
    told = answer.json()
    journal.answered.append(told["id"])
    journal.open_key = None
    receipt = {"X-Receipt": told["receipt"]}
    path = f"/api/predictions/{told['id']}"
    word = {"kind": "correct", "value": "cold"}
    said = journal.hear(
        client.post, f"{path}/feedback", json=word, headers={**receipt, "Content-Type": "application/json"}
    )
    if said.status_code != 201:
        return False
    journal.said.append((told["id"], "cold"))
    let = {**receipt, "X-Consent": "keep, train"}
    if journal.hear(client.put, f"{path}/input", content=photo, headers=let).status_code != 201:
        return False
    journal.kept.append(told["id"])
    return True


@contextmanager
def acting(house: RealHouse, journals: list[Journal]) -> Iterator[None]:
    """A visitor for each journal, at work until the end of the block."""
    end = threading.Event()
    visitors = [
        threading.Thread(target=act, args=(house.url, journal, number, end)) for number, journal in enumerate(journals)
    ]
    for visitor in visitors:
        visitor.start()
    try:
        yield
    finally:
        end.set()
        for visitor in visitors:
            visitor.join(20)


def look(house: RealHouse, journals: list[Journal], acked: list[int]) -> None:
    """Compares the house with what the clients were told."""
    engine = sqlite.engine(house.data / "house.db", writes=False)
    with engine.connect() as c:
        assert c.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert c.exec_driver_sql("PRAGMA foreign_key_check").fetchall() == []
        there = {row.id: row for row in c.execute(sa.select(tables.predictions).where(tables.asked_for))}
        words = {}
        for row in c.execute(sa.select(tables.feedback)):
            words.setdefault(row.prediction, []).append(row.value)
        inputs = {row.prediction: row for row in c.execute(sa.select(tables.inputs))}
        seqs = set(c.execute(sa.select(tables.rollouts.c.seq)).scalars())
        blobs = [row.blob for row in inputs.values() if row.blob]  # the others are erased
    engine.dispose()
    assert set(acked) <= seqs, "a promotion was lost"
    for journal in journals:
        assert {ids.parse(one) for one in journal.answered} <= there.keys(), "an answer was lost"
        for one, value in journal.said:
            assert words.get(ids.parse(one)) == [value], "a word was lost or stands twice"
        assert {ids.parse(one) for one in journal.kept} <= inputs.keys(), "a kept photo was lost"
    # an answer that nobody was told belongs to a request that its client still waits for
    open_keys = [journal.open_key[0] for journal in journals if journal.open_key]
    for one in there.keys() - {ids.parse(told) for journal in journals for told in journal.answered}:
        row = there[one]
        assert row.key in {predict.stored_key(row.visitor, key) for key in open_keys}, "one request was applied twice"
    for digest in blobs:
        file = house.data / "blobs" / digest[:2] / digest
        assert hashlib.sha256(file.read_bytes()).hexdigest() == digest
