"""Lays out a project's own files: a commented teahouse.toml, .gitignore, a README; fills in the skeleton's pages."""

from __future__ import annotations

import json
from importlib.resources import files as packaged
from pathlib import Path
from string import Template
from typing import Any

from teahouse.desk.where import Project


def suggested(name: str) -> str:
    """The nearest name that can be one."""
    from teahouse.spec.app import RESERVED

    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower()).strip(
        "-0123456789"
    )
    if kept in RESERVED:
        return f"my-{kept}"
    return kept[:39] if len(kept) >= 2 else "my-app"


def make_project(root: Path, name: str, written: dict[str, dict[str, Any]] | None = None) -> Project:
    """A project's own files at `root`; `written` are settings that stand in teahouse.toml uncommented."""
    from teahouse import settings

    root.mkdir(parents=True, exist_ok=True)
    (root / "teahouse.toml").write_text(settings_page(written or {}), "utf-8")
    (root / ".gitignore").write_text(skeleton("gitignore"), "utf-8")
    (root / "README.md").write_text(filled("README.md", project=name), "utf-8")
    return Project(root.resolve(), settings.load(root))


def settings_page(written: dict[str, dict[str, Any]]) -> str:
    """teahouse.toml with every setting, its meaning and its default, commented out unless it is `written`."""
    from teahouse import settings

    lines = [
        "# Settings of this site. A flag wins over TEAHOUSE_SECTION_KEY, that over this file, that over the default.",
        "",
    ]
    for section in settings.SECTIONS:
        lines.append(f"[{section}]")
        for key, about in settings.Settings.model_fields[section].annotation.model_fields.items():
            chosen = written.get(section, {})
            default = about.get_default(call_default_factory=True)
            lines.append(f"# {about.description}")
            lines.append(f"{key} = {toml(chosen[key])}" if key in chosen else f"# {key} = {toml(default)}")
        lines.append("")
    return "\n".join(lines)


def toml(value: Any) -> str:
    """A setting's value as TOML: strings, numbers, booleans and lists of them are written as in JSON."""
    return json.dumps(value, ensure_ascii=False)


def skeleton(name: str) -> str:
    """A file of the skeleton, as it is."""
    return (packaged("teahouse.desk") / "skeleton" / name).read_text("utf-8")


def filled(name: str, **values: str) -> str:
    """A file of the skeleton with its $words filled in."""
    return Template(skeleton(f"{name}.in")).substitute(values)
