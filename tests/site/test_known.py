"""The very same photo, given again: worked out once, and yet two predictions."""

import asyncio
from dataclasses import replace

import pytest

from teahouse import ids
from teahouse.engine.port import Answer
from teahouse.site import known, owner_loop, reconcile
from teahouse.spec.fields import Text
from teahouse.store import predictions
from teahouse.testing import APP, install_tiny, photo


def rows(site):
    with site.house.db.read() as c:
        return predictions.page(c, site.name)


def test_the_same_photo_is_worked_out_once_and_is_two_predictions(site):
    first, again = site.ask(seed=4).json(), site.ask(seed=4).json()
    assert site.engine.answered == 1
    assert first["id"] != again["id"] and first["receipt"] != again["receipt"]
    assert first["output"] == again["output"] and first["familiar"] == again["familiar"]
    assert [row.cached for row in rows(site)] == [True, False]
    assert {ids.text(row.id) for row in rows(site)} == {first["id"], again["id"]}
    assert rows(site)[0].look == rows(site)[1].look


def test_what_it_took_is_not_counted_as_the_models_work(site):
    for _ in range(3):
        site.ask(seed=4)
    assert [len(found) for found in site.deps.looks.work.values()] == [1]
    assert [set(ms) for ms in site.deps.pulse.last][1:] == [{"receive", "commit", "send"}] * 2
    with site.house.db.read() as c:
        assert len(predictions.last_ms(c, APP, site.release, "full", 0)) == 1


def test_another_photo_another_network_and_another_time_are_worked_out(site, monkeypatch):
    site.ask(seed=4), site.ask(seed=5)
    assert site.engine.answered == 2
    elsewhere = site.visitor("203.0.113.7").post(f"/api/apps/{APP}/predictions", content=photo(seed=4))
    assert elsewhere.status_code == 201 and site.engine.answered == 3
    monkeypatch.setattr(known, "KEPT_S", 0.0)
    site.ask(seed=4)
    assert site.engine.answered == 4


def test_another_release_works_it_out_for_itself(site):
    first = site.ask(seed=4).json()
    second = install_tiny(site.house, note="two")
    asyncio.run(reconcile.once(site.deps))
    again = site.ask(seed=4).json()
    assert (first["release"], again["release"]) == (site.release, second) and site.engine.answered == 2
    site.ask(seed=4)
    assert site.engine.answered == 2


def test_an_app_with_its_own_predict_and_one_without_a_photo_are_left_out(site):
    live = site.deps.serving.apps[APP].champion
    told = Answer({"label": "warm"}, form=live.form)
    own = replace(live, manifest=replace(live.manifest, hooks=["predict"]))
    words = replace(live, fields={"input": Text()})
    for one, keeps in ((live, True), (own, False), (words, False)):
        kept = known.Known()
        kept.put(one, b"photo", b"network", told)
        assert kept.get(one, b"photo", b"network") == (told if keeps else None)


def test_answers_have_a_size_that_they_do_not_outgrow_and_old_ones_go(site, monkeypatch):
    monkeypatch.setattr(known, "MOST_BYTES", 10_000)
    live, kept = site.deps.serving.apps[APP].champion, known.Known()
    for n in range(30):
        kept.put(live, bytes([n]), b"network", Answer("x" * 998, form=live.form))
    assert kept._kept.bytes == 10_000 and kept.get(live, bytes([0]), b"network") is None
    monkeypatch.setattr(known, "KEPT_S", 0.0)
    monkeypatch.setattr(known, "SWEEP_S", -1.0)
    kept.put(live, b"one more", b"network", Answer("x" * 98, form=live.form))
    assert kept._kept.bytes == 100


@pytest.mark.parametrize("way", ["prediction", "visitor", "owner"])
def test_who_is_erased_is_in_no_memory(site, own, way):
    told = site.ask(seed=4, **own).json()
    receipt = {"X-Receipt": told["receipt"]}
    if way == "prediction":
        assert site.client.delete(f"/api/predictions/{told['id']}", headers={**own, **receipt}).status_code == 204
    elif way == "visitor":
        assert site.client.delete("/api/mine", headers=own).status_code == 204
    else:
        owner_loop.forget(site.deps, {"prediction": told["id"]})
    assert site.deps.known._kept.items() == []
    site.ask(seed=4)
    assert site.engine.answered == 2


def test_a_picture_that_was_made_is_kept_nowhere(mirror):
    assert [mirror.ask(seed=4).status_code for _ in range(2)] == [201, 201]
    assert mirror.engine.answered == 2
    assert not any(row.cached for row in rows(mirror))
