"""Writes the generated pages of docs/: the house plan, the verbs, the settings. `--check` only compares."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "teahouse"
DOCS = ROOT / "docs"
MADE = "<!-- made by scripts/write_docs.py: run `make docs` -->"


def house_plan() -> str:
    """Every module with the first line of its docstring, room by room."""
    lines = [
        "# The house plan",
        "",
        MADE,
        "",
        "Calls go down, facts go up through the store. Rooms on a floor never import each other.",
        "",
    ]
    rooms: dict[str, list[Path]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        room = str(path.parent.relative_to(SOURCE))
        if "skeleton" not in room and "versions" not in room:
            rooms.setdefault(room, []).append(path)
    for room, paths in sorted(rooms.items(), key=lambda item: (item[0] != ".", item[0])):
        lines += [f"## {'teahouse' if room == '.' else room + '/'}", ""]
        lines += [f"- `{path.name}`: {first_line(path)}" for path in paths if first_line(path)]
        lines.append("")
    lines += ["## Pages, styles, scripts", ""]
    lines += [f"- `{path}`" for path in front()]
    return "\n".join(lines).rstrip() + "\n"


def first_line(path: Path) -> str:
    """What a module says that it is for."""
    said = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return said.splitlines()[0] if said else ""


def front() -> Iterator[str]:
    """The templates, styles and scripts of the pages."""
    for folder in ("site/templates", "site/static/css", "site/static/js"):
        for path in sorted((SOURCE / folder).rglob("*")):
            if path.is_file():
                yield str(path.relative_to(SOURCE))


def verbs() -> str:
    """The help of every verb, as the terminal prints it."""
    import click

    from teahouse.cli import teahouse

    lines = ["# The verbs", "", MADE, ""]

    def add(command: click.Command, name: str, parent: click.Context | None) -> None:
        context = click.Context(command, info_name=name, parent=parent, terminal_width=100, max_content_width=100)
        path = context.command_path
        lines.extend(
            [f"{'#' * (1 + path.count(' ') + 1)} {path}", "", "```", command.get_help(context).rstrip(), "```", ""]
        )
        if isinstance(command, click.Group):
            for sub in command.list_commands(context):
                add(command.get_command(context, sub), sub, context)

    add(teahouse, "teahouse", None)
    return "\n".join(line.rstrip() for line in "\n".join(lines).splitlines()).rstrip() + "\n"


def settings_page() -> str:
    """Every setting with its default and its meaning."""
    import json

    from teahouse import settings

    lines = ["# Settings", "", MADE, ""]
    lines += [
        "A flag wins over the environment (`TEAHOUSE_SECTION_KEY`), that over `teahouse.toml`, that over the default.",
        "",
    ]
    lines += [
        "`TEAHOUSE_DATA` names the data directory. Secrets are never settings: they lie in the data directory.",
        "",
    ]
    for section in settings.SECTIONS:
        lines += [f"## [{section}]", "", "| key | default | what it does |", "|---|---|---|"]
        for key, about in settings.Settings.model_fields[section].annotation.model_fields.items():
            default = json.dumps(about.get_default(call_default_factory=True), ensure_ascii=False)
            lines.append(f"| `{key}` | `{default}` | {about.description} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


PAGES = {"house-plan.md": house_plan, "cli.md": verbs, "settings.md": settings_page}


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check name those that differ; 1 if any does."""
    stale = [
        name
        for name, write in PAGES.items()
        if not (DOCS / name).exists() or (DOCS / name).read_text("utf-8") != write()
    ]
    if "--check" in arguments:
        for name in stale:
            print(f"docs/{name} is not what the code says: run `make docs`")
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).write_text(PAGES[name](), "utf-8")
        print(f"docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
