"""Nets: any PyTorch module becomes model.onnx: its inputs as it wants them, its answer taken out of what it returns."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy
import torch

from teahouse.errors import ExportFailed
from teahouse.model import export
from teahouse.publishing import trouble
from teahouse.spec.app import App
from teahouse.spec.fields import Field

Batch = Mapping[str, numpy.ndarray]
NAMES = ("logits", "out", "output", "sample", "reconstruction", "prediction", "predicted_depth")
LUMA = (0.299, 0.587, 0.114)
WAYS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "": lambda given: given,
    "grey": lambda given: (given * given.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True),
    "deep": lambda given: given[:, :, None, None],
    "column": lambda given: given[:, None],
}
SAID = {
    "grey": "It takes grey pictures: colours are made grey before it.",
    "deep": "It takes its seed as [N, size, 1, 1].",
    "column": "It takes its number as [N, 1].",
}
SCORED = (
    "The second thing that it returns, one number a picture, is taken as how much it likes each "
    "picture itself. Return the picture alone where the number says something else."
)
IN_TRAINING = "The net was in training mode; the page's copy is in eval mode. Call net.eval() before you ask it."
ALSO = {"image": "grey", "seed": "deep", "number": "column"}


class Asked(torch.nn.Module):
    """The net, asked in the way that it takes: each input in its own, and of what it returns the answer alone."""

    def __init__(self, net: torch.nn.Module, ways: Sequence[str], scored: bool = False) -> None:
        super().__init__()
        self.net, self.ways, self.scored = net, tuple(ways), scored

    def forward(self, *inputs: torch.Tensor) -> Any:
        """[N, ...] of each field; the answer, or (answer, score [N])."""
        made = self.net(*(WAYS[way](given) for way, given in zip(self.ways, inputs, strict=True)))
        return (made[0], made[1]) if self.scored else answer_in(made)


def answer_in(made: Any) -> torch.Tensor:
    """The one tensor that is meant: logits of what a Hugging Face model returns, "out" of torchvision's, the first of
    several. ExportFailed where there is none."""
    if isinstance(made, torch.Tensor):
        return made
    for name in NAMES:
        found = made.get(name) if isinstance(made, Mapping) else getattr(made, name, None)
        if isinstance(found, torch.Tensor):
            return found
    if isinstance(made, (tuple, list)) and made and isinstance(made[0], torch.Tensor):
        return made[0]
    raise ExportFailed(
        "What the net returns can not be read.",
        f"It returns {type(made).__name__}, with no tensor called {', '.join(NAMES[:3])}.",
        "Publish a module whose forward returns one tensor.",
    )


def unwrapped(model: torch.nn.Module) -> torch.nn.Module:
    """The net itself, where it was compiled or wrapped for several GPUs; a wrapper has a mode of its own."""
    for wrapped in ("_orig_mod", "module"):
        inner = getattr(model, wrapped, None)
        if isinstance(inner, torch.nn.Module) and type(model).__name__ in ("OptimizedModule", "DataParallel",
                                                                            "DistributedDataParallel"):  # fmt: skip
            model = inner
    return model


def plain(model: torch.nn.Module) -> torch.nn.Module:
    """A copy of the maker's net on the CPU, in float32 and eval mode; theirs stays where and as it is."""
    if isinstance(model, torch.jit.ScriptModule):
        raise ExportFailed(
            "A TorchScript module can not be exported.", "It holds no Python that could be followed.",
            "Publish the torch.nn.Module that it was made of.",
        )  # fmt: skip
    try:
        net = copy.deepcopy(model)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ExportFailed(
            "The net can not be copied.", f"{type(error).__name__}: {error}",
            "Publish a fresh one: build it again and load_state_dict(net.state_dict()).",
        ) from error  # fmt: skip
    return net.cpu().float().eval()


