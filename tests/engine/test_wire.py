"""Frames: what goes in comes out, and what breaks the rules ends the connection."""

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teahouse.engine import wire
from teahouse.errors import InputBroke, QueueFull, ReleaseBroken, TooLarge
from teahouse.spec.fields.protocol import Picture

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        other.settimeout(5)
        yield one, other


@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=4), st.lists(st.binary(max_size=200), max_size=4))
def test_a_frame_comes_out_as_it_went_in(header: dict, parts: list[bytes]) -> None:
    one, other = socket.socketpair()
    with one, other:
        wire.send(one, header, parts)
        frame = wire.receive(other)
    assert frame.header == header
    assert bytes(frame.payload) == b"".join(parts)


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.binary(max_size=100), max_size=4))
def test_given_bytes_travel_beside_the_header(given_: dict[str, bytes]) -> None:
    parts, buffers = wire.given_parts({**given_, "": 3})
    payload = memoryview(b"".join(buffers))
    assert parts.pop("") == 3
    assert {name: wire.slice_of(payload, place) for name, place in parts.items()} == given_


def test_a_large_payload_passes_whole(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    data = bytes(range(256)) * 40_000
    sender = threading.Thread(target=wire.send, args=(one, {"kind": "predict"}, [data, b"tail"]))
    sender.start()
    assert bytes(wire.receive(other).payload) == data + b"tail"
    sender.join()


def test_pictures_come_back() -> None:
    given_ = [Picture(b"one", "image/jpeg", 640, 480), Picture(b"three", "image/png")]
    places, buffers = wire.picture_places(given_)
    assert wire.pictures(wire.Frame({"parts": places}, memoryview(b"".join(buffers)))) == tuple(given_)


def test_an_end_between_frames_is_none_and_within_one_is_broken(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    wire.send(one, {"a": 1})
    one.sendall(wire.PREFIX.pack(10, 0) + b"abc")
    one.close()
    assert wire.receive(other).header == {"a": 1}
    with pytest.raises(wire.WireBroken):
        wire.receive(other)


def test_an_end_is_none(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].close()
    assert wire.receive(pair[1]) is None


OVER = [(wire.MOST_HEADER + 1, 0), (2, wire.MOST_PAYLOAD + 1), (2**32 - 1, 2**32 - 1)]


@pytest.mark.parametrize(("header", "payload"), OVER)
def test_a_frame_over_the_limit_is_not_read(pair: tuple, header: int, payload: int) -> None:
    one, other = pair
    one.sendall(struct.pack(">II", header, payload))
    with pytest.raises(wire.WireBroken):
        wire.receive(other)


def test_more_than_the_wire_takes_is_too_large() -> None:
    with pytest.raises(TooLarge):
        wire.pack({"text": "x" * (wire.MOST_HEADER + 1)})
    with pytest.raises(TooLarge):
        wire.pack({}, [bytes(wire.MOST_PAYLOAD), b"1"])


@given(st.binary(max_size=300))
def test_nonsense_ends_in_a_frame_or_a_broken_wire(data: bytes) -> None:
    one, other = socket.socketpair()
    with one, other:
        one.sendall(data)
        one.close()
        try:
            while wire.receive(other) is not None:
                pass
        except wire.WireBroken:
            pass


@given(st.binary(max_size=300))
def test_coroutines_read_the_same(data: bytes) -> None:
    async def main() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(wire.pack({"a": 1}, [b"xyz"])[0] + data)
        reader.feed_eof()
        frame = await wire.read(reader)
        assert (frame.header, bytes(frame.payload)) == ({"a": 1}, b"xyz")
        try:
            while await wire.read(reader) is not None:
                pass
        except wire.WireBroken:
            pass

    asyncio.run(main())


@pytest.mark.parametrize("place", [[0, 5], [-1, 2], [2, -1], [0], "ab", None, [1.5, 1]])
def test_a_part_outside_of_the_payload_is_refused(place: object) -> None:
    with pytest.raises(wire.WireBroken):
        wire.slice_of(memoryview(b"abcd"), place)


def test_an_error_keeps_its_class_and_words() -> None:
    for error in (InputBroke("what", "why", "do"), QueueFull("what"), ReleaseBroken("what", "why")):
        again = wire.error_of(wire.fault(error, 7))
        assert type(again) is type(error)
        assert (again.what, again.why, again.do_next) == (error.what, error.why, error.do_next)
    assert type(wire.error_of({"code": "unheard-of"})) is ReleaseBroken
