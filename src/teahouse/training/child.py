"""Child: the process in which a maker's load, data and train functions run. A folder in, a folder out; no database."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from teahouse import child, ids
from teahouse.errors import TeahouseError, TrainingFailed
from teahouse.training.progress import Journal, Run, load_previous, seed_all

NICE = 10  # visitors go first


def main(arguments: list[str] | None = None) -> int:
    """Do what run.json says; 0 when result.json says ok, else 1."""
    parser = argparse.ArgumentParser(prog="teahouse.training.child")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--parent", type=int, default=None)
    given = parser.parse_args(arguments)
    if given.parent:
        child.die_with_pipe()
        child.die_with_parent(given.parent)
    os.umask(0o077)
    folder = given.folder.resolve()
    written = json.loads((folder / "run.json").read_bytes())
    child.give_way(NICE)
    child.limit_memory(int(written["limits"]["memory_mb"]))
    try:
        value = {"ok": True, **HOOKS[written["hook"]](folder, written)}
    except TeahouseError as error:
        value = {"ok": False, "error": error.as_dict()}
    except MemoryError:
        value = {
            "ok": False,
            "error": TrainingFailed(
                "The training ran out of memory.",
                f"It may take {written['limits']['memory_mb']} MB.",
                "Use a smaller batch or a smaller net.",
            ).as_dict(),
        }
    except Exception as error:  # edge: a maker's function may raise anything
        traceback.print_exc()
        value = {"ok": False, "error": _in_words(error, folder, written).as_dict()}
    _write(folder / "result.json", value)
    return 0 if value["ok"] else 1


def load(folder: Path, written: dict[str, Any]) -> dict[str, Any]:
    """Read the app's declaration: declaration.json."""
    app = _load_app(Path(written["source"]))
    _write(folder / "declaration.json", app.declaration())
    return {"app": app.name}


def data(folder: Path, written: dict[str, Any]) -> dict[str, Any]:
    """Read the maker's own data as well: out/photos and out/rows.jsonl."""
    from teahouse.training import gather

    source = Path(written["source"])
    app = _load_app(source)
    _write(folder / "declaration.json", app.declaration())
    gather.refuse_strange_labels(app, source)
    seed_all(int(written["seed"]))
    return {"app": app.name, **gather.gather(app, folder, source, written.get("known", {}))}


def train(folder: Path, written: dict[str, Any]) -> dict[str, Any]:
    """Train, export, try and seal: candidate/."""
    from teahouse.training import candidate
    from teahouse.training.data import TrainingData

    _set_threads(int(written["threads"]))
    app = _load_app(folder / "code")
    app.name = written["app"]  # the snapshot lies in a folder called code
    if "train" not in app.hooks:
        raise TrainingFailed("This app has no train function.", "", "Write @app.train def train(data, run): …")
    seed_all(int(written["seed"]))
    rows = TrainingData(folder, app.fields, app.output, int(written["seed"]))
    run = Run(folder, int(written["seed"]), float(written.get("epoch_seconds") or math.inf))
    run.previous, run.on_resume = load_previous(folder), rows.train.go_to
    Journal(folder).write(
        "training",
        rows=len(rows.train),
        validation=len(rows.validation),
        visitors=sum(row.is_new for row in rows.train.rows),
    )
    began = time.monotonic()
    net = app.hooks["train"](rows, run)
    if not (hasattr(net, "state_dict") and hasattr(net, "eval")):
        raise TrainingFailed(
            "The train function returned no net.", f"It returned {type(net).__name__}.", "End it with: return net"
        )
    return candidate.make(app, folder, net, rows, time.monotonic() - began)


HOOKS = {"load": load, "data": data, "train": train}


def _load_app(source: Path) -> Any:
    from teahouse.spec.load import load_app

    return load_app(source)


def _set_threads(threads: int) -> None:
    try:
        import torch
    except ImportError as error:
        raise TrainingFailed("Training needs PyTorch.", str(error), "pip install 'teahouse[train]'") from error
    torch.set_num_threads(threads)


def _in_words(error: Exception, folder: Path, written: dict[str, Any]) -> TrainingFailed:
    """The maker's own line where there is one: that is what they can mend."""
    roots = (str(folder / "code"), str(written.get("source", "")))
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(roots)]
    where = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}: {frames[-1].line}. " if frames else ""
    what = f"The {written['hook']} function stopped." if frames else "The work was not finished."
    return TrainingFailed(what, f"{where}{type(error).__name__}: {error}"[:600], "Mend that line.")


def _write(path: Path, value: Any) -> None:
    fresh = path.with_name(f".{path.name}.fresh")
    fresh.write_bytes(ids.canonical(value))
    os.replace(fresh, path)


if __name__ == "__main__":
    sys.exit(main())
