"""How a child process begins: what it may see, how much memory it has, no network, and its end with its parent."""

import contextlib
import ctypes
import fcntl
import os
import signal
import stat
import sys
import threading
import time
from pathlib import Path

SEEN = (
    "PATH",
    "HOME",
    "LANG",
    "LANGUAGE",
    "TMPDIR",
    "TZ",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "PYTHONHOME",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SYSTEMROOT",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
)
SECRETS = frozenset({"TEAHOUSE_SIGNING_KEY", "TEAHOUSE_KEY"})  # whatever prefix is handed on: for one verb, no child
# ONNX Runtime's own builds (1.29 and newer) tell their makers of every session, and keep an id of the machine on disk.
QUIET = {"ORT_DISABLE_TELEMETRY": "1"}
TAKEN = 75  # the exit status of a child that left because another process holds its lock
TRIES = 20  # of a word to the system that comes too soon after another one
_PDEATHSIG, _NEWUSER, _NEWNET = 1, 0x10000000, 0x40000000


def environment(*prefixes: str, **more: str) -> dict[str, str]:
    """What a child may see of this process's environment: the list SEEN, LC_*, what starts with `prefixes`; and `more`.
    None of it calls home.

    Passwords and keys of other programs never reach a maker's code this way, nor do Teahouse's own (SECRETS)."""
    begins = ("LC_", *prefixes)
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in SECRETS and (name in SEEN or name.startswith(begins))
    }
    return {**kept, **QUIET, **more}


def one_thread(threads: int = 1) -> dict[str, str]:
    """Environment that keeps the number libraries at `threads` threads each."""
    names = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
    )
    return dict.fromkeys(names, str(threads))


def cores() -> int:
    """Cores that this process may use, at most 4: a worker is one of several tenants."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(4, count))


def give_way(nice: int) -> None:
    """Lets what else this machine does go first: this process is so much nicer, and its session, if it leads one, so
    nice.

    Linux shares its processors out among sessions first (sched(7), autogroup): one of its own would have as much as the
    whole site, however nice its processes are among themselves."""
    os.nice(nice)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # not Linux, or sessions have no share of their own here
            _share_as(nice)


def _share_as(nice: int) -> None:
    """Linux takes one such word in a tenth of a second from all who are not root, and refuses the others."""
    for _ in range(TRIES):
        with contextlib.suppress(BlockingIOError):
            Path("/proc/self/autogroup").write_text(str(nice))
            return
        time.sleep(0.1)


def die_with_parent(parent: int | None = None) -> None:
    """SIGKILL when the thread that started this process ends (Linux; elsewhere the end of a pipe must tell).

    With `parent`, its process id, a parent that is gone already counts too."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def die_with_pipe() -> None:
    """Ends this process, and its group where it leads one, once the other end of its standard input is closed.

    Does nothing where standard input is no pipe; where it is one, what comes after reads an empty input."""
    if not stat.S_ISFIFO(os.fstat(0).st_mode):
        return
    pipe, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_end_after, args=(pipe,), name="teahouse-parent", daemon=True).start()


def _end_after(pipe: int) -> None:
    while os.read(pipe, 4096):
        pass
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def is_held(lock: Path) -> bool:
    """Whether a living process holds this lock file. The kernel lets go of it with the process, however that ends."""
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def limit_memory(megabytes: int) -> None:
    """At most so many MB of data (RLIMIT_DATA, Linux): an allocation over it fails, and harms nobody else."""
    if sys.platform == "linux" and megabytes > 0:
        import resource  # not there on Windows, where nothing is served

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        soft = megabytes * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_DATA, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def give_memory_back() -> None:
    """Returns to the system what this process's heap holds free (malloc_trim, glibc; elsewhere nothing)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def open_many(most: int = 65_536) -> None:
    """As many open files as this process may have, up to `most`: each connection is one, and the usual 1,024 are soon
    held by clients that are slow on purpose."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def leave_network() -> bool:
    """Moves this process to a network namespace with nothing in it, where the system allows; tells whether it did.

    Call it before the first thread."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return any(libc.unshare(flags) == 0 for flags in (_NEWNET, _NEWUSER | _NEWNET))


def main(argv: list[str]) -> None:
    """`python -m teahouse.child PARENT COMMAND …`: becomes that command, which will end with its parent."""
    die_with_parent(int(argv[0]))
    os.execv(argv[1], argv[1:])  # noqa: S606  the words are those of the process that started this one


if __name__ == "__main__":
    main(sys.argv[1:])
