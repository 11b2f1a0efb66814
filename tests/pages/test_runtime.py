"""ONNX Runtime Web comes from npm once, exactly as it is pinned, and from the cache after that."""

import gzip
import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from teahouse.errors import NotReady, ReleaseBroken
from teahouse.pages import runtime

GIVEN = {"ort.wasm.min.mjs": b"one" * 300, "ort-wasm-simd-threaded.mjs": b"two", runtime.WASM: b"\0asm" * 999}


def entry(name: str, data: bytes) -> bytes:
    head = name.encode().ljust(124, b"\0") + f"{len(data):011o}\0".encode()
    return head.ljust(512, b"\0") + data + b"\0" * (-len(data) % 512)


def package(**more: bytes) -> bytes:
    files = {"package/package.json": b"{}", **{f"package/dist/{name}": data for name, data in (GIVEN | more).items()}}
    return gzip.compress(b"".join(entry(*one) for one in files.items()) + b"\0" * 1024, mtime=0)


class Npm:
    """A registry that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked, self.sends, outer = [], package(), self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", str(len(outer.sends)))
                self.end_headers()
                self.wfile.write(outer.sends)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def npm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Npm]:
    made = Npm()
    monkeypatch.setenv("TEAHOUSE_NPM_URL", f"http://127.0.0.1:{made.server.server_port}/")
    monkeypatch.setattr(runtime, "PACKAGE", hashlib.sha256(made.sends).hexdigest())
    monkeypatch.setattr(runtime, "FILES", {name: hashlib.sha256(data).hexdigest() for name, data in GIVEN.items()})
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_it_is_fetched_once_and_told_while_it_comes(npm, tmp_path):
    told = []
    first = runtime.get(lambda done, total: told.append((done, total)), tmp_path / "kept")
    assert first.files == {name: data for name, data in GIVEN.items() if name != runtime.WASM}
    assert gzip.decompress(first.packed) == GIVEN[runtime.WASM] and first.size == len(GIVEN[runtime.WASM])
    assert told[-1] == (len(npm.sends), len(npm.sends))
    assert runtime.get(folder=tmp_path / "kept") == first
    assert npm.asked == [f"/onnxruntime-web/-/onnxruntime-web-{runtime.VERSION}.tgz"]


def test_a_cache_that_was_changed_is_fetched_anew(npm, tmp_path):
    first = runtime.get(folder=tmp_path)
    (tmp_path / "ort.wasm.min.mjs").write_bytes(b"something else")
    (tmp_path / f"{runtime.WASM}.gz").write_bytes(gzip.compress(b"something else"))
    assert runtime.get(folder=tmp_path) == first and len(npm.asked) == 2


def test_another_package_than_the_pinned_one_is_refused_and_not_kept(npm, tmp_path):
    npm.sends = package(**{"ort.wasm.min.mjs": b"evil"})
    with pytest.raises(ReleaseBroken):
        runtime.get(folder=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_a_registry_that_can_not_be_reached_is_told_with_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("TEAHOUSE_NPM_URL", "http://127.0.0.1:9")
    with pytest.raises(NotReady) as told:
        runtime.get(folder=tmp_path)
    assert "TEAHOUSE_NPM_URL" in told.value.do_next
