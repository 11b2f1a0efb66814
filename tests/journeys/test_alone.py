"""Pages that stand alone, in a real Chromium: they play with the network cut, and answer as a site does."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from urllib.parse import parse_qs, urlsplit

import numpy
import pytest
from PIL import Image as Pillow
from playwright.sync_api import expect

from teahouse import testing
from teahouse.engine.answering import Answerer
from teahouse.errors import NotReady
from tests.journeys import alone
from tests.journeys.people import DESK, PATIENCE_MS, PHONE, guest, look
from tests.standard.houses import RealHouse

pytestmark = [pytest.mark.long, pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]
ENDED = "[data-answer]:is([data-state=told], [data-state=strange])"
GIVEN = {"tea": ({}, "input"), "toon": ({"palette": "comic"}, "photo")}
WHOLE = 1e-3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the pages are built, once for all tests."""
    return tmp_path_factory.mktemp("alone")


@pytest.fixture
def page_of(chromium, folder):
    """Opens the page of a starter as a phone or a desk; at the end what the browser did is looked at."""
    opened = []

    def open_(starter, device=PHONE, **wishes):
        place = folder / re.sub(r"\W+", "-", "-".join([starter, *wishes.values()]))
        try:
            to = place / starter if (place / starter).is_dir() else alone.built(starter, place, **wishes)
        except NotReady as error:
            pytest.skip(str(error))
        serving = alone.handed_out(to)
        url = serving.__enter__()
        visiting = guest(chromium, url, device)
        visitor = visiting.__enter__()
        opened.extend([serving, visiting])
        visitor.page.goto("/")
        return visitor

    yield open_
    for each in reversed(opened):
        each.__exit__(None, None, None)


