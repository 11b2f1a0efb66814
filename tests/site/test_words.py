"""A visitor's word, their yes, the photo that is kept under it, and its end."""

import pytest

from teahouse import ids
from teahouse.store import consents, feedback, inputs, jobs, labels, predictions, reviews, tables, tallies
from teahouse.testing import APP, photo

RECEIPT = "X-Receipt"
HELD_IN = tables.predictions.update().values(held=False)
YES = {"X-Consent": "keep, train", "Content-Type": "image/jpeg"}


@pytest.fixture
def answer(site, own):
    return site.client.post(f"/api/apps/{APP}/predictions", content=photo("cold", 1), headers=own).json()


def say(site, answer, kind="agree", value=True, **headers):
    return site.client.post(
        f"/api/predictions/{answer['id']}/feedback", json={"kind": kind, "value": value}, headers=headers
    )


def keep(site, answer, given=None, **headers):
    return site.client.put(
        f"/api/predictions/{answer['id']}/input",
        content=given or photo("cold", 1),
        headers={RECEIPT: answer["receipt"], **YES, **headers},
    )


def test_a_word_by_receipt_is_on_disk_before_it_is_thanked_for(site, answer):
    response = say(site, answer, "correct", "warm", **{RECEIPT: answer["receipt"]})
    assert response.status_code == 201 and response.json()["ask_consent"] is True
    with site.house.db.read() as c:
        word = feedback.latest(c, ids.parse(answer["id"]))
    assert (word.kind, word.value, ids.text(word.id)) == ("correct", "warm", response.json()["id"])


def test_a_word_by_cookie_counts_from_our_own_page_only(site, answer, own):
    assert say(site, answer, **own).status_code == 201
    assert say(site, answer, Origin="https://evil.test").status_code == 404
    assert say(site, answer).status_code == 404


def test_the_same_word_twice_counts_once_and_another_mind_counts(site, answer):
    receipt = {RECEIPT: answer["receipt"]}
    first = say(site, answer, **receipt).json()["id"]
    assert say(site, answer, **receipt).json()["id"] == first
    assert say(site, answer, "correct", "warm", **receipt).json()["id"] != first
    assert say(site, answer, **receipt).json()["id"] != first
    keyed = {**receipt, "Idempotency-Key": "k"}
    assert say(site, answer, **keyed).json()["id"] == say(site, answer, "correct", "warm", **keyed).json()["id"]


WRONG = [("correct", "tea"), ("agree", "yes"), ("rate", "5"), ("nothing", True), ("correct", {"label": "x"})]


@pytest.mark.parametrize(("kind", "value"), WRONG)
def test_a_word_that_the_output_does_not_take_is_refused(site, answer, kind, value):
    assert say(site, answer, kind, value, **{RECEIPT: answer["receipt"]}).status_code == 422


def test_an_id_alone_opens_nothing(site, answer):
    other = site.visitor()
    own = {"Origin": "http://127.0.0.1:8360"}
    theirs = other.post(f"/api/apps/{APP}/predictions", content=photo("warm", 7), headers=own).json()
    path = f"/api/predictions/{answer['id']}"
    for wrong in ({}, {RECEIPT: theirs["receipt"]}, {RECEIPT: answer["receipt"][:-2] + "xx"}, {RECEIPT: answer["id"]}):
        assert other.get(path, headers=wrong).status_code == 404
        assert other.delete(path, headers={**own, **wrong}).status_code == 404
        word = {"kind": "agree", "value": True}
        assert other.post(f"{path}/feedback", json=word, headers={**own, **wrong}).status_code == 404
        assert other.put(f"{path}/input", content=photo("cold", 1), headers={**own, **wrong, **YES}).status_code == 404
    assert site.client.get(path).status_code == 200
    assert site.client.get("/api/predictions/none").status_code == 404


def test_agreement_is_tallied(site, answer):
    say(site, answer, **{RECEIPT: answer["receipt"]})
    say(site, answer, "correct", "warm", **{RECEIPT: answer["receipt"]})
    with site.house.db.read() as c:
        (row,) = [row for row in tallies.read(c, APP, 0) if row.what == "agree"]
    assert (row.n, row.total) == (1, 1.0), "one visitor, one count: their first word"


def test_the_same_photo_with_a_yes_is_kept_clean_and_becomes_a_label(site, answer, own):
    say(site, answer, "correct", "warm", **{RECEIPT: answer["receipt"]})
    assert keep(site, answer, **own).status_code == 201
    assert keep(site, answer, **own).status_code == 201
    id_ = ids.parse(answer["id"])
    with site.house.db.read() as c:
        (kept,) = inputs.of_prediction(c, id_)
        given, label = consents.for_prediction(c, id_), labels.of_prediction(c, id_)
    assert sorted(given.purposes) == ["keep", "train"] and not given.before and given.text_version
    assert label.truth == {"label": "warm"} and label.consent == given.id
    stored = site.house.blobs.get(kept.blob)
    assert stored != photo("cold", 1) and stored[:3] == b"\xff\xd8\xff"


def test_other_bytes_or_no_purpose_are_not_kept(site, answer, own):
    assert keep(site, answer, photo("cold", 2), **own).status_code == 409
    assert keep(site, answer, **{**own, "X-Consent": ""}).status_code == 422
    assert keep(site, answer, **{**own, "X-Consent": "sell"}).status_code == 422
    assert keep(site, answer, **{**own, "X-Consent": "keep"}).status_code == 422
    assert not any(path.is_file() for path in (site.house.data / "blobs").rglob("*"))


