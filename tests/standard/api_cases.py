"""What schemathesis can not make up by itself: pictures, a receipt beside the id that it opens, the token of something
to report. It imports this before it begins (SCHEMATHESIS_HOOKS)."""

import base64
import itertools
import os

import schemathesis
from hypothesis import strategies

from teahouse.testing import photo

PICTURES = [
    photo(kind, seed, side=32, form=form) for kind, seed, form in (("warm", 1, "JPEG"), ("cold", 2, "PNG"))
]  # two alone, so that what is sent again is often what was predicted
files = strategies.sampled_from(PICTURES)

schemathesis.openapi.media_type("image/*", files)
schemathesis.openapi.format("binary", files)
schemathesis.openapi.format("byte", files.map(lambda data: base64.b64encode(data).decode()))

receipts: dict[str, str] = {}
shared = os.environ.get("SHARED", "").split()  # tokens of what is shown; the first is there from the beginning
there: dict[str, list[str]] = {"/api/predictions/": [], "/api/owner/jobs/": []}  # ids, by how their paths begin
turns = itertools.count()


@schemathesis.hook
def after_call(context, case, response):
    """Remembers what came to be, with its receipt, as a visitor or the owner would; and forgets what is gone."""
    made = (case.method, case.path.rsplit("/", 1)[1], response.status_code)
    if made == ("POST", "predictions", 201):
        told = response.json()
        receipts[told["id"]] = told["receipt"]
        there["/api/predictions/"].append(told["id"])
    elif made == ("POST", "share", 201):
        shared.append(response.json()["token"])
    elif made == ("POST", "jobs", 202):
        there["/api/owner/jobs/"].append(response.json()["job"])
    elif made == ("DELETE", "{id}", 204):
        gone = (case.path_parameters or {}).get("id")
        for known in there.values():
            known[:] = [one for one in known if one != gone]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes every second honest case one on what is there, and sends the receipt along with three of four ids that have
    one: links alone lead there rarely."""
    turn = next(turns)
    if turn % 2 and case.meta and case.meta.generation.mode.is_positive:
        known = next((known for start, known in there.items() if case.path.startswith(start)), ())
        if known and case.path_parameters and case.path_parameters.get("id") not in known:
            case.path_parameters["id"] = known[-1]
        if case.path == "/api/reports" and shared and isinstance(case.body, dict):
            case.body.update({"share": shared[-1]} if isinstance(case.body.get("share"), str) else {})
    receipt = receipts.get(str((case.path_parameters or {}).get("id")))
    if receipt and "X-Receipt" not in case.headers and turn % 4:
        case.headers["X-Receipt"] = receipt
