"""Opening a house: `python -m teahouse.desk.opening PROJECT DATA`, in a process of its own before the first web.

The keeper lives as long as the house; what a maker's app.py imports (PyTorch, often) must not stay in its memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from teahouse.desk.where import Project, found


def prepare(place: Project) -> None:
    """Bring the tables to this version and declare the project's apps, so that the web finds them as rows. A release
    that lies beside an app.py is put on where the app has none yet: so a project answers after it was only copied."""
    from teahouse import ids
    from teahouse.desk import say
    from teahouse.errors import DeclarationError, ReleaseBroken
    from teahouse.payments import chosen
    from teahouse.spec.load import load_app
    from teahouse.store import apps

    with place.house() as house:
        chosen.till_of(place.settings, house)  # a till that could not tell its own events from others' does not open
        for name, folder in place.app_folders().items():
            try:
                app = load_app(folder)
            except DeclarationError as wrong:
                say.warn(f"{name} is left as it was: {wrong}")
                continue
            row = (app.name or name, app.title, app.declaration(), str(folder), ids.now_ms())
            house.db.write(lambda c, row=row: apps.declare(c, *row))
            try:
                put_shipped_on(house, app, folder)
            except ReleaseBroken as broken:
                say.warn(f"the release beside {name}'s app.py is left out: {broken}")


def put_shipped_on(house: Any, app: Any, folder: Path) -> None:
    """Install the release in the app's own folder, where there is one and the app has no champion. keys.txt is not
    asked: that folder is the project's own as app.py beside it is, and who can write the one can write the other."""
    from teahouse.store import rollouts

    beside = folder / "release"
    if not (beside / "release.json").is_file():
        return
    with house.db.read() as c:
        if rollouts.champion(c, app.name) is not None:
            return
    from teahouse.desk import shipped

    how = shipped.Shipped("owner", "the release beside its app.py", app.declaration())
    shipped.put_on(house, app.name, folder, beside, how)


def main() -> int:
    """Migrate the house and declare the apps of the project; the exit status."""
    from teahouse.desk import say
    from teahouse.errors import TeahouseError
    from teahouse.store import migrate

    try:
        migrate.upgrade(Path(sys.argv[2]))
        prepare(found(Path(sys.argv[1])))
    except TeahouseError as error:
        say.error(error)
        return say.status_of(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
