"""What the owner sees of apps that make pictures: love, choices, the challenger beside the champion, the queue."""

import pytest
from tests.loop.guests import asked, carry_out, compare, pooled, say, settle
from tests.loop.guests import guest as somebody

from teahouse import datasets, ids
from teahouse.site import owner_releases
from teahouse.store import labels, predictions, tables, tallies
from teahouse.testing import install_tiny, photo, whole_house

from .conftest import OWN


@pytest.fixture(params=["seed"])
def site(request, tmp_path):
    with whole_house(tmp_path, kind=request.param) as site:
        site.deps.settings.loop.retrain_after = 20
        site.deps.settings.loop.canary_share = 0.0  # choices alone are looked at here
        yield site


@pytest.fixture
def drawn(quick):
    """A site of an app that draws, with its pool, and the owner's client."""
    quick.house.db.write(lambda c: datasets.build(c, quick.house, quick.name))
    settle(quick)
    return quick


def challenge(site):
    """A release that is shown beside the champion by now; its id."""
    release = install_tiny(site.house, note="two", state="canary", kind="seed")
    site.house.db.write(lambda c: c.exec_driver_sql("DELETE FROM rollouts WHERE release = ?", (release,)))
    assert carry_out(site, kind="judge", release=release).detail["beside"] is True
    settle(site)
    return release


def choose(site, wins, of):
    for number in range(of):
        compare(site, somebody(site, number), lambda second, first, number=number: number < wins)


def text(owner, path):
    page = owner.get(path)
    assert page.status_code == 200, page.text
    return page.text


def test_today_tells_of_love_and_of_words_until_the_next_training(drawn, owner, train_written):
    train_written()
    for number, value in enumerate(("love", "love", "meh")):
        say(somebody(drawn, number), pooled(drawn)[0]["id"], "rate", value)
    told = owner.get("/api/owner/today").json()
    assert (told["rated"], told["loved"], told["new"], told["needed"]) == (3, 2, 3, 20)
    page = text(owner, "/owner/")
    assert "67 %" in page and "2 of 3 words" in page
    assert "17 more words, and it learns again" in page
    assert "may judge" not in page and "to review" not in page.lower().replace("to review photos", "")


def test_what_was_shown_from_the_pool_is_counted_and_is_no_answer(drawn, owner):
    at = drawn.deps.clock() // 3_600_000

    def count(c):
        tallies.add(c, tallies.Tally(drawn.name, drawn.release, "pool", at, "opened", 20))
        tallies.add(c, tallies.Tally(drawn.name, drawn.release, "pool", at, "answers", 96, 500.0))

    drawn.house.db.write(count)
    told = owner.get("/api/owner/today").json()
    assert (told["shown"], told["answers"]) == (20, 0)
    page = text(owner, "/owner/")
    assert "Shown</span><b>20</b>" in page and "Asked for</span><b>0</b>" in page
    said = text(owner, "/owner/predictions")
    assert "Nobody has asked for one of their own yet; 20 were shown from the pool." in said
    drawn.ask(seed=7)
    said = text(owner, "/owner/predictions")
    assert "seed 7" in said and "Nobody has asked" not in said


def test_the_release_that_visitors_compare_tells_how_many_preferred_it(drawn, owner):
    release = challenge(drawn)
    choose(drawn, 18, 24)
    told = owner.get(f"/api/owner/releases/{release}").json()["release"]
    assert told["state"] == "shadow" and "accuracy" not in told
    assert {name: told["choices"][name] for name in ("n", "preferred", "against", "missing")} == {
        "n": 24,
        "preferred": 18,
        "against": 1,
        "missing": 6,
    }
    assert told["choices"]["low"] < 0.75 < told["choices"]["high"]
    page = text(owner, f"/owner/releases/{release}")
    assert "18 of 24 preferred it to release 1" in page and "How often visitors liked it better" in page
    assert "6 more" in page and "beside the champion" in page and "Take it away" in page
    assert "How often it is right" not in page
    today = text(owner, "/owner/")
    assert "Release 2 is shown beside it: 18 of 24 preferred it" in today and "24 of 30" in today
    assert "is shown beside the champion, by the loop" in today
    assert "Visitors are choosing between two releases" in today
    assert owner.get(f"/api/owner/releases/{drawn.release}").json()["release"].get("choices") is None


def test_a_release_that_was_chosen_keeps_what_was_said_of_it(drawn, owner):
    release = challenge(drawn)
    choose(drawn, 30, 30)
    carry_out(drawn, *asked(drawn, "judge"))
    settle(drawn)
    told = owner.get(f"/api/owner/releases/{release}").json()["release"]
    assert (told["state"], told["choices"]["preferred"], told["choices"]["n"]) == ("full", 30, 30)
    assert "30 of 30 preferred it" in text(owner, f"/owner/releases/{release}")
    assert "30 of 30 preferred it" in text(owner, "/owner/releases")


