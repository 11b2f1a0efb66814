"""Logs: one JSON line an event on stderr, safe whatever a visitor sent."""

import contextlib
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import structlog

_SILENT = ContextVar("silent", default=False)


class _Stderr:
    """Prints to what sys.stderr is now: tests and notebooks exchange it."""

    def msg(self, line: str) -> None:
        if _SILENT.get():
            return
        with contextlib.suppress(OSError):  # a disk that is full under the log must not break what the log tells of
            sys.stderr.write(f"{line}\n")  # one write: two processes may have one log
            sys.stderr.flush()

    debug = info = warning = warn = error = critical = exception = fatal = msg


def log(room: str) -> Any:
    """A logger of a room: `log("engine").info("worker-ready", release=..., ms=...)`.

    JSON escapes CR, LF, ESC and NUL, so that no value can forge a line."""
    return structlog.wrap_logger(
        _Stderr(),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ],
        room=room,
    )


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Nothing is logged: a verb that waits for what it asked tells what came of it in words of its own."""
    before = _SILENT.set(True)
    try:
        yield
    finally:
        _SILENT.reset(before)
