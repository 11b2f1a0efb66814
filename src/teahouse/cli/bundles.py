"""`teahouse releases add|pack`: a release comes in as one file, and goes out as one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from teahouse.desk.where import Project, project

if TYPE_CHECKING:
    from teahouse.model.archive import Opened
    from teahouse.model.shape import Manifest

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
AHEAD = timedelta(days=1)  # that a maker's clock may be ahead of this one


@click.command("add", short_help="Take a release from a .teahouse file; visitors do not meet it yet.")
@click.argument("file", type=FILE)
@click.option("--app", metavar="NAME", help="The app that it is for, where that has another name here.")
@click.option("--older", is_flag=True, help="Also where it was made before the newest release that is here.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for scripts.")
def add_verb(file: Path, app: str | None, older: bool, as_json: bool) -> None:
    """Install FILE, a release as one file, beside the app's other releases. It is not put on.

    Says whose signature it bears and whether it carries code. Where the project has a keys.txt, only what one of those
    keys has signed is taken (`teahouse keys`). One that was made before the app's newest release here is refused:
    somebody may have sent it again to bring an old fault back. To go back yourself: teahouse rollback."""
    from teahouse.desk import say

    came = take(project(), file, app, older)
    if as_json:
        say.as_json({**vars(came), "file": str(file)})
    else:
        tell(came, file)


@dataclass(frozen=True)
class Came:
    """A release that was taken in. signer: the public key that signed it; whose: what keys.txt says of that key (None:
    there is no keys.txt); code: its files that run; differs: it asks or answers something else than the app here; on:
    visitors meet it already, because it was here before."""

    app: str
    release: str
    number: int
    signer: str | None
    whose: str | None
    code: list[str]
    differs: bool
    on: bool


def take(place: Project, file: Path, app: str | None, older: bool = False) -> Came:
    """Check and install the bundle as a release of the app. Refused before anything is written: ReleaseBroken for what
    is no sound bundle or not trusted here, WrongUse where the project has no such app, Refused for one that was made
    before the app's newest release here, unless `older`."""
    from teahouse.desk import shipped
    from teahouse.desk.say import WrongUse
    from teahouse.model import archive, signing

    trusted = signing.trusted(place.root / signing.KEYS)
    with archive.opened(file, trusted) as found:
        manifest, signature = found.manifest, found.signature
        name, folders = app or manifest.app, place.app_folders()
        if name not in folders:
            raise WrongUse(
                f'This project has no app "{name}".',
                f"It has {', '.join(folders) or 'none yet'}.",
                f"teahouse new {name} --bundle {file}" + (", or name yours: --app NAME" if folders else ""),
            )
        declared = shipped.declaration_of(folders[name], name)
        with place.house() as house:
            own = signature if name == manifest.app else None  # under another name its id is one that nobody signed
            if not older:
                with house.db.read() as c:  # and once more where it is written down
                    refuse_replay(c, name, found.release, manifest.made)
            release = unpacked(found, house, name)
            number, on = listed(house, release, (declared, str(folders[name])), own, older)
    signer = signature["key"] if signature else None
    return Came(
        name, release, number, signer, None if trusted is None else trusted.get(signer or "", ""),
        sorted(path for path in manifest.files if path.startswith("code/")), not alike(manifest, declared),
        on,
    )  # fmt: skip


def refuse_replay(c: Any, app: str, release: str, made: str) -> None:
    """Refused where the app's newest release here, whoever made it, was made after this one: versions only go up (TUF
    calls the rest a replay), whatever key signs. One that is here already is no news and changes nothing. Refused too
    for one from the future, after which nothing honest would be new enough."""
    from teahouse.errors import Refused
    from teahouse.store import releases

    taken = releases.all_of_app(c, app)
    if release in {row.id for row in taken}:
        return
    when = made_at(made)
    if when > datetime.now(UTC) + AHEAD:
        why = f"It says that it was made {made}: a clock was wrong there, or is here."
        raise Refused("This bundle is from the future.", why, "Set the clocks, and pack it anew from a new training.")
    newest = max(taken, key=lambda row: made_at(row.manifest.get("made", "")), default=None)
    if newest is not None and when < made_at(newest.manifest.get("made", "")):
        raise Refused(
            "This bundle is older than what is here.",
            f"It was made {made or 'nobody knows when'}, and release {newest.number} {newest.manifest['made']}. "
            "Somebody may have sent an old one again.",
            "If you want it: the same once more with --older. Back to one that is here: teahouse rollback.",
        )


def made_at(written: str) -> datetime:
    """When a manifest says that its release was made; the beginning of time where it does not."""
    try:
        told = datetime.fromisoformat(written)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def unpacked(found: Opened, house: Any, name: str) -> str:
    """The open bundle in the house's releases; one of another app's name is sealed anew under this one. Its id."""
    import tempfile

    from teahouse.desk import say, shipped

    with say.bar() as bar, tempfile.TemporaryDirectory(dir=house.data) as scratch:

        def told(done: int, whole: int) -> None:
            bar.update(bar.first, description="Unpacking", completed=done, total=whole)

        if found.manifest.app == name:
            return found.install(house.releases, told)
        release = found.install(Path(scratch), told)
        return shipped.renamed(Path(scratch) / release, name, house)


