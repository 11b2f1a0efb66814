"""D1b: killed at each named place, the house is in the state before or the state after, never between.

TEAHOUSE_KILLS_AT sets how often each place is met (2; 20 at night).
"""

import os
import re
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import httpx
import psutil
import pytest
import sqlalchemy as sa

from teahouse import failpoints, ids, testing
from teahouse.model import archive
from teahouse.store import blobs, jobs, keys, labels, migrate, owners, releases, rollouts, sqlite, tables
from teahouse.store.house import House
from tests.loop import circle
from tests.payments.stripe_server import StripeServer, signed
from tests.standard import challengers, money
from tests.standard.houses import RealHouse, wait_until

KILLS = int(os.environ.get("TEAHOUSE_KILLS_AT", "2"))
APP = testing.APP
KEY = "th_" + "k" * 40
DEAD = -signal.SIGKILL

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + 120 * KILLS)]


@pytest.fixture
def house(tmp_path):
    """A real house with two releases, the second on; its owner has a key."""
    with RealHouse(tmp_path / "house") as house:
        challengers.declare(house.root)
        house.first = house.prepare()
        with testing.open_house(house.data) as own:
            house.second = testing.install_tiny(own, note="the second one")
            own.db.write(lambda c: owners.claim(c, "hash", ids.now_ms()))
            own.db.write(lambda c: keys.add(c, ids.new_id(), "owner", [], ids.sha256(KEY.encode()), at=ids.now_ms()))
        yield house


def met(house, place, act):
    """Starts the site so that it dies at this place, acts, sees it die, and starts it whole again."""
    own = house.environment
    house.environment = {**own, failpoints.NAMED: place}
    house.start()
    web = house.child("site.serve")
    with pytest.raises(httpx.HTTPError):
        act()
        raise AssertionError(f"{place} was not met")
    psutil.wait_procs([web], timeout=10)
    assert not web.is_running(), "it answered badly and lives on"
    house.kill()
    house.environment = own
    sound(house.data)
    house.start()


def sound(data):
    """The tables are whole, and every kept blob is what its name says."""
    engine = sqlite.engine(data / "house.db", writes=False)
    with engine.connect() as c:
        assert c.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert c.exec_driver_sql("PRAGMA foreign_key_check").fetchall() == []
        named = set(c.execute(sa.select(tables.inputs.c.blob).where(tables.inputs.c.blob.is_not(None))).scalars())
    engine.dispose()
    for digest in named:
        assert ids.sha256(kept(data).get(digest)) == digest


def kept(data):
    """The house's blobs, looked at from outside."""
    return blobs.FolderBlobs(data / "blobs")


def read(house, fn):
    """What a read of the house's tables says, whoever writes meanwhile."""
    with House.open(house.data) as own, own.db.read() as c:
        return fn(c)


def count(house, table, *where):
    return read(house, lambda c: c.execute(sa.select(sa.func.count()).select_from(table).where(*where)).scalar_one())


def visitor(house):
    """A client of one of the site's pages."""
    return httpx.Client(base_url=house.url, timeout=10, headers={"Origin": house.url})


def play(client, seed, key=""):
    headers = {"Content-Type": "image/jpeg", **({"Idempotency-Key": key} if key else {})}
    answer = client.post(f"/api/apps/{APP}/predictions", content=testing.photo("warm", seed), headers=headers)
    return answer.json()


def once(house, seed, key=""):
    """A visitor who comes once."""
    with visitor(house) as client:
        return play(client, seed, key)


def say_and_keep(client, told, seed):
    """A word on an answer, and its photo kept; the status of the latter."""
    receipt, path = {"X-Receipt": told["receipt"]}, f"/api/predictions/{told['id']}"
    client.post(f"{path}/feedback", json={"kind": "correct", "value": "cold"}, headers=receipt)
    headers = {**receipt, "X-Consent": "keep, train"}
    return client.put(f"{path}/input", content=testing.photo("warm", seed), headers=headers).status_code


def verb(house, *words, place="", **environment):
    """A verb in a process of its own, killed at `place`; its exit status."""
    seen = {name: value for name, value in os.environ.items() if not name.startswith("TEAHOUSE_")}
    seen |= {**({failpoints.NAMED: place} if place else {}), **environment}
    command = [sys.executable, "-m", "teahouse.cli", *words]
    done = subprocess.run(command, cwd=house.root, env=seen, capture_output=True, text=True, timeout=60,
                          start_new_session=True)  # fmt: skip
    assert done.returncode == (DEAD if place else 0), done.stdout + done.stderr
    return done.stdout


