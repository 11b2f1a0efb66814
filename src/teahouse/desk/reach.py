"""A site on this machine: a free port for it, whether it answers, what it serves, and how a phone gets there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teahouse.desk.where import Project

if TYPE_CHECKING:
    from teahouse.store.house import House


def next_free(host: str, port: int) -> int | None:
    """The first port from this one on that is free, or None where a hundred are taken; from 0 on any that is free."""
    if port == 0:
        import socket

        with socket.create_server((host, 0)) as probe:
            return int(probe.getsockname()[1])
    return next((one for one in range(port, port + 100) if is_free(host, one)), None)


def is_free(host: str, port: int) -> bool:
    """Whether a site could listen there."""
    import socket

    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port(wanted: int | None, usual: int = 8360) -> int:
    """The port asked for; else the usual one, or the next free one where that is taken."""
    return wanted if wanted is not None else next_free("127.0.0.1", usual) or usual


def wait_ready(data: Path, patience: float, alive: Callable[[], bool] = lambda: True) -> dict[str, Any] | None:
    """What run/house.json says once /readyz answers 200: every app that has a release answers with it. None after
    `patience` seconds, or where the site is no longer `alive`."""
    import json

    from teahouse import keeper

    until = time.monotonic() + patience
    while time.monotonic() < until and alive():
        with contextlib.suppress(OSError, ValueError, KeyError):
            note = json.loads(keeper.note_of(data).read_text()) if keeper.is_kept(data) else {}
            if is_ready(note["url"]):
                return note
        time.sleep(0.05)
    return None


def is_ready(url: str) -> bool:
    """Whether the site at this address says that it is ready. OSError where nobody answers."""
    from http.client import HTTPConnection, HTTPException

    with contextlib.closing(HTTPConnection(url.removeprefix("http://"), timeout=10)) as line:
        try:
            line.request("GET", "/readyz")
            return line.getresponse().status == 200
        except HTTPException:
            return False


def serves(c: Any, app: str, release: str, after: int = 0) -> bool:
    """Whether the web process that wrote last has this release ready, and said so later than the seq `after`."""
    from teahouse.store import servings

    rows = list(servings.current(c))
    news = [row for row in rows if row.web == rows[-1].web and row.seq > after]
    return any((row.app, row.release, row.state) == (app, release, "ready") for row in news)


def wait_served(house: House, app: str, release: str, patience: float, after: int = 0) -> bool:
    """Whether the site serves this release, said later than the servings' seq `after`; waits `patience` seconds."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        with house.db.read() as c:
            if serves(c, app, release, after):
                return True
        time.sleep(0.05)
    return False


def for_phone(place: Project, url: str) -> str:
    """The address by which a phone on the same network gets here, or '' where it listens to this machine only."""
    import socket

    import psutil

    site = place.settings.site
    if site.url:
        return site.url
    if site.host not in ("0.0.0.0", "::"):  # noqa: S104  compared with, not bound to
        return "" if site.host in ("127.0.0.1", "localhost", "::1") else url
    own = [one.address for each in psutil.net_if_addrs().values() for one in each if one.family == socket.AF_INET]
    reachable = next((address for address in own if not address.startswith(("127.", "169.254."))), "")
    return f"http://{reachable}:{url.rsplit(':', 1)[1]}" if reachable else ""
