"""Pictures: a challenger waits beside the champion until visitors have chosen, then it takes over or goes."""

import pytest

from teahouse import datasets
from teahouse.feedback import collect, erase
from teahouse.loop import maker
from teahouse.store import jobs, labels, lineage, rollouts
from teahouse.testing import install_tiny, photo, whole_house

from .guests import asked, carry_out, compare, guest, pooled, say, settle


@pytest.fixture
def site(tmp_path):
    with whole_house(tmp_path, kind="seed") as site:
        site.deps.settings.loop.retrain_after = 8
        site.deps.settings.loop.canary_share = 0.0  # choices alone are looked at here
        site.house.db.write(lambda c: datasets.build(c, site.house, site.name))
        settle(site)
        yield site


def candidate(site, note="two"):
    """A release that a training made just now; its id."""
    release = install_tiny(site.house, note=note, state="canary", kind="seed")

    def unwrite(c):
        c.exec_driver_sql("DELETE FROM rollouts WHERE release = ?", (release,))

    site.house.db.write(unwrite)
    return release


def judged(site, release):
    return carry_out(site, kind="judge", release=release)


def beside(site, note="two"):
    """A candidate that is shown beside the champion by now; its id."""
    release = candidate(site, note)
    done = judged(site, release)
    assert (done.state, done.detail["outcome"], done.detail["beside"]) == ("done", "hold", True), done.detail
    settle(site)
    return release


def states(site):
    with site.house.db.read() as c:
        return {release: row.state for release, row in rollouts.standing(c, site.name).items()}


def choose(site, release, wins, of, start=0):
    """So many visitors compare a picture of each; the first `wins` of them like this release's better."""
    for number in range(of):
        liked = number < wins
        compare(site, guest(site, start + number), lambda second, first, liked=liked: liked)


def test_a_challenger_waits_for_choices_and_visitors_see_it_beside_the_champion(site):
    release = beside(site)
    assert states(site) == {site.release: "full", release: "shadow"}
    with site.house.db.read() as c:
        verdict = lineage.verdict_on(c, release)
    assert (verdict.outcome, verdict.numbers["measured_on"], verdict.numbers["missing"]) == ("hold", "choices", 30)
    assert "waits for choices" in verdict.reasons[0]["words"]
    first = pooled(site)[0]
    second = guest(site, 1).post(f"/api/apps/{site.name}/predictions", json={}, headers={"X-Beside": first["id"]})
    assert second.json()["release"] == release


def test_the_thirtieth_choice_asks_for_the_verdict_and_the_better_one_takes_over(site):
    release = beside(site)
    choose(site, release, wins=24, of=29)
    assert asked(site, "judge") == []
    choose(site, release, wins=1, of=1, start=100)
    (job,) = asked(site, "judge")
    done = carry_out(site, job)
    assert (done.detail["outcome"], done.detail["promoted"]) == ("promote", True), done.detail
    assert done.detail["words"].startswith("25 of 30 preferred it.")
    assert states(site)[release] == "full"
    with site.house.db.read() as c:
        assert rollouts.champion(c, site.name).release == release


def test_one_that_visitors_like_less_is_taken_away(site):
    release = beside(site)
    choose(site, release, wins=5, of=30)
    done = carry_out(site, *asked(site, "judge"))
    assert (done.state, done.detail["outcome"]) == ("refused", "reject")
    assert states(site) == {site.release: "full", release: "rolled_back"}


def test_one_that_may_be_luck_stays_and_is_looked_at_again_at_sixty(site):
    release = beside(site)
    choose(site, release, wins=17, of=30)
    assert carry_out(site, *asked(site, "judge")).detail["missing"] == 30
    assert states(site)[release] == "shadow"
    choose(site, release, wins=28, of=30, start=100)
    assert carry_out(site, *asked(site, "judge")).detail["outcome"] == "promote"


def test_one_visitor_and_one_network_choose_a_few_times_and_no_more(site):
    beside(site)
    busy = guest(site, 1)
    for _ in range(40):
        compare(site, busy, lambda second, first: True)
    assert asked(site, "judge") == []


def test_a_challenger_for_photos_is_compared_on_the_visitors_own_photo(tmp_path):
    with whole_house(tmp_path, kind="picture") as site:
        site.deps.settings.loop.canary_share = 0.0  # choices alone are looked at here
        site.house.db.write(lambda c: datasets.build(c, site.house, site.name))
        release = install_tiny(site.house, note="two", state="canary", kind="picture")
        site.house.db.write(lambda c: c.exec_driver_sql("DELETE FROM rollouts WHERE release = ?", (release,)))
        assert judged(site, release).detail["beside"] is True
        settle(site)
        for number in range(30):
            given = {"content": photo("warm", number), "headers": {"Content-Type": "image/jpeg"}}
            client, address = guest(site, number), f"/api/apps/{site.name}/predictions"
            first = client.post(address, **given).json()
            given["headers"] |= {"X-Beside": first["id"], "X-Receipt": first["receipt"]}
            second = client.post(address, **given).json()
            assert second["release"] == release
            say(client, second["id"], "choose", True, other=first["id"])
        done = carry_out(site, *asked(site, "judge"))
        assert (done.detail["outcome"], done.detail["promoted"]) == ("promote", True), done.detail


