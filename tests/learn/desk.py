"""The maker's desk: a notebook and a terminal in which the blocks of a chapter are done, and compared with the page.

A `python` block is a cell of one notebook, or the file that its first line names. In a `console` block what follows `$`
is typed and what stands below has to come; a `text` block is what came last. `…` is what varies, `<!-- hands: … -->`
what is done in a browser; what can not be done here comes after `<!-- skip: next "why" -->`."""

import doctest
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest import SkipTest

import psutil
from jupyter_client.manager import start_new_kernel
from sybil import Document, Example, Region, Sybil
from sybil.parsers.markdown import CodeBlockParser, SkipParser
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer

from teahouse import child
from teahouse.desk import reach

FILE, COLOUR = re.compile(r"# ([\w./-]+\.py)\n"), re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
BAR = re.compile(r"^.*━━.*\n?", re.M)  # what moves while one waits
USUAL, PATIENCE = "127.0.0.1:8360", 120.0
STAYS = "teahouse serve"  # what goes on in a terminal of its own
SAME = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Desk:
    """One folder, one notebook, one terminal. `hands` do what is done in a browser, `gh` what GitHub's program does."""

    def __init__(self, root: Path, hands: Callable, gh: Callable) -> None:
        self.root, self.here, self.hands, self.gh = root / "learn", root / "learn", hands, gh
        self.last, self.kernel, self.client, self.terminals = "", None, None, []
        self.begun, self.done = [], []  # chapters
        self.root.mkdir()
        # far from the ports that the system hands out: a kernel could have been given one of those meanwhile
        self.port = reach.next_free("127.0.0.1", 20_000 + os.getpid() % 10_000)
        (root / ".gitconfig").write_text("[user]\nname = M\nemail = m@example.org\n[init]\ndefaultBranch = main\n")
        self.environment = {
            **child.one_thread(), "HOME": str(root), "LANG": "C.UTF-8", "COLUMNS": "100", "TERM": "dumb",
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "TEAHOUSE_SITE_PORT": str(self.port),
            "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(root),
        }  # fmt: skip
        self.names = {f"127.0.0.1:{self.port}": USUAL}

    def read(self, page: Path) -> list[str]:
        """Do a chapter from its first block to its last; why blocks were left out."""

        def look(example: Example) -> None:
            self.last = self.plain(self.hands(self, example.parsed) or "")

        def by_hand(document: Document) -> Iterable[Region]:
            for one in DirectiveInHTMLCommentLexer("hands")(document):
                yield Region(one.start, one.end, one.lexemes["arguments"].strip(), look)

        blocks = {"python": self.cell, "console": self.typed, "text": lambda shown: differs(shown.parsed, self.last)}
        parsers, left_out = [CodeBlockParser(language, done) for language, done in blocks.items()], []
        for example in Sybil([*parsers, SkipParser(), by_hand]).parse(page).examples():
            try:
                example.evaluate()
            except SkipTest as why:
                left_out.append(str(why))
        return left_out

    def cell(self, example: Example) -> None:
        """A file, or a cell of the notebook; what a cell printed is what came last."""
        if file := FILE.match(example.parsed):
            (self.here / file[1]).parent.mkdir(parents=True, exist_ok=True)
            (self.here / file[1]).write_text(example.parsed, "utf-8")
            return
        if self.client is None:
            self.kernel, self.client = start_new_kernel(cwd=str(self.root), env=self.environment)
        said = []

        def heard(message: dict) -> None:
            if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
                said.append(message["content"]["text"])

        code = example.parsed.replace(USUAL, f"127.0.0.1:{self.port}")
        ended = self.client.execute_interactive(code, output_hook=heard, timeout=240)["content"]
        assert ended["status"] == "ok", COLOUR.sub("", "\n".join(ended.get("traceback", [])))
        self.last = self.plain("".join(said))

    def typed(self, example: Example) -> str | None:
        """What is typed, line for line; None where all of it came as it is shown, else how it differs."""
        parts = re.split(r"^\$ (.*)\n", example.parsed, flags=re.M)
        for command, wanted in zip(parts[1::2], parts[2::2], strict=True):
            real = command.replace(USUAL, f"127.0.0.1:{self.port}")
            if command.startswith("gh "):
                said, status = self.gh(self, shlex.split(command)[1:]), 0
            else:
                said, status = self.stays(real, wanted) if command == STAYS else self.once(real)
            self.last = self.plain(said)
            wrong = differs(wanted, self.last) if wanted.strip() else None
            if status or wrong:
                return f"$ {command}\n(status {status})\n{wrong or self.last}"
        return None

    def once(self, command: str) -> tuple[str, int]:
        """A command that ends; what it said, its status. `cd` holds for the next."""
        bash = ["bash", "-c", f'{command}\nstatus=$?\npwd > "{self.root}/.here"\nexit $status']
        done = subprocess.run(bash, **self.way(subprocess.PIPE), text=True, timeout=240)
        self.here = Path((self.root / ".here").read_text().strip())
        return done.stdout, done.returncode

    def stays(self, command: str, wanted: str) -> tuple[str, int]:
        """A command that goes on: what it has said once that is what is shown, or it ended, or patience did."""
        log, until = self.root / "terminal.log", time.monotonic() + PATIENCE
        with log.open("wb") as out:
            self.terminals.append(subprocess.Popen(shlex.split(command), **self.way(out), start_new_session=True))
        while True:  # the house's own log, lines of JSON, does not come to a terminal
            said = "\n".join(line for line in log.read_text().splitlines() if not line.startswith("{"))
            ended = self.terminals[-1].poll()
            if ended is not None or not differs(wanted, self.plain(said)) or time.monotonic() > until:
                return said, ended or 0
            time.sleep(0.05)

    def way(self, out: Any) -> dict[str, Any]:
        to = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": subprocess.STDOUT}
        return to | {"cwd": self.here, "env": self.environment}

    def plain(self, said: str) -> str:
        """What was said, as the page can know it: no colours, no bars, the usual port and names."""
        said = BAR.sub("", COLOUR.sub("", said).replace("\r", "\n"))
        for real, told in self.names.items():
            said = said.replace(real, told)
        return said

    def close(self) -> None:
        """End the notebook and every process that works in this desk's folder."""
        if self.client is not None:
            self.client.stop_channels()
            self.kernel.shutdown_kernel(now=True)
        left = [one for one in psutil.process_iter(["cwd"]) if Path(one.info["cwd"] or "/").is_relative_to(self.root)]
        for one in left: one.terminate()
        for one in psutil.wait_procs(left, timeout=15)[1]: one.kill()
        for one in self.terminals: one.wait(15)


def differs(wanted: str, came: str) -> str | None:
    """How what came is another thing than what the page shows; None where it is that."""
    want, got = (words.replace("…", "...").strip() + "\n" for words in (wanted, came))
    same = doctest.OutputChecker().check_output(want, got, SAME)
    return None if same else f"The page shows:\n{wanted}\nHere came:\n{came}"
