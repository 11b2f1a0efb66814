"""Pool: how many pages a second does an app of seeds show, each with another picture, while its pool refills?

    python benchmarks/pool.py [--quick] --report FILE

A house stands on a scratch folder with the small release of the tests (a seed in, 32 x 32 pixels out, and how much it
likes them), served as `teahouse serve` serves it: the web process with its guard, its engine and a worker. The pool's
rest between two turns is taken away, so that the worker makes pictures all the time. A client in a process of its own
asks for the page over 16 connections that stay open, as fast as it is answered, and checks every page: status, length,
the seed that stands on it. All of them share this machine's cores.

3 windows of 3 seconds with --quick, else 5 of 10; the figure is the median.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import rows

BAR, CONNECTIONS = 500, 16
SEED = re.compile(rb'data-seed="(\d+)"')
HEAD = re.compile(rb"HTTP/1.1 200 .*?content-length: (\d+)\r\n.*?\r\n\r\n", re.S | re.I)
SETTINGS = "[site]\nport = 0\n[limits]\nrequests_per_minute = 100000000\n"


def serve(project: Path, listen_fd: int, notify_fd: int) -> int:
    """The web process, with a pool that never rests."""
    from teahouse.site import pool
    from teahouse.site import serve as web

    pool.RULES = pool.Rules(rest_s=0.0)
    return web.main(["--listen-fd", str(listen_fd), "--notify-fd", str(notify_fd), "--project", str(project)])


@contextmanager
def site(folder: Path) -> Iterator[tuple[int, Path]]:
    """A house that stands, ready; its port and its database."""
    from teahouse import testing

    (folder / "teahouse.toml").write_text(SETTINGS)
    with testing.open_house(folder / ".teahouse") as house:
        testing.install_tiny(house, kind="seed")
    ours, theirs = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as listener, ours, theirs:
        given = ("--serve", str(folder), str(listener.fileno()), str(theirs.fileno()))
        with open(folder / "web.log", "wb") as log:
            process = subprocess.Popen([sys.executable, __file__, *given], stdin=subprocess.DEVNULL, stderr=log,
                                       pass_fds=(listener.fileno(), theirs.fileno()))  # fmt: skip
        theirs.close()
        try:
            ours.settimeout(60)
            if ours.recv(16) != b"ready\n":
                raise RuntimeError((folder / "web.log").read_text()[-2000:])
            yield listener.getsockname()[1], folder / ".teahouse" / "house.db"
        finally:
            process.terminate()
            process.wait(30)


class Reader(asyncio.Protocol):
    """One connection that asks again as soon as it was answered."""

    def __init__(self, request: bytes, told: dict[str, Any]) -> None:
        self.request, self.told, self.data = request, told, b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.data += data
        head = HEAD.match(self.data)
        if head is None:
            if b"\r\n\r\n" in self.data:
                raise RuntimeError(self.data[:300])
            return
        whole = head.end() + int(head[1])
        if len(self.data) < whole:
            return
        self.told["pages"] += 1
        self.told["bytes"] += whole
        self.told["seeds"].add(int(SEED.search(self.data)[1]))
        self.data = self.data[whole:]
        self.transport.write(self.request)


async def ask(port: int, seconds: float) -> dict[str, Any]:
    """Pages, bytes and different seeds in so many seconds."""
    told: dict[str, Any] = {"pages": 0, "bytes": 0, "seeds": set()}
    request = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/html\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    open_ = [await loop.create_connection(lambda: Reader(request, told), "127.0.0.1", port) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    pages = told["pages"]
    for transport, _ in open_:
        transport.abort()
    return {"rate": pages / took, "pages": pages, "bytes": told["bytes"], "seeds": len(told["seeds"])}


def made(database: Path) -> int:
    """Pictures that the pool made and kept so far."""
    import sqlite3

    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as c:
        return c.execute("SELECT count(*) FROM predictions WHERE arm = 'pool'").fetchone()[0]


def window(port: int, database: Path, seconds: float) -> dict[str, Any]:
    """One window, asked by a process of its own, and how many pictures came into the pool meanwhile."""
    before = made(database)
    told = subprocess.run([sys.executable, __file__, "--ask", str(port), str(seconds)], capture_output=True, text=True,
                          check=True)  # fmt: skip
    return {**json.loads(told.stdout), "made": made(database) - before}


def filled(database: Path, least: int = 96, patience: float = 120.0) -> None:
    """Wait until the pool is full once."""
    until = time.monotonic() + patience
    while made(database) < least:
        if time.monotonic() > until:
            raise RuntimeError(f"the pool holds {made(database)} pictures after {patience:.0f} s")
        time.sleep(0.1)


def measure(quick: bool) -> list[rows.Row]:
    """The rows of the report."""
    count, seconds = (3, 3.0) if quick else (5, 10.0)
    with tempfile.TemporaryDirectory() as folder, site(Path(folder)) as (port, database):
        filled(database)
        window(port, database, 1.0)
        found = [window(port, database, seconds) for _ in range(count)]
    rate, least = median(one["rate"] for one in found), min(one["rate"] for one in found)
    new, seeds = min(one["made"] for one in found), min(one["seeds"] for one in found)
    size = found[0]["bytes"] / found[0]["pages"]
    words = f"{rate:.0f} (least {least:.0f}; {size:.0f} bytes a page, {os.cpu_count()} cores with the client)"
    return [
        rows.row("pool: pages a second while it refills", words, f">= {BAR}", rate >= BAR),
        rows.row("pool: pictures that came in, least in a window", new, "> 0", new > 0),
        rows.row("pool: different pictures shown, least in a window", seeds, ">= 90", seeds >= 90),
    ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        sys.exit(serve(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
    if sys.argv[1:2] == ["--ask"]:
        sys.exit(sys.stdout.write(json.dumps(asyncio.run(ask(int(sys.argv[2]), float(sys.argv[3]))))) and 0)
    sys.exit(rows.main((__doc__ or "").partition("\n")[0], measure))
