"""What the play page is filled with: its inputs as their fields say, and the answer that stands as it opens."""

import asyncio
import re
from dataclasses import replace

import pytest
from tests.journeys import styled

from teahouse.site import media, pages, play, reconcile
from teahouse.spec import fields
from teahouse.testing import photo, whole_house

HTML = {"Accept": "text/html"}


@pytest.fixture
def tinted(tmp_path):
    """A site with an app of three inputs, and its live release."""
    pytest.importorskip("onnx", reason="there is no onnx here: pip install -e .[train]")
    with whole_house(tmp_path, kind="picture") as site:
        styled.install(site.house)
        asyncio.run(reconcile.once(site.deps))
        yield site, site.deps.serving.apps[styled.NAME].champion


def test_a_page_asks_for_every_field_where_its_example_stands(tinted):
    site, live = tinted
    photo, tint, strength = (
        play.asked(site.deps, live, one, {"tint": "sea", "strength": 0.25}) for one in live.fields.values()
    )
    assert (photo.kind, photo.name, photo.start) == ("image", "photo", None)
    assert (tint.kind, tint.label, tint.start) == ("choice", "tint", "sea")
    assert [chip.word for chip in tint.chips] == list(styled.TINTS)
    assert (strength.low, strength.high, strength.step, strength.start) == (0, 1, 0.05, 0.25)


def test_a_word_has_its_small_picture_where_the_release_holds_one(tinted):
    site, live = tinted
    chips = play.asked(site.deps, live, live.fields["tint"], {}).chips
    assert [bool(chip.picture) for chip in chips] == [True, True, False]
    told = site.client.get(chips[0].picture)
    assert told.status_code == 200 and told.headers["content-type"] == "image/webp"
    assert told.headers["content-security-policy"].startswith("sandbox")
    changed = chips[0].picture[:-2] + "AA"
    assert site.client.get(changed).status_code == 404


def test_a_number_without_a_start_stands_in_the_middle():
    number = fields.Number(10, 20, name="size", label="how large")

    class Live:
        fields = {"size": number}

    asked = play.asked(None, Live, number, {})
    assert (asked.start, asked.label) == (15, "how large")


def test_a_picture_app_opens_with_a_photo_and_what_is_made_of_it(tinted):
    site, live = tinted
    opening = play.opening(site.deps, live)
    assert isinstance(opening.answer, pages.Pictured)
    assert (opening.answer.width, opening.answer.height) == (96, 96)
    assert site.client.get(opening.answer.picture).headers["content-type"] == "image/png"
    assert site.client.get(opening.answer.small).headers["content-type"] == "image/webp"
    page = site.client.get(f"/{styled.NAME}").text
    assert re.search(r'data-stage>|class="stage keep both"', page) and "--ratio: 1.0" in page
    assert 'data-now=""' in page and 'data-state="told"' in page


@pytest.mark.parametrize(
    ("expected", "words"), [({"text": "a riesling"}, "a riesling"), ({"number": 12.25}, "12.25"), ({"number": 3}, "3")]
)
def test_an_answer_in_words_opens_the_page_in_words(tinted, expected, words):
    site, live = tinted
    assert play.opening(site.deps, said(live, expected)).answer.text == words


def test_a_photo_whose_answer_the_release_does_not_hold_is_asked_about_by_the_page_itself(tinted):
    site, live = tinted
    assert play.opening(site.deps, said(live, {})).answer is None


def said(live, expected):
    """The release as if it had answered its first example so."""
    examples = [{**live.manifest.examples[0], "expected": expected}]
    return replace(live, manifest=replace(live.manifest, examples=examples))


def test_a_seed_app_opens_with_a_picture_and_no_photo(tmp_path):
    with whole_house(tmp_path, kind="seed") as site:
        page = site.client.get("/").text
        assert re.search(r'data-seed="\d+" data-prediction="[0-9a-f-]{36}"', page)
        assert "data-give" not in page and "data-again" in page
        assert play.opening(site.deps, site.deps.serving.apps[site.name].champion) is None


def test_the_place_of_the_first_photo_is_kept_in_its_own_shape(tmp_path):
    with whole_house(tmp_path) as site:
        live = next(iter(site.deps.serving.apps.values())).champion
        opening = play.opening(site.deps, live)
        assert opening.sample.ratio == media.example_ratio(site.deps, live, 0) > 0
        assert f".frame {{ --ratio: {round(opening.sample.ratio, 4)}" in site.client.get("/", headers=HTML).text
        site.deps.stock.light[live.release, media.OPENING, "example", 0] = photo("warm", side=64)[:20]
        assert media.example_ratio(site.deps, live, 0) == 1.0, "a header that tells nothing is no error of the page"
