"""Lanes, strikes and pace as values."""

import asyncio
import functools
import socket
import time
from types import SimpleNamespace

import pytest

from teahouse.engine import wire
from teahouse.engine.traffic import Traffic
from teahouse.engine.waiting import Call, Lanes, Pace, Strikes, queue_full
from teahouse.errors import QueueFull, WorkerDied


def call(lane: str = "free", **given: object) -> Call:
    return Call("predict", given, 0.0, lane, SimpleNamespace())


def test_lanes_rank_owner_paid_free_late_idle_and_keep_the_order_within() -> None:
    lanes = Lanes(10)
    calls = [call(lane) for lane in ("idle", "late", "free", "owner", "free", "paid")]
    for each in calls:
        assert lanes.add(each) is None
    assert [lanes.ahead_of(lane) for lane in ("owner", "paid", "free", "late", "idle")] == [1, 2, 4, 5, 6]
    assert [lanes.take() for _ in range(7)] == [calls[n] for n in (3, 5, 2, 4, 1, 0)] + [None]


def test_a_full_house_sends_away_the_last_of_the_lowest_lane() -> None:
    lanes = Lanes(2)
    first, second, more = call("free"), call("idle"), call("free")
    lanes.add(first)
    lanes.add(second)
    assert lanes.has_room("free") and lanes.add(more) is second
    assert not lanes.has_room("free") and not lanes.has_room("late") and lanes.has_room("paid")
    owner = call("owner")
    assert lanes.add(owner) is more
    assert list(lanes) == [owner, first]
    assert lanes.drop(first)
    assert not lanes.drop(first)


def test_two_strikes_refuse_for_ten_minutes() -> None:
    strikes = Strikes()
    assert not strikes.strike(b"a", 0.0)
    assert not strikes.refuses(b"a", 1.0)
    assert strikes.strike(b"a", 2.0)
    assert strikes.refuses(b"a", 601.0)
    assert not strikes.refuses(b"a", 603.0)
    assert len(strikes) == 0
    strikes.strike(b"b", 0.0)
    strikes.forgive(b"b")
    assert not strikes.strike(b"b", 1.0)


def test_the_digest_is_of_names_and_values() -> None:
    same = [call(a=b"1", b=2), call(b=2, a=memoryview(b"1"))]
    assert same[0].digest == same[1].digest
    assert len({call(a=b"1").digest, call(b=b"1").digest, call(a=b"11").digest, call(a=1).digest}) == 4


def test_pace_follows_little() -> None:
    pace = Pace()
    pace.note(0.4, 4)
    assert pace.seconds == pytest.approx(0.1)
    for _ in range(60):
        pace.note(1.0, 2)
    assert pace.seconds == pytest.approx(0.5, rel=0.01)


def test_retry_after_is_a_whole_jittered_number_up_to_a_minute() -> None:
    drawn = {queue_full(9, 20.0).extra["retry_after"] for _ in range(200)}
    assert all(isinstance(each, int) and 15 <= each <= 25 for each in drawn)
    assert len(drawn) > 3
    assert {queue_full(9, 1000.0).extra["retry_after"], queue_full(9, 0.0).extra["retry_after"]} == {60, 1}


async def test_a_call_that_waits_is_told_its_own_place() -> None:
    traffic, given = Traffic(10, 600.0, lambda: None), [{"input": bytes([n])} for n in range(3)]
    until = time.monotonic() + 30
    calls = [asyncio.create_task(traffic.ask("predict", one, until, "free")) for one in given]
    await asyncio.sleep(0)
    assert [traffic.place_of(one)[0] for one in given] == [1, 2, 3]
    assert traffic.place_of({"input": bytes([0])}) is None
    calls[0].cancel()
    await asyncio.wait({calls[0]})
    assert [traffic.place_of(one) and traffic.place_of(one)[0] for one in given] == [None, 1, 2]
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def test_who_is_overtaken_until_their_deadline_is_refused_as_by_a_full_queue() -> None:
    traffic = Traffic(10, 600.0, lambda: None)  # its worker takes nothing: others are always before
    with pytest.raises(QueueFull) as refused:
        await traffic.ask("predict", {"input": b"1"}, time.monotonic() + 0.05, "late")
    assert refused.value.extra["retry_after"] >= 1 and refused.value.worked_s == 0.0
    assert traffic.counts == {"asked": 1, "full": 1} and traffic.waiting == 0


