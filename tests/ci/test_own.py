"""The rows that judge without a house are the rows that judge in every house."""

import json
import random
from pathlib import Path

import pytest
from tests.ci import maker as makers

from teahouse import ids, settings
from teahouse.ci import own
from teahouse.feedback import judges
from teahouse.loop import maker
from teahouse.store import jobs, labels
from teahouse.testing import open_house, photo

APP = "warmth"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return makers.project(tmp_path_factory.mktemp("maker") / "p", photos=60)


def gathered(project, scratch, known=None):
    return own.gather(APP, project / "apps" / APP, scratch, known or own.Known(), lambda *_: None)


def in_a_house(project, folder):
    """(photos on each side, photos that judge) as the loop draws them in a fresh house."""
    with open_house(folder) as house:
        job, _ = house.db.write(lambda c: jobs.ask(c, jobs.Asked(ids.new_id(), "gather", APP)))
        with house.db.read() as c:
            row = jobs.get(c, job)
        maker.gather(house, settings.load(project), row)
        with house.db.read() as c:
            rows = labels.maker_rows(c, APP)
    sides = {row.inputs["input"]["blob"]: row.split for row in rows}
    gold = judges.independent(row for row in rows if row.is_base_gold)
    return sides, {row.inputs["input"]["blob"] for row in gold}


def test_the_same_photos_judge_as_in_a_house(project, tmp_path):
    sides, gold = in_a_house(project, tmp_path / "data")
    data = gathered(project, tmp_path / "scratch")
    assert {row["row"]: row["split"] for row in data.rows} == sides
    assert {row.id for row in data.gold()} == gold and len(gold) == 24


def test_no_photo_that_judges_is_handed_to_a_training(project, tmp_path):
    data = gathered(project, tmp_path)
    gold = {row.id for row in data.gold()}
    assert gold and not gold & {row["row"] for row in data.training()}
    assert {row["split"] for row in data.training()} == {"train", "validation"}


def test_two_checkouts_agree_on_the_digest_and_another_photo_changes_it(project, tmp_path):
    first, again = gathered(project, tmp_path / "1"), gathered(project, tmp_path / "2")
    assert first.digest == again.digest
    fewer = makers.project(tmp_path / "fewer", photos=59)
    assert gathered(fewer, tmp_path / "3").digest != first.digest


def test_what_a_house_knows_keeps_its_side_and_the_owners_answer(project, tmp_path):
    first = gathered(project, tmp_path / "1")
    chance = random.Random(0)
    photos = {row["row"]: (bytes.fromhex(row["near"]), None, chance.choice(["train", "gold"])) for row in first.rows}
    blobs = sorted(photos)
    photos[blobs[0]] = None  # set aside by the owner
    photos[blobs[1]] = (photos[blobs[1]][0], {"label": "cold"}, "gold")
    again = {row["row"]: row for row in gathered(project, tmp_path / "2", own.Known(photos)).rows}
    assert blobs[0] not in again
    assert again[blobs[1]]["truth"] == {"label": "cold"} and again[blobs[1]]["split"] == "gold"
    assert all(again[blob]["split"] == was[2] for blob, was in photos.items() if was)


def test_pulled_rows_train_and_what_looks_like_them_never_judges(project, tmp_path):
    first = gathered(project, tmp_path / "1")
    twin = next(row for row in first.rows if row["split"] == "gold")
    path = tmp_path / "visitor.jpg"
    path.write_bytes(photo("warm", 777))
    row = {"row": ids.sha256(path.read_bytes()), "truth": {"label": "warm"}, "split": "train", "source": "visitor"}
    known = own.Known(others=[(bytes.fromhex(twin["near"]), "train")], pulled=[({**row, "near": twin["near"]}, path)])
    data = gathered(project, tmp_path / "2", known)
    assert twin["row"] not in {one.id for one in data.gold()}
    (pulled,) = [one for one in data.training() if one["source"] == "visitor"]
    assert data.photo(pulled["inputs"]["input"]["blob"]) == path.read_bytes()
    assert row["row"] not in {one.id for one in data.gold()}


def test_data_of_a_hook_is_taken_in(tmp_path):
    project = makers.project(tmp_path / "p", photos=2)
    makers.change(
        project,
        ('data=Folder("photos"))', ")"),
        ("@app.train", HOOK + "\n\n@app.train"),
        file="app.py",
    )
    data = gathered(project, tmp_path / "scratch")
    assert sum(data.counts().values()) == 12 and data.usual() in ("cold", "warm")
    json.dumps(data.counts())
    assert isinstance(data.photos, Path)


HOOK = """@app.data
def data(folder):
    from teahouse.testing import photo

    for label in ("cold", "warm"):
        (folder / label).mkdir()
        for seed in range(6):
            (folder / label / f"{seed}.jpg").write_bytes(photo(label, seed + 50 * (label == "warm")))"""
