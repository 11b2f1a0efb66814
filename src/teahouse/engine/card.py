"""The card of a page: one picture of 1200 x 630 pixels that other sites show beside a link to it. Workers only."""

import io
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

from teahouse.errors import InputError
from teahouse.spec import media

SIZE = WIDTH, HEIGHT = 1200, 630
EDGE, GAP, MAT = 64, 16, 12
PAPER, GLOW, MOON, BEVEL, LINE = "#f4eee1", "#e9efe0", "#cfdfcd", "#fffefa", "#dcd2be"
INK, SOFT, ACCENT, SHADE, ON_SHADE = "#23291f", "#575c4d", "#2a5d4c", (20, 14, 8, 184), "#fffdf6"
FINE = 3  # what is round is drawn so many times larger first
WIDE = 1.2  # from this proportion on two pictures stand over the words, else beside them
MOST_TEXT, MOST_MARKS = 300, 2
HEAVY = 600_000  # bytes over which a card is written in 256 colours: some who show links take no larger ones
FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf")

Font = ImageFont.FreeTypeFont
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Texts:
    """What is written on a card: the page's title, one line below it, the site's name. None of them has to be there."""

    title: str = ""
    line: str = ""
    site: str = ""


def draw(texts: Mapping[str, str], pictures: Sequence[bytes] = ()) -> bytes:
    """The card as PNG. No picture, one, or a photo and what was made of it; whatever the texts hold it is drawn.

    Raises InputError where a picture can not be read."""
    if len(pictures) > 2:
        raise InputError("A card shows two pictures at most.")
    said = Texts(**{name: plain(texts.get(name, "")) for name in ("title", "line", "site")})
    shown = [media.open_image(data, want=max(SIZE)) for data in pictures]
    card = ground()
    if not shown:
        write(card, said, (EDGE, EDGE, WIDTH - EDGE, HEIGHT - EDGE), 96)
    elif len(shown) == 2 and shown[1].width / shown[1].height >= WIDE:
        over(card, said, shown)
    else:
        beside(card, said, shown)
    return png(card)


def png(card: Image.Image) -> bytes:
    """The bytes, in fewer colours where they would be too many."""
    out = io.BytesIO()
    card.save(out, "PNG", compress_level=7)
    if out.tell() > HEAVY:
        out = io.BytesIO()
        colours = card.quantize(256, Image.Quantize.FASTOCTREE)
        card.quantize(palette=colours, dither=Image.Dither.FLOYDSTEINBERG).save(out, "PNG", compress_level=7)
    return out.getvalue()


# ---- where things stand --------------------------------------------------------------------------------------------


