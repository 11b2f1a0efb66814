"""`teahouse doctor`: looks the machine and the project over, and names the fix of each fault."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec

import click

from teahouse.desk.where import Project

LEAST_FREE = 512_000_000  # bytes: below it uploads are refused


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `state` is ok, note (works, but know it) or wrong."""

    state: str
    what: str
    fix: str = ""


@click.command("doctor", short_help="Look the machine and the project over; name each fault and its fix.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for scripts.")
def doctor_verb(as_json: bool) -> None:
    """Look at Python, SQLite, the disk, the port, the data directory's modes, the ledger, and what training needs.

    Ends with status 1 when something is wrong.
    """
    from teahouse.desk.where import find_project

    tell(list(examine(find_project())), as_json)


def tell(findings: list[Finding], as_json: bool) -> None:
    """Say what was found; ends with status 1 where something is wrong."""
    from teahouse.desk import say

    if as_json:
        say.as_json([asdict(finding) for finding in findings])
    else:
        from rich.markup import escape

        marks = {"ok": "[green]✓[/]", "note": "[yellow]![/]", "wrong": "[red]✗[/]"}
        for finding in findings:
            say.line(f"{marks[finding.state]} {escape(finding.what)}", soft_wrap=True)
            if finding.fix:
                say.line(f"  [bold]→[/] {escape(finding.fix)}", soft_wrap=True)
    if any(finding.state == "wrong" for finding in findings):
        raise click.exceptions.Exit(1)


def examine(place: Project | None) -> Iterator[Finding]:
    """All findings, in the order in which one would mend them."""
    for look in (python, sqlite, serving, training, namespaces):
        yield look()
    if place is None:
        yield Finding("note", "not inside a project", "cd into one, or: teahouse new NAME --starter tea")
        return
    looks: tuple[Callable[[Project], Iterator[Finding]], ...] = (declarations, disk, modes, database, books, till, port)
    for look_at in looks:
        yield from look_at(place)


def python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):
        return Finding("wrong", f"Python {version} is too old", "Use Python 3.11 or newer.")
    return Finding("ok", f"Python {version}")


def sqlite() -> Finding:
    """The SQLite in use must keep what several connections write."""
    from teahouse.errors import DatabaseUnsound
    from teahouse.store import sqlite as door

    try:
        module = door.sound_module()
    except DatabaseUnsound as unsound:
        return Finding("wrong", f"{unsound.what} {unsound.why}", unsound.do_next)
    return Finding("ok", f"SQLite {module.sqlite_version} ({module.__name__})")


def serving() -> Finding:
    """What answers need."""
    missing = [name for name in ("onnxruntime", "numpy", "PIL") if find_spec(name) is None]
    if missing:
        return Finding("wrong", f"serving needs {', '.join(missing)}", "pip install --force-reinstall teahouse")
    from importlib.metadata import version

    return Finding("ok", f"ONNX Runtime {version('onnxruntime')}")


