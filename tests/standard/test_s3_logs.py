"""S3: whatever a visitor sends, the log has one JSON line an event and no control character."""

import contextlib
import json
import re
import socket
from urllib.parse import quote

import httpx
import pytest

from teahouse import telemetry
from teahouse.testing import APP, photo, whole_house
from tests.standard.conftest import OWN
from tests.standard.houses import RealHouse
from tests.standard.visits import visit

NASTY = {
    "CR and LF": 'x\r\n{"event":"forged","room":"site","level":"info"}',
    "LF": 'x\n{"event":"forged"}',
    "ANSI": "x\x1b[2J\x1b]0;owned\x07\x1b[31m",
    "NUL": "x\x00y",
    "other line ends": "x\x0b\x0c\x1c\x1d\x85\u2028\u2029y",
    "bidi and lone surrogate": "x\u202e\ud800y",
}
CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]|\xe2\x80[\xa8\xa9\xae]|\xc2\x85")


def events(log: bytes) -> list[dict]:
    """The events of a log, each a line; fails where a line is no event or a byte is not plain."""
    lines = log.split(b"\n")
    assert lines.pop() == b"", "the last line has no end"
    assert not CONTROL.search(log), CONTROL.search(log)
    found = [json.loads(line) for line in lines]
    assert all(isinstance(one, dict) and one["event"] != "forged" for one in found)
    return found


@pytest.mark.parametrize("name", NASTY)
def test_s3_a_value_can_not_forge_a_line_anywhere_in_an_event(capsys, name):
    value = NASTY[name]
    log = telemetry.log("site")
    raw = value.encode("utf-8", "replace")
    log.info("answered", app=value, path=value, headers={value: [value]}, error=repr(value), raw=raw)
    log.warning(value, **{f"name{value}": value})
    try:
        raise ValueError(value)
    except ValueError:
        log.error("request-broke", exc_info=True)
    found = events(capsys.readouterr().err.encode("utf-8", "surrogatepass"))
    assert [one["level"] for one in found] == ["info", "warning", "error"]


@pytest.mark.parametrize("name", NASTY)
def test_s3_every_field_of_a_request_stays_within_its_event(tmp_path, capsys, monkeypatch, name):
    text = NASTY[name].encode("utf-8", "replace").decode()
    header = re.sub(r"[\r\n\0]", "", text).encode()  # HTTP itself has no others
    place = quote(text, safe="")
    with whole_house(tmp_path) as site:
        told = visit(site.client, OWN["Origin"], photo())
        ask, path = f"/api/apps/{APP}/predictions", f"/api/predictions/{told['id']}"
        for named in ("Idempotency-Key", "X-Consent", "User-Agent", "Referer", "X-Receipt", "Content-Type", "Accept"):
            site.client.post(ask, content=photo(), headers={named: header})
        site.client.post(ask, files={"input": (text, photo(), "image/jpeg")})
        site.client.post(ask, json={text: "x"})
        word, receipt = {"kind": "correct", "value": text}, {**OWN, "X-Receipt": told["receipt"]}
        assert site.client.post(f"{path}/feedback", json=word, headers=receipt).status_code == 422
        site.client.get(f"/nothing/{place}?q={place}")
        site.client.post("/api/owner/session", json={"password": text}, headers=OWN)
        monkeypatch.setattr(type(site.deps.serving), "app", lambda self, app: 1 / 0)
        broke = site.client.get(f"/api/apps/{place}")
    assert broke.status_code == (404 if "\0" in text else 500)
    found = events(capsys.readouterr().err.encode("utf-8", "surrogatepass"))
    broken = [one["path"] for one in found if one["event"] == "request-broke"]
    assert broken == ([] if "\0" in text else [f"/api/apps/{text}"])


def requests_of(raw: bytes, host: bytes) -> list[bytes]:
    """The bytes in a request line, in a path, in a header, and in a request that ends in its midst."""
    escaped = "".join(f"%{byte:02x}" for byte in raw).encode()
    head = b" HTTP/1.1\r\nHost: " + host + b"\r\n"
    return [
        b"GET /" + raw + head + b"\r\n",
        b"GET /" + escaped + head + b"Connection: close\r\n\r\n",
        b"GET /" + head + b"X-Thing: " + raw + b"\r\nConnection: close\r\n\r\n",
        b"POST /api/apps/" + escaped + head + b"Idempotency-Key: " + raw + b"\r\nContent-Length: 99\r\n\r\nx",
    ]


@pytest.mark.slow
def test_s3_a_real_sites_log_is_one_event_a_line(tmp_path):
    with RealHouse(tmp_path / "house") as house:
        house.prepare()
        house.start()
        began = house.log.stat().st_size
        url = httpx.URL(house.url)
        host = f"{url.host}:{url.port}".encode()
        for value in NASTY.values():
            for request in requests_of(value.encode("utf-8", "surrogatepass"), host):
                with socket.create_connection((url.host, url.port), timeout=5) as raw:
                    raw.sendall(request)
                    raw.settimeout(0.5)
                    with contextlib.suppress(TimeoutError):
                        raw.recv(65_536)
        with httpx.Client(base_url=house.url, timeout=20) as client:
            visit(client, house.url, photo())
        assert house.stop() == 0
        log = house.log.read_bytes()[began:]
    assert b"\x1b[2J" not in log and b"\x00" not in log
    ours = [line for line in log.split(b"\n") if b'"room"' in line or b"forged" in line]
    assert {json.loads(line)["event"] for line in ours} >= {"answered", "word"}
    assert not CONTROL.search(b"\n".join(ours))
