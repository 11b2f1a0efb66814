"""The review queue: what the owner sees, decides, takes back; and the training that it sets off, once."""

from teahouse import ids
from teahouse.feedback import teach
from teahouse.site import owner_reviews
from teahouse.store import apps, jobs, labels, predictions, reviews, tables, visitors
from teahouse.testing import APP, tiny_declaration

QUEUE = f"/api/owner/reviews?app={APP}"


def queue(owner):
    return owner.get(QUEUE).json()


def hold(site, share):
    """Makes the lot draw everybody (1) or nobody (0) from now on."""
    shown = dict(site.deps.serving.apps)
    declaration = {**tiny_declaration(), "held": share}
    shown[APP] = type(shown[APP])(**{**shown[APP].__dict__, "declaration": declaration})
    site.deps.serving = type(site.deps.serving)(shown, settled=True)


def declare(site, **changes):
    row = (APP, "Warm or cold?", tiny_declaration(**changes), "", ids.now_ms())
    site.house.db.write(lambda c: apps.declare(c, *row))


def decide(owner, label, word=None, decision="accept"):
    truth = {"label": word} if word else None
    return owner.post("/api/owner/reviews", json={"label": label, "decision": decision, "truth": truth})


def test_a_corrected_photo_stands_in_the_queue_with_the_guess_and_the_word(quick, owner, guest):
    hold(quick, 0)
    guest("warm", 1, "cold")
    told = queue(owner)
    (item,) = told["items"]
    assert told["left"] == 1 and item["word"] == "cold" and item["guess"]["label"] == "warm"
    assert item["choices"] == ["warm", "cold"] and item["held"] is False
    photo = owner.get(item["photo"])
    assert photo.status_code == 200 and photo.headers["content-type"].startswith("image/")
    assert photo.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert photo.headers["x-content-type-options"] == "nosniff" and "no-store" in photo.headers["cache-control"]
    assert quick.visitor().get(item["photo"]).status_code == 401


def test_a_photo_drawn_by_lot_is_shown_bare_and_takes_the_owners_own_word_alone(quick, owner, guest):
    hold(quick, 1)
    guest("warm", 1, "cold")
    (item,) = queue(owner)["items"]
    assert item["held"] and "word" not in item and "guess" not in item
    assert decide(owner, item["label"]).status_code == 422
    assert decide(owner, item["label"], "warm").status_code == 201
    with quick.house.db.read() as c:
        row = labels.get(c, ids.parse(item["label"]))
    assert row.split == "test" and row.answer == {"label": "warm"} and not row.is_live_gold, (
        "the first photo never judges"
    )


def test_drawn_photos_come_first_and_their_order_says_nothing_of_their_answers(quick, owner, guest):
    hold(quick, 1)
    for seed in range(8):
        guest("warm" if seed < 4 else "cold", seed, "cold", before=True)
    guest("warm", 30, "cold")
    hold(quick, 0)
    guest("neither", 20, "cold")
    items = queue(owner)["items"]
    assert [item["held"] for item in items] == [True] * 8 + [False, True]
    assert [item["judges"] for item in items] == [True] * 8 + [False] * 2, "the last was kept after its answer"
    assert "word" not in items[-1] and "guess" not in items[-1]
    with quick.house.db.read() as c:
        judge = [row for row in labels.of_app(c, APP) if row.held and row.consent_before]
    assert [item["label"] for item in items[:8]] == [ids.text(row.id) for row in sorted(judge, key=lambda r: r.id[8:])]


def test_the_page_says_of_a_drawn_photo_whether_it_will_judge(owner):
    page = owner.get("/owner/review").text
    assert "data-held hidden>Drawn by lot: this one will judge releases." in page
    assert "data-late hidden>Drawn by lot, but kept after its answer: it does not count in a verdict." in page
    assert "Enter takes what is outlined" in page and "takes the guess" not in page


def test_accepting_takes_the_visitors_word_and_mending_the_owners(quick, owner, guest):
    hold(quick, 0)
    guest("warm", 1, "cold")
    guest("cold", 2, "cold")
    first, second = (item["label"] for item in queue(owner)["items"])
    assert decide(owner, first).json()["left"] == 1
    assert decide(owner, second, "warm").json() == {"label": second, "left": 0}
    with quick.house.db.read() as c:
        assert labels.get(c, ids.parse(first)).answer == {"label": "cold"}
        assert labels.get(c, ids.parse(second)).answer == {"label": "warm"}
        assert labels.counts(c, APP)["accepted"] == 2


def test_a_label_that_the_app_does_not_know_is_refused(quick, owner, guest):
    hold(quick, 0)
    guest("warm", 1, "cold")
    (item,) = queue(owner)["items"]
    for word in ("coldd", "", "<script>", "warm,cold", 3, ["cold"], None):
        given = {"label": item["label"], "decision": "accept", "truth": {"label": word}}
        assert owner.post("/api/owner/reviews", json=given).status_code == 422, word
    assert queue(owner)["left"] == 1


