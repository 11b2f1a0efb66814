"""D4: the disk is full to the last byte under load: no write is acknowledged, pages and pictures of the pool go on, and
once there is room again so do writes, in the same process.

With a disk of 64 MB for the data directory (as root), and with a limit on what the web process may write (as anybody).
"""

import os
import resource
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from teahouse import ids, testing
from teahouse.site import keep
from teahouse.store import keys, owners
from tests.standard.acting import ONCE, PHOTOS, Journal, acting, look
from tests.standard.houses import RealHouse, wait_until

KEY = "th_" + "k" * 40
SEEDS = testing.NAMES["seed"]
PAGES = ["/", f"/{testing.APP}", f"/{SEEDS}", "/mine", "/docs", "/healthz", "/readyz", f"/api/apps/{testing.APP}"]
BACK_S = 5.0  # so soon after there is room again, something is kept; on a machine that does other work up to four times
FULL = {503, 507}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


class SmallDisk:
    """64 MB for what lies in a folder, and a file there that takes them away."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._file = folder, folder / "filler"
        self._empty = threading.Event()
        self._filling = threading.Thread(target=self._fill)

    def free(self) -> int:
        """Bytes that are left."""
        there = os.statvfs(self.folder)
        return there.f_bavail * there.f_frsize

    def leave(self, free: int) -> None:
        """Takes all but so many bytes."""
        with self._file.open("ab") as file:
            file.write(bytes(max(0, self.free() - free)))

    def fill(self) -> None:
        """Takes every byte, also those that come free again."""
        self._filling.start()

    def _fill(self) -> None:
        with self._file.open("ab", buffering=0) as file:
            while not self._empty.wait(0.002):
                for size in (1 << 20, 4096, 1):
                    with suppress(OSError):
                        while True:
                            file.write(bytes(size))

    def empty(self) -> None:
        """There is room again."""
        self._empty.set()
        self._filling.join()
        self._file.unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """A disk of 64 MB at this folder; skips where it can not be had."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", folder]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("only root can make a disk for this folder alone")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def open_house(root: Path) -> Iterator[tuple[RealHouse, httpx.Client]]:
    """A site with an app for photos and one that draws, whose pool has pictures, and a client with its owner's key."""
    with RealHouse(root) as house:
        house.prepare()
        house.prepare("seed")
        with testing.open_house(house.data) as own:
            own.db.write(lambda c: owners.claim(c, "hash", ids.now_ms()))
            own.db.write(lambda c: keys.add(c, ids.new_id(), "owner", [], ids.sha256(KEY.encode()), at=ids.now_ms()))
        house.start()
        headers = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=house.url, timeout=20, verify=ONCE, headers=headers) as owner:
            wait_until(lambda: len(pool(owner)) >= 8, "there are no pictures in the pool")
            yield house, owner


def play(client: httpx.Client, journal: Journal) -> dict:
    """An answer to the first of PHOTOS."""
    path, given = f"/api/apps/{testing.APP}/predictions", {"Content-Type": "image/jpeg"}
    told = client.post(path, content=PHOTOS[0], headers=given).json()
    journal.answered.append(told["id"])
    return told


def pool(client: httpx.Client) -> list[str]:
    """The addresses of the pictures that a visitor is shown next."""
    return [one["picture"] for one in client.get(f"/api/apps/{SEEDS}/pool").json()["items"]]


def heard(journals: list[Journal], since: float) -> list[int]:
    """The statuses of what began since this moment, in the order of the answers."""
    found = sorted((ended, status) for one in journals for began, ended, status in one.heard if began >= since)
    return [status for _, status in found]


def writes(client: httpx.Client, told: dict, journal: Journal) -> dict[str, int]:
    """What else somebody may write, and the statuses of that: `told` is what `play` was told earlier."""
    path, receipt = f"/api/predictions/{told['id']}", {"X-Receipt": told["receipt"]}
    let = {**receipt, "X-Consent": "keep, train", "Content-Type": "image/jpeg"}
    found = {
        "photo": client.put(f"{path}/input", content=PHOTOS[0], headers=let),
        "word": client.post(f"{path}/feedback", json={"kind": "agree", "value": True}, headers=receipt),
        "seed": client.post(f"/api/apps/{SEEDS}/predictions", json={"input": 5}),
        "job": client.post("/api/owner/jobs", json={"kind": "export", "app": testing.APP}),
        "erasure": client.delete(path, headers=receipt),
    }
    if found["seed"].status_code == 201:
        journal.answered.append(found["seed"].json()["id"])
    return {name: answer.status_code for name, answer in found.items()}


