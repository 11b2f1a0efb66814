"""Log-in, log-out, keys: what a session's cookie looks like, how it ends, and how often one may guess."""

import re
from http.cookies import SimpleCookie

import pytest

from teahouse import ids, settings
from teahouse.errors import TooMany
from teahouse.site import budget, owner_access, owner_api, owner_door, owner_pages, security
from teahouse.site.assembly import create_app
from teahouse.store import keys
from teahouse.testing import APP, client_of, photo, whole_house

from .conftest import OWN, PASSWORD

PAGE = {"Accept": "text/html"}


def log_in(client, password=PASSWORD):
    return client.post("/api/owner/session", json={"password": password}, headers=OWN)


def test_the_cookie_on_this_machine_is_http_only_and_strict(owner, quick):
    cookie = SimpleCookie(log_in(quick.visitor()).headers["set-cookie"])["owner"]
    assert cookie["httponly"] and cookie["samesite"].lower() == "strict" and cookie["path"] == "/"
    assert not cookie["domain"] and not cookie["secure"]
    assert len(cookie.value) >= 43


def test_under_https_the_cookie_is_host_bound_and_secure(owner, quick):
    quick.deps.settings = settings.Settings(site=settings.Site(url="https://tea.example"))
    app = create_app(quick.deps)
    app.state.owner_door = quick.app.state.owner_door
    client = client_of(app, "203.0.113.9")
    client.base_url = "http://tea.example"  # behind a proxy that ends TLS
    answer = client.post("/api/owner/session", json={"password": PASSWORD}, headers={"Origin": "https://tea.example"})
    assert answer.status_code == 201, answer.text
    cookie = SimpleCookie(answer.headers["set-cookie"])["__Host-owner"]
    assert cookie["secure"] and cookie["httponly"] and cookie["samesite"].lower() == "strict" and cookie["path"] == "/"
    assert not cookie["domain"]
    # A cookie of the plain name, which another host of the same domain could set, opens nothing.
    forged = {"Cookie": f"owner={cookie.value}"}
    assert client.get("/api/owner/session", headers=forged).status_code == 401
    assert client.get("/api/owner/session", headers={"Cookie": f"__Host-owner={cookie.value}"}).status_code == 200


def test_a_log_in_rotates_the_session(owner):
    old = owner.cookies["owner"]
    assert log_in(owner).status_code == 201
    assert owner.cookies["owner"] != old
    assert owner.get("/api/owner/session").status_code == 200
    owner.cookies.set("owner", old)
    owner.cookies.jar.clear()
    assert owner.get("/api/owner/session", headers={"Cookie": f"owner={old}"}).status_code == 401


def test_a_log_out_ends_the_session_for_whoever_has_its_cookie(owner):
    copy = {"Cookie": f"owner={owner.cookies['owner']}"}
    assert owner.delete("/api/owner/session").status_code == 204
    assert owner.get("/api/owner/session").status_code == 401
    assert owner.get("/api/owner/session", headers=copy).status_code == 401


def test_a_session_ends_by_itself(owner, quick):
    at = quick.deps.clock()
    quick.deps.clock = lambda: at + owner_access.SESSION_MS + 1
    assert owner.get("/api/owner/session").status_code == 401


def test_no_token_and_no_password_is_kept_in_the_clear(owner, quick):
    quick.house.db.checkpoint()
    everything = [path.read_bytes() for path in quick.house.data.rglob("*") if path.is_file()]
    assert not any(owner.cookies["owner"].encode() in data or PASSWORD.encode() in data for data in everything)
    assert any(b"$argon2id$" in data for data in everything)


def test_pages_lead_a_stranger_to_the_door_and_back(owner, quick):
    answer = quick.visitor().get("/owner/review", headers=PAGE)
    assert answer.status_code == 303 and answer.headers["location"] == "/owner/login?next=/owner/review"
    page = quick.visitor().get(answer.headers["location"], headers=PAGE)
    assert page.status_code == 200 and 'data-then="/owner/review"' in page.text


def test_a_visitor_is_not_the_owner(owner, quick, guest):
    guest()
    visitor = quick.visitor()
    quick.client.cookies.clear()
    visitor.headers.update(OWN)
    for path in ("session", "today", "reviews", "labels", "predictions", "releases", "runs", "jobs", "keys", "live"):
        assert visitor.get(f"/api/owner/{path}").status_code == 401, path
    assert visitor.post("/api/owner/jobs", json={"kind": "retrain"}).status_code == 401
    assert visitor.delete("/api/owner/reviews").status_code == 401


