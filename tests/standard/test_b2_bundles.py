"""B2: a bundle is exactly what its maker signed, or nothing of it is looked at. (That what a key signs only
goes forward, unless the owner says otherwise, is asked where a house takes bundles: tests/cli/test_bundles.py.)"""

import random
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from teahouse import ids
from teahouse.errors import ReleaseBroken
from teahouse.model import archive, bundle, signing
from teahouse.testing import tiny_release
from tests.standard.zips import Part, parts_of, written

FLIPS = 1000


@dataclass
class Made:
    folder: Path
    release: str
    key: signing.Key
    data: bytes

    @property
    def trusted(self) -> set[str]:
        return {signing.public_text(self.key)}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    """A signed bundle of a release with code, examples and a card."""
    folder, key = tmp_path_factory.mktemp("made") / "release", signing.new()
    tiny_release(folder)
    (folder / "code").mkdir()
    (folder / "code" / "app.py").write_text("raise SystemExit('a bundle ran')\n")
    (folder / "card.md").write_text("# Warm or cold\n")
    release = bundle.seal(folder, replace(bundle.read(folder), code=True, files={}))
    archive.pack(folder, folder.parent / "b.teahouse", key)
    return Made(folder, release, key, (folder.parent / "b.teahouse").read_bytes())


@pytest.fixture
def refuses(tmp_path, monkeypatch):
    """Asserts that nobody takes these bytes, whoever is trusted, before a model file is parsed."""
    parsed: list[Path] = []
    for name in ("check_onnx", "_check_safetensors"):
        monkeypatch.setattr(bundle, name, lambda path: parsed.append(path))
    file, releases = tmp_path / "b.teahouse", tmp_path / "releases"

    def refuse(data: bytes, *trusts: set[str] | None) -> str:
        file.write_bytes(data)
        parsed.clear()
        for trusted in trusts:
            with pytest.raises(ReleaseBroken) as told:
                archive.unpack(file, releases, trusted)
        assert not parsed, "a model was parsed"
        assert not releases.exists() or not list(releases.iterdir()), "something stayed"
        return str(told.value)

    return refuse


def test_b2_the_bundle_itself_is_taken(made, tmp_path):
    (tmp_path / "b.teahouse").write_bytes(made.data)
    assert archive.unpack(tmp_path / "b.teahouse", tmp_path / "releases", made.trusted) == made.release
    assert made.data == written(parts_of(made.folder, made.key)), "the zips of these tests are as Teahouse's own"