def refuses_every_write(owner: httpx.Client, journals: list[Journal], told: dict) -> int:
    """Waits until the log has no room of its own any more, then sees that nobody is told of a write; how many tried."""
    full = time.monotonic()
    wait_until(lambda: len(last := heard(journals, full)[-30:]) == 30 and FULL.issuperset(last), "writes go on")
    assert FULL | {201} >= set(heard(journals, full))
    # a word takes less than an answer: it may still fit into what one that was refused had added to the log
    wait_until(lambda: FULL.issuperset(writes(owner, told, journals[-1]).values()), "small writes go on", 10)
    steady = time.monotonic()
    pictures = pool(owner)
    shown = [*PAGES, *pictures]
    assert {path: owner.get(path).status_code for path in shown} == dict.fromkeys(shown, 200)
    assert FULL >= set((tried := writes(owner, told, journals[-1])).values()), tried
    wait_until(lambda: len(heard(journals, steady)) >= 60, "the site does not answer")
    refused = heard(journals, steady)
    assert FULL >= set(refused)
    return len(refused) + len(tried)


def keeps_again(owner: httpx.Client, journals: list[Journal], told: dict) -> float:
    """Something is kept soon after there is room, and then everything; the seconds to the first."""
    since = time.monotonic()
    wait_until(lambda: 201 in heard(journals, since), "nothing is kept though there is room", 4 * BACK_S, pause=0.01)
    back = time.monotonic() - since
    wait_until(lambda: heard(journals, since)[-30:] == [201] * 30, "not everything is kept though there is room")
    assert writes(owner, told, journals[-1]) == {"photo": 201, "word": 201, "seed": 201, "job": 202, "erasure": 204}
    return back


def test_d4_a_full_disk_acknowledges_nothing_and_the_pages_go_on(tmp_path, capsys):
    journals, root = [Journal() for _ in range(7)], tmp_path / "house"
    with small_disk(root / ".teahouse") as disk, open_house(root) as (house, owner):
        web, told = house.child("site.serve").pid, play(owner, journals[-1])
        least = os.statvfs(house.data).f_blocks * os.statvfs(house.data).f_frsize // 4
        assert least < keep.FREE_BYTES  # a quarter of a small disk
        with acting(house, journals[:-1]):
            wait_until(lambda: sum(len(one.kept) for one in journals) > 20, "nothing is kept")
            assert set(heard(journals, 0.0)) == {201}
            disk.leave(least // 2)
            early = time.monotonic()
            kept = [list(one.kept) for one in journals]
            wait_until(lambda: heard(journals, early).count(507) >= 30, "photos are kept though room is short")
            assert set(heard(journals, early)) == {201, 507}
            # what was on its way a moment ago may have come through
            assert sum(len(one.kept) for one in journals) - sum(map(len, kept)) <= len(journals)
            disk.fill()
            tried = refuses_every_write(owner, journals, told)
            assert disk.free() == 0
            disk.empty()
            back = keeps_again(owner, journals, told)
        assert house.child("site.serve").pid == web
        assert house.stop() == 0
        look(house, journals, [])
    with capsys.disabled():
        print(f"\nD4: 0 bytes free: {tried} writes, all refused; kept again {back:.2f} s after there was room")


def test_d4_a_limit_acknowledges_nothing_and_the_pages_go_on(tmp_path, capsys):
    journals = [Journal() for _ in range(7)]
    with open_house(tmp_path / "house") as (house, owner):
        web, told = house.child("site.serve").pid, play(owner, journals[-1])
        with acting(house, journals[:-1]):
            wait_until(lambda: sum(len(one.kept) for one in journals) > 20, "nothing is kept")
            before = resource.prlimit(web, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
            tried = refuses_every_write(owner, journals, told)
            resource.prlimit(web, resource.RLIMIT_FSIZE, before)
            back = keeps_again(owner, journals, told)
        assert house.child("site.serve").pid == web
        assert house.stop() == 0
        look(house, journals, [])
    with capsys.disabled():
        print(f"\nD4: no file may grow: {tried} writes, all refused; kept again {back:.2f} s after they might")
