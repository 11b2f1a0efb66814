"""The scripts of a page that stands alone make the same numbers as Python does, pictures to the bit."""

import io
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy
import pytest
from PIL import Image as Pillow
from safetensors.numpy import save_file

from teahouse.model import familiar
from teahouse.site import render
from teahouse.spec import media
from teahouse.spec.fields import Labels, Number, Seed, Text, field_from_json

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")

SIZES = ((64, 48), (131, 77), (77, 131), (500, 375), (33, 400), (30, 20), (128, 128))
FITS = (
    ((48, 48), "crop", None), ((40, 64), "crop", None), ((48, 48), "crop", 55), ((48, 48), "pad", None),
    ((70, 31), "pad", None), ((96, 96), "keep", None),
)  # fmt: skip
SCALES = (2, 4, 8)
SIDES = ((1280, 960, 128), (1280, 300, 128), (500, 375, 128), (4096, 4096, 64), (511, 9, 8))
DRAFTS = [(width, height, (side, side)) for width, height, side in SIDES]
ROWS = (
    ([2.0, -1.0, 0.5], Labels("a", "b", "c")),
    ([0.1234567, 0.1234567], Labels("a", "b")),
    ([13.00000049], Number(0, 12.5)),
    ([0.333333343], Number(0, 1)),
    ([72, 105, 7, 10, 0, 33], Text()),
)


