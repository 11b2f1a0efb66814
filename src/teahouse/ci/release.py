"""Release: a bundle becomes a GitHub Release: signed, named after what it holds, with words on how to check it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teahouse.ci import github
from teahouse.ci.markdown import text
from teahouse.errors import InputError
from teahouse.model.archive import SUFFIX

WORDS = {"promote": "Better than the release before, by the verdict.", "hold": "Merged by its maker."}
MOST_REASONS, MOST_WORDS = 12, 400


@dataclass(frozen=True)
class Signed:
    """A bundle, whose it is ("": nobody signed it)."""

    bundle: Path
    release: str
    key: str


def bundles(given: Path) -> list[Path]:
    """The bundle that is given, or those in the folder that is given, by name."""
    if given.is_dir():
        return sorted(path for path in given.iterdir() if path.suffix == SUFFIX and path.is_file())
    if given.suffix != SUFFIX:
        raise InputError(f"{given.name} is no bundle.", f"A bundle is called NAME{SUFFIX}.")
    if not given.is_file():
        raise InputError(f"There is no file {given}.", do_next=f"Give a bundle: NAME{SUFFIX}")
    return [given]


def sign(bundle: Path, key: Any, trusted: Any = None) -> Signed:
    """Sign the bundle in place with the key; with None it stays as it is. Its release's id is the same either way.

    One that its maker has signed keeps that signature; where keys are `trusted`, it has to be by one of them.

    Raises ReleaseBroken for a bundle that is not whole: nothing is signed that could not be used."""
    from teahouse.model import archive, signing

    release, _, signature = archive.look(bundle)
    if signature:
        own = signing.public_text(key) if key else None
        signing.check(signature, release, None if signature["key"] == own else trusted)
        return Signed(bundle, release, signature["key"])
    if key is None:
        return Signed(bundle, release, "")
    with tempfile.TemporaryDirectory(prefix="teahouse-") as scratch:
        archive.pack(Path(scratch) / archive.unpack(bundle, Path(scratch), None), bundle, key)
    return Signed(bundle, release, signing.public_text(key))


def publish(api: github.Api, repo: str, bundle: Path, told: Mapping[str, Any], commit: str = "") -> str:
    """Make the GitHub Release of a bundle; the address of its page. `told`: the report on it, or {}."""
    from teahouse.model import archive

    release, manifest, signature = archive.look(bundle)
    if bundle.name != f"{manifest.app}{SUFFIX}":
        what = f"{bundle.name} holds a release of {manifest.app}."
        raise InputError(what, do_next=f"Call it {manifest.app}{SUFFIX}.")
    title = f"{manifest.app} {release[:12]}"
    notes = words(manifest, release, signature["key"] if signature else "", told, repo)
    return api.release(repo, github.Wish(tag(manifest.app, release), title, notes, commit), bundle)


def tag(app: str, release: str) -> str:
    """The tag of a release: the same model has the same one, so that nothing is released twice."""
    return f"{app}-{release[:12]}"


def report_beside(bundle: Path) -> dict[str, Any]:
    """What `ci candidate` wrote beside the bundle, or {}."""
    path = bundle.with_suffix(".json")
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def words(manifest: Any, release: str, key: str, told: Mapping[str, Any], repo: str) -> str:
    """The Release's text: the verdict and its reasons, then how somebody else can check and use the bundle."""
    name = f"{manifest.app}{SUFFIX}"
    lines = [f"**{text(manifest.title, MOST_WORDS)}**", ""]
    if told.get("outcome"):
        lines += [WORDS.get(str(told["outcome"]), ""), ""]
        reasons = [one for one in told.get("reasons") or () if isinstance(one, Mapping)]
        lines += [f"- {text(reason.get('words', ''), MOST_WORDS)}" for reason in reasons[:MOST_REASONS]]
    lines += ["", f"Release `{release}`, made {text(manifest.made, MOST_WORDS)}.", ""]
    lines.append(f"Signed by `{key}`." if key else "Not signed: the repository has no TEAHOUSE_SIGNING_KEY.")
    lines += [
        f"Where it was built: `gh attestation verify {name} --repo {repo}`" if repo else "",
        f"Against your own champion: `teahouse check {manifest.app} --candidate {name}`",
    ]
    return "\n".join(lines).strip() + "\n"
