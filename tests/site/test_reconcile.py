"""What is live follows what the rollouts want: swap without a gap, fall back, tell it, call the loop."""

import asyncio
import socket

import pytest

from teahouse import ids
from teahouse.errors import NotReady
from teahouse.site import running
from teahouse.site.reconcile import Reconciler
from teahouse.store import jobs, rollouts, servings
from teahouse.testing import APP, install_tiny, photo


@pytest.fixture
def reconciler(site):
    return Reconciler(site.deps)


def look(reconciler):
    asyncio.run(reconciler.look())


def step(site, release, state, share=10_000):
    site.house.db.write(lambda c: rollouts.append(c, rollouts.Step(APP, release, state, share)))


def served(site):
    with site.house.db.read() as c:
        return {(row.release, row.state) for row in servings.current(c, site.deps.web)}


def test_a_new_champion_takes_over_and_servings_tell_it(site, reconciler):
    look(reconciler)
    second = install_tiny(site.house, note="second")
    look(reconciler)
    champion = site.deps.serving.apps[APP].champion
    assert (champion.release, champion.number, champion.ready) == (second, 2, True)
    assert served(site) >= {(second, "ready"), (site.release, "gone")}
    assert site.ask().json()["release"] == second


def test_a_rollback_brings_the_one_before_back(site, reconciler):
    second = install_tiny(site.house, note="second")
    look(reconciler)
    step(site, second, "rolled_back", 0)
    step(site, site.release, "full")
    look(reconciler)
    assert site.ask().json()["release"] == site.release


def test_a_champion_that_does_not_load_leaves_the_one_before_in_place(site, reconciler):
    look(reconciler)
    second = install_tiny(site.house, note="second")
    site.engine.broken.add(second)
    look(reconciler)
    assert site.ask().json()["release"] == site.release
    assert (second, "failed") in served(site)
    site.engine.broken.clear()
    reconciler.retry_at = float("-inf")
    look(reconciler)
    assert site.ask().json()["release"] == second


def test_a_canary_answers_its_share_of_visitors_and_the_same_ones_each_time(site, reconciler, own):
    canary = install_tiny(site.house, note="canary", state="canary")
    step(site, canary, "canary", 5000)
    look(reconciler)
    arms = {}
    for n in range(24):
        visitor = site.visitor()
        asked = [visitor.post(f"/api/apps/{APP}/predictions", content=photo(), headers=own).json() for _ in range(3)]
        assert len({one["release"] for one in asked[1:]}) == 1
        arms[n] = asked[-1]["release"]
    assert set(arms.values()) == {canary, site.release}
    foreign = site.visitor().post(f"/api/apps/{APP}/predictions", content=photo())
    assert foreign.json()["release"] == site.release


def test_nothing_is_dropped_while_releases_swap(site, reconciler):
    async def swap_under_load():
        statuses, done = [], asyncio.Event()

        async def ask():
            while not done.is_set():
                statuses.append((await asyncio.to_thread(site.ask)).status_code)

        asking = [asyncio.create_task(ask()) for _ in range(3)]
        for note in ("a", "b", "c"):
            await asyncio.to_thread(install_tiny, site.house, note)
            await reconciler.look()
        done.set()
        await asyncio.gather(*asking)
        return statuses

    statuses = asyncio.run(swap_under_load())
    assert len(statuses) > 5 and set(statuses) == {201}


def test_a_waiting_job_calls_the_loop(site, reconciler):
    asked = []
    site.deps.ask_for_loop = lambda: asked.append(1)
    look(reconciler)
    assert asked == []
    id_ = ids.new_id()
    site.house.db.write(lambda c: jobs.ask(c, jobs.Asked(id_, "retrain", APP)))
    look(reconciler)
    assert asked == [1]
    site.house.db.write(lambda c: jobs.event(c, id_, "running", None, 1))
    reconciler.asked = float("-inf")
    look(reconciler)
    assert asked == [1]


def test_once_a_day_the_loop_is_asked_for_what_is_due(site, reconciler):
    at = [20_000 * 86_400_000]
    site.deps.clock = lambda: at[0]

    def asked():
        asyncio.run(reconciler.remind())
        with site.house.db.read() as c:
            return [job.idem for job in jobs.recent(c)]

    assert asked() == asked() == ["retain 2024-10-04"]
    at[0] += 86_400_000
    assert asked() == ["retain 2024-10-05", "retain 2024-10-04"]
    asyncio.run(Reconciler(site.deps).remind())  # another web process on the same day
    assert len(asked()) == 2


def test_nothing_is_read_while_nothing_was_written(site, reconciler, monkeypatch):
    look(reconciler)
    look(reconciler)
    monkeypatch.setattr(reconciler, "read", lambda: pytest.fail("read again"))
    look(reconciler)


def test_a_day_whose_asking_failed_is_asked_again(site, reconciler, monkeypatch):
    async def locked(_self, _fn):
        raise NotReady("The house is busy.")

    with monkeypatch.context() as busy:
        busy.setattr(type(site.house.db), "write_async", locked)
        with pytest.raises(NotReady):
            asyncio.run(reconciler.remind())
    asyncio.run(reconciler.remind())
    with site.house.db.read() as c:
        assert [job.kind for job in jobs.recent(c)] == ["retain"]


def test_what_a_reader_kept_in_the_log_is_folded_when_it_has_gone(site, reconciler):
    db = site.house.db
    with db.read() as c:
        jobs.recent(c)
        site.ask()
        assert db.checkpoint(patience=0) is False and db.checkpoint_due
        asyncio.run(reconciler.fold())
        assert db.checkpoint_due
    reconciler.fold_at = float("-inf")
    asyncio.run(reconciler.fold())
    assert not db.checkpoint_due


def test_a_house_that_opens_again_loads_what_was_played_last_and_lets_the_rest_sleep(site, reconciler, monkeypatch):
    monkeypatch.setattr(running, "WARM", 1)
    picture = install_tiny(site.house, kind="picture")
    wanted = []
    ensure = site.engine.ensure

    async def hears(asked):
        wanted.append({one.release: one.warm for one in asked})
        return await ensure(asked)

    monkeypatch.setattr(site.engine, "ensure", hears)
    look(reconciler)
    assert wanted[-1] == {site.release: True, picture: True}, "what never was ready here has to show that it is"
    site.ask()
    look(Reconciler(site.deps))
    assert wanted[-1] == {site.release: True, picture: False}
    monkeypatch.setattr(running, "QUIET_MS", float("inf"))
    look(Reconciler(site.deps))
    assert wanted[-1] == {site.release: True, picture: True}, "played a moment ago"


def test_a_release_that_does_not_start_again_is_told_as_failed_and_tried_again(site, reconciler):
    look(reconciler)
    asyncio.run(reconciler.heed())
    assert reconciler.retry_at == float("inf"), "all is as it was told"
    site.engine.live.clear()
    site.engine.broken.add(site.release)
    reconciler.heed_at = float("-inf")
    asyncio.run(reconciler.heed())
    look(reconciler)
    assert served(site) == {(site.release, "failed")} and not site.deps.serving.apps[APP].champion.ready
    with site.house.db.read() as c:
        assert servings.ready_on(c, socket.gethostname()) == set(), "it does not begin asleep the next time"
    site.engine.broken.clear()
    reconciler.retry_at = float("-inf")
    look(reconciler)
    assert served(site) == {(site.release, "ready")}
    with site.house.db.read() as c:
        assert servings.ready_on(c, socket.gethostname()) == {site.release}
