"""Run: lay out a run folder, start the child on it, follow what it says, and read how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from teahouse import child, ids
from teahouse.errors import TrainingFailed

Event = Callable[[dict[str, Any]], None]
Photo = Callable[[str], bytes | None]  # None: it was erased
LOOK_S = 0.2
LEFT_OUT = {"__pycache__", "tests", "node_modules", "release"}  # of the snapshot: the hooks need none of them
MOST_CODE = 200_000_000
PHOTOS = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
MOST_PHOTOS = 50  # in a folder beside app.py that are taken for samples or styles; more of them are data
OUT = ("candidate", "pictures", "out", "made")
DEVICES = ("CUDA_", "NVIDIA_", "HIP_", "ROCR_", "PYTORCH_")  # which GPU the maker's train takes, and how


@dataclass(frozen=True)
class Limits:
    """memory_mb bounds the child's data (torch alone takes several hundred MB); seconds its whole time."""

    memory_mb: int = 8192
    seconds: float = 4 * 3600
    threads: int = field(default_factory=lambda: max(1, (os.cpu_count() or 2) - 1))


@dataclass(frozen=True)
class Plan:
    """What a child shall do. `hook` is load, data or train; `source` the app's folder; `rows` and `photo` (digest to
    bytes) for train; `previous` the champion's weights.safetensors; `extra` joins run.json."""

    run: str
    app: str
    hook: str
    source: Path
    seed: int = 0
    limits: Limits = field(default_factory=Limits)
    rows: tuple[Mapping[str, Any], ...] = ()
    photo: Photo | None = None
    previous: Path | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """How a child ended: `value` is result.json."""

    ok: bool
    value: Mapping[str, Any]

    def or_raise(self) -> Mapping[str, Any]:
        """The value, or TrainingFailed with the child's own words."""
        if self.ok:
            return self.value
        error = self.value.get("error") or {}
        raise TrainingFailed(
            error.get("what") or "The training stopped.", error.get("why", ""), error.get("do_next", "")
        )


def prepare(folder: Path, plan: Plan) -> None:
    """Lay out the folder: run.json, and for a training rows.jsonl, photos/, code/ and previous/. Doing it again is
    harmless. Only train and validation rows are ever written here; anything else raises TrainingFailed."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if plan.hook == "train":
        _lay_out_rows(folder, plan)
        if not (folder / "code").is_dir():
            snapshot(plan.source, folder / "code")
        if plan.previous and plan.previous.is_file():
            (folder / "previous").mkdir(exist_ok=True)
            shutil.copyfile(plan.previous, folder / "previous" / "weights.safetensors")
    limits = {"memory_mb": plan.limits.memory_mb, "seconds": plan.limits.seconds}
    written = {
        "run": plan.run,
        "app": plan.app,
        "hook": plan.hook,
        "seed": plan.seed,
        "limits": limits,
        "threads": plan.limits.threads,
        "source": str(plan.source),
        **plan.extra,
    }
    _write(folder / "run.json", ids.canonical(written))


def clear(folder: Path) -> None:
    """Remove what an earlier attempt put out, but for its checkpoint (keep/)."""
    for name in OUT:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("progress.jsonl", "result.json", "log.txt"):
        (folder / name).unlink(missing_ok=True)


def tidy(folder: Path) -> None:
    """Take photos, rows and weights out of a folder that has done its work; what is told of the run stays."""
    for name in ("photos", "out", "made", "previous", "keep", "candidate"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "rows.jsonl").unlink(missing_ok=True)


def finished(folder: Path) -> Result | None:
    """The result of a child that came to its end, or None."""
    try:
        value = json.loads((folder / "result.json").read_bytes())
    except (OSError, ValueError):
        return None
    return Result(bool(value.get("ok")), value)


def follow(folder: Path, on_event: Event = lambda event: None, stop: Callable[[], bool] = lambda: False) -> Result:
    """Run the child on a prepared folder and hand each line of its progress to `on_event`; returns when it has ended.

    `stop` is asked five times a second and ends the child early. Raises nothing of the child's: see Result."""
    written = json.loads((folder / "run.json").read_bytes())
    alike = {"PYTHONHASHSEED": str(written["seed"] % 2**32), "PYTHONDONTWRITEBYTECODE": "1"}
    environment = child.environment(*DEVICES, **child.one_thread(written["threads"]), **alike)
    command = [
        sys.executable,
        "-P",
        "-m",
        "teahouse.training.child",
        str(folder.resolve()),
        "--parent",
        str(os.getpid()),
    ]
    until = time.monotonic() + written["limits"]["seconds"]
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    reader = _Reader(folder / "progress.jsonl")
    why = ""
    try:
        while process.poll() is None:
            reader.hand_on(on_event)
            if stop():
                why = "it was asked to stop"
            elif time.monotonic() > until:
                why = f"it took longer than {written['limits']['seconds']:.0f} seconds"
            if why:
                break
            try:
                process.wait(LOOK_S)
            except subprocess.TimeoutExpired:
                continue
    finally:
        _end(process)
    reader.hand_on(on_event)
    return finished(folder) or Result(False, {"ok": False, "error": _unfinished(folder, process.returncode, why)})


