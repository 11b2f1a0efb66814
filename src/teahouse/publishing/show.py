"""Show: what a cell ends with: the link, a QR code for a phone, the page, and what differs from the maker's own."""

from __future__ import annotations

import base64
import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from teahouse.publishing.published import Published
    from teahouse.publishing.suspects import Difference

WHO = {
    True: "Whoever is in this network may play; your own pages open on this computer alone.",
    False: "It answers on this computer alone.",
}
INLINE = 2_000_000  # bytes of a bundle that a link in the cell carries along; what is heavier would bloat the notebook
# The card is light or dark as the page in its frame is: both follow the browser. Where a notebook takes style sheets
# out the card has the notebook's own colours.
LIGHT = "--th-ink:#222;--th-soft:#555;--th-paper:#fffdf8;--th-link:#0b6b50;--th-bad:#c43d1b;--th-tint:#fdf0ea"
DARK = "--th-ink:#f5e9d7;--th-soft:#c2b199;--th-paper:#1c1510;--th-link:#7fd1b2;--th-bad:#f2a083;--th-tint:#3b2018"
SHEET = (
    f"<style>.teahouse-card{{{LIGHT}}}@media (prefers-color-scheme:dark){{.teahouse-card{{{DARK}}}}}"
    ".teahouse-card a{color:var(--th-link)}</style>"
)
STYLE = (
    "font:15px/1.5 system-ui,sans-serif;max-width:760px;border:1px solid #8884;border-radius:12px;padding:16px 20px;"
    "color:var(--th-ink);background:var(--th-paper)"
)
SOFT = "color:var(--th-soft)"


def html(shown: Published) -> str:
    """The published app as a piece of a page, everything in it escaped."""
    title = f'<div style="font-size:19px;font-weight:600">{escape(shown.title)}</div>'
    parts = [f'{SHEET}<div class="teahouse-card" style="{STYLE}">{title}']
    parts += [_box(said, "var(--th-bad)", "var(--th-tint)") for said in warnings(shown)]
    parts += [_box(said, "var(--th-soft)", "#8881") for said in doubts(shown)]
    parts.append(_site(shown) if shown.url else _bundle(shown))
    if shown.notes:
        said = "".join(f"<li>{words(note)}</li>" for note in shown.notes)
        parts.append(f'<ul style="margin:10px 0 0;padding-left:18px;{SOFT}">{said}</ul>')
    return "".join([*parts, "</div>"])


def warnings(shown: Published) -> list[str]:
    """What differs from the maker's own code, each cause once with the files that show it."""
    return [
        f"The page answers otherwise than your own code on {files}: {cause}. {fix}".strip()
        for files, cause, fix in by_cause(one for one in shown.differences if not one.told)
    ]


def doubts(shown: Published) -> list[str]:
    """What differs from a word of the maker's, of which nobody knows whether it is their code's."""
    return [
        f"On {files}: {cause}. {fix}".strip()
        for files, cause, fix in by_cause(one for one in shown.differences if one.told)
    ]


def by_cause(found: Iterable[Difference]) -> list[tuple[str, str, str]]:
    """(files, cause, fix), each cause once."""
    causes: dict[tuple[str, str], list[str]] = {}
    for one in found:
        causes.setdefault((one.cause, one.fix), []).append(f"{one.example} ({one.apart:.2f} apart)")
    return [
        (f"{', '.join(files[:3])}{f' and {len(files) - 3} more' if len(files) > 3 else ''}", cause, fix)
        for (cause, fix), files in causes.items()
    ]


def words(said: str) -> str:
    """A sentence as a piece of a page, escaped; what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(said))


def _box(said: str, edge: str, ground: str) -> str:
    style = f"margin:10px 0;padding:8px 12px;border-left:4px solid {edge};background:{ground}"
    return f'<div style="{style}">{words(said)}</div>'


def _site(shown: Published) -> str:
    link = escape(shown.url)
    phone = ""
    if shown.phone:
        phone = (
            f'<div style="text-align:center;font-size:13px;{SOFT}">{qr(shown.phone)}<br>on a phone in this network'
            f"<br>{escape(shown.phone)}</div>"
        )
    folder = escape(str(nearby(shown.project)))
    return (
        '<div style="display:flex;gap:20px;justify-content:space-between;align-items:flex-start;flex-wrap:wrap">'
        f'<div style="flex:1;min-width:260px"><p style="margin:8px 0"><a href="{link}" target="_blank" rel="noopener">'
        f'{link}</a></p><p style="margin:8px 0;{SOFT}">{WHO[bool(phone)]}<br>'
        f"In {folder}: <code>teahouse open</code>, <code>status</code>, "
        "<code>stop</code>; a link for everybody: <code>teahouse stop &amp;&amp; teahouse share</code>. "
        f"To keep it as a project: <code>.save(folder)</code></p></div>{phone}</div>"
        f'<iframe src="{link}/embed" title="{escape(shown.title)}" loading="lazy" '
        'style="width:100%;height:660px;border:0;border-radius:8px;margin-top:8px" allow="camera"></iframe>'
        f'<p style="margin:8px 0 0;font-size:13px;{SOFT}">Nothing here? '
        f'<a href="{link}" target="_blank" rel="noopener">Open the link.</a></p>'
    )


def nearby(folder: Path) -> Path:
    """The folder as one goes there from here, where it lies below."""
    folder, here = Path(folder or ""), Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) and folder != here else folder


def _bundle(shown: Published) -> str:
    file = Path(shown.bundle)
    commands = escape("\n".join(shown.next_commands()))
    return (
        f'<p style="margin:8px 0">Nobody can reach a site on {escape(shown.elsewhere)}, so the app is a file: '
        f"{download(file)} ({file.stat().st_size / 1e6:.1f} MB).</p>"
        f'<p style="margin:8px 0;{SOFT}">On your own computer, beside the file:</p>'
        f'<pre style="margin:0;padding:8px 12px;background:#8881;border-radius:8px;color:inherit">{commands}</pre>'
    )


def download(file: Path) -> str:
    """A link that brings the file down: the bytes themselves where they are few, else how to get them."""
    name = escape(file.name)
    if file.stat().st_size > INLINE:
        return f"<b>{name}</b> (<code>.download()</code> brings it down)"
    data = base64.b64encode(file.read_bytes()).decode("ascii")
    href = f"data:application/octet-stream;base64,{data}"
    return f'<a download="{name}" href="{href}">download {name}</a>'


def qr(link: str) -> str:
    """The link as a QR code, SVG."""
    import segno

    return segno.make(link, error="m").svg_inline(scale=4, border=3, light="#fff")


def text(shown: Published) -> str:
    """The same in a terminal's lines."""
    lines = [*(f"! {words}" for words in warnings(shown)), *(f"? {words}" for words in doubts(shown))]
    if shown.url:
        lines += [f"{shown.title}: {shown.url}"] + (
            [f"On a phone in this network: {shown.phone}"] if shown.phone else []
        )
        lines += [f"In {nearby(shown.project)}: teahouse open, teahouse status, teahouse stop"]
    else:
        lines += [f"{shown.title}: {shown.bundle}", "On your own computer, beside the file:"]
        lines += [f"  {command}" for command in shown.next_commands()]
    return "\n".join([*lines, *(f"- {note}" for note in shown.notes)])
