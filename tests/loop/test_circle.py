"""The circle: from a folder of photos to a champion, and from visitors' words to a better one."""

import json

import pytest

from teahouse import ids
from teahouse.errors import NotFound
from teahouse.feedback import judges
from teahouse.loop import maker, steps
from teahouse.store import jobs, labels, lineage, releases, rollouts
from teahouse.testing import photo

from .circle import APP, open_project, project, review, visit

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def torch():
    return pytest.importorskip("torch")


def carry_out(house, loaded, kind, call=None, by="owner", **args):
    id_ = ids.new_id()
    house.db.write(lambda c: jobs.ask(c, jobs.Asked(id_, kind, APP, args, by)))
    with house.db.read() as c:
        job = jobs.get(c, id_)
    steps.execute(house, loaded, job, *([call] if call else []))
    with house.db.read() as c:
        return jobs.get(c, id_)


def counts(house):
    with house.db.read() as c:
        return judges.counts(c, APP)


def test_gathering_mirrors_the_folder_and_is_cheap_the_second_time(tmp_path):
    house, loaded = open_project(project(tmp_path, count=20))
    photos = tmp_path / "apps" / APP / "photos"
    (photos / "warm" / "moving.gif").write_bytes(b"GIF89a")
    first = carry_out(house, loaded, "gather")
    assert first.state == "done"
    assert [one["name"] for one in first.detail["left_out"]] == ["warm/moving.gif"]
    assert first.detail["drawn"] == {"train": 28, "validation": 4, "gold": 8, "set_aside": 0}
    before = set(house.blobs.digests())
    second = carry_out(house, loaded, "gather")
    assert (second.detail["new"], second.detail["changed"]) == (0, 0)
    assert set(house.blobs.digests()) == before
    (photos / "warm" / "000.jpg").rename(photos / "cold" / "moved.jpg")
    (photos / "warm" / "001.jpg").unlink()
    assert carry_out(house, loaded, "gather").detail["changed"] == 2
    with house.db.read() as c:
        rows = labels.maker_rows(c, APP)
    assert sum(row.is_accepted for row in rows) == 39
    assert sum(row.is_accepted and row.answer == {"label": "cold"} for row in rows) == 21
    (photos / "warm" / "001.jpg").write_bytes(photo("warm", seed=1))
    carry_out(house, loaded, "gather")
    with house.db.read() as c:
        assert sum(row.is_accepted for row in labels.maker_rows(c, APP)) == 40
    house.close()


def test_a_data_function_runs_again_only_for_a_person_or_for_new_code(tmp_path):
    house, loaded = open_project(project(tmp_path, count=4))
    code = tmp_path / "apps" / APP / "app.py"
    hook = """
@app.data
def data(folder):
    import pathlib, shutil
    with open(RAN, "a") as file:
        file.write("ran ")
    shutil.copytree(pathlib.Path(__file__).parent / "photos", folder, dirs_exist_ok=True)
"""
    ran = tmp_path / "ran.txt"
    code.write_text(code.read_text().replace(', data=Folder("photos")', "") + hook.replace("RAN", repr(str(ran))))
    for by, times in (("loop", 1), ("loop", 1), ("owner", 2), ("loop", 2)):
        assert carry_out(house, loaded, "gather", by=by).state == "done"
        assert ran.read_text().split() == ["ran"] * times
    code.write_text(code.read_text() + "# changed\n")
    assert carry_out(house, loaded, "gather", by="loop").detail["rows"] == 8
    assert ran.read_text().split() == ["ran"] * 3
    house.close()


def test_an_app_that_is_not_there_ends_in_words(tmp_path):
    house, loaded = open_project(project(tmp_path, count=1))
    with pytest.raises(NotFound):
        maker.source_of(house, loaded, "coffee")
    house.close()


