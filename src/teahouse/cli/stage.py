"""What the demo stands on: a project in a folder of its own, the site as a child, PyTorch installed meanwhile."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from importlib.util import find_spec
from itertools import chain, count
from pathlib import Path
from typing import Any

from teahouse import child
from teahouse.cli import scaffold
from teahouse.desk import layout
from teahouse.desk.reach import wait_ready
from teahouse.desk.say import SiteNotReachable
from teahouse.desk.where import Project
from teahouse.errors import DeclarationError, TrainingFailed

APP = "tea"
RETRAIN_AFTER = 200
PICTURES = 2000  # of the maker's own in the demo: they are there so that nothing is forgotten, and half will do


def demo_folder(asked: Path | None) -> Path:
    """An empty folder: the one asked for or ./demo, with -2, -3 … where something is in it. An older demo's may run
    still, or be somebody's project by now, so nothing is ever taken away."""
    wanted = (asked or Path.cwd() / "demo").resolve()
    names = chain([wanted], (wanted.with_name(f"{wanted.name}-{number}") for number in count(2)))
    folder = next(one for one in names if not one.exists() or (one.is_dir() and not any(one.iterdir())))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def make_project(folder: Path, port: int) -> Project:
    """The demo's project: the tea starter with its shipped release, and the settings that the story needs."""
    written: dict[str, dict[str, Any]] = {
        "site": {"title": "Teahouse demo", "port": port},
        # a canary of a few seconds, so that it is seen; on a site of your own one visitor in 20, for a day
        "loop": {"retrain_after": RETRAIN_AFTER, "canary_share": 0.25, "canary_hours": 0.004},
        # the simulated visitors come from many networks, and say so as a proxy would
        "limits": {"trusted_proxies": ["127.0.0.1"], "requests_per_minute": 6000},
    }
    project = layout.make_project(folder, APP, written)
    scaffold.add_starter(project, APP, "tea")
    draw_fewer(project.root / "apps" / APP / "app.py")
    return project


def draw_fewer(declared: Path) -> None:
    """The demo's number of pictures in the starter's app.py; DeclarationError where that does not set one."""
    source, found = re.subn(r"(?m)^PICTURES = \d+\b", f"PICTURES = {PICTURES}", declared.read_text("utf-8"))
    if found != 1:
        why = f"{declared} has {found} lines that begin with `PICTURES = ` and a number, not one."
        raise DeclarationError("The demo can not say how many pictures its app draws.", why,
                               "Install Teahouse anew: pip install --force-reinstall teahouse")  # fmt: skip
    declared.write_text(source, "utf-8")


class Child:
    """A process of the demo's own: in its own group, so that one Ctrl-C is ours to pass on in good order, and ended
    with this process, however that ends."""

    def __init__(self, command: list[str], log: Path, where: Path, **environment: str) -> None:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "teahouse.child", str(os.getpid()), *command],
                cwd=where,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=child.environment("TEAHOUSE_", **environment),
                start_new_session=True,
            )

    def running(self) -> bool:
        return self.process.poll() is None

    def stop(self, patience: float = 15) -> None:
        """SIGTERM, and SIGKILL to the whole group where that does not do."""
        if not self.running():
            return
        self.process.terminate()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def last_words(self, lines: int = 4) -> str:
        try:
            return " / ".join(self.log.read_text("utf-8", "replace").strip().splitlines()[-lines:])[-600:]
        except OSError:
            return ""


def start_site(project: Project) -> Child:
    """`teahouse serve` for this project, as a child."""
    command = [sys.executable, "-P", "-m", "teahouse.cli", "serve", "--quiet"]
    return Child(command, project.data / "run" / "serve.log", project.root, TEAHOUSE_DATA=str(project.data))


def wait_site(project: Project, site: Child, patience: float = 90) -> str:
    """The site's address once it answers."""
    note = wait_ready(project.data, patience, site.running)
    if note is None:
        raise SiteNotReachable("The site did not come up.", site.last_words(), "teahouse doctor")
    return str(note["url"])


def missing_for_training() -> list[str]:
    """The requirements of the [train] extra that are not installed, as the package's own metadata states them."""
    from importlib.metadata import requires

    wanted = [
        line.split(";")[0].strip()
        for line in requires("teahouse") or ()
        if re.search(r"extra\s*==\s*['\"]train['\"]", line)
    ]
    return [line for line in wanted if find_spec(re.split(r"[\s<>=!~\[]", line)[0].replace("-", "_")) is None]


def install(wanted: list[str], log: Path) -> Child:
    """pip for these requirements, quietly, under the constraints of the environment or of the checkout."""
    beside = Path(__file__).parents[3] / "constraints.txt"
    environment = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    if "PIP_CONSTRAINT" not in os.environ and beside.exists():
        environment["PIP_CONSTRAINT"] = str(beside)
    return Child(
        [sys.executable, "-P", "-m", "pip", "install", "-qq", "--progress-bar", "off", *wanted],
        log,
        Path.cwd(),
        **environment,
    )


def installed(pip: Child) -> None:
    """TrainingFailed unless pip ended well."""
    if pip.process.wait() != 0:
        raise TrainingFailed(
            "PyTorch could not be installed.",
            pip.last_words(),
            "pip install 'teahouse[train]', then teahouse demo again",
        )