def snapshot(source: Path, target: Path) -> str:
    """Copy an app's code (no photos, samples, tests, hidden files or links); the digest of what was copied."""
    staging = target.with_name(f".{target.name}-{os.getpid()}")
    shutil.rmtree(staging, ignore_errors=True)
    for file in code_files(source):
        place = staging / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
    shutil.rmtree(target, ignore_errors=True)
    os.rename(staging, target)
    return code_digest(target)


def code_files(source: Path) -> list[Path]:
    """The files of an app that a training may need, sorted; a folder with photographs in sub-folders, or with many of
    them, is no code."""
    found, total = [], 0
    photos = Counter(path.parent for path in source.rglob("*") if path.suffix.lower() in PHOTOS)
    for path in sorted(source.rglob("*")):
        parts = path.relative_to(source).parts
        if any(part.startswith(".") or part in LEFT_OUT for part in parts) or path.is_symlink() or not path.is_file():
            continue
        many = len(parts) == 2 and photos[path.parent] > MOST_PHOTOS
        if path.suffix.lower() in PHOTOS and (len(parts) > 2 or many):
            continue
        total += path.stat().st_size
        if total > MOST_CODE:
            raise TrainingFailed(
                "The app's folder is too large to be copied.",
                f"It has more than {MOST_CODE // 1_000_000} MB beside photos.",
                "Move what the code does not need elsewhere.",
            )
        found.append(path)
    return found


def code_digest(source: Path) -> str:
    """One digest over the paths and contents of an app's code."""
    return ids.digest_of({str(file.relative_to(source)): ids.sha256(file.read_bytes()) for file in code_files(source)})


class _Reader:
    """Hands on the whole lines of a file that grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def hand_on(self, on_event: Event) -> None:
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
        except FileNotFoundError:
            return
        whole, newline, _ = data.rpartition(b"\n")
        self._at += len(whole) + len(newline)
        for line in whole.splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue  # a maker's code can write there too
            if isinstance(event, dict) and isinstance(event.get("name"), str):
                on_event(event)


def _lay_out_rows(folder: Path, plan: Plan) -> None:
    photos = folder / "photos"
    photos.mkdir(exist_ok=True)
    lines = []
    for row in plan.rows:
        if row["split"] not in {"train", "validation"}:
            raise TrainingFailed(
                "A row that judges was about to be trained on.",
                f"Its side is {row['split']}.",
                "Report this: it is a bug.",
            )
        if all(_lay_out_photo(photos, value, plan.photo) for value in row["inputs"].values()):
            lines.append(ids.canonical(row))
    _write(folder / "rows.jsonl", b"".join(line + b"\n" for line in lines))


def _lay_out_photo(photos: Path, value: Any, photo: Photo | None) -> bool:
    """Whether what was given is there: a photo may have been erased since the version was frozen."""
    if not (isinstance(value, Mapping) and "blob" in value) or (photos / value["blob"]).is_file():
        return True
    data = photo(value["blob"])
    if data is not None:
        _write(photos / value["blob"], data)
    return data is not None


def _write(path: Path, data: bytes) -> None:
    fresh = path.with_name(f".{path.name}.fresh")
    fresh.write_bytes(data)
    os.replace(fresh, path)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the child and all that it started; what it started may outlive it."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdin.close()


def _unfinished(folder: Path, code: int, why: str) -> dict[str, str]:
    if not why:
        why = f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"it ended with status {code}"
    said = tail(folder / "log.txt", 3)
    words = f"{why[0].upper()}{why[1:]}." + (f" Its last words: {said}" if said else "")
    return {
        "code": "training-failed",
        "what": "The training stopped before its end.",
        "why": words,
        "do_next": "If memory ran out, use a smaller batch; else look at log.txt in the run's folder.",
    }


def tail(path: Path, lines: int) -> str:
    """The last lines of a log, in one line, without control characters."""
    try:
        data = path.read_bytes()[-4000:].decode("utf-8", "replace")
    except OSError:
        return ""
    text = " / ".join(line.strip() for line in data.splitlines()[-lines:] if line.strip())
    return "".join(letter if letter.isprintable() else " " for letter in text)[:600]


def rows_for(rows: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """Of a version's rows those that a training may see, without salts and near keys."""
    wanted = ("row", "inputs", "truth", "split", "source")
    return tuple(
        {name: row[name] for name in wanted}
        for row in rows
        if not row.get("erased") and row["split"] in {"train", "validation"}
    )
