"""The parent process: holds the public socket, starts web and loop, replaces what dies. Standard library only."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from teahouse import child
from teahouse.errors import Conflict

UNREAD_MS = 30_000  # the kernel lets go of a client that takes none of what was sent to it for so long
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


@dataclass(frozen=True)
class KeeperSpec:
    """What is kept. The commands are completed here: opening, before all others, with the data directory; web with
    --listen-fd, --notify-fd and --project, the first one with --gate-fd too; loop with --project. greeting runs once
    the first web is ready, and sees this process's whole environment. url is the public address where it is another
    than the one listened on.

    ready_s: how long a web may take to say "ready". stop_s: how long children may take to end. rest_s: a child that
    lived so long starts again at once; backoff_s doubles for one that did not, up to most_backoff_s.
    late_s: a job that was announced so shortly before the loop ended may not have been seen by it. taken_s: the pause
    while a loop that somebody else started has the house. locked_s: others look at the lock for an instant. note_s: the
    pause before house.json is tried again, where the disk did not take it."""

    project: Path
    data: Path
    host: str = "127.0.0.1"
    port: int = 8360
    url: str = ""
    opening: tuple[str, ...] = (sys.executable, "-P", "-m", "teahouse.store.migrate")
    web: tuple[str, ...] = (sys.executable, "-P", "-m", "teahouse.site.serve")
    loop: tuple[str, ...] = (sys.executable, "-P", "-m", "teahouse.loop.runner")
    greeting: tuple[str, ...] = ()
    ready_s: float = 60.0
    stop_s: float = 9.0
    rest_s: float = 10.0
    backoff_s: float = 0.2
    most_backoff_s: float = 15.0
    late_s: float = 30.0
    taken_s: float = 10.0
    locked_s: float = 0.5
    note_s: float = 15.0


@dataclass
class Kept:
    """A running child: its process, this side of its notify socket (web only), what it said, when it began."""

    process: subprocess.Popen
    notify: socket.socket | None = None
    began: float = field(default_factory=time.monotonic)
    ready: bool = False
    heard: bytes = b""


class Keeper:
    """The children of one house and the events that come to their keeper: signals, lines from the web, time."""

    def __init__(self, spec: KeeperSpec, listener: socket.socket) -> None:
        self._spec, self._listener = spec, listener
        self._web: Kept | None = None
        self._next: Kept | None = None  # a new web that is not ready yet, beside the old one
        self._old: list[Kept] = []
        self._loop: Kept | None = None
        self._loop_asked = float("-inf")
        self._due: dict[str, float] = {"web": 0.0, "loop": 0.0, "note": float("inf")}
        self._loop_rests = 0.0  # not before: another loop has the house
        self._failures = {"web": 0, "loop": 0}
        self._was_ready = self._stopping = False
        self._on_terminal = os.isatty(0)
        self._selector = selectors.DefaultSelector()

    @contextlib.contextmanager
    def early_web(self) -> Iterator[None]:
        """Starts the first web, which loads while the block opens the house and waits until it is done; an error ends
        it."""
        gate, go = os.pipe()
        try:
            self._web = self._start_web(gate)
            yield
            os.write(go, b"1")
            self._web.began = time.monotonic()
        except BaseException:
            self._stop()
            raise
        finally:
            os.close(gate)
            os.close(go)

    def keep(self, wakeup: int) -> int:
        """Until a signal stops it; the exit status. `wakeup` delivers signal numbers."""
        self._selector.register(wakeup, selectors.EVENT_READ)
        while not self._stopping:
            self._reap()
            self._begin_due()
            if not self._was_ready and self._web is None and self._failures["web"]:
                say("the web process ended before it was ready; nothing is served")
                self._stop()
                return 1
            for key, _ in self._selector.select(self._patience()):
                if key.fd == wakeup:
                    for number in os.read(wakeup, 64):
                        self._signalled(number)
                else:
                    self._hear(key.data)
        self._stop()
        return 0

    def _signalled(self, number: int) -> None:
        hung_up = number == signal.SIGHUP and self._on_terminal and not os.isatty(0)
        if number in (signal.SIGTERM, signal.SIGINT) or hung_up:
            self._stopping = True
        elif number == signal.SIGHUP and self._next is None and self._web is not None:
            self._next = self._start_web()

    def _begin_due(self) -> None:
        """Starts what is due, and gives up a web that does not become ready."""
        now = time.monotonic()
        if now >= self._due["note"]:
            self._write_note()
        if self._web is None and self._next is None and now >= self._due["web"]:
            self._web = self._start_web()
        for late in (self._web, self._next):
            if late is not None and not late.ready and now - late.began > self._spec.ready_s:
                say(f"the web process {late.process.pid} did not become ready in {self._spec.ready_s:.0f} s")
                late.process.kill()
                late.began = now
        if self._loop is None and self._was_ready and now >= self._due["loop"]:
            self._loop = Kept(self._spawn((*self._spec.loop, "--project", str(self._spec.project))))

    def _start_web(self, *gate: int) -> Kept:
        ours, theirs = socket.socketpair()
        with theirs:
            fds = (self._listener.fileno(), theirs.fileno(), *gate)
            named = zip(("--listen-fd", "--notify-fd", "--gate-fd"), map(str, fds), strict=False)
            command = (*self._spec.web, *(word for pair in named for word in pair))
            kept = Kept(self._spawn((*command, "--project", str(self._spec.project)), fds), ours)
        ours.setblocking(False)
        self._selector.register(ours, selectors.EVENT_READ, kept)
        return kept

    def _spawn(self, command: tuple[str, ...], fds: tuple[int, ...] = ()) -> subprocess.Popen:
        """A child that sees the environment's allow-list, dies with this process, and has its own process group."""
        seen = child.environment("TEAHOUSE_", TEAHOUSE_DATA=str(self._spec.data))
        begin = (sys.executable, "-P", "-m", "teahouse.child", str(os.getpid()))
        return subprocess.Popen((*begin, *command), env=seen, pass_fds=fds, stdin=subprocess.DEVNULL, process_group=0)

    def _hear(self, kept: Kept) -> None:
        """Lines from a web: "ready" (it serves: the old one drains now) and "loop" (a job waits)."""
        try:
            data = kept.notify.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(kept.notify)
            kept.notify.close()
            kept.notify = None
            return
        *lines, kept.heard = (kept.heard + data).split(b"\n")
        for line in lines:
            if line == b"ready" and not kept.ready:
                self._take_over(kept)
            elif line == b"loop":
                self._loop_asked = time.monotonic()
                soon = max(self._loop_rests, time.monotonic() + pause(self._spec, self._failures["loop"]))
                self._due["loop"] = min(self._due["loop"], soon)

    def _take_over(self, kept: Kept) -> None:
        first = not self._was_ready
        kept.ready = self._was_ready = True
        if kept is self._next:
            if self._web is not None:
                self._web.process.terminate()
                self._old.append(self._web)
            self._web, self._next = kept, None
        self._write_note()
        if first and self._spec.greeting:
            greeting = subprocess.Popen(self._spec.greeting, stdin=subprocess.DEVNULL, process_group=0)
            self._old.append(Kept(greeting))

    def _write_note(self) -> None:
        self._due["note"] = float("inf")
        try:
            write_note(self._spec, self._listener)
        except OSError as error:  # a full disk: a note of the web before is true of this one too; without, again later
            say(f"house.json was not written: {error}")
            self._due["note"] = time.monotonic() + self._spec.note_s

    def _reap(self) -> None:
        """Looks after children that ended."""
        for kept in (self._web, self._next, self._loop, *self._old):
            if kept is None or kept.process.poll() is None:
                continue
            if kept is self._loop:
                self._loop = None
                self._loop_ended(kept)
            elif kept is self._next:
                self._next = None
                say("the new web process ended before it was ready; the old one stays")
            elif kept is self._web:
                self._web = None
                self._ended("web", kept)
            else:
                self._old.remove(kept)

    def _loop_ended(self, kept: Kept) -> None:
        """It ends by itself when nothing is left to do; then it waits to be called."""
        if kept.process.returncode in (0, child.TAKEN):
            self._failures["loop"] = 0
        if kept.process.returncode == child.TAKEN:
            self._due["loop"] = self._loop_rests = time.monotonic() + self._spec.taken_s
        elif kept.process.returncode == 0:
            missed = time.monotonic() - self._loop_asked < self._spec.late_s and self._loop_asked > kept.began
            self._due["loop"] = time.monotonic() if missed else float("inf")
        else:
            self._ended("loop", kept)

    def _ended(self, name: str, kept: Kept) -> None:
        lived = time.monotonic() - kept.began
        self._failures[name] = 1 if lived > self._spec.rest_s else self._failures[name] + 1
        self._due[name] = time.monotonic() + pause(self._spec, self._failures[name])
        say(f"the {name} process {kept.process.pid} ended with status {kept.process.returncode}")

    def _patience(self) -> float:
        """Seconds until something is due; SIGCHLD and the web's lines wake it sooner."""
        now = time.monotonic()
        due = [self._due["note"]]
        due += [self._due["web"]] if self._web is None and self._next is None else []
        due += [self._due["loop"]] if self._loop is None and self._was_ready else []
        due += [each.began + self._spec.ready_s for each in (self._web, self._next) if each and not each.ready]
        return max(0.0, min([when - now for when in due] + [3600.0]))

    def _stop(self) -> None:
        """Ends every child: asked first, killed after stop_s."""
        kept = [each for each in (self._web, self._next, self._loop, *self._old) if each is not None]
        for each in kept:
            each.process.terminate()
        until = time.monotonic() + self._spec.stop_s
        for each in kept:
            try:
                each.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                each.process.kill()
                each.process.wait()
            if each.notify is not None:
                each.notify.close()
        self._selector.close()


