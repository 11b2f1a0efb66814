"""Pages to HTML, and the static files under addresses that change with their content.

`render(page, nonce)` is the only way a page is made: Jinja2 with autoescape everywhere and no forgiving of unknown
names. The hash in a static address is that of the whole folder, so that a module's relative imports stay inside it.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import mimetypes
import posixpath
import re
from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from pathlib import Path

import jinja2
from markupsafe import Markup, escape
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from teahouse.release.evaluate import whole
from teahouse.release.verdict import ROWS

from . import drawing, pages

HERE = Path(__file__).parent
STATIC = HERE / "static"
COMMENT_LINES = re.compile(rb"^[ \t]*(?://[^\n]*|/\*\*.*?\*/[ \t]*)$", re.M | re.S)
SHEET_ADDRESS = re.compile(r'"(/static/[^"]+\.css)"')
COMMENTS = re.compile(rb"/\*.*?\*/", re.S)
GZIPPED_FROM = 600  # bytes: less fits into one packet as it is
SHEETS = 7  # of one page
FOREVER = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'",  # none of them is a page; the page's own policy is long
    "X-Content-Type-Options": "nosniff",
}


def takes_gzip(accept: list[str]) -> bool:
    """Whether these Accept-Encoding headers name gzip, and not with a weight of nothing (RFC 9110, 12.5.3)."""
    for part in ",".join(accept).lower().split(","):
        name, _, weight = part.replace(" ", "").partition(";q=")
        if name == "gzip":
            return weight.strip("0.") != "" or not weight
    return False


class Gzipped(Response):
    """A response whose body goes gzipped to who takes that: a phone on a slow line waits for a third of the bytes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers["Vary"] = "Accept-Encoding"
        if takes_gzip(Headers(scope=scope).getlist("accept-encoding")) and len(self.body) >= GZIPPED_FROM:
            self.body = self.pack(bytes(self.body))
            self.headers.update({"Content-Encoding": "gzip", "Content-Length": str(len(self.body))})
        await super().__call__(scope, receive, send)

    def pack(self, body: bytes) -> bytes:
        """The body gzipped, at the level that costs a page the least time."""
        return gzip.compress(body, 1, mtime=0)


class GzippedPage(Gzipped):
    """A page."""

    media_type = "text/html"


class GzippedFile(Gzipped):
    """A static file: it is packed once."""

    pack = staticmethod(lru_cache(256)(partial(gzip.compress, mtime=0)))


def render(page: object, nonce: str, status: int = 200) -> Response:
    """The page as a response. `nonce` is the one of this response's content policy; nothing else may run."""
    return GzippedPage(html(page, nonce), status_code=status)


def html(page: object, nonce: str) -> str:
    """The page as text; raises jinja2.UndefinedError where a template asks for what the page does not declare."""
    values = {f.name: getattr(page, f.name) for f in dataclasses.fields(page)}
    return environment().get_template(page.template).render(values, nonce=nonce)


def html_alone(page: object) -> tuple[str, dict[str, bytes]]:
    """The page for a folder that any server can hand out, every address relative to it; and the style sheets that it
    asks for in one, by path."""
    text = html(page, nonce="").replace(' nonce=""', "")
    sheets = {address: joined(address.partition(f"{stand().hash}/")[2]) for address in set(SHEET_ADDRESS.findall(text))}
    plain = {address: address.replace("+", "-").removeprefix("/") for address in sheets}  # a plus is a space to some
    for address, path in plain.items():
        text = text.replace(f'"{address}"', f'"{path}"')
    text = text.replace('"/static/', '"static/')
    return text, {plain[address]: data for address, data in sheets.items() if data}


@cache
def environment() -> jinja2.Environment:
    """The templates' environment, made at the first page."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals.update(
        static=static,
        has=has,
        sheet=sheet,
        scripts=scripts,
        sureness=pages.sureness,
        SURENESS=json.dumps(pages.SURENESS),
        PURPOSE=pages.PURPOSE,
        PURPOSE_OF_WORDS=pages.PURPOSE_OF_WORDS,
        PURPOSE_ALONE=pages.PURPOSE_ALONE,
        sparkline=drawing.sparkline,
        chart=drawing.chart,
        interval=drawing.interval,
        floor_of=drawing.floor_of,
        ring=drawing.ring,
        by_day=drawing.by_day,
        mix_by_day=drawing.mix_by_day,
        bars=drawing.bars,
    )
    env.filters.update(when=when, date=date, day=day, percent=percent, in_words=in_words, spoken=spoken, took=took)
    env.filters.update(count=count, sentence=sentence, coded=coded, number=number, ends=ends)
    return env


# ---- words and numbers ---------------------------------------------------------------------------------------------


def when(ms: int) -> Markup:
    """A moment as <time>; UTC here, the browser turns it into the reader's own clock."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    shown = f"{moment.day} {moment:%b %Y, %H:%M} UTC"
    return Markup('<time datetime="{}" data-when="{}">{}</time>').format(
        moment.isoformat(timespec="seconds"), ms, shown
    )


def date(ms: int) -> Markup:
    """The day of a moment as <time>, in full; the browser says it in the reader's own words."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    shown = f"{moment.day} {moment:%B %Y}"
    return Markup('<time datetime="{:%Y-%m-%d}" data-when="{}" data-day>{}</time>').format(moment, ms, shown)


def day(ms: int) -> Markup:
    """The day of the month of a moment as <time>; UTC."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return Markup('<time datetime="{}">{}</time>').format(f"{moment:%Y-%m-%d}", moment.day)


def percent(share: float) -> str:
    """0.962 -> "96 %"; never 100 % unless all, never 0 % unless none."""
    whole = round(share * 100)
    if whole == 100 and share < 1:
        whole = 99
    if whole == 0 and share > 0:
        return "< 1 %"
    return f"{whole} %"


