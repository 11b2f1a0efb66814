"""A label's photo, for the owner alone."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from teahouse import ids
from teahouse.errors import NotFound
from teahouse.site import media
from teahouse.site.deps import deps_of
from teahouse.site.owner_reviews import blob_of
from teahouse.spec.fields.image import media_type
from teahouse.store import labels


def photo(request: Request) -> Response:
    """The photo under a label's id, until it is erased or its consent ends."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        row = labels.get(c, ids.parse(request.path_params["label"]))
    blob = blob_of(row.inputs) if row is not None else None
    if blob is None or (row.source == "visitor" and not row.consent_live):
        raise NotFound(media.GONE)
    data = deps.house.blobs.get(blob)
    kind = media_type(data)
    if kind is None:
        raise NotFound(media.GONE)
    return Response(data, media_type=kind, headers={**media.HEADERS, "Cache-Control": "private, no-store"})
