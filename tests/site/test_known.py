"""The very same photo, given again: worked out once, and yet two predictions."""

from teahouse import ids
from teahouse.site import known
from teahouse.store import predictions
from teahouse.testing import APP


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


def test_another_photo_another_release_and_another_time_are_worked_out(site, monkeypatch):
    site.ask(seed=4), site.ask(seed=5)
    assert site.engine.answered == 2
    monkeypatch.setattr(known, "KEPT_S", 0.0)
    site.ask(seed=4)
    assert site.engine.answered == 3


def test_a_picture_that_was_made_is_kept_nowhere(mirror):
    assert [mirror.ask(seed=4).status_code for _ in range(2)] == [201, 201]
    assert mirror.engine.answered == 2
    assert not any(row.cached for row in rows(mirror))
