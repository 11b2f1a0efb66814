"""Own: the maker's own data without a house: taken in by a child, and drawn who judges just as the loop draws it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from teahouse import ids
from teahouse.errors import BlobDamaged
from teahouse.feedback import judges
from teahouse.loop import maker
from teahouse.release import evaluate
from teahouse.training import run, sides

SECONDS = 1800.0
Told = Callable[[str, int, int], None]  # what goes on, how many are done, of how many


@dataclass(frozen=True)
class Known:
    """What a house on this computer knows already: of the maker's photos by their digest (near key, the owner's answer
    where there is one, side), or None where the owner set one aside; near keys of all other rows with their sides.
    Empty in a fresh checkout. `pulled`: rows of visitors to train on too, as `ci.labels` reads them, each with its
    photo's file; their near keys stand among `others`, so that nothing that looks like them judges."""

    photos: Mapping[str, tuple[bytes, Any, str] | None] = field(default_factory=dict)
    others: Sequence[tuple[bytes, str]] = ()
    pulled: Sequence[tuple[Mapping[str, Any], Path]] = ()


@dataclass(frozen=True)
class Own:
    """The maker's rows, each on its side. `digest` names them and their sides: two computers that agree on it train on
    the same rows and judge on the same others."""

    rows: tuple[Mapping[str, Any], ...]
    photos: Path
    left_out: tuple[Mapping[str, str], ...]
    left_out_count: int
    digest: str

    def photo(self, digest: str) -> bytes:
        """A photo's bytes."""
        try:
            return (self.photos / digest).read_bytes()
        except OSError as error:
            raise BlobDamaged("A photo can not be read.", str(error), "Run the check again.") from error

    def training(self) -> tuple[Mapping[str, Any], ...]:
        """The rows that a training may see."""
        return run.rows_for(self.rows)

    def gold(self) -> list[evaluate.Row]:
        """The rows that judge: of those that look alike one, as the loop counts them."""
        found = [
            SimpleNamespace(id=row["row"].encode(), near=bytes.fromhex(row["near"]), source="maker", row=row)
            for row in self.rows
            if row["split"] == "gold"
        ]
        named = ("row", "inputs", "truth", "split", "source")
        return [evaluate.Row(*(one.row[name] for name in named)) for one in judges.independent(found)]

    def usual(self) -> str | None:
        """The commonest label of the training rows."""
        return evaluate.commonest(row["truth"] for row in self.rows if row["split"] == "train" and row["truth"])

    def counts(self) -> dict[str, int]:
        """How many rows stand where."""
        return {side: sum(row["split"] == side for row in self.rows) for side in ("train", "validation", "gold")}


def gather(app: str, source: Path, scratch: Path, known: Known, told: Told) -> Own:
    """Read the folder (or run @app.data) in a child, and draw the sides. Raises what the child met."""
    folder = scratch / "data"
    limits = run.Limits(seconds=SECONDS)
    run.prepare(folder, run.Plan("check", app, "data", source, limits=limits, extra={"known": {}}))

    def hand_on(event: dict[str, Any]) -> None:
        if event["name"] == "gathered":
            told("Taking in the photos", event["numbers"]["done"], event["numbers"]["of"])

    result = run.follow(folder, hand_on).or_raise()
    declaration = json.loads((folder / "declaration.json").read_bytes())
    name = next((one["name"] for one in declaration["fields"] if one["kind"] == "image"), "input")
    with (folder / "out" / "rows.jsonl").open("rb") as file:
        rows = drawn(app, name, [json.loads(line) for line in file], known)
    rows += taken_in(name, known.pulled, folder / "out" / "photos", {row["row"] for row in rows})
    return Own(
        tuple(rows),
        folder / "out" / "photos",
        tuple(result["left_out"]),
        int(result["left_out_count"]),
        ids.digest_of(sorted([row["row"], row["split"], evaluate.word_of(row["truth"])] for row in rows)),
    )


def drawn(app: str, name: str, found: Sequence[Mapping[str, Any]], known: Known) -> list[dict[str, Any]]:
    """Each photo as a row of a dataset version, with its side: the one that it has in the house, else the one that the
    loop would draw. What the house has set aside is left out."""
    here = [one for one in found if known.photos.get(one["blob"], ()) is not None]
    old = [known.photos.get(one["blob"]) for one in here]
    placed = [sides.Placed(near, "", side) for near, side in known.others]
    placed += [
        sides.Placed(was[0], str(was[1] or one["truth"]), was[2])
        if was
        else sides.Placed(bytes.fromhex(one["near"]), str(one["truth"]))
        for one, was in zip(here, old, strict=True)
    ]
    sided = sides.draw(placed, maker.side_key(app))[len(known.others) :]
    return [
        {
            "row": one["blob"],
            "inputs": {name: {"blob": one["blob"]}},
            "truth": (was and was[1]) or one["truth"],
            "split": side,
            "source": "maker",
            "near": one["near"],
        }
        for one, was, side in zip(here, old, sided, strict=True)
    ]


def taken_in(
    name: str, pulled: Sequence[tuple[Mapping[str, Any], Path]], photos: Path, there: set[str]
) -> list[dict[str, Any]]:
    """What was pulled, as rows beside the maker's own; a photo that the maker has too is the maker's."""
    photos.mkdir(parents=True, exist_ok=True)
    rows = []
    for row, file in pulled:
        if row["row"] in there:
            continue
        there.add(row["row"])
        shutil.copyfile(file, photos / row["row"])
        rows.append({**row, "inputs": {name: {"blob": row["row"]}}})
    return rows
