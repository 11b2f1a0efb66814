"""A runtime of a few bytes: what is built here is looked at and never run."""

import gzip
import hashlib

import pytest

from teahouse.pages.runtime import Runtime

WASM = b"\0asm and nothing more"


@pytest.fixture(scope="session")
def engine() -> Runtime:
    files = {"ort.wasm.min.mjs": b"export const env = {};", "ort-wasm-simd-threaded.mjs": b"export default 1;"}
    return Runtime(files, gzip.compress(WASM, mtime=0), len(WASM), hashlib.sha256(WASM).hexdigest())
