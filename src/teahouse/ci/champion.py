"""Champion: whom a candidate is judged against: a file, the project's own champion, or the newest GitHub Release."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from teahouse.errors import InputError, ReleaseBroken


@dataclass(frozen=True)
class Side:
    """A release that takes part: its folder, its manifest, where it comes from in words, and which of the app's GitHub
    Releases it is, the oldest being 1 (0: none)."""

    release: str
    folder: Path
    manifest: Any
    whence: str
    number: int = 0

    def as_dict(self) -> dict[str, Any]:
        """What report.json tells of it."""
        return {"release": self.release, "from": self.whence, "made": self.manifest.made, "app": self.manifest.app}


def of_folder(folder: Path, release: str, whence: str) -> Side:
    """A release that is installed already."""
    from teahouse.model import bundle

    return Side(release, folder, bundle.read(folder), whence)


def of_file(path: Path, app: str, releases: Path, whence: str = "", trusted: Any = None) -> Side:
    """The release in a bundle, or in a folder with a release.json, installed under `releases`. InputError where it is
    another app's, ReleaseBroken where it is not whole. Where keys are `trusted` one of them has signed the bundle, and
    a folder, which bears no signature, is refused."""
    from teahouse.model import archive, bundle

    if not path.exists():
        raise InputError(f"There is no file {path}.", do_next="Give a bundle: NAME.teahouse")
    if path.is_dir() and trusted is not None:
        why = "A folder bears no signature, and keys.txt says whose releases count here."
        raise ReleaseBroken(f"The release in {path.name} is not taken.", why, "Give the bundle: NAME.teahouse")
    release = bundle.install(path, releases) if path.is_dir() else archive.unpack(path, releases, trusted)
    side = of_folder(releases / release, release, whence or path.name)
    refuse_other(side.manifest.app, app, side.whence)
    return side


def trusted_in(project: Path) -> Any:
    """Whose signatures count in the project; None where it does not say."""
    from teahouse.model import signing

    return signing.trusted(project / signing.KEYS)


def refuse_other(found: str, app: str, whence: str) -> None:
    """InputError for a release of another app than `app`, whatever its file is called."""
    if found != app:
        raise InputError(
            f"{whence} is no release of {app}.", f'It is a release of "{found}".', f"teahouse check {found}"
        )


def newest(app: str, project: Path, scratch: Path, repo: str = "") -> Side | None:
    """The champion of a project that has no site: its newest Release on GitHub. None outside of GitHub, and where there
    is no Release of this app yet. What the network or GitHub refuses is raised: a champion that can not be fetched is
    not one that is not there."""
    return _fetched(app, project, scratch, repo or os.environ.get("GITHUB_REPOSITORY", ""), -1)


def first(app: str, project: Path, scratch: Path) -> Side | None:
    """The first Release on GitHub, which no later one may fall below. None where it can not be read here any more, is
    signed by nobody who is trusted, or names no rows that it was trained on: it may know the photos that judge."""
    try:
        side = _fetched(app, project, scratch, os.environ.get("GITHUB_REPOSITORY", ""), 0)
    except (InputError, ReleaseBroken):
        return None
    return side if side is not None and side.manifest.version is not None else None


def _fetched(app: str, project: Path, scratch: Path, repo: str, place: int) -> Side | None:
    """One of the app's Releases, by its place from the oldest on."""
    from teahouse.ci import github

    if not repo:
        return None
    with github.Api() as api:
        found = api.bundles(repo, app)
        if not found:
            return None
        asset = found[place]
        path = api.download(repo, asset, scratch / f"release-{asset.id}{github.SUFFIX}")
    side = of_file(path, app, scratch / "releases", f"the Release {asset.tag} of {repo}", trusted_in(project))
    return replace(side, number=found.index(asset) + 1)
