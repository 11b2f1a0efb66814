"""An app in a frame of another site's page, and the script that gives the frame there its height."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from teahouse.errors import NotFound
from teahouse.site import drawn, render
from teahouse.site.deps import deps_of

SCRIPT = "js/embed.js"
HEADERS = {"Cache-Control": "public, max-age=3600", "Cross-Origin-Resource-Policy": "cross-origin"}


async def page(request: Request) -> Response:
    """GET /{app}/embed: the play page as any other page may hold it in a frame. There it knows no cookie."""
    if request.path_params["app"] not in deps_of(request).serving.apps:
        raise NotFound("There is nothing under this address.", do_next="The home page shows what there is.")
    request.state.framed = True
    return await drawn.app_page(request)


def script(request: Request) -> Response:
    """GET /embed.js: under this address for ever, since others write it into their pages."""
    return Response(render.stand().files[SCRIPT], media_type="text/javascript", headers=HEADERS)
