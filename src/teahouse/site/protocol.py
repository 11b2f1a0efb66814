"""The HTTP protocol with a patience of its own: slow headers, slow bodies and silent connections end."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_S = 15.0
BODY_PAUSE_S = 15.0
BODY_S = 120.0
HEADERS_MOST = 32_768
BUSY = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class PatientProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, with deadlines for what a client still owes.

    A connection that is silent from its start, or within its headers, ends after 15 s; a body that pauses for 15 s or
    takes two minutes in all ends too. Uvicorn itself ends idle connections between two requests.
    """

    owed: asyncio.TimerHandle | None = None
    body_until = 0.0
    header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.expect(HEADER_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self.expect(None)
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.header_bytes = 0
        self.expect(HEADER_S)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self.count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self.count(len(name) + len(value))

    def count(self, size: int) -> None:
        """Counts the bytes of address and headers; the parser answers the error with 400 and closes."""
        self.header_bytes += size
        if self.header_bytes > HEADERS_MOST:
            raise ValueError("the headers are too long")

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self.body_until = self.loop.time() + BODY_S
        self.expect(BODY_PAUSE_S)

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self.expect(min(BODY_PAUSE_S, self.body_until - self.loop.time()))

    def on_message_complete(self) -> None:
        self.expect(None)
        super().on_message_complete()

    def expect(self, seconds: float | None) -> None:
        """Ends the connection unless more comes within so many seconds; None waits for nothing."""
        if self.owed is not None:
            self.owed.cancel()
        self.owed = None if seconds is None else self.loop.call_later(max(0.0, seconds), self.give_up)

    def give_up(self) -> None:
        """Ends the connection of a client that owes too long, with a word where no answer has begun."""
        cycle: Any = self.cycle
        if self.transport.is_closing():
            return
        if cycle is None or not cycle.response_started:
            self.transport.write(BUSY)
        self.transport.close()
