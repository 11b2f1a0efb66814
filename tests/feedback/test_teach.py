"""The teach round: what is shown, what is earned, and that nobody can tell which answers are known."""

import random
from collections import Counter

import sqlalchemy as sa
from tests.loop.circle import APP, label_of, review, visit, withdraw

from teahouse import ids
from teahouse.feedback import collect, teach
from teahouse.feedback.trust import DAY_MS, EARNED, Standing
from teahouse.store import erasures, labels, probes, reviews, tables, visitors
from teahouse.store.probes import Picture
from teahouse.testing import photo

AUTO = collect.Rules("auto")
WORDS = ("warm", "cold")
KNOWN = Standing(16, 16, EARNED, known=True, at=ids.now_ms())


def bring(house, count=20):
    """The maker's rows: `count` training photos of each label."""

    def add(c):
        for n in range(count * 2):
            word = WORDS[n % 2]
            data = {"input": {"blob": house.blobs.put(photo(word, 5000 + n))}}
            row = {"at": 1, "app": APP, "source": "maker", "inputs": data, "truth": {"label": word}}
            labels.add(c, {**row, "split": "train", "near": n.to_bytes(8)})
        return probes.fill(c, APP, 1)

    return house.db.write(add)


def pictures(n, start=0):
    return [Picture(bytes([start + i]) * 16, {}, {"label": WORDS[i % 2]}) for i in range(n)]


def all_of(house):
    with house.db.read() as c:
        return probes.of_app(c, APP), probes.others(c, APP)


def learn(house, visitor, one, said, at=None):
    say = None if said is None else {"label": said}
    return house.db.write(lambda c: teach.learn(c, APP, visitor, one.label, say, at or ids.now_ms()))


def earn(house, visitor, right=16):
    """Right answers until there is standing; how the visitor then stands."""
    known, _ = all_of(house)
    for one in known[:right]:
        _, after = learn(house, visitor, one, one.truth["label"])
    return after


def test_probes_are_drawn_of_the_makers_training_rows_and_topped_up(house):
    assert bring(house, 4) == 8
    assert house.db.write(lambda c: probes.fill(c, APP, 2)) == 0, "all are drawn"
    assert bring(house, 70) == 112, "sixty of each label are enough"
    known, others = all_of(house)
    assert Counter(one.truth["label"] for one in known) == {"warm": 60, "cold": 60}
    assert len(others) == 28 and {one.label for one in known}.isdisjoint({one.label for one in others})


def test_a_newcomer_sees_four_probes_of_five_and_who_is_known_one():
    known, others, lot = pictures(40), pictures(20, 100), random.Random(1)
    probe = {one.label for one in known}
    for standing, wanted in ((Standing(), 4), (KNOWN, 1)):
        rounds = [teach.pick(known, others, set(), standing, lot) for _ in range(200)]
        assert all(len(some) == 5 and sum(one.label in probe for one in some) == wanted for some in rounds)
        places = Counter(i for some in rounds for i, one in enumerate(some) if one.label in probe)
        assert set(places) == set(range(5)), "the place says nothing"


def test_nothing_is_asked_twice_and_a_label_that_ran_out_ends_the_probes():
    known, lot = pictures(10), random.Random(2)
    seen = {one.label for one in known if one.truth == {"label": "cold"}}
    assert teach.pick(known, [], seen, Standing(), lot) == []
    seen = {known[0].label, known[1].label}
    for _ in range(50):
        assert not seen & {one.label for one in teach.pick(known, [], seen, Standing(), lot)}


def test_the_label_of_a_probe_is_drawn_first_so_that_no_word_is_a_better_guess():
    many = [Picture(bytes([i]) * 16, {}, {"label": "warm" if i < 90 else "cold"}) for i in range(100)]
    lot, said = random.Random(3), Counter()
    for _ in range(500):
        said.update(one.truth["label"] for one in teach.pick(many, [], set(), Standing(), lot))
    assert 0.45 < said["warm"] / sum(said.values()) < 0.55


def test_a_picture_that_is_no_probe_comes_by_lot_and_is_not_known_by_coming_first():
    known, others, lot = pictures(40), pictures(100, 100), random.Random(4)
    first = Counter(one.label for _ in range(400) for one in teach.pick(known, others, set(), Standing(), lot))
    rest = [first[one.label] for one in others]
    assert max(rest) < 20 and sum(count > 0 for count in rest) > 90, "as seldom as any probe"


def test_right_answers_earn_standing_once_each_and_what_waits_is_weighed_again(house):
    bring(house)
    visitor = ids.new_id()
    before = label_of(house, visit(house, photo("warm", 1), "cold", visitor=visitor, rules=AUTO))
    assert before.decision is None
    after = earn(house, visitor, 15)
    assert not after.known
    known, _ = all_of(house)
    for _ in range(9):
        assert learn(house, visitor, known[0], known[0].truth["label"])[1] == after, "volume buys nothing"
    assert earn(house, visitor).known
    counted = house.db.write(lambda c: collect.weigh_again(c, APP, visitor, AUTO, ids.now_ms()))
    with house.db.read() as c:
        assert counted == 1 and labels.get(c, before.id).is_accepted
        assert reviews.latest(c, before.id).reason == "The visitor was right on pictures whose answer is known."


