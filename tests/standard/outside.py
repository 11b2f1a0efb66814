"""Servers of others that do not answer as they should: each keeps who called it."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.standard import load

RATE, SECONDS = (20.0, 30.0) if load.EXACT else (10.0, 15.0)  # visitors a second, before and meanwhile
TIMES = 1.2  # the slowest hundredth meanwhile, of that before
KINDS = ("refused", "hanging", "slow", "garbage")
BYTE_S = 0.1


class Outside:
    """One that takes calls on a port of this machine (but for "refused": nothing listens there) and says nothing, a
    byte now and then for ever, or what is no word of any protocol."""

    def __init__(self, kind: str) -> None:
        self.kind, self.calls, self.over = kind, 0, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self._take)]
        if kind == "refused":
            self.listener.close()
        else:
            self.threads[0].start()

    def end(self) -> None:
        """Hangs up on everybody."""
        self.over.set()
        if self.kind != "refused":
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            for thread in self.threads:
                thread.join(10)

    def _take(self) -> None:
        while not self.over.is_set():
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            self.calls += 1
            self.threads.append(threading.Thread(target=self._answer, args=(line,)))
            self.threads[-1].start()

    def _answer(self, line: socket.socket) -> None:
        with line, suppress(OSError):
            if self.kind == "garbage":
                line.sendall(os.urandom(4096) + b"\n")
            while not self.over.wait(BYTE_S):
                if self.kind == "slow":
                    line.sendall(b"2")


@contextmanager
def outside(kind: str) -> Iterator[Outside]:
    """Such a server, until the block ends."""
    server = Outside(kind)
    try:
        yield server
    finally:
        server.end()
