"""A sealed release is exactly what its id says, and holds nothing else."""

import json
import os
import struct
from pathlib import Path

import pytest

from teahouse.errors import ReleaseBroken
from teahouse.model import bundle, shape
from teahouse.testing import tiny_release


@pytest.fixture
def sealed(tmp_path: Path) -> tuple[Path, str]:
    folder = tmp_path / "release"
    return folder, tiny_release(folder)


def test_a_sealed_release_verifies_and_reads_back(sealed: tuple[Path, str]) -> None:
    folder, release = sealed
    manifest = bundle.verify(folder, release)
    assert manifest == bundle.read(folder)
    assert set(manifest.files) == {"model.onnx", "examples/0.png", "examples/1.png"}
    assert bundle.seal(folder, manifest) == release


def test_another_id_is_refused(sealed: tuple[Path, str]) -> None:
    with pytest.raises(ReleaseBroken, match="another digest"):
        bundle.verify(sealed[0], "0" * 64)
    with pytest.raises(ReleaseBroken):
        bundle.verify(sealed[0], "../../etc")


@pytest.mark.parametrize("path", ["model.onnx", "examples/1.png", "release.json"])
def test_one_flipped_byte_is_found(sealed: tuple[Path, str], path: str) -> None:
    folder, release = sealed
    data = bytearray((folder / path).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / path).write_bytes(data)
    with pytest.raises(ReleaseBroken):
        bundle.verify(folder, release)


def test_a_missing_and_an_extra_file_are_named(sealed: tuple[Path, str]) -> None:
    folder, release = sealed
    (folder / "card.md").write_text("hello")
    with pytest.raises(ReleaseBroken, match=r"card\.md is not in"):
        bundle.verify(folder, release)
    (folder / "card.md").unlink()
    (folder / "examples" / "0.png").unlink()
    with pytest.raises(ReleaseBroken, match=r"0\.png is missing"):
        bundle.verify(folder, release)


OFF = "weights.pkl model.pt code/x.so code/.hidden.py other/x.py examples/..png code/lib/evil.pth run.sh".split()


@pytest.mark.parametrize("path", [*OFF, "examples/a b.png"])
def test_a_file_off_the_list_can_not_be_sealed(sealed: tuple[Path, str], path: str) -> None:
    folder, _ = sealed
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(b"x")
    with pytest.raises(ReleaseBroken, match="may not be in a release"):
        bundle.seal(folder, _manifest(folder))


def _manifest(folder: Path) -> shape.Manifest:
    return shape.from_json(json.loads((folder / "release.json").read_bytes()))


def test_links_are_refused_wherever_they_stand(sealed: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = sealed
    manifest = _manifest(folder)
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    os.symlink(secret, folder / "examples" / "9.png")
    with pytest.raises(ReleaseBroken, match="may not be in a release"):
        bundle.seal(folder, manifest)
    (folder / "examples" / "9.png").unlink()
    os.symlink(tmp_path, folder / "code")
    with pytest.raises(ReleaseBroken, match="may not be in a release"):
        bundle.seal(folder, manifest)


def test_install_is_idempotent_and_private(sealed: tuple[Path, str], tmp_path: Path) -> None:
    folder, release = sealed
    releases = tmp_path / "releases"
    assert bundle.install(folder, releases) == bundle.install(folder, releases) == release
    assert [entry.name for entry in releases.iterdir()] == [release]
    assert (releases / release).stat().st_mode & 0o777 == 0o700
    assert (releases / release / "model.onnx").stat().st_mode & 0o777 == 0o600


def test_install_mends_a_damaged_release(sealed: tuple[Path, str], tmp_path: Path) -> None:
    folder, release = sealed
    releases = tmp_path / "releases"
    bundle.install(folder, releases)
    (releases / release / "model.onnx").write_bytes(b"torn")
    assert bundle.install(folder, releases) == release
    bundle.verify(releases / release, release)
    assert len(list(releases.iterdir())) == 1


def test_a_damaged_source_installs_nothing(sealed: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = sealed
    (folder / "model.onnx").write_bytes(b"torn")
    with pytest.raises(ReleaseBroken):
        bundle.install(folder, tmp_path / "releases")
    assert not list((tmp_path / "releases").iterdir())


@pytest.mark.parametrize(
    "header",
    [
        {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4096]}},
        {"w": {"dtype": "F32", "shape": [2], "data_offsets": [-8, 8]}},
        {"w": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}},
        {"w": {"dtype": "F32"}},
        [],
    ],
)
def test_safetensors_offsets_are_compared_with_the_file(sealed: tuple[Path, str], header: object) -> None:
    folder, _ = sealed
    written = json.dumps(header).encode()
    (folder / "weights.safetensors").write_bytes(struct.pack("<Q", len(written)) + written + b"\0" * 8)
    with pytest.raises(ReleaseBroken, match="safetensors"):
        bundle.seal(folder, _manifest(folder))