def test_the_owner_takes_a_challenger_away(drawn, owner, monkeypatch):
    monkeypatch.setattr(owner_releases.wait_served, "__defaults__", (0.0,))
    release = challenge(drawn)
    body = {"release": release, "state": "rolled_back", "share": 0}
    assert owner.post(f"/api/owner/apps/{drawn.name}/rollouts", json=body).status_code == 201
    settle(drawn)
    assert drawn.deps.serving.app(drawn.name).shadows == ()
    assert "rolled back by you" in text(owner, f"/owner/releases/{release}")
    today = owner.get("/api/owner/today")
    assert today.status_code == 200 and "Visitors' choices" not in text(owner, "/owner/")


def test_nothing_waits_in_the_queue_of_an_app_that_draws(drawn, owner):
    assert owner.get(f"/api/owner/reviews?app={drawn.name}").json() == {"items": [], "left": 0}
    assert "what visitors love teaches it by itself" in text(owner, "/owner/review")


def test_what_the_house_made_for_nobody_is_no_answer(drawn, owner):
    assert owner.get("/api/owner/predictions").json()["predictions"] == []
    drawn.ask(seed=7)
    (one,) = owner.get("/api/owner/predictions").json()["predictions"]
    assert one["arm"] == "full" and "digest" not in one["output"]
    assert "A picture, 32 × 32" in text(owner, "/owner/predictions")


@pytest.mark.parametrize("site", ["picture"], indirect=True)
class TestPhotos:
    """Photo in, picture out: what visitors let us keep waits for the owner, with what they said of the result."""

    def give(self, site, value, seed=1):
        visitor = site.visitor()
        visitor.headers.update(OWN)
        body, jpeg = photo("warm", seed), {"Content-Type": "image/jpeg"}
        told = visitor.post(f"/api/apps/{site.name}/predictions", content=body, headers=jpeg).json()
        path, receipt = f"/api/predictions/{told['id']}", {"X-Receipt": told["receipt"]}
        said = visitor.post(f"{path}/feedback", json={"kind": "rate", "value": value}, headers=receipt)
        assert said.status_code == 201 and said.json()["ask_consent"] is True
        kept = visitor.put(f"{path}/input", content=body, headers={**receipt, **jpeg, "X-Consent": "keep, train"})
        assert kept.status_code == 201, kept.text
        return ids.parse(told["id"])

    def test_the_queue_shows_the_photo_and_the_word_and_accepting_lets_it_train(self, quick, owner):
        given = self.give(quick, "love")
        (item,) = owner.get(f"/api/owner/reviews?app={quick.name}").json()["items"]
        assert (item["word"], item["choices"], item["held"]) == ("love", ["love", "meh"], False)
        assert item.get("guess") is None
        body = {"label": item["label"], "decision": "accept", "truth": {"label": "love"}}
        assert owner.post("/api/owner/reviews", json=body).status_code == 201
        with quick.house.db.read() as c:
            row = labels.of_prediction(c, given)
            assert predictions.get(c, given).held in (False, 0)
        assert row.is_accepted and row.answer == {"rate": "love"} and row.split == "train"
        assert quick.house.db.write(lambda c: datasets.build(c, quick.house, quick.name)).counts["labels"] == {
            "love": 1
        }

    def test_the_owner_sees_what_a_picture_was_made_with_where_that_is_kept(self, quick, owner):
        row = self.give(quick, "love")

        def style(c):
            inputs = {**labels.of_prediction(c, row).inputs, "style": "night_sky", "strength": 0.8}
            c.execute(tables.labels.update().values(inputs=inputs))

        quick.house.db.write(style)
        (item,) = owner.get("/api/owner/reviews").json()["items"]
        assert item["given"] == {"style": "night_sky", "strength": 0.8}
        (one,) = owner.get("/api/owner/predictions").json()["predictions"]
        assert one["given"] == item["given"]
        page = text(owner, "/owner/predictions")
        assert "style night sky" in page and "strength 0.8" in page

    def test_the_owner_takes_the_visitors_word_or_another(self, quick, owner):
        self.give(quick, "love")
        self.give(quick, "meh", 2)
        for item, truth in zip(owner.get("/api/owner/reviews").json()["items"], (None, {"rate": "love"}), strict=True):
            body = {"label": item["label"], "decision": "accept", "truth": truth}
            assert owner.post("/api/owner/reviews", json=body).status_code == 201
        strange = {"label": item["label"], "decision": "accept", "truth": {"label": "fine"}}
        assert owner.post("/api/owner/reviews", json=strange).status_code == 422

    def test_today_and_the_review_page_speak_of_photos(self, quick, owner, train_written):
        train_written()
        self.give(quick, "love")
        page = text(owner, "/owner/")
        assert "20 more photos, and it learns again" in page and "1 of 1 words" in page and "Review 1 photo" in page
        assert "The picture made of it is not kept" in text(owner, "/owner/review")
        assert ">love<" in text(owner, "/owner/predictions")
