"""`check` rehearses apps that make pictures: one of a photo, one of a seed."""

import pytest

from teahouse.store.house import House
from teahouse.testing import NAMES, install_tiny, photo

APPS = {
    "picture": """
from teahouse import App, Folder, Image

app = App(title="What does the mirror see?", input=Image(size=512, fit="keep"), output=Image(), data=Folder("photos"))


@app.check
def its_mirror_has_the_same_shape(predict):
    for row in predict.rows:
        if predict(row.inputs).shape != row.array.shape:
            raise ValueError("another shape")
""",
    "seed": """
from teahouse import App, Image, Seed

app = App(title="This colour does not exist", input=Seed(8), output=Image(size=32))


@app.check
def a_seed_draws_32_pixels(predict):
    for row in predict.rows:
        if predict(row.inputs["input"]).shape != (3, 32, 32):
            raise ValueError("another shape")
""",
}


@pytest.mark.parametrize("kind", APPS)
def test_an_app_that_makes_pictures_is_rehearsed(teahouse, here, monkeypatch, kind):
    name = NAMES[kind]
    assert teahouse("new", name).status == 0
    monkeypatch.chdir(here / name)
    folder = here / name / "apps" / name
    (folder / "app.py").write_text(APPS[kind])
    (folder / "samples").mkdir(exist_ok=True)
    with House.open(here / name / ".teahouse") as house:
        install_tiny(house, kind=kind)
    if kind == "picture":
        assert "photos:" in teahouse("check").words
        for place in ("photos", "samples"):
            (folder / place).mkdir(exist_ok=True)
            (folder / place / "1.jpg").write_bytes(photo("warm", 3, side=300))
    ended = teahouse("check")
    assert ended.status == 0, ended.words
    assert "answers its own examples" in ended.words
    assert APPS[kind].split("def ")[1].split("(")[0].replace("_", " ") in ended.words
    if kind == "picture":
        assert "photos: 1" in ended.words and "a picture of 300 by 300" in ended.words
