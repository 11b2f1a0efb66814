"""Apps, jobs, counters, the owner, sessions and keys."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from teahouse.ids import new_id
from teahouse.store import apps, jobs, keys, lineage, owners, quotas, releases, tallies
from teahouse.store.house import House

RELEASE = "ab" * 32


def test_a_declaration_is_kept_only_where_it_changed(house: House) -> None:
    def declare(title: str) -> bool:
        return house.db.write(lambda c: apps.declare(c, "tea", title, {"app": "tea"}, "", 2))

    assert [declare(title) for title in ("Tea", "Better tea", "Better tea")] == [False, True, False]
    house.db.write(lambda c: apps.declare(c, "mugs", "Mugs", {}, "", 2))
    with house.db.read() as c:
        assert [row.title for row in apps.all_latest(c)] == ["Better tea", "Mugs"]
        assert apps.get(c, "nothing") is None


def test_a_job_is_asked_for_once_and_its_state_is_its_last_event(house: House) -> None:
    first = new_id()
    assert house.db.write(lambda c: jobs.ask(c, first, "retrain", "tea", {"a": 1}, "owner", "k", 3)) == (first, True)
    assert house.db.write(lambda c: jobs.ask(c, new_id(), "retrain", "tea", {}, "owner", "k", 3)) == (first, False)
    second, _ = house.db.write(lambda c: jobs.ask(c, new_id(), "backup", None, None, "owner", None, 3))
    with house.db.read() as c:
        assert [row.id for row in jobs.waiting(c)] == [first, second]
    house.db.write(lambda c: jobs.event(c, first, "running", {"step": "train"}, 4))
    with house.db.read() as c:
        assert [row.id for row in jobs.waiting(c)] == [second]
        assert [row.id for row in jobs.unfinished(c)] == [first, second]
        assert [row.id for row in jobs.unfinished(c, "retrain", "tea")] == [first]
        job = jobs.get(c, first)
        assert (job.state, job.detail, job.args, job.kind) == ("running", {"step": "train"}, {"a": 1}, "retrain")
        seen = jobs.events(c, first)
        assert [row.state for row in seen] == ["queued", "running"]
        assert jobs.events(c, first, after=seen[0].seq) == seen[1:]
    house.db.write(lambda c: jobs.event(c, first, "done", None, 5))
    with house.db.read() as c:
        assert [row.id for row in jobs.unfinished(c)] == [second]
        assert [row.state for row in jobs.recent(c, 5)] == ["queued", "done"]
        assert jobs.get(c, new_id()) is None


def test_a_tally_adds_up(house: House) -> None:
    for _ in range(3):
        house.db.write(lambda c: tallies.add(c, "tea", RELEASE, "full", 7, "answer", 2, 1.5))
    house.db.write(lambda c: tallies.add(c, "tea", RELEASE, "canary", 8, "answer", 1, 9.0))
    with house.db.read() as c:
        assert [(row.hour, row.n, row.total) for row in tallies.read(c, "tea", 7)] == [(7, 6, 4.5), (8, 1, 9.0)]
        assert len(tallies.read(c, "tea", 8)) == 1


def test_a_quota_never_gives_more_than_its_cap_however_many_ask(house: House) -> None:
    def take(_n: int) -> bool:
        return house.db.write(lambda c: quotas.take(c, "2026-01-01", "v", "free", 1, 10))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(40))) == 10
    assert house.db.write(lambda c: quotas.take(c, "2026-01-02", "v", "free", 1, 10)) is True
    assert house.db.write(lambda c: quotas.take(c, "2026-01-03", "v", "free", 11, 10)) is False
    assert house.db.write(lambda c: quotas.sweep(c, "2026-01-02")) == 1


def test_a_house_is_claimed_once(house: House) -> None:
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda n: house.db.write(lambda c: owners.claim(c, f"hash-{n}", 3)), range(8)))
    assert sum(won) == 1
    with house.db.read() as c:
        assert owners.owner(c).hash == f"hash-{won.index(True)}"


def test_a_session_opens_until_it_runs_out_or_is_ended(house: House) -> None:
    a, b = new_id(), new_id()

    def write(c: Any) -> None:
        owners.claim(c, "first", 1)
        owners.session_add(c, a, "a" * 64, 100, 3)
        owners.session_add(c, b, "b" * 64, 100, 3)

    house.db.write(write)
    with house.db.read() as c:
        assert owners.session_of(c, "a" * 64, 99).id == a
        assert owners.session_of(c, "a" * 64, 100) is None
    house.db.write(lambda c: owners.session_end(c, a))
    with house.db.read() as c:
        assert owners.session_of(c, "a" * 64, 50) is None and owners.session_of(c, "b" * 64, 50) is not None
    house.db.write(lambda c: owners.sessions_end_all(c))
    with house.db.read() as c:
        assert owners.session_of(c, "b" * 64, 50) is None and owners.owner(c).hash == "first"


def test_a_revoked_key_opens_nothing(house: House) -> None:
    key = new_id()
    house.db.write(lambda c: keys.add(c, key, "push", ["push:tea"], "a" * 64, 3))
    with house.db.read() as c:
        assert keys.by_hash(c, "a" * 64).rights == ["push:tea"]
    assert house.db.write(lambda c: keys.revoke(c, key, 4)) is True
    assert house.db.write(lambda c: keys.revoke(c, key, 5)) is False
    with house.db.read() as c:
        assert keys.by_hash(c, "a" * 64) is None and keys.all(c)[0].revoked == 4


def test_lineage_leads_back_from_a_verdict(house: House) -> None:
    version, run, verdict, job = (new_id() for _ in range(4))

    def write(c: Any) -> None:
        lineage.add_version(c, version, "tea", "a" * 64, None, {"train": 4}, "b" * 64, 5)
        lineage.add_run(c, run, "tea", version, "retrain", "c" * 64, None, job, 6)
        lineage.run_event(c, run, "epoch", {"loss": 0.5}, 7)
        lineage.add_verdict(c, verdict, "tea", RELEASE, None, version, "hold", [{"code": "few"}], {"n": 3}, 8)

    house.db.write(write)
    with house.db.read() as c:
        found = lineage.verdict_on(c, RELEASE)
        assert found.id == verdict and lineage.verdict(c, verdict).reasons == [{"code": "few"}]
        assert lineage.version(c, found.version).counts == {"train": 4}
        assert lineage.run_of_job(c, job).id == run and lineage.run(c, run).version == version
        assert [row.numbers for row in lineage.run_events(c, run)] == [{"loss": 0.5}]
        assert len(lineage.versions(c, "tea")) == len(lineage.runs(c, "tea")) == len(lineage.verdicts(c, "tea")) == 1
        assert releases.get(c, RELEASE).state == "ready"
