"""Eight models of different make, each published as its maker would write it; `MODELS` says what each of them is."""

import functools
import inspect
from pathlib import Path

import torch
from PIL import Image as Pillow
from tests.publishing import makers
from tests.publishing.makers import WORDS, as_array, cropped

import teahouse
from teahouse import Choice, Image, Labels, Number, Seed

BYTES = ((0, 0, 0), (1 / 255, 1 / 255, 1 / 255))


def opened(file: Path) -> torch.Tensor:
    """A file as the maker's own code opens it for a net of any size: [1, 3, height, width] 0..1."""
    return torch.from_numpy(as_array(Pillow.open(file)))[None]


def small(file: Path) -> torch.Tensor:
    """A file as the maker's own transforms give it: [1, 3, 32, 32] 0..1."""
    return torch.from_numpy(cropped(Pillow.open(file), 32))[None]


def flat(file: Path):
    """A file as a pipeline was fitted on: [1, features]."""
    return cropped(Pillow.open(file), 16).transpose(1, 2, 0).reshape(1, -1)


def asked(file: Path) -> dict:
    """A file among several inputs."""
    return {"photo": file, "season": "autumn", "age": 3.0}


@functools.cache
def trained(make, **how):
    return makers.learnt(make(), **how)


def cnn(net, files):
    return teahouse.publish(
        net,
        input=Image(32),
        output=Labels(*WORDS),
        title="A small CNN",
        examples=[(file, net(small(file))) for file in files],
    )


def vit(net, files):
    return teahouse.publish(
        net,
        input=Image(32),
        output=Labels(*WORDS),
        title="A vision transformer",
        examples=[(file, net(small(file)).logits) for file in files],
    )


def unet(net, files):
    return teahouse.publish(
        net,
        input=Image(256, fit="keep"),
        output=Image(),
        title="A U-Net",
        examples=[(file, net(opened(file))) for file in files],
    )


def gan(net, files):
    return teahouse.publish(
        net,
        input=Seed(16),
        output=Image(),
        title="A GAN",
        examples=[(seed, net(torch.from_numpy(Seed(16).tensor(seed)).view(1, 16, 1, 1))) for seed in range(3)],
    )


def style(net, files):
    return teahouse.publish(
        net,
        input=Image(256, fit="keep", normalize=BYTES),
        output=Image(),
        title="A style net",
        examples=[(file, net(opened(file) * 255)) for file in files],
    )


def mixed(net, files):
    return teahouse.publish(
        net,
        input={"photo": Image(32), "season": Choice("spring", "autumn", "winter"), "age": Number(0, 10)},
        output=Labels("yes", "no"),
        title="Several inputs",
        examples=[(asked(file), net(small(file), torch.tensor([1]), torch.tensor([[3.0]]))) for file in files],
    )


def segmentation(net, files):
    return teahouse.publish(
        net,
        input=Image(256, fit="keep"),
        output=Image(),
        title="A segmentation",
        examples=[(file, net(opened(file))["out"]) for file in files],
    )


def pipeline(pipe, files):
    return teahouse.publish(
        pipe,
        input=Image(16),
        output=Labels(*reversed(WORDS)),
        title="A pipeline",
        examples=[(file, pipe.predict_proba(flat(file))) for file in files],
    )


MODELS = {
    "CNN": (cnn, lambda: trained(makers.Cnn)),
    "ViT, returns .logits": (vit, lambda: trained(makers.Vit)),
    "U-Net": (unet, lambda: makers.UNet().eval()),
    "GAN": (gan, lambda: makers.Generator().eval()),
    "style net": (style, lambda: makers.Style().eval()),
    "multi-input": (mixed, lambda: makers.Mixed().eval()),
    "segmentation": (segmentation, lambda: makers.Segmenter().eval()),
    "scikit-learn pipeline": (pipeline, makers.pipeline),
}


def lines(publish) -> int:
    """How many lines the maker writes."""
    return len(inspect.getsource(publish).strip().splitlines()) - 1
