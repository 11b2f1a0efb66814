"""Rollouts that move: mirrored, given to a few visitors, taken off or on to everybody, with the loop asleep."""

import asyncio
import random
import socket
import threading
from types import SimpleNamespace

import pytest

from teahouse import ids, testing
from teahouse.engine.port import Answer, Form
from teahouse.errors import InputBroke, NotReady, QueueFull, ReleaseBroken
from teahouse.site import reconcile, rolling
from teahouse.site.mirror import MOST, Mirror
from teahouse.site.rolling import Rolling
from teahouse.store import forms, lineage, predictions, rollouts, tables, tallies
from teahouse.testing import APP, install_tiny

MIN = 60_000
OWN = {"Origin": "http://127.0.0.1:8360", "Sec-Fetch-Site": "same-origin"}


class Clock:
    """The site's clock, to be set ahead."""

    def __init__(self):
        self.ahead = 0

    def __call__(self):
        return ids.now_ms() + self.ahead


class Trouble:
    """The in-process engine, but for one release that breaks or is slow."""

    def __init__(self, engine):
        self.engine, self.release, self.error, self.slow_s, self.asked = engine, "", None, 0.0, 0

    def __getattr__(self, name):
        return getattr(self.engine, name)

    async def predict(self, release, given, until, lane="free"):
        if release == self.release:
            self.asked += 1
            if self.slow_s:
                await asyncio.sleep(self.slow_s)
            if self.error is not None:
                raise self.error
        return await self.engine.predict(release, given, until, lane)


@pytest.fixture
def tried(site):
    """The site with a challenger that a verdict let through."""
    site.deps.clock = Clock()
    site.deps.engine = site.engine = Trouble(site.engine)
    site.challenger = install_tiny(site.house, note="better", state="")
    site.deps.settings.loop.canary_share = 0.5
    site.rolling = Rolling(site.deps)

    def verdict(c):
        row = {"at": 1, "id": ids.new_id(), "app": APP, "digest": "a" * 64, "counts": {}, "rows_blob": "b" * 64,
               "reviewed": 0}  # fmt: skip
        c.execute(tables.dataset_versions.insert(), row)
        judged = lineage.Judged(ids.new_id(), APP, site.challenger, site.release, row["id"], "promote", [], {})
        lineage.add_verdict(c, judged)
        return judged.id

    site.verdict = site.house.db.write(verdict)
    return site


def put(site, state, by="loop", share=0):
    def write(c):
        at = site.deps.clock()
        numbers = rollouts.mark(c, APP, site.challenger, at)
        verdict = site.verdict if by == "loop" else None
        step = rollouts.Step(APP, site.challenger, state, share, by, "better", verdict, False, at, numbers)
        return rollouts.append(c, step)

    seq = site.house.db.write(write)
    asyncio.run(reconcile.once(site.deps))
    look(site)
    return seq


def look(site):
    """What the ticker does, and then what the reconciler does with it."""
    taken = asyncio.run(site.rolling.look())
    asyncio.run(reconcile.once(site.deps))
    return [(event.state, event.by, event.code) for event in taken]


def stands(site):
    with site.house.db.read() as c:
        step = rollouts.latest(c, APP, site.challenger)
        return step.state, step.by, rollouts.champion(c, APP).release == site.challenger


def ask(site, seed=0, client=None):
    """A photo of one visitor's page."""
    client = client or site.visitor()
    headers = {"Content-Type": "image/jpeg", **OWN}
    answer = client.post(f"/api/apps/{APP}/predictions", content=testing.photo("warm", seed), headers=headers)
    return client, answer


def counted(site, arm, what, n):
    """Counts written by hand: many answers at once."""
    release = site.challenger if arm != "full" else site.release
    hour = site.deps.clock() // 3_600_000
    site.house.db.write(lambda c: tallies.add(c, tallies.Tally(APP, release, arm, hour, what, n, 0.0)))


def rows_of(site, release):
    with site.house.db.read() as c:
        return [row for row in predictions.page(c, APP, limit=1000) if row.release == release]


# ---- the shadow


