"""app.py is loaded by its own rules, and its mistakes point at the maker's line."""

import pytest

from teahouse.errors import DeclarationError
from teahouse.spec.load import load_app

GOOD = """
from teahouse import App, Image, Labels
app = App(title="Tea?", input=Image(size=96), output=Labels("green", "oolong"))
"""


def folder_with(tmp_path, source, name="tea"):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "app.py").write_text(source, "utf-8")
    return folder


def test_an_app_is_named_after_its_folder(tmp_path):
    assert load_app(folder_with(tmp_path, GOOD)).name == "tea"


def test_a_folder_that_would_hide_a_page_is_refused(tmp_path):
    with pytest.raises(DeclarationError, match="address"):
        load_app(folder_with(tmp_path, GOOD, name="api"))


@pytest.mark.parametrize(
    ("source", "line"), [("x = 1\ny = nothing\n", "Line 2: NameError"), ("def (\n", "Line 1"), ("x = 1\n", "no app")]
)
def test_a_mistake_names_the_line(tmp_path, source, line):
    with pytest.raises(DeclarationError) as caught:
        load_app(folder_with(tmp_path, source))
    assert line in str(caught.value)


def test_a_missing_file_tells_how_to_make_one(tmp_path):
    with pytest.raises(DeclarationError, match="teahouse new"):
        load_app(tmp_path)


def test_two_apps_may_have_helpers_of_the_same_name_and_import_them_late(tmp_path):
    source = """
import net
import parts.layer
from teahouse import App, Image, Labels
app = App(title=net.NAME + parts.layer.NAME, input=Image(size=96), output=Labels("green", "oolong"))
@app.predict
def predict(model, inputs):
    import late
    return late.NAME
"""
    folders = [folder_with(tmp_path, source, name) for name in ("tea", "cups")]
    for folder in folders:
        (folder / "parts").mkdir()
        for file in ("net.py", "late.py", "parts/layer.py"):
            (folder / file).write_text(f"NAME = '{folder.name}'")
    for folder in (*folders, *folders, folders[1]):
        app = load_app(folder)
        assert app.title == folder.name * 2
        assert app.hooks["predict"](None, None) == folder.name
