"""Every page of the owner opens, empty and full, and shows what the store holds."""

import html
import re
import types

import pytest

from teahouse import ids
from teahouse.errors import NothingToDo
from teahouse.loop import steps
from teahouse.site import owner_pages
from teahouse.store import jobs, lineage, predictions
from teahouse.testing import APP, install_tiny

PAGE = {"Accept": "text/html"}
PATHS = ["", "predictions", "review", "versions", "runs", "releases"]


def test_every_page_opens_in_a_house_where_nothing_happened(owner):
    for path in PATHS:
        answer = owner.get(f"/owner/{path}", headers=PAGE)
        assert answer.status_code == 200 and "text/html" in answer.headers["content-type"], path
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert owner.get(f"/owner/{path}?app=unknown", headers=PAGE).status_code == 404, path


def test_today_counts_from_the_tallies(quick, owner, guest):
    for seed in range(3):
        guest("warm", seed, "cold" if seed else "warm")
    told = owner.get(f"/api/owner/today?app={APP}").json()
    assert told["answers"] == 3 == sum(told["by_hour"]) and told["words"] == 3 and told["agreed"] == 1
    assert told["waiting"] == 3 and told["champion"] == 1 and told["gold_needed"] == 60 and told["mean_ms"] > 0
    page = owner.get("/owner/", headers=PAGE).text
    assert "33 %" in page and "1 of 3 words" in page


def test_an_app_without_a_training_function_is_not_said_to_learn(quick, owner, guest, train_written):
    guest("warm", 1, "cold")
    page = owner.get("/owner/", headers=PAGE).text
    assert "It keeps labels; nothing retrains it by itself" in page and "it learns again" not in page
    assert "<code>@app.train</code>" in page and "teahouse releases add" in page and "Train now" not in page
    train_written()
    page = owner.get("/owner/", headers=PAGE).text
    assert "it learns again" in page and "nothing retrains" not in page and "Train now" in page


def test_train_now_is_offered_where_it_can_work_and_a_refusal_names_the_way(quick, owner, train_written):
    assert "Train now" not in owner.get("/owner/runs", headers=PAGE).text
    job = owner.post("/api/owner/jobs", json={"kind": "retrain", "app": APP}).json()["job"]
    with quick.house.db.read() as c:
        asked = jobs.get(c, ids.parse(job))
    settings = types.SimpleNamespace()
    with pytest.raises(NothingToDo) as refused:
        steps.version(quick.house, settings, asked, {})
    quick.house.db.write(lambda c: jobs.event(c, asked.id, "refused", refused.value.as_dict(), ids.now_ms()))
    page = html.unescape(owner.get("/owner/runs", headers=PAGE).text)
    assert "This app has no train function. Write @app.train" in page and "run `teahouse train`" in page
    train_written()
    assert "Train now" in owner.get("/owner/runs", headers=PAGE).text


def test_a_hold_says_once_what_it_waits_for_and_the_bar_says_the_same(quick, owner):
    two, why = install_tiny(quick.house, note="2", state=""), "On 153 judged rows that may be luck."
    job, version, verdict = ids.new_id(), ids.new_id(), ids.new_id()

    def hold(c):
        lineage.add_version(c, lineage.Version(version, APP, "a" * 64, None, {}, "b" * 64, 1))
        numbers = {"missing": 66, "again_at": {"gold_live": 219}, "gold": {"n": 153}, "measured_on": "live"}
        reasons = [{"code": "may-be-luck", "words": why, "numbers": {}}]
        lineage.add_verdict(
            c, lineage.Judged(verdict, APP, two, quick.release, version, "hold", reasons, numbers, 2)
        )
        jobs.ask(c, job, "retrain", APP, {}, "loop", None, 1)
        jobs.event(c, job, "done", {"verdict": ids.text(verdict), "words": why, "outcome": "hold"}, 2)

    quick.house.db.write(hold)
    page = owner.get("/owner/", headers=PAGE).text
    assert "Release 2 waits for 219 more judging photos" in page and "0 of 219" in page and "are enough" not in page
    assert page.count(why) == 1 and "A training</a> ended</span>" in page


def test_predictions_page_by_seq_and_show_photos_that_were_kept(quick, owner, guest):
    quick.ask("cold", 9)
    prediction = guest("warm", 1, "cold")
    told = owner.get("/api/owner/predictions?limit=1").json()
    (newest,) = told["predictions"]
    assert newest["id"] == prediction and newest["photo"] and newest["word"] == {"kind": "correct", "value": "cold"}
    (older,) = owner.get(f"/api/owner/predictions?limit=1&before={told['before']}").json()["predictions"]
    assert older["photo"] == "" and older["output"]["label"] == "cold" and "word" not in older
    page = owner.get("/owner/predictions", headers=PAGE).text
    assert newest["photo"] in page and page.count("not kept") == 1


def run_with_events(site):
    """A training that goes on, with its numbers; its id as text."""
    version, run, job, at = ids.new_id(), ids.new_id(), ids.new_id(), ids.now_ms()

    def write(c):
        lineage.add_version(
            c,
            version,
            APP,
            "d" * 64,
            None,
            {"train": 7, "test": 2, "visitors": 3, "labels": {"warm": 9}, "new": 3},
            "b" * 64,
            at,
        )
        jobs.ask(c, job, "retrain", APP, {}, "owner", None, at)
        jobs.event(c, job, "step", {"step": "train"}, at)
        lineage.add_run(c, run, APP, version, "retrain", "c" * 64, None, job, at)
        lineage.run_event(c, run, "epoch", {"epoch": 1, "of": 2}, at)
        lineage.run_event(c, run, "warning", {"epoch": 1, "words": "the loss grows"}, at)
        for step in range(3):
            numbers = {"epoch": 1, "loss": 1 / (step + 1), "words": "none"}
            lineage.run_event(c, run, "log", numbers, at + 1000 * step)

    site.house.db.write(write)
    return ids.text(run)


