"""Looks for bytes in every file below a folder, whatever kind of file it is: what is gone must be nowhere."""

import base64
from pathlib import Path


def hits(top: Path, *needles: bytes) -> list[tuple[str, bytes]]:
    """(file, needle) wherever a needle stands in a file: tables, log, free pages, blobs, folders of runs, exports."""
    files = [file for file in sorted(top.rglob("*")) if file.is_file() and not file.is_symlink()]
    found = []
    for file in files:
        data = file.read_bytes()
        found += [(str(file.relative_to(top)), needle) for needle in needles if needle in data]
    return found


def forms(id_: bytes) -> tuple[bytes, ...]:
    """An id or a digest as it may have been written: raw, hex, base64 of either alphabet."""
    plain, safe = base64.b64encode(id_).rstrip(b"="), base64.urlsafe_b64encode(id_).rstrip(b"=")
    return tuple(dict.fromkeys((id_, id_.hex().encode(), plain, safe)))