def test_undo_takes_decisions_back_one_by_one_from_the_last(quick, owner, guest):
    hold(quick, 0)
    for seed in range(3):
        guest("warm", seed, "cold")
    given = [item["label"] for item in queue(owner)["items"]]
    for label in given:
        decide(owner, label, decision="set_aside")
    assert [owner.delete("/api/owner/reviews").json() for _ in given] == [
        {"label": label, "left": left + 1} for left, label in enumerate(reversed(given))
    ]
    assert owner.delete("/api/owner/reviews").status_code == 409
    with quick.house.db.read() as c:
        assert reviews.left(c, APP) == 3 and labels.counts(c, APP)["set_aside"] == 0


def test_a_training_is_asked_for_once_when_enough_labels_are_there(quick, owner, guest):
    hold(quick, 0)
    declare(quick, retrain_after=3)
    for seed in range(4):
        guest("warm", seed, "cold")
    given = [item["label"] for item in queue(owner)["items"]]
    told = [decide(owner, label).json().get("job") for label in given]
    assert told[:2] == [None, None] and told[2] and told[3] == told[2]
    with quick.house.db.read() as c:
        (job,) = jobs.waiting(c)
    assert (job.kind, job.app, ids.text(job.id)) == ("retrain", APP, told[2])


def test_set_aside_and_held_photos_set_no_training_off(quick, owner, guest):
    declare(quick, retrain_after=1)
    hold(quick, 1)
    guest("warm", 1, "cold")
    hold(quick, 0)
    guest("cold", 2, "cold")
    for item in queue(owner)["items"]:
        decide(owner, item["label"], "warm" if item["held"] else None, "accept" if item["held"] else "set_aside")
    with quick.house.db.read() as c:
        assert jobs.waiting(c) == []


def test_where_trainings_are_by_hand_none_begins_by_itself(quick, owner, guest):
    hold(quick, 0)
    declare(quick, retrain_after=1)
    quick.deps.settings.loop.train = "hand"
    guest("warm", 1, "cold")
    assert decide(owner, queue(owner)["items"][0]["label"]).json().get("job") is None


def test_a_photo_that_its_visitor_forgot_is_gone_from_the_queue_and_the_page(quick, owner, guest):
    prediction = guest("warm", 1, "cold")
    (item,) = queue(owner)["items"]
    job = owner.post("/api/owner/jobs", json={"kind": "erase", "args": {"prediction": prediction}})
    assert job.status_code == 202, job.text
    assert (queue(owner)["items"], queue(owner)["left"]) == ([], 0)
    assert owner.get(item["photo"]).status_code == 404
    assert decide(owner, item["label"], "warm").status_code == 404
    with quick.house.db.read() as c:
        assert predictions.get(c, ids.parse(prediction)).output is None
        assert len(jobs.waiting(c)) == 1
    told = owner.get("/api/owner/erasures").json()
    assert {"prediction", "label"} == {one["kind"] for one in told["erasures"]}
    assert owner.get(f"/api/owner/erasures?after={told['after']}").json()["erasures"] == []


def test_an_erasure_says_what_to_erase(owner):
    for args in ({}, {"prediction": 3}, {"path": "/etc"}, {"prediction": "x", "visitor": "y"}):
        assert owner.post("/api/owner/jobs", json={"kind": "erase", "args": args}).status_code == 422, args


def test_no_photo_lies_under_any_other_name(owner):
    for label in ("x", "../house.db", "%2e%2e%2fhouse.db", "00000000-0000-0000-0000-000000000000"):
        assert owner.get(f"/owner/media/{label}").status_code == 404, label


def test_an_undo_that_is_repeated_takes_back_no_second_decision(quick, owner, guest):
    hold(quick, 0)
    for seed in range(2):
        guest("warm", seed, "cold")
    first, second = (item["label"] for item in queue(owner)["items"])
    decide(owner, first, "warm")
    decide(owner, second, "warm")
    assert owner.delete(f"/api/owner/reviews?label={first}").status_code == 409
    told = [owner.delete(f"/api/owner/reviews?label={second}").status_code for _ in range(2)]
    assert told == [200, 409]
    with quick.house.db.read() as c:
        assert labels.get(c, ids.parse(first)).decision == "accept"


def test_a_decision_that_is_repeated_is_one(quick, owner, guest):
    hold(quick, 0)
    guest("warm", 1, "cold")
    label = queue(owner)["items"][0]["label"]
    assert [decide(owner, label, "warm").status_code for _ in range(2)] == [201, 201]
    assert owner.delete(f"/api/owner/reviews?label={label}").status_code == 200
    assert owner.delete("/api/owner/reviews").status_code == 409
    with quick.house.db.read() as c:
        assert labels.get(c, ids.parse(label)).decision is None


