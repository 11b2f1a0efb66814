"""Samples: a maker's own examples show what an app does, and cost a visitor none of their answers."""

from __future__ import annotations

from teahouse.site import given, health, media
from teahouse.site.deps import Deps, Live

MOST = 64  # releases whose samples are remembered


def holds(deps: Deps, live: Live, digest: bytes) -> bool:
    """Whether what was given, by its keyed digest, is one of the samples on the page of a release. Reads the disk when
    it is first asked for a release; runs in a thread."""
    found = deps.samples.get(live.release)
    if found is None:
        if len(deps.samples) >= MOST:
            deps.samples.clear()
        found = deps.samples[live.release] = read(deps, live)
    return digest in found


def read(deps: Deps, live: Live) -> frozenset[bytes]:
    """The digests of the samples on the page of a release."""
    shown = [at for at in range(media.SAMPLES) if media.example_path(live.manifest, at)]
    parts = [health.example_parts(deps, live, at) for at in shown]
    return frozenset(given.digest(deps.key("given"), one) for one in parts if one is not None)
