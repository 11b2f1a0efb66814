"""A worker of one's own for judging: plain calls, no queue, no event loop. Used by the loop and by `check`."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from teahouse.engine import wire
from teahouse.engine.port import Answer, Form, Json, Timed
from teahouse.engine.process import WorkerLimits, WorkerProcess
from teahouse.errors import InputBroke, ReleaseBroken, TeahouseError, WorkerDied

DEATHS = 2


class Bench:
    """`with Bench(folder) as bench: bench.answer({"input": photo})`. Belongs to one thread.

    A worker that dies is replaced, and its inputs go again one at a time; one that ends it twice raises InputBroke.
    patience_s: how long one input may take before its worker is taken to hang. load_s: the same for loading."""

    def __init__(
        self,
        folder: Path,
        *,
        limits: WorkerLimits | None = None,
        form: Form = Form(),
        patience_s: float = 30.0,
        load_s: float = 120.0,
    ) -> None:
        self._folder, self._limits, self._wanted = Path(folder), limits or WorkerLimits(nice=5), form
        self._patience_s, self._load_s = patience_s, load_s
        self._worker: WorkerProcess | None = None
        self._window, self._ids = 1, 0
        self.form = ""

    def __enter__(self) -> "Bench":
        """ReleaseBroken where the release can not be started, with the reason."""
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._worker is None:
            return
        with contextlib.suppress(OSError):
            wire.send(self._worker.sock, {"kind": "stop"})
        self._worker.wait(2.0)
        self._end()

    def answer(self, inputs: Mapping[str, bytes | Json]) -> Answer:
        """One answer; raises what the worker raised, InputBroke where it died of it twice."""
        for _ in range(DEATHS):
            self._start()
            try:
                mine = self._send(inputs)
                while (told := self._receive())[0] != mine:
                    pass  # the rest of a call that was given up
                return _answer_or_raise(told[1])
            except (ConnectionError, TimeoutError):
                self._end()
        raise InputBroke(
            "This model cannot take this input.", "Its process ended twice while it worked on it.", "Try another one."
        )

    def answers(
        self, rows: Iterable[Mapping[str, bytes | Json]], progress: Callable[[int], None] = lambda done: None
    ) -> list[Answer]:
        """The answers to all rows, in order; as many are under way as the worker takes. `progress`: how many are done.

        Raises at the first row that fails; ask for one at a time with `answer` where a failure is an answer too."""
        found: dict[int, Answer] = {}
        flying: dict[int, tuple[int, Mapping[str, bytes | Json]]] = {}
        waiting = iter(enumerate(rows))
        while True:
            self._start()
            try:
                while len(flying) < self._window and (row := next(waiting, None)) is not None:
                    flying[self._ids + 1] = row
                    self._send(row[1])
                if not flying:
                    return [found[place] for place in range(len(found))]
                id_, told = self._receive()
                if id_ in flying:
                    found[flying.pop(id_)[0]] = _answer_or_raise(told)
            except (ConnectionError, TimeoutError):
                self._end()
                for place, inputs in flying.values():
                    found[place] = self.answer(inputs)
                flying.clear()
            progress(len(found))

    def time(self, forms: Sequence[str]) -> list[Timed]:
        """How these forms of the release do on this machine, in their order; of one that ends its worker or hangs
        that is unknown."""
        return [self._time(name) for name in forms]

    def _time(self, name: str) -> Timed:
        self._start()
        self._ids += 1
        try:
            wire.send(self._worker.sock, {"kind": "time", "id": self._ids, "forms": [name]})
            while (told := self._receive())[0] != self._ids or told[1] is None:
                pass  # it says how far it is, so that it is not taken to hang
        except (ConnectionError, TimeoutError):
            return Timed(Form(name), why=f"While it was timed, {self._end()}.", unknown=True)
        (one,) = _answer_or_raise(told[1]).output
        return Timed(Form(**one["form"]), one["ms"], one["why"], one["unknown"])

    def _start(self) -> None:
        if self._worker is not None:
            return
        try:
            self._worker = WorkerProcess(self._folder, self._limits, self._wanted)
        except OSError as error:
            raise WorkerDied("A worker cannot be started.", str(error)) from error
        self._worker.sock.settimeout(self._load_s)
        try:
            frame = wire.receive(self._worker.sock)
        except TimeoutError as error:
            self._end()
            raise ReleaseBroken(
                "The release could not be started.", f"It took longer than {self._load_s:.0f} s to load."
            ) from error
        except ConnectionError:
            frame = None
        if frame is None or frame.header.get("kind") != "ready":
            ended = self._end()
            why = str(wire.error_of(frame.header)) if frame else f"While it was loaded, {ended}."
            raise ReleaseBroken("The release could not be started.", why)
        self._window, self.form = int(frame.header["window"]), str(frame.header["form"])
        self._worker.sock.settimeout(self._patience_s)

    def _send(self, inputs: Mapping[str, bytes | Json]) -> int:
        self._ids += 1
        parts, buffers = wire.given_parts(inputs)
        left = int(self._patience_s * 1000)
        wire.send(self._worker.sock, {"kind": "predict", "id": self._ids, "parts": parts, "left_ms": left}, buffers)
        return self._ids

    def _receive(self) -> tuple[int, Answer | TeahouseError | None]:
        """(id, answer or fault, None: it works on it) of the next frame. ConnectionError: the worker is gone;
        TimeoutError: it hangs."""
        frame = wire.receive(self._worker.sock)
        if frame is None:
            raise ConnectionError("the worker is gone")
        header = frame.header
        if header.get("kind") == "progress":
            return header["id"], None
        if header.get("kind") != "answer":
            return header.get("id", 0), wire.error_of(header)
        return header["id"], Answer(
            header["output"],
            wire.pictures(frame),
            self.form,
            header["ms"],
            header["batch"],
            header.get("familiar"),
            header.get("score"),
            header.get("look"),
        )

    def _end(self) -> str:
        worker, self._worker = self._worker, None
        if worker is None:
            return ""
        worker.kill()
        return worker.bury()


def _answer_or_raise(told: Answer | TeahouseError) -> Answer:
    if isinstance(told, TeahouseError):
        raise told
    return told
