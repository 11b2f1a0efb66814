"""The peers of benchmarks/serving.py: how each is started, what its client sends, and how it ends."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from serving_load import Served, Target

FOLDER = Path(__file__).with_name("peers")
PATIENCE_S = 90
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "BENTOML_DO_NOT_TRACK": "True", "PYTHONDONTWRITEBYTECODE": "1"}


@dataclass(frozen=True)
class Peer:
    """One of them: `module` is what has to be there, `command` is of {bin}, {port} and {scratch}; `field` as the Target
    has it."""

    name: str
    module: str
    command: tuple[str, ...]
    field: str = ""


PEERS = (
    Peer("fastapi", "uvicorn", ("{bin}/uvicorn", "fastapi_app:app", "--port", "{port}", "--log-level", "warning"),
         "file"),
    Peer("litserve", "litserve", ("{bin}/python", "litserve_app.py", "{port}"), "request"),
    Peer("bentoml", "bentoml", ("{bin}/bentoml", "serve", "bentoml_service:Teas", "--port", "{port}"), "image"),
    Peer("ray", "ray", ("{bin}/python", "ray_app.py", "{port}", "{scratch}")),
)  # fmt: skip


def missing(environment: Path, peer: Peer) -> str:
    """Why a peer can not be measured; "" where it can."""
    if any(environment.glob(f"lib/python3*/site-packages/{peer.module}/__init__.py")):
        return ""
    return f"{environment} has no {peer.module}: make peers"


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def standing(peer: Peer, environment: Path, model: Path, labels: tuple[str, ...], scratch: Path) -> Iterator[Served]:
    """The peer, once it answers; RuntimeError with its last words where it does not. It ends with all below it."""
    port = free_port()
    scratch.mkdir(parents=True, exist_ok=True)
    # Ray's sockets lie in this folder, and the path of a socket has at most 107 characters
    with tempfile.TemporaryDirectory(prefix="tea-", dir="/tmp", ignore_cleanup_errors=True) as short:
        words = [word.format(bin=environment / "bin", port=port, scratch=short) for word in peer.command]
        path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
        told = {**os.environ, **QUIET, "PATH": path, "SERVING_MODEL": str(model), "SERVING_LABELS": ",".join(labels),
                "BENTOML_HOME": f"{short}/bentoml", "PYTHONPATH": str(FOLDER)}  # fmt: skip
        log = scratch / "server.log"
        with log.open("wb") as written:
            process = subprocess.Popen(words, cwd=FOLDER, stdin=subprocess.DEVNULL, stdout=written, stderr=written,
                                       env=told, start_new_session=True)  # fmt: skip
        served = Served(peer.name, process.pid, Target(f"http://127.0.0.1:{port}/predict", peer.field))
        try:
            wait(process, served.target.url, log)
            yield served
        finally:
            served.end()
            process.wait(20)


def wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Until its port answers; RuntimeError with the log's last words where it ends before or takes too long."""
    import http.client

    place = url.split("/")[2]
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        connection = http.client.HTTPConnection(place, timeout=5)
        try:
            connection.request("POST", "/predict", b"", {"Content-Type": "image/jpeg"})
            if connection.getresponse().status not in (404, 503):  # the door is open, and what is behind it is loaded
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise RuntimeError(log.read_text("utf-8", "replace")[-1500:])
