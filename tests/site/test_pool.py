"""The pool: filled while the house is idle, shown another one at each refresh, best first chosen, two meh and out."""

import asyncio
import re
import time
from collections import Counter

import pytest

from teahouse import ids
from teahouse.errors import DiskFull
from teahouse.feedback import retention, trust
from teahouse.site import pool, reconcile, stock, visitors
from teahouse.site.pool import Filler, Rules
from teahouse.site.stock import LruCache
from teahouse.store import feedback, predictions, reports, rollouts, rows, tables
from teahouse.store import pool as pooled
from teahouse.testing import NAMES, blueness, colour_of, drew, install_tiny, whole_house

APP = NAMES["seed"]
FEW = Rules(keep=6, make=4, first=2, round=4, shows=3, turn=2, rest_s=0.0)
SHOWN = re.compile(r'data-seed="(\d+)" data-prediction="([^"]+)"')


@pytest.fixture
def site(tmp_path):
    with whole_house(tmp_path, kind="seed") as site:
        yield site


def fill(site, rules=FEW, most=20):
    """Turns of a filler, until it wants nothing more; the filler."""
    filler = Filler(site.deps, rules)

    async def turns():
        for _ in range(most):
            if not await filler.turn():
                return

    asyncio.run(turns())
    return filler


def on(site, release):
    with site.house.db.read() as c:
        return pooled.of_release(c, release)


def challenge(site, note="two"):
    """Another release in the shadow; its id."""
    release = install_tiny(site.house, note=note, state="shadow", kind="seed")
    asyncio.run(reconcile.once(site.deps))
    return release


def say(client, prediction, value="meh", kind="rate", **headers):
    address = f"/api/predictions/{prediction}/feedback"
    return client.post(address, json={"kind": kind, "value": value}, headers=headers)


def opened(site, path="/"):
    """Seed and prediction of the picture on a page."""
    page = site.client.get(path)
    assert page.status_code == 200, page.text
    ((seed, id_),) = set(SHOWN.findall(page.text))
    return int(seed), id_, page


def test_of_four_times_as_many_the_best_are_kept(site, monkeypatch):
    asked = []
    monkeypatch.setattr(pool.given, "fill", lambda parts, fields: asked.append(len(asked)) or {"input": asked[-1]})
    fill(site)
    first, then = range(8), range(8, 24)
    best = sorted(first, key=blueness)[-2:] + sorted(then, key=blueness)[-4:]
    assert len(asked) == 24 and {row.seed for row in on(site, site.release)} == set(best)
    assert site.deps.stock.deck(site.release).numbers(4) == (24, 6)
    assert all(row.score == pytest.approx(blueness(row.seed), abs=1e-5) for row in on(site, site.release))


def test_a_pooled_picture_is_nobodys_prediction_and_its_bytes_are_a_blob(site):
    fill(site)
    for row in on(site, site.release):
        data = site.house.blobs.get(row.blob)
        assert drew(data, row.seed)
        with site.house.db.read() as c:
            made = predictions.get(c, row.prediction)
        assert (made.arm, made.visitor, made.network, made.key, made.seed) == ("pool", None, None, None, row.seed)
        assert made.output["digest"] == ids.keyed(site.house.key("output"), data).hex()
    assert site.client.get(f"/api/predictions/{ids.text(row.prediction)}").status_code == 404
    assert site.client.delete(f"/api/predictions/{ids.text(row.prediction)}", headers=own()).status_code == 404


def own():
    return {"Origin": "http://127.0.0.1:8360", "Sec-Fetch-Site": "same-origin"}


@pytest.mark.parametrize("path", ["/", f"/{APP}"])
def test_each_refresh_opens_with_another_picture_of_the_pool(site, path):
    fill(site)
    seeds = [opened(site, path)[0] for _ in range(6)]
    assert set(seeds) == {row.seed for row in on(site, site.release)}
    seed, id_, page = opened(site, path)
    assert "It drew 24 and shows you the 6 it likes best." in page.text
    picture = re.search(r'<img[^>]*src="(/media/[^"]+)"', page.text)[1]
    response = site.client.get(picture)
    assert drew(response.content, seed) and response.headers["content-type"] == "image/png"
    assert "sandbox" in response.headers["content-security-policy"]
    with site.house.db.read() as c:
        assert predictions.get(c, ids.parse(id_)).seed == seed