def test_photos_that_look_alike_are_one_item_decided_and_taken_back_together(quick, owner, guest):
    hold(quick, 0)
    for word in ("cold", "cold", "warm"):
        guest("warm", 1, word)
    guest("warm", 9, "cold")
    stack = next(item for item in queue(owner)["items"] if item["like"])
    assert queue(owner)["left"] == 4 and len(queue(owner)["items"]) == 2
    assert sorted([stack["word"], *(one["word"] for one in stack["like"])]) == ["cold", "cold", "warm"]
    assert all(owner.get(one["photo"]).status_code == 200 for one in stack["like"])
    like = [one["label"] for one in stack["like"]]
    given = {"label": stack["label"], "like": like, "decision": "accept", "truth": {"label": "warm"}}
    for _ in range(2):  # said again, because the answer was lost
        assert owner.post("/api/owner/reviews", json=given).json()["left"] == 1
    with quick.house.db.read() as c:
        assert {labels.get(c, ids.parse(one)).answer["label"] for one in (stack["label"], *like)} == {"warm"}
    told = owner.delete(f"/api/owner/reviews?label={stack['label']}")
    assert told.json() == {"label": stack["label"], "left": 4}
    assert owner.delete("/api/owner/reviews").status_code == 409, "nothing is left to take back"


def test_each_of_a_stack_brings_its_own_guess_for_when_it_is_taken_apart(quick, owner, guest):
    hold(quick, 0)
    one, two = ids.parse(guest("warm", 1, "cold")), ids.parse(guest("warm", 1, "cold"))
    said = tables.predictions.update().where(tables.predictions.c.id == two)
    quick.house.db.write(lambda c: c.execute(said.values(output={"label": "cold", "scores": {"cold": 1.0}})))
    with quick.house.db.read() as c:
        names = {ids.text(labels.of_prediction(c, row).id): word for row, word in ((one, "warm"), (two, "cold"))}
    (stack,) = queue(owner)["items"]
    assert {each["label"]: each["guess"]["label"] for each in (stack, *stack["like"])} == names


def test_a_photo_that_went_while_its_stack_was_looked_at_takes_nothing_with_it(quick, owner, guest):
    hold(quick, 0)
    predictions_ = [guest("warm", 1, "cold") for _ in range(3)]
    (stack,) = queue(owner)["items"]
    owner.post("/api/owner/jobs", json={"kind": "erase", "args": {"prediction": predictions_[0]}})
    with quick.house.db.read() as c:
        lead = labels.get(c, ids.parse(stack["label"]))
    all_ = [stack["label"], *(one["label"] for one in stack["like"])]
    if lead is None:
        all_ = [*all_[1:], all_[0]]
    given = {"label": all_[0], "like": all_[1:], "decision": "accept", "truth": {"label": "warm"}}
    assert owner.post("/api/owner/reviews", json=given).json()["left"] == 0


def test_drawn_photos_and_others_that_look_alike_are_never_one_item(quick, owner, guest):
    hold(quick, 1)
    guest("warm", 1, "cold", before=True)
    guest("warm", 1, "cold", before=True)
    hold(quick, 0)
    guest("warm", 1, "cold")
    first, second = queue(owner)["items"]
    assert (first["held"], len(first["like"])) == (True, 1) and "word" not in first["like"][0]
    assert (second["held"], second["like"]) == (False, [])


def test_the_page_says_what_is_missing_for_a_verdict_and_how_far_a_difference_is(quick, owner, guest):
    assert queue(owner)["told"] == [
        "60 more photos drawn by lot, labelled by you, and a verdict can be given (0 of 60).",
        "Label 20 more photos, and I can say how far a retrain is from showing a difference.",
    ]
    hold(quick, 0)
    for seed in range(20):
        guest("warm", seed, "cold")
    for item in queue(owner)["items"]:
        decide(owner, item["label"], "cold" if ids.parse(item["label"])[-1] % 3 == 0 else "warm")
    missing, forecast = queue(owner)["told"]
    assert "60 more photos" in missing
    assert forecast.startswith("About ") and "more labelled visits and a retrain can show a difference" in forecast
    page = owner.get("/owner/review").text
    assert missing in page and forecast in page


