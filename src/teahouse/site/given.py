"""What a request gives: its body read within limits and in memory alone, taken apart into fields, and its digest."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from teahouse import ids
from teahouse.errors import InputError, TeahouseError, TooLarge
from teahouse.spec.fields import absent
from teahouse.spec.fields.protocol import Field
from teahouse.store import consents

AT_ONCE = 128 * 1024  # bytes that are looked through, and hashed, in a tenth of a millisecond
MAX_PARTS = 20
MAX_PART_HEADERS = 4096
MAX_BOUNDARY = 70
MAX_DEPTH = 32
MAX_TEXT = 10_000
KEY_MOST = 200
CONSENT, SHOW = frozenset({"keep", "train"}), frozenset({consents.SHOW})

Parts = dict[str, Any]


async def opened_soon(request: Request, body: bytes, fields: Mapping[str, Field], key: bytes) -> tuple[Parts, bytes]:
    """`opened`, in a thread where there is much to look through: below that the way there and back costs more."""
    if len(body) <= AT_ONCE:
        return opened(request, body, fields, key)
    return await run_in_threadpool(opened, request, body, fields, key)


def opened(request: Request, body: bytes, fields: Mapping[str, Field], key: bytes) -> tuple[Parts, bytes]:
    """The values of a request's body by field name, checked, and their keyed digest; nothing of it touches the disk."""
    parts = parts_of(request, body, fields)
    return parts, digest(key, parts)


def parts_of(request: Request, body: bytes, fields: Mapping[str, Field]) -> Parts:
    """The values by field name, checked: raw bytes of a single binary field, multipart, or JSON by field name.

    Raises TooLarge or InputError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        parts = from_multipart(body, request.headers["content-type"], fields)
    elif kind == "application/json":
        parts = from_json(body, fields)
    else:
        parts = from_raw(body, fields)
    parts = fill(parts, fields, request.headers.get("idempotency-key", ""))
    for name, one in fields.items():
        if name not in parts:
            raise InputError(f'The field "{name}" is missing.', do_next="Send every field; /docs names them.")
        one.check(parts[name])
    return parts


def fill(parts: Parts, fields: Mapping[str, Field], key: str = "") -> Parts:
    """What was given, with the start of a field that was not, and seeds drawn: with an Idempotency-Key (`key`) the same
    ones for the same key, so that a request that is sent again is the same request."""

    def draw(one: Any) -> int:
        if not key:
            return one.draw()
        return int.from_bytes(ids.keyed(key.encode("utf-8", "replace"), f"seed {one.name}".encode())[:4])

    return absent.filled(parts, fields, draw)


async def read_body(request: Request) -> bytes:
    """The whole body; the guard counts its bytes while they come."""
    return b"".join([chunk async for chunk in request.stream()])


def from_raw(body: bytes, fields: Mapping[str, Field]) -> Parts:
    """The body itself as the one binary field; where an app has none, no body: all is drawn or has a start."""
    binary = [name for name, one in fields.items() if one.binary]
    if not binary and not body:
        return {}
    if len(binary) != 1:
        raise InputError("This app takes several fields, or none that is a file.",
                         "The body must then be JSON or multipart.", "See /docs for an example.")  # fmt: skip
    return {binary[0]: body}


def from_json(body: bytes, fields: Mapping[str, Field]) -> Parts:
    """JSON by field name; a binary field is base64 text, or a data URL."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InputError("This JSON cannot be read.", str(error)[:200], "Mend it and send it again.") from None
    if not isinstance(value, dict):
        raise InputError("The JSON must be an object with the fields by name.", do_next="See /docs for an example.")
    if len(value) > MAX_PARTS:
        raise TooLarge("There are too many fields in this JSON.", f"The limit is {MAX_PARTS}.")
    refuse_unknown(value, fields)
    refuse_deep({name: one for name, one in value.items() if not fields[name].binary})
    return {name: unbase64(name, one) if fields[name].binary else one for name, one in value.items()}


def unbase64(name: str, value: Any) -> bytes:
    """The bytes of a base64 text or a data URL."""
    if not isinstance(value, str):
        raise InputError(f'The field "{name}" must be base64 text.', do_next="Or send the file as the raw body.")
    if value.startswith("data:"):
        value = value.partition(",")[2]
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise InputError(f'The field "{name}" is not base64.', do_next="Or send the file as the raw body.") from None


