"""One row of the site map: a path, who may use it, and the function that answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Who = Literal["anyone", "visitor", "owner", "key", "loopback"]


@dataclass(frozen=True)
class Route:
    """A row of the site map.

    A path below ``/api/`` becomes a FastAPI route (pydantic body, response model from the return
    annotation, OpenAPI) unless ``plain``; everything else becomes a Starlette route whose endpoint
    takes the request and returns a Response. Sync endpoints run in a thread.

    ``who == "owner"``: assembly calls ``owner_access.require_owner(request)`` before the endpoint;
    the endpoint may call it again to learn who it is. ``who == "loopback"``: this machine only.
    Every method but GET, HEAD and OPTIONS is refused from a foreign origin unless ``any_origin``,
    and a route with ``any_origin`` reads a cookie only through ``visitors.visitor_of``.
    """

    method: str
    path: str
    who: Who
    endpoint: Callable[..., Any]
    name: str
    status: int = 200
    plain: bool = False
    any_origin: bool = False
    summary: str = ""

    @property
    def api(self) -> bool:
        """True where FastAPI builds the route."""
        return self.path.startswith("/api/") and not self.plain
