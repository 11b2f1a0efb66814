"""`teahouse check`: a rehearsal of every app, with the real worker, before anyone sees it."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click

from teahouse.desk.where import Project

ROWS = 100  # that a maker's check may look at


@click.command("check", short_help="Rehearse before opening the door: load every app, run its examples and checks.")
@click.argument("app", required=False)
@click.option("--candidate", type=Path, metavar="FILE", help="Judge this bundle (NAME.teahouse).")
@click.option("--train", is_flag=True, help="Judge a candidate that is trained here, from nothing.")
@click.option("--minutes", default=5.0, show_default=True, help="That its training may take; then it is cut short.")
@click.option("--against", type=Path, metavar="FILE", help="The bundle to judge against, in place of the champion.")
@click.option("--report", type=Path, metavar="DIR", help="Write report.md, report.json, curves and pictures there.")
@click.option("--keep", type=Path, metavar="FILE", help="Write the candidate that was trained there, as a bundle.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for scripts.")
def check_verb(app: str | None, as_json: bool, **given: Any) -> None:
    """Check APP, or every app of the project: its declaration, its data, its champion in a real worker, its own checks
    and its tests.

    With --candidate or --train a candidate is judged as well: on your own photos that never train, against the
    project's champion, or else the newest GitHub Release ($GITHUB_REPOSITORY). Nothing is put on.

    Ends with status 1 when anything is wrong, or the verdict is reject; with 0 when it is promote or hold.
    """
    from teahouse.desk import say
    from teahouse.desk.where import project

    place, wish = project(), Wish(**given)
    names = [place.one_app(wish.app_of(app))] if app or wish.candidate else list(place.app_folders())
    if not names:
        place.one_app(None)
    if len(names) > 1 and (wish.against or wish.keep):
        place.one_app(None)
    parts, judged = {}, {}
    for name in names:
        lines = rehearse(place, name, quiet=as_json, beside=not wish.judges)
        if wish.judges:
            judged[name] = judged_or_told(place, name, wish, lines, as_json)
        parts[name] = lines
    finish(place, wish, parts, {name: one for name, one in judged.items() if one}, as_json)
    wrong = [line for lines in parts.values() for line in lines if not line["ok"]]
    if wrong:
        raise say.CheckFailed(
            f"{len(wrong)} thing{'s are' if len(wrong) > 1 else ' is'} wrong.", do_next=wrong[0].get("do_next", "")
        )
    if any(one and one.report["outcome"] == "reject" for one in judged.values()):
        raise click.exceptions.Exit(1)


@dataclass(frozen=True)
class Wish:
    """What a check was asked for beside the rehearsal."""

    candidate: Path | None = None
    train: bool = False
    minutes: float = 5.0
    against: Path | None = None
    report: Path | None = None
    keep: Path | None = None

    @property
    def judges(self) -> bool:
        """Whether a candidate is judged."""
        return self.train or self.candidate is not None

    def app_of(self, app: str | None) -> str | None:
        """The app that is meant: the one that was named, else the candidate's."""
        if app or self.candidate is None:
            return app
        from teahouse.desk.where import find_project
        from teahouse.model import archive, bundle, signing

        if self.candidate.is_dir():
            return bundle.read(self.candidate).app
        place = find_project()
        with archive.opened(self.candidate, signing.trusted(place.root / signing.KEYS) if place else None) as found:
            return found.manifest.app


def judged_or_told(place: Project, name: str, wish: Wish, lines: list[dict[str, Any]], quiet: bool) -> Any:
    """What the judge found, told; None where a side of it can not even be there, which is one more line."""
    from teahouse.errors import TeahouseError

    with tempfile.TemporaryDirectory(prefix="teahouse-check-") as scratch:
        try:
            judged = judge(place, name, wish, Path(scratch), quiet)
        except TeahouseError as error:
            line = {"ok": False, "words": f"{error.what} {error.why}".strip(), "do_next": error.do_next}
            lines.append(line)
            if not quiet:
                tell_line(**line)
            return None
        if wish.keep and judged.candidate is not None:
            from teahouse.model import archive

            wish.keep.parent.mkdir(parents=True, exist_ok=True)
            archive.pack(judged.candidate, wish.keep, None)
    if not quiet:
        tell_verdict(judged.report)
    return judged


def judge(place: Project, name: str, wish: Wish, scratch: Path, quiet: bool) -> Any:
    """Judge the candidate of one app, with a bar."""
    from teahouse.ci import judge as room
    from teahouse.cli.follow import show_numbers
    from teahouse.desk import say

    if not wish.candidate:
        from teahouse.cli.train import need_torch

        need_torch()
    with say.bar() as bar:

        def told(words: str, done: int, of: int) -> None:
            bar.update(bar.first, description=words, completed=done, total=of, note="")

        def event(said: dict[str, Any]) -> None:
            show_numbers(bar, SimpleNamespace(numbers=said.get("numbers")))

        bar.update(bar.first, description="Taking in the data", visible=not quiet)
        found = room.judge(
            room.Ask(
                name,
                place.app_folders()[name],
                place.root,
                place.settings,
                scratch,
                candidate=wish.candidate,
                against=wish.against,
                champion=champion_folder(place, name),
                known=known(place, name),
                minutes=wish.minutes,
                told=told,
                event=event,
            )
        )
        bar.update(bar.first, description="Judged", completed=1, total=1, note="")
    return found


