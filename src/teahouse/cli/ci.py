"""`teahouse ci`: GitHub Actions for the project, and the verbs that its workflows call, one a step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

PATH = click.Path(path_type=Path)


@click.group("ci", short_help="Let GitHub check, train and release the project: writes its workflows.")
def ci_verb() -> None:
    """A pull request gets a verdict, a merge becomes a Release and a page. `teahouse ci init` writes the workflows; the
    other verbs are what they call, step by step, and work in a terminal too."""


@ci_verb.command("init")
@click.argument("apps", nargs=-1)
@click.option("--bundle", metavar="FILE", help="A .teahouse file in the project is the candidate: nothing is trained.")
@click.option("--branch", help="The branch that releases are made from (the repository's own).")
@click.option("--force", is_flag=True, help="Write over workflows that were changed by hand, or by another version.")
def init_verb(apps: tuple[str, ...], bundle: str | None, branch: str | None, force: bool) -> None:
    """Write .github/workflows/teahouse-check.yml, teahouse-release.yml and teahouse-loop.yml for APPS (all of them)."""
    from teahouse import __version__
    from teahouse.ci import init
    from teahouse.desk import say
    from teahouse.desk.where import project

    place = project()
    names = tuple(place.one_app(app) for app in apps) or tuple(place.app_folders()) or (place.one_app(None),)
    top = init.top_of(place.root)
    if bundle and (len(names) > 1 or not (place.root / bundle).is_file()):
        raise say.WrongUse(
            "--bundle names one file of the project, for one app.", f"{place.root / bundle}", "teahouse ci init APP …"
        )
    folder = str(place.root.relative_to(top)).replace("\\", "/")
    wish = init.Wish(
        names,
        __version__,
        branch or init.branch_of(top),
        "" if folder == "." else folder,
        bundle or "",
        (place.root / "requirements.txt").is_file(),
        init.uses_lfs(top),
    )
    fresh = init.write(top, wish, force)
    for path in (top / init.FOLDER / name for name in init.NAMES):
        say.step(f"{path.relative_to(top)}{'' if path in fresh else ' (kept: it is as it should be)'}")
    if not (top / ".git").exists():
        say.warn("Not in a git repository yet: GitHub sees these files once there is one, with a remote on GitHub.")
        say.line("  git init && gh repo create   (or: git init && git remote add origin URL)", soft_wrap=True)
    lacking = warn_of_data(place, top, names, bundle)
    tell_next(wish, top, lacking)


def warn_of_data(place: Any, top: Path, names: tuple[str, ...], bundle: str | None) -> bool:
    """Say where a runner will miss the photos, or a training; whether it will."""
    from teahouse.ci import init
    from teahouse.desk import say
    from teahouse.spec.load import load_app

    lacking = False
    for name in names:
        source = place.app_folders()[name]
        app = load_app(source)
        if app.folder is not None and (why := init.left_behind(top, source / app.folder.path)):
            say.warn(f"{name}: {say.plain(why)}")
            lacking = True
        if not bundle and "train" not in app.hooks:
            say.warn(f"{name} has no @app.train, so a runner takes its release as a file instead:")
            told = f"  teahouse releases pack {name} && teahouse ci init {name} --bundle {name}.teahouse"
            say.line(told, soft_wrap=True)
            lacking = True
    return lacking


def tell_next(wish: Any, top: Path, lacking: bool) -> None:
    """What is left to do, and where; where the runner will miss something, nothing is promised."""
    from teahouse.desk import say

    if lacking:
        return
    say.line()
    folder = f"{wish.folder}/" if wish.folder else ""
    added = " ".join(filter(None, (".github", f"{folder}{wish.bundle}" if wish.bundle else "")))
    command = f"  git add {added} && git commit -m 'Let GitHub check and release it' && git push"
    say.line(say.plain(command), soft_wrap=True)
    say.line("\n  Once, on GitHub, in the repository's Settings:")
    say.line("  · Pages → Source: GitHub Actions   (or, for no page: variable TEAHOUSE_PAGES = off)", soft_wrap=True)
    say.line("  · Environments → teahouse → TEAHOUSE_SIGNING_KEY: releases are signed", soft_wrap=True)
    say.line("  · where a site of yours runs: variable TEAHOUSE_HOME, and there its key: TEAHOUSE_KEY", soft_wrap=True)
    told = f"\n  Then a pull request to {wish.branch} gets a verdict, a merge becomes a page."
    say.line(say.plain(told), soft_wrap=True)


@ci_verb.command("lint")
def lint_verb() -> None:
    """Look over the project's Python with ruff: by the project's own rules, else for plain errors alone."""
    import subprocess
    import sys
    from importlib.util import find_spec

    from teahouse.desk import say
    from teahouse.desk.where import project

    root = project().root
    if find_spec("ruff") is None:
        raise say.WrongUse("The linter is not installed.", do_next="pip install ruff")
    rules = [] if has_rules(root) else ["--isolated", "--select", "E9,F"]
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "--no-cache", *rules, str(root)], check=False)
    if done.returncode:
        raise say.CheckFailed("The linter found something.", "Its words are above.", "ruff check --fix mends some.")
    say.step("lint: nothing found")


def has_rules(root: Path) -> bool:
    """Whether the project, or a folder above it in the repository, says itself how it wants to be linted."""
    from teahouse.ci.init import top_of

    top = top_of(root)
    for folder in (root, *root.parents):
        if (folder / "ruff.toml").is_file() or (folder / ".ruff.toml").is_file():
            return True
        if (folder / "pyproject.toml").is_file() and "[tool.ruff" in (folder / "pyproject.toml").read_text("utf-8"):
            return True
        if folder == top:
            break
    return False


@ci_verb.command("champion")
@click.argument("app", required=False)
@click.option("--to", "target", type=PATH, metavar="FILE", help="Write the bundle there, and change nothing here.")
@click.option("--older", is_flag=True, help="Also where it was made before the newest release that is here.")
def champion_verb(app: str | None, target: Path | None, older: bool) -> None:
    """Fetch the newest Release from GitHub and make it this project's champion: of APP, or of every app.

    Where keys.txt names whom the project trusts, a Release that none of them signed is refused."""
    import shutil
    import tempfile

    from teahouse.ci import champion, github
    from teahouse.desk import say
    from teahouse.desk.where import project
    from teahouse.model import archive

    place = project()
    names = [place.one_app(app)] if app or target else list(place.app_folders())
    repo = github.own_repo(folder=place.root)
    for name in names:
        with tempfile.TemporaryDirectory(prefix="teahouse-") as scratch, github.Api() as api:
            bundle = Path(scratch) / f"{name}{archive.SUFFIX}"
            asset = api.newest(repo, name)
            if asset is None:
                say.warn(f"{name} has no Release on {say.plain(repo)} yet.")
                continue
            with say.bar() as bar:
                api.download(repo, asset, bundle, on(bar, f"Fetching {name}"))
            with archive.opened(bundle, champion.trusted_in(place.root)) as found:
                champion.refuse_other(found.manifest.app, name, f"the Release {asset.tag} of {repo}")
            if target:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(bundle, target)
            where = say.plain(str(target)) if target else f"{name}: {put_on(place, name, bundle, repo, older)}"
            say.step(f"{where} ({say.plain(asset.tag)})")


def put_on(place: Any, name: str, bundle: Path, repo: str, older: bool = False) -> str:
    """Make a bundle the app's champion, if the project trusts who signed it; what became of it, in words."""
    from teahouse.cli import bundles
    from teahouse.store import rollouts

    came = bundles.take(place, bundle, name, older)
    if not came.on:
        step = rollouts.Step(name, came.release, "full", by="github", why=f"the newest Release of {repo}")
        with place.house() as house:
            house.db.write(lambda c: rollouts.append(c, step))
    return f"release {came.release[:12]} is on{' already' if came.on else ''}"


