"""R2: uploads until the visitor's and the site's room is full: 413 and 507, and nothing goes to make room for more."""

import itertools

import pytest

from teahouse import settings as page
from teahouse.site import kept
from teahouse.store import held
from teahouse.testing import APP, photo, whole_house

ROOM = 12_000  # bytes: a handful of the tests' small photos
OWN = {"Origin": "http://127.0.0.1:8360", "Sec-Fetch-Site": "same-origin"}


def upload(client, seed, yes):
    """A visitor plays, and says yes to keeping the photo, or does not; the status of the yes."""
    headers = {**OWN, "Content-Type": "image/jpeg"}
    told = client.post(f"/api/apps/{APP}/predictions", content=photo("warm", seed), headers=headers)
    assert told.status_code == 201, "an answer is given whatever is kept"
    if not yes:
        return 0
    headers |= {"X-Receipt": told.json()["receipt"], "X-Consent": "keep, train"}
    path = f"/api/predictions/{told.json()['id']}/input"
    return client.put(path, content=photo("warm", seed), headers=headers).status_code


@pytest.mark.parametrize(("who", "status"), [("one visitor", 413), ("all visitors", 507)])
def test_r2_past_the_room_uploads_are_refused_and_nothing_older_goes_or_comes(tmp_path, monkeypatch, who, status):
    settings = page.Settings(project=tmp_path)
    if who == "one visitor":
        monkeypatch.setattr(kept, "VISITOR", ROOM)
    else:
        settings.keep.most_gb = ROOM / 1e9
    with whole_house(tmp_path, settings) as site:
        client, blobs, told = site.client, [], []
        for seed in itertools.count():
            if who == "all visitors":
                client = site.visitor(f"10.{seed // 250}.{seed % 250}.1")
            upload(client, 1000 + seed, yes=False)  # what nobody let us keep, between
            told.append(upload(client, seed, yes=True))
            now = site.house.blobs.digests()
            assert set(blobs) <= set(now), "something older made room"
            with site.house.db.read() as c:
                assert set(now) == held.all(c), "something is here that no yes names"
            blobs = now
            if told.count(status) == 3:
                break
    assert set(told[:-3]) == {201} and len(told) > 4, told
    assert len(blobs) == len(told) - 3
    assert sum(map(site.house.blobs.size, blobs)) <= ROOM
