"""Puts the site together: the list of routes, the guards of each, the middleware, the shape of errors."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import Route as Page

from teahouse.errors import TeahouseError
from teahouse.site import cards, drawn, health, mine, openapi, owner_access, refusals, routes, security, shelf
from teahouse.site.deps import Deps
from teahouse.site.route import Route


def create_app(deps: Deps) -> FastAPI:
    """The whole site as an ASGI application over an open house and any engine."""
    title = deps.settings.site.title or "Teahouse"
    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.deps = deps
    app.state.readiness = health.Readiness()
    app.state.exports = mine.Exports()
    app.state.blanks = drawn.Blanks()
    app.state.cards = cards.Cards()
    app.state.board = shelf.Board()
    app.router.routes.extend(site_map().routes)
    app.openapi = functools.partial(openapi.document_of, app, deps)  # type: ignore[method-assign]
    app.add_exception_handler(TeahouseError, refusals.refused)
    app.add_exception_handler(RequestValidationError, refusals.invalid)
    app.add_exception_handler(HTTPException, refusals.http_refused)
    app.add_middleware(security.Guard, deps=deps, site_map=routes.ROUTES)
    return app


@functools.cache
def site_map() -> APIRouter:
    """All rows of the site map, made once: they hold nothing of any one house."""
    router = APIRouter(redirect_slashes=False)
    for route in routes.ROUTES:
        add(router, route)
    return router


def add(router: APIRouter, route: Route) -> None:
    """Adds one row of the site map, behind the guard that its ``who`` asks for."""
    guard = GUARDS.get(route.who)
    if route.api:
        router.add_api_route(
            route.path,
            route.endpoint,
            methods=[route.method],
            name=route.name,
            operation_id=route.name,
            status_code=route.status,
            summary=route.summary or None,
            dependencies=[Depends(guard)] if guard else None,
            tags=[route.who],
            response_model_exclude_none=True,
        )
        return
    endpoint = guarded(route.endpoint, guard) if guard else route.endpoint
    router.routes.append(Page(route.path, endpoint, methods=[route.method], name=route.name))


def owner_only(request: Request) -> None:
    """Lets the owner pass (session or key), and over plain http only on this machine."""
    security.refuse_plain_owner(request)
    owner_access.require_owner(request)


def loopback_only(request: Request) -> None:
    """Lets this machine pass."""
    security.refuse_remote(request)


GUARDS: dict[str, Callable[[Request], None]] = {"owner": owner_only, "loopback": loopback_only}


def guarded(endpoint: Callable[..., Any], guard: Callable[[Request], None]) -> Callable[..., Any]:
    """The endpoint behind a guard; of the same colour as the endpoint."""
    if asyncio.iscoroutinefunction(endpoint):

        @functools.wraps(endpoint)
        async def behind(request: Request) -> Any:
            await run_in_threadpool(guard, request)
            return await endpoint(request)

        return behind

    @functools.wraps(endpoint)
    def behind_sync(request: Request) -> Any:
        guard(request)
        return endpoint(request)

    return behind_sync


__all__ = ["add", "create_app"]
