"""Signatures: whose release this is. Ed25519 over a release's id, with keys that people can read and copy."""

import base64
import binascii
import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from teahouse import ids
from teahouse.errors import ReleaseBroken, SettingsError

PUBLIC, PRIVATE = "teahouse-ed25519:", "teahouse-ed25519-private:"
VARIABLE = "TEAHOUSE_SIGNING_KEY"
KEYS = "keys.txt"  # of a project: whose signatures count
MOST_KEY_FILE = 100_000
NEW_KEY = "`teahouse keys new` makes one."

FIELD = 2**255 - 19
ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022  # the y of a point of order 8
SMALL_ORDER = frozenset({0, 1, ORDER_8, FIELD - ORDER_8, FIELD - 1, FIELD, FIELD + 1})


@dataclass(frozen=True)
class Key:
    """A private key: `seed` is its 32 bytes, which nothing ever prints."""

    seed: bytes = field(repr=False)


def new() -> Key:
    """A fresh key from the system's random numbers."""
    return Key(os.urandom(32))


def parse(written: str) -> Key:
    """The key that `text` wrote. SettingsError for anything else, of which nothing is repeated."""
    seed = _decoded(written.strip(), PRIVATE, 32)
    if seed is None:
        raise SettingsError("This is not a signing key.", f'One is a line that begins with "{PRIVATE}".', NEW_KEY)
    return Key(seed)


def text(key: Key) -> str:
    """The private key as one line: what its file holds, and what a CI secret is set to."""
    return PRIVATE + base64.b64encode(key.seed).decode()


def save(key: Key, path: Path) -> None:
    """Writes the key to a new file that only its owner may read. SettingsError where a file is there already."""
    path = Path(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except FileExistsError as error:
        raise SettingsError(
            "There is a key already.",
            f"{path} is kept: what it signed could be signed by nobody else.",
            "Move it away yourself to begin anew.",
        ) from error
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text(key) + "\n")
        file.flush()
        os.fsync(file.fileno())


def load(path: Path, called: str = "") -> Key:
    """The key in a file. SettingsError if it is missing, a link, or open to anybody but its owner (mode 0600); it names
    the path, or what the file is `called` where the path may be no path but a secret."""
    path, told = Path(path), called or str(path)
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
            seen = os.fstat(file.fileno())
            if not stat.S_ISREG(seen.st_mode) or seen.st_mode & 0o077:
                raise SettingsError(
                    "This signing key is not used.",
                    f"{told} can be read by others (mode {stat.S_IMODE(seen.st_mode):04o}).",
                    f"chmod 600 {called and 'it' or path}; where others may have read it: make a new one.",
                )
            written = file.read(MOST_KEY_FILE).decode("ascii", "replace")
    except OSError as error:
        why = None if called else error  # its words have the path
        raise SettingsError("There is no signing key here.", f"{told}: {error.strerror}.", NEW_KEY) from why
    return parse(written)


def home(environment: Mapping[str, str] | None = None) -> Path:
    """Where this user's key lies: ~/.config/teahouse/key, or below $XDG_CONFIG_HOME."""
    given = os.environ if environment is None else environment
    folder = given.get("XDG_CONFIG_HOME") or str(Path(given.get("HOME") or Path.home()) / ".config")
    return Path(folder) / "teahouse" / "key"


def own(environment: Mapping[str, str] | None = None) -> Key | None:
    """The maker's key: $TEAHOUSE_SIGNING_KEY (its text, or the path of its file), else the file in `home`, else None.

    A path is an absolute one, or begins with ~/. An empty variable counts as none: a pull request from a fork gets its
    secrets so. SettingsError for a key that can not be used: nothing is left unsigned in silence, and nothing of what
    the variable holds is repeated."""
    given = os.environ if environment is None else environment
    named = given.get(VARIABLE, "").strip()
    if named.startswith(PRIVATE):
        return parse(named)
    if named.startswith("~/") or Path(named).is_absolute():
        return load(Path(named).expanduser(), f"the file that {VARIABLE} names")
    if named:
        raise SettingsError(
            f"{VARIABLE} can not be used.",
            f'It is neither a key (a line that begins with "{PRIVATE}") nor the path of its file ("/…" or "~/…").',
            NEW_KEY,
        )
    path = home(given)
    return load(path) if os.path.lexists(path) else None


