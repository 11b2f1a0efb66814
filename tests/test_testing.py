"""What ships for tests: the tiny release answers as promised, the engine keeps its port, a whole house answers."""

import asyncio
import inspect

import pytest

from teahouse import testing
from teahouse.engine.answering import Answerer
from teahouse.engine.port import Engine, Wanted
from teahouse.errors import NotReady
from teahouse.model import bundle
from teahouse.spec import media


def test_the_tiny_release_is_tiny_and_sound(tmp_path):
    release = testing.tiny_release(tmp_path / "release")
    assert bundle.verify(tmp_path / "release", release).app == testing.APP
    assert len(testing.MEAN_COLOUR) < 1500


@pytest.mark.parametrize("kind", ["warm", "cold"])
def test_its_answers_are_known(tmp_path, kind):
    testing.tiny_release(tmp_path / "release")
    answerer = Answerer(tmp_path / "release")
    given = testing.photo(kind, seed=3)
    said, known = answerer.answer({"input": given}).output, testing.expected(given)
    assert said["label"] == known["label"] == kind
    assert said["scores"]["warm"] == pytest.approx(known["scores"]["warm"], abs=1e-4)


def test_it_answers_its_own_examples(tmp_path):
    testing.tiny_release(tmp_path / "release")
    Answerer(tmp_path / "release").try_examples()


def test_another_note_is_another_release(tmp_path):
    assert testing.tiny_release(tmp_path / "a") == testing.tiny_release(tmp_path / "b")
    assert testing.tiny_release(tmp_path / "c", note="new") != testing.tiny_release(tmp_path / "d")


def test_photos_of_different_seeds_are_no_near_duplicates():
    near = [int.from_bytes(media.dhash(testing.photo("warm", seed)), "big") for seed in range(40)]
    far = [(a ^ b).bit_count() for place, a in enumerate(near) for b in near[:place]]
    assert min(far) > 6


def test_the_engine_keeps_the_port():
    for name, method in inspect.getmembers(Engine, inspect.isfunction):
        if not name.startswith("_"):
            own = getattr(testing.InProcessEngine, name)
            assert inspect.iscoroutinefunction(own) == inspect.iscoroutinefunction(method), name
            assert list(inspect.signature(own).parameters) == list(inspect.signature(method).parameters), name


def test_the_engine_says_why_a_release_is_not_ready(tmp_path):
    engine = testing.InProcessEngine(tmp_path, broken={"x"})
    (told,) = asyncio.run(engine.ensure([Wanted(testing.APP, "x")]))
    assert told.why
    with pytest.raises(NotReady):
        asyncio.run(engine.predict("x", {}, until=0))


def test_a_whole_house_answers_and_remembers(tmp_path):
    from teahouse import ids
    from teahouse.store import predictions

    with testing.whole_house(tmp_path) as site:
        answer = site.ask("cold")
        assert answer.status_code == 201 and answer.json()["output"]["label"] == "cold"
        with site.house.db.read() as c:
            assert predictions.get(c, ids.parse(answer.json()["id"])).output["label"] == "cold"
        assert site.client.get("/").status_code == 200


def test_two_houses_live_in_one_process(tmp_path):
    with testing.whole_house(tmp_path / "a") as one, testing.whole_house(tmp_path / "b") as other:
        receipt = one.ask("warm").json()
        answer = other.client.get(f"/api/predictions/{receipt['id']}", headers={"X-Receipt": receipt["receipt"]})
        assert answer.status_code == 404
