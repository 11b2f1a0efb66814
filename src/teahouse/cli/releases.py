"""`releases`, `promote`, `rollback`: what was trained or came as a file, and which of it visitors meet."""

from __future__ import annotations

from typing import Any

import click

from teahouse.cli import bundles
from teahouse.cli.options import owner_options
from teahouse.desk import reach
from teahouse.desk.where import Project


class Releases(click.Group):
    """`teahouse releases` lists; what follows may be an app's name as well as a verb of its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group("releases", cls=Releases, short_help="The releases of an app, with their verdicts.")
def releases_verb() -> None:
    """The releases of an app. Without a word of its own it lists: `teahouse releases tea` is `releases list tea`."""


releases_verb.add_command(bundles.add_verb)
releases_verb.add_command(bundles.pack_verb)


@releases_verb.command("list", short_help="The releases of an app, newest first.")
@click.argument("app", required=False)
@owner_options
def list_verb(app: str | None, site: str | None, as_json: bool) -> None:
    """List APP's releases, newest first: the champion, how often each is right (of one that makes pictures how many
    visitors preferred it), what the verdict said."""
    from teahouse.desk import say
    from teahouse.desk.where import project

    found = listed_there(site, app) if site else listed_here(project(), app)
    if as_json:
        say.as_json(found)
        return
    say.table(
        ("", "release", "made", "right on photos it never saw", "verdict", "id"),
        [
            (
                "[green]●[/]" if row["champion"] else "",
                row["number"],
                say.when(row["at"]),
                accuracy_of(row),
                row["outcome"] or "–",
                row["release"][:12],
            )
            for row in found
        ],
    )


def accuracy_of(row: dict[str, Any]) -> str:
    """A release's accuracy with its interval, or what visitors chose of its pictures, in one cell."""
    from teahouse.desk import say

    found, chosen = row.get("accuracy"), row.get("choices")
    if found:
        return f"{say.share(found['value'], found['low'], found['high'])} of {found['n']}"
    return f"{chosen['preferred']} of {chosen['n']} preferred it" if chosen and chosen["n"] else "–"


def listed_here(place: Project, app: str | None) -> list[dict[str, Any]]:
    """The rows of the project's own house."""
    from teahouse.store import lineage, releases, rollouts

    app = place.one_app(app)
    with place.house(create=False) as house, house.db.read() as c:
        champion = rollouts.champion(c, app)
        said = {row.candidate: row.outcome for row in reversed(list(lineage.verdicts(c, app, limit=200)))}
        on, steps = champion.release if champion else None, rollouts.standing(c, app)
        return [
            {
                "release": row.id,
                "number": releases.number(c, row.id),
                "at": row.at,
                "champion": bool(champion and champion.release == row.id),
                "accuracy": measured(c, row),
                "choices": chosen(c, row, steps.get(row.id), on),
                "outcome": said.get(row.id),
            }
            for row in releases.of_app(c, app)
        ]


def chosen(c: Any, release: Any, step: Any, champion: str | None) -> dict[str, Any] | None:
    """What visitors chose between a release and the champion, as the site tells it, or None."""
    from teahouse.site import owner_pictures
    from teahouse.store import lineage

    found = owner_pictures.choices_of(c, release, step, champion, lineage.verdict_on(c, release.id))
    return found.model_dump() if found else None


def measured(c: Any, release: Any) -> dict[str, Any] | None:
    """A release's accuracy {value, low, high, n} by its latest verdict, else by its own metrics, else None."""
    from teahouse.site import accuracy
    from teahouse.store import lineage

    found = accuracy.judged(lineage.verdict_on(c, release.id))
    found = found or accuracy.found(release.manifest.get("metrics") or {})
    return found.model_dump() if found else None


def listed_there(site: str, app: str | None) -> list[dict[str, Any]]:
    """The rows that a site elsewhere tells its owner."""
    from teahouse.cli.remote import Site

    with Site(site) as there:
        told = there.get("/api/owner/releases", app=there.one_app(app))["releases"]
    return [{"accuracy": None, "at": None, **row, "outcome": (row.get("verdict") or {}).get("outcome")} for row in told]


@click.command("promote", short_help="Make a release the champion by hand.")
@click.argument("release")
@click.option("--app", help="The app, where the project has more than one.")
@owner_options
def promote_verb(release: str, app: str | None, site: str | None, as_json: bool) -> None:
    """Put RELEASE (its number, or the beginning of its id) on, whatever its verdict said.

    Works with the site down too. Returns when the site serves it; nothing is dropped on the way.
    """
    from teahouse.desk.where import project

    if site:
        put_on_there(site, app, release, as_json)
    else:
        put_on_here(project(), app, release, "by hand", as_json)