def test_visitors_requests_are_mirrored_and_nobody_sees_the_answer(tried):
    put(tried, "shadow")
    for seed in range(5):
        _, answer = ask(tried, seed, tried.client)
        assert answer.json()["release"] == tried.release
        wait_for_mirror(tried)
    assert tried.engine.asked == 0 and rows_of(tried, tried.challenger) == []
    with tried.house.db.read() as c:
        counts = tallies.counts(c, APP, [tried.challenger], 0)
    assert counts == {(tried.challenger, "shadow", "answers"): 5}


def wait_for_mirror(site):
    """Until no challenger is at work."""
    done = threading.Event()
    for _ in range(500):
        if not site.deps.mirror.at_work:
            return
        done.wait(0.01)
    raise AssertionError("the mirror does not come to an end")


def test_it_goes_through_shadow_and_canary_to_everybody(tried):
    put(tried, "shadow")
    assert look(tried) == [] and tried.deps.mirror.targets == {APP: tried.challenger}
    counted(tried, "shadow", "answers", 20)
    assert look(tried) == [("canary", "loop", "shadow-passed")]
    assert look(tried) == [] and not tried.deps.mirror.targets
    arms = {}
    for number in range(40):
        client, first = ask(tried, number)
        _, again = ask(tried, number + 100, client)
        assert first.json()["release"] == again.json()["release"], "the same visitor, another release"
        arms.setdefault(first.json()["release"], []).append(number)
    assert 8 <= len(arms[tried.challenger]) <= 32
    tried.deps.clock.ahead = 24 * 60 * MIN
    assert look(tried) == [("full", "loop", "hours")]
    assert stands(tried) == ("full", "loop", True)
    with tried.house.db.read() as c:
        step = rollouts.champion(c, APP)
    assert step.verdict == tried.verdict and "too little traffic" in step.why
    assert step.numbers["shown"]["answers"] == 2 * len(arms[tried.challenger])
    assert ask(tried, 999)[1].json()["release"] == tried.challenger


def test_what_can_not_be_loaded_never_meets_a_visitor_and_is_marked(tried):
    tried.engine.engine.broken.add(tried.challenger)
    put(tried, "shadow")
    look(tried)
    assert stands(tried) == ("rolled_back", "guard", False)
    with tried.house.db.read() as c:
        step = rollouts.taken_off(c, APP, tried.challenger)
    assert step.by == "guard" and "could not be loaded" in step.why and "it is broken" in step.why
    assert ask(tried)[1].json()["release"] == tried.release


def test_answers_that_are_no_numbers_are_found_in_the_shadow(tried):
    tried.engine.release, tried.engine.error = tried.challenger, ReleaseBroken("The model gave no number.")
    put(tried, "shadow")
    for seed in range(2):
        assert ask(tried, seed, tried.client)[1].status_code == 201
        wait_for_mirror(tried)
    assert look(tried) == [("rolled_back", "guard", "errors")]
    assert rows_of(tried, tried.challenger) == []


def test_a_full_house_is_no_error_of_the_challengers(tried):
    tried.engine.release, tried.engine.error = tried.challenger, QueueFull("The house is full.")
    put(tried, "shadow")
    for seed in range(4):
        ask(tried, seed, tried.client)
        wait_for_mirror(tried)
    assert look(tried) == [] and stands(tried)[0] == "shadow"


def test_a_challenger_that_is_busy_is_not_asked_again(tried):
    put(tried, "shadow")
    tried.engine.release, tried.engine.slow_s = tried.challenger, 0.3
    for seed in range(6):
        ask(tried, seed, tried.client)
    wait_for_mirror(tried)
    assert 1 <= tried.engine.asked < 6


# ---- the canary


def canary(site, share=10_000):
    return put(site, "canary", share=share)


