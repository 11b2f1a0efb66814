"""The monitor, the timeline and the way back: each number stands on facts, and each thing leads to the next."""

import asyncio
import html
import re

import pytest

from teahouse import datasets, ids
from teahouse.model import figures
from teahouse.site import owner_timeline, reconcile, seen
from teahouse.store import apps, drifts, erasures, jobs, labels, lineage, releases, reviews, rollouts, tables, tallies
from teahouse.testing import APP, install_tiny, tiny_declaration

PAGE = {"Accept": "text/html"}
COMMIT = "4f1c22ab" * 5


def text(owner, path):
    answer = owner.get(path, headers=PAGE)
    assert answer.status_code == 200, (path, answer.text)
    return answer.text


def words(page):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def links(page):
    return {html.unescape(one) for one in re.findall(r'href="(/owner/trace/[^"]+)"', page)}


def test_the_monitor_shows_days_from_tallies_beside_the_training(quick, owner):
    known = {"brightness": figures.spread("brightness", [0.4 + i / 1000 for i in range(100)])}
    quick.house.db.write(lambda c: _give_figures(c, quick.release, known))
    hour = quick.deps.clock() // 3_600_000 // 24 * 24

    def write(c):
        for day in range(3):
            at = hour - 24 * day
            tallies.add(c, APP, quick.release, "full", at, "brightness:3", 10, 10 * 0.3)
            tallies.add(c, APP, quick.release, "full", at, "labels:warm", 7)
            tallies.add(c, APP, quick.release, "full", at, "labels:cold", 3)
            tallies.add(c, APP, quick.release, "full", at, "device:phone", 9)
            tallies.add(c, APP, quick.release, "full", at, "device:computer", 1)
            tallies.add(c, APP, quick.release, "full", at + 5, "answers", 10, 120.0)
            tallies.add(c, APP, quick.release, "full", at + 5, "errors", 1)
            tallies.add(c, APP, quick.release, "full", at + 5, "agree", 4, 3.0)
            tallies.add(c, APP, quick.release, "shadow", at + 5, "answers", 500, 5.0)
        numbers = {"n": 30, "mean": 0.3, "usual": 0.45, "psi": 1.25, "log_e": 11.3644}
        drifts.add(c, APP, quick.release, "brightness", {"words": "Much darker.", **numbers}, 1)

    quick.house.db.write(write)
    page = text(owner, "/owner/monitor")
    told = words(page)
    assert "30 photos of the last four weeks, beside those that release 1 learned from. 90 % come from phones." in told
    assert "Brightness 30 %" in told and "In its training 45 %" in told and "This has changed." in told
    assert "Visitors agree 75 %" in told and "An answer takes 12 ms" in told and "Warm 70 %" in told
    assert "Much darker." in told and "stability index (from 0.2 it matters) 1.25" in told
    assert "visitors' photos 30 % its training 45 %" in told and "odds against luck (e-value) 86,200 to 1" in told
    assert "Release 1 met a change. Much darker." in words(text(owner, "/owner/timeline"))
    assert 'class="days-band"' in page and page.count('class="days-dot"') >= 3


def test_a_drift_is_an_alarm_on_today_until_another_release_answers(quick, owner):
    def tone():
        (found,) = re.findall(r'<li class="(\w+)"><span><a[^>]*>Release 1</a> met a change', text(owner, "/owner/"))
        return found

    quick.house.db.write(lambda c: drifts.add(c, APP, quick.release, "brightness", {"words": "Much darker."}, 1))
    assert tone() == "bad"
    after = install_tiny(quick.house, note="after", state="")
    quick.house.db.write(lambda c: rollouts.append(c, rollouts.Step(APP, after, "full", by="loop")))
    assert tone() == "plain"


def _give_figures(c, release, known):
    manifest = {**releases.get(c, release).manifest, "figures": known}
    c.execute(tables.releases.update().where(tables.releases.c.id == release).values(manifest=manifest))


def test_a_release_without_figures_is_shown_and_compared_with_nothing(quick, owner):
    quick.ask("warm", 1)
    asyncio.run(seen.fold(quick.deps, patience=0.0))
    told = words(text(owner, "/owner/monitor"))
    assert "1 photo of the last four weeks." in told and told.count("brings no figures of its training") == 1
    assert told.index("brings no figures") < told.index("Brightness") and "tells nothing of this" not in told
    assert "One day so far." in told, "a dot alone is no curve"


