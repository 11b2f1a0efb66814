"""The runner: one loop a house, and whatever ends it, the next one goes on where it was."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from tests.failing_fsync import failing_fsync

from teahouse import child, ids
from teahouse.loop.lanes import loop_engine
from teahouse.store import jobs, lineage, rollouts, sqlite

from .circle import APP, open_project, project


def start(folder, idle=1.0):
    command = [sys.executable, "-m", "teahouse.loop.runner", "--project", str(folder), "--idle", str(idle)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@contextmanager
def running(folder, idle=1.0):
    process = start(folder, idle)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(true, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = true()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to that in time")


def ask(house, kind, **args):
    return house.db.write(lambda c: jobs.ask(c, jobs.Asked(ids.new_id(), kind, APP, args)))[0]


def read(house, fn, *given):
    with house.db.read() as c:
        return fn(c, *given)


def test_the_loops_database_is_as_durable_as_the_houses(tmp_path):
    engine = loop_engine(tmp_path / "loop.db")
    with engine.connect() as c:
        pragmas = {
            name: c.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout")
        }
        version = c.exec_driver_sql("select sqlite_version()").scalar()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 10000}
    assert sqlite.is_sound(tuple(int(part) for part in version.split(".")))
    assert (tmp_path / "loop.db").stat().st_mode & 0o777 == 0o600
    engine.dispose()


def test_the_log_of_dbos_own_database_does_not_grow_without_end(tmp_path):
    engine = loop_engine(tmp_path / "loop.db")
    with engine.begin() as c:
        c.exec_driver_sql("CREATE TABLE said (words BLOB)")
    for _ in range(80):
        with engine.begin() as c:
            c.exec_driver_sql("INSERT INTO said VALUES (randomblob(400000))")
    assert (tmp_path / "loop.db").stat().st_size > 20e6
    assert (tmp_path / "loop.db-wal").stat().st_size < 10e6
    engine.dispose()


def test_a_loop_with_nothing_to_do_leaves(tmp_path):
    project(tmp_path, count=1)
    with running(tmp_path, idle=0.2) as loop:
        assert loop.wait(30) == 0


def test_a_loop_that_is_not_needed_leaves_before_anything_heavy_is_imported(tmp_path):
    project(tmp_path, count=1)
    program = (
        "import sys; from pathlib import Path; from teahouse.loop import runner\n"
        "with runner.lock(runner.settings.load(Path(sys.argv[1])).data_dir):\n"
        "    status = runner.main(['--project', sys.argv[1]])\n"
        "print(status, *({'dbos', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=30)
    assert done.stdout.split() == [str(child.TAKEN)], done.stderr


def test_a_job_is_carried_out_without_a_pickle_a_second_loop_leaves_at_once_and_a_term_is_obeyed(tmp_path):
    house, _ = open_project(project(tmp_path, count=5))
    with running(tmp_path, idle=60) as loop:
        first = ask(house, "gather")
        until(lambda: read(house, jobs.get, first).state in jobs.FINISHED)
        assert read(house, jobs.get, first).state == "done"
        second = start(tmp_path, idle=60)
        assert second.wait(20) == child.TAKEN
        assert "loop-runs-already" in second.communicate()[1]
        later = ask(house, "export")
        until(lambda: read(house, jobs.get, later).state in jobs.FINISHED)
        loop.send_signal(signal.SIGTERM)
        assert loop.wait(5) == 0
    module = sqlite.sound_module()
    with module.connect(house.data / "loop.db") as db:
        kinds = {row[0] for row in db.execute("select serialization from workflow_status")}
        kinds |= {row[0] for row in db.execute("select serialization from operation_outputs")}
        told = [row[0] for row in db.execute("select output from operation_outputs")]
    assert kinds == {"portable_json"}
    assert all(one.startswith("{") for one in told)
    house.close()


def children(pid):
    found = subprocess.run(["ps", "--no-headers", "-o", "pid", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.standard
@pytest.mark.timeout(240)
def test_a_loop_killed_in_mid_training_is_taken_over_and_its_job_ends_once(tmp_path):
    pytest.importorskip("torch")
    house, _ = open_project(project(tmp_path, count=20, epochs=40, pause="import time; time.sleep(0.1)"))
    job = ask(house, "retrain")

    def epochs():
        run = read(house, lineage.run_of_job, job)
        return run and [event for event in read(house, lineage.run_events, run.id) if event.name == "epoch-done"]

    for end, reached in ((signal.SIGTERM, 3), (signal.SIGKILL, 8)):
        with running(tmp_path, idle=60) as loop:
            until(lambda reached=reached: len(epochs() or ()) >= reached)
            trainers = children(loop.pid)
            assert trainers
            loop.send_signal(end)
            loop.wait(5)
            until(lambda trainers=trainers: all(is_gone(pid) for pid in trainers), 10)
        assert read(house, jobs.get, job).state not in jobs.FINISHED
    with running(tmp_path, idle=1) as loop:
        until(lambda: read(house, jobs.get, job).state in jobs.FINISHED, 120)
        assert loop.wait(30) == 0
    ended = read(house, jobs.get, job)
    assert ended.state == "done", ended.detail
    steps = [event.detail for event in read(house, jobs.events, job) if event.state == "step"]
    told = [step["step"] for step in steps if step.get("words") != "building a faster form"]
    assert told.count("gather") == 2  # begun and told, in the first life alone
    assert told.count("train") == 3
    run = read(house, lineage.run_of_job, job)
    resumed = [event.numbers["epoch"] for event in read(house, lineage.run_events, run.id) if event.name == "resumed"]
    assert len(resumed) == 2 and resumed[0] >= 2 and resumed[1] > resumed[0]
    assert len(read(house, lineage.runs, APP)) == len(read(house, rollouts.history, APP)) == 1
    house.close()


def test_a_loop_whose_database_is_lost_ends_so_that_another_one_can_trust_it(tmp_path):
    house, _ = open_project(project(tmp_path, count=1))
    main = "import sys; from teahouse.loop.runner import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", f"{failing_fsync(tmp_path / 'flag')}\n{main}", "--project", str(tmp_path)]
    loop = subprocess.Popen([*command, "--idle", "60"], stderr=subprocess.PIPE, text=True)
    try:
        first = ask(house, "export")
        until(lambda: read(house, jobs.get, first).state in jobs.FINISHED)
        (tmp_path / "flag").touch()
        second = ask(house, "export")
        assert loop.wait(30) == 1
        assert "database-lost" in loop.communicate()[1]
    finally:
        loop.kill()
        loop.wait()
    with running(tmp_path):
        until(lambda: read(house, jobs.get, second).state in jobs.FINISHED)
    house.close()
