"""/terms, /refunds and /tax: the maker's own words from the project's pages/ folder, else ours."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from fastapi import Request
from markupsafe import Markup
from starlette.responses import Response

from teahouse import telemetry
from teahouse.site import owner_access, render
from teahouse.site.deps import deps_of
from teahouse.site.pass_page_shapes import Text
from teahouse.site.shell import shell_of

log = telemetry.log("site")

OURS = Path(__file__).parent / "texts"
TITLES = {"terms": "Terms", "refunds": "Refunds", "tax": "Tax"}
MOST = 100_000  # bytes of a text
SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&-])")
HERE = ("/", "#", "mailto:", "tel:")


def page(request: Request) -> Response:
    """GET /terms, /refunds or /tax."""
    deps, name = deps_of(request), request.url.path.strip("/")
    file = f"pages/{name}.md"
    words, why = own(deps.settings.project / file)
    if words is None:
        site = SPECIAL.sub(r"\\\1", deps.settings.site.title or "this site")
        words = (OURS / f"{name}.md").read_text("utf-8").replace("{site}", site)
        contact = SPECIAL.sub(r"\\\1", deps.settings.money.contact)
        words = words.replace("{seller}", contact or f"the maker of {site}")
    if why:
        log.warning("text-not-shown", file=file, why=why)
    title, body = written(words)
    tells = owner_access.is_at_home(request)
    shown = Text(shell_of(deps, owner=tells), title or TITLES[name], body, file if tells else "", why if tells else "")
    return render.render(shown, request.state.nonce)


def own(path: Path) -> tuple[str | None, str]:
    """The maker's text, or None, and why the file that is there can not be shown."""
    try:
        if not path.is_file():
            return None, ""
        with path.open("rb") as file:
            data = file.read(MOST + 1)
        if len(data) > MOST:
            return None, f"It is larger than {MOST // 1000} KB."
        words = data.decode("utf-8-sig")
    except OSError as error:
        return None, f"It can not be read: {error.strerror}."
    except UnicodeDecodeError:
        return None, "It is not UTF-8 text."
    return (words, "") if words.strip() else (None, "It is empty.")


@lru_cache(16)
def written(words: str) -> tuple[str, Markup]:
    """A Markdown text as its title (its first line, where that is a heading) and HTML. What looks like HTML in it is
    shown as it is written, pictures are left out, and no link to elsewhere vouches for what is there."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens, title = reader.parse(words), ""
    if len(tokens) > 2 and tokens[0].tag == "h1":
        title, tokens = tokens[1].content, tokens[3:]
    for token in tokens:
        if token.tag == "h1":  # the page has one already
            token.tag = "h2"
        for part in token.children or ():
            if part.type == "link_open" and not str(part.attrGet("href")).startswith(HERE):
                part.attrSet("rel", "nofollow noopener")
    return title, Markup(reader.renderer.render(tokens, reader.options, {}))  # noqa: S704  made by the line before
