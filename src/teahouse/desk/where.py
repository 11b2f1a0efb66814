"""Which project or site a verb is about: the project above the current folder, or the one that `--site` names."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teahouse.desk.say import WrongUse
from teahouse.errors import likely

if TYPE_CHECKING:
    from teahouse.settings import Settings
    from teahouse.store.house import House


@dataclass(frozen=True)
class Project:
    """A project on this machine: its folder and its settings."""

    root: Path
    settings: Settings

    @property
    def data(self) -> Path:
        return Path(self.settings.data_dir)

    def app_folders(self) -> dict[str, Path]:
        """App name → the folder of its app.py; the files are read, nothing of them is run."""
        return {app_name(file): file.parent for file in sorted(self.root.glob("apps/*/app.py"))}

    def one_app(self, name: str | None) -> str:
        """The app that is meant: the one named, or the only one there is."""
        names = list(self.app_folders())
        if name is None and len(names) == 1:
            return names[0]
        if name in names:
            return name
        if not names:
            raise WrongUse("This project has no app yet.", do_next="teahouse new NAME --starter tea")
        listed = ", ".join(names)
        if name is None:
            raise WrongUse("Which app?", f"This project has {listed}.", "Say its name after the verb.")
        raise WrongUse(f'There is no app "{name}" here.{likely(name, names)}', f"This project has {listed}.")

    @contextmanager
    def house(self, create: bool = True) -> Iterator[House]:
        """The project's house, opened for this verb and closed after it."""
        from teahouse.store.house import House

        if not create and not (self.data / "house.db").exists():
            raise WrongUse(
                "This project has no data yet.", f"{self.data} is empty.", "teahouse serve, or teahouse train"
            )
        house = House.open(self.data, create=create)
        try:
            yield house
        finally:
            house.close()

    def is_kept(self) -> bool:
        """Whether a site lives for this project: its keeper holds the house's lock, whatever notes lie about."""
        from teahouse import keeper

        return keeper.is_kept(self.data)

    def running(self) -> dict[str, Any] | None:
        """pid, url and start of the site that runs for this project; None where none does, or none answers yet."""
        from teahouse import keeper

        if not self.is_kept():
            return None
        try:
            note = json.loads(keeper.note_of(self.data).read_text())
        except (OSError, ValueError):
            return None
        return note


def app_name(file: Path) -> str:
    """The name that app.py gives itself in App(name="…"), else its folder's."""
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except (SyntaxError, ValueError, OSError):
        return file.parent.name
    for call in (
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("App")
    ):
        for word in call.keywords:
            if word.arg == "name" and isinstance(word.value, ast.Constant) and isinstance(word.value.value, str):
                return word.value.value
    return file.parent.name


def find_project(start: Path | None = None) -> Project | None:
    """The project at or above `start`, or None."""
    from teahouse import settings

    root = settings.find_project(start or Path.cwd())
    return Project(root, settings.load(root)) if root else None


def project() -> Project:
    """The project at or above the current folder; WrongUse where there is none."""
    return found(Path.cwd())


def found(folder: Path) -> Project:
    """The project at or above a folder; WrongUse where there is none."""
    there = find_project(folder)
    if there is None:
        raise WrongUse(
            "There is no project here.",
            f"Neither {folder} nor a folder above it has a teahouse.toml.",
            "teahouse new NAME --starter tea, then cd NAME",
        )
    return there