def test_where_a_canary_errs_the_visitor_gets_the_champions_answer(tried):
    canary(tried)
    tried.engine.release, tried.engine.error = tried.challenger, NotReady("This app can not answer.")
    told = ask(tried)[1]
    assert told.status_code == 201 and told.json()["release"] == tried.release
    (row,) = rows_of(tried, tried.release)
    assert row.arm == "full"
    with tried.house.db.read() as c:
        counts = tallies.counts(c, APP, [tried.challenger, tried.release], 0)
    assert counts[tried.challenger, "canary", "errors"] == 1
    assert counts[tried.release, "full", "answers"] == 1 and (tried.release, "full", "errors") not in counts


def test_a_canary_that_hangs_leaves_half_of_the_time_to_the_champion(tried):
    declared = testing.tiny_declaration(deadline_s=0.6)
    tried.house.db.write(lambda c: c.execute(tables.apps.update().values(declaration=declared)))
    canary(tried)

    async def late(release, given, until, lane="free"):
        raise_at = until - asyncio.get_running_loop().time()
        if release == tried.challenger:
            assert 0.1 < raise_at <= 0.31
            raise NotReady("late")
        assert raise_at > 0.3
        return await tried.engine.engine.predict(release, given, until, lane)

    tried.engine.predict = late
    assert ask(tried)[1].json()["release"] == tried.release


def test_one_error_in_ten_rolls_it_back_and_it_never_comes_back_by_itself(tried):
    canary(tried)
    counted(tried, "full", "answers", 900)
    counted(tried, "canary", "answers", 100)
    assert look(tried) == []
    counted(tried, "canary", "errors", 11)
    assert look(tried) == [("rolled_back", "guard", "errors")]
    assert stands(tried) == ("rolled_back", "guard", False)
    assert look(tried) == []
    with tried.house.db.read() as c:
        assert rollouts.taken_off(c, APP, tried.challenger) is not None
        assert rollouts.previous_champion(c, APP) is None
    put(tried, "full", by="owner", share=10_000)
    with tried.house.db.read() as c:
        assert rollouts.taken_off(c, APP, tried.challenger) is None, "the owner's word ends the mark"


def answers(tried, release, arm, ms, at=1):
    row = {"app": APP, "release": release, "form": "fp32", "arm": arm, "visitor": ids.new_id(), "given": b"g",
           "output": {}, "held": False, "cached": False, "ms": ms}  # fmt: skip
    many = [{**row, "id": ids.new_id(), "at": at} for _ in range(25)]
    tried.house.db.write(lambda c: c.execute(tables.predictions.insert(), many))


def test_ten_times_slower_is_rolled_back(tried):
    canary(tried)
    answers(tried, tried.release, "full", 30.0)
    answers(tried, tried.challenger, "canary", 60.0)
    assert look(tried) == []
    answers(tried, tried.challenger, "canary", 300.0)
    answers(tried, tried.challenger, "canary", 300.0)
    assert look(tried) == [("rolled_back", "guard", "slow")]


def test_only_what_it_answered_in_its_own_fastest_form_makes_a_challenger_slow(tried):
    def timed(release):
        row = forms.Timed(release, socket.gethostname(), "fp32", 2, 1, 1, 30.0, 0, at=1)
        tried.house.db.write(lambda c: forms.add(c, row))

    canary(tried)
    answers(tried, tried.release, "full", 30.0)
    answers(tried, tried.challenger, "canary", 300.0)
    timed(tried.release)
    assert look(tried) == []
    timed(tried.challenger)
    assert look(tried) == [], "so it answered before"
    answers(tried, tried.challenger, "canary", 300.0, at=ids.now_ms())
    assert look(tried) == [("rolled_back", "guard", "slow")]


def test_a_slow_challenger_does_not_hide_behind_a_champion_that_all_wait_for(tried):
    def worked(release, arm, ms, batch=1, alone=False):
        live = SimpleNamespace(release=release, wants=Form())
        for _ in range(25):
            took = {"decode": 2.0, "wait": 500.0, "infer": ms}
            tried.deps.looks.took(live, arm, Answer({}, ms=took, batch=batch, alone=alone))

    canary(tried)
    worked(tried.release, "full", 15.0)
    worked(tried.release, "full", 150.0, batch=8)
    worked(tried.challenger, "canary", 40.0)
    assert look(tried) == []
    for _ in range(5):
        worked(tried.challenger, "canary", 150.0)
    for _ in range(8):
        worked(tried.challenger, "canary", 15.0, alone=True)
    assert look(tried) == [("rolled_back", "guard", "slow")]
    with tried.house.db.read() as c:
        assert rollouts.latest(c, APP, tried.challenger).why.startswith("Its answers take 152 ms, the champion's 17 ms")


