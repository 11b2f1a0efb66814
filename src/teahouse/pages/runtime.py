"""ONNX Runtime Web for a page that stands alone: fetched once from npm, pinned by its digests, never committed."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from teahouse.errors import NotReady, ReleaseBroken

VERSION = "1.20.1"  # the smallest with modules of its own that runs opset 20 and 21: 3.0 MB packed, 1.30 has 3.7
PACKAGE = "0a38facf0672dfaaeaf352e8a9f44533732b60b4af93b9dd507fe7c2d2be437b"  # SHA-256 of npm's file
WASM = "ort-wasm-simd-threaded.wasm"
FILES = {
    "ort.wasm.min.mjs": "f53ed4792e758e7232f779d479eb8931b97ff3ab2e3b9a33ee00d1251ffdaad6",
    "ort-wasm-simd-threaded.mjs": "745eb7c0ce6f18a6aa521971b2877babc7ffb27eecb58ab3bc6e5ef4692672e8",
    WASM: "207d02be4591c156b0a98f024f3d58005b5b04c92274d759fb390338c63559ea",
}
OPSET = 21  # the newest that this version runs
BLOCK, MOST = 512, 60_000_000
PATIENCE_S = 60.0
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Runtime:
    """The files of ONNX Runtime Web by name; of the WebAssembly its gzipped bytes and what they unpack to."""

    files: dict[str, bytes]
    packed: bytes
    size: int
    digest: str


def cache() -> Path:
    """The folder where it is kept between builds."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "teahouse" / f"onnxruntime-web-{VERSION}"


def get(told: Told = lambda _done, _total: None, folder: Path | None = None) -> Runtime:
    """The runtime, from the cache or else from npm; `told(bytes so far, bytes in all)` while it comes.

    NotReady where npm can not be reached; ReleaseBroken where what came is not what is pinned here."""
    folder = folder or cache()
    files = _kept(folder)
    if files is None:
        files = _wanted(_download(told))
        for name, data in files.items():
            _write(folder / name, data)
    packed = _packed(folder, files[WASM])
    wasm = files.pop(WASM)
    return Runtime(files, packed, len(wasm), FILES[WASM])


def _kept(folder: Path) -> dict[str, bytes] | None:
    """What the cache holds, if it is whole and exactly what is pinned."""
    try:
        files = {name: (folder / name).read_bytes() for name in FILES}
    except OSError:
        return None
    return files if all(_digest(data) == FILES[name] for name, data in files.items()) else None


def _packed(folder: Path, wasm: bytes) -> bytes:
    """The WebAssembly gzipped: not all who serve files pack it, and the browser can unpack it itself."""
    path = folder / f"{WASM}.gz"
    try:
        packed = path.read_bytes()
        if gzip.decompress(packed) == wasm:
            return packed
    except (OSError, EOFError, ValueError):
        pass
    packed = gzip.compress(wasm, 9, mtime=0)
    _write(path, packed)
    return packed


def _download(told: Told) -> bytes:
    import httpx

    base = os.environ.get("TEAHOUSE_NPM_URL", "https://registry.npmjs.org").rstrip("/")
    url = f"{base}/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
    data = bytearray()
    try:
        with httpx.stream("GET", url, timeout=PATIENCE_S, follow_redirects=True) as response:
            response.raise_for_status()
            total = int(response.headers.get("content-length") or 0)
            for chunk in response.iter_bytes():
                data += chunk
                told(len(data), total)
                if len(data) > MOST:
                    raise ReleaseBroken("ONNX Runtime Web is larger than it can be.", f"{url} does not end.")
    except httpx.HTTPError as error:
        raise NotReady(
            "ONNX Runtime Web could not be fetched.",
            f"{url}: {error}",
            f"Look to your connection, or set TEAHOUSE_NPM_URL to a mirror. It is fetched once and kept in {cache()}.",
        ) from error
    if _digest(bytes(data)) != PACKAGE:
        raise ReleaseBroken(
            "What npm sent is not the ONNX Runtime Web that this Teahouse knows.",
            f"{url} has another SHA-256 than {PACKAGE[:12]}….",
            "Try again; a proxy between may change files.",
        )
    return bytes(data)


def _wanted(package: bytes) -> dict[str, bytes]:
    """The files that are needed, out of npm's package: a gzipped tar, of which only plain entries are looked at."""
    tar, found, at = gzip.decompress(package), {}, 0
    while at + BLOCK <= len(tar) and tar[at]:
        name = tar[at : at + 100].split(b"\0", 1)[0].decode("utf-8", "replace")
        size = int(tar[at + 124 : at + 136].split(b"\0", 1)[0].strip() or b"0", 8)
        short = name.removeprefix("package/dist/")
        if short in FILES:
            found[short] = tar[at + BLOCK : at + BLOCK + size]
        at += BLOCK + -(-size // BLOCK) * BLOCK
    for name, digest in FILES.items():
        if _digest(found.get(name, b"")) != digest:
            raise ReleaseBroken("ONNX Runtime Web is not whole.", f"{name} is missing or another one.")
    return found


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, also where two build at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    os.replace(file.name, path)
