"""Init: the workflow files that a project on GitHub gets, filled in for its apps and pinned to this version."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files as packaged
from pathlib import Path

from teahouse.errors import InputError

FOLDER = Path(".github/workflows")
CHECK, RELEASE, LOOP = NAMES = ("teahouse-check.yml", "teahouse-release.yml", "teahouse-loop.yml")
# Each action by the commit that its version was released as: a tag can be moved, a commit can not.
PINS: Mapping[str, tuple[str, str]] = {
    "actions/checkout": ("de0fac2e4500dabe0009e67214ff5f5447ce83dd", "v6.0.2"),
    "actions/setup-python": ("a309ff8b426b58ec0e2a45f0f869d46889d02405", "v6.2.0"),
    "actions/upload-artifact": ("b7c566a772e6b6bfb58ed0dc250532a479d7789f", "v6.0.0"),
    "actions/download-artifact": ("37930b1c2abaa49bbe596cd826c3c89aef350131", "v7.0.0"),
    "actions/upload-pages-artifact": ("7b1f4a764d45c48632c6b24a0339c27f5614fb0b", "v4.0.0"),
    "actions/deploy-pages": ("d6db90164ac5ed86f2b6aed7e0febac5b3c0c03e", "v4.0.5"),
    "actions/attest-build-provenance": ("a2bbfa25375fe432b6a289bc6b6cd05ecd0c4c32", "v4.1.0"),
}
PYTHON, RUFF, PYTEST, MINUTES = "3.12", "0.17.6", "9.2.0", 5
TORCH_CPU = "https://download.pytorch.org/whl/cpu"  # a runner has no GPU: the usual build is 2 GB of CUDA for nothing
WRITTEN = "# As teahouse ci init wrote it: "  # then the digest of all above: what nobody changed may be written anew
SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,150}\Z")  # of names that are written into YAML and a command


@dataclass(frozen=True)
class Wish:
    """What the workflows are written for. `folder`: the project's, relative to the repository's top ("" is the top).
    `bundle`: a .teahouse file of the project (relative to it) that is the candidate, in place of a training."""

    apps: tuple[str, ...]
    version: str
    branch: str = "main"
    folder: str = ""
    bundle: str = ""
    requirements: bool = False
    lfs: bool = False


def write(top: Path, wish: Wish, force: bool = False) -> list[Path]:
    """Write the workflow files below `top`, the repository's folder; those that changed. InputError, before anything is
    written, where one is there that somebody changed by hand, and not `force`."""
    texts = {top / FOLDER / name: sealed(filled(name, wish)) for name in NAMES}
    others = [path for path, text in texts.items() if path.exists() and path.read_text("utf-8") != text]
    by_hand = [path for path in others if not is_untouched(path.read_text("utf-8"))]
    if by_hand and not force:
        raise InputError(
            f"{', '.join(path.name for path in by_hand)} would change.",
            "By hand it became what it is now.",
            "teahouse ci init --force writes it anew; `git diff` shows what that changes.",
        )
    fresh = [path for path, text in texts.items() if not path.exists() or path in others]
    for path in fresh:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[path], "utf-8")
    return fresh


def sealed(text: str) -> str:
    """The text of a workflow with a last line that tells whether somebody changed it since."""
    return f"{text}{WRITTEN}{hashlib.sha256(text.encode()).hexdigest()}\n"


def is_untouched(text: str) -> bool:
    """Whether this is a workflow as `write` left it, whatever it was written for."""
    above, mark, _ = text.rpartition(WRITTEN)
    return bool(mark) and sealed(above) == text


def filled(name: str, wish: Wish) -> str:
    """One workflow file as text. InputError for a name that can not stand in one."""
    for given in (*wish.apps, wish.branch, wish.version, *filter(None, (wish.folder, wish.bundle))):
        if not SAFE.match(given) or ".." in given:
            raise InputError(f"{given!r} can not be written into a workflow.", "Letters, digits and . _ / - only.")
    prefix = f"{wish.folder}/" if wish.folder else ""
    source = ["--candidate", wish.bundle] if wish.bundle else ["--train", "--minutes", str(MINUTES)]
    values = {
        **{action.partition("/")[2]: f"{action}@{sha} # {version}" for action, (sha, version) in PINS.items()},
        "apps": ", ".join(wish.apps),
        "branch": wish.branch,
        "version": wish.version,
        "python": PYTHON,
        "ruff": RUFF,
        "pytest": PYTEST,
        "all_apps": " ".join(wish.apps),
        "minutes": str(MINUTES),
        "check_timeout": str(45 + 2 * MINUTES),
        "cron": cron(wish),
        "prefix": prefix,
        "check_options": " ".join(source),
        "candidate_options": f"--bundle {wish.bundle}" if wish.bundle else "",
        "install": f'python -m pip install "teahouse=={wish.version}"',
        "install_train": f'python -m pip install "teahouse[train]=={wish.version}" --extra-index-url {TORCH_CPU}',
        **blocks(wish),
    }
    text = (packaged("teahouse.ci") / "workflows" / f"{name}.in").read_text("utf-8")
    text = re.sub(r"^%%([a-z_]+)%%\n", lambda found: values[found[1]], text, flags=re.M)
    return re.sub(r"%%([a-z_-]+)%%", lambda found: values[found[1]], text).replace("  --", " --")


def blocks(wish: Wish) -> dict[str, str]:
    """The parts that stand in a workflow only for some projects, each with its end of line."""
    defaults = f"    defaults:\n      run:\n        working-directory: {wish.folder}\n" if wish.folder else ""
    requirements = "      - name: Install its own needs\n        run: python -m pip install -r requirements.txt\n"
    refuse_taken(wish.apps)
    return {
        "defaults": defaults,
        "lfs": "          lfs: true\n" if wish.lfs else "",
        "requirements": requirements if wish.requirements else "",
    }


def refuse_taken(apps: tuple[str, ...]) -> None:
    """InputError where an app's page would lie in a folder that the first one's page has for itself."""
    from teahouse.pages.build import OWN

    for app in apps[1:]:
        if app in OWN:
            raise InputError(
                f'The page of "{app}" has no place.',
                f'The page of {apps[0]} lies above it, and keeps files of its own in "{app}".',
                f"Name it first (teahouse ci init {app} …), or leave it out.",
            )


def cron(wish: Wish) -> str:
    """Once a day at a minute of this project's own: GitHub is late, or drops runs, where everybody asks at once."""
    drawn = hashlib.sha256(" ".join(wish.apps).encode()).digest()
    return f"{1 + drawn[0] % 58} {2 + drawn[1] % 4} * * *"


