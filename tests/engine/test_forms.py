"""Forms of a release: the wanted one answers, a change of form drops nothing, and this machine times them."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.standard.houses import wait_until

from teahouse.engine import timing, worker
from teahouse.engine.answering import Answerer
from teahouse.engine.bench import Bench
from teahouse.engine.front import LocalEngine
from teahouse.engine.port import Form, Wanted
from teahouse.engine.process import WorkerLimits
from teahouse.errors import ReleaseBroken
from teahouse.testing import INT8, photo, tiny_release

from .conftest import Releases, ask, mood, until

Begin = Callable[..., LocalEngine]
FAST = Form("int8", 2, 1, 4)


def two_forms(releases: Releases, second: Path | None = None, **more: object) -> str:
    """A release whose second form is another file, or a copy of the first."""
    source = releases._scratch / "twice"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(releases.folder / releases.tiny(str(more)), source)
    shutil.copyfile(second or source / "model.onnx", source / "model.int8.onnx")
    fp32 = {"name": "fp32", "file": "model.onnx", "flips": 0}
    return releases._sealed(source, {"forms": [fp32, {**INT8, **more}]})


def slow_or_wrong(path: Path, heavy: int = 0, turned: bool = False) -> Path:
    """The tiny graph with `heavy` large products beside that change nothing, or with its two answers turned around."""
    onnx = pytest.importorskip("onnx")
    import numpy

    source = path.parent / "tiny-source"
    tiny_release(source)
    model = onnx.load(source / "model.onnx")
    graph, made = model.graph, onnx.helper.make_node
    next(node for node in graph.node if "output" in node.output).output[0] = "said"
    if turned:
        graph.node.append(made("Neg", ["said"], ["output"]))
    else:
        size = 3 * 16 * 16
        constants = {"flat": numpy.array([-1, size]), "wide": numpy.eye(size, dtype=numpy.float32),
                     "nothing": numpy.float32(0)}  # fmt: skip
        graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in constants.items())
        graph.node.append(made("Reshape", ["input", "flat"], ["h0"]))
        graph.node.extend(made("MatMul", [f"h{n}", "wide"], [f"h{n + 1}"]) for n in range(heavy))
        graph.node.append(made("ReduceMean", [f"h{heavy}"], ["mean-of-it"], keepdims=1))
        graph.node.append(made("Mul", ["mean-of-it", "nothing"], ["nothing-of-it"]))
        graph.node.append(made("Sub", ["said", "nothing-of-it"], ["output"]))
    onnx.save(model, path)
    return path


def test_a_form_is_chosen_by_its_name_and_told_with_the_answer(releases: Releases) -> None:
    folder = releases.folder / two_forms(releases)
    given = {"input": photo("cold")}
    assert [Answerer(folder, form=name).answer(given).form for name in ("", "fp32", "int8")] == ["fp32", "fp32", "int8"]
    assert Answerer(folder, form="int8", batch=4).batch == 4
    with pytest.raises(ReleaseBroken, match="no form called int4"):
        Answerer(folder, form="int4")


async def test_the_wanted_form_answers_as_it_was_asked_to_run(begin: Begin, releases: Releases) -> None:
    engine, release = begin(), two_forms(releases)
    (told,) = await engine.ensure([Wanted("warmth", release, form=FAST)])
    assert (told.form, told.why) == ("int8", "")
    assert told.window >= FAST.slots * FAST.batch
    assert (await ask(engine, release, photo("warm"))).form == "int8"


async def test_a_change_of_form_drops_no_call(begin: Begin, releases: Releases) -> None:
    engine, release = begin(), two_forms(releases)
    await engine.ensure([Wanted("warmth", release)])
    first = engine._desks[release].pid
    stop = asyncio.Event()

    async def visit(seed: int) -> list[str]:
        said = []
        while not stop.is_set():
            said.append((await ask(engine, release, photo("warm", seed), 30)).form)
        return said

    visits = [asyncio.create_task(visit(seed)) for seed in range(8)]
    for form in (FAST, Form(), FAST):
        await until(lambda: engine.state().counts["answered"] > 20)
        (told,) = await engine.ensure([Wanted("warmth", release, form=form)])
        assert told.form == (form.name or "fp32")
        seen = engine.state().counts["answered"]
        await until(lambda seen=seen: engine.state().counts["answered"] > seen + 20)
    stop.set()
    said = [form for one in await asyncio.gather(*visits) for form in one]
    assert {"fp32", "int8"} == set(said)
    counts = engine.state().counts
    assert (counts["full"], counts["late"], counts["broke"], counts["died"]) == (0, 0, 0, 0)
    await until(lambda: not psutil.pid_exists(first))


async def test_a_form_that_does_not_answer_its_examples_leaves_the_first_one(begin: Begin, releases: Releases) -> None:
    releases._scratch.mkdir()
    wrong = slow_or_wrong(releases._scratch / "wrong.onnx", turned=True)
    engine, release = begin(), two_forms(releases, wrong)
    (told,) = await engine.ensure([Wanted("warmth", release, form=FAST)])
    assert (told.form, told.why) == ("fp32", "")
    assert (await ask(engine, release, photo("warm"))).output["label"] == "warm"
    started = engine.state().counts["started"]
    (told,) = await engine.ensure([Wanted("warmth", release, form=FAST)])
    assert told.form == "fp32" and engine.state().counts["started"] == started, "it is not tried again at once"


async def test_a_form_that_answers_stays_where_the_next_one_does_not_start(begin: Begin, releases: Releases) -> None:
    engine, release = begin(), two_forms(releases)
    await engine.ensure([Wanted("warmth", release, form=FAST)])
    (releases.folder / release / "model.onnx").write_bytes(b"damaged")
    (told,) = await engine.ensure([Wanted("warmth", release)])
    assert (told.form, told.why) == ("int8", "")
    assert (await ask(engine, release, photo("warm"))).form == "int8"
    started = engine.state().counts["started"]
    (told,) = await engine.ensure([Wanted("warmth", release)])
    assert (told.form, told.why) == ("int8", "")
    assert engine.state().counts["started"] == started == 2, "it is not tried again at once"


async def test_who_wakes_in_a_form_that_does_not_start_answers_in_the_first_one(
    begin: Begin, releases: Releases
) -> None:
    releases._scratch.mkdir()
    wrong = slow_or_wrong(releases._scratch / "wrong.onnx", turned=True)
    engine, release = begin(), two_forms(releases, wrong)
    (told,) = await engine.ensure([Wanted("warmth", release, warm=False, form=FAST)])
    assert not told.why and engine.state().asleep == (release,)
    assert (await ask(engine, release, photo("warm"), 30)).form == "fp32"
    assert [each.form for each in engine.state().ready] == ["fp32"]
    started = engine.state().counts["started"]
    (told,) = await engine.ensure([Wanted("warmth", release, form=FAST)])
    assert (told.form, told.why) == ("fp32", "")
    assert engine.state().counts["started"] == started == 2, "it is not tried again at once"


async def test_who_ends_the_engine_while_a_form_changes_leaves_no_process(begin: Begin, releases: Releases) -> None:
    engine, release = begin(), two_forms(releases)
    await engine.ensure([Wanted("warmth", release)])
    change = asyncio.create_task(engine.ensure([Wanted("warmth", release, form=FAST)]))
    await until(lambda: engine.state().counts["started"] == 2)
    change.cancel()
    pids = [desk.pid for desk in engine._desks.all()]
    await engine.close()
    assert len(pids) == 2
    await until(lambda: not any(pid and psutil.pid_exists(pid) for pid in pids))


async def test_who_ends_the_engine_just_as_a_desk_is_let_go_leaves_no_process(
    begin: Begin, releases: Releases
) -> None:
    engine, release = begin(), two_forms(releases)
    await engine.ensure([Wanted("warmth", release)])
    desk = engine._desks.pop(release)
    pid = desk.pid
    engine._desks._let_go(desk)
    await engine.close()
    assert pid and not psutil.pid_exists(pid)


def test_this_machine_finds_the_faster_form_and_how_to_run_it(releases: Releases) -> None:
    releases._scratch.mkdir()
    slow = slow_or_wrong(releases._scratch / "slow.onnx", heavy=40)
    with Bench(releases.folder / two_forms(releases, slow), limits=WorkerLimits()) as bench:
        fp32, int8 = bench.time(["fp32", "int8"])
        assert bench.answer({"input": photo("cold")}).output["label"] == "cold", "it answers on"
    assert (fp32.form.name, int8.form.name, fp32.why, int8.why) == ("fp32", "int8", "", "")
    assert fp32.form.slots * fp32.form.threads >= 1 and fp32.form.batch in (1, 8)
    assert fp32.ms < int8.ms, "one of the two has forty large products to work out"


def test_a_form_that_does_not_hold_has_no_time_and_says_why(releases: Releases) -> None:
    releases._scratch.mkdir()
    wrong = slow_or_wrong(releases._scratch / "wrong.onnx", turned=True)
    with Bench(releases.folder / two_forms(releases, wrong), limits=WorkerLimits()) as bench:
        fp32, int8, other = bench.time(["fp32", "int8", "int4"])
    assert fp32.why == "" and int8.ms == other.ms == 0
    assert "its own examples" in int8.why and "no form called int4" in other.why
    assert not (int8.unknown or other.unknown), "that much is certain"


def test_of_a_form_whose_worker_ends_or_lacks_memory_nothing_is_known(releases: Releases) -> None:
    with Bench(releases.folder / two_forms(releases), limits=WorkerLimits()) as bench:
        os.kill(bench._worker.pid, signal.SIGKILL)
        killed, other = bench.time(["fp32", "int8"])
    assert killed.unknown and killed.ms == 0 and "SIGKILL" in killed.why
    assert other.ms > 0 and not (other.why or other.unknown), "the next one has a worker again"
    with Bench(releases.folder / releases.greedy(), limits=WorkerLimits(512)) as bench:
        (told,) = bench.time(["fp32"])
    assert told.unknown and told.ms == 0 and "more memory" in told.why


def test_a_slow_machine_says_while_it_times_that_it_goes_on(releases: Releases) -> None:
    told: list[float] = []
    timing.fastest(releases.folder / two_forms(releases), "fp32", 2, told.append)
    assert len(told) > 2 * timing.SLICES and told == sorted(told)


def test_a_makers_own_function_is_timed_one_at_a_time_on_one_thread(releases: Releases) -> None:
    with Bench(releases.folder / releases.moody(), limits=WorkerLimits()) as bench:
        (told,) = bench.time(["fp32"])
    assert (told.form.slots, told.form.threads, told.form.batch, told.why) == (1, 1, 1, "")


def test_what_has_the_machine_to_itself_runs_in_the_session_of_its_own(releases: Releases) -> None:
    answerer = Answerer(releases.folder / two_forms(releases))
    item = answerer.decode({"input": photo("warm")})
    assert not answerer.run([item], alone=True)[0].alone, "there is none yet"
    answerer.open_alone(2)
    usual, alone = (answerer.run([item], alone=alone)[0] for alone in (False, True))
    assert (usual.alone, alone.alone) == (False, True) and usual.output == alone.output
    answerer.session = None  # type: ignore[assignment]
    assert answerer.run([item], alone=True)[0].output == usual.output
    with pytest.raises(AttributeError):
        answerer.run([item])


def test_a_makers_own_function_has_no_session_of_its_own(releases: Releases) -> None:
    answerer = Answerer(releases.folder / releases.moody())
    answerer.open_alone(2)
    item = answerer.decode({"input": photo("warm")})
    assert not answerer.run([item], alone=True)[0].alone


def test_without_memory_for_a_second_session_answers_run_as_ever(releases: Releases, monkeypatch, capfd) -> None:
    def none(*given: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Answerer, "open_alone", none)
    service = worker.Releases(releases.folder / two_forms(releases), Form("fp32", 2, 1, 1, 2))
    said = [""]
    wait_until(lambda: said.append(said.pop() + capfd.readouterr().err) or "No answer" in said[0], "silence", 5)
    item = service._answerer.decode({"input": photo("warm")})
    assert not service.run([item], alone=True)[0].alone


@pytest.mark.parametrize(
    ("quickest", "paces", "copy", "alone"),
    [((9.0, 5.0), (9.0, 9.0), 1 << 30, 2), ((9.0, 8.9), (9.0, 9.0), 1 << 30, 0), ((9.0, 5.0), (9.0, 9.0), 0, 0),
     ((9.0, 5.0), (9.0, 5.0), 1 << 30, 0)],
    ids=["sooner on both cores", "hardly sooner", "too large for two", "on both cores anyway"],
)  # fmt: skip
def test_an_answer_alone_runs_on_all_cores_where_it_comes_sooner_so(
    releases: Releases, monkeypatch, quickest, paces, copy, alone
) -> None:
    monkeypatch.setattr(timing, "in_turn", lambda *given: dict(zip((False, True), quickest, strict=True)))
    monkeypatch.setattr(timing, "pace", lambda answerer, items, slots, threads, *more: paces[threads - 1])
    monkeypatch.setattr(timing, "COPY", copy)
    found = timing.fastest(releases.folder / two_forms(releases), "fp32", 2)
    assert (found.form.alone, found.why) == (alone, "")


def test_one_core_and_all_take_turns_in_sessions_of_their_own(releases: Releases, monkeypatch) -> None:
    answerer, ran = Answerer(releases.folder / two_forms(releases)), []
    answerer.open_alone(2)
    item, run = answerer.decode({"input": photo("warm")}), answerer.run
    monkeypatch.setattr(answerer, "run", lambda items, alone: ran.append(run(items, alone)[0].alone))
    monkeypatch.setattr(timing, "TRIES_S", 0.0)
    quickest = timing.in_turn(answerer, item, lambda: None)
    assert ran == [False, True] * timing.FEW
    assert 0 < quickest[True] < 60_000 and 0 < quickest[False] < 60_000


async def test_who_has_the_machine_to_themselves_is_answered_on_all_cores(begin: Begin, releases: Releases) -> None:
    mine, other = two_forms(releases), releases.moody()
    alone = Form("int8", 2, 1, 1, 2)
    engine = begin()
    await engine.ensure([Wanted("tea", mine, form=alone), Wanted("pot", other)])

    async def is_alone(lane: str = "free") -> bool:
        return (await engine.predict(mine, {"input": photo("warm")}, time.monotonic() + 30, lane)).alone

    async with asyncio.timeout(30):
        while not await is_alone():
            pass  # its session is still being opened
    assert not await is_alone("idle"), "what the house asks by itself leaves a core to visitors"
    slow = asyncio.create_task(ask(engine, other, mood("slow"), 30))
    await until(lambda: engine._desks[other].traffic.busy)
    assert not await is_alone(), "another release answers somebody"
    await slow
    assert await is_alone()
    await engine.ensure([Wanted("tea", mine, form=alone), Wanted("tea", other, "canary", 500)])
    assert not await is_alone(), "its time is compared"