def test_each_page_has_a_nonce_of_its_own_that_its_policy_names(site):
    fill(site)
    nonces = set()
    for _ in range(3):
        page = site.client.get("/")
        (nonce,) = set(re.findall(r'nonce="([^"]+)"', page.text))
        assert f"'nonce-{nonce}'" in page.headers["content-security-policy"]
        nonces.add(nonce)
    assert len(nonces) == 3


def test_a_page_kept_for_filling_is_made_anew_for_another_release_or_address(site):
    fill(site)
    assert "Release 1." in site.client.get("/").text
    install_tiny(site.house, note="two", kind="seed")
    asyncio.run(reconcile.once(site.deps))
    fill(site)
    assert "Release 2." in site.client.get("/").text
    install_tiny(site.house)
    asyncio.run(reconcile.once(site.deps))
    assert "All apps" in site.client.get(f"/{APP}").text and not SHOWN.search(site.client.get("/").text)


def test_an_empty_pool_still_opens_with_a_picture(site):
    seed, id_, page = opened(site)
    picture = re.search(r'<img[^>]*src="(/media/[^"]+)"', page.text)[1]
    assert drew(site.client.get(picture).content, seed)
    assert on(site, site.release) == [], "what was made for one page is in no pool"
    assert say(site.client, id_, "love").status_code == 201


def test_a_page_stands_without_a_picture_where_none_can_be_made(site, monkeypatch):
    async def full(*_, **__):
        raise DiskFull("The disk is full.")

    monkeypatch.setattr(site.engine, "predict", full)
    page = site.client.get("/")
    assert page.status_code == 200 and not SHOWN.search(page.text)


def test_a_seeds_own_address_shows_what_the_pool_holds_else_makes_it(site):
    fill(site)
    row = on(site, site.release)[0]
    assert opened(site, f"/{APP}/seeds/{row.seed}")[:2] == (row.seed, ids.text(row.prediction))
    answered = site.engine.answered
    first = opened(site, f"/{APP}/seeds/7")
    assert first[:2] == opened(site, f"/{APP}/seeds/7")[:2] and first[0] == 7
    assert site.engine.answered == answered + 1
    assert opened(site, f"/{APP}/seeds/{2**32 - 1}")[0] == 2**32 - 1


