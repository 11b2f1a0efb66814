"""The folder that `teahouse pages` writes: whole in itself, relative, locked down, and refused where it can not be."""

import json
import posixpath
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from teahouse import testing
from teahouse.errors import Refused
from teahouse.model import bundle
from teahouse.pages import build, runtime

STARTERS = Path(build.__file__).parents[1] / "starters"
KINDS = ("labels", "picture", "seed")


def made(folder: Path, kind: str = "labels") -> tuple[Path, str]:
    """A tiny release of this kind and its id."""
    makes = {"labels": testing.tiny_release, "picture": testing.picture_release, "seed": testing.seed_release}
    return folder, makes[kind](folder)


def written(tmp_path: Path, engine, kind: str = "labels", **wishes) -> Path:
    folder, id_ = made(tmp_path / "release", kind)
    return build.build(build.Wish(folder, id_, tmp_path / "public", **wishes), engine).to


@pytest.mark.parametrize("kind", KINDS)
def test_every_address_in_the_page_leads_to_a_file_of_the_folder(tmp_path, engine, kind):
    to = written(tmp_path, engine, kind)
    page = (to / "index.html").read_text("utf-8")
    addresses = set(re.findall(r'(?:href|src|data-sample|content)="([^"#:]+\.\w+)"', page))
    assert addresses and not [one for one in addresses if one.startswith("/")]
    assert [one for one in addresses if not (to / one).is_file()] == []
    assert "/media/" not in page and 'href="/' not in page and "nonce" not in page


@pytest.mark.parametrize("kind", KINDS)
def test_every_module_that_a_module_asks_for_is_there(tmp_path, engine, kind):
    to = written(tmp_path, engine, kind)
    scripts = list(to.glob("static/*/js/**/*.js"))
    assert len(scripts) > 20
    for script in scripts:
        asked = re.findall(r'(?:from|import\(|import|URL\()\s*"(\.[^"]+\.(?:js|css))"', script.read_text("utf-8"))
        for name in asked:
            assert (script.parent / name).resolve().is_file(), f"{script.name} asks for {name}"


def test_what_the_scripts_know_of_the_app_names_files_of_the_folder(tmp_path, engine):
    folder, id_ = STARTERS / "tea" / "release", ""
    id_ = bundle.install(folder, tmp_path / "releases")
    to = build.build(build.Wish(tmp_path / "releases" / id_, id_, tmp_path / "public", number=3), engine).to
    about = json.loads((to / "app.json").read_text("utf-8"))
    files = [about["model"]["file"], about["familiar"]["file"]]
    files += [about["engine"][part] for part in ("script", "glue", "wasm")]
    assert [one for one in files if not (to / one).is_file()] == []
    assert about["release"] == id_ and about["engine"]["sha256"] == engine.digest
    assert [one["kind"] for one in about["feedback"]] == ["agree", "correct"]
    assert "Release 3 is right about 98 times in 100" in (to / "index.html").read_text("utf-8")
    assert (to / about["model"]["file"]).read_bytes() == (folder / "model.onnx").read_bytes()


def test_the_page_opens_with_the_sample_answered(tmp_path, engine):
    page = (written(tmp_path, engine) / "index.html").read_text("utf-8")
    assert 'data-state="told"' in page and re.search(r"<b data-label>(Warm|Cold)</b>", page)


def test_an_app_that_draws_opens_with_what_it_likes_best(tmp_path, engine):
    to = written(tmp_path, engine, "seed")
    about, page = json.loads((to / "app.json").read_text("utf-8")), (to / "index.html").read_text("utf-8")
    first = re.search(r'data-seed="(\d+)" data-prediction="seed-\1"', page)
    assert first and len(about["pool"]) == 23 and all((to / one["picture"]).is_file() for one in about["pool"])
    best = [testing.blueness(one) for one in (int(first[1]), *(one["seed"] for one in about["pool"]))]
    assert best == sorted(best, reverse=True)