def test_what_an_answer_took_its_worker_is_known_by_release_and_arm(tried):
    put(tried, "canary", share=5000)
    for seed in range(12):
        ask(tried, seed)
    known = {key: len(times) for key, times in tried.deps.looks.work.items()}
    assert sum(known.values()) == 12
    assert known.keys() == {(tried.release, "full"), (tried.challenger, "canary")}


def said(site, mine, other, first=0):
    """Words of as many visitors, each from a network of their own, mixed; `mine` and `other` as (wrong, all)."""
    words = [(site.challenger, "canary", at < mine[0]) for at in range(mine[1])]
    words += [(site.release, "full", at < other[0]) for at in range(other[1])]
    random.Random(first).shuffle(words)

    def write(c):
        for at, (release, arm, wrong) in enumerate(words):
            row = {"at": 1, "id": ids.new_id(), "app": APP, "release": release, "form": "", "arm": arm,
                   "visitor": ids.new_id(), "network": (first + at).to_bytes(32, "big"), "given": b"g",
                   "output": {"label": "warm"}, "held": False, "cached": False, "ms": 1.0}  # fmt: skip
            c.execute(tables.predictions.insert(), row)
            kind, value = ("agree", not wrong) if at % 2 else ("correct", "cold" if wrong else "warm")
            word = {"at": 1, "id": ids.new_id(), "prediction": row["id"], "visitor": row["visitor"], "idem": "1",
                    "kind": kind, "value": value}  # fmt: skip
            c.execute(tables.feedback.insert(), word)

    site.house.db.write(write)


def test_visitors_who_say_that_it_is_wrong_roll_it_back_and_what_was_said_before_does_not_count(tried):
    said(tried, (40, 40), (0, 100))  # in an earlier life
    canary(tried)
    said(tried, (4, 32), (16, 120), 1000)
    assert look(tried) == []
    said(tried, (32, 40), (16, 120), 2000)
    assert look(tried) == [("rolled_back", "guard", "disagreed")]
    with tried.house.db.read() as c:
        step = rollouts.latest(c, APP, tried.challenger)
    assert step.numbers["shown"]["words"] == 72 and step.numbers["shown"]["champion_words"] == 240


def test_a_canary_by_hand_is_guarded_and_never_moved(tried):
    put(tried, "canary", by="owner", share=500)
    tried.deps.clock.ahead = 1000 * 60 * MIN
    assert look(tried) == []
    counted(tried, "canary", "errors", 30)
    assert look(tried) == [("rolled_back", "guard", "errors")]


def test_a_pinned_champion_ends_it_without_a_mark(tried):
    canary(tried)
    tried.house.db.write(lambda c: rollouts.append(c, rollouts.Step(APP, tried.release, "full", pinned=True)))
    assert look(tried) == [("rolled_back", "loop", "pinned")]
    with tried.house.db.read() as c:
        assert rollouts.taken_off(c, APP, tried.challenger) is None


def test_two_webs_never_both_act(tried):
    canary(tried)
    tried.deps.clock.ahead = 24 * 60 * MIN
    other = Rolling(tried.deps)
    mine, theirs = tried.rolling.read(), other.read()
    rules = rolling.rules_of(tried.deps.settings)
    events = [rolling.rollout.advance(one.rollout, one.facts, rules) for one in (*mine, *theirs)]
    steps = [one.step for one in (*mine, *theirs)]
    taken = [asyncio.run(tried.rolling.take(*pair)) for pair in zip(steps, events, strict=True)]
    assert taken == [True, False]
    with tried.house.db.read() as c:
        assert [row.state for row in rollouts.history(c, APP)] == ["full", "canary", "full"]


