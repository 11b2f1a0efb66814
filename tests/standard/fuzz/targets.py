"""I8: what is fuzzed. A target takes any bytes and raises nothing but what it declares, which is caught here: whatever
comes out all the same is a fault. (A payment's webhook joins the table with the payments.)"""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from teahouse import datasets, ids, settings
from teahouse.ci import labels
from teahouse.cli import data as exported
from teahouse.errors import TeahouseError
from teahouse.model import archive, bundle, signing
from teahouse.site import given
from teahouse.spec import media
from teahouse.spec.fields import Choice, Image, Number, Seed, Text, field_from_json
from teahouse.testing import photo, tiny_release
from tests.standard.zips import Part, parts_of, written

BOUNDARY = "edge"
FIELDS = {
    "photo": Image(64, name="photo"),
    "strength": Number(0, 1, start=0.5, name="strength"),
    "style": Choice("night sky", "woodblock", name="style"),
    "words": Text(200, name="words"),
    "seed": Seed(8, name="seed"),
}


def try_bundle(folder: Path, data: bytes) -> None:
    """A release as one file, as it comes."""
    (folder / "b.teahouse").write_bytes(data)
    archive.look(folder / "b.teahouse")


def try_manifest(folder: Path, data: bytes) -> None:
    """release.json in a bundle that is sound around it, and in a folder; then what a house reads out of it."""
    (folder / "b.teahouse").write_bytes(written([Part(b"release.json", data)]))
    (folder / "release.json").write_bytes(data)
    for read in (lambda: archive.look(folder / "b.teahouse")[1], lambda: bundle.read(folder)):
        with suppress(TeahouseError):
            manifest = read()
            for one in (*manifest.fields, manifest.output):
                with suppress(TeahouseError):
                    field = field_from_json(one)
                    field.json(), field.schema()
            bundle.verify(folder, ids.sha256(data))


def try_rows(folder: Path, data: bytes) -> None:
    """rows.jsonl of a dataset version."""
    datasets.read_rows(data, "0" * 64)


def try_export(folder: Path, data: bytes) -> None:
    """The zip of a dataset version that a site elsewhere sent, and the rows in what it held."""
    with tempfile.TemporaryDirectory(dir=folder) as target:
        exported.unpack(io.BytesIO(data), Path(target))
        list(labels.rows_in(Path(target), media.dhash))


def try_labels(folder: Path, data: bytes) -> None:
    """metadata.jsonl of an exported version, beside a photo."""
    (folder / "train").mkdir(exist_ok=True)
    (folder / "train" / "a.jpg").write_bytes(PHOTO)
    (folder / "train" / "metadata.jsonl").write_bytes(data)
    list(labels.rows_in(folder, media.dhash))


def try_photo(folder: Path, data: bytes) -> None:
    """A maker's own photo on its way into a dataset."""
    media.clean(data)


def try_multipart(folder: Path, data: bytes) -> None:
    """The body of a form, with its Content-Type in the first line."""
    kind, _, body = data.partition(b"\n")
    request = SimpleNamespace(headers={"content-type": kind.decode("latin-1")})
    given.opened(request, body, FIELDS, b"key")


def try_config(folder: Path, data: bytes) -> None:
    """teahouse.toml, keys.txt, and a key."""
    (folder / "teahouse.toml").write_bytes(data)
    (folder / "keys.txt").write_bytes(data)
    for read in (
        lambda: settings.load(folder).data_dir,
        lambda: signing.trusted(folder / "keys.txt"),
        lambda: signing.parse(data.decode("utf-8", "replace")),
    ):
        with suppress(TeahouseError):
            read()


@dataclass(frozen=True)
class Target:
    """run: gets a folder of its own and the bytes; seeds: honest ones to begin from; words: what its language has."""

    run: Callable[[Path, bytes], None]
    seeds: Callable[[Path], Iterable[bytes]]
    words: tuple[str, ...] = ()


PHOTO = photo("warm", 1, side=16)


def _release(folder: Path) -> Path:
    if not (folder / "release").is_dir():
        tiny_release(folder / "release")
    return folder / "release"


def _bundles(folder: Path) -> Iterable[bytes]:
    made = _release(folder)
    for key in (None, signing.new()):
        archive.pack(made, folder / "b.teahouse", key)
        yield (folder / "b.teahouse").read_bytes()
    yield written([part for part in parts_of(made) if part.name == b"release.json"])


def _manifests(folder: Path) -> Iterable[bytes]:
    yield (_release(folder) / "release.json").read_bytes()
    for one in FIELDS.values():
        for odd in ({}, {"name": 0.5}, {"kind": []}):  # the last two were faults once
            told = {"app": "a", "title": "t", "fields": [{**one.json(), **odd}], "output": one.json()}
            yield ids.canonical(told)
    yield b'{"\x90": 1}'  # so was a byte that is no UTF-8