def beside(card: Image.Image, said: Texts, shown: Sequence[Image.Image]) -> None:
    """Pictures at the left, words at the right."""
    room = HEIGHT - 2 * EDGE
    if len(shown) == 2:
        width = max(260, min(350, round(room * shown[1].width / shown[1].height)))
        height = min(room, round(width * shown[1].height / shown[1].width * 1.2))
        right = EDGE
        for picture, tag in zip(shown, ("Before", "After"), strict=True):
            hang(card, filled(picture, (width, height)), (right, (HEIGHT - height) // 2), tag)
            right += width + GAP + 2 * MAT
        right += 2 * MAT - GAP
    else:
        picture = ImageOps.contain(shown[0], (600, room), Image.Resampling.LANCZOS)
        hang(card, picture, (EDGE, (HEIGHT - picture.height) // 2))
        right = EDGE + picture.width + 64
    size = 68 if WIDTH - EDGE - right >= 420 else 52
    write(card, said, (right, EDGE - 8, WIDTH - EDGE, HEIGHT - EDGE + 8), size)


def over(card: Image.Image, said: Texts, shown: Sequence[Image.Image]) -> None:
    """Two wide pictures side by side, words below them."""
    width = (WIDTH - 2 * EDGE - GAP - 2 * MAT) // 2
    height = min(388, round(width * shown[1].height / shown[1].width))
    for at, (picture, tag) in enumerate(zip(shown, ("Before", "After"), strict=True)):
        place = (EDGE + at * (width + GAP + 2 * MAT), 44)
        hang(card, filled(picture, (width, height)), place, tag)
    caption(card, said, 44 + height + MAT)


def caption(card: Image.Image, said: Texts, top: int) -> None:
    """The words under the pictures, from `top` on: title and line at the left, the site's name at the right."""
    pen = ImageDraw.Draw(card)
    name, name_font = fitted(said.site, 260, (26, 26), 1)
    right = WIDTH - EDGE - round(name_font.getlength(name[0]) if name else 0)
    lines, line_font = fitted(said.line, right - 2 * EDGE - 80, (26, 26), 1)
    room = HEIGHT - top - 24 - len(lines) * 36
    titles, title_font = fitted(said.title, right - 2 * EDGE - 80, (52, 32), 2, room)
    step = round(title_font.size * 1.16)
    y = top + 12 + max(0, room - len(titles) * step) // 2
    for text in titles:
        pen.text((EDGE, y), text, INK, title_font)
        y += step
    if lines:
        pen.text((EDGE, y + 6), lines[0], SOFT, line_font)
    middle = (top + 12 + HEIGHT) // 2
    mark(card, (right - 58, middle - 22), 44)
    pen.text((right, middle), name[0] if name else "", SOFT, name_font, anchor="lm")


def filled(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The middle of the picture, as much as fills this size."""
    return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)


# ---- paper, frames, the mark ---------------------------------------------------------------------------------------


def ground() -> Image.Image:
    """The house's paper, with the light that falls on it from the right and the moon below."""
    card = Image.new("RGB", SIZE, PAPER)
    light = ImageChops.invert(Image.radial_gradient("L")).resize((1500, 1100), Image.Resampling.BICUBIC)
    card.paste(Image.new("RGB", light.size, GLOW), (420, -560), light)
    disc = Image.new("L", (720 * FINE // 2, 720 * FINE // 2))
    ImageDraw.Draw(disc).ellipse((0, 0, disc.width - 1, disc.height - 1), fill=115)
    card.paste(Image.new("RGB", (720, 720), MOON), (-150, -190), disc.resize((720, 720), Image.Resampling.LANCZOS))
    return card


def hang(card: Image.Image, picture: Image.Image, at: tuple[int, int], tag: str = "") -> None:
    """Hangs a picture on its mat, with its shadow on the wall behind."""
    left, top = at
    mat = (left - MAT, top - MAT, left + picture.width + MAT, top + picture.height + MAT)
    shadow = Image.new("L", SIZE)
    ImageDraw.Draw(shadow).rectangle((mat[0] + 10, mat[1] + 22, mat[2] - 10, mat[3] + 16), fill=90)
    card.paste(Image.new("RGB", SIZE, "#3e3014"), (0, 0), shadow.filter(ImageFilter.GaussianBlur(18)))
    pen = ImageDraw.Draw(card)
    pen.rectangle((mat[0], mat[1], mat[2] - 1, mat[3] - 1), fill=BEVEL, outline=LINE)
    card.paste(picture, at)
    if tag:
        label(card, tag, (left + 12, top + picture.height - 12))


def label(card: Image.Image, tag: str, foot: tuple[int, int]) -> None:
    """A small dark label whose lower left corner is at `foot`."""
    font = house_font(20)
    width, height = round(font.getlength(tag)) + 28, 36
    pill = Image.new("L", (width * FINE, height * FINE))
    ImageDraw.Draw(pill).rounded_rectangle((0, 0, pill.width - 1, pill.height - 1), height * FINE // 2, fill=SHADE[3])
    place = (foot[0], foot[1] - height)
    card.paste(Image.new("RGB", (width, height), SHADE[:3]), place, pill.resize((width, height)))
    middle = (place[0] + width / 2, place[1] + height / 2)
    ImageDraw.Draw(card).text(middle, tag, ON_SHADE, font, anchor="mm")


def mark(card: Image.Image, at: tuple[int, int], side: int) -> None:
    """The house's mark: a cup from above, with a leaf in it."""
    scale = side * FINE / 32
    sheet = Image.new("L", (side * FINE, side * FINE))
    pen, width = ImageDraw.Draw(sheet), round(1.8 * scale)
    pen.arc([part * scale for part in (2.7, 2.7, 29.3, 29.3)], -17, 298, fill=255, width=width)
    pen.ellipse([part * scale for part in (7.8, 7.8, 24.2, 24.2)], outline=255, width=width)
    leaf = [(12.4, 18.6), (13.2, 15.4), (15.6, 13.2), (19.4, 12.3), (18.9, 15.6), (16.8, 18.2), (13.5, 19.0)]
    pen.polygon([(x * scale, y * scale) for x, y in leaf], outline=255, width=round(1.5 * scale))
    pen.line([(x * scale, y * scale) for x, y in ((11.6, 21.2), (13.3, 18.3), (16.3, 15.5))], 255, round(1.5 * scale))
    card.paste(Image.new("RGB", (side, side), ACCENT), at, sheet.resize((side, side), Image.Resampling.LANCZOS))


# ---- words ---------------------------------------------------------------------------------------------------------


def write(card: Image.Image, said: Texts, box: Box, size: int) -> None:
    """The title as large as it fits, the line below it, and the site's name with its mark at the foot of the box."""
    left, top, right, bottom = box
    width, pen = right - left, ImageDraw.Draw(card)
    foot = bottom - 44
    lines, line_font = fitted(said.line, width, (30, 30), 4)
    room = foot - top - 24 - len(lines) * 40
    titles, title_font = fitted(said.title, width, (size, 32), 5, room)
    step = round(title_font.size * 1.16)
    y = top + max(0, room - len(titles) * step) // 2
    for text in titles:
        pen.text((left, y), text, INK, title_font)
        y += step
    y += round(title_font.size * 0.3)
    for text in lines:
        pen.text((left, y), text, SOFT, line_font)
        y += 40
    name, name_font = fitted(said.site, width - 60, (26, 26), 1)
    mark(card, (left, foot), 44)
    pen.text((left + 58, foot + 22), name[0] if name else "", SOFT, name_font, anchor="lm")


def fitted(text: str, width: int, sizes: tuple[int, int], most: int, height: int = HEIGHT) -> tuple[list[str], Font]:
    """The text in at most `most` lines of this width (pixels), in the largest of these sizes in which it fits; in the
    smallest it ends in three dots."""
    largest, smallest = sizes
    for size in range(largest, smallest - 1, -4):
        font, words = fonts(text, size)
        lines = wrapped(words, font, width)
        if len(lines) <= most and len(lines) * size * 1.16 <= height and not broken(words, font, width):
            return lines, font
    font, words = fonts(text, smallest)
    lines = wrapped(words, font, width)
    most = max(1, min(most, int(height // (smallest * 1.16))))
    if len(lines) > most:
        last = lines[most - 1]
        while last and font.getlength(f"{last} …") > width:
            last = last[:-1]
        lines = [*lines[: most - 1], f"{last.rstrip()} …"]
    return lines, font


def broken(text: str, font: Font, width: int) -> bool:
    """Whether a word of the text is wider than the lines are."""
    return any(font.getlength(word) > width for word in text.split())


def wrapped(text: str, font: Font, width: int) -> list[str]:
    """The text in lines no wider than `width` pixels; a word that is wider is broken."""
    lines: list[str] = []
    for word in text.split():
        whole = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(whole) <= width:
            lines[-1] = whole
            continue
        lines.append("")
        for letter in word:
            if lines[-1] and font.getlength(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines


def plain(text: str) -> str:
    """A text as it can be written in lines: composed, without what steers others' text, with few marks on a letter."""
    found, marks = [], 0
    for letter in unicodedata.normalize("NFC", str(text)[: MOST_TEXT * 4]):
        kind = unicodedata.category(letter)
        marks = marks + 1 if kind.startswith("M") else 0
        if kind in ("Zs", "Zl", "Zp") or letter in "\n\r\t":
            found.append(" ")
        elif not kind.startswith("C") and marks <= MOST_MARKS:
            found.append(letter)
    return " ".join("".join(found).split())[:MOST_TEXT]


def fonts(text: str, size: int) -> tuple[Font, str]:
    """The font that has most of the text's letters, the house's own before others, and the text without those that it
    lacks: a row of empty boxes says nothing."""
    letters = {letter for letter in text if not letter.isspace()}
    own = house_font(size)
    if not letters - had(0):
        return own, text
    best = max(range(len(FONTS) + 1), key=lambda at: (len(letters & had(at)), -at))
    font = own if best == 0 else system_font(FONTS[best - 1], size) or own
    known = had(best)
    return font, " ".join("".join(letter if letter in known or letter.isspace() else "" for letter in text).split())


@cache
def had(at: int) -> "Letters":
    """The letters of the house's font (0), or of one of the system's."""
    font = house_font(24) if at == 0 else system_font(FONTS[at - 1], 24)
    return Letters(font)


class Letters:
    """The letters that a font has, found out as they are asked for."""

    def __init__(self, font: Font | None) -> None:
        self._font, self._known = font, {}
        self._box = self._look("\U0010fffd") if font else None

    def __contains__(self, letter: str) -> bool:
        if self._font is None:
            return False
        if letter not in self._known:
            self._known[letter] = self._look(letter) != self._box
        return self._known[letter]

    def __rand__(self, letters: set[str]) -> set[str]:
        return {letter for letter in letters if letter in self}

    def __rsub__(self, letters: set[str]) -> set[str]:
        return {letter for letter in letters if letter not in self}

    def _look(self, letter: str) -> tuple[tuple[int, int], bytes]:
        mask = self._font.getmask(letter)
        return mask.size, bytes(mask)


@cache
def house_font(size: int) -> Font:
    """The font that comes with Pillow."""
    return ImageFont.load_default(size)


@cache
def system_font(name: str, size: int) -> Font | None:
    """One of the machine's own, where it has it: for letters that the house's lacks."""
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None
