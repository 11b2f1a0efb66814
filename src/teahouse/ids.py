"""Ids, digests, canonical JSON and the clock: small pure functions that every floor uses."""

import hashlib
import hmac
import re
import time
import uuid
from typing import Any

import rfc8785
import uuid_utils

from teahouse.errors import NotFound

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def new_id() -> bytes:
    """A UUIDv7 (RFC 9562) in 16 bytes: sorts by time, names a thing and opens nothing."""
    return uuid_utils.uuid7().bytes


def made_at(id_: bytes) -> int:
    """When an id was made (ms UTC): a UUIDv7 begins with it."""
    return int.from_bytes(id_[:6], "big")


def text(id_: bytes) -> str:
    """The id as people and JSON see it."""
    return str(uuid.UUID(bytes=id_))


def parse(given: str) -> bytes:
    """The 16 bytes of an id as text; NotFound on anything else, so that a wrong id tells nothing."""
    try:
        return uuid.UUID(given).bytes
    except (ValueError, AttributeError, TypeError):
        raise NotFound("There is nothing under this address.", do_next="Check the link.") from None


def sha256(data: bytes) -> str:
    """SHA-256 in 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def canonical(value: Any) -> bytes:
    """Canonical JSON (RFC 8785): the same value has the same bytes everywhere."""
    return rfc8785.dumps(value)


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical JSON."""
    return sha256(canonical(value))


def is_digest(given: str) -> bool:
    """Exactly 64 lower-case hex digits: nothing else ever becomes a file name."""
    return isinstance(given, str) and _DIGEST.match(given) is not None


def keyed(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256, 32 bytes."""
    return hmac.digest(key, data, "sha256")


def share_of(key: bytes, data: bytes) -> float:
    """A draw in [0, 1) that only who has the key can foretell (the first 53 bits of the HMAC)."""
    return (int.from_bytes(keyed(key, data)[:8], "big") >> 11) / (1 << 53)


def now_ms() -> int:
    """Milliseconds since 1970, UTC. For people and retention; order comes from sequence numbers."""
    return time.time_ns() // 1_000_000
