"""The teach round: five pictures, a word on each, and what comes of it. Nobody is told which answers were known."""

from __future__ import annotations

import base64
import binascii
import json
import random
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response
from itsdangerous import BadSignature
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from teahouse import ids, telemetry
from teahouse.errors import InputError, NotFound, TooMany, likely
from teahouse.feedback import collect, retention, teach
from teahouse.feedback.trust import DAY_MS, Standing
from teahouse.site import api, media, render, security, visitors
from teahouse.site.deps import Deps, Shown, deps_of
from teahouse.site.owner_reviews import blob_of
from teahouse.site.pages import Teach
from teahouse.site.shell import shell_of
from teahouse.spec.fields import field_from_json
from teahouse.spec.fields.image import media_type
from teahouse.store import probes, quotas
from teahouse.store import visitors as known

log = telemetry.log("site")

SIDE = 512  # pixels: all pictures of a round come alike
ROUND_S = 3600
OF_VISITOR, OF_NETWORK = 60, 300  # answers a day
NOTHING = "There is nothing to teach here."
LATER = ("That is enough for one day.", "Thank you: nobody learns all in a day.", "Come back tomorrow.")
THANKS = ("Thank you.", "A few rounds like this, and what you say of your own photos carries more weight.")
EARNED = ("Thank you. You know your way here.", "From now on, what you say of your own photos carries more weight.")
STANDING = ("Thank you.", "What you say of your own photos carries weight here.")


class TeachItem(BaseModel):
    """One picture of a round: what names it in the answer, and where to see it, for an hour."""

    item: str
    photo: str


class TeachOut(BaseModel):
    """A round: the labels to choose from, and up to five pictures; none where there is nothing new to show."""

    labels: list[str]
    items: list[TeachItem]


class Taught(BaseModel):
    """What a visitor says of one picture; null: they can not tell."""

    item: str = Field(max_length=400)
    label: str | None = Field(None, max_length=200)


class TaughtIn(BaseModel):
    """The answers of a round."""

    answers: list[Taught] = Field(min_length=1, max_length=teach.ROUND)


class TaughtOut(BaseModel):
    """How many pictures the visitor has spoken of in all, and a word of thanks."""

    taught: int
    head: str
    words: str


def is_open(deps: Deps, shown: Shown | None) -> bool:
    """Whether the app has a round: labels of one photo, and enough pictures whose answer is known."""
    return not why_shut(deps, shown)


def why_shut(deps: Deps, shown: Shown | None) -> str:
    """Why the app has no round, in a sentence; "" where it has one."""
    if shown is None:
        return "There is no such app here."
    if shown.champion is None:
        return "Its first release is still being made."
    kinds = [field.kind for field in shown.champion.fields.values()]
    if shown.champion.output.kind != "labels" or kinds != ["image"]:
        return "It names nothing on a photo, so there is no name to teach it."
    with deps.house.db.read() as c:
        enough = probes.count(c, shown.name, teach.LEAST) >= teach.LEAST
    return "" if enough else f"A round takes {teach.LEAST} pictures whose answer is known, and it has fewer."


def page(request: Request) -> Response:
    """GET /{app}/teach."""
    deps = deps_of(request)
    shown = deps.serving.apps.get(request.path_params["app"])
    why = why_shut(deps, shown)
    if shown is None or why:
        raise NotFound(NOTHING, why, "The home page shows what there is.")
    shell = shell_of(deps)
    told = Teach(shell, shown.name, shown.title, tuple(words_of(shown)), teach.ROUND)
    return render.render(told, request.state.nonce)


def listing(request: Request, app: str) -> TeachOut:
    """The next round of this visitor."""
    deps = deps_of(request)
    shown = opened(deps, app)
    visitor = visitors.cookie_visitor(request)
    with deps.house.db.read() as c:
        seen = probes.answered(c, visitor) if visitor else {}
        row = known.get(c, visitor) if visitor else None
        standing = teach.standing_of(row, app, deps.clock())
        chosen = teach.pick(probes.of_app(c, app), probes.others(c, app), seen, standing, random.SystemRandom())
    if today(seen, deps.clock()) > OF_VISITOR - teach.ROUND:
        chosen = []
    items = [token_of(deps, app, picture.label) for picture in chosen]
    photos = [f"/api/apps/{app}/teach/{item}" for item in items]
    both = zip(items, photos, strict=True)
    return TeachOut(labels=words_of(shown), items=[TeachItem(item=item, photo=photo) for item, photo in both])


async def photo(request: Request) -> Response:
    """GET /api/apps/{app}/teach/{item}: the picture, small and encoded anew, so that all of them look alike."""
    deps = deps_of(request)
    data = await run_in_threadpool(read_photo, deps, request.path_params["app"], request.path_params["item"])
    small = await deps.engine.light(data, SIDE)
    type_ = media_type(small.data)
    if type_ is None:
        raise NotFound(media.GONE)
    return Response(small.data, media_type=type_, headers=media.HEADERS)


