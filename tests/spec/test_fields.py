"""What each kind promises beyond what all of them do: seeds that a browser computes too, texts, shares of love."""

import io
import math
import unicodedata

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from teahouse import Choice, Image, Labels, Number, Seed, Text
from teahouse.errors import DeclarationError, InputError
from teahouse.spec import media
from teahouse.spec.fields import absent, field_from_json


def by_hand(seed: int, size: int) -> list[float]:
    """The numbers of a seed as a browser would work them out: 32-bit arithmetic on plain numbers."""

    def mix(x: int) -> int:
        x = (x ^ (x >> 16)) * 0x7FEB352D & 0xFFFFFFFF
        x = (x ^ (x >> 15)) * 0x846CA68B & 0xFFFFFFFF
        return x ^ (x >> 16)

    def unit(place: int) -> float:
        return (mix(mix(seed ^ 0x7EA40E5E) ^ mix(place ^ 0x9E3779B9)) + 0.5) / 2**32

    made = []
    for place in range(0, size + size % 2, 2):
        far, turn = math.sqrt(-2 * math.log(unit(place))), 2 * math.pi * unit(place + 1)
        made += [far * math.cos(turn), far * math.sin(turn)]
    return made[:size]


@pytest.mark.parametrize("seed", [0, 1, 7, 2**31, 2**32 - 1])
@pytest.mark.parametrize("size", [1, 2, 48, 49])
def test_the_numbers_of_a_seed_can_be_worked_out_anywhere(seed, size):
    assert numpy.allclose(Seed(size).tensor(seed), by_hand(seed, size), rtol=1e-6)
    assert numpy.allclose(Seed(size, truncation=0.5).tensor(seed), numpy.array(by_hand(seed, size)) / 2, rtol=1e-6)


def test_the_numbers_of_seeds_in_a_row_are_normal_and_have_nothing_to_do_with_each_other():
    rows = numpy.stack([Seed(64).tensor(seed) for seed in range(2000)])
    assert abs(rows.mean()) < 0.01 and abs(rows.std() - 1) < 0.01
    assert abs((rows**4).mean() - 3) < 0.1
    assert numpy.abs(numpy.corrcoef(rows.T) - numpy.eye(64)).max() < 0.12
    assert numpy.abs(numpy.corrcoef(rows[:300]) - numpy.eye(300)).max() < 0.65
    assert numpy.isfinite(rows).all()


def test_seeds_are_drawn_over_their_whole_range():
    drawn = [Seed().draw() for _ in range(400)]
    assert len(set(drawn)) > 390 and min(drawn) < 2**30 and max(drawn) > 3 * 2**30
    for seed in drawn:
        Seed().check(seed)


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Seed(0),
        lambda: Seed(truncation=0),
        lambda: Seed(sise=3),
        lambda: Number(1, 1),
        lambda: Number(0, 1, start=2),
        lambda: Number(0, 1, step=0),
        lambda: Number(0, float("inf")),
        lambda: Number(0, "1"),
        lambda: Choice("one"),
        lambda: Choice("a", "A"),
        lambda: Choice("a", "b", start="c"),
        lambda: Choice("a", "b", pictures="../up"),
        lambda: Text(most=0),
        lambda: Text(label="two\nlines"),
        lambda: Image(label="x" * 81),
        lambda: Image(224, resize=200),
        lambda: Image(224, resize=449),
        lambda: Image(224, fit="pad", resize=256),
        lambda: Image((224, 128), resize=256),
        lambda: Labels("a", "b", label=3),
    ],
)
def test_a_wrong_declaration_says_so(declare):
    with pytest.raises(DeclarationError):
        declare()


def test_the_likely_word_is_named():
    with pytest.raises(DeclarationError, match='"label"'):
        Number(0, 1, lable="strength")
    with pytest.raises(DeclarationError, match='"woodblock"'):
        Choice("night sky", "woodblock", start="wodblock")
    with pytest.raises(InputError, match='"woodblock"'):
        Choice("night sky", "woodblock").check("woodblok")


def test_a_field_is_called_by_its_name_until_it_has_words():
    field = Number(0, 1, name="how_much")
    assert field.label == "how much"
    assert Number(0, 1, label="strength", name="how_much").json()["label"] == "strength"


def test_a_number_stays_between_its_ends():
    field = Number(0, 1)
    assert field.value(numpy.float32(1.7)) == {"number": 1.0}
    assert field.value(numpy.array([[0.1]], numpy.float32)) == {"number": 0.1}
    assert field.tensor({"number": 0.5}) == numpy.float32(0.5)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=40))
def test_a_text_comes_back_as_it_was_but_for_how_accents_are_written(text):
    field = Text(most=200)
    row = field.tensor(text)
    assert row.dtype == numpy.int64 and row.shape == (200,)
    assert field.value(row) == {"text": unicodedata.normalize("NFC", text)}


