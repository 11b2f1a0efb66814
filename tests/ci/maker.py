"""A maker's project as a runner checks it out: photos, app.py, train.py and tests, and no house."""

from pathlib import Path

from teahouse.desk.layout import make_project
from teahouse.testing import photo

APP = '''"""Warm or cold?"""

from teahouse import App, Folder, Image, Labels

app = App(title="Warm or cold?", input=Image(size=16), output=Labels("cold", "warm"), data=Folder("photos"))


@app.train
def train(data, run):
    from train import train

    return train(data, run)


@app.check
def red_is_warm(predict):
    import numpy

    if predict(numpy.full((3, 16, 16), 0.5) + numpy.array([0.4, 0, -0.4])[:, None, None])["label"] != "warm":
        raise ValueError("a red photo is said to be cold")
'''
TRAIN = '''"""A straight line through the mean colour."""

import torch
from torch import nn

EPOCHS = 6


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(3, 2)

    def forward(self, photos):
        return self.line(photos.mean((2, 3)) * 4)


def train(data, run):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), 0.05)
    for _ in run.epochs(EPOCHS):
        for photos, labels in data.train.batches(32):
            loss = nn.functional.cross_entropy(net(photos), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log(loss=loss.item())
    return net
'''
TESTS = """def test_the_app_has_two_labels():
    from app import app

    assert app.output.words() == ["cold", "warm"]
"""
BACKWARDS = ("net(photos), labels)", "net(photos), 1 - labels)")


def project(root: Path, photos: int = 160, name: str = "warmth") -> Path:
    """The project's folder, with so many photos a label: warm ones are red, cold ones blue, more or less."""
    import numpy

    make_project(root, name)
    app = root / "apps" / name
    chance = numpy.random.default_rng(0)
    for label, sign in (("warm", 1), ("cold", -1)):
        (app / "photos" / label).mkdir(parents=True)
        for number in range(photos):
            tint = int(sign * 30 + chance.normal(0, 25))  # so that some photos can not be told
            colour = (128 + tint, 100, 128 - tint)
            (app / "photos" / label / f"{number}.jpg").write_bytes(photo(colour, seed=number + (sign > 0) * 10_000))
    (app / "app.py").write_text(APP)
    (app / "train.py").write_text(TRAIN)
    (app / "tests").mkdir()
    (app / "tests" / "test_app.py").write_text(TESTS)
    return root


def change(root: Path, *changes: tuple[str, str], file: str = "train.py", name: str = "warmth") -> None:
    """Edit a file of the app."""
    path = root / "apps" / name / file
    words = path.read_text()
    for before, after in changes:
        assert before in words, before
        words = words.replace(before, after)
    path.write_text(words)
