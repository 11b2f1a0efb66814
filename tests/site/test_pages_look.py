"""The pages: each equals its dataclass, renders in every state, stays small, and asks nothing of other origins."""

import dataclasses
import gzip
import re
from html.parser import HTMLParser

import jinja2
import pytest
from jinja2 import meta, nodes

from teahouse.desk import say
from teahouse.release.evaluate import interval, whole
from teahouse.release.verdict import Budget, History, Pair, judge
from teahouse.site import drawing, owner_money_shapes, owner_page_shapes, pages, pass_page_shapes, render
from teahouse.spec.fields import kinds

from .look_pages import HOSTILE, PAGES, SAMPLES, play, tea

NONCE = "nonce-of-the-test"
INCLUDED = [name for name in render.environment().list_templates() if name.startswith(("answers/", "inputs/"))]
ALL_PAGES = (*pages.PAGES, *owner_page_shapes.PAGES, *owner_money_shapes.PAGES, *pass_page_shapes.PAGES)
TILLS = ("https://dashboard.stripe.com/payouts", "https://dashboard.stripe.com/test/payouts")  # links of the owner's
GIVEN_BY_RENDER = {"nonce"}


class Tags(HTMLParser):
    """All start tags of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def of(self, *names):
        return [attrs for tag, attrs in self.found if tag in names]


def html(name: str) -> str:
    return render.html(PAGES[name], NONCE)


def own_names(tree: nodes.Template) -> set[str]:
    """Names that a template makes for itself: imported parts, `set` and macros, in whatever block."""
    made = {name.name for assign in tree.find_all(nodes.Assign) for name in assign.target.find_all(nodes.Name)}
    made |= {assign.target.name for assign in tree.find_all(nodes.Assign) if isinstance(assign.target, nodes.Name)}
    made |= {macro.name for macro in tree.find_all(nodes.Macro)}
    return made | {name for part in tree.find_all(nodes.FromImport) for name in part.names}


def names_used(template: str, seen: set[str], given: frozenset[str] = frozenset()) -> set[str]:
    """Names that a template takes from its page, itself and in what it extends or includes; `given`: what who includes
    it made."""
    if template in seen:
        return set()
    seen.add(template)
    env = render.environment()
    tree = env.parse(env.loader.get_source(env, template)[0])
    loops = {loop.target.name for loop in tree.find_all(nodes.For) if isinstance(loop.target, nodes.Name)}
    given |= own_names(tree) | loops
    used = meta.find_undeclared_variables(tree) - set(env.globals) - given - {"self"}
    for other in meta.find_referenced_templates(tree):
        for name in [other] if other else INCLUDED:
            used |= names_used(name, seen, given) if name != "parts.html" else set()
    return used


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.__name__)
def test_each_page_equals_its_dataclass(page):
    declared = {field.name for field in dataclasses.fields(page)}
    assert names_used(page.template, set()) - GIVEN_BY_RENDER == declared


def test_every_page_and_every_template_is_shown_in_demo_data():
    assert {type(page) for page in PAGES.values()} == set(ALL_PAGES)
    templates = {page.template for page in ALL_PAGES}
    parts = {"base.html", "parts.html", "owner/desk.html"}
    found = set(render.environment().list_templates()) - set(INCLUDED)
    assert found == templates | parts


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_one_heading_a_title_a_language_and_labelled_pictures(name):
    tags = Tags(html(name))
    assert len(tags.of("h1")) == 1
    assert tags.of("html")[0]["lang"] == "en"
    assert all("alt" in image for image in tags.of("img"))
    ids = [attrs["id"] for _, attrs in tags.found if attrs.get("id")]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_obeys_the_content_policy(name):
    tags = Tags(html(name))
    for script in tags.of("script"):
        assert script.pop("fetchpriority", "low") == "low"
        assert script == {"type": "module", "nonce": NONCE, "src": script["src"]}
    assert all(made == {"nonce": NONCE} for made in tags.of("style"))
    assert not tags.of("iframe", "object", "embed")
    assert all(base == {"target": "_blank"} for base in tags.of("base"))
    for tag, attrs in tags.found:
        assert "style" not in attrs, (tag, attrs)
        assert not [key for key in attrs if key.startswith("on")], (tag, attrs)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_nothing_of_another_origin(name):
    for tag, attrs in Tags(html(name)).found:
        if tag == "a" and attrs.get("href") in TILLS and attrs["rel"] == "noreferrer":
            continue  # asks nothing until the owner follows it
        if tag == "a" and attrs.get("href") == "mailto:kin@tea.example":
            continue  # asks the reader's own mail program
        for key in ("src", "href", "action", "srcset", "poster", "data-form", "data-sample"):
            assert not re.match(r"[a-z]+:|//", attrs.get(key) or "", re.I), (key, attrs)


def test_no_static_file_names_another_origin():
    for name, data in render.stand().files.items():
        found = set(re.findall(rb"https?://[^\s\"'`)]+", data)) - {b"http://www.w3.org/2000/svg"}
        assert not found, (name, found)


def test_no_script_writes_markup():
    for name, data in render.stand().files.items():
        if name.endswith(".js"):
            found = re.findall(rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", data)
            assert not found, (name, found)


PLAY_PAGES = [name for name, page in PAGES.items() if isinstance(page, pages.Play)]


@pytest.mark.parametrize("name", PLAY_PAGES)
def test_a_play_page_weighs_at_most_60_kilobytes_before_the_first_photo(name):
    text = html(name)
    needed = re.sub(r'<link rel="apple-touch-icon"[^>]+>', "", text)  # fetched by who installs the site
    files = set(re.findall(r'(?:href|src)="/static/([^"]+)"', needed))
    assert len([file for file in files if file.endswith(".css")]) == 1, "one request for all that it is dressed in"
    bodies = [text.encode(), *(render.static_file(*file.split("/", 1)).body for file in files)]
    packed = sum(len(gzip.compress(body)) for body in bodies)  # as it is sent: pages, scripts and sheets travel packed
    assert packed <= 32_000, packed
    assert sum(map(len, bodies)) <= 60_000, "a phone reads all of it unpacked"


@pytest.mark.parametrize("name", PLAY_PAGES)
def test_a_play_page_asks_at_once_for_all_that_it_is_usable_with(name):
    tags = Tags(html(name))
    asked = {link["href"].partition("/js/")[2] for link in tags.of("link") if link["rel"] == "modulepreload"}
    needed = {f"inputs/{attrs['data-module']}.js" for _, attrs in tags.found if "data-module" in attrs}
    (view,) = [attrs["data-view"] for _, attrs in tags.found if "data-view" in attrs]
    assert {"play.js", "word.js", "api.js", f"answers/{view}.js"} | needed <= asked
    assert len(needed) >= 1
    late = {"keeping.js", "pair.js", "sharing.js", "camera.js", "dialog.js"}
    assert not asked & late, "these come when they are asked for"


def test_every_kind_of_field_has_its_part_of_the_page():
    for name, kind in kinds().items():
        if getattr(kind, "answers", True):
            view = name if render.has(f"js/answers/{name}.js") else "plain"
            assert f"answers/{view}.html" in INCLUDED
        if name != "labels":
            assert f"inputs/{name}.html" in INCLUDED


def test_sheets_are_sent_in_one_and_only_those_that_are_there():
    address = render.sheet("house", "play", "nowhere", "")
    assert address == f"/static/{render.stand().hash}/css/house+play.css"
    sent = render.static_file(*address.removeprefix("/static/").split("/", 1)).body
    assert sent == render.stand().files["css/house.css"] + render.stand().files["css/play.css"]
    for path in ("css/house+nowhere.css", "css/house+../js/play.css", "js/play+word.js", "css/+.css", "+", ""):
        assert render.static_file(render.stand().hash, path).status_code == 404


def test_scripts_and_sheets_are_sent_without_what_only_their_readers_need():
    written = (render.STATIC / "js" / "api.js").read_text().splitlines()
    sent = render.stand().files["js/api.js"].decode().splitlines()
    assert len(written) == len(sent)
    for line, lean in zip(written, sent, strict=True):
        assert lean == line.lstrip() or not lean and line.lstrip().startswith(("//", "/**", "*"))
    for path in (render.STATIC / "css").iterdir():
        written, sent = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S), render.stand().files[f"css/{path.name}"]
        assert re.sub(r"\s|;(?=\s*})", "", written) == re.sub(r"\s", "", sent.decode())
        inside = re.compile(r"[\w\])] :\w")  # what lies within another: its space says so
        assert len(inside.findall(written)) == len(inside.findall(sent.decode()))
    scripts = [data.decode() for name, data in render.stand().files.items() if name.endswith(".js")]
    assert all(line.count("`") % 2 == 0 for text in scripts for line in text.splitlines()), "no text of several lines"


def test_a_hostile_maker_writes_no_markup():
    text = html("play, hostile")
    assert HOSTILE not in text
    assert "<img src=x" not in text
    assert "{{ 7*7 }}" in text, "what a maker writes is never a template"


def test_a_template_that_asks_for_more_than_its_page_is_refused():
    with pytest.raises(jinja2.UndefinedError):
        render.environment().from_string("{{ titel }}").render(title="x")


def test_an_unfamiliar_photo_is_told_apart():
    told, strange = html("play"), html("play, unfamiliar")
    assert 'data-state="told"' in told and 'data-state="strange"' in strange
    assert "my guess would be" in strange


def test_an_answer_that_can_not_be_spoken_of_asks_for_no_word():
    text = render.html(play(opening=pages.Opening(SAMPLES[0], tea("green", 0.9))), NONCE)
    assert re.search(r"<div data-ask hidden>", text)
    assert "data-receipt" not in text


def test_both_answers_to_the_consent_question_look_alike():
    keep, forget = [b for b in Tags(html("play")).of("button") if "data-keep" in b or "data-forget" in b]
    assert keep["class"] == forget["class"] == "button"
    assert pages.PURPOSE.split(",")[0] in html("play")


@pytest.mark.parametrize(
    ("share", "words"), [(1, "100 %"), (0.998, "99 %"), (0.962, "96 %"), (0.001, "< 1 %"), (0, "0 %")]
)
def test_a_share_is_never_rounded_to_certainty(share, words):
    assert render.percent(share) == words


def test_an_accuracy_is_said_in_words():
    def said(*numbers):
        return render.in_words(pages.Accuracy(*numbers))

    assert said(0.9, 0.85, 0.94, 165, "visitors") == "right about 90 times in 100 on 165 photos from visitors"
    assert said(0.963, 0.95, 0.97, 600) == (
        "right about 96 times in 100 on 600 photos of the maker's that it never learned from"
    )
    assert said(0.999, 0.99, 1.0, 2000).startswith("right about 99 times")


def test_a_few_photos_are_said_as_what_they_can_tell():
    few = render.in_words(pages.Accuracy(1.0, 0.757, 1.0, 12, "visitors"))
    assert few == "right somewhere between 75 and 100 times in 100: 12 photos from visitors cannot tell more"


def test_an_interval_is_rounded_outward_wherever_it_is_said():
    found = interval(28, 41)
    assert (100 * found.low, 100 * found.high) == pytest.approx((53.02, 80.44), abs=0.01)
    shown = pages.Accuracy(found.value, found.low, found.high, found.n)
    assert render.ends(shown) == "53 % to 81 %" and "between 53 and 81 times" in render.in_words(shown)
    assert "(53–81)" in say.share(found.value, found.low, found.high)
    rows = [Pair(str(i), False, i < 28, {"class": "", "source": "base"}) for i in range(41)]
    (why,) = judge(rows, (), Budget(), History(first=True)).reasons
    assert "anything from 53 % to 81 % may be true" in why.words
    assert whole(0.29, 0.57) == (29, 57)  # whole already, whatever the machine makes of 100 * 0.29


def test_words_become_a_sentence_with_one_stop():
    assert [render.sentence(words) for words in ("", "it won", "It won.", "Why?")] == ["", "It won.", "It won.", "Why?"]
    assert ".." not in html("release") and ".." not in html("releases")


def test_what_stands_between_backticks_is_code():
    assert render.coded("Run `a <b>` now") == "Run <code>a &lt;b&gt;</code> now"
    assert render.coded("no code") == "no code"


def test_what_came_before_lies_on_the_scale():
    bars = drawing.floor_of([0.89, 0.95, 0.79])
    assert bars < 0.79
    assert 'x1="0.00%"' not in drawing.interval(0.89, 0.94, 0.97, bars, 0.79)
    assert "bar-before" in drawing.interval(0.89, 0.94, 0.97, 0.0, 0.0)


def test_what_can_not_be_undone_is_not_the_answer_at_hand():
    assert "autofocus" not in html("mine")
    (promote,) = [b for b in Tags(html("release, refused")).of("button") if "rollouts" in (b.get("data-act") or "")]
    assert "main" not in promote["class"] and "not better" in promote["data-why"]
    promote, *_ = [b for b in Tags(html("release")).of("button") if "rollouts" in (b.get("data-act") or "")]
    assert "main" in promote["class"]


def test_a_static_address_holds_its_content_and_an_old_one_is_not_kept():
    address = render.static("css/house.css")
    kept = render.static_file(render.stand().hash, "css/house.css")
    assert address == f"/static/{render.stand().hash}/css/house.css"
    assert "immutable" in kept.headers["cache-control"] and kept.headers["content-type"].startswith("text/css")
    assert render.static_file("0" * 12, "css/house.css").headers["cache-control"] == "no-cache"
    assert render.static_file(render.stand().hash, "../render.py").status_code == 404
    with pytest.raises(KeyError):
        render.static("css/hause.css")


def test_scripts_are_served_as_scripts():
    assert render.static_file("x", "js/play.js").headers["content-type"].startswith("text/javascript")
