"""`releases`, `promote`, `rollback`, `pin`: what was trained or came as a file, and which of it visitors meet."""

from __future__ import annotations

from dataclasses import dataclass
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
        whose = "visitors'" if found.get("whose") == "visitors" else "your own"
        return f"{say.share(found['value'], found['low'], found['high'])} of {found['n']} {whose}"
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
    """Put APP's previous champion back on; where a new release is on its way to visitors, take that away instead.

    Works with the site down too. What you roll back never comes back by itself.
    """
    from teahouse.desk.where import project

    if site:
        put_on_there(site, app, None, as_json)
    else:
        put_on_here(project(), app, None, "rolled back by hand", as_json)


@click.command("pin", short_help="Keep the champion, whatever is better.")
@click.argument("app", required=False)
@click.option("--off", is_flag=True, help="Let better releases take over again.")
@click.option(
    "--form",
    type=click.Choice(["fastest", "fp32", "int8"]),
    help="Pin how APP runs in place of the release: always in this form, or in whichever is fastest on the machine.",
)
@owner_options
def pin_verb(app: str | None, off: bool, form: str | None, site: str | None, as_json: bool) -> None:
    """Pin APP's champion: no other release takes over by itself, and what is on its way is taken away.

    With --form the releases change as before, and each runs as you say: fp32 as it was trained, int8 in whole numbers
    (smaller, mostly faster, and in a release only where both answered alike), fastest as the machine chooses. Works
    with the site down too.
    """
    from teahouse.desk.say import WrongUse
    from teahouse.desk.where import project

    if form and off:
        raise WrongUse("--form and --off do not go together.", do_next="teahouse pin --form fastest ends a form's pin")
    wish = Pin(form=form) if form else Pin(pinned=not off)
    if site:
        release, number = pinned_there(site, app, wish)
        served: bool | None = True
    else:
        release, number, served = pinned_here(project(), app, wish)
    tell(release, number, served, as_json, wish.told)


@dataclass(frozen=True)
class Pin:
    """What is pinned: the champion (or no longer), or the form that the app runs in."""

    pinned: bool = True
    form: str | None = None

    @property
    def why(self) -> str:
        return f"form {self.form}" if self.form else "pinned" if self.pinned else "unpinned"

    @property
    def told(self) -> str:
        """How the release is now, after "is"."""
        if self.form:
            return "run in whichever form is fastest" if self.form == "fastest" else f"always run as {self.form}"
        return "pinned" if self.pinned else "no longer pinned"


def pinned_here(place: Project, app: str | None, wish: Pin) -> tuple[str, int | None, bool | None]:
    """Pin the champion in the project's own house, or unpin it, or pin the form that it runs in."""
    from teahouse.site import running
    from teahouse.store import releases, rollouts

    app = place.one_app(app)
    with place.house(create=False) as house:

        def put(c: Any) -> tuple[str, int | None, int]:
            champion, mark = champion_of(c, app), served_until(c)
            if wish.form:
                running.refuse_missing(releases.get(c, champion.release), wish.form)
            pinned = champion.pinned if wish.form else wish.pinned
            rollouts.append(
                c, app, champion.release, "full", why=wish.why, verdict=champion.verdict, pinned=pinned, form=wish.form
            )
            return champion.release, releases.number(c, champion.release), mark

        release, number, mark = house.db.write(put)
        served = wait_served(house, app, release, after=mark) if place.running() else None
        if served and wish.form:
            with house.db.read() as c:
                refuse_other_form(c, app, release, wish.form)
        return release, number, served


def refuse_other_form(c: Any, app: str, release: str, form: str) -> None:
    """CheckFailed where the site serves a release in another form than the one that was pinned."""
    from teahouse.desk.say import CheckFailed
    from teahouse.store import releases, rollouts, servings

    runs = [row.form for row in servings.current(c) if (row.app, row.release) == (app, release)][-1]
    if form not in (rollouts.ANY_FORM, runs):
        raise CheckFailed(
            f"Release {releases.number(c, release)} is pinned to {form}, and runs as {runs}.",
            f"As {form} it does not start here, or does not answer its own examples. The site's log says why.",
            f"teahouse pin --form {runs}",
        )


def pinned_there(site: str, app: str | None, wish: Pin) -> tuple[str, int]:
    """The same over HTTP."""
    from teahouse.cli.remote import Site
    from teahouse.errors import NothingToDo

    with Site(site) as there:
        app = there.one_app(app)
        rows = there.get("/api/owner/releases", app=app)["releases"]
        found = next((row for row in rows if row["champion"]), None)
        if found is None:
            raise NothingToDo(f"{app} has no champion yet.", "There is nothing to pin.")
        given = {"release": found["release"], "state": "full", "why": wish.why}
        form = {"form": wish.form, "pinned": found["pinned"]} if wish.form else {"pinned": wish.pinned}
        there.post(f"/api/owner/apps/{app}/rollouts", {**given, **form})
    return found["release"], found["number"]


