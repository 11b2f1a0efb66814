"""The verdict's page: the words first, what it mends beside what it breaks, and nothing of what was taken back."""

import pytest
from tests.site.owner.test_reviews import hold

from teahouse import ids
from teahouse.feedback import erase
from teahouse.release.paired import Pair
from teahouse.release.verdict import Budget, History, judge
from teahouse.store import labels, lineage, replays, rollouts
from teahouse.testing import APP, install_tiny


@pytest.fixture
def judged(quick, guest):
    """A challenger that was held: photos that it mends and breaks, and one that it names otherwise in a replay."""
    house = quick.house
    hold(quick, 0)
    told = [guest("warm", seed, word="cold") for seed in range(3)]
    new = install_tiny(house, note="another", state="")
    with house.db.read() as c:
        rows = [labels.of_prediction(c, ids.parse(one)) for one in told]
        champion = rollouts.champion(c, APP).release
    pairs = [
        Pair(str(n), n >= 3, n != 3, {"class": "warm", "source": "live", "light": ("dark", "bright")[n % 2]}, 0.8, 0.9)
        for n in range(40)
    ]
    verdict = judge(pairs, [], Budget(), History())
    examples = {
        kind: [{"row": ids.text(row.id), "truth": "cold", "before": before, "after": after, "p": 0.9}]
        for kind, row, before, after in (("mended", rows[0], "warm", "cold"), ("broken", rows[1], "cold", "warm"))
    }
    numbers = {**verdict.numbers, "report": {"examples": examples}}
    version, id_ = lineage.Version(ids.new_id(), APP, "0" * 64, None, {}, "0" * 64), ids.new_id()
    reasons = [reason.as_dict() for reason in verdict.reasons]

    def write(c):
        lineage.add_version(c, version)
        lineage.add_verdict(c, lineage.Judged(id_, APP, new, champion, version.id, verdict.outcome, reasons, numbers))
        replays.add(c, replays.Told(ids.new_id(), ids.parse(told[2]), new, "fp32", {"label": "cold"}, 1.0))

    house.db.write(write)
    return {"address": f"/owner/verdicts/{ids.text(id_)}", "rows": rows, "predictions": told, "release": new}


def test_a_held_verdict_is_told_in_words_photos_and_numbers(quick, owner, judged):
    page = owner.get(judged["address"])
    assert page.status_code == 200
    words = " ".join(page.text.split())
    assert "too early to say" in words and "There are 40 judged rows and a verdict takes 60: 20 more, please." in words
    assert "You can put it on by hand all the same. At worst it is" in words
    assert "It mends 3" in words and "It breaks 1" in words
    mends, breaks = words.index("It mends"), words.index("It breaks")
    photos = [words.index(f"/owner/media/{ids.text(row.id)}") for row in judged["rows"]]
    assert mends < photos[0] < breaks < photos[1] < words.index("On earlier photos of visitors") < photos[2]
    assert "Of 1 earlier photo it says something else about 1." in words
    assert "Promote release 2" in words
    assert words.index("The numbers") > breaks, "numbers come after the words, behind a click"
    assert "dark photos" in words.lower() and "The challenger says 90" in words
    assert "p =" not in words and "p-value" not in words


def test_a_photo_that_was_taken_back_vanishes_from_the_verdict(quick, owner, judged):
    for prediction in judged["predictions"]:
        quick.house.db.write(
            lambda c, one=prediction: erase.forget_prediction(c, quick.house, ids.parse(one), "visitor")
        )
    words = " ".join(owner.get(judged["address"]).text.split())
    assert "/owner/media/" not in words and words.count("None of these photos is here any more.") == 2
    assert "On earlier photos" not in words


def test_no_answer_is_told_of_a_photo_that_judges(quick, owner, guest, judged):
    hold(quick, 1)
    prediction = ids.parse(guest("warm", 9, word="cold"))
    told = replays.Told(ids.new_id(), prediction, judged["release"], "fp32", {"label": "cold"}, 1.0)
    assert quick.house.db.write(lambda c: replays.add(c, told))
    with quick.house.db.read() as c:
        row = labels.of_prediction(c, prediction)
    words = " ".join(owner.get(judged["address"]).text.split())
    assert row.held and "Of 2 earlier photos it says something else about 2." in words
    assert f"/owner/media/{ids.text(row.id)}" not in words, "who labels it must not be led"


def test_the_release_leads_to_its_verdict_and_says_until_when_it_may_answer(quick, owner, judged):
    words = " ".join(owner.get(f"/owner/releases/{judged['release']}").text.split())
    assert judged["address"] in words and "took back" not in words
    with quick.house.db.read() as c:
        version = lineage.versions(c, APP)[0]
    run = ids.new_id()

    def learned(c):
        lineage.add_run(c, lineage.Run(run, APP, version.id, "train", "0" * 64))
        lineage.mark_learned(c, version.id, 30, ids.now_ms())

    quick.house.db.write(learned)
    assert "took back" not in owner.get(f"/owner/releases/{judged['release']}").text, "none was trained from it"


def test_a_verdict_that_is_not_there_is_a_404(quick, owner):
    assert owner.get(f"/owner/verdicts/{ids.text(ids.new_id())}").status_code == 404
    assert owner.get("/owner/verdicts/x").status_code == 404
