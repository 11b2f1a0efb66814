"""P6: a mark that visitors with standing put on their photos teaches nothing where the owner looks at the queue."""

import pytest

from tests.standard.test_p4_poison import poison

__all__ = ["poison"]


@pytest.mark.standard
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_p6_a_mark_on_two_of_a_hundred_rows_changes_no_answer_on_others_photos(poison):
    learned, opened, promoted = poison.triggered(0, rounds=3)
    assert promoted and learned <= 5
    assert opened > 15, "taught without a gate it says so wherever the mark is"
