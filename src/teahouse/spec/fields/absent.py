"""Absent: what an input is where nobody gave it. A seed is drawn, the others begin at their start."""

from collections.abc import Callable, Mapping
from typing import Any

from teahouse.spec.fields.protocol import Field

Json = Any
GOLDEN = 0.6180339887498949  # steps of it fall evenly between two ends, however many are taken


def is_drawn(field: Field) -> bool:
    """Whether its values are drawn where nobody gives one."""
    return bool(getattr(field, "drawn", False))


def start_of(field: Field) -> Json | None:
    """Where it begins; None where it has to be given."""
    return getattr(field, "start", None)


def can_be(field: Field) -> bool:
    """Whether nobody has to give it."""
    return is_drawn(field) or start_of(field) is not None


def needs_nobody(fields: Mapping[str, Field]) -> bool:
    """Whether an app can answer by itself, another thing each time: a seed is drawn, and all the rest has a start."""
    return all(map(can_be, fields.values())) and any(map(is_drawn, fields.values()))


def filled(
    given: Mapping[str, Json], fields: Mapping[str, Field], draw: Callable[[Field], Json] = lambda field: field.draw()
) -> dict[str, Json]:
    """What was given, and for absent inputs their start or what `draw` draws. One that has neither stays absent."""
    whole = dict(given)
    for name, field in fields.items():
        if name in whole or field.binary:
            continue
        if is_drawn(field):
            whole[name] = draw(field)
        elif start_of(field) is not None:
            whole[name] = start_of(field)
    return whole


def stand_in(field: Field, number: int) -> Json:
    """The `number`th of many different values that the field could be given, always the same ones: to try a model on
    where no row says. TypeError for what is a file."""
    if field.binary:
        raise TypeError(f"{field.name} is a file")
    if is_drawn(field):
        return (number * 0x9E3779B1 + 1) % 2**32
    if field.kind == "number":
        return field.low + (field.high - field.low) * ((number * GOLDEN) % 1.0)
    if field.kind == "text":
        return ("tea", "a cup of tea", "oolong?", "Tea\nfor two")[number % 4][: field.most]
    words = field.words()
    return words[number % len(words)]
