"""A whole circle without a training, in one process: `python -m tests.standard.whole_run FOLDER`."""

import sys
from pathlib import Path

from teahouse import datasets, ids
from teahouse.loop import steps
from teahouse.store import backup, jobs, rollouts
from teahouse.testing import install_tiny, whole_house
from tests.standard.conftest import ORIGIN, OWN
from tests.standard.visits import APP, accept, held, marked, visit


def main(folder: Path) -> None:
    """Play, word, photo, review, version, export, promotion, backup, restore, erasure, retention."""
    with whole_house(folder / "house") as site:
        client = site.visitor()
        mine = [held(site.house, visit(client, ORIGIN, marked("warm", seed))) for seed in range(3)]
        mine += [held(site.house, visit(site.visitor(), ORIGIN, marked("cold", 50 + seed))) for seed in range(20)]
        for one in mine:
            accept(site.house, one.label)
        site.house.db.write(lambda c: datasets.build(c, site.house, APP))
        second = install_tiny(site.house, note="the second one")
        site.house.db.write(lambda c: rollouts.append(c, rollouts.Step(APP, second, "full")))
        backup.backup(site.house, folder / "kept")
        for page in ("/", "/mine", "/docs", "/openapi.json", "/healthz", "/api/mine/export"):
            assert client.get(page).status_code == 200, page
        assert client.delete("/api/mine", headers=OWN).status_code == 204
        site.house.db.write(lambda c: jobs.ask(c, ids.new_id(), "export", APP))
        site.house.db.write(lambda c: jobs.ask(c, ids.new_id(), "retain"))
        with site.house.db.read() as c:
            waiting = jobs.waiting(c)
        for job in waiting:
            assert steps.execute(site.house, site.deps.settings, job) == "done", job.kind
    backup.restore(folder / "kept", folder / "restored")
    print("whole", len(waiting))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
