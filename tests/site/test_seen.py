"""How visitors' photos look: in the answer's row, erased with it, and folded into tallies once a second."""

import asyncio
from types import SimpleNamespace

import pytest

from teahouse import ids
from teahouse.engine.port import Answer
from teahouse.model import figures
from teahouse.monitor import days
from teahouse.site import seen
from teahouse.store import drifts, notices, predictions, reviews, rollouts, tallies
from teahouse.testing import APP

PHONE = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/131.0 Mobile Safari/537.36"
DESK = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
BRIGHT = figures.spread("brightness", [0.5 + i / 1000 for i in range(200)])


def fold(site):
    asyncio.run(seen.fold(site.deps, patience=0.0))


def tallied(site):
    with site.house.db.read() as c:
        rows = tallies.by_day(c, APP, 0, days.SEEN)
    return {row.what: (row.n, row.total) for row in rows}


def with_figures(site, known):
    """The site as if its champion brought these figures."""
    site.deps.serving.apps[APP].champion.manifest.figures.update(known)


@pytest.mark.parametrize(
    ("agent", "device"), [(PHONE, "phone"), (DESK, "computer"), ("curl/8.5", "other"), ("", "other")]
)
def test_of_a_browser_only_the_kind_of_device_is_known(agent, device):
    assert seen.device_of(agent) == device


def test_a_look_stands_in_the_row_and_goes_with_its_visitor(site):
    id_ = ids.parse(site.ask("warm", 1, **{"User-Agent": PHONE}).json()["id"])
    with site.house.db.read() as c:
        look = predictions.get(c, id_).look
    assert {"brightness", "blur", "side", "device"} <= set(look)
    assert look["device"] == "phone" and look["side"] == 64 and 0.3 < look["brightness"] < 0.6
    site.house.db.write(lambda c: predictions.erase(c, id_))
    with site.house.db.read() as c:
        assert predictions.get(c, id_).look is None


def test_what_was_seen_is_folded_once_and_by_the_releases_own_bins(site):
    with_figures(site, {"brightness": BRIGHT})
    for seed in range(3):
        assert site.visitor().post(
            f"/api/apps/{APP}/predictions", content=_photo(seed), headers={"Content-Type": "image/jpeg"}
        ).status_code == 201  # fmt: skip
    assert "labels:warm" not in tallied(site)
    fold(site)
    told = tallied(site)
    assert told["labels:warm"][0] == 3 and told["brightness:0"][0] == 3 and told["device:other"][0] == 3
    assert 0.3 < told["brightness:0"][1] / 3 < 0.6
    assert told["confidence:0"][0] == 3 and told["answers"][0] == 3  # no figures of it: one bin for all
    fold(site)
    assert tallied(site) == told


def _photo(seed):
    from teahouse.testing import photo

    return photo("warm", seed)


def test_a_fold_that_fails_is_made_good_by_the_next(site, monkeypatch):
    site.ask("warm", 1)
    real = site.house.db.write_async

    async def broken(fn):
        raise OSError("no room")

    monkeypatch.setattr(site.house.db, "write_async", broken)
    with pytest.raises(OSError):
        fold(site)
    monkeypatch.setattr(site.house.db, "write_async", real)
    fold(site)
    assert tallied(site)["labels:warm"][0] == 1


def test_a_repeated_request_is_seen_once(site):
    for _ in range(3):
        site.ask("warm", 1, **{"Idempotency-Key": "the same"})
    fold(site)
    assert tallied(site)["labels:warm"][0] == 1


def told_of(label="warm", familiar=None):
    return Answer({"label": label, "scores": {label: 0.9, "other": 0.1}}, familiar=familiar)


def live_of(site):
    return site.deps.serving.apps[APP].champion


def test_nobody_moves_a_curve_alone_and_no_network_either(site):
    looks, day = site.deps.looks, seen.DAY_MS
    for at in range(50):
        looks.add(live_of(site), "full", told_of(), (b"one visitor", b"net"), None, at)
    assert looks.counted[APP, site.release] == seen.OF_VISITOR
    for at in range(500):
        looks.add(live_of(site), "full", told_of(), (b"%d" % at, b"net"), None, at)
    assert looks.counted[APP, site.release] == seen.OF_NETWORK
    looks.add(live_of(site), "full", told_of(), (b"one visitor", b"net"), None, day)
    assert looks.counted[APP, site.release] == seen.OF_NETWORK + 1


def test_what_no_visitor_saw_is_not_counted(site):
    for arm in ("shadow", "pool", "replay"):
        site.deps.looks.add(live_of(site), arm, told_of(), (b"v", b"n"), None, 0)
    assert not site.deps.looks.n


def test_darker_photos_are_told_once_and_put_nothing_on_or_off(site):
    with_figures(site, {"brightness": BRIGHT})
    before = SimpleNamespace(steps=None)
    with site.house.db.read() as c:
        before.steps = len(rollouts.history(c, APP))
    for at in range(60):
        look = {"brightness": 0.2 + at / 1000, "blur": 2.0, "side": 96, "device": "phone"}
        site.deps.looks.add(live_of(site), "full", told_of(), (b"v%d" % at, b"n%d" % at), look, site.deps.clock())
    fold(site)
    with site.house.db.read() as c:
        (row,) = drifts.of_release(c, site.release)
        (notice,) = notices.waiting(c, 0)
        assert len(rollouts.history(c, APP)) == before.steps and reviews.left(c, APP) == 0
    assert row.what == "brightness" and "darker" in row.numbers["words"] and row.numbers["n"] == 60
    assert notice.kind == "drift" and "release 1" in notice.words and "darker" in notice.words
    for at in range(60, 200):
        look = {"brightness": 0.2, "blur": 2.0, "side": 96, "device": "phone"}
        site.deps.looks.add(live_of(site), "full", told_of(), (b"v%d" % at, b"n%d" % at), look, site.deps.clock())
    fold(site)
    with site.house.db.read() as c:
        assert len(drifts.of_release(c, site.release)) == 1 and len(notices.waiting(c, 0)) == 1
