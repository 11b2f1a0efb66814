"""The written plan and the tree are the same: generated pages are fresh, and the fixed lists are what the code has."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_the_generated_pages_are_what_the_code_says():
    # a fresh process: click remembers how a verb's help was asked for first
    told = subprocess.run(
        [sys.executable, ROOT / "scripts" / "write_docs.py", "--check"], capture_output=True, text=True
    )
    assert told.returncode == 0, f"run `make docs`: {told.stdout}{told.stderr}"


def fixed(heading: str) -> list[str]:
    """The lines of the list under a heading of docs/interfaces.md."""
    page = (DOCS / "interfaces.md").read_text("utf-8")
    found = re.search(rf"^## {re.escape(heading)}\n.*?^```\n(.*?)^```", page, re.S | re.M)
    assert found, f"docs/interfaces.md has no list under {heading!r}"
    return [line.strip() for line in found[1].splitlines() if line.strip()]


def test_routes_are_those_of_the_page():
    from teahouse.site.routes import ROUTES

    assert sorted(f"{route.method} {route.path} {route.who}" for route in ROUTES) == sorted(
        " ".join(line.split()) for line in fixed("Routes")
    )


def test_tables_are_those_of_the_page():
    from teahouse.store import tables

    has = [
        f"{table.name}({', '.join(column.name for column in table.columns)})"
        for table in tables.metadata.tables.values()
    ]
    assert sorted(has) == sorted(fixed("Tables"))


def test_settings_are_those_of_the_page():
    from teahouse import settings

    has = [
        f"{section}.{key}"
        for section in settings.SECTIONS
        for key in settings.Settings.model_fields[section].annotation.model_fields
    ]
    assert sorted(has) == sorted(fixed("Settings"))


def test_verbs_are_those_of_the_page():
    from teahouse.cli import VERBS

    assert sorted(VERBS) == sorted(" ".join(fixed("Verbs")).split())


def test_the_manifest_is_that_of_the_page():
    from teahouse.model.shape import KNOWN

    assert sorted(KNOWN) == sorted(" ".join(fixed("Manifest")).split())


def test_error_codes_are_those_of_the_page():
    from teahouse import errors

    def family(kind):
        yield kind
        for child in kind.__subclasses__():
            if child.__module__ == "teahouse.errors":
                yield from family(child)

    has = {f"{kind.status} {kind.code}" for kind in family(errors.TeahouseError)}
    assert sorted(has) == sorted(fixed("Errors"))


def test_the_error_shape_is_code_what_why_do_next():
    from teahouse.errors import QueueFull

    told = QueueFull("Full.", "Many ask.", "Wait.", place=3, wait=2, retry_after=2).as_dict()
    assert list(told)[:4] == ["code", "what", "why", "do_next"] and told["place"] == 3
