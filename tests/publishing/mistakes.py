"""Five mistakes that makers make in what they give a net, each planted in a maker's own code."""

import functools
import tempfile
from pathlib import Path

import torch
from PIL import Image as Pillow
from tests.publishing import eight, makers
from tests.publishing.makers import WORDS

import teahouse
from teahouse import App, Image, Labels
from teahouse.publishing import examples, makes, suspects

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


@functools.cache
def exported():
    """The same net exported once for all that differs in what the maker's own code does; its folder, what was made."""
    app = App(title="Planted", input=Image(32), output=Labels(*WORDS))
    folder = tempfile.TemporaryDirectory()
    return folder, makes.make(eight.trained(makers.Cnn), app, [], Path(folder.name))


def compared(look, words=WORDS, said=lambda made: made, files=()):
    """The differences alone, as `published` finds them where the page's own picture is the plain one."""
    net, (folder, made) = eight.trained(makers.Cnn), exported()
    app = App(title="Planted", input=Image(32), output=Labels(*words))
    given = examples.read(app, [(file, said(net(look(file)).detach())) for file in files])
    return tuple(
        suspects.differences(suspects.Page(app, Path(folder.name), made.reading, made.kind, made.own), given)
    )


def named(made):
    return WORDS[int(made.argmax())]


MISTAKES = {
    "BGR": (lambda files: compared(lambda file: eight.small(file).flip(1), files=files), "BGR"),
    "0..255": (lambda files: compared(lambda file: eight.small(file) * 255, files=files), "0..255"),
    "no mean/std": (
        lambda files: published(eight.small, files=files, normalize="imagenet"),
        "without mean and deviation",
    ),
    "resize without crop": (lambda files: compared(squeezed, files=files), "without cropping"),
    "wrong label order": (
        lambda files: compared(eight.small, words=("moss", "slate", "amber"), said=named, files=files),
        "label order",
    ),
}