def test_a_champion_that_came_by_hand_between_look_and_step_stays(tried):
    canary(tried)
    tried.deps.clock.ahead = 24 * 60 * MIN
    ((one, event),) = tried.rolling.judge()
    chosen = install_tiny(tried.house, note="the owner's choice", state="full")
    assert event.state == "full" and not asyncio.run(tried.rolling.take(one.step, event))
    with tried.house.db.read() as c:
        assert rollouts.champion(c, APP).release == chosen
    assert look(tried) == [("rolled_back", "loop", "champion-changed")]


def test_an_input_that_breaks_every_release_is_no_error_of_the_canarys(tried):
    canary(tried)
    refused = set()

    async def breaks(release, given, until, lane="free"):
        if release in refused:
            raise InputBroke("This model cannot take this input.")
        return await tried.engine.engine.predict(release, given, until, lane)

    def errors():
        with tried.house.db.read() as c:
            return {
                key[1] for key in tallies.counts(c, APP, [tried.challenger, tried.release], 0) if key[2] == "errors"
            }

    tried.engine.predict = breaks
    refused |= {tried.challenger, tried.release}
    for seed in range(3):
        assert ask(tried, seed)[1].status_code == 422
    assert errors() == set() and look(tried) == []
    refused.remove(tried.release)
    assert ask(tried)[1].json()["release"] == tried.release
    assert errors() == {"canary"}


def test_a_look_that_broke_is_made_again(tried, monkeypatch):
    canary(tried)
    counted(tried, "canary", "errors", 30)
    tried.rolling = Rolling(tried.deps)

    def breaks():
        raise OSError("the disk is away")

    with monkeypatch.context() as patch:
        patch.setattr(tried.rolling, "read", breaks)
        with pytest.raises(OSError):
            asyncio.run(tried.rolling.tick())
    tried.rolling.next = float("-inf")
    assert [event.code for event in asyncio.run(tried.rolling.tick())] == ["errors"]


def test_guards_act_while_another_part_of_the_site_breaks(tried, monkeypatch):
    canary(tried)
    counted(tried, "canary", "errors", 30)
    reconciler = reconcile.Reconciler(tried.deps)

    async def breaks():
        raise OSError("the engine is away")

    async def until_taken_off():
        work = asyncio.create_task(reconciler.run())
        try:
            async with asyncio.timeout(20):
                while stands(tried)[0] != "rolled_back":
                    await asyncio.sleep(0.05)
        finally:
            work.cancel()

    monkeypatch.setattr(reconciler, "look", breaks)
    asyncio.run(until_taken_off())
    assert stands(tried) == ("rolled_back", "guard", False)


def test_two_challengers_of_two_apps_are_each_tried_on_no_more_than_so_many_requests_a_minute():
    mirror = Mirror()
    begun = [release for _ in range(MOST + 5) for release in ("one", "other") if mirror.may_begin(release)]
    assert begun.count("one") == begun.count("other") == MOST


def test_an_owner_who_is_asked_ends_it(tried):
    tried.deps.settings.loop.promote = "ask"
    tried.rolling = Rolling(tried.deps)
    canary(tried)
    tried.deps.clock.ahead = 24 * 60 * MIN
    assert look(tried) == []
    with tried.house.db.read() as c:
        step = rollouts.latest(c, APP, tried.challenger)
        words = rolling.words_on(c, step, tried.deps.settings, tried.deps.clock())
    assert "waits for you" in words


def test_while_all_is_full_a_tick_does_not_even_read(tried, monkeypatch):
    looks = []
    real = tried.rolling.look

    async def look():
        looks.append(1)
        return await real()

    monkeypatch.setattr(tried.rolling, "look", look)

    async def ticks():
        for _ in range(5):
            tried.rolling.next = float("-inf")
            await tried.rolling.tick()

    asyncio.run(ticks())
    assert len(looks) == 1, "the first look after the start, and none after it"
    put(tried, "shadow")
    looks.clear()
    asyncio.run(ticks())
    assert len(looks) == 5
