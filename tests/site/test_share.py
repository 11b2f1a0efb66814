"""Sharing: an answer has a page and a card while its visitor says so, and both are gone when they say so."""

import asyncio
import base64
import io
import re

import pytest
from PIL import Image

from teahouse import ids
from teahouse.engine import card
from teahouse.settings import Settings, Site
from teahouse.site import pages
from teahouse.site.cards import KEPT, KEPT_BYTES, Cards
from teahouse.store import consents, held, predictions, shares
from teahouse.testing import NAMES, photo, whole_house

SHOW = {"X-Consent": "show"}


@pytest.fixture
def mirror(tmp_path, own):
    with whole_house(tmp_path, kind="picture") as site:
        site.client.headers.update(own)
        yield site


@pytest.fixture
def colour(tmp_path, own):
    with whole_house(tmp_path, kind="seed") as site:
        site.client.headers.update(own)
        yield site


def play(site, kind="warm", seed=1):
    """An answer, the photo that it is to, and the picture that was made of it."""
    given = photo(kind, seed)
    answer = site.client.post(f"/api/apps/{site.name}/predictions", content=given,
                              headers={"Content-Type": "image/jpeg"}).json()  # fmt: skip
    return answer, given, base64.b64decode(answer["output"].get("picture", "").partition(",")[2])


def share(site, answer, client=None, **files):
    """Asks for a share as the page does; the response."""
    headers = {**SHOW, "X-Receipt": answer["receipt"]}
    address = f"/api/predictions/{answer['id']}/share"
    client = client or site.client
    return client.post(address, files=files, headers=headers) if files else client.post(address, headers=headers)


def take_back(site, answer, client=None):
    return (client or site.client).delete(f"/api/predictions/{answer['id']}/share",
                                          headers={"X-Receipt": answer["receipt"]})  # fmt: skip


def row_of(site, answer):
    with site.house.db.read() as c:
        return shares.of_prediction(c, ids.parse(answer["id"]))


def media_of(page):
    return re.findall(r'src="(/media/[^"]+)"', page)


def tags_of(page):
    return dict(re.findall(r'<meta (?:property|name)="((?:og|twitter):[a-z_:]+)" content="([^"]*)">', page))


def test_a_share_is_a_page_for_whoever_has_the_link(mirror):
    answer, given, made = play(mirror)
    response = share(mirror, answer, picture=made, photo=given)
    told = response.json()
    assert response.status_code == 201, response.text
    assert set(told) == {"token", "url", "card", "until"}
    assert told["url"] == f"http://127.0.0.1:8360/shared/{told['token']}" and told["card"] == f"{told['url']}/card.png"
    stranger = mirror.visitor()
    page = stranger.get(told["url"])
    assert page.status_code == 200 and page.headers["x-robots-tag"] == "noindex, noarchive"
    assert "What does the mirror see?" in page.text and "Make your own" in page.text and "Report it" in page.text
    assert answer["id"] not in page.text and answer["receipt"] not in page.text
    before, after = (stranger.get(address) for address in media_of(page.text))
    for one in (before, after):
        assert one.headers["content-type"] == "image/jpeg"
        assert one.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert "max-age=30" in one.headers["cache-control"]
    shown = stranger.get(told["card"])
    assert shown.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(shown.content)).size == (1200, 630)


def test_what_is_kept_is_clean_and_named_by_a_consent_to_words_of_today(mirror):
    answer, given, made = play(mirror)
    share(mirror, answer, picture=made, photo=given)
    row = row_of(mirror, answer)
    assert {row.picture, row.photo} & {ids.sha256(made), ids.sha256(given)} == set()
    with mirror.house.db.read() as c:
        consent = consents.get(c, row.consent)
        assert held.unnamed(c, [row.card, row.picture, row.photo]) == []
    assert (consent.purposes, consent.text_version, consent.before) == (["show"], pages.SHOW_VERSION, False)
    assert mirror.client.get("/api/mine").json()["standing"] is False, "a yes to show is no yes to keep"


