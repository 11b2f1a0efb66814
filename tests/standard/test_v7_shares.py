"""V7, and V1, V3, D8 and I6 for what visitors show to others: told of, hidden, forgotten, and written as text alone."""

import asyncio
import base64
from html.parser import HTMLParser

import pytest

from teahouse import ids
from teahouse.feedback import retention
from teahouse.settings import Settings
from teahouse.site import reconcile
from teahouse.store import apps, backup, erasures, predictions, shares
from teahouse.store.house import House
from teahouse.testing import NAMES, photo, tiny_declaration, whole_house
from tests.standard.conftest import OWN, People
from tests.standard.search import forms, hits
from tests.standard.visits import MARKER, marked

HOSTILE = "</title><img src=x onerror=alert(1)>\"'{{ 7*7 }}\u202e😀 مرحبا" + "W" * 5000
DAYS = 90


@pytest.fixture
def mirror(tmp_path):
    with whole_house(tmp_path / "house", kind="picture") as site:
        site.client.headers.update(OWN)
        yield site


def shown(site, given, **headers):
    """The answer to a photo, its receipt as a header, and what the API says to its share."""
    sent = {"Content-Type": "image/jpeg"}
    answer = site.client.post(f"/api/apps/{site.name}/predictions", content=given, headers=sent).json()
    receipt = {"X-Receipt": answer["receipt"]}
    files = {"photo": given, "picture": base64.b64decode(answer["output"]["picture"].partition(",")[2])}
    headers = {**receipt, "X-Consent": "show", **headers}
    return answer, receipt, site.client.post(f"/api/predictions/{answer['id']}/share", files=files, headers=headers)


def test_v7_a_report_link_a_receipt_and_hidden_for_all(people: People):
    stranger, owner, made = people.clients["B"], people.clients["owner"], people.made
    page = f"/shared/{made['share']}"
    assert "Report it" in stranger.get(page).text
    told = stranger.post("/api/reports", json={"kind": "illegal", "words": "It is mine.", "share": made["share"]})
    receipt = told.json()["receipt"]
    assert receipt in owner.get("/owner/reports").text
    assert owner.post(f"/api/owner/shares/{made['share']}", json={"hidden": True}).status_code == 200
    for client in people.clients.values():
        assert client.get(page).status_code == client.get(f"{page}/card.png").status_code == 404
    for address in ("/", "/mine", "/api/apps", "/log"):
        assert made["share"] not in stranger.get(address).text, "a gallery that nobody switched on"


def test_v1_without_a_yes_to_show_nothing_is_on_the_disk(mirror):
    _, _, refused = shown(mirror, marked("warm", 1), **{"X-Consent": "keep, train"})
    assert refused.status_code == 422
    assert hits(mirror.house.data, MARKER) == [] and mirror.house.blobs.digests() == []


