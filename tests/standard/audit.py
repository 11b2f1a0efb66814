"""Watches Python's own audit events in a process and in every Python that it starts, whatever starts it."""

import json
from pathlib import Path

HOOK = """import json, os, sys


def hook(event, given, wanted=frozenset({wanted!r}), told={told!r}, dumps=json.dumps):
    if event in wanted:
        told_of = {{"event": event, "given": [repr(one)[:200] for one in given], "argv": sys.orig_argv[:6]}}
        line = dumps(told_of) + chr(10)
        file = os.open(told, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, line.encode())
        os.close(file)


sys.addaudithook(hook)
sys.audit({began!r}, sys.orig_argv[-1])
"""
BEGAN = "tests.began"


class Watch:
    """The events by these names, wherever they happen. `environment` takes the watch into a process."""

    def __init__(self, folder: Path, *events: str) -> None:
        folder.mkdir(parents=True)
        self._told = folder / "told.jsonl"
        source = HOOK.format(wanted=sorted([*events, BEGAN]), told=str(self._told), began=BEGAN)
        (folder / "sitecustomize.py").write_text(source)
        self.environment = {"PYTHONPATH": str(folder)}

    def told(self) -> list[dict]:
        """What happened: {event, given, argv}."""
        return [one for one in self._lines() if one["event"] != BEGAN]

    def watched(self) -> list[str]:
        """The command lines of the processes that were watched."""
        return [" ".join(one["argv"]) for one in self._lines() if one["event"] == BEGAN]

    def _lines(self) -> list[dict]:
        return [json.loads(line) for line in self._told.read_text().splitlines()] if self._told.exists() else []
