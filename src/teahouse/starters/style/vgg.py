"""For makers who have VGG19's weights: style and content measured by its features, instead of by our critics.

Lay `vgg19.safetensors` (names `features.0.weight` ... `features.28.bias`, as in torchvision's state dict) beside
train.py and the training takes this road by itself. Method: Gatys, Ecker and Bethge 2016 (Gram matrices); Johnson,
Alahi and Fei-Fei 2016 (one forward net trained with them). The weights have a licence of their own.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

FILE = "vgg19.safetensors"
PLAN = (64, 64, "pool", 128, 128, "pool", 256, 256, 256, 256, "pool", 512, 512, 512, 512, "pool", 512)
STYLE_LAYERS = (1, 6, 11, 20, 29)  # after the ReLU of conv1_1, 2_1, 3_1, 4_1, 5_1
CONTENT_LAYER = 22  # conv4_2
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the pictures that VGG learnt on


def beside(folder: Path) -> Path | None:
    """The weights' file, where the maker has laid one."""
    file = folder / FILE
    return file if file.is_file() else None


class Vgg(nn.Module):
    """VGG19's layers up to conv5_1, numbered as torchvision numbers them; not trained further."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for step in PLAN:
            if step == "pool":
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(inputs, int(step), 3, padding=1), nn.ReLU()]
                inputs = int(step)
        self.features = nn.Sequential(*layers)
        self.requires_grad_(False)

    @classmethod
    def read(cls, file: Path) -> Vgg:
        """The net with the file's weights; what the file holds beyond conv5_1 is left out."""
        from safetensors.torch import load_file

        net = cls()
        found = load_file(file)
        net.load_state_dict({name: found[name] for name in net.state_dict()})
        return net

    def forward(self, image: torch.Tensor) -> dict[int, torch.Tensor]:
        """[N, 3, H, W] in 0..1 -> the maps of the layers that are asked, by number."""
        mean, deviation = (torch.tensor(each)[None, :, None, None] for each in (MEAN, DEVIATION))
        x, maps = (image - mean) / deviation, {}
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in STYLE_LAYERS or number == CONTENT_LAYER:
                maps[number] = x
        return maps


class VggLosses:
    """How far a painting is from a style picture and from its photo, by VGG's features."""

    def __init__(self, net: Vgg, arts: list[torch.Tensor]) -> None:
        """`arts`: the style pictures, each [1, 3, H, W]."""
        self.net = net
        with torch.no_grad():
            self.grams = [self._grams(net(art)) for art in arts]

    def __call__(self, number: int, photo: torch.Tensor, made: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(style, content) losses of one style's painting [N, 3, H, W]; both of order 1."""
        maps = self.net(made)
        with torch.no_grad():
            seen = self.net(photo)[CONTENT_LAYER]
        pairs = zip(self._grams(maps), self.grams[number], strict=True)
        style = sum(F.mse_loss(mine, wanted.expand_as(mine)) / wanted.square().mean() for mine, wanted in pairs)
        content = F.mse_loss(maps[CONTENT_LAYER], seen) / seen.square().mean().clamp(min=1e-6)
        return style / len(STYLE_LAYERS), content

    @staticmethod
    def _grams(maps: dict[int, torch.Tensor]) -> list[torch.Tensor]:
        """The Gram matrix of each style layer, [N, C, C]."""
        grams = []
        for number in STYLE_LAYERS:
            flat = maps[number].flatten(2)
            grams.append(flat @ flat.transpose(1, 2) / flat[0].numel())
        return grams
