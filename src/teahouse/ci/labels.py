"""Labels: what visitors of a site said, fetched for a training elsewhere; and whether the site's loop wants one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from teahouse import ids
from teahouse.errors import InputError

PULLED = "pulled"  # in the data folder of the project, which git ignores: photos of visitors are never committed


def folder_of(data: Path, app: str) -> Path:
    """Where the pulled rows of an app lie."""
    return data / PULLED / app


def is_due(counts: Mapping[str, Any], after: int) -> bool:
    """Whether so many labels are new and accepted that a loop of its own would retrain."""
    return int(counts.get("new") or 0) >= after


def known(source: Path, folder: Path) -> Any:
    """What was pulled into `folder`, as the judge and a training take it in (`ci.own.Known`)."""
    from teahouse.ci.own import Known
    from teahouse.spec.load import load_app

    if not folder.is_dir():
        return Known()
    photo = next((field for field in load_app(source).fields.values() if field.kind == "image"), None)
    found = list(rows_in(folder, photo.near)) if photo is not None else []
    return Known(others=[(bytes.fromhex(row["near"]), "train") for row, _ in found], pulled=found)


def rows_in(folder: Path, near: Any) -> Iterator[tuple[dict[str, Any], Path]]:
    """The rows to train on in a dataset version that was exported to `folder`: (row, its photo's file).

    Only what visitors gave, on the training side: the maker's own rows are in the project, and what judges on the site
    shall not train here. `near` makes a photo's near key. InputError for an export that is none."""
    for metadata in sorted(folder.glob("**/train/metadata.jsonl")):
        for number, line in enumerate(metadata.read_bytes().splitlines(), 1):
            try:
                told = json.loads(line)
                source, label, name = told["source"], told["label"], told.get("file_name")
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(f"Line {number} of {metadata} is no row.", str(error), "Pull again.") from error
            if source != "visitor" or not isinstance(name, str) or not isinstance(label, str):
                continue
            photo = _photo(metadata.parent / name, folder)
            if photo is None:
                raise InputError(f"Line {number} of {metadata} names a photo that is not there.", do_next="Pull again.")
            data = photo.read_bytes()
            row = {
                "row": ids.sha256(data),
                "truth": {"label": label},
                "split": "train",
                "source": source,
                "near": near(data).hex(),
            }
            yield row, photo


def _photo(path: Path, folder: Path) -> Path | None:
    """The file where it lies in the folder; None for all else, also for what can be no path."""
    try:
        found = path.resolve()
        return found if found.is_relative_to(folder.resolve()) and found.is_file() else None
    except (OSError, ValueError):
        return None
