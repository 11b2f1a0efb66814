"""The finish: flat colours and ink become a comic, a pastel or a night picture. Fixed steps, for net and teacher."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LUMA = (0.299, 0.587, 0.114)
ALIKE = 0.04  # of luma
SHAPES = {"ink": (3, 1, 1), "tones": (4, 3, 1, 1)}  # of one palette's numbers; one number is [1, 1, 1]


@dataclass(frozen=True)
class Palette:
    """How one kind of picture looks. Colours are RGB of 0..1; another palette is one more of these."""

    bands: float  # steps of luma
    edge: float  # how sharp these steps are
    vivid: float  # factor on colour
    contrast: float  # share of an S-curve in luma
    lift: float  # how far black is lifted towards white
    mixed: float  # share of the palette's own tones in the colour
    strength: float  # of the ink
    ink: tuple[float, float, float]
    tones: tuple[tuple[float, float, float], ...]  # four, from dark to light


PALETTES = {
    "comic": Palette(
        bands=7,
        edge=9,
        vivid=1.5,
        contrast=0.5,
        lift=0,
        mixed=0.1,
        strength=0.96,
        ink=(0.07, 0.05, 0.10),
        tones=((0.10, 0.07, 0.16), (0.42, 0.26, 0.30), (0.84, 0.66, 0.46), (1.00, 0.98, 0.92)),
    ),
    "pastel": Palette(
        bands=6,
        edge=7,
        vivid=1.25,
        contrast=0.2,
        lift=0.3,
        mixed=0.3,
        strength=0.8,
        ink=(0.35, 0.26, 0.36),
        tones=((0.40, 0.38, 0.62), (0.70, 0.56, 0.74), (1.00, 0.78, 0.72), (1.00, 0.98, 0.90)),
    ),
    "night": Palette(
        bands=6,
        edge=9,
        vivid=1.15,
        contrast=0.7,
        lift=0,
        mixed=0.55,
        strength=0.95,
        ink=(0.02, 0.02, 0.10),
        tones=((0.02, 0.05, 0.17), (0.20, 0.17, 0.48), (0.95, 0.42, 0.46), (1.00, 0.94, 0.66)),
    ),
}


class Finish(nn.Module):
    """Flat colours [N, 3, H, W], ink [N, 1, H, W] and palette int64 [N] -> a picture [N, 3, H, W] of 0..1."""

    def __init__(self) -> None:
        super().__init__()
        # Not persistent: a palette is code, and may be changed under trained weights.
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1), persistent=False)
        for name in Palette.__dataclass_fields__:
            numbers = torch.tensor([getattr(palette, name) for palette in PALETTES.values()], dtype=torch.float32)
            self.register_buffer(name, numbers.view(len(PALETTES), *SHAPES.get(name, (1, 1, 1))), persistent=False)

    def forward(self, smooth: Tensor, ink: Tensor, palette: Tensor) -> Tensor:
        """See the class."""
        own = (smooth * self.luma).sum(1, keepdim=True)
        # A trace of fur or wood would fray the borders between two steps: what differs little from its neighbours
        # takes their mean. An edge differs a lot, and stays.
        near = F.avg_pool2d(own, (1, 5), 1, (0, 2), count_include_pad=False)
        apart = F.avg_pool2d(near, (5, 1), 1, (2, 0), count_include_pad=False) - own
        light = own + apart * torch.exp(-(apart * (1 / ALIKE)).square())
        # A step is flat in its middle and steep at its borders, yet has no jump: the net can follow it.
        place = light * self.bands[palette]
        whole = torch.floor(place)
        edge = self.edge[palette]
        step = torch.tanh(edge * (place - whole - 0.5)) / torch.tanh(edge * 0.5)
        flat = (whole + 0.5 + 0.5 * step) / self.bands[palette]
        curve = flat * flat * (3 - 2 * flat)
        flat = flat + self.contrast[palette] * (curve - flat)
        flat = flat + self.lift[palette] * (1 - flat)
        colour = (flat + self.vivid[palette] * (smooth - own)).clamp(0.0, 1.0)
        tones = self.tones[palette]
        # Each tone is a tent over luma; the tents sum to one.
        tent = sum(tones[:, k] * (1 - (flat * 3 - k).abs()).clamp(min=0) for k in range(4))
        colour = colour + self.mixed[palette] * (tent - colour)
        return colour + ink * self.strength[palette] * (self.ink[palette] - colour)


def level(photo: Tensor) -> Tensor:
    """[N, 3, H, W]: a dark photo made brighter, so that a night has colours too; others stay as they are."""
    mean = average(photo)
    spread = average((photo - mean).square()).sqrt()
    # Nearly nothing in the photo is brighter than this: it becomes white, within reason.
    white = (mean + 2.5 * spread).clamp(0.35, 1.0)
    middle = (mean / white).clamp(0.02, 0.45)
    power = (torch.log(torch.full_like(middle, 0.45)) / torch.log(middle)).clamp(0.6, 1.0)
    return (photo / white).clamp(1e-4, 1.0) ** power


def average(picture: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, 1, 1, 1], an axis at a time: a runtime that adds half a million numbers up one by one is off
    in the fourth digit, and the steps of luma make that plain."""
    return picture.mean(3, keepdim=True).mean(2, keepdim=True).mean(1, keepdim=True)