def known(place: Project, name: str) -> Any:
    """What the project's house knows of the maker's rows; nothing in a fresh checkout, which has none."""
    from teahouse.ci.own import Known
    from teahouse.loop.maker import MAKER
    from teahouse.store import labels

    if not (place.data / "house.db").exists():
        return Known()
    with place.house() as house, house.db.read() as c:
        rows, others = labels.maker_rows(c, name), labels.near_rows(c, name, but=MAKER)
    photos: dict[str, Any] = {}
    for row in rows:
        by_hand = row.reviewed_by not in (None, MAKER)
        for blob in labels.blobs_in(row.inputs):
            gone = by_hand and row.decision == "set_aside"
            photos[blob] = None if gone else (row.near or b"", row.answer if by_hand else None, row.split)
    return Known(photos, others)


def tell_verdict(report: dict[str, Any]) -> None:
    """The verdict in the terminal: a few calm lines."""
    from teahouse.ci.report import headline
    from teahouse.desk import say

    colours = {"TIP": "green", "NOTE": "yellow", "CAUTION": "red"}
    colour, head = headline(report)
    say.line(f"\n[bold {colours[colour]}]{head}[/]")
    for reason in report["reasons"]:
        say.line(f"  · {say.plain(reason['words'])}")
    gold = report["numbers"].get("gold", {})
    if gold.get("n"):
        beside = "champion" if report["champion"] else "commonest label"
        sides = [(beside, "champion"), ("candidate", "challenger")]
        for words, side in sides:
            found = gold[f"{side}_interval"]
            say.line(f"  {words:<16}{say.share(found['value'], found['low'], found['high'])} of {gold['n']} photos")
    spent = ", ".join(f"{name} {say.took(60 * took)}" for name, took in report["minutes"].items() if name != "all")
    say.line(f"  [dim]{spent}[/]")


def finish(place: Project, wish: Wish, parts: dict[str, Any], judged: dict[str, Any], as_json: bool) -> None:
    """Write the report where one was asked for, and the JSON."""
    from teahouse.desk import say

    if not wish.report and not wish.judges:
        if as_json:
            say.as_json(parts)
        return
    from teahouse.ci import report as room

    told = room.whole(
        [room.of_app(name, title_of(place, name), lines, judged.get(name)) for name, lines in parts.items()]
    )
    if wish.report:
        room.write(wish.report, told, judged)
    if as_json:
        say.as_json(told)
    elif wish.report:
        say.line(f"\n  Report: {say.plain(str(wish.report / 'report.md'))}")


def title_of(place: Project, name: str) -> str:
    """The app's title, or its name where its file can not be loaded."""
    from teahouse.errors import TeahouseError
    from teahouse.spec.load import load_app

    try:
        return str(load_app(place.app_folders()[name]).title)
    except TeahouseError:
        return name


def rehearse(place: Project, name: str, quiet: bool, beside: bool = True) -> list[dict[str, Any]]:
    """Every check of one app in order, each told as soon as it is known; what can not go on stops there. `beside`: a
    release that lies beside app.py stands in for a champion; where a candidate is judged it is no side of that."""
    from teahouse.desk import say
    from teahouse.errors import TeahouseError

    lines: list[dict[str, Any]] = []

    def tell(ok: bool, words: str, do_next: str = "") -> None:
        lines.append({"ok": ok, "words": words, "do_next": do_next})
        if not quiet:
            tell_line(ok, words, do_next)

    if not quiet:
        say.line(f"[bold]{name}[/]")
    try:
        declared = check_declaration(place, name, tell)
        check_data(place, name, declared, tell)
        check_champion(place, name, declared, tell, beside)
        check_tests(place, name, tell)
    except TeahouseError as error:
        tell(False, f"{error.what} {error.why}".strip(), error.do_next)
    return lines


def tell_line(ok: bool, words: str, do_next: str = "") -> None:
    """One thing that was looked at, and what to do where it is wrong."""
    from teahouse.desk import say

    after = f"  [bold]→[/] {say.plain(do_next)}" if do_next and not ok else ""
    say.line(f"{'[green]✓[/]' if ok else '[red]✗[/]'} {say.plain(words)}{after}")


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


def check_champion(place: Project, name: str, app: Any, tell: Any, beside: bool = True) -> None:
    """The champion loads in a worker of its own, answers its examples and a sample, and passes the app's checks."""
    from teahouse.cli.bundles import alike
    from teahouse.desk import shipped
    from teahouse.engine.bench import Bench
    from teahouse.model import bundle

    folder = champion_folder(place, name)
    which = f"the champion {folder.name[:12]}" if folder else "the release beside app.py"
    folder = folder or (shipped.found_beside(place, name) if beside else None)
    if folder is None:
        tell(True, f"no release yet: teahouse train {name}")
        return
    began = time.monotonic()
    with Bench(folder) as bench:
        tell(
            True,
            f"{which} loads and answers its own examples ({time.monotonic() - began:.1f} s)",
        )
        if not alike(bundle.read(folder), app.declaration()):
            tell(True, f"{which} takes or answers something else than app.py declares now: teahouse train {name}")
            return
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


def check_tests(place: Project, name: str, tell: Any) -> None:
    """The maker's own tests pass, where there are any."""
    from teahouse.ci import suite

    if told := suite.run(place.app_folders()[name], place.root):
        tell(**told)


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

    given: list[tuple[dict[str, Any], Any]] = []
    if (place.data / "house.db").exists():  # a check makes no house
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
    return [Example.of(app, number, *one) for number, one in enumerate(given)]


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
