"""The worker process: one release, or none (--bare). Reads frames, decodes in threads, runs, answers."""

import argparse
import contextlib
import gc
import os
import select
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from teahouse import child
from teahouse.engine import wire
from teahouse.engine.port import Answer, Form, Timed
from teahouse.errors import DeadlinePassed, InputBroke, ReleaseBroken, TeahouseError
from teahouse.spec.fields.protocol import Picture

ENDS = ("answer", "fault")  # with one of these each call ends
REST_S = 5.0  # without work; then the memory that inferences took goes back to the system


class Service(Protocol):
    """What a worker does: `decode` a frame in a thread beside, then `run` what is decoded."""

    form: str
    slots: int
    batch: int
    deadline_s: float

    def decode(self, frame: wire.Frame) -> Any:
        """One item of work; raises TeahouseError."""

    def run(self, items: Sequence[Any], alone: bool = False) -> list[Answer]:
        """Their answers, in order. alone: there is one, and nothing else is under way."""

    def together(self, one: Any, other: Any) -> bool:
        """Whether the two can be run as one batch."""

    def time(self, forms: Sequence[str], told: Callable[[float], None]) -> list[Timed]:
        """How these forms of the release do on this machine."""


class Releases:
    """The service of a release: predict and time."""

    def __init__(self, folder: Path, form: Form) -> None:
        from teahouse.engine.answering import Answerer

        self._folder = folder
        self._answerer = Answerer(folder, form=form.name, threads=max(1, form.threads), batch=form.batch)
        self._answerer.try_examples()
        self.form, self.batch = self._answerer.form["name"], self._answerer.batch
        self.deadline_s = self._answerer.manifest.deadline_s
        # A maker's function may not bear two threads at once; onnxruntime does.
        self.slots = 1 if self._answerer.hook else form.slots or child.cores()
        if form.alone:  # beside the first answers: nobody waits for it
            threading.Thread(target=self._open_alone, args=(form.alone,), name="alone", daemon=True).start()

    def _open_alone(self, threads: int) -> None:
        try:
            self._answerer.open_alone(threads)
        except (TeahouseError, MemoryError) as error:
            print(f"No answer runs on {threads} cores: {error!r}", file=sys.stderr, flush=True)

    def decode(self, frame: wire.Frame) -> Any:
        parts = frame.header.get("parts", {})
        fields = self._answerer.fields
        given = {
            name: wire.slice_of(frame.payload, value) if name in fields and fields[name].binary else value
            for name, value in parts.items()
        }
        return self._answerer.decode(given)

    def run(self, items: Sequence[Any], alone: bool = False) -> list[Answer]:
        return self._answerer.run(items, alone)

    def together(self, one: Any, other: Any) -> bool:
        return one.shapes == other.shapes

    def time(self, forms: Sequence[str], told: Callable[[float], None]) -> list[Timed]:
        from teahouse.engine import timing

        return timing.timed(self._folder, forms, child.cores(), told)


class Bare:
    """The service without a model: clean, light and card."""

    form, batch, deadline_s = "bare", 1, 10.0

    def __init__(self) -> None:
        from teahouse.engine import card
        from teahouse.spec import media

        self._clean, self._light, self._card = media.clean, media.light, card.draw
        self.slots = child.cores()

    def decode(self, frame: wire.Frame) -> Callable[[], Answer]:
        """What is to be done, ready to be done."""
        kind, parts = frame.header.get("kind"), frame.header.get("parts", {})
        if kind == "card":
            pictures = [wire.slice_of(frame.payload, parts[name]) for name in sorted(parts) if name != "texts"]
            return lambda: self._carded(parts["texts"], pictures)
        if kind == "light":
            data, side = wire.slice_of(frame.payload, parts["input"]), int(parts["side"])
            return lambda: Answer({}, (self._light(data, side),), self.form)
        if kind != "clean":
            raise ReleaseBroken("This worker has no model.", f"It was asked for {kind!r}.")
        field = parts.get("field") or {"kind": "image"}
        if field.get("kind") != "image":
            raise ReleaseBroken(
                "This cannot be cleaned.", f"There is no way to clean a field of kind {field.get('kind')!r}."
            )
        given = wire.slice_of(frame.payload, parts["input"])
        return lambda: self._cleaned(given)

    def run(self, items: Sequence[Callable[[], Answer]], alone: bool = False) -> list[Answer]:
        return [item() for item in items]

    def _cleaned(self, given: bytes) -> Answer:
        made = self._clean(given)
        told = {"width": made.width, "height": made.height, "near": made.near}
        return Answer(told, (Picture(made.data, made.media_type),), self.form)

    def _carded(self, texts: dict[str, str], pictures: list[bytes]) -> Answer:
        return Answer({}, (Picture(self._card(texts, pictures), "image/png"),), self.form)

    def together(self, one: Any, other: Any) -> bool:
        return False

    def time(self, forms: Sequence[str], told: Callable[[float], None]) -> list[Timed]:
        raise ReleaseBroken("This worker has no model.", "It was asked to time one.")


