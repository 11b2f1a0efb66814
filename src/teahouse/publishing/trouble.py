"""Trouble: why a net could not be exported, in words: which operation, where in the net, and what to do."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import teahouse
from teahouse.errors import ExportFailed
from teahouse.spec.fields import Field

# What exporters say → what it means, and what to do. The first that is found in any of the errors' words counts.
KNOWN: tuple[tuple[str, str, str], ...] = (
    (r"data-dependent|GuardOnDataDependent|Could not guard|Dynamic control flow|not allowed to .*bool",
     "its forward decides by the values of a tensor",
     "Write torch.where(condition, one, other) in place of `if`, and leave .item() out of forward."),
    (r"\.item\(\)|_local_scalar_dense", "its forward takes a number out of a tensor",
     "Keep it a tensor: leave .item() and float(x) out of forward."),
    (r"\.numpy\(\)|numpy\(\) on|Can't call numpy|FakeTensor.*numpy|\.tolist\(\)",
     "its forward leaves PyTorch for NumPy",
     "Do it with torch's own operations, or outside of forward."),
    (r"[Cc]onstraints? violated|specialized|marked batch as dynamic|not all values of|"
     r"is invalid for input of size|\bDim\b.*(violat|constant)",
     "its forward writes down a size as a plain number",
     "Use x.shape[0] for the batch (and x.shape[2:] for a picture's size) wherever a view or reshape names a number."),
    (r"lie up to", "ONNX answers otherwise than PyTorch",
     "A layer that is random in eval mode is most often why (F.dropout(x) without training=self.training), or one "
     "that looks at the whole batch at once."),
    (r"Mutating module attribute|attributes? .* (were|was) assigned|side effect",
     "its forward changes the module itself", "Do not assign to self in forward."),
)  # fmt: skip
UNSUPPORTED = re.compile(
    r"No (?:ONNX function|decompositions?|conversion)[^<'\"]*(?:<OpOverload\(op='|['\"])?([\w.:]+)"
)
INSTEAD = "Write it with other operations of torch, or move it before or after the net."
REPLACED = {
    "fft": "Do the Fourier transform outside of the net.",
    "grid_sampler_3d": "ONNX knows grid_sample for pictures only.",
    "unique": "Its output has no fixed size: leave it out.",
    "nonzero": "Its output has no fixed size: multiply by the mask instead.",
    "linalg": "Do it before publishing, and keep its result as a buffer.",
}


def in_words(error: ExportFailed, net: Any) -> ExportFailed:
    """The same error with what was found out: the operation, the module that it is in, the maker's own line."""
    words = "\n".join(str(one) for one in chain(error))
    node = untranslated(error)
    path, where = written(node, net) if node is not None else ("", place(error, net))
    uses = f", which {path} uses" if path else ""
    unsupported = UNSUPPORTED.search(words)
    if unsupported:
        name = bare(unsupported[1])
        do_next = next((fix for part, fix in REPLACED.items() if part in name), INSTEAD)
        return ExportFailed(f"ONNX has no operation for {name}{uses}.", where or root(error), do_next)
    for pattern, what, do_next in KNOWN:
        if re.search(pattern, words):
            return ExportFailed(f"The net can not be exported: {what}.", where or told(words) or root(error), do_next)
    if node is not None:
        what = f"{bare(str(node.target))} can not be written as ONNX{uses}."
        return ExportFailed(what, f"{where} {root(error)}".strip(), INSTEAD)
    return ExportFailed(error.what, where or root(error), error.do_next)


