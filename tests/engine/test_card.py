"""The card: 1200 x 630 whatever is written on it and whatever hangs there."""

import io

import numpy
import pytest
from PIL import Image

from teahouse.engine import card
from teahouse.errors import InputError
from teahouse.testing import photo

HOSTILE = [
    "", " ", "\x00\x1b[2J", "a" * 5000, "W " * 2500, "\u202edrawkcab\u202c", "z" + "\u0300" * 5000, "\U0001f600" * 200,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1ef\U0001f1f5 \u270d\U0001f3fd", "مرحبا بالعالم", "שלום עולם",
    "你好，世界", "नमस्ते दुनिया", "<img src=x onerror=alert(1)>", "{{ 7*7 }}", "\n\r\t\u2028", "\U0010fffd",
    "\ufffd", "\u202e" * 300, "\ufdfa" * 5000, "%s%n{0}",
]  # fmt: skip


def opened(data: bytes) -> Image.Image:
    made = Image.open(io.BytesIO(data))
    made.load()
    return made


def wide(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (200, 40, 40)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:20])
@pytest.mark.parametrize("pictures", [0, 1, 2])
def test_whatever_is_written_there_is_a_card(text, pictures):
    made = opened(card.draw({"title": text, "line": text, "site": text}, [photo("warm", at) for at in range(pictures)]))
    assert (made.size, made.format, made.info.get("exif")) == ((1200, 630), "PNG", None)


@pytest.mark.parametrize("size", [(1, 1), (3000, 10), (10, 3000), (64, 64), (1024, 768), (768, 1024)])
def test_pictures_of_any_shape_hang_on_it(size):
    for pictures in ([wide(*size)], [photo("cold"), wide(*size)]):
        made = numpy.asarray(opened(card.draw({"title": "A title"}, pictures)).convert("RGB")).astype(int)
        red = (made[:, :, 0] > 150) & (made[:, :, 1] < 90)
        assert red.any(), "the picture is not on it"


def test_words_stay_within_the_card_and_say_when_they_are_cut():
    font = card.house_font(40)
    lines, font = card.fitted("many words " * 60, 400, (68, 32), 3)
    assert len(lines) == 3 and lines[-1].endswith("…")
    assert all(font.getlength(line) <= 400 for line in lines)
    assert card.fitted("short", 400, (68, 32), 3)[1].size == 68


def test_letters_that_no_font_has_are_left_out_and_steering_ones_too():
    assert card.plain("a\u202eb\x00c\u200dd") == "abcd"
    assert card.plain("z" + "\u0334" * 9) == "z" + "\u0334" * card.MOST_MARKS
    assert len(card.plain("x" * 9000)) == card.MOST_TEXT
    _, text = card.fonts("tea \U0010fffd house", 30)
    assert text == "tea house"


def test_a_card_of_noise_stays_small_enough_for_who_shows_links():
    noise = io.BytesIO()
    Image.fromarray(numpy.random.default_rng(0).integers(0, 255, (700, 700, 3), dtype=numpy.uint8)).save(noise, "PNG")
    assert len(card.draw({"title": "Noise"}, [noise.getvalue()])) < card.HEAVY


def test_what_is_no_picture_is_refused():
    with pytest.raises(InputError):
        card.draw({}, [b"GIF89a"])
    with pytest.raises(InputError):
        card.draw({}, [photo()] * 3)
