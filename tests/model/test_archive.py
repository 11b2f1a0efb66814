"""A release as one file is the same bytes everywhere, opens in any zip program, and comes out as it went in."""

import os
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from teahouse.errors import ReleaseBroken
from teahouse.model import archive, bundle, signing
from teahouse.testing import tiny_release


@pytest.fixture
def sealed(tmp_path: Path) -> tuple[Path, str]:
    folder = tmp_path / "release"
    return folder, tiny_release(folder)


def with_code(folder: Path) -> str:
    for path in ("code/app.py", "code/net/blocks.py", "card.md"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"# {path}\n")
    return bundle.seal(folder, replace(bundle.read(folder), code=True, files={}))


@pytest.mark.parametrize("signed", [True, False])
def test_what_was_packed_is_unpacked(sealed, tmp_path: Path, signed):
    folder, _ = sealed
    release, key = with_code(folder), signing.new() if signed else None
    file = tmp_path / "tea.teahouse"
    assert archive.pack(folder, file, key) == release
    found, manifest, signature = archive.look(file)
    assert (found, manifest) == (release, bundle.read(folder))
    assert (signature["key"] == signing.public_text(key)) if key else (signature is None)
    trusted = {signing.public_text(key)} if key else None
    assert archive.unpack(file, tmp_path / "releases", trusted) == release
    bundle.verify(tmp_path / "releases" / release, release)
    for path in (*manifest.files, "release.json"):
        assert (tmp_path / "releases" / release / path).read_bytes() == (folder / path).read_bytes()


def test_the_bytes_hang_on_the_release_and_the_key_alone(sealed, tmp_path: Path):
    folder, release = sealed
    key = signing.new()
    archive.pack(folder, tmp_path / "one", key)
    again = bundle.install(folder, tmp_path / "elsewhere")
    for path in (tmp_path / "elsewhere" / again).rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o755)
    before = os.umask(0o077)
    try:
        archive.pack(tmp_path / "elsewhere" / release, tmp_path / "two", key)
    finally:
        os.umask(before)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_any_zip_program_opens_it(sealed, tmp_path: Path):
    folder, _ = sealed
    archive.pack(folder, tmp_path / "tea.teahouse", signing.new())
    with zipfile.ZipFile(tmp_path / "tea.teahouse") as opened:
        assert opened.testzip() is None
        assert opened.namelist() == [*sorted([*bundle.read(folder).files, "release.json"]), "signature.json"]
        assert opened.read("model.onnx") == (folder / "model.onnx").read_bytes()
        told = opened.infolist()[0]
        assert told.date_time == (1980, 1, 1, 0, 0, 0) and told.external_attr >> 16 == 0o100644


def test_a_bundle_is_installed_like_a_folder(sealed, tmp_path: Path):
    folder, release = sealed
    archive.pack(folder, tmp_path / "tea.teahouse", None)
    releases = tmp_path / "releases"
    assert archive.unpack(tmp_path / "tea.teahouse", releases) == bundle.install(folder, releases) == release
    assert (releases / release).stat().st_mode & 0o777 == 0o700
    assert (releases / release / "model.onnx").stat().st_mode & 0o777 == 0o600
    (releases / release / "model.onnx").write_bytes(b"torn")
    assert archive.unpack(tmp_path / "tea.teahouse", releases) == release
    bundle.verify(releases / release, release)
    assert [each.name for each in releases.iterdir()] == [release]


def test_a_damaged_bundle_is_refused_though_its_release_is_there(sealed, tmp_path: Path):
    folder, release = sealed
    archive.pack(folder, tmp_path / "tea.teahouse", None)
    archive.unpack(tmp_path / "tea.teahouse", tmp_path / "releases")
    data = bytearray((tmp_path / "tea.teahouse").read_bytes())
    data[60] ^= 1
    (tmp_path / "tea.teahouse").write_bytes(data)
    with pytest.raises(ReleaseBroken, match="damaged"):
        archive.unpack(tmp_path / "tea.teahouse", tmp_path / "releases")
    bundle.verify(tmp_path / "releases" / release, release)


def test_it_is_told_how_far_it_is(sealed, tmp_path: Path):
    folder, _ = sealed
    archive.pack(folder, tmp_path / "tea.teahouse", None)
    told: list[tuple[int, int]] = []
    archive.unpack(tmp_path / "tea.teahouse", tmp_path / "releases", None, lambda *one: told.append(one))
    assert told[-1][0] == told[-1][1] == sum(path.stat().st_size for path in folder.rglob("*.*") if path.is_file())


def test_a_folder_that_is_no_whole_release_is_not_packed(sealed, tmp_path: Path):
    folder, _ = sealed
    (folder / "model.onnx").write_bytes(b"torn")
    with pytest.raises(ReleaseBroken):
        archive.pack(folder, tmp_path / "tea.teahouse", None)
    with pytest.raises(ReleaseBroken):
        archive.pack(tmp_path, tmp_path / "tea.teahouse", None)
    assert [each.name for each in tmp_path.iterdir()] == ["release"], "nothing half written stays"


def test_names_that_some_computers_take_for_one_are_not_packed(sealed, tmp_path: Path):
    folder, _ = sealed
    with_code(folder)
    (folder / "code" / "Net").mkdir()
    (folder / "code" / "Net" / "heads.py").write_text("")
    bundle.seal(folder, replace(bundle.read(folder), files={}))
    with pytest.raises(ReleaseBroken, match="same name to some computers"):
        archive.pack(folder, tmp_path / "tea.teahouse", None)


@pytest.mark.parametrize("data", [b"", b"PK", b"no zip at all" * 100, b"PK\5\6" + bytes(18)])
def test_what_is_no_bundle_is_told_as_such(tmp_path: Path, data):
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(ReleaseBroken) as told:
        archive.look(tmp_path / "file")
    assert told.value.do_next
    with pytest.raises(ReleaseBroken):
        archive.look(tmp_path / "nowhere")
    with pytest.raises(ReleaseBroken):
        archive.look(tmp_path)


@pytest.mark.skipif(
    not all(map(shutil.which, ("unzip", "jq", "xxd", "openssl", "sha256sum"))), reason="needs the tools"
)
def test_the_page_on_bundles_verifies_one_by_hand(sealed, tmp_path: Path):
    page = (Path(__file__).parents[2] / "docs" / "bundle.md").read_text("utf-8")
    script = page.split("## By hand", 1)[1].split("```sh\n", 1)[1].split("```", 1)[0]
    key = signing.new()
    archive.pack(sealed[0], tmp_path / "tea.teahouse", key)
    told = subprocess.run(["bash", "-ec", script], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines() == ["Signature Verified Successfully", signing.public_text(key)]
