"""The model of benchmarks/serving.py: trained and sealed by `teahouse train`, and houses that stand on it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import serving_photos  # noqa: E402
import sqlalchemy as sa  # noqa: E402
from serving_load import Served, Target, role  # noqa: E402
from tests.standard.houses import RealHouse, wait_until  # noqa: E402

from teahouse import ids  # noqa: E402
from teahouse.model import bundle, shape  # noqa: E402
from teahouse.store import apps, forms, releases, rollouts, tables  # noqa: E402
from teahouse.store.house import House  # noqa: E402

APP = "mobilenet"
LABELS = ("green", "oolong", "black", "white", "yellow", "dark")
PHOTOS = 10  # a label, to train on
PATIENCE_S, TRAININGS = 900, 3
FP32 = "fp32"


@dataclass(frozen=True)
class Project:
    """A project with the release on; servers stand on copies of it."""

    root: Path
    release: str

    @property
    def folder(self) -> Path:
        """Where the release lies, unpacked."""
        return self.root / ".teahouse" / "releases" / self.release

    @property
    def forms(self) -> list[str]:
        """The forms that the release holds; the first one is served."""
        return [str(form["name"]) for form in bundle.read(self.folder).forms]


    @property
    def left_out(self) -> str:
        """Why the release does not hold int8; "" where it does."""
        why = {one["name"]: one["why"] for one in bundle.read(self.folder).left_out}
        return "" if "int8" in self.forms else f"the release has no int8 form: {why.get('int8', 'nobody built one')}"

    @property
    def timed(self) -> list[str]:
        """How this machine's own timing found each form, in words."""
        with House.open(self.root / ".teahouse") as house, house.db.read() as c:
            found = forms.timed(c, self.release, socket.gethostname())
        return [f"{one.form}: {one.slots} slots of {one.threads} threads (alone {one.alone}), {one.batch} together, "
                f"{one.ms} ms" for one in found.values()]  # fmt: skip


def made(root: Path) -> Project:
    """The project, with both forms where one of three trainings makes them: each house draws other rows to learn from,
    and a net that learnt for half a minute is not always so sure that it says the same in whole numbers."""
    for number in range(TRAININGS):
        project = trained(root.with_name(f"{root.name}-{number}"))
        if not project.left_out:
            break
    return project


def trained(root: Path) -> Project:
    """A project, trained as its maker would do it."""
    app = root / "apps" / APP
    shutil.copytree(Path(__file__).with_name(APP), app, ignore=shutil.ignore_patterns("__pycache__"))
    serving_photos.write_training(app / "photos", LABELS, PHOTOS)
    (root / "teahouse.toml").write_text("", "utf-8")
    ended = subprocess.run([sys.executable, "-m", "teahouse.cli", "train"], cwd=root, capture_output=True, text=True,
                           stdin=subprocess.DEVNULL, timeout=PATIENCE_S, check=False)  # fmt: skip
    with House.open(root / ".teahouse") as house, house.db.read() as c:
        champion = rollouts.champion(c, APP)
    if champion is None:
        raise SystemExit(f"the model was not trained: {ended.stdout[-1500:]}{ended.stderr[-1500:]}")
    return Project(root, champion.release)


def plain(project: Project, root: Path) -> Project:
    """The same, pinned to fp32; the project itself where its release has nothing else."""
    if project.forms == [FP32]:
        return project
    shutil.copytree(project.root, root)
    step = rollouts.Step(APP, project.release, "full", why="a benchmark", form=FP32)
    with House.open(root / ".teahouse") as house:
        house.db.write(lambda c: rollouts.append(c, step))
    return Project(root, project.release)


def crowd(project: Project, root: Path, count: int) -> list[str]:
    """The project with `count` apps in place of one, each with a release of its own of the same net; their names."""
    shutil.copytree(project.root, root)
    shutil.rmtree(root / "apps")
    names = [APP, *(f"tea-{number}" for number in range(1, count))]
    with House.open(root / ".teahouse") as house:
        for name in names[1:]:
            put(house, project, root / name, name)
    return names


def put(house: House, project: Project, folder: Path, app: str) -> None:
    """Seals the release again for an app of this name, and puts it on."""
    shutil.copytree(project.folder, folder)
    bundle.seal(folder, replace(bundle.read(project.folder), app=app, files={}))
    release = bundle.install(folder, house.releases)
    told, at = shape.to_json(bundle.read(house.releases / release)), ids.now_ms()

    def write(c: sa.Connection) -> None:
        declared = apps.get(c, APP)
        apps.declare(c, app, declared.title, {**declared.declaration, "name": app}, "", at)
        releases.add(c, release, app, None, told, at=at)
        rollouts.append(c, rollouts.Step(app, release, "full", why="a benchmark", at=at))
        for one in forms.timed(c, project.release, socket.gethostname()).values():  # it is the same net
            how = (one.form, one.slots, one.threads, one.batch, one.ms, one.flips, one.alone)
            forms.add(c, forms.Timed(release, one.host, *how))

    house.db.write(write)


def copied(root: Path, folder: Path) -> RealHouse:
    """A house on a copy of a project, not started. The loop leaves after a second without work; it is five minutes on a
    site."""
    shutil.copytree(root, folder)
    return RealHouse(folder, environment={"TEAHOUSE_IDLE_S": "1"})


@contextmanager
def standing(root: Path, folder: Path, app: str = APP) -> Iterator[Served]:
    """The site of a copy of a project, once it answers and its loop sleeps; killed at the end."""
    with copied(root, folder) as house:
        house.start()
        served = served_by(house, app)
        asleep(served)
        yield served


def served_by(house: RealHouse, app: str = APP) -> Served:
    """Where photos for an app of a house go."""
    return Served("teahouse", house.process.pid, Target(f"{house.url}/api/apps/{app}/predictions"))


def asleep(served: Served) -> None:
    """Until the loop has left."""
    wait_until(lambda: all(role(process) != "loop" for process in served.family()), "the loop leaves", 90, 0.2)


@dataclass(frozen=True)
class Kept:
    """What lies in a house's database: rows of predictions, how many different inputs they are of, how many are of each
    form, the PRAGMA synchronous of the connection that writes them (2: FULL)."""

    rows: int
    inputs: int
    forms: dict[str, int]
    synchronous: int


def kept(folder: Path) -> Kept:
    """The same after the house was killed, by the product's own connection."""
    with House.open(folder / ".teahouse") as house:
        synchronous = house.db.write(lambda c: c.exec_driver_sql("PRAGMA synchronous").scalar_one())
        form, given = tables.predictions.c.form, tables.predictions.c.given
        with house.db.read() as c:
            found = Counter(dict(c.execute(sa.select(form, sa.func.count()).group_by(form)).tuples().all()))
            inputs = c.execute(sa.select(sa.func.count(given.distinct()))).scalar_one()
    return Kept(found.total(), inputs, dict(found), synchronous)
