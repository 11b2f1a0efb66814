"""`teahouse serve`: prepare the data directory, print the links and a QR code, run the keeper in this terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from teahouse.cli.where import Project


@click.command("serve", short_help="Put the project's apps on a site, in this terminal.")
@click.option("--port", type=int, help="Port to listen on (8360, or the next free one; 0 takes any free one).")
@click.option("--host", help="Address to listen on (127.0.0.1: this machine only; 0.0.0.0: the whole network).")
@click.option(
    "--open/--no-open", "open_page", default=None, help="Open the page in the browser (where there is a screen)."
)
@click.option("--quiet", is_flag=True, hidden=True, help="Print nothing and make no links: somebody else does.")
def serve_verb(port: int | None, host: str | None, open_page: bool | None, quiet: bool) -> None:
    """Serve the project's apps until Ctrl-C.

    Prints the page's link, and the owner's one-time link while the site has no owner. Needs no PyTorch. The site is
    reachable from this machine only, unless --host says otherwise; where a phone can reach it (--host 0.0.0.0: the same
    network) a QR code is printed too.
    """
    from teahouse.cli import say
    from teahouse.cli.where import project

    # the keeper's children read the settings anew: what was said here reaches them as the environment
    for name, given in (("TEAHOUSE_SITE_PORT", port), ("TEAHOUSE_SITE_HOST", host)):
        if given is not None:
            os.environ[name] = str(given)
    place = project()
    refuse_second(place)
    if (free := free_instead(place)) is not None:
        say.warn(f"Port {place.settings.site.port} is taken, so this site takes {free}. --port chooses another.")
        os.environ["TEAHOUSE_SITE_PORT"] = str(free)
        place = project()
    if not quiet:
        wanted = sys.stdout.isatty() if open_page is None else open_page
        threading.Thread(target=greet, args=(place, wanted), daemon=True).start()
    raise SystemExit(run(place))


def refuse_second(place: Project) -> None:
    """One site a project: where one runs, name it."""
    from teahouse.errors import Conflict

    running = place.running()
    if running:
        raise Conflict(
            "This project's site runs already.",
            f"{running['url']}, process {running['pid']}.",
            "teahouse open, or teahouse stop",
        )


def free_instead(place: Project) -> int | None:
    """The next free port where the usual one is taken; None where it is free, or somebody chose it, or a public address
    leads to it."""
    site = place.settings.site
    if "port" in site.model_fields_set or site.url:
        return None
    found = next_free(site.host, site.port)
    return found if found != site.port else None


def next_free(host: str, port: int) -> int | None:
    """The first port from this one on that is free, or None where a hundred are taken."""
    return next((one for one in range(port, port + 100) if is_free(host, one)), None)


def is_free(host: str, port: int) -> bool:
    """Whether a site could listen there."""
    import socket

    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def run(place: Project) -> int:
    """Run the keeper in the foreground; its exit status."""
    from teahouse import keeper

    site = place.settings.site
    for folder in (place.data, place.data / "run"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    spec = keeper.KeeperSpec(project=place.root, data=place.data, host=site.host, port=site.port, url=site.url)
    with log_beside(place.data / "run" / "site.log"):
        return keeper.run(spec, lambda: prepare(place))


@contextlib.contextmanager
def log_beside(log: Path) -> Iterator[None]:
    """On a terminal the house's JSON log goes to a file, so that the links stay readable; else it stays on stderr."""
    if not sys.stderr.isatty():
        yield
        return
    before = os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def prepare(place: Project) -> None:
    """Bring the tables to this version and declare the project's apps, so that the web finds them as rows."""
    from teahouse import ids
    from teahouse.cli import say
    from teahouse.errors import DeclarationError
    from teahouse.spec.load import load_app
    from teahouse.store import apps

    with place.house() as house:
        for name, folder in place.app_folders().items():
            try:
                app = load_app(folder)
            except DeclarationError as wrong:
                say.warn(f"{name} is left as it was: {wrong}")
                continue
            row = (app.name or name, app.title, app.declaration(), str(folder), ids.now_ms())
            house.db.write(lambda c, row=row: apps.declare(c, *row))


def greet(place: Project, open_page: bool, patience: float = 60) -> None:
    """Wait until the site answers, then print its links (a thread of `serve`)."""
    from teahouse.cli import say

    note = wait_ready(place.data, patience)
    if note is None and (note := place.running()):
        say.warn("Not every app answers yet. What is in the way: teahouse doctor, and the site's log.")
    if note:
        welcome(place, note["url"])
        if open_page:
            webbrowser.open(note["url"])


def wait_ready(data: Path, patience: float, alive: Callable[[], bool] = lambda: True) -> dict[str, Any] | None:
    """What run/house.json says once /readyz answers 200: every app that has a release answers with it. None after
    `patience` seconds, or where the site is no longer `alive`."""
    import json

    from teahouse import keeper

    until = time.monotonic() + patience
    while time.monotonic() < until and alive():
        with contextlib.suppress(OSError, ValueError, KeyError):
            note = json.loads(keeper.note_of(data).read_text()) if keeper.is_kept(data) else {}
            if is_ready(note["url"]):
                return note
        time.sleep(0.05)
    return None


def is_ready(url: str) -> bool:
    """Whether the site at this address says that it is ready. OSError where nobody answers."""
    from http.client import HTTPConnection, HTTPException

    with contextlib.closing(HTTPConnection(url.removeprefix("http://"), timeout=10)) as line:
        try:
            line.request("GET", "/readyz")
            return line.getresponse().status == 200
        except HTTPException:
            return False


def welcome(place: Project, url: str) -> None:
    """The page's link, the owner's one-time link, the QR code."""
    from teahouse.cli import say
    from teahouse.site import owner_door

    say.line()
    say.step(f"The site stands: [bold link={url}]{url}[/]")
    with place.house() as house:
        claim = owner_door.claim_link(house, url)
    if claim:
        say.line(f"  Make it yours (once, from this machine): [link={claim}]{claim}[/]", soft_wrap=True)
    else:
        say.line("  Your side of it: teahouse open")
    phone = for_phone(place, url)
    if phone:
        say.line(f"  On your phone: {phone}")
        say.line(say.qr(phone), markup=False)
    elif sys.stdout.isatty():
        say.line("  [dim]For your phone: teahouse serve --host 0.0.0.0 prints a QR code for the same Wi-Fi.[/]")
    log = f" Its log: {place.data}/run/site.log" if sys.stdout.isatty() else ""
    say.line(f"  [dim]Ctrl-C stops it.{log}[/]", soft_wrap=True)


def for_phone(place: Project, url: str) -> str:
    """The address by which a phone on the same network gets here, or '' where it listens to this machine only."""
    import socket

    import psutil

    site = place.settings.site
    if site.url:
        return site.url
    if site.host not in ("0.0.0.0", "::"):
        return "" if site.host in ("127.0.0.1", "localhost", "::1") else url
    own = [one.address for each in psutil.net_if_addrs().values() for one in each if one.family == socket.AF_INET]
    reachable = next((address for address in own if not address.startswith(("127.", "169.254."))), "")
    return f"http://{reachable}:{url.rsplit(':', 1)[1]}" if reachable else ""
