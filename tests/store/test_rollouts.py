"""What is wanted is the latest row of each release; one is full."""

from typing import Any

from teahouse.store import releases, rollouts, servings
from teahouse.store.house import House

A, B, C = ("ab" * 32, "cd" * 32, "ef" * 32)


def steps(house: House, *todo: tuple[str, str]) -> None:
    def write(c: Any) -> None:
        for release in (A, B, C):
            releases.add(c, release, "tea", None, {}, at=1)
        for release, state in todo:
            rollouts.append(c, "tea", release, state, 500 if state == "canary" else 10_000, at=1)

    house.db.write(write)


def wanted(house: House) -> dict[str, str]:
    with house.db.read() as c:
        return {row.release: row.state for row in rollouts.wanted(c)}


def test_nothing_is_wanted_of_an_app_without_rollout(house: House) -> None:
    with house.db.read() as c:
        assert rollouts.wanted(c) == [] and rollouts.champion(c, "tea") is None
        assert rollouts.previous_champion(c, "tea") is None


def test_a_new_champion_replaces_the_old_one(house: House) -> None:
    steps(house, (A, "full"), (B, "shadow"), (B, "canary"))
    assert wanted(house) == {A: "full", B: "canary"}
    steps(house, (B, "full"))
    assert wanted(house) == {B: "full"}
    with house.db.read() as c:
        assert rollouts.champion(c, "tea").release == B
        assert rollouts.previous_champion(c, "tea") == A
        assert [row.state for row in rollouts.history(c, "tea")] == ["full", "canary", "shadow", "full"]


def test_what_was_rolled_back_is_neither_wanted_nor_gone_back_to(house: House) -> None:
    steps(house, (A, "full"), (B, "full"), (B, "rolled_back"), (A, "full"), (C, "full"))
    assert wanted(house) == {C: "full"}
    with house.db.read() as c:
        assert rollouts.previous_champion(c, "tea") == A


def test_a_rolled_back_champion_uncovers_the_one_before(house: House) -> None:
    steps(house, (A, "full"), (B, "full"), (B, "rolled_back"))
    assert wanted(house) == {A: "full"}


def test_releases_are_numbered_within_their_app_and_added_once(house: House) -> None:
    steps(house)
    again = house.db.write(lambda c: releases.add(c, B, "tea", None, {}, "ready", 1))
    with house.db.read() as c:
        assert [releases.number(c, release) for release in (A, B, C)] == [1, 2, 3] and again == 2
        assert [row.id for row in releases.of_app(c, "tea", limit=2)] == [C, B]
    other = house.db.write(lambda c: releases.add(c, "12" * 32, "mugs", None, {}, at=1))
    assert other == 1


def test_what_a_web_serves_is_its_latest_row_of_each_release(house: House) -> None:
    def write(c: Any) -> None:
        servings.append(c, "host", "web-1", "tea", A, "fp32", "ready", 1)
        servings.append(c, "host", "web-1", "tea", A, "fp32", "gone", 2)
        servings.append(c, "host", "web-1", "tea", B, "fp32", "ready", 2)
        servings.append(c, "host", "web-2", "tea", A, "fp32", "ready", 3)

    house.db.write(write)
    with house.db.read() as c:
        assert {(row.release, row.state) for row in servings.current(c, "web-1")} == {(A, "gone"), (B, "ready")}
        assert len(servings.current(c)) == 3