@pytest.fixture
def story(quick, owner, guest):
    """A photo that a visitor gave, reviewed, in a version, learned from by a run, in a release that answers."""
    quick.house.db.write(lambda c: apps.declare(c, APP, "Warm or cold?", tiny_declaration(held=0.0), "", 4))
    asyncio.run(reconcile.once(quick.deps))
    prediction = guest("warm", 1, "cold")
    quick.ask("cold", 2)
    with quick.house.db.read() as c:
        (label,) = reviews.queue(c, APP)
    job, run = ids.new_id(), ids.new_id()

    def write(c):
        reviews.decide(c, label.label, "accept", {"label": "cold"})
        version = datasets.build(c, quick.house, APP)
        jobs.ask(c, job, "retrain", APP, {}, "loop", None, 5)
        lineage.add_run(c, run, APP, version.id, "train", "c" * 64, COMMIT + "+changes", job)
        return version

    version = quick.house.db.write(write)
    release = install_tiny(quick.house, note="learned", state="")

    gone = ids.parse(quick.ask("warm", 9).json()["id"])

    def last(c):
        c.execute(tables.releases.update().where(tables.releases.c.id == release).values(run=run))
        judged = lineage.Judged(
            ids.new_id(), APP, release, quick.release, version.id, "promote", [{"words": "14 won, 2 lost."}], {}
        )
        lineage.add_verdict(c, judged)
        rollouts.append(c, rollouts.Step(APP, release, "full", by="loop", why="14 won, 2 lost", verdict=judged.id))
        erasures.forget_prediction(c, gone, "visitor", quick.deps.clock())

    quick.house.db.write(last)
    asyncio.run(reconcile.once(quick.deps))
    answer = quick.ask("warm", 4).json()["id"]
    return {
        "prediction": answer,
        "release": release,
        "run": ids.text(run),
        "version": ids.text(version.id),
        "label": ids.text(label.label),
        "given": prediction,
        "commit": COMMIT,
    }


def draw(quick, share):
    """Lets the lot draw everybody (1) or nobody (0) from now on."""
    row = (APP, "Warm or cold?", tiny_declaration(held=share), "", ids.now_ms())
    quick.house.db.write(lambda c: apps.declare(c, *row))
    asyncio.run(reconcile.once(quick.deps))


def rows_trace(quick, owner, prediction):
    """What the page of an answer's row says, and what its own page says of the row."""
    with quick.house.db.read() as c:
        row = labels.of_prediction(c, ids.parse(prediction))
    own = text(owner, f"/owner/trace/prediction/{prediction}")
    return words(text(owner, f"/owner/trace/label/{ids.text(row.id)}")), words(own)


def test_a_row_that_nobody_decided_is_told_as_one_that_would(quick, owner, guest):
    draw(quick, 0.0)
    trains = guest("warm", 1, "cold")
    row, answer = rows_trace(quick, owner, trains)
    assert "Side would train, once accepted" in row and "Row: Cold would train, once accepted" in answer
    with quick.house.db.read() as c:
        given = labels.of_prediction(c, ids.parse(trains)).id
    quick.house.db.write(lambda c: reviews.decide(c, reviews.Decision(given, "accept")))
    assert "Side trains" in rows_trace(quick, owner, trains)[0]


def test_a_drawn_photo_is_told_to_judge_only_where_it_does(quick, owner, guest):
    draw(quick, 1.0)
    late, judges = guest("warm", 1, "cold"), guest("cold", 40, "cold", before=True)
    row, answer = rows_trace(quick, owner, late)
    assert "Side counts in no verdict" in row and "kept only after its answer: it may do neither" in row
    assert "Row: Not decided yet counts in no verdict" in answer and "Drawn by lot yes" in answer
    row, _ = rows_trace(quick, owner, judges)
    assert "Side would judge, once you label it" in row and "Because" not in row


def test_a_photo_that_is_like_one_of_the_other_side_says_why_it_is_set_aside(quick, owner, guest):
    draw(quick, 0.0)
    guest("warm", 1, "cold")
    draw(quick, 1.0)
    row, answer = rows_trace(quick, owner, guest("warm", 1, "cold"))
    for page in (row, answer):
        assert "It was drawn by lot to judge, and looks like a photo that trains: it may do neither." in page


