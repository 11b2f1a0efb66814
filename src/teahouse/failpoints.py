"""Failpoints: named places at which a test ends the whole house, to see that it is before or after, never between."""

import os
import signal

NAMED = "TEAHOUSE_FAILPOINT"
PLACES = (
    "blob-renamed",  # its bytes lie there, no row names it
    "committed",  # the answer is on disk, nobody was told
    "spent",  # a credit is taken, the answer's transaction not committed
    "webhook",  # an event's effect is written, not committed
    "promotion",  # the step is written, not committed
    "promotion-served",  # the new worker is ready, the table not swapped
    "rollback",  # one of its two steps is written
    "erasure",  # the row is bare, not committed
    "erasure-blobs",  # committed, the bytes lie there still
    "install",  # the bundle is staged, not renamed
    "installed",  # the folder stands, no row names it
    "migration",  # the tables are changed, not committed
    "retrain-version",  # between the steps of a retrain: before this one
    "retrain-train",
    "retrain-install",
    "retrain-judge",
    "retrain-promote",
)


def here(place: str) -> None:
    """SIGKILL to this process's whole group where the environment names this place; nothing everywhere else.

    A name followed by :2 lets the first time pass."""
    wanted = os.environ.get(NAMED)
    if wanted is None:
        return
    name, _, nth = wanted.partition(":")
    if name != place:
        return
    if nth and int(nth) > 1:
        os.environ[NAMED] = f"{name}:{int(nth) - 1}"
        return
    os.killpg(os.getpgid(0), signal.SIGKILL)