def test_two_ways_to_write_an_accent_are_one_text():
    assert Text().near("Zoe\u0308") == Text().near("Zo\u00eb")
    assert (Text().tensor("Zoe\u0308") == Text().tensor("Zo\u00eb")).all()
    Text(most=3).check("Zoe\u0308")


def test_what_is_no_character_is_told_as_such():
    row = numpy.array([84, -3, 0xD800, 7, 0x110000, 10, 0, 84])
    assert Text(most=8).value(row) == {"text": "T\ufffd\ufffd\ufffd\ufffd\n"}
    for bad in ("a\rb", "a\ud800", "a\x7f"):
        with pytest.raises(InputError):
            Text().check(bad)


@pytest.mark.parametrize(
    ("truth", "share"), [({"rate": "love"}, 1), ({"rate": "meh"}, 0), ({"loved": 3, "of": 4}, 0.75)]
)
def test_what_people_loved_is_a_share(truth, share):
    assert Image().tensor(truth) == numpy.float32(share)


@pytest.mark.parametrize("truth", [{}, {"rate": "so so"}, {"loved": 2, "of": 1}, {"loved": 0, "of": 0}])
def test_what_says_nothing_of_a_picture_is_refused(truth):
    with pytest.raises(InputError):
        Image().tensor(truth)


@pytest.mark.parametrize(
    ("size", "kind"), [((255, 100), "image/png"), ((256, 100), "image/jpeg"), ((64, 300), "image/jpeg")]
)
def test_small_pictures_are_written_without_loss(size, kind):
    width, height = size
    made = Image().value(numpy.random.default_rng(0).random((3, height, width)))
    assert (made.media_type, made.width, made.height) == (kind, width, height)
    assert Pillow.open(io.BytesIO(made.data)).size == size


def test_the_largest_picture_fits_through_the_wire():
    from teahouse.engine.wire import MOST_PAYLOAD

    noise = numpy.random.default_rng(0).random((3, 2048, 2048), dtype=numpy.float32)
    assert len(media.encode(noise).data) < MOST_PAYLOAD / 2


def test_the_mean_colour_outlives_the_encoding():
    row = numpy.zeros((3, 300, 300), numpy.float32) + numpy.array([0.2, 0.5, 0.8], numpy.float32)[:, None, None]
    assert media.mean_colour(media.encode(row).data) == pytest.approx([0.2, 0.5, 0.8], abs=0.01)


@pytest.mark.parametrize(
    ("width", "height", "kept"),
    [
        (600, 400, (512, 340)),
        (400, 600, (340, 512)),
        (100, 80, (100, 80)),
        (510, 510, (508, 508)),
        (1, 1, (32, 32)),
        (8000, 10, (512, 32)),
        (8192, 8192 // 4, (512, 128)),
    ],
)
def test_a_kept_photo_has_its_own_shape_within_the_size(width, height, kept):
    out = io.BytesIO()
    Pillow.new("RGB", (width, height), (200, 100, 0)).save(out, "PNG")
    field = Image(size=512, fit="keep")
    field.check(out.getvalue())
    assert field.tensor(out.getvalue()).shape[:0:-1] == kept


def test_a_kept_photo_is_turned_upright():
    out = io.BytesIO()
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.new("RGB", (80, 48)).save(out, "JPEG", exif=exif.tobytes())
    assert Image(size=512, fit="keep").tensor(out.getvalue()).shape == (3, 80, 48)


def test_what_is_absent_begins_at_its_start_or_is_drawn():
    fields = {
        "photo": Image(name="photo"),
        "strength": Number(0, 1, start=0.7, name="strength"),
        "seed": Seed(name="seed"),
        "word": Text(name="word"),
    }
    whole = absent.filled({"strength": 0.1}, fields, lambda field: 5)
    assert whole == {"strength": 0.1, "seed": 5}, "a file and what has no start stay absent"
    assert absent.filled({}, fields)["seed"] != absent.filled({}, fields)["seed"]
    assert not absent.needs_nobody(fields)


def test_an_app_of_seeds_and_starts_needs_nobody():
    seed, start, open_ = Seed(), Number(0, 1, start=0), Number(0, 1)
    assert absent.needs_nobody({"a": seed, "b": start})
    assert not absent.needs_nobody({"b": start})
    assert not absent.needs_nobody({"a": seed, "b": open_})


@pytest.mark.parametrize("field", [Seed(), Number(-1, 4), Choice("a", "b", "c"), Text(), Text(2), Labels("a", "b")])
def test_stand_ins_are_many_and_always_the_same(field):
    values = [absent.stand_in(field, number) for number in range(16)]
    assert values == [absent.stand_in(field, number) for number in range(16)]
    assert len(set(values)) >= 2
    for value in values:
        field.check(value)


def test_an_image_that_is_resized_first_says_so_and_any_other_declares_what_it_did_before():
    assert Image(224, resize=256).json()["resize"] == 256 and "resize" not in Image(224).json()
    assert "resize" not in Image(224, resize=224).json()
    again = field_from_json(Image(224, resize=256, name="photo").json())
    assert again.json() == Image(224, resize=256, name="photo").json()
