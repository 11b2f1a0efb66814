"""Shown: the pictures of a report: photos that the candidate puts right or gets wrong, what both sides make of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from teahouse.ci.champion import Side
from teahouse.engine.bench import Bench
from teahouse.errors import TeahouseError
from teahouse.loop.judging import Heard
from teahouse.release.evaluate import Row, Scored
from teahouse.spec import media

MOST, MADE = 6, 4  # photos of each kind, and pairs of pictures
WIDTH = 240  # pixels of the longer side: a report travels with the code
Files = dict[str, bytes]


def inputs_of(folder: Path, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What an example of a release gives: files as their bytes."""
    return {
        name: (folder / value).read_bytes()
        if isinstance(value, str) and value.startswith("examples/") and (folder / value).is_file()
        else value
        for name, value in inputs.items()
    }


def changed(
    rows: Sequence[Row], before: Heard | None, after: Heard, photo: Callable[[str], bytes], files: Files
) -> dict[str, list[dict[str, Any]]]:
    """{"mended": …, "broken": …}: photos on which the two sides differ in being right, first those of which the
    candidate is surest; of a first release its mistakes are the broken ones. Their small copies go to `files`."""
    found: dict[str, list[Row]] = {"mended": [], "broken": []}
    for row in rows:
        now = after.scored[row.id].right
        was = before.scored[row.id].right if before else True
        if now != was:
            found["mended" if now else "broken"].append(row)
    told = {}
    for kind, part in found.items():
        surest = sorted(part, key=lambda row: (-after.scored[row.id].p, row.id))[:MOST]
        told[kind] = [
            {
                "file": _kept(files, f"pictures/{kind}-{number}.jpg", photo(_blob(row))),
                "truth": after.scored[row.id].truth,
                "candidate": _said(after.scored[row.id]),
                "champion": _said(before.scored[row.id]) if before else None,
            }
            for number, row in enumerate(surest, 1)
            if _blob(row)
        ]
    return told


def made(side: Side, champion: Side | None, files: Files) -> dict[str, list[dict[str, Any]]]:
    """{"made": …}: what the candidate, and the champion, make of the candidate's own examples."""
    told: list[dict[str, Any]] = []
    if side.manifest.output["kind"] != "image":
        return {"made": told}
    given = [inputs_of(side.folder, one["inputs"]) for one in side.manifest.examples][:MADE]
    drawn = {"candidate": _drawn(side, given), "champion": _drawn(champion, given) if champion else []}
    for number, inputs in enumerate(given, 1):
        line: dict[str, Any] = {"given": ", ".join(f"{k} {v}" for k, v in inputs.items() if not isinstance(v, bytes))}
        photo = next((value for value in inputs.values() if isinstance(value, bytes)), None)
        if photo is not None:
            line["file"] = _kept(files, f"pictures/{number}-given.jpg", photo)
        for name, pictures in drawn.items():
            data = pictures[number - 1] if number <= len(pictures) else None
            line[name] = _kept(files, f"pictures/{number}-{name}.jpg", data) if data else None
        told.append(line)
    return {"made": told}


def _drawn(side: Side, given: Sequence[Mapping[str, Any]]) -> list[bytes | None]:
    """The picture that a side makes of each; None where it can not: another app's inputs, or a fault that its checks
    tell of."""
    found: list[bytes | None] = []
    try:
        with Bench(side.folder) as bench:
            for inputs in given:
                parts = bench.answer(inputs).parts
                found.append(parts[0].data if parts else None)
    except TeahouseError:
        found += [None] * (len(given) - len(found))
    return found


def _said(scored: Scored) -> dict[str, Any]:
    return {"said": scored.said, "p": round(scored.p, 4)}


def _blob(row: Row) -> str:
    return next((value["blob"] for value in row.inputs.values() if isinstance(value, Mapping) and "blob" in value), "")


def _kept(files: Files, path: str, data: bytes) -> str:
    files[path] = media.clean(data, WIDTH).data
    return path
