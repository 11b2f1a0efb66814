"""The gate: who is let in, under which name, from which page, how much and how often; what every response carries."""

import asyncio
import json
from contextlib import suppress

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from teahouse import settings as page
from teahouse import telemetry
from teahouse.site import budget, origin, security
from teahouse.site.routes import ROUTES
from teahouse.testing import APP, photo, whole_house

PATH = f"/api/apps/{APP}/predictions"
HERE = "http://127.0.0.1:8360"
UNSAFE = [route for route in ROUTES if route.method not in ("GET", "HEAD", "OPTIONS")]


def concrete(route):
    path = route.path.replace("{app}", APP)
    for name in ("id", "token", "label", "release", "run", "job", "key"):
        path = path.replace("{" + name + "}", "01a21424-e3b2-77b8-b49a-98749eb71405")
    return path


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with whole_house(tmp_path_factory.mktemp("gate")) as site:
        yield site


FOREIGN = ["evil.test", "10.0.0.9", "127.0.0.1.evil.test", "localhost@evil.test", "evil.test:80", "", "127.0.0.1:x"]


@pytest.mark.parametrize("host", FOREIGN)
def test_a_foreign_host_is_misdirected(house, host):
    for path in ("/", PATH, "/owner/", "/healthz"):
        response = house.client.get(path, headers={"Host": host})
        assert response.status_code == 421 and response.json()["error"]["code"] == "misdirected"


def test_a_phone_on_the_same_network_is_answered_where_the_site_listens_to_it(tmp_path):
    settings = page.Settings(project=tmp_path, site={"host": "0.0.0.0"})
    with whole_house(tmp_path, settings) as site:
        for host, status in (("192.168.1.20:8360", 200), ("[fe80::1]:8360", 200), ("tea.example", 421)):
            assert site.client.get("/", headers={"Host": host}).status_code == status
        assert site.client.get("/owner/", headers={"Host": "192.168.1.20:8360"}).status_code == 421


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1:8360", "[::1]"])
def test_the_owners_side_is_not_there_for_a_neighbour_who_writes_this_machines_name(tmp_path, name):
    limits = {"trusted_proxies": ["10.0.0.7"]}
    settings = page.Settings(project=tmp_path, site={"host": "0.0.0.0"}, limits=limits)
    with whole_house(tmp_path, settings) as site:
        neighbour, proxy = site.visitor("192.168.1.44"), site.visitor("10.0.0.7")
        for route in ROUTES:
            if route.who == "owner" and route.method == "GET":
                asked = concrete(route), {"Host": name}
                assert neighbour.get(asked[0], headers=asked[1]).status_code == 421, route.path
                for told in ({"X-Forwarded-For": "192.168.1.44"}, {}):
                    assert proxy.get(asked[0], headers={**asked[1], **told}).status_code == 421, route.path
                # a proxy of this machine that nobody trusts connects from loopback for whoever comes to it
                for told in ({"X-Forwarded-For": "192.168.1.44"}, {"Forwarded": "for=192.168.1.44"}):
                    assert site.client.get(asked[0], headers={**asked[1], **told}).status_code == 421, route.path
                assert site.client.get(asked[0], headers=asked[1]).status_code != 421, route.path
        own = {"Host": name, "Origin": f"http://{name}", "Sec-Fetch-Site": "same-origin"}
        assert neighbour.post("/api/owner/session", json={"password": "x"}, headers=own).status_code == 421
        assert neighbour.get("/", headers={"Host": name}).status_code == 200


def test_this_machine_is_known_by_the_address_that_a_socket_of_both_kinds_tells(house):
    for address, here in (("::ffff:127.0.0.1", True), ("::1", True), ("::ffff:10.0.0.4", False)):
        assert (house.visitor(address).get("/owner/").status_code != 421) == here


