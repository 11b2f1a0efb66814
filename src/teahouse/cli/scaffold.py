"""Lays out projects and apps: folders, a commented teahouse.toml, an app's files; installs a starter's release."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from importlib.resources import files as packaged
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teahouse.desk import layout, say, shipped
from teahouse.desk.say import WrongUse
from teahouse.desk.where import Project, find_project

if TYPE_CHECKING:
    from teahouse.model.archive import Opened

SIZE = 128  # pixels: what a small net learns most from in the time, measured on 245 photos of ants and bees


@dataclass(frozen=True)
class Wish:
    """What `teahouse new` was asked for."""

    name: str
    starter: str | None = None
    folder: Path | None = None
    weights: Path | None = None
    copy: bool = False
    bundle: Path | None = None
    yes: bool = False


def begin(wish: Wish) -> Project:
    """Make what was asked for, and say what to do next. Raises WrongUse before anything is written."""
    check_name(wish.name)
    if wish.bundle is None:
        return make(wish, None)
    from teahouse.model import archive, signing

    inside = find_project()
    with archive.opened(wish.bundle, signing.trusted(inside.root / signing.KEYS) if inside else None) as brought:
        return make(wish, brought)


def make(wish: Wish, brought: Opened | None) -> Project:
    """The same with its bundle open."""
    inside = find_project()
    root = inside.root if inside else Path.cwd() / wish.name
    app = root / "apps" / wish.name
    if app.exists() or (not inside and root.exists() and any(root.iterdir())):
        raise WrongUse(f"{app if app.exists() else root} is already there.", do_next="Choose another name.")
    declared = declared_by(brought.manifest, wish.name) if brought else {}
    if brought and brought.manifest.code:
        ask_for_code(brought, wish)
    found = look_over(wish.folder) if wish.folder else None
    project = inside or layout.make_project(root, wish.name)
    if wish.starter:
        add_starter(project, wish.name, wish.starter)
    elif brought:
        add_from_bundle(project, brought, declared, f"brought in {wish.bundle.name}")
    elif found:
        add_from_folder(project, wish, found)
    else:
        add_bare(project, wish.name)
    tell_next(project, wish, new=inside is None)
    return project


def check_name(name: str) -> None:
    """App names are addresses: refuse what can not be one, before anything is written."""
    from teahouse.spec.app import NAME, RESERVED

    if not NAME.match(name) or name in RESERVED:
        raise WrongUse(
            f'"{name}" can not be an app\'s name.',
            f"It becomes an address: 2 to 39 of a-z, 0-9 and -, a letter first, none of {', '.join(sorted(RESERVED))}.",
            f"Try {layout.suggested(name)}.",
        )


def look_over(folder: Path) -> Any:
    """Open every photo of the folder, with a bar, and name what is left out."""
    from teahouse.cli import folder as photos

    with say.bar(unit="files") as bar:
        bar.update(bar.first, description="Looking at the photos")
        found = photos.look(folder, lambda done, total: bar.update(bar.first, completed=done, total=total))
    for name, reason in found.left_out:
        say.warn(f"left out {say.plain(name)}: {say.plain(reason)}")
    say.step(", ".join(f"{count} {say.plain(found.labels[name])}" for name, count in found.counts.items()))
    say.line("  [dim]A few of them stand on the page as samples; your choice goes into the app's samples folder.[/]")
    return found


def add_from_folder(project: Project, wish: Wish, found: Any) -> Path:
    """apps/NAME with app.py and train.py for the folder's labels. Photos stay where they are, if they can."""
    from teahouse.cli import folder as photos

    app = project.root / "apps" / wish.name
    app.mkdir(parents=True)
    where: str = str(found.top)
    if wish.copy or found.must_copy:
        with say.bar(unit="photos") as bar:
            bar.update(bar.first, description="Copying the photos")
            photos.copy(found, app / "photos", lambda done, total: bar.update(bar.first, completed=done, total=total))
        where = "photos"
    labels = sorted(found.labels.values())
    fill = {
        "title": f"{' or '.join(labels) if len(labels) <= 3 else wish.name.replace('-', ' ')}?".capitalize(),
        "description": f"Made from {sum(found.counts.values())} photographs.",
        "size": str(160 if wish.weights else SIZE),
        "labels": ", ".join(json.dumps(label, ensure_ascii=False) for label in labels),
        "photos": json.dumps(where, ensure_ascii=False),
        "count": str(len(labels)),
    }
    (app / "app.py").write_text(layout.filled("folder/app.py", **fill), "utf-8")
    (app / "train.py").write_text(layout.skeleton("folder/train.py"), "utf-8")
    if wish.weights:
        shutil.copyfile(wish.weights, app / "weights.safetensors")
    return app


