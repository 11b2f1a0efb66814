"""How nouns write: a row's values in a small frozen dataclass, and inserts that know both databases.

What of a statement never changes is built once: building costs SQLAlchemy more than running."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")
P = ParamSpec("P")


def takes(kind: Callable[P, Any]) -> Callable[[Callable[..., T]], Callable[Concatenate[sa.Connection, P], T]]:
    """Let a function of (c, row) take the row's own values too: `say(c, id, prediction, …)` or `say(c, Said(…))`."""

    def wrap(fn: Callable[..., T]) -> Callable[Concatenate[sa.Connection, P], T]:
        @functools.wraps(fn)
        def call(c: sa.Connection, *given: Any, **named: Any) -> T:
            if len(given) == 1 and not named and isinstance(given[0], kind):  # type: ignore[arg-type]
                return fn(c, given[0])
            return fn(c, kind(*given, **named))

        c = inspect.Parameter("c", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        signature = inspect.Signature([c, *inspect.signature(kind).parameters.values()])
        call.__signature__ = signature  # type: ignore[attr-defined]
        return call  # type: ignore[return-value]

    return wrap


def values(row: Any) -> dict[str, Any]:
    """The column values of a row's dataclass."""
    return {name: getattr(row, name) for name in row.__dataclass_fields__}


def upsert(c: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that has ON CONFLICT in this connection's dialect."""
    return insert_in(c.dialect.name, table)


@functools.cache
def insert_in(dialect: str, table: sa.Table) -> Any:
    """The same by the dialect's name."""
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)


def add(c: sa.Connection, table: sa.Table, row: dict[str, Any]) -> int:
    """Insert a row; its seq."""
    return c.execute(_insert(table), row).scalar_one()


def add_new(c: sa.Connection, table: sa.Table, row: dict[str, Any]) -> int | None:
    """Insert a row unless one of its unique values is taken; its seq, or None."""
    return c.execute(upsert(c, table).values(row).on_conflict_do_nothing().returning(table.c.seq)).scalar()


def one(c: sa.Connection, table: sa.Table, *where: Any) -> Any:
    """The latest row for which all of this holds, or None."""
    return c.execute(_latest(table).where(*where)).one_or_none()


def page(c: sa.Connection, table: sa.Table, *where: Any, before: int | None = None, limit: int = 50) -> list[Any]:
    """Rows for which all of this holds, newest first, older than the seq `before`."""
    query = sa.select(table).where(*where).order_by(table.c.seq.desc()).limit(limit)
    return list(c.execute(query if before is None else query.where(table.c.seq < before)))


def after(c: sa.Connection, table: sa.Table, *where: Any, seq: int = 0, limit: int = 1000) -> list[Any]:
    """Rows for which all of this holds, oldest first, newer than this seq."""
    return list(c.execute(sa.select(table).where(table.c.seq > seq, *where).order_by(table.c.seq).limit(limit)))


@functools.cache
def _insert(table: sa.Table) -> Any:
    return sa.insert(table).returning(table.c.seq)


@functools.cache
def _latest(table: sa.Table) -> Any:
    return sa.select(table).order_by(table.c.seq.desc()).limit(1)
