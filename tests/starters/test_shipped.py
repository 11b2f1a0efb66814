"""Each starter as it ships: its app loads, its release is the app's, and the release answers what visitors bring."""

import io
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import Image as Pillow
from PIL import ImageChops, ImageStat

from teahouse import ids, settings
from teahouse.cli import scaffold
from teahouse.cli.new import STARTERS
from teahouse.engine.bench import Bench
from teahouse.model import bundle
from teahouse.spec.fields import field_from_json
from teahouse.spec.load import load_app
from teahouse.store import rollouts
from teahouse.store.house import House

HOME = Path(scaffold.__file__).parents[1] / "starters"
MAKERS = [name for name in STARTERS if name != "tea"]
MOST_BYTES = 5_000_000


def picture(width: int, height: int, form: str = "JPEG", turn: int = 1) -> bytes:
    """A photo of this size: redder to the right, greener below, a white square in the corner above on the left."""
    across = Pillow.linear_gradient("L").rotate(90).resize((width, height))
    made = Pillow.merge("RGB", (across, Pillow.linear_gradient("L").resize((width, height)), across))
    made.paste("white", (0, 0, max(1, width // 4), max(1, height // 4)))
    exif, out = Pillow.Exif(), io.BytesIO()
    exif[0x0112] = turn
    made.save(out, form, exif=exif)
    return out.getvalue()


def opened(answered) -> Pillow.Image:
    """The picture of an answer."""
    return Pillow.open(io.BytesIO(answered.parts[0].data)).convert("RGB")


@pytest.fixture(scope="module")
def answer():
    """`answer("toon", {…})`: of a worker for each starter's release; to start, one answers its own examples."""
    with ExitStack() as stack:
        started: dict[str, Bench] = {}

        def ask(name: str, inputs: dict):
            if name not in started:
                started[name] = stack.enter_context(Bench(HOME / name / "release"))
            return started[name].answer(inputs)

        yield ask


@pytest.mark.parametrize("name", STARTERS)
def test_a_release_ships_whole_and_small(name):
    folder = HOME / name / "release"
    bundle.verify(folder, ids.sha256((folder / "release.json").read_bytes()))
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) <= MOST_BYTES


@pytest.mark.parametrize("name", STARTERS)
def test_the_release_answers_what_the_app_asks(name):
    app, manifest = load_app(HOME / name), bundle.read(HOME / name / "release")
    assert app.name == manifest.app == name
    assert [field.json() for field in app.fields.values()] == [field_from_json(one).json() for one in manifest.fields]
    assert app.output.json() == field_from_json(manifest.output).json()
    assert manifest.note == app.note and ("Trained on" in app.note or "Learnt from" in app.note)


@pytest.mark.parametrize("name", STARTERS)
def test_new_copies_the_starter_with_all_that_it_needs_and_puts_its_release_on(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    project = scaffold.begin(scaffold.Wish(name="my-own", starter=name))
    folder = project.root / "apps" / "my-own"
    own = {str(file.relative_to(HOME / name)) for file in (HOME / name).rglob("*.py")} - {"__init__.py"}
    assert {str(file.relative_to(folder)) for file in folder.rglob("*.py")} == own
    assert load_app(folder).name == "my-own" and not (folder / "release").exists()
    assert "# " in (folder / "README.md").read_text("utf-8")
    with House.open(settings.load(project.root).data_dir, create=False) as house, house.db.read() as c:
        step = rollouts.champion(c, "my-own")
        assert step.by == "starter" and bundle.read(house.releases / step.release).app == "my-own"


@pytest.mark.parametrize("name", ["toon", "style"])
@pytest.mark.parametrize(
    "width,height,form,turn",
    [(1, 1, "JPEG", 1), (40, 900, "PNG", 1), (8192, 32, "JPEG", 1), (640, 400, "JPEG", 6), (333, 222, "WEBP", 3)],
)
def test_a_photo_of_any_size_and_orientation_comes_back_in_its_own_shape(answer, name, width, height, form, turn):
    given = bundle.read(HOME / name / "release").examples[0]["inputs"]
    made = opened(answer(name, {**given, "photo": picture(width, height, form, turn)}))
    sides = (height, width) if turn in (5, 6, 7, 8) else (width, height)
    scale = min(1.0, 512 / max(sides))
    assert all(abs(side - max(32, side_ * scale)) <= 4 for side, side_ in zip(made.size, sides, strict=True))
    if min(sides) >= 200 and turn == 6:
        light = made.convert("L")
        corner = light.crop((made.width * 4 // 5, 0, made.width, made.height // 5)).resize((1, 1)).getpixel((0, 0))
        other = light.crop((0, made.height * 4 // 5, made.width // 5, made.height)).resize((1, 1)).getpixel((0, 0))
        assert corner > other, "what was above on the left of the file is above on the right of the photo"


def test_every_choice_gives_another_picture_and_no_strength_the_photo_itself(answer):
    photo = picture(256, 192)
    for name, field in (("toon", "palette"), ("style", "style")):
        words = next(one["words"] for one in bundle.read(HOME / name / "release").fields if one["name"] == field)
        rest = {"strength": 1.0} if name == "style" else {}
        made = [answer(name, {"photo": photo, field: word, **rest}).parts[0].data for word in words]
        assert len(set(made)) == len(words)
    plain = opened(answer("style", {"photo": photo, "style": "night", "strength": 0.0}))
    own = Pillow.open(io.BytesIO(photo)).convert("RGB")
    assert max(ImageStat.Stat(ImageChops.difference(plain, own)).mean) < 6


def test_a_seed_is_one_teapot_and_another_seed_another_each_with_a_score(answer):
    first, again, *others = (answer("teapot", {"input": seed}) for seed in (7, 7, 8, 9))
    assert first.parts[0].data == again.parts[0].data and first.score == again.score
    assert len({each.parts[0].data for each in (first, *others)}) == 3
    assert len({each.score for each in (first, *others)}) == 3
    assert opened(first).size == (128, 128)
