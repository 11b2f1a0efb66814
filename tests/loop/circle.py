"""A project with a tiny app on coloured squares, and the words of a few visitors, for the loop's tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from teahouse import ids, settings
from teahouse.feedback import collect
from teahouse.spec import media
from teahouse.store import consents, labels, predictions, reviews, rollouts, tables
from teahouse.store.house import House
from teahouse.testing import LABELS, photo

APP = "warmth"
APP_PY = """
from teahouse import App, Folder, Image, Labels

app = App(title="Warm or cold?", input=Image(size=16), output=Labels("warm", "cold"), data=Folder("photos"))


@app.train
def train(data, run):
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.last = torch.nn.Linear(3, 2)

        def forward(self, photos):
            return self.last(photos.mean((2, 3)))

    net = Net()
    if run.previous:
        net.load_state_dict(run.previous)
    optimizer = torch.optim.Adam(net.parameters(), 0.05)
    run.keep(net, optimizer)
    for epoch in run.epochs(EPOCHS):
        for photos, labels in data.train.batches(16):
            loss = torch.nn.functional.cross_entropy(net(photos), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log(loss=loss.item())
        run.picture("first photo", photos[0])
        PAUSE
    return net


@app.evaluate
def metrics(outputs, targets):
    return {"right": float((outputs.argmax(1) == targets).mean())}


@app.check
def a_mirrored_photo_keeps_its_label(predict):
    for row in predict.rows[:5]:
        assert predict(row.array)["label"] == predict(row.array[:, :, ::-1].copy())["label"]
"""


def project(
    folder: Path, count: int = 60, epochs: int = 12, pause: str = "pass", labels: tuple[str, ...] = LABELS
) -> Path:
    """A project with one app whose photos are plain colours; `count` photos a label."""
    app = folder / "apps" / APP
    app.mkdir(parents=True)
    (folder / "teahouse.toml").write_text("", "utf-8")
    (app / "app.py").write_text(APP_PY.replace("EPOCHS", str(epochs)).replace("PAUSE", pause), "utf-8")
    for place, label in enumerate(labels):
        (app / "photos" / label).mkdir(parents=True)
        for seed in range(count):
            (app / "photos" / label / f"{seed:03d}.jpg").write_bytes(photo(LABELS[place], seed=1000 * place + seed))
    return folder


def open_project(folder: Path) -> tuple[House, settings.Settings]:
    """The project's house and settings."""
    loaded = settings.load(folder)
    return House.open(loaded.data_dir), loaded


class Part:
    """A kept field, as the site makes it."""

    def __init__(self, blob: str, near: bytes) -> None:
        self.field, self.blob, self.near, self.value = "input", blob, near, None


def visit(
    house: House,
    data: bytes,
    said: str,
    *,
    held: bool = False,
    before: bool = False,
    visitor: bytes | None = None,
    purposes: tuple[str, ...] = ("keep", "train"),
    rules: collect.Rules = collect.Rules(),
    sure: float = 0.6,
) -> Any:
    """A visitor's photo, predicted (so `sure` that it is warm), spoken of and kept; the prediction's row."""
    at, id_ = ids.now_ms(), ids.new_id()
    cleaned = media.clean(data)
    blob = house.blobs.put(cleaned.data)

    def write(c: Any) -> Any:
        row = {
            "at": at,
            "id": id_,
            "app": APP,
            "release": rollouts.champion(c, APP).release,
            "form": "fp32",
            "arm": "full",
            "visitor": visitor or ids.new_id(),
            "network": b"n" * 32,
            "given": b"g" * 32,
            "output": {"label": "warm", "scores": {"warm": sure, "cold": 1 - sure}},
            "held": held,
            "cached": False,
            "ms": 1.0,
        }
        c.execute(tables.predictions.insert(), row)
        found = predictions.get(c, id_)
        truth = {"label": said}
        collect.say_word(c, collect.Word(ids.new_id(), id_, found.visitor, "once", "correct", said, truth, at))
        collect.keep_photo(c, collect.Kept(found, [Part(blob, cleaned.near)], purposes, before, "1", at, rules))
        return found

    return house.db.write(write)


def label_of(house: House, prediction: Any) -> Any:
    """The row that came of a prediction; None where there is none."""
    with house.db.read() as c:
        return labels.of_prediction(c, prediction.id)


def withdraw(house: House, prediction: bytes) -> bool:
    """Takes the yes for one prediction back."""
    with house.db.read() as c:
        given = consents.for_prediction(c, prediction)
    return house.db.write(lambda c: consents.withdraw(c, given.id, ids.now_ms()))


def review(house: House, label: bytes, truth: str) -> None:
    """The owner accepts a row."""
    house.db.write(lambda c: reviews.decide(c, reviews.Decision(label, "accept", {"label": truth})))
