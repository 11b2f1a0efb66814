"""One writer thread a process, group commit, answers only after the commit; readers that can not write."""

import asyncio
import functools
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from teahouse import telemetry
from teahouse.errors import Conflict, DiskFull, NotReady, SettingsError, TeahouseError
from teahouse.store import sqlite, tallies
from teahouse.store.tallies import Tally

log = telemetry.log("store")
T = TypeVar("T")
MOST = 500  # writes a transaction
LONGEST = 0.05  # seconds that a transaction goes on taking writes
FOLD, FAR = 1000, 8  # pages of log (4 MB) to fold, and how often that before the writer itself does it
BRIEF_MS, PAUSE_S = 50, 0.2  # a checkpoint holds all writers up while it waits for readers: briefly, then again
Conn = sa.Connection


class _Write(NamedTuple):
    """A function that waits for its commit."""

    future: Future[Any]
    fn: Callable[[Conn], Any]


class _Row(NamedTuple):
    """A row that waits for its commit, and what it adds to the tallies."""

    future: Future[Any]
    table: sa.Table
    row: dict[str, Any]
    counts: Sequence[Tally] = ()


class _Alone(NamedTuple):
    """A function that needs the connection outside of any transaction."""

    future: Future[Any]
    fn: Callable[[Conn], Any]


