"""Commit: which commit of the maker's repository a training was made of."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from teahouse import child

SECONDS = 5
DIGITS = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
CHANGED = "+changes"


def of(folder: Path) -> str | None:
    """The commit that a folder stands on, with "+changes" where files in it differ from that; None where it is in no
    repository, is ignored by it, or there is no git."""
    head = _git(folder, "rev-parse", "--verify", "HEAD")
    if head is None or not DIGITS.match(head):
        return None
    if not _git(folder, "ls-files", "--", "."):
        return None
    changed = _git(folder, "status", "--porcelain", "--", ".")
    return head if changed == "" else head + CHANGED


def _git(folder: Path, *words: str) -> str | None:
    """What git says, or None where it fails. No hook and no monitor of the repository's own is started."""
    begin = ("git", "-C", str(folder), "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
    try:
        told = subprocess.run(
            [*begin, *words],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            stdin=subprocess.DEVNULL,
            env=child.environment(GIT_OPTIONAL_LOCKS="0", GIT_TERMINAL_PROMPT="0"),
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return told.stdout.strip() if told.returncode == 0 else None
