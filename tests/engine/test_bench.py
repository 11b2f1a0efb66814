"""A worker of one's own for judging: answers in order, and a worker that dies is replaced."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

from teahouse.engine.bench import Bench
from teahouse.engine.process import WorkerLimits
from teahouse.errors import InputBroke, InputError, ReleaseBroken
from teahouse.testing import blueness, photo

from .conftest import Releases, mood

QUICK = WorkerLimits()


def test_answers_come_in_order_and_progress_is_told(releases: Releases) -> None:
    wanted = ["warm" if number % 3 else "cold" for number in range(40)]
    told: list[int] = []
    with Bench(releases.folder / releases.tiny(), limits=QUICK) as bench:
        rows = ({"input": photo(each, seed=number)} for number, each in enumerate(wanted))
        answers = bench.answers(rows, told.append)
        assert bench.form == "fp32"
        assert bench.answer({"input": photo("cold")}).output["label"] == "cold"
        pid = bench._worker.pid
    assert [answer.output["label"] for answer in answers] == wanted
    assert told == list(range(1, 41))
    assert not psutil.pid_exists(pid)


def test_pictures_and_scores_come_back_in_order(releases: Releases) -> None:
    with Bench(releases.folder / releases.of_kind("seed"), limits=QUICK) as bench:
        answers = bench.answers({"input": seed} for seed in range(30))
    assert [answer.score for answer in answers] == pytest.approx([blueness(seed) for seed in range(30)], abs=1e-5)
    assert {answer.parts[0].media_type for answer in answers} == {"image/png"}


def test_no_rows_have_no_answers(releases: Releases) -> None:
    with Bench(releases.folder / releases.tiny(), limits=QUICK) as bench:
        assert bench.answers([]) == []


def test_a_worker_that_is_killed_in_between_costs_nothing(releases: Releases) -> None:
    with Bench(releases.folder / releases.tiny(), limits=QUICK) as bench:

        def rows() -> Iterator[dict]:
            for number in range(30):
                if number == 15:
                    os.kill(bench._worker.pid, signal.SIGKILL)
                yield {"input": photo("cold", seed=number)}

        assert {answer.output["label"] for answer in bench.answers(rows())} == {"cold"}


def test_an_input_that_kills_twice_is_told_and_the_next_is_answered(releases: Releases) -> None:
    with Bench(releases.folder / releases.moody(), limits=QUICK) as bench:
        with pytest.raises(InputBroke):
            bench.answer({"input": mood("die")})
        with pytest.raises(InputBroke):
            bench.answers([{"input": photo("warm")}, {"input": mood("die")}, {"input": photo("cold")}])
        assert bench.answer({"input": photo("warm")}).output["label"] == "warm"


def test_an_input_that_hangs_is_told(releases: Releases) -> None:
    with Bench(releases.folder / releases.moody(), limits=QUICK, patience_s=0.5) as bench:
        with pytest.raises(InputBroke):
            bench.answer({"input": mood("hang")})


def test_an_error_is_raised_and_what_was_under_way_does_not_confuse_the_next(releases: Releases) -> None:
    with Bench(releases.folder / releases.tiny(), limits=QUICK) as bench:
        with pytest.raises(InputError):
            bench.answers([{"input": b"nothing"}, *({"input": photo("cold", seed=n)} for n in range(9))])
        assert bench.answer({"input": photo("warm")}).output["label"] == "warm"


def test_a_release_that_can_not_be_started_says_why(releases: Releases) -> None:
    for code, word in {"raise OSError('no tea')": "no tea", "import os; os._exit(9)": "status 9"}.items():
        with pytest.raises(ReleaseBroken, match=word), Bench(releases.folder / releases.broken(code)):
            pass


def test_the_worker_of_a_thread_that_ended_goes_on(releases: Releases) -> None:
    bench = Bench(releases.folder / releases.tiny(), limits=QUICK)
    thread = threading.Thread(target=bench.__enter__)
    thread.start()
    thread.join()
    with bench:
        pid, until = bench._worker.pid, time.monotonic() + 0.2
        while time.monotonic() < until:
            assert bench.answer({"input": photo("warm")}).output["label"] == "warm"
        assert bench._worker.pid == pid