def refuse_unknown(names: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    """InputError for a field that the app does not have."""
    for name in names:
        if name not in fields:
            raise InputError(f'There is no field "{str(name)[:60]}".', f"The fields are: {', '.join(fields)}.")


def refuse_deep(value: Any, levels: int = MAX_DEPTH) -> None:
    """InputError for a value nested deeper than 32 levels or a text over 10,000 characters."""
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise TooLarge("A text is too long.", f"The limit is {MAX_TEXT:,} characters.")
    if isinstance(value, (dict, list)):
        if levels == 0:
            raise InputError("This JSON is nested too deeply.", f"The limit is {MAX_DEPTH} levels.")
        for one in value.values() if isinstance(value, dict) else value:
            refuse_deep(one, levels - 1)


@dataclass
class Part:
    """One part of a multipart body while it is taken apart."""

    name: str = ""
    header: bytes = b""
    disposition: bytes = b""
    header_bytes: int = 0
    data: bytearray = field(default_factory=bytearray)


class PartReader:
    """Collects the parts of a multipart body in memory, within limits on their number and their headers."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.value = b""

    def callbacks(self) -> dict[str, Any]:
        """The functions that the parser calls."""
        return {
            "on_part_begin": self.begin,
            "on_part_data": self.data,
            "on_header_field": self.header_field,
            "on_header_value": self.header_value,
            "on_header_end": self.header_end,
            "on_headers_finished": self.headers_finished,
        }

    def begin(self) -> None:
        if len(self.parts) >= MAX_PARTS:
            raise TooLarge("There are too many parts in this form.", f"The limit is {MAX_PARTS}.")
        self.parts.append(Part())

    def data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].data += data[start:end]

    def count(self, size: int) -> None:
        part = self.parts[-1]
        part.header_bytes += size
        if part.header_bytes > MAX_PART_HEADERS:
            raise TooLarge("The header of a part is too long.", f"The limit is {MAX_PART_HEADERS} bytes.")

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self.count(end - start)
        self.parts[-1].header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self.count(end - start)
        self.value += data[start:end]

    def header_end(self) -> None:
        part = self.parts[-1]
        if part.header.lower() == b"content-disposition":
            part.disposition = self.value
        part.header, self.value = b"", b""

    def headers_finished(self) -> None:
        part = self.parts[-1]
        _, options = parse_options_header(part.disposition)
        part.name = options.get(b"name", b"").decode("utf-8", "replace")


def from_multipart(body: bytes, content_type: str, fields: Mapping[str, Field]) -> Parts:
    """The parts of a form by field name: bytes for a binary field, JSON or else plain text for the others."""
    form = form_of(body, content_type, fields)
    return {name: part_value(data, fields[name]) for name, data in form.items()}


def form_of(body: bytes, content_type: str, names: Mapping[str, Any]) -> dict[str, bytes]:
    """The bytes of a form's parts by name; InputError for a name that is none of these, and for one that is there
    twice."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if not boundary or len(boundary) > MAX_BOUNDARY:
        raise InputError("This form cannot be read.", "Its boundary is missing or too long.")
    if not body[: MAX_BOUNDARY + 8].lstrip(b"\r\n").startswith(b"--" + boundary):
        raise InputError("This form cannot be read.", "It does not begin with its boundary.")
    reader = PartReader()
    parser = MultipartParser(boundary, reader.callbacks())  # type: ignore[arg-type]
    try:
        parser.write(body)
        parser.finalize()
    except TeahouseError:
        raise
    except (FormParserError, ValueError, IndexError) as error:
        raise InputError("This form cannot be read.", "It is not complete or not well formed.") from error
    parts: dict[str, bytes] = {}
    for part in reader.parts:
        refuse_unknown({part.name: None}, names)
        if part.name in parts:
            raise InputError(f'The field "{part.name}" is there twice.')
        parts[part.name] = bytes(part.data)
    return parts


def part_value(data: bytes, one: Field) -> Any:
    """A part's value: the bytes of a file, else JSON; of a field that takes text, the text as a form sends it."""
    if one.binary:
        return data
    if one.schema().get("type") != "string":
        return plain_value(data)
    if len(data) > MAX_TEXT * 4:
        raise TooLarge("A text is too long.", f"The limit is {MAX_TEXT:,} characters.")
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    refuse_deep(text)
    return text


def plain_value(data: bytes) -> Any:
    """A part that is no file: JSON where it reads as JSON, else its text."""
    if len(data) > MAX_TEXT * 4:
        raise TooLarge("A text is too long.", f"The limit is {MAX_TEXT:,} characters.")
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return data.decode("utf-8", "replace")
    refuse_deep({"": value})
    return value


def digest(key: bytes, parts: Parts) -> bytes:
    """The keyed digest of what was given: of the bytes as received, or of the digests of several fields.

    32 bytes. Keyed, so that nobody who reads the rows without the key can test whether a known photo was here; `known`
    answers a photo from memory for its own network alone, so that the time of an answer tells it to nobody elsewhere.
    """
    digests = {name: ids.keyed(key, as_bytes(value)) for name, value in parts.items()}
    if len(digests) == 1:
        return next(iter(digests.values()))
    return ids.keyed(key, ids.canonical({name: one.hex() for name, one in digests.items()}))


def as_bytes(value: Any) -> bytes:
    """A value's bytes: as received, or its canonical JSON."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    try:
        return ids.canonical(value)
    except (ValueError, TypeError) as error:
        raise InputError("A number is out of range.", "JSON numbers go up to 2^53 here.") from error


def idempotency_key(request: Request, most: int = KEY_MOST) -> str | None:
    """The request's Idempotency-Key, or None."""
    key = request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= most and key.isascii() and key.isprintable()):
        raise InputError("This Idempotency-Key cannot be used.", f"It has 1 to {most} plain characters.")
    return key


def purposes(request: Request, known: frozenset[str] = CONSENT) -> list[str]:
    """The purposes that X-Consent names, without doubles; InputError for one that is none of the `known`.

    A photo is kept to be learnt from, so that "keep" alone is no purpose."""
    named = [word.strip().lower() for word in request.headers.get("x-consent", "").split(",") if word.strip()]
    for word in named:
        if word not in known:
            raise InputError("X-Consent names an unknown purpose.", f"The purposes are: {', '.join(sorted(known))}.")
    if "keep" in named and "train" not in named:
        raise InputError("Photos are kept here to train from.", 'X-Consent says "keep" alone.', 'Send "keep, train".')
    return sorted(set(named))