@ci_verb.command("candidate")
@click.argument("app", required=False)
@click.option("--bundle", type=PATH, metavar="FILE", help="The candidate, in place of a training.")
@click.option("--minutes", default=300.0, show_default=True, help="The most that a training may take.")
@click.option("--to", "target", type=PATH, default=Path("out"), show_default=True, metavar="DIR")
def candidate_verb(app: str | None, bundle: Path | None, minutes: float, target: Path) -> None:
    """Train APP in full (or take a bundle), judge it against the newest Release, pack it into DIR where it may go on.

    The newest Release is the champion here, also where the project has a site: what is on there is not asked.
    Ends with status 1 where the verdict rejects it, 0 where it goes on and where it is held back: then the champion
    stays, and DIR gets nothing."""
    import tempfile

    from teahouse.ci import candidate, judge, labels, runner
    from teahouse.ci.markdown import text
    from teahouse.desk import say
    from teahouse.desk.where import project

    place = project()
    name = place.one_app(app)
    source = place.app_folders()[name]
    with tempfile.TemporaryDirectory(prefix="teahouse-") as scratch, say.bar() as bar:
        ask = judge.Ask(
            name, source, place.root, place.settings, Path(scratch), candidate=bundle, minutes=minutes,
            known=labels.known(source, labels.folder_of(place.data, name)), told=steps(bar), event=epochs(bar),
        )  # fmt: skip
        made = candidate.make(ask, target)
    say.verdict(made.outcome, [{"words": words} for words in made.reasons])
    listed = "\n".join(f"- {text(words)}" for words in made.reasons)
    runner.summarise(f"### {name}: {made.outcome}\n\n{listed}\n")
    if made.outcome == "reject":
        raise say.CheckFailed(f"The candidate of {name} is refused.", "; ".join(made.reasons)[:500])
    say.step(f"{made.bundle}") if made.bundle else say.warn("No new Release: the champion stays.")


