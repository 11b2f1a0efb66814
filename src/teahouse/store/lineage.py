"""Lineage: dataset versions, training runs and verdicts, each pointing back to what made it."""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from teahouse.ids import now_ms
from teahouse.store import reviews, rows, tables
from teahouse.store.rows import takes, values

FORGOTTEN = "forgotten"  # notices.kind: a release learned from a row that is erased


@dataclass(frozen=True)
class Version:
    """A frozen list of rows; `digest` over its row digests, `rows_blob` where rows.jsonl lies."""

    id: bytes
    app: str
    digest: str
    parent: bytes | None
    counts: dict[str, Any]
    rows_blob: str
    at: int = field(default_factory=now_ms)
    reviewed: int | None = None


@dataclass(frozen=True)
class Run:
    """One training: `code` is the digest of the maker's code, `commit` theirs."""

    id: bytes
    app: str
    version: bytes
    kind: str
    code: str
    commit: str | None = None
    job: bytes | None = None
    at: int = field(default_factory=now_ms)


@dataclass(frozen=True)
class Judged:
    """A verdict on a candidate (promote, hold, reject), with its reasons and numbers."""

    id: bytes
    app: str
    candidate: str
    champion: str | None
    version: bytes
    outcome: str
    reasons: list[Any]
    numbers: dict[str, Any]
    at: int = field(default_factory=now_ms)


@takes(Version)
def add_version(c: sa.Connection, version: Version) -> int:
    """Add a dataset version; its seq. It remembers the last review that it knew: later ones are new to it."""
    reviewed = reviews.last_seq(c) if version.reviewed is None else version.reviewed
    return rows.add(c, tables.dataset_versions, {**values(version), "reviewed": reviewed})


def version(c: sa.Connection, id: bytes) -> Any:
    """The dataset version, or None."""
    return rows.one(c, tables.dataset_versions, tables.dataset_versions.c.id == id)


def version_of(c: sa.Connection, release: str) -> Any:
    """The dataset version that a release learned from, or None where none of this house made it."""
    source = tables.releases.join(tables.runs, tables.runs.c.id == tables.releases.c.run)
    query = sa.select(tables.runs.c.version).select_from(source).where(tables.releases.c.id == release)
    found = c.execute(query).scalar()
    return version(c, found) if found is not None else None


def releases_of(c: sa.Connection, version: bytes) -> list[Any]:
    """The releases that were trained from this version, oldest first."""
    source = tables.releases.join(tables.runs, tables.runs.c.id == tables.releases.c.run)
    query = sa.select(tables.releases).select_from(source).where(tables.runs.c.version == version)
    return list(c.execute(query.order_by(tables.releases.c.seq)))


def mark_learned(c: sa.Connection, version: bytes, days: int, at: int) -> int:
    """A row that this version's training saw is erased: write down of each release that learned from it that it is to
    be replaced within so many days; how many are news. The day of the first such row counts."""
    new = 0
    for release in releases_of(c, version):
        words = (
            f"Release {release.number} of {release.app} learned from a row that was taken back. "
            f"Let a release that did not see it answer within {days} days."
        )
        row = {"at": at, "kind": FORGOTTEN, "ref": release.id, "words": words, "sent": None}
        new += rows.add_new(c, tables.notices, row) is not None
    return new


def learned_from_erased(c: sa.Connection, app: str) -> dict[str, int]:
    """The app's releases that learned from a row which is erased by now, and since when (ms UTC)."""
    source = tables.notices.join(tables.releases, tables.releases.c.id == tables.notices.c.ref)
    query = sa.select(tables.notices.c.ref, tables.notices.c.at).select_from(source)
    found = c.execute(query.where(tables.notices.c.kind == FORGOTTEN, tables.releases.c.app == app))
    return {row.ref: row.at for row in found}


def versions(c: sa.Connection, app: str, before: int | None = None, limit: int = 50) -> list[Any]:
    """An app's dataset versions, newest first."""
    return rows.page(c, tables.dataset_versions, tables.dataset_versions.c.app == app, before=before, limit=limit)


def set_rows(c: sa.Connection, id: bytes, blob: str) -> None:
    """Let a version's list of rows lie elsewhere: erased rows have become holes; its digest stays."""
    versions = tables.dataset_versions
    c.execute(sa.update(versions).where(versions.c.id == id).values(rows_blob=blob))


@takes(Run)
def add_run(c: sa.Connection, run: Run) -> int:
    """Add a run; its seq."""
    return rows.add(c, tables.runs, values(run))


def run(c: sa.Connection, id: bytes) -> Any:
    """The run, or None."""
    return rows.one(c, tables.runs, tables.runs.c.id == id)


def run_of_job(c: sa.Connection, job: bytes) -> Any:
    """The run that a job made, or None."""
    return rows.one(c, tables.runs, tables.runs.c.job == job)


def runs(c: sa.Connection, app: str, before: int | None = None, limit: int = 50) -> list[Any]:
    """An app's runs, newest first."""
    return rows.page(c, tables.runs, tables.runs.c.app == app, before=before, limit=limit)


@takes(Judged)
def add_verdict(c: sa.Connection, judged: Judged) -> int:
    """Add a verdict; its seq."""
    return rows.add(c, tables.verdicts, values(judged))


def verdict(c: sa.Connection, id: bytes) -> Any:
    """The verdict, or None."""
    return rows.one(c, tables.verdicts, tables.verdicts.c.id == id)


def verdict_on(c: sa.Connection, candidate: str) -> Any:
    """The latest verdict on a candidate, or None."""
    return rows.one(c, tables.verdicts, tables.verdicts.c.candidate == candidate)


def verdicts(c: sa.Connection, app: str, before: int | None = None, limit: int = 50) -> list[Any]:
    """An app's verdicts, newest first."""
    return rows.page(c, tables.verdicts, tables.verdicts.c.app == app, before=before, limit=limit)


def run_event(c: sa.Connection, run: bytes, name: str, numbers: Any, at: int) -> int:
    """Keep one line of a run's progress; its seq."""
    return rows.add(c, tables.run_events, {"at": at, "run": run, "name": name, "numbers": numbers})


def run_events(c: sa.Connection, run: bytes, after: int = 0) -> list[Any]:
    """A run's progress, oldest first, newer than this seq."""
    return rows.after(c, tables.run_events, tables.run_events.c.run == run, seq=after)
