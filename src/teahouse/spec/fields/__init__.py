"""The kinds of fields: one module a kind, found by name or through the entry point `teahouse.fields`."""

from functools import cache
from importlib.metadata import entry_points

from teahouse.errors import DeclarationError, likely
from teahouse.spec.fields.choice import Choice
from teahouse.spec.fields.image import Image
from teahouse.spec.fields.labels import Labels
from teahouse.spec.fields.number import Number
from teahouse.spec.fields.protocol import Feedback, Field, Json, Picture
from teahouse.spec.fields.seed import Seed
from teahouse.spec.fields.text import Text

__all__ = [
    "Choice", "Feedback", "Field", "Image", "Labels", "Number", "Picture", "Seed", "Text", "field_from_json", "kinds",
]  # fmt: skip


@cache
def kinds() -> dict[str, type]:
    """Every kind by name: the built-in ones and those that installed packages bring."""
    found: dict[str, type] = {kind.kind: kind for kind in (Image, Labels, Seed, Number, Choice, Text)}
    for point in entry_points(group="teahouse.fields"):
        found.setdefault(point.name, point.load())
    return found


def field_from_json(declared: dict[str, Json]) -> Field:
    """The field that `Field.json` described; DeclarationError for an unknown kind or a wrong parameter."""
    known = kinds()
    kind = declared.get("kind")
    if not isinstance(kind, str) or kind not in known:
        raise DeclarationError(
            f'There is no kind of field called "{kind}".',
            f"Known: {', '.join(sorted(known))}.",
            likely(str(kind), known).strip() or "Use one of these.",
        )
    if not isinstance(declared.get("name", ""), str):
        raise DeclarationError(f'A field of kind "{kind}" could not be read.', "Its name is no text.")
    try:
        return known[kind].from_json(declared)
    except (KeyError, TypeError, ValueError) as error:
        raise DeclarationError(f'A field of kind "{kind}" could not be read.', str(error)) from error
