"""Jobs: work asked of the loop, and what became of it."""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from teahouse.ids import now_ms
from teahouse.store import rows
from teahouse.store.rows import takes, values
from teahouse.store.tables import job_events, jobs

FINISHED = ("done", "refused", "failed")
_other = job_events.alias("other")


@dataclass(frozen=True)
class Asked:
    """A job as it is asked for; the same `idem` asks for the same job."""

    id: bytes
    kind: str  # gather | retrain | judge | replay | fill_pool | export | erase | backup | retain | time
    app: str | None = None
    args: dict[str, Any] = field(default_factory=dict)
    by: str = "owner"
    idem: str | None = None
    at: int = field(default_factory=now_ms)


@takes(Asked)
def ask(c: sa.Connection, asked: Asked) -> tuple[bytes, bool]:
    """Put a job in the queue; (its id, whether it is new)."""
    row = values(asked)
    row["args"] = dict(asked.args or {})
    if rows.add_new(c, jobs, row) is None:
        same = (jobs.c.id == asked.id) if asked.idem is None else (jobs.c.id == asked.id) | (jobs.c.idem == asked.idem)
        return rows.one(c, jobs, same).id, False
    event(c, asked.id, "queued", None, asked.at)
    return asked.id, True


def event(c: sa.Connection, job: bytes, state: str, detail: Any, at: int) -> int:
    """Write down how a job goes (queued, running, step, done, refused, failed); its seq."""
    return rows.add(c, job_events, {"at": at, "job": job, "state": state, "detail": detail})


def get(c: sa.Connection, id: bytes) -> Any:
    """The job with its latest `state` and `detail`, or None."""
    return c.execute(_with_state().where(jobs.c.id == id)).one_or_none()


def waiting(c: sa.Connection) -> list[Any]:
    """Jobs that nobody has begun, oldest first."""
    begun = sa.exists().where(_other.c.job == jobs.c.id, _other.c.state != "queued")
    return list(c.execute(_with_state().where(~begun).order_by(jobs.c.seq)))


def unfinished(c: sa.Connection, kind: str | None = None, app: str | None = None) -> list[Any]:
    """Jobs that have no end yet, begun or not, oldest first: after a crash they start again."""
    ended = sa.exists().where(_other.c.job == jobs.c.id, _other.c.state.in_(FINISHED))
    query = _with_state().where(~ended).order_by(jobs.c.seq)
    if kind is not None:
        query = query.where(jobs.c.kind == kind)
    if app is not None:
        query = query.where(jobs.c.app == app)
    return list(c.execute(query))


def last(c: sa.Connection, kind: str, app: str, by: str) -> Any:
    """The latest job of this kind that this one asked for an app (without its state), or None."""
    return rows.one(c, jobs, jobs.c.kind == kind, jobs.c.app == app, jobs.c.by == by)


def events(c: sa.Connection, job: bytes, after: int = 0) -> list[Any]:
    """How a job went, oldest first, newer than this seq."""
    return rows.after(c, job_events, job_events.c.job == job, seq=after)


def recent(c: sa.Connection, limit: int = 20, app: str | None = None) -> list[Any]:
    """The last jobs with their states, newest first."""
    query = _with_state().order_by(jobs.c.seq.desc()).limit(limit)
    return list(c.execute(query if app is None else query.where(jobs.c.app == app)))


def _with_state() -> sa.Select[Any]:
    last = sa.select(sa.func.max(_other.c.seq)).where(_other.c.job == jobs.c.id).correlate(jobs).scalar_subquery()
    source = jobs.outerjoin(job_events, job_events.c.seq == last)
    state = [job_events.c.state, job_events.c.detail, job_events.c.at.label("state_at")]
    return sa.select(jobs, *state).select_from(source)
