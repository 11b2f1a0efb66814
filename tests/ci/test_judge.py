"""`teahouse check` judges a candidate from the project's files alone: who passes, who is refused, and why."""

import json
import os
import shutil
from pathlib import Path

import pytest
from tests.ci import maker
from tests.ci.stand_in import REPO, Standing
from tests.cli.conftest import here, teahouse  # noqa: F401 (fixtures)

from teahouse import settings
from teahouse.ci import judge, own, trial
from teahouse.model import archive
from teahouse.release.verdict import Budget, Check, History, Pair, Reason, Verdict
from teahouse.release.verdict import judge as decide
from teahouse.testing import picture_release, seed_release, tiny_release

pytestmark = pytest.mark.long

APP = "warmth"


def asked(project, scratch, **changes):
    source = project / "apps" / (changes.pop("app", APP))
    return judge.Ask(source.name, source, project, settings.load(project), scratch, **changes)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    """No repository on GitHub is named."""
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(project, the folder of the champion that was trained in it, its report): 64 photos judge."""
    root = tmp_path_factory.mktemp("trained")
    project = maker.project(root / "p")
    judged = judge.judge(asked(project, root / "scratch"))
    return project, judged.candidate, judged


@pytest.fixture
def changed(trained, tmp_path):
    """The project again, to be changed."""
    return Path(shutil.copytree(trained[0], tmp_path / "p"))


@pytest.mark.torch
def test_a_first_candidate_is_judged_beside_the_commonest_label(trained):
    report = trained[2].report
    assert report["outcome"] == "promote" and report["reasons"][0]["code"] == "first"
    gold = report["numbers"]["gold"]
    assert gold["n"] == 64 and gold["champion"] == 32 and gold["challenger"] > 48
    assert report["proof"] == "here" and report["champion"] is None
    assert [check["name"] for check in report["behaviour"]] == ["red is warm"]
    assert {"data", "training", "judging", "all"} == set(report["minutes"])
    assert "loss" in trained[2].curves


@pytest.mark.torch
def test_the_project_has_no_house_afterwards(trained):
    assert not (trained[0] / ".teahouse").exists()


@pytest.mark.torch
def test_a_worse_candidate_is_refused_with_its_photos(trained, changed, tmp_path):
    maker.change(changed, maker.BACKWARDS)
    judged = judge.judge(asked(changed, tmp_path / "scratch", against=trained[1]))
    codes = {reason["code"] for reason in judged.report["reasons"]}
    assert judged.report["outcome"] == "reject" and {"check-failed", "class-suffers"} <= codes
    broken = judged.report["pictures"]["broken"]
    assert len(broken) == 6 and all(judged.files[one["file"]][:2] == b"\xff\xd8" for one in broken)
    assert all(one["candidate"]["said"] != one["truth"] == one["champion"]["said"] for one in broken)


@pytest.mark.torch
def test_a_better_candidate_may_take_over(trained, changed, tmp_path):
    worse = Path(shutil.copytree(changed, tmp_path / "worse"))
    maker.change(worse, maker.BACKWARDS)
    bad = judge.judge(asked(worse, tmp_path / "1"))
    assert bad.report["outcome"] == "reject"  # it fails the maker's check, and guesses better
    judged = judge.judge(asked(changed, tmp_path / "2", candidate=trained[1], against=bad.candidate))
    assert judged.report["outcome"] == "promote" and judged.report["reasons"][0]["code"] == "better"
    assert judged.report["proof"] == "same-rows"
    assert judged.report["behaviour"] == [{"name": "red is warm", "passed": True, "words": ""}]


@pytest.mark.torch
def test_the_same_code_on_the_same_rows_is_not_trained_again(trained, tmp_path):
    judged = judge.judge(asked(trained[0], tmp_path, against=trained[1]))
    assert judged.report["outcome"] == "hold" and judged.report["reasons"][0]["code"] == "same-training"
    assert judged.candidate is None and not (tmp_path / "train").exists()


@pytest.mark.torch
def test_the_champion_itself_is_no_better_and_no_worse(trained, tmp_path):
    judged = judge.judge(asked(trained[0], tmp_path, candidate=trained[1], against=trained[1]))
    assert judged.report["outcome"] == "hold" and judged.report["reasons"][0]["code"] == "same-model"


@pytest.mark.torch
def test_a_training_that_does_not_fit_is_cut_and_not_held_against_anybody(trained, changed, tmp_path):
    maker.change(changed, ("EPOCHS = 6", "EPOCHS = 100_000"), maker.BACKWARDS)
    maker.change(changed, ("@app.check", "def unchecked_"), file="app.py")
    maker.change(changed, ("def unchecked_\ndef", "def"), file="app.py")
    judged = judge.judge(asked(changed, tmp_path / "scratch", against=trained[1], minutes=0.02))
    side = judged.report["candidate"]
    assert side["cut"] and 0 < side["epochs"] < side["of"] == 100_000
    assert judged.report["outcome"] == "hold" and judged.report["reasons"][0]["code"] == "cut-short"
    assert "class-suffers" in {reason["code"] for reason in judged.report["reasons"]}
    again = judge.judge(asked(changed, tmp_path / "again", against=judged.candidate, minutes=0.02))
    assert again.report["reasons"][0]["code"] != "same-training", "what was cut short never stands for the whole"


def test_a_failed_check_is_held_against_a_training_that_was_cut():
    said = Verdict("reject", (Reason("check-failed", "no"), Reason("not-better", "no")), {})
    assert judge.spared(said, 1, 9) == said
    assert judge.spared(Verdict("reject", said.reasons[1:], {}), 1, 9).outcome == "hold"


def gold(fixed, broken, n=100):
    return {"gold": {"n": n, "fixed": fixed, "broken": broken, "points": 100 * (fixed - broken) / n}}


def test_a_candidate_that_is_as_good_is_no_fault_and_a_worse_one_is():
    no = Reason("not-better", "no")
    alike = judge.as_good(Verdict("reject", (no,), gold(4, 4)))
    assert alike.outcome == "hold" and [one.code for one in alike.reasons] == ["as-good", "not-better"]
    fewer = judge.as_good(Verdict("reject", (no,), gold(2, 6)))
    assert fewer.outcome == "hold" and "4 fewer of 100 photos" in fewer.reasons[0].words
    for worse in (
        Verdict("reject", (no,), gold(1, 12)),
        Verdict("reject", (no,), gold(10, 19, n=60)),  # fifteen points, which luck might do
        Verdict("reject", (Reason("check-failed", "no"), no), gold(3, 4)),
        Verdict("reject", (Reason("class-suffers", "no"),), gold(3, 4)),
    ):
        assert judge.as_good(worse) == worse


def test_a_training_that_was_cut_short_is_told_so_and_not_as_good():
    cut = judge.spared(Verdict("reject", (Reason("not-better", "no"),), gold(3, 4)), 2, 30)
    assert [one.code for one in judge.as_good(cut).reasons] == ["cut-short", "not-better"]


def test_a_release_made_elsewhere_rests_on_the_draw(tmp_path):
    project = unchecked(tmp_path / "p")
    tiny_release(tmp_path / "new", APP, note="another")
    sealed(tmp_path / "new", version="a" * 64)
    judged = judge.judge(asked(project, tmp_path / "scratch", candidate=tmp_path / "new"))
    assert judged.report["proof"] == "by-draw" and judged.report["numbers"]["gold"]["n"] == 8
    assert judged.report["outcome"] == "promote"


def test_a_release_that_names_no_rows_is_held_for_it_may_know_the_photos(tmp_path):
    project = unchecked(tmp_path / "p")
    tiny_release(tmp_path / "new", APP)
    report = judge.judge(asked(project, tmp_path / "scratch", candidate=tmp_path / "new")).report
    assert report["proof"] == "unknown" and report["outcome"] == "hold"
    assert report["reasons"][0]["code"] == "may-have-seen"
    assert not any("never seen" in reason["words"] for reason in report["reasons"])


def test_what_speaks_against_a_release_that_names_no_rows_counts():
    rows = [Pair(str(i), False, True, {"class": "", "source": "base"}) for i in range(80)]
    better = decide(rows, [], Budget(), History(fresh=False))
    assert better.outcome == "promote" and judge.may_have_seen(better).outcome == "hold"
    wrong = decide(rows, [Check("red is warm", False)], Budget(), History(fresh=False))
    assert judge.may_have_seen(wrong) == wrong and wrong.outcome == "reject"
    first = decide([], [], Budget(), History(first=True, fresh=False))
    assert judge.may_have_seen(first) == first and first.outcome == "promote", "it claims nothing"


def unchecked(root, photos=20):
    """A project without the check, which no tiny release passes: its photos are of another scale."""
    project = maker.project(root, photos=photos)
    (project / "apps" / APP / "app.py").write_text(maker.APP.split("@app.check")[0])
    return project


def side(folder, number=0, **changes):
    """A side as it would be with another manifest; nothing of its folder changes."""
    from dataclasses import replace

    from teahouse.ci import champion
    from teahouse.model import bundle

    return champion.Side("a" * 64, folder, replace(bundle.read(folder), **changes), "here", number)


def sealed(folder, **changes):
    """The release sealed anew with another manifest; its id."""
    from dataclasses import replace

    from teahouse.model import bundle

    return bundle.seal(folder, replace(bundle.read(folder), files={}, **changes))


def test_the_same_model_is_still_refused_for_a_check_and_for_other_labels(tmp_path):
    tiny_release(tmp_path / "r", APP)
    one = side(tmp_path / "r")
    failed = Verdict("reject", (Reason("check-failed", "no"), Reason("not-better", "no")), {})
    worse = Verdict("reject", (Reason("not-better", "no"),), {})
    better = Verdict("promote", (Reason("better", "yes"),), {})
    assert judge.same_model(failed, one, one) == failed
    for verdict in (worse, better):
        (reason,) = judge.same_model(verdict, one, one).reasons
        assert reason.code == "same-model"
        assert judge.same_model(verdict, one, None) == verdict
        told = one.manifest
        for changes in (
            {"output": {**told.output, "words": ["cold", "warm"]}},
            {"fields": [{**told.fields[0], "name": "x"}]},
        ):
            assert judge.same_model(verdict, side(tmp_path / "r", **changes), one) == verdict


def test_a_failing_check_stays_red_where_the_model_is_the_champions(tmp_path):
    project = maker.project(tmp_path / "p", photos=20)
    tiny_release(tmp_path / "r", APP)
    sealed(tmp_path / "r", version="a" * 64)
    report = judge.judge(asked(project, tmp_path / "s", candidate=tmp_path / "r", against=tmp_path / "r")).report
    assert report["outcome"] == "reject" and "check-failed" in {reason["code"] for reason in report["reasons"]}


def renamed(folder, name):
    """The tiny release, which takes its photo under another name."""
    import onnx

    from teahouse.model import bundle

    told = bundle.read(folder)
    model = onnx.load(folder / "model.onnx")
    for node in model.graph.node:
        node.input[:] = [name if one == "input" else one for one in node.input]
    model.graph.input[0].name = name
    onnx.save(model, folder / "model.onnx")
    examples = [{**one, "inputs": {name: one["inputs"]["input"]}} for one in told.examples]
    return sealed(folder, version="b" * 64, fields=[{**told.fields[0], "name": name}], examples=examples)


@pytest.mark.torch
def test_a_photo_field_of_another_name_is_the_same_photo(tmp_path):
    project = unchecked(tmp_path / "p")
    tiny_release(tmp_path / "old", APP)
    renamed(tmp_path / "old", "picture")
    tiny_release(tmp_path / "new", APP, note="another")
    sealed(tmp_path / "new", version="a" * 64)
    report = judge.judge(asked(project, tmp_path / "s", candidate=tmp_path / "new", against=tmp_path / "old")).report
    gold = report["numbers"]["gold"]
    assert gold["champion"] == gold["challenger"] > 0 == gold["fixed"] and report["outcome"] == "hold"


def test_where_the_champion_can_not_be_shown_the_photos_nothing_is_decided(tmp_path):
    project = unchecked(tmp_path / "p")
    seed_release(tmp_path / "old", APP)
    tiny_release(tmp_path / "new", APP)
    sealed(tmp_path / "new", version="a" * 64)
    report = judge.judge(asked(project, tmp_path / "s", candidate=tmp_path / "new", against=tmp_path / "old")).report
    assert report["outcome"] == "hold" and report["reasons"][0]["code"] == "other-inputs"
    (project / "apps" / APP / "app.py").write_text(maker.APP)
    report = judge.judge(asked(project, tmp_path / "t", candidate=tmp_path / "new", against=tmp_path / "old")).report
    assert report["outcome"] == "reject" and report["reasons"][0]["code"] == "check-failed"


def test_what_no_row_gives_begins_where_the_field_says(tmp_path):
    from teahouse.release.evaluate import Row

    tiny_release(tmp_path / "r", APP)
    knob = {"kind": "number", "name": "warmth", "low": 0, "high": 1, "step": 0.1, "start": 0.5}
    photo = side(tmp_path / "r").manifest.fields[0]
    rows = [Row("a", {"input": {"blob": "a" * 64}}, {"label": "warm"}, "gold", "maker")]
    two = judge.rows_for(side(tmp_path / "r", fields=[photo, {**photo, "name": "other"}]), rows)
    assert two is None, "nobody can say which of them the photo is"
    (row,) = judge.rows_for(side(tmp_path / "r", fields=[{**photo, "name": "picture"}, knob]), rows)
    assert row.inputs["picture"] == {"blob": "a" * 64} and set(row.inputs) == {"picture", "warmth"}


def test_nothing_may_fall_below_the_first_release(tmp_path, monkeypatch):
    project = unchecked(tmp_path / "p", photos=60)
    monkeypatch.setenv("GITHUB_REPOSITORY", REPO)
    with Standing() as hub:
        for name, value in hub.environment().items():
            monkeypatch.setenv(name, value)
        for number in range(2):
            folder, bundle = tmp_path / str(number), tmp_path / f"{APP}.teahouse"
            tiny_release(folder, APP, note=str(number))
            sealed(folder, version="a" * 64)
            archive.pack(folder, bundle, None)
            hub.add_release(f"warmth-{number}", {bundle.name: bundle.read_bytes()}, f"2026-01-0{number + 1}T00:00:00Z")
        tiny_release(tmp_path / "new", APP)
        backward(tmp_path / "new")
        told = judge.judge(asked(project, tmp_path / "s", candidate=tmp_path / "new")).report
    assert "below-the-first" in {reason["code"] for reason in told["reasons"]}
    assert told["champion"]["from"].startswith("the Release warmth-1")
    assert told["original"]["from"].startswith("the Release warmth-0")


def backward(folder):
    """The tiny release with its labels the wrong way round."""
    from teahouse.model import bundle

    told = bundle.read(folder)
    words = list(reversed(told.output["words"]))
    return sealed(folder, version="a" * 64, output={**told.output, "words": words}, examples=[])


@pytest.mark.parametrize(("kind", "make"), [("mirror", picture_release), ("colour", seed_release)])
def test_pictures_are_judged_by_their_checks_alone(tmp_path, kind, make):
    app = {
        "mirror": 'input=Image(size=512, fit="keep"), output=Image()',
        "colour": "input=Seed(8), output=Image(size=32)",
    }[kind]
    project = maker.project(tmp_path / "p", photos=1)
    source = project / "apps" / kind
    source.mkdir()
    (source / "app.py").write_text(f'from teahouse import App, Image, Seed\n\napp = App(title="Pictures", {app})\n')
    make(tmp_path / "old")
    make(tmp_path / "new", note="another")
    judged = judge.judge(asked(project, tmp_path / "s", app=kind, candidate=tmp_path / "new", against=tmp_path / "old"))
    report = judged.report
    assert report["outcome"] == "hold" and report["reasons"][0]["code"] == "checks-alone"
    assert "visitors" in report["reasons"][0]["words"]
    assert [check["name"] for check in report["behaviour"]][0] == "its pictures are whole"
    assert report["pictures"]["made"] and all(one["candidate"] in judged.files for one in report["pictures"]["made"])


def test_a_release_of_another_app_is_no_candidate(tmp_path):
    from teahouse.errors import InputError

    project = maker.project(tmp_path / "p", photos=2)
    tiny_release(tmp_path / "other", "toast")
    with pytest.raises(InputError, match="no release of warmth"):
        judge.judge(asked(project, tmp_path / "scratch", candidate=tmp_path / "other"))


def test_the_newest_release_on_github_is_the_champion_where_nothing_else_is(tmp_path, monkeypatch):
    from teahouse.ci import champion

    project = maker.project(tmp_path / "p", photos=2)
    tiny_release(tmp_path / "made", APP)
    archive.pack(tmp_path / "made", tmp_path / "warmth.teahouse", None)
    (tmp_path / "scratch").mkdir()
    with Standing() as hub:
        for name, value in hub.environment().items():
            monkeypatch.setenv(name, value)
        hub.add_release(
            "warmth-1", {"warmth.teahouse": (tmp_path / "warmth.teahouse").read_bytes()}, "2026-01-01T00:00Z"
        )
        found = champion.newest(APP, project, tmp_path / "scratch")
        assert found.whence == f"the Release warmth-1 of {REPO}" and found.manifest.app == APP and found.number == 1
        assert champion.newest("toast", project, tmp_path / "scratch") is None
        assert champion.first(APP, project, tmp_path / "scratch") is None, "it names no rows of its training"


@pytest.mark.torch
def test_the_verb_writes_the_report_and_ends_red_where_it_is_refused(trained, changed, teahouse, monkeypatch):  # noqa: F811
    monkeypatch.chdir(changed)
    archive.pack(trained[1], changed / "champion.teahouse", None)
    ended = teahouse("check", "--train", "--against", "champion.teahouse", "--report", "out")
    assert ended.status == 0 and "Nothing changed" in ended.words and "your tests: 1 passed" in ended.words
    maker.change(changed, maker.BACKWARDS)
    ended = teahouse("check", "--train", "--against", "champion.teahouse", "--report", "out", "--keep", "new.teahouse")
    assert ended.status == 1 and "Refused" in ended.words
    told = json.loads((changed / "out" / "report.json").read_text())
    assert told["outcome"] == "reject" and not told["ok"]
    words = (changed / "out" / "report.md").read_text()
    assert words.splitlines()[2] == "> [!CAUTION]" and "pictures/broken-1.jpg" in words
    assert (changed / "out" / "pictures" / "broken-1.jpg").is_file()
    assert (changed / "out" / "curves.svg").read_text().startswith("<svg xmlns")
    assert archive.look(changed / "new.teahouse")[1].app == APP


def test_a_failing_test_of_the_maker_is_one_thing_wrong(teahouse, tmp_path, monkeypatch):  # noqa: F811
    project = maker.project(tmp_path / "p", photos=2)
    monkeypatch.chdir(project)
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    (project / "apps" / APP / "tests" / "test_app.py").write_text(
        "import os\n\n\ndef test_nothing_secret_is_seen():\n    assert 'GITHUB_TOKEN' not in os.environ\n\n\n"
        "def test_two_and_two():\n    assert 2 + 2 == 5\n"
    )
    ended = teahouse("check", "--report", "out")
    assert ended.status == 1 and "1 failed, 1 passed" in ended.words and "test_two_and_two" in ended.words
    assert json.loads((project / "out" / "report.json").read_text())["outcome"] == "failed"
    assert "GITHUB_TOKEN" in os.environ


def test_one_training_has_one_name_until_code_needs_or_rows_change(tmp_path):
    project = maker.project(tmp_path / "p", photos=2)
    data = own.gather(APP, project / "apps" / APP, tmp_path / "1", own.Known(), lambda *_: None)
    work = trial.Work(APP, project / "apps" / APP, project, data)
    first = trial.run_id(work)
    assert len({first, trial.run_id(work, 5.0), trial.run_id(work, 6.0)}) == 3, "one that was cut short is another"
    (project / "requirements.txt").write_text("timm==1.0\n")
    second = trial.run_id(work)
    (project / "requirements.txt").write_text("timm==1.1\n")
    assert len({first, second, trial.run_id(work)}) == 3
    (project / "requirements.txt").unlink()
    maker.change(project, ("EPOCHS = 6", "EPOCHS = 7"))
    assert trial.run_id(work) != first
    maker.change(project, ("EPOCHS = 7", "EPOCHS = 6"))
    assert trial.run_id(work) == first
