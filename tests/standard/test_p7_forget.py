"""P7: "forget this visitor" is one command: a version without a row of theirs, a training asked for, the diff shown."""

import json
from pathlib import Path

import pytest

from teahouse import datasets, ids, settings
from teahouse.cli import main
from teahouse.desk import say
from teahouse.feedback import erase
from teahouse.loop import chores
from teahouse.site import visitors
from teahouse.site.deps import signers
from teahouse.store import jobs, labels, lineage, releases
from teahouse.store.house import House
from teahouse.testing import install_tiny, photo
from tests.loop.circle import APP, review, visit


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "teahouse.toml").write_text("")
    app = tmp_path / "apps" / APP
    app.mkdir(parents=True)
    (app / "app.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    with House.open(settings.load(tmp_path).data_dir) as house:
        install_tiny(house)
        yield house


def rows_of(house):
    """Eight accepted rows, four of which one visitor gave; that visitor, and the version with a release from it."""
    visitor = ids.new_id()
    for seed in range(8):
        row = visit(house, photo("warm", seed), "cold", visitor=visitor if seed % 2 else None)
        with house.db.read() as c:
            label = labels.of_prediction(c, row.id)
        review(house, label.id, "warm" if seed < 4 else "cold")
    version = house.db.write(lambda c: datasets.build(c, house, APP))
    run = ids.new_id()
    sealed = releases.Sealed("5" * 64, APP, run, {"output": {"kind": "labels"}})
    house.db.write(lambda c: lineage.add_run(c, lineage.Run(run, APP, version.id, "train", "0" * 64)))
    house.db.write(lambda c: releases.add(c, sealed))
    return visitor, version


@pytest.fixture
def forget(monkeypatch, capsys):
    """`teahouse data forget --yes …`, as the terminal runs it; what it prints."""

    def run(*given):
        monkeypatch.setattr("sys.argv", ["teahouse", "data", "forget", "--yes", *given])
        say.console.cache_clear()
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        assert not left.value.code, said.err
        return said.out

    return run


def left(house, visitor):
    """Rows of this visitor in the newest version, and in the tables."""
    with house.db.read() as c:
        newest = lineage.versions(c, APP, limit=1)[0]
        theirs = [row for row in labels.of_app(c, APP) if row.visitor == visitor]
    return len(datasets.rows_of(house, newest)), len(theirs)


def test_p7_one_command_freezes_asks_and_shows_what_changed(project, forget):
    visitor, before = rows_of(project)
    link = f"https://tea.example/mine/{visitors.sealed(signers(project).link, visitor)}"
    told = json.loads(forget(link, "--json"))
    (app,) = told["apps"]
    assert (told["kind"], app["app"]) == ("visitor", APP)
    assert app["changed"]["rows"] == [8, 4] and app["changed"]["gone"] == 4 and app["changed"]["new"] == 0
    assert app["changed"]["labels"] == {"cold": [4, 2], "warm": [4, 2]} and app["version"] != before.digest
    assert left(project, visitor) == (4, 0)
    with project.db.read() as c:
        (asked,) = jobs.unfinished(c, "retrain", APP)
        assert ids.text(asked.id) == app["job"]
        assert set(lineage.learned_from_erased(c, APP)) == {"5" * 64}
    (learned,) = app["learned"]
    assert (learned["release"], learned["answers"]) == ("5" * 64, False)


def test_p7_a_person_reads_the_same(project, forget):
    visitor, _ = rows_of(project)
    said = " ".join(forget(ids.text(visitor)).split())
    assert "Forgotten: visitor" in said and "8 rows before, 4 now: 4 gone" in said
    assert "cold 4 2 -2" in said and "train 8 4 -4" in said
    assert "Release 2 learned from an erased row and answers nobody now." in said and "A training" in said


def test_p7_again_and_for_who_gave_nothing_nothing_is_trained(project, forget):
    visitor, _ = rows_of(project)
    forget(ids.text(visitor))
    assert json.loads(forget(ids.text(visitor), "--json"))["apps"] == []
    assert json.loads(forget(ids.text(ids.new_id()), "--json"))["apps"] == []


def test_p7_a_loop_that_is_quicker_with_its_holes_takes_nothing_of_it_away(project, forget, monkeypatch):
    visitor, _ = rows_of(project)
    delete = erase.delete_blobs

    def then_the_loop(house, blobs):
        delete(house, blobs)
        with house.db.read() as c:
            (job,) = [job for job in jobs.waiting(c) if job.kind == "erase"]
        chores.erase(house, settings.load(Path.cwd()), job, {})

    monkeypatch.setattr(erase, "delete_blobs", then_the_loop)
    (app,) = json.loads(forget(ids.text(visitor), "--json"))["apps"]
    assert app["changed"]["rows"] == [8, 4] and app["job"] and len(app["learned"]) == 1
    assert left(project, visitor) == (4, 0)
