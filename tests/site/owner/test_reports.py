"""Reports: anybody sends one and gets a receipt, the owner hides what it is about, and it is hidden for everybody."""

import asyncio
import re

import pytest

from teahouse import ids
from teahouse.site import reconcile
from teahouse.site.assembly import create_app
from teahouse.site.deps import make_deps
from teahouse.store import quotas, reports, shares
from teahouse.testing import APP, client_of, photo

OWN = {"Origin": "http://127.0.0.1:8360", "Sec-Fetch-Site": "same-origin"}
HOSTILE = "<script>alert(1)</script>=cmd|' /C calc'!A0\u202e 😀"


@pytest.fixture
def shown(owner, quick):
    """A visitor's client, the answer's id and what the API told of its share."""
    visitor = quick.visitor()
    visitor.headers.update(OWN)
    answer = visitor.post(f"/api/apps/{APP}/predictions", content=photo("warm", 1)).json()
    told = visitor.post(f"/api/predictions/{answer['id']}/share", files={"photo": photo("warm", 1)},
                        headers={"X-Consent": "show"})  # fmt: skip
    assert told.status_code == 201, told.text
    return visitor, answer, told.json()


def report(site, token, client=None, **more):
    client = client or site.visitor()
    client.headers.update(OWN)
    return client.post("/api/reports", json={"kind": "private", "share": token, **more})


def test_a_report_has_a_receipt_and_the_owner_sees_it(owner, quick, shown):
    _, answer, told = shown
    page = quick.visitor().get(told["url"]).text
    assert "Report it" in page and f'data-reporting="{told["token"]}"' in page
    sent = report(quick, told["token"], words=HOSTILE)
    assert sent.status_code == 202, sent.text
    receipt = sent.json()["receipt"]
    seen = owner.get("/api/owner/reports").json()
    assert seen["waiting"] == 1 and seen["shares"][0]["token"] == told["token"]
    (only,) = seen["reports"]
    assert (only["id"], only["kind"], only["words"], only["open"]) == (receipt, "private", HOSTILE, True)
    assert only["prediction"] == answer["id"]
    text = owner.get("/owner/reports").text
    assert receipt in text and "<script>alert(1)" not in text and "&lt;script&gt;" in text
    assert re.search(r"Reports<b>1", owner.get("/owner/").text), "the desk says that one waits"


def test_what_the_owner_hides_is_hidden_at_the_next_request_in_every_process(owner, quick, shown):
    visitor, answer, told = shown
    deps = make_deps(quick.house, quick.engine, quick.deps.settings)
    asyncio.run(reconcile.once(deps))
    with client_of(create_app(deps)) as elsewhere:
        pictures = re.findall(r'src="(/media/[^"]+)"', elsewhere.get(told["url"]).text)
        everywhere = (told["url"], told["card"], *pictures)
        assert len(pictures) == 1 and all(elsewhere.get(one).status_code == 200 for one in everywhere)
        ages = [int(re.search(r"max-age=(\d+)", elsewhere.get(one).headers["cache-control"])[1])
                for one in (told["card"], *pictures)]  # fmt: skip
        assert max(ages) <= 60, "a browser must not show it longer than that"
        report(quick, told["token"])
        hidden = owner.post(f"/api/owner/shares/{told['token']}", json={"hidden": True})
        assert hidden.status_code == 200 and hidden.json()["hidden"]
        for client in (elsewhere, quick.visitor(), visitor):
            assert [client.get(one).status_code for one in everywhere] == [404] * len(everywhere)
    assert owner.get("/api/owner/reports").json()["waiting"] == 0
    own = re.search(r'src="(/media/[^"]+)"', owner.get("/owner/reports").text)
    assert owner.get(own[1]).status_code == 200, "the owner still sees what they hid"
    assert "has hidden it" in visitor.get("/mine").text
    assert owner.post(f"/api/owner/shares/{told['token']}", json={"hidden": False}).json().get("hidden") is None
    assert quick.visitor().get(told["url"]).status_code == 200


def test_its_visitor_has_no_live_address_of_what_the_owner_hid(owner, quick, shown):
    visitor, _, told = shown

    def addresses():
        return re.findall(r'src="(/media/[^"]+)"', visitor.get("/mine").text)

    (before,) = addresses()
    assert quick.visitor().get(before).status_code == 200
    owner.post(f"/api/owner/shares/{told['token']}", json={"hidden": True})
    assert addresses() == [] and quick.visitor().get(before).status_code == 404
    owner.post(f"/api/owner/shares/{told['token']}", json={"hidden": False})
    assert quick.visitor().get(*addresses()).status_code == 200


