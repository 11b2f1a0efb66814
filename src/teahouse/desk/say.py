"""How the terminal speaks: errors in plain words, tables, numbers with their intervals, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from teahouse.errors import TeahouseError

if TYPE_CHECKING:
    from rich.console import Console

REFUSED_CODES = frozenset({"refused", "check-failed", "release-broken", "nothing-to-do", "training-failed"})
WRONG_USE_CODES = frozenset({"declaration", "settings", "wrong-use", "not-found", "input-refused"})


class WrongUse(TeahouseError):
    """The verb was asked for something that can not be, and says what to ask for instead."""

    code = "wrong-use"
    status = 2


class CheckFailed(TeahouseError):
    """A check or a verdict said no."""

    code = "check-failed"
    status = 1


class SiteNotReachable(TeahouseError):
    """The site that `--site` names does not answer."""

    code = "site-not-reachable"
    status = 3


def status_of(error: TeahouseError) -> int:
    """The exit status of an error: 1 refused, 2 wrong use, 3 site not reachable."""
    if error.code == SiteNotReachable.code:
        return 3
    return 2 if error.code in WRONG_USE_CODES else 1


@cache
def console(err: bool = False) -> Console:
    """The one rich console of this process (rich is imported here and in no other place at import)."""
    from rich.console import Console

    return Console(stderr=err, highlight=False)


def line(words: str = "", **style: Any) -> None:
    """One line, with rich markup."""
    console().print(words, **style)


def plain(words: str) -> str:
    """Words of somebody else's, without meaning to rich."""
    from rich.markup import escape

    return escape(words)


def step(words: str) -> None:
    """Something was done."""
    line(f"[green]✓[/] {words}")


def warn(words: str) -> None:
    """Something to know, which does not stop the verb."""
    line(f"[yellow]![/] {words}")


def error(problem: TeahouseError, as_json: bool = False) -> None:
    """What, why and what to do next, on stderr; the API's own error shape with `--json`."""
    if as_json:
        print(json.dumps({"error": problem.as_dict()}, ensure_ascii=False), file=sys.stderr)
        return
    from rich.markup import escape

    out = console(err=True)
    out.print(f"[bold red]✗[/] {escape(problem.what)}", soft_wrap=True)
    if problem.why:
        out.print(f"  {escape(problem.why)}", soft_wrap=True)
    if problem.do_next:
        out.print(f"  [bold]→[/] {escape(problem.do_next)}", soft_wrap=True)


def as_json(value: Any) -> None:
    """One JSON document on stdout, for scripts."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """A quiet table."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    sheet = Table(*heads, box=SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for row in rows:
        sheet.add_row(*("" if cell is None else str(cell) for cell in row))
    console().print(sheet)


def when(at_ms: int | None) -> str:
    """A moment in the reader's own time, to the minute."""
    if not at_ms:
        return "–"
    from datetime import datetime

    return datetime.fromtimestamp(at_ms / 1000).strftime("%Y-%m-%d %H:%M")


def took(seconds: float) -> str:
    """A span in words: 0.8 s, 42 s, 3 min 05 s."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


def share(value: float, low: float | None = None, high: float | None = None) -> str:
    """An accuracy in per cent, with its interval where there is one, as the pages say it."""
    from teahouse.release.evaluate import whole

    words = f"{100 * value:.1f} %"
    return words if low is None or high is None else f"{words} [dim]({'–'.join(map(str, whole(low, high)))})[/]"


VERDICTS = {
    "promote": ("Promoted", "green"),
    "rolling": ("Better than the champion", "green"),
    "beside": ("Shown beside the champion", "green"),
    "hold": ("Held back", "yellow"),
    "reject": ("Refused", "red"),
}


def verdict(outcome: str, reasons: Iterable[Mapping[str, Any]], number: int | None = None) -> None:
    """A verdict in words: promote (rolling: in steps), hold (beside: shown beside the champion) or reject; and why."""
    from rich.markup import escape

    name, colour = VERDICTS.get(outcome, (outcome, "white"))
    line(f"[bold {colour}]{name}[/]" + (f": release {number}" if number is not None else ""))
    for reason in reasons:
        line(f"  · {escape(str(reason.get('words', reason)))}")


def qr(link: str) -> str:
    """The link as a QR code in half blocks, for a phone's camera."""
    import io

    import segno

    out = io.StringIO()
    segno.make(link, error="m").terminal(out=out, compact=True, border=2)
    return out.getvalue()


def bar(total: float | None = None, unit: str = ""):
    """A rich progress bar with time; `unit` is written after the counts."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=28)]
    if unit:
        columns += [MofNCompleteColumn(), TextColumn(unit)]
    columns += [TimeElapsedColumn(), TextColumn("[dim]{task.fields[note]}[/]")]
    # on stderr: what a verb prints for scripts stays alone on stdout
    progress = Progress(*columns, console=console(err=True), transient=False)
    progress.first = progress.add_task("", total=total, note="")  # type: ignore[attr-defined]
    return progress
