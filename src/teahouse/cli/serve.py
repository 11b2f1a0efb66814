"""`teahouse serve`: prepare the data directory, print the links and a QR code, run the keeper in this terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from teahouse.desk import reach
from teahouse.desk.where import Project, found

if TYPE_CHECKING:
    from teahouse.keeper import KeeperSpec


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
    stand(place, () if quiet else greeting_of(place, sys.stdout.isatty() if open_page is None else open_page))


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


def stand(place: Project, greeting: tuple[str, ...]) -> None:
    """Turn this process into the project's keeper; does not return."""
    from teahouse import keeper

    spec = spec_of(place, greeting)
    with keeper.locked(spec.data, spec.locked_s) as lock, keeper.listening(spec.host, spec.port) as listener:
        log_aside(place.data / "run" / "site.log")
        keeper.become(spec, lock, listener)


def run(place: Project) -> int:
    """Run the keeper in this process; its exit status."""
    from teahouse import keeper

    with log_beside(place.data / "run" / "site.log"):
        return keeper.run(spec_of(place))


def spec_of(place: Project, greeting: tuple[str, ...] = ()) -> KeeperSpec:
    """What the keeper of a project keeps."""
    from teahouse import keeper

    site = place.settings.site
    for folder in (place.data, place.data / "run"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return keeper.KeeperSpec(
        project=place.root,
        data=place.data,
        host=site.host,
        port=site.port,
        url=site.url,
        opening=(sys.executable, "-P", "-m", "teahouse.desk.opening", str(place.root)),
        greeting=greeting,
    )


def greeting_of(place: Project, open_page: bool) -> tuple[str, ...]:
    """The command that prints the links once the site stands."""
    return (sys.executable, "-P", "-m", "teahouse.cli.serve", str(place.root), *(["--open"] if open_page else []))


@contextlib.contextmanager
def log_beside(log: Path) -> Iterator[None]:
    """`log_aside` while the block lasts."""
    before = os.dup(2)
    log_aside(log)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def log_aside(log: Path) -> None:
    """On a terminal the house's JSON log goes to a file, so that the links stay readable; else it stays on stderr."""
    if sys.stderr.isatty():
        with log.open("ab") as file:
            os.dup2(file.fileno(), 2)


def greet(place: Project, open_page: bool, patience: float = 60) -> None:
    """Wait until the site answers, then print its links."""
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


def main() -> int:
    """`python -m teahouse.cli.serve PROJECT [--open]`, by the keeper once the site stands: print its links."""
    greet(found(Path(sys.argv[1])), "--open" in sys.argv)
    return 0


if __name__ == "__main__":
    sys.exit(main())
