"""A release as a folder: sealing, reading, verifying and installing it. Nothing here runs what it holds."""

import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from teahouse import failpoints, ids
from teahouse.errors import ReleaseBroken
from teahouse.model.onnx_file import check_onnx
from teahouse.model.shape import Manifest, from_json, to_json

MANIFEST = "release.json"
TOP = ("model.onnx", "model.int8.onnx", "weights.safetensors", "familiar.safetensors", "card.md")
ENDINGS = {
    "examples": {".jpg", ".jpeg", ".png", ".webp", ".json", ".txt"},
    "code": {".py", ".json", ".txt", ".md", ".toml", ".csv", ".safetensors"},
}
SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z")
MOST_FILES, MOST_BYTES, MOST_MANIFEST, MOST_DEEP = 2000, 4_000_000_000, 1_000_000, 7
MOST_HEADER = 8_000_000  # of safetensors, which names some hundred tensors in 20 kB


def seal(folder: Path, manifest: Manifest) -> str:
    """Writes release.json with the digest of every file, and returns the release id (64 hex).

    ReleaseBroken for a file that a release may not hold. `manifest.files` is filled here."""
    folder = Path(folder)
    (folder / MANIFEST).unlink(missing_ok=True)
    for compiled in list((folder / "code").rglob("__pycache__")):
        shutil.rmtree(compiled)
    files = {path: _digest(folder / path) for path in _listing(folder)}
    written = ids.canonical(to_json(replace(manifest, files=files)))
    if len(written) > MOST_MANIFEST:
        raise ReleaseBroken(
            "This release is too large.",
            f"release.json would have {len(written)} bytes, and may have {MOST_MANIFEST}.",
            "Keep fewer metrics and examples.",
        )
    _write(folder / MANIFEST, written)
    release = ids.sha256(written)
    verify(folder, release)
    return release


def read(folder: Path) -> Manifest:
    """The manifest alone, no digests checked: cheap, for a release that was installed here."""
    return from_json(_parse(manifest_bytes(Path(folder))))


def verify(folder: Path, release: str) -> Manifest:
    """The manifest of a folder that is exactly this release: every digest right, no file more or less, no links.

    ReleaseBroken says which file is wrong."""
    folder = Path(folder)
    written = manifest_bytes(folder)
    if not ids.is_digest(release) or ids.sha256(written) != release:
        raise ReleaseBroken(
            "This is not the release that it claims to be.", "release.json has another digest.", "Install it again."
        )
    manifest = from_json(_parse(written))
    present = set(_listing(folder))
    for path in sorted(present ^ set(manifest.files)):
        raise ReleaseBroken(
            "This release is not whole.",
            f"{path} is {'not in release.json' if path in present else 'missing'}.",
            "Install it again.",
        )
    for path, digest in manifest.files.items():
        if _digest(folder / path) != digest:
            raise ReleaseBroken(
                "This release is damaged.", f"{path} has another digest than release.json says.", "Install it again."
            )
    _check_contents(folder, manifest)
    return manifest


def install(source: Path, releases: Path) -> str:
    """Copies a sealed folder to releases/<id> and returns the id: staged, verified, renamed; again is harmless."""
    source = Path(source)

    def fill(staging: Path) -> None:
        for path in (*_listing(source), MANIFEST):
            _copy(source / path, staging / path)

    return place(ids.sha256(manifest_bytes(source)), Path(releases), fill)


def place(release: str, releases: Path, fill: Callable[[Path], None]) -> str:
    """Makes releases/<release> of what `fill` writes into an empty private folder: verified, then renamed; its id.

    One that is there and whole stays, and nothing is filled; a damaged one is replaced. A ReleaseBroken leaves nothing
    behind."""
    target = releases / release
    if holds(releases, release):
        return release
    if target.is_dir():
        _set_aside(target)
    releases.mkdir(mode=0o700, parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".staging-", dir=releases))
    try:
        fill(staging)
        verify(staging, release)
        failpoints.here("install")
        try:
            os.rename(staging, target)
        except OSError:  # somebody installed the same release meanwhile
            verify(target, release)
        _sync(releases)
        failpoints.here("installed")
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return release


def holds(releases: Path, release: str) -> bool:
    """Whether this release is installed here, and whole."""
    if not (releases / release).is_dir():
        return False
    try:
        verify(releases / release, release)
    except ReleaseBroken:
        return False
    return True


def allowed(path: str) -> bool:
    """Whether a release may hold a file of this path (and release.json itself)."""
    return path.count("/") < MOST_DEEP and _allowed(tuple(path.split("/")))


