"""Standing: the project that a published app goes to, and its site as a process of its own."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teahouse import child
from teahouse.desk import layout, reach, shipped
from teahouse.desk.where import Project, find_project
from teahouse.errors import NotReady
from teahouse.publishing import save
from teahouse.spec.app import App

FOLDER = "teahouse-site"
PATIENCE = 120.0
WIDE = "0.0.0.0"  # noqa: S104  bound to where the maker says so
PRIVATE = tuple(map(ipaddress.ip_network, (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10",
)))  # fmt: skip


@dataclass(frozen=True)
class Site:
    """A site that answers: its project, its address here, the one for a phone on the same network ("" where none), and
    what the maker is told of who can come."""

    project: Project
    url: str
    phone: str
    notes: tuple[str, ...] = ()


def project_for(folder: Path | str | None) -> Project:
    """The project at `folder`, else the one around the working directory, else ./teahouse-site, made where it is not.

    A new one listens to the whole network where that is a private one, so that a phone can come: visitors' pages
    alone, for the owner's are never answered over plain http but on this machine. Else to this machine alone."""
    from teahouse import settings

    if folder is None and (found := find_project()):
        return found
    root = Path(folder or FOLDER).expanduser().resolve()
    if (root / "teahouse.toml").is_file():
        return Project(root, settings.load(root))
    written: dict[str, Any] = {"loop": {"train": "hand"}}
    if is_private(addresses()):
        written["site"] = {"host": WIDE}
    return layout.make_project(root, root.name, written)


def put_on(project: Project, app: App, release_folder: Path) -> str:
    """Write the app into the project, install its release and make it the champion; the release's id."""
    folder = save.write_app(project.root, app.declaration(), release_folder)
    why = shipped.Shipped("owner", "published", app.declaration())
    return shipped.install_shipped(project, app.name, folder, folder / "release", why)


def start(project: Project, app: str, release: str) -> Site:
    """The project's site, started where none runs, once it answers with this release. NotReady tells its log."""
    running, process = project.running(), None
    if running is None and not project.is_kept():
        process = launch(project)
    note = running or reach.wait_ready(project.data, PATIENCE, lambda: process is None or process.poll() is None)
    if note is None:
        raise NotReady("The site did not come up.", last_words(log_of(project)), f"cd {project.root}, teahouse doctor")
    if not wait_served(project, app, release):
        raise NotReady("The site does not take the new release.", last_words(log_of(project)), "teahouse doctor")
    phone = reach.for_phone(project, note["url"])
    return Site(project, note["url"], phone, said_of(project, addresses()))


def addresses() -> list[str]:
    """The IPv4 addresses that this machine has beside its own loopback: where others could ask what listens to all."""
    import psutil

    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = [one for name, each in psutil.net_if_addrs().items() if name in up for one in each]
    own = [one.address for one in found if one.family == socket.AF_INET]
    return [one for one in own if not ipaddress.ip_address(one).is_loopback]


def is_private(found: Sequence[str]) -> bool:
    """Whether there is a network, and none of this machine's addresses could be one of the internet's."""
    return bool(found) and all(any(ipaddress.ip_address(one) in net for net in PRIVATE) for one in found)


def said_of(project: Project, found: Sequence[str]) -> tuple[str, ...]:
    """What the maker is told where the site listens to this machine alone, or to more than a private network."""
    site = project.settings.site
    public = ", ".join(one for one in found if not is_private([one]))
    if site.url or (site.host != WIDE and "host" in site.model_fields_set):
        return ()  # as its maker has set it
    if site.host == WIDE:
        if not public:
            return ()
        return (
            f"The site listens to every network, and {public} is no private address: who finds it may play, over plain "
            f'http. Write host = "127.0.0.1" under [site] in {project.root / "teahouse.toml"} to end that.',
        )
    why = "" if is_private(found) else ": this computer has no network"
    if public:
        why = f": {public} is no private address, and a site that listens there could stand on the internet"
    return (
        f'The site answers on this computer alone{why}. For a phone on your own network write host = "{WIDE}" under '
        f"[site] in {project.root / 'teahouse.toml'}, `teahouse stop`, and publish again; for everybody, over https: "
        "`teahouse stop && teahouse share` in that folder.",
    )


def launch(project: Project) -> subprocess.Popen:
    """`teahouse serve` in a session of its own: it goes on when the notebook's kernel ends, until `teahouse stop`."""
    log = log_of(project)
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    site = project.settings.site
    usual = site.port if "port" in site.model_fields_set and site.port else None
    port = str(reach.free_port(usual))
    command = [sys.executable, "-P", "-m", "teahouse.cli", "serve", "--quiet", "--no-open", "--port", port]
    with log.open("ab") as out:
        return subprocess.Popen(
            command, cwd=project.root, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            env=child.environment("TEAHOUSE_"), start_new_session=True,
        )  # fmt: skip


def stop(project: Project) -> None:
    """Ask the project's site to end, and wait for it; nothing where none runs."""
    running = project.running()
    if running is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(running["pid"]), signal.SIGTERM)
    until = time.monotonic() + 15
    while project.is_kept() and time.monotonic() < until:
        time.sleep(0.05)


def log_of(project: Project) -> Path:
    """Where a site that was started by publish writes its log."""
    return project.data / "run" / "serve.log"


def wait_served(project: Project, app: str, release: str) -> bool:
    """Whether the site answers with this release, after two minutes at most."""
    with project.house() as house:
        return reach.wait_served(house, app, release, PATIENCE)


def last_words(log: Path) -> str:
    """The end of a log."""
    try:
        return " / ".join(log.read_text("utf-8", "replace").strip().splitlines()[-4:])[-600:]
    except OSError:
        return ""
