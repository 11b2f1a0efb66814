"""`status`, `open` and `stop`: the site that runs for this project, or one elsewhere."""

from __future__ import annotations

import os
import signal
import time
import webbrowser
from contextlib import suppress
from typing import Any

import click

from teahouse.cli.options import owner_options
from teahouse.desk.where import Project


@click.command("status", short_help="What the site is doing: apps, releases, what waits for you.")
@owner_options
def status_verb(site: str | None, as_json: bool) -> None:
    """Tell whether the site runs, what each app's champion is, and what waits for the owner."""
    from teahouse.desk import say
    from teahouse.desk.where import project

    report = status_there(site) if site else status_here(project())
    if as_json:
        say.as_json(report)
        return
    running = report["running"]
    say.line(
        f"[green]●[/] {running['url']} (process {running.get('pid', '–')})"
        if running
        else "[dim]○[/] not running: teahouse serve"
    )
    for app in report["apps"]:
        on = f"release {app['champion']} answers" if app["champion"] else "no release yet"
        judges = app["judging"]
        say.line(f"\n[bold]{say.plain(app['app'])}[/] · {say.plain(app['title'])}")
        say.line(f"  {on} · {app['waiting']:,} to review · {app['accepted']:,} accepted")
        say.line(f"  may judge: {judges['visitors']:,} of visitors' photos, {judges['maker']:,} of yours")


def status_here(place: Project) -> dict[str, Any]:
    """The same facts from the project's own house."""
    from teahouse.feedback import judges
    from teahouse.store import apps, releases, rollouts

    found: list[dict[str, Any]] = []
    if (place.data / "house.db").exists():
        with place.house() as house, house.db.read() as c:
            for app in apps.all_latest(c):
                champion, counts = rollouts.champion(c, app.name), judges.counts(c, app.name)
                found.append(
                    {
                        "app": app.name,
                        "title": app.title,
                        "champion": releases.number(c, champion.release) if champion else None,
                        "waiting": counts["waiting"],
                        "accepted": counts["accepted"],
                        "judging": judging(counts),
                    }
                )
    return {"running": place.running(), "apps": found}


def status_there(site: str) -> dict[str, Any]:
    """The facts that a site elsewhere tells its owner."""
    from teahouse.cli.remote import Site

    with Site(site) as there:
        found = []
        for app in there.get("/api/apps")["apps"]:
            counts = there.get("/api/owner/labels", app=app["app"], limit=1)["counts"]
            champion = next(
                (row for row in there.get("/api/owner/releases", app=app["app"])["releases"] if row.get("champion")), {}
            )
            found.append(
                {
                    "app": app["app"],
                    "title": app["title"],
                    "champion": champion.get("number"),
                    "waiting": counts["waiting"],
                    "accepted": counts["accepted"],
                    "judging": judging(counts),
                }
            )
        return {"running": {"url": there.url}, "apps": found}


def judging(counts: dict[str, int]) -> dict[str, int]:
    """The photos that may judge, by whose they are."""
    return {"visitors": counts["gold_live"], "maker": counts["gold_base"]}


@click.command("open", short_help="Open the owner's pages in the browser, already logged in.")
@click.option("--print", "only_print", is_flag=True, help="Print the link, open nothing.")
def open_verb(only_print: bool) -> None:
    """Make a one-time link to the owner's pages of the running site, and open it."""
    from teahouse.desk import say
    from teahouse.desk.where import project
    from teahouse.site import owner_door

    place = project()
    running = must_run(place)
    with place.house() as house:
        link = owner_door.open_link(house, running["url"])
    if only_print or not webbrowser.open(link):
        say.line(link, soft_wrap=True)


@click.command("stop", short_help="Stop the site that runs for this project.")
def stop_verb() -> None:
    """Ask the running site to finish what it answers and end (at most ten seconds)."""
    from teahouse.desk import say
    from teahouse.desk.where import project

    place = project()
    pid = int(must_run(place)["pid"])
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + 15
    while time.monotonic() < until:
        if not place.is_kept():
            say.step("Stopped.")
            return
        time.sleep(0.05)
    raise say.CheckFailed(f"Process {pid} did not end in 15 seconds.", do_next=f"Look at it, then kill {pid}")


def must_run(place: Project) -> dict[str, Any]:
    """The running site of the project; WrongUse where none runs."""
    from teahouse.desk.say import WrongUse

    running = place.running()
    if running is None and place.is_kept():
        raise WrongUse("This project's site is only just starting.", do_next="Try again in a moment.")
    if running is None:
        raise WrongUse("This project's site does not run.", do_next="teahouse serve")
    return running
