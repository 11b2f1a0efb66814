"""Ready is told by a real answer, and anybody may ask without end."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from teahouse import settings as page
from teahouse.errors import QueueFull
from teahouse.site import health
from teahouse.store import tallies
from teahouse.testing import APP, install_tiny, whole_house


def test_many_who_ask_at_once_cost_one_answer(site):
    site.engine.hold_s = 0.1
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: site.client.get("/readyz"), range(16)))
    assert {answer.status_code for answer in told} == {200} and told[0].json()["apps"] == {APP: "answered"}
    assert site.engine.answered == 1


def test_a_failure_is_kept_for_a_moment_and_a_new_release_is_asked_at_once(site, monkeypatch):
    tries = []

    async def full(*_args):
        tries.append(1)
        raise QueueFull("Full.", place=9, wait=3.2)

    with monkeypatch.context() as broken:
        broken.setattr(site.engine, "predict", full)
        assert [site.client.get("/readyz").status_code for _ in range(3)] == [503] * 3
    assert tries == [1]
    from teahouse.site import reconcile

    install_tiny(site.house, note="second")
    asyncio.run(reconcile.once(site.deps))
    assert site.client.get("/readyz").status_code == 200


def test_it_is_asked_again_when_its_time_is_over(site, monkeypatch):
    monkeypatch.setattr(health, "KEPT_S", 0.0)
    site.client.get("/readyz"), site.client.get("/readyz")
    assert site.engine.answered == 2


@pytest.mark.parametrize("path", ["/readyz/x", "/healthzz", "/metrics.txt"])
def test_only_the_very_paths_are_uncounted(tmp_path, path):
    with whole_house(tmp_path, page.Settings(project=tmp_path, limits={"requests_per_minute": 5})) as site:
        statuses = [site.client.get(path).status_code for _ in range(8)]
        assert 429 in statuses
        assert {site.client.get("/healthz").status_code for _ in range(8)} == {200}


def test_a_crowd_is_no_error_of_the_release(site, monkeypatch):
    async def full(*_args):
        raise QueueFull("Full.", place=9, wait=3.2)

    monkeypatch.setattr(site.engine, "predict", full)
    assert site.ask().status_code == 503
    with site.house.db.read() as c:
        assert [row for row in tallies.read(c, APP, 0) if row.what == "errors"] == []
