"""I5: where, when and by whom a photo was taken is in nothing that is kept, shown, served or taken along."""

import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy
import pytest
from PIL import Image as Pillow

from teahouse.testing import whole_house
from tests.standard import hostile, shown
from tests.standard.search import hits

SECRET = "secret-91c4e2-of-a-visitor"
PLACE = (b"\x00\x00\x0b\x89\x00\x00\x00\x64", b"\x89\x0b\x00\x00\x64\x00\x00\x00")  # 2953/100 seconds of latitude
FORMS = [(form, seed) for form in hostile.FORMS for seed in (range(8) if form == "JPEG" else range(3))]
TOLD = ("GPS", "Make", "Model", "SerialNumber", "Artist", "Author", "Creator", "ThumbnailImage", "Comment", "Software")
SHIPPED = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    with whole_house(tmp_path_factory.mktemp("gallery"), kind="picture") as site:
        yield site, shown.owner_of(site)


def reads(data: bytes) -> dict:
    """All that Pillow reads out of a picture beside its pixels."""
    with Pillow.open(io.BytesIO(data)) as picture:
        about = {name: value for name, value in picture.info.items() if not name.startswith(("jfif", "dpi"))}
        return {**about, **dict(picture.getexif())}


def refuse_told(where: str, data: bytes) -> None:
    assert SECRET.encode() not in data, where
    assert not [one for one in PLACE if one in data], where
    assert hostile.bare(data) == [] and reads(data) == {}, where


def test_i5_the_photos_of_this_row_tell_it_all():
    for form, seed in FORMS:
        given = hostile.talkative(form, seed, SECRET)
        assert given.count(SECRET.encode()) >= 8 and any(one in given for one in PLACE), form
        assert reads(given)


def upright(given: bytes) -> numpy.ndarray:
    """The grey of a photo as a person sees it: turned by hand, as EXIF says of each number."""
    with Pillow.open(io.BytesIO(given)) as picture:
        turn, array = picture.getexif()[0x0112], numpy.asarray(picture.convert("L"), dtype=numpy.float32)
    if turn >= 5:
        array = array.T
    across, down = turn in (2, 3, 6, 7), turn in (3, 4, 7, 8)
    return array[:: -1 if down else 1, :: -1 if across else 1]


def looks_as(data: bytes, wanted: numpy.ndarray) -> None:
    """Fails unless this is that picture, and not one of its mirrors."""
    with Pillow.open(io.BytesIO(data)) as picture:
        array = numpy.asarray(picture.convert("L"), dtype=numpy.float32)
    assert abs(array - wanted).mean() < 4
    assert abs(array - wanted[:, ::-1]).mean() > 6 and abs(array - wanted[::-1]).mean() > 6


@pytest.mark.parametrize(("form", "seed"), FORMS)
def test_i5_nothing_of_it_is_kept_or_served_and_its_orientation_is_in_the_pixels(gallery, form, seed):
    site, owner = gallery
    given = hostile.talkative(form, seed, SECRET)
    seen = shown.give(site, site.visitor(), owner, given)
    assert len(seen.pictures()) >= 12
    for where, data in seen.pictures().items():
        refuse_told(where, data)
    assert hits(site.house.data, SECRET.encode(), *PLACE) == []
    photos = [data for name, data in seen.inside.items() if name.endswith(("-input.jpg", "-shared-photo.jpg"))]
    assert len(photos) == 2
    for data in photos:
        looks_as(data, upright(given))
    looks_as(seen.inside["in the answer"], upright(given)[:, ::-1])


def test_i5_a_second_reader_finds_nothing_either(gallery, tmp_path):
    program = shutil.which("exiftool")
    if not program:
        pytest.skip("there is no exiftool here: apt-get install libimage-exiftool-perl")
    site, owner = gallery
    for form, seed in FORMS:
        seen = shown.give(site, site.visitor(), owner, hostile.talkative(form, seed, SECRET))
        for number, data in enumerate(seen.pictures().values()):
            (tmp_path / f"{form}-{seed}-{number}.jpg").write_bytes(data)
    told = subprocess.run([program, "-j", "-a", "-u", str(tmp_path)], capture_output=True, text=True, check=True).stdout
    assert SECRET not in told
    assert not [(one["SourceFile"], name) for one in json.loads(told) for name in one if name.startswith(TOLD)]


def test_i5_the_pictures_that_ship_tell_nothing():
    files = [file for place in ("src/teahouse", "docs") for file in (SHIPPED / place).rglob("*.jp*g")]
    assert files
    for file in files:
        told = set(hostile.bare(file.read_bytes())) - {"fe"}  # a note of the program that wrote it tells of nobody
        assert not told, f"{file.relative_to(SHIPPED)}: {told}"