def top_of(project: Path) -> Path:
    """The folder of the git repository that the project lies in; the project's own where it is in none."""
    return next((folder for folder in (project, *project.parents) if (folder / ".git").exists()), project)


def branch_of(top: Path) -> str:
    """The branch that releases are made from: the remote's own choice, else the one that is checked out, else main."""
    for asked in (["symbolic-ref", "--short", "refs/remotes/origin/HEAD"], ["symbolic-ref", "--short", "HEAD"]):
        told = _git(top, *asked).removeprefix("origin/")
        if told:
            return told
    return "main"


def left_behind(top: Path, folder: Path) -> str:
    """Why the runner will not find the data in `folder`, in words; "" where it will."""
    if not folder.resolve().is_relative_to(top.resolve()):
        return f"{folder} lies outside of the repository: the runner will not find it."
    if _git(top, "check-ignore", "-q", str(folder), status=True) == "0":
        return f"{folder} is ignored by git: the runner will not find it."
    return ""


def uses_lfs(top: Path) -> bool:
    """Whether files of this repository lie in Git LFS."""
    try:
        return "filter=lfs" in (top / ".gitattributes").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def _git(top: Path, *words: str, status: bool = False) -> str:
    try:
        command = ["git", "-C", str(top), *words]  # the git that the maker's own shell finds
        told = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return str(told.returncode) if status else told.stdout.strip()