def test_a_header_longer_than_the_file_is_refused(sealed: tuple[Path, str]) -> None:
    folder, _ = sealed
    (folder / "weights.safetensors").write_bytes(struct.pack("<Q", 1 << 40) + b"{}")
    with pytest.raises(ReleaseBroken, match="safetensors"):
        bundle.seal(folder, _manifest(folder))


def test_code_is_there_only_where_the_manifest_says_so(sealed: tuple[Path, str]) -> None:
    folder, _ = sealed
    (folder / "code").mkdir()
    (folder / "code" / "app.py").write_text("")
    with pytest.raises(ReleaseBroken, match="holds no code, and holds code/app.py"):
        bundle.seal(folder, _manifest(folder))


def test_code_needs_its_app(sealed: tuple[Path, str]) -> None:
    folder, _ = sealed
    written = shape.to_json(_manifest(folder)) | {"code": True}
    with pytest.raises(ReleaseBroken, match=r"no code/app\.py"):
        bundle.seal(folder, shape.from_json(written))


@pytest.mark.parametrize(
    "change",
    [
        {"feilds": []},
        {"format": 2},
        {"fields": "input"},
        {"title": 3},
        {"forms": []},
        {"forms": [{"name": "fp32"}]},
        {"deadline_s": "soon"},
        {"familiar": {"file": "familiar.safetensors"}},
    ],
)
def test_a_manifest_is_read_strictly(sealed: tuple[Path, str], change: dict) -> None:
    with pytest.raises(ReleaseBroken, match="can not be read"):
        shape.from_json({**shape.to_json(_manifest(sealed[0])), **change})


def test_a_misspelt_key_brings_the_likely_one(sealed: tuple[Path, str]) -> None:
    with pytest.raises(ReleaseBroken) as told:
        shape.from_json({**shape.to_json(_manifest(sealed[0])), "metric": {}})
    assert "metrics" in told.value.do_next


@pytest.mark.parametrize("written", [b"", b"[]", b"{", b"[" * 100_000, b"\xff\xfe"])
def test_nonsense_for_a_manifest_is_told_as_such(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "release.json").write_bytes(written)
    with pytest.raises(ReleaseBroken):
        bundle.read(tmp_path)


@pytest.mark.parametrize(("batch", "holds"), [(1, True), (64, True), (65, False), (2**30, False), (2.0, False)])
def test_a_release_can_not_ask_for_more_at_once_than_a_queue_holds(
    sealed: tuple[Path, str], batch: float, holds: bool
) -> None:
    written = shape.to_json(_manifest(sealed[0]))
    written["forms"] = [{**written["forms"][0], "batch": batch}]
    if holds:
        assert shape.from_json(written).forms[0]["batch"] == batch
    else:
        with pytest.raises(ReleaseBroken, match="no form to run"):
            shape.from_json(written)
