"""Answers that are pictures: how the visitor gets them, and the little that the house keeps of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from teahouse import ids
from teahouse.engine.port import Answer
from teahouse.model.shape import Manifest
from teahouse.site.deps import Deps, Live, Shown
from teahouse.spec.fields import Field, Picture, field_from_json
from teahouse.spec.fields.absent import is_drawn, needs_nobody

RATES = ["love", "meh"]


def of(told: Answer) -> Picture | None:
    """The picture of an answer, None where it is none."""
    if told.parts and isinstance(told.output, dict) and "picture" in told.output:
        return told.parts[int(told.output["picture"])]
    return None


def told(picture: Picture) -> dict[str, Any]:
    """What is said of a picture beside its bytes."""
    return {"media_type": picture.media_type, "width": picture.width, "height": picture.height}


def digest(deps: Deps, data: bytes) -> str:
    """A picture's keyed digest: who brings the bytes again can show that they were the answer, and nobody without the
    key can test whether a known picture was made here."""
    return ids.keyed(deps.key("output"), data).hex()


def kept_output(deps: Deps, answer: Answer) -> Any:
    """What the row keeps of an output: of a picture all but the picture, for that is the visitor's."""
    picture = of(answer)
    if picture is None:
        return answer.output
    return {**told(picture), "digest": digest(deps, picture.data), "bytes": len(picture.data)}


def data_url(picture: Picture) -> str:
    """The picture in an address."""
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode('ascii')}"


def plain(output: Any) -> Any:
    """A kept output as it is told again: without the digest, which is the house's own."""
    return {name: value for name, value in output.items() if name != "digest"} if is_picture(output) else output


def is_picture(output: Any) -> bool:
    """Whether a kept output is that of a picture."""
    return isinstance(output, dict) and "digest" in output and "media_type" in output


def wants_bytes(accept: str) -> bool:
    """True where a picture is asked for as such: `Accept: image/*`, or one type of it first of all."""
    return accept.partition(",")[0].strip().lower().startswith("image/")


def as_bytes(body: dict[str, Any], picture: Picture) -> Response:
    """The answer as the picture itself, with what opens it in the headers."""
    headers = {"X-Prediction": body["id"], "Content-Security-Policy": "sandbox; default-src 'none'"}
    if body.get("receipt"):
        headers["X-Receipt"] = body["receipt"]
    if body.get("pair"):
        headers["X-Pair"] = body["pair"]
    if body.get("seed") is not None:
        headers["X-Seed"] = str(body["seed"])
    return Response(picture.data, 201, headers, picture.media_type)


def seed_of(fields: Mapping[str, Field], parts: Mapping[str, Any]) -> int | None:
    """The seed among what was given or drawn, or None."""
    return next((parts[name] for name, one in fields.items() if is_drawn(one) and name in parts), None)


def is_of_seeds(live: Live) -> bool:
    """Whether a release makes pictures of nothing but a seed: then the house may make some while it is idle."""
    return live.output.kind == "image" and needs_nobody(live.fields)


def needs_nothing(manifest: Manifest) -> bool:
    """Whether a release needs nothing of its visitor, so that there is nothing of theirs to keep."""
    return needs_nobody({one["name"]: field_from_json(one) for one in manifest.fields})


def choices(live: Live, shown: Shown | None) -> list[dict[str, Any]]:
    """What may be said of a picture of this release: kinds, with the values of each. Two can be compared where a
    challenger waits for choices (they are "between" releases: it is what a verdict counts), or another seed makes
    another one."""
    said: list[dict[str, Any]] = []
    if "rate" in live.output.feedback:
        said.append({"kind": "rate", "values": RATES})
    waits = challenger(shown) is not None
    if "choose" in live.output.feedback and (waits or needs_nobody(live.fields)):
        said.append({"kind": "choose", "values": [True], "between": "releases" if waits else "seeds"})
    return said


def challenger(shown: Shown | None) -> Live | None:
    """The release that waits in the shadow for choices and can answer, or None."""
    return next((live for live in shown.shadows if live.ready), None) if shown is not None else None
