"""The pool's pictures, and what visitors said of pictures: as rows come in and as they are asked for."""

import sqlalchemy as sa
from tests.store.conftest import RELEASE

from teahouse import ids
from teahouse.store import feedback, held, pool, predictions, tables

OTHER = "cd" * 32


def say(house, prediction, visitor, value="love", kind="rate", **more):
    said = feedback.Said(
        ids.new_id(), prediction, visitor, ids.text(ids.new_id()), kind, value, more.pop("at", 1), **more
    )
    house.db.write(lambda c: feedback.say(c, said))


def challenger(house):
    from teahouse.store import releases

    house.db.write(lambda c: releases.add(c, OTHER, "tea", None, {"format": 1}, at=1))


def test_the_pool_holds_a_seed_of_a_release_once_and_names_its_blob(house, predict):
    blob, (first, second) = house.blobs.put(b"picture"), (predict(arm="pool", seed=7), predict(arm="pool", seed=7))
    assert house.db.write(lambda c: pool.add(c, "tea", RELEASE, 7, first, blob, 0.5))
    assert not house.db.write(lambda c: pool.add(c, "tea", RELEASE, 7, second, blob, 0.9))
    with house.db.read() as c:
        (row,) = pool.of_release(c, RELEASE)
        assert (row.seed, row.prediction, row.score) == (7, first, 0.5)
        assert pool.of_prediction(c, first).seq == row.seq and pool.of_prediction(c, second) is None
        assert held.unnamed(c, [blob]) == []
    assert house.db.write(lambda c: pool.out(c, first, second)) == [blob]
    with house.db.read() as c:
        assert held.unnamed(c, [blob]) == [blob]


def test_what_other_releases_made_goes_when_it_is_old(house, predict):
    challenger(house)
    made = {release: predict(arm="pool", seed=1, release=release) for release in (RELEASE, OTHER)}
    for release, id_ in made.items():
        house.db.write(
            lambda c, release=release, id_=id_: pool.add(c, "tea", release, 1, id_, release.replace("c", "d"), at=5)
        )
    gone = pool.out_of_releases
    assert house.db.write(lambda c: gone(c, [OTHER], until=5)) == []
    assert house.db.write(lambda c: gone(c, [OTHER], until=6)) == [RELEASE]
    with house.db.read() as c:
        assert len(pool.of_release(c, OTHER)) == 1


def test_rates_are_each_visitors_last_word_on_each_picture_that_came_of_a_seed(house, predict):
    first, second, photo = predict(arm="pool", seed=7), predict(seed=8, network=b"n" * 32), predict()
    ada, bea = ids.new_id(), ids.new_id()
    say(house, first, ada, "meh", network=b"a" * 32)
    say(house, first, bea, "meh")
    say(house, first, ada, "love", network=b"a" * 32)
    say(house, second, ada, "love")
    say(house, photo, ada, "love")
    with house.db.read() as c:
        assert [rate[:5] for rate in feedback.rates(c, "tea")] == [
            (7, first, bea, "meh", None),
            (7, first, ada, "love", b"a" * 32),
            (8, second, ada, "love", b"n" * 32),
        ]
        assert feedback.rated(c, first) == [("meh", None, 0), ("love", b"a" * 32, 0)]
        assert feedback.rates(c, "coffee") == []


def test_choices_tell_winner_and_loser_and_of_a_pair_a_visitors_last_word_alone(house, predict):
    challenger(house)
    old, new, another = predict(), predict(release=OTHER), predict(release=OTHER)
    ada, bea = ids.new_id(), ids.new_id()
    for at, (visitor, winner, loser) in enumerate([(ada, old, new), (bea, new, old), (ada, new, old)]):
        say(house, winner, visitor, True, "choose", other_prediction=loser, at=at)
    say(house, another, ada, True, "choose", other_prediction=new, at=9)
    with house.db.read() as c:
        found = feedback.choices(c, "tea", RELEASE, OTHER)
    assert found == [(OTHER, RELEASE, bea, 1, None), (OTHER, RELEASE, ada, 2, None)]


def test_a_forgotten_visitors_words_count_no_more(house, predict):
    challenger(house)
    made, other, ada = predict(arm="pool", seed=7), predict(arm="pool", seed=8, release=OTHER), ids.new_id()
    say(house, made, ada, network=b"a" * 32)
    say(house, made, ada, True, "choose", other_prediction=other)
    house.db.write(lambda c: feedback.erase_visitor(c, ada))
    with house.db.read() as c:
        assert feedback.rates(c, "tea") == [] == feedback.choices(c, "tea", RELEASE, OTHER)
        assert {row.network for row in c.execute(tables.feedback.select())} == {None}


def test_words_on_the_pool_outlive_who_said_them(house, predict):
    made, mine, ada = predict(arm="pool", seed=7, given=b"g"), predict(seed=8, visitor=ids.new_id()), ids.new_id()
    say(house, made, ada, network=b"a" * 32, at=5)
    say(house, mine, ada, at=5)
    assert house.db.write(lambda c: feedback.fade_pool(c, 5)) == 0
    assert house.db.write(lambda c: feedback.fade_pool(c, 6)) == 1
    with house.db.read() as c:
        assert feedback.rates(c, "tea")[0][:5] == (7, made, None, "love", None)
        assert feedback.latest(c, mine).visitor == ada


def test_the_owners_list_does_not_walk_through_what_nobody_asked_for(house, predict):
    predict(arm="pool", seed=7)
    mine = predict()
    with house.db.read() as c:
        asked = []
        sa.event.listen(c, "before_cursor_execute", lambda *told: asked.append(told[2:4]))
        assert [row.id for row in predictions.page(c, "tea")] == [mine]
        plan = c.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0][0]}", asked[0][1]).all()
    assert "ix_predictions_app_seq" in str(plan)


def test_what_was_made_for_nobody_does_not_fade(house, predict):
    made, mine = predict(arm="pool", seed=7, given=b"g"), predict(seed=8, visitor=ids.new_id(), given=b"g")
    with house.db.read() as c:
        assert [row.id for row in predictions.expired(c, 10)] == [mine] and made is not None
