"""Clients that are slow on purpose, in a process of their own: `python -m tests.standard.slow HOST PORT SECONDS EACH`.

As slowhttptest does it, from ten addresses of this machine: -H never ends its headers, -B drips its body, -X does not
read its answer; and others connect and say nothing, or say nothing of use (empty lines after an answer; silence after a
refusal that came before the body). EACH connections of each kind stand for SECONDS: one that the house ends is opened
again. Written to standard output: {kind: [seconds that each stood until the house ended it]}.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import socket
import sys
import time
from dataclasses import dataclass, field
from urllib.request import urlopen

ADDRESSES = tuple(f"127.0.0.{n}" for n in range(2, 12))
PAUSE_S, OPEN_S = 5.0, 3.0  # between two drips; over so many seconds they come
DEAF_S = 25.0  # after which who does not read, and so never hears that it was ended, begins anew
HEAD = "{} HTTP/1.1\r\nHost: {}\r\n"
POST = "POST /api/apps/warmth/predictions"


@dataclass
class Kind:
    """How one kind begins, what it goes on with, and if it never reads."""

    begin: str
    more: str = ""
    deaf: bool = False
    ended: list[float] = field(default_factory=list)


def kinds(host: str) -> dict[str, Kind]:
    """The kinds, by name. What is not read is the style sheet, which costs the house nothing but its bytes."""
    with urlopen(f"http://{host}/", timeout=30) as page:  # noqa: S310  the house under test
        sheet = re.search(r"/static/[^\"]+\.css", page.read().decode()).group()
    get, body = HEAD.format(f"GET {sheet}", host), HEAD.format(POST, host) + "Content-Type: image/jpeg\r\n"
    return {
        "headers": Kind(HEAD.format("GET /", host), "X-More: a\r\n"),
        "body": Kind(body + "Content-Length: 100000\r\n\r\nabc", "x"),
        "reading": Kind((get + "\r\n") * 5, deaf=True),
        "silent": Kind(""),
        "blank": Kind(HEAD.format("GET /healthz", host) + "\r\n", "\r\n"),
        "refused": Kind(HEAD.format(POST, host) + "Content-Length: 9\r\nContent-Encoding: br\r\n\r\n123456789"),
    }


class Line(asyncio.Protocol):
    """One connection; `lost` once the other side has ended it."""

    def __init__(self) -> None:
        self.lost = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)


async def stand(kind: Kind, address: tuple[str, int], until: float, dice: random.Random) -> None:
    """One connection after the other, until the time is over."""
    await asyncio.sleep(dice.random() * OPEN_S)
    while (now := time.monotonic()) < until:
        with contextlib.suppress(OSError):
            if await one(kind, address, until, (dice.choice(ADDRESSES), 0)):
                kind.ended.append(time.monotonic() - now)


async def one(kind: Kind, address: tuple[str, int], until: float, own: tuple[str, int]) -> bool:
    """One connection, until the other side ends it or the time is over; whether the other side ended it."""
    loop, sock = asyncio.get_running_loop(), socket.socket()
    sock.setblocking(False)
    if kind.deaf:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    sock.bind(own)
    await loop.sock_connect(sock, address)
    transport, line = await loop.create_connection(Line, sock=sock)
    try:
        transport.write(kind.begin.encode())
        if kind.deaf:
            transport.pause_reading()
            until = min(until, time.monotonic() + DEAF_S)
        while (left := until - time.monotonic()) > 0 and not line.lost.done():
            await asyncio.wait({line.lost}, timeout=min(left, PAUSE_S))
            if kind.more and not line.lost.done():
                transport.write(kind.more.encode())
        return line.lost.done()
    finally:
        transport.abort()


async def main(host: str, port: int, seconds: float, each: int) -> None:
    found, dice, until = kinds(f"{host}:{port}"), random.Random(4), time.monotonic() + seconds
    await asyncio.gather(*(stand(kind, (host, port), until, dice) for kind in found.values() for _ in range(each)))
    print(json.dumps({name: kind.ended for name, kind in found.items()}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
