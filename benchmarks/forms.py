"""Forms: how fast int8 is beside fp32, how many answers differ, and how long it takes to build and to judge.

    python benchmarks/forms.py [--quick] [--report FILE]

The shipped releases of the starters, and a net of MobileNet-v1's size at 224 pixels, trained on tea by the product's
own child (--quick leaves it out: it takes minutes). Milliseconds are of one thread of the processor, one photo at a
time, without decoding; what is built is judged as a training does it.
"""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import rows

from teahouse import ids
from teahouse.engine.bench import Bench
from teahouse.model import bundle, forms
from teahouse.spec.load import load_app
from teahouse.training import forms as own
from teahouse.training import run, tries
from teahouse.training.candidate import Predict

STARTERS = Path(__file__).parents[1] / "src" / "teahouse" / "starters"
SECONDS = 600.0  # more than a training gives it: here it is also told how an unequal form fails
RENDERS, LESSONS, EPOCHS = 400, 800, 6
MOBILENET = '''
from teahouse import App, Folder, Image, Labels

app = App(name="mobilenet", title="Green or oolong?", input=Image(size=224, normalize="imagenet"),
          output=Labels("green", "oolong"), data=Folder("photos"))


@app.train
def train(data, run):
    import torch
    from torch import nn

    def conv(a, b, stride, groups=1, side=3):
        return [nn.Conv2d(a, b, side, stride, side // 2, groups=groups, bias=False), nn.BatchNorm2d(b), nn.ReLU()]

    plan = [(32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2),
            *[(512, 512, 1)] * 5, (512, 1024, 2), (1024, 1024, 1)]
    layers = conv(3, 32, 2)
    for a, b, stride in plan:
        layers += [*conv(a, a, stride, a), *conv(a, b, 1, side=1)]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 2))
    net = net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3)
    for _ in run.epochs(EPOCHS):
        net.train()
        for photos, labels in data.train.batches(16):
            photos = photos.flip(3) if torch.rand(()) < 0.5 else photos
            loss = nn.functional.cross_entropy(net(photos.contiguous(memory_format=torch.channels_last)), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log(loss=loss.item())
    return net
'''


def measure(quick: bool) -> list[rows.Row]:
    """All rows of the report."""
    found = [starter(name) for name in ("tea", "toon", "style", "teapot")]
    if quick:
        return found
    with tempfile.TemporaryDirectory(prefix="teahouse-forms-") as scratch:
        return [*found, mobilenet(Path(scratch))]


def starter(name: str) -> rows.Row:
    """A shipped release's net, with a form built of its own photos."""
    app = load_app(STARTERS / name)
    with tempfile.TemporaryDirectory(prefix="teahouse-forms-") as scratch:
        folder = Path(scratch)
        shutil.copyfile(STARTERS / name / "release" / "model.onnx", folder / "model.onnx")
        given = renders() if name == "tea" else tries.sample_inputs(app, STARTERS / name)
        source = own.of_files(app, given)
        began, used = time.monotonic(), time.process_time()
        tried = own.int8(app, folder, source, lambda file: Predict(app, folder, [], file).outputs, SECONDS)
        took, work = time.monotonic() - began, time.process_time() - used
        one = {key: array[:1] for key, array in next(iter(source.given().judging())).items()}
        files = [forms.FP32, *([forms.INT8] if tried.form else [])]
        ms = [forms.milliseconds(Predict(app, folder, [], file).outputs, one) for file in files]
    return told(name, tried.form, tried.why, ms, f"{took:.0f} s ({work:.0f} s of the processor)")


def told(name: str, form: Any, why: str, ms: list[float], took: str) -> rows.Row:
    """A net's row."""
    if not form:
        return rows.row(f"{name}: int8", f"left out in {took}: {why}", "told", True)
    words = f"{ms[0]:.2f} ms to {ms[1]:.2f} ms, {ms[0] / ms[1]:.2f} times as fast"
    flips = f"{form['flips']} of {form['rows']} answers differ"
    equal = form["flips"] <= forms.MOST_FLIPS * form["rows"]
    return rows.row(f"{name}: int8", f"{words}; {flips}; built and judged in {took}", "equal, or left out", equal)


def renders(count: int = RENDERS, side: int = 128) -> list[dict[str, bytes]]:
    """Pictures of tea that no shipped release has seen, green and oolong in turn."""
    from PIL import Image as Pillow

    from teahouse.starters.tea.render.scene import LABELS, render

    found = []
    for number in range(count):
        out = io.BytesIO()
        Pillow.fromarray(render(70_000 + number // 2, LABELS[number % 2], "day", side)).save(out, "JPEG", quality=92)
        found.append({"input": out.getvalue()})
    return found


def mobilenet(scratch: Path) -> rows.Row:
    """A whole training in the product's own child, and what came of it on this machine."""
    source = scratch / "app"
    source.mkdir()
    (source / "app.py").write_text(MOBILENET.replace("EPOCHS", str(EPOCHS)), "utf-8")
    blobs: dict[str, bytes] = {}
    given = []
    for number, one in enumerate(renders(LESSONS, 224)):
        data, label = one["input"], ("green", "oolong")[number % 2]
        blobs[ids.sha256(data)] = data
        side = "validation" if number % 16 < 2 else "train"
        inputs = {"input": {"blob": ids.sha256(data)}}
        row = {"row": f"{label}-{number}", "inputs": inputs, "truth": {"label": label}, "split": side}
        given.append({**row, "source": "maker"})
    folder, told_at = scratch / "run", {}
    plan = run.Plan("0" * 36, "mobilenet", "train", source, 7, run.Limits(), tuple(given), blobs.get)
    run.prepare(folder, plan)
    run.follow(folder, lambda event: told_at.setdefault(event["name"], event["t"])).or_raise()
    release = folder / "candidate"
    manifest = bundle.read(release)
    took = f"{told_at['built-form'] - told_at['building-form']:.0f} s, of a training of "
    took += f"{told_at['exporting'] - told_at['training']:.0f} s"
    form = next((one for one in manifest.forms if one["name"] == "int8"), None)
    ms = []
    with Bench(release) as bench:
        for one in bench.time([each["name"] for each in manifest.forms]):
            ms.append(one.ms * one.form.slots * one.form.threads)
    accuracy = json.dumps(manifest.metrics.get("validation_accuracy"))
    why = manifest.left_out[0]["why"] if manifest.left_out else ""
    return told(f"MobileNet v1 at 224 (right on {accuracy} of validation)", form, why, ms, took)


if __name__ == "__main__":
    raise SystemExit(rows.main(__doc__.splitlines()[0], measure))