def test_my_data_says_where_a_photo_is_that_is_only_shown(mirror):
    answer, given, made = play(mirror)
    share(mirror, answer, picture=made)
    assert "Your photo is not kept." in mirror.client.get("/mine").text
    share(mirror, answer, picture=made, photo=given)
    page = mirror.client.get("/mine").text
    assert "Your photo is on its page only." in page and "Your photo is not kept." not in page


def test_the_tags_tell_of_the_page_under_the_address_that_it_has(mirror):
    answer, _, made = play(mirror)
    told = share(mirror, answer, picture=made).json()
    tags = tags_of(mirror.visitor().get(told["url"]).text)
    assert tags["og:url"] == told["url"] and tags["og:image"] == tags["twitter:image"] == told["card"]
    assert tags["og:title"] == tags["twitter:title"] == "What does the mirror see?"
    assert (tags["og:image:width"], tags["og:image:height"]) == ("1200", "630")
    assert tags["twitter:card"] == "summary_large_image"


def test_the_address_of_the_settings_is_the_one_that_is_told(tmp_path, own):
    settings = Settings(project=tmp_path, site=Site(url="https://tea.example"))
    with whole_house(tmp_path, settings, kind="picture") as site:
        site.client.headers.update(own)
        answer, _, made = play(site)
        told = share(site, answer, picture=made).json()
        assert told["url"].startswith("https://tea.example/shared/")
        assert tags_of(site.client.get(f"/shared/{told['token']}").text)["og:image"] == told["card"]
        assert tags_of(site.client.get("/").text)["og:image"] == f"https://tea.example/{site.name}/card.png"


@pytest.mark.parametrize("consent", ["", "keep, train", "show, keep", "sell"])
def test_without_that_yes_nothing_is_shown(mirror, consent):
    answer, _, made = play(mirror)
    headers = {"X-Receipt": answer["receipt"], **({"X-Consent": consent} if consent else {})}
    address = f"/api/predictions/{answer['id']}/share"
    assert mirror.client.post(address, files={"picture": made}, headers=headers).status_code == 422
    assert mirror.client.put(f"/api/predictions/{answer['id']}/input", content=made,
                             headers={**headers, **SHOW}).status_code == 422  # fmt: skip
    assert row_of(mirror, answer) is None and mirror.house.blobs.digests() == []


def test_only_what_was_made_and_given_can_be_shown(mirror):
    answer, given, made = play(mirror)
    _, other, another = play(mirror, "cold", 2)
    for files in ({"picture": another}, {"picture": made, "photo": other}, {"picture": made + b"\0"}):
        assert share(mirror, answer, **files).status_code == 409
    for files in ({"photo": given}, {"picture": made, "x": b"1"}):
        assert share(mirror, answer, **files).status_code == 422
    assert share(mirror, answer).status_code == 422
    assert mirror.house.blobs.digests() == []


def test_a_stranger_shares_nothing_and_takes_nothing_back(mirror, own):
    answer, _, made = play(mirror)
    stranger = mirror.visitor()
    stranger.headers.update(own)
    address = f"/api/predictions/{answer['id']}/share"
    assert stranger.post(address, files={"picture": made}, headers=SHOW).status_code == 404
    told = share(mirror, answer, picture=made).json()
    assert stranger.delete(address).status_code == 404
    assert stranger.get(told["url"]).status_code == 200


