"""C3: no page, style, script or picture that the house serves, or that `teahouse pages` writes, names another host."""

import gzip
import hashlib
import html
import re
from pathlib import Path

import pytest

from teahouse import testing
from teahouse.pages import build
from teahouse.pages.runtime import Runtime
from teahouse.site import render
from teahouse.site.routes import ROUTES
from tests.standard.conftest import ORIGIN, peopled
from tests.standard.test_a1_matrix import STREAMS, url_of

# A host after a scheme anywhere; without one only where a browser would follow it: //cdn.example in an attribute, in
# url(…) or in an import.
ABSOLUTE = re.compile(r"(?:https?|wss?|ftp):(?:\\?/){2}([^\s\"'<>\\/)`;]*)")
RELATIVE = re.compile(
    r"(?:(?:src|href|action|srcset|poster|data|content)=[\"']?|url\([\"']?|(?:import|from)\s*\(?[\"'])//([^\s\"'<>/);]+)"
)
NAMESPACES = {"www.w3.org"}  # xmlns of a drawing: a name, which no browser fetches
# Of a maker who asked for them: where the project's issues are, and the site that such a page belongs to.
HOME, ISSUES = "https://tea.example", "maker/tea"
MAKERS = {"tea.example", "github.com"}
TEXTS = ("text/", "javascript", "json", "svg", "manifest")


def hosts(text: str) -> set[str]:
    """The hosts that a text names, but for this site's own."""
    text = html.unescape(text)
    found = {*ABSOLUTE.findall(text), *RELATIVE.findall(text)}
    return {host for host in found if host not in NAMESPACES and host != ORIGIN.partition("//")[2] and "{" not in host}


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ('<script src="https://cdn.example/a.js"></script>', "cdn.example"),
        ("<link href=//fonts.example/f.css rel=stylesheet>", "fonts.example"),
        ("@import url(//fonts.example/f.css)", "fonts.example"),
        ('import x from "//esm.example/x"', "esm.example"),
        ('{"icon": "https:\\/\\/cdn.example\\/i.png"}', "cdn.example"),
        ("new WebSocket(`wss://live.example/`)", "live.example"),
    ],
)
def test_c3_the_search_finds_another_host(text, host):
    assert hosts(text) == {host}


def test_c3_the_search_passes_what_is_its_own():
    assert hosts(f'<a href="{ORIGIN}/x"></a><svg xmlns="http://www.w3.org/2000/svg"/> // a remark') == set()


def test_c3_no_answer_of_the_site_names_another_host(tmp_path):
    named, seen = {}, 0
    with peopled(tmp_path) as people:
        made = {**people.made, "release": people.site.release}
        for route in ROUTES:
            if route.method != "GET" or route.name in STREAMS:
                continue
            for role in ("anonymous", "A", "owner"):
                address = url_of(route, made)
                for accept in ("text/html", "*/*"):
                    answer = people.clients[role].get(address, headers={"Accept": accept})
                    if any(kind in answer.headers.get("content-type", "") for kind in TEXTS):
                        seen += 1
                        if found := hosts(answer.text):
                            named[route.name, role] = found
                    link = answer.headers.get("link", "") + answer.headers.get("content-security-policy", "")
                    assert not hosts(link), route.name
    assert named == {} and seen > 100


def test_c3_no_file_that_pages_are_made_of_names_another_host():
    stand = render.stand()
    texts = {name: data for name, data in stand.files.items() if not name.endswith((".png", ".woff2"))}
    assert {name.rsplit(".", 1)[1] for name in texts} == {"css", "js", "svg"} and len(texts) > 40
    assert {name: found for name, data in texts.items() if (found := hosts(data.decode()))} == {}
    templates = Path(render.__file__).parent / "templates"
    assert {str(one): found for one in templates.rglob("*.html") if (found := hosts(one.read_text("utf-8")))} == {}


@pytest.mark.parametrize("kind", ["labels", "picture", "seed"])
@pytest.mark.parametrize("wishes", [{}, {"home": HOME, "issues": ISSUES, "address": HOME}], ids=["alone", "at home"])
def test_c3_no_page_that_stands_alone_names_another_host_than_its_makers(tmp_path, kind, wishes):
    wasm = b"\0asm and nothing more"
    files = {"ort.wasm.min.mjs": b"export const env = {};", "ort-wasm-simd-threaded.mjs": b"export default 1;"}
    engine = Runtime(files, gzip.compress(wasm, mtime=0), len(wasm), hashlib.sha256(wasm).hexdigest())
    release = testing.RELEASES[kind](tmp_path / "release")
    to = build.build(build.Wish(tmp_path / "release", release, tmp_path / "public", **wishes), engine).to
    endings = (".html", ".css", ".js", ".mjs", ".svg", ".json", ".webmanifest")
    texts = [one for one in to.rglob("*") if one.suffix in endings]
    found = set().union(*(hosts(one.read_text("utf-8")) for one in texts))
    assert len(texts) > 10 and found <= (MAKERS if wishes else set())
    assert not wishes or found, "the search finds nothing"
