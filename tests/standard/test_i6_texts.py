"""I6: hostile texts wherever somebody can write: stored as sent or refused, shown as text, one line a log."""

import asyncio
import json
import re
import unicodedata
from html.parser import HTMLParser
from urllib.parse import quote

import pytest

from teahouse.errors import DeclarationError
from teahouse.settings import Limits, Settings
from teahouse.site import reconcile
from teahouse.spec.fields import Choice, Labels, Text
from teahouse.testing import whole_house
from tests.standard import echo, shown
from tests.standard.conftest import OWN
from tests.standard.test_s3_logs import events

ASK = f"/api/apps/{echo.NAME}/predictions"
MARK = "zq6"  # a tag, an attribute and a handler of this name can only come out of a text
MARKUP = [
    f"<{MARK}>", f"</title><{MARK}>", f'"><{MARK}>', f"'><{MARK} {MARK}=1>", f"</script><{MARK}>", f"--><{MARK}>",
    f"</textarea><{MARK}>", f"<img src=x on{MARK}=alert(1)>", f'" on{MARK}="alert(1)', f"' on{MARK}='alert(1)",
    f"<svg><{MARK} onload=alert(1)>", f"<<{MARK}>>", f"<{MARK}\n>", f"<!--<{MARK}", f"<![CDATA[<{MARK}>]]>",
    f"&lt;{MARK}&gt;", f"&#60;{MARK}&#62;", f"\\u003c{MARK}\\u003e", f"%3c{MARK}%3e", f"<\u200b{MARK}>",
    "javascript:alert(1)", "data:text/html,<b>", "{{ 7*7 }}", "{% raw %}", "${7*7}", "#{7*7}", "<%= 7*7 %>",
    "{{''.__class__}}",
]  # fmt: skip
ODD = [
    "", " ", "\n", "\t", "a\nb", "a\r\nb", "\0", "a\0b", "\x1b[31m", "\x7f", "\x85", "\u2028\u2029", "\ufeff",
    "\ufffd", "\uffff",
    "\u202eabc", "\u2066abc\u2069", "a\u0300\u0301\u0302", "Z\u0351\u036b\u0343", "e\u0301", "\u00e9", "ﷺ", "𝓐𝓑",
    "👩‍👩‍👧‍👦", "🏳️‍🌈",
    "\U0010ffff", "مرحبا", "שלום", "田中さん", "ÅÍÎÏ", "¸˛Ç◊ı", "\u200b\u200c\u200d", "ı", "ß", "İ", "K", "﷽" * 20,
    "W" * 120, "W" * 121,
]  # fmt: skip
CODE = [
    "'; DROP TABLE predictions; --", "1' OR '1'='1", "null", "undefined", "NaN", "Infinity", "true", "0", "-1",
    "1e309",
    "../../../etc/passwd", "file:///etc/passwd", "$(touch /tmp/x)", "`id`", "; ls", "| cat", "%s%s%n", "%x" * 20,
    "CON", "NUL",
    "=1+1", "+1+1", "-1+1", "@SUM(1)", "=cmd|' /C calc'!A0", "\\", "\\\\", "\"", "'", "`", "__proto__",
    "constructor", "toString",
    '{"a": 1}', "[1]", "<?xml version='1.0'?>", "Content-Type: text/html\r\n\r\n<b>", "x-forwarded-for: 1",
    "() { :; }; echo x",
]  # fmt: skip
NAUGHTY = [*MARKUP, *ODD, *CODE]
HALVES = [r'"\ud800"', r'"\udc00"', r'"\udc00\ud800"', r'"a\ud83d"']
JSON = [
    "", " ", "[", "]", "{", "}", "{]", "[1,]", "[,1]", '{"words":}', '{"words"}', "{words:1}", "{'words':'a'}",
    '{"words":"a",}', '{"words":"a"}}', '{"words":"a"}{}',
    '{"words":"a" "pick":1}', '"words"', "1", "null", "true", "[]", "{}", '["a"]', '{"words":"a","words":"b"}',
    '{"words":1e400}', '{"words":-0}', '{"words":1.}',
    '{"words":.5}', '{"words":01}', '{"words":+1}', '{"words":0x1}', '{"words":NaN}', '{"words":Infinity}',
    '{"words":nul}', '{"words":"\t"}', '{"words":"\n"}',
    '{"words":"\\x"}', '{"words":"\\u12"}', '{"words":"\\u0000"}', '{"words":"\\ud800"}', '{"words":"\x00"}',
    '{"words":["a"]}', '{"words":{"text":"a"}}', '{"words":null}',
    '{"words":{"text":null}}', '{"words":[[[[1]]]]}', '{"":""}', '{"\\u0000":1}', '{"\\ud800":1}',
    '{"words":"a","pick":null}', '{"words":"a","pick":0}', '{"words":"a","pick":"zz"}',
    "\ufeff{}", '{"words":"a"}\0', '{"words":"a"/*c*/}', '{"words":"a"}//', '{"a":' * 40 + "1" + "}" * 40,
    '{"words":' + "[" * 600 + "]" * 600 + "}",
    '{"words":' + "9" * 5000 + "}", '{"words":1' + "0" * 400 + "}", '{"words":"' + "a" * 20_000 + '"}',
]  # fmt: skip
RAW = [
    b"\xff\xfe{\0}\0", b"\xef\xbb\xbf{}", b"\xc0\xaf",
    *(b'{"words":"' + odd + b'"}' for odd in (b"\xff", b"\xed\xa0\x80", b"\xc0\x80")),
]  # fmt: skip


