"""Folder: photographs on disk, one sub-folder a label, or as they lie where nothing is said of them."""

from collections.abc import Iterator
from pathlib import Path

from teahouse.errors import DeclarationError, likely

PHOTO_ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".jfif", ".avif"}


class Folder:
    """A dataset on disk: `photos/LABEL/*.jpg`, or `photos/*.jpg` for an app whose answers are no labels. The path is
    relative to app.py, or absolute."""

    def __init__(self, path: str | Path) -> None:
        if not isinstance(path, (str, Path)) or not str(path):
            raise DeclarationError(f"Folder({path!r}) is not a path.", "", 'Write Folder("photos").')
        self.path = Path(path)

    def labels(self, root: Path) -> list[str]:
        """The sub-folders' names, sorted."""
        return sorted(
            entry.name for entry in self._at(root).iterdir() if entry.is_dir() and not entry.name.startswith(".")
        )

    def read(self, root: Path) -> Iterator[tuple[str, str, Path]]:
        """(path relative to the folder, label, file) of each file with a picture's ending; sorted: runs repeat."""
        top = self._at(root)
        for label in self.labels(root):
            for file in sorted((top / label).rglob("*")):
                if file.is_file() and file.suffix.lower() in PHOTO_ENDINGS:
                    yield str(file.relative_to(top)), label, file

    def photos(self, root: Path) -> Iterator[tuple[str, str, Path]]:
        """The same of all files with a picture's ending, however deep they lie, with the label ""."""
        top = self._at(root)
        for file in sorted(top.rglob("*")):
            hidden = any(part.startswith(".") for part in file.relative_to(top).parts)
            if file.is_file() and not hidden and file.suffix.lower() in PHOTO_ENDINGS:
                yield str(file.relative_to(top)), "", file

    def json(self) -> dict[str, str]:
        return {"folder": str(self.path)}

    def _at(self, root: Path) -> Path:
        top = self.path if self.path.is_absolute() else root / self.path
        if not top.is_dir():
            near = (
                likely(self.path.name, (entry.name for entry in top.parent.iterdir() if entry.is_dir()))
                if top.parent.is_dir()
                else ""
            )
            raise DeclarationError(
                f'The folder "{self.path}" does not exist.',
                f"Looked at {top}.",
                (near.strip() + " Make it, with one sub-folder a label.").strip(),
            )
        return top
