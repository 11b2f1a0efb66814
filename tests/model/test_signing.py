"""A key is kept from other people's eyes, a signature counts for one release, and each is written in one way."""

import os
import shutil
import subprocess
from base64 import b64decode, b64encode
from pathlib import Path

import pytest

from teahouse.errors import ReleaseBroken, SettingsError
from teahouse.model import signing

RELEASE, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def key() -> signing.Key:
    return signing.new()


def test_what_a_key_signed_its_public_key_confirms(key):
    signing.check(signing.sign(key, RELEASE), RELEASE, {signing.public_text(key)})
    signing.check(signing.sign(key, RELEASE), RELEASE, None)


def test_the_test_vector_of_rfc_8032_gives_its_public_key():
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    assert signing.public_text(signing.Key(seed)) == f"teahouse-ed25519:{b64encode(public).decode()}"


def test_a_signature_is_of_one_release_by_one_key(key):
    signature = signing.sign(key, RELEASE)
    other = signing.public_text(signing.new())
    with pytest.raises(ReleaseBroken, match="another release"):
        signing.check(signature, OTHER, {signing.public_text(key)})
    with pytest.raises(ReleaseBroken, match="whom nobody here trusts"):
        signing.check(signature, RELEASE, {other})
    with pytest.raises(ReleaseBroken, match="whom nobody here trusts"):
        signing.check(signature, RELEASE, ())
    with pytest.raises(ReleaseBroken, match="another key"):
        signing.check({**signature, "key": other}, RELEASE, {other})


def test_every_turned_bit_of_a_signature_is_seen(key):
    signature = signing.sign(key, RELEASE)
    raw = b64decode(signature["ed25519"])
    for bit in range(512):
        turned = bytearray(raw)
        turned[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ReleaseBroken):
            signing.check({**signature, "ed25519": b64encode(turned).decode()}, RELEASE, None)


@pytest.mark.parametrize("part", ["key", "ed25519"])
def test_base64_has_one_spelling(key, part):
    signature = signing.sign(key, RELEASE)
    word = signature[part].rstrip("=")
    padding = signature[part][len(word) :]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    neighbour = letters[letters.index(word[-1]) ^ 1]  # the same bytes to a lenient reader
    for other in (word, word[:-1] + neighbour + padding, signature[part] + "\n", " " + signature[part]):
        with pytest.raises(ReleaseBroken, match="not written as a signature"):
            signing.check({**signature, part: other}, RELEASE, None)


@pytest.mark.parametrize("wrong", [{}, {"key": 1, "ed25519": 2}, {"key": None, "ed25519": None}, {"ed25519": "AA=="}])
def test_what_is_no_signature_is_told_as_such(wrong):
    with pytest.raises(ReleaseBroken, match="not written as a signature"):
        signing.check(wrong, RELEASE, None)


def test_nothing_but_a_digest_is_signed(key):
    with pytest.raises(ReleaseBroken):
        signing.sign(key, "../../etc/passwd")


def test_a_saved_key_is_its_owners_alone_and_comes_back(key, tmp_path: Path):
    path = tmp_path / "config" / "key"
    signing.save(key, path)
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o077 == 0
    assert signing.load(path) == key
    with pytest.raises(SettingsError, match="already"):
        signing.save(signing.new(), path)
    assert signing.load(path) == key


def test_the_mode_of_a_saved_key_does_not_hang_on_the_umask(key, tmp_path: Path):
    before = os.umask(0)
    try:
        signing.save(key, tmp_path / "key")
    finally:
        os.umask(before)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666])
def test_a_key_that_others_may_read_is_not_used(key, tmp_path: Path, mode):
    signing.save(key, tmp_path / "key")
    (tmp_path / "key").chmod(mode)
    with pytest.raises(SettingsError, match="read by others"):
        signing.load(tmp_path / "key")


def test_a_key_is_no_link_no_folder_and_no_other_text(key, tmp_path: Path):
    signing.save(key, tmp_path / "key")
    os.symlink(tmp_path / "key", tmp_path / "link")
    (tmp_path / "text").write_text(signing.public_text(key))
    (tmp_path / "text").chmod(0o600)
    for path in ("link", "nowhere", "text", ".", "key/below"):
        with pytest.raises(SettingsError) as told:
            signing.load(tmp_path / path)
        assert told.value.do_next


def test_nothing_prints_a_private_key(key):
    secret = signing.text(key).removeprefix(signing.PRIVATE)
    assert secret not in repr(key) and secret not in str(key)
    with pytest.raises(SettingsError) as told:
        signing.parse(signing.text(key)[:-6] + "??")
    assert secret[:20] not in str(told.value)


def test_the_makers_own_key_is_the_variables_text_its_file_or_the_one_at_home(key, tmp_path: Path):
    other, third = signing.new(), signing.new()
    signing.save(other, tmp_path / "file")
    here = {"HOME": str(tmp_path / "home")}
    assert signing.own(here) is None
    signing.save(third, tmp_path / "home" / ".config" / "teahouse" / "key")
    assert signing.own(here) == third
    assert signing.own({**here, signing.VARIABLE: ""}) == third
    assert signing.own({**here, signing.VARIABLE: str(tmp_path / "file")}) == other
    assert signing.own({**here, signing.VARIABLE: signing.text(key) + "\n"}) == key
    with pytest.raises(SettingsError):
        signing.own({**here, signing.VARIABLE: str(tmp_path / "nowhere")})


def test_a_malformed_variable_is_no_path_and_is_never_repeated(key, tmp_path: Path):
    secret = signing.text(key).removeprefix(signing.PRIVATE)
    for wrong in (secret, "/" + secret, "~" + secret, "~/" + secret, f'"{signing.text(key)}"', signing.text(key)[:-3]):
        with pytest.raises(SettingsError) as told:
            signing.own({"HOME": str(tmp_path), signing.VARIABLE: wrong})
        assert secret[:20] not in str(told.value) and not told.value.__cause__ and told.value.do_next
    (tmp_path / "open").write_text(signing.text(key))
    (tmp_path / "open").chmod(0o644)
    with pytest.raises(SettingsError, match="the file that TEAHOUSE_SIGNING_KEY names can be read by others"):
        signing.own({signing.VARIABLE: str(tmp_path / "open")})


def test_trusted_keys_are_lines_with_words_behind_them(key, tmp_path: Path):
    one, two = signing.public_text(key), signing.public_text(signing.new())
    page = tmp_path / "keys.txt"
    assert signing.trusted(page) is None
    page.write_text(f"# who may make releases\n\n{one} Ada, laptop\n  {two}  # CI\n")
    assert signing.trusted(page) == {one: "Ada, laptop", two: ""}
    page.write_text("")
    assert signing.trusted(page) == {}, "an empty list trusts nobody"
    page.write_text(f"{one}\nssh-ed25519 AAAA\n")
    with pytest.raises(SettingsError, match="Line 2"):
        signing.trusted(page)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_openssl_confirms_a_signature_as_the_page_on_bundles_says(key, tmp_path: Path):
    signature = signing.sign(key, RELEASE)
    public = b64decode(signature["key"].removeprefix(signing.PUBLIC))
    (tmp_path / "key.der").write_bytes(bytes.fromhex("302a300506032b6570032100") + public)
    (tmp_path / "signature").write_bytes(b64decode(signature["ed25519"]))
    (tmp_path / "message").write_bytes(f"teahouse-release:{RELEASE}".encode())
    told = subprocess.run(
        "openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey key.der -sigfile signature -in message".split(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert told.returncode == 0 and "Success" in told.stdout, told.stderr
