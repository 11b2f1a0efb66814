"""`teahouse pages`: an app as a folder of plain files that plays in any browser, without a site."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from teahouse.desk.say import WrongUse


@click.command("pages", short_help="Write an app as a folder that plays in any browser, without a site.")
@click.argument("app", required=False)
@click.option("--to", type=click.Path(path_type=Path), help="The folder to write (public).")
@click.option("--bundle", type=click.Path(exists=True, path_type=Path), help="A NAME.teahouse, not the champion.")
@click.option("--home", metavar="URL", default="", help="A site that hears what visitors say.")
@click.option("--issues", metavar="OWNER/NAME", help="The repository for prefilled issues (that of the project).")
@click.option("--address", metavar="URL", help="Where the page will be, for links that show its card.")
@click.option("--most-mb", type=float, default=25.0, show_default=True, help="The most that the folder may weigh.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for scripts.")
def pages_verb(app: str | None, to: Path | None, bundle: Path | None, as_json: bool, **wishes: Any) -> None:
    """Write APP (or the only one) as a static site: its play page, samples, model, and what runs it in the browser.

    Its champion is taken; where there is none, the release beside app.py.

    Any server of plain files can hand it out, GitHub Pages among them. Nothing that a visitor gives leaves their
    browser unless --home names a site. Without one, corrections stay there and can be saved, or sent as an issue.
    """
    from teahouse.desk import say
    from teahouse.pages import build

    to = (to or Path("public")).resolve()
    build.refuse_target(to)
    home = origin_of(wishes["home"])
    issues = repository() if wishes["issues"] is None else named(wishes["issues"])
    address = wishes["address"] or (usual_address(issues) if issues else "")
    with release(app, bundle) as (folder, id_, number, title):
        wish = build.Wish(folder, id_, to, home, issues, address, title, number, wishes["most_mb"])
        with say.bar(unit="") as bar:
            engine = fetched(bar)
            bar.update(bar.first, completed=0, total=None)
            built = build.build(wish, engine, lambda words: bar.update(bar.first, description=words))
            bar.update(bar.first, completed=1, total=1, description="Written")
    if as_json:
        say.as_json({"to": str(to), "bytes": built.bytes, "release": id_, "files": built.files})
        return
    say.step(f"{to}: {len(built.files)} files, {built.bytes / 1e6:.1f} MB")
    say.line(f"  look at it: [bold]python -m http.server --directory {to}[/]", soft_wrap=True)
    stays = f"what visitors say stays in their browser{f', or becomes an issue at {issues}' if issues else ''}"
    say.line(f"  {f'what visitors say goes to {home}' if home else stays}")


def fetched(bar: Any) -> Any:
    """ONNX Runtime Web, with a bar while it comes."""
    from teahouse.pages import runtime

    bar.update(bar.first, description=f"ONNX Runtime Web {runtime.VERSION}")

    def told(done: int, total: int) -> None:
        bar.update(bar.first, completed=done, total=total or None, note=f"{done / 1e6:.0f} MB")

    return runtime.get(told)


@contextmanager
def release(app: str | None, bundle: Path | None) -> Iterator[tuple[Path, str, int, str]]:
    """The release's folder, its id, its number in the house (0: none) and the site's title."""
    if bundle is not None:
        from teahouse.desk.where import find_project
        from teahouse.model import archive, signing

        inside = find_project()
        trusted = signing.trusted(inside.root / signing.KEYS) if inside else None
        with tempfile.TemporaryDirectory() as scratch:
            id_ = archive.unpack(bundle, Path(scratch), trusted)
            yield Path(scratch) / id_, id_, 0, ""
        return
    from teahouse import ids
    from teahouse.cli.check import champion_folder
    from teahouse.desk import shipped
    from teahouse.desk.where import project
    from teahouse.model import bundle as sealed
    from teahouse.store import releases

    place = project()
    name = place.one_app(app)
    title, champion = place.settings.site.title or "", champion_folder(place, name)
    if champion is not None:
        with place.house(create=False) as house:
            with house.db.read() as c:
                known = releases.get(c, champion.name)
            yield champion, known.id, known.number, title
        return
    with shipped.named_beside(place, name) as beside:  # as `teahouse serve` would put it on
        if beside is None:
            raise WrongUse(
                f"{name} has no release yet.", "A page needs a trained model.",
                f"teahouse train {name}, or teahouse pages --bundle {name}.teahouse",
            )  # fmt: skip
        yield beside, ids.sha256(sealed.manifest_bytes(beside)), 0, title


def origin_of(url: str) -> str:
    """Scheme and host of a site's address; WrongUse where it is none."""
    if not url:
        return ""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not re.fullmatch(r"[A-Za-z0-9.\-\[\]:]+", parts.netloc):
        raise WrongUse(f"--home {url} is no address of a site.", do_next="Write it as https://example.org")
    return f"{parts.scheme}://{parts.netloc}"


def named(repository: str) -> str:
    """OWNER/NAME as it was given, or ""; WrongUse where it is neither."""
    from teahouse.ci import github

    if repository and not github.REPO.match(repository):
        raise WrongUse(
            f"--issues {repository} is no repository on GitHub.", 'Write it as OWNER/NAME; --issues "" for none.'
        )
    return repository


def repository() -> str:
    """OWNER/NAME of the project's repository on GitHub, as the workflow or git says; "" where neither does."""
    from teahouse.ci import github

    try:
        return github.own_repo()
    except github.GitHubSaid:
        return ""


def usual_address(repository: str) -> str:
    """Where GitHub Pages puts the page of a repository."""
    owner, name = repository.split("/", 1)
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"
