"""How much room visitors' photos may take: refused past it, and nothing that is kept has to go for what is new."""

import threading

import pytest

from teahouse import settings as page
from teahouse.errors import DiskFull
from teahouse.site import keep as keep_page
from teahouse.site import kept
from teahouse.store import tables
from teahouse.testing import APP, photo, whole_house

PATH = f"/api/apps/{APP}/predictions"
OWN = {"Origin": "http://127.0.0.1:8360", "Sec-Fetch-Site": "same-origin"}
YES = {"X-Consent": "keep, train", "Content-Type": "image/jpeg"}


def play(client, seed, **more):
    return client.post(PATH, content=photo("warm", seed), headers={**OWN, **more}).json()


def keep(client, seed):
    """A visitor plays and says yes; the response to the yes, and the answer."""
    told = play(client, seed)
    headers = {**OWN, **YES, "X-Receipt": told["receipt"]}
    return client.put(f"/api/predictions/{told['id']}/input", content=photo("warm", seed), headers=headers), told


def refused(response, status, code):
    assert (response.status_code, response.json()["error"]["code"]) == (status, code), response.text


def test_a_visitor_may_have_so_much_and_what_is_taken_back_makes_room(site, monkeypatch):
    first, told = keep(site.client, 0)
    assert first.status_code == 201
    (blob,) = site.house.blobs.digests()
    monkeypatch.setattr(kept, "VISITOR", int(2.5 * site.house.blobs.size(blob)))
    assert keep(site.client, 1)[0].status_code == 201
    before = site.house.blobs.digests()
    refused(keep(site.client, 2)[0], 413, "too-large")
    assert site.house.blobs.digests() == before
    assert keep(site.visitor("198.51.100.9"), 3)[0].status_code == 201, "another visitor has room of their own"
    headers = {**OWN, "X-Receipt": told["receipt"]}
    path = f"/api/predictions/{told['id']}"
    again = site.client.put(f"{path}/input", content=photo("warm", 0), headers={**headers, **YES})
    assert again.status_code == 201, "what is here already takes no more room"
    assert site.client.delete(path, headers=headers).status_code in (200, 204)
    assert keep(site.client, 4)[0].status_code == 201


def test_a_standing_yes_past_it_costs_no_answer(site, monkeypatch):
    assert keep(site.client, 0)[0].status_code == 201
    assert play(site.client, 1, **YES)["kept"] is True
    monkeypatch.setattr(kept, "VISITOR", 1)
    assert play(site.client, 2, **YES)["kept"] is False
    assert len(site.house.blobs.digests()) == 2


def test_all_photos_together_may_take_so_much(tmp_path):
    settings = page.Settings(project=tmp_path, keep={"most_gb": 1e-5})
    with whole_house(tmp_path, settings) as site:
        found = [keep(site.visitor(f"10.0.{n}.1"), n)[0] for n in range(12)]
        statuses = [one.status_code for one in found]
        full = statuses.index(507)
        assert 0 < full and set(statuses[:full]) == {201} and set(statuses[full:]) == {507}
        refused(found[-1], 507, "disk-full")
        sizes = [site.house.blobs.size(blob) for blob in site.house.blobs.digests()]
        assert len(sizes) == full and sum(sizes) <= 10_000


def test_it_is_counted_anew_so_that_what_was_erased_makes_room(site, monkeypatch):
    assert keep(site.client, 0)[0].status_code == 201
    size = site.house.blobs.size(*site.house.blobs.digests())
    assert site.deps.kept.bytes == size
    site.deps.kept.bytes = 10**15
    refused(keep(site.visitor("10.0.1.1"), 1)[0], 507, "disk-full")
    monkeypatch.setattr(kept, "SOON_S", 0.0)
    assert keep(site.visitor("10.0.1.1"), 2)[0].status_code == 201
    assert size < site.deps.kept.bytes < 4 * size


def taken(site):
    with site.house.db.read() as c:
        return [row.n for row in c.execute(tables.quotas.select()) if row.what == "kept"]


def test_what_was_not_kept_in_the_end_is_not_counted(site, monkeypatch):
    assert keep(site.client, 0)[0].status_code == 201
    before, size = taken(site), site.deps.kept.bytes
    assert before == [size] and size > 0

    def full(_self, _data):
        raise DiskFull("This could not be kept.")

    with monkeypatch.context() as patched:
        patched.setattr(type(site.house.blobs), "put", full)
        assert play(site.client, 1, **YES)["kept"] is False
        assert keep(site.client, 2)[0].status_code == 507
    assert (taken(site), site.deps.kept.bytes) == (before, size)
    assert play(site.client, 3, **YES)["kept"] is True
    assert taken(site) == [site.deps.kept.bytes] != before


def test_one_counts_and_nobody_waits_for_it(site, monkeypatch):
    assert keep(site.client, 0)[0].status_code == 201
    began, go_on, real, counts = threading.Event(), threading.Event(), kept.size_of, []

    def slow(store, blobs):
        counts.append(blobs)
        began.set()
        go_on.wait(20)
        return real(store, blobs)

    mine = site.deps.kept
    before, mine.counted = mine.bytes, float("-inf")
    monkeypatch.setattr(kept, "size_of", slow)
    counting = threading.Thread(target=mine.all, args=(site.deps, 1e9))
    counting.start()
    assert began.wait(20) and mine.all(site.deps, 1e9) == before and len(counts) == 1
    go_on.set()
    counting.join(20)
    assert mine.all(site.deps, 1e9) == before and len(counts) == 1


def test_an_answer_does_not_wait_for_a_photo_that_takes_long(site, monkeypatch):
    assert keep(site.client, 0)[0].status_code == 201
    go_on = threading.Event()
    monkeypatch.setattr(keep_page, "WAIT_S", 0.01)
    monkeypatch.setattr(keep_page, "refuse_more", lambda *_: go_on.wait(20))
    assert play(site.client, 1, **YES)["kept"] is False
    go_on.set()
    monkeypatch.undo()
    assert play(site.client, 2, **YES)["kept"] is True


def test_a_network_may_give_so_much_in_a_day(site, monkeypatch):
    monkeypatch.setattr(kept, "NETWORK", 5_000)
    statuses = [keep(site.visitor(f"10.0.0.{n}"), n)[0].status_code for n in range(1, 9)]
    assert statuses[0] == 201 and statuses[-1] == 429
    assert keep(site.visitor("10.0.1.1"), 20)[0].status_code == 201
    site.deps.clock = lambda now=site.deps.clock() + 86_400_000: now
    assert keep(site.visitor("10.0.0.77"), 21)[0].status_code == 201, "tomorrow"


@pytest.mark.parametrize("blob", ["0" * 64, "f" * 64])
def test_what_is_not_there_takes_no_room(site, blob):
    assert site.house.blobs.size(blob) == 0
