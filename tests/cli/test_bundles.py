"""`keys`, `releases pack`, `releases add`: a release goes out as a signed file, and comes in only where it may."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from teahouse.model import archive, bundle, signing
from teahouse.store import releases, rollouts
from teahouse.store.house import House
from teahouse.testing import APP, install_tiny, tiny_release

APP_PY = """
from teahouse import App, Image, Labels

app = App(title="Warm or cold?", name="{name}", input=Image(size=16), output=Labels({words}))
"""


@pytest.fixture
def project(teahouse, here, monkeypatch) -> Path:
    """A project whose app has a champion, and a maker who has no key yet."""
    monkeypatch.setenv("HOME", str(here / "home"))
    for name in ("XDG_CONFIG_HOME", signing.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    assert teahouse("new", APP).status == 0
    (here / APP / "apps" / APP / "app.py").write_text(APP_PY.format(name=APP, words='"warm", "cold"'))
    monkeypatch.chdir(here / APP)
    with House.open(here / APP / ".teahouse") as house:
        install_tiny(house)
    return here / APP


def packed(folder: Path, key: signing.Key | None = None, code: str = "", **changes) -> tuple[Path, str]:
    """A bundle that somebody else made: its file and its id."""
    tiny_release(folder, note="from elsewhere")
    if code:
        (folder / "code").mkdir()
        (folder / "code" / "app.py").write_text(code)
        changes["code"] = True
    release = bundle.seal(folder, replace(bundle.read(folder), files={}, **changes))
    archive.pack(folder, folder.with_suffix(".teahouse"), key)
    return folder.with_suffix(".teahouse"), release


def rows(project: Path) -> dict:
    with House.open(project / ".teahouse") as house, house.db.read() as c:
        on = rollouts.champion(c, APP).release
        return {row.id: (row.number, row.signer, row.id == on) for row in releases.of_app(c, APP)}


def test_a_key_is_made_once_shown_and_never_written_over(teahouse, project, here):
    assert teahouse("keys", "show").status == 2
    made = teahouse("keys", "new")
    shown = teahouse("keys", "show").out.strip()
    assert made.status == 0 and shown in made.out and signing.is_public(shown)
    path = here / "home" / ".config" / "teahouse" / "key"
    assert path.stat().st_mode & 0o777 == 0o600 and path.read_text().strip() not in made.out
    assert teahouse("keys", "new").status == 2 and teahouse("keys", "show").out.strip() == shown


def test_a_key_given_as_text_signs_as_a_runner_has_it(teahouse, project, monkeypatch):
    key = signing.new()
    monkeypatch.setenv(signing.VARIABLE, signing.text(key))
    assert teahouse("keys", "show").out.strip() == signing.public_text(key)
    told = json.loads(teahouse("releases", "pack", APP, "--json").out)
    assert told["signer"] == signing.public_text(key)
    assert archive.look(project / f"{APP}.teahouse")[2] == signing.sign(key, told["release"])


def test_trusted_keys_are_written_once_and_listed(teahouse, project):
    other = signing.public_text(signing.new())
    assert "signed or not" in teahouse("keys", "list").words
    teahouse("keys", "new")
    assert teahouse("keys", "trust").status == teahouse("keys", "trust", other, "--name", "Ada # at work").status == 0
    assert "already" in teahouse("keys", "trust", other).words
    listed = json.loads(teahouse("keys", "list", "--json").out)
    assert [(row["whose"], row["yours"]) for row in listed["trusted"]] == [("", True), ("Ada at work", False)]
    assert f"{other} Ada at work\n" in teahouse("keys", "list").out
    assert (project / "keys.txt").read_text().startswith("#")
    assert teahouse("keys", "trust", "ssh-ed25519").status == 2


def test_pack_writes_the_champion_and_the_same_bytes_again(teahouse, project):
    told = teahouse("releases", "pack")
    file = project / f"{APP}.teahouse"
    first = file.read_bytes()
    assert told.status == 0 and "Not signed" in told.words
    assert archive.look(file)[0] in rows(project)
    assert teahouse("releases", "pack", APP, "1", "--to", "other.teahouse").status == 0
    assert (project / "other.teahouse").read_bytes() == first
    assert teahouse("releases", "pack", APP, "--to", "teahouse.toml").status == 2
    assert teahouse("releases", "pack", APP, "7").status == 2


def test_what_comes_is_a_release_that_is_not_on(teahouse, project, here):
    file, release = packed(here / "theirs")
    told = teahouse("releases", "add", file)
    assert told.status == 0 and "Visitors do not meet it yet" in told.words and "Nobody has signed it" in told.words
    assert rows(project)[release] == (2, None, False)
    again = json.loads(teahouse("releases", "add", file, "--json").out)
    assert (again["number"], again["code"], again["differs"], again["on"]) == (2, [], False, False)
    assert teahouse("promote", "2").status == 0 and rows(project)[release][2]
    assert "is the champion" in teahouse("releases", "add", file).words


def test_it_says_in_words_when_a_bundle_carries_code(teahouse, project, here):
    file, _ = packed(here / "theirs", code="raise SystemExit('a bundle ran')\n")
    told = teahouse("releases", "add", file)
    assert told.status == 0 and "It carries code (code/app.py), which runs" in told.words


def test_with_a_keys_txt_only_what_those_keys_signed_comes_in(teahouse, project, here):
    key = signing.new()
    signed, release = packed(here / "signed", key)
    unsigned, _ = packed(here / "unsigned", title="Unsigned")
    assert "This project has no keys.txt" in teahouse("releases", "add", signed).words
    shutil.rmtree(project / ".teahouse" / "releases" / release)
    teahouse("keys", "trust", signing.public_text(signing.new()))
    for file, words in ((signed, "whom nobody here trusts"), (unsigned, "not signed")):
        ended = teahouse("releases", "add", file)
        assert ended.status == 1 and words in ended.words
    assert not (project / ".teahouse" / "releases" / release).exists()
    teahouse("keys", "trust", signing.public_text(key), "--name", "Ada")
    told = teahouse("releases", "add", signed)
    assert told.status == 0 and "Signed by Ada" in told.words
    assert json.loads(teahouse("releases", "add", signed, "--json").out)["signer"] == signing.public_text(key)


def test_b2_a_bundle_older_than_the_newest_here_is_refused_whoever_signed_it(teahouse, project, here):
    key, other = signing.new(), signing.new()
    first, id_ = packed(here / "first", key, title="First", made="2026-03-01T00:00:00+00:00")
    newest, _ = packed(here / "newest", key, title="Newest", made="2026-03-02T00:00:00+02:00")
    old, old_id = packed(here / "old", key, title="Old", made="2026-02-28T23:59:59Z")
    assert teahouse("releases", "add", first).status == teahouse("releases", "add", newest).status == 0
    ended = teahouse("releases", "add", old)
    assert ended.status == 1 and "older than what is here" in ended.words and "release 3" in ended.words
    assert not (project / ".teahouse" / "releases" / old_id).exists() and old_id not in rows(project)
    assert teahouse("releases", "add", first).status == 0, "what was taken before is no replay"
    same, _ = packed(here / "same", key, title="Same", made="2026-03-01T22:00:00Z")
    theirs, _ = packed(here / "theirs", other, title="Theirs", made="2026-01-01T00:00:00Z")
    assert teahouse("releases", "add", same).status == 0
    unknown, _ = packed(here / "unknown", key, title="Unknown", made="")
    for file in (theirs, unknown, packed(here / "nobodys", made="2026-01-02T00:00:00Z")[0]):
        assert teahouse("releases", "add", file).status == 1, "versions only go up, whatever key signs"
    renamed, _ = packed(here / "renamed", other, app="weather", made="2026-01-03T00:00:00Z")
    assert teahouse("releases", "add", renamed, "--app", APP).status == 1
    ahead, _ = packed(here / "ahead", key, title="Ahead", made="9999-01-01T00:00:00Z")
    assert "from the future" in teahouse("releases", "add", ahead).words
    assert teahouse("releases", "add", old, "--older").status == 0 and rows(project)[old_id][2] is False
    assert rows(project)[id_][1] == signing.public_text(key)


def test_a_bundle_of_another_name_comes_in_under_the_name_that_is_asked_for(teahouse, project, here):
    file, release = packed(here / "theirs", signing.new(), app="weather")
    ended = teahouse("releases", "add", file)
    assert ended.status == 2 and "new weather --bundle" in ended.words
    told = json.loads(teahouse("releases", "add", file, "--app", APP, "--json").out)
    assert told["release"] != release and told["number"] == 2
    assert rows(project)[told["release"]][1] is None, "the new id is not what was signed"
    with House.open(project / ".teahouse") as house:
        assert bundle.verify(house.releases / told["release"], told["release"]).app == APP
        assert [each.name for each in house.data.iterdir() if each.name.startswith("tmp")] == []


def test_it_says_when_the_release_answers_another_question(teahouse, project, here):
    (project / "apps" / APP / "app.py").write_text(APP_PY.format(name=APP, words='"hot", "icy"'))
    file, _ = packed(here / "theirs")
    assert "something else than app.py declares" in teahouse("releases", "add", file).words


def test_a_damaged_bundle_changes_nothing(teahouse, project, here):
    file, _ = packed(here / "theirs")
    file.write_bytes(file.read_bytes()[:-30])
    before = rows(project)
    ended = teahouse("releases", "add", file)
    assert ended.status == 1 and "Refused because" in ended.words and rows(project) == before


def test_releases_still_lists_with_and_without_a_name(teahouse, project):
    for words in ((), (APP,), ("list",), ("list", APP), ("--json",), (APP, "--json")):
        assert teahouse("releases", *words).status == 0
    assert [row["number"] for row in json.loads(teahouse("releases", "--json").out)] == [1]
    assert teahouse("releases", "nothing").status == 2
    assert "pack" in teahouse("releases", "--help").out


@pytest.fixture
def saved(teahouse, here, monkeypatch) -> Path:
    """A project as `app.save` writes it: a release beside app.py, and no house yet."""
    monkeypatch.setenv("HOME", str(here / "home"))
    assert teahouse("new", "hats").status == 0
    folder = here / "hats" / "apps" / "hats"
    (folder / "app.py").write_text(APP_PY.format(name="hats", words='"warm", "cold"'))
    tiny_release(folder / "release")
    monkeypatch.chdir(here / "hats")
    assert not (here / "hats" / ".teahouse" / "house.db").exists()
    return here / "hats"


def test_pack_takes_the_release_beside_app_py_where_the_house_has_none(teahouse, saved):
    told = teahouse("releases", "pack", "hats")
    assert told.status == 0 and "beside app.py" in told.words
    manifest = archive.look(saved / "hats.teahouse")[1]
    assert manifest.app == "hats" and bundle.read(saved / "apps" / "hats" / "release").app == APP
    assert not (saved / ".teahouse" / "house.db").exists()


def test_pack_says_what_works_where_no_release_is_anywhere(teahouse, saved):
    shutil.rmtree(saved / "apps" / "hats" / "release")
    told = teahouse("releases", "pack", "hats")
    assert told.status != 0 and "no release lies beside its app.py" in told.words
    assert "teahouse train hats" in told.words and "no data yet" not in told.words