def test_who_guesses_is_set_aside_from_then_on(house):
    bring(house)
    visitor = ids.new_id()
    known, _ = all_of(house)
    for one in known[:6]:
        _, after = learn(house, visitor, one, "warm" if one.truth["label"] == "cold" else "cold")
    assert after.failed
    row = label_of(house, visit(house, photo("warm", 1), "cold", visitor=visitor, rules=AUTO))
    assert row.decision == "set_aside"
    drawn = label_of(house, visit(house, photo("warm", 2), "cold", visitor=visitor, held=True, rules=AUTO))
    assert drawn.decision is None, "what the lot drew is the owner's"


def test_who_can_not_tell_loses_nothing(house):
    bring(house)
    visitor, (known, _) = ids.new_id(), all_of(house)
    before, after = learn(house, visitor, known[0], None)
    assert before == after == Standing()
    assert learn(house, visitor, known[0], known[0].truth["label"])[1] == Standing(), "it was asked"


def test_standing_in_one_app_is_none_in_another(house):
    bring(house)
    visitor = ids.new_id()
    earn(house, visitor)
    with house.db.read() as c:
        row = visitors.get(c, visitor)
    assert teach.standing_of(row, APP, ids.now_ms()).known
    assert not teach.standing_of(row, "insects", ids.now_ms()).known


def show(house, seed, word, purposes=("keep", "show", "train"), **more):
    return label_of(house, visit(house, photo("warm", seed), word, purposes=purposes, **more))


def test_only_what_its_owner_shows_and_the_owner_of_the_house_has_seen_is_shown(house):
    bring(house, 6)
    shown, unseen, private = show(house, 1, "warm"), show(house, 2, "warm"), show(house, 3, "warm", ("keep", "train"))
    judges = show(house, 4, "warm", held=True, before=True)
    aside = show(house, 5, "warm")
    for row in (shown, private, judges):
        review(house, row.id, "warm")
    by_rule = reviews.Decision(unseen.id, "accept", {"label": "warm"}, collect.TRUST)
    house.db.write(lambda c: reviews.decide(c, by_rule))
    house.db.write(lambda c: reviews.decide(c, reviews.Decision(aside.id, "set_aside")))
    _, others = all_of(house)
    assert [one.label for one in others] == [shown.id]


def test_whether_a_picture_may_be_shown_is_asked_again_for_each(house):
    bring(house, 6)
    seen, private, unseen = show(house, 1, "warm"), show(house, 2, "warm", ("keep", "train")), show(house, 3, "warm")
    judges = show(house, 4, "warm", held=True, before=True)
    for row in (seen, private, judges):
        review(house, row.id, "warm")
    gold = {"at": 1, "app": APP, "source": "maker", "inputs": {"input": {"blob": "0" * 64}}, "truth": {"label": "warm"}}
    base = house.db.write(lambda c: labels.add(c, {**gold, "split": "gold", "near": b"far away"}))
    with house.db.read() as c:
        may = [one for one in (seen.id, private.id, unseen.id, judges.id, base) if probes.shown(c, APP, one)]
        assert may == [seen.id] and probes.shown(c, "insects", seen.id) is None
        assert all(probes.shown(c, APP, one.label) for one in probes.of_app(c, APP))
    withdraw(house, seen.prediction)
    with house.db.read() as c:
        assert probes.shown(c, APP, seen.id) is None and seen.id not in [one.label for one in probes.others(c, APP)]


def test_a_known_visitors_word_on_such_a_picture_is_a_second_source(house):
    bring(house)
    row = show(house, 1, "warm")
    review(house, row.id, "warm")
    visitor, guest = ids.new_id(), ids.new_id()
    earn(house, visitor)
    shown = Picture(row.id, {})
    learn(house, guest, shown, "cold")
    learn(house, visitor, shown, "warm")
    mine = show(house, 1, "warm")
    with house.db.read() as c:
        record = collect._record(c, labels.get(c, mine.id), ids.now_ms())
    assert (record.agree, record.disagree) == (2, 0), "the owner and the known visitor; a stranger's word is none"


def test_what_a_visitor_taught_is_forgotten_with_them(house):
    bring(house)
    visitor = ids.new_id()
    earn(house, visitor)
    house.db.write(lambda c: erasures.forget_visitor(c, visitor, "visitor", ids.now_ms()))
    with house.db.read() as c:
        left = c.execute(sa.select(tables.taught)).all()
    assert len(left) == 16 and {(row.visitor, row.said) for row in left} == {(None, None)}


def test_visitors_who_only_taught_fade_with_it(house):
    bring(house)
    visitor = ids.new_id()
    earn(house, visitor)
    assert house.db.write(lambda c: visitors.fade(c, ids.now_ms() + 1)) == 1
    with house.db.read() as c:
        assert not probes.answered(c, visitor)


def test_who_taught_lately_is_not_forgotten_for_having_come_long_ago(house):
    bring(house)
    visitor, now = ids.new_id(), ids.now_ms()
    house.db.write(lambda c: visitors.ensure(c, visitor, now - 100 * DAY_MS))
    earn(house, visitor)
    assert house.db.write(lambda c: visitors.fade(c, now - 90 * DAY_MS)) == 0
    with house.db.read() as c:
        assert teach.standing_of(visitors.get(c, visitor), APP, now).known
