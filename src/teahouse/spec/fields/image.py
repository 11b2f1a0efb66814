"""Image: a photo that a visitor gives, or a picture that a model makes."""

import io
from typing import ClassVar

import imagesize

from teahouse.errors import DeclarationError, InputError, TooLarge, likely
from teahouse.spec.fields.declared import Labelled, label_of, refuse_unknown
from teahouse.spec.fields.protocol import Array, Feedback, Json, Picture

MAX_BYTES, MAX_MEGAPIXELS, MAX_SIDE = 10_000_000, 24.0, 8192
FITS = ("crop", "pad", "keep")
TAKES = ("size", "fit", "normalize", "label", "resize")
RATES = {"love": 1.0, "meh": 0.0}
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

MADE = {
    "picture": {"type": "string", "description": "A data URL."},
    "media_type": {"type": "string", "enum": ["image/jpeg", "image/png"]},
    "width": {"type": "integer"},
    "height": {"type": "integer"},
}
MARKERS, FILL = 512, 4096  # segments and stray bytes that a JPEG may have before its picture; real ones have dozens

MAGIC = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
UNREADABLE = "I can't open this file as a photo."
WORKS = f"JPEG, PNG and WebP up to {MAX_BYTES // 1_000_000} MB work."
SMALLER = f"Up to {MAX_BYTES // 1_000_000} MB, {MAX_MEGAPIXELS:.0f} megapixels and {MAX_SIDE:,} pixels a side work."


def media_type(data: bytes) -> str | None:
    """image/jpeg, image/png or image/webp by the first bytes; None for anything else, whatever its name says."""
    for magic, kind in MAGIC.items():
        if data.startswith(magic):
            return kind
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def refuse_unreadable(data: bytes) -> None:
    """InputError where the first bytes are those of no picture: a damaged file looks no different from another kind."""
    if media_type(data) is None:
        raise InputError(
            UNREADABLE,
            "Its first bytes are not those of a JPEG, PNG or WebP picture.",
            WORKS,
        )


class Image(Labelled):
    """A photograph, or a picture that a model makes. `size` is a side or (width, height) in pixels; the model takes
    float32 NCHW RGB 0..1.

    fit: crop (fill the square, cut what is over), pad (all of it, on grey) or keep (its own shape and orientation, made
    smaller until the longest side is at most `size`, never larger; both sides are multiples of 4 and at least 32). With
    keep the exported graph takes any height and width; pictures of one shape are run together.
    resize: with crop and a square, the side that the photo's shorter one gets before the middle is cut out of it:
    Image(224, resize=256) is torchvision's Resize(256), CenterCrop(224). Without it nothing of that side is cut.
    normalize: (mean, std) for three channels or "imagenet"; it is baked into the exported graph.
    As output, rows are float32 CHW 0..1 of any size and become a Picture; nothing else here matters then.
    Feedback as output: rate (love or meh) and choose (one of two). The truth is {"rate": word}, or
    {"loved": k, "of": n} where many spoke of one picture; as a tensor it is the share that loved it, float32."""

    kind: ClassVar[str] = "image"
    binary = True
    feedback = frozenset({"choose", "rate"})

    def __init__(
        self,
        size: int | tuple[int, int] = 224,
        fit: str = "crop",
        normalize: str | tuple | None = None,
        label: str = "",
        *,
        resize: int | None = None,
        name: str = "input",
        **unknown: Json,
    ) -> None:
        refuse_unknown("Image", unknown, TAKES)
        width, height = (size, size) if isinstance(size, int) else tuple(size)
        if not (isinstance(width, int) and isinstance(height, int) and 8 <= width <= 2048 and 8 <= height <= 2048):
            raise DeclarationError(
                f"Image(size={size!r}) can not be used.",
                "A side has 8 to 2,048 pixels.",
                "Write size=96 or size=(width, height).",
            )
        if fit not in FITS:
            raise DeclarationError(
                f'Image(fit="{fit}") is unknown.', f"It is one of {', '.join(FITS)}.", likely(fit, FITS).strip()
            )
        if resize is not None and not (
            isinstance(resize, int) and fit == "crop" and width == height and width <= resize <= 2 * width
        ):
            raise DeclarationError(
                f"Image(size={size!r}, resize={resize!r}) can not be used.",
                'It goes with fit="crop" and a square, and is as large as its side, or up to twice as large.',
                "Write Image(224, resize=256) for Resize(256), CenterCrop(224).",
            )
        self.size, self.fit, self.normalize = (width, height), fit, _normalize(normalize)
        self.resize = None if resize == width else resize
        self._label, self.name = label_of(label, "Image"), name

    def json(self) -> dict[str, Json]:
        pair = [list(part) for part in self.normalize] if self.normalize else None
        return {
            "kind": self.kind, "name": self.name, "label": self.label,
            "size": list(self.size), "fit": self.fit, "normalize": pair,
            **({"resize": self.resize} if self.resize else {}),
        }  # fmt: skip

    @classmethod
    def from_json(cls, declared: dict[str, Json]) -> "Image":
        return cls(
            tuple(declared["size"]),
            declared["fit"],
            declared["normalize"],
            declared.get("label", ""),
            resize=declared.get("resize"),
            name=declared.get("name", "input"),
        )

    def schema(self) -> dict[str, Json]:
        """As an input a file; as an output {"picture": data URL, "media_type", "width", "height"}."""
        if self.name == "output":
            return {"type": "object", "required": list(MADE), "properties": MADE}
        return {
            "type": "string",
            "format": "binary",
            "description": "A JPEG, PNG or WebP picture, "
            f"at most {MAX_BYTES // 1_000_000} MB, {MAX_MEGAPIXELS:.0f} megapixels, {MAX_SIDE} pixels a side.",
        }

    def check(self, given: bytes) -> None:
        """Type, bytes, and the size that the header tells, before anything is decoded."""
        if not isinstance(given, (bytes, bytearray, memoryview)) or len(given) == 0:
            raise InputError(
                "There is no picture in this request.", "The body is empty.", "Send a JPEG, PNG or WebP file."
            )
        given = bytes(given)
        if len(given) > MAX_BYTES:
            raise TooLarge(
                "This picture is too heavy.",
                f"It has {len(given) / 1e6:.1f} MB; the limit is {MAX_BYTES / 1e6:.0f} MB.",
                SMALLER,
            )
        refuse_unreadable(given)
        width, height = header_size(given)
        if width < 1 or height < 1:
            raise InputError(UNREADABLE, "Its header is damaged.", WORKS)
        if width > MAX_SIDE or height > MAX_SIDE or width * height > MAX_MEGAPIXELS * 1e6:
            raise TooLarge(
                "This picture is too large.",
                f"It is {width} by {height}; the limit is {MAX_MEGAPIXELS:.0f} megapixels and {MAX_SIDE} a side.",
                SMALLER,
            )

    def tensor(self, given: bytes | Json) -> Array:
        """float32 [3, height, width], RGB 0..1; of a truth the share of people who loved the picture, a scalar."""
        if isinstance(given, dict):
            import numpy

            return numpy.asarray(_loved(given), dtype=numpy.float32)
        from teahouse.spec import media

        return media.pixels(given, self.size, self.fit, self.resize)

    def value(self, row: Array) -> Picture:
        """float32 [3, height, width] 0..1 to a JPEG, or a PNG where the longer side is below 256 pixels."""
        from teahouse.spec import media

        return media.encode(row)

    def same(self, row: Array, other: Array) -> bool:
        """Whether two pictures are one to who looks at them; see `media.same`."""
        from teahouse.spec import media

        return media.same(row, other)

    def truth(self, feedback: Feedback, output: Json) -> Json | None:
        """{"rate": word} of love or meh; a choice between two is no truth of either."""
        rated = feedback.kind == "rate" and isinstance(feedback.value, str) and feedback.value in RATES
        return {"rate": feedback.value} if rated else None

    def near(self, given: bytes) -> bytes:
        from teahouse.spec import media

        return media.dhash(given)


