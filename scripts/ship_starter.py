"""Put the champion of a project into the package as the release that a starter ships.

    teahouse new tea && cd tea && teahouse train          # the pipeline that every maker has
    python scripts/ship_starter.py tea PROJECT

The release is sealed anew with its own verdict's accuracy in its metrics: a fresh house has no verdict to tell it from.
"""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

from teahouse import settings
from teahouse.model import bundle
from teahouse.store import lineage, rollouts
from teahouse.store.house import House

STARTERS = Path(__file__).parents[1] / "src" / "teahouse" / "starters"


def ship(starter: str, project: Path) -> str:
    """Copy, seal, verify; the release's id."""
    with House.open(settings.load(project).data_dir, create=False) as house, house.db.read() as c:
        release = rollouts.champion(c, starter).release
        told = lineage.verdict_on(c, release).numbers["report"]["accuracy"]
        source = house.releases / release
    target = STARTERS / starter / "release"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    manifest = bundle.read(target)
    made = bundle.seal(target, replace(manifest, metrics={**manifest.metrics, "accuracy": told}, files={}))
    bundle.verify(target, made)
    return made


if __name__ == "__main__":
    sys.stdout.write(ship(sys.argv[1], Path(sys.argv[2])) + "\n")
