"""`teahouse backup` and `teahouse restore`: the whole house as a folder, and back."""

from __future__ import annotations

from pathlib import Path

import click

from teahouse.desk.where import Project


@click.command("backup", short_help="Copy the whole house (database, photos, keys) to a folder.")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for scripts.")
def backup_verb(target: Path, as_json: bool) -> None:
    """Copy the project's house to TARGET while the site goes on.

    The folder holds the site's keys: keep it as you keep a password. Photos that are there already stay. The key of
    your Stripe account is not in it: after a restore elsewhere, run teahouse pay connect again.
    """
    from teahouse.desk import say
    from teahouse.desk.where import project
    from teahouse.store import backup

    with project().house(create=False) as house, say.bar(unit="files") as bar:
        bar.update(bar.first, description="Backing up")
        summary = backup.backup(house, target, lambda done, total: bar.update(bar.first, completed=done, total=total))
    say.as_json(summary) if as_json else say.step(f"{target} holds the house: {words(summary)}.")


@click.command("restore", short_help="Bring a house back from a backup, erasures replayed.")
@click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for scripts.")
def restore_verb(source: Path, as_json: bool) -> None:
    """Bring the house back from SOURCE into this project; a house that lies here already is moved beside, not removed.

    Every photo is checked against its digest, and what visitors took back after the backup is erased again before the
    site serves anything.
    """
    from teahouse.desk import say
    from teahouse.desk.where import project
    from teahouse.store import backup

    place = project()
    if place.is_kept():
        raise say.WrongUse("The site of this project runs.", "A house in use can not be replaced.", "teahouse stop")
    with say.bar(unit="files") as bar:
        bar.update(bar.first, description="Restoring")
        summary = backup.restore(
            source, place.data, lambda done, total: bar.update(bar.first, completed=done, total=total)
        )
    if as_json:
        say.as_json(summary)
        return
    say.step(f"The house is back: {words(summary)}. Next: teahouse serve")
    for fault in summary["faults"]:
        say.line(f"  The ledger of this backup is damaged. {fault}. An older backup may hold it whole.")
    if lacks_access(place):
        say.line("  Stripe's key is in no backup: run teahouse pay connect before the site is to take money.")
    if summary.get("moved"):
        say.line(f"  The one that was here lies in {summary['moved']}.")


def lacks_access(place: Project) -> bool:
    """Whether the till is Stripe, and a part of what opens its account is missing here."""
    from teahouse.errors import SettingsError
    from teahouse.payments import stripe

    if place.settings.money.till != "stripe":
        return False
    try:
        stripe.access(place.data / "secrets")
    except SettingsError:
        return True
    return False


def words(summary: object) -> str:
    """A summary's numbers in one line."""
    found = dict(summary) if isinstance(summary, dict) else vars(summary)
    return ", ".join(f"{value} {name}" for name, value in found.items() if isinstance(value, int))