def test_a_newer_candidate_takes_an_older_ones_place(site):
    older = beside(site)
    newer = beside(site, "three")
    assert states(site) == {site.release: "full", older: "rolled_back", newer: "shadow"}


def test_what_the_owner_took_off_is_not_shown_again_by_the_loop(site):
    release = candidate(site)
    site.house.db.write(lambda c: rollouts.append(c, site.name, release, "rolled_back", 0, "owner", ""))
    assert "beside" not in judged(site, release).detail
    assert states(site)[release] == "rolled_back"


def test_one_that_can_not_start_is_refused_and_never_shown(site):
    release = candidate(site)
    model = site.house.releases / release / "model.onnx"
    model.chmod(0o600)
    model.write_bytes(b"no model")
    done = judged(site, release)
    assert (done.state, done.detail["reasons"][0]["code"]) == ("refused", "check-failed")
    assert release not in states(site)


def test_the_first_release_needs_nobodys_choice(site):
    def unwrite(c):
        c.exec_driver_sql("DELETE FROM rollouts")

    site.house.db.write(unwrite)
    done = judged(site, site.release)
    assert (done.detail["outcome"], done.detail["promoted"], done.detail["reasons"][0]["code"]) == (
        "promote",
        True,
        "first",
    )


def love(site, client, count, value="love"):
    """This visitor rates so many pictures of the pool."""
    seen = {}
    while len(seen) < count:
        seen |= {one["id"]: one for one in pooled(site)}
    for one in list(seen.values())[:count]:
        say(client, one["id"], "rate", value)
    return list(seen.values())[:count]


def test_enough_new_words_ask_for_a_training_and_its_version_holds_them(site):
    for number in range(2):
        love(site, guest(site, number), 3)
    assert asked(site, "retrain") == []
    love(site, guest(site, 7), 5, "meh")
    (job,) = asked(site, "retrain")
    assert job.by == collect.LOOP and job.args["new"] == 8


def test_while_visitors_compare_no_other_training_is_asked_for(site):
    beside(site)
    for number in range(4):
        love(site, guest(site, number), 4)
    assert asked(site, "retrain") == []


def test_many_words_of_one_visitor_are_few(site):
    love(site, guest(site, 1), 20)
    assert asked(site, "retrain") == []


def words_of(site):
    with site.house.db.read() as c:
        return {row.inputs["input"]: row.truth for row in labels.of_app(c, site.name, sources=["import"])}


def take(site):
    return maker.take_words(site.house, site.name)


def test_words_become_rows_of_seeds_and_the_next_version_knows_the_next_words(site):
    one, other = guest(site, 1), guest(site, 2)
    (first, second) = love(site, one, 2)
    say(other, first["id"], "rate", "meh")
    assert take(site) == {"words": 3, "words_until": 3}
    assert words_of(site) == {first["seed"]: {"loved": 1, "of": 2}, second["seed"]: {"loved": 1, "of": 1}}
    frozen = site.house.db.write(lambda c: datasets.build(c, site.house, site.name, 3))
    assert {str(row["truth"]) for row in datasets.rows_of(site.house, frozen)} == {
        "{'loved': 1, 'of': 2}",
        "{'loved': 1, 'of': 1}",
    }
    assert (frozen.counts["words"], frozen.counts["words_until"]) == (3, 3)
    say(one, first["id"], "rate", "meh")  # a change of mind
    take(site)
    assert words_of(site)[first["seed"]] == {"loved": 0, "of": 2}
    again = site.house.db.write(lambda c: datasets.build(c, site.house, site.name, 4))
    assert (again.new, again.digest != frozen.digest, again.counts["new"]) == (True, True, 0)


def test_what_a_visitor_said_is_out_of_the_next_import_once_they_are_forgotten(site):
    one, other = guest(site, 1), guest(site, 2)
    (first, second) = love(site, one, 2)
    say(other, first["id"], "rate", "meh")
    take(site)
    frozen = site.house.db.write(lambda c: datasets.build(c, site.house, site.name, 3))
    assert one.delete("/api/mine").status_code == 204
    assert carry_out(site, *_erasures(site)).state == "done"
    assert words_of(site) == {first["seed"]: {"loved": 0, "of": 1}}
    with site.house.db.read() as c:
        left = datasets.rows_of(site.house, lineage.version(c, frozen.id))
    assert sum(bool(row.get("erased")) for row in left) == 1, "the row of which nobody's word is left"


def _erasures(site):
    with site.house.db.read() as c:
        return jobs.unfinished(c, "erase")


def test_a_third_of_the_visitors_is_not_kept_back_where_choices_judge(site):
    assert site.deps.serving.app(site.name).held == 0.0


def test_a_seed_that_a_visitor_made_teaches_as_well(site):
    client = guest(site, 3)
    answer = client.post(f"/api/apps/{site.name}/predictions", json={"input": 12345}).json()
    say(client, answer["id"], "rate", "love")
    take(site)
    assert words_of(site) == {12345: {"loved": 1, "of": 1}}


def test_a_row_that_the_owner_erases_is_gone(site):
    love(site, guest(site, 1), 1)
    take(site)
    with site.house.db.read() as c:
        (row,) = labels.of_app(c, site.name, sources=["import"])
    assert site.house.db.write(lambda c: erase.forget_label(c, site.house, row.id, "owner")) == []
    assert words_of(site) == {}
