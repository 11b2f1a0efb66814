"""How the owner is told of rollouts: what is tried and how far it is, who took a release off and why."""

from __future__ import annotations

from typing import Any

from teahouse.release.rollout import visitors
from teahouse.settings import Settings
from teahouse.site import rolling
from teahouse.store import releases, rollouts

BY = {"owner": "by you", "guard": "by itself", "loop": "by the loop"}
PINS = {"pinned": "is pinned", "unpinned": "is no longer pinned"}  # a step that puts nothing on, by its reason
BY_HAND = ("by hand", "rolled back by hand", *PINS)  # reasons that say no more than who did it


def progress(c: Any, app: str, settings: Settings, at: int) -> dict[str, str]:
    """{release: how it stands} of what the app tries in the shadow or the canary; `at` in ms UTC."""
    if rollouts.champion(c, app) is None:
        return {}
    tried = [step for step in rollouts.tried(c) if step.app == app]
    told = {step.release: rolling.words_on(c, step, settings, at) for step in tried}
    return {release: words for release, words in told.items() if words}


def step_words(c: Any, step: Any) -> str:
    """A step in a few words: "answers one visitor in 20, by the loop"."""
    beside = step.by == "loop" and not rollouts.moves(c, step)  # it waits for visitors' choices
    words = {
        "full": "answers everybody",
        "canary": f"answers {visitors(step.share)}",
        "shadow": "is shown beside the champion" if beside else "is tried in the shadow",
        "rolled_back": "was taken away" if step.by == "loop" else "was rolled back",
    }.get(step.state, f"is in {step.state}")
    words = form_words(step.form) or PINS.get(step.why, words)
    return f"{words}, {BY.get(step.by, f'by the {step.by}')}"


def form_words(form: str | None) -> str:
    """What a step says of the form that the app runs in; "" where it says nothing."""
    if form is None:
        return ""
    return "runs in whichever form is fastest" if form == rollouts.ANY_FORM else f"always runs as {form}"


def off_words(step: Any) -> str:
    """That a release was rolled back, by whom."""
    return "was rolled back by you" if step.by == "owner" else "was rolled back: something went wrong with visitors"


def tried_words(c: Any, app: str, release: str) -> tuple[str, int | None]:
    """(where a release stands that is on its way to everybody, since when); ("", None) where it does not."""
    step = rollouts.latest(c, app, release)
    if step is None or step.by != "loop" or step.state not in ("shadow", "canary"):
        return "", None
    number = releases.number(c, release)
    how = "in the shadow" if step.state == "shadow" else f"on {visitors(step.share)}"
    return f"release {number} is better; it is tried {how} since", step.at
