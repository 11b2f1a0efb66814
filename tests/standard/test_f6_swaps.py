"""F6: promotions, rollbacks and rolling restarts at 80 % of what a house can answer: nobody notices."""

import contextlib
import os
import signal
import time

import psutil
import pytest

from teahouse import testing
from tests.standard import challengers, load
from tests.standard.houses import owner_of, wait_until

STEPS = int(os.environ.get("TEAHOUSE_STEPS", "5"))  # of each kind; nightly 50
RESTARTS = max(2, STEPS // 5)
HANDS, CAPACITY_S, STAY_S = 4, 3.0, 0.5
ROLLBACK_S, STARTS_S = 5.0, 1.0
# Beside other work a house can answer less than it could a moment ago, and then it is right to refuse.
SHARE = 0.8 if load.EXACT else 0.4
PATH = f"/api/owner/apps/{testing.APP}/rollouts"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A house whose champion takes 15 ms, what it can answer in a second, and another release that takes as long."""
    root = tmp_path_factory.mktemp("swaps")
    with challengers.champion(root, "steady") as house:
        house.other = challengers.install(house.own, root / "other", "steady")
        load.come(house.url, seconds=1, hands=HANDS)
        house.capacity = len(load.come(house.url, seconds=CAPACITY_S, hands=HANDS).of(201)) / CAPACITY_S
        with owner_of(house) as house.client:
            yield house


def step(owner, release, state):
    """The owner puts a release on or takes it back; (when that was asked, when it was acknowledged)."""
    asked = time.monotonic()
    done = owner.post(PATH, json={"release": release, "state": state})
    assert done.status_code < 300 and done.json()["served"], done.text
    return asked, time.monotonic()


@pytest.mark.timeout(200 + 10 * STEPS)
def test_f6_promotions_and_rollbacks_drop_nothing_and_take_effect_at_once(house, capsys):
    steps = []  # (asked, acknowledged, the release that answers from then on)
    with load.coming(house.url, rate=SHARE * house.capacity, seed=6) as crowd:
        for turn in range(2 * STEPS):
            new = turn % 2 == 0
            taken = step(house.client, house.other, "full" if new else "rolled_back")
            steps.append((*taken, house.other if new else None))
            time.sleep(STARTS_S + STAY_S)  # so that what begins a second later can be seen
    ends = [asked for asked, _, _ in steps[1:]] + [float("inf")]
    late, lasts = [], []
    for (asked, acked, release), end in zip(steps, ends, strict=True):
        old = [one for one in crowd.of(201) if one.release != (release or house.champion) and one.due < end]
        late += [one for one in old if one.due > acked + STARTS_S]
        if release is None:
            lasts.append(max((one.ended - asked for one in old if one.ended > asked), default=0.0))
    with capsys.disabled():
        took = sorted(acked - asked for asked, acked, _ in steps)
        print(f"\nF6: {STEPS} promotions and {STEPS} rollbacks at {SHARE * house.capacity:.0f}/s, {SHARE:.0%} of "
              f"{house.capacity:.0f}/s: {len(crowd.failed)} of {len(crowd.told)} failed; acknowledged after "
              f"{took[len(took) // 2]:.2f} s (slowest {took[-1]:.2f}); {len(late)} old answers began a second later; "
              f"the last old answer {max(lasts):.2f} s after its rollback")  # fmt: skip
    assert not crowd.failed, crowd.failed[:3]
    assert {one.release for one in crowd.told} == {house.champion, house.other}
    assert not late, late[:3]
    assert load.within(max(lasts), ROLLBACK_S)


@pytest.mark.timeout(120 + 60 * RESTARTS)
def test_f6_a_rolling_restart_drops_nothing(house, capsys):
    webs = [house.child("site.serve").pid]
    with load.coming(house.url, rate=SHARE * house.capacity, seed=7) as crowd:
        for _ in range(RESTARTS):
            os.kill(house.keeper, signal.SIGHUP)
            wait_until(lambda: is_alone(house, webs[-1]), "a new web has taken over", pause=0.1)
            webs.append(house.child("site.serve").pid)
    with capsys.disabled():
        print(f"\nF6: {RESTARTS} rolling restarts at {SHARE * house.capacity:.0f}/s: {len(crowd.failed)} of "
              f"{len(crowd.told)} failed, slowest answer {max(one.took for one in crowd.told):.2f} s")  # fmt: skip
    assert len(set(webs)) == RESTARTS + 1
    assert not crowd.failed, crowd.failed[:3]


def is_alone(house, before):
    """Whether one web is there, and it is another than before."""
    webs = []
    for one in house.family():
        with contextlib.suppress(psutil.Error):
            webs += [one.pid] * any("site.serve" in part for part in one.cmdline())
    return len(webs) == 1 and webs[0] != before