def listed(house: Any, release: str, app: tuple[dict[str, Any], str], signature: Any, older: bool) -> tuple[int, bool]:
    """Write the release down, on nowhere; its number, and whether it is the champion already. `app` is the declaration
    and the folder that it lies in. Refused as `refuse_replay` says: what came meanwhile counts."""
    from teahouse import ids
    from teahouse.model import bundle, shape
    from teahouse.store import apps, releases, rollouts

    declared, source = app
    name, found = declared["app"], bundle.read(house.releases / release)
    manifest, signer = shape.to_json(found), signature["key"] if signature else None

    def put(c: Any) -> tuple[int, bool]:
        if not older:
            refuse_replay(c, name, release, found.made)
        apps.declare(c, name, declared["title"], declared, source, ids.now_ms())
        champion = rollouts.champion(c, name)
        number = releases.add(c, releases.Sealed(release, name, None, manifest, signer=signer))
        return number, champion is not None and champion.release == release

    return house.db.write(put)


def alike(manifest: Manifest, declared: dict[str, Any]) -> bool:
    """Whether the release takes and answers what the app here declares; old words for the same field do not count."""
    from teahouse.spec.fields import field_from_json

    def read(told: list[dict[str, Any]]) -> list[Any]:
        return [field_from_json(one).json() for one in told]

    return read([*manifest.fields, manifest.output]) == read([*declared["fields"], declared["output"]])


def tell(came: Came, file: Path) -> None:
    """What came, whose it is, what it carries, and the next command."""
    from rich.markup import escape

    from teahouse.desk import say

    where = "It was here already, and is the champion." if came.on else "Visitors do not meet it yet."
    say.step(escape(f"{file.name} is release {came.number} of {came.app}. {where}"))
    if came.signer is None:
        say.warn("Nobody has signed it.")
    elif came.whose is None:
        say.warn(f"Signed by {came.signer}. This project has no keys.txt, so any signature does.")
    else:
        say.step(escape(f"Signed by {came.whose or came.signer}, whom this project trusts."))
    if came.code:
        more = f" and {len(came.code) - 1} more" if len(came.code) > 1 else ""
        say.warn(f"It carries code ({came.code[0]}{more}), which runs beside the model once it is on. Read it first.")
    if came.differs:
        say.warn("It takes or answers something else than app.py declares here.")
    if not came.on:
        say.line(f"  teahouse promote {came.number} --app {came.app}", markup=False)


@click.command("pack", short_help="Write a release as one .teahouse file, signed with your key.")
@click.argument("app", required=False)
@click.argument("release", required=False)
@click.option("--to", "target", metavar="FILE", type=click.Path(path_type=Path), help="Where to (APP.teahouse here).")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for scripts.")
def pack_verb(app: str | None, release: str | None, target: Path | None, as_json: bool) -> None:
    """Write APP's champion, or RELEASE (its number, or the beginning of its id), as APP.teahouse; where there is no
    champion yet, the release beside app.py.

    Signed with your key where you have one (`teahouse keys`). The same release and key make the same bytes. In it are
    the model, the code where it has some, and examples of your own: nothing of your visitors."""
    from rich.markup import escape

    from teahouse.desk import say
    from teahouse.model import archive, signing

    place = project()
    app = place.one_app(app)
    path, key = where_to(app, target), signing.own()
    with chosen_folder(place, app, release) as (folder, beside):
        with say.bar() as bar:
            bar.update(bar.first, description="Packing")
            chosen = archive.pack(folder, path, key)
    if as_json:
        signer = signing.public_text(key) if key else None
        say.as_json({"file": str(path), "release": chosen, "bytes": path.stat().st_size, "signer": signer})
        return
    which = f"release {chosen[:12]}{beside}"
    say.step(escape(f"{path} ({path.stat().st_size / 1e6:.1f} MB), {which}"))
    if key:
        say.step(f"Signed with your key, {signing.public_text(key)}")
    else:
        say.warn("Not signed: you have no key. `teahouse keys new` makes one.")


def where_to(app: str, target: Path | None) -> Path:
    """The file to write; WrongUse for one that is there and is something else."""
    from teahouse.desk.say import WrongUse
    from teahouse.model.archive import SUFFIX

    path = target or Path.cwd()
    path = path / f"{app}{SUFFIX}" if path.is_dir() else path
    if path.exists() and path.suffix != SUFFIX:
        raise WrongUse(f"{path} is there already.", f"Only a {SUFFIX} file is written over.", "Name another one.")
    return path


@contextmanager
def chosen_folder(place: Project, app: str, asked: str | None) -> Iterator[tuple[Path, str]]:
    """(the folder of the release that is asked for, else of the champion, else of the one beside app.py; words for that
    last one, else ""). NothingToDo where there is none."""
    from teahouse.cli import releases as listing
    from teahouse.cli.check import champion_folder
    from teahouse.desk import shipped
    from teahouse.errors import NothingToDo

    if asked:
        with place.house(create=False) as house:
            with house.db.read() as c:
                release = listing.pick(c, app, asked)
            yield house.releases / release, ""
        return
    if (champion := champion_folder(place, app)) is not None:
        yield champion, ""
        return
    with shipped.named_beside(place, app) as beside:
        if beside is None:
            why = "There is nothing to pack, and no release lies beside its app.py."
            raise NothingToDo(f"{app} has no champion yet.", why, f"teahouse train {app}")
        yield beside, ", the one beside app.py"
