"""`new --bundle` with a stranger's file: nothing of it runs, and what it carries is told before it is taken in."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from teahouse.errors import DeclarationError
from teahouse.model import archive, bundle, signing
from teahouse.publishing import save
from teahouse.spec.load import load_app
from teahouse.testing import APP, tiny_release

RUNS = "from pathlib import Path\nPath('ran').write_text('it ran')\nfrom teahouse import *\napp = App(title='x')\n"


@pytest.fixture(autouse=True)
def nobody(here, monkeypatch):
    """A maker without a key."""
    monkeypatch.setenv("HOME", str(here / "home"))
    for name in ("XDG_CONFIG_HOME", signing.VARIABLE):
        monkeypatch.delenv(name, raising=False)


def packed(folder: Path, code: str = "", key: signing.Key | None = None, **changes) -> Path:
    """A bundle of a stranger's."""
    tiny_release(folder)
    if code:
        (folder / "code").mkdir()
        (folder / "code" / "app.py").write_text(code)
        changes = {"code": True, "hooks": ["predict"], **changes}
    bundle.seal(folder, replace(bundle.read(folder), files={}, **changes))
    archive.pack(folder, folder.with_suffix(".teahouse"), key)
    return folder.with_suffix(".teahouse")


KEY = "x=__import__('pathlib').Path('ran').write_text('it ran'), size"
LABELS = {"kind": "labels", "name": "output", "words": ["warm", "cold"]}
PHOTO = {"kind": "image", "name": "input", "label": "", "size": [16, 16], "fit": "crop", "normalize": None}
CRAFTED = [
    {"fields": [{**PHOTO, KEY: 1}]},
    {"output": {**LABELS, KEY: 1}},
    {"fields": [{**PHOTO, "size": KEY}]},
    {"fields": [{**PHOTO, "name": '"), __import__("os").mkdir("ran"), ("'}]},
    {"fields": [{**PHOTO, "label": 'a"), __import__("os").mkdir("ran"), ("'}]},
    {"output": {**LABELS, "words": ['"+__import__("os").mkdir("ran")+"', "b"]}},
    {"fields": [{**PHOTO, "kind": "IMAGE"}]},
    {"fields": [PHOTO, PHOTO]},
    {"title": '"""\nraise SystemExit\n"""'},
    {"title": '\\"""+__import__("os").mkdir("ran")+"""'},
    {"description": '"+__import__("os").mkdir("ran")+"'},
]  # fmt: skip


@pytest.mark.parametrize("changes", CRAFTED, ids=range(len(CRAFTED)))
def test_no_word_of_a_manifest_runs_or_becomes_code(teahouse, here, changes):
    ended = teahouse("new", APP, "--bundle", packed(here / "theirs", **changes))
    written = here / APP / "apps" / APP / "app.py"
    if ended.status == 0:
        declared = load_app(written.parent).declaration()
        assert KEY not in str(declared) and "x=__import__" not in written.read_text("utf-8")
    else:
        assert not (here / APP).exists(), "refused before anything was written"
    assert not (here / "ran").exists()


def test_what_a_strangers_app_says_of_itself_is_declared_without_a_look_at_its_code(teahouse, here, monkeypatch):
    file = packed(here / "theirs", code=RUNS)
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    ended = teahouse("new", APP, "--bundle", file)
    assert ended.status == 2 and "Nobody has signed it" in ended.words
    assert "carries Python code (code/app.py)" in ended.words
    assert not (here / APP).exists() and not (here / "ran").exists()
    ended = teahouse("new", APP, "--bundle", file, "--yes")
    assert ended.status == 0 and "carries Python code" in ended.words
    assert (here / APP / "apps" / APP / "app.py").read_text() == RUNS and not (here / "ran").exists()
    with sqlite3.connect(here / APP / ".teahouse" / "house.db") as base:
        (declared,) = base.execute("SELECT declaration FROM apps").fetchone()
    assert '"predict"' in declared and '"warm"' in declared


def test_a_bundle_without_code_asks_nothing(teahouse, here, monkeypatch):
    monkeypatch.setattr("click.confirm", lambda *_, **__: pytest.fail("it asked"))
    assert teahouse("new", APP, "--bundle", packed(here / "theirs")).status == 0
    assert teahouse("new", "other", "--yes").status == 2


def test_in_a_project_with_keys_only_what_they_signed_begins_an_app(teahouse, here, monkeypatch):
    key = signing.new()
    good, bad = packed(here / "good", key=key), packed(here / "bad", title="Bad", key=signing.new())
    assert teahouse("new", "first").status == 0
    monkeypatch.chdir(here / "first")
    (here / "first" / signing.KEYS).write_text(signing.public_text(key) + "\n")
    monkeypatch.setattr("teahouse.model.archive._manifest", lambda _: pytest.fail("it was parsed"))
    ended = teahouse("new", APP, "--bundle", bad)
    assert ended.status == 1 and "whom nobody here trusts" in ended.words and not (here / "first/apps" / APP).exists()
    assert "whom nobody here trusts" in teahouse("releases", "add", bad, "--app", "first").words
    monkeypatch.undo()
    monkeypatch.chdir(here / "first")
    assert teahouse("new", APP, "--bundle", good).status == 0


@pytest.mark.parametrize("label", ["is null here", "true or false", "None"])
def test_words_of_a_label_are_not_taken_for_values(label, tmp_path):
    declared = {"app": "tea", "title": "T", "fields": [{**PHOTO, "label": label}], "output": LABELS}
    (tmp_path / "app.py").write_text(save.app_source(declared), "utf-8")
    assert load_app(tmp_path).declaration()["fields"][0]["label"] == label


def test_a_field_of_another_packages_kind_is_written_as_values(tmp_path, monkeypatch):
    from teahouse.spec import fields

    class Scent(fields.Text):
        kind = "scent"

        def json(self):
            return {**super().json(), "loud": True, "soft": False, "none": None, "said": "null, true and false"}

    monkeypatch.setattr(fields, "kinds", lambda known=fields.kinds(): {**known, "scent": Scent})
    given = {"kind": "scent", "name": "input", "label": "", "most": 40, KEY: 1}
    declared = {"app": "tea", "title": "T", "fields": [given], "output": LABELS}
    written = save.app_source(declared)
    assert "'loud': True, 'soft': False, 'none': None, 'said': 'null, true and false'" in written and KEY not in written
    (tmp_path / "app.py").write_text(written, "utf-8")
    assert load_app(tmp_path).declaration()["fields"][0]["most"] == 40
    with pytest.raises(DeclarationError, match="no kind of field"):
        save.app_source({**declared, "fields": [{**given, "kind": "noise"}]})