def test_every_number_can_be_followed_back_and_forth(owner, story):
    way = ["prediction", "release", "run", "version", "label"]
    there = [f"/owner/trace/{kind}/{story[kind]}" for kind in way] + [f"/owner/trace/prediction/{story['given']}"]
    for at, nxt in zip(there, there[1:], strict=False):
        assert nxt in links(text(owner, at)), (at, nxt)
        assert at in links(text(owner, nxt)) or at == there[0], (nxt, at)
    assert there[0] in links(text(owner, there[1]))
    commit = f"/owner/trace/commit/{COMMIT}"
    assert commit in links(text(owner, there[1])) and commit in links(text(owner, there[2]))
    assert there[2] in links(text(owner, commit)) and "git show" in text(owner, commit)
    given = words(text(owner, there[-1]))
    assert "Visitor's word cold" in given and "kept, its visitor allowed it" in given
    assert "with changes beside it" in words(text(owner, there[2]))
    assert re.search(r"Version \w{8} is what it learned from", words(text(owner, there[2])))
    assert re.search(r"Brightness \d+ % Sharpness [\d.]+ Longer side \d+ px", given)
    assert "Answered by the champion" in given


def test_the_timeline_tells_all_and_leads_onward(quick, owner, story):
    page = text(owner, "/owner/timeline")
    told = words(page)
    assert "answers everybody, by the loop: 14 won, 2 lost" in told and "is better. 14 won, 2 lost." in told
    assert "1 answer erased that day" in told
    assert {f"/owner/trace/{kind}/{story[kind]}" for kind in ("release", "run", "version", "commit")} <= links(page)
    assert story["prediction"] in text(owner, "/owner/predictions")


def test_a_pin_is_told_as_one_and_no_reason_repeats_who_did_it(quick, owner):
    def write(c):
        for at, why in enumerate(("pinned", "unpinned", "by hand", "a look of mine")):
            rollouts.append(c, rollouts.Step(APP, quick.release, "full", by="owner", why=why, at=1000 + at))

    quick.house.db.write(write)
    told = words(text(owner, "/owner/timeline"))
    assert "is pinned, by you" in told and "is no longer pinned, by you" in told and "by hand" not in told
    assert "answers everybody, by you: a look of mine" in told
    assert "is pinned, by you" in words(text(owner, "/owner/"))


def test_an_older_page_of_the_timeline_goes_on_where_the_first_ended(quick, owner, monkeypatch):
    def write(c):
        for at in range(7):
            step = rollouts.Step(APP, quick.release, "full", by="owner", why=f"step {at}", at=1000 + at // 2)
            rollouts.append(c, step)

    quick.house.db.write(write)
    monkeypatch.setattr(owner_timeline, "PAGE", 3)
    found, path = [], "/owner/timeline"
    while path:
        page = text(owner, path)
        found += re.findall(r"step \d", words(page))
        older = re.search(r'href="([^"]*timeline[^"]*before=\d+)"', page)
        path = html.unescape(older.group(1)) if older else ""
    assert sorted(found) == [f"step {at}" for at in range(7)]


def test_a_word_on_a_row_drawn_by_lot_is_not_told_before_the_owner_decided(quick, owner, guest):
    quick.house.db.write(lambda c: apps.declare(c, APP, "Warm or cold?", tiny_declaration(held=1.0), "", 5))
    asyncio.run(reconcile.once(quick.deps))
    prediction = guest("warm", 1, "cold")
    with quick.house.db.read() as c:
        label = labels.of_prediction(c, ids.parse(prediction))
    assert label.held
    page = words(text(owner, f"/owner/trace/label/{ids.text(label.id)}"))
    assert "not decided yet" in page.lower() and "said to be" not in page.lower()
    quick.house.db.write(lambda c: reviews.decide(c, label.id, "accept", {"label": "cold"}))
    assert "Said to be cold" in words(text(owner, f"/owner/trace/label/{ids.text(label.id)}"))


@pytest.mark.parametrize(
    "path", ["prediction/nothing", "release/x", "run/" + "0" * 32, "commit/xyz", "secrets/house", "label/../../x"]
)
def test_what_is_not_there_is_404(owner, path):
    assert owner.get(f"/owner/trace/{path}", headers=PAGE).status_code == 404
