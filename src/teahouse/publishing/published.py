"""Published: what `teahouse.publish` gives back: where the app is, what it differs in, and what can be done with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from teahouse.publishing.suspects import Difference


@dataclass(frozen=True)
class Published:
    """A published app. Where a browser of the maker's can reach this machine it has a `url` (and a `phone`'s on the
    same network), else a `bundle`: one file to take along. `differences`: examples that the page answers otherwise than
    the maker's own code. The last line of a cell shows it as a page."""

    app: str
    title: str
    release: str
    url: str = ""
    phone: str = ""
    project: Path | None = None
    bundle: Path | None = None
    elsewhere: str = ""
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()
    declaration: dict[str, Any] = field(default_factory=dict, repr=False)
    sealed: Path = field(default=Path(), repr=False)

    def save(self, folder: Path | str) -> Path:
        """Write the same app as a project: app.py, the release beside it, teahouse.toml; its folder.

        `teahouse serve` in it answers as this page does. Conflict where an app.py of the maker's own is there."""
        from teahouse.publishing import save

        return save.as_project(Path(folder), self.declaration, self.sealed)

    def pack(self, file: Path | str | None = None) -> Path:
        """Write the release as one file, NAME.teahouse in the working directory where nothing is said; its path.

        Signed with the maker's own key where there is one (`teahouse keys`). SettingsError for one that is unusable."""
        from teahouse.model import archive, signing

        target = Path(file or f"{self.app}.teahouse").expanduser().resolve()
        archive.pack(self.sealed, target, signing.own())
        return target

    def download(self) -> Any:
        """Bring the bundle down to the maker's own computer, in the way of the notebook that this is."""
        file = self.bundle or self.pack()
        try:
            from google.colab import files
        except ImportError:
            from importlib.util import find_spec

            if find_spec("IPython") is None:
                return file
            from IPython.display import FileLink

            return FileLink(file.name if file.parent == Path.cwd() else str(file))
        return files.download(str(file))

    def owner_link(self) -> str:
        """A link to the owner's pages that works once and on this computer alone; the first one makes the site yours.
        "" where no site runs."""
        from teahouse.publishing import standing
        from teahouse.site import owner_door

        if self.project is None:
            return ""
        with standing.project_for(self.project).house() as house:
            return owner_door.open_link(house, self.url.rpartition("/")[0])

    def stop(self) -> None:
        """Stop the site, as `teahouse stop` does."""
        from teahouse.publishing import standing

        if self.project is not None:
            standing.stop(standing.project_for(self.project))

    def next_commands(self) -> list[str]:
        """The two commands that make a site of the bundle, on a computer with Teahouse."""
        return [f"teahouse new {self.app} --bundle {self.app}.teahouse", f"cd {self.app} && teahouse serve"]

    def _repr_html_(self) -> str:
        from teahouse.publishing import show

        return show.html(self)

    def __str__(self) -> str:
        from teahouse.publishing import show

        return show.text(self)