class Database:
    """The house's memory. Thread-safe; several may live in one process."""

    def __init__(self, url: str | Path):
        """Open the file; raises DatabaseUnsound where this SQLite would not keep what it takes."""
        if isinstance(url, str) and "://" in url and not url.startswith("sqlite:///"):
            raise SettingsError("This database is not known.", f"{url.split(':')[0]} was asked for.", "Give a path.")
        self.path = Path(str(url).removeprefix("sqlite:///"))
        self.broken: TeahouseError | None = None
        self._queue: queue.SimpleQueue[_Write | _Row | _Alone | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self.checkpoint_due = False
        self._writing = sqlite.engine(self.path, writes=True)
        self._connection = self._writing.connect()
        self._reading = sqlite.engine(self.path, writes=False)
        self._watch = self._reading.raw_connection()
        self._watch_lock = threading.Lock()
        self._long = threading.Event()  # the log waits to be folded
        self._folder = threading.Thread(target=self._fold_long_ones, name="teahouse-folder", daemon=True)
        self._folder.start()
        self._thread = threading.Thread(target=self._run, name="teahouse-writer", daemon=True)
        self._thread.start()

    def write(self, fn: Callable[[Conn], T]) -> T:
        """Run fn in the next group commit, in a savepoint of its own; its result, after the commit."""
        return self._ask(_Write(Future(), fn)).result()

    async def write_async(self, fn: Callable[[Conn], T]) -> T:
        """The same for coroutines."""
        return await asyncio.wrap_future(self._ask(_Write(Future(), fn)))

    async def append(self, table: sa.Table, row: dict[str, Any], counts: Sequence[Tally] = ()) -> int:
        """Append a row, and what it adds to the tallies, with all others that wait: one executemany a table; its seq,
        after the commit. Conflict where it breaks a rule of the table, and then nothing of it is counted."""
        unknown = row.keys() - table.c.keys()
        if unknown:
            raise KeyError(f"{table.name} has no {', '.join(sorted(unknown))}")
        return await asyncio.wrap_future(self._ask(_Row(Future(), table, row, counts)))

    @contextmanager
    def read(self) -> Iterator[Conn]:
        """A connection that can not write, on one snapshot: keep it short."""
        try:
            with self._reading.connect() as connection, connection.begin():
                yield connection
        except sa.exc.DBAPIError as error:
            raise (sqlite.trouble(error) or error) from error

    def version(self) -> int:
        """A number that differs whenever anyone, this process too, has committed since."""
        with self._watch_lock:
            # SQLite counts the commits of all other connections, and this one never writes.
            return self._watch.cursor().execute("PRAGMA data_version").fetchone()[0]

    def checkpoint(self, vacuum: bool = False, patience: float = 10.0) -> bool:
        """Fold the log into the file and cut it, so that what was erased is gone; False while a reader holds it.

        Tries for `patience` seconds and lets others write meanwhile. What did not succeed is `checkpoint_due`."""
        until = time.monotonic() + patience
        while not (done := self._ask(_Alone(Future(), _vacuum if vacuum else _truncate)).result()):
            if time.monotonic() >= until:
                break
            time.sleep(PAUSE_S)
        self.checkpoint_due = not done
        return done

    def close(self) -> None:
        """Commit what waits, then close; a second call does nothing.

        After a failure of the disk all stays open until the process ends: SQLite would fold the log as it closes, and
        pass over what the kernel has forgotten. The process that opens it next reads all of the log again."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        self._long.set()
        self._folder.join()
        if self.broken:  # a daemon's frame is never taken down, so nothing that it holds is closed by the way
            threading.Thread(target=lambda _: threading.Event().wait(), args=(self,), daemon=True).start()
            return
        self._connection.close()
        self._watch.close()
        self._reading.dispose()
        self._writing.dispose()

    def _ask(self, item: Any) -> Future[Any]:
        if threading.current_thread() is self._thread:
            raise RuntimeError("a write inside a write: pass the connection down instead")
        with self._gate:
            if self._closed:
                raise NotReady("The house is closing.", "", "Try again in a moment.")
            self._queue.put(item)
        return item.future

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, _Alone):
                self._alone(item)
                continue
            group = _Group(self._connection)
            try:
                self._fill(group, item)
                group.commit()
            except Exception as error:  # edge: whatever broke, each caller must hear of it
                group.refuse(self._meaning(error))
            group.answer()
            # where the log grows faster than the other thread folds it, the writer itself does
            if self._fold(self._connection.connection.driver_connection, FAR * FOLD) >= FOLD:
                self._long.set()

    def _fill(self, group: "_Group", item: Any) -> None:
        """Take what waits, up to 500 writes or 50 ms."""
        group.add(item)
        if self.broken:
            raise self.broken
        group.begin()
        until = time.monotonic() + LONGEST
        while True:
            group.run(item)
            if len(group) >= MOST or time.monotonic() > until:
                break
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None or isinstance(item, _Alone):
                self._queue.put(item)
                break
            group.add(item)
        group.flush()

    def _alone(self, item: _Alone) -> None:
        if not item.future.set_running_or_notify_cancel():
            return
        try:
            if self.broken:
                raise self.broken
            item.future.set_result(item.fn(self._connection))
        except Exception as error:  # edge: the caller hears of it
            item.future.set_exception(self._meaning(error))

    def _fold(self, raw: Any, least: int) -> int:
        """Fold a log of `least` pages and more; how many it had. A failure is told in the log, and where the disk can
        not be trusted nothing is written any more."""
        if self.broken:
            return 0
        try:
            if (pages := sqlite.unfolded(raw)) >= least:
                sqlite.fold(raw)
            return pages
        except self._writing.dialect.dbapi.Error as error:
            log.warning("log-not-folded", error=str(self._meaning(error)))
            return 0

    def _fold_long_ones(self) -> None:
        """On a thread and a connection of their own: the fsync of a fold may take a tenth of a second, and nobody's
        answer waits for it."""
        raw = self._reading.raw_connection()  # which may not write, and may do this
        while self._long.wait() and not self._closed:
            self._long.clear()
            self._fold(raw.driver_connection, FOLD)
        raw.close()

    def _meaning(self, error: Exception) -> Exception:
        if not isinstance(error, (sa.exc.DBAPIError, self._writing.dialect.dbapi.Error)):
            return error
        meaning = sqlite.trouble(error)
        if sqlite.is_lost(error, self.path):
            self.broken = meaning
        return meaning or error


class _Group:
    """The writes of one transaction: each succeeds or fails for itself, and none is answered before the commit."""

    def __init__(self, connection: Conn):
        self._connection = connection
        self._rows: dict[tuple[sa.Table, tuple[str, ...]], list[_Row]] = {}
        self._pending: list[Future[Any]] = []
        self._outcomes: list[tuple[Future[Any], Any, Exception | None]] = []

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, item: _Write | _Row) -> None:
        """Promise this caller an answer."""
        self._pending.append(item.future)

    def begin(self) -> None:
        """Take the write lock."""
        self._connection.begin()

    def run(self, item: _Write | _Row) -> None:
        """Run a function now, or lay a row beside its like."""
        if not item.future.set_running_or_notify_cancel():
            self._pending.pop()
        elif isinstance(item, _Row):
            self._rows.setdefault((item.table, tuple(sorted(item.row))), []).append(item)
        else:
            self._try(item.future, item.fn)

    def flush(self) -> None:
        """Insert the rows, one statement a table; where one of them is refused, each for itself."""
        for items in self._rows.values():
            try:
                with self._connection.begin_nested():
                    seqs = _appended(self._connection, items)
            except sa.exc.IntegrityError:
                for item in items:
                    self._try(item.future, lambda c, item=item: _appended(c, [item])[0])
            else:
                self._outcomes += [(item.future, seq, None) for item, seq in zip(items, seqs, strict=True)]

    def commit(self) -> None:
        """Make it durable."""
        # SQLite may have rolled back by itself after an error that a function swallowed: then nothing was kept.
        if not self._connection.connection.driver_connection.in_transaction:
            raise DiskFull("This could not be kept.", "The database gave the transaction up.", "Try again.")
        self._connection.commit()

    def refuse(self, error: Exception) -> None:
        """Nothing of this group was kept: everyone hears why."""
        with suppress(sa.exc.DBAPIError):
            self._connection.rollback()
        # A COMMIT that failed leaves SQLite inside the transaction, without SQLAlchemy's knowledge.
        raw = self._connection.connection.driver_connection
        if raw.in_transaction:
            raw.rollback()
        self._outcomes = [(future, None, error) for future in self._pending]

    def answer(self) -> None:
        """Tell every caller."""
        for future, result, error in self._outcomes:
            if future.running() or future.set_running_or_notify_cancel():
                future.set_exception(error) if error else future.set_result(result)

    def _try(self, future: Future[Any], fn: Callable[[Conn], Any]) -> None:
        try:
            with self._connection.begin_nested():
                result = fn(self._connection)
        except sa.exc.IntegrityError as error:
            self._outcomes.append((future, None, _conflict(error)))
        except sa.exc.DBAPIError as error:
            if sqlite.trouble(error):
                raise
            self._outcomes.append((future, None, error))
        except Exception as error:  # edge: the caller's own mistake is the caller's to hear
            self._outcomes.append((future, None, error))
        else:
            self._outcomes.append((future, result, None))


def _appended(c: Conn, items: Sequence[_Row]) -> Sequence[int]:
    """The seqs of these rows of one table, which are counted too."""
    seqs = c.execute(_insert(items[0].table), [item.row for item in items]).scalars().all()
    tallies.add_all(c, (count for item in items for count in item.counts))
    return seqs


@functools.cache
def _insert(table: sa.Table) -> Any:
    return sa.insert(table).returning(table.c.seq, sort_by_parameter_order=True)


def _conflict(error: sa.exc.IntegrityError) -> Conflict:
    log.warning("conflict", error=str(error.orig))
    conflict = Conflict("This contradicts what is already kept.", do_next="Look at the current state first.")
    conflict.__cause__ = error
    return conflict


def _truncate(connection: Conn) -> bool:
    raw = connection.connection.driver_connection
    raw.execute(f"PRAGMA busy_timeout={BRIEF_MS}")
    try:
        return raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    finally:
        raw.execute(f"PRAGMA busy_timeout={sqlite.PRAGMAS['busy_timeout']}")


def _vacuum(connection: Conn) -> bool:
    connection.connection.driver_connection.execute("VACUUM")
    return _truncate(connection)
