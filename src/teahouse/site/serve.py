"""The web process, run by the keeper: `python -m teahouse.site.serve --listen-fd N --notify-fd M [--project PATH]`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from teahouse import child, settings, telemetry
from teahouse.engine.front import LocalEngine
from teahouse.errors import TeahouseError
from teahouse.site import pool, seen
from teahouse.site.assembly import create_app
from teahouse.site.deps import Deps, make_deps
from teahouse.site.protocol import PatientProtocol
from teahouse.site.reconcile import Reconciler
from teahouse.store.house import House

log = telemetry.log("site")

FIRST_LOOK_S = 30.0
DRAIN_S = 8
LOOK_S = 0.2


def main(argv: list[str] | None = None) -> int:
    """Serves until it is told to stop; 0 after a clean end, 1 where it could not begin or its database was lost."""
    parser = argparse.ArgumentParser(prog="python -m teahouse.site.serve")
    parser.add_argument("--listen-fd", type=int, required=True, help="the listening socket, inherited")
    parser.add_argument("--notify-fd", type=int, required=True, help="where 'ready' and 'loop' are said")
    parser.add_argument("--gate-fd", type=int, help="says a byte once the house is open; without it, it is")
    parser.add_argument("--project", type=Path, default=None, help="the folder of teahouse.toml")
    asked = parser.parse_args(argv)
    child.die_with_parent()
    child.open_many()
    # uvicorn raises its signals again when it is done; by then the house is closed in order
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    logging.basicConfig(level=logging.WARNING, handlers=[OneLine()], force=True)
    listener = socket.socket(fileno=asked.listen_fd)
    if asked.gate_fd is not None and not os.read(asked.gate_fd, 1):
        return 0  # it will not be opened
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(serve(listener, asked.notify_fd, asked.project))
    except TeahouseError as error:
        log.error("web-can-not-start", **error.as_dict())
        return 1


class OneLine(logging.Handler):
    """What the libraries log, as one JSON line an event like ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the record; its traceback, if it has one, in the same line."""
        say_it = log.error if record.levelno >= logging.ERROR else log.warning
        say_it("library", source=record.name, words=record.getMessage(), exc_info=record.exc_info or None)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def serve(listener: socket.socket, notify_fd: int, project: Path | None) -> int:
    """Opens the house, answers on the socket, and closes everything in order; the exit status."""
    found = settings.load(project)
    house = await asyncio.to_thread(House.open, found.data_dir)
    engine = LocalEngine(house.releases, settings=found)
    deps = make_deps(house, engine, found, lambda: say(notify_fd, "loop"))
    app = create_app(deps)
    app.state.closing = threading.Event()
    try:
        async with reconciled(deps) as reconciler:
            server = PatientServer(config(app), reconciler.settled)
            beside = [
                asyncio.create_task(announce(server, notify_fd)),
                asyncio.create_task(pool.Filler(deps).run()),
                asyncio.create_task(watch(server, house, notify_fd, app.state.closing)),
            ]
            await server.serve(sockets=[listener])
            for task in beside:
                task.cancel()
    finally:
        await engine.close()
        await asyncio.to_thread(house.close)
    return 1 if house.db.broken else 0


class PatientServer(uvicorn.Server):
    """Uvicorn's server, which takes its first visitor when it knows what to answer: until then the web that it replaces
    answers on the same socket, or they wait a moment."""

    def __init__(self, config: uvicorn.Config, settled: asyncio.Event) -> None:
        super().__init__(config)
        self.settled = settled

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens once the first look at the rollouts is done, or was given up; not where it is told to end before."""
        until = time.monotonic() + FIRST_LOOK_S
        while not (self.settled.is_set() or self.should_exit or time.monotonic() > until):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.settled.wait(), LOOK_S)
        if not self.should_exit:
            gc.freeze()  # else each full collection looks at all that is loaded, and everybody waits 90 ms for it
            await super().startup(sockets)


def config(app: FastAPI) -> uvicorn.Config:
    """Uvicorn as we use it: our own protocol, no access log, no proxy headers (the guard reads them)."""
    return uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=DRAIN_S,
    )


async def watch(server: uvicorn.Server, house: House, notify_fd: int, closing: threading.Event) -> None:
    """Ends the server where the database can not be written any more (a new process may trust it again: the keeper
    starts one) or the keeper is gone; once it ends, for whatever reason, the open streams hear of it."""
    while not server.should_exit:
        if house.db.broken:
            log.error("database-lost", **house.db.broken.as_dict())
            server.should_exit = True
        elif hung_up(notify_fd):
            log.warning("keeper-gone")
            server.should_exit = True
        else:
            await asyncio.sleep(LOOK_S)
    closing.set()


def hung_up(notify_fd: int) -> bool:
    """True once the other end of the notify socket is closed; the keeper itself never says anything there."""
    poll = select.poll()
    poll.register(notify_fd, select.POLLIN)
    try:
        return bool(poll.poll(0)) and os.read(notify_fd, 1) == b""
    except OSError:  # the writing end of a pipe whose reader is gone
        return True


@contextlib.asynccontextmanager
async def reconciled(deps: Deps) -> AsyncIterator[Reconciler]:
    """The reconciler at work beside the server."""
    reconciler = Reconciler(deps)
    work = asyncio.create_task(reconciler.run())
    try:
        yield reconciler
    finally:
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        with contextlib.suppress(TeahouseError):
            await seen.fold(deps, patience=0.0)
            await asyncio.to_thread(deps.costs.keep, deps)


async def announce(server: uvicorn.Server, notify_fd: int) -> None:
    """Says 'ready' once the socket is served."""
    while not server.started:
        await asyncio.sleep(0.01)
    say(notify_fd, "ready")
    log.info("web-ready", pid=os.getpid())


def say(notify_fd: int, word: str) -> None:
    """A line to the keeper; a keeper that is gone hears nothing."""
    with contextlib.suppress(OSError):
        os.write(notify_fd, f"{word}\n".encode())


if __name__ == "__main__":
    sys.exit(main())
