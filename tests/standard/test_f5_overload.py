"""F5: three times as many visitors as can be answered: as many answers as ever, quick refusals, nothing grows."""

import contextlib
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from teahouse import ids, testing
from teahouse.model import bundle, shape
from teahouse.spec.load import load_app
from teahouse.store import apps, releases, rollouts
from teahouse.store.house import House
from tests.standard import load
from tests.standard.houses import RealHouse, owner_of

SECONDS = float(os.environ.get("TEAHOUSE_OVERLOAD_S", "15"))  # nightly 600
TEA = Path(load.__file__).parents[2] / "src" / "teahouse" / "starters" / "tea"
SIDE, PHOTOS, HANDS, NETWORKS = 320, 8, 16, 2000
CAPACITY_S, NORMAL_S, CALM_S = 4.0, 4.0, 10.0
QUEUE, DEADLINE_S, REFUSED_S, LOOK_S = 64, 10.0, 0.05, 1.5
LOOKS = 4  # at least so many, else nobody saw it busy
# On a machine that does other work the capacity of one moment says little of the next.
GOODPUT, GROWTH = (0.9, 0.05) if load.EXACT else (0.4, 0.15)


def put_tea(own: House) -> str:
    """The tea starter's shipped release, a net of the usual kind, answers everybody; its app's name."""
    release = bundle.install(TEA / "release", own.releases)
    manifest, declared = shape.to_json(bundle.read(own.releases / release)), load_app(TEA).declaration()

    def put(c) -> None:
        apps.declare(c, manifest["app"], declared["title"], declared, "", ids.now_ms())
        releases.add(c, release, manifest["app"], None, manifest, at=ids.now_ms())
        rollouts.append(c, rollouts.Step(manifest["app"], release, "full", by="owner"))

    own.db.write(put)
    return manifest["app"]


@dataclass
class Watch:
    """Looks at a house while it is busy: its queue and memory, if it says that it is well, if the owner can act."""

    house: RealHouse
    owner: httpx.Client
    step: dict[str, str]  # what the owner does: the path and the release of a promotion
    queue: list[int] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    said: dict[str, list[int]] = field(default_factory=dict)
    end: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        web = self.house.child("site.serve")
        with httpx.Client(base_url=self.house.url, timeout=60) as client:
            while not self.end.wait(LOOK_S):
                self.memory.append(web.memory_info().rss)
                metrics = self.note("/metrics", client, "GET", "/metrics")
                if metrics is not None:
                    self.queue.append(int(float(metrics.text.partition("\nteahouse_queue ")[2].partition("\n")[0])))
                for path in ("/healthz", "/readyz"):
                    self.note(path, client, "GET", path)
                self.note("sees how busy it is", self.owner, "GET", "/api/owner/load")
                step = {"release": self.step["release"], "state": "full"}
                self.note("puts a release on", self.owner, "POST", self.step["path"], json=step)

    def note(self, what: str, client: httpx.Client, method: str, path: str, **more: object) -> httpx.Response | None:
        """Asks, and notes the status: 0 where no answer came."""
        answer = None
        with contextlib.suppress(httpx.HTTPError):
            answer = client.request(method, path, **more)
        self.said.setdefault(what, []).append(answer.status_code if answer is not None else 0)
        return answer

    def __enter__(self) -> "Watch":
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.end.set()
        self.thread.join(60)


@pytest.mark.slow
@pytest.mark.timeout(300 + 2 * int(SECONDS))
def test_f5_three_times_the_capacity_costs_no_answer_and_refuses_soon(tmp_path, capsys):
    photos = []
    for seed in range(PHOTOS):
        photos.append(str(tmp_path / f"{seed}.jpg"))
        Path(photos[-1]).write_bytes(testing.photo("warm", seed, side=SIDE))
    with RealHouse(tmp_path / "house") as house:
        with testing.open_house(house.data) as own:
            app = put_tea(own)
        house.start()
        plan = {"app": app, "photos": tuple(photos), "networks": NETWORKS}
        load.come(house.url, seconds=2, hands=HANDS, **plan)
        busy = load.come(house.url, seconds=CAPACITY_S, hands=HANDS, **plan)
        capacity = len(busy.of(201)) / CAPACITY_S
        before = load.come(house.url, seconds=NORMAL_S, rate=capacity / 2, seed=2, **plan)
        release = before.told[0].release
        step = {"path": f"/api/owner/apps/{app}/rollouts", "release": release}
        with owner_of(house) as owner, Watch(house, owner, step) as watch:
            crowd = load.come(house.url, seconds=SECONDS, rate=3 * capacity, seed=3, **plan)
        time.sleep(CALM_S)  # the ten seconds that the row speaks of
        after = load.come(house.url, seconds=NORMAL_S, rate=capacity / 2, seed=4, **plan)
    began = min(one.due for one in crowd.told)
    answered, refused = crowd.of(201), [one for one in crowd.told if one.status in (503, 429)]
    goodput = sum(one.ended <= began + SECONDS for one in answered) / SECONDS / capacity
    # three times as many visitors take more of this machine themselves: that much less is left for the house
    left = 1 - (crowd.work_s / SECONDS - busy.work_s / CAPACITY_S) / os.cpu_count()
    retries = [int(one.retry) for one in refused]  # ValueError where one is no whole number
    late = load.quantile((one.took for one in refused), 0.99)
    half = watch.memory[len(watch.memory) // 2 :]
    grown = watch.memory[-1] / half[0] - 1
    with capsys.disabled():
        print(f"\nF5: capacity {capacity:.0f}/s; {len(crowd.told) / SECONDS:.0f}/s for {SECONDS:.0f} s: goodput "
              f"{goodput:.0%}, {goodput / left:.0%} of what the visitors themselves left of the machine; accepted "
              f"p99 {crowd.p99():.2f} s, {len(refused)} refused, p99 {late * 1000:.0f} ms, retry {min(retries)} to "
              f"{max(retries)} s; queue <= {max(watch.queue)}; memory {grown:+.1%}; normal "
              f"p99 {before.p99() * 1000:.0f} ms before, {after.p99() * 1000:.0f} ms after")  # fmt: skip
        for what, statuses in watch.said.items():
            print(f"  {what}: {sum(0 < status < 400 for status in statuses)} of {len(statuses)}")
    assert len(answered) + len(refused) == len(crowd.told), {one.status for one in crowd.told}
    assert goodput / left >= GOODPUT
    assert load.within(crowd.p99(), DEADLINE_S) and load.within(late, REFUSED_S)
    assert 1 <= min(retries) and max(retries) <= 60 and len(set(retries)) > 1
    assert max(watch.queue) <= QUEUE
    assert grown <= GROWTH
    looks = min(map(len, watch.said.values()), default=0)
    assert len(watch.said) == 5 and looks >= LOOKS, watch.said
    assert all(0 < status < 400 for statuses in watch.said.values() for status in statuses), watch.said
    assert load.within(after.p99(), 1.5 * before.p99()) and not after.failed
