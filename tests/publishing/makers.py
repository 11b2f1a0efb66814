"""Makers: eight models of different make as makers have them in a notebook, and photos whose class can be seen."""

import io
from pathlib import Path

import numpy
import torch
from PIL import Image as Pillow
from torch import nn
from torch.nn import functional

WORDS = ("amber", "moss", "slate")
BASES = numpy.float32([[225, 120, 40], [90, 150, 60], [80, 95, 150]])


def photo(kind: int, seed: int, sides: tuple[int, int] = (220, 160)) -> Pillow.Image:
    """A picture of blots around one of three colours; wider than high, with an edge that a crop cuts off."""
    chance = numpy.random.default_rng([kind, seed])
    blots = BASES[kind] + chance.normal(0, 42, (6, 8, 3)).astype(numpy.float32)
    blots[:, :1] = 250 - BASES[kind]
    blots[:, -1:] = 250 - BASES[kind]
    small = Pillow.fromarray(blots.clip(0, 255).astype(numpy.uint8))
    return small.resize(sides, Pillow.Resampling.BICUBIC)


def photo_file(folder: Path, kind: int, seed: int) -> Path:
    """The same as a JPEG file."""
    path = folder / f"{WORDS[kind]}-{seed}.jpg"
    photo(kind, seed).save(path, "JPEG", quality=92)
    return path


def cropped(picture: Pillow.Image, size: int) -> numpy.ndarray:
    """As torchvision's Resize(size), CenterCrop(size), ToTensor: float32 [3, size, size] 0..1."""
    scale = size / min(picture.size)
    whole = picture.resize((max(size, int(picture.width * scale)), max(size, int(picture.height * scale))),
                           Pillow.Resampling.BILINEAR)  # fmt: skip
    left, top = round((whole.width - size) / 2), round((whole.height - size) / 2)
    return as_array(whole.crop((left, top, left + size, top + size)))


def as_array(picture: Pillow.Image) -> numpy.ndarray:
    return numpy.asarray(picture.convert("RGB"), numpy.float32).transpose(2, 0, 1) / 255


class Cnn(nn.Module):
    def __init__(self, classes=3, channels=3):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, 12, 5, 2, 2), nn.BatchNorm2d(12), nn.ReLU(),
            nn.Conv2d(12, 24, 3, 2, 1), nn.BatchNorm2d(24), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(24, classes)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


class Returned:
    """What a Hugging Face model returns: an object that has its logits as an attribute."""

    def __init__(self, logits):
        self.logits = logits


class Vit(nn.Module):
    """A transformer over patches, whose forward takes pixel_values and returns an object, as Hugging Face's do."""

    def __init__(self, classes=3, side=32, patch=8, width=48):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.first = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(torch.randn(1, (side // patch) ** 2 + 1, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, 4, 96, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.classifier = nn.Linear(width, classes)

    def forward(self, pixel_values, labels=None):
        x = self.patches(pixel_values).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(x.shape[0], -1, -1), x], 1) + self.places
        return Returned(self.classifier(self.body(x)[:, 0]))


class UNet(nn.Module):
    """Picture to picture, of any size."""

    def __init__(self, out=3):
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(3, 8, 3, 1, 1), nn.Conv2d(8, 16, 3, 2, 1)
        self.up = nn.ConvTranspose2d(16, 8, 2, 2)
        self.end = nn.Conv2d(16, out, 3, 1, 1)

    def forward(self, x):
        one = functional.relu(self.down1(x))
        two = functional.relu(self.down2(one))
        return torch.sigmoid(self.end(torch.cat([one, self.up(two)], 1)))


class Segmenter(UNet):
    """A class for each place, as torchvision returns it: {"out": [N, 5, H, W]}."""

    def __init__(self):
        super().__init__(out=5)

    def forward(self, x):
        one = functional.relu(self.down1(x))
        return {"out": self.end(torch.cat([one, self.up(functional.relu(self.down2(one)))], 1)) * 8}


class Generator(nn.Module):
    """DCGAN's: numbers as [N, size, 1, 1] in, a picture from -1 to 1 out."""

    def __init__(self, size=16):
        super().__init__()
        self.body = nn.Sequential(
            nn.ConvTranspose2d(size, 32, 4), nn.BatchNorm2d(32), nn.ReLU(),
            nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.ConvTranspose2d(16, 3, 4, 2, 1), nn.Tanh(),
        )  # fmt: skip
        for layer in self.body:
            if isinstance(layer, nn.ConvTranspose2d):
                nn.init.normal_(layer.weight, 0, 0.12)

    def forward(self, z):
        return self.body(z)


class Style(nn.Module):
    """Fast neural style (Johnson et al., 2016): pixels from 0 to 255 in and out."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 8, 3, 1, 1, padding_mode="reflect"), nn.Conv2d(8, 3, 3, 1, 1)
        self.norm = nn.InstanceNorm2d(8, affine=True)

    def forward(self, x):
        return (x * 0.7 + 40 * torch.tanh(self.two(functional.relu(self.norm(self.one(x))))) + 30).clamp(0, 255)


class Mixed(nn.Module):
    """A photo, one of a few words, and a number as a column."""

    def __init__(self):
        super().__init__()
        self.cnn, self.words = Cnn(8), nn.Embedding(3, 4)
        self.head = nn.Linear(13, 2)

    def forward(self, photo, season, age):
        return self.head(torch.cat([self.cnn(photo), self.words(season), age / 10], 1))


def learnt(net: nn.Module, size: int = 32, steps: int = 60, changed=lambda x: x, scale=None) -> nn.Module:
    """The net after a few steps on photos of the three colours, looked at as `changed` says."""
    torch.manual_seed(3)
    pictures = numpy.stack([cropped(photo(kind, seed), size) for seed in range(24) for kind in range(3)])
    x, y = changed(torch.from_numpy(pictures)), torch.arange(3).repeat(24)
    optimiser = torch.optim.Adam(net.parameters(), 4e-3)
    for _ in range(steps):
        made = net(x)
        loss = functional.cross_entropy(getattr(made, "logits", made), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net.eval()


def pipeline(size: int = 16):
    """Scaled, reduced, a logistic regression on flattened pictures, with the classes' own words as its classes."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pictures = [cropped(photo(kind, seed), size).transpose(1, 2, 0).ravel() for seed in range(20) for kind in range(3)]
    model = make_pipeline(StandardScaler(), PCA(12, random_state=0), LogisticRegression(max_iter=300))
    return model.fit(numpy.stack(pictures), [WORDS[kind] for _ in range(20) for kind in range(3)])


def onnx_bytes(net: nn.Module, size: int = 32) -> bytes:
    """A net as an ONNX file of one picture at a time, as most of them lie about: opset 17, a fixed batch."""
    from onnx import TensorProto, helper, numpy_helper

    weights = [numpy_helper.from_array(tensor.numpy(), name) for name, tensor in net.state_dict().items()]
    out = io.BytesIO()
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["pixels", "weight", "bias"], ["seen"], strides=[2, 2], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["seen"], ["lit"]),
            helper.make_node("GlobalAveragePool", ["lit"], ["mean"]),
            helper.make_node("Flatten", ["mean"], ["logits"], axis=1),
        ],
        "net",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, size, size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 3])],
        weights,
    )
    out.write(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString())
    return out.getvalue()
