"""Maker: the maker's own data taken in. A child reads it, the loop writes it down and draws who judges."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from teahouse import ids
from teahouse.errors import InputError, NotFound
from teahouse.feedback import collect, tastes
from teahouse.settings import Settings
from teahouse.store import apps, erasures, jobs, labels, probes, reviews
from teahouse.store.house import House
from teahouse.training import run, sides

MAKER = "maker"
A_TIME = 200  # rows in one transaction: others want to write too
SECONDS = 3600.0
TELL_S = 3.0


def derived(job: bytes, what: str) -> bytes:
    """The id of something that a job makes: always the same, so that a step done twice makes it once."""
    tail = bytearray(ids.keyed(job, what.encode())[:10])
    tail[0] = 0x70 | tail[0] & 0x0F  # version 7
    tail[2] = 0x80 | tail[2] & 0x3F  # variant of RFC 9562
    return job[:6] + bytes(tail)


def source_of(house: House, settings: Settings, app: str) -> Path:
    """The folder of an app's app.py; NotFound where there is none."""
    usual = settings.project / "apps" / app
    if (usual / "app.py").is_file():
        return usual
    with house.db.read() as c:
        declared = apps.get(c, app)
    told = Path(declared.source) if declared and declared.source else None
    if told and (told / "app.py").is_file():
        return told
    raise NotFound(
        f"There is no app called {app} here.", f"Looked for {usual / 'app.py'}.", "Make one with: teahouse new NAME"
    )


def gather(house: House, settings: Settings, job: Any) -> dict[str, Any]:
    """All rows that an app can be trained on, as things stand now: the maker's, and what visitors said of seeds."""
    return _gather_own(house, settings, job) | take_words(house, job.app)


def take_words(house: House, app: str) -> dict[str, Any]:
    """Let the app's rows say what visitors said of its pictures so far; {} where it does not learn from that. What is
    erased drops out: a row of which no word is left is erased too."""
    at = ids.now_ms()
    with house.db.read() as c:
        declared = apps.get(c, app)
        if declared is None or not tastes.are_taken(declared.declaration):
            return {}
        found = tastes.changes(c, app, declared.declaration, at)
    for start in range(0, len(found.new), A_TIME):
        part = found.new[start : start + A_TIME]
        house.db.write(lambda c, part=part: [labels.add(c, row) for row in part])
    for start in range(0, len(found.told), A_TIME):
        told = found.told[start : start + A_TIME]
        house.db.write(lambda c, told=told: [labels.retell(c, label, truth) for label, truth in told])

    def forget(c: Any) -> None:
        for label in found.gone:
            labels.erase(c, label)
            erasures.add(c, "label", ids.text(label), "no word on it is left", at)

    if found.gone:
        house.db.write(forget)
    return {"words": found.words, "words_until": found.until}


def _gather_own(house: House, settings: Settings, job: Any) -> dict[str, Any]:
    """Run the child on the app's folder and mirror what it found; cheap where nothing changed: a photo that was decoded
    once is known by the digest of its file. A retrain that the loop asks for by itself does not run the maker's code
    again where it is the same (a folder is looked through each time): a person who asks may have other data in mind."""
    source = source_of(house, settings, job.app)
    mark, code = house.data / "run" / f"gathered-{job.app}", run.code_digest(source)
    with house.db.read() as c:
        declared = apps.get(c, job.app)
        by_hook = declared is not None and "folder" not in declared.declaration["data"]
        if job.by == collect.LOOP and by_hook and mark.is_file() and mark.read_text() == code:
            return {"rows": len(labels.maker_rows(c, job.app)), "left_out": [], "left_out_count": 0, "unchanged": True}
    folder = house.run_dir(derived(job.id, "gather"))
    run.clear(folder)
    with house.db.read() as c:
        before = labels.maker_rows(c, job.app)
    known = {origin: value for row in before for origin, value in _known(house, row)}
    limits = run.Limits(seconds=SECONDS)
    run.prepare(
        folder,
        run.Plan(ids.text(derived(job.id, "gather")), job.app, "data", source, limits=limits, extra={"known": known}),
    )
    told = run.follow(folder, _teller(house, job)).or_raise()
    declaration = {**json.loads((folder / "declaration.json").read_bytes()), "app": job.app}
    house.db.write(lambda c: apps.declare(c, job.app, declaration["title"], declaration, str(source), ids.now_ms()))
    with (folder / "out" / "rows.jsonl").open("rb") as file:
        rows = [json.loads(line) for line in file]
    _refuse_emptied(source, declaration, before, rows)
    added = (
        _mirror(house, job.app, _photo_field(declaration), before, rows, folder / "out" / "photos")
        if rows or before
        else {}
    )
    run.tidy(folder)
    mark.write_text(code)
    return {"rows": told["rows"], "left_out": told["left_out"], "left_out_count": told["left_out_count"], **added}


def _refuse_emptied(
    source: Path, declaration: Mapping[str, Any], before: Sequence[labels.LabelRow], rows: Sequence[Mapping[str, Any]]
) -> None:
    """InputError where more than half of the known rows would go and too little came for them: a drive that is not
    there looks like a folder that somebody emptied. Nothing has been changed yet."""
    known, here = [row for row in before if row.decision != "set_aside"], {row["blob"] for row in rows}
    missing = sum(not here.intersection(labels.blobs_in(row.inputs)) for row in known)
    if missing * 2 > len(known) and len(rows) * 2 < len(known):
        where = source / str(declaration["data"].get("folder", ""))
        raise InputError(
            f"{missing} of the {len(known)} known photos are not in {where} any more.",
            "It looks as if its photos are elsewhere at the moment; nothing was changed.",
            "Put them back. To take so many out for good, take out less than half at a time.",
        )