async def test_who_waits_for_a_model_that_does_not_start_is_each_told_so() -> None:
    traffic, until = Traffic(10, 600.0, lambda: None), time.monotonic() + 30
    calls = [asyncio.create_task(traffic.ask("predict", {"input": bytes([n])}, until, "free")) for n in range(2)]
    await asyncio.sleep(0)
    traffic.fail(WorkerDied("It does not start.", "A test.", retry_after=3))
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert errors[0] is not errors[1], "each has seconds of its own"
    assert {(type(one), one.what, one.why, one.worked_s) for one in errors} == {
        (WorkerDied, "It does not start.", "A test.", 0.0)
    }
    assert errors[0].extra == {"retry_after": 3}


async def test_who_leaves_the_queue_took_no_workers_time() -> None:
    traffic = Traffic(10, 600.0, lambda: None)
    waits = asyncio.create_task(traffic.ask("predict", {"input": b"1"}, time.monotonic() + 30, "free"))
    await asyncio.sleep(0)
    waits.cancel()
    with pytest.raises(asyncio.CancelledError) as left:
        await waits
    assert left.value.worked_s == 0.0


def test_what_is_idle_waits_until_the_worker_has_nothing_else() -> None:
    lanes = Lanes(10)
    idle, free = call("idle"), call("free")
    lanes.add(idle)
    assert lanes.take(but=("idle",)) is None
    lanes.add(free)
    assert [lanes.take(but=("idle",)), lanes.take(but=("idle",)), lanes.take()] == [free, None, idle]


@pytest.fixture
async def worker():
    """(what a Traffic writes to, what comes of it in order)."""
    ours, workers = socket.socketpair()
    reader, writer = await asyncio.open_unix_connection(sock=workers)
    _, sender = await asyncio.open_unix_connection(sock=ours)
    yield sender, functools.partial(wire.read, reader)
    sender.close()
    writer.close()


@pytest.mark.timeout(20)
async def test_while_others_come_a_crowd_fills_the_worker_and_no_more(worker, monkeypatch) -> None:
    sender, next_sent = worker
    traffic, until, flying = Traffic(20, 600.0, lambda: None), time.monotonic() + 30, []
    monkeypatch.setattr("teahouse.engine.traffic.LATELY_S", 1000.0)

    def come(lane: str, *names: bytes) -> list[asyncio.Task]:
        return [asyncio.create_task(traffic.ask("predict", {"input": name}, until, lane)) for name in names]

    async def sent(count: int) -> list[bytes]:
        """The next so many; nothing stands behind them, for what is asked here by itself comes after."""
        found = [await next_sent() for _ in range(count)]
        flying.extend(frame.header["id"] for frame in found)
        return [bytes(frame.payload) for frame in found]

    def settle() -> None:
        traffic.settle(wire.Frame({"kind": "answer", "id": flying.pop(0), "ms": {}}, memoryview(b"")))

    traffic.open(sender, window=4, enough=2)
    calls = come("late", b"1", b"2", b"3", b"4", b"5")
    assert await sent(4) == [b"1", b"2", b"3", b"4"], "alone it has the whole window"
    calls += come("free", b"A")
    await asyncio.sleep(0)
    settle()
    assert await sent(1) == [b"A"]
    settle()
    settle()  # two in flight, which is enough
    calls += come("free", b"B", b"C")
    assert await sent(2) == [b"B", b"C"], "before the crowd that came earlier, into the places that it was not given"
    settle()
    settle()
    calls += come("owner", b"D")
    assert await sent(1) == [b"D"]
    settle()
    settle()
    assert await sent(1) == [b"5"], "one was in flight, which was not enough"
    calls += come("late", b"6", b"7", b"8")
    monkeypatch.setattr("teahouse.engine.traffic.LATELY_S", -1000.0)  # nobody else came lately
    settle()
    assert await sent(3) == [b"6", b"7", b"8"]
    for each in calls:
        each.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def test_who_had_much_goes_where_there_is_no_room_and_a_refusal_can_be_had_beforehand() -> None:
    traffic, until = Traffic(2, 600.0, lambda: None), time.monotonic() + 30

    def come(lane: str) -> asyncio.Task:
        return asyncio.create_task(traffic.ask("predict", {"input": lane.encode()}, until, lane))

    waiting = [come("late"), come("free")]
    await asyncio.sleep(0)
    assert traffic.full(until, "late").extra["place"] == 2 and traffic.full(until, "free") is None
    waiting.append(come("free"))
    await asyncio.sleep(0)
    with pytest.raises(QueueFull):
        await waiting.pop(0)
    assert traffic.full(until, "free") is not None and traffic.full(until, "owner") is None
    assert traffic.waiting == 2 and traffic.counts["full"] == 3
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
