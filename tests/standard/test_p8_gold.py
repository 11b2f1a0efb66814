"""P8: no row that trains lies near a row that judges, whatever order photos come in, and who sends them."""

import random

import pytest

from teahouse import datasets, ids
from teahouse.feedback.collect import is_near
from teahouse.store import labels
from teahouse.testing import install_tiny, open_house, photo
from tests.loop.circle import APP, label_of, review, visit

pytestmark = pytest.mark.standard

PHOTOS, COPIES = 40, 4


def test_no_training_row_is_near_a_judging_one(tmp_path):
    with open_house(tmp_path / "data") as house:
        install_tiny(house)
        lot = random.Random(8)
        sent = [(seed, side) for seed in range(PHOTOS) for side in range(64, 64 + COPIES)]
        lot.shuffle(sent)
        for n, (seed, side) in enumerate(sent):  # the same photo in other sizes, of visitors held and not
            row = visit(house, photo("warm", seed, side=side), "warm", held=lot.random() < 1 / 3, before=True)
            if n % 3:
                review(house, label_of(house, row).id, "warm")

        def bring(c):
            for n in range(20):
                data = {"input": {"blob": house.blobs.put(photo("cold", 900 + n))}}
                row = {"at": 1, "app": APP, "source": "maker", "inputs": data, "truth": {"label": "cold"}}
                near = ids.sha256(bytes([n])).encode()[:8]
                labels.add(c, {**row, "split": "train" if n % 5 else "gold", "near": near})
            return datasets.build(c, house, APP)

        version = house.db.write(bring)
        with house.db.read() as c:
            kept = labels.of_app(c, APP)
        rows = datasets.rows_of(house, version)
        live = {ids.text(row.id) for row in kept if row.is_live_gold}
        judges = [row for row in rows if row["split"] in ("test", "gold")]
        trains = [row for row in rows if row["split"] in ("train", "validation")]
        assert len(trains) > 30 and len(judges) > 20 and live, "there is something to leak"
        near = [(a["row"], b["row"]) for a in trains for b in judges
                if is_near(bytes.fromhex(a["near"]), bytes.fromhex(b["near"]))]  # fmt: skip
        same = {a["inputs"]["input"]["blob"] for a in trains} & {b["inputs"]["input"]["blob"] for b in judges}
        assert (near, same) == ([], set())
        assert not {row["row"] for row in trains} & live
