"""Options that many verbs have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def owner_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--site URL` and `--json`, as every owner's verb has them."""
    command = click.option("--json", "as_json", is_flag=True, help="One JSON document, for scripts.")(command)
    return click.option("--site", metavar="URL", help="A site elsewhere; its key in TEAHOUSE_KEY.")(command)
