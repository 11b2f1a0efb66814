"""Puts a release that lies beside an app, or came in a file, on: verified, installed, its app declared."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teahouse.desk.where import Project


@dataclass(frozen=True)
class Shipped:
    """Who puts a shipped release on, and why; the app's declaration where it is known without running its app.py."""

    by: str = "starter"
    why: str = "the release that the starter ships"
    declaration: dict[str, Any] | None = None


def install_shipped(project: Project, name: str, app_folder: Path, shipped: Path, how: Shipped = Shipped()) -> str:
    """Verify a release that lies beside an app, install it, declare the app and put the release on; its id."""
    with project.house() as house:
        return put_on(house, name, app_folder, shipped, how)


def put_on(house: Any, name: str, app_folder: Path, shipped: Path, how: Shipped) -> str:
    """The same in a house that is open already."""
    from teahouse import ids
    from teahouse.model import bundle, shape
    from teahouse.store import apps, releases, rollouts

    if bundle.read(shipped).app == name:
        release = bundle.install(shipped, house.releases)
    else:
        release = renamed(shipped, name, house)
    manifest = bundle.read(house.releases / release)
    declared, at = how.declaration or declaration_of(app_folder, name), ids.now_ms()

    def put(c: Any) -> None:
        apps.declare(c, name, manifest.title, declared, str(app_folder), at)
        if releases.get(c, release) is None:
            releases.add(c, release, name, None, shape.to_json(manifest), at=at)
        rollouts.append(c, name, release, "full", by=how.by, why=how.why, at=at)

    house.db.write(put)
    return release


def renamed(shipped: Path, name: str, house: Any) -> str:
    """The shipped release under another app's name, installed; its id, which is another one. ReleaseBroken for one that
    is not whole."""
    from teahouse.model import bundle

    with tempfile.TemporaryDirectory(dir=house.data) as scratch:
        return bundle.install(sealed_anew(shipped, name, Path(scratch)), house.releases)


def sealed_anew(shipped: Path, name: str, scratch: Path) -> Path:
    """A copy in `scratch` that bears another app's name. ReleaseBroken for one that is not whole: what is sealed anew
    would pass for sound ever after."""
    from dataclasses import replace

    from teahouse import ids
    from teahouse.model import bundle

    bundle.verify(shipped, ids.sha256(bundle.manifest_bytes(shipped)))
    copy = scratch / "release"
    shutil.copytree(shipped, copy)
    bundle.seal(copy, replace(bundle.read(shipped), app=name, files={}))
    return copy


def found_beside(project: Project, name: str) -> Path | None:
    """The release that lies beside an app.py: `teahouse serve` puts it on where the app has none yet. ReleaseBroken for
    one that is not whole, which `serve` leaves out."""
    from teahouse import ids
    from teahouse.model import bundle

    folder = project.app_folders()[name] / "release"
    if not (folder / "release.json").is_file():
        return None
    bundle.verify(folder, ids.sha256(bundle.manifest_bytes(folder)))
    return folder


@contextmanager
def named_beside(project: Project, name: str) -> Iterator[Path | None]:
    """The same under the name that the app has here, as the project's house would hold it."""
    from teahouse.model import bundle

    folder = found_beside(project, name)
    if folder is None or bundle.read(folder).app == name:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="teahouse-") as scratch:
        yield sealed_anew(folder, name, Path(scratch))


def declaration_of(app_folder: Path, name: str) -> dict[str, Any]:
    """The declaration of the app in this folder, under the name that it has here."""
    from teahouse.spec.load import load_app

    return {**load_app(app_folder).declaration(), "app": name}
