"""Shell: what surrounds a page of this site as it is now."""

from __future__ import annotations

from typing import Any

from teahouse.site.deps import Deps
from teahouse.site.pages import Shell


def shell_of(deps: Deps, **more: Any) -> Shell:
    """The shell of a visitor's page. `more`: what differs from page to page."""
    apps = deps.serving.apps.values()
    sells = any(shown.declaration.get("price") for shown in apps)
    return Shell(title=deps.settings.site.title or "Teahouse", many=len(apps) > 1, sells=sells, **more)