class Own:
    """The maker's net itself, asked as a release's graph can not be: of another size.
    `training`: whether that is the mode in which it was given to be published."""

    def __init__(self, whole: torch.nn.Module, fields: Mapping[str, Field], training: bool) -> None:
        self._whole, self._fields, self.training = whole, fields, training

    def rows(self, batch: Batch) -> numpy.ndarray | None:
        """What it says, raw; None where it can not take that."""
        given = export.tensors({name: export.plain(batch[name]) for name in self._fields})
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=()):
                return self._whole.eval()(*given)[0].numpy()
        except Exception:  # edge: a maker's forward may raise anything at a size that it was not made for
            return None


def make(
    model: torch.nn.Module, app: App, batches: Sequence[Batch], folder: Path
) -> tuple[dict[str, float], list[str], Own]:
    """model.onnx (what the net says, raw) and weights.safetensors in `folder`; its parity, notes for the maker, and the
    net to ask further.

    `batches`: the fields' arrays, not normalised, one batch a shape. ExportFailed names the operation and its place."""
    model = unwrapped(model)
    net, fields = plain(model), app.fields
    ways, made, notes = asked_how(net, fields, batches[0])
    scored = app.output.kind == "image" and has_score(made)
    notes += [SCORED] if scored else said_first(made)
    asked = Asked(net, ways, scored)
    try:
        parity = export.export(asked, fields, batches, folder)
    except ExportFailed as error:
        # The exporter's pages of traceback would bury these words; they stay in __context__ for who wants them.
        raise trouble.in_words(error, net) from None
    # the maker's own names of weights, so that a later training may begin with them
    export.save_weights(net, folder / "weights.safetensors")
    own = Own(export.Normalised(asked, fields), fields, model.training)
    return parity, [*notes, *([IN_TRAINING] if own.training else [])], own


def asked_how(
    net: torch.nn.Module, fields: Mapping[str, Field], batch: Batch
) -> tuple[tuple[str, ...], Any, list[str]]:
    """(the way of each input, what the net returned, notes): the first way that the net takes."""
    few = export.tensors({name: export.plain(batch[name])[:2] for name in fields})
    first: Exception | None = None
    for ways in ways_of(fields):
        asked = export.Normalised(Raw(net, ways), fields).eval()
        try:
            with torch.no_grad():
                made = asked(*few)[0].made
        except Exception as error:  # edge: a maker's forward may raise anything; the first way's words are told
            first = first or error
            continue
        answer = answer_in(made)
        if answer.ndim == 0 or len(answer) != len(few[0]):
            raise ExportFailed(
                "The net's answer has no place for each picture.", f"{len(few[0])} in, {tuple(answer.shape)} out.",
                "Keep the first axis for the batch.",
            )  # fmt: skip
        return ways, made, [SAID[way] for way in ways if way]
    raise trouble.refused(first, net, fields, few) from first


def has_score(made: Any) -> bool:
    """Whether a net returned (pictures, one number for each). Of labels or numbers nothing is chosen by a score, and a
    second number is there a loss or a value more often than not."""
    if not isinstance(made, (tuple, list)) or len(made) != 2 or not all(isinstance(one, torch.Tensor) for one in made):
        return False
    pictures, second = made
    return pictures.ndim == 4 and second.numel() == len(pictures) > 1


def said_first(made: Any) -> list[str]:
    """A note where a net returned more than its answer."""
    several = isinstance(made, (tuple, list)) and len(made) > 1
    return [f"It returns {len(made)} things; the first one is the answer."] if several else []


class Raw(torch.nn.Module):
    """The net asked in a way, and all that it returns held in one thing that passes through unchanged."""

    def __init__(self, net: torch.nn.Module, ways: Sequence[str]) -> None:
        super().__init__()
        self.net, self.ways = net, tuple(ways)

    def forward(self, *inputs: torch.Tensor) -> Returned:
        return Returned(self.net(*(WAYS[way](given) for way, given in zip(self.ways, inputs, strict=True))))


class Returned:
    """What a net returned, whatever that is."""

    def __init__(self, made: Any) -> None:
        self.made = made


def ways_of(fields: Mapping[str, Field]) -> Iterator[tuple[str, ...]]:
    """The ways to try, the plain one first."""
    return product(*(("", ALSO[field.kind]) if field.kind in ALSO else ("",) for field in fields.values()))
