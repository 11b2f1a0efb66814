"""The pages that visitors come for: the play page of an app, and the shelf of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fastapi import Request
from starlette.responses import Response

from teahouse.errors import NotFound
from teahouse.site import accuracy, keep, media, origin, owner_access, pass_pages, pool, render, shelf, teach, visitors
from teahouse.site.deps import Deps, Live, Shown, deps_of, trains
from teahouse.site.pages import Chip, Closed, Input, Opening, Play, Sample, Social
from teahouse.site.shell import shell_of
from teahouse.spec.fields import Field


def home(request: Request) -> Response:
    """The one app's play page, or the shelf of several."""
    deps = deps_of(request)
    shown = list(deps.serving.apps.values())
    if len(shown) == 1:
        return play(request, deps, shown[0])
    return shelf.page(request, deps)


def app_page(request: Request) -> Response:
    """An app's play page."""
    deps = deps_of(request)
    shown = deps.serving.apps.get(request.path_params["app"])
    if shown is None:
        raise NotFound("There is nothing under this address.", do_next="The home page shows what there is.")
    return play(request, deps, shown)


def show(request: Request, page: Any, status: int = 200) -> Response:
    """A page with this response's nonce."""
    return render.render(page, request.state.nonce, status)


def play(request: Request, deps: Deps, shown: Shown) -> Response:
    """The play page, or the honest page of an app that is not open."""
    framed = bool(getattr(request.state, "framed", False))
    owner = not framed and owner_access.is_at_home(request)
    shell = shell_of(deps, owner=owner, framed=framed)
    live = shown.champion
    if live is None:
        return show(request, Closed(shell=shell, title=shown.title))
    if not live.ready:
        closed = Closed(
            shell=shell,
            title=shown.title,
            what="This app is resting.",
            do_next="Its model is being loaded. Try again in a moment.",
        )
        response = show(request, closed, 503)
        response.headers["Retry-After"] = "5"
        return response
    deps.engine.wake(live.release)  # by the time that a photo is chosen it is there
    visitor = visitors.cookie_visitor(request)
    first = live.manifest.examples[0] if live.manifest.examples else {}
    made = first.get("expected") or {}
    page = Play(
        shell=shell,
        name=shown.name,
        title=shown.title,
        labels=tuple(words(live)),
        release=live.number,
        description=live.manifest.description,
        note=live.manifest.note,
        samples=samples(deps, live),
        opening=opening(deps, live),
        accuracy=accuracy.of_page(accuracy.of(deps, live)),
        standing=visitor is not None and not framed and keep.standing(deps, visitor) is not None,
        inputs=tuple(asked(deps, live, one, first.get("inputs", {})) for one in live.fields.values()),
        output_kind=live.output.kind,
        fit=next((one.fit for one in live.fields.values() if one.kind == "image"), "keep"),
        size=(made.get("width", 1), made.get("height", 1)),
        social=social(request, deps, shown, live),
        by_hand=not trains(shown.declaration),
        teach=not framed and teach.is_open(deps, shown),
        counted=pass_pages.counted(deps, request, shown),
        **pool.shown_on(request, deps, live),
    )
    return show(request, page)


def social(request: Request, deps: Deps, shown: Shown, live: Live) -> Social:
    """How the page is told of elsewhere; with a seed in its address, how that picture is."""
    here = f"{origin.address_of(request.scope, request.headers, deps.settings)}/{shown.name}"
    piece = getattr(request.state, "piece", None)
    if piece is not None and "seed" in request.path_params:
        here = f"{here}/seeds/{piece.seed}"
        return Social(shown.title, f"Number {piece.seed}.", here, f"{here}/card.png")
    return Social(shown.title, live.manifest.description, here, f"{here}/card.png")


def words(live: Live) -> list[str]:
    """The labels of a release; none where its output has no labels."""
    said = getattr(live.output, "words", None)
    return list(said()) if said else []


def samples(deps: Deps, live: Live) -> tuple[Sample, ...]:
    """The maker's example pictures, one tap each."""
    found = (sample(deps, live, index, media.THUMB) for index in range(min(media.SAMPLES, len(live.manifest.examples))))
    return tuple(one for one in found if one.photo)


def sample(deps: Deps, live: Live, index: int, side: int) -> Sample:
    """An example picture with a copy of at most `side` pixels."""
    small = media.light_example_address(deps, live, index, side)
    return Sample(media.example_address(deps, live, index), f"Sample photo {index + 1}", small)


def asked(deps: Deps, live: Live, one: Field, given: Mapping[str, Any]) -> Input:
    """An input as the page asks for it. It stands where the example stands that the page opens with, else at its
    start."""
    beside = "image" in [other.kind for other in live.fields.values()]
    return input_of(one, given if beside else {}, lambda word: media.chip_address(deps, live, one, word))


def input_of(one: Field, given: Mapping[str, Any], picture: Callable[[str], str]) -> Input:
    """The same of a field alone: `given` is where the page opens with, `picture` the address of a word's small
    picture."""
    declared = one.json()
    start = declared.get("start")
    if not one.binary:
        start = given.get(one.name, start)
    if one.kind == "number":
        middle = (declared["low"] + declared["high"]) / 2
        bounds = {"low": declared["low"], "high": declared["high"], "step": declared["step"]}
        return Input(one.kind, one.name, one.label, middle if start is None else start, **bounds)
    if one.kind == "choice":
        chips = tuple(Chip(word, picture(word)) for word in declared["words"])
        return Input(one.kind, one.name, one.label, start, chips=chips)
    return Input(one.kind, one.name, one.label, start, most=declared.get("most", 200))


def opening(deps: Deps, live: Live) -> Opening | None:
    """The first example, answered as the page opens: its worker gave this answer before it took traffic."""
    first = sample(deps, live, 0, media.OPENING)
    shaped = replace(first, ratio=media.example_ratio(deps, live, 0))
    return Opening(shaped, shelf.answered(deps, live)) if first.photo else None
