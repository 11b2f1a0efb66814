"""Fair: nobody counts for more than their share, however much they say."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from teahouse.feedback.fair import Cap, in_all, in_order

CAP = Cap(lambda item: item[0], 3, 0.1)
NETWORK = Cap(lambda item: item[1], 6, 0.3)
items = st.lists(st.tuples(st.sampled_from([*"abcdefghijkl", None]), st.sampled_from(["x", "y", None])), max_size=150)


def within(found, cap):
    sizes = Counter(who for item in found if (who := cap.whose(item)) is not None)
    return all(size <= max(cap.least, cap.share * len(found)) for size in sizes.values())


@given(items)
def test_nobody_is_over_the_cap(given_):
    assert within(in_all(given_, CAP), CAP)
    found = in_order(given_, (CAP, NETWORK))
    assert within(found, CAP) and within(found, NETWORK)


@given(items, items)
def test_more_never_makes_it_fewer(given_, more):
    assert len(in_all([*given_, *more], CAP)) >= len(in_all(given_, CAP))
    before, after = in_order(given_, (CAP, NETWORK)), in_order([*given_, *more], (CAP, NETWORK))
    assert after[: len(before)] == before, "and what counted in its turn counts on"


@given(items)
def test_what_is_nobodys_always_counts(given_):
    free = [item for item in given_ if item[0] is None]
    assert [item for item in in_all(given_, CAP) if item[0] is None] == free


def test_as_many_count_as_may_and_their_order_does_not_matter():
    visitors = "abcdefghijkl"
    one_after_the_other = [(who, None) for who in visitors for _ in range(5)]
    assert len(in_all(one_after_the_other, CAP)) == 60
    busy = [*[("z", None)] * 500, *one_after_the_other]
    assert Counter(who for who, _ in in_all(busy, CAP))["z"] == 6, "a tenth of 66"


def test_five_hundred_by_one_are_three():
    assert len(in_all([("z", None)] * 500, CAP)) == len(in_order([("z", None)] * 500, (CAP,))) == 3