def pieces(site, answer):
    """What a share's blobs are found by: bytes from their middle, and their names."""
    with site.house.db.read() as c:
        row = shares.of_prediction(c, ids.parse(answer["id"]))
    blobs = [row.card, row.picture, row.photo]
    data = [site.house.blobs.get(blob) for blob in blobs]
    return [MARKER, *(one[len(one) // 2 :][:48] for one in data), *(f for b in blobs for f in forms(bytes.fromhex(b)))]


@pytest.mark.parametrize("way", ["take back", "erase", "forget me", "retention"])
def test_v3_what_is_taken_back_is_in_no_file(mirror, way):
    answer, receipt, told = shown(mirror, marked("warm", 1))
    wanted, path = pieces(mirror, answer), f"/api/predictions/{answer['id']}"
    assert len({needle for _, needle in hits(mirror.house.data, *wanted)}) >= 4, "the search itself finds nothing"
    if way == "retention":
        retention.sweep(mirror.house, DAYS, ids.now_ms() + (DAYS - 1) * retention.DAY_MS)
        assert mirror.client.get(told.json()["url"]).status_code == 200, "a day too early"
        retention.sweep(mirror.house, DAYS, ids.now_ms() + DAYS * retention.DAY_MS + 1000)
    else:
        address = {"take back": f"{path}/share", "erase": path, "forget me": "/api/mine"}[way]
        assert mirror.client.delete(address, headers=receipt).status_code == 204
    assert mirror.visitor().get(told.json()["url"]).status_code == 404
    assert hits(mirror.house.data, *wanted) == []


def test_v3_pictures_that_two_show_stay_while_one_of_them_does(mirror):
    _, one, first = shown(mirror, photo("warm", 1))
    answer, _, second = shown(mirror, photo("warm", 1))
    blobs = mirror.house.blobs.digests()
    assert mirror.client.delete(f"/api/predictions/{answer['id']}").status_code == 204
    assert mirror.house.blobs.digests() == blobs
    assert mirror.client.get(first.json()["url"]).status_code == 200
    assert mirror.client.get(second.json()["url"]).status_code == 404
    assert one


def test_a_share_without_a_standing_yes_is_not_shown_and_goes(mirror):
    from teahouse.store import consents

    answer, _, told = shown(mirror, photo("warm", 1))
    with mirror.house.db.read() as c:
        row = shares.of_prediction(c, ids.parse(answer["id"]))
    mirror.house.db.write(lambda c: consents.withdraw(c, row.consent, ids.now_ms()))
    assert mirror.client.get(told.json()["url"]).status_code == 404
    retention.sweep(mirror.house, DAYS, ids.now_ms())
    assert mirror.house.blobs.digests() == []


def test_d8_a_restored_house_forgets_again_what_was_taken_back_and_hides_what_was_hidden(tmp_path):
    with whole_house(tmp_path / "house", kind="picture") as site:
        site.client.headers.update(OWN)
        first, receipt, _ = shown(site, photo("warm", 1))
        _, _, second = shown(site, photo("cold", 2))
        backup.backup(site.house, tmp_path / "copy")
        site.client.delete(f"/api/predictions/{first['id']}/share", headers=receipt)
        token = second.json()["token"]
        site.house.db.write(lambda c: (shares.hide(c, token, 1), erasures.add(c, "hidden", token, "owner", 1)))
    backup.restore(tmp_path / "copy", tmp_path / "house" / ".teahouse")
    with House.open(tmp_path / "house" / ".teahouse") as house, house.db.read() as c:
        assert shares.of_prediction(c, ids.parse(first["id"])) is None
        row = shares.get(c, token)
        assert row.hidden and shares.shown(c, token) is None
        assert sorted(house.blobs.digests()) == sorted({row.card, row.picture, row.photo})
        assert predictions.get(c, ids.parse(first["id"])).given is not None


class Tags(HTMLParser):
    """The content of every meta tag by its name, and every tag there is."""

    def __init__(self, text):
        super().__init__()
        self.meta, self.names = {}, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.names.append(tag)
        assert not [name for name in given if name.startswith("on")], attrs
        if tag == "meta":
            self.meta[given.get("property") or given.get("name")] = given.get("content")


@pytest.mark.parametrize("kind", ["picture", "seed"])
def test_i6_hostile_titles_are_text_on_cards_and_in_tags(tmp_path, kind):
    settings = Settings(project=tmp_path)
    settings.site.title = HOSTILE
    with whole_house(tmp_path / "house", settings, kind=kind) as site:
        site.client.headers.update(OWN)
        declared = tiny_declaration(kind=kind)
        site.house.db.write(lambda c: apps.declare(c, NAMES[kind], HOSTILE, declared, "", ids.now_ms()))
        asyncio.run(reconcile.once(site.deps))
        pages = [f"/{site.name}"]
        if kind == "seed":
            pages += [f"/{site.name}/seeds/7"]
        else:
            _, _, told = shown(site, photo("warm", 1))
            pages += [f"/shared/{told.json()['token']}"]
        for address in pages:
            page = site.client.get(address)
            tags = Tags(page.text)
            assert tags.meta["og:title"] == tags.meta["twitter:title"] == tags.meta["og:image:alt"] == HOSTILE
            assert tags.meta["og:site_name"] == HOSTILE
            assert "<img src=x" not in page.text and "49" not in tags.meta["og:title"]
            card = site.client.get(tags.meta["og:image"])
            assert card.status_code == 200 and card.content.startswith(b"\x89PNG")


def test_w6_what_visitors_show_can_not_act_as_a_page(mirror):
    _, _, told = shown(mirror, photo("warm", 1))
    page = mirror.client.get(told.json()["url"])
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    card = mirror.client.get(told.json()["card"])
    assert card.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert card.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in card.headers