def test_what_is_hidden_is_not_shown_again_by_taking_it_back_first(owner, quick, shown):
    visitor, answer, told = shown
    address = f"/api/predictions/{answer['id']}/share"
    owner.post(f"/api/owner/shares/{told['token']}", json={"hidden": True})
    again = {"files": {"photo": photo("warm", 1)}, "headers": {"X-Consent": "show"}}
    assert visitor.post(address, **again).status_code == 403
    assert visitor.delete(address).status_code == 204
    assert quick.house.blobs.digests() == [], "its visitor takes it back all the same"
    assert visitor.post(address, **again).status_code == 403
    assert owner.post(f"/api/owner/shares/{told['token']}", json={"hidden": False}).status_code == 404
    visitor.delete(f"/api/predictions/{answer['id']}")
    with quick.house.db.read() as c:
        assert shares.of_prediction(c, ids.parse(answer["id"])) is None, "who erases leaves nothing"


def test_what_was_taken_back_stays_taken_back_and_the_owners_page_says_so(owner, quick, shown):
    visitor, answer, told = shown
    report(quick, told["token"])
    decide = f"/api/owner/shares/{told['token']}"
    owner.post(decide, json={"hidden": True})
    assert "Show it again" in owner.get("/owner/reports").text
    assert visitor.delete(f"/api/predictions/{answer['id']}/share").status_code == 204
    page = owner.get("/owner/reports").text
    assert "Its visitor took it back." in page and "Show it again" not in page and "Nothing yet." in page
    assert owner.get("/api/owner/reports").json()["shares"] == []
    late = owner.post(decide, json={"hidden": False})
    assert late.status_code == 404 and "took it back" in late.json()["error"]["why"]
    assert quick.visitor().get(told["url"]).status_code == 404
    mine = visitor.get("/mine").text
    assert answer["id"] in mine and "Take it back" not in mine and "has hidden it" not in mine


def test_a_report_waits_no_more_once_its_share_is_gone_or_the_owner_is_done(owner, quick, shown):
    visitor, answer, told = shown
    report(quick, told["token"])
    second = report(quick, None, client=visitor, share=None, prediction=answer["id"]).json()["receipt"]
    assert owner.get("/api/owner/reports").json()["waiting"] == 2
    assert owner.post(f"/api/owner/reports/{second}").status_code == 204
    assert owner.get("/api/owner/reports").json()["waiting"] == 1
    visitor.delete(f"/api/predictions/{answer['id']}/share")
    assert owner.get("/api/owner/reports").json()["waiting"] == 0
    assert "took it back" in owner.get("/owner/reports").text
    assert owner.post(f"/api/owner/reports/{ids.text(ids.new_id())}").status_code == 404


@pytest.mark.parametrize(
    "body",
    [{"kind": "private"}, {"kind": "nonsense", "share": "x"}, {"kind": "other", "share": "x", "prediction": "y"},
     {"kind": "other", "share": "x", "words": "w" * 2001}, {"kind": "other", "share": "x", "words": "\ud800"}],
)  # fmt: skip
def test_a_report_that_says_too_little_or_too_much_is_refused(quick, body):
    import json

    client = quick.visitor()
    sent = client.post("/api/reports", content=json.dumps(body), headers={**OWN, "Content-Type": "application/json"})
    assert sent.status_code == 422


def test_nobody_reports_what_they_can_not_see(quick, shown):
    _, answer, _ = shown
    assert report(quick, "x" * 22).status_code == 404
    assert report(quick, None, share=None, prediction=answer["id"]).status_code == 404


def test_one_network_sends_twenty_a_day_and_no_address_is_kept(owner, quick, shown):
    _, _, told = shown
    client = quick.visitor("203.0.113.9")
    codes = [report(quick, told["token"], client=client).status_code for _ in range(21)]
    assert codes == [202] * 20 + [429]
    assert report(quick, told["token"], client=quick.visitor("198.51.100.1")).status_code == 202
    files = [path.read_bytes() for path in quick.house.data.glob("house.db*")]
    assert not any(b"203.0.113" in file for file in files)
    with quick.house.db.read() as c:
        assert reports.waiting(c) == 21
    assert quick.house.db.write(lambda c: quotas.sweep(c, "9999-01-01")) == 2


def test_no_page_lists_what_visitors_show(owner, quick, shown):
    _, _, told = shown
    stranger = quick.visitor()
    for address in ("/", f"/{APP}", "/mine", "/docs", "/log", "/api/apps", f"/api/apps/{APP}", "/api/mine",
                    "/manifest.webmanifest", "/openapi.json"):  # fmt: skip
        text = stranger.get(address).text
        assert told["token"] not in text, address
    assert stranger.get("/shared").status_code == 404 and stranger.get("/shared/").status_code == 404
