"""Logs: one JSON line an event on stderr, safe whatever a visitor sent."""

import contextlib
import sys
from typing import Any

import structlog


class _Stderr:
    """Prints to what sys.stderr is now: tests and notebooks exchange it."""

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError):  # a disk that is full under the log must not break what the log tells of
            print(line, file=sys.stderr, flush=True)

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