def public_text(key: Key) -> str:
    """The public key as one word, "teahouse-ed25519:<base64>": what others trust."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    raw = Ed25519PrivateKey.from_private_bytes(key.seed).public_key().public_bytes_raw()
    return PUBLIC + base64.b64encode(raw).decode()


def is_public(given: str) -> bool:
    """Whether this is a public key in its one spelling, and no weak one."""
    raw = _decoded(given, PUBLIC, 32)
    return raw is not None and not is_weak(raw)


def is_weak(raw: bytes) -> bool:
    """Whether the point is one of the curve's eight of small order (RFC 8032, 5.1; Bernstein's list): one signature
    would do for every release."""
    return int.from_bytes(raw, "little") % 2**255 in SMALL_ORDER


def sign(key: Key, release_id: str) -> dict[str, str]:
    """The signature {key, ed25519} of a release: the public key as text, and 64 bytes in base64."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    signed = Ed25519PrivateKey.from_private_bytes(key.seed).sign(message(release_id))
    return {"key": public_text(key), "ed25519": base64.b64encode(signed).decode()}


def message(release_id: str) -> bytes:
    """The bytes that are signed. The word before the id keeps a signature of anything else from counting here."""
    if not ids.is_digest(release_id):
        raise ReleaseBroken("There is nothing to sign.", "A release's id is 64 hex digits.")
    return b"teahouse-release:" + release_id.encode()


def check(signature: Mapping[str, Any], release_id: str, trusted: Collection[str] | None) -> None:
    """ReleaseBroken unless the signature is of this release by one of the `trusted` public keys.

    trusted None: by whatever key it names, so that it is at least no broken one."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    raw, signed = _decoded(signature.get("key"), PUBLIC, 32), _decoded(signature.get("ed25519"), "", 64)
    if set(signature) != {"key", "ed25519"} or raw is None or signed is None or is_weak(raw):
        raise _refused("It is not written as a signature is.")
    if trusted is not None and signature["key"] not in trusted:
        raise _refused(
            f"It is by {signature['key']}, whom nobody here trusts.",
            "If you know whose key this is: teahouse keys trust KEY.",
        )
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(signed, message(release_id))
    except (InvalidSignature, ValueError) as error:
        raise _refused("It was made for another release, or by another key than it names.") from error


def trusted(path: Path) -> dict[str, str] | None:
    """The public keys in a keys.txt, each with the words behind it; None where there is no such file.

    A line is a key and whose it is; # begins a remark. SettingsError for a line that is no key."""
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("The trusted keys can not be read.", f"{path}: {error}.") from error
    found = {}
    for number, line in enumerate(lines, 1):
        key, _, whose = line.partition("#")[0].strip().partition(" ")
        if key and not is_public(key):
            raise SettingsError(
                "The trusted keys can not be read.",
                f'Line {number} of {path} does not begin with a key ("{PUBLIC}…").',
                "`teahouse keys show` prints one.",
            )
        if key:
            found[key] = whose.strip()
    return found


def _refused(why: str, do_next: str = "Get it anew from who made it.") -> ReleaseBroken:
    return ReleaseBroken("This signature does not count.", why, do_next)


def _decoded(given: Any, prefix: str, size: int) -> bytes | None:
    """The bytes in a base64 word of one spelling: the last letter's spare bits are zero, or a flip would pass."""
    if not isinstance(given, str) or not given.startswith(prefix):
        return None
    word = given[len(prefix) :]
    try:
        raw = base64.b64decode(word, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == size and base64.b64encode(raw).decode() == word else None