FOREIGN = [
    {},
    {"Origin": "null"},
    {"Origin": "https://evil.test"},
    {"Origin": "http://127.0.0.1:8361"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://127.0.0.1:8360", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "none"},
]


def test_another_page_can_not_use_the_owners_cookie(owner):
    owner.headers.pop("origin"), owner.headers.pop("sec-fetch-site")
    routes = [route for route in (*owner_api.ROUTES, *owner_pages.ROUTES) if route.method != "GET"]
    assert len(routes) >= 8
    for route in routes:
        path = re.sub(r"\{\w+\}", "x", route.path)
        for headers in FOREIGN:
            answer = owner.request(route.method, path, headers=headers, json={"password": PASSWORD})
            assert answer.status_code == 403, (route.method, path, headers)
    assert owner.get("/api/owner/session").status_code == 200


def test_a_second_lock_holds_where_the_gate_is_left_open(owner, quick, monkeypatch):
    monkeypatch.setattr("teahouse.site.security.check_origin", lambda *_: None)
    answer = owner.delete("/api/owner/session", headers={"Origin": "https://evil.test"})
    assert answer.status_code == 403


def test_the_owners_side_answers_under_its_own_name_alone(owner):
    for host in ("evil.test", "10.0.0.1", "127.0.0.1.evil.test", "tea.rebind.test:8360"):
        for path in ("/owner/", "/api/owner/session", "/owner/login", "/claim/x"):
            assert owner.get(path, headers={"Host": host}).status_code in (400, 421), (host, path)


def test_every_route_of_the_owner_is_closed_to_a_stranger_by_default(owner, quick):
    quick.client.cookies.clear()
    for route in (*owner_api.ROUTES, *owner_pages.ROUTES):
        if route.who != "owner":
            continue
        path = re.sub(r"\{\w+\}", "00000000-0000-0000-0000-000000000000", route.path)
        for headers in (
            {},
            {"Cookie": "owner=x"},
            {"Authorization": "Bearer th_x"},
            {"Authorization": "Basic b3duZXI6eA=="},
        ):
            answer = quick.client.request(route.method, path, headers={**OWN, **headers})
            assert answer.status_code == 401, (route.method, path, headers)


def test_the_eleventh_guess_waits_however_right_it_is(owner, quick):
    other = quick.visitor("127.0.0.2")
    assert [log_in(other, "wrong password").status_code for _ in range(10)] == [401] * 10
    answer = log_in(other)
    assert answer.status_code == 429 and 800 <= int(answer.headers["retry-after"]) <= 901
    assert log_in(quick.visitor("127.0.0.3")).status_code == 201, "another address is not shut out"


def test_waiting_doubles_and_a_right_password_forgives():
    now = [0.0]
    guesses = owner_door.Guesses(clock=lambda: now[0])
    waits = []
    for _ in range(3):
        for _ in range(10):
            guesses.take("a")
        with pytest.raises(TooMany) as refused:
            guesses.take("a")
        waits.append(refused.value.extra["retry_after"])
        now[0] += waits[-1] + 1
    assert waits == [pytest.approx(900 * 2**k, abs=2) for k in range(3)]
    guesses.forget("a")
    for _ in range(10):
        guesses.take("a")


def test_many_addresses_together_are_held_as_well():
    guesses = owner_door.Guesses(clock=lambda: 0.0)
    for number in range(100):
        guesses.take(f"10.0.0.{number}")
    with pytest.raises(TooMany):
        guesses.take("10.0.1.1")


def test_a_key_of_the_owner_opens_the_api_until_it_is_ended(owner, quick):
    made = owner.post("/api/owner/keys", json={"role": "owner"}).json()
    bearer = {"Authorization": f"Bearer {made['key']}"}
    assert made["key"].startswith("th_")
    program = quick.visitor()
    assert program.get("/api/owner/session", headers=bearer).json()["by"] == "key"
    assert program.post("/api/owner/jobs", json={"kind": "retrain"}, headers=bearer).status_code == 202
    assert program.post("/api/owner/keys", json={}, headers=bearer).status_code == 403, "a key makes no keys"
    assert made["key"] not in owner.get("/api/owner/keys").text
    assert owner.delete(f"/api/owner/keys/{made['id']}").status_code == 204
    assert program.get("/api/owner/session", headers=bearer).status_code == 401


def test_other_keys_do_not_open_the_owners_side(owner, quick):
    for role in ("deploy", "pull"):
        digest = ids.sha256(f"th_{role}".encode())
        quick.house.db.write(
            lambda c, role=role, digest=digest: keys.add(c, ids.new_id(), role, [], digest, ids.now_ms())
        )
        answer = quick.visitor().get("/api/owner/today", headers={"Authorization": f"Bearer th_{role}"})
        assert answer.status_code == 401, role


def test_keys_exports_and_erasures_ask_for_the_password_again(owner, quick):
    at = quick.deps.clock()
    quick.deps.clock = lambda: at + owner_access.FRESH_MS + 1
    for path, body in (("keys", {}), ("jobs", {"kind": "export"}), ("jobs", {"kind": "erase"})):
        assert owner.post(f"/api/owner/{path}", json=body).status_code == 401, path
    assert owner.post("/api/owner/jobs", json={"kind": "retrain"}).status_code == 202
    door = owner.get("/owner/login", headers=PAGE)
    assert door.status_code == 200 and "<code>teahouse open</code>" in door.text
    log_in(owner)
    assert owner.post("/api/owner/jobs", json={"kind": "export"}).status_code == 202


GOOD = ["/owner/", "/owner/review", "/owner/releases/abc?app=tea", "/owner?app=tea"]
BAD = [
    "//evil.test", "///evil.test", "////evil.test", "/\\evil.test", "\\\\evil.test", "/%2f%2fevil.test",
    "%2f%2fevil.test", "/%5cevil.test", "%5c%5cevil.test", "https://evil.test", "http:evil.test", "https:/evil.test",
    "https:evil.test", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "data:text/html,x",
    "vbscript:x", "evil.test", "@evil.test", "/owner@evil.test", "/owner//evil.test", "/owner/..//evil.test",
    "/owner/../../evil", "/owner/%2e%2e/x", "/owner/%252e%252e/x", "/owner\\evil.test", "/owner%5c@evil.test",
    "\t//evil.test", " //evil.test", "/\t/evil.test", "/owner/\r\nLocation: https://evil.test",
    "/owner/%0d%0aSet-Cookie:x", "/owner/\x00", "/ownerevil", "/owner.evil.test", "/%09/evil.test",
    "//evil.test/owner", "/owner/%25252525252f%252f", "/owner/\u2215\u2215evil.test", "?next=//evil.test",
    "#//evil.test", "/owner:80@evil.test", None, "",
]  # fmt: skip


@pytest.mark.parametrize("given", GOOD)
def test_the_door_leads_back_to_where_one_came_from(given):
    assert owner_access.safe_next(given) == given


@pytest.mark.parametrize("given", BAD)
def test_the_door_never_leads_off_the_site(given):
    assert owner_access.safe_next(given) == "/owner/"


def test_the_pages_of_visitors_lead_to_the_owners_side_in_the_owners_own_browser_alone(quick, owner):
    assert 'href="/owner/"' in owner.get("/", headers=PAGE).text
    assert 'href="/owner/"' not in quick.visitor().get("/", headers=PAGE).text
    assert 'href="/owner/"' not in owner.get(f"/{APP}/embed", headers=PAGE).text
    assert 'href="/owner/"' not in quick.visitor().get("/", headers={**PAGE, "Cookie": "owner=made-up"}).text


def test_a_page_that_is_cut_for_everybody_names_no_owner(tmp_path):
    with whole_house(tmp_path, kind="seed") as site:
        site.client.headers.update(OWN)
        token = owner_door.claim_link(site.house, "http://127.0.0.1:8360").rsplit("/", 1)[1]
        answer = site.client.post("/api/owner/session", json={"password": PASSWORD, "token": token})
        assert answer.status_code == 201
        for client in (site.client, site.visitor()):
            assert 'href="/owner/"' not in client.get(f"/{site.name}/seeds/7", headers=PAGE).text


def test_a_crowd_on_the_owners_network_takes_nothing_of_theirs(owner, quick, monkeypatch):
    """Visitors and the owner on one Wi-Fi, or behind a proxy that is not trusted: the owner can still do something."""
    monkeypatch.setattr(budget, "HOLD_S", 0.0)
    quick.deps.budget.spend(("127.0.0.0/24",), "bytes", 1e12)
    for _ in range(40):
        assert quick.visitor().get("/api/apps").status_code == 429
    assert owner.post("/api/owner/keys", json={"role": "owner"}).status_code == 201
    assert owner.get("/owner/load").status_code == 200
    quick.deps.budget.spend(("owner 127.0.0.0/24",), "requests", 1e6)
    assert owner.get("/owner/load").status_code == 429, "but not without a bound"


def test_bodies_of_a_crowd_leave_the_owners_their_room(quick, owner, monkeypatch):
    monkeypatch.setattr(security, "BODIES", 0)
    crowded = client_of(create_app(quick.deps))
    crowded.app.state.owner_door = quick.app.state.owner_door
    crowded.cookies, crowded.headers = owner.cookies, owner.headers
    assert crowded.post(f"/api/apps/{APP}/predictions", content=photo()).status_code == 503
    assert crowded.post("/api/owner/keys", json={"role": "owner"}).status_code == 201
