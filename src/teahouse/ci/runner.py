"""Runner: what GitHub Actions tells a step about its run, and where a step leaves its outputs and its summary."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teahouse.errors import InputError

NAME = re.compile(r"[a-z_]+\Z")


def pull_request(environment: Mapping[str, str] | None = None) -> int:
    """The number of the pull request that this run is about, from the event's file. InputError where it is none."""
    given = os.environ if environment is None else environment
    try:
        event = json.loads(Path(given.get("GITHUB_EVENT_PATH", "")).read_bytes())
        return int(event["pull_request"]["number"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = "GITHUB_EVENT_PATH names no event with a pull request."
        raise InputError("This run is about no pull request.", why, "Give its number: --pr N") from error


def page(environment: Mapping[str, str] | None = None) -> str:
    """The address of this run's page, or "" outside of GitHub Actions."""
    given = os.environ if environment is None else environment
    server, repo, run = (given.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"{server}/{repo}/actions/runs/{run}" if server and repo and run else ""


def commit(environment: Mapping[str, str] | None = None) -> str:
    """The commit that this run is about, or ""."""
    return (os.environ if environment is None else environment).get("GITHUB_SHA", "")


def branch(environment: Mapping[str, str] | None = None) -> str:
    """The branch that this run is about, or ""."""
    return (os.environ if environment is None else environment).get("GITHUB_REF_NAME", "")


def summarise(markdown: str, environment: Mapping[str, str] | None = None) -> bool:
    """Put words on the run's page; False outside of GitHub Actions."""
    return _append("GITHUB_STEP_SUMMARY", markdown.rstrip("\n") + "\n", environment)


def output(name: str, value: bool, environment: Mapping[str, str] | None = None) -> bool:
    """Leave an output of this step for later ones: true or false, so that nothing can be slipped in."""
    if not NAME.match(name):
        raise ValueError(name)
    return _append("GITHUB_OUTPUT", f"{name}={'true' if value else 'false'}\n", environment)


def _append(variable: str, text: str, environment: Mapping[str, str] | None) -> bool:
    path: Any = (os.environ if environment is None else environment).get(variable)
    if not path:
        return False
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(text)
    return True
