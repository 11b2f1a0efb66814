"""My data: seen, taken along, ended; the private link opens it elsewhere and makes nobody another visitor."""

import io
import json
import re
import zipfile
from dataclasses import replace

import pytest

from teahouse import ids
from teahouse.errors import TooMany
from teahouse.site import mine, pages
from teahouse.spec.fields.image import MAX_BYTES
from teahouse.testing import APP, photo

OWN = {"Origin": "http://127.0.0.1:8360"}
PATH = f"/api/apps/{APP}/predictions"


@pytest.fixture
def given(site, own):
    """A kept photo, and one that was only answered."""
    kept = site.client.post(PATH, content=photo("cold", 1), headers=own).json()
    site.client.put(
        f"/api/predictions/{kept['id']}/input",
        content=photo("cold", 1),
        headers={**own, "X-Receipt": kept["receipt"], "X-Consent": "keep, train"},
    )
    return kept, site.client.post(PATH, content=photo("warm", 2), headers=own).json()


def test_the_page_and_the_api_show_what_is_held(site, given):
    told = site.client.get("/api/mine").json()
    assert [one["kept"] for one in told["predictions"]] == [False, True] and told["standing"] is True
    page = site.client.get("/mine").text
    assert all(one["id"] in page for one in given)
    picture = site.client.get(re.search(r'"(/media/[^"]+)"', page).group(1))
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert site.visitor().get("/api/mine").json() == {"standing": False, "predictions": [], "taught": 0}


def test_the_page_shows_the_word_however_it_was_sent_and_promises_no_day_too_many(site, own):
    for seed, value in enumerate(("cold", {"label": "cold"})):
        told = site.client.post(PATH, content=photo("warm", seed), headers=own).json()
        headers = {**own, "X-Receipt": told["receipt"]}
        word = {"kind": "correct", "value": value}
        answer = site.client.post(f"/api/predictions/{told['id']}/feedback", json=word, headers=headers)
        assert answer.status_code == 201, answer.text
    page = site.client.get("/mine").text
    assert page.count("You said: Cold.") == 2
    assert "for 90 days, or longer while the app learns from it, and goes at once when you delete it." in page


def test_what_it_had_never_seen_the_like_of_is_told_as_a_guess(site, own, monkeypatch):
    predict = site.engine.predict

    async def strangely(*given):
        return replace(await predict(*given), familiar=False, look={"brightness": 0.5})

    monkeypatch.setattr(site.engine, "predict", strangely)
    site.client.post(PATH, content=photo("warm", 1), headers=own)
    page = site.client.get("/mine").text
    assert "a guess: it had never seen the like" in page and "sure" not in page.lower().replace("insure", "")


def test_a_no_that_names_nothing_is_a_word_too(site, own):
    told = site.client.post(PATH, content=photo("warm", 1), headers=own).json()
    said = {"json": {"kind": "agree", "value": False}, "headers": {**own, "X-Receipt": told["receipt"]}}
    answer = site.client.post(f"/api/predictions/{told['id']}/feedback", **said)
    assert answer.json()["ask_consent"] is False, "nothing that could be learned was said"
    assert "You said no." in site.client.get("/mine").text


def test_a_forged_or_old_picture_address_shows_nothing(site, given, monkeypatch):
    address = re.search(r'"(/media/[^"]+)"', site.client.get("/mine").text).group(1)
    assert site.client.get(address[:-3] + "abc").status_code == 404
    assert site.client.get("/media/nothing").status_code == 404
    import time

    later = time.time() + 2 * 3600
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    assert site.client.get(address).status_code == 404


def test_everything_goes_into_one_zip(site, given):
    response = site.client.get("/api/mine/export")
    assert response.headers["content-disposition"].startswith("attachment")
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        data = json.loads(archive.read("data.json"))
        photos = [name for name in archive.namelist() if name.startswith("photos/")]
        assert len(data["predictions"]) == 2 and archive.read(photos[0])[:3] == b"\xff\xd8\xff"


def test_all_of_it_ends_at_once(site, given):
    assert site.client.delete("/api/mine").status_code == 403
    gone = site.client.delete("/api/mine", headers=OWN)
    assert gone.status_code == 204 and "visitor=" in gone.headers["set-cookie"]
    assert site.client.get("/api/mine").json()["predictions"] == []
    for one in given:
        headers = {"X-Receipt": one["receipt"]}
        assert site.client.get(f"/api/predictions/{one['id']}", headers=headers).status_code == 404
    assert not any(path.is_file() for path in (site.house.data / "blobs").rglob("*"))


def test_the_private_link_opens_it_on_another_device_for_a_while(site, given):
    link = re.search(r"/mine/[\w.-]{60,}", site.client.get("/mine").text).group(0)
    phone = site.visitor()
    mine = phone.post(PATH, content=photo(seed=9), headers=OWN).json()
    opened = phone.get(link)
    assert (opened.status_code, opened.headers["location"]) == (303, "/mine")
    assert given[0]["id"] in phone.get("/mine").text
    # what is played on the phone stays the phone's own
    again = phone.post(PATH, content=photo(seed=10), headers=OWN).json()
    assert again["id"] not in json.dumps(site.client.get("/api/mine").json())
    assert phone.delete("/api/mine", headers=OWN).status_code == 204
    assert site.client.get("/api/mine").json()["predictions"] == []
    assert {one["id"] for one in phone.get("/api/mine").json()["predictions"]} == {mine["id"], again["id"]}


def test_a_link_that_nobody_signed_opens_nothing(site):
    for token in ("x", "A" * 300, "AAAAAAAAAAAAAAAAAAAAAA.aaaaaa.bbbbbbbb"):
        assert site.client.get(f"/mine/{token}").status_code == 404


def test_the_zip_holds_what_was_allowed_and_names_what_can_not_be_read(site, given):
    (file,) = [path for path in (site.house.data / "blobs").rglob("*") if path.is_file()]
    file.write_bytes(b"damaged")
    response = site.client.get("/api/mine/export")
    assert response.status_code == 200
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        text = archive.read("data.json").decode()
        assert archive.namelist() == ["data.json"]
    data = json.loads(text)
    assert [one.get("photo_left_out") for one in data["predictions"]] == [None, "It can not be read."]
    assert [one["purposes"] for one in data["consents"]] == [["keep", "train"]]
    assert data["consents"][0]["prediction"] == given[0]["id"] and str(site.house.data) not in text


def test_one_export_at_a_time_is_made_for_a_visitor(site, given):
    visitor = ids.new_id()
    exports = mine.Exports()
    with exports.turn(visitor):
        with pytest.raises(TooMany), exports.turn(visitor):
            pass
        with exports.turn(ids.new_id()), pytest.raises(TooMany), exports.turn(ids.new_id()):
            pass
    with exports.turn(visitor):
        pass


def test_the_page_knows_the_servers_own_limit():
    assert pages.PhotoLimits().bytes == MAX_BYTES == 10_000_000
