"""A release that nobody plays has no worker, and has one again a moment after somebody comes."""

import asyncio
from collections.abc import Callable

from teahouse.engine.desk import DeskRules
from teahouse.engine.front import LocalEngine
from teahouse.engine.port import Wanted
from teahouse.testing import photo

from .conftest import Releases, ask, until

Begin = Callable[..., LocalEngine]
SOON = DeskRules(sleep_s=0.3)


async def asleep(engine: LocalEngine, release: str) -> None:
    await until(lambda: release in engine.state().asleep and not engine._desks[release].pid, 20)


async def test_it_sleeps_when_nobody_plays_and_wakes_for_who_comes(begin: Begin, releases: Releases) -> None:
    engine = begin(desk=SOON)
    release = releases.tiny()
    (told,) = await engine.ensure([Wanted("warmth", release)])
    assert not told.why
    await asleep(engine, release)
    state = engine.state()
    assert state.memory == 0 and state.counts["died"] == 0
    assert [each.release for each in state.ready] == [release], "who sleeps is ready"
    answers = await asyncio.gather(*(ask(engine, release, photo("cold", seed)) for seed in range(6)))
    assert {answer.output["label"] for answer in answers} == {"cold"}
    assert engine.state().counts["started"] == 2, "one worker for all who came"


async def test_a_release_that_would_wake_too_late_for_who_comes_does_not_sleep(
    begin: Begin, releases: Releases
) -> None:
    engine = begin()
    quick, slow = releases.tiny("quick", deadline_s=120.0), releases.tiny("slow", deadline_s=0.1)
    for each in await engine.ensure([Wanted("warmth", quick), Wanted("warmth", slow, state="canary")]):
        assert not each.why

    def dozing() -> set[str]:
        return {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("doze")}

    await until(lambda: dozing() == {f"doze {quick[:12]}"})


async def test_a_page_that_opens_wakes_it(begin: Begin, releases: Releases) -> None:
    engine = begin(desk=SOON)
    release = releases.tiny()
    await engine.ensure([Wanted("warmth", release)])
    await asleep(engine, release)
    await asyncio.to_thread(engine.wake, release)
    await until(lambda: engine.state().counts["started"] == 2 and engine.state().memory > 0, 20)
    assert release not in engine.state().asleep


async def test_what_was_ready_before_may_begin_asleep(begin: Begin, releases: Releases) -> None:
    engine = begin()
    release = releases.tiny()
    (told,) = await engine.ensure([Wanted("warmth", release, warm=False)])
    assert not told.why and engine.state().asleep == (release,) and engine.state().counts["started"] == 0
    assert (await ask(engine, release, photo("warm"))).output["label"] == "warm"
    assert engine.state().asleep == ()


async def test_what_began_asleep_and_does_not_start_says_so_and_is_tried_again(
    begin: Begin, releases: Releases
) -> None:
    engine = begin(desk=DeskRules(backoff_s=0.05, most_backoff_s=0.1))
    release = releases.tiny()
    model = releases.folder / release / "model.onnx"
    whole = model.read_bytes()
    model.write_bytes(b"damaged")
    wanted = [Wanted("warmth", release, warm=False)]
    (told,) = await engine.ensure(wanted)
    assert not told.why
    engine.wake(release)
    await until(lambda: not engine.state().ready, 20)
    (told,) = await engine.ensure(wanted)
    assert "model.onnx" in told.why
    model.write_bytes(whole)
    await until(lambda: engine.state().ready, 20)
    (told,) = await engine.ensure(wanted)
    assert not told.why
    assert (await ask(engine, release, photo("warm"))).output["label"] == "warm"


async def test_what_the_house_does_by_itself_keeps_nothing_awake(begin: Begin, releases: Releases) -> None:
    engine = begin(desk=SOON)
    release = releases.tiny()
    await engine.ensure([Wanted("warmth", release)])
    stop = asyncio.Event()

    async def pool() -> int:
        drawn = 0
        while not stop.is_set():
            await ask(engine, release, photo("cold", drawn), 30, lane="idle")
            drawn += 1
            await asyncio.sleep(SOON.sleep_s / 10)  # far more often than it would sleep, and not all the time
        return drawn

    drawing = asyncio.create_task(pool())
    await until(lambda: engine.state().counts["started"] == 2, 20)  # it slept, and the next one asked woke it
    stop.set()
    assert await drawing > 3


async def test_a_house_closes_while_all_sleep(begin: Begin, releases: Releases) -> None:
    engine = begin(desk=SOON)
    release = releases.tiny()
    await engine.ensure([Wanted("warmth", release)])
    await asleep(engine, release)
    await asyncio.wait_for(engine.close(), 5)