def test_the_owners_side_is_there_through_a_tunnel_that_ends_tls(tmp_path):
    site, limits = {"url": "https://abc.trycloudflare.com"}, {"trusted_proxies": ["127.0.0.1/32"]}
    with whole_house(tmp_path, page.Settings(project=tmp_path, site=site, limits=limits)) as site:
        came = {"Host": "abc.trycloudflare.com", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
        assert site.client.get("/owner/", headers=came).status_code != 421
        plain = {**came, "Host": "localhost", "X-Forwarded-Proto": "http"}
        assert site.client.get("/owner/", headers=plain).status_code == 421


def test_no_other_address_is_answered_where_the_site_listens_to_this_machine_alone(house):
    assert house.client.get("/", headers={"Host": "192.168.1.20:8360"}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.1:9", "[::1]:8360", "LOCALHOST:8360"])
def test_the_houses_own_names_are_answered(house, host):
    assert house.client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": "https://evil.test"},
        {"Origin": "http://127.0.0.1:8360.evil.test"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "https://127.0.0.1:8360"},
        {"Origin": "http://user@127.0.0.1:8360"},
        {"Origin": HERE, "Sec-Fetch-Site": "cross-site"},
        {"Origin": HERE, "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.test", "Content-Type": "application/x-www-form-urlencoded"},
        {"Origin": "https://evil.test", "Content-Type": "text/plain"},
        {"Authorization": "Bearer x", "Cookie": "owner=x"},
    ],
    ids=str,
)
def test_every_route_that_changes_something_is_closed_to_other_origins(house, headers):
    for route in UNSAFE:
        if not route.any_origin:
            response = house.client.request(route.method, concrete(route), headers=headers, content=b"{}")
            assert response.status_code == 403, (route.method, route.path, response.text)
            assert "access-control-allow-origin" not in response.headers


def test_only_predicting_words_the_script_of_frames_and_a_tills_signed_events_are_open_to_any_origin():
    assert {route.name for route in ROUTES if route.any_origin} == {"predict", "feedback", "embed-script", "till"}


def test_an_open_route_answers_a_browsers_question_without_credentials(house):
    asked = {"Origin": "https://other.test", "Access-Control-Request-Method": "POST"}
    response = house.client.options(PATH, headers=asked)
    assert response.status_code == 204 and response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers
    closed = house.client.options("/api/mine", headers=asked)
    assert "access-control-allow-origin" not in closed.headers


def test_every_owners_route_is_closed_to_strangers(house):
    own = {"Origin": HERE, "Sec-Fetch-Site": "same-origin"}
    for route in ROUTES:
        if route.who == "owner":
            response = house.client.request(route.method, concrete(route), headers=own)
            assert response.status_code in (303, 401, 403, 404), (route.method, route.path, response.status_code)