@ci_verb.command("sign")
@click.argument("given", metavar="BUNDLE|DIR", type=PATH)
def sign_verb(given: Path) -> None:
    """Sign bundles in place, by TEAHOUSE_SIGNING_KEY or the key of `teahouse keys`; without one nothing changes.

    A bundle that its maker has signed keeps that signature; with a keys.txt it has to be one that counts there."""
    from teahouse.ci import release
    from teahouse.desk import say
    from teahouse.desk.where import find_project
    from teahouse.model import signing

    key, place = signing.own(), find_project()
    trusted = signing.trusted(place.root / signing.KEYS) if place else None
    if not given.exists():
        say.warn(f"There is no {say.plain(str(given))}: nothing to sign.")
        return
    for bundle in release.bundles(given):
        done = release.sign(bundle, key, trusted)
        say.step(f"{bundle.name}: signed by {done.key}") if done.key else say.warn(
            f"{bundle.name} is not signed: TEAHOUSE_SIGNING_KEY is not set."
        )


@ci_verb.command("release")
@click.argument("given", metavar="BUNDLE|DIR", type=PATH)
def release_verb(given: Path) -> None:
    """Make a GitHub Release of each bundle; the same one again changes nothing."""
    from teahouse.ci import github, release, runner
    from teahouse.desk import say

    if not given.exists() or not (found := release.bundles(given)):
        say.warn("There is no bundle to release: the champion stays.")
        return
    repo = github.own_repo()
    with github.Api() as api:
        for bundle in found:
            page = release.publish(api, repo, bundle, release.report_beside(bundle), runner.commit())
            say.step(f"{bundle.name}: [link={page}]{say.plain(page)}[/]")
            runner.summarise(f"Released: [{bundle.stem}]({page})\n")


@ci_verb.command("comment")
@click.argument("given", metavar="REPORT", type=PATH)
@click.option("--app", default="", help="Whose report it is, where it may be missing.")
@click.option("--pr", type=int, metavar="N", help="The pull request (the one that this run is about).")
def comment_verb(given: Path, app: str, pr: int | None) -> None:
    """Say the verdict under the pull request: in one comment an app, which is written anew each time."""
    from teahouse.ci import github, runner
    from teahouse.ci import report as reports
    from teahouse.desk import say

    told, page = report_in(given), runner.page()
    missing = {"apps": [{"app": app}]}
    marker = reports.marker(told or missing)
    if told is not None:
        body = reports.comment(told, page)
    else:
        link = f" [The run]({page})" if page else ""
        body = f"{marker}\n**{app or 'The check'}: no verdict.** The check ended before there was one.{link}"
    number = pr or runner.pull_request()
    with github.Api() as api:
        said = api.comment(github.own_repo(), number, body, marker)
    say.step(say.plain(said))


@ci_verb.command("summary")
@click.argument("given", metavar="REPORT", type=PATH)
def summary_verb(given: Path) -> None:
    """Put the verdict on the run's page, where everybody sees it who sees the run."""
    from teahouse.ci import report as reports
    from teahouse.ci import runner
    from teahouse.desk import say

    told = report_in(given)
    body = "No verdict: the check ended before there was one." if told is None else reports.comment(told)
    if not runner.summarise(body):
        say.line(say.plain(body))


@ci_verb.command("due")
@click.option("--site", required=True, metavar="URL", help="The site; its key in TEAHOUSE_KEY.")
def due_verb(site: str) -> None:
    """Ask a site whether so many new labels are accepted that its loop would retrain; the answer is the output due."""
    from teahouse.ci import after as wanted
    from teahouse.ci import labels, runner
    from teahouse.cli.remote import Site
    from teahouse.desk import say
    from teahouse.desk.where import project

    place, due = project(), False
    with Site(site) as there:
        for name, source in place.app_folders().items():
            counts = there.get("/api/owner/labels", app=name, limit=1)["counts"]
            after = wanted.of_app(source) or place.settings.loop.retrain_after
            say.line(f"{name}: {counts.get('new', 0)} new labels of {after}")
            due = due or labels.is_due(counts, after)
    runner.output("due", due)
    say.step("A retrain is due." if due else "No retrain is due.")