def test_pictures_made_for_links_have_a_number_and_a_size_that_they_do_not_outgrow(site, monkeypatch):
    def remembered():
        return [seed for seed in range(6) if site.deps.stock.of_seed(site.release, seed)]

    size = len(colour_of(1).data)
    small = LruCache(stock.PASSING, 3 * size + size // 2, lambda piece: len(piece.picture.data))
    monkeypatch.setattr(site.deps.stock, "_passing", small)
    for seed in range(6):
        picture = re.search(r'<img[^>]*src="(/media/[^"]+)"', opened(site, f"/{APP}/seeds/{seed}")[2].text)[1]
        assert drew(site.client.get(picture).content, seed)
        assert small.bytes == sum(len(piece.picture.data) for _, piece in small.items()) <= 3.5 * size
    assert 2 <= len(remembered()) <= 4 and 5 in remembered()
    few = LruCache(2, stock.PASSING_BYTES, small._size)
    monkeypatch.setattr(site.deps.stock, "_passing", few)
    for seed in range(4):
        opened(site, f"/{APP}/seeds/{seed}")
    assert remembered() == [2, 3]


@pytest.mark.parametrize("seed", ["-1", "4294967296", "07", "1.5", "x", "99999999999", "%31%0a", "¹"])
def test_what_is_no_seed_has_no_address(site, seed):
    assert site.client.get(f"/{APP}/seeds/{seed}").status_code == 404
    assert site.client.get(f"/nothing/seeds/{seed}").status_code == 404


def test_apps_of_photos_have_no_pool(tmp_path):
    with whole_house(tmp_path, kind="picture") as site:
        fill(site)
        assert site.client.get(f"/api/apps/{site.name}/pool").json() == {"items": []}
        assert site.client.get(f"/{site.name}/seeds/1").status_code == 404
        assert site.deps.stock.examples, "but the picture that their page opens with is made ahead"


def test_the_next_ones_come_in_one_answer_and_none_twice(site):
    assert site.client.get(f"/api/apps/{APP}/pool").json() == {"items": []}
    fill(site, Rules(keep=12, first=12, make=1))
    items = site.client.get(f"/api/apps/{APP}/pool").json()["items"]
    assert len({one["id"] for one in items}) == 8 and set(items[0]) == {"id", "seed", "picture", "feedback"}
    assert [said["kind"] for said in items[0]["feedback"]] == ["rate", "choose"]
    for one in items:
        assert drew(site.client.get(one["picture"]).content, one["seed"])
    assert site.client.get("/api/apps/nothing/pool").status_code == 404


@pytest.mark.parametrize("holds", [1, 5, 9, 13])
def test_no_answer_names_a_picture_twice_however_often_it_is_asked(site, holds):
    fill(site, Rules(keep=holds, first=holds, make=1))
    seen = Counter()
    for _ in range(40):
        items = [one["id"] for one in site.client.get(f"/api/apps/{APP}/pool").json()["items"]]
        assert len(items) == len(set(items)) == min(8, holds)
        seen.update(items)
        seen[opened(site)[1]] += 1
    assert len(seen) == holds and max(seen.values()) <= 2 * min(seen.values()), "all are shown about as often"


def test_two_visitors_meh_take_a_picture_out_and_its_bytes_with_it(site):
    fill(site)
    row, blobs = on(site, site.release)[0], len(site.house.blobs.digests())
    id_, people = ids.text(row.prediction), [site.visitor(), site.visitor("10.0.0.7")]
    for _ in range(3):
        assert say(people[0], id_, **own()).status_code == 201
    assert row.prediction in {one.prediction for one in on(site, site.release)}, "one visitor counts once"
    assert say(people[1], id_, **own()).status_code == 201
    assert row.prediction not in {one.prediction for one in on(site, site.release)}
    assert len(site.house.blobs.digests()) == blobs - 1 and not site.house.blobs.exists(row.blob)
    assert row.seed not in {opened(site)[0] for _ in range(10)}
    fill(site)
    assert len(on(site, site.release)) == 6, "another one comes in its place"


def test_one_machine_without_cookies_takes_no_picture_out(site):
    fill(site)
    id_ = ids.text(on(site, site.release)[0].prediction)
    for minutes in range(20):
        site.deps.clock = lambda minutes=minutes: ids.now_ms() + minutes * 60_000
        assert say(site.visitor(), id_, **(own() if minutes % 2 else {})).status_code == 201
    assert len(on(site, site.release)) == 6
    assert say(site.visitor("10.0.0.7"), id_).status_code == 201
    assert len(on(site, site.release)) == 5, "somebody elsewhere thinks so too"


def test_two_at_home_take_a_picture_out_once_they_are_known_here(site):
    fill(site)
    (liked, other, *_), people = (
        [ids.text(row.prediction) for row in on(site, site.release)],
        [site.visitor() for _ in "12"],
    )
    for client in people:
        assert say(client, liked, "love", **own()).status_code == 201
        assert say(client, other, **own()).status_code == 201
    assert len(on(site, site.release)) == 6, "they came a moment ago"
    site.deps.clock = lambda: ids.now_ms() + trust.KNOWN_MS
    for client, left in zip(people, (6, 5), strict=True):
        assert say(client, liked, **own()).status_code == 201
        assert len(on(site, site.release)) == left


def test_who_takes_back_their_meh_leaves_it_in(site):
    fill(site)
    id_ = ids.text(on(site, site.release)[0].prediction)
    ada, bea = site.visitor(), site.visitor("10.0.0.7")
    for client, value in ((ada, "meh"), (ada, "love"), (bea, "meh")):
        assert say(client, id_, value, **own()).status_code == 201
    assert len(on(site, site.release)) == 6


def test_what_was_shown_often_enough_is_replaced_a_few_at_a_time(site):
    filler = fill(site)
    assert not asyncio.run(filler.turn())
    for _ in range(6 * FEW.shows):
        opened(site)
    before = {row.seed for row in on(site, site.release)}
    assert asyncio.run(filler.turn())
    after = {row.seed for row in on(site, site.release)}
    assert len(after) == 6 and len(before - after) == FEW.turn
    assert len(site.house.blobs.digests()) == 6
    assert after == {opened(site)[0] for _ in range(20)}


def test_an_hour_after_its_first_show_a_picture_is_replaced_and_one_never_shown_stays(site, monkeypatch):
    filler = fill(site)
    seed, id_, _ = opened(site)
    soon = time.monotonic() + pool.HOUR_S + 1
    monkeypatch.setattr(pool.time, "monotonic", lambda: soon)
    assert asyncio.run(filler.turn()) and not asyncio.run(filler.turn())
    assert seed not in {row.seed for row in on(site, site.release)} and len(on(site, site.release)) == 6


def test_the_pool_rests_between_turns(site):
    filler = fill(site)
    filler.rules = Rules(keep=6, shows=1, rest_s=1000.0)
    opened(site)
    assert not asyncio.run(filler.turn())


def test_after_a_start_the_pool_is_there_at_once(site):
    fill(site)
    rows = on(site, site.release)
    site.house.blobs.path(rows[0].blob).write_bytes(b"damaged")
    site.deps.stock.keep_only(set())
    answered = site.engine.answered
    filler = Filler(site.deps, FEW)
    asyncio.run(filler.opened(site.deps.serving.apps[APP].champion))
    assert site.engine.answered == answered
    assert {row.seed for row in rows[1:]} == {opened(site)[0] for _ in range(10)}


def test_nothing_is_made_while_somebody_waits_and_the_books_do_not_wait_for_that(site, monkeypatch):
    from teahouse.engine.port import EngineState
    from teahouse.store import tallies

    queue = [3]
    monkeypatch.setattr(site.engine, "state", lambda: EngineState(queue=queue[0]))
    monkeypatch.setattr(pool, "COUNT_S", 0.0)
    filler, live = Filler(site.deps, FEW), site.deps.serving.apps[APP].champion
    site.deps.stock.opened[live.app, live.release] += 2
    assert not asyncio.run(filler.turn()) and site.engine.answered == 0
    with site.house.db.read() as c:
        assert [(one.what, one.n) for one in tallies.read(c, APP, 0)] == [("opened", 2)]
    queue[0] = 0
    assert asyncio.run(filler.turn()) and site.engine.answered > 0


def test_who_comes_while_the_pool_is_empty_waits_for_the_picture_that_is_being_made(site, monkeypatch):
    live, real, go = site.deps.serving.apps[APP].champion, site.engine.predict, asyncio.Event()

    async def slow(*given):
        await go.wait()
        return await real(*given)

    monkeypatch.setattr(site.engine, "predict", slow)

    async def crowd():
        coming = [asyncio.create_task(pool.opening(site.deps, live, "a")) for _ in range(5)]
        while not site.deps.stock.making:
            await asyncio.sleep(0)
        go.set()
        return await asyncio.gather(*coming)

    assert len({piece.id for piece in asyncio.run(crowd())}) == 1 == site.engine.answered


def test_a_page_kept_for_filling_knows_nothing_of_the_visitor_it_was_made_for(site, monkeypatch):
    fill(site)
    asked = []
    monkeypatch.setattr(visitors, "cookie_visitor", lambda request: asked.append(dict(request.cookies)))
    site.visitor().get("/", headers=own() | {"Cookie": "visitor=somebodys"})
    assert asked == [{}]


def test_what_was_made_is_not_made_again_where_a_round_breaks_off(site, monkeypatch):
    filler, real = Filler(site.deps, FEW), site.engine.predict

    async def fails(*given):
        if site.engine.answered == 5:
            raise DiskFull("A test.")
        return await real(*given)

    monkeypatch.setattr(site.engine, "predict", fails)
    live = site.deps.serving.apps[APP].champion
    with pytest.raises(DiskFull):
        asyncio.run(filler.fill(live))
    monkeypatch.setattr(site.engine, "predict", real)
    asyncio.run(filler.fill(live))
    assert site.engine.answered == 8 and len(on(site, site.release)) == 2


def test_a_full_disk_leaves_the_pool_as_it_is(site, monkeypatch):
    filler = fill(site)
    blobs = site.house.blobs.digests()

    def refuse(*_):
        raise DiskFull("A test.")

    monkeypatch.setattr(pool.pool, "add", refuse)
    filler.rules = Rules(keep=8, make=1)
    assert not asyncio.run(filler.turn()), "it is told, and tried again later"
    answered = site.engine.answered
    assert not asyncio.run(filler.turn()) and site.engine.answered == answered
    assert site.house.blobs.digests() == blobs and len({opened(site)[0] for _ in range(6)}) == 6


def test_the_challengers_pool_is_filled_and_never_opens_a_page(site):
    release = challenge(site)
    fill(site)
    champion, challenger = ({row.prediction for row in on(site, one)} for one in (site.release, release))
    assert len(champion) == len(challenger) == 6
    assert {ids.parse(opened(site)[1]) for _ in range(12)} == champion


def test_a_promoted_challenger_shows_what_it_has_and_the_old_pool_goes_a_day_later(site):
    release = challenge(site)
    filler = fill(site)
    install_tiny(site.house, note="two", state="full", kind="seed")
    asyncio.run(reconcile.once(site.deps))
    answered = site.engine.answered
    assert {row.prediction for row in on(site, release)} == {ids.parse(opened(site)[1]) for _ in range(12)}
    assert site.engine.answered == answered
    filler.tidied -= 2 * pool.HOUR_S
    asyncio.run(filler.tidy())
    assert len(on(site, site.release)) == 6, "a rollback finds its pictures"
    site.deps.clock = lambda: ids.now_ms() + pool.DAY_MS + 1
    filler.tidied -= 2 * pool.HOUR_S
    asyncio.run(filler.tidy())
    assert on(site, site.release) == [] and len(site.house.blobs.digests()) == 6


@pytest.mark.parametrize("leaves", ["taken off", "forgotten"])
def test_the_pool_of_an_app_that_left_the_house_goes_with_it(site, leaves):
    install_tiny(site.house)
    filler = fill(site)
    seed, _, page = opened(site, f"/{APP}/seeds/7")
    picture = re.search(r'<img[^>]*src="(/media/[^"]+)"', page.text)[1]
    site.house.db.write(lambda c: rollouts.append(c, APP, site.release, "rolled_back"))
    if leaves == "forgotten":
        site.house.db.write(lambda c: c.exec_driver_sql("DELETE FROM apps WHERE name = ?", (APP,)))
    asyncio.run(reconcile.once(site.deps))
    assert (APP in site.deps.serving.apps) == (leaves == "taken off")
    asyncio.run(filler.tidy())
    assert len(site.deps.stock.deck(site.release)) == 0 and site.client.get(picture).status_code == 200
    site.deps.clock = lambda: ids.now_ms() + pool.DAY_MS + 1
    filler.tidied -= 2 * pool.HOUR_S
    asyncio.run(filler.tidy())
    assert on(site, site.release) == [] and site.house.blobs.digests() == []
    assert site.client.get(picture).status_code == 404 and site.deps.stock.of_seed(site.release, seed) is None


def test_a_picture_made_for_a_link_is_forgotten_before_its_row_may_go(site):
    filler = fill(site)
    first = opened(site, f"/{APP}/seeds/7")[1]
    for later, same in ((pool.HOUR_S * 1000, True), (pool.DAY_MS - 1, False)):
        site.deps.clock = lambda later=later: ids.now_ms() + int(later)
        filler.tidied -= 2 * pool.HOUR_S
        asyncio.run(filler.tidy())
        assert (opened(site, f"/{APP}/seeds/7")[1] == first) is same


def test_the_words_on_a_release_that_is_gone_stay(site):
    fill(site)
    id_ = on(site, site.release)[0].prediction
    assert say(site.client, ids.text(id_), "love", **own()).status_code == 201
    site.house.db.write(lambda c: pooled.out(c, id_))
    with site.house.db.read() as c:
        assert c.execute(tables.feedback.select()).one().prediction == id_


def made_for_nobody(site):
    with site.house.db.read() as c:
        return {row.id for row in c.execute(tables.predictions.select()) if row.arm == "pool"}


def test_what_left_the_pool_without_a_word_goes_when_it_is_old(site):
    fill(site, Rules(keep=8, make=1, first=8))
    shown = {row.prediction for row in on(site, site.release)}
    for path in ("/", *(f"/{APP}/seeds/{seed}" for seed in range(3))):
        opened(site, path)
    loved, better, worse, told, *left = sorted(shown)
    assert say(site.client, ids.text(loved), "love", **own()).status_code == 201
    word = {"kind": "choose", "value": True, "other_prediction": worse}
    site.house.db.write(lambda c: feedback.say(c, ids.new_id(), better, ids.new_id(), "once", **word))
    site.house.db.write(lambda c: reports.add(c, ids.new_id(), "other", "", None, told, ids.now_ms()))
    freed = site.house.db.write(lambda c: pooled.out(c, loved, better, worse, told, left[0]))
    days, at = site.deps.settings.keep.days, ids.now_ms() + 60_000
    before = made_for_nobody(site)
    retention.sweep(site.house, days, at)
    assert made_for_nobody(site) == before and len(before) == 8 + 3, "not before the day"
    retention.sweep(site.house, days, at + days * retention.DAY_MS)
    assert made_for_nobody(site) == shown - {left[0]}, "words, reports and what is still shown keep theirs"
    assert retention.erase.drop_unnamed(site.house, freed) == 5
    assert sorted(site.house.blobs.digests()) == sorted(row.blob for row in on(site, site.release))


def test_thousands_that_nobody_spoke_of_go_a_few_hundred_at_a_time(site, monkeypatch):
    monkeypatch.setattr(retention, "ROWS", 100)
    one = {"at": 5, "app": APP, "release": site.release, "form": "fp32", "arm": "pool", "held": False, "cached": False}
    site.house.db.write(
        lambda c: [rows.add(c, tables.predictions, one | {"id": ids.new_id(), "ms": 1.0}) for _ in range(950)]
    )
    drop, sizes = predictions.drop_unsaid, []
    monkeypatch.setattr(predictions, "drop_unsaid", lambda *given: sizes.append(drop(*given)) or sizes[-1])
    retention.sweep(site.house, 1, 6 + retention.DAY_MS)
    assert sizes == [100] * 9 + [50, 0] and made_for_nobody(site) == set()


def test_a_release_that_makes_nothing_keeps_no_other_from_its_pool(site, monkeypatch):
    install_tiny(site.house, kind="picture")
    asyncio.run(reconcile.once(site.deps))
    real, photos = site.engine.predict, site.deps.serving.apps[NAMES["picture"]].champion.release

    async def breaks(release, *given):
        if release == photos:
            raise DiskFull("A test.")
        return await real(release, *given)

    monkeypatch.setattr(site.engine, "predict", breaks)
    fill(site)
    assert len(on(site, site.release)) == 6