def test_the_owners_side_is_not_there_over_plain_http_elsewhere(tmp_path):
    settings = page.Settings(project=tmp_path, site={"url": "http://tea.example"})
    with whole_house(tmp_path, settings) as site:
        for route in ROUTES:
            if route.who == "owner" and route.method == "GET":
                assert site.client.get(concrete(route), headers={"Host": "tea.example"}).status_code == 421
        assert site.client.get("/", headers={"Host": "tea.example"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/nothing", "/api/apps", "/api/nothing", "/openapi.json", PATH])
def test_every_response_carries_the_headers(house, path):
    headers = house.client.get(path).headers
    policy = headers["content-security-policy"]
    for part in ("default-src", "object-src", "base-uri", "frame-ancestors"):
        assert f"{part} 'none'" in policy
    assert "'strict-dynamic'" in policy and "require-trusted-types-for 'script'" in policy
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=(self)" in headers["permissions-policy"] and headers["referrer-policy"] and headers["cache-control"]
    assert "server" not in headers


@pytest.mark.parametrize("lengths", [["-1"], ["1", "2"], ["1e3"]])
def test_a_length_that_is_none_is_refused(house, lengths):
    headers = [("Content-Length", length) for length in lengths]
    response = house.client.post(PATH, content=iter([photo()]), headers=headers)
    assert response.status_code == 400


def test_a_parameter_that_is_given_twice_is_refused(house):
    told = house.client.get("/api/apps/warmth/pool?limit=1&limit=2")
    assert (told.status_code, told.json()["error"]["what"]) == (422, '"limit" is given twice.')
    assert house.client.get("/?a=1&a=2").status_code == 200, "pages take what others put behind their address"


def test_compressed_and_oversized_bodies_are_refused_before_they_are_read(house):
    assert house.client.post(PATH, content=b"x", headers={"Content-Encoding": "gzip"}).status_code == 415
    assert house.client.post(PATH, content=b"x", headers={"Content-Length": "99999999"}).status_code == 413
    own = {"Origin": HERE, "Content-Length": "2000000"}
    assert house.client.post("/api/owner/session", content=b"x", headers=own).status_code == 413


def test_a_json_body_deeper_than_the_parser_is_refused(house):
    response = house.client.post(
        "/api/predictions/01a21424-e3b2-77b8-b49a-98749eb71405/feedback",
        content=b"[" * 100_000 + b"]" * 100_000,
        headers={"Content-Type": "application/json"},
    )
    assert 400 <= response.status_code < 500 and set(response.json()["error"]) >= {"code", "what"}


def test_what_breaks_is_told_without_a_trace(house, monkeypatch, capsys):
    monkeypatch.setattr(security, "log", telemetry.log("site"))

    async def predict(*_args):
        raise ValueError("secret /etc/path\r\nforged line")

    monkeypatch.setattr(house.engine, "predict", predict)
    response = house.ask()
    assert response.status_code == 500 and response.json()["error"]["code"] == "internal"
    assert "secret" not in response.text and "Traceback" not in response.text
    lines = [line for line in capsys.readouterr().err.splitlines() if "secret" in line]
    assert len(lines) == 1 and json.loads(lines[0])["event"] == "request-broke"


@pytest.mark.parametrize("error", [RuntimeError("broken"), ClientDisconnect()], ids=["broke", "left"])
@pytest.mark.parametrize("route", [route for route in ROUTES if "{token}" in route.path], ids=lambda route: route.path)
def test_no_line_of_the_log_holds_a_token_that_opens_something(house, monkeypatch, capsys, route, error):
    async def breaks(*_):
        raise error

    monkeypatch.setattr(type(house.app.router), "__call__", breaks)
    monkeypatch.setattr(security, "log", telemetry.log("site"))
    with suppress(AssertionError):  # who has left gets no response, and the client is astonished
        path = route.path.replace("{token}", "AAAA-secret.to/ken_BBBB")
        house.client.request(route.method, path, headers={"Origin": HERE, "Sec-Fetch-Site": "same-origin"})
    told = capsys.readouterr().err
    assert "secret" not in told and "ken_BBBB" not in told
    (line,) = map(json.loads, told.splitlines())
    assert line["event"] in ("request-broke", "client-left") and line["path"] == route.path.partition("{")[0] + "…"


def limited(folder, **limits):
    return whole_house(folder, page.Settings(project=folder, limits={"requests_per_minute": 20, **limits}))


def test_a_network_that_asks_too_often_must_wait(tmp_path):
    with limited(tmp_path) as site:
        neighbours = [site.visitor(f"203.0.113.{n}") for n in range(4)]
        for n in range(20):
            assert neighbours[n % 4].get("/api/apps").status_code == 200
        refused = neighbours[0].get("/api/apps")
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
        assert site.visitor("198.51.100.1").get("/api/apps").status_code == 200
        assert neighbours[0].get("/healthz").status_code == 200


def test_a_thousand_invented_addresses_are_one_client(tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "HOLD_S", 0.0)
    with limited(tmp_path) as site:
        client = site.visitor("203.0.113.5")
        invented = [{"X-Forwarded-For": f"10.{n // 256}.{n % 256}.1"} for n in range(1000)]
        statuses = [client.get("/api/apps", headers=headers).status_code for headers in invented]
        assert 20 <= statuses.count(200) <= 30  # the window slides while they come


def test_behind_a_trusted_proxy_the_last_untrusted_hop_counts(tmp_path):
    with limited(tmp_path, trusted_proxies=["203.0.113.5", "10.0.0.0/8"]) as site:
        proxy = site.visitor("203.0.113.5")
        for n in range(60):
            hops = f"6.6.6.{n}, 198.{n}.100.1, 10.1.1.1"
            assert proxy.get("/api/apps", headers={"X-Forwarded-For": hops}).status_code == 200


def test_under_https_the_cookie_is_bound_to_the_host(tmp_path):
    site, limits = {"url": "https://tea.example"}, {"trusted_proxies": ["127.0.0.1"]}
    settings = page.Settings(project=tmp_path, site=site, limits=limits)
    with whole_house(tmp_path, settings) as site:
        headers = {"Host": "tea.example", "Origin": "https://tea.example", "X-Forwarded-Proto": "https"}
        response = site.client.post(PATH, content=photo(), headers=headers)
        cookie = response.headers["set-cookie"]
        assert cookie.startswith("__Host-visitor=") and "Secure" in cookie and "Path=/" in cookie
        assert response.headers["strict-transport-security"]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Tea.Example:80", "tea.example"),
        ("[::1]:8360", "[::1]"),
        ("a b", ""),
        ("a/b", ""),
        ("x:1:2", ""),
        ("tea.example:", ""),
    ],
)
def test_a_host_header_is_read_strictly(given, name):
    assert origin.host_name(given) == name


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("testclient", "unknown"),
    ],
)
def test_an_address_counts_with_its_network(address, network):
    assert origin.network_of(address) == network


