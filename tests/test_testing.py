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


@pytest.mark.parametrize("kind", testing.RELEASES)
def test_it_answers_its_own_examples(tmp_path, kind):
    release = testing.RELEASES[kind](tmp_path / "release")
    assert bundle.verify(tmp_path / "release", release).app == testing.NAMES[kind]
    Answerer(tmp_path / "release").try_examples()


@pytest.mark.parametrize("kind", testing.RELEASES)
def test_another_note_is_another_release(tmp_path, kind):
    made = testing.RELEASES[kind]
    assert made(tmp_path / "a") == made(tmp_path / "b")
    assert made(tmp_path / "c", note="new") != made(tmp_path / "d")


@pytest.mark.parametrize("side", [64, 300])
def test_the_picture_release_mirrors(tmp_path, side):
    testing.picture_release(tmp_path / "release")
    answerer, given = Answerer(tmp_path / "release"), testing.photo("warm", seed=5, side=side)
    answer = answerer.answer({"input": given})
    field = answerer.fields["input"]
    assert abs(field.tensor(answer.parts[0].data)[:, :, ::-1] - field.tensor(given)).mean() < 0.02
    assert answer.output == {
        "picture": 0, "media_type": f"image/{'png' if side < 256 else 'jpeg'}",
        "width": side // 4 * 4, "height": side // 4 * 4,
    }  # fmt: skip


def test_the_seed_release_likes_blue(tmp_path):
    testing.seed_release(tmp_path / "release")
    answerer = Answerer(tmp_path / "release")
    answers = [answerer.answer({"input": seed}) for seed in range(20)]
    assert [answer.score for answer in answers] == pytest.approx(
        [testing.blueness(seed) for seed in range(20)], abs=1e-5
    )
    for seed, answer in enumerate(answers):
        assert media.mean_colour(answer.parts[0].data) == pytest.approx(
            media.mean_colour(testing.colour_of(seed).data), abs=0.01
        )


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


@pytest.mark.parametrize("kind", testing.RELEASES)
def test_a_house_of_each_kind_opens_its_pages(tmp_path, kind):
    with testing.whole_house(tmp_path, kind=kind) as site:
        assert site.ask().status_code == 201
        assert site.client.get(f"/{site.name}").status_code == 200


def test_two_houses_live_in_one_process(tmp_path):
    with testing.whole_house(tmp_path / "a") as one, testing.whole_house(tmp_path / "b") as other:
        receipt = one.ask("warm").json()
        answer = other.client.get(f"/api/predictions/{receipt['id']}", headers={"X-Receipt": receipt["receipt"]})
        assert answer.status_code == 404
