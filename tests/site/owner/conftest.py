"""An owner: a site that is claimed, and a visitor whose photo waits for review."""

import argon2
import pytest

from teahouse import ids
from teahouse.site import owner_door
from teahouse.store import apps, tables
from teahouse.testing import APP, photo

PASSWORD = "four plain words do"
OWN = {"Origin": "http://127.0.0.1:8360", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def quick(site):
    """The site with a door whose hashes cost nothing: tests of the door itself take the real one."""
    light = owner_door.Passwords(argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    site.app.state.owner_door = owner_door.Door(passwords=light)
    return site


@pytest.fixture
def owner(quick):
    """The client of the owner, who has just claimed the site."""
    quick.client.headers.update(OWN)
    token = owner_door.claim_link(quick.house, "http://127.0.0.1:8360").rsplit("/", 1)[1]
    answer = quick.client.post("/api/owner/session", json={"password": PASSWORD, "token": token})
    assert answer.status_code == 201, answer.text
    return quick.client


@pytest.fixture
def train_written(quick):
    """The site's app as it is once its app.py has a training function (tiny apps have none)."""

    def declare(c):
        app = apps.get(c, quick.name)
        apps.declare(c, app.name, app.title, {**app.declaration, "hooks": ["train"]}, "", ids.now_ms())

    return lambda: quick.house.db.write(declare)


@pytest.fixture
def guest(quick):
    """Lets a new visitor give a photo, say a word of it and let it be kept, after its answer or as if with a yes that
    stood before; returns the prediction's id."""

    def give(kind="warm", seed=0, word=None, before=False):
        visitor = quick.visitor()
        visitor.headers.update(OWN)
        body = photo(kind, seed)
        told = visitor.post(f"/api/apps/{APP}/predictions", content=body, headers={"Content-Type": "image/jpeg"}).json()
        receipt = {"X-Receipt": told["receipt"]}
        path = f"/api/predictions/{told['id']}"
        if word is not None:
            said = visitor.post(f"{path}/feedback", json={"kind": "correct", "value": word}, headers=receipt)
            assert said.status_code == 201, said.text
        kept = visitor.put(
            f"{path}/input", content=body, headers={**receipt, "X-Consent": "keep, train", "Content-Type": "image/jpeg"}
        )
        assert kept.status_code == 201, kept.text
        if before:
            of_it = tables.consents.c.prediction == ids.parse(told["id"])
            quick.house.db.write(lambda c: c.execute(tables.consents.update().where(of_it).values(before=True)))
        return told["id"]

    return give
