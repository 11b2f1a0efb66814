"""`teahouse serve`: prepare the data directory, print the links and a QR code, run the keeper in this terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from teahouse.desk import reach
from teahouse.desk.where import Project


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
    from teahouse.desk import say
    from teahouse.desk.where import project

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


def refuse_second(place: Project, do_next: str = "teahouse open, or teahouse stop") -> None:
    """One site a project: where one runs, name it, and what to do."""
    from teahouse.errors import Conflict

    running = place.running()
    if running:
        raise Conflict(
            "This project's site runs already.",
            f"{running['url']}, process {running['pid']}.",
            do_next,
        )


def free_instead(place: Project) -> int | None:
    """The next free port where the usual one is taken; None where it is free, or somebody chose it, or a public address
    leads to it."""
    site = place.settings.site
    if "port" in site.model_fields_set or site.url:
        return None
    found = reach.next_free(site.host, site.port)
    return found if found != site.port else None


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
    """Bring the tables to this version and declare the project's apps, so that the web finds them as rows. A release
    that lies beside an app.py is put on where the app has none yet: so a project answers after it was only copied."""
    from teahouse import ids
    from teahouse.desk import say
    from teahouse.errors import DeclarationError, ReleaseBroken
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
            try:
                put_shipped_on(house, app, folder)
            except ReleaseBroken as broken:
                say.warn(f"the release beside {name}'s app.py is left out: {broken}")


def put_shipped_on(house: Any, app: Any, folder: Path) -> None:
    """Install the release in the app's own folder, where there is one and the app has no champion. keys.txt is not
    asked: that folder is the project's own as app.py beside it is, and who can write the one can write the other."""
    from teahouse.store import rollouts

    beside = folder / "release"
    if not (beside / "release.json").is_file():
        return
    with house.db.read() as c:
        if rollouts.champion(c, app.name) is not None:
            return
    from teahouse.desk import shipped

    how = shipped.Shipped("owner", "the release beside its app.py", app.declaration())
    shipped.put_on(house, app.name, folder, beside, how)


def greet(place: Project, open_page: bool, patience: float = 60) -> None:
    """Wait until the site answers, then print its links (a thread of `serve`)."""
    from teahouse.desk import say

    note = reach.wait_ready(place.data, patience)
    if note is None and (note := place.running()):
        say.warn("Not every app answers yet. What is in the way: teahouse doctor, and the site's log.")
    if note:
        welcome(place, note["url"])
        if open_page:
            webbrowser.open(note["url"])


def welcome(place: Project, url: str) -> None:
    """The page's link, the owner's one-time link, the QR code."""
    from teahouse.desk import say
    from teahouse.site import owner_door

    say.line()
    say.step(f"The site stands: [bold link={url}]{url}[/]")
    with place.house() as house:
        claim = owner_door.claim_link(house, url)
    if claim:
        say.line(f"  Make it yours (once, from this machine): [link={claim}]{claim}[/]", soft_wrap=True)
    else:
        say.line("  Your side of it: teahouse open")
    phone = reach.for_phone(place, url)
    if phone:
        say.line(f"  On your phone: {phone}")
        say.line(say.qr(phone), markup=False)
    elif sys.stdout.isatty():
        say.line("  [dim]For your phone: teahouse serve --host 0.0.0.0 prints a QR code for the same Wi-Fi.[/]")
    log = f" Its log: {place.data}/run/site.log" if sys.stdout.isatty() else ""
    say.line(f"  [dim]Ctrl-C stops it.{log}[/]", soft_wrap=True)
