"""The pages that anyone may see, and the health of the house."""

import asyncio
import io
import re
from dataclasses import replace

import PIL.Image
import pytest

from teahouse.site import media
from teahouse.site.pool import Filler
from teahouse.store import apps, lineage
from teahouse.testing import APP, expected

HTML = {"Accept": "text/html"}


def test_with_one_app_the_home_page_is_its_play_page_already_answered(site):
    page = site.client.get("/", headers=HTML).text
    assert "Warm or cold?" in page and f'data-app="{APP}"' in page
    first = (site.house.releases / site.release / "examples" / "0.png").read_bytes()
    assert f">{expected(first)['label'].capitalize()}<" in page.replace("\n", "")
    photos = re.findall(r'data-sample="([^"]+)" [^>]*><img src="([^"]+)"', page)
    assert len(photos) == 2
    assert site.client.get(photos[0][0]).content == first
    small = site.client.get(photos[0][1])
    assert small.headers["content-type"] == "image/webp"
    with PIL.Image.open(io.BytesIO(small.content)) as picture:
        assert max(picture.size) <= media.THUMB


def test_every_page_answers_with_its_own_nonce(site):
    nonces = set()
    for path in ("/", f"/{APP}", "/mine", "/docs", "/nothing"):
        response = site.client.get(path, headers=HTML)
        nonce = re.search(r"'nonce-([\w-]+)'", response.headers["content-security-policy"]).group(1)
        assert set(re.findall(r'nonce="([^"]+)"', response.text)) <= {nonce}
        nonces.add(nonce)
    assert len(nonces) == 5


def test_with_several_apps_the_home_page_is_the_shelf(site):
    import asyncio

    from teahouse.site import reconcile
    from teahouse.testing import tiny_declaration

    declared = tiny_declaration("second")
    site.house.db.write(lambda c: apps.declare(c, "second", "The second", declared, "", 1))
    asyncio.run(reconcile.once(site.deps))
    page = site.client.get("/", headers=HTML).text
    assert "The second" in page and f'href="/{APP}"' in page
    closed = site.client.get("/second", headers=HTML)
    assert closed.status_code == 200 and "not open yet" in closed.text
    assert site.client.get("/api/apps/second").json()["open"] is False


def test_a_release_that_does_not_load_says_so_with_503(site):
    shown = site.deps.serving.apps[APP]
    resting = replace(shown, champion=replace(shown.champion, ready=False, why="it is broken"))
    site.deps.serving = replace(site.deps.serving, apps={APP: resting})
    page = site.client.get("/", headers=HTML)
    assert page.status_code == 503 and page.headers["retry-after"] == "5"
    assert site.client.get("/readyz").status_code == 503


def test_what_is_not_there_is_told_in_the_register_of_who_asks(site):
    page = site.client.get("/nothing", headers=HTML)
    assert page.status_code == 404 and page.headers["content-type"].startswith("text/html")
    assert site.client.get("/api/nothing", headers=HTML).json()["error"]["code"] == "not-found"
    assert site.client.get("/nothing").json()["error"]["code"] == "not-found"


@pytest.mark.parametrize("path", ["/api/nothing", "/api/apps/other", "/media/nothing", "/static/x/nothing.js"])
def test_what_is_not_there_is_told_with_a_reason_and_what_to_do(site, path):
    told = site.client.get(path).json()["error"]
    assert told["code"] == "not-found" and told["what"] and told["why"] and told["do_next"]
    wrong = site.client.get(f"/api/apps/{APP}/predictions").json()["error"]
    assert wrong["code"] == "method-not-allowed" and wrong["why"] and wrong["do_next"]


def test_the_accuracy_of_the_champion_is_told_with_its_interval(site, monkeypatch):
    interval = {"value": 0.93, "low": 0.9, "high": 0.96, "n": 300}

    class Verdict:
        champion = None
        numbers = {"gold": {"n": 300, "champion": 252, "challenger_interval": interval}, "measured_on": "live"}

    monkeypatch.setattr(lineage, "verdict_on", lambda c, candidate: Verdict)
    assert site.client.get(f"/api/apps/{APP}").json()["accuracy"] == {**interval, "whose": "visitors"}
    assert "93 times in 100 on 300 photos from visitors" in site.client.get("/", headers=HTML).text
    Verdict.numbers["measured_on"] = "base"
    assert "93 times in 100 on 300 photos of the maker" in site.client.get("/", headers=HTML).text


def test_the_release_before_is_told_where_the_same_photos_judged_it(site, monkeypatch):
    interval = {"value": 0.88, "low": 0.82, "high": 0.92, "n": 150}

    class Verdict:
        champion = "a" * 64
        numbers = {"gold": {"n": 150, "champion": 126, "challenger_interval": interval}, "measured_on": "live"}

    monkeypatch.setattr(lineage, "verdict_on", lambda c, candidate: Verdict)
    assert site.client.get(f"/api/apps/{APP}").json()["accuracy"]["before"] == 0.84
    page = site.client.get("/", headers=HTML).text
    assert "right about 88 times in 100 on 150 photos from visitors; the release before it 84." in page
    Verdict.numbers["gold"]["n"] = 149  # not the rows that this figure is about
    assert "the release before it" not in site.client.get("/", headers=HTML).text
    Verdict.champion, Verdict.numbers["gold"]["n"] = None, 150  # the first one: guessing is no release
    assert "the release before it" not in site.client.get("/", headers=HTML).text


