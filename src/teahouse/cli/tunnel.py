"""`teahouse share`: the site under a public https link while this computer and this terminal are on."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from teahouse import child

HANDED = ("NGROK_", "SSH_", "XDG_")  # what the programs read besides PATH and HOME; nothing of Teahouse's
PATIENCE_S = 60.0
LAST_WORDS = 6
HOST = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"


@dataclass(frozen=True)
class Way:
    """A program that makes a tunnel: how it is started, the words in which it tells the link, who carries it all."""

    name: str
    program: str
    arguments: tuple[str, ...]
    told: re.Pattern[str]
    through: str

    def command(self, port: int) -> list[str]:
        """The program and its arguments for a port of this machine."""
        return [self.program, *(word.replace("{port}", str(port)) for word in self.arguments)]


# In the order in which they are tried: first those that need no account and no word of the user.
WAYS: Mapping[str, Way] = {
    way.name: way
    for way in (
        Way(
            "cloudflared",
            "cloudflared",
            ("tunnel", "--no-autoupdate", "--url", "http://127.0.0.1:{port}"),
            re.compile(rf"(https://{HOST}\.trycloudflare\.com)(?![\w.-])"),
            "Cloudflare",
        ),
        Way(
            "tailscale",
            "tailscale",
            ("funnel", "{port}"),
            re.compile(rf"^\s*(https://{HOST}(?:\.{HOST})*\.ts\.net(?::\d+)?)/?\s*$"),
            "your tailnet's Funnel",
        ),
        Way(
            "ngrok",
            "ngrok",
            ("http", "http://127.0.0.1:{port}", "--log", "stdout", "--log-format", "logfmt"),
            re.compile(rf'msg="started tunnel".* url=(https://{HOST}(?:\.{HOST})+)(?=\s|$)'),
            "ngrok",
        ),
        Way(
            "ssh",
            "ssh",
            (
                "-T", "-o", "StrictHostKeyChecking=accept-new", "-o", "ExitOnForwardFailure=yes",
                "-o", "ServerAliveInterval=30", "-o", "BatchMode=yes",
                "-R", "80:127.0.0.1:{port}", "nokey@localhost.run",
            ),
            re.compile(rf"tunneled with tls termination, (https://{HOST}(?:\.{HOST})+)(?=\s|$)"),
            "localhost.run",
        ),
    )
}  # fmt: skip


@click.command("share", short_help="A public https link to this computer, while it and this terminal are on.")
@click.option("--by", "name", type=click.Choice(list(WAYS)), help="The tunnel (the first of these that is installed).")
@click.option("--port", type=int, help="The port that the site listens on here (its usual one, or the next free one).")
@click.option("--yes", is_flag=True, help="Do not ask.")
def share_verb(name: str | None, port: int | None, yes: bool) -> None:
    """Serve the project's apps here, and let anybody who has the link in, until Ctrl-C.

    Says first what that opens, and asks. The link comes from a tunnel program that you have: cloudflared, tailscale,
    ngrok, or ssh (by localhost.run). Who runs its other end can read what goes through, and the link ends with this
    terminal.
    """
    from teahouse.cli.serve import refuse_second, run
    from teahouse.desk import reach, say
    from teahouse.desk.where import project

    place = project()
    # one that runs answers under the names that it began with: the link's is not among them
    refuse_second(place, "teahouse stop && teahouse share: the same site, under the link")
    way = chosen(name)
    agree(way, list(place.app_folders()), yes)
    port = port or reach.free_port(None, place.settings.site.port)
    with opened(way, port) as link:
        for variable, value in settings_for(link, port, place.settings.limits.trusted_proxies).items():
            os.environ[variable] = value
        place = project()  # anew: what the environment says now
        say.line(said(link), soft_wrap=True)
        threading.Thread(target=greet, args=(place, link), daemon=True).start()
        status = run(place)
    raise SystemExit(status)


def chosen(name: str | None) -> Way:
    """The way that was asked for, else the first whose program is here. WrongUse where none is."""
    from teahouse.desk.say import WrongUse

    here = [way for way in WAYS.values() if shutil.which(way.program)]
    if name and WAYS[name] not in here:
        raise WrongUse(f"{WAYS[name].program} is not installed.", do_next=f"Install it, or: {others(here)}")
    if not here:
        raise WrongUse(
            "No tunnel program is here.",
            f"One of these makes the link: {', '.join(way.program for way in WAYS.values())}.",
            "cloudflared needs no account: https://github.com/cloudflare/cloudflared/releases/latest",
        )
    return WAYS[name] if name else here[0]


def others(here: Sequence[Way]) -> str:
    """What can be asked for instead."""
    return " or ".join(f"teahouse share --by {way.name}" for way in here) or "install another one"


def settings_for(link: str, port: int, trusted: Sequence[str]) -> dict[str, str]:
    """What the site has to know: its address, so that it answers under that name and no other; that only this machine's
    own tunnel reaches it, which says in headers who asks."""
    import json

    return {
        "TEAHOUSE_SITE_URL": link,
        "TEAHOUSE_SITE_PORT": str(port),
        "TEAHOUSE_SITE_HOST": "127.0.0.1",
        "TEAHOUSE_LIMITS_TRUSTED_PROXIES": json.dumps(sorted({*trusted, "127.0.0.1/32"})),
    }


def agree(way: Way, apps: Sequence[str], yes: bool) -> None:
    """Say what is opened to whom, and go on only with a yes: SystemExit at a no, WrongUse where nobody can be asked."""
    from teahouse.desk import say

    say.line(opens(way, apps), soft_wrap=True)
    if yes:
        return
    if not sys.stdin.isatty():
        why = "This opens a site on this computer to the internet, and nobody is here to say yes to that."
        raise say.WrongUse("Nothing was shared.", why, "teahouse share --yes")
    if not click.confirm("Share it?", default=False):
        say.line("Nothing was shared.")
        raise SystemExit(1)


def opens(way: Way, apps: Sequence[str]) -> str:
    """What everybody who has the link can do, and whose hands it goes through."""
    from rich.markup import escape

    what = escape(", ".join(apps)) or "this project's apps"
    return (
        f"\n  Open to everybody who has the link: {what}: to play, to say whether it was right, to leave photos.\n"
        "  Your side of it asks for your password there as here; it can be claimed from this machine alone.\n"
        f"  All of it goes through {way.through}, who could read it.\n"
    )


def said(link: str) -> str:
    """The link, and when it ends."""
    return (
        f"\n[bold link={link}]{link}[/]\n\n"
        "  The link ends with this terminal, or when this computer sleeps. The next one may be another.\n"
    )


@contextlib.contextmanager
def opened(way: Way, port: int) -> Iterator[str]:
    """The link of a running tunnel; the program ends with the block. Where it dies before, this process is asked to
    stop: a site that nobody reaches would look like one that works."""
    process = subprocess.Popen(
        way.command(port),
        stdin=subprocess.PIPE,  # held open: ssh leaves when it ends
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        env=child.environment(*HANDED),
    )
    lines: queue.Queue[str | None] = queue.Queue()
    ended = threading.Event()
    listener = threading.Thread(target=listen, args=(process, lines, ended), daemon=True)
    listener.start()
    try:
        yield link_in(way, lines)
    finally:
        ended.set()
        stop(process)
        listener.join(5)


def listen(process: subprocess.Popen[str], lines: queue.Queue[str | None], ended: threading.Event) -> None:
    """Hand on the program's lines; where it dies too early, say so and end this process as Ctrl-C would."""
    from teahouse.desk import say

    linked = False
    for line in process.stdout or ():
        if lines.qsize() < 500:  # who listens stops at the link
            lines.put(line)
        linked = linked or any(way.told.search(line) for way in WAYS.values())
    lines.put(None)
    if process.stdout:
        process.stdout.close()
    if linked and not ended.is_set():
        say.warn("The tunnel has ended, so the link does not work any more. The site stops too.")
        os.kill(os.getpid(), signal.SIGTERM)


