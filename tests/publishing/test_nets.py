"""Which of the things that a net returns is its answer, and when a second one is a score."""

import numpy
import pytest

from teahouse import Image, Labels
from teahouse.model.session import Session
from teahouse.spec.app import App

torch = pytest.importorskip("torch")
from teahouse.publishing import nets  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.long]


class Two(torch.nn.Module):
    """What it gives for a picture, and a number for each: a loss of a VAE, a value of a policy, or a score."""

    def __init__(self, pictures: bool, column: bool = False) -> None:
        super().__init__()
        self.pictures, self.column = pictures, column
        self.by = torch.nn.Parameter(torch.ones(1))

    def forward(self, x):
        said = x * self.by if self.pictures else x.mean((2, 3)) * self.by
        return said, x.mean((1, 2, 3))[:, None] if self.column else x.mean((1, 2, 3))


@pytest.mark.parametrize(("pictures", "column", "outputs"), [(False, False, 1), (False, True, 1), (True, True, 2)])
def test_a_second_number_is_a_score_of_pictures_alone_and_the_maker_is_told(tmp_path, pictures, column, outputs):
    app = App(title="Two", input=Image(8), output=Image(8) if pictures else Labels("a", "b", "c"))
    batch = {"input": numpy.random.default_rng(1).random((4, 3, 8, 8), numpy.float32)}
    _, notes, _ = nets.make(Two(pictures, column).eval(), app, [batch], tmp_path)
    assert len(Session(tmp_path).outputs) == outputs
    (note,) = notes
    assert ("likes each picture" in note) == pictures and ("first one is the answer" in note) != pictures


@pytest.mark.parametrize(
    ("made", "score"),
    [
        ((torch.ones(2, 3, 4, 4), torch.ones(2)), True), ((torch.ones(2, 3, 4, 4), torch.ones(2, 5)), False),
        ((torch.ones(2, 3), torch.ones(2)), False), ((torch.ones(2, 3, 4, 4), None), False),
        ((torch.ones(2, 3, 4, 4), torch.ones(2), torch.ones(2)), False), (torch.ones(2, 3, 4, 4), False),
    ],
)  # fmt: skip
def test_only_one_number_a_picture_can_be_a_score(made, score):
    assert nets.has_score(made) is score