def read_photo(deps: Deps, app: str, item: str) -> bytes:
    """The bytes behind an item; NotFound once it is gone, or the hour is over. Runs in a thread."""
    opened(deps, app)
    with deps.house.db.read() as c:
        picture = shown_by(c, deps, app, item)
    blob = blob_of(picture.inputs) if picture is not None else None
    if blob is None:
        raise NotFound(media.GONE, do_next="Load the page again.")
    return deps.house.blobs.get(blob)


def answer(request: Request, app: str, given: TaughtIn, response: Response) -> TaughtOut:
    """Keeps what a visitor says of a round: on disk before this answers, each picture once."""
    deps = deps_of(request)
    shown, at = opened(deps, app), deps.clock()
    visitor = visitors.visitor_of(request)
    said = [(one.item, checked(shown, one.label)) for one in given.answers]
    network = visitors.network_digest(deps, security.client_address(request)).hex()
    rules = api.rules_of(deps, app)

    def write(c: Any) -> tuple[Standing, Standing, int]:
        answered = probes.answered(c, visitor.id)
        there = [(shown_by(c, deps, app, item), truth) for item, truth in said]
        # what its visitor took back meanwhile is gone, and what is said again was said
        fresh = {one.label: truth for one, truth in there if one is not None and one.label not in answered}
        many = today(answered, at) + len(fresh) > OF_VISITOR
        if fresh and (many or not quotas.take(c, retention.day_of(at), network, "teach", len(fresh), OF_NETWORK)):
            raise TooMany(*LATER, retry_after=3600)
        before = after = teach.standing_of(known.get(c, visitor.id), app, at)
        for label, truth in fresh.items():
            _, after = teach.learn(c, app, visitor.id, label, truth, at)
        if after.known != before.known or after.failed != before.failed:
            collect.weigh_again(c, app, visitor.id, rules, at)
        return before, after, len(probes.answered(c, visitor.id))

    before, after, taught = deps.house.db.write(write)
    if visitor.fresh and visitor.page:
        visitors.set_cookie(request, response, visitor.id)
    log.info("taught", app=app, answers=len(said))
    head, words = thanks(before, after)
    return TaughtOut(taught=taught, head=head, words=words)


def today(answered: Mapping[bytes, int], at: int) -> int:
    """How many of these answers were given in the last 24 hours."""
    return sum(at - when < DAY_MS for when in answered.values())


def thanks(before: Standing, after: Standing) -> tuple[str, str]:
    """What is said after a round. Nothing of which answers were right, and nothing to who guesses: else one could try
    until one knows them."""
    if after.known:
        return STANDING if before.known else EARNED
    return THANKS


def checked(shown: Shown, label: str | None) -> Any:
    """The truth that an answer states, None where the visitor can not tell; InputError for no label of the app."""
    words = words_of(shown)
    if label is not None and label not in words:
        known_words = ", ".join(words)
        raise InputError(f'"{label[:60]}" is no label here.', f"Known: {known_words}.", likely(label, words).strip())
    return None if label is None else {"label": label}


def opened(deps: Deps, app: str) -> Shown:
    """The app, where it has a round."""
    shown = deps.serving.app(app)
    if not is_open(deps, shown):
        raise NotFound(NOTHING, do_next="GET /api/apps says what there is.")
    return shown


def words_of(shown: Shown) -> list[str]:
    """The labels of an app, as it is declared today."""
    return list(field_from_json(shown.declaration["output"]).words())  # type: ignore[attr-defined]


# A token is a name for this round alone, and no id: ids tell when a row came, and so whether its answer is known.


def token_of(deps: Deps, app: str, label: bytes) -> str:
    """What names a picture in one round, for an hour: its label's id under a pad that is used once."""
    salt = secrets.token_bytes(12)
    name = base64.urlsafe_b64encode(salt + padded(deps, app, salt, label)).decode("ascii")
    return deps.signers.media.sign(json.dumps(["teach", app, name]).encode().hex()).decode()


def shown_by(c: Any, deps: Deps, app: str, item: str) -> probes.Picture | None:
    """The picture that a token names, None where it may not be shown any more; NotFound for no token."""
    try:
        kind, of, name = json.loads(bytes.fromhex(deps.signers.media.unsign(item, max_age=ROUND_S).decode()))
        given = base64.urlsafe_b64decode(name)
    except (BadSignature, ValueError, binascii.Error):
        raise NotFound("This round is over.", do_next="Begin a new one.") from None
    if (kind, of) != ("teach", app):
        raise NotFound("This round is over.", do_next="Begin a new one.")
    return probes.shown(c, app, padded(deps, app, given[:12], given[12:]))


def padded(deps: Deps, app: str, salt: bytes, label: bytes) -> bytes:
    """A label's id under the pad of this salt, or out from under it: the pad is the house's alone."""
    pad = ids.keyed(deps.key(f"teach:{app}"), salt)
    return bytes(one ^ other for one, other in zip(label, pad, strict=False))
