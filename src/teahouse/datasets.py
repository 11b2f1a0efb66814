"""Datasets: hashed, immutable lists of rows that a run trains from, with holes where someone was forgotten."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teahouse import ids
from teahouse.errors import BlobDamaged, NothingToDo
from teahouse.feedback.trust import most_of_network, most_of_visitor
from teahouse.store import apps, labels, lineage
from teahouse.store.house import House

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Version:
    """A dataset version: `digest` names its content, `new` says whether it was frozen just now."""

    id: bytes
    app: str
    digest: str
    rows: int
    counts: Mapping[str, Any]
    rows_blob: str
    new: bool = True


def row_digest(row: Row) -> str:
    """SHA-256(salt, canonical row without its salt); of an erased row the digest that it keeps."""
    if row.get("erased"):
        return str(row["row_digest"])
    bare = {name: value for name, value in row.items() if name != "salt"}
    return ids.sha256(bytes.fromhex(row["salt"]) + ids.canonical(bare))


def digest_of(rows: Iterable[Row]) -> str:
    """The version's digest: over the sorted digests of its rows, so that their order says nothing."""
    return ids.digest_of(sorted(row_digest(row) for row in rows))


def write_rows(rows: Iterable[Row]) -> bytes:
    """rows.jsonl."""
    return b"".join(ids.canonical(row) + b"\n" for row in rows)


def read_rows(data: bytes, digest: str) -> list[Row]:
    """The rows of rows.jsonl, proven against the version's digest; BlobDamaged otherwise."""
    try:
        rows = [json.loads(line) for line in data.splitlines()]
        sound = digest_of(rows) == digest
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BlobDamaged("This dataset version can not be read.", str(error), "Restore it from a backup.") from error
    if not sound:
        raise BlobDamaged("This dataset version is not what it was.", digest, "Restore it from a backup.")
    return rows


def rows_of(house: House, version: Any) -> list[Row]:
    """The rows of a version (a row of `dataset_versions`, or a Version)."""
    return read_rows(house.blobs.get(version.rows_blob), version.digest)


def build(c: Any, house: House, app: str, words_until: int | None = None) -> Version:
    """Freeze what may be used now. The same rows again give the version that is there already. `words_until`: the last
    word on pictures that its rows know of (else what the version before knew).

    NothingToDo where there is no row to train on and the app needs some: one that brings no data, and whose answers are
    no labels, makes its own as it trains."""
    last = next(iter(lineage.versions(c, app, limit=1)), None)
    before = {row["row"] for row in rows_of(house, last) if not row.get("erased")} if last else set()
    chosen, waiting = choose(labels.of_app(c, app), before)
    salts = house.key(f"rows {app}")
    rows = [freeze(label, salts) for label in chosen]
    counts = {**count(rows), "waiting_for_caps": len(waiting), "new": sum(row["row"] not in before for row in rows)}
    known = words_until if words_until is not None else (last.counts.get("words_until") if last else None)
    if known is not None:
        counts["words_until"] = known
    if not counts["train"] and needs_rows(apps.get(c, app)):
        raise NothingToDo(
            "There are no rows to train on.",
            "No photo is there, or none is accepted.",
            "Add photos, or review what came in.",
        )
    digest = digest_of(rows)
    if last and last.digest == digest:
        return Version(last.id, app, digest, len(rows), last.counts, last.rows_blob, new=False)
    blob = house.blobs.put(write_rows(rows))
    version = Version(ids.new_id(), app, digest, len(rows), counts, blob)
    lineage.add_version(c, lineage.Version(version.id, app, digest, last.id if last else None, counts, blob))
    return version


def needs_rows(declared: Any) -> bool:
    """Whether an app, as it is declared, can not be trained without a row."""
    if declared is None or declared.declaration["output"]["kind"] == "labels":
        return True
    data = declared.declaration["data"]
    return "folder" in data or bool(data.get("hook"))


def choose(found: Sequence[labels.LabelRow], before: set[str]) -> tuple[list[labels.LabelRow], list[labels.LabelRow]]:
    """(rows of the next version, rows that its caps leave waiting).

    Of the rows that nobody's eyes accepted, one visitor and one network give only so many new ones; the owner's own
    decisions are not capped, and what an earlier version held stays."""
    usable = [label for label in found if label.is_accepted and label.split != "set_aside"]
    fresh = sum(ids.text(label.id) not in before for label in usable)
    of_visitor: Counter[bytes] = Counter()
    of_network: Counter[bytes] = Counter()
    chosen, waiting = [], []
    for label in usable:
        by_rule = label.source == "visitor" and label.reviewed_by != labels.OWNER and ids.text(label.id) not in before
        if by_rule:
            visitor, network = label.visitor or b"", label.network or b""
            if of_visitor[visitor] >= most_of_visitor(fresh) or (
                network and of_network[network] >= most_of_network(fresh)
            ):
                waiting.append(label)
                continue
            of_visitor[visitor] += 1
            of_network[network] += 1
        chosen.append(label)
    return chosen, waiting


