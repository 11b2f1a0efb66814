"""The first run: a one-time link, on this machine, and nothing else until it is used."""

import re

from teahouse import ids
from teahouse.site import owner_door

URL = "http://127.0.0.1:8360"
OWN = {"Origin": URL, "Sec-Fetch-Site": "same-origin"}
PAGE = {"Accept": "text/html"}


def claim_with(client, token, password="a long enough one"):
    return client.post("/api/owner/session", json={"password": password, "token": token}, headers=OWN)


def link(site):
    return owner_door.claim_link(site.house, URL)


def test_the_link_holds_256_random_bits_and_only_its_digest_is_kept(site):
    token = link(site).rsplit("/", 1)[1]
    assert link(site).startswith(f"{URL}/claim/") and re.fullmatch(r"[\w-]{43}", token)
    files = [path for path in site.house.data.rglob("*") if path.is_file()]
    assert not any(token.encode() in path.read_bytes() or token in path.name for path in files)


def test_the_claim_page_opens_on_this_machine_alone(site):
    path = link(site).removeprefix(URL)
    page = site.client.get(path, headers=PAGE)
    assert page.status_code == 200 and "new-password" in page.text
    assert site.visitor("203.0.113.9").get(path, headers=PAGE).status_code == 404
    assert site.client.get(path, headers={**PAGE, "X-Forwarded-For": "127.0.0.1"}).status_code == 404


def test_nobody_claims_from_elsewhere_even_with_the_link(site):
    token = link(site).rsplit("/", 1)[1]
    assert claim_with(site.visitor("203.0.113.9"), token).status_code == 404
    assert claim_with(site.client, token).status_code == 201


def test_a_wrong_link_opens_nothing(site):
    link(site)
    for token in ("x", "../../house.key", "%2e%2e%2fhouse", "a" * 43):
        assert site.client.get(f"/claim/{token}", headers=PAGE).status_code == 404, token
        assert claim_with(site.client, token).status_code == 404, token


def test_the_link_works_once_and_a_new_one_ends_the_old(site):
    old, new = link(site).rsplit("/", 1)[1], link(site).rsplit("/", 1)[1]
    assert claim_with(site.client, old).status_code == 404
    assert claim_with(site.client, new).status_code == 201
    assert claim_with(site.client, new, "another long one").status_code == 404
    assert link(site) == ""


def test_what_the_terminal_opens_leaves_the_printed_link_alive(site):
    printed = link(site).rsplit("/", 1)[1]
    opened = owner_door.open_link(site.house, URL).rsplit("/", 1)[1]
    assert all(site.client.get(f"/claim/{token}", headers=PAGE).status_code == 200 for token in (printed, opened))
    later = ids.now_ms() + owner_door.OPEN_LINK_MS
    links = owner_door.links_of(site.house)
    assert links.holds("claim", printed, later) and not links.holds("claim", opened, later)
    assert claim_with(site.client, printed).status_code == 201
    dead = site.client.get(f"/claim/{printed}", headers=PAGE)
    assert dead.status_code == 404 and "run <code>teahouse open</code>" in dead.text


def test_a_short_password_is_refused_and_the_link_lives_on(site):
    token = link(site).rsplit("/", 1)[1]
    for password in ("", "short", "nine char"):
        assert claim_with(site.client, token, password).status_code == 422, password
    assert claim_with(site.client, token, "ten letter").status_code == 201


def test_there_is_no_default_password(site):
    for password in ("", "owner", "admin", "password", "teahouse"):
        assert site.client.post("/api/owner/session", json={"password": password}, headers=OWN).status_code == 403


def test_an_unclaimed_site_has_no_owners_side_but_the_claim(site):
    for path in ("/owner/", "/owner/login", "/owner/review", "/owner/releases", "/api/owner/today", "/owner/media/x"):
        assert site.client.get(path, headers=PAGE).status_code == 403, path


def test_the_terminal_opens_a_claimed_site_once(owner, quick):
    path = owner_door.open_link(quick.house, URL).removeprefix(URL)
    assert path.startswith("/owner/open/")
    other = quick.visitor()
    first = other.get(path)
    assert first.status_code == 303 and first.headers["location"] == "/owner/"
    assert other.get("/api/owner/session").json()["by"] == "session"
    assert quick.visitor().get(path).status_code == 404


def test_a_link_of_the_terminal_ends_after_ten_minutes(owner, quick):
    path = owner_door.open_link(quick.house, URL).removeprefix(URL)
    at = quick.deps.clock()
    quick.deps.clock = lambda: at + owner_door.OPEN_LINK_MS + 1
    assert quick.visitor().get(path).status_code == 404
    quick.deps.clock = lambda: at
    assert quick.visitor().get(path).status_code == 404, "a clock set back opens nothing"


def test_before_the_claim_the_terminal_opens_the_claim(site):
    assert owner_door.open_link(site.house, URL).startswith(f"{URL}/claim/")
