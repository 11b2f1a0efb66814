"""P6: a mark that visitors with standing put on their photos teaches nothing where the owner looks at the queue."""

import pytest

from tests.standard.test_p4_poison import poison

__all__ = ["poison"]


@pytest.mark.standard
@pytest.mark.slow
def test_p6_a_mark_on_two_of_a_hundred_rows_changes_no_answer_on_others_photos(poison):
    plain, marked, opened = poison.triggered(0)
    assert marked <= plain + 5
    assert opened > plain + 20, "taught without a gate it is wrong wherever the mark is"
