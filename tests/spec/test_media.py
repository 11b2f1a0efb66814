"""Pictures are decoded within limits, turned upright, and lose all that is not pixels."""

import io

import numpy
import pytest
from PIL import Image as Pillow

from teahouse import Image
from teahouse.errors import InputError, TeahouseError, TooLarge
from teahouse.spec import media
from teahouse.spec.fields.image import MAX_BYTES


def encoded(picture, kind="JPEG", **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def gradient(width=120, height=80):
    across = numpy.linspace(0, 255, width, dtype=numpy.uint8)
    return Pillow.fromarray(numpy.stack([numpy.tile(across, (height, 1))] * 3, axis=-1))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_three_kinds_are_read(kind):
    data = encoded(gradient(), kind)
    Image(size=32).check(data)
    array = Image(size=32).tensor(data)
    assert array.shape == (3, 32, 32) and array.dtype == numpy.float32 and 0 <= array.min() <= array.max() <= 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + bytes(40),
        b"<svg onload=alert(1)>",
        b"%PDF-1.4",
        b"\xff\xd8\xff" + bytes(20),
        b"RIFF\0\0\0\0WEBPVP8 ",
    ],
)
def test_anything_else_is_refused_before_decoding(data):
    with pytest.raises(InputError):
        Image(size=32).check(data)


@pytest.mark.parametrize("data", [b"\xff\xd8\xff" + bytes(20), b"\0" * 40])
def test_a_broken_photo_is_told_what_helps_it(data):
    for read in (Image(size=32).check, media.open_image):
        with pytest.raises(InputError) as told:
            read(data)
        assert told.value.what == "I can't open this file as a photo."
        assert told.value.do_next == "JPEG, PNG and WebP up to 10 MB work."


def test_limits_hold_at_the_limit_and_one_above():
    field = Image(size=32)
    field.check(encoded(Pillow.new("L", (8192, 8)), "PNG"))
    with pytest.raises(TooLarge):
        field.check(encoded(Pillow.new("L", (8193, 8)), "PNG"))
    data = encoded(gradient())
    field.check(data + bytes(MAX_BYTES - len(data)))
    with pytest.raises(TooLarge):
        field.check(data + bytes(MAX_BYTES - len(data) + 1))
    field.check(encoded(Pillow.new("1", (6000, 4000)), "PNG"))
    with pytest.raises(TooLarge):
        field.check(encoded(Pillow.new("1", (6000, 4001)), "PNG"))


def test_a_moving_picture_is_refused():
    frames = [gradient(), gradient().transpose(Pillow.Transpose.FLIP_LEFT_RIGHT)]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=100)
    with pytest.raises(InputError, match="moves"):
        media.open_image(data)


def test_orientation_is_applied_and_metadata_is_gone():
    exif = Pillow.Exif()
    exif[0x0112], exif[0x010F], exif[0x9003] = 6, "Secret Maker", "2026:01:01 00:00:00"
    cleaned = media.clean(encoded(gradient(), exif=exif.tobytes()))
    assert (cleaned.width, cleaned.height) == (80, 120)
    assert b"Secret" not in cleaned.data and b"Exif" not in cleaned.data
    assert not Pillow.open(io.BytesIO(cleaned.data)).getexif()


def test_a_small_copy_is_upright_small_and_without_metadata():
    exif = Pillow.Exif()
    exif[0x0112], exif[0x010F] = 6, "Secret Maker"
    made = media.light(encoded(gradient(), exif=exif.tobytes()), 40)
    with Pillow.open(io.BytesIO(made.data)) as picture:
        assert picture.format == "WEBP" and not picture.getexif() and picture.size == (made.width, made.height)
        assert max(picture.size) == 40 and picture.width < picture.height


def test_a_near_copy_has_a_near_key():
    picture = gradient()
    again = encoded(picture.resize((240, 160)), quality=60)
    far = int.from_bytes(media.dhash(encoded(picture)), "big") ^ int.from_bytes(media.dhash(again), "big")
    assert far.bit_count() <= 6


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "I;16", "1", "CMYK"])
def test_every_colour_mode_becomes_rgb(mode):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    source = Pillow.new(mode, (20, 20))
    assert media.open_image(encoded(source, kind)).mode == "RGB"


def test_cut_files_raise_only_declared_errors():
    whole = encoded(gradient(), "PNG")
    for cut in range(0, len(whole), 7):
        try:
            media.open_image(whole[:cut])
        except TeahouseError:
            continue


def test_phone_photos_are_decoded_scaled():
    picture = media.open_image(encoded(Pillow.new("RGB", (4000, 3000))), want=96)
    assert max(picture.size) <= 1000


@pytest.mark.parametrize(("width", "height"), [(500, 375), (375, 500), (300, 300), (1280, 960)])
def test_a_photo_is_resized_before_its_middle_is_cut_out_as_torchvision_does(width, height):
    grid = numpy.random.default_rng(3).integers(0, 256, (6, 6, 3), dtype=numpy.uint8)
    photo = Pillow.fromarray(grid).resize((width, height), Pillow.Resampling.BICUBIC)
    short = min(width, height)
    small = photo.resize((round(width * 256 / short), round(height * 256 / short)), Pillow.Resampling.BICUBIC)
    left, top = (small.width - 224) // 2, (small.height - 224) // 2
    theirs = numpy.asarray(small.crop((left, top, left + 224, top + 224))).transpose(2, 0, 1) / 255
    assert abs(media.pixels(photo, (224, 224), resize=256) - theirs).max() < 0.03
    assert abs(media.pixels(photo, (224, 224)) - theirs).max() > 0.1
