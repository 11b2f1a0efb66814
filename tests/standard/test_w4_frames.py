"""W3, W4 on the pages of frames, installed sites and the log: one route may be framed, and no other; nothing runs."""

import pytest

from teahouse.site.routes import ROUTES
from teahouse.testing import APP
from tests.standard.conftest import OWN, People
from tests.standard.test_a1_matrix import STREAMS, url_of

LOOKED_AT = [route for route in ROUTES if route.method == "GET" and route.name not in STREAMS]
NEW = ("embed", "embed-script", "manifest", "worker", "offline", "log")


@pytest.mark.parametrize("route", LOOKED_AT, ids=lambda route: route.name)
def test_w4_the_embed_alone_may_be_framed(crowd: People, route):
    for role in ("anonymous", "A", "owner"):
        address = url_of(route, {**crowd.made, "release": crowd.site.release})
        headers = crowd.clients[role].get(address, headers={"Accept": "text/html"}).headers
        framed = "frame-ancestors *" in headers["content-security-policy"]
        assert framed == (route.name == "embed"), (route.name, role)
        assert headers.get("x-frame-options") == (None if framed else "DENY") or "sandbox" in str(headers)


@pytest.mark.parametrize("role", ["anonymous", "owner"])
def test_w4_the_embed_carries_no_action_of_the_owner(crowd: People, role):
    page = crowd.clients[role].get(f"/{APP}/embed", headers={"Accept": "text/html"}).text
    assert "/owner" not in page and "data-act" not in page and "/api/owner" not in page
    assert page == page.replace('href="/mine"', ""), "no page of the visitor's own either"


@pytest.mark.parametrize("name", NEW)
def test_w3_each_carries_a_policy_that_lets_only_its_own_nonce_run(crowd: People, name):
    route = next(route for route in ROUTES if route.name == name)
    response = crowd.clients["A"].get(url_of(route, crowd.made), headers={**OWN, "Accept": "text/html"})
    policy = response.headers["content-security-policy"]
    for part in ("'strict-dynamic'", "'nonce-", "object-src 'none'", "base-uri 'none'", "require-trusted-types-for"):
        assert part in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in response.headers


def test_w_the_worker_and_its_offline_page_are_the_same_for_everybody(crowd: People):
    """What a browser keeps holds nothing of anybody: owner, visitor and stranger get the same bytes."""
    for path in ("/sw.js", "/manifest.webmanifest", "/embed.js"):
        assert len({crowd.clients[role].get(path).content for role in ("anonymous", "A", "B", "owner", "key")}) == 1
    pages = {role: crowd.clients[role].get("/offline").text for role in ("anonymous", "A", "owner")}
    assert len(set(pages.values())) == 1, "not even a nonce is in it"
