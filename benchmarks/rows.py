"""The report of a benchmark: rows of name, value, bar and whether it holds."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def row(name: str, value: Any, bar: str, holds: bool) -> Row:
    """One bar of an issue, in its words."""
    return {"name": name, "value": value, "bar": bar, "holds": bool(holds)}


def unmeasured(name: str, bar: str, why: str) -> Row:
    """A bar that could not be measured: it is there, and does not hold."""
    return {"name": name, "value": f"not measured: {why}", "bar": bar, "holds": False}


def main(
    what: str,
    measure: Callable[[bool], list[Row]],
    arguments: Sequence[str] | None = None,
    beside: Mapping[str, Any] | None = None,
    own: argparse.ArgumentParser | None = None,
) -> int:
    """`--quick` and `--report FILE` for a script; 0 when every bar holds. What stands in `beside` once it has measured
    goes into the report too. `own`: what read the script's other options, for `--help` to name them."""
    parents = [own] if own is not None else []
    parser = argparse.ArgumentParser(description=what, parents=parents, conflict_handler="resolve")
    parser.add_argument("--quick", action="store_true", help="a small sample")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the rows as JSON")
    given = parser.parse_args(arguments)
    found = measure(given.quick)
    for one in found:
        sys.stdout.write(f"{'holds' if one['holds'] else 'FAILS'}  {one['name']}: {one['value']}  ({one['bar']})\n")
    if given.report:
        report = {"quick": given.quick, "rows": found, **(beside or {})}
        given.report.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    return 0 if all(one["holds"] for one in found) else 1
