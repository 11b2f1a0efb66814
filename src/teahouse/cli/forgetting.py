"""Forgetting: what `teahouse data forget` does and shows: a version without the rows, and what learned from them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from teahouse.settings import Settings


@dataclass(frozen=True)
class Again:
    """What an app's data came to: its new version (None: no row is left), what differs, the training that was asked
    for, and the releases that learned from the rows, each with the day (ms UTC) by which it is to be replaced."""

    app: str
    version: str | None
    changed: dict[str, Any]
    job: str | None = None
    learned: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Forgotten:
    """What was erased (`kind`: prediction or visitor), and what follows for each app whose data held a row of it."""

    kind: str
    ref: str
    apps: list[Again] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {"forgotten": self.ref, "kind": self.kind, "apps": [asdict(app) for app in self.apps]}


def name_in(what: str) -> str:
    """The id, or the link's token, in what was given."""
    return what.rstrip("/").rsplit("/", 1)[-1]


def meant(house: Any, asked: str) -> bytes:
    """The 16 bytes of an id, or of the visitor whose link this is; NotFound for what is neither."""
    from teahouse import ids
    from teahouse.site import visitors
    from teahouse.site.deps import signers

    visitor = visitors.opened(signers(house).link, asked)
    return visitor if visitor is not None else ids.parse(asked)


def forget_here(asked: str) -> Forgotten:
    """Erase in the project's own house, at once in its tables; then freeze new versions and ask for trainings. What
    lies in older versions the loop mends within a minute."""
    from teahouse import datasets, ids
    from teahouse.desk.where import project
    from teahouse.feedback import erase
    from teahouse.store import apps, lineage, predictions

    place = project()
    with place.house(create=False) as house:
        wanted = meant(house, asked)
        with house.db.read() as c:
            kind = "prediction" if predictions.get(c, wanted) else "visitor"
            newest = {row.name: lineage.versions(c, row.name, limit=1) for row in apps.all_latest(c)}
        # before the erasure: a loop that runs makes its holes within a second
        before = {app: datasets.rows_of(house, found[0]) for app, found in newest.items() if found}
        forget = erase.forget_prediction if kind == "prediction" else erase.forget_visitor
        erase.delete_blobs(house, house.db.write(lambda c: forget(c, house, wanted, "owner")))
        found = [again(house, place.settings, app, rows) for app, rows in before.items()]
    return Forgotten(kind, ids.text(wanted), [one for one in found if one is not None])


def again(house: Any, settings: Settings, app: str, before: list[Any]) -> Again | None:
    """A version without what was erased, and a training from it, unless trainings wait for the maker's hand; None where
    the newest version, of these rows, held none of it."""
    from contextlib import suppress

    from teahouse import datasets, ids
    from teahouse.cli.train import asked
    from teahouse.errors import BlobDamaged, NothingToDo
    from teahouse.loop import chores
    from teahouse.store import labels, lineage

    days = settings.keep.forget_days
    with house.db.read() as c:
        stays = {ids.text(row.id) for row in labels.of_app(c, app)}
        versions = lineage.versions(c, app, limit=10_000)
    for version in versions:
        with suppress(BlobDamaged):  # the loop is putting its rows elsewhere, and has marked what learned from them
            gone = datasets.gone(datasets.rows_of(house, version), stays.__contains__)
            chores.mark_learned(house, version, gone, days)
    if not datasets.gone(before, stays.__contains__):
        return None
    learned = releases_to_replace(house, app, days)
    try:
        version = house.db.write(lambda c: datasets.build(c, house, app))
    except NothingToDo:
        return Again(app, None, datasets.changed(before, ()), None, learned)
    job = None if settings.loop.train == "hand" else ids.text(house.db.write(lambda c: asked(c, app))[0])
    return Again(app, version.digest, datasets.changed(before, datasets.rows_of(house, version)), job, learned)


def releases_to_replace(house: Any, app: str, days: int) -> list[dict[str, Any]]:
    """The app's releases that learned from an erased row: number, whether it answers now, until when."""
    from teahouse.store import lineage, releases, rollouts

    with house.db.read() as c:
        since, champion = lineage.learned_from_erased(c, app), rollouts.champion(c, app)
        return [
            {
                "release": id_,
                "number": releases.number(c, id_),
                "answers": champion is not None and champion.release == id_,
                "until": at + days * 86_400_000,
            }
            for id_, at in since.items()
        ]


def tell(told: Forgotten) -> None:
    """The same for a person."""
    from datetime import UTC, datetime

    from teahouse.desk import say

    say.step(f"Forgotten: {told.kind} {told.ref}.")
    for app in told.apps:
        old, new = app.changed["rows"]
        name = f"version {app.version[:12]}" if app.version else "no row is left to train on"
        gone, fresh = app.changed["gone"], app.changed["new"]
        say.line(f"  {app.app}: {name}, {old} rows before, {new} now: {gone} gone, {fresh} new")
        parts = [*app.changed["sides"].items(), *app.changed["labels"].items()]
        rows = [(part, was, now, f"{now - was:+d}") for part, (was, now) in parts if was != now]
        say.table(("", "before", "now", ""), rows)
        for one in app.learned:
            day = datetime.fromtimestamp(one["until"] / 1000, UTC).strftime("%-d %B %Y")
            then = f"and answers now: let another one answer by {day}." if one["answers"] else "and answers nobody now."
            say.warn(f"Release {one['number']} learned from an erased row {then}")
        if app.version:
            asked_for = "A training without these rows is asked for; the loop takes it up, or" if app.job else "Next"
            say.line(f"  {asked_for}: teahouse train")
