"""V3: what a visitor takes back is gone from every file of the house, by receipt and by their own page."""

import asyncio
import time

import httpx
import pytest

from teahouse import datasets, ids
from teahouse.loop import steps
from teahouse.site import reconcile
from teahouse.store import jobs
from teahouse.store.house import House
from teahouse.testing import whole_house
from teahouse.training import run
from tests.standard.conftest import ORIGIN, OWN
from tests.standard.houses import RealHouse, wait_until
from tests.standard.search import forms, hits
from tests.standard.visits import APP, MARKER, Visit, accept, draw_nobody, held, marked, visit

LATEST_S = 60


def needles(one: Visit, whole: bool) -> list[bytes]:
    """What must be nowhere: the photo in any form, and with the whole visitor their id too. In the list of erasures,
    which restores and pulls follow, a visitor is a UUID as text; nowhere else."""
    return [MARKER, one.piece, *forms(bytes.fromhex(one.blob)), *(forms(one.visitor) if whole else ())]


def freeze(site) -> None:
    """Everything that copies rows: a dataset version, an export, the folder of a training that is over."""
    version = site.house.db.write(lambda c: datasets.build(c, site.house, APP))
    carry_out(site, "export")
    source = site.house.data.parent / "apps" / APP
    source.mkdir(parents=True)
    (source / "app.py").write_text("")
    name, folder = ids.text(ids.new_id()), site.house.run_dir(ids.new_id())
    rows = run.rows_for(datasets.rows_of(site.house, version))
    run.prepare(folder, run.Plan(name, APP, "train", source, rows=rows, photo=site.house.blobs.get))
    (folder / "pictures").mkdir()
    (folder / "pictures" / "0001-first.jpg").write_bytes(site.house.blobs.get(rows[0]["inputs"]["input"]["blob"]))


def carry_out(site, kind: str) -> None:
    """A job of this kind, asked for if none waits, done as the loop does it."""
    with site.house.db.read() as c:
        found = [job for job in jobs.waiting(c) if job.kind == kind]
    id_ = found[0].id if found else site.house.db.write(lambda c: jobs.ask(c, ids.new_id(), kind, APP))[0]
    with site.house.db.read() as c:
        job = jobs.get(c, id_)
    assert steps.execute(site.house, site.deps.settings, job) == "done"


@pytest.mark.parametrize("way", ["receipt", "mine"])
def test_v3_what_is_taken_back_is_in_no_file(tmp_path, way):
    with whole_house(tmp_path) as site:
        draw_nobody(site.house)
        asyncio.run(reconcile.once(site.deps))
        client, other = site.visitor(), site.visitor()
        mine = held(site.house, visit(client, ORIGIN, marked("warm", 1)))
        others = held(site.house, visit(other, ORIGIN, marked("cold", 2)))
        for one in (mine, others):
            accept(site.house, one.label)
        freeze(site)
        wanted, theirs = needles(mine, way == "mine"), needles(others, True)[1:]
        there = {needle for _, needle in hits(site.house.data, *wanted)}
        assert {mine.piece, mine.blob.encode()} <= there, "the search itself finds nothing"
        if way == "receipt":  # from another machine, without a cookie
            answer = site.visitor().delete(mine.path, headers=mine.receipt)
        else:
            answer = client.delete("/api/mine", headers=OWN)
        assert answer.status_code == 204
        at_once = {file for file, _ in hits(site.house.data, *wanted)}
        assert not [file for file in at_once if not file.startswith(("runs/", "exports/", "blobs/"))], at_once
        carry_out(site, "erase")
        assert hits(site.house.data, *wanted) == []
        assert {needle for _, needle in hits(site.house.data, *theirs)} >= {others.piece, others.visitor}
        assert client.get(mine.path, headers=mine.receipt).status_code == 404


def test_v3_a_house_at_work_has_forgotten_within_a_minute(tmp_path):
    with RealHouse(tmp_path / "house") as house:
        house.prepare()
        with House.open(house.data) as own:
            draw_nobody(own)
        house.start()
        with httpx.Client(base_url=house.url, timeout=20) as client:
            told = [visit(client, house.url, marked("warm", seed)) for seed in range(3)]
            with House.open(house.data) as own:
                mine = [held(own, one) for one in told]
                for one in mine:
                    accept(own, one.label)
                own.db.write(lambda c: datasets.build(c, own, APP))
            wanted = [needle for one in mine for needle in needles(one, True)]
            assert hits(house.data, *wanted)
            began = time.monotonic()
            assert client.delete("/api/mine", headers={"Origin": house.url}).status_code == 204
        wait_until(lambda: hits(house.data, *wanted) == [], "something is still there", LATEST_S, pause=0.5)
        took = time.monotonic() - began
        assert house.stop() == 0
        assert hits(house.root, *wanted) == []
    assert took <= LATEST_S
