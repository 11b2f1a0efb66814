"""`teahouse train`: ask for a retrain, follow it, say the verdict in words."""

from __future__ import annotations

from typing import Any

import click

from teahouse.cli.options import owner_options
from teahouse.desk.where import Project


@click.command("train", short_help="Train an app here, judge the result, and put it on if it is better.")
@click.argument("app", required=False)
@click.option("--no-wait", is_flag=True, help="Ask for it and leave.")
@owner_options
def train_verb(app: str | None, no_wait: bool, site: str | None, as_json: bool) -> None:
    """Train APP (the only app of the project, where not named) from its data and what visitors said.

    The candidate is judged against the champion on photos that neither was trained on, and takes over only when it is
    better. One that makes pictures is shown beside the champion until visitors have chosen. Ends with status 1 when the
    verdict refuses it, or holds it back for want of rows. Needs PyTorch: pip install 'teahouse[train]'
    """
    from teahouse.desk.where import project

    if site:
        train_there(site, app, no_wait, as_json)
    else:
        train_here(project(), app, no_wait, as_json)


def train_here(project: Project, app: str | None, no_wait: bool, as_json: bool) -> None:
    """Ask the job in the project's own house, or join the one that has not ended, and follow it to its verdict."""
    from teahouse import ids
    from teahouse.cli import follow
    from teahouse.desk import say
    from teahouse.desk.opening import prepare

    app = project.one_app(app)
    need_torch()
    prepare(project)
    with project.house() as house:
        job, new = house.db.write(lambda c: asked(c, app))
        hands = follow.Hands(project)
        hands.alive()
        if no_wait:
            say.step(f"{'Asked' if new else 'It was asked for already'}. It is job {ids.text(job)}.")
            return
        if not new and not as_json:
            say.step("A retrain was asked for and has not ended: this goes on with it.")
        try:
            ending = follow.follow(follow.events(house, job, hands.alive, hands.why))
        except KeyboardInterrupt:
            hands.leave()
            hands.wait()
            say.warn(left(project))
            raise
        hands.wait()
        tell(house, app, ending, as_json)


def asked(c: Any, app: str) -> tuple[bytes, bool]:
    """The retrain of this app that waits or runs, else a new one; (its id, whether it is new)."""
    from teahouse import ids
    from teahouse.store import jobs

    if under_way := jobs.unfinished(c, "retrain", app):
        return under_way[-1].id, False
    return jobs.ask(c, jobs.Asked(ids.new_id(), "retrain", app))


def left(project: Project) -> str:
    """What becomes of a retrain that is no longer followed."""
    from teahouse import child

    if project.is_kept():
        return "You follow it no more, but the site goes on with it: teahouse status, and teahouse stop ends it."
    if child.is_held(project.data / "run" / "loop.lock"):
        return "You follow it no more, but a loop that was started elsewhere goes on with it."
    return "Stopped. What is done is kept: the next teahouse train or serve goes on with it."


def need_torch() -> None:
    """Say what to install before a job is asked that can not run."""
    from importlib.util import find_spec

    from teahouse.desk.say import WrongUse

    missing = [name for name in ("torch", "onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise WrongUse(
            "Training needs PyTorch.",
            f"Not installed: {', '.join(missing)}. Serving does without.",
            "pip install 'teahouse[train]'",
        )


def tell(house: Any, app: str, ending: Any, as_json: bool) -> None:
    """Say how it ended; status 1 unless it was promoted."""
    from teahouse.desk import say

    report = report_of(house, ending)
    if as_json:
        say.as_json({"app": app, "state": ending.state, "steps": ending.steps, **report})
    else:
        say.line()
        shown = next((name for name in ("beside", "rolling") if report[name]), report["outcome"])
        say.verdict(shown, report["reasons"], report["number"])
        if accuracy := report["accuracy"]:
            words = say.share(accuracy["value"], accuracy["low"], accuracy["high"])
            say.line(f"  right on {words} of {accuracy['n']} photos it never saw")
        if report["rolling"]:
            say.line(f"  {report['why']}  [bold]→[/] teahouse promote {report['number']} lets it answer everybody now")
        elif report["outcome"] == "promote" and not report["promoted"]:
            say.line(f"  {report['why']}  [bold]→[/] teahouse promote {report['number']}")
        served = report["promoted"] or report["beside"] or report["rolling"]
        say.line("\n  Next: teahouse serve" if served else "\n  Next: teahouse releases")
    if report["outcome"] != "promote" and not report["beside"]:
        raise click.exceptions.Exit(1)


def report_of(house: Any, ending: Any) -> dict[str, Any]:
    """What a retrain came to: outcome, reasons, release, number, accuracy, and whether visitors see it beside the
    champion now. Raises what stopped the job."""
    from teahouse.cli.releases import measured
    from teahouse.errors import NothingToDo, TrainingFailed
    from teahouse.store import releases

    detail = ending.detail
    if "outcome" not in detail:
        kind = NothingToDo if detail.get("code") == NothingToDo.code else TrainingFailed
        raise kind(detail.get("what") or "The training failed.", detail.get("why", ""), detail.get("do_next", ""))
    with house.db.read() as c:
        row = releases.get(c, detail["release"])
        accuracy = measured(c, row) if row else None
    return {
        "release": detail["release"],
        "number": row.number if row else None,
        "outcome": detail["outcome"],
        "promoted": bool(detail.get("promoted")),
        "beside": bool(detail.get("beside")),
        "rolling": bool(detail.get("rolling")),
        "why": detail.get("why", ""),
        "reasons": [reason if isinstance(reason, dict) else {"words": reason} for reason in detail["reasons"]],
        "accuracy": accuracy,
    }


def train_there(site: str, app: str | None, no_wait: bool, as_json: bool) -> None:
    """Ask a site elsewhere for a retrain, and follow it over HTTP."""
    from teahouse.cli.remote import Site
    from teahouse.desk import say

    with Site(site) as there:
        app = there.one_app(app)
        job = there.post("/api/owner/jobs", {"kind": "retrain", "app": app, "args": {}})["job"]
        if no_wait:
            say.step(f"Asked. It is job {job}.")
            return
        state, beside = wait_there(there, job)
        found = there.get("/api/owner/releases", app=app)["releases"]
        verdict = next((row["verdict"] for row in found if row.get("verdict")), None) or {
            "outcome": "hold",
            "reasons": [],
        }
        if as_json:
            say.as_json({"state": state, "job": job, "beside": beside, **verdict})
        else:
            say.verdict("beside" if beside else verdict["outcome"], verdict["reasons"])
    if state != "done" or not (beside or verdict["outcome"] == "promote"):
        raise click.exceptions.Exit(1)


def wait_there(there: Any, job: str) -> tuple[str, bool]:
    """Poll the job with a spinner until it has ended; its last state, and whether its release is shown beside the
    champion."""
    import time

    from teahouse.cli.follow import ENDED
    from teahouse.desk import say

    with say.bar() as bar:
        while True:
            told = there.get(f"/api/owner/jobs/{job}")
            state = told.get("state") or (told.get("events") or [{}])[-1].get("state", "queued")
            bar.update(bar.first, description=state.capitalize())
            if state in ENDED:
                return state, bool((told.get("detail") or {}).get("beside"))
            time.sleep(1)