def pause(spec: KeeperSpec, failures: int) -> float:
    """Seconds before the next start: none after the first death, then longer each time."""
    return 0.0 if failures <= 1 else min(spec.most_backoff_s, spec.backoff_s * 2 ** (failures - 2))


def run(spec: KeeperSpec) -> int:
    """Opens the house, listens, keeps; the exit status (the opening's where it failed, 1 where no web became ready).

    Only in a process's main thread. Conflict where the address is taken or the house is kept already."""
    with locked(spec.data, spec.locked_s), listening(spec.host, spec.port) as listener:
        return keep(spec, listener)


def become(spec: KeeperSpec, lock: int, listener: socket.socket) -> None:
    """Turns this process, which has the lock and listens, into the keeper alone; does not return. A command line has
    loaded a lot that would lie in memory for as long as the house stands."""
    told, say_it = os.pipe()
    os.write(say_it, json.dumps(asdict(spec), default=str).encode())  # a pipe holds 64 KB; a command line is for people
    os.close(say_it)
    given = (told, lock, listener.fileno())
    for fd in given:
        os.set_inheritable(fd, True)
    words = (*map(str, given), str(spec.project))
    os.execv(sys.executable, (sys.executable, "-P", "-m", "teahouse.keeper", *words))  # noqa: S606  our own module