def noise(width: int, height: int, seed: int) -> numpy.ndarray:
    """A picture with every frequency and hard edges in it."""
    chance = numpy.random.default_rng(seed)
    rough = chance.integers(0, 256, (height, width, 3), numpy.uint8)
    rough[: height // 2, : width // 3] = (255, 0, 0)
    return rough


def smooth(width: int, height: int, seed: int) -> Pillow.Image:
    """The same as a photograph has it: few high frequencies."""
    small = Pillow.fromarray(noise(max(2, width // 16), max(2, height // 16), seed))
    return small.resize((width, height), Pillow.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def asked(tmp_path_factory) -> Path:
    """All that is compared, made by node in one go; the folder that it lies in."""
    folder = tmp_path_factory.mktemp("numbers")
    shutil.copytree(render.STATIC / "js", folder / "js")
    shutil.copy(Path(__file__).parent / "numbers.mjs", folder)
    (folder / "package.json").write_text('{"type": "module"}')
    pictures, jpegs = [], []
    for i, (width, height) in enumerate(SIZES):
        (folder / f"{i}.rgb").write_bytes(noise(width, height, i).tobytes())
        for j, (size, fit, resize) in enumerate(FITS):
            wanted = {"size": size, "fit": fit, "resize": resize or size[0], "to": f"{i}-{j}.f32"}
            pictures.append({"file": f"{i}.rgb", "width": width, "height": height, **wanted})
    for number, options in JPEGS.items():
        smooth(643, 421, number).convert(options.pop("mode", "RGB")).save(folder / f"{number}.jpg", **options)
        jpegs += [{"file": f"{number}.jpg", "scale": scale, "to": f"{number}-{scale}.rgb"} for scale in SCALES]
    rows = numpy.stack([planes(seed) for seed in range(60)])
    save_file(familiar.fit(rows[:50]), folder / "known.safetensors")
    for i, row in enumerate(rows[45:]):
        (folder / f"row-{i}.f32").write_bytes(row.tobytes())
    whole = {
        "pictures": pictures,
        "scaled": jpegs,
        "seeds": [{"seed": seed, "size": 47, "truncation": 0.9, "to": f"seed-{seed}.f32"} for seed in SEEDS],
        "known": ["known.safetensors"],
        "looked": [{"file": f"row-{i}.f32", "side": 64} for i in range(15)],
        "drafts": DRAFTS,
        "values": [{"row": row, "field": field.json()} for row, field in ROWS],
    }
    (folder / "asked.json").write_text(json.dumps(whole))
    done = subprocess.run(["node", "numbers.mjs"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


SEEDS = (0, 1, 7, 2**31, 2**32 - 1, 123456789)
JPEGS = {
    1: {"quality": 92, "subsampling": 2},
    2: {"quality": 40, "subsampling": 0},
    3: {"quality": 85, "mode": "L"},
    4: {"quality": 92, "subsampling": 2, "restart_marker_blocks": 5},
    5: {"quality": 90, "subsampling": 1},
    6: {"quality": 90, "progressive": True},
}


def planes(seed: int) -> numpy.ndarray:
    return media.pixels(smooth(64, 64, seed), (64, 64))


@pytest.mark.parametrize("i", range(len(SIZES)), ids=lambda i: "x".join(map(str, SIZES[i])))
def test_a_photo_becomes_the_same_tensor_to_the_bit(asked, i):
    for j, (size, fit, resize) in enumerate(FITS):
        ours = media.pixels(Pillow.fromarray(noise(*SIZES[i], i)), size, fit, resize)
        made = numpy.fromfile(asked / f"{i}-{j}.f32", numpy.float32).reshape(ours.shape)
        assert numpy.array_equal(made, ours), (size, fit, numpy.abs(made - ours).max() * 255)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_jpeg_is_scaled_while_it_is_decoded_as_pillow_does_it(asked, number):
    for scale in SCALES:
        picture = Pillow.open(asked / f"{number}.jpg")
        picture.draft("RGB", (picture.width // scale, picture.height // scale))
        ours = numpy.asarray(picture.convert("RGB"))
        assert ours.shape[1] == -(-643 // scale), "Pillow scaled it"
        made = numpy.fromfile(asked / f"{number}-{scale}.rgb", numpy.uint8).reshape(ours.shape)
        assert numpy.array_equal(made, ours), scale


@pytest.mark.parametrize("number", [5, 6])
def test_a_jpeg_of_another_make_is_left_to_the_browser(asked, number):
    assert not list(asked.glob(f"{number}-*.rgb"))


def test_the_decoder_scales_by_as_much_as_pillow(asked):
    ours = []
    for width, height, size in DRAFTS:
        out = io.BytesIO()
        Pillow.new("RGB", (width, height)).save(out, "JPEG")
        ours.append(round(width / media.open_image(out.getvalue(), want=max(size)).width))
    assert json.loads((asked / "told.json").read_text())["drafts"] == ours


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_has_the_same_numbers(asked, seed):
    made = numpy.fromfile(asked / f"seed-{seed}.f32", numpy.float32)
    assert numpy.allclose(made, Seed(47, truncation=0.9).tensor(seed), rtol=0, atol=3e-7)


def test_what_is_familiar_is_so_in_the_browser_too(asked):
    from safetensors.numpy import load_file

    known, made = load_file(asked / "known.safetensors"), json.loads((asked / "told.json").read_text())["far"]
    ours = [familiar.distance(known, planes(seed)) for seed in range(45, 60)]
    assert numpy.allclose(made, ours, rtol=1e-3), "float32 there, float64 here"


def test_numbers_of_the_model_are_told_as_python_tells_them(asked):
    made = json.loads((asked / "told.json").read_text())["values"]
    for told, (row, field) in zip(made, ROWS, strict=True):
        ours = field_from_json(field.json()).value(numpy.asarray(row, numpy.float32))
        assert told.get("label") == ours.get("label")
        for name in {"number", "text"} & set(ours):
            assert told[name] == ours[name]
        assert told.get("scores", {}) == pytest.approx(ours.get("scores", {}), abs=1.1e-6)


def test_the_file_of_words_is_a_zip_that_anything_opens(asked):
    with zipfile.ZipFile(asked / "words.zip") as opened:
        assert opened.testzip() is None and opened.read("a/ä.txt") == b"hello" and len(opened.read("b.bin")) == 70000