def test_taken_back_it_is_gone_at_once_everywhere(mirror):
    answer, given, made = play(mirror)
    told = share(mirror, answer, picture=made, photo=given).json()
    stranger = mirror.visitor()
    pictures = media_of(stranger.get(told["url"]).text)
    assert take_back(mirror, answer).status_code == 204
    for address in (told["url"], told["card"], *pictures):
        assert stranger.get(address).status_code == 404
    calm = stranger.get(told["url"], headers={"Accept": "text/html"})
    assert calm.status_code == 404 and "There is nothing to see here." in calm.text
    assert mirror.house.blobs.digests() == [] and row_of(mirror, answer) is None
    assert take_back(mirror, answer).status_code == 204, "taken back twice is taken back"
    with mirror.house.db.read() as c:
        assert consents.for_prediction(c, ids.parse(answer["id"])) is None
        assert predictions.get(c, ids.parse(answer["id"])).given is not None, "the answer itself stays"


def test_shared_again_it_has_the_same_link_and_shows_what_was_said_last(mirror):
    answer, given, made = play(mirror)
    first = share(mirror, answer, picture=made, photo=given).json()
    again = share(mirror, answer, picture=made).json()
    assert again == first
    assert len(media_of(mirror.visitor().get(first["url"]).text)) == 1
    row = row_of(mirror, answer)
    assert sorted(mirror.house.blobs.digests()) == sorted([row.card, row.picture])
    take_back(mirror, answer)
    assert share(mirror, answer, picture=made).json()["token"] != first["token"]


@pytest.mark.parametrize("way", ["one", "all"])
def test_who_erases_an_answer_shows_it_no_more(mirror, way):
    answer, given, made = play(mirror)
    told = share(mirror, answer, picture=made, photo=given).json()
    address = "/api/mine" if way == "all" else f"/api/predictions/{answer['id']}"
    assert mirror.client.delete(address, headers={"X-Receipt": answer["receipt"]}).status_code == 204
    assert mirror.visitor().get(told["url"]).status_code == 404 and mirror.house.blobs.digests() == []


def test_a_photo_that_is_kept_stays_kept_when_its_share_ends_and_the_other_way_round(mirror):
    answer, given, made = play(mirror)
    own = {"X-Receipt": answer["receipt"], "Content-Type": "image/jpeg", "X-Consent": "keep, train"}
    assert mirror.client.put(f"/api/predictions/{answer['id']}/input", content=given, headers=own).status_code == 201
    share(mirror, answer, picture=made, photo=given)
    blob = row_of(mirror, answer).photo
    take_back(mirror, answer)
    assert mirror.house.blobs.digests() == [blob]
    assert mirror.client.get("/api/mine").json()["standing"] is True, "the yes to keep outlives the share"


def test_my_data_lists_it_takes_it_along_and_takes_it_back(mirror):
    import json
    import zipfile

    answer, given, made = play(mirror)
    told = share(mirror, answer, picture=made, photo=given).json()
    page = mirror.client.get("/mine").text
    assert f'href="/shared/{told["token"]}"' in page and "Take it back" in page
    assert f'data-act="DELETE /api/predictions/{answer["id"]}/share"' in page
    assert mirror.client.get("/api/mine").json()["predictions"][0]["shared"] == f"/shared/{told['token']}"
    with zipfile.ZipFile(io.BytesIO(mirror.client.get("/api/mine/export").content)) as archive:
        data = json.loads(archive.read("data.json"))
        files = {name for name in archive.namelist() if name != "data.json"}
    assert len(files) == 2 and data["predictions"][0]["shared"]
    assert ["show"] in [one["purposes"] for one in data["consents"]]
    take_back(mirror, answer)
    assert "Take it back" not in mirror.client.get("/mine").text


def test_an_answer_in_words_is_shown_with_its_photo_or_alone(site, own):
    site.client.headers.update(own)
    answer, given, _ = play(site)
    told = share(site, answer).json()
    page = site.visitor().get(told["url"]).text
    assert "Warm, quite sure" in page and media_of(page) == []
    assert tags_of(page)["og:description"] == "Warm, quite sure"
    assert share(site, answer, photo=given).json() == told
    assert len(media_of(site.visitor().get(told["url"]).text)) == 1
    assert share(site, answer, picture=given).status_code == 422


