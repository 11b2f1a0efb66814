"""The pages that visitors come for: the play page of an app, and the shelf of all."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import Response

from teahouse.errors import NotFound
from teahouse.site import accuracy, keep, media, render, visitors
from teahouse.site.deps import Deps, Live, Shown, deps_of
from teahouse.site.pages import AppCard, Closed, Labelled, Opening, Play, Sample, Shelf, Shell

SAMPLES = 6


def home(request: Request) -> Response:
    """The one app's play page, or the shelf of several."""
    deps = deps_of(request)
    shown = list(deps.serving.apps.values())
    if len(shown) == 1:
        return play(request, deps, shown[0])
    title = deps.settings.site.title or "Teahouse"
    cards = tuple(card(deps, one) for one in shown)
    return show(request, Shelf(shell=Shell(title=title, many=True), apps=cards))


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


def card(deps: Deps, shown: Shown) -> AppCard:
    """An app on the shelf."""
    live = shown.champion
    return AppCard(
        name=shown.name,
        title=shown.title,
        description=str(shown.declaration.get("description") or ""),
        photo=media.example_address(deps, live, 0) if live else "",
        accuracy=accuracy.of_page(accuracy.of(deps, live)) if live else None,
        open=live is not None and live.ready,
    )


def play(request: Request, deps: Deps, shown: Shown) -> Response:
    """The play page, or the honest page of an app that is not open."""
    shell = Shell(title=deps.settings.site.title or "Teahouse", many=len(deps.serving.apps) > 1)
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
    visitor = visitors.cookie_visitor(request)
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
        standing=visitor is not None and keep.standing(deps, visitor) is not None,
        output_kind=live.output.kind,
    )
    return show(request, page)


def words(live: Live) -> list[str]:
    """The labels of a release; none where its output has no labels."""
    said = getattr(live.output, "words", None)
    return list(said()) if said else []


def samples(deps: Deps, live: Live) -> tuple[Sample, ...]:
    """The maker's example pictures, one tap each."""
    addresses = [media.example_address(deps, live, index) for index in range(min(SAMPLES, len(live.manifest.examples)))]
    return tuple(Sample(photo=address, alt=f"Sample photo {at + 1}") for at, address in enumerate(addresses) if address)


def opening(deps: Deps, live: Live) -> Opening | None:
    """The first example, answered as the page opens: its worker gave this answer before it took traffic."""
    if not live.manifest.examples:
        return None
    expected = live.manifest.examples[0].get("expected")
    photo = media.example_address(deps, live, 0)
    if not photo or not isinstance(expected, dict) or not expected.get("scores"):
        return None
    scores = {str(label): float(score) for label, score in expected["scores"].items()}
    return Opening(
        sample=Sample(photo=photo, alt="Sample photo 1"),
        answer=Labelled(label=expected["label"], scores=scores, confidence=max(scores.values())),
    )
