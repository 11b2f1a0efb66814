"""Pages that stand alone, for tests and benchmarks: built of the starters, handed out as any server of files would."""

from __future__ import annotations

import functools
import gzip
import random
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from teahouse.model import bundle
from teahouse.pages import build, runtime

STARTERS = Path(build.__file__).parents[1] / "starters"
PACKED = (".html", ".js", ".mjs", ".css", ".json", ".svg", ".txt")  # what GitHub Pages and its like gzip
RUN = """async ([text, kind, values, name]) => {
    const from = document.querySelector("script[src*='play.js']").src;
    const module = (path) => import(from.replace("play.js", path));
    const [{ ready }, { run }] = [await module("photo.js"), await module("alone/house.js")];
    const file = new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], "photo", { type: kind });
    const { side, bytes } = document.getElementById("play").dataset;
    const sent = await ready(file, Number(side), Number(bytes));
    const told = await run({ ...values, [name]: sent }, true);
    const plain = async (blob) => {
        const bytes = new Uint8Array(await blob.arrayBuffer());
        let letters = "";
        for (const byte of bytes) letters += String.fromCharCode(byte);
        return btoa(letters);
    };
    const tensor = told.inputs[name];
    return {
        sent: await plain(sent), row: await plain(new Blob([told.row])), familiar: told.familiar, ms: told.ms,
        tensor: await plain(new Blob([tensor.data])), dims: tensor.dims, output: told.output,
    };
}"""
"""Gives a photo as the page gives it to the model; what was sent, as what numbers it came, and what was answered."""


class Files(SimpleHTTPRequestHandler):
    """A folder as it lies, text gzipped; knows nothing of the app."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            return self.send_error(404)
        data, kind = path.read_bytes(), self.guess_type(str(path))
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if path.suffix in (".js", ".mjs") else kind)
        if path.suffix in PACKED:
            data = gzip.compress(data, 6, mtime=0)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def handed_out(folder: Path) -> Iterator[str]:
    """The folder on this machine; its address, without a slash at its end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def built(starter: str, folder: Path, **wishes: Any) -> Path:
    """The page of a starter's shipped release; NotReady where what runs it can not be fetched."""
    id_ = bundle.install(STARTERS / starter / "release", folder / "releases")
    wish = build.Wish(folder / "releases" / id_, id_, folder / starter, number=1, **wishes)
    return build.build(wish, runtime.get()).to


def some(photographs: Path, count: int) -> list[Path]:
    """The same few photographs at each run."""
    return random.Random(4).sample(sorted(photographs.rglob("*.jpg")), count)
