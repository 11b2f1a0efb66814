"""Frames between the front and a worker: u32 header bytes, u32 payload bytes, msgpack header, payload."""

import asyncio
import socket
import struct
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from teahouse.errors import ReleaseBroken, TeahouseError, TooLarge
from teahouse.spec.fields.protocol import Picture

PREFIX = struct.Struct(">II")
MOST_HEADER, MOST_PAYLOAD = 64 * 1024, 32 * 1024 * 1024
SMALL = 64 * 1024  # below it one copy costs less than another system call
Header = dict[str, Any]


class WireBroken(ConnectionError):
    """The other side broke the rules of the wire, or died within a frame: the connection is over."""


class Frame(NamedTuple):
    header: Header
    payload: memoryview


def pack(header: Header, parts: Iterable[bytes] = ()) -> list[bytes]:
    """The buffers of a frame, the payload uncopied. TooLarge over the wire's limits."""
    parts = list(parts)
    written, size = msgspec.msgpack.encode(header), sum(map(len, parts))
    if len(written) > MOST_HEADER or size > MOST_PAYLOAD:
        raise TooLarge(
            "This is too much for one prediction.",
            f"The limits are {MOST_HEADER >> 10} KB of values and {MOST_PAYLOAD >> 20} MB of files.",
            "Send less.",
        )
    head = PREFIX.pack(len(written), size) + written
    return [head + b"".join(parts)] if size <= SMALL else [head, *parts]


def given_parts(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """(header's `parts`, buffers): bytes become [offset, length] of the payload, everything else stays a value."""
    parts: dict[str, Any] = {}
    buffers: list[bytes] = []
    at = 0
    for name, value in given.items():
        if isinstance(value, (bytes, bytearray, memoryview)):
            parts[name] = [at, len(value)]
            buffers.append(value)
            at += len(value)
        else:
            parts[name] = value
    return parts, buffers


def slice_of(payload: memoryview, place: Any) -> bytes:
    """The bytes at [offset, length]; WireBroken where they lie outside of the payload."""
    try:
        start, length = place
        if not (0 <= start <= start + length <= len(payload)):
            raise ValueError
        return bytes(payload[start : start + length])
    except (TypeError, ValueError) as error:
        raise WireBroken("a part lies outside of the payload") from error


def picture_places(parts: Iterable[Picture]) -> tuple[list[list[Any]], list[bytes]]:
    """(header's `parts`: [offset, length, media type, width, height] each, buffers) of an answer."""
    places: list[list[Any]] = []
    at = 0
    parts = list(parts)
    for part in parts:
        places.append([at, len(part.data), part.media_type, part.width, part.height])
        at += len(part.data)
    return places, [part.data for part in parts]


def pictures(frame: Frame) -> tuple[Picture, ...]:
    """The pictures of an answer."""
    return tuple(Picture(slice_of(frame.payload, place[:2]), *place[2:5]) for place in frame.header.get("parts", ()))


def fault(error: TeahouseError, id_: int | None = None) -> Header:
    """An error as a frame's header."""
    return {
        "kind": "fault",
        "id": id_,
        "code": error.code,
        "words": [part[:4000] for part in (error.what, error.why, error.do_next)],
    }


def error_of(header: Header) -> TeahouseError:
    """The error that the other side raised, of the same class."""
    words = [str(word) for word in header.get("words", ())][:3]
    return _classes().get(header.get("code", ""), ReleaseBroken)(*words or ["The model stopped."])


def _classes() -> dict[str, type[TeahouseError]]:
    found, waiting = {}, list(TeahouseError.__subclasses__())
    while waiting:
        each = waiting.pop()
        found[each.code] = each
        waiting += each.__subclasses__()
    return found


def send(sock: socket.socket, header: Header, parts: Iterable[bytes] = ()) -> None:
    """One whole frame; blocks while the other side does not read."""
    for buffer in pack(header, parts):
        sock.sendall(buffer)


def receive(sock: socket.socket) -> Frame | None:
    """The next frame, None at the end. WireBroken over the limits or where a frame is cut off."""
    prefix = _read(sock, PREFIX.size)
    if prefix is None:
        return None
    header, payload = _sizes(prefix)
    body = _read(sock, header + payload)
    if body is None:
        raise WireBroken("cut off")
    return _frame(body, header)


async def read(reader: asyncio.StreamReader) -> Frame | None:
    """`receive` for coroutines."""
    try:
        prefix = await reader.readexactly(PREFIX.size)
        header, payload = _sizes(prefix)
        return _frame(await reader.readexactly(header + payload), header)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise WireBroken("cut off") from error
        return None


def _read(sock: socket.socket, size: int) -> bytearray | None:
    """Exactly `size` bytes; None where the other side ended before the first one."""
    data = bytearray(size)
    view, got = memoryview(data), 0
    while got < size:
        count = sock.recv_into(view[got:])
        if count == 0:
            if got:
                raise WireBroken("cut off")
            return None
        got += count
    return data


def _sizes(prefix: bytes) -> tuple[int, int]:
    header, payload = PREFIX.unpack(prefix)
    if header > MOST_HEADER or payload > MOST_PAYLOAD:
        raise WireBroken(f"a frame of {header} and {payload} bytes is over the limit")
    return header, payload


def _frame(body: bytes | bytearray, header: int) -> Frame:
    view = memoryview(body)
    try:
        decoded = msgspec.msgpack.decode(view[:header], type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise WireBroken("the header is not msgpack") from error
    return Frame(decoded, view[header:])
