"""A house per test, and the rows that most tests begin with."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from teahouse.ids import new_id
from teahouse.store import apps, consents, inputs, labels, releases, rows, tables, visitors
from teahouse.store.house import House

RELEASE = "ab" * 32


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """An open house with one app and one release."""
    with House.open(tmp_path / "data") as opened:
        opened.db.write(_first)
        yield opened


def _first(c: Any) -> None:
    apps.declare(c, "tea", "Tea", {"app": "tea"}, "", 1)
    releases.add(c, RELEASE, "tea", None, {"format": 1}, at=1)


@pytest.fixture
def predict(house: House) -> Callable[..., bytes]:
    """Make a prediction; its id."""

    def make(**changes: Any) -> bytes:
        row: dict[str, Any] = {"at": 1, "id": new_id(), "app": "tea", "release": RELEASE, "form": "fp32", "arm": "full"}
        row |= {"output": {"label": "green", "scores": {"green": 0.9, "oolong": 0.1}}, "held": False, "cached": False}
        row |= {"ms": 3.0, **changes}
        house.db.write(lambda c: rows.add(c, tables.predictions, row))
        return row["id"]

    return make


@pytest.fixture
def keep(house: House, predict: Callable[..., bytes]) -> Callable[..., Any]:
    """Keep a visitor's photo under a consent, with a label; (label, prediction, consent, digest)."""

    def make(truth: Any = None, split: str = "train", before: bool = False, **prediction: Any) -> Any:
        visitor = prediction.setdefault("visitor", new_id())
        photo = house.blobs.put(new_id())
        made, consent, label, near = predict(**prediction), new_id(), new_id(), new_id()[-8:]

        def write(c: Any) -> None:
            visitors.ensure(c, visitor, 2)
            consents.give(c, consent, made, visitor, ["keep", "train"], before, "1", at=2)
            inputs.keep(c, new_id(), made, consent, "input", photo, near, at=2)
            row = {"id": label, "at": 2, "app": "tea", "prediction": made, "source": "visitor", "consent": consent}
            row |= {"inputs": {"input": {"blob": photo}}, "truth": truth, "visitor": visitor, "near": near}
            labels.add(c, {**row, "split": split})

        house.db.write(write)
        return label, made, consent, photo

    return make
