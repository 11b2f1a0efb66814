"""Tastes: what visitors said of pictures of seeds becomes rows, one a seed, and nobody says too much."""

import pytest

from teahouse import App, Choice, Image, Number, Seed
from teahouse.feedback import tastes
from teahouse.store.feedback import Rate
from teahouse.testing import tiny_declaration


def rate(seed, value="love", visitor=b"v", arm="pool", network=None, prediction=b"p"):
    return Rate(seed, prediction, visitor, value, network, arm)


def declared(name="colour", **fields):
    return App(title="Seeds", name=name, input=fields, output=Image(size=32)).declaration()


@pytest.fixture
def told(monkeypatch):
    """Lets an app have these words and no rows; what they would change."""

    def changes(rates, declaration):
        monkeypatch.setattr(tastes.feedback, "rates", lambda c, app: rates)
        monkeypatch.setattr(tastes.feedback, "last_seq", lambda c: len(rates))
        monkeypatch.setattr(tastes.labels, "of_app", lambda c, app, sources: [])
        return tastes.changes(None, "colour", declaration, 1)

    return changes


def test_an_app_learns_from_words_on_seeds_where_it_makes_pictures_and_needs_nobody():
    assert tastes.are_taken(tiny_declaration(kind="seed"))
    assert tastes.are_taken(declared(seed=Seed(), glaze=Choice("blue", "green", start="blue")))
    assert not tastes.are_taken(tiny_declaration(kind="picture"))
    assert not tastes.are_taken(tiny_declaration())
    assert not tastes.are_taken(declared(seed=Seed(), glaze=Choice("blue", "green")))
    assert not tastes.are_taken(declared(one=Seed(), two=Seed()))


def test_a_seed_has_one_row_with_how_many_of_how_many_loved_it(told):
    found = told([rate(1), rate(1, "meh", b"w"), rate(2, visitor=b"w")], tiny_declaration(kind="seed"))
    assert [(row["inputs"], row["truth"], row["source"]) for row in found.new] == [
        ({"input": 1}, {"loved": 1, "of": 2}, "import"),
        ({"input": 2}, {"loved": 1, "of": 1}, "import"),
    ]
    assert (found.words, found.until) == (3, 3)


def test_a_visitor_counts_once_a_seed_whichever_release_had_made_it(told):
    found = told([rate(1, prediction=b"p"), rate(1, "meh", prediction=b"q")], tiny_declaration(kind="seed"))
    assert [row["truth"] for row in found.new] == [{"loved": 0, "of": 1}]


def test_one_visitor_gives_five_words_or_a_tenth(told):
    busy = [rate(seed, visitor=b"busy") for seed in range(500)]
    assert told(busy, tiny_declaration(kind="seed")).words == 5
    many = [rate(1000 + n, visitor=bytes([n])) for n in range(90)]
    assert told([*busy, *many], tiny_declaration(kind="seed")).words == 100


def test_one_network_gives_no_more_than_three_tenths_of_many(told):
    bots = [rate(n, visitor=n.to_bytes(4), network=b"one") for n in range(3000)]
    people = [rate(9000 + n, visitor=b"p" + n.to_bytes(4), network=n.to_bytes(4)) for n in range(700)]
    assert told([*bots, *people], tiny_declaration(kind="seed")).words == 1000


def test_words_whose_givers_are_not_known_any_more_still_count(told):
    assert told([rate(n, visitor=None) for n in range(40)], tiny_declaration(kind="seed")).words == 40


def test_where_an_app_takes_more_than_a_seed_only_what_the_house_made_counts(told):
    declaration = declared(seed=Seed(), size=Number(0, 1, start=0.5))
    found = told([rate(1), rate(2, arm="full")], declaration)
    assert [row["inputs"] for row in found.new] == [{"seed": 1, "size": 0.5}]


def test_a_tenth_of_the_seeds_watches_the_training_the_same_in_each_house(told):
    rates = [rate(seed, visitor=None) for seed in range(1000)]
    sides = [row["split"] for row in told(rates, tiny_declaration(kind="seed")).new]
    assert set(sides) == {"train", "validation"}
    assert 60 < sides.count("validation") < 140
    assert sides == [row["split"] for row in told(rates, tiny_declaration(kind="seed")).new]