def training() -> Finding:
    """What `teahouse train` needs; a site serves without."""
    missing = [name for name in ("torch", "onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        return Finding(
            "note", f"no {', '.join(missing)}: this site serves, and can not train", "pip install 'teahouse[train]'"
        )
    from importlib.metadata import version

    return Finding("ok", f"PyTorch {version('torch')}")


def namespaces() -> Finding:
    """Whether workers can be cut off from the network (a second wall; the first is that they have nothing to send)."""
    if sys.platform != "linux":
        return Finding("note", "workers keep the network here: only Linux has namespaces for it")
    knob = "/proc/sys/kernel/unprivileged_userns_clone"
    if os.geteuid() != 0 and os.path.exists(knob) and open_text(knob).strip() == "0":
        return Finding(
            "note",
            "workers keep the network: this system gives no namespaces to its users",
            f"As root: echo 1 > {knob}",
        )
    return Finding("ok", "workers can run without a network")


def open_text(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def declarations(place: Project) -> Iterator[Finding]:
    """Every app of the project loads."""
    from teahouse.errors import DeclarationError
    from teahouse.spec.load import load_app

    for name, folder in place.app_folders().items():
        try:
            load_app(folder)
            yield Finding("ok", f"apps/{name}/app.py loads")
        except DeclarationError as wrong:
            yield Finding("wrong", f"apps/{name}/app.py: {wrong.what} {wrong.why}", wrong.do_next)


def disk(place: Project) -> Iterator[Finding]:
    """Room where the data directory is or will be."""
    there = next(folder for folder in (place.data, *place.data.parents) if folder.exists())
    free = shutil.disk_usage(there)
    least = max(LEAST_FREE, free.total // 20)
    words = f"{free.free / 1e9:.1f} GB free for {place.data}"
    yield (
        Finding("ok", words)
        if free.free > least
        else Finding("wrong", words, f"Photos are refused under {least / 1e9:.1f} GB: make room.")
    )


def modes(place: Project) -> Iterator[Finding]:
    """Nobody else on this machine may read the data directory."""
    if not place.data.exists():
        yield Finding("ok", "no data yet")
        return
    open_to_others = [
        path
        for path in (place.data, place.data / "secrets")
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    loose = [path for path in place.data.glob("secrets/*") if stat.S_IMODE(path.stat().st_mode) & 0o077]
    for path in open_to_others + loose:
        yield Finding("wrong", f"{path} can be read by others", f"chmod {'700' if path.is_dir() else '600'} {path}")
    if not open_to_others + loose:
        yield Finding("ok", "the data directory is closed to others")


def database(place: Project) -> Iterator[Finding]:
    """The database opens and is whole."""
    if not (place.data / "house.db").exists():
        return
    from teahouse.errors import TeahouseError

    try:
        with place.house(create=False) as house, house.db.read() as c:
            told = c.exec_driver_sql("PRAGMA quick_check").scalar()
    except TeahouseError as error:
        yield Finding("wrong", f"{error.what} {error.why}", error.do_next)
        return
    yield (
        Finding("ok", "the database is whole")
        if told == "ok"
        else Finding("wrong", f"the database: {told}", "teahouse restore BACKUP")
    )


def books(place: Project) -> Iterator[Finding]:
    """Every chain of the ledger holds, and every balance is the sum of its entries."""
    from teahouse.errors import TeahouseError
    from teahouse.store import ledger

    if not (place.data / "house.db").exists():
        return
    try:
        with place.house(create=False) as house, house.db.read() as c:
            entries, faults = ledger.size(c), list(ledger.faults(c))
    except TeahouseError:  # told by `database`
        return
    for pass_id, words in faults:
        yield Finding("wrong", f"the ledger, pass {pass_id.hex()[:12]}: {words}", "teahouse restore BACKUP")
    if entries and not faults:
        yield Finding("ok", f"the ledger is intact: {entries:,} entries")


def till(place: Project) -> Iterator[Finding]:
    """What the till takes, where anything is sold, and whether its access is whole."""
    from teahouse.errors import SettingsError
    from teahouse.payments import stripe

    if place.settings.money.till == "test":
        if sells(place):
            yield play_money(place)
        return
    try:
        access = stripe.access(place.data / "secrets")
    except SettingsError as wrong:
        yield Finding("wrong", f"the till: {wrong.what} {wrong.why}", wrong.do_next)
        return
    if access.live:
        yield Finding("ok", "the till is Stripe, and takes real money")
    else:
        yield Finding("note", "the till is Stripe in its test mode", "For real money: teahouse pay connect")


def play_money(place: Project) -> Finding:
    """That the till takes play money, which is wrong once anybody can come and say that they paid."""
    connect, url = "For real money: teahouse pay connect", place.settings.url
    if url.startswith("https:") and not is_here(url) and sells(place):
        words = f"the till takes play money at {url}: anybody there can play as if they had paid"
        return Finding("wrong", words, f"{connect}. Or take the price out of the app.")
    return Finding("note", "the till takes play money: all can be tried, and nothing is charged", connect)


def is_here(url: str) -> bool:
    """Whether an address leads to the machine that asks."""
    from ipaddress import ip_address
    from urllib.parse import urlsplit

    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def sells(place: Project) -> bool:
    """Whether an app of the house has a price."""
    from teahouse.errors import TeahouseError
    from teahouse.store import apps

    if not (place.data / "house.db").exists():
        return False
    try:
        with place.house(create=False) as house, house.db.read() as c:
            return any(row.declaration.get("price") for row in apps.all_latest(c))
    except TeahouseError:  # told by `database`
        return False


def port(place: Project) -> Iterator[Finding]:
    """The port is free, or taken by this project's own site, or nobody cares which one it is."""
    import socket

    from teahouse.cli import serve

    site, running = place.settings.site, place.running()
    if running:
        yield Finding("ok", f"the site runs: {running['url']}")
        return
    if (free := serve.free_instead(place)) is not None:
        yield Finding("note", f"port {site.port} is taken: teahouse serve takes {free}")
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((site.host, site.port))
        except OSError as error:
            yield Finding(
                "wrong", f"port {site.port} on {site.host}: {error.strerror}", "Use another: teahouse serve --port 0"
            )
            return
    yield Finding("ok", f"port {site.port} is free")
