"""`teahouse demo`: the whole circle, told while it happens; the site stays up to be played with."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("demo", short_help="See the whole circle once: a site, its visitors, a retrain, a better champion.")
@click.option("--seed", default=1, show_default=True, help="Which photos are rendered: another seed, other photos.")
@click.option(
    "--report", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures as JSON."
)
@click.option(
    "--exit", "leave", is_flag=True, help="End after the story; status 0 only if a better champion was promoted."
)
@click.option("--port", type=int, help="Port of the site (8360, or a free one where that is taken).")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where to make the project (./demo).")
@click.option(
    "--open/--no-open", "open_page", default=None, help="Open the page in the browser (where there is a screen)."
)
def demo_verb(
    seed: int, report: Path | None, leave: bool, port: int | None, folder: Path | None, open_page: bool | None
) -> None:
    """Watch the tea classifier become better.

    A site stands within seconds; simulated visitors photograph tea by candle-light, which the model never saw, and say
    what they see; a simulated owner labels the photos that were drawn by lot; the loop retrains by itself, judges, and
    puts the better model on. Then it is yours: the site stays up until Ctrl-C. PyTorch is installed on the way if it is
    missing.
    """
    from teahouse.cli.story import Choice, Story

    story = Story(Choice(seed=seed, report=report, leave=leave, port=port, folder=folder, open_page=open_page))
    raise SystemExit(story.tell())
