"""The stream of changes: one at once, one for each change, none after the session."""

import asyncio
import json

from teahouse import ids
from teahouse.site import owner_live
from teahouse.store import jobs
from teahouse.testing import APP


async def first(stream, kind=b"event: change", within=5):
    """The data of the next event of this kind."""
    async with asyncio.timeout(within):
        async for part in stream:
            if part.startswith(kind):
                return json.loads(part.split(b"data: ", 1)[1])
    return None


async def test_a_change_is_told_with_jobs_and_what_waits(quick):
    stream = owner_live.changes(quick.deps, lambda: True, lambda: False)
    told = await first(stream)
    assert told["waiting"] == {APP: 0} and told["jobs"] == [] and told["champions"] == {APP: quick.release}
    job = ids.new_id()
    await asyncio.to_thread(quick.house.db.write, lambda c: jobs.ask(c, job, "retrain", APP, {}, "owner", None, 1))
    told = await first(stream)
    assert [(one["job"], one["state"]) for one in told["jobs"]] == [(ids.text(job), "queued")]
    await stream.aclose()


async def test_the_stream_ends_with_the_session_and_with_the_process(quick):
    assert await first(owner_live.changes(quick.deps, lambda: False, lambda: False)) is None
    assert await first(owner_live.changes(quick.deps, lambda: True, lambda: True)) is None


async def test_the_stream_ends_by_itself(quick):
    stream = owner_live.changes(quick.deps, lambda: True, lambda: False, longest=0.1)
    assert await first(stream) and await first(stream) is None
