"""A folder of photographs as a dataset: its labels, how many of each, and the files that can not be used, by name."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from teahouse.desk.say import WrongUse
from teahouse.errors import InputError, TeahouseError, TooLarge

MOST_BYTES = 64_000_000  # what is looked at all; the site's own limit for a photo is lower
NOT_PICTURES = {".db", ".ini", ".txt", ".md", ".json", ".jsonl", ".csv", ".html", ".py", ".ds_store"}


@dataclass
class Found:
    """What lies in a folder: photos per label (folder name → count), and (file, reason) of what is left out."""

    top: Path
    counts: dict[str, int] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    @property
    def labels(self) -> dict[str, str]:
        """Folder name → the label that visitors read."""
        return {name: cleaned(name) for name in self.counts}

    @property
    def must_copy(self) -> bool:
        """True where a folder's name can not be a label as it is written."""
        return any(name != label for name, label in self.labels.items())


def cleaned(name: str) -> str:
    """A folder's name as a label: underscores are spaces, control and mark-up characters go, at most 40 characters."""
    words = re.sub(r"[\x00-\x1f<>{}`$\\\"\u202a-\u202e\u2066-\u2069]", "", name.replace("_", " "))
    return " ".join(words.split())[:40].strip() or "unnamed"


def files(top: Path) -> Iterator[tuple[str, Path]]:
    """(label folder, file) of everything that may be meant as a photo, sorted."""
    for folder in sorted(entry for entry in top.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.name.startswith(".") and file.suffix.lower() not in NOT_PICTURES:
                yield folder.name, file


def look(top: Path, seen: Callable[[int, int], None]) -> Found:
    """Open every file as the worker would; `seen(done, total)` is told after each.

    Raises WrongUse where fewer than two labels with two photos each are left."""
    found, all_files = Found(top.resolve()), list(files(top))
    for done, (label, file) in enumerate(all_files, 1):
        reason = why_not(file)
        if reason:
            found.left_out.append((str(file.relative_to(top)), reason))
        else:
            found.counts[label] = found.counts.get(label, 0) + 1
        seen(done, len(all_files))
    enough(found)
    return found


def why_not(file: Path) -> str:
    """Why this file can not be used, or ''."""
    from teahouse.spec import media

    if file.stat().st_size > MOST_BYTES:
        return f"{file.stat().st_size / 1e6:.0f} MB is too heavy"
    try:
        media.open_image(file.read_bytes(), want=32)
    except (InputError, TooLarge) as refused:
        return (refused.why or refused.what).rstrip(".")
    except (TeahouseError, OSError) as trouble:
        return str(trouble)
    return ""


def enough(found: Found) -> None:
    """Refuse a folder that can not become a classifier."""
    full = [name for name, count in found.counts.items() if count >= 2]
    if len(full) < 2:
        listed = (
            ", ".join(f"{name} ({count})" for name, count in found.counts.items())
            or "no sub-folder with readable photos"
        )
        raise WrongUse(
            f"{found.top} is not a folder of photos with one sub-folder a label.",
            f"Found: {listed}.",
            "Make two or more sub-folders, named as the labels, with at least two JPEG, PNG or WebP photos each.",
        )
    names = [label.casefold() for label in found.labels.values()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise WrongUse(f"Two folders would both be the label {twice[0]!r}.", do_next="Rename one of them.")


def copy(found: Found, target: Path, seen: Callable[[int, int], None]) -> None:
    """Copy the usable photos to target/LABEL/."""
    left_out = {name for name, _ in found.left_out}
    wanted = [(label, file) for label, file in files(found.top) if str(file.relative_to(found.top)) not in left_out]
    for done, (name, file) in enumerate(wanted, 1):
        home = target / found.labels[name]
        home.mkdir(parents=True, exist_ok=True)
        within = file.relative_to(found.top / name)
        shutil.copyfile(file, home / "-".join(within.parts))
        seen(done, len(wanted))
