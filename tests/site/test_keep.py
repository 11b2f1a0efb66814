"""A photo is on the disk only with a row that names it: whatever fails or leaves on the way, nothing stays behind."""

import asyncio
import threading
import time

import pytest

from teahouse import ids
from teahouse.errors import DeadlinePassed, DiskFull
from teahouse.feedback import erase, retention
from teahouse.site import keep
from teahouse.store import consents, inputs, predictions, tables
from teahouse.testing import APP, photo

PATH = f"/api/apps/{APP}/predictions"
YES = {"X-Consent": "keep, train", "Content-Type": "image/jpeg"}


def files(site):
    return site.house.blobs.digests()


def let(site, own, seed=1, client=None):
    """A visitor plays and says yes; the answer."""
    client = client or site.client
    told = client.post(PATH, content=photo("warm", seed), headers=own).json()
    headers = {**own, **YES, "X-Receipt": told["receipt"]}
    kept = client.put(f"/api/predictions/{told['id']}/input", content=photo("warm", seed), headers=headers)
    assert kept.status_code == 201, kept.text
    return told


def wait_for(is_so):
    until = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_late_answer_leaves_no_photo(site, own, monkeypatch):
    let(site, own)
    before = files(site)

    async def late(*_args):
        await asyncio.sleep(0.3)  # the photo is cleaned meanwhile
        raise DeadlinePassed("This took too long.")

    monkeypatch.setattr(site.engine, "predict", late)
    assert site.client.post(PATH, content=photo("cold", 5), headers={**own, **YES}).status_code == 504
    assert files(site) == before


def test_a_key_that_was_used_for_something_else_leaves_no_photo(site, own):
    let(site, own)
    before = files(site)
    headers = {**own, **YES, "Idempotency-Key": "k"}
    assert site.client.post(PATH, content=photo("cold", 5), headers=headers).json()["kept"] is True
    again = files(site)
    assert site.client.post(PATH, content=photo("cold", 6), headers=headers).status_code == 409
    assert files(site) == again != before


def test_cleaning_writes_nothing_so_that_who_leaves_leaves_nothing(site):
    fields = site.deps.serving.apps[APP].champion.fields
    (cleaned,) = asyncio.run(keep.clean(site.deps, fields, {"input": photo()}))
    assert cleaned.blob == ids.sha256(cleaned.data) and files(site) == []


def test_who_leaves_while_it_is_written_leaves_nothing_that_no_row_names(site):
    began, go_on = threading.Event(), threading.Event()

    def write(c):
        began.set()
        go_on.wait(10)
        return None, False

    async def leave():
        one = keep.Clean("input", b"", ids.sha256(b"leaf"), data=b"leaf")
        work = asyncio.create_task(keep.run_in_threadpool(keep.store, site.deps, [one], write))
        await asyncio.to_thread(began.wait, 10)
        assert len(files(site)) == 1
        work.cancel()
        await asyncio.wait({work}, timeout=0.05)
        go_on.set()

    asyncio.run(leave())
    wait_for(lambda: files(site) == [])


def test_a_disk_that_takes_no_photo_keeps_no_answer_back(site, own, monkeypatch):
    let(site, own)

    def full(_data):
        raise DiskFull("This could not be kept.")

    monkeypatch.setattr(type(site.house.blobs), "put", lambda self, data: full(data))
    told = site.client.post(PATH, content=photo("cold", 5), headers={**own, **YES})
    assert (told.status_code, told.json()["kept"]) == (201, False)


def test_a_photo_that_is_kept_again_while_another_row_lets_it_go_stays(site, own):
    mine = let(site, own)
    other = site.visitor()
    theirs = other.post(PATH, content=photo("warm", 1), headers=own).json()
    with site.house.db.read() as c:
        row = predictions.get(c, ids.parse(theirs["id"]))
        (first,) = inputs.of_prediction(c, ids.parse(mine["id"]))
    data = site.house.blobs.get(first.blob)
    id_ = ids.parse(mine["id"])
    freed = site.house.db.write(lambda c: erase.forget_prediction(c, site.house, id_, "visitor"))
    assert freed == [first.blob]
    # the same bytes are put for another row before the deletion, and written before or after it
    site.house.blobs.put(data)
    one = keep.Clean("input", bytes(8), first.blob, data=data)
    kept = keep.collect.Kept(row, [one], ["keep", "train"], False, keep.PURPOSE_VERSION)
    erase.delete_blobs(site.house, freed)
    assert not site.house.blobs.exists(first.blob)
    site.house.db.write(lambda c: keep.write(c, site.deps, kept))
    assert site.house.blobs.get(first.blob) == data
    erase.delete_blobs(site.house, freed)
    assert site.house.blobs.get(first.blob) == data, "a row names it again"


def test_a_photo_that_is_kept_already_is_told_as_what_was_allowed_then(site, own):
    told = let(site, own)
    headers = {**own, **YES, "X-Receipt": told["receipt"], "X-Consent": "keep, show, train"}
    again = site.client.put(f"/api/predictions/{told['id']}/input", content=photo("warm", 1), headers=headers)
    assert (again.status_code, again.json()["purposes"]) == (201, ["keep", "train"])


def test_the_daily_sweep_takes_what_no_row_names_and_nothing_else(site, own, monkeypatch):
    let(site, own)
    named = files(site)
    lost = site.house.blobs.put(b"of a process that was killed")
    assert retention.sweep_blobs(site.house) == 0, "it may be on its way to its row"
    monkeypatch.setattr(retention, "NAMED_S", -1)
    old = ids.now_ms()
    monkeypatch.setattr(retention.sweep_blobs, "__defaults__", (-1,))
    key = site.house.keys.folder / "network-00000001.passing"
    key.write_bytes(bytes(32))
    retention.sweep(site.house, 90, old)
    assert files(site) == named and lost not in named
    assert not key.exists(), "a key of a time that is over goes also where nobody comes"


def test_a_yes_to_older_words_holds_for_no_further_photo(site, own, monkeypatch):
    let(site, own)
    headers = {**own, **YES}
    told = site.client.post(PATH, content=photo("cold", 5), headers=headers).json()
    assert told["kept"] is True
    with site.house.db.read() as c:
        given = consents.for_prediction(c, ids.parse(told["id"]))
    assert given.text_version == keep.PURPOSE_VERSION
    site.house.db.write(lambda c: c.execute(tables.consents.update().values(text_version="older words")))
    assert site.client.post(PATH, content=photo("cold", 6), headers=headers).json()["kept"] is False
    assert site.client.get("/api/mine").json()["standing"] is False
    assert site.client.delete("/api/mine/consent", headers=own).status_code == 204


@pytest.mark.parametrize("name", ["put", "get"])
def test_what_the_disk_says_names_no_path(site, name):
    room = site.house.blobs
    (room.root).rename(room.root.with_name("elsewhere"))
    with pytest.raises(Exception) as told:
        room.put(b"x") if name == "put" else room.get("a" * 64)
    assert str(site.house.data) not in str(told.value)
