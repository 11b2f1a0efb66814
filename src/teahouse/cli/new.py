"""`teahouse new`: a project, or one more app in it: from a starter, from a folder of photos, or bare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

STARTERS = ("tea", "toon", "style", "teapot")


@click.command("new", short_help="Start a project, or add an app to the one you are in.")
@click.argument("name")
@click.option(
    "--starter", type=click.Choice(STARTERS), help="Begin with a starter: an app, its data and a trained release."
)
@click.option(
    "--from-folder",
    "folder",
    metavar="PATH",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of photos, one sub-folder a label: an app with a default fine-tune.",
)
@click.option(
    "--weights",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --from-folder: start from these weights (.safetensors, a ResNet by torchvision's or timm's names).",
)
@click.option(
    "--copy", is_flag=True, help="With --from-folder: copy the photos into the project (else they stay where they are)."
)
@click.option(
    "--bundle",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A NAME.teahouse file that `teahouse.publish` made: its app, with its release on.",
)
@click.option("--yes", is_flag=True, help="With --bundle: take the code in that it carries, without being asked.")
def new_verb(name: str, **given: Any) -> None:
    """Start a project called NAME, with an app of that name; inside a project, add an app called NAME.

    \b
    teahouse new shop --starter tea                 green tea or oolong, with a trained release
    teahouse new draw --starter toon                a photo becomes a cartoon
    teahouse new oils --starter style               a photo becomes a painting, as strongly as you like
    teahouse new pots --starter teapot              this teapot does not exist: another at every refresh
    teahouse new ants --from-folder ~/photos/ants   one sub-folder a label
    teahouse new cats --bundle cats.teahouse        what a notebook on another machine published
    teahouse new hats                               a bare app.py to fill in
    """
    from teahouse.cli import scaffold
    from teahouse.desk.say import WrongUse

    wish = scaffold.Wish(name=name, **given)
    folder, weights = wish.folder, wish.weights
    ways = [way for way in ("starter", "folder", "bundle") if given[way]]
    if len(ways) > 1:
        ways = [{"folder": "from-folder"}.get(way, way) for way in ways]
        raise WrongUse(f"--{ways[0]} and --{ways[1]} are two ways to begin.", do_next="Give one of them.")
    if wish.yes and not wish.bundle:
        raise WrongUse("--yes belongs to --bundle.", do_next="teahouse new NAME --bundle FILE")
    if (weights or wish.copy) and not folder:
        raise WrongUse("--weights and --copy belong to --from-folder.", do_next="teahouse new NAME --from-folder PATH")
    if weights and weights.suffix != ".safetensors":
        raise WrongUse(
            f"{weights.name} is not a .safetensors file.", "No other format of weights is ever read: pickles run code."
        )
    scaffold.begin(wish)