@ci_verb.command("pages")
@click.argument("apps", nargs=-1)
@click.option("--to", "target", type=PATH, default=Path("public"), show_default=True, metavar="DIR")
@click.option("--home", metavar="URL", default="", help="A site that hears what visitors say.")
@click.option("--most-mb", type=float, default=25.0, show_default=True, help="The most that a page may weigh.")
def pages_verb(apps: tuple[str, ...], target: Path, home: str, most_mb: float) -> None:
    """Write the pages of APPS (all of them) from their newest Releases: the first one's into DIR, others into DIR/APP.

    An app that has no Release yet, or can not play in a browser, is told and left out: it holds no other back. Nothing
    of the project is run. Whether any page was written is the output `written`."""
    from teahouse.ci import github, runner
    from teahouse.cli import pages
    from teahouse.desk import say
    from teahouse.desk.where import project

    place = project()
    names = [place.one_app(app) for app in apps] or list(place.app_folders()) or [place.one_app(None)]
    repo, target = github.own_repo(folder=place.root), target.resolve()
    wish = {"home": pages.origin_of(home), "issues": repo, "most_mb": most_mb, "title": place.settings.site.title or ""}
    top, missing = pages.usual_address(repo), {}
    with say.bar(unit="") as bar:
        for name in names:
            at = ("", target) if name == names[0] else (f"{name}/", target / name)
            why = page_or_why(place.root, name, {**wish, "address": f"{top}{at[0]}", "to": at[1]}, bar)
            if why:
                missing[name] = why
        bar.update(bar.first, completed=1, total=1, description="Written")
    for name, why in missing.items():
        say.warn(f"{name} has no page: {say.plain(why)}")
    written = [name for name in names if name not in missing]
    runner.output("written", bool(written))
    say.step(f"{say.plain(str(target))}: {', '.join(written)}" if written else "No page was written.")


def page_or_why(root: Path, name: str, wish: dict[str, Any], bar: Any) -> str:
    """Write the page of the app's newest Release; why there can be none, or ""."""
    import tempfile

    from teahouse.ci import champion, github
    from teahouse.cli import pages
    from teahouse.errors import InputError, Refused, ReleaseBroken
    from teahouse.pages import build

    with tempfile.TemporaryDirectory(prefix="teahouse-") as scratch:
        try:
            side = champion.newest(name, root, Path(scratch), github.own_repo(folder=root))
            if side is None:
                return "it has no Release yet."
            build.refuse(side.manifest)  # before anything of it is loaded: its code is not run here
            asked = build.Wish(side.folder, side.release, number=side.number, **wish)
            build.build(asked, pages.fetched(bar), lambda words: bar.update(bar.first, description=f"{name}: {words}"))
        except (InputError, Refused, ReleaseBroken) as error:
            return f"{error.what} {error.why}".strip()
    return ""


@ci_verb.command("start")
@click.option("--branch", help="The branch to train from (the one that this run is about).")
def start_verb(branch: str | None) -> None:
    """Start teahouse-release.yml on GitHub, as its button there does."""
    from teahouse.ci import github, init, runner
    from teahouse.desk import say

    repo, branch = github.own_repo(), branch or runner.branch() or init.branch_of(Path.cwd())
    with github.Api() as api:
        api.start(repo, init.RELEASE, branch)
    say.step(f"{init.RELEASE} is started on {say.plain(branch)} of {say.plain(repo)}.")


@ci_verb.command("pull")
@click.argument("app", required=False)
@click.option("--site", required=True, metavar="URL", help="The site; its key in TEAHOUSE_KEY.")
def pull_verb(app: str | None, site: str) -> None:
    """Fetch the labels of visitors that a site accepted; `teahouse ci candidate` trains with them.

    They lie in the project's data folder, which git ignores, and never go into a release."""
    import shutil

    from teahouse.ci import labels
    from teahouse.cli.data import export_there
    from teahouse.desk.where import project

    place = project()
    name = place.one_app(app)
    target = labels.folder_of(place.data, name)
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    export_there(site, name, target, as_json=False)


def report_in(given: Path) -> dict[str, Any] | None:
    """report.json in the folder (or that file), or None where there is none."""
    import json

    path = given / "report.json" if given.is_dir() else given
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def on(bar: Any, words: str) -> Any:
    """What moves the bar by bytes."""
    return lambda done, of: bar.update(bar.first, description=words, completed=done, total=of)


def steps(bar: Any) -> Any:
    """What moves the bar by what a judge does."""
    return lambda words, done, of: bar.update(bar.first, description=words, completed=done, total=of)


def epochs(bar: Any) -> Any:
    """What moves the bar by a training's epochs."""

    def see(event: dict[str, Any]) -> None:
        numbers = event.get("numbers") or {}
        if "epoch" in numbers and "of" in numbers:
            bar.update(bar.first, description="Training", completed=numbers["epoch"], total=numbers["of"])

    return see

