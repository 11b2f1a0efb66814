"""Starters: what their shipped releases do. How long a picture takes, whether ONNX and PyTorch say the same, whether
any photo is answered, how varied the teapots are.

    python benchmarks/starters.py [--quick] [--report FILE] [--seeds WEIGHTS WEIGHTS WEIGHTS] [--blind KEY WORDS]

--seeds: weights (.safetensors or a state_dict as .pt) of the teapot net from three training seeds. --blind: the key
that benchmarks/teapots.py wrote, and what a reader who had not seen it called each picture (JSON by number).
Milliseconds are of one thread, of the shipped ONNX file, at 512 x 512 pixels; processor time is what counts on a busy
machine.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import rows
from PIL import Image as Pillow

from teahouse.engine.bench import Bench
from teahouse.errors import TeahouseError
from teahouse.model import bundle
from teahouse.model.session import Session
from teahouse.spec.fields import field_from_json
from teahouse.spec.load import load_app

STARTERS = Path(__file__).parents[1] / "src" / "teahouse" / "starters"
NETS = {"toon": ("train", "ToonNet"), "style": ("net", "StyleNet"), "teapot": ("train", "TeapotNet")}
PAINTERS = ("toon", "style")
MOST_BYTES, PARITY, SHOWN, MADE = 5_000_000, 1e-3, 64, 256
SHAPES = ((512, 512), (320, 444))  # height and width at which ONNX is compared with PyTorch

Array = np.ndarray


def release(starter: str) -> Path:
    return STARTERS / starter / "release"


def net_of(starter: str, weights: Path | None = None) -> Any:
    """The starter's PyTorch net with the shipped weights, or with these."""
    import torch
    from safetensors.torch import load_file

    load_app(STARTERS / starter)  # makes the files beside app.py importable
    module, name = NETS[starter]
    file = weights or release(starter) / "weights.safetensors"
    net = getattr(importlib.import_module(module), name)()
    state = load_file(file) if file.suffix == ".safetensors" else torch.load(file, weights_only=True)
    net.load_state_dict(state)
    return net.eval()


def given(starter: str, photo: Array, turn: int = 0) -> dict[str, Array]:
    """A batch of one: the photo [3, H, W], and the `turn`th of what can be chosen, at its full strength."""
    batch = {}
    for declared in bundle.read(release(starter)).fields:
        field = field_from_json(declared)
        value = {"image": lambda: photo, "choice": lambda f=field: f.tensor(f.words()[turn % len(f.words())])}.get(
            field.kind, lambda f=field: f.tensor(f.start)
        )()
        batch[field.name] = np.asarray(value)[None]
    return batch


def sample(starter: str, sides: tuple[int, int]) -> Array:
    """The starter's first sample as float32 [3, height, width]."""
    file = next(iter(sorted((STARTERS / starter / "samples").glob("*.jpg"))))
    with Pillow.open(file) as opened:
        picture = opened.convert("RGB").resize(sides[::-1], Pillow.Resampling.LANCZOS)
    return (np.asarray(picture, np.float32) / 255).transpose(2, 0, 1)


def milliseconds(starter: str, quick: bool) -> list[rows.Row]:
    """Wall and processor time of one picture."""
    session, batch = Session(release(starter)), given(starter, sample(starter, (512, 512)))
    session.predict(dict(batch))
    wall, own = [], []
    for _ in range(5 if quick else 21):
        began, used = time.perf_counter(), time.process_time()
        session.predict(dict(batch))
        wall.append(time.perf_counter() - began)
        own.append(time.process_time() - used)
    used, took, least = (1000 * each for each in (median(own), median(wall), min(wall)))
    words = f"{used:.0f} of the processor, {took:.0f} in all (least {least:.0f})"
    return [rows.row(f"{starter}: ms at 512 x 512, one thread", words, "told", True)]


def apart(starter: str) -> list[rows.Row]:
    """The largest difference of ONNX and PyTorch at two shapes, over all that can be chosen."""
    import torch

    net, session, worst = net_of(starter), Session(release(starter)), 0.0
    for sides in SHAPES:
        for turn in range(4 if starter == "style" else 3):
            batch = given(starter, sample(starter, sides), turn)
            with torch.no_grad():
                wanted = net(*(torch.from_numpy(each) for each in batch.values())).numpy()
            worst = max(worst, float(np.abs(session.predict(dict(batch)) - wanted).max()))
    name = f"{starter}: ONNX and PyTorch, largest difference at {' and '.join(f'{h} x {w}' for h, w in SHAPES)}"
    return [rows.row(name, f"{worst:.1e}", f"<= {PARITY:g}", worst <= PARITY)]


def scene(width: int, height: int) -> Pillow.Image:
    """A picture of this size with something on it: brighter to the right and below, with rings."""
    y, x = np.ogrid[0:height, 0:width]
    rings = np.sin((x * 1.0 - width / 3) ** 2 / (width * 9 + 99) + (y * 1.0 - height / 2) ** 2 / (height * 9 + 99))
    planes = [255 * x / width + 0 * y, 255 * y / height + 0 * x, 127 + 120 * rings]
    return Pillow.fromarray(np.stack([plane.astype(np.uint8) for plane in planes], -1))


