"""A site with two visitors, an owner and keys, for the rows that ask who may do what."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import argon2
import pytest

from teahouse import ids
from teahouse.payments import orders
from teahouse.settings import Limits, Settings
from teahouse.site import owner_door
from teahouse.store import jobs, keys, labels, lineage, passes
from teahouse.testing import APP, WholeHouse, photo, whole_house

ORIGIN = "http://127.0.0.1:8360"
OWN = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
PASSWORD = "four plain words do"
PRICE = {"amount": 200, "currency": "EUR", "predictions": 50}


@dataclass
class People:
    """Clients by role, and what A has here."""

    site: WholeHouse
    clients: dict[str, Any]
    made: dict[str, str]


def play(client: Any, seed: int) -> dict[str, Any]:
    """A visitor plays, says a word and lets the photo be kept; the answer."""
    body = photo("warm", seed)
    told = client.post(f"/api/apps/{APP}/predictions", content=body, headers={"Content-Type": "image/jpeg"}).json()
    receipt = {"X-Receipt": told["receipt"]}
    path = f"/api/predictions/{told['id']}"
    assert (
        client.post(f"{path}/feedback", json={"kind": "correct", "value": "cold"}, headers=receipt).status_code == 201
    )
    assert (
        client.put(
            f"{path}/input", content=body, headers={**receipt, "X-Consent": "keep, train", "Content-Type": "image/jpeg"}
        ).status_code
        == 201
    )
    return told


def show(client: Any, told: dict[str, Any]) -> dict[str, str]:
    """A visitor shows an answer to others, and reports it too: the token of the one, the receipt of the other."""
    headers = {"X-Receipt": told["receipt"], "X-Consent": "show"}
    shared = client.post(f"/api/predictions/{told['id']}/share", headers=headers)
    assert shared.status_code == 201, shared.text
    share = shared.json()["token"]
    report = client.post("/api/reports", json={"kind": "other", "share": share})
    assert report.status_code == 202, report.text
    return {"share": share, "report": report.json()["receipt"]}


def fill(site: WholeHouse) -> dict[str, str]:
    """A version, a run, a verdict, a job and an order, so that every route has something to show."""
    version, run, job, verdict = ids.new_id(), ids.new_id(), ids.new_id(), ids.new_id()

    def write(c: Any) -> str:
        jobs.ask(c, job, "export", APP, {}, "owner", None, ids.now_ms())
        jobs.event(c, job, "refused", {"words": "a test"}, ids.now_ms())
        lineage.add_version(c, version, APP, "a" * 64, None, {"train": 1}, site.house.blobs.put(b""), ids.now_ms())
        lineage.add_run(c, run, APP, version, "train", "", None, job, ids.now_ms())
        lineage.add_verdict(c, verdict, APP, site.release, None, version, "promote", [], {})
        passes.add(c, pass_id, orders.new_code(), APP, False, ids.now_ms())
        return orders.add(c, pass_id, APP, PRICE, False, ids.now_ms())

    pass_id = ids.new_id()
    order = site.house.db.write(write)
    with site.house.db.read() as c:
        label = next(row for row in labels.of_app(c, APP) if row.source == "visitor")
    named = {"version": version, "run": run, "job": job, "verdict": verdict, "label": label.id}
    return {**{name: ids.text(id_) for name, id_ in named.items()}, "order": order}


@contextmanager
def peopled(folder: Path) -> Iterator[People]:
    """A house with all of them in it. Rates are not this house's subject: a refusal must be about who asks."""
    settings = Settings(project=folder, limits=Limits(requests_per_minute=1_000_000))
    with whole_house(folder, settings) as site:
        site.app.state.owner_door = owner_door.Door(
            passwords=owner_door.Passwords(argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        )
        clients = {role: site.visitor() for role in ("anonymous", "A", "B", "owner", "key", "revoked")}
        for name in ("A", "B", "owner"):
            clients[name].headers.update(OWN)
        told = play(clients["A"], 1)
        play(clients["B"], 2)
        token = owner_door.claim_link(site.house, ORIGIN).rsplit("/", 1)[1]
        assert (
            clients["owner"].post("/api/owner/session", json={"password": PASSWORD, "token": token}).status_code == 201
        )
        for role in ("key", "revoked"):
            secret, id_ = f"th_{role * 8}", ids.new_id()
            site.house.db.write(
                lambda c, i=id_, s=secret: keys.add(c, i, "owner", ["owner"], ids.sha256(s.encode()), ids.now_ms())
            )
            if role == "revoked":
                site.house.db.write(lambda c, i=id_: keys.revoke(c, i, ids.now_ms()))
            clients[role].headers["Authorization"] = f"Bearer {secret}"
        shown = show(clients["A"], told)
        link = re.search(r"/media/[^\"' ]+", clients["A"].get("/mine").text)
        yield People(
            site,
            clients,
            {
                **fill(site),
                **shown,
                "id": told["id"],
                "receipt": told["receipt"],
                "media": link.group(0) if link else "",
            },
        )


@pytest.fixture
def people(tmp_path):
    """A house of this test's own: what it does may take things away."""
    with peopled(tmp_path) as house:
        yield house


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """One house for all tests of a module that only look."""
    with peopled(tmp_path_factory.mktemp("crowd")) as house:
        yield house


def pytest_collection_modifyitems(items):
    """Every test beside this file is a row of the standard."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.standard)