class Page(HTMLParser):
    """What a browser makes of a page: fails where a text of somebody's became a tag or an attribute."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.meta = "", {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        assert MARK not in tag and not any(MARK in name or name.startswith("on") for name in given), (tag, attrs)
        assert not str(given.get("href", "")).lower().lstrip().startswith(("javascript:", "data:")), attrs
        assert tag != "script" or given.get("nonce"), attrs
        if tag == "meta":
            self.meta[given.get("property") or given.get("name")] = given.get("content")

    def handle_data(self, data):
        self.text += data


def declared(words: list[str]) -> list[str]:
    """Those that may be a word to choose or a label."""
    found: list[str] = []
    for word in words:
        try:
            Choice(word, "something else")
            Labels(*found, word, "something else")
        except DeclarationError:
            continue
        found.append(word)
    return found


def texts(kind) -> list[str]:
    """Those that a maker may write as a title, or as the words beside a field."""
    found = []
    for text in NAUGHTY:
        try:
            kind(text)
        except DeclarationError:
            continue
        found.append(text)
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("onnx", reason="there is no onnx here: pip install -e .[train]")
    folder = tmp_path_factory.mktemp("texts")
    settings = Settings(project=folder, limits=Limits(requests_per_minute=1_000_000))
    with whole_house(folder, settings) as site:
        echo.install(site.house, echo.app("What I say", "words", declared(NAUGHTY)))
        asyncio.run(reconcile.once(site.deps))
        yield site, shown.owner_of(site)


def say(client, words, **more):
    return client.post(ASK, json={"words": words, **more}, headers=OWN)


def same(told: str, sent: str) -> bool:
    """A text comes back as it was sent; its letters with accents may be one character each."""
    return told == unicodedata.normalize("NFC", sent)


def plain(value) -> str:
    return value["text"] if isinstance(value, dict) else value


def test_i6_a_text_is_answered_as_it_was_sent_or_refused(site, capsys):
    house, owner = site
    client, taken = house.visitor(), {}
    for text in NAUGHTY:
        answer = say(client, text)
        if answer.status_code != 201:
            assert answer.status_code in (413, 422), (text, answer.text)
            continue
        told, receipt = answer.json(), {**OWN, "X-Receipt": answer.json()["receipt"]}
        assert same(told["output"]["text"], text), text
        path = f"/api/predictions/{told['id']}"
        word = client.post(f"{path}/feedback", json={"kind": "correct", "value": text}, headers=receipt)
        assert word.status_code in (201, 422), (text, word.text)
        taken[told["id"]] = text, word.status_code == 201
    assert len(taken) > len(NAUGHTY) / 2, "too much is refused"
    for mine in client.get("/api/mine").json()["predictions"]:
        text, said = taken[mine["id"]]
        assert same(mine["output"]["text"], text)
        assert not said or plain(mine["word"]["value"]) == text, mine["word"]
    for address in ("/owner/", "/owner/predictions", "/owner/review", "/api/owner/predictions", "/api/owner/labels"):
        response = owner.get(address)
        assert response.status_code == 200, address
        if "json" not in response.headers["content-type"]:
            Page(response.text)
    assert client.get("/mine").status_code == 200 and Page(client.get("/mine").text)
    assert events(capsys.readouterr().err.encode("utf-8", "surrogatepass"))


def test_i6_a_shared_text_is_text_in_page_tags_and_card(site):
    house, _ = site
    client, shared = house.visitor(), 0
    for text in NAUGHTY[::4]:
        answer = say(client, text)
        if answer.status_code != 201:
            continue
        told = answer.json()
        receipt = {**OWN, "X-Receipt": told["receipt"], "X-Consent": "show"}
        share = client.post(f"/api/predictions/{told['id']}/share", headers=receipt)
        assert share.status_code == 201, (text, share.text)
        page = Page(house.visitor().get(share.json()["url"]).text)
        assert page.meta["og:title"] == "What I say" and set(page.meta) >= {"og:image", "twitter:card"}
        assert text.strip() in page.text or not text.isprintable() or not text.isascii(), text
        card = house.visitor().get(share.json()["card"])
        assert card.headers["content-type"] == "image/png" and card.content.startswith(b"\x89PNG"), text
        shared += 1
    assert shared >= 10


def test_i6_every_word_of_a_list_can_be_chosen_and_stands_on_the_page_as_text(site):
    house, _ = site
    words = declared(NAUGHTY)
    assert len(words) >= 40
    for address in (f"/{echo.NAME}", f"/{echo.NAME}/embed", "/", "/docs", "/log"):
        Page(house.client.get(address).text)
    for word in words:
        told = say(house.client, "hello", pick=word)
        assert told.status_code == 201 and told.json()["inputs"]["pick"] == word, (word, told.text)
    for text in [text for text in NAUGHTY if text not in words]:
        assert say(house.client, "hello", pick=text).status_code == 422, text


def test_i6_half_characters_are_in_nothing_that_a_maker_declares():
    for half in ("\ud800", "a\udc00", "\ud83d"):
        for kind in (lambda text: Labels(text, "b"), lambda text: Choice(text, "b"), lambda text: Text(label=text)):
            with pytest.raises(DeclarationError):
                kind(half)
        with pytest.raises(DeclarationError):
            echo.app(half, "words", ["a", "b"])


@pytest.mark.parametrize("field", ["title", "label"])
def test_i6_what_a_maker_may_write_is_text_on_every_page(tmp_path, field):
    pytest.importorskip("onnx", reason="there is no onnx here: pip install -e .[train]")
    kind = (lambda text: echo.app(text, "words", ["a", "b"])) if field == "title" else (lambda text: Text(label=text))
    allowed = [text for text in texts(kind) if MARK in text or not text.isascii() or "{" in text]
    assert len(allowed) >= 20
    long = " ".join(text for text in allowed if len(text) < 25)
    most, whole = 80, []
    while long:
        whole, long = [*whole, long[:most].strip()], long[most:]
    with whole_house(tmp_path) as site:
        for text in whole[:6]:
            made = echo.app(text, "words", ["a", "b"]) if field == "title" else echo.app("What I say", text, ["a", "b"])
            echo.install(site.house, made)
            asyncio.run(reconcile.once(site.deps))
            page = Page(site.client.get(f"/{echo.NAME}").text)
            if field == "title":
                assert page.meta["og:title"] == made.title
            for address in ("/", f"/{echo.NAME}/embed", "/log", "/docs"):
                Page(site.client.get(address).text)
            assert site.client.get(f"/{echo.NAME}/card.png").content.startswith(b"\x89PNG")
            assert site.client.get(f"/api/apps/{echo.NAME}").json()["title"] == made.title


def test_i6_the_words_of_a_report_are_text_for_the_owner(site):
    house, owner = site
    told = say(house.client, "hello").json()
    shown_ = house.client.post(
        f"/api/predictions/{told['id']}/share", headers={**OWN, "X-Receipt": told["receipt"], "X-Consent": "show"}
    )
    token, sent = shown_.json()["token"], []
    for number, text in enumerate(NAUGHTY):
        visitor = house.visitor(f"2001:db8:{number:x}::1")
        answer = visitor.post("/api/reports", json={"kind": "other", "words": text, "share": token}, headers=OWN)
        assert answer.status_code in (202, 422), (text, answer.text)
        sent += [text.strip()] if answer.status_code == 202 else []
    assert len(sent) > len(NAUGHTY) / 2
    for half in HALVES:
        body = f'{{"kind": "other", "words": {half}, "share": "{token}"}}'
        answer = house.client.post("/api/reports", content=body, headers={**OWN, "Content-Type": "application/json"})
        assert answer.status_code == 422, half
    listed, before = [], ""
    while before is not None:
        page = owner.get(f"/api/owner/reports{before}").json()
        listed += [one["words"] for one in page["reports"]]
        before = f"?before={page['before']}" if page.get("before") else None
    assert sorted(listed) == sorted(sent)
    Page(owner.get("/owner/reports").text)


@pytest.mark.parametrize("address", [ASK, "/api/reports", "/api/owner/session", "/api/owner/reviews"])
def test_i6_json_that_is_none_or_odd_is_refused_in_words(site, address):
    house, owner = site
    client = owner if address.startswith("/api/owner/reviews") else house.client
    for body in [*(text.encode("utf-8", "surrogatepass") for text in JSON), *RAW]:
        answer = client.post(address, content=body, headers={**OWN, "Content-Type": "application/json"})
        assert answer.status_code < 500, (body[:80], answer.text)
        if address != ASK:
            assert answer.status_code >= 400, body[:80]
        if answer.status_code >= 400:
            error = answer.json()["error"]
            assert set(error) >= {"code", "what", "why", "do_next"}
            assert not re.search(r"Traceback|site-packages|\.py\b", json.dumps(error)), error


@pytest.mark.parametrize("address", [ASK, "/api/reports"])
def test_i6_ten_megabytes_of_text_are_refused(site, address):
    house, _ = site
    body = json.dumps({"words": "a" * 10_000_000, "kind": "other", "share": "x"}).encode()
    answer = house.client.post(address, content=body, headers={**OWN, "Content-Type": "application/json"})
    assert answer.status_code in (413, 422)
    assert len(answer.content) < 2000, "it is not said back"


def test_i6_texts_in_a_path_and_a_query_come_back_as_text(site):
    house, _ = site
    for text in NAUGHTY:
        place = quote(text, safe="")
        for address in (f"/{place}", f"/{place}/seeds/1", f"/shared/{place}", f"/owner/login?next={place}"):
            answer = house.client.get(address, headers={"Accept": "text/html"})
            assert answer.status_code < 500, (address, answer.text)
            if "text/html" in answer.headers.get("content-type", ""):
                Page(answer.text)