def test_a_visitor_that_asks_too_often_must_wait(tmp_path):
    with limited(tmp_path) as site:
        own = {"Origin": HERE}
        statuses = [site.client.post(PATH, content=photo(), headers=own).status_code for _ in range(16)]
        assert statuses.count(201) == 11 and set(statuses[11:]) == {429}


def test_bodies_have_one_room_together(tmp_path, monkeypatch):
    monkeypatch.setattr(security, "BODIES", 3_000)
    with whole_house(tmp_path) as site:
        for _ in range(3):
            refused = site.client.post(PATH, content=photo() + bytes(4_000))
            assert refused.status_code == 503 and 2 <= int(refused.headers["retry-after"]) <= 6
            assert refused.json()["error"]["code"] == "not-ready"
        for seed in range(3):  # what was refused or answered holds nothing any more
            small = photo(seed=seed, side=16)
            assert len(small) < 3_000 and site.client.post(PATH, content=small).status_code == 201


def test_of_the_room_for_bodies_one_network_has_half_and_others_still_have_theirs():
    room = security.Room(1_000)
    assert room.add("a", 500) and room.has("b", 500)
    with pytest.raises(HTTPException) as refused:
        room.refuse("a", 1)
    assert refused.value.status_code == 503
    room.refuse("b", 500)
    assert room.add("b", 400) and not room.add("c", 200), "all together have no more than all of it"
    for network, size in (("c", 200), ("b", 400), ("a", 500)):
        room.add(network, -size)
    assert (room.taken, room.of) == (0, {}) and room.has("a", 500)


def test_a_network_that_fills_its_half_of_the_room_leaves_others_theirs(tmp_path, monkeypatch):
    body, headers = photo(side=16), [(b"host", b"127.0.0.1:8360"), (b"content-type", b"image/jpeg")]
    monkeypatch.setattr(security, "BODIES", 3 * len(body))
    scope = {"type": "http", "method": "POST", "path": PATH, "query_string": b"", "scheme": "http", "headers": headers}

    async def ask(app, address, slowly=None):
        parts, said = [{"type": "http.request", "body": body, "more_body": True}, {"type": "http.request"}], []

        async def receive():
            if slowly and len(parts) == 1:
                slowly[0].set()
                await slowly[1].wait()
            return parts.pop(0)

        async def send(message):
            said.append(message)

        await app({**scope, "client": (address, 50_000)}, receive, send)
        return said[0]["status"]

    async def crowd(app):
        begun, go_on = asyncio.Event(), asyncio.Event()
        sending = asyncio.create_task(ask(app, "203.0.113.7", (begun, go_on)))
        await begun.wait()
        during = [await ask(app, address) for address in ("203.0.113.8", "203.0.114.8")]
        go_on.set()
        return [*during, await sending, await ask(app, "203.0.113.8")]

    with whole_house(tmp_path) as site:
        assert asyncio.run(crowd(site.app)) == [503, 201, 201, 201]