@dataclass
class Item:
    """A frame on its way: id, when it is too late, what it was decoded to; alone: this machine answered nothing else
    when it was sent."""

    id: int
    until: float
    work: Any
    alone: bool = False


class Worker:
    """Frames in, frames out. Inputs are decoded as they come; a slot takes what is decoded as soon as it is free."""

    def __init__(self, sock: socket.socket, service: Service, release: str) -> None:
        self._sock, self._service, self._release = sock, service, release
        self._decoders = ThreadPoolExecutor(child.cores(), "decode")
        self._slots = ThreadPoolExecutor(service.slots, "slot")
        self._decoded: deque[Item] = deque()
        self._taking, self._sending = threading.Lock(), threading.Lock()
        self._under_way, self._to_trim = 0, False

    def serve(self) -> None:
        """Until `stop` (what is in flight is answered first) or until the other side ends."""
        runs = self._service.slots * self._service.batch
        self._send(
            {
                "kind": "ready",
                "release": self._release,
                "form": self._service.form,
                "enough": max(runs, child.cores() - 1),  # to keep it busy: the web has work to do as well
                "window": runs + child.cores(),  # one is decoded while one runs
                "deadline_s": self._service.deadline_s,
                "pid": os.getpid(),
            }
        )
        while (frame := self._next()) is not None:
            kind = frame.header.get("kind")
            if kind == "stop":
                self._decoders.shutdown(wait=True)
                self._slots.shutdown(wait=True)
                return
            self._begins()
            if kind in ("predict", "clean", "light", "card"):
                self._decoders.submit(self._decode, frame, time.monotonic())
            elif kind == "time":
                self._slots.submit(self._time, frame.header["id"], frame.header.get("forms", ()))
            else:
                self._send(
                    wire.fault(
                        ReleaseBroken("The worker does not know this kind of work.", repr(kind)), frame.header.get("id")
                    )
                )

    def _next(self) -> wire.Frame | None:
        """The next frame; None where the other side ended. A worker that has rested for a while gives back what its
        heap holds free: after a crowd that is much of it."""
        coming = select.poll()
        coming.register(self._sock, select.POLLIN)
        while not coming.poll(REST_S * 1000 if self._to_trim else None):
            if not self._under_way:
                child.give_memory_back()
                self._to_trim = False
        return wire.receive(self._sock)

    def _begins(self) -> None:
        """A call is taken; `_send` notes its end."""
        with self._sending:
            self._under_way += 1
            self._to_trim = True

    def _decode(self, frame: wire.Frame, at: float) -> None:
        id_ = frame.header["id"]
        until = at + frame.header.get("left_ms", 60_000) / 1000
        work = self._guarded(id_, lambda: self._service.decode(frame))
        if work is not None:
            self._decoded.append(Item(id_, until, work, bool(frame.header.get("alone"))))
            self._slots.submit(self._run)

    def _time(self, id_: int, forms: Sequence[str]) -> None:
        """Times forms of the release; says how far it is meanwhile."""

        def told(share: float) -> None:
            self._send({"kind": "progress", "id": id_, "share": share})

        found = self._guarded(id_, lambda: self._service.time(forms, told))
        if found is not None:
            self._tell(id_, Answer([asdict(one) for one in found]))

    def _run(self) -> None:
        items = self._take()
        if not items:
            return
        if len(items) > 1 and self._run_together(items):
            return
        alone = items[0].alone and self._under_way == 1
        for item in items:
            self._guarded(item.id, lambda item=item: self._tell(item.id, self._service.run([item.work], alone)[0]))

    def _run_together(self, items: list[Item]) -> bool:
        """Whether they could be run as one; else each runs alone, so that only the guilty one fails."""
        try:
            answers = self._service.run([item.work for item in items])
        except (TeahouseError, MemoryError):
            return False
        for item, answer in zip(items, answers, strict=True):
            self._guarded(item.id, lambda item=item, answer=answer: self._tell(item.id, answer))
        return True

    def _take(self) -> list[Item]:
        """What is decoded, as many as go together, without those that are too late."""
        taken: list[Item] = []
        with self._taking:
            while self._decoded and len(taken) < self._service.batch:
                item = self._decoded[0]
                if time.monotonic() > item.until:
                    self._decoded.popleft()
                    self._send(wire.fault(DeadlinePassed("This took too long."), item.id))
                elif taken and not self._service.together(taken[0].work, item.work):
                    break
                else:
                    taken.append(self._decoded.popleft())
        return taken

    def _tell(self, id_: int, answer: Answer) -> None:
        places, buffers = wire.picture_places(answer.parts)
        self._send(
            {
                "kind": "answer",
                "id": id_,
                "output": answer.output,
                "parts": places,
                "ms": dict(answer.ms),
                "batch": answer.batch,
                "familiar": answer.familiar,
                "score": answer.score,
                "look": answer.look,
                "alone": answer.alone,
            },
            buffers,
        )

    def _guarded(self, id_: int, work: Callable[[], Any]) -> Any:
        """The work's result; None where it failed, which is then told."""
        try:
            return work()
        except TeahouseError as error:
            told = error
        except MemoryError:
            told = InputBroke(
                "The model cannot take this input.", "It needs more memory than a worker has.", "Try a smaller one."
            )
        except wire.WireBroken as error:
            told = ReleaseBroken("The worker was given nonsense.", str(error))
        except Exception as error:  # edge: whatever a maker's function or a library raises costs this input alone
            told = ReleaseBroken("The model stopped on this input.", f"{type(error).__name__}: {error}")
        self._send(wire.fault(told, id_))
        return None

    def _send(self, header: wire.Header, parts: Sequence[bytes] = ()) -> None:
        try:
            with self._sending:
                wire.send(self._sock, header, parts)
                if header["kind"] in ENDS:
                    self._under_way -= 1
        except OSError:
            os._exit(0)  # nobody is left to answer


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="teahouse.engine.worker", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="release folder")
    parser.add_argument("--bare", action="store_true")
    parser.add_argument("--fd", type=int, default=3)
    parser.add_argument("--memory-mb", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--form", default="", help="the name of one of its forms; without, the first")
    parser.add_argument("--slots", type=int, default=0, help="inferences side by side; 0: as many as cores")
    parser.add_argument("--batch", type=int, default=0, help="inputs in one inference; 0: as the release says")
    parser.add_argument("--alone", type=int, default=0, help="threads of an inference that has the machine to itself")
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--parent", type=int, help="die with this process")
    given = parser.parse_args(argv)
    if given.parent:
        child.die_with_parent(given.parent)
    sock = socket.socket(fileno=given.fd)
    child.leave_network()
    child.limit_memory(given.memory_mb)
    os.nice(given.nice)
    try:
        form = Form(given.form, given.slots, given.threads, given.batch, given.alone)
        service = Bare() if given.bare else Releases(given.folder, form)
    except TeahouseError as error:
        return _never_started(sock, error)
    except Exception as error:  # edge: whatever a release can not be loaded for, the front is told
        return _never_started(sock, ReleaseBroken("The release cannot be loaded.", f"{type(error).__name__}: {error}"))
    gc.freeze()  # no answer waits while a full collection looks at all that is loaded
    with contextlib.suppress(ConnectionError):  # the front is gone: nobody is left to answer
        Worker(sock, service, given.folder.name if given.folder else "").serve()
    sys.stderr.flush()
    os._exit(0)


def _never_started(sock: socket.socket, error: TeahouseError) -> int:
    wire.send(sock, wire.fault(error))
    return 4


if __name__ == "__main__":
    sys.exit(main())
