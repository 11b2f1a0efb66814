"""Progress: what a maker's train function says while it runs, and the checkpoint that lets it go on after a crash."""

from __future__ import annotations

import json
import math
import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy

from teahouse.errors import TrainingFailed
from teahouse.spec import media

EVERY_S = 0.25  # numbers that come faster are averaged: a page shows no more
KEPT = "keep.safetensors"


class Journal:
    """progress.jsonl of a run folder: one JSON line an event, {t, name, numbers}; `t` is seconds since 1970."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "progress.jsonl"

    def write(self, name: str, /, **numbers: Any) -> None:
        """Append one line and hand it to the system at once, so that who follows sees it now."""
        event = {"t": round(time.time(), 3), "name": name, "numbers": finite(numbers)}
        line = json.dumps(event, ensure_ascii=False, default=str)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


class Run:
    """The second argument of `@app.train def train(data, run)`.

    `run.seed` has seeded random, numpy and torch already. `run.previous` holds the champion's weights
    (dict of torch tensors by name), or None for the first training."""

    def __init__(self, folder: Path, seed: int, seconds: float = math.inf) -> None:
        """`seconds`: the time that epochs may take; the one that would pass it is not begun."""
        self.seed = seed
        self.previous: dict[str, Any] | None = None
        self.epoch = 0
        self.on_resume: Callable[[int], None] = lambda epoch: None
        self._folder = folder
        self._journal = Journal(folder)
        self._numbers: dict[str, list[float]] = {}
        self._told = 0.0
        self._kept: tuple[Any, Any] | None = None
        self._pictures = 0
        self._not_finite: set[str] = set()
        self._seconds = seconds

    def epochs(self, n: int) -> Iterator[int]:
        """The numbers 0 to n-1, told as they pass; after a crash those that `keep` remembers are skipped. A training
        whose time is bounded ends before the epoch that would not fit; the first one always passes."""
        start, first = time.monotonic(), self.epoch
        for epoch in range(self.epoch, n):
            began = time.monotonic()
            if epoch > first and (began - start) * (epoch - first + 1) / (epoch - first) > self._seconds:
                self._journal.write("cut", epoch=epoch, of=n, seconds=round(self._seconds, 1))
                return
            self._journal.write("epoch", epoch=epoch + 1, of=n)
            yield epoch
            self._flush()
            self.epoch = epoch + 1
            self._journal.write("epoch-done", epoch=epoch + 1, of=n, seconds=round(time.monotonic() - began, 3))
            if self._kept:
                self._save()

    def log(self, **numbers: float) -> None:
        """Numbers of this step (loss=0.3); what comes faster than four times a second is averaged."""
        for name, number in numbers.items():
            number = float(number)
            if not math.isfinite(number):
                self._say_not_finite(name)
            self._numbers.setdefault(name, []).append(number)
        if time.monotonic() - self._told >= EVERY_S:
            self._flush()

    def picture(self, name: str, array: Any) -> None:
        """A picture for the run's page: float32 [3, height, width] between 0 and 1 (numpy or torch)."""
        array = array.detach().cpu().numpy() if hasattr(array, "detach") else numpy.asarray(array)
        made = media.encode(array)
        folder = self._folder / "pictures"
        folder.mkdir(exist_ok=True)
        self._pictures += 1
        stem = re.sub(r"[^a-z0-9]+", "-", name.lower())[:40].strip("-") or "picture"
        file = f"{self._pictures:04d}-{stem}.{'png' if made.media_type == 'image/png' else 'jpg'}"
        (folder / file).write_bytes(made.data)
        self._journal.write("picture", name=name[:80], file=file)

    def keep(self, net: Any, optimizer: Any = None) -> None:
        """Remember net and optimizer: call it once before the loop. From then on each epoch's end is kept, and a
        training that was cut off goes on from the last one instead of from the beginning."""
        first = self._kept is None
        self._kept = (net, optimizer)
        if first and (self._folder / "keep" / KEPT).is_file():
            self._restore()
        elif not first:
            self._save()

    def _say_not_finite(self, name: str) -> None:
        """Once a name: what comes after it will be no number either."""
        if name not in self._not_finite:
            self._not_finite.add(name)
            words = f'"{name}" is no number any more in epoch {self.epoch + 1}: a lower learning rate may help.'
            self._journal.write("warning", epoch=self.epoch + 1, words=words)

    def _flush(self) -> None:
        if self._numbers:
            means = {name: round(sum(found) / len(found), 6) for name, found in self._numbers.items()}
            self._journal.write("log", epoch=self.epoch + 1, **means)
            self._numbers = {}
        self._told = time.monotonic()

    def _save(self) -> None:
        import torch
        from safetensors.torch import save

        net, optimizer = self._kept or (None, None)
        tensors = {f"net.{name}": tensor.detach().clone() for name, tensor in net.state_dict().items()}
        meta: dict[str, Any] = {"epoch": self.epoch}
        if optimizer is not None:
            state = optimizer.state_dict()
            scalars = {}
            for index, values in state["state"].items():
                for name, value in values.items():
                    if isinstance(value, torch.Tensor):
                        tensors[f"optimizer.{index}.{name}"] = value.detach().clone()
                    else:
                        scalars[f"{index}.{name}"] = value
            meta |= {"groups": state["param_groups"], "scalars": scalars}
        tensors["rng.torch"] = torch.get_rng_state()
        if torch.cuda.is_initialized():  # the maker trains on a GPU, which draws its own numbers
            tensors["rng.cuda"] = torch.cuda.get_rng_state()
        data = save({name: tensor.contiguous() for name, tensor in tensors.items()}, {"run": json.dumps(meta)})
        folder = self._folder / "keep"
        folder.mkdir(exist_ok=True)
        fresh = folder / ".fresh"
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, folder / KEPT)

    def _restore(self) -> None:
        from safetensors import SafetensorError, safe_open

        net, optimizer = self._kept or (None, None)
        try:
            with safe_open(self._folder / "keep" / KEPT, framework="pt") as file:
                meta = json.loads(file.metadata()["run"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, ValueError, KeyError, TypeError):
            return  # a checkpoint that can not be read is no checkpoint
        import torch

        try:
            net.load_state_dict({name[4:]: tensor for name, tensor in tensors.items() if name.startswith("net.")})
        except RuntimeError:
            return  # the code changed since: begin again
        if optimizer is not None and "groups" in meta:
            optimizer.load_state_dict(
                {"state": _optimizer_state(tensors, meta["scalars"]), "param_groups": meta["groups"]}
            )
        torch.set_rng_state(tensors["rng.torch"])
        if "rng.cuda" in tensors and torch.cuda.is_initialized():
            torch.cuda.set_rng_state(tensors["rng.cuda"])
        self.epoch = int(meta["epoch"])
        self.on_resume(self.epoch)
        self._journal.write("resumed", epoch=self.epoch)


def finite(value: Any) -> Any:
    """JSON without NaN and infinity, which have no place in it: they become None."""
    if isinstance(value, dict):
        return {name: finite(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _optimizer_state(tensors: dict[str, Any], scalars: dict[str, Any]) -> dict[int, dict[str, Any]]:
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = tensor
    for name, value in scalars.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = value
    return state


def seed_all(seed: int) -> None:
    """Seed random, numpy and, where it is loaded, torch: the same version and seed train the same net."""
    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    if "torch" in sys.modules:  # loading it takes seconds that reading data has no use for
        sys.modules["torch"].manual_seed(seed)


def load_previous(folder: Path) -> dict[str, Any] | None:
    """The champion's weights in previous/, as torch tensors by name; None where there are none."""
    file = folder / "previous" / "weights.safetensors"
    if not file.is_file():
        return None
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except SafetensorError as error:
        raise TrainingFailed(
            "The champion's weights can not be read.", str(error), "Train from the beginning."
        ) from error
