"""The HTTP protocol with a patience of its own: slow headers, bodies and readers end, and silent connections too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_S = 15.0
BODY_LOOK_S = 15.0
BODY_S = 120.0
SEND_LOOK_S = 15.0
LEAST = 1024  # bytes a second, of a body that comes in and of an answer that goes out
LEAVE_S = 1.0
HEADERS_MOST = 32_768
BUSY = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class SendingProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, and a deadline for a client that does not read: where less than 15 KB of its answer go out in
    15 s, though more waits, the connection ends."""

    sending: asyncio.TimerHandle | None = None
    drained = False

    def connection_lost(self, exc: Exception | None) -> None:
        if self.sending is not None:
            self.sending.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.watch_sending()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.drained = True

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.watch_sending()

    def watch_sending(self) -> None:
        """Looks in a while whether the client has read of what waits to go out."""
        if self.sending is None and (waits := self.transport.get_write_buffer_size()):
            self.drained = False
            self.sending = self.loop.call_later(SEND_LOOK_S, self.look_at_sending, waits)

    def look_at_sending(self, before: int) -> None:
        """Ends the connection of a client that reads too slowly. What waits may be more by now: it has read where the
        buffer ran low meanwhile."""
        self.sending = None
        if self.transport.get_write_buffer_size() > before - LEAST * SEND_LOOK_S and not self.drained:
            self.transport.abort()
        else:
            self.watch_sending()


class PatientProtocol(SendingProtocol):
    """The same, with deadlines for what a client still owes.

    A connection that is silent from its start, or within its headers, ends after 15 s; a body of which less than 15 KB
    come in 15 s, or that takes two minutes in all, ends too. Uvicorn itself ends idle connections between two requests;
    where something came that is none (an empty line, the rest of a body after an early answer), the next request is
    owed within 15 s.
    """

    owed: asyncio.TimerHandle | None = None
    body_until = 0.0
    body_bytes = 0
    body_looked = 0
    header_bytes = 0
    leaving = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.expect(HEADER_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self.expect(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.owed is None and (self.cycle is None or self.cycle.response_complete):
            self.expect(HEADER_S)

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
        if self.leaving and self.cycle is not None:
            self.cycle.keep_alive = False
        self.body_until, self.body_bytes, self.body_looked = self.loop.time() + BODY_S, 0, 0
        self.expect(BODY_LOOK_S, self.look_at_body)

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self.body_bytes += len(body)

    def look_at_body(self) -> None:
        """Gives up a body that comes too slowly, unless it is this house that does not take it."""
        left = self.body_until - self.loop.time()
        slow = self.body_bytes - self.body_looked < LEAST * BODY_LOOK_S and not self.flow.read_paused
        if slow or left <= 0:
            self.give_up()
            return
        self.body_looked = self.body_bytes
        self.expect(min(BODY_LOOK_S, left), self.look_at_body)

    def on_message_complete(self) -> None:
        self.expect(None)
        super().on_message_complete()

    def expect(self, seconds: float | None, then: Callable[[], None] | None = None) -> None:
        """Ends the connection unless more comes within so many seconds (or does `then`); None waits for nothing."""
        if self.owed is not None:
            self.owed.cancel()
        self.owed = None if seconds is None else self.loop.call_later(max(0.0, seconds), then or self.give_up)

    def give_up(self) -> None:
        """Ends the connection of a client that owes too long, with a word where no answer has begun."""
        cycle: Any = self.cycle
        if self.transport.is_closing():
            return
        if cycle is None or not cycle.response_started:
            self.transport.write(BUSY)
        self.transport.close()
        self.watch_sending()

    def shutdown(self) -> None:
        """The server ends: what is under way is answered, and so is what arrives in the next second, for a client that
        sends just now would get no answer; then the connection closes."""
        if self.leaving or (self.cycle is not None and not self.cycle.response_complete):
            super().shutdown()
        elif not self.transport.is_closing():
            self.leaving = True
            self.loop.call_later(LEAVE_S, self.shutdown)