def test_a_picture_of_a_seed_alone_has_its_page_and_needs_no_share(colour):
    answer = colour.ask(seed=7).json()
    made = base64.b64decode(answer["output"]["picture"].partition(",")[2])
    refused = share(colour, answer, picture=made)
    assert refused.status_code == 409 and f"/{colour.name}/seeds/7" in refused.json()["error"]["do_next"]
    page = colour.visitor().get(f"/{colour.name}/seeds/7")
    tags = tags_of(page.text)
    here = f"http://127.0.0.1:8360/{colour.name}/seeds/7"
    assert (tags["og:url"], tags["og:image"], tags["og:description"]) == (here, f"{here}/card.png", "Number 7.")
    other = tags_of(colour.visitor().get(f"/{colour.name}/seeds/8").text)
    assert other["og:image"].endswith("/seeds/8/card.png")
    shown = colour.visitor().get(f"/{colour.name}/seeds/7/card.png")
    assert Image.open(io.BytesIO(shown.content)).size == (1200, 630)
    for seed in ("07", "x", str(2**32)):
        assert colour.client.get(f"/{colour.name}/seeds/{seed}/card.png").status_code == 404
    pooled = re.search(r'data-prediction="([^"]+)"', page.text)[1]
    address = f"/api/predictions/{pooled}/share"
    assert colour.client.post(address, files={"picture": made}, headers=SHOW).status_code == 409


@pytest.mark.parametrize("kind", NAMES)
def test_every_app_has_a_card_that_is_drawn_once(tmp_path, kind, monkeypatch):
    with whole_house(tmp_path, kind=kind) as site:
        drawn = []
        monkeypatch.setattr(card, "draw", lambda *given, draw=card.draw: drawn.append(given) or draw(*given))
        address = tags_of(site.client.get(f"/{site.name}").text)["og:image"]
        assert address == f"http://127.0.0.1:8360/{site.name}/card.png"
        for _ in range(3):
            shown = site.client.get(address)
            assert shown.status_code == 200 and Image.open(io.BytesIO(shown.content)).size == (1200, 630)
        assert len(drawn) == 1 and len(drawn[0][1]) == (2 if kind == "picture" else 1)
        assert shown.headers["cross-origin-resource-policy"] == "cross-origin"
        assert site.client.get("/nothing/card.png").status_code == 404


def test_few_large_cards_are_kept_and_many_small_ones_no_more_than_so_many():
    async def fetch(cards, key, size):
        async def draw():
            drawn.append(key)
            return bytes(size), True

        assert len(await cards.get((key,), draw)) == size

    async def visits(cards, *asked):
        for key, size in asked:
            await fetch(cards, key, size)

    drawn, large = [], KEPT_BYTES // 2
    asyncio.run(visits(Cards(), (1, large), (2, large), (1, large), (3, 1), (1, large), (2, large)))
    assert drawn == [1, 2, 3, 2], "the one that nobody asked for went"
    drawn.clear()
    small = [(key, 1) for key in range(KEPT + 1)]
    asyncio.run(visits(Cards(), *small, small[-1], small[0]))
    assert drawn == [*range(KEPT + 1), 0]
    drawn.clear()
    asyncio.run(visits(Cards(), (1, 3 * KEPT_BYTES), (1, 3 * KEPT_BYTES)))
    assert drawn == [1], "the last one is kept whatever its size"


def test_the_bytes_of_a_form_touch_the_memory_alone_and_have_a_limit(mirror):
    answer, _, made = play(mirror)
    assert share(mirror, answer, picture=made + bytes(21_000_000)).status_code == 413
    headers = {**SHOW, "X-Receipt": answer["receipt"], "Content-Type": "application/json"}
    refused = mirror.client.post(f"/api/predictions/{answer['id']}/share", content=b"{}", headers=headers)
    assert refused.status_code == 422
