"""Chores: exports, backups, and the holes that an erasure leaves in what was frozen."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

from teahouse import datasets, ids, telemetry
from teahouse.errors import NothingToDo, TeahouseError
from teahouse.feedback import erase as forget
from teahouse.feedback import retention
from teahouse.loop import maker
from teahouse.settings import Settings
from teahouse.store import apps, jobs, labels, lineage
from teahouse.store import backup as archive
from teahouse.store.house import House

PAGE = 50

log = telemetry.log("loop")


def export(house: House, settings: Settings, job: Any, so_far: dict[str, Any]) -> dict[str, Any]:
    """The app's newest dataset version as exports/<job>.zip."""
    version = house.db.write(lambda c: datasets.build(c, house, job.app))
    folder = house.data / "exports"
    folder.mkdir(mode=0o700, exist_ok=True)
    name = ids.text(job.id)
    tree, fresh = folder / f".{name}", folder / f".{name}.zip"
    try:
        rows = datasets.export_folder(house, version, tree)
        with zipfile.ZipFile(fresh, "w", zipfile.ZIP_STORED) as archive_:
            for file in sorted(tree.rglob("*")):
                if file.is_file():
                    archive_.write(file, f"{job.app}/{file.relative_to(tree)}")
        os.chmod(fresh, 0o600)
        os.replace(fresh, folder / f"{name}.zip")
    finally:
        shutil.rmtree(tree, ignore_errors=True)
        fresh.unlink(missing_ok=True)
    return {"rows": rows, "version": ids.text(version.id), "digest": version.digest}


def backup(house: House, settings: Settings, job: Any, so_far: dict[str, Any]) -> dict[str, Any]:
    """A copy of the house in the folder that the job names."""
    target = (job.args or {}).get("target")
    if not target:
        raise NothingToDo("The backup has no target.", "", "Name a folder.")
    return archive.backup(house, Path(target))


def retain(house: House, settings: Settings, job: Any, so_far: dict[str, Any]) -> dict[str, Any]:
    """What is older than the house keeps it goes, out of frozen copies too."""
    gone = retention.sweep(house, settings.keep.days, ids.now_ms())
    if gone.photos:
        erase(house, settings, job, so_far)
    return {"photos": gone.photos, "answers": gone.answers, "visitors": gone.visitors}


def erase(house: House, settings: Settings, job: Any, so_far: dict[str, Any]) -> dict[str, Any]:
    """Holes in every frozen version for rows that are gone, and no photo of theirs in run folders or exports.

    The web has nulled the rows themselves; this mends what it can not reach in a request. A version that can not be
    read is named, and is in nobody's way."""
    holes, damaged = 0, []
    gone: set[str] = set()
    with house.db.read() as c:
        names = [row.name for row in apps.all_latest(c)]
        busy = {row.id for row in jobs.unfinished(c) if row.id != job.id}
    for app in names:
        maker.take_words(house, app)
        for version in _versions(house, app):
            try:
                holes += _mend(house, version, gone, settings.keep.forget_days)
            except TeahouseError as error:
                log.error("version-not-mended", version=ids.text(version.id), code=error.code, what=error.what)
                damaged.append(ids.text(version.id))
    retention.sweep_erased(house)
    maker.drop_photos(house, busy, gone)
    maker.tidy_all(house, busy)
    maker.sweep_exports(house)
    house.db.checkpoint()
    return {"holes": holes, **({"damaged": damaged} if damaged else {})}


def _mend(house: House, version: Any, gone: set[str], days: int) -> int:
    """Make the holes of one version; how many are new. The photos that were there join `gone`, and each release that
    learned from a row is marked before the row is forgotten here too."""
    with house.db.read() as c:
        stays = {ids.text(row.id) for row in labels.of_app(c, version.app)}
    rows = datasets.rows_of(house, version)
    kept, new = datasets.make_holes(rows, stays.__contains__)
    if new:
        mark_learned(house, version, datasets.gone(rows, stays.__contains__), days)
        gone |= {
            value["blob"]
            for row in rows
            if not row.get("erased") and row["row"] not in stays
            for value in row["inputs"].values()
            if isinstance(value, dict) and "blob" in value
        }
        _point_at(house, version, house.blobs.put(datasets.write_rows(kept)))
    return new


def mark_learned(house: House, version: Any, rows: list[datasets.Row], days: int) -> None:
    """Write down which releases learned from these rows of a version, if any training saw one."""
    if datasets.has_taught(rows):
        house.db.write(lambda c: lineage.mark_learned(c, version.id, days, ids.now_ms()))


def _versions(house: House, app: str) -> list[Any]:
    found: list[Any] = []
    with house.db.read() as c:
        while page := lineage.versions(c, app, before=found[-1].seq if found else None, limit=PAGE):
            found += page
    return found


def _point_at(house: House, version: Any, blob: str) -> None:
    """The version keeps its digest, its rows lie elsewhere now; the list that still named the erased rows goes, once no
    other version names it."""
    if blob == version.rows_blob:
        return
    house.db.write(lambda c: lineage.set_rows(c, version.id, blob))
    forget.drop_unnamed(house, [version.rows_blob])
