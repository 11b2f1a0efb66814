"""D1: eight clients act, the whole house is killed at a random moment, and nothing acknowledged is lost or doubled."""

import hashlib
import os
import random
import ssl
import threading
import time
import uuid
from dataclasses import dataclass, field
from statistics import median

import httpx
import pytest
import sqlalchemy as sa

from teahouse import ids, testing
from teahouse.site import predict
from teahouse.store import rollouts, sqlite, tables
from teahouse.store.house import House
from tests.standard.houses import RealHouse

# Nightly 500 (`make nightly`). The moments are spread over the whole span, so that no part of it is left out.
KILLS = int(os.environ.get("TEAHOUSE_KILLS", "50"))
FIRST_S, LAST_S = 0.05, 1.5
ONCE = ssl.create_default_context()  # reading the certificates takes longer than an act, and each client would do it
READY_S = 5.0  # of the median start: one start on a machine that does other work says nothing of the house
PHOTOS = [testing.photo(kind, seed) for kind in ("warm", "cold") for seed in range(4)]


@dataclass
class Journal:
    """What one client was told, and what it does not know the end of."""

    answered: list[str] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    keys: dict[str, bytes] = field(default_factory=dict)
    open_key: tuple[str, bytes] | None = None
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)


def act(url: str, journal: Journal, number: int, end: threading.Event) -> None:
    """One visitor: plays, says a word, lets the photo be kept; tries an unanswered request again under the same key."""
    dice = random.Random(number)
    headers = {"Content-Type": "image/jpeg", "Origin": url, "X-Forwarded-For": f"2001:db8:{number + 1:x}::1"}
    with httpx.Client(base_url=url, timeout=5, headers=headers, cookies=journal.cookies, verify=ONCE) as client:
        journal.cookies = client.cookies
        while not end.is_set():
            key, photo = journal.open_key or (uuid.uuid4().hex, dice.choice(PHOTOS))
            journal.open_key = (key, photo)
            try:
                answer = client.post(
                    f"/api/apps/{testing.APP}/predictions", content=photo, headers={"Idempotency-Key": key}
                )
                if answer.status_code != 201:
                    continue
                told = answer.json()
                journal.answered.append(told["id"])
                journal.keys[key], journal.open_key = photo, None
                receipt = {"X-Receipt": told["receipt"]}
                path = f"/api/predictions/{told['id']}"
                said = client.post(
                    f"{path}/feedback",
                    json={"kind": "correct", "value": "cold"},
                    headers={**receipt, "Content-Type": "application/json"},
                )
                if said.status_code == 201:
                    journal.said.append((told["id"], "cold"))
                    kept = client.put(f"{path}/input", content=photo, headers={**receipt, "X-Consent": "keep, train"})
                    if kept.status_code == 201:
                        journal.kept.append(told["id"])
            except httpx.HTTPError:
                continue


def promote(house: RealHouse, releases: list[str], acked: list[int], end: threading.Event) -> None:
    """The owner at the command line: promotes by turns, as another process of the house would."""
    with House.open(house.data) as own:
        while not end.wait(0.05):
            seq = own.db.write(
                lambda c: rollouts.append(
                    c, testing.APP, releases[len(acked) % 2], "full", by="owner", why="test", at=ids.now_ms()
                )
            )
            acked.append(seq)


def moments(dice: random.Random, count: int) -> list[float]:
    """Seconds after the start at which to kill: at random, one in each part of the span, the parts in random order."""
    parts = [FIRST_S + (LAST_S - FIRST_S) * (part + dice.random()) / count for part in range(count)]
    return dice.sample(parts, count)


def test_d1_the_moments_leave_no_part_of_the_span_out():
    found = sorted(moments(random.Random(1), 20))
    assert FIRST_S <= found[0] and found[-1] <= LAST_S
    assert all(int((at - FIRST_S) / (LAST_S - FIRST_S) * 20) == part for part, at in enumerate(found))


def look(house: RealHouse, journals: list[Journal], acked: list[int]) -> None:
    """Compares the house with what the clients were told."""
    engine = sqlite.engine(house.data / "house.db", writes=False)
    with engine.connect() as c:
        assert c.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert c.exec_driver_sql("PRAGMA foreign_key_check").fetchall() == []
        there = {row.id: row for row in c.execute(sa.select(tables.predictions))}
        words = {}
        for row in c.execute(sa.select(tables.feedback)):
            words.setdefault(row.prediction, []).append(row.value)
        inputs = {row.prediction: row for row in c.execute(sa.select(tables.inputs))}
        seqs = set(c.execute(sa.select(tables.rollouts.c.seq)).scalars())
        blobs = [row.blob for row in inputs.values()]
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


@pytest.mark.slow
@pytest.mark.timeout(120 + 20 * KILLS)
def test_d1_nothing_acknowledged_is_lost_or_doubled(tmp_path, capsys):
    dice = random.Random(20261125)
    journals, acked, starts = [Journal() for _ in range(8)], [], []
    with RealHouse(tmp_path / "house") as house:
        first = house.prepare()
        with testing.open_house(house.data) as own:
            second = testing.install_tiny(own, note="the second one")
        for moment in moments(dice, KILLS):
            starts.append(house.start())
            end = threading.Event()
            clients = [
                threading.Thread(target=act, args=(house.url, journal, number, end))
                for number, journal in enumerate(journals)
            ]
            clients.append(threading.Thread(target=promote, args=(house, [first, second], acked, end)))
            for client in clients:
                client.start()
            time.sleep(moment)  # the random moment that the row asks for
            house.kill()
            end.set()
            for client in clients:
                client.join(20)
        starts.append(house.start())
        assert house.stop() == 0
        look(house, journals, acked)
    told = sum(len(journal.answered) + len(journal.said) + len(journal.kept) for journal in journals) + len(acked)
    with capsys.disabled():
        print(
            f"\nD1: {KILLS} kills, {told} acknowledged acts, 0 lost, 0 twice; "
            f"ready in {median(starts):.2f} s, slowest {max(starts):.2f} s"
        )
    assert told > 10 * KILLS, "the clients hardly acted: the row would say nothing"
    assert median(starts) <= READY_S
    assert max(starts) <= 4 * READY_S