@click.command("rollback", short_help="Put the champion before this one back.")
@click.argument("app", required=False)
@owner_options
def rollback_verb(app: str | None, site: str | None, as_json: bool) -> None:
    """Put APP's previous champion back on. Works with the site down too."""
    from teahouse.desk.where import project

    if site:
        put_on_there(site, app, None, as_json)
    else:
        put_on_here(project(), app, None, "rolled back by hand", as_json)


def put_on_here(place: Project, app: str | None, asked: str | None, why: str, as_json: bool) -> None:
    """Append the rollout in the project's own house and wait until the site, if one runs, serves it."""
    from teahouse import ids
    from teahouse.store import releases, rollouts

    app = place.one_app(app)
    with place.house(create=False) as house:

        def put(c: Any) -> tuple[str, int]:
            release = pick(c, app, asked) if asked else previous(c, app)
            champion = rollouts.champion(c, app)
            at = ids.now_ms()
            if champion and champion.release != release and not asked:
                rollouts.append(c, app, champion.release, "rolled_back", by="owner", why=why, at=at)
            rollouts.append(c, app, release, "full", by="owner", why=why, at=at)
            return release, releases.number(c, release)

        release, number = house.db.write(put)
        served = wait_served(house, app, release) if place.running() else None
    tell(release, number, served, as_json)


def pick(c: Any, app: str, asked: str) -> str:
    """The release that a number or the beginning of an id means."""
    from teahouse.desk.say import WrongUse
    from teahouse.store import releases

    rows = list(releases.of_app(c, app, limit=1000))
    found = [row.id for row in rows if row.id.startswith(asked) and len(asked) >= 6]
    if asked.isdigit() and len(asked) < 6:
        found = [row.id for row in rows if releases.number(c, row.id) == int(asked)]
    if len(found) != 1:
        raise WrongUse(
            f"{app} has {'no' if not found else 'more than one'} release {asked!r}.",
            "A release is named by its number, or by six or more letters of its id.",
            "teahouse releases",
        )
    return found[0]


def previous(c: Any, app: str) -> str:
    """The champion before this one; NothingToDo where there is none."""
    from teahouse.errors import NothingToDo
    from teahouse.store import rollouts

    before = rollouts.previous_champion(c, app)
    if before is None:
        raise NothingToDo(f"{app} has had one champion only.", "There is none to go back to.")
    return before


def wait_served(house: Any, app: str, release: str, patience: float = 30) -> bool:
    """Whether every web process serves this release, after at most `patience` seconds."""
    from teahouse.desk import say

    with say.bar() as bar:
        bar.update(bar.first, description="The site loads it")
        return reach.wait_served(house, app, release, patience)


def tell(release: str, number: int | None, served: bool | None, as_json: bool) -> None:
    """Say what is on now; CheckFailed where the site does not serve it in time."""
    from teahouse.desk import say

    if served is False:
        raise say.CheckFailed(
            f"Release {number} is wanted, but the site does not serve it yet.",
            "It may still be loading, or it failed its examples.",
            "teahouse status",
        )
    if as_json:
        say.as_json({"release": release, "number": number, "served": served})
    else:
        say.step(
            f"Release {number} is on." + ("" if served else " The site does not run; it will be served from the start.")
        )


def put_on_there(site: str, app: str | None, asked: str | None, as_json: bool) -> None:
    """The same over HTTP: the site picks the previous champion where none is asked for."""
    from teahouse.cli.remote import Site
    from teahouse.desk.say import WrongUse

    with Site(site) as there:
        app = there.one_app(app)
        rows = there.get("/api/owner/releases", app=app)["releases"]
        if asked is None:
            found = [row for row in rows if row.get("previous_champion")][:1]
        else:
            found = [
                row
                for row in rows
                if str(row["number"]) == asked or (len(asked) >= 6 and row["release"].startswith(asked))
            ]
        if len(found) != 1:
            raise WrongUse(
                f"{app} has no release {asked or 'to go back to'}.", do_next=f"teahouse releases --site {there.url}"
            )
        release = found[0]
        there.post(f"/api/owner/apps/{app}/rollouts", {"release": release["release"], "state": "full", "share": 10_000})
    tell(release["release"], release["number"], True, as_json)