def test_what_the_house_set_aside_is_found_with_its_reason_and_the_owner_decides(quick, owner, guest):
    hold(quick, 0)
    quick.deps.settings.loop.review = "auto"
    for _ in range(21):
        guest("warm", 1, "cold")
    assert (queue(owner)["aside"], queue(owner)["left"]) == (1, 20)
    assert "1 photo set aside by the house" in owner.get("/owner/review").text
    told = owner.get(f"{QUEUE}&aside=true").json()
    (item,) = told["items"]
    assert told["left"] == 1 and item["why"].startswith("The same photo again")
    page = owner.get("/owner/review?aside=1").text
    assert "<h1>Set aside</h1>" in page and "data-of-aside" in page
    assert decide(owner, item["label"], "warm").status_code == 201
    assert "aside" not in queue(owner)
    with quick.house.db.read() as c:
        row = labels.get(c, ids.parse(item["label"]))
    assert row.answer == {"label": "warm"} and row.reviewed_by == labels.OWNER


def test_what_teaches_most_comes_first_and_says_why(quick, owner, guest):
    hold(quick, 0)
    quiet, differs, strange = guest("warm", 1, "warm"), guest("warm", 2, "cold"), guest("warm", 3, "warm")
    other = tables.predictions.update().where(tables.predictions.c.id == ids.parse(strange))
    quick.house.db.write(lambda c: c.execute(other.values(look={"familiar": False})))
    with quick.house.db.read() as c:
        names = {ids.text(labels.of_prediction(c, ids.parse(one)).id): one for one in (quiet, differs, strange)}
    items = queue(owner)["items"]
    assert [names[item["label"]] for item in items] == [differs, strange, quiet]
    assert [item["why"] for item in items] == ["", "It has never seen anything like this.", ""]


def test_one_key_decides_nothing_of_another_side_or_another_app(quick, owner, guest):
    """`like` comes from the page as it was loaded; what it names is looked at again."""
    hold(quick, 1)
    guest("warm", 1, "cold", before=True)
    hold(quick, 0)
    guest("warm", 1, "cold")
    guest("warm", 30, "cold")
    held, copy, other = queue(owner)["items"]
    if copy["label"] == held["label"]:
        copy, other = other, copy
    given = {"label": other["label"], "like": [held["label"]], "decision": "accept", "truth": None}
    assert owner.post("/api/owner/reviews", json=given).status_code == 201
    with quick.house.db.read() as c:
        assert labels.get(c, ids.parse(held["label"])).decision is None, "what judges takes the owner's own word alone"
        assert labels.get(c, ids.parse(other["label"])).answer == {"label": "cold"}


def test_what_counts_on_a_word_stands_in_the_queue_and_a_wrong_one_takes_its_visitor_down(quick, owner, guest):
    hold(quick, 0)
    quick.deps.settings.loop.review = "auto"
    rows = []
    for seed in range(40):
        prediction = ids.parse(guest("warm", seed, "cold"))
        with quick.house.db.read() as c:
            rows.append(labels.of_prediction(c, prediction).id)
    visitor = ids.new_id()
    everybody = tables.labels.update().values(visitor=visitor)
    quick.house.db.write(lambda c: c.execute(everybody))
    by_rule = [reviews.Decision(row, "accept", {"label": "cold"}, "trust") for row in rows]
    quick.house.db.write(lambda c: [reviews.decide(c, one) for one in by_rule])
    told = queue(owner)
    assert 0 < told["left"] == len(told["items"]) < 40
    item = told["items"][0]
    assert item["why"] == "It counts already, on their word alone."
    assert decide(owner, item["label"], "warm").json()["left"] == 39, "all others of that visitor wait now"
    assert owner.delete(f"/api/owner/reviews?label={item['label']}").json()["left"] == 40, "nothing is lost by a slip"


def test_the_owner_is_told_whose_word_weighs_but_not_of_what_judges(quick, owner, guest):
    hold(quick, 0)
    one, other = guest("neither", 1, "cold"), guest("warm", 2, "cold")
    hold(quick, 1)
    judges = guest("warm", 3, "cold")
    with quick.house.db.read() as c:
        rows = {name: labels.of_prediction(c, ids.parse(name)) for name in (one, other, judges)}
    standing = teach.standing_after([True] * 16, 2, ids.now_ms())
    for name in (one, judges):
        quick.house.db.write(lambda c, name=name: visitors.stand(c, rows[name].visitor, APP, standing))
    told = {item["label"]: item["why"] for item in queue(owner)["items"]}
    assert told == {
        ids.text(rows[one].id): "Its visitor was right in teach rounds.",
        ids.text(rows[other].id): "",
        ids.text(rows[judges].id): "",
    }


def test_a_word_that_the_release_took_to_be_impossible_says_so_though_its_visitor_is_known():
    def told(sure):
        guess = {"label": "warm", "scores": {"warm": sure, "cold": 1 - sure}}
        row = reviews.QueueRow(b"l", 1, b"p", False, {}, guess, {"label": "cold"})
        return owner_reviews.why(row, known=True)

    assert told(0.9) == "Its visitor was right in teach rounds."
    assert told(0.99) == "Its visitor was right in teach rounds, but the release was all but sure of something else."