def photos(quick: bool) -> Iterator[tuple[str, bytes, tuple[int, int]]]:
    """(name, file, upright size) of photos up to the limits: sizes, turned cameras, formats and colours."""
    sizes = [(1, 1), (7, 5), (31, 700), (511, 513), (1024, 768), (32, 8192), (8192, 32), (1, 8192)]
    sizes += [(3000, 4000)] if quick else [(6000, 4000), (4000, 6000), (8192, 2929), (4898, 4899)]
    for width, height in sizes:
        yield f"{width} x {height}", coded(scene(width, height), "JPEG"), (width, height)
    for turn in range(1, 9):
        picture, exif = scene(640, 400), Pillow.Exif()
        exif[0x0112] = turn
        yield f"turned {turn}", coded(picture, "JPEG", exif=exif), (640, 400) if turn < 5 else (400, 640)
    small = scene(300, 420)
    for name, picture, form in (
        ("grey JPEG", small.convert("L"), "JPEG"),
        ("CMYK JPEG", small.convert("CMYK"), "JPEG"),
        ("PNG with holes", small.convert("RGBA"), "PNG"),
        ("PNG of 256 colours", small.convert("P"), "PNG"),
        ("black and white PNG", small.convert("1"), "PNG"),
        ("16 bit PNG", Pillow.fromarray(np.asarray(small.convert("L"), np.uint16) * 200), "PNG"),
        ("WebP", small, "WEBP"),
    ):
        yield name, coded(picture, form), small.size


def coded(picture: Pillow.Image, form: str, **more: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **more)
    return out.getvalue()


def any_photo(starter: str, quick: bool) -> list[rows.Row]:
    """How many of the photos are answered by a worker with a picture of their own shape."""
    manifest, wrong, slowest, count = bundle.read(release(starter)), [], 0.0, 0
    field, rest = field_from_json(manifest.fields[0]), manifest.examples[0]["inputs"]
    with Bench(release(starter)) as bench:
        for name, data, upright in photos(quick):
            count, began = count + 1, time.perf_counter()
            try:
                field.check(data)
                made = bench.answer({**rest, field.name: data}).parts[0]
            except TeahouseError as error:
                wrong.append(f"{name}: {error}")
                continue
            slowest = max(slowest, time.perf_counter() - began)
            if (trouble := not_of(made, upright)) is not None:
                wrong.append(f"{name}: {trouble}")
    words = f"{count - len(wrong)} of {count} (the slowest took {slowest:.1f} s)" + "".join(f"; {one}" for one in wrong)
    bar = "all, each in its photo's shape"
    return [rows.row(f"{starter}: photos of any size, orientation and kind answered", words, bar, not wrong)]


def not_of(made: Any, upright: tuple[int, int]) -> str | None:
    """What is wrong with an answer to a photo of this upright size; None where nothing is."""
    with Pillow.open(io.BytesIO(made.data)) as opened:
        picture = opened.convert("RGB")
    scale = min(1.0, 512 / max(upright))
    wanted = tuple(max(32, round(side * scale)) for side in upright)
    if any(abs(side - want) > 4 for side, want in zip(picture.size, wanted, strict=True)):
        return f"{picture.size} for {upright}"
    return None