def ends(accuracy: pages.Accuracy) -> str:
    """The interval of an accuracy: "55 % to 81 %"."""
    low, high = whole(accuracy.low, accuracy.high)
    return f"{low} % to {high} %"


def in_words(accuracy: pages.Accuracy) -> str:
    """An accuracy as it is said, with the photos that it is about: two releases may be measured on different ones."""
    whose = {"visitors": "from visitors", "maker": "of the maker's that it never learned from"}[accuracy.whose]
    photos = f"{count(accuracy.n, 'photo')} {whose}"
    if accuracy.n < ROWS:
        low, high = whole(accuracy.low, accuracy.high)
        return f"right somewhere between {low} and {high} times in 100: {photos} cannot tell more"
    before = f"; the release before it {times(accuracy.before)}" if accuracy.before is not None else ""
    return f"right about {times(accuracy.value)} times in 100 on {photos}{before}"


def times(share: float) -> int:
    """How many times in 100; never 100 unless always."""
    return 99 if round(share * 100) == 100 and share < 1 else round(share * 100)


def spoken(label: str) -> str:
    """A label as words: capital first, no underscores."""
    words = label.replace("_", " ")
    return words[:1].upper() + words[1:]


def sentence(words: str) -> str:
    """Words as a sentence: capital first, a stop at its end; "" stays ""."""
    return words[:1].upper() + words[1:] + ("." if words and words[-1] not in ".!?…" else "")


def coded(words: str) -> Markup:
    """Words with what stands between backticks as code."""
    parts = words.split("`")
    shown = (Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts))
    return Markup("").join(shown)


def number(value: float) -> str:
    """A number as it is written: 0.5, 12, never 12.0 and never 1e-05."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def took(seconds: float | None) -> str:
    """Seconds as "41 s" or "2 min 5 s"; "" for None."""
    if seconds is None:
        return ""
    whole = round(seconds)
    return f"{whole} s" if whole < 90 else f"{whole // 60} min {whole % 60} s"


def count(n: int, one: str, many: str = "") -> str:
    """A number with its noun: 1 photo, 2,300 photos."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


# ---- static files --------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Stand:
    """All static files in memory, and the hash over them."""

    hash: str
    files: dict[str, bytes]


@cache
def stand() -> Stand:
    """Read once; the folder is part of the package and does not change while the site stands."""
    names = sorted(p.relative_to(STATIC).as_posix() for p in STATIC.rglob("*") if p.is_file())
    files = {name: lean(name, (STATIC / name).read_bytes()) for name in names}
    digest = hashlib.sha256()
    for name, data in files.items():
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    return Stand(digest.hexdigest()[:12], files)


def lean(name: str, data: bytes) -> bytes:
    """Scripts and style sheets as they are sent: a script without comments that fill whole lines and without
    indentation, each line with its number; a sheet without comments and needless space."""
    if name.endswith(".js"):
        data = COMMENT_LINES.sub(lambda found: b"\n" * found[0].count(b"\n"), data)
        return re.sub(rb"^[ \t]+", b"", data, flags=re.M)
    if name.endswith(".css"):
        data = re.sub(rb"\s*([{};,>])\s*|(:)\s+", rb"\1\2", COMMENTS.sub(b"", data).strip())
        return data.replace(b";}", b"}")
    return data


def static(path: str) -> str:
    """The address of a static file; KeyError for one that is not there, so that a template can not misspell it."""
    all_files = stand()
    if path not in all_files.files:
        raise KeyError(path)
    return f"/static/{all_files.hash}/{path}"


def sheet(*names: str) -> str:
    """The address of several style sheets in one, of those that there are: one request in place of many."""
    there = [name for name in names if has(f"css/{name}.css")]
    return f"/static/{stand().hash}/css/{'+'.join(there)}.css"


def joined(path: str) -> bytes | None:
    """The style sheets that an address names with "+" between them, one after the other; None unless all are there,
    each once and no more than a page uses: who asks for thousands of them gets nothing."""
    folder, _, joined_names = path.rpartition("/")
    names = joined_names.removesuffix(".css").split("+")
    if len(names) > SHEETS or len(set(names)) < len(names):
        return None
    parts = [stand().files.get(f"{folder}/{name}.css") for name in names]
    return b"".join(part for part in parts if part) if folder == "css" and all(parts) else None


def has(path: str) -> bool:
    """Whether there is such a static file."""
    return path in stand().files


def scripts(*names: str) -> list[str]:
    """The modules that a page is usable with, so that the browser asks for all of them at once: those that are named
    ("" for none) and what they import."""
    found: dict[str, None] = {}

    def add(path: str) -> None:
        if path not in found:
            found[path] = None
            for other in imports(path):
                add(other)

    for name in filter(None, names):
        add(f"js/{name}.js")
    return list(found)


@cache
def imports(path: str) -> list[str]:
    """The modules that a module imports at once; what it imports on demand is not among them."""
    names = re.findall(r'^import [^"]*"(\.[^"]+)"', stand().files[path].decode(), re.M)
    return [posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) for name in names]


def static_file(hash: str, path: str) -> Response:
    """The file, kept by browsers for ever; one of an older hash is answered with today's, unkept; 404 for others."""
    data = stand().files.get(path) or joined(path)
    if data is None:
        return Response(status_code=404)
    kind = "text/javascript" if path.endswith(".js") else mimetypes.guess_type(path)[0] or "application/octet-stream"
    headers = FOREVER if hash == stand().hash else {**FOREVER, "Cache-Control": "no-cache"}
    return (Response if kind == "image/png" else GzippedFile)(data, media_type=kind, headers=headers)
