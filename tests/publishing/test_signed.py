"""A bundle that publish writes is signed by its maker, where the maker has a key."""

import stat

import pytest

from teahouse import Image, Labels
from teahouse.errors import SettingsError
from teahouse.model import archive, signing
from teahouse.publishing import entry
from teahouse.publishing.published import Published
from teahouse.spec.app import App
from teahouse.testing import tiny_release


@pytest.fixture
def sealed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv(signing.VARIABLE, raising=False)
    return tmp_path / "release", tiny_release(tmp_path / "release")


def packed(folder, release):
    app = App(title="Tea", input=Image(8), output=Labels("a", "b"), name="tea")
    yield entry.packed(app, folder, "Kaggle")["bundle"]
    yield Published("tea", "Tea", release, sealed=folder).pack("other.teahouse")


def test_with_a_key_of_the_makers_it_is_signed(sealed, monkeypatch):
    key = signing.new()
    monkeypatch.setenv(signing.VARIABLE, signing.text(key))
    for bundle in packed(*sealed):
        release, _, signature = archive.look(bundle)
        signing.check(signature, release, [signing.public_text(key)])


def test_without_one_it_is_not(sealed):
    assert [archive.look(bundle)[2] for bundle in packed(*sealed)] == [None, None]


def test_with_one_that_others_can_read_nothing_is_written_unsigned(sealed, tmp_path):
    signing.save(signing.new(), signing.home())
    signing.home().chmod(signing.home().stat().st_mode | stat.S_IRGRP)
    with pytest.raises(SettingsError):
        next(packed(*sealed))
    assert not list(tmp_path.glob("*.teahouse"))
