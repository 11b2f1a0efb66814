"""Whose releases are judged and signed: with a keys.txt only those of its keys, and nobody's signature gets lost."""

from pathlib import Path

import pytest

from teahouse import child, settings
from teahouse.ci import champion, init, judge, release
from teahouse.errors import InputError, ReleaseBroken
from teahouse.model import archive, signing
from teahouse.testing import APP, tiny_release


def packed(folder: Path, key: signing.Key | None) -> Path:
    tiny_release(folder)
    archive.pack(folder, folder.with_suffix(".teahouse"), key)
    return folder.with_suffix(".teahouse")


@pytest.fixture
def trusted(tmp_path) -> signing.Key:
    """A key that the project's keys.txt names."""
    key = signing.new()
    (tmp_path / signing.KEYS).write_text(f"{signing.public_text(key)} the maker\n")
    return key


@pytest.mark.parametrize("side", ["candidate", "against"])
@pytest.mark.parametrize("signer", [None, "a stranger", "nobody, a folder"])
def test_with_a_keys_txt_no_side_is_unpacked_that_its_keys_did_not_sign(tmp_path, trusted, monkeypatch, side, signer):
    file = packed(tmp_path / "theirs", signing.new() if signer == "a stranger" else None)
    file = file.with_suffix("") if signer == "nobody, a folder" else file
    monkeypatch.setattr(judge.own, "gather", lambda *_: None)
    monkeypatch.setattr(judge, "newest", lambda *_: None)
    ask = judge.Ask(APP, tmp_path, tmp_path, settings.load(tmp_path), tmp_path / "scratch", **{side: file})
    with pytest.raises(ReleaseBroken, match="signed|trusts|signature"):
        judge.judge(ask)
    assert not (tmp_path / "scratch").exists()


def test_what_a_trusted_key_signed_takes_part_and_without_a_keys_txt_anything(tmp_path, trusted):
    file = packed(tmp_path / "theirs", trusted)
    side = champion.of_file(file, APP, tmp_path / "releases", trusted=champion.trusted_in(tmp_path))
    assert side.release == archive.look(file)[0]
    (tmp_path / signing.KEYS).unlink()
    assert champion.trusted_in(tmp_path) is None
    assert champion.of_file(file.with_suffix(""), APP, tmp_path / "other").release == side.release


def test_a_makers_signature_is_kept_and_one_of_a_stranger_is_not_covered_up(tmp_path, trusted):
    runner, stranger = signing.new(), signing.new()
    page = signing.trusted(tmp_path / signing.KEYS)
    makers, strangers = packed(tmp_path / "a", trusted), packed(tmp_path / "b", stranger)
    before = makers.read_bytes(), strangers.read_bytes()
    assert release.sign(makers, runner, page).key == signing.public_text(trusted)
    with pytest.raises(ReleaseBroken, match="trusts"):
        release.sign(strangers, runner, page)
    assert release.sign(strangers, runner).key == signing.public_text(stranger), "without a keys.txt any counts"
    assert before == (makers.read_bytes(), strangers.read_bytes())
    own = packed(tmp_path / "c", None)
    for _ in range(2):
        assert release.sign(own, runner, page).key == signing.public_text(runner)


def test_an_app_whose_page_would_have_no_place_is_refused_before_a_workflow_is_written():
    init.refuse_taken(("model", "tea"))
    with pytest.raises(InputError, match='"model" has no place'):
        init.filled(init.RELEASE, init.Wish(("tea", "model"), "1"))


def test_no_child_gets_a_key_whatever_is_handed_on(monkeypatch):
    for name in ("TEAHOUSE_SIGNING_KEY", "TEAHOUSE_KEY", "TEAHOUSE_SITE_TITLE"):
        monkeypatch.setenv(name, "told")
    seen = child.environment("TEAHOUSE_")
    assert "TEAHOUSE_SITE_TITLE" in seen and not {"TEAHOUSE_SIGNING_KEY", "TEAHOUSE_KEY"} & set(seen)
