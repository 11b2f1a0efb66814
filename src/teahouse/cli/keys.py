"""`teahouse keys`: the maker's signing key, and whose signatures this project trusts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

BEGIN = """\
# Whose bundles this project takes: a public key a line (`teahouse keys show` prints one), and whose it is.
# Take a line out and that key counts no more. Without this file bundles are taken signed or not.
"""


@click.group("keys", short_help="Your signing key, and whose bundles this project takes.")
def keys_verb() -> None:
    """A release that you pack is signed with your key. Where a project has a keys.txt, it takes bundles only that a key
    in there has signed.

    \b
    teahouse keys new                     once for you, kept in ~/.config/teahouse/key
    teahouse keys show                    your public key, for others to trust
    teahouse keys trust KEY --name Ada    into this project's keys.txt
    gh secret set TEAHOUSE_SIGNING_KEY < ~/.config/teahouse/key      for a runner that signs
    """


@keys_verb.command("new")
@click.option("--to", "target", metavar="FILE", type=click.Path(path_type=Path), help="Another place for it.")
def new_verb(target: Path | None) -> None:
    """Make a signing key, which only you may read. One that is there is never written over."""
    from teahouse.desk import say
    from teahouse.model import signing

    path = target or signing.home()
    key = signing.new()
    signing.save(key, path)
    say.step(f"Your signing key is in {path}. Keep it as you keep a password; its public half is:")
    click.echo(signing.public_text(key))
    say.line("  teahouse keys trust KEY   in a project that shall take what you sign", markup=False)


@keys_verb.command("show")
def show_verb() -> None:
    """Print your public key: of $TEAHOUSE_SIGNING_KEY (the key's text, or its file), else of ~/.config/teahouse/key."""
    from teahouse.desk.say import WrongUse
    from teahouse.model import signing

    key = signing.own()
    if key is None:
        raise WrongUse("You have no signing key.", f"{signing.home()} is not there.", "teahouse keys new")
    click.echo(signing.public_text(key))


@keys_verb.command("trust")
@click.argument("key", required=False)
@click.option("--name", "whose", default="", help="Whose it is, for the people who read keys.txt.")
def trust_verb(key: str | None, whose: str) -> None:
    """Trust KEY (your own, where none is named) in this project: a line in its keys.txt."""
    from teahouse.desk import say
    from teahouse.desk.where import project
    from teahouse.model import signing

    page = project().root / signing.KEYS
    mine = signing.own() if key is None else None
    given = signing.public_text(mine) if mine else (key or "").strip()
    if not signing.is_public(given):
        raise say.WrongUse(
            "This is not a public key." if key else "You have no signing key of your own.",
            f'One is a word that begins with "{signing.PUBLIC}".',
            "`teahouse keys show`, where the key is, prints it.",
        )
    known = signing.trusted(page)
    if known is not None and given in known:
        say.step(f"{page} trusts it already.")
        return
    before = page.read_text("utf-8") if known is not None else BEGIN
    words = " ".join(whose.replace("#", " ").split())
    page.write_text(before + "\n" * (not before.endswith("\n")) + f"{given} {words}".rstrip() + "\n", "utf-8")
    say.step(f"{page} trusts it now. Commit the file: it says for everybody whose bundles are taken.")


@keys_verb.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for scripts.")
def list_verb(as_json: bool) -> None:
    """Whose bundles this project takes."""
    from teahouse.desk import say
    from teahouse.desk.where import project
    from teahouse.model import signing

    page, mine = project().root / signing.KEYS, signing.own()
    found = signing.trusted(page)
    own = signing.public_text(mine) if mine else None
    rows = [{"key": key, "whose": whose, "yours": key == own} for key, whose in (found or {}).items()]
    if as_json:
        say.as_json({"trusted": rows if found is not None else None, "yours": own})
        return
    tell_trusted(page, None if found is None else rows)


def tell_trusted(page: Path, rows: list[dict[str, Any]] | None) -> None:
    """The keys as a page; whole lines, so that they can be copied."""
    from teahouse.desk import say

    if rows is None:
        say.line(
            f"There is no {page.name} here: bundles are taken signed or not. teahouse keys trust KEY", markup=False
        )
    elif not rows:
        say.line(f"{page.name} names no key: no bundle is taken.", markup=False)
    for row in rows or []:
        click.echo(" ".join(part for part in (row["key"], row["whose"], "(yours)" * row["yours"]) if part))
