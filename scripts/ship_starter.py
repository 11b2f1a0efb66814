"""Put the champion of a project into the package as the release that a starter ships.

    teahouse new tea && cd tea && teahouse train          # the pipeline that every maker has
    python scripts/ship_starter.py tea PROJECT

Where answers are right or wrong, the release is sealed anew with its own verdict's accuracy in its metrics: a fresh
house has no verdict to tell it from. One that makes pictures has none. A release of more than 5 MB is refused.
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
MOST_BYTES = 5_000_000


def ship(starter: str, project: Path) -> str:
    """Copy, seal, verify; the release's id."""
    with House.open(settings.load(project).data_dir, create=False) as house, house.db.read() as c:
        release = rollouts.champion(c, starter).release
        verdict = lineage.verdict_on(c, release)
        source = house.releases / release
    weight = sum(file.stat().st_size for file in source.rglob("*") if file.is_file())
    if weight > MOST_BYTES:
        raise SystemExit(f"The release weighs {weight / 1e6:.1f} MB; at most {MOST_BYTES / 1e6:.0f} are shipped.")
    target = STARTERS / starter / "release"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    manifest = bundle.read(target)
    told = verdict.numbers["report"].get("accuracy")
    metrics = {**manifest.metrics, **({"accuracy": told} if told else {})}
    made = bundle.seal(target, replace(manifest, metrics=metrics, files={}))
    bundle.verify(target, made)
    for path in (target, *target.rglob("*")):  # a house keeps its own from others; what is packed is for everybody
        path.chmod(0o755 if path.is_dir() else 0o644)
    return made


if __name__ == "__main__":
    sys.stdout.write(ship(sys.argv[1], Path(sys.argv[2])) + "\n")
