"""Visitors of an app that draws from a seed: they see pictures of its pool, love them or not, choose between two."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from teahouse import ids
from teahouse.loop import steps
from teahouse.site import reconcile
from teahouse.site.pool import Filler, Rules
from teahouse.store import jobs
from teahouse.testing import WholeHouse

OWN = {"Origin": "http://127.0.0.1:8360", "Sec-Fetch-Site": "same-origin"}
FEW = Rules(keep=24, make=1, first=24)


def settle(site: WholeHouse, rules: Rules = FEW) -> None:
    """The site serves what is wanted, and its pools are full."""
    asyncio.run(reconcile.once(site.deps))
    filler = Filler(site.deps, rules)

    async def turns() -> None:
        while await filler.turn():
            pass

    asyncio.run(turns())


def guest(site: WholeHouse, number: int) -> Any:
    """A visitor of their own network, with a cookie from their first word on."""
    client = site.visitor(f"10.{number // 250}.{number % 250}.7")
    client.headers.update(OWN)
    return client


def pooled(site: WholeHouse) -> list[dict[str, Any]]:
    """The next pictures of the champion's pool."""
    return site.client.get(f"/api/apps/{site.name}/pool").json()["items"]


def say(client: Any, prediction: str, kind: str, value: Any, **more: Any) -> Any:
    said = client.post(f"/api/predictions/{prediction}/feedback", json={"kind": kind, "value": value, **more})
    assert said.status_code == 201, said.text
    return said.json()


def compare(site: WholeHouse, client: Any, prefers: Callable[[dict[str, Any], dict[str, Any]], bool]) -> None:
    """See one more picture beside one of the pool, and say which is liked better; `prefers(second, first)`."""
    first = pooled(site)[0]
    second = client.post(f"/api/apps/{site.name}/predictions", json={}, headers={"X-Beside": first["id"]})
    assert second.status_code == 201, second.text
    second = second.json()
    winner, loser = (second, first) if prefers(second, first) else (first, second)
    say(client, winner["id"], "choose", True, other=loser["id"], pair=second["pair"])


def asked(site: WholeHouse, kind: str) -> list[Any]:
    """The jobs of this kind that wait."""
    with site.house.db.read() as c:
        return jobs.unfinished(c, kind, site.name)


def carry_out(site: WholeHouse, job: Any = None, kind: str = "", **args: Any) -> Any:
    """Do a job that waits, or a new one that the owner asks for; its row with its end."""
    if job is None:
        id_ = ids.new_id()
        site.house.db.write(lambda c: jobs.ask(c, jobs.Asked(id_, kind, site.name, args)))
    else:
        id_ = job.id
    with site.house.db.read() as c:
        row = jobs.get(c, id_)
    steps.execute(site.house, site.deps.settings, row)
    with site.house.db.read() as c:
        return jobs.get(c, id_)
