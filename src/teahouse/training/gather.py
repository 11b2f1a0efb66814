"""Gather: read a maker's own data, encode each photo again, and write down what came in and what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from teahouse import ids
from teahouse.errors import DeclarationError, InputError, TeahouseError, TooLarge
from teahouse.spec import media
from teahouse.spec.app import App
from teahouse.spec.data import Folder
from teahouse.training.progress import Journal

MOST_BYTES = 64_000_000  # of one of the maker's own files: a camera's photo is welcome here
TOLD = 200  # left-out files named one by one


def gather(app: App, folder: Path, source: Path, known: Mapping[str, Any]) -> dict[str, Any]:
    """Fill out/photos/ and out/rows.jsonl; what there is to say of it goes to result.json.

    A row: {origin, blob, near, truth, name}; `origin` is the SHA-256 of the file as it was found. `known` maps origins
    that were gathered before to [blob, near]: those are not decoded again, and their photo is not written again."""
    journal = Journal(folder)
    photos = folder / "out" / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    rows: dict[str, dict[str, Any]] = {}
    left_out: list[dict[str, str]] = []
    fresh = 0
    found = list(_files(app, source, folder))
    for number, (name, label, path) in enumerate(found, 1):
        try:
            row, new = _row(app, path, label, known, photos)
        except TeahouseError as error:
            left_out.append({"name": name, "why": " ".join(part for part in (error.what, error.why) if part)})
        else:
            twin = rows.setdefault(row["blob"], {**row, "name": name})
            if twin["truth"] != row["truth"]:
                why = f'The same picture is in "{twin["name"]}", under another label.'
                left_out.append({"name": name, "why": why})
            fresh += new
        if number % 50 == 0 or number == len(found):
            journal.write("gathered", done=number, of=len(found), new=fresh, left_out=len(left_out))
    with (folder / "out" / "rows.jsonl").open("wb") as file:
        file.writelines(ids.canonical(row) + b"\n" for row in rows.values())
    return {"rows": len(rows), "new": fresh, "left_out": left_out[:TOLD], "left_out_count": len(left_out)}


def _files(app: App, source: Path, folder: Path) -> Iterator[tuple[str, str, Path]]:
    """(name, label, path) of everything that the maker has, whether from a folder or from their function; nothing where
    they have neither. Where answers are no labels, a photo lies in any sub-folder or in none."""
    if app.folder is not None:
        data = app.folder
    elif "data" in app.hooks:
        made = folder / "made"
        made.mkdir(exist_ok=True)
        app.hooks["data"](made)
        data = Folder(made)
    else:
        return
    yield from data.read(source) if app.output.kind == "labels" else data.photos(source)


def _row(app: App, path: Path, label: str, known: Mapping[str, Any], photos: Path) -> tuple[dict[str, Any], bool]:
    truth, data = _truth(app, label), _read(path)
    origin = ids.sha256(data)
    if origin in known:
        blob, near = known[origin]
        return {"origin": origin, "blob": blob, "near": near, "truth": truth}, False
    cleaned = media.clean(data)
    blob = ids.sha256(cleaned.data)
    (photos / blob).write_bytes(cleaned.data)
    return {"origin": origin, "blob": blob, "near": cleaned.near.hex(), "truth": truth}, True


def _read(path: Path) -> bytes:
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise TooLarge("The file is too heavy.", f"It has {size / 1e6:.0f} MB.")
        return path.read_bytes()
    except OSError as error:
        raise InputError("The file can not be read.", error.strerror or type(error).__name__) from error


def _truth(app: App, label: str) -> Any:
    """A sub-folder's name as the right answer; {} where nobody said anything of a photo."""
    if app.output.kind != "labels":
        return {}
    truth = {"label": label}
    app.output.check(truth)
    return truth


def refuse_strange_labels(app: App, source: Path) -> None:
    """DeclarationError where a sub-folder is no label of the app, or a label has no sub-folder."""
    if app.folder is None or app.output.kind != "labels":
        return
    found, wanted = app.folder.labels(source), app.output.words()
    strange = [name for name in found if name not in wanted]
    if strange and not set(found) & set(wanted):
        raise DeclarationError(
            f'The folder "{app.folder.path}" has no sub-folder for any label.',
            f"It has {', '.join(found)}; the labels are {', '.join(wanted)}.",
            "Name the sub-folders after the labels.",
        )
