"""A1, A2, A5, A6, W1, W2: who may do what, from where, under which name. The table below is the whole of it."""

import itertools
import json

import pytest
from starlette.routing import Route

from teahouse.site import budget, owner_releases
from teahouse.site.routes import ROUTES
from teahouse.testing import APP, photo
from tests.standard.conftest import ORIGIN, OWN, PASSWORD, People, play

ROLES = ("anonymous", "A", "B", "owner", "key", "revoked")
EVERYONE, OWNERS, ONLY_A, NOBODY = set(ROLES), {"owner", "key"}, {"A"}, set()
# one's own data and the log-in: any page of ours may ask; a program with a key brings no cookie to borrow
SAME_ORIGIN = {"A", "B", "owner", "key", "revoked"}
# route name: who gets through. "A" made the prediction that {id} names.
MAY = {
    "home": EVERYONE,
    "play": EVERYONE,
    "log": EVERYONE,
    "model-card": EVERYONE,
    "embed": EVERYONE,
    "embed-script": EVERYONE,
    "manifest": EVERYONE,
    "worker": EVERYONE,
    "offline": EVERYONE,
    "docs": EVERYONE,
    "openapi": EVERYONE,
    "healthz": EVERYONE,
    "readyz": EVERYONE,
    "metrics": EVERYONE,
    "static": EVERYONE,
    "media": EVERYONE,
    "mine": EVERYONE,
    "mine-link": NOBODY,
    "predict": EVERYONE,
    "apps": EVERYONE,
    "app": EVERYONE,
    "pool": EVERYONE,
    "pass": EVERYONE,
    "pay": EVERYONE,  # the till takes play money here
    "terms": EVERYONE,
    "refunds": EVERYONE,
    "tax": EVERYONE,
    "passes": EVERYONE,
    "checkout": NOBODY,  # this house's app sells nothing
    "restore-pass": NOBODY,  # nobody's code
    "leave-pass": SAME_ORIGIN,
    "play-money": SAME_ORIGIN,
    "till": NOBODY,  # a till of play money hears of no webhook
    "seed": NOBODY,  # this house's app makes nothing of seeds
    "seed-card": NOBODY,
    "app-card": EVERYONE,
    "teach-page": NOBODY,  # this house's app has no pictures to teach it with
    "teach": NOBODY,
    "teach-photo": NOBODY,
    "taught": NOBODY,
    "shared": EVERYONE,
    "shared-card": EVERYONE,
    "share": ONLY_A,
    "unshare": ONLY_A,
    "report": SAME_ORIGIN,
    "prediction": ONLY_A,
    "feedback": ONLY_A,
    "keep-input": ONLY_A,
    "forget": ONLY_A,
    "mine-api": EVERYONE,
    "export": EVERYONE,
    "end-consent": SAME_ORIGIN,
    "forget-me": SAME_ORIGIN,
    "owner-home": EVERYONE,
    "owner-login": EVERYONE,
    "owner-open": NOBODY,
    "claim": NOBODY,
    "owner-session": OWNERS,
    "owner-log-in": SAME_ORIGIN,
    "owner-log-out": OWNERS,
    **{
        route.name: OWNERS
        for route in ROUTES
        if route.path.startswith(("/api/owner/", "/owner/")) and route.who == "owner"
    },
}
MAY.update({"owner-log-out": OWNERS, "owner-make-key": {"owner"}, "owner-end-key": {"owner"}})
STREAMS = {"owner-live"}


def url_of(route, made) -> str:
    names = {
        "app": APP,
        "id": made["id"],
        "token": "x" * 43,
        "label": made["label"],
        "version": "x",
        "path": "css/house.css",
        "seed": "7",
        "item": "x",
        "kind": "release",
        "order": made["order"],
        "provider": "test",
    }
    if "/runs/" in route.path:
        names["id"] = made["run"]
    elif "/jobs/" in route.path:
        names["id"] = made["job"]
    elif "/versions/" in route.path:
        names["id"] = made["version"]
    elif "/releases/" in route.path or "/trace/" in route.path:
        names["id"] = made["release"]
    elif "/verdicts/" in route.path:
        names["id"] = made["verdict"]
    elif "/reports/" in route.path:
        names["id"] = made["report"]
    if "/shared/" in route.path or "/shares/" in route.path:
        names["token"] = made["share"]
    if route.name == "media":
        return made["media"]
    return route.path.replace(":path", "").format(**names)