def main(argv: list[str]) -> int:
    """`python -m teahouse.keeper TOLD LOCK LISTENER PROJECT`, of `become`: what it keeps, descriptors, a name."""
    told, lock, listens = map(int, argv[:3])
    with os.fdopen(told) as pipe:
        given = {name: tuple(value) if isinstance(value, list) else value for name, value in json.load(pipe).items()}
    spec = KeeperSpec(**{**given, "project": Path(given["project"]), "data": Path(given["data"])})
    for fd in (lock, listens):
        os.set_inheritable(fd, False)  # no child has the house's lock
    with os.fdopen(lock, "a"), socket.socket(fileno=listens) as listener:
        return keep(spec, listener)


def keep(spec: KeeperSpec, listener: socket.socket) -> int:
    """What `run` does with the lock and the socket."""
    keeper = Keeper(spec, listener)
    try:
        with keeper.early_web():
            command, seen = (*spec.opening, str(spec.data)), child.environment("TEAHOUSE_")
            subprocess.run(command, env=seen, stdin=subprocess.DEVNULL, check=True)
    except subprocess.CalledProcessError as failed:
        return failed.returncode
    with signals() as wakeup:
        try:
            return keeper.keep(wakeup)
        finally:
            note_of(spec.data).unlink(missing_ok=True)


def say(words: str) -> None:
    """A line on stderr, in the shape of the other processes' logs; none where the disk under it is full."""
    with contextlib.suppress(OSError):
        print(json.dumps({"room": "keeper", "event": words}), file=sys.stderr, flush=True)


def note_of(data: Path) -> Path:
    """Where a running house says who keeps it."""
    return Path(data) / "run" / "house.json"


def write_note(spec: KeeperSpec, listener: socket.socket) -> None:
    """house.json {pid, url, public, started}: the keeper's process, the address here, the one for visitors."""
    host, port = listener.getsockname()[:2]
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  compared with, not bound to
    local = everywhere.get(host, f"[{host}]" if ":" in host else host)
    url = f"http://{local}:{port}"
    note = {"pid": os.getpid(), "url": url, "public": spec.url or url, "started": time.time_ns() // 1_000_000}
    fresh = note_of(spec.data).with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(note), "utf-8")
    fresh.replace(note_of(spec.data))


@contextlib.contextmanager
def locked(data: Path, patience: float = 0.5) -> Iterator[int]:
    """One keeper a house: whoever holds this lock (a file descriptor) is it. What the one before left written is taken
    away."""
    run_folder = Path(data) / "run"
    for folder in (Path(data), run_folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (run_folder / "keeper.lock").open("a") as lock:
        until = time.monotonic() + patience
        while not taken(lock.fileno()):
            if time.monotonic() > until:
                why = f"Another keeper has {data}."
                raise Conflict("This house is open already.", why, "Stop it with: teahouse stop")
            time.sleep(0.02)
        note_of(data).unlink(missing_ok=True)
        yield lock.fileno()


def taken(lock: int) -> bool:
    """Whether this lock (a file descriptor) is ours now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_kept(data: Path) -> bool:
    """Whether a keeper lives for this house."""
    return child.is_held(Path(data) / "run" / "keeper.lock")


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """The public socket. It outlives every web process, so that no connection is refused while one is replaced."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; every connection has it from here
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
        try:
            listener.bind((host, port))
        except OSError as error:
            what = f"The address {host}:{port} can not be used."
            raise Conflict(what, f"{error.strerror}.", "Choose another with --port.") from error
        listener.listen(2048)
        yield listener


@contextlib.contextmanager
def signals() -> Iterator[int]:
    """A file descriptor that delivers the numbers of SIGNALS; their handlers are put back at the end."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    before = {number: signal.signal(number, lambda *_: None) for number in SIGNALS}
    wakeup_before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    try:
        yield read
    finally:
        signal.set_wakeup_fd(wakeup_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(read)
        os.close(write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
