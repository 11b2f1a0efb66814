"""Steady visitors while workers are killed and releases change: who got an answer, who did not, and from which one."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from teahouse import testing
from teahouse.store import releases
from teahouse.testing import APP, LABELS, photo
from tests.standard.houses import RealHouse, owner_of, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

CLIENTS = 4
PACE_S = 0.01
KILLS = 5
ROUNDS = 10
NEW_WORKER_S = 3.0
ROLLBACK_S = 5.0


@dataclass(frozen=True)
class Told:
    """What came of one request: its status (0: the connection broke), the release that answered, if it was right."""

    began: float
    ended: float
    status: int
    release: str = ""
    right: bool = False
    words: str = ""


@dataclass
class Crowd:
    """Visitors who each ask again a moment after their answer, every time with another photo."""

    url: str
    told: list[Told] = field(default_factory=list)
    leave: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self):
        # So many photos that none is in flight at two deaths: one that kills two workers is refused.
        self.photos = [(label, photo(label, seed)) for seed in range(200) for label in LABELS]
        self.turns = itertools.count()

    def visitor(self) -> None:
        with httpx.Client(base_url=self.url, timeout=120) as client:
            while not self.leave.wait(PACE_S):
                self.told.append(self.ask(client, *self.photos[next(self.turns) % len(self.photos)]))

    def ask(self, client: httpx.Client, label: str, body: bytes) -> Told:
        began = time.monotonic()
        try:
            response = client.post(f"/api/apps/{APP}/predictions", content=body, headers={"Content-Type": "image/jpeg"})
        except httpx.HTTPError as error:
            return Told(began, time.monotonic(), 0, words=repr(error))
        if response.status_code != 201:
            return Told(began, time.monotonic(), response.status_code, words=response.text[:300])
        found = response.json()
        return Told(began, time.monotonic(), 201, found["release"], found["output"]["label"] == label)

    def answers(self) -> list[Told]:
        return [told for told in list(self.told) if told.status == 201]

    def failed(self) -> list[Told]:
        return [told for told in self.told if told.status != 201]

    def wait_for_answer(self, since: float, release: str) -> Told:
        """The first answer of this release to a request that began after this moment."""

        def found() -> Told | None:
            fresh = (told for told in self.answers() if told.began > since and told.release == release)
            return min(fresh, key=lambda told: told.ended, default=None)

        return wait_until(found, "somebody gets an answer of this release")

    def wait_for_more(self, answers: int) -> None:
        """Until so many more answers came."""
        enough = len(self.answers()) + answers
        wait_until(lambda: len(self.answers()) >= enough, "the visitors get answers")


@contextmanager
def crowd(url: str) -> Iterator[Crowd]:
    """The visitors at work; at the end all have their last answer."""
    people = Crowd(url)
    threads = [threading.Thread(target=people.visitor, daemon=True) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        people.wait_for_more(50)
        yield people
    finally:
        people.leave.set()
        for thread in threads:
            thread.join(130)
    assert not any(thread.is_alive() for thread in threads), "somebody still waits"


def kill_a_worker(house: RealHouse, release: str, people: Crowd) -> tuple[float, float]:
    """Seconds until the next request is answered, and what of them the new worker took to load."""
    before = wait_until(lambda: house.worker(release), "a worker is there")
    ready, killed = len(house.logged("worker-ready")), time.monotonic()
    before.send_signal(signal.SIGKILL)
    first = people.wait_for_answer(killed, release)
    loaded = wait_until(lambda: house.logged("worker-ready")[ready:], "the log tells of the new worker")[0]
    assert loaded["pid"] != before.pid
    people.wait_for_more(40)
    return first.ended - killed, loaded["ms"] / 1000


def test_a_worker_killed_under_load_costs_nobody_an_answer(house, capsys):
    web, release = house.child("site.serve").pid, httpx.get(f"{house.url}/api/apps/{APP}", timeout=60).json()["release"]
    with crowd(house.url) as people:
        gaps = [kill_a_worker(house, release, people) for _ in range(KILLS)]
    lost, failed = [line["lost"] for line in house.logged("worker-died")], people.failed()
    with capsys.disabled():
        waits = ", ".join(f"{gap:.2f} s (load {load:.2f} s)" for gap, load in gaps)
        print(f"\n{len(lost)} workers killed under load: {len(people.told)} requests, {sum(lost)} in flight at a death")
        print(f"{len(failed)} failed; from each death to the next answer {waits}")
    assert len(lost) == KILLS
    assert not failed, failed[:3]
    assert all(told.right for told in people.told)
    assert all(gap <= NEW_WORKER_S + load for gap, load in gaps), gaps
    assert house.child("site.serve").pid == web, "the web process lived on"


def test_promotions_and_rollbacks_under_load_drop_nothing(house, capsys):
    with testing.open_house(house.data) as opened, opened.db.read() as c:
        new, old = (row.id for row in releases.of_app(c, APP)[:2])
    web, turns = house.child("site.serve").pid, []
    with owner_of(house) as owner, crowd(house.url) as people:
        for _ in range(ROUNDS):
            promoted = ask(owner, new, "full")
            people.wait_for_answer(promoted, new)
            rolled_back = ask(owner, new, "rolled_back")
            people.wait_for_answer(rolled_back, old)
            turns.append((promoted, rolled_back))
    lasts = last_answers(people, turns, new)
    with capsys.disabled():
        print(f"\n{ROUNDS} promotions and {ROUNDS} rollbacks under load: {len(people.told)} requests,")
        print(f"{len(people.failed())} dropped or refused; last old answer {max(lasts):.2f} s after its rollback")
    assert not people.failed(), people.failed()[:3]
    assert {told.release for told in people.told} == {new, old}
    assert all(told.right for told in people.told)
    assert max(lasts) <= ROLLBACK_S
    assert house.child("site.serve").pid == web


def ask(owner: httpx.Client, release: str, state: str) -> float:
    """Asks for a step and waits until the site serves it; the moment it was asked."""
    asked = time.monotonic()
    done = owner.post(f"/api/owner/apps/{APP}/rollouts", json={"release": release, "state": state}).raise_for_status()
    assert done.json()["served"], done.json()
    return asked


def last_answers(people: Crowd, turns: list[tuple[float, float]], new: str) -> list[float]:
    """Seconds from each rollback's request until the last answer of what was rolled back."""
    ends = [promoted for promoted, _ in turns[1:]] + [float("inf")]
    of_new = [told for told in people.answers() if told.release == new]
    return [
        max((told.ended - back for told in of_new if back < told.ended and told.began < end), default=0.0)
        for (_, back), end in zip(turns, ends, strict=True)
    ]