def test_a_run_shows_its_curves_and_tells_what_comes_next(quick, owner):
    run = run_with_events(quick)
    page = owner.get(f"/owner/runs/{run}", headers=PAGE).text
    assert 'data-curve="loss"' in page and 'data-curve="epoch"' not in page and "Training" in page
    assert '<li class="bad">the loss grows</li>' in page
    told = owner.get(f"/api/owner/runs/{run}").json()
    assert told["state"] == "running" and [one["x"] for one in told["events"]] == [0, 0, 0, 1, 2]
    assert told["events"][2]["numbers"] == {"loss": 1.0} and told["events"][0]["detail"] == {"epoch": 1, "of": 2}
    again = owner.get(f"/api/owner/runs/{run}?after={told['after']}").json()
    assert again["events"] == [] and again["after"] == told["after"]
    assert owner.get("/owner/versions", headers=PAGE).text.count("9 rows") == 1
    assert owner.get("/api/owner/versions").json()["versions"][0]["counts"]["train"] == 7
    assert owner.get("/api/owner/runs").json()["runs"][0]["id"] == run


def test_a_run_has_a_page_of_its_own_and_stands_there_once(quick, owner):
    run = run_with_events(quick)
    page = owner.get(f"/owner/runs/{run}", headers=PAGE).text
    assert "<title>Run from version dddddddd · Runs" in page and "<h1>Run from version dddddddd</h1>" in page
    assert "There is no other yet." in page and f'href="/owner/runs/{run}' not in page
    listed = owner.get("/owner/runs", headers=PAGE).text
    assert listed.count("Run from version") == 1 and "A training" not in listed


def test_today_tells_of_the_training_that_runs_and_leads_to_it(quick, owner):
    assert "It is learning" not in owner.get("/owner/", headers=PAGE).text
    run = run_with_events(quick)
    page = owner.get("/owner/", headers=PAGE).text
    assert f'<a href="/owner/runs/{run}?app={APP}">It is learning</a>: training' in page
    assert "new labels" not in page and "more label" not in page


def test_what_its_visitors_erased_is_one_quiet_line_and_paging_goes_on(quick, owner, monkeypatch):
    asked = [quick.ask("warm", seed).json()["id"] for seed in range(3)]
    for id_ in asked[1:]:
        quick.house.db.write(lambda c, id_=id_: predictions.erase(c, ids.parse(id_)))
    page = owner.get("/owner/predictions", headers=PAGE).text
    assert page.count('<td class="thumb">') == 1 and "2 answers were erased" in page
    monkeypatch.setattr(owner_pages, "PAGE", 2)
    page = owner.get("/owner/predictions", headers=PAGE).text
    assert "<table>" not in page and "2 answers were erased" in page and "No one has asked" not in page
    older = html.unescape(re.search(r'href="([^"]*before=[^"]*)"', page).group(1))
    page = owner.get(older, headers=PAGE).text
    assert page.count('<td class="thumb">') == 1 and "erased" not in page


def test_a_job_is_asked_for_once_while_it_has_no_end(quick, owner):
    first = owner.post("/api/owner/jobs", json={"kind": "retrain", "app": APP}).json()
    again = owner.post("/api/owner/jobs", json={"kind": "retrain", "app": APP}).json()
    assert first["new"] and again == {"job": first["job"], "new": False}
    quick.house.db.write(
        lambda c: jobs.event(c, ids.parse(first["job"]), "done", {"words": "a new champion"}, ids.now_ms())
    )
    told = owner.get(f"/api/owner/jobs/{first['job']}").json()
    assert told["state"] == "done" and [one["state"] for one in told["events"]] == ["queued", "done"]
    assert owner.post("/api/owner/jobs", json={"kind": "retrain", "app": APP}).json()["new"]
    assert [one["state"] for one in owner.get("/api/owner/jobs").json()["jobs"]] == ["queued", "done"]


def test_a_training_shows_among_the_runs_from_the_moment_it_is_asked_for(quick, owner):
    job = ids.parse(owner.post("/api/owner/jobs", json={"kind": "retrain", "app": APP}).json()["job"])
    page = owner.get("/owner/runs", headers=PAGE).text
    assert "A training" in page and "Waits for its turn." in page
    quick.house.db.write(lambda c: jobs.event(c, job, "failed", {"what": "There are 3 photos (1%)"}, ids.now_ms()))
    page = owner.get("/owner/runs", headers=PAGE).text
    assert "There are 3 photos (1\u00a0%)." in page and "Failed" in page
    assert "A training</a> failed: There are 3 photos" in owner.get("/owner/", headers=PAGE).text


def test_the_loop_does_not_do_whatever_it_is_told(owner):
    for given in ({"kind": "backup"}, {"kind": "rm -rf"}, {"kind": "retrain", "app": "other"}):
        assert owner.post("/api/owner/jobs", json=given).status_code in (404, 422), given


def test_what_the_visitor_said_is_text_and_nothing_else(quick, owner):
    run = run_with_events(quick)
    evil = "<script>alert(1)</script>"
    with quick.house.db.read() as c:
        job = lineage.run(c, ids.parse(run)).job
    quick.house.db.write(lambda c: jobs.event(c, job, "failed", {"what": evil}, ids.now_ms()))
    for path in ("/owner/", "/owner/runs", f"/owner/runs/{run}"):
        page = owner.get(path, headers=PAGE).text
        assert evil not in page and "&lt;script&gt;alert(1)" in page
