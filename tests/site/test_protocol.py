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


ANSWERS = {"/much": b"a" * 8_000_000, "/soon": b"ok"}


async def echo(scope, receive, send):
    if scope["path"] in ANSWERS:  # before the body is here
        answer = ANSWERS[scope["path"]]
        length = b"%d" % len(answer)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": answer})
        return
    message = await receive()
    while message.get("more_body"):
        message = await receive()
    if message["type"] == "http.request":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def address(monkeypatch):
    monkeypatch.setattr(protocol, "HEADER_S", 0.4)
    monkeypatch.setattr(protocol, "BODY_LOOK_S", 0.4)
    monkeypatch.setattr(protocol, "SEND_LOOK_S", 0.4)
    monkeypatch.setattr(protocol, "BODY_S", 1.5)
    with served() as (found, _):
        yield found


@contextlib.contextmanager
def served(grace_s=1):
    """(address, server) of a site that echoes."""
    config = uvicorn.Config(
        echo, http=PatientProtocol, lifespan="off", log_config=None, ws="none", timeout_graceful_shutdown=grace_s
    )
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield listener.getsockname(), server
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


@pytest.mark.parametrize(("first", "more"), [(b"x", b"x"), (b"x" * 600, b"x"), (b"x", b"x" * 400)])
def test_a_body_that_drips_ends_by_its_rate_and_one_that_does_not_in_all(address, first, more):
    with socket.create_connection(address) as connection:
        connection.sendall(HEAD.replace(b"100", b"100000") + b"\r\n" + first)
        assert drip(connection, more) < 4


def drip(connection, more):
    """Sends a little ten times a second; the seconds until the other side speaks or closes."""
    began = time.monotonic()
    with contextlib.suppress(OSError):
        while time.monotonic() - began < 8:
            connection.sendall(more)
            connection.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                connection.recv(100)
                break
    return time.monotonic() - began


def test_a_body_that_comes_steadily_is_read_to_its_end(address):
    with socket.create_connection(address) as connection:
        connection.sendall(HEAD.replace(b"100", b"4000") + b"\r\n")
        for _ in range(10):
            connection.sendall(b"x" * 400)
            time.sleep(0.1)  # the pace is the subject
        connection.settimeout(5)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("close", [b"", b"Connection: close\r\n"], ids=["keeps", "closes"])
def test_a_client_that_does_not_read_its_answer_is_let_go(address, close):
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(address)
        connection.sendall(b"GET /much HTTP/1.1\r\nHost: x\r\n" + close + b"\r\n")
        time.sleep(2)  # nothing can be seen from this side without reading
        said, _ = heard(connection)
    assert len(said) < len(ANSWERS["/much"])


def test_a_client_that_reads_slowly_but_steadily_gets_all(address):
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /much HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        connection.settimeout(5)
        said = 0
        while data := connection.recv(500_000):
            said += len(data)
            time.sleep(0.1)
    assert said > len(ANSWERS["/much"])


def test_who_is_answered_before_the_body_and_then_silent_is_let_go(address):
    with socket.create_connection(address) as connection:
        connection.sendall(b"POST /soon HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        connection.settimeout(5)
        assert connection.recv(4096).endswith(b"ok")
        connection.sendall(b"x" * 100)
        _, took = heard(connection)
    assert took < 3


def test_empty_lines_do_not_keep_a_connection(address):
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.settimeout(5)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        assert drip(connection, b"\r\n") < 3


def test_what_arrives_as_the_server_ends_is_answered_and_told_to_close():
    with served(grace_s=5) as (address, server), socket.create_connection(address) as connection:
        connection.settimeout(5)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        server.should_exit = True
        while server.servers[0].is_serving():
            time.sleep(0.01)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        said, _ = heard(connection)
    assert said.startswith(b"HTTP/1.1 200") and b"connection: close" in said


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