def _listing(folder: Path) -> list[str]:
    """Paths of all files but release.json, sorted; ReleaseBroken where one is not allowed."""
    found = sorted(_files(folder, ()))
    if len(found) > MOST_FILES or sum((folder / path).stat().st_size for path in found) > MOST_BYTES:
        raise ReleaseBroken("This release is too large.", f"At most {MOST_FILES} files and {MOST_BYTES / 1e9:.0f} GB.")
    return found


def _files(folder: Path, above: tuple[str, ...]) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = (*above, entry.name)
            name, mode = "/".join(path), entry.stat(follow_symlinks=False).st_mode
            if (
                stat.S_ISDIR(mode)
                and not entry.is_symlink()
                and path[0] in ENDINGS
                and len(path) < MOST_DEEP
                and SEGMENT.match(entry.name)
            ):
                yield from _files(Path(entry.path), path)
            elif not stat.S_ISREG(mode) or not _allowed(path):
                raise ReleaseBroken(
                    "This release can not be used.", f"{name!r} may not be in a release.", "Remove it and seal again."
                )
            elif name != MANIFEST:
                yield name


def _allowed(path: tuple[str, ...]) -> bool:
    if len(path) == 1:
        return path[0] in TOP or path[0] == MANIFEST
    return all(SEGMENT.match(part) for part in path) and Path(path[-1]).suffix in ENDINGS.get(path[0], ())


def _check_contents(folder: Path, manifest: Manifest) -> None:
    named = [form["file"] for form in manifest.forms] + ([manifest.familiar["file"]] if manifest.familiar else [])
    for path in named:
        if path not in manifest.files:
            raise ReleaseBroken(
                "This release is not whole.", f"It names {path!r}, which it does not hold.", "Seal it again."
            )
    for path in manifest.files:
        if path.endswith(".onnx"):
            check_onnx(folder / path)
        elif path.endswith(".safetensors"):
            _check_safetensors(folder / path)
    code = next((path for path in manifest.files if path.startswith("code/")), None)
    if code is not None and not manifest.code:
        raise ReleaseBroken(
            "This release can not be used.", f"It says that it holds no code, and holds {code}.", "Seal it again."
        )
    if manifest.code and "code/app.py" not in manifest.files:
        raise ReleaseBroken(
            "This release is not whole.", "It says that it holds code, and has no code/app.py.", "Seal it again."
        )


class _Tensor(msgspec.Struct):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def _check_safetensors(path: Path) -> None:
    """Offsets inside of the file and the header's own size: nothing is trusted before it is compared with the file."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        try:
            if not 2 <= length <= min(size - 8, MOST_HEADER):
                raise ValueError("the header does not fit")
            at = 0
            for begin, end in sorted(_offsets(file.read(length))):
                if begin != at or not begin <= end <= size - 8 - length:
                    raise ValueError("its tensors overlap, leave gaps or point outside of the file")
                at = end
            if at != size - 8 - length:
                raise ValueError("it holds bytes that belong to no tensor")
        except (ValueError, RecursionError) as error:
            raise ReleaseBroken(
                f"{path.name} can not be used.", f"It is not a sound safetensors file: {error}.", "Make it again."
            ) from error


def _offsets(header: bytes) -> list[tuple[int, int]]:
    """Where each tensor says that it lies. Parsed into its one shape, so that a hostile header takes little memory."""
    raw = msgspec.json.decode(header, type=dict[str, msgspec.Raw])
    if "__metadata__" in raw:
        msgspec.json.decode(raw.pop("__metadata__"), type=dict[str, str])
    return [msgspec.json.decode(each, type=_Tensor).data_offsets for each in raw.values()]


def manifest_bytes(folder: Path) -> bytes:
    """The bytes of release.json, whose SHA-256 is the release's id; ReleaseBroken where there is none."""
    try:
        with os.fdopen(os.open(folder / MANIFEST, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
            return file.read(MOST_MANIFEST)
    except OSError as error:
        raise ReleaseBroken(
            "There is no release here.",
            f"{folder.name}/{MANIFEST} can not be read: {error.strerror}.",
            "Install it again.",
        ) from error


def _parse(written: bytes) -> object:
    try:
        return json.loads(written)
    except (ValueError, RecursionError) as error:
        raise ReleaseBroken(
            "This release can not be read.", f"release.json is not JSON: {error}.", "Install it again."
        ) from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(descriptor, "rb") as given, target.open("xb") as taken:
        os.chmod(target, 0o600)
        shutil.copyfileobj(given, taken, 1 << 20)
        taken.flush()
        os.fsync(taken.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _set_aside(damaged: Path) -> None:
    aside = damaged.with_name(f".damaged-{os.getpid()}-{damaged.name}")
    os.rename(damaged, aside)
    shutil.rmtree(aside, ignore_errors=True)