def _teller(house: House, job: Any) -> run.Event:
    """Tells how far the reading is, every few seconds: thousands of photos take their time."""
    told = [time.monotonic()]

    def tell(event: dict[str, Any]) -> None:
        if event["name"] == "gathered" and time.monotonic() - told[0] > TELL_S:
            told[0] = time.monotonic()
            numbers = event["numbers"]
            detail = {"step": "gather", "words": f"{numbers['done']} of {numbers['of']} photos are taken in"}
            house.db.write(lambda c: jobs.event(c, job.id, "step", detail, ids.now_ms()))

    return tell


def _known(house: House, row: labels.LabelRow) -> list[tuple[str, list[str]]]:
    return [
        (value["origin"], [value["blob"], (row.near or b"").hex()])
        for value in row.inputs.values()
        if isinstance(value, Mapping) and "origin" in value and house.blobs.exists(value["blob"])
    ]


def _photo_field(declaration: Mapping[str, Any]) -> str:
    """The input that a folder of photographs fills: the first image."""
    return next((field["name"] for field in declaration["fields"] if field["kind"] == "image"), "input")


def _mirror(
    house: House,
    app: str,
    field: str,
    before: Sequence[labels.LabelRow],
    rows: Sequence[Mapping[str, Any]],
    photos: Path,
) -> dict[str, Any]:
    """Make the maker's rows what the folder holds: new ones drawn, moved ones relabelled, missing ones set aside."""
    here = {row["blob"]: row for row in rows}
    there = {blob: old for old in before for blob in labels.blobs_in(old.inputs)}
    fresh = [row for row in rows if row["blob"] not in there]
    placed = [sides.Placed(old.near or b"", str(old.answer), old.split) for old in before]
    with house.db.read() as c:  # a photo that judges by a visitor's hand shall not train by the maker's
        placed += [sides.Placed(near, "", side) for near, side in labels.near_rows(c, app, but=MAKER)]
    placed += [sides.Placed(bytes.fromhex(row["near"]), str(row["truth"])) for row in fresh]
    drawn = sides.draw(placed, side_key(app))[len(placed) - len(fresh) :]
    for start in range(0, len(fresh), A_TIME):
        part = list(zip(fresh, drawn, strict=True))[start : start + A_TIME]
        for row, _ in part:
            house.blobs.put((photos / row["blob"]).read_bytes())
        house.db.write(lambda c, part=part: [labels.add(c, _label(app, field, row, side)) for row, side in part])
    changed = [decision for blob, old in there.items() if (decision := _decision(old, here.get(blob)))]
    if changed:
        house.db.write(lambda c: [reviews.decide(c, decision) for decision in changed])
    house.db.write(lambda c: probes.fill(c, app, ids.now_ms()))
    counted = {side: drawn.count(side) for side in ("train", "validation", "gold", "set_aside")}
    return {"new": len(fresh), "changed": len(changed), "drawn": counted}


def side_key(app: str) -> bytes:
    """What sides are drawn by: the app's name and no secret. A release judges on the same rows in every house, and has
    trained on none of them."""
    return f"sides of {app}".encode()


def _label(app: str, field: str, row: Mapping[str, Any], side: str) -> dict[str, Any]:
    given = {field: {"blob": row["blob"], "origin": row["origin"]}}
    return {
        "at": ids.now_ms(),
        "app": app,
        "source": MAKER,
        "inputs": given,
        "truth": row["truth"],
        "near": bytes.fromhex(row["near"]),
        "split": side,
    }


def _decision(old: labels.LabelRow, now: Mapping[str, Any] | None) -> reviews.Decision | None:
    """What the folder says of a row that is known, where that is news; what the owner decided by hand stays."""
    if old.reviewed_by not in (None, MAKER):
        return None
    if now is None:
        if old.decision == "set_aside":
            return None
        return reviews.Decision(old.id, "set_aside", None, MAKER, "It is no longer among the maker's data.")
    if now["truth"] is None or (old.decision != "set_aside" and old.answer == now["truth"]):
        return None
    return reviews.Decision(old.id, "accept", now["truth"], MAKER, "So the maker's data says now.")


def tidy_all(house: House, busy: set[bytes]) -> int:
    """Remove photos, pictures that may show them, and rows from the run folders of jobs that are over; how many."""
    root = house.data / "runs"
    keep = {ids.text(derived(job, what)) for job in busy for what in ("train", "gather")}
    folders = (
        [folder for folder in root.iterdir() if folder.is_dir() and folder.name not in keep] if root.is_dir() else []
    )
    for folder in folders:
        run.tidy(folder)
        shutil.rmtree(folder / "pictures", ignore_errors=True)
    return len(folders)


def drop_photos(house: House, busy: set[bytes], gone: set[str]) -> None:
    """Take erased photos out of a training that goes on: it goes on without them."""
    for job in busy:
        for digest in gone:
            (house.run_dir(derived(job, "train")) / "photos" / digest).unlink(missing_ok=True)


def sweep_exports(house: House) -> None:
    """Remove exports: they hold what is erased now."""
    shutil.rmtree(house.data / "exports", ignore_errors=True)
