"""Teahouse: from a trained model to a website that people love to play with, and that learns from what they say.

    from teahouse import App, Folder, Image, Labels

    app = App(
        title="Green tea or oolong?", input=Image(size=96), output=Labels("green", "oolong"), data=Folder("photos")
    )

    @app.train
    def train(data, run):
        net = TeaNet()
        for epoch in run.epochs(12):
            for photos, labels in data.train.batches(64):
                ...
        return net

Then `teahouse train` and `teahouse serve`. Names are resolved when they are first used: importing costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from teahouse.publishing.entry import publish
    from teahouse.spec.app import App
    from teahouse.spec.data import Folder
    from teahouse.spec.fields.choice import Choice
    from teahouse.spec.fields.image import Image
    from teahouse.spec.fields.labels import Labels
    from teahouse.spec.fields.number import Number
    from teahouse.spec.fields.seed import Seed
    from teahouse.spec.fields.text import Text
    from teahouse.spec.price import Price

__all__ = ["App", "Choice", "Folder", "Image", "Labels", "Number", "Price", "Seed", "Text", "__version__", "publish"]
__version__ = "0.1.0"

_HOMES = {
    "App": "teahouse.spec.app",
    "Choice": "teahouse.spec.fields.choice",
    "Folder": "teahouse.spec.data",
    "Image": "teahouse.spec.fields.image",
    "Labels": "teahouse.spec.fields.labels",
    "Number": "teahouse.spec.fields.number",
    "Price": "teahouse.spec.price",
    "Seed": "teahouse.spec.fields.seed",
    "Text": "teahouse.spec.fields.text",
    "publish": "teahouse.publishing.entry",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"teahouse has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
