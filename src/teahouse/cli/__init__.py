"""The terminal's door: one click group whose verbs are imported only when they are called.

`teahouse --help` answers in well under 0.2 s, because the page is written from the table below and nothing of the house
is imported for it. Exit status: 0 done, 1 refused by a verdict or a check, 2 wrong use, 3 the site can not be reached.
"""

from __future__ import annotations

import importlib
import os
import sys

import click

CHAPTERS: dict[str, dict[str, tuple[str, str]]] = {
    "Start": {
        "demo": ("demo", "See the whole circle once: a site, its visitors, a retrain, a better champion."),
        "new": ("new", "Start a project, or add an app to the one you are in."),
        "train": ("train", "Train an app here, judge the result, and put it on if it is better."),
        "serve": ("serve", "Put the project's apps on a site, in this terminal."),
        "check": ("check", "Rehearse before opening the door: load every app, run its examples and checks."),
    },
    "Every day": {
        "status": ("site", "What the site is doing: apps, releases, what waits for you."),
        "open": ("site", "Open the owner's pages in the browser, already logged in."),
        "stop": ("site", "Stop the site that runs for this project."),
        "releases": ("releases", "The releases of an app, with their verdicts."),
        "promote": ("releases", "Make a release the champion by hand."),
        "rollback": ("releases", "Put the champion before this one back."),
        "pin": ("releases", "Keep the champion, whatever is better."),
        "pages": ("pages", "Write an app as a folder that plays in any browser, without a site."),
        "share": ("tunnel", "A public https link to this computer, while it and this terminal are on."),
    },
    "Take a fee": {
        "pay": ("pay", "Connect Stripe in a few minutes, and check each step of it."),
    },
    "Keep and move": {
        "data": ("data", "Take dataset versions out as folders; forget a visitor or a prediction."),
        "backup": ("backup", "Copy the whole house (database, photos, keys) to a folder."),
        "restore": ("backup", "Bring a house back from a backup, erasures replayed."),
        "ci": ("ci", "Let GitHub check, train and release the project: writes its workflows."),
        "keys": ("keys", "Your signing key, and whose bundles this project takes."),
        "doctor": ("doctor", "Look the machine and the project over; name each fault and its fix."),
    },
}
VERBS = {verb: entry for chapter in CHAPTERS.values() for verb, entry in chapter.items()}

EPILOG = """\
\b
First steps:
  teahouse demo                          see it work, in about ten minutes
  teahouse new shop --starter tea        a project with a trained model in it
  teahouse new ants --from-folder PHOTOS one sub-folder a label is enough
  cd shop && teahouse serve              the page, its link and a QR code
\b
Owner's verbs take --site URL for a site elsewhere (its key in TEAHOUSE_KEY) and --json for scripts.
Exit status: 0 done, 1 refused by a verdict or check, 2 wrong use, 3 site not reachable."""


class Verbs(click.Group):
    """A group that knows its verbs by name and imports one module when one is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"{__name__}.{VERBS[cmd_name][0]}")
        return getattr(module, f"{cmd_name}_verb")

    def resolve_command(self, ctx: click.Context, args: list[str]):
        """Find the verb; a misspelt one is answered with the likely word."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else " `teahouse --help` lists the verbs."
            raise click.UsageError(f"There is no verb {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for chapter, verbs in CHAPTERS.items():
            with formatter.section(chapter):
                formatter.write_dl([(verb, line) for verb, (_, line) in verbs.items()], col_max=14)


def show_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    """Print the version and leave; the metadata is read only when asked for."""
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"teahouse {version('teahouse')}")
        ctx.exit()


@click.group(
    cls=Verbs,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=show_version, help="The version.")
def teahouse() -> None:
    """From a trained model to a website that people love to play with, and that learns from what they say.

    One file declares an app; `train` makes a release of it, `serve` puts it on a page, what visitors say becomes the
    next training set, and a better model takes over only when an honest test says so.
    """


def main() -> None:
    """The console script: run a verb, and say in plain words what went wrong."""
    from teahouse.errors import TeahouseError

    try:
        status = teahouse.main(prog_name="teahouse", standalone_mode=False)
    except click.exceptions.Exit as leave:
        status = leave.exit_code
    except click.ClickException as wrong:
        wrong.show()
        status = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nStopped.", err=True)
        status = 130
    except TeahouseError as error:
        from teahouse.desk import say

        say.error(error, as_json="--json" in sys.argv)
        status = say.status_of(error)
    except BrokenPipeError:
        # the reader (head, less) has gone; closing stdout quietly keeps the interpreter from complaining at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    raise SystemExit(status if isinstance(status, int) else 0)