def body_of(route, made) -> dict:
    """A request that would do the thing, so that a refusal is about who asks and not about what."""
    bodies = {
        "feedback": {"json": {"kind": "agree", "value": True}},
        "owner-log-in": {"json": {"password": PASSWORD}},
        "owner-review": {"json": {"label": made["label"], "decision": "accept", "truth": {"label": "cold"}}},
        "owner-rollout": {"json": {"release": made["release"], "state": "full"}},
        "owner-ask-job": {"json": {"kind": "export", "app": APP, "args": {}}},
        "owner-make-key": {"json": {"role": "owner", "rights": ["owner"]}},
    }
    bodies |= {
        "report": {"json": {"kind": "other", "share": made["share"]}},
        "owner-share": {"json": {"hidden": True}},
        "owner-refund": {"json": {"order": made["order"]}},
        "checkout": {"json": {"app": APP}},
        "restore-pass": {"json": {"code": "AAAAA-AAAAA-AAAAA-AAAAA"}},
        "play-money": {"json": {"outcome": "later"}},
        "taught": {"json": {"answers": [{"item": "x", "label": None}]}},
        "share": {"headers": {"X-Consent": "show"}},
    }
    if route.name in ("predict", "keep-input"):
        return {"content": photo("warm", 1), "headers": {"Content-Type": "image/jpeg", "X-Consent": "keep, train"}}
    return bodies.get(route.name, {})


def test_a1_every_route_has_a_row_and_every_row_a_route():
    assert {route.name for route in ROUTES} == MAY.keys()


def test_a1_the_router_knows_no_route_beside_the_list(crowd: People):
    listed = {(route.method, route.path) for route in ROUTES}
    there = {
        (method, route.path)
        for route in crowd.site.app.router.routes
        if isinstance(route, Route) or hasattr(route, "methods")
        for method in (route.methods or ())
        if method not in ("HEAD", "OPTIONS")
    }
    assert there == listed


def expect_through(people: People, route) -> None:
    made = {**people.made, "release": people.site.release}
    # the one who may comes last: what they do may take the thing away
    for role in sorted(ROLES, key=lambda role: role in MAY[route.name]):
        response = people.clients[role].request(route.method, url_of(route, made), **body_of(route, made))
        through = (
            response.status_code < 400
            and "/owner/login" not in response.headers.get("location", "")
            or response.status_code in (409, 429)
        )
        if role in MAY[route.name] and response.status_code == 404:
            through = route.name in ("owner-job-file", "owner-end-key")  # nothing there to give, said to who may ask
        assert through == (role in MAY[route.name]), f"{role}: {response.status_code} {response.text[:300]}"
        if not through:
            assert response.status_code in (303, 307, 401, 403, 404), response.text


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES if route.method == "GET" and route.name not in STREAMS],
    ids=lambda route: route.name,
)
def test_a1_who_may_look(crowd: People, route):
    expect_through(crowd, route)


@pytest.mark.parametrize("route", [route for route in ROUTES if route.method != "GET"], ids=lambda route: route.name)
def test_a1_who_may_act(people: People, route, monkeypatch):
    monkeypatch.setattr(
        owner_releases, "wait_served", lambda *_: ""
    )  # no reconciler here: a rollout would be waited for in vain
    expect_through(people, route)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST", "TRACE", "CONNECT", "PROPFIND"])
def test_a1_methods_that_no_route_lists_are_refused(crowd: People, method):
    listed = {(route.method, route.path) for route in ROUTES}
    for path in {route.path for route in ROUTES if "{" not in route.path}:
        if (method, path) not in listed:
            for role in ("anonymous", "owner"):
                assert crowd.clients[role].request(method, path).status_code in (401, 403, 404, 405), (
                    method,
                    path,
                    role,
                )


def test_a2_an_id_opens_nothing(crowd: People):
    stranger, made = crowd.clients["B"], crowd.made
    for other in (made["id"], made["run"], made["label"], made["version"], made["job"]):
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/feedback"), ("PUT", "/input")):
            given = {"json": {"kind": "agree", "value": True}} if path == "/feedback" else {}
            assert stranger.request(method, f"/api/predictions/{other}{path}", **given).status_code == 404
    assert crowd.clients["A"].get(f"/api/predictions/{made['id']}").status_code == 200


