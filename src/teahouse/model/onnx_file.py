"""ONNX files as structures of bytes: refuses one that reaches outside of itself. Standard library only."""

import mmap
from collections.abc import Iterator
from pathlib import Path

from teahouse.errors import ReleaseBroken

# Every message of the format (onnx.proto, IR 13) that can hold a tensor or name a domain: field number → message.
SHAPE: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 8: "Opset", 25: "Function"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor"},
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Function": {7: "Node", 9: "Opset", 11: "Attribute"},
    "Tensor": {},
    "Opset": {},
}
DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}
DEPTH = 64
MOST_FIELDS = 500_000  # an exported net of 1,000 layers has some 30,000, and a million takes seconds to walk
TRAINING_INFO, EXTERNAL_DATA, DATA_LOCATION = 20, 13, 14


def check_onnx(path: Path) -> int:
    """The model's opset; ReleaseBroken unless the file is one ONNX model whole in itself: no external data in any kind
    of tensor, no operators of other people's libraries, opset 18 or newer."""
    path = Path(path)
    if path.stat().st_size == 0:
        raise _broken(path, "it is empty")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        seen = _Seen()
        try:
            _walk(data, 0, len(data), "Model", seen, 0)
        except (IndexError, ValueError, UnicodeDecodeError) as error:
            raise _broken(path, f"it is not an ONNX file ({error})") from error
    if seen.refused:
        raise _broken(path, seen.refused)
    if not seen.graphs or not seen.opsets:
        raise _broken(path, "it has no graph")
    foreign = sorted((set(seen.opsets) | seen.used) - DOMAINS - seen.functions)
    if foreign:
        raise _broken(path, f'it uses operators of "{foreign[0]}"')
    opset = max(seen.opsets.get("", 0), seen.opsets.get("ai.onnx", 0))
    if opset < 18:
        raise _broken(path, "its opset is older than 18")
    return opset


class _Seen:
    def __init__(self) -> None:
        self.graphs = 0
        self.fields = 0
        self.opsets: dict[str, int] = {}
        self.used: set[str] = set()
        self.functions: set[str] = set()
        self.refused = ""


def _broken(path: Path, why: str) -> ReleaseBroken:
    return ReleaseBroken(
        f"{path.name} can not be used.", f"Refused because {why}.", "Export it as one file with standard operators."
    )


def _walk(data: mmap.mmap, start: int, end: int, message: str, seen: _Seen, depth: int) -> None:
    if depth > DEPTH:
        raise ValueError("nested too deep")
    seen.graphs += message == "Graph"
    domain, version = "", 0
    for number, value, stop in _fields(data, start, end):
        seen.fields += 1
        if seen.fields > MOST_FIELDS:
            raise ValueError("it has more parts than a net")
        inner = SHAPE[message].get(number)
        if inner is not None:
            _walk(data, value, _long(stop), inner, seen, depth + 1)
        elif message == "Model" and number == TRAINING_INFO:
            seen.refused = "it carries training graphs"
        elif message == "Tensor" and (number == EXTERNAL_DATA or (number == DATA_LOCATION and value != 0)):
            seen.refused = "a tensor's data lies in another file"
        elif (message, number) in (("Opset", 1), ("Node", 7), ("Function", 10)):
            domain = data[value : _long(stop)].decode()
        elif message == "Opset" and number == 2:
            version = value
    if message == "Opset":
        seen.opsets[domain] = max(version, seen.opsets.get(domain, 0))
    elif message == "Node":
        seen.used.add(domain)
    elif message == "Function":
        seen.functions.add(domain)


def _long(stop: int | None) -> int:
    if stop is None:
        raise ValueError("a message is not a message")
    return stop


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int | None]]:
    """(field number, value, None) of numbers, (field number, start, end) of messages, strings and bytes."""
    at = start
    while at < end:
        key, at = _varint(data, at, end)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at, end)
            yield number, value, None
        elif wire == 2:
            size, at = _varint(data, at, end)
            if size > end - at:
                raise ValueError("a length points past the end")
            yield number, at, at + size
            at += size
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
            if at > end:
                raise ValueError("cut off")
        else:
            raise ValueError("unknown wire type")


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise ValueError("cut off")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number without end")
