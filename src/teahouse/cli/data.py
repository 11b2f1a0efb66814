"""`teahouse data`: dataset versions out as folders, and forgetting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from teahouse.cli.options import owner_options


@click.group("data", short_help="Take dataset versions out as folders; forget a visitor or a prediction.")
def data_verb() -> None:
    """Dataset versions are hashed lists of rows that never change, but for what a visitor takes back."""


@data_verb.command("export")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--app", help="The app, where the project has more than one.")
@click.option(
    "--version",
    "asked",
    metavar="N",
    type=int,
    help="Which version (the newest; a new one is frozen where rows are new).",
)
@owner_options
def export_verb(target: Path, app: str | None, asked: int | None, site: str | None, as_json: bool) -> None:
    """Write a dataset version to TARGET: photos in folders with metadata.jsonl, as Hugging Face `datasets` reads it."""
    from teahouse.desk.say import WrongUse

    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise WrongUse(f"{target} is not an empty folder.", do_next="Name a new one.")
    if site:
        export_there(site, app, target, as_json)
    else:
        export_here(app, target, asked, as_json)


def export_here(app: str | None, target: Path, asked: int | None, as_json: bool) -> None:
    """From the project's own house, with a bar."""
    from teahouse import datasets
    from teahouse.desk import say
    from teahouse.desk.where import project
    from teahouse.store import lineage

    place = project()
    app = place.one_app(app)
    with place.house(create=False) as house:
        if asked is None:
            version = house.db.write(lambda c: datasets.build(c, house, app))
        else:
            with house.db.read() as c:
                found = list(lineage.versions(c, app))
            if not 1 <= asked <= len(found):
                raise say.WrongUse(
                    f"{app} has {len(found)} dataset version{'s' * (len(found) != 1)}.",
                    do_next="Leave --version out for the newest.",
                )
            version = sorted(found, key=lambda row: row.seq)[asked - 1]
        with say.bar(unit="rows") as bar:
            bar.update(bar.first, description="Writing the photos")
            rows = datasets.export_folder(
                house, version, target, lambda done, total: bar.update(bar.first, completed=done, total=total)
            )
    if as_json:
        say.as_json({"app": app, "digest": version.digest, "rows": rows, "folder": str(target)})
    else:
        say.step(f"{target}: dataset version {version.digest[:12]}, {rows} rows")


def export_there(site: str, app: str | None, target: Path, as_json: bool) -> None:
    """From a site elsewhere: its export job, then the zip, unpacked entry by entry."""
    from teahouse.cli.remote import Site
    from teahouse.cli.train import wait_there
    from teahouse.desk import say

    with Site(site) as there:
        app = there.one_app(app)
        job = there.post("/api/owner/jobs", {"kind": "export", "app": app, "args": {}})["job"]
        if wait_there(there, job)[0] != "done":
            raise say.CheckFailed("The site could not export.", do_next=f"Look at job {job} on its page.")
        target.mkdir(parents=True, exist_ok=True)
        packed = target / "export.zip"
        with say.bar(unit="bytes") as bar:
            for done in there.download(f"/api/owner/jobs/{job}/file", packed):
                bar.update(bar.first, description="Fetching", completed=done)
    try:
        unpack(packed, target)
    finally:
        packed.unlink()
    say.as_json({"app": app, "folder": str(target)}) if as_json else say.step(str(target))


def unpack(packed: Any, target: Path) -> None:
    """Write what an export's zip (its path, or an open file) holds to `target`. Refused at the first entry whose name
    leaves it, and for what no export is; a site compresses nothing, and no entry lies in another, so that what comes
    can not grow."""
    import shutil
    import zipfile

    top = target.resolve()
    try:
        with zipfile.ZipFile(packed) as archive:
            end = 0
            for entry in sorted(archive.infolist(), key=lambda entry: entry.header_offset):
                if entry.header_offset < end:
                    raise _refused(f"{entry.filename!r} in it lies within another")
                end = entry.header_offset + entry.file_size
                file = (top / entry.filename).resolve()
                if not entry.filename or not file.is_relative_to(top) or "\\" in entry.filename:
                    raise _refused(f"{entry.filename!r} in it leaves its folder")
                if entry.compress_type != zipfile.ZIP_STORED:
                    raise _refused(f"{entry.filename!r} in it is compressed")
                if entry.is_dir():
                    continue
                with archive.open(entry) as source, _new(file) as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError) as error:
        raise _refused(str(error) or "it is cut off") from error


def _new(file: Path) -> Any:
    """A file to write. What stands in its way is this computer's fault, not the site's."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return file.open("wb")
    except OSError as error:
        from teahouse.desk.say import CheckFailed

        raise CheckFailed(f"{file} can not be written.", f"{error.strerror}.", "Name another folder: --to.") from error


def _refused(why: str) -> Exception:
    from teahouse.errors import Refused

    return Refused("This export can not be used.", f"Refused because {why}.", "This site can not be trusted.")


@data_verb.command("forget")
@click.argument("what", metavar="PREDICTION|VISITOR|LINK")
@click.option("--yes", is_flag=True, help="Do not ask.")
@owner_options
def forget_verb(what: str, yes: bool, site: str | None, as_json: bool) -> None:
    """Erase one prediction or all of a visitor's: photo, words and labels, also from later dataset versions.

    What is given is an id, or the address of a visitor's "my data" page. Where a dataset version held a row of theirs,
    a new one without it is frozen, what changed is shown, and a training is asked for; releases that learned from it
    are named. Backups forget it when they are restored.
    """
    from teahouse.cli import forgetting
    from teahouse.desk import say

    asked = forgetting.name_in(what)
    if not yes:
        click.confirm(f"Erase all that belongs to {asked}? This can not be undone.", abort=True)
    if site:
        from teahouse.cli.remote import Site

        with Site(site) as there:
            there.ask("DELETE", f"/api/predictions/{asked}")
        told = forgetting.Forgotten("prediction", asked)
    else:
        told = forgetting.forget_here(asked)
    say.as_json(told.as_dict()) if as_json else forgetting.tell(told)