def on(house):
    return read(house, lambda c: rollouts.champion(c, APP).release)


def test_d1b_a_blob_without_its_row_and_the_photo_is_kept_once(house):
    for kill in range(KILLS):
        house.start()
        with visitor(house) as client:
            told = play(client, kill)
        house.kill()
        met(house, "blob-renamed", lambda client=client, told=told, kill=kill: again(house, client, told, kill))
        row = tables.inputs.c.prediction == ids.parse(told["id"])
        assert count(house, tables.inputs, row) == 0, "before"
        assert len(kept(house.data).digests()) == kill + 1, "its bytes lie there"
        assert again(house, client, told, kill) == 201
        assert again(house, client, told, kill) in (200, 201)
        assert count(house, tables.inputs, row) == 1, "after, once"
        assert len(kept(house.data).digests()) == kill + 1
        house.kill()


def again(house, client, told, seed):
    """The same visitor at the site's address of now."""
    with httpx.Client(base_url=house.url, timeout=10, headers={"Origin": house.url}) as fresh:
        fresh.cookies.update({cookie.name: cookie.value for cookie in client.cookies.jar})
        return say_and_keep(fresh, told, seed)


def test_d1b_an_answer_on_the_disk_that_nobody_was_told_is_told_when_it_is_asked_again(house):
    for kill in range(KILLS):
        key = uuid.uuid4().hex
        met(house, "committed", lambda key=key, kill=kill: once(house, kill, key))
        assert count(house, tables.predictions) == kill + 1
        told = once(house, kill, key)
        assert told["output"]["label"] == "warm" and count(house, tables.predictions) == kill + 1
        assert read(house, lambda c, told=told: c.execute(
            sa.select(tables.predictions.c.id).where(tables.predictions.c.id == ids.parse(told["id"]))
        ).scalar()) is not None  # fmt: skip
        house.kill()


def test_d1b_a_credit_is_spent_with_its_answer_or_not_at_all(tmp_path):
    shop = money.Shop.made(tmp_path / "house")
    sold = shop.paid(3)
    headers = {"X-Pass": sold.code, "Idempotency-Key": "a-key-of-this-answer"}

    def play():
        return httpx.post(f"{shop.url}{money.PATH}", content=testing.photo("warm"), headers=headers, timeout=10)

    with shop:
        met(shop, "spent", play)
        assert shop.books().balances == {sold.pass_id: 3} and shop.books().wrong() == []
        assert play().json()["left"]["credits"] == 2 and shop.books().balances == {sold.pass_id: 2}


def test_d1b_an_event_of_the_till_is_known_with_what_it_does_or_not_at_all(tmp_path):
    server = StripeServer()
    shop = money.Shop.made(tmp_path / "house", server)
    (sold,) = shop.orders(1)
    body = money.event(shop.site(), sold, "checkout.session.completed", 1)

    def tell():
        return httpx.post(f"{shop.url}/api/till/stripe", content=body, headers={"Stripe-Signature": signed(body)})

    with shop:
        met(shop, "webhook", tell)
        assert shop.books().balances == {sold.pass_id: 0} and shop.books().moved == {}
        assert [tell().status_code, tell().status_code] == [204, 204]
        assert shop.books().balances == {sold.pass_id: 50} and shop.books().wrong() == []
    server.close()


def test_d1b_a_promotion_is_written_or_not_and_what_is_written_is_served(house):
    for _ in range(KILLS):
        verb(house, "promote", "1", place="promotion")
        assert on(house) == house.second, "before"

        def put():
            with httpx.Client(base_url=house.url, timeout=40, headers={"Authorization": f"Bearer {KEY}"}) as owner:
                given = {"release": house.first, "state": "full"}
                owner.post(f"/api/owner/apps/{APP}/rollouts", json=given).raise_for_status()

        met(house, "promotion-served", put)
        assert on(house) == house.first, "after"
        assert once(house, 1)["release"] == house.first
        house.kill()
        verb(house, "promote", "2")
        assert on(house) == house.second


def test_d1b_a_rollback_takes_both_of_its_steps_or_none(house):
    for _ in range(KILLS):
        verb(house, "rollback", place="rollback")
        states = read(house, lambda c: [row.state for row in rollouts.history(c, APP)])
        assert on(house) == house.second and states[0] == "full", "before: not even marked"
    verb(house, "rollback")
    assert on(house) == house.first