def test_b2_a_thousand_flips_of_one_byte_are_refused(made, refuses):
    chance, places = random.Random(2), range(len(made.data))
    parts = parts_of(made.folder, made.key)
    chosen = chance.sample(places, FLIPS // 2)
    for part in parts[-2:]:  # release.json and the signature: a quarter of the flips each
        at = made.data.index(part.data)
        chosen += [at + chance.randrange(len(part.data)) for _ in range(FLIPS // 4)]
    assert parts[-1].name == b"signature.json" and parts[-2].name == b"release.json" and len(chosen) == FLIPS
    for place in chosen:
        data = bytearray(made.data)
        data[place] ^= chance.randrange(1, 256)
        refuses(bytes(data), made.trusted, None)


def test_b2_flips_whose_checksums_were_made_right_again_are_refused(made, refuses):
    """Three hundred more by somebody who writes a good zip of what they changed."""
    chance = random.Random(3)
    names = [part.name.decode() for part in parts_of(made.folder, made.key)]
    for number in range(300):
        parts = parts_of(made.folder, made.key)
        part = parts[number % len(parts)]
        changed = bytearray(part.data)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        part.data = bytes(changed)
        # an unsigned release.json that was changed is another release, and may be whole in itself
        trusts = (made.trusted,) if names[number % len(parts)] == "release.json" else (made.trusted, None)
        refuses(written(parts), *trusts)


def test_b2_every_truncation_and_every_addition_is_refused(made, refuses):
    for length in random.Random(4).sample(range(len(made.data)), 300):
        refuses(made.data[:length], made.trusted, None)
    for more in (b"\0", b"\n", b"x" * 22, made.data, made.data[-22:]):
        refuses(made.data + more, made.trusted, None)
        refuses(more + made.data, made.trusted, None)


def test_b2_an_extra_a_missing_and_a_swapped_file_are_refused(made, refuses):
    honest = parts_of(made.folder, made.key)
    for place, part in enumerate(honest[:-1]):
        assert "missing" in refuses(written(honest[:place] + honest[place + 1 :]), None)
        refuses(written(honest[:place] + honest[place + 1 :]), made.trusted)
        other = Part(part.name, honest[place - 1].data)
        refuses(written(honest[:place] + [other] + honest[place + 1 :]), made.trusted, None)
    for name in (b"code/more.py", b"examples/9.png", b"weights.safetensors", b"model.int8.onnx"):
        parts = sorted([*honest[:-1], Part(name, b"x")], key=lambda part: part.name) + honest[-1:]
        assert "is not in release.json" in refuses(written(parts), made.trusted, None)
    assert "out of order" in refuses(written([honest[-1], *honest[:-1]]), made.trusted, None)
    refuses(written([*honest, honest[-1]]), made.trusted, None)


def test_b2_unsigned_wrongly_signed_and_no_longer_trusted_are_refused(made, refuses):
    stranger, honest = signing.new(), parts_of(made.folder, made.key)
    assert "not signed" in refuses(written(honest[:-1]), made.trusted, set())
    by_stranger = written(parts_of(made.folder, stranger))
    assert "whom nobody here trusts" in refuses(by_stranger, made.trusted)
    assert "whom nobody here trusts" in refuses(made.data, set()), "the key was taken back"
    named = {**signing.sign(stranger, made.release), "key": signing.public_text(made.key)}
    forged = [*honest[:-1], Part(b"signature.json", ids.canonical(named))]
    assert "does not count" in refuses(written(forged), made.trusted, None)


def test_b2_a_signature_of_another_release_or_of_another_kind_is_refused(made, refuses, tmp_path):
    other = tmp_path / "other"
    tiny_release(other, note="another")
    for folder, signed in ((other, made.folder), (made.folder, other)):
        parts = [*parts_of(folder), parts_of(signed, made.key)[-1]]
        assert "another release" in refuses(written(parts), made.trusted, None)
    right = signing.sign(made.key, made.release)
    for wrong in (
        {**right, "more": ""}, {"key": right["key"]}, {"ed25519": right["ed25519"]}, {**right, "ed25519": ""}, [], "",
        {**right, "key": right["key"].replace("ed25519", "none")}, {**right, "ed25519": right["ed25519"][:-4]},
        {}, None,
    ):  # fmt: skip
        parts = [*parts_of(made.folder), Part(b"signature.json", ids.canonical(wrong))]
        refuses(written(parts), made.trusted, None)
    for data in (b"", b"{", ids.canonical(right) + b"\n", b" " + ids.canonical(right), b"[" * 900, b"x" * 5000):
        refuses(written([*parts_of(made.folder), Part(b"signature.json", data)]), made.trusted, None)


def test_b2_a_manifest_that_readers_could_read_differently_is_refused(made, refuses, tmp_path):
    """Written otherwise it has another id, which even the right key may have signed; only one writing is read."""
    honest = (made.folder / "release.json").read_bytes()
    twice = honest.replace(b'"note":""', b'"note":"","note":"b"')
    for text in (b" " + honest, honest + b"\n", twice, honest.replace(b'"code":true', b'"code":1'), honest[1:]):
        assert text != honest
        parts = [Part(each.name, text if each.name == b"release.json" else each.data) for each in parts_of(made.folder)]
        signed = signing.sign(made.key, ids.sha256(text))
        refuses(written([*parts, Part(b"signature.json", ids.canonical(signed))]), made.trusted, None)


def test_b2_refusing_takes_no_time(made, tmp_path):
    began = time.monotonic()
    (tmp_path / "b").write_bytes(made.data[:-1])
    with pytest.raises(ReleaseBroken):
        archive.look(tmp_path / "b")
    assert time.monotonic() - began < 0.5