def champion_of(c: Any, app: str) -> Any:
    """The app's champion's step; NothingToDo where there is none."""
    from teahouse.errors import NothingToDo
    from teahouse.store import rollouts

    champion = rollouts.champion(c, app)
    if champion is None:
        raise NothingToDo(f"{app} has no champion yet.", "There is nothing to pin.", "teahouse train")
    return champion


def put_on_here(place: Project, app: str | None, asked: str | None, why: str, as_json: bool) -> None:
    """Append the rollout in the project's own house and wait until the site, if one runs, serves it. Without a release
    that is asked for: what is on its way goes, else the champion before this one comes back."""
    from teahouse import failpoints
    from teahouse.store import releases, rollouts

    app = place.one_app(app)
    with place.house(create=False) as house:

        def put(c: Any) -> tuple[str, int | None, int, list[int]]:
            mark, champion = served_until(c), rollouts.champion(c, app)
            gone = [] if asked else on_its_way(c, app)
            for step in gone:
                rollouts.append(c, app, step.release, "rolled_back", 0, why=why, verdict=step.verdict)
            if gone:
                taken = [releases.number(c, step.release) or 0 for step in gone]
                return champion.release, releases.number(c, champion.release), 0, taken
            release = pick(c, app, asked) if asked else previous(c, app)
            if champion and champion.release != release and not asked:
                rollouts.append(c, app, champion.release, "rolled_back", by="owner", why=why)
                failpoints.here("rollback")
            rollouts.append(c, app, release, "full", by="owner", why=why)
            failpoints.here("promotion")
            return release, releases.number(c, release), mark, []

        release, number, mark, gone = house.db.write(put)
        served = wait_served(house, app, release, after=mark) if place.running() else None
    tell(release, number, served, as_json, gone=gone)


def on_its_way(c: Any, app: str) -> list[Any]:
    """The steps of releases that visitors meet, or are about to, beside the champion: a canary, by whomever, and what
    the loop tries in the shadow."""
    from teahouse.store import rollouts

    if rollouts.champion(c, app) is None:
        return []
    tried = [step for step in rollouts.tried(c) if step.app == app]
    return [step for step in tried if step.state == "canary" or rollouts.moves(c, step)]


def served_until(c: Any) -> int:
    """The seq of what the site said last of what it serves: what comes later is news."""
    from teahouse.store import servings

    return max((row.seq for row in servings.current(c)), default=0)


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
        raise NothingToDo(
            f"{app} has no champion before this one.",
            "It was the first, or those before it have been rolled back.",
            "teahouse promote RELEASE: any one that `teahouse releases` lists",
        )
    return before


def wait_served(house: Any, app: str, release: str, patience: float = 30, after: int = 0) -> bool:
    """Whether the site serves this release, said later than the servings' seq `after`; waits `patience` seconds."""
    from teahouse.desk import say

    with say.bar() as bar:
        bar.update(bar.first, description="The site loads it")
        return reach.wait_served(house, app, release, patience, after)


def tell(
    release: str, number: int | None, served: bool | None, as_json: bool, how: str = "on", gone: list[int] | None = None
) -> None:
    """Say what is on now, and what was taken away (`gone`); CheckFailed where the site does not serve it in time."""
    from teahouse.desk import say

    if served is False:
        raise say.CheckFailed(
            f"Release {number} is wanted, but the site does not serve it yet.",
            "It may still be loading, or it failed its examples.",
            "teahouse status",
        )
    if as_json:
        say.as_json({"release": release, "number": number, "served": served, "gone": gone or []})
        return
    later = "" if served else " The site does not run; it will be served from the start."
    if gone:
        taken = ", ".join(str(one) for one in gone)
        say.step(f"Release {taken} was taken away from visitors; release {number} answers everybody.{later}")
    else:
        say.step(f"Release {number} is {how}.{later}")


def put_on_there(site: str, app: str | None, asked: str | None, as_json: bool) -> None:
    """The same over HTTP: the site picks the previous champion where none is asked for."""
    from teahouse.cli.remote import Site
    from teahouse.desk.say import WrongUse

    with Site(site) as there:
        app = there.one_app(app)
        rows = there.get("/api/owner/releases", app=app)["releases"]
        if asked is None:
            if way := [row for row in rows if row.get("state") == "canary" or row.get("progress")]:
                take_away_there(there, app, rows, way, as_json)
                return
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
        given = {"release": release["release"], "state": "full", "share": 10_000}
        if asked is None:  # of the champion: the site puts the one before it on, and marks it
            champion = next(row for row in rows if row["champion"])
            given = {"release": champion["release"], "state": "rolled_back", "share": 0, "why": "rolled back by hand"}
        there.post(f"/api/owner/apps/{app}/rollouts", given)
    tell(release["release"], release["number"], True, as_json)


def take_away_there(there: Any, app: str, rows: list[dict[str, Any]], way: list[dict[str, Any]], as_json: bool) -> None:
    """Take what is on its way to visitors away, over HTTP."""
    for row in way:
        given = {"release": row["release"], "state": "rolled_back", "share": 0, "why": "rolled back by hand"}
        there.post(f"/api/owner/apps/{app}/rollouts", given)
    champion = next(row for row in rows if row["champion"])
    tell(champion["release"], champion["number"], True, as_json, gone=[row["number"] for row in way])