@pytest.mark.parametrize("place", ["erasure", "erasure-blobs"])
def test_d1b_what_is_erased_is_whole_or_gone_and_its_bytes_follow(house, place):
    for kill in range(KILLS):
        house.start()
        with visitor(house) as client:
            told = play(client, 10 + kill)
            assert say_and_keep(client, told, 10 + kill) == 201
        house.kill()

        def forget(told=told):
            receipt = {"X-Receipt": told["receipt"]}
            httpx.delete(f"{house.url}/api/predictions/{told['id']}", headers=receipt, timeout=10)

        met(house, place, forget)
        row = read(house, lambda c, told=told: labels.of_prediction(c, ids.parse(told["id"])))
        given = sa.and_(tables.predictions.c.id == ids.parse(told["id"]), tables.predictions.c.given.is_not(None))
        if place == "erasure":
            assert row.inputs is not None and count(house, tables.predictions, given) == 1, "before"
            forget()
        assert count(house, tables.predictions, given) == 0
        wait_until(lambda: not kept(house.data).digests(), "the bytes are still there")
        house.kill()


@pytest.mark.parametrize("place", ["install", "installed"])
def test_d1b_a_bundle_is_there_whole_or_not_at_all(house, place, tmp_path):
    for kill in range(KILLS):
        release = testing.tiny_release(tmp_path / f"made-{kill}", note=f"elsewhere {place} {kill}")
        bundle = tmp_path / f"made-{kill}.teahouse"
        archive.pack(tmp_path / f"made-{kill}", bundle, None)
        add = ("releases", "add", str(bundle))
        verb(house, *add, place=place)
        assert read(house, lambda c, release=release: releases.get(c, release)) is None, "no row names it"
        folder = house.data / "releases" / release
        assert folder.is_dir() is (place == "installed")
        house.start()
        house.kill()
        verb(house, *add)
        assert read(house, lambda c, release=release: releases.get(c, release)).id == release
        left = [one.name for one in (house.data / "releases").iterdir() if one.name.startswith(".staging-")]
        assert left == [] or len(left) <= kill + 1


def test_d1b_a_migration_is_whole_or_not_begun(tmp_path):
    program = [sys.executable, "-m", "teahouse.store.migrate"]
    for kill in range(KILLS):
        data = tmp_path / str(kill)
        seen = {**os.environ, failpoints.NAMED: "migration"}
        died = subprocess.run([*program, str(data)], env=seen, start_new_session=True, timeout=60)
        assert died.returncode == DEAD
        engine = sqlite.engine(data / "house.db", writes=False)
        with engine.connect() as c:
            assert sa.inspect(c).get_table_names() == [], "before: no table of it"
        engine.dispose()
        assert subprocess.run([*program, str(data)], timeout=60).returncode == 0
        assert migrate.upgrade(data) is False
        sound(data)


@pytest.mark.torch
def test_d1b_a_retrain_goes_on_at_whichever_step_it_is_killed(tmp_path):
    root = circle.project(tmp_path / "project", count=40)
    own, _ = circle.open_project(root)
    with own:
        job = own.db.write(lambda c: jobs.ask(c, jobs.Asked(ids.new_id(), "retrain", APP)))[0]
    loop = [sys.executable, "-m", "teahouse.loop.runner", "--project", str(root), "--idle", "0.5"]
    for place in (one for one in failpoints.PLACES if one.startswith("retrain-")):
        for _ in range(KILLS):
            seen = {**os.environ, failpoints.NAMED: place}
            died = subprocess.run(loop, env=seen, start_new_session=True, capture_output=True, timeout=120)
            assert died.returncode == DEAD, died.stderr[-2000:]
    assert subprocess.run(loop, capture_output=True, timeout=120).returncode == 0
    own, _ = circle.open_project(root)
    with own, own.db.read() as c:
        said = [row.state for row in jobs.events(c, job)]
        assert said[-1] == "done"
        for table in (tables.dataset_versions, tables.runs, tables.releases, tables.verdicts, tables.rollouts):
            assert c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() == 1, table.name
    sound(own.data)


def test_d1b_nothing_is_named_that_no_test_meets_and_no_place_is_left_out():
    source, called = Path(failpoints.__file__).parent, re.compile(r'failpoints\.here\("([^"]+)"\)')
    here = {place for file in source.rglob("*.py") for place in called.findall(file.read_text("utf-8"))}
    steps = {place for place in failpoints.PLACES if place.startswith("retrain-")}
    assert here | steps == set(failpoints.PLACES)