def add_bare(project: Project, name: str) -> Path:
    """apps/NAME with an app.py to fill in and an empty photos folder."""
    app = project.root / "apps" / name
    for label in ("first", "second"):
        (app / "photos" / label).mkdir(parents=True)
    (app / "app.py").write_text(layout.filled("bare/app.py", title=name.replace("-", " ").capitalize() + "?"), "utf-8")
    return app


def add_starter(project: Project, name: str, starter: str) -> Path:
    """apps/NAME as a copy of the starter, and its shipped release as the app's champion."""
    source = Path(str(packaged("teahouse") / "starters" / starter))
    app = project.root / "apps" / name

    def leave(folder: str, names: list[str]) -> set[str]:
        """What belongs to the package: its release, and the file that makes the starter a part of it."""
        own = {"release", "__init__.py"} if Path(folder) == source else set()
        return {each for each in names if each in own or each == "__pycache__" or each.endswith(".pyc")}

    shutil.copytree(source, app, ignore=leave)
    written = (app / "app.py").read_text("utf-8")
    (app / "app.py").write_text(written.replace(f'name="{starter}"', f'name="{name}"'), "utf-8")
    if (source / "release" / "release.json").exists():
        shipped.install_shipped(project, name, app, source / "release")
    return app


def declared_by(manifest: Any, name: str) -> dict[str, Any]:
    """The declaration of the app that a release is of, as the app `name`: read from its manifest, so that nothing of
    it runs. DeclarationError for one that no app can have."""
    from teahouse.publishing import save

    told = {key: getattr(manifest, key) for key in ("title", "description", "note", "fields", "output")}
    declared = save.read({**told, "app": name}).declaration()
    return {**declared, "hooks": ["predict"] if manifest.code and "predict" in manifest.hooks else []}


def ask_for_code(brought: Opened, wish: Wish) -> None:
    """Say that the bundle carries code and whose it is, and ask; WrongUse where the answer is no."""
    import click

    files = sorted(path for path in brought.manifest.files if path.startswith("code/"))
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    signer = f"Signed by {brought.signature['key']}." if brought.signature else "Nobody has signed it."
    name = say.plain(wish.bundle.name)
    say.warn(f"{name} carries Python code ({files[0]}{more}), which `teahouse serve` runs as you.")
    say.line(f"  {signer} To read it first: unzip -p FILE {files[0]}", markup=False)
    if not wish.yes and not click.confirm("Take it in?", default=False, err=True):
        raise WrongUse("Nothing was made.", "The bundle carries code, and you did not say yes.", "--yes says it.")


def add_from_bundle(project: Project, brought: Opened, declared: dict[str, Any], why: str) -> Path:
    """apps/NAME with the app that a NAME.teahouse file holds, its release beside it and on. Nothing of it runs."""
    from teahouse.publishing import save

    with project.house() as house:
        release = house.releases / brought.install(house.releases)
        app = save.write_app(project.root, declared, release)
        shipped.put_on(house, declared["app"], app, release, shipped.Shipped("owner", why, declared))
    return app


def tell_next(project: Project, wish: Wish, new: bool) -> None:
    """The commands to do next."""
    say.step(f"[bold]{wish.name}[/] is in {project.root / 'apps' / wish.name}")
    say.line()
    if new:
        say.line(f"  cd {wish.name}")
    if not (wish.starter or wish.bundle):
        say.line(f"  teahouse train {wish.name}")
    say.line("  teahouse serve")