def freeze(label: labels.LabelRow, salts: bytes) -> dict[str, Any]:
    """A label as a row of rows.jsonl. The salt follows from the row's id, which an erasure takes out of every place:
    from then on nobody can tell from the digest whether a known photo was here."""
    row = ids.text(label.id)
    return {
        "row": row,
        "salt": ids.keyed(salts, label.id)[:16].hex(),
        "inputs": {name: bare(value) for name, value in label.inputs.items()},
        "truth": label.answer,
        "split": label.split,
        "source": label.source,
        "near": (label.near or b"").hex(),
    }


def bare(value: Any) -> Any:
    """An input as rows carry it: {"blob": digest} or the value."""
    return {"blob": value["blob"]} if isinstance(value, Mapping) and "blob" in value else value


def count(rows: Iterable[Row]) -> dict[str, Any]:
    """How many rows stand where: by side, by label, those that visitors gave, and those that teach of them."""
    rows = list(rows)
    sides = Counter(row["split"] for row in rows)
    truths = [row["truth"] for row in rows if isinstance(row["truth"], dict)]
    named = Counter(truth.get("label", truth.get("rate")) for truth in truths if {"label", "rate"} & truth.keys())
    said = sum(int(truth.get("of", 0)) for truth in truths)
    return {
        **{side: sides.get(side, 0) for side in ("train", "validation", "gold", "test")},
        "visitors": sum(row["source"] == "visitor" for row in rows),
        "learned": sum(row["source"] == "visitor" and row["split"] == "train" for row in rows),
        **({"words": said} if said else {}),
        "labels": dict(sorted(named.items())),
    }


def make_holes(rows: Iterable[Row], stays: Callable[[str], bool]) -> tuple[list[Row], int]:
    """The rows with holes for those that must not stay (`stays` gets the row's id), and how many holes are new."""
    kept: list[Row] = []
    holes = 0
    for row in rows:
        if row.get("erased") or stays(row["row"]):
            kept.append(row)
        else:
            kept.append({"row_digest": row_digest(row), "erased": True})
            holes += 1
    return kept, holes


def gone(rows: Iterable[Row], stays: Callable[[str], bool]) -> list[Row]:
    """The rows that must become holes."""
    return [row for row in rows if not row.get("erased") and not stays(row["row"])]


def has_taught(rows: Iterable[Row]) -> bool:
    """Whether a training from a version with these rows has seen one of them: those that judge it never saw."""
    return any(row["split"] in ("train", "validation") for row in rows)


def changed(before: Iterable[Row], after: Iterable[Row]) -> dict[str, Any]:
    """What differs between two versions: rows that are gone and that are new, and how many rows of each label and side
    there were and are."""
    old, new = ({row["row"]: row for row in rows if not row.get("erased")} for rows in (before, after))
    counted = [count(rows.values()) for rows in (old, new)]
    names = sorted({*counted[0]["labels"], *counted[1]["labels"]})
    return {
        "rows": [len(old), len(new)],
        "gone": len(old.keys() - new.keys()),
        "new": len(new.keys() - old.keys()),
        "labels": {name: [one["labels"].get(name, 0) for one in counted] for name in names},
        "sides": {side: [one[side] for one in counted] for side in ("train", "validation", "gold", "test")},
    }


def export_folder(
    house: House, version: Any, target: Path, progress: Callable[[int, int], None] = lambda done, of: None
) -> int:
    """Write SIDE/LABEL/<row>.jpg and SIDE/metadata.jsonl ({file_name, label, row, source}) under `target`.

    Hugging Face `datasets` reads that as an imagefolder. Returns the number of rows. All is there, or nothing."""
    rows = [row for row in rows_of(house, version) if not row.get("erased")]
    staging = target.with_name(f".{target.name}-{os.getpid()}")
    shutil.rmtree(staging, ignore_errors=True)
    metadata: dict[str, list[dict[str, Any]]] = {}
    for number, row in enumerate(rows):
        metadata.setdefault(row["split"], []).append(_write_row(house, staging / row["split"], row))
        if (number + 1) % 100 == 0:
            progress(number + 1, len(rows))
    for side, lines in metadata.items():
        text = "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in lines)
        (staging / side / "metadata.jsonl").write_text(text, encoding="utf-8")
    staging.mkdir(parents=True, exist_ok=True)
    counts = {"version": version.digest, "rows": len(rows), **count(rows)}
    (staging / "version.json").write_text(json.dumps(counts, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    os.rename(staging, target)
    progress(len(rows), len(rows))
    return len(rows)


def _write_row(house: House, folder: Path, row: Row) -> dict[str, Any]:
    truth = row["truth"] if isinstance(row["truth"], dict) else {}
    label = str(truth.get("label", truth.get("rate", "unlabelled")))
    line: dict[str, Any] = {"label": label, "row": row["row"], "source": row["source"]}
    line |= {name: n for name, n in truth.items() if name in ("loved", "of")}
    place = folder / (re.sub(r"[^\w -]", "_", label).strip() or "_")
    place.mkdir(parents=True, exist_ok=True)
    for name, value in row["inputs"].items():
        if isinstance(value, dict) and "blob" in value:
            file = place / (f"{row['row']}.jpg" if len(row["inputs"]) == 1 else f"{row['row']}-{name}.jpg")
            file.write_bytes(house.blobs.get(value["blob"]))
            line.setdefault("file_name", f"{place.name}/{file.name}")
        else:
            line[name] = value
    return line
