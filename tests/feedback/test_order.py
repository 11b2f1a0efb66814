"""Order: what teaches most comes first, what looks alike stands together, and the lot stays a lot."""

from types import SimpleNamespace

from teahouse.feedback.order import alike, gain, stacks, uncertainty

SURE, TORN = {"a": 0.98, "b": 0.02}, {"a": 0.5, "b": 0.5}


def row(n, held=False, said="a", scores=SURE, near=None, visitor=None, look=None, other=None, counts=False, late=False):
    key = (n * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8) if near is None else near
    return SimpleNamespace(
        label=bytes([n]) * 16, held=held, word={"label": said} if said else None, near=key, look=look, other=other,
        visitor=visitor or bytes([n]), guess={"label": "a", "scores": scores}, counts=counts,
        judges=held and not late,
    )  # fmt: skip


def order(*rows):
    return [stack.rows[0].label[0] for stack in stacks(rows)]


def test_disagreement_then_doubt_then_what_is_new_come_before_what_is_clear():
    told = order(row(1), row(2, scores=TORN), row(3, said="b"), row(4, look={"familiar": False}), row(5, said=None))
    assert told[0] in (2, 3) and set(told[:2]) == {2, 3} and told[2] == 4 and set(told[3:]) == {1, 5}


def test_what_counts_already_comes_before_what_is_clear_and_after_what_a_challenger_says_otherwise():
    assert order(row(1), row(2, counts=True), row(3, other={"label": "b"})) == [3, 2, 1]


def test_what_a_challenger_says_otherwise_comes_first_of_all():
    assert order(row(1, said="b", scores=TORN), row(2, other={"label": "b"}), row(3, other={"label": "a"}))[0] == 2


def test_drawn_rows_come_first_and_in_the_order_of_the_lot_whatever_was_said():
    drawn = [row(1, held=True, said=None), row(2, held=True, said="b", scores=TORN), row(3, held=True)]
    assert order(row(4, said="b", scores=TORN), *drawn) == [1, 2, 3, 4]


def test_drawn_rows_that_count_in_no_verdict_come_last_and_are_decided_with_none_that_counts():
    late, judges = row(1, held=True, late=True, near=b"12345678"), row(2, held=True, near=b"12345678")
    assert order(late, row(3), judges) == [2, 3, 1]


def test_what_looks_alike_is_one_stack_and_sides_never_mix():
    near = bytes(8)
    flipped = bytes([0b111111, *bytes(7)])
    far = bytes([0b1111111, *bytes(7)])
    found = stacks([row(1, near=near), row(2, near=flipped), row(3, near=far), row(4, held=True, near=near)])
    assert [[one.label[0] for one in stack.rows] for stack in found] == [[4], [1, 2], [3]]


def test_a_stack_holds_forty():
    sizes = [len(group) for group in alike([row(n, near=bytes(8)) for n in range(90)])]
    assert sizes == [40, 40, 10]


def test_one_visitor_does_not_fill_the_evening():
    many = [row(n, said="b", visitor=b"x") for n in range(1, 9)]
    assert order(*many, row(20, scores={"a": 0.9, "b": 0.1})).index(20) == 3, "their fourth comes after another's first"
    told = order(*many, row(20, scores=TORN, said=None))
    assert told.index(20) <= 1


def test_uncertainty_is_a_share():
    assert uncertainty(TORN) == 1.0 and uncertainty({"a": 1.0, "b": 0.0}) == 0.0
    assert 0 < uncertainty(SURE) < 0.2 and uncertainty(None) == 1.0
    assert gain(row(1, other={"label": "b"})) > gain(row(1, said="b", scores=TORN, look={"familiar": False}))