def test_the_policy_lets_nothing_in_but_the_folder_and_the_home(tmp_path, engine):
    page = (written(tmp_path, engine, "picture", home="https://tea.example") / "index.html").read_text("utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)[1]
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert parts["default-src"] == parts["base-uri"] == "'none'" and parts["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert parts["connect-src"] == "'self' https://tea.example" and "unsafe-inline" not in policy
    assert page.index("Content-Security-Policy") < page.index("<link"), "the policy stands before all that it is for"
    assert parts["style-src"].startswith("'self' 'sha256-")


def test_links_tell_of_the_page_by_its_whole_address(tmp_path, engine):
    page = (written(tmp_path, engine, address="https://me.github.io/tea") / "index.html").read_text("utf-8")
    assert 'property="og:image" content="https://me.github.io/tea/card.png"' in page


def test_a_second_build_takes_the_place_of_the_first(tmp_path, engine):
    to = written(tmp_path, engine, "picture")
    before = {one for one in to.rglob("*") if one.is_file()}
    shutil.rmtree(tmp_path / "release")
    assert written(tmp_path, engine, "seed") == to
    assert [one for one in before if not one.exists()] and (to / "pool").is_dir()
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path, engine):
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "thesis.txt").write_text("mine")
    with pytest.raises(Refused):
        written(tmp_path, engine)
    assert (tmp_path / "public" / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("path", ["thesis.txt", "static/old.js", "samples/deep/er.txt", "index.html", "static/link"])
def test_a_page_with_anything_else_in_it_or_changed_is_left_alone(tmp_path, engine, path):
    to = written(tmp_path, engine)
    (to / path).parent.mkdir(parents=True, exist_ok=True)
    if path.endswith("link"):
        (to / path).symlink_to(to / "card.png")
    else:
        (to / path).write_text("mine")
    shutil.rmtree(tmp_path / "release")
    before = {one: one.is_file() and one.read_bytes() for one in to.rglob("*")}
    with pytest.raises(Refused) as told:
        written(tmp_path, engine, "seed")
    assert path in told.value.why
    assert before == {one: one.is_file() and one.read_bytes() for one in to.rglob("*")}


def beside(tmp_path: Path) -> Path:
    """What hosts, checkouts and other pages put into a page's folder."""
    to = tmp_path / "public"
    for path in ("CNAME", ".git/config", "oils/teahouse.txt", "oils/mine.txt"):
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        (to / path).write_text(path)
    return to


def test_the_name_the_checkout_and_pages_below_stay(tmp_path, engine):
    to = beside(tmp_path)
    for kind in ("labels", "seed"):
        written(tmp_path, engine, kind)
        shutil.rmtree(tmp_path / "release")
        for path in ("CNAME", ".git/config", "oils/teahouse.txt", "oils/mine.txt"):
            assert (to / path).read_text() == path
    assert (to / "pool").is_dir() and [one.name for one in tmp_path.iterdir()] == ["public"]


def test_where_the_last_move_fails_all_is_as_it_was(tmp_path, engine, monkeypatch):
    to = beside(tmp_path)
    written(tmp_path, engine)
    shutil.rmtree(tmp_path / "release")
    before, rename = {one: one.is_file() and one.read_bytes() for one in to.rglob("*")}, build.os.rename

    def fails(source: Path, target: Path) -> None:
        if Path(source).name == "made":
            raise OSError("no room")
        rename(source, target)

    monkeypatch.setattr(build.os, "rename", fails)
    with pytest.raises(OSError, match="no room"):
        written(tmp_path, engine, "seed")
    assert before == {one: one.is_file() and one.read_bytes() for one in to.rglob("*")}
    assert sorted(one.name for one in tmp_path.iterdir()) == ["public", "release"]


@pytest.mark.parametrize("name", ["engine", "model", "static"])
def test_a_second_page_has_no_room_where_the_first_keeps_its_files(tmp_path, engine, name):
    to = written(tmp_path, engine)
    with pytest.raises(Refused, match="There can be no page"):
        build.refuse_target(to / name)


def test_a_page_never_goes_out_without_its_policy():
    for text in ("<head></head>", '<meta charset="utf-8">\n' * 2):
        with pytest.raises(ValueError, match="content policy"):
            build.with_policy(text, "")


def test_what_is_over_the_budget_is_refused_with_what_weighs(tmp_path, engine):
    with pytest.raises(Refused) as told:
        written(tmp_path, engine, most_mb=0.05)
    assert "--most-mb" in told.value.do_next and " MB)" in told.value.why
    assert not (tmp_path / "public").exists()


def test_answers_of_a_makers_own_function_are_refused_with_the_reason(tmp_path, engine):
    folder, _ = made(tmp_path / "release")
    manifest = replace(bundle.read(folder), hooks=["predict"])
    with pytest.raises(Refused, match="@app.predict"):
        build.refuse(manifest)


def test_a_kind_that_no_script_knows_is_refused_by_name(tmp_path):
    folder, _ = made(tmp_path / "release")
    manifest = replace(bundle.read(folder), fields=[{"kind": "scent", "name": "input"}])
    with pytest.raises(Refused, match='"scent"'):
        build.refuse(manifest)


def test_a_model_that_is_newer_than_its_runtime_is_refused(tmp_path, engine, monkeypatch):
    monkeypatch.setattr(runtime, "OPSET", 17)
    with pytest.raises(Refused, match="opset"):
        written(tmp_path, engine)


def test_what_is_fetched_is_listed_nowhere_as_our_own(tmp_path, engine):
    to = written(tmp_path, engine)
    assert runtime.VERSION in (to / "teahouse.txt").read_text("utf-8")
    wasm = json.loads((to / "app.json").read_text("utf-8"))["engine"]["wasm"]
    assert posixpath.dirname(wasm) == f"engine/{engine.digest[:12]}"
