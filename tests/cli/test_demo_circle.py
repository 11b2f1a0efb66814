"""The demo's visitors and owner against a real site in this process: what they do ends as labels."""

import pytest

from teahouse import settings
from teahouse.cli import guests, story
from teahouse.feedback import judges
from teahouse.site import owner_door
from teahouse.store import labels
from teahouse.testing import APP, photo, whole_house

URL = "http://127.0.0.1:8360"


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A site that believes this machine's X-Forwarded-For, met by clients of this process."""
    found = settings.Settings(project=tmp_path)
    found.limits.trusted_proxies = ["127.0.0.1"]
    with whole_house(tmp_path, found) as site:

        def client(base_url, headers, timeout):
            made = site.visitor()
            made.headers.update(headers)
            return made

        monkeypatch.setattr(guests.httpx, "Client", client)
        yield site


def shots(first: int, count: int, truth: str | None = None) -> list[guests.Shot]:
    """Warm and cold photos in turn; `truth` says something else of them than the tiny release does."""
    kinds = [("warm", "cold")[place % 2] for place in range(count)]
    return [guests.Shot(truth or kind, photo(kind, seed)) for seed, kind in enumerate(kinds, first)]


def counts(site):
    with site.house.db.read() as c:
        return judges.counts(c, APP)


def test_visitors_photos_wait_for_the_owner(site):
    heard = []
    guests.visits(URL, APP, [shots(100 * number, 3) for number in range(8)], 1, heard.append)
    assert heard == [True] * 24
    assert counts(site)["waiting"] == 24


def test_the_owner_labels_what_the_lot_drew_and_accepts_words_for_the_rest(site):
    memory, rounds = guests.Memory(), [shots(100 * number, 3) for number in range(24)]
    for shot in (shot for photos in rounds for shot in photos):
        memory.learn(shot)
    guests.visits(URL, APP, rounds, 1, lambda right: None)
    owner = guests.SimulatedOwner(URL, owner_door.claim_link(site.house, URL), memory)
    ticks = []
    owner.label_drawn(APP, lambda: ticks.append("drawn"))
    drawn = counts(site)
    with site.house.db.read() as c:
        held = [row for row in labels.of_app(c, APP) if row.held]
    assert 0 < len(held) < 72 and len(ticks) == len(held)
    # the first photo of a visitor was asked about after its answer: it can not judge
    assert drawn["gold_live"] == sum(row.consent_before for row in held) == len(held) * 2 // 3
    assert all(row.reviewed_truth == {"label": memory_of(memory, site, row)} for row in held)
    assert owner.accept_words(APP, 4, lambda: None) == 4
    assert counts(site)["train"] == 4
    owner.accept_words(APP, 100, lambda: None)
    assert counts(site)["waiting"] == 0


def test_more_visitors_come_until_the_rows_that_are_missing_are_judged(site, monkeypatch):
    told = story.Story(story.Choice(leave=True))
    told.told.figures["labels"] = {}
    monkeypatch.setattr(story, "APP", APP)
    monkeypatch.setattr(story, "WAVE", 4)
    monkeypatch.setattr(guests, "shots", lambda kind, first, count: iter(shots(first, count)))
    owner = guests.SimulatedOwner(URL, owner_door.claim_link(site.house, URL), told.memory)
    told.receive_more(site.house, owner, URL, 24)  # five of a visitor count, so one wave brings at most twenty
    gold = counts(site)["gold_live"]
    assert 24 <= gold < 60 and told.told.figures["labels"]["gold_live"] == gold and told.waves >= 2


def memory_of(memory, site, row):
    return memory.what_is_in(site.house.blobs.get(row.inputs["input"]["blob"]))


def test_a_wrong_answer_is_corrected(site):
    heard = []
    guests.visits(
        URL, APP, [[guests.Shot("cold", photo("warm", 1)), guests.Shot("cold", photo("cold", 2))]], 1, heard.append
    )
    assert heard == [False, True]
    with site.house.db.read() as c:
        assert [row.truth for row in labels.of_app(c, APP)] == [{"label": "cold"}] * 2
