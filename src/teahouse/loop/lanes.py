"""Lanes: a house's jobs, each a durable workflow. What a step returned is kept in loop.db.

A job's workflow has the job's id: after a crash the next process goes on with the step that was cut off. DBOS is known
in this module alone.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID

from teahouse import ids, settings, telemetry
from teahouse.feedback import retention
from teahouse.loop import steps
from teahouse.store import jobs, sqlite
from teahouse.store.database import FOLD
from teahouse.store.house import House

LOOK_S = 0.2
# Pinned: DBOS would else hash the workflow's source, and what a crash cut off before an update would wait for ever.
VERSION = "1"
# One loop a house (it holds the lock), so the next process may take over what the last one left.
EXECUTOR = "loop"

log = telemetry.log("loop")


class Runner:
    """Two lanes, each one job at a time: trainings, and chores, which must not wait for a training."""

    def __init__(self, house: House, loaded: settings.Settings, idle_s: float) -> None:
        self._house, self._settings, self._idle_s = house, loaded, idle_s
        self._lanes = {
            lane: ThreadPoolExecutor(1, thread_name_prefix=f"teahouse-{lane}") for lane in ("training", "chores")
        }
        self._taken: dict[bytes, Future[None]] = {}
        self.stopping = threading.Event()

        def carry_out(name: str) -> str:
            return self._work(name)

        self._workflow = DBOS.workflow(name="job")(carry_out)

    def run(self) -> None:
        """Until told to stop, or nothing was to do for so long. The first thing is what is due once a day."""
        DBOS.launch()
        self._house.db.write(lambda c: retention.ask(c, ids.now_ms()))
        seen, busy_at = None, time.monotonic()
        while not self.stopping.wait(LOOK_S) and not self._house.db.broken:
            version = self._house.db.version()
            if version != seen:
                self._take()
                seen = version
            if any(not future.done() for future in self._taken.values()):
                busy_at = time.monotonic()
            elif time.monotonic() - busy_at > self._idle_s:
                return

    def _take(self) -> None:
        with self._house.db.read() as c:
            found = jobs.unfinished(c)
        for job in found:
            if job.id not in self._taken:
                lane = "training" if job.kind in steps.TRAINING else "chores"
                self._taken[job.id] = self._lanes[lane].submit(self._carry_out, job.id)

    def _carry_out(self, id: bytes) -> None:
        """Start the job's workflow, or wait for the one that was recovered; then its end stands in the house too."""
        name = ids.text(id)
        try:
            if DBOS.get_workflow_status(name) is None:
                with SetWorkflowID(name):
                    DBOS.start_workflow(self._workflow, name)
            DBOS.retrieve_workflow(name).get_result()
        except Exception as error:  # edge: whatever DBOS or SQLite raised, the next job must have its turn
            log.error("job-broke", job=name, error=repr(error), exc_info=True)
        with self._house.db.read() as c:
            job = jobs.get(c, id)
        if job.state not in jobs.FINISHED:
            detail = {"what": "The job broke off.", "do_next": "See the loop's log, then ask for it again."}
            self._house.db.write(lambda c: jobs.event(c, id, "failed", detail, ids.now_ms()))

    def _work(self, name: str) -> str:
        """The workflow: every step once, whatever happens to this process."""
        with self._house.db.read() as c:
            job = jobs.get(c, ids.parse(name))
        return steps.execute(self._house, self._settings, job, lambda step, fn: DBOS.run_step({"name": step}, fn))


def work(house: House, loaded: settings.Settings, idle_s: float) -> None:
    """Run the loop on an open house; ends this process at once when it is told to."""
    engine = loop_engine(house.data / "loop.db")
    DBOS(
        config=DBOSConfig(
            name="teahouse-loop",
            system_database_engine=engine,
            serializer=DBOSPortableJSONSerializer(),
            application_version=VERSION,
            executor_id=EXECUTOR,
            log_level="WARNING",
            console_log_level="WARNING",
            enable_otlp=False,
            use_listen_notify=False,
            notification_listener_polling_interval_sec=0.2,
        )
    )
    runner = Runner(house, loaded, idle_s)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: runner.stopping.set())
    log.info("loop-started", pid=os.getpid())
    runner.run()
    log.info("loop-ended", asked=runner.stopping.is_set())
    if house.db.broken:  # nothing that this process does is kept any more: the keeper starts another
        log.error("database-lost", **house.db.broken.as_dict())
        os._exit(1)
    if runner.stopping.is_set():
        # A step may be in the midst of a training. Its child dies with this process, and the next one does the step
        # again: waiting for it, or writing it down as failed, would both be wrong.
        sys.stderr.flush()
        os._exit(0)
    DBOS.destroy(destroy_registry=True)
    engine.dispose()
    house.close()


def loop_engine(path: Path) -> sa.Engine:
    """DBOS's own database, as durable as the house's; the driver begins its transactions, at once for writing. SQLite
    itself folds its log, for nobody else does."""
    path.touch(mode=0o600)
    made = sa.create_engine(
        f"sqlite:///{path}", module=sqlite.sound_module(), connect_args={"timeout": 30, "check_same_thread": False}
    )

    def connected(raw: Any, _record: Any) -> None:
        raw.isolation_level = "IMMEDIATE"
        sqlite.prepare(raw, query_only=False)
        raw.execute(f"PRAGMA wal_autocheckpoint={FOLD}").fetchall()

    sa.event.listen(made, "connect", connected)
    return made
