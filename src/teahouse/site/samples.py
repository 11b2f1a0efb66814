"""Samples: a maker's own examples show what an app does, and cost a visitor none of their answers."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool

from teahouse import telemetry
from teahouse.errors import TeahouseError
from teahouse.site import given, health, media
from teahouse.site.deps import Deps, Live

log = telemetry.log("site")

MOST = 64  # releases whose samples are remembered


async def holds(deps: Deps, live: Live, digest: bytes) -> bool:
    """Whether what was given, by its keyed digest, is one of the samples on the page of a release. Only where the app
    takes a photo alone: with a seed or a knob beside it, it is another question each time."""
    if len(live.fields) != 1:
        return False
    if live.release not in deps.samples:
        found = await run_in_threadpool(read, deps, live)
        if len(deps.samples) >= MOST:
            deps.samples.clear()
        deps.samples[live.release] = found
    return digest in deps.samples[live.release]


def read(deps: Deps, live: Live) -> frozenset[bytes]:
    """The digests of the samples on the page of a release, of those that can be read."""
    found = set()
    for at in range(media.SAMPLES):
        try:
            if media.example_path(live.manifest, at) and (parts := health.example_parts(deps, live, at)) is not None:
                found.add(given.digest(deps.key("given"), parts))
        except (OSError, KeyError, TeahouseError) as error:
            log.warning("sample-not-read", release=live.release[:12], number=at, error=repr(error))
    return frozenset(found)
