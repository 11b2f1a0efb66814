"""The shelf: live pictures, how often played, what was learned this week."""

import asyncio
import re

import pytest

from teahouse import ids
from teahouse.site import pool, reconcile, shelf
from teahouse.site.stock import Piece
from teahouse.spec.fields import Picture
from teahouse.store import apps, lineage, releases, rollouts, tallies
from teahouse.testing import APP, NAMES, colour_of, install_tiny, whole_house

HTML = {"Accept": "text/html"}
DAY = 86_400_000


@pytest.fixture
def site(tmp_path):
    """Three apps: labels, a picture of a photo, a picture of a seed."""
    with whole_house(tmp_path) as site:
        for kind in ("picture", "seed"):
            install_tiny(site.house, kind=kind)
        asyncio.run(reconcile.once(site.deps))
        yield site


def home(site) -> str:
    site.app.state.board = shelf.Board()
    return site.client.get("/", headers=HTML).text


def trained(site, learned, days, note=""):
    """A release of the labels app, on since so many days, whose version holds so many words of visitors; its id."""
    release = install_tiny(site.house, note=note or f"{learned}", state="")
    version, run, at = ids.new_id(), ids.new_id(), ids.now_ms() - days * DAY

    def put(c):
        blob = site.house.blobs.put(note.encode() or b"-")
        counts = {"train": 9, "learned": learned}
        lineage.add_version(c, lineage.Version(version, APP, f"{learned:064x}", None, counts, blob, at))
        lineage.add_run(c, lineage.Run(run, APP, version, "train", "", at=at))
        c.execute(releases.releases.update().where(releases.releases.c.id == release).values(run=run))
        rollouts.append(c, APP, release, "full", by="loop", at=at)

    site.house.db.write(put)
    asyncio.run(reconcile.once(site.deps))
    return release


def test_each_app_shows_what_it_does(site):
    page = home(site)
    assert f'href="/{APP}"' in page and re.search(r'class="says"><b>Warm</b>, quite sure', page)
    mirror = page.split(f'href="/{NAMES["picture"]}"')[1].split("</li>")[0]
    before, after = re.findall(r'src="(/media/[^"]+)"', mirror)
    assert before != after
    assert site.client.get(before).status_code == site.client.get(after).status_code == 200


def test_an_app_that_draws_shows_another_picture_at_each_look(site):
    live = site.deps.serving.apps[NAMES["seed"]].champion
    pieces = []
    for seed in range(4):
        made = ids.new_id()
        picture = colour_of(seed)
        pieces.append(Piece(made, ids.text(made), seed, Picture(picture.data, "image/png", 32, 32), f"/media/{seed}"))
    assert "hanging" not in home(site).split("<body")[1], "none is made yet"
    site.deps.stock.deck(live.release).put(pieces)
    seen = {re.search(r'class="hanging" src="([^"]+)"', home(site))[1] for _ in range(4)}
    assert len(seen) == 4


def test_plays_are_told_from_the_tallies(site):
    assert "Played" not in home(site)
    site.ask("warm")
    assert "Played 1 time<" in home(site)
    hour = ids.now_ms() // 3_600_000
    more = tallies.Tally(APP, site.release, "canary", hour, "answers", 1203)
    unseen = tallies.Tally(APP, site.release, "shadow", hour, "answers", 50)
    site.house.db.write(lambda c: [tallies.add(c, one) for one in (more, unseen)])
    assert "Played 1,204 times<" in home(site)


def test_a_page_that_opens_with_a_picture_is_a_play(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "COUNT_S", 0.0)
    with whole_house(tmp_path, kind="seed") as site:
        for path in ("/", f"/{site.name}", f"/{site.name}/embed", f"/{site.name}/seeds/7"):
            assert site.client.get(path).status_code == 200
        asyncio.run(pool.Filler(site.deps).count())
        with site.house.db.read() as c:
            assert tallies.played(c, site.name) == 4


def test_what_was_learned_this_week_are_the_words_that_last_weeks_release_did_not_know(site):
    trained(site, 30, days=20)
    trained(site, 68, days=9)
    assert "this week" not in home(site)
    trained(site, 106, days=2)
    assert "Learned from 38 words this week" in home(site)
    trained(site, 107, days=0)
    assert "Learned from 39 words this week" in home(site)


def test_the_first_release_of_this_week_learned_all_that_it_knows(site):
    site.house.db.write(lambda c: c.execute(rollouts.rollouts.delete().where(rollouts.rollouts.c.app == APP)))
    trained(site, 1, days=1)
    assert "Learned from 1 word this week" in home(site)


def test_nothing_is_promised_to_learn_where_nothing_retrains_it(site):
    page, play = home(site), site.client.get(f"/{APP}", headers=HTML).text
    assert "what you say of it goes to its maker." in page and "learns from what you say" not in page
    assert "makes the next release better" not in page and "data-by-hand" in play
    for name in NAMES.values():
        site.house.db.write(lambda c, name=name: _written(c, name))
    asyncio.run(reconcile.once(site.deps))
    page, play = home(site), site.client.get(f"/{APP}", headers=HTML).text
    assert "and learns from what you say." in page and "data-by-hand" not in play


def _written(c, name):
    """The app as it is once its app.py has a training function."""
    app = apps.get(c, name)
    if app is not None:
        apps.declare(c, name, app.title, {**app.declaration, "hooks": ["train"]}, "", ids.now_ms())
