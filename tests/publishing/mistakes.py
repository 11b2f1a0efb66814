"""Five mistakes that makers make in what they give a net, each planted in a maker's own code."""

import torch
from PIL import Image as Pillow
from tests.publishing import eight, makers
from tests.publishing.makers import WORDS

import teahouse
from teahouse import Image, Labels

MEAN, STD = (torch.tensor(part).view(1, 3, 1, 1) for part in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


def squeezed(file):
    picture = Pillow.open(file).resize((32, 32), Pillow.Resampling.BILINEAR)
    return torch.from_numpy(makers.as_array(picture))[None]


def published(look, words=WORDS, said=lambda made: made, files=(), **field):
    """A net that was trained as `look` looks, published as one that sees what the page gives: the differences."""
    net = eight.trained(makers.Cnn)
    return teahouse.publish(
        net, input=Image(32, **field), output=Labels(*words), title="Planted",
        examples=[(file, said(net(look(file)).detach())) for file in files],
    ).differences  # fmt: skip


def named(made):
    return WORDS[int(made.argmax())]


MISTAKES = {
    "BGR": (lambda files: published(lambda file: eight.small(file).flip(1), files=files), "BGR"),
    "0..255": (lambda files: published(lambda file: eight.small(file) * 255, files=files), "0..255"),
    "no mean/std": (
        lambda files: published(eight.small, files=files, normalize="imagenet"),
        "without mean and deviation",
    ),
    "resize without crop": (lambda files: published(squeezed, files=files), "without cropping"),
    "wrong label order": (
        lambda files: published(eight.small, words=("moss", "slate", "amber"), said=named, files=files),
        "label order",
    ),
}
