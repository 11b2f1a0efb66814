"""An app as other sites hold it in a frame."""

import re

import pytest

from teahouse.testing import APP, NAMES, photo, whole_house

HTML = {"Accept": "text/html"}
OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.mark.parametrize("kind", ["labels", "picture", "seed"])
def test_the_play_page_without_the_house_around_it(tmp_path, kind):
    with whole_house(tmp_path, kind=kind) as site:
        page = site.client.get(f"/{site.name}/embed", headers=HTML)
        assert page.status_code == 200 and f'data-app="{site.name}"' in page.text
        links = set(re.findall(r'<a [^>]*href="([^"]*)"', page.text))
        assert {link for link in links if not link.startswith(("/media/", f"/{site.name}"))} == set()
        assert "set-cookie" not in page.headers
        for gone in ("/owner", "/mine", "manifest.webmanifest", "shell.js", "A yes stands"):
            assert gone not in page.text
        assert "/js/frame.js" in page.text and '<base target="_blank">' in page.text


def test_a_frame_never_stands_under_a_yes_of_before(site, own):
    site.client.headers.update(own)
    told = site.ask("warm").json()
    given = {"X-Receipt": told["receipt"], "X-Consent": "keep, train", "Content-Type": "image/jpeg"}
    assert (
        site.client.put(f"/api/predictions/{told['id']}/input", content=photo("warm", 0), headers=given).status_code
        == 201
    )
    assert 'data-standing="yes"' in site.client.get("/", headers=HTML).text
    assert 'data-standing=""' in site.client.get(f"/{APP}/embed", headers=HTML).text


def keep(client, told, **headers):
    sent = {"X-Receipt": told["receipt"], "X-Consent": "keep, train", "Content-Type": "image/jpeg", **headers}
    return client.put(f"/api/predictions/{told['id']}/input", content=photo("warm", 0), headers=sent).json()


def test_who_has_no_cookie_gets_a_private_link_to_what_they_let_be_kept(site):
    told = site.visitor().post(f"/api/apps/{APP}/predictions", content=photo("warm", 0), headers=OWN).json()
    link = keep(site.visitor(), told)["link"]
    later = site.visitor()
    assert later.get(link).headers["location"] == "/mine"
    assert "Your photo is kept." in later.get("/mine", headers=HTML).text


def test_a_receipt_of_a_visitor_with_more_than_one_answer_opens_no_link_to_all_of_them(site, own):
    site.client.headers.update(own)
    first, told = site.ask("cold", 3), site.ask("warm", 0).json()
    assert first.status_code == 201
    assert "link" not in keep(site.visitor(), told)
    assert "link" not in keep(site.client, told), "who has the cookie needs none"


def test_the_script_of_frames_is_there_for_any_page(site):
    response = site.client.get("/embed.js", headers={"Origin": "https://other.test"})
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    assert response.headers["content-type"].startswith("text/javascript")
    assert len(response.content) < 1000


def test_what_is_no_app_is_not_there(site):
    for name in ("nothing", "owner", "mine", "api", NAMES["seed"]):
        response = site.client.get(f"/{name}/embed", headers=HTML)
        assert response.status_code == 404
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