def refused(error: Exception | None, net: Any, fields: Mapping[str, Field], given: Sequence[Any]) -> ExportFailed:
    """Why the net could not be run at all on what the page will give it."""
    shapes = ", ".join(f"{name} {list(each.shape)}" for name, each in zip(fields, given, strict=True))
    words = first_line(f"{type(error).__name__}: {error}")
    do_next = "Declare the input that it was trained on: see Image(size=…)."
    if "takes" in words and "positional" in words or "missing" in words:
        do_next = "Name one input for each argument of its forward: input={'photo': Image(…), 'age': Number(…)}."
    elif "shapes cannot be multiplied" in words or "size mismatch" in words or "shape '" in words:
        do_next = "Its last layers were built for another size: write the size that you trained on, Image(size=…)."
    elif re.search(r"\bdevices?\b|\bCUDA\b|\bMPS\b", words):
        do_next = "A page answers on a CPU: make new tensors where the input is, torch.zeros(3, device=x.device)."
    elif "channels" in words:
        do_next = "A page gives three channels, red, green and blue (or one, grey): build the net for these."
    found = place(error, net)
    return ExportFailed(f"The net can not take what the page gives it: {shapes}.", found or words, do_next)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that it came of."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def place(error: BaseException | None, net: Any) -> str:
    """Which module of the net was at work, and the maker's line in it: "decoder.up in line 12: `if x.sum() > 0:`"."""
    names = {id(module): name for name, module in net.named_modules()}
    found = ""
    for one in chain(error):
        for frame, line in traceback.walk_tb(one.__traceback__):
            first = next(iter(frame.f_code.co_varnames), "")  # not everybody calls it self
            here = frame.f_locals.get(first)
            if id(here) not in names or frame.f_code.co_name != "forward" or "/torch/nn/" in frame.f_code.co_filename:
                continue
            source = traceback.extract_tb(one.__traceback__)
            text = next((at.line for at in source if at.lineno == line and at.name == "forward"), "")
            path = names[id(here)] or type(net).__name__
            last = first_line(f"{type(one).__name__}: {one}")
            found = f"{path} ({type(here).__name__}), {in_file(frame.f_code.co_filename, line, text)} {last}"
    return found


def told(words: str) -> str:
    """The maker's line as an exporter's own words name it, where no frame shows it; "" where they do not either."""
    found = re.search(r'raised this error:\s*File "([^"]+)", line (\d+), in .*\n\s*(.+)', words)
    return in_file(found[1], int(found[2]), found[3].strip()) if found else ""


def in_file(file: str, line: int, text: str) -> str:
    """A line of the maker's own: "line 12 of net.py: `y = torch.det(x)`." A notebook's cells have no names."""
    cell = file.startswith("<") or "ipykernel" in file
    return f"line {line}{'' if cell else f' of {Path(file).name}'}: `{text}`."


def untranslated(error: BaseException) -> Any:
    """The operation of the traced graph that the exporter found no ONNX for, as its own frames hold it; None where
    tracing itself failed, or where another version of the exporter keeps it elsewhere."""
    for one in chain(error):
        for frame, _ in traceback.walk_tb(one.__traceback__):
            node = frame.f_locals.get("node")
            if isinstance(getattr(node, "meta", None), dict) and "/torch/onnx/" in frame.f_code.co_filename:
                return node
    return None


def written(node: Any, net: Any) -> tuple[str, str]:
    """(the path of the module that an operation was called in, that and the maker's own line), by the traced graph."""
    modules = dict(net.named_modules())
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    # around the maker's net stand two modules of ours, each of which calls what it holds `net`: Normalised(Asked(net))
    path = re.sub(r"@\d+", "", str(stack[-1][0])).removeprefix("net.net").lstrip(".") if stack else ""
    module = modules.get(path, net)
    path = path if module is not net else type(net).__name__
    ours = (str(Path(sys.modules["torch"].__file__).parent), str(Path(teahouse.__file__).parent))
    lines = re.findall(r'File "([^"]+)", line (\d+), in .*\n\s*(.+)', node.meta.get("stack_trace") or "")
    own = [(file, line, text) for file, line, text in lines if not file.startswith(ours)]
    called = path if module is net else f"{path} ({type(module).__name__})"
    return path, f"{called}, {in_file(own[-1][0], int(own[-1][1]), own[-1][2].strip())}" if own else f"In {called}."


def bare(operation: str) -> str:
    """An operation without the names of torch's own tables before it: aten.kthvalue.default is kthvalue."""
    return re.sub(r"^(?:aten|prims|torch)\.(?:ops\.)?|\.default$", "", operation).rstrip(".")


def root(error: BaseException) -> str:
    """What all of it came of, in its first line and without colours."""
    causes = [one for one in chain(error) if not isinstance(one, ExportFailed)]
    return first_line(f"{type(causes[-1]).__name__}: {causes[-1]}" if causes else getattr(error, "why", ""))


def first_line(words: str) -> str:
    """The first line of an error that says something, at most 300 characters, without the colours of a terminal."""
    plain = re.sub(r"\x1b\[[\d;]*[A-Za-z]", "", words)
    return next((line.strip() for line in plain.splitlines() if line.strip()), "")[:300]
