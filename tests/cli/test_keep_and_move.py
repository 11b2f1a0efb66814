"""`backup`, `restore`, `data`: the whole house out and back, datasets out as folders, and forgetting."""

import json

import pytest

from teahouse import ids
from teahouse.store import erasures, predictions
from teahouse.store.house import House
from teahouse.testing import APP, install_tiny, whole_house


@pytest.fixture
def project(teahouse, here, monkeypatch):
    """A project with a release, and one kept answer of a visitor."""
    assert teahouse("new", APP).status == 0
    folder = here / APP
    monkeypatch.chdir(folder)
    with whole_house(folder) as site:
        answer = site.ask("warm", 5).json()
        return folder, answer["id"]


def test_a_backup_comes_back(teahouse, project, here):
    folder, prediction = project
    assert teahouse("backup", here / "safe").status == 0
    (folder / ".teahouse").rename(folder / "lost")
    ended = teahouse("restore", here / "safe")
    assert ended.status == 0, ended.words
    with House.open(folder / ".teahouse") as house, house.db.read() as c:
        assert predictions.get(c, ids.parse(prediction)) is not None


def test_forgetting_a_prediction_is_written_down(teahouse, project):
    folder, prediction = project
    ended = teahouse("data", "forget", prediction, "--yes")
    assert ended.status == 0 and "Forgotten: prediction" in ended.words
    with House.open(folder / ".teahouse") as house, house.db.read() as c:
        assert predictions.get(c, ids.parse(prediction)).given is None
        assert [row.ref for row in erasures.since(c, 0)] == [prediction]


def test_an_export_without_rows_says_what_is_missing(teahouse, project, here):
    ended = teahouse("data", "export", here / "out")
    assert ended.status == 1 and "no rows to train on" in ended.words
    assert not (here / "out").exists()


def test_an_export_never_overwrites(teahouse, project, here):
    (here / "out").mkdir()
    (here / "out" / "mine.txt").write_text("mine")
    assert teahouse("data", "export", here / "out", "--app", APP).status == 2


def test_an_export_names_its_app_as_promote_does(teahouse, project, here):
    ended = teahouse("data", "export", here / "out", "--app", APP)
    assert ended.status == 1 and "no rows to train on" in ended.words
    ended = teahouse("data", "export", here / "out", "--app", "hats")
    assert ended.status == 2 and 'no app "hats"' in ended.words


def test_an_archive_that_leaves_its_folder_is_refused(tmp_path):
    import io
    import zipfile

    from teahouse.cli import data
    from teahouse.errors import Refused

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../outside.txt", "no")
    with pytest.raises(Refused):
        data.unpack(packed, tmp_path / "in")
    assert not (tmp_path / "outside.txt").exists()


def test_a_backup_is_told_as_json(teahouse, project, here):
    assert json.loads(teahouse("backup", here / "safe", "--json").out)["releases"] > 0


def test_check_rehearses_the_champion_in_a_real_worker(teahouse, here, monkeypatch):
    assert teahouse("new", APP).status == 0
    monkeypatch.chdir(here / APP)
    for label in ("first", "second"):
        from teahouse.testing import photo

        (here / APP / "apps" / APP / "photos" / label / "a.jpg").write_bytes(photo("warm"))
    with House.open(here / APP / ".teahouse") as house:
        install_tiny(house)
    ended = teahouse("check")
    assert ended.status == 0 and "answers its own examples" in ended.words


def test_check_names_a_label_without_photos(teahouse, here, monkeypatch):
    assert teahouse("new", APP).status == 0
    monkeypatch.chdir(here / APP)
    ended = teahouse("check")
    assert ended.status == 1 and "the label 'first' has no photos" in ended.words