def _loved(truth: Json) -> float:
    """The share of those who spoke that loved it: of {"rate": word} or {"loved": k, "of": n}."""
    if truth.get("rate") in RATES:
        return RATES[truth["rate"]]
    loved, of = truth.get("loved"), truth.get("of")
    if not (isinstance(loved, int) and isinstance(of, int) and 0 <= loved <= of and of > 0):
        raise InputError("This says nothing of a picture.", str(truth)[:80], 'Write {"loved": 3, "of": 4}.')
    return loved / of


def longer_side(data: bytes) -> int:
    """Pixels of the longer side, as the header says; InputError where that is damaged."""
    return max(header_size(data))


def header_size(data: bytes) -> tuple[int, int]:
    """Width and height of a picture as its header tells them; InputError where it tells none."""
    try:
        # What PNG and WebP say of their size stands in their first thirty bytes.
        return _jpeg_size(data) if media_type(data) == "image/jpeg" else imagesize.get(io.BytesIO(data[:512]))
    except Exception as error:  # edge: struct.error and whatever else a hostile header brings out of the parser
        raise InputError(UNREADABLE, "Its header is damaged.", WORKS) from error


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height of the frame, in at most 512 steps from the first marker to the first scan.

    The walk goes on to the scan, as every decoder's does: what is too long for us must not be left to them."""
    at, stray, size = 2, 0, (0, 0)
    for _ in range(MARKERS):
        start = data.find(b"\xff", at, at + FILL)
        after = range(start, min(start + FILL, len(data))) if start > 0 else ()
        marker = next((n for n in after if data[n] != 0xFF), -1)
        stray += marker - at
        if marker < 0 or stray > FILL:
            raise ValueError("no marker")
        kind, at = data[marker], marker + 1
        if kind == 0xDA and size[0]:
            return size
        if kind in (0x00, 0x01) or 0xD0 <= kind <= 0xD7:  # stuffing and markers without a segment
            continue
        length = int.from_bytes(data[at : at + 2])
        if length < 2 or kind in (0xD8, 0xD9, 0xDA) or at + length > len(data):
            raise ValueError("no segment")
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            if size[0] or length < 8:
                raise ValueError("no frame")
            size = (int.from_bytes(data[at + 5 : at + 7]), int.from_bytes(data[at + 3 : at + 5]))
        at += length
    raise ValueError("too many segments")


def _normalize(given: str | tuple | None) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    if given is None:
        return None
    if given == "imagenet":
        return IMAGENET
    try:
        mean, std = (tuple(float(number) for number in part) for part in given)
    except (TypeError, ValueError):
        mean, std = (), ()
    if len(mean) != 3 or len(std) != 3 or any(number <= 0 for number in std):
        raise DeclarationError(
            f"Image(normalize={given!r}) can not be used.",
            "It is three means and three standard deviations above 0.",
            'Write normalize="imagenet" or normalize=((.5, .5, .5), (.5, .5, .5)).',
        )
    return mean, std