def test_a2_a_receipt_of_one_opens_no_other(people: People):
    other = play(people.clients["B"], 7)
    response = people.clients["anonymous"].get(
        f"/api/predictions/{people.made['id']}", headers={"X-Receipt": other["receipt"]}
    )
    assert response.status_code == 404
    forged = other["receipt"][:-2] + ("AA" if not other["receipt"].endswith("AA") else "BB")
    assert (
        people.clients["anonymous"].get(f"/api/predictions/{other['id']}", headers={"X-Receipt": forged}).status_code
        == 404
    )
    assert len(other["receipt"].split(".")[-1]) >= 22, "fewer than 128 signed bits"


HOSTS = [
    "evil.test",
    "127.0.0.1.evil.test",
    "192.168.1.7",
    "localhost.evil.test",
    "[::2]",
    "",
    "evil.test:8360",
    "127.0.0.1@evil.test",
    "a" * 300,
]


@pytest.mark.parametrize("host", HOSTS)
def test_a5_another_name_is_refused_on_every_route(crowd: People, host):
    for route in ROUTES:
        if route.name in STREAMS:
            continue
        made = {**crowd.made, "release": crowd.site.release}
        response = crowd.clients["owner"].request(route.method, url_of(route, made), headers={**OWN, "Host": host})
        assert response.status_code in (400, 421), (route.name, response.status_code)


def test_a6_a_thousand_made_up_addresses_are_one_client(people: People, monkeypatch):
    monkeypatch.setattr(budget, "HOLD_S", 0.0)
    people.site.deps.budget, client = budget.Budget(40), people.site.visitor("203.0.113.9")
    invented = [{"X-Forwarded-For": f"198.51.{n // 250}.{n % 250}"} for n in range(1000)]
    told = [client.get("/api/apps", headers=headers).status_code for headers in invented]
    last = client.get("/api/apps", headers={"X-Forwarded-For": "192.0.2.1"})
    assert told.count(200) <= 60 and last.status_code == 429
    assert 1 <= int(last.headers["Retry-After"]) <= 60


CHANGING = [
    route for route in ROUTES if route.method not in ("GET", "HEAD") and not getattr(route, "any_origin", False)
]
FOREIGN = [
    {"Origin": "https://evil.test"},
    {"Origin": "null"},
    {"Origin": ORIGIN + ".evil.test"},
    {"Origin": "http://127.0.0.1:9"},
    {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {},
]


@pytest.mark.parametrize("route", CHANGING, ids=lambda route: route.name)
def test_w1_a_foreign_page_changes_nothing(people: People, route):
    made = {**people.made, "release": people.site.release}
    for role, foreign in itertools.product(("A", "owner"), FOREIGN):
        client = people.clients[role]
        client.headers.pop("Origin", None), client.headers.pop("Sec-Fetch-Site", None)
        given = body_of(route, made)
        given["headers"] = {**given.get("headers", {}), **foreign}
        for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
            given["headers"]["Content-Type"] = kind
            assert client.request(route.method, url_of(route, made), **given).status_code in (401, 403, 404), (
                role,
                foreign,
                kind,
            )


ORIGINS = [
    "https://evil.test",
    "null",
    "http://localhost",
    ORIGIN + ".evil.test",
    "http://127.0.0.1",
    "https://127.0.0.1:8360",
    "http://evil.test:8360",
]


@pytest.mark.parametrize("foreign", ORIGINS)
def test_w2_no_cookie_route_shares_with_other_origins(crowd: People, foreign):
    made = {**crowd.made, "release": crowd.site.release}
    for route in ROUTES:
        if route.name in STREAMS:
            continue
        for role in ("A", "owner"):
            response = crowd.clients[role].request(route.method, url_of(route, made), headers={"Origin": foreign})
            allowed = response.headers.get("access-control-allow-origin")
            assert allowed is None or (allowed == "*" and route.any_origin), route.name
            assert "access-control-allow-credentials" not in response.headers


def test_w7_errors_tell_nothing_of_the_inside(crowd: People):
    for path in ("/api/predictions/x", "/nope/nope", "/owner/releases/x", "/api/apps/none", "/media/x", "/static/x/y"):
        for role in ROLES:
            text = crowd.clients[role].get(path).text
            assert "Traceback" not in text and "site-packages" not in text and str(crowd.site.house.data) not in text
    body = crowd.clients["anonymous"].get("/api/apps/none").json()
    assert set(body) == {"error"} and {"code", "what", "why", "do_next"} <= set(body["error"])
    assert json.dumps(body)
