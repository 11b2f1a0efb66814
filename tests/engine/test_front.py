"""The local engine over real worker processes: what dies is replaced, what hangs is killed, what is full says so."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from teahouse.engine.desk import DeskRules
from teahouse.engine.front import LocalEngine
from teahouse.engine.port import Wanted
from teahouse.errors import DeadlinePassed, InputBroke, InputError, NotReady, QueueFull, ReleaseBroken
from teahouse.spec import media
from teahouse.testing import blueness, colour_of, photo

from .conftest import Releases, ask, mood, refused, until

Begin = Callable[..., LocalEngine]
DEATHS = 5


async def ready(engine: LocalEngine, release: str) -> str:
    (told,) = await engine.ensure([Wanted("warmth", release)])
    assert not told.why, told.why
    return release


def workers(engine: LocalEngine) -> list[int]:
    return [desk.pid for desk in engine._desks.values() if desk.pid]


async def test_a_release_answers_with_its_times(begin: Begin, releases: Releases) -> None:
    engine = begin()
    release = await ready(engine, releases.tiny())
    answer = await ask(engine, release, photo("cold"))
    assert answer.output["label"] == "cold"
    assert (answer.form, answer.batch, answer.familiar) == ("fp32", 1, None)
    assert set(answer.ms) == {"queue", "decode", "wait", "infer"}
    state = engine.state()
    assert [each.release for each in state.ready] == [release]
    assert state.memory > 10_000_000
    assert state.counts["answered"] == 1


async def test_pictures_of_many_shapes_come_back_each_its_own(begin: Begin, releases: Releases) -> None:
    engine = begin()
    form = {"name": "fp32", "file": "model.onnx", "flips": 0, "batch": 4}
    release = await ready(engine, releases.of_kind("picture", forms=[form]))
    sides = [48, 300, 48, 512, 48, 300, 64, 48]
    answers = await asyncio.gather(
        *(ask(engine, release, photo("warm", seed, side)) for seed, side in enumerate(sides))
    )
    for side, answer in zip(sides, answers, strict=True):
        (made,) = answer.parts
        assert (answer.output["width"], answer.output["height"]) == (made.width, made.height) == (side, side)
        assert media.open_image(made.data).size == (side, side)
        assert answer.score is None
    assert max(answer.batch for answer in answers) <= sides.count(48)


async def test_a_picture_of_a_seed_comes_with_its_score(begin: Begin, releases: Releases) -> None:
    engine = begin()
    release = await ready(engine, releases.of_kind("seed"))
    for seed in (0, 2**32 - 1):
        answer = await engine.predict(release, {"input": seed}, time.monotonic() + 5, "idle")
        assert answer.score == pytest.approx(blueness(seed), abs=1e-5)
        assert media.mean_colour(answer.parts[0].data) == pytest.approx(
            media.mean_colour(colour_of(seed).data), abs=0.01
        )
    assert type(await refused(engine.predict(release, {"input": "7"}, time.monotonic() + 5))) is InputError


async def test_what_can_not_be_read_is_the_visitors_error(begin: Begin, releases: Releases) -> None:
    engine = begin()
    release = await ready(engine, releases.tiny())
    broken = await refused(ask(engine, release, photo("cold")[:80]))
    assert type(broken) is InputError and broken.worked_s > 0
    assert type(await refused(engine.predict(release, {"other": b"x"}, time.monotonic() + 5))) is InputError
    assert isinstance(await refused(ask(engine, "0" * 64, b"x")), NotReady)


async def test_batches_answer_each_its_own(begin: Begin, releases: Releases) -> None:
    engine = begin()
    form = {"name": "fp32", "file": "model.onnx", "flips": 0, "batch": 8}
    release = await ready(engine, releases.tiny(forms=[form]))
    wanted = ["warm" if number % 3 else "cold" for number in range(60)]
    answers = await asyncio.gather(*(ask(engine, release, photo(each, seed=n)) for n, each in enumerate(wanted)))
    assert [answer.output["label"] for answer in answers] == wanted
    assert max(answer.batch for answer in answers) > 1


async def test_a_killed_worker_costs_no_answer(begin: Begin, releases: Releases) -> None:
    engine = begin()
    release, given = await ready(engine, releases.tiny()), photo("warm")
    over, answers = asyncio.Event(), []

    async def visitor() -> None:
        while not over.is_set():
            answers.append((await ask(engine, release, given, 10)).output["label"])

    visitors = [asyncio.create_task(visitor()) for _ in range(4)]
    for deaths in range(1, DEATHS + 1):
        count = len(answers)
        await until(lambda count=count: len(answers) > count + 20)
        os.kill(workers(engine)[0], signal.SIGKILL)
        start = time.monotonic()
        await until(lambda deaths=deaths: engine.state().counts["started"] > deaths and workers(engine))
        assert time.monotonic() - start < 3
    over.set()
    await asyncio.gather(*visitors)
    assert set(answers) == {"warm"}
    assert engine.state().counts["died"] == DEATHS


async def test_an_input_that_hangs_ends_at_its_deadline_and_is_refused_the_third_time(
    begin: Begin, releases: Releases
) -> None:
    engine = begin()
    release = await ready(engine, releases.moody())
    (first,) = workers(engine)
    for _ in range(2):
        start = time.monotonic()
        late = await refused(ask(engine, release, mood("hang"), 1.0))
        assert isinstance(late, DeadlinePassed) and late.worked_s > 0.5
        assert 0.9 < time.monotonic() - start < 1.5
        assert (await ask(engine, release, photo("warm"))).output["label"] == "warm"  # by the worker that came after it
    assert workers(engine) != [first]
    start, died = time.monotonic(), engine.state().counts["died"]
    assert isinstance(await refused(ask(engine, release, mood("hang"), 1.0)), InputBroke)
    assert time.monotonic() - start < 0.1
    assert engine.state().counts["died"] == died == 2


async def test_an_input_that_kills_twice_is_refused_and_harms_nobody_beside_it(
    begin: Begin, releases: Releases
) -> None:
    engine = begin()
    release = await ready(engine, releases.moody())
    others = [asyncio.create_task(ask(engine, release, photo("warm", seed=n), 30)) for n in range(6)]
    deadly = asyncio.create_task(ask(engine, release, mood("die"), 30))
    assert isinstance(await refused(deadly), InputBroke)
    assert {answer.output["label"] for answer in await asyncio.gather(*others)} == {"warm"}
    died = engine.state().counts["died"]
    assert died == 2
    assert isinstance(await refused(ask(engine, release, mood("die"))), InputBroke)
    assert (await ask(engine, release, photo("cold"))).output["label"] == "cold"
    assert engine.state().counts["died"] == died
    strikes = engine._desks[release].traffic._strikes
    strikes._struck = {digest: (count, at - 601) for digest, (count, at) in strikes._struck.items()}  # ten minutes on
    assert isinstance(await refused(ask(engine, release, mood("die"), 30)), InputBroke)
    assert engine.state().counts["died"] > died, "after its time it is tried again"


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA")
async def test_an_input_that_takes_all_memory_fails_alone(begin: Begin, releases: Releases) -> None:
    engine = begin()
    release = await ready(engine, releases.moody())
    before, own = workers(engine), psutil.Process().memory_info().rss
    told, answer = await asyncio.gather(
        refused(ask(engine, release, mood("greedy"))), ask(engine, release, photo("warm"))
    )
    assert isinstance(told, InputBroke)
    assert answer.output["label"] == "warm"
    assert workers(engine) == before
    assert psutil.Process().memory_info().rss < own * 1.1


async def test_a_makers_error_is_told_and_costs_that_input_alone(begin: Begin, releases: Releases) -> None:
    engine = begin()
    release = await ready(engine, releases.moody())
    told = await refused(ask(engine, release, mood("raise")))
    assert isinstance(told, ReleaseBroken)
    assert "not today" in told.why
    assert engine.state().counts["died"] == 0


@pytest.mark.parametrize(
    ("code", "word", "load_s"),
    [
        ("raise RuntimeError('no tea')", "no tea", 60.0),
        ("import os; os._exit(9)", "status 9", 60.0),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV", 60.0),
        ("import time; time.sleep(600)", "longer than 1 s", 1.0),
    ],
)
async def test_a_release_that_never_starts_says_why_and_is_not_tried_again(
    begin: Begin, releases: Releases, code: str, word: str, load_s: float
) -> None:
    engine = begin(desk=DeskRules(load_s=load_s))
    wanted = [Wanted("warmth", releases.broken(code))]
    (told,) = await engine.ensure(wanted)
    assert word in told.why
    assert await engine.ensure(wanted) == [told]
    assert engine.state().counts["started"] == 1
    assert engine.state().ready == ()
    assert isinstance(await refused(ask(engine, told.release, photo("warm"))), NotReady)


async def test_a_release_that_failed_may_be_tried_again_later(begin: Begin, releases: Releases) -> None:
    engine = begin(retry_s=0.0)
    wanted = [Wanted("warmth", releases.broken("import os; os._exit(9)"))]
    await engine.ensure(wanted)
    await engine.ensure(wanted)
    assert engine.state().counts["started"] == 2


async def test_a_release_that_does_not_answer_its_examples_gets_no_visitor(begin: Begin, releases: Releases) -> None:
    expected = {"label": "cold", "scores": {}}
    wrong = {"file": "examples/0.png", "inputs": {"input": "examples/0.png"}, "expected": expected}
    (told,) = await begin().ensure([Wanted("warmth", releases.tiny(examples=[wrong]))])
    assert "examples" in told.why


async def test_a_release_that_is_damaged_or_missing_says_so(begin: Begin, releases: Releases) -> None:
    release = releases.tiny()
    (releases.folder / release / "model.onnx").write_bytes(b"torn")
    engine = begin()
    damaged, missing, path = await engine.ensure(
        [Wanted("a", release), Wanted("b", "0" * 64), Wanted("c", "../releases")]
    )
    assert "damaged" in damaged.why
    assert "not on this machine" in missing.why
    assert "not on this machine" in path.why


async def test_a_new_champion_answers_before_the_old_one_leaves(begin: Begin, releases: Releases) -> None:
    engine = begin(keep_champion_s=600.0, linger_s=0.0)
    old, new = releases.tiny("old"), releases.tiny("new")
    await ready(engine, old)
    loading = asyncio.create_task(ready(engine, new))
    while not loading.done():
        assert (await ask(engine, old, photo("warm"))).output["label"] == "warm"
    assert (await ask(engine, new, photo("warm"))).output["label"] == "warm"
    assert (await ask(engine, old, photo("warm"))).output["label"] == "warm", "the last champion stays for a rollback"
    start = time.monotonic()
    await ready(engine, old)
    assert time.monotonic() - start < 0.1, "a rollback to it needs no start"


async def test_the_last_champion_leaves_after_its_time_and_the_one_before_at_once(
    begin: Begin, releases: Releases
) -> None:
    engine = begin(keep_champion_s=1.5, linger_s=0.0)
    first, second, third = (releases.tiny(note) for note in "abc")
    for release in (first, second, third):
        await ready(engine, release)
    await until(lambda: {each.release for each in engine.state().ready} == {second, third}, 1.0)
    await until(lambda: {each.release for each in engine.state().ready} == {third})
    assert engine.state().counts["started"] == 3


async def test_a_canary_that_leaves_answers_what_it_has_and_ends(begin: Begin, releases: Releases) -> None:
    engine = begin(linger_s=0.0)
    champion, canary = releases.tiny(), releases.moody()
    await engine.ensure([Wanted("warmth", champion), Wanted("warmth", canary, "canary", 500)])
    asked = [asyncio.create_task(ask(engine, canary, mood("slow", seed=n))) for n in range(3)]
    await until(lambda: engine.state().counts["asked"] == 3)
    pid = engine._desks[canary].pid
    await engine.ensure([Wanted("warmth", champion)])
    assert len(await asyncio.gather(*asked)) == 3
    await until(lambda: not psutil.pid_exists(pid))


async def test_a_full_queue_tells_place_and_wait(begin: Begin, releases: Releases) -> None:
    engine = begin(desk=DeskRules(bound=3))
    release = await ready(engine, releases.moody())
    window = engine.state().ready[0].window
    asked = [asyncio.create_task(ask(engine, release, mood("slow", seed=n), 10)) for n in range(window + 3)]
    await until(lambda: engine.state().queue == 3)
    told = await refused(ask(engine, release, mood("slow"), 10))
    assert isinstance(told, QueueFull)
    assert told.extra["place"] == 3
    assert 1 <= told.extra["retry_after"] <= 60
    owner = asyncio.create_task(ask(engine, release, photo("cold"), 10, "owner"))
    assert (await owner).output["label"] == "cold"
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(each, QueueFull) for each in results].count(True) == 1, "the last of the lowest lane made room"


async def test_who_can_not_be_answered_in_time_is_told_at_once(begin: Begin, releases: Releases) -> None:
    engine = begin()
    release = await ready(engine, releases.moody())
    await ask(engine, release, mood("slow"), 5)  # now the pace is known: .3 s an answer
    asked = [asyncio.create_task(ask(engine, release, mood("slow", seed=n), 10)) for n in range(8)]
    await until(lambda: engine.state().queue > 2)
    start = time.monotonic()
    assert isinstance(await refused(ask(engine, release, photo("warm"), 0.5)), QueueFull)
    assert time.monotonic() - start < 0.1
    await asyncio.gather(*asked)


async def test_a_caller_that_goes_away_leaves_its_place(begin: Begin, releases: Releases) -> None:
    engine = begin()
    release = await ready(engine, releases.moody())
    window = engine.state().ready[0].window
    asked = [asyncio.create_task(ask(engine, release, mood("slow", seed=n), 10)) for n in range(window + 2)]
    await until(lambda: engine.state().queue == 2)
    asked[-1].cancel()
    await until(lambda: engine.state().queue == 1)
    await asyncio.gather(*asked[:-1])


async def test_a_small_copy_is_made_by_a_worker_without_a_model(begin: Begin) -> None:
    engine = begin()
    made = await engine.light(photo("warm"), 24)
    assert (made.media_type, made.width, made.height) == ("image/webp", 24, 24) and made.data[8:12] == b"WEBP"
    assert type(await refused(engine.light(b"GIF89a", 24))) is InputError


async def test_a_picture_is_cleaned_by_a_worker_without_a_model(begin: Begin, releases: Releases) -> None:
    piexif = pytest.importorskip("piexif")
    exif = piexif.dump({"0th": {piexif.ImageIFD.Make: b"Cam", piexif.ImageIFD.Orientation: 1}})
    given = Path(releases.folder.parent / "given.jpg")
    given.write_bytes(photo("warm"))
    piexif.insert(exif, str(given))
    engine = begin()
    cleaned = await engine.clean(given.read_bytes(), {"kind": "image"})
    assert (cleaned.media_type, cleaned.width, cleaned.height, len(cleaned.near)) == ("image/jpeg", 64, 64, 8)
    assert b"Exif" in given.read_bytes()
    assert b"Exif" not in cleaned.data
    assert type(await refused(engine.clean(b"GIF89a", {"kind": "image"}))) is InputError
    assert isinstance(await refused(engine.clean(b"x", {"kind": "sound"})), ReleaseBroken)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc, namespaces")
async def test_a_worker_has_no_secrets_and_no_network(
    begin: Begin, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_KEY", "secret")
    monkeypatch.setenv("TEAHOUSE_KEY", "secret")
    engine = begin()
    await ready(engine, releases.tiny())
    (pid,) = workers(engine)
    assert not {"STRIPE_KEY", "TEAHOUSE_KEY"} & set(psutil.Process(pid).environ())
    if os.geteuid() == 0:
        assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")


async def test_close_ends_every_worker(begin: Begin, releases: Releases) -> None:
    engine = begin()
    release = await ready(engine, releases.tiny())
    await engine.clean(photo("warm"), {"kind": "image"})
    pids = workers(engine)
    await engine.close()
    assert len(pids) == 2
    assert not any(map(psutil.pid_exists, pids))
    assert isinstance(await refused(ask(engine, release, photo("warm"))), NotReady)


ORPHAN = """
import asyncio, os, sys, time
from pathlib import Path
from types import SimpleNamespace
from teahouse.engine.front import LocalEngine
from teahouse.engine.port import Wanted

async def main():
    settings = SimpleNamespace(engine=SimpleNamespace(memory_mb=1024, deadline_s=9))
    engine = LocalEngine(Path(sys.argv[1]), settings=settings)
    await engine.ensure([Wanted("warmth", sys.argv[2])])
    asyncio.ensure_future(engine.predict(sys.argv[2], {"input": Path(sys.argv[3]).read_bytes()}, time.monotonic() + 60))
    await asyncio.sleep(0.2)
    print(engine._desks[sys.argv[2]].pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_worker_dies_with_its_front_even_while_it_hangs(releases: Releases, tmp_path: Path) -> None:
    release = releases.moody()
    (tmp_path / "given.png").write_bytes(mood("hang"))
    command = [sys.executable, "-c", ORPHAN, str(releases.folder), release, str(tmp_path / "given.png")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as front:
        pid = int(await asyncio.to_thread(front.stdout.readline))
        assert psutil.pid_exists(pid)
        front.kill()
    await until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_the_front_needs_no_arrays_and_no_pictures() -> None:
    heavy = {"numpy", "PIL", "onnxruntime", "torch", "onnx", "safetensors", "dbos", "sqlalchemy", "httpx"}
    code = "import sys, teahouse.engine.front; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not heavy & set(done.stdout.split())