def test_under_a_standing_yes_the_next_photo_is_kept_with_its_answer(site, answer, own):
    path = f"/api/apps/{APP}/predictions"
    assert site.client.post(path, content=photo(seed=3), headers={**own, **YES}).json()["kept"] is False
    keep(site, answer, **own)
    assert site.client.post(path, content=photo(seed=4), headers=own).json()["kept"] is False
    kept = site.client.post(path, content=photo(seed=5), headers={**own, **YES}).json()
    assert kept["kept"] is True
    with site.house.db.read() as c:
        given = consents.for_prediction(c, ids.parse(kept["id"]))
        assert given.before and labels.of_prediction(c, ids.parse(kept["id"])).truth is None
    assert say(site, kept, **{RECEIPT: kept["receipt"]}).json()["ask_consent"] is False
    assert site.client.delete("/api/mine/consent", headers=own).status_code == 204
    assert site.client.post(path, content=photo(seed=6), headers={**own, **YES}).json()["kept"] is False


def test_an_erased_prediction_is_gone_at_once_with_its_photo(site, answer, own):
    keep(site, answer, **own)
    say(site, answer, "correct", "warm", **{RECEIPT: answer["receipt"]})
    id_ = ids.parse(answer["id"])
    with site.house.db.read() as c:
        blob = inputs.of_prediction(c, id_)[0].blob
    assert site.client.delete(f"/api/predictions/{answer['id']}", headers=own).status_code == 204
    assert not site.house.blobs.exists(blob)
    assert site.client.get(f"/api/predictions/{answer['id']}", headers={RECEIPT: answer["receipt"]}).status_code == 404
    assert say(site, answer, **{RECEIPT: answer["receipt"]}).status_code == 404
    assert keep(site, answer, **own).status_code == 404
    with site.house.db.read() as c:
        row = predictions.get(c, id_)
        assert (row.visitor, row.given, row.output) == (None, None, None)
        assert any(job.kind == "erase" for job in jobs.recent(c))


def test_a_receipt_erases_from_anywhere_without_a_cookie(site):
    gone = site.ask(seed=8).json()
    headers = {RECEIPT: gone["receipt"]}
    assert site.visitor().delete(f"/api/predictions/{gone['id']}", headers=headers).status_code == 204


def test_a_photo_whose_answer_is_erased_meanwhile_is_not_kept(site, answer, own, monkeypatch):
    clean = site.engine.clean

    async def slow_clean(data, field):
        cleaned = await clean(data, field)
        await site.house.db.write_async(lambda c: predictions.erase(c, ids.parse(answer["id"])))
        return cleaned

    monkeypatch.setattr(site.engine, "clean", slow_clean)
    assert keep(site, answer, **own).status_code == 404
    assert not any(path.is_file() for path in (site.house.data / "blobs").rglob("*"))


def test_the_first_word_alone_is_tallied(site, answer):
    for kind, value in (("correct", "warm"), ("correct", "cold"), ("agree", True), ("correct", "warm")):
        assert say(site, answer, kind, value, **{RECEIPT: answer["receipt"]}).status_code == 201
    with site.house.db.read() as c:
        rows = [row for row in tallies.read(c, APP, 0) if row.what == "agree"]
    assert [(row.n, row.total) for row in rows] == [(1, 0.0)]


def test_an_output_without_a_label_takes_a_word_all_the_same(site, answer):
    bare = tables.predictions.update().values(output={"picture": "image/png"})
    site.house.db.write(lambda c: c.execute(bare))
    assert say(site, answer, "correct", "warm", **{RECEIPT: answer["receipt"]}).status_code == 201


def test_where_the_house_reviews_by_itself_a_second_visitors_word_counts_and_sets_a_training_off(site, own):
    site.deps.settings.loop.review, site.deps.settings.loop.retrain_after = "auto", 2
    house, site.deps.settings.loop.train = site.house, "here"
    told = []
    for side in range(64, 67):  # the owner knows the first
        client = site.visitor()
        asked = client.post(f"/api/apps/{APP}/predictions", content=photo("warm", 1, side), headers=own).json()
        id_ = ids.parse(asked["id"])
        house.db.write(lambda c, id_=id_: c.execute(HELD_IN.where(tables.predictions.c.id == id_)))
        headers = {RECEIPT: asked["receipt"]}
        word = {"kind": "correct", "value": "cold"}
        assert client.post(f"/api/predictions/{asked['id']}/feedback", json=word, headers=headers).status_code == 201
        put = client.put(f"/api/predictions/{asked['id']}/input", content=photo("warm", 1, side),
                         headers={**own, **headers, **YES})  # fmt: skip
        assert put.status_code == 201
        with house.db.read() as c:
            told.append(labels.of_prediction(c, id_))
        if len(told) == 1:
            house.db.write(lambda c: reviews.decide(c, reviews.Decision(told[0].id, "accept", {"label": "cold"})))
    assert [row.reviewed_by for row in told[1:]] == ["trust", "trust"]
    with house.db.read() as c:
        assert "retrain" in [job.kind for job in jobs.waiting(c)]