def _rows(folder: Path) -> Iterable[bytes]:
    row = {"row": "r", "salt": "00" * 16, "inputs": {"input": {"blob": "b"}}, "truth": {"label": "warm"}}
    yield datasets.write_rows([row, {**row, "split": "train", "source": "maker", "near": "00"}])
    yield datasets.write_rows([{"row_digest": "d", "erased": True}])


def _metadata(folder: Path) -> Iterable[bytes]:
    yield b'{"file_name": "a.jpg", "label": "warm", "row": "r", "source": "visitor"}\n'
    yield b'{"file_name": "../a.jpg", "label": "warm", "row": "r", "source": "maker"}\n\n'
    for name in (b"\\ud800", b"\\u0000", b"\xdf", b"a" * 5000):  # faults once, or of their kind
        yield b'{"file_name": "%s", "label": "warm", "row": "r", "source": "visitor"}\n' % name


def _exports(folder: Path) -> Iterable[bytes]:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive_:
            archive_.writestr("train/metadata.jsonl", next(iter(_metadata(folder))))
            archive_.writestr("train/a.jpg", PHOTO)
        yield out.getvalue()
    yield written([Part(b"", b"x")])  # a file of no name was a fault once


def _photos(folder: Path) -> Iterable[bytes]:
    yield from (photo("warm", 1, side=16, form=form) for form in ("JPEG", "PNG", "WEBP"))


def _forms(folder: Path) -> Iterable[bytes]:
    edge = f"--{BOUNDARY}\r\n".encode()
    part = edge + b'Content-Disposition: form-data; name="%s"; filename="a"\r\nContent-Type: image/jpeg\r\n\r\n%s\r\n'
    values = {b"photo": PHOTO, b"strength": b"0.5", b"style": b"woodblock", b"words": b"a cup", b"seed": b"7"}
    whole = b"".join(part % one for one in values.items()) + edge[:-2] + b"--\r\n"
    yield f"multipart/form-data; boundary={BOUNDARY}\n".encode() + whole
    yield b'application/json\n{"photo": "data:image/jpeg;base64,AAAA", "strength": 1e3, "words": "a", "seed": 1}'
    yield b"image/jpeg\n" + PHOTO


def _configs(folder: Path) -> Iterable[bytes]:
    yield b'[site]\ntitle = "Tea"\nport = 0\n[limits]\ntrusted_proxies = ["10.0.0.0/8"]\n[keep]\ndays = 3\n'
    yield f"{signing.public_text(signing.new())} a friend  # of mine\n".encode()
    yield signing.text(signing.new()).encode()
    yield b"site = 3\n"  # a fault once


JSON = ("{", "}", "[", "]", ":", ",", "null", "true", "1e999", "-0", "NaN", "\\ud800", "\\u0000", "9" * 20)
TARGETS = {
    "bundle": Target(try_bundle, _bundles, ("PK\3\4", "PK\1\2", "PK\5\6", "signature.json")),
    "manifest": Target(
        try_manifest,
        _manifests,
        (*JSON, "image", "labels", "number", "choice", "text", "seed", "words", "size", "normalize", "imagenet", "keep",
         "kind", "forms", "familiar", "threshold", "low", "high", "step", "start", "truncation", "pictures"),
    ),
    "rows": Target(try_rows, _rows, (*JSON, "salt", "erased", "row_digest")),
    "export": Target(try_export, _exports, ("PK\3\4", "PK\1\2", "PK\5\6", "../", "train/")),
    "labels": Target(try_labels, _metadata, (*JSON, "file_name", "visitor", "label", "source", "..")),
    "photo": Target(try_photo, _photos, ("\xff\xd8\xff", "\xff\xe1", "Exif\0\0", "IHDR", "IDAT", "VP8X", "RIFF")),
    "multipart": Target(
        try_multipart,
        _forms,
        (*JSON, "multipart/form-data; boundary=", "\r\n", "--", BOUNDARY, "Content-Disposition: ", "form-data",
         "name=", "filename*=utf-8''", "application/json", "base64,"),
    ),
    "config": Target(
        try_config,
        _configs,
        ("[[", "]]", "'''", "inf", "nan", "0x", "1979-05-27T07:32:00Z", "trusted_proxies", "site", "store", "engine",
         "keep", "loop", "limits",
         "url", "host", "data", "teahouse-ed25519:", "teahouse-ed25519-private:", "::1/128", "\0"),
    ),
}  # fmt: skip