def given(colour=(30, 120, 60), side=600) -> dict:
    """A photo as a phone's gallery hands it over."""
    out = io.BytesIO()
    Pillow.new("RGB", (side, side * 3 // 4), colour).save(out, "JPEG", quality=90)
    return {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": out.getvalue()}


def test_tea_answers_before_its_model_is_there_and_then_with_the_network_cut(page_of):
    visitor = page_of("tea")
    page = visitor.page
    expect(page.locator(f"{ENDED} [data-label]")).to_have_text("Green")
    visitor.choose(given())
    expect(page.locator("[data-photo]")).to_have_attribute("alt", "Your photo")
    page.wait_for_selector(ENDED, timeout=PATIENCE_MS)
    page.context.set_offline(True)
    visitor.choose(given((90, 160, 40)))
    page.wait_for_selector(ENDED, timeout=PATIENCE_MS)
    expect(page.locator("[data-trouble]")).to_be_hidden()


@pytest.mark.parametrize("device", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("starter", ["tea", "toon", "teapot"])
def test_it_looks_as_the_site_does_and_axe_finds_nothing(page_of, starter, device):
    visitor = page_of(starter, device)
    visitor.page.wait_for_selector(ENDED, state="attached")
    look(visitor.page, device)
    assert visitor.page.locator("a[href^='/']").count() == 0, "nothing leads to a house"


def test_toon_draws_and_a_picture_can_be_saved(page_of):
    visitor = page_of("toon")
    page = visitor.page
    visitor.choose(given())
    page.wait_for_function("() => document.querySelector('[data-made]').src.startsWith('blob:')", timeout=PATIENCE_MS)
    first = page.locator("[data-made]").get_attribute("src")
    page.get_by_role("radio", name="Night").check()
    page.wait_for_function(f"() => document.querySelector('[data-made]').src !== '{first}'", timeout=PATIENCE_MS)
    assert page.evaluate("document.querySelector('[data-made]').naturalWidth") == 512
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save").click()
    assert saved.value.suggested_filename == "toon.jpg"
    page.get_by_role("button", name="Share").click()
    expect(page.get_by_role("dialog").get_by_label("Link")).to_have_value(page.url)


def test_teapots_come_at_once_then_from_the_model_and_a_link_shows_the_same_one(page_of):
    visitor = page_of("teapot", DESK)
    page = visitor.page
    numbers = set()
    for _ in range(26):  # 24 come with the page
        before = page.locator("[data-number]").inner_text()
        visitor.tap(page.get_by_role("button", name="Another one"))
        expect(page.locator("[data-number]")).not_to_have_text(before, timeout=PATIENCE_MS)
        numbers.add(page.locator("[data-number]").inner_text())
    assert len(numbers) == 26
    made = page.evaluate(SHOWN)
    link = page.locator("[data-number]").evaluate("(link) => link.href")
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_selector("[data-answer][data-state=told]", state="attached")
    page.wait_for_function("() => document.querySelector('[data-made]').src.startsWith('blob:')", timeout=PATIENCE_MS)
    assert page.locator("[data-number]").inner_text() == link.rpartition("#")[2]
    assert page.evaluate(SHOWN) == made


DRAW = """async (seed) => {
    const from = document.querySelector("script[src*='play.js']").src;
    const { run } = await import(from.replace("play.js", "alone/house.js"));
    const { row, score } = await run({ input: seed }, true);
    return { row: [...row], score };
}"""
SHOWN = """() => {
    const made = document.querySelector("[data-made]"), ink = new OffscreenCanvas(128, 128).getContext("2d");
    ink.drawImage(made, 0, 0, 128, 128);
    return ink.getImageData(0, 0, 128, 128).data.join();
}"""


def test_a_teapot_is_the_sites_own_to_the_last_bit_but_one(page_of):
    page, answerer = page_of("teapot").page, Answerer(alone.STARTERS / "teapot" / "release")
    for seed in (1, 7, 4294967295):
        told = page.evaluate(DRAW, seed)
        (ours,) = answerer._by_batch([answerer.decode({"input": seed})], answerer.session)
        assert numpy.abs(numpy.asarray(told["row"]) - ours.row.ravel()).max() <= WHOLE
        assert told["score"] == pytest.approx(ours.score, abs=WHOLE)


def shapes() -> list[bytes]:
    """Pictures as phones and the web have them: large and small, wide and tall, noisy, of other kinds."""
    chance, made = numpy.random.default_rng(5), []
    kinds = ((3000, 2250, "JPEG"), (900, 2000, "JPEG"), (640, 480, "PNG"), (64, 300, "JPEG"), (1400, 700, "WEBP"))
    for width, height, form in kinds:
        small = Pillow.fromarray(chance.integers(0, 256, (height // 20 + 2, width // 20 + 2, 3), numpy.uint8))
        out = io.BytesIO()
        small.resize((width, height), Pillow.Resampling.BICUBIC).save(out, form)
        made.append(out.getvalue())
    return made


def apart(page, starter: str, photos: list[bytes]) -> tuple[float, float]:
    """How far the page's numbers lie from Python's for the same bytes, at most: of the photo, and of the answer."""
    values, name = GIVEN[starter]
    answerer = Answerer(alone.STARTERS / starter / "release")
    inputs, answers = 0.0, 0.0
    for photo in photos:
        kind = Pillow.open(io.BytesIO(photo)).get_format_mimetype()
        told = page.evaluate(alone.RUN, [base64.b64encode(photo).decode(), kind, values, name])
        decoded = answerer.decode({**values, name: base64.b64decode(told["sent"])})
        (made,) = answerer._by_batch([decoded], answerer.session)
        tensor = numpy.frombuffer(base64.b64decode(told["tensor"]), numpy.float32).reshape(told["dims"])[0]
        row = numpy.frombuffer(base64.b64decode(told["row"]), numpy.float32)
        inputs = max(inputs, float(numpy.abs(tensor - decoded.arrays[name]).max()))
        answers = max(answers, float(numpy.abs(row - made.row.ravel()).max()))
        assert told["familiar"] == decoded.familiar
    return inputs, answers


@pytest.mark.parametrize("starter", GIVEN)
def test_the_model_sees_what_it_sees_on_a_site_and_answers_the_same(page_of, starter):
    assert apart(page_of(starter).page, starter, shapes()) == (0, pytest.approx(0, abs=WHOLE))


@pytest.mark.photos
@pytest.mark.parametrize("starter", GIVEN)
def test_twenty_photographs_are_answered_as_on_a_site(page_of, photographs, starter):
    photos = [path.read_bytes() for path in alone.some(photographs, 20)]
    inputs, answers = apart(page_of(starter).page, starter, photos)
    assert inputs == 0 and answers <= WHOLE


def test_what_is_said_stays_in_the_browser_until_it_is_sent_or_forgotten(page_of):
    visitor = page_of("tea", DESK, issues="me/tea")
    page = visitor.page
    visitor.choose(given())
    page.wait_for_selector(ENDED, timeout=PATIENCE_MS)
    said = page.locator("[data-label]").inner_text().lower()
    other = {"green": "oolong", "oolong": "green"}[said]
    visitor.tap(page.get_by_role("button", name=re.compile(rf"^(It was )?{other}$", re.I)))
    expect(page.get_by_text("kept in this browser alone")).to_be_visible()
    page.get_by_role("button", name="Yes, keep it").click(delay=800)
    expect(page.get_by_role("heading", name="Thank you.")).to_be_visible()
    look(page, DESK)
    page.reload()
    line = page.locator("[data-words]")
    expect(line).to_contain_text("One word of yours is kept in this browser.")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save it as a file").click()
    with zipfile.ZipFile(saved.value.path()) as opened:
        (word,) = json.loads(opened.read("words.json"))
        assert word["said"] == {"kind": "correct", "value": other} and word["output"]["label"] == said
        assert word["photo"].startswith(f"{other}/")
        assert Pillow.open(io.BytesIO(opened.read(word["photo"]))).size == (600, 450)
    issue = urlsplit(page.get_by_role("link", name="Tell the maker on GitHub").get_attribute("href"))
    assert issue.netloc == "github.com" and issue.path == "/me/tea/issues/new"
    assert f"right is {other}" in parse_qs(issue.query)["body"][0]
    page.get_by_role("button", name="Forget it").click()
    expect(line).to_be_hidden()
    page.reload()
    expect(line).to_be_hidden()


def test_with_a_home_the_word_goes_there_and_no_photo_is_kept(page_of, tmp_path):
    with RealHouse(tmp_path / "house") as house:
        house.prepare()
        with testing.open_house(house.data) as opened:
            put_tea(opened)
        house.start()
        visitor = page_of("tea", DESK, home=house.url)
        visitor.watch.asked = lambda url: None  # the home is another origin, and meant
        page = visitor.page
        visitor.choose(given())
        page.wait_for_selector(ENDED, timeout=PATIENCE_MS)
        said = page.locator("[data-label]").inner_text()
        with page.expect_response(lambda told: told.url.endswith("/feedback"), timeout=PATIENCE_MS) as told:
            visitor.tap(page.get_by_role("button", name=re.compile(rf"^(Yes|{said})$", re.I)))
        assert told.value.status == 201 and told.value.url.startswith(house.url)
        expect(page.get_by_text(f"Your word is with {urlsplit(house.url).netloc}.")).to_be_visible()
        assert not any((house.data / "blobs").rglob("*.*"))
        house.stop()


def put_tea(house) -> None:
    """The tea starter's release, answering."""
    from teahouse import ids
    from teahouse.model import bundle, shape
    from teahouse.spec.load import load_app
    from teahouse.store import apps, releases, rollouts

    declared = load_app(alone.STARTERS / "tea").declaration()
    release = bundle.install(alone.STARTERS / "tea" / "release", house.releases)
    manifest, at = shape.to_json(bundle.read(house.releases / release)), ids.now_ms()

    def write(c):
        apps.declare(c, "tea", manifest["title"], declared, "", at)
        releases.add(c, release, "tea", None, manifest, at=at)
        rollouts.append(c, "tea", release, "full", by="owner", why="a test", at=at)

    house.db.write(write)
