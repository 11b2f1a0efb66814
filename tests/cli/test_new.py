"""`teahouse new`: what it writes loads, what it can not use is named, nothing is written before it is sure."""

import pytest
from safetensors.numpy import save_file

from teahouse import settings
from teahouse.cli import scaffold
from teahouse.desk import layout
from teahouse.spec.load import load_app


def test_a_folder_of_photos_becomes_an_app(teahouse, here, photos):
    ended = teahouse("new", "warmth", "--from-folder", photos)
    assert ended.status == 0, ended.words
    app = load_app(here / "warmth" / "apps" / "warmth")
    assert app.name == "warmth" and "train" in app.hooks
    assert app.output.words() == ["cold ones", "warm"]
    assert app.description == "Made from 6 photographs.", "some of them are held out: it does not learn from all"


def test_files_that_are_no_pictures_are_named_and_left_out(teahouse, here, photos):
    ended = teahouse("new", "warmth", "--from-folder", photos)
    assert "left out warm/imageNotFound.gif" in ended.words and "left out warm/torn.jpg" in ended.words
    assert "notes.txt" not in ended.words
    assert "3 cold ones" in ended.words and "3 warm" in ended.words


def test_photos_stay_where_they_are_when_their_folders_are_labels(teahouse, here, photos):
    (photos / "cold_ones").rename(photos / "cold")
    assert teahouse("new", "warmth", "--from-folder", photos).status == 0
    app = load_app(here / "warmth" / "apps" / "warmth")
    assert app.folder.path == photos.resolve()
    assert not (here / "warmth" / "apps" / "warmth" / "photos").exists()


def test_photos_are_copied_where_asked(teahouse, here, photos):
    assert teahouse("new", "warmth", "--from-folder", photos, "--copy").status == 0
    copied = sorted(path.name for path in (here / "warmth" / "apps" / "warmth" / "photos" / "warm").iterdir())
    assert copied == ["0.jpg", "1.jpg", "2.jpg"]


def test_a_folder_without_labels_is_refused_before_anything_is_written(teahouse, here):
    (here / "empty").mkdir()
    ended = teahouse("new", "warmth", "--from-folder", here / "empty")
    assert ended.status == 2 and "one sub-folder a label" in ended.words
    assert not (here / "warmth").exists()


def test_a_name_that_can_not_be_an_address_is_refused_with_one_that_can(teahouse, here):
    ended = teahouse("new", "My_Ants!")
    assert ended.status == 2 and "my-ants" in ended.words
    ended = teahouse("new", "api")
    assert ended.status == 2 and "Try my-api." in ended.words


@pytest.mark.parametrize("wrong", ["api", "My_Ants!", "", "7", "owner", "ä", "-x-", "y" * 60])
def test_the_name_that_is_suggested_can_be_one(wrong):
    scaffold.check_name(layout.suggested(wrong))


def test_a_bare_app_loads(teahouse, here):
    assert teahouse("new", "hats").status == 0
    assert load_app(here / "hats" / "apps" / "hats").name == "hats"


def test_inside_a_project_an_app_is_added(teahouse, here, monkeypatch):
    teahouse("new", "hats")
    monkeypatch.chdir(here / "hats" / "apps")
    assert teahouse("new", "shoes").status == 0
    assert (here / "hats" / "apps" / "shoes" / "app.py").exists() and not (here / "hats" / "shoes").exists()


def test_an_app_that_is_there_is_not_overwritten(teahouse, here):
    teahouse("new", "hats")
    ended = teahouse("new", "hats")
    assert ended.status == 2 and "already there" in ended.words


def test_teahouse_toml_names_every_setting_and_changes_none(teahouse, here):
    teahouse("new", "hats")
    page = (here / "hats" / "teahouse.toml").read_text()
    for section in settings.SECTIONS:
        for key in settings.Settings.model_fields[section].annotation.model_fields:
            assert f"# {key} = " in page
    written = settings.load(here / "hats")
    for section in settings.SECTIONS:
        assert getattr(written, section) == getattr(settings.Settings(), section)


def test_every_line_of_teahouse_toml_can_be_switched_on(here):
    page = layout.settings_page({})
    switched = "\n".join(line[2:] if line.startswith("# ") and " = " in line else line for line in page.splitlines())
    (here / "teahouse.toml").write_text(switched)
    settings.load(here)


def test_only_safetensors_are_taken_as_weights(teahouse, here, photos):
    (here / "weights.pt").write_bytes(b"no")
    ended = teahouse("new", "warmth", "--from-folder", photos, "--weights", here / "weights.pt")
    assert ended.status == 2 and "safetensors" in ended.words


def test_given_weights_lie_beside_the_app(teahouse, here, photos):
    import numpy

    save_file({"conv1.weight": numpy.zeros((2, 3, 7, 7), numpy.float32)}, here / "given.safetensors")
    assert teahouse("new", "warmth", "--from-folder", photos, "--weights", here / "given.safetensors").status == 0
    assert (here / "warmth" / "apps" / "warmth" / "weights.safetensors").exists()


@pytest.mark.parametrize("options", [("--starter", "tea", "--from-folder", "."), ("--copy",)])
def test_options_that_do_not_go_together_are_wrong_use(teahouse, here, options):
    assert teahouse("new", "tea", *options).status == 2
