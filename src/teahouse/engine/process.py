"""One worker process: how it is started, what it may do, and how it ended in words."""

import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from teahouse import child
from teahouse.engine.port import Form


@dataclass(frozen=True)
class WorkerLimits:
    """memory_mb: RLIMIT_DATA (0: none). threads: of one inference. bound: dies with the thread that began it."""

    memory_mb: int = 1024
    threads: int = 1
    nice: int = 0
    bound: bool = False


class WorkerProcess:
    """A running `python -m teahouse.engine.worker` and this side of its socket. `folder` None: the bare worker."""

    def __init__(self, folder: Path | None, limits: WorkerLimits, form: Form = Form()) -> None:
        self.sock, theirs = socket.socketpair()
        limits = replace(limits, threads=form.threads or limits.threads)
        with theirs:
            self._process = subprocess.Popen(
                self._command(folder, limits, form, theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=2,
                pass_fds=(theirs.fileno(),),
                env=child.environment(**child.one_thread(limits.threads), PYTHONDONTWRITEBYTECODE="1"),
            )
        self.pid = self._process.pid

    @staticmethod
    def _command(folder: Path | None, limits: WorkerLimits, form: Form, descriptor: int) -> list[str]:
        command = [
            sys.executable,
            "-P",
            "-m",
            "teahouse.engine.worker",
            "--fd",
            str(descriptor),
            "--memory-mb",
            str(limits.memory_mb),
            "--threads",
            str(limits.threads),
            "--nice",
            str(limits.nice),
            "--form",
            form.name,
            "--slots",
            str(form.slots),
            "--batch",
            str(form.batch),
            "--alone",
            str(form.alone),
        ]
        if limits.bound:
            command += ["--parent", str(os.getpid())]
        return [*command, str(Path(folder).resolve())] if folder else [*command, "--bare"]

    def kill(self) -> None:
        """SIGKILL; harmless where it is dead."""
        self._process.kill()

    def wait(self, seconds: float) -> bool:
        """Whether it ended within so many seconds."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def bury(self) -> str:
        """Kills what is left of it, closes the socket, and tells in words how it ended."""
        self.sock.close()
        if not self.wait(0.5):
            self.kill()
            self._process.wait()
        code = self._process.returncode
        if code < 0:
            return f"it was ended by {signal.Signals(-code).name}"
        return f"it ended with status {code}"