def pots(net_weights: Path | None, first: int, count: int) -> tuple[Array, Array]:
    """(pictures [count, 3, 128, 128], scores [count]) of the seeds from `first` on: of the release, or of weights."""
    field = field_from_json(bundle.read(release("teapot")).fields[0])
    z = np.stack([field.tensor(seed) for seed in range(first, first + count)])
    if net_weights is None:
        session = Session(release("teapot"))
        made = [session.predict_all({"input": part}) for part in np.array_split(z, -(-count // 32))]
        return np.concatenate([one["output"] for one in made]), np.concatenate([one["score"] for one in made])
    import torch

    net = net_of("teapot", net_weights)
    with torch.no_grad():
        found = [net(torch.from_numpy(part)) for part in np.array_split(z, -(-count // 32))]
    return np.concatenate([one.numpy() for one, _ in found]), np.concatenate([score.numpy() for _, score in found])


def best(pictures: Array, scores: Array) -> Array:
    """The quarter that a page shows."""
    return pictures[np.argsort(-scores, kind="stable")[: len(scores) // 4]]


def renders(seed: int, count: int) -> Array:
    """Pictures of the renderer that the net was taught by: float32 [count, 3, 128, 128]."""
    from teahouse.starters.teapot.render import draws, rendered

    parts = [rendered(draws(seed + start, min(50, count - start))) for start in range(0, count, 50)]
    return np.concatenate(parts)


def small(pictures: Array) -> Array:
    """[N, 3, 128, 128] -> [N, 3072]: what two pictures are compared by."""
    return pictures.reshape(len(pictures), 3, 32, 4, 32, 4).mean((3, 5)).reshape(len(pictures), -1)


def distances(some: Array, others: Array) -> Array:
    """Euclidean, [N, M]."""
    square = (some**2).sum(1)[:, None] + (others**2).sum(1)[None] - 2 * some @ others.T
    return np.sqrt(square.clip(min=0))


def between(some: Array) -> float:
    """The mean distance of two of them."""
    return float(distances(some, some).sum() / (len(some) * (len(some) - 1)))


def varied(quick: bool) -> list[rows.Row]:
    """How far shown pots lie from the nearest pot that a training may have seen, and from each other."""
    taught, fresh = small(renders(100_000, 400 if quick else 4000)), small(renders(900_000, 64 if quick else 256))
    pictures, scores = pots(None, 1_000_000, MADE)
    shown = small(best(pictures, scores))
    near = [float(np.median(distances(some, taught).min(1))) for some in (shown, fresh)]
    apart_, usual = between(shown), between(fresh)
    words = f"{near[0]:.2f}, of fresh renders {near[1]:.2f} (median, 32 x 32 pixels, {len(taught)} renders)"
    return [
        rows.row("teapot: nearest picture of the training", words, "told", True),
        rows.row("teapot: mean distance of two that are shown", f"{apart_:.2f}, of two renders {usual:.2f}",
                 ">= 0.85 of the renders'", apart_ >= 0.85 * usual),
        rows.row("teapot: different pictures among the shown", f"{unlike(shown)} of {len(shown)}", "all",
                 unlike(shown) == len(shown)),
    ]  # fmt: skip


def unlike(some: Array) -> int:
    """How many are no twin of one before them."""
    far = distances(some, some)
    return sum(not (far[number, :number] < 1.0).any() for number in range(len(some)))


def seeds(weights: Sequence[Path]) -> list[rows.Row]:
    """Whether each training seed draws what the renderer draws of the same numbers, soundly."""
    name, bar = "teapot: training seeds that are usable", "3 of 3"
    if len(weights) < 3:
        why = f"weights of {len(weights)} training seeds were given" if weights else "no weights were given (--seeds)"
        return [rows.unmeasured(name, bar, why)]
    from teahouse.starters.teapot.render import rendered

    field = field_from_json(bundle.read(release("teapot")).fields[0])
    truth = rendered(np.stack([field.tensor(seed) for seed in range(2_000_000, 2_000_064)]))
    off = [float(np.abs(pots(file, 2_000_000, 64)[0] - truth).mean()) for file in weights]
    shipped = float(np.abs(pots(None, 2_000_000, 64)[0] - truth).mean())
    good = sum(one <= 2 * shipped for one in off)
    words = f"{good} of {len(off)}: {', '.join(f'{one:.3f}' for one in off)} from the renderer (shipped: {shipped:.3f})"
    return [rows.row(name, words, bar, good == len(off))]


def blind(files: Sequence[Path]) -> list[rows.Row]:
    """What somebody called the pictures who had not seen the key."""
    name, bar = "teapot: called teapots by fresh eyes, of 64", ">= 58"
    if not files:
        return [rows.unmeasured(name, bar, "it takes a reader (benchmarks/teapots.py, --blind)")]
    key, words = (json.loads(file.read_text("utf-8")) for file in files)
    called = {kind: [words.get(number, "").strip().lower() for number in key if key[number] == kind]
              for kind in sorted(set(key.values()))}  # fmt: skip
    told = {kind: f"{sum(word == 'teapot' for word in found)} of {len(found)}" for kind, found in called.items()}
    ours = sum(word == "teapot" for word in called["shown"])
    return [rows.row(name, "; ".join(f"{kind}: {one}" for kind, one in told.items()), bar, ours >= 58)]


def weights() -> list[rows.Row]:
    """What each release weighs."""
    found = []
    for starter in ("tea", *NETS):
        size = sum(file.stat().st_size for file in release(starter).rglob("*") if file.is_file())
        name, bar = f"{starter}: MB of the release", f"<= {MOST_BYTES // 1_000_000}"
        found.append(rows.row(name, f"{size / 1e6:.2f}", bar, size <= MOST_BYTES))
    return found


def measure(quick: bool, given_: argparse.Namespace) -> list[rows.Row]:
    """The rows of the report."""
    found = weights()
    for starter in PAINTERS:
        found += [*milliseconds(starter, quick), *apart(starter), *any_photo(starter, quick)]
    return [*found, *varied(quick), *seeds(given_.seeds), *blind(given_.blind)]


def main() -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--seeds", nargs="+", type=Path, default=[])
    parser.add_argument("--blind", nargs=2, type=Path, default=[])
    given_, rest = parser.parse_known_args()
    return rows.main((__doc__ or "").partition("\n")[0], lambda quick: measure(quick, given_), rest, own=parser)


if __name__ == "__main__":
    sys.exit(main())
