"""Lays out projects and apps: folders, a commented teahouse.toml, an app's files; installs a starter's release."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from importlib.resources import files as packaged
from pathlib import Path
from string import Template
from typing import Any

from teahouse.cli import say
from teahouse.cli.say import WrongUse
from teahouse.cli.where import Project, find_project

SIZE = 128  # pixels: what a small net learns most from in the time, measured on 245 photos of ants and bees


@dataclass(frozen=True)
class Wish:
    """What `teahouse new` was asked for."""

    name: str
    starter: str | None = None
    folder: Path | None = None
    weights: Path | None = None
    copy: bool = False


def begin(wish: Wish) -> Project:
    """Make what was asked for, and say what to do next. Raises WrongUse before anything is written."""
    check_name(wish.name)
    inside = find_project()
    root = inside.root if inside else Path.cwd() / wish.name
    app = root / "apps" / wish.name
    if app.exists() or (not inside and root.exists() and any(root.iterdir())):
        raise WrongUse(f"{app if app.exists() else root} is already there.", do_next="Choose another name.")
    found = look_over(wish.folder) if wish.folder else None
    project = inside or make_project(root, wish.name)
    if wish.starter:
        add_starter(project, wish.name, wish.starter)
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
            f"Try {suggested(name)}.",
        )


def suggested(name: str) -> str:
    """The nearest name that can be one."""
    from teahouse.spec.app import RESERVED

    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower()).strip(
        "-0123456789"
    )
    if kept in RESERVED:
        return f"my-{kept}"
    return kept[:39] if len(kept) >= 2 else "my-app"


def make_project(root: Path, name: str, written: dict[str, dict[str, Any]] | None = None) -> Project:
    """A project's own files at `root`; `written` are settings that stand in teahouse.toml uncommented."""
    from teahouse import settings

    root.mkdir(parents=True, exist_ok=True)
    (root / "teahouse.toml").write_text(settings_page(written or {}), "utf-8")
    (root / ".gitignore").write_text(skeleton("gitignore"), "utf-8")
    (root / "README.md").write_text(filled("README.md", project=name, app=name), "utf-8")
    return Project(root.resolve(), settings.load(root))


def settings_page(written: dict[str, dict[str, Any]]) -> str:
    """teahouse.toml with every setting, its meaning and its default, commented out unless it is `written`."""
    from teahouse import settings

    lines = [
        "# Settings of this site. A flag wins over TEAHOUSE_SECTION_KEY, that over this file, that over the default.",
        "",
    ]
    for section in settings.SECTIONS:
        lines.append(f"[{section}]")
        for key, about in settings.Settings.model_fields[section].annotation.model_fields.items():
            chosen = written.get(section, {})
            default = about.get_default(call_default_factory=True)
            lines.append(f"# {about.description}")
            lines.append(f"{key} = {toml(chosen[key])}" if key in chosen else f"# {key} = {toml(default)}")
        lines.append("")
    return "\n".join(lines)


def toml(value: Any) -> str:
    """A setting's value as TOML: strings, numbers, booleans and lists of them are written as in JSON."""
    return json.dumps(value, ensure_ascii=False)


def look_over(folder: Path) -> Any:
    """Open every photo of the folder, with a bar, and name what is left out."""
    from teahouse.cli import folder as photos

    with say.bar(unit="files") as bar:
        bar.update(bar.first, description="Looking at the photos")
        found = photos.look(folder, lambda done, total: bar.update(bar.first, completed=done, total=total))
    for name, reason in found.left_out:
        say.warn(f"left out {plain(name)}: {plain(reason)}")
    say.step(", ".join(f"{count} {plain(found.labels[name])}" for name, count in found.counts.items()))
    say.line("  [dim]A few of them stand on the page as samples; your choice goes into the app's samples folder.[/]")
    return found


def plain(words: str) -> str:
    """Words of somebody else's, without meaning to rich."""
    from rich.markup import escape

    return escape(words)


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
        "description": f"Learnt from {sum(found.counts.values())} photographs.",
        "size": str(160 if wish.weights else SIZE),
        "labels": ", ".join(json.dumps(label, ensure_ascii=False) for label in labels),
        "photos": json.dumps(where, ensure_ascii=False),
        "count": str(len(labels)),
    }
    (app / "app.py").write_text(filled("folder/app.py", **fill), "utf-8")
    (app / "train.py").write_text(skeleton("folder/train.py"), "utf-8")
    if wish.weights:
        shutil.copyfile(wish.weights, app / "weights.safetensors")
    return app


def add_bare(project: Project, name: str) -> Path:
    """apps/NAME with an app.py to fill in and an empty photos folder."""
    app = project.root / "apps" / name
    for label in ("first", "second"):
        (app / "photos" / label).mkdir(parents=True)
    (app / "app.py").write_text(filled("bare/app.py", title=name.replace("-", " ").capitalize() + "?"), "utf-8")
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
        install_shipped(project, name, app, source / "release")
    return app


def install_shipped(project: Project, name: str, app_folder: Path, shipped: Path) -> str:
    """Verify the starter's release, install it, declare the app and put the release on by "starter"; its id."""
    from teahouse import ids
    from teahouse.model import bundle, shape
    from teahouse.store import apps, releases, rollouts

    with project.house() as house:
        manifest = bundle.read(shipped)
        if manifest.app == name:
            release = bundle.install(shipped, house.releases)
        else:
            release = renamed(shipped, name, house)
        manifest = bundle.read(house.releases / release)
        at = ids.now_ms()

        def put(c: Any) -> None:
            apps.declare(c, name, manifest.title, declaration_of(app_folder, name), str(app_folder), at)
            releases.add(c, release, name, None, shape.to_json(manifest), at=at)
            rollouts.append(c, name, release, "full", by="starter", why="the release that the starter ships", at=at)

        house.db.write(put)
    return release


def renamed(shipped: Path, name: str, house: Any) -> str:
    """The shipped release under another app's name: sealed anew, so its id differs; installed."""
    import tempfile
    from dataclasses import replace

    from teahouse.model import bundle

    with tempfile.TemporaryDirectory(dir=house.data) as scratch:
        copy = Path(scratch) / "release"
        shutil.copytree(shipped, copy)
        bundle.seal(copy, replace(bundle.read(shipped), app=name, files={}))
        return bundle.install(copy, house.releases)


def declaration_of(app_folder: Path, name: str) -> dict[str, Any]:
    """The declaration of the app in this folder, under the name that it has here."""
    from teahouse.spec.load import load_app

    return {**load_app(app_folder).declaration(), "app": name}


def skeleton(name: str) -> str:
    """A file of the skeleton, as it is."""
    return (packaged("teahouse.cli") / "skeleton" / name).read_text("utf-8")


def filled(name: str, **values: str) -> str:
    """A file of the skeleton with its $words filled in."""
    return Template(skeleton(f"{name}.in")).substitute(values)


def tell_next(project: Project, wish: Wish, new: bool) -> None:
    """The commands to do next."""
    say.step(f"[bold]{wish.name}[/] is in {project.root / 'apps' / wish.name}")
    say.line()
    if new:
        say.line(f"  cd {wish.name}")
    if not wish.starter:
        say.line(f"  teahouse train {wish.name}")
    say.line("  teahouse serve")
