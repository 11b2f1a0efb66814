"""What counts on a word alone: who vouches for whom, how often one photo counts, and what the owner's look takes."""

from tests.loop.circle import APP, label_of, review, visit

from teahouse import datasets, ids
from teahouse.feedback import audit, collect, order, teach
from teahouse.store import labels, reviews, visitors
from teahouse.testing import photo

AUTO = collect.Rules("auto")


def known(house):
    """A visitor who earned standing on probes; a liar can, who is honest there."""
    visitor, at = ids.new_id(), ids.now_ms()

    def earn(c):
        visitors.ensure(c, visitor, at)
        visitors.stand(c, visitor, APP, teach.standing_after([True] * 20, 2, at))

    house.db.write(earn)
    return visitor


def say(house, seed, word, visitor=None, **more):
    return label_of(house, visit(house, photo("warm", seed), word, visitor=visitor, rules=AUTO, **more))


def decide(house, label, word, like=()):
    decided = reviews.Decision(label, "accept", {"label": word})
    return house.db.write(lambda c: audit.decide(c, decided, like, AUTO))


def accepted(house, visitor=None):
    with house.db.read() as c:
        return {row.id for row in labels.of_app(c, APP) if row.is_accepted and (not visitor or row.visitor == visitor)}


def test_who_has_earned_nothing_vouches_for_nobody(house):
    first = say(house, 1, "cold", known(house))
    second = say(house, 1, "cold")
    assert first.is_accepted and second.is_accepted, "a second trusted source"
    house.db.write(lambda c: reviews.decide(c, reviews.Decision(first.id, "set_aside")))
    assert not say(house, 1, "cold").is_accepted, "the second one only repeated it"


def test_what_the_release_took_to_be_impossible_waits_until_the_owner_said_so_of_one_like_it(house):
    visitor = known(house)
    assert say(house, 1, "cold", visitor, sure=0.9).is_accepted
    first = say(house, 2, "cold", visitor, sure=0.99)
    assert first.decision is None and say(house, 3, "warm", visitor, sure=0.99).is_accepted
    assert not say(house, 1, "cold", known(house), sure=0.99).is_accepted, "another visitor's word is no look"
    decide(house, first.id, "cold")
    assert say(house, 2, "cold", known(house), sure=0.99).is_accepted, "the owner has looked"


def test_copies_of_one_liars_photo_do_not_carry_it_in_again_and_again(house):
    say(house, 1, "cold", known(house))
    crowd = [say(house, 1, "cold") for _ in range(8)]
    assert [row.is_accepted for row in crowd] == [True] + [False] * 7
    assert {row.decision for row in crowd[1:]} == {None}, "the owner decides"


def test_nobody_is_their_own_second_source(house):
    shown = label_of(house, visit(house, photo("warm", 1), "warm", purposes=("keep", "show", "train")))
    review(house, shown.id, "warm")
    visitor = known(house)
    house.db.write(lambda c: teach.learn(c, APP, visitor, shown.id, {"label": "warm"}, ids.now_ms()))
    mine = label_of(house, visit(house, photo("warm", 1), "warm", visitor=visitor))
    with house.db.read() as c:
        assert collect._record(c, labels.get(c, mine.id), ids.now_ms()).agree == 1, "the owner alone"


def test_a_sample_of_what_counted_on_a_word_comes_to_the_owner(house):
    for seed in range(120):
        by_rule = reviews.Decision(say(house, seed, "cold").id, "accept", {"label": "cold"}, collect.TRUST)
        house.db.write(lambda c, by_rule=by_rule: reviews.decide(c, by_rule))
    held = say(house, 500, "cold", held=True)
    with house.db.read() as c:
        rows = reviews.queue(c, APP)
        told = {stack.rows[0].label for stack in order.stacks(rows)}
        left = reviews.left(c, APP)
    drawn = {row.label for row in rows if row.counts}
    assert len(accepted(house)) == 120 and drawn < accepted(house)
    assert 7 <= len(drawn) <= 41, "one in five, by lot: 24, give or take four deviations"
    assert told == drawn | {held.id} and left == len(drawn) + 1
    one = sorted(drawn)[0]
    decide(house, one, "cold")
    with house.db.read() as c:
        assert reviews.left(c, APP) == left - 1 and labels.get(c, one).is_accepted
        assert len(accepted(house)) == 120, "who was right is not touched"


def test_whose_word_was_wrong_counts_for_nothing_until_the_owner_saw_them_right(house):
    liar, honest = known(house), known(house)
    lies = [say(house, seed, "cold", liar) for seed in range(5)]
    echo = say(house, 4, "cold")
    own = [say(house, 20 + seed, "cold", honest) for seed in range(3)]
    assert len(accepted(house)) == 9 and echo.is_accepted
    decide(house, lies[0].id, "warm")
    assert accepted(house, liar) == {lies[0].id}, "the owner's word"
    assert accepted(house) == {lies[0].id, *(row.id for row in own)}, "and nobody echoes it any more"
    with house.db.read() as c:
        assert {row.label for row in reviews.queue(c, APP) if not row.counts} == {row.id for row in (*lies[1:], echo)}
        version = datasets.choose(labels.of_app(c, APP), set())[0]
    assert {row.visitor for row in version} == {liar, honest} and len(version) == 4
    assert say(house, 40, "cold", liar).decision is None, "and it stays so"
    for row in lies[1:4]:
        decide(house, row.id, "cold")
    assert say(house, 41, "cold", liar).decision is None, "three of four"
    decide(house, lies[4].id, "cold")
    assert say(house, 42, "cold", liar).is_accepted, "four of five: it was a slip"


def test_a_slip_of_the_owners_key_takes_nothing_away(house):
    visitor = known(house)
    rows = [say(house, seed, "cold", visitor) for seed in range(5)]
    echo = say(house, 3, "cold")
    before = accepted(house)
    decide(house, rows[0].id, "warm")
    assert accepted(house) != before
    undone = house.db.write(lambda c: audit.undo(c, labels.OWNER, ids.now_ms(), rows[0].id, AUTO))
    assert undone == rows[0].id and accepted(house) == before - {echo.id}
    with house.db.read() as c:
        assert labels.get(c, echo.id).decision is None, "it waits: nothing is lost"


def test_a_visitor_is_doubted_by_training_photos_alone_and_in_one_app(house):
    visitor = known(house)
    judges = say(house, 1, "cold", visitor, held=True, before=True)
    decide(house, judges.id, "warm")
    with house.db.read() as c:
        assert not collect.is_doubted(c, APP, visitor), "what judges releases judges nobody else"
    decide(house, say(house, 2, "cold", visitor).id, "warm")
    with house.db.read() as c:
        assert collect.is_doubted(c, APP, visitor) and not collect.is_doubted(c, "insects", visitor)
