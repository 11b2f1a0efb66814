"""Slow and silent clients end; quick ones are answered meanwhile. Over real sockets."""

import contextlib
import socket
import threading
import time

import pytest
import uvicorn

from teahouse.site import protocol
from teahouse.site.protocol import PatientProtocol

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"


async def echo(scope, receive, send):
    message = await receive()
    while message.get("more_body"):
        message = await receive()
    if message["type"] == "http.request":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def address(monkeypatch):
    monkeypatch.setattr(protocol, "HEADER_S", 0.4)
    monkeypatch.setattr(protocol, "BODY_PAUSE_S", 0.4)
    monkeypatch.setattr(protocol, "BODY_S", 1.0)
    config = uvicorn.Config(
        echo, http=PatientProtocol, lifespan="off", log_config=None, ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield listener.getsockname()
        server.should_exit = True
        thread.join(10)


def heard(connection, seconds=5.0):
    """All that the server says until it closes, and the seconds that it took."""
    began = time.monotonic()
    connection.settimeout(seconds)
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(4096):
            said += data
    return said, time.monotonic() - began


BEGUN = {"silent": b"", "line": b"GET / HT", "headers": HEAD, "body": HEAD + b"\r\nabc"}


@pytest.mark.parametrize("begun", BEGUN.values(), ids=BEGUN)
def test_a_client_that_owes_too_long_is_let_go(address, begun):
    with socket.create_connection(address) as connection:
        connection.sendall(begun)
        said, took = heard(connection)
    assert took < 3 and said.startswith(b"HTTP/1.1 408")


def test_a_body_that_drips_ends_in_all(address):
    with socket.create_connection(address) as connection:
        connection.sendall(HEAD + b"\r\n")
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 5:
                connection.sendall(b"x")
                connection.settimeout(0.1)
                with contextlib.suppress(TimeoutError):
                    if connection.recv(100):
                        break
    assert time.monotonic() - began < 3


def test_a_quick_client_is_answered_and_may_ask_again(address):
    with socket.create_connection(address) as connection:
        for _ in range(3):
            connection.sendall(HEAD + b"\r\n" + b"x" * 100)
            connection.settimeout(5)
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")


def test_headers_without_end_are_refused(address):
    with socket.create_connection(address) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"a" * 60_000 + b"\r\n\r\n")
        said, _ = heard(connection)
    assert said.startswith(b"HTTP/1.1 400")
