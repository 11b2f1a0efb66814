"""`teahouse check`: a rehearsal of every app, with the real worker, before anyone sees it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from teahouse.cli.where import Project

ROWS = 100  # that a maker's check may look at


@click.command("check", short_help="Rehearse before opening the door: load every app, run its examples and checks.")
@click.argument("app", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for scripts.")
def check_verb(app: str | None, as_json: bool) -> None:
    """Check APP, or every app of the project: its declaration, its data, its champion in a real worker, its own checks.

    Ends with status 1 when anything is wrong.
    """
    from teahouse.cli import say
    from teahouse.cli.where import project

    place = project()
    names = [place.one_app(app)] if app else list(place.app_folders())
    if not names:
        place.one_app(None)
    found = {name: rehearse(place, name, quiet=as_json) for name in names}
    if as_json:
        say.as_json(found)
    wrong = [line for lines in found.values() for line in lines if not line["ok"]]
    if wrong:
        raise say.CheckFailed(
            f"{len(wrong)} thing{'s are' if len(wrong) > 1 else ' is'} wrong.", do_next=wrong[0].get("do_next", "")
        )


def rehearse(place: Project, name: str, quiet: bool) -> list[dict[str, Any]]:
    """Every check of one app in order, each told as soon as it is known; what can not go on stops there."""
    from teahouse.cli import say
    from teahouse.errors import TeahouseError

    lines: list[dict[str, Any]] = []

    def tell(ok: bool, words: str, do_next: str = "") -> None:
        lines.append({"ok": ok, "words": words, "do_next": do_next})
        if not quiet:
            say.line(
                f"[green]✓[/] {plain(words)}"
                if ok
                else f"[red]✗[/] {plain(words)}" + (f"  [bold]→[/] {plain(do_next)}" if do_next else "")
            )

    if not quiet:
        say.line(f"[bold]{name}[/]")
    try:
        declared = check_declaration(place, name, tell)
        check_data(place, name, declared, tell)
        check_champion(place, name, declared, tell)
    except TeahouseError as error:
        tell(False, f"{error.what} {error.why}".strip(), error.do_next)
    return lines


def plain(words: str) -> str:
    """Words without meaning to rich."""
    from rich.markup import escape

    return escape(words)


def check_declaration(place: Project, name: str, tell: Any) -> Any:
    """The file loads and declares one app."""
    from teahouse.spec.load import load_app

    app = load_app(place.app_folders()[name])
    fields = ", ".join(f"{field.name}: {field.kind}" for field in app.fields.values())
    tell(True, f"declares {app.title!r}: {fields} → {app.output.kind}")
    if "train" not in app.hooks:
        tell(True, "has no @app.train: it can be served, not retrained")
    return app


def check_data(place: Project, name: str, app: Any, tell: Any) -> None:
    """The maker's folder has photos for every label, and nothing that no label names."""
    if app.folder is None:
        tell(True, "data comes from @app.data" if "data" in app.hooks else "has no data of its own")
        return
    if app.output.kind != "labels":
        found = sum(1 for _ in app.folder.photos(place.app_folders()[name]))
        tell(found > 0, f"photos: {found or 'none'}", "" if found else f"Put some in {app.folder.path}.")
        return
    counts: dict[str, int] = {}
    for _, label, _ in app.folder.read(place.app_folders()[name]):
        counts[label] = counts.get(label, 0) + 1
    words = app.output.words() if hasattr(app.output, "words") else list(counts)
    strange, empty = sorted(set(counts) - set(words)), [word for word in words if not counts.get(word)]
    tell(not strange, f"photos: {', '.join(f'{count} {label}' for label, count in counts.items()) or 'none'}")
    if strange:
        tell(
            False,
            f"the folder {strange[0]!r} is no label of this app",
            f"Add it to Labels(…), or move it out of {app.folder.path}.",
        )
    if empty:
        tell(False, f"the label {empty[0]!r} has no photos", f"Put some in {app.folder.path}/{empty[0]}.")


def check_champion(place: Project, name: str, app: Any, tell: Any) -> None:
    """The champion loads in a worker of its own, answers its examples and a sample, and passes the app's checks."""
    from teahouse.engine.bench import Bench

    folder = champion_folder(place, name)
    if folder is None:
        tell(True, f"no release yet: teahouse train {name}")
        return
    began = time.monotonic()
    with Bench(folder) as bench:
        tell(
            True,
            f"the champion {folder.name[:12]} loads and answers its own examples ({time.monotonic() - began:.1f} s)",
        )
        sample = next(iter(sorted((place.app_folders()[name] / app.samples).glob("*.*"))), None)
        photos = [key for key, field in app.fields.items() if field.binary]
        if not photos or (sample is not None and len(photos) == 1):
            from teahouse.training.tries import with_values

            began, what = time.monotonic(), sample.name if photos else "what is given to try"
            answer = bench.answer(with_values(app, {photos[0]: sample.read_bytes()} if photos else {}, 0))
            tell(True, f"answers {what} with {short(answer.output)} ({1000 * (time.monotonic() - began):.0f} ms)")
    if app.checks:
        from teahouse.training.candidate import Predict

        predict = Predict(app, folder, examples(place, name, app, folder))
        for check, function in app.checks.items():
            tell(*run_check(check, function, predict))


def run_check(name: str, function: Any, predict: Any) -> tuple[bool, str, str]:
    """One of the maker's own checks; what it raised is its reason."""
    words = name.replace("_", " ")
    try:
        function(predict)
    except Exception as error:  # edge: whatever the maker's own check raises is its answer
        return False, f"{words}: {type(error).__name__}: {error}", f"Look at the check {name} in app.py."
    return True, words, ""


def examples(place: Project, name: str, app: Any, folder: Path) -> list[Any]:
    """Rows for the checks: the maker's own that were kept aside, else the release's examples."""
    from teahouse.model import bundle
    from teahouse.store import labels
    from teahouse.training.candidate import Example
    from teahouse.training.tries import with_values

    with place.house() as house:
        with house.db.read() as c:
            kept = [row for row in labels.maker_rows(c, name) if row.split != "train"][:ROWS]
        given = [({key: _kept(house, one) for key, one in row.inputs.items()}, row.answer) for row in kept]
    if not given:
        for one in bundle.read(folder).examples:
            inputs = {
                key: (folder / value).read_bytes() if app.fields[key].binary else value
                for key, value in one["inputs"].items()
            }
            given.append((inputs, one["expected"]))
    made = []
    for number, (inputs, truth) in enumerate(given):
        inputs = with_values(app, inputs, number)
        arrays = {key: app.fields[key].tensor(data) for key, data in inputs.items()}
        made.append(Example(inputs, arrays, truth))
    return made


def _kept(house: Any, value: Any) -> Any:
    """What a row was given: a photo's bytes, or the value."""
    return house.blobs.get(value["blob"]) if isinstance(value, dict) and "blob" in value else value


def champion_folder(place: Project, name: str) -> Path | None:
    """The folder of the app's champion, or None."""
    from teahouse.store import rollouts

    if not (place.data / "house.db").exists():
        return None
    with place.house() as house, house.db.read() as c:
        row = rollouts.champion(c, name)
        return house.releases / row.release if row else None


def short(output: Any) -> str:
    """An answer in a few words."""
    if isinstance(output, dict) and "label" in output:
        return f"{output['label']} ({100 * output['scores'][output['label']]:.0f} %)"
    if isinstance(output, dict) and "width" in output:
        return f"a picture of {output['width']} by {output['height']}"
    return str(output)[:80]