def test_the_openapi_document_has_each_apps_own_path_and_every_api_route(site):
    from teahouse.site.routes import ROUTES

    document = site.client.get("/openapi.json").json()
    post = document["paths"][f"/api/apps/{APP}/predictions"]["post"]
    assert set(post["requestBody"]["content"]) == {"image/*", "multipart/form-data", "application/json"}
    for route in ROUTES:
        if route.path.startswith("/api/") and not route.path.startswith("/api/owner") and route.name != "predict":
            assert route.method.lower() in document["paths"][route.path]
    page = site.client.get("/docs", headers=HTML).text
    assert f"/api/apps/{APP}/predictions" in page and "https://" not in re.sub(r"xmlns=\S+", "", page)


def test_the_house_is_alive_and_ready_by_a_real_prediction(site):
    before = site.engine.answered
    assert site.client.get("/healthz").text == "ok\n"
    assert site.client.get("/readyz").json() == {"ready": True, "apps": {APP: "answered"}}
    assert site.engine.answered == before + 1


def test_metrics_are_for_this_machine_alone(site):
    site.ask()
    told = site.client.get("/metrics").text
    assert f'teahouse_release_ready{{app="{APP}"' in told
    assert re.search(r'teahouse_tally_day\{app="warmth".*what="answers"\} 1\.0', told)
    assert site.visitor("203.0.113.9").get("/metrics").status_code == 404
    assert site.client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 404


def test_static_files_stay_for_ever_under_their_hash(site):
    address = re.search(r'"(/static/[^"]+\.js)"', site.client.get("/", headers=HTML).text).group(1)
    response = site.client.get(address)
    assert "immutable" in response.headers["cache-control"]
    assert response.headers["content-type"].startswith("text/javascript")
    assert site.client.get("/static/x/../../../deps.py").status_code == 404
    assert site.client.get("/static/x/nothing.js").json()["error"]["code"] == "not-found"


@pytest.mark.parametrize("accept", ["gzip", "br, gzip;q=0.5", "GZIP", "deflate, gzip; q=1.0"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_pages_and_scripts_go_gzipped_to_who_takes_that(site, accept, method):
    for path in ("/", script_of(site)):
        told = site.client.request(method, path, headers={**HTML, "Accept-Encoding": accept})
        assert told.headers["content-encoding"] == "gzip" and told.headers["vary"] == "Accept-Encoding"
        whole = site.client.get(path, headers={**HTML, "Accept-Encoding": "identity"})
        assert "content-encoding" not in whole.headers and whole.headers["vary"] == "Accept-Encoding"
        assert int(told.headers["content-length"]) < 0.6 * len(whole.content)
        if method == "GET" and path != "/":
            assert told.content == whole.content


@pytest.mark.parametrize("accept", ["identity", "gzip;q=0", "gzip; q=0.000", "br", "xgzip", ""])
def test_who_does_not_take_gzip_gets_it_plain(site, accept):
    told = site.client.get(script_of(site), headers={"Accept-Encoding": accept})
    assert told.status_code == 200 and "content-encoding" not in told.headers


def test_a_photo_goes_as_it_is(site):
    page = site.client.get("/", headers=HTML).text
    photo = site.client.get(re.search(r'data-sample="([^"]+)"', page).group(1), headers={"Accept-Encoding": "gzip"})
    assert photo.status_code == 200 and "content-encoding" not in photo.headers


def script_of(site):
    return re.search(r'"(/static/[^"]+/play\.js)"', site.client.get("/", headers=HTML).text).group(1)


@pytest.mark.parametrize("names", ["house+house", "house+play+house", "+".join(["house"] * 5000), "house+nothing", "+"])
def test_style_sheets_are_joined_once_each_and_no_more_than_a_page_uses(site, names):
    version = script_of(site).split("/")[2]
    assert site.client.get(f"/static/{version}/css/{names}.css").status_code == 404
    assert site.client.get(f"/static/{version}/css/house+play.css").status_code == 200


def test_small_copies_are_there_before_the_first_visitor(site):
    asyncio.run(Filler(site.deps).turn())
    live, asked = site.deps.serving.apps[APP].champion, []
    assert {key[1:] for key in site.deps.stock.light} == {
        (media.THUMB, "example", 0), (media.THUMB, "example", 1), (media.OPENING, "example", 0)
    }  # fmt: skip
    site.engine.light = lambda *given: asked.append(given)
    assert site.client.get(media.light_example_address(site.deps, live, 0, media.OPENING)).status_code == 200
    assert not asked


def test_the_cup_that_the_page_opens_with_is_the_pressed_one(site):
    assert site.client.get("/", headers=HTML).text.count('aria-pressed="true"') == 1