def test_from_a_folder_to_a_champion_and_from_visitors_to_a_better_one(tmp_path):
    # the maker has mixed half of the cold ones up: what visitors say mends it
    house, loaded = open_project(project(tmp_path, count=30, epochs=6))
    photos = tmp_path / "apps" / APP / "photos"
    for number in range(30):
        (photos / "cold" / f"wrong{number}.jpg").write_bytes(photo("warm", seed=5000 + number))
    done = carry_out(house, loaded, "retrain")
    assert (done.state, done.detail["outcome"], done.detail["promoted"]) == ("done", "promote", True), done.detail
    with house.db.read() as c:
        first = rollouts.champion(c, APP).release
        release, verdict = releases.get(c, first), lineage.verdict_on(c, first)
        run = lineage.run(c, release.run)
        version = lineage.version(c, run.version)
        names = [event.name for event in lineage.run_events(c, run.id)]
    assert (release.number, version.app, run.job) == (1, APP, done.id)
    assert verdict.numbers["report"]["accuracy"]["n"] == verdict.numbers["gold"]["n"]
    assert {"training", "epoch", "log", "picture", "exported", "validated", "checked", "sealed"} <= set(names)
    folder = house.run_dir(run.id)
    assert sorted(file.name for file in folder.iterdir()) == [
        "code",
        "log.txt",
        "pictures",
        "progress.jsonl",
        "result.json",
        "run.json",
    ]
    manifest = json.loads((house.releases / first / "release.json").read_bytes())
    assert (manifest["version"], len(manifest["examples"])) == (version.digest, 8)
    assert manifest["metrics"]["right"] > 0

    for seed in range(40):
        kind = ("warm", "cold")[seed % 2]
        visit(house, photo(kind, seed=8000 + seed), kind)
    for seed in range(64):
        visit(house, photo("warm", seed=9000 + seed), "warm", held=True, before=True)
    with house.db.read() as c:
        waiting = [row for row in labels.of_app(c, APP, sources=["visitor"])]
    for row in waiting:
        review(house, row.id, row.truth["label"])
    assert counts(house)["gold_live"] == 64

    # the maker takes the wrong ones out as well, and the champion has been told that warm is cold
    for number in range(30):
        (photos / "cold" / f"wrong{number}.jpg").unlink()
    again = carry_out(house, loaded, "retrain")
    with house.db.read() as c:
        judged = lineage.verdicts(c, APP)[0]
    assert again.state in ("done", "refused"), again.detail
    assert judged.champion == first
    assert judged.numbers["measured_on"] == "live"
    assert judged.numbers["gold"]["n"] == 64
    assert counts(house)["new"] == 0
    house.close()


def test_a_step_that_is_done_again_makes_nothing_twice(tmp_path):
    house, loaded = open_project(project(tmp_path, count=15))

    def twice(name, fn):
        fn()
        return fn()

    done = carry_out(house, loaded, "retrain", twice)
    assert done.state == "done", done.detail
    with house.db.read() as c:
        assert len(lineage.versions(c, APP)) == len(lineage.runs(c, APP)) == len(lineage.verdicts(c, APP)) == 1
        assert len(releases.of_app(c, APP)) == len(rollouts.history(c, APP)) == 1
        assert len(labels.maker_rows(c, APP)) == 30

    exported = carry_out(house, loaded, "export")
    assert exported.state == "done"
    assert (house.data / "exports" / f"{ids.text(exported.id)}.zip").stat().st_size > 10_000
    backed_up = carry_out(house, loaded, "backup", target=str(tmp_path / "backup"))
    assert backed_up.state == "done", backed_up.detail
    assert (tmp_path / "backup" / "house.db").is_file()
    unknown = carry_out(house, loaded, "dance")
    assert unknown.state == "failed"
    again = carry_out(house, loaded, "judge", release=done.detail["release"])
    assert (again.state, again.detail["code"]) == ("refused", "nothing-to-do")
    house.close()


def test_a_train_function_that_breaks_ends_the_job_with_the_makers_line(tmp_path):
    house, loaded = open_project(project(tmp_path, count=10, pause="raise ValueError('too much tea')"))
    ended = carry_out(house, loaded, "retrain")
    assert (ended.state, ended.detail["step"]) == ("failed", "train")
    assert "too much tea" in ended.detail["why"]
    assert "app.py, line" in ended.detail["why"]
    house.close()


def test_with_ask_the_owner_promotes_by_hand(tmp_path):
    house, loaded = open_project(project(tmp_path, count=20, epochs=30))
    loaded.loop.promote = "ask"
    done = carry_out(house, loaded, "retrain")
    assert (done.detail["outcome"], done.detail["promoted"]) == ("promote", False)
    with house.db.read() as c:
        assert rollouts.champion(c, APP) is None
    house.close()


def test_a_folder_that_looks_emptied_is_refused_by_name_and_nothing_changes(tmp_path):
    house, loaded = open_project(project(tmp_path, count=10))
    carry_out(house, loaded, "gather")
    photos = tmp_path / "apps" / APP / "photos"
    elsewhere = photos.rename(tmp_path / "elsewhere")
    (photos / "warm").mkdir(parents=True)
    (photos / "cold").mkdir()
    refused = carry_out(house, loaded, "gather")
    assert refused.state == "failed" and str(photos) in refused.detail["what"], refused.detail
    with house.db.read() as c:
        assert all(row.is_accepted for row in labels.maker_rows(c, APP))
    photos.rename(tmp_path / "empty")
    elsewhere.rename(photos)
    for seed in range(10):  # others in the place of all of them: nothing is missing by accident
        for place, label in enumerate(("warm", "cold")):
            (photos / label / f"{seed:03d}.jpg").write_bytes(photo(label, seed=7000 + 100 * place + seed))
    assert carry_out(house, loaded, "gather").detail["changed"] == 20
    house.close()