def link_in(way: Way, lines: queue.Queue[str | None], patience: float = PATIENCE_S) -> str:
    """The link in the program's words. CheckFailed with its last words where none comes."""
    from teahouse.desk.say import CheckFailed

    until, heard = time.monotonic() + patience, []
    while (left := until - time.monotonic()) > 0:
        try:
            line = lines.get(timeout=left)
        except queue.Empty:
            break
        if line is None:
            why = " ".join(heard[-LAST_WORDS:])[:600] or "It said nothing."
            raise CheckFailed(f"{way.program} ended without a link.", why, "Mend that, or choose another with --by.")
        if found := way.told.search(line):
            return found[1]
        heard.append(line.strip())
    why = " ".join(heard[-LAST_WORDS:])[:600]
    raise CheckFailed(f"{way.program} gave no link in {patience:.0f} seconds.", why, "Is there a network?")


def stop(process: subprocess.Popen[str]) -> None:
    """End the program: asked first, then by force."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdin:
        process.stdin.close()


def greet(place: Any, link: str) -> None:
    """Once the site answers: the link as a QR code, and the owner's one-time link (a thread of `share`)."""
    from teahouse.desk import say
    from teahouse.desk.reach import wait_ready
    from teahouse.site import owner_door

    note = wait_ready(place.data, PATIENCE_S) or place.running()
    if not note:
        return
    say.step("The site answers.")
    with place.house() as house:
        claim = owner_door.claim_link(house, note["url"])
    if claim:
        say.line(f"  Make it yours (once, from this machine): [link={claim}]{claim}[/]", soft_wrap=True)
    say.line(say.qr(link), markup=False)
    say.line("  [dim]Ctrl-C ends the site and the link.[/]")
