"""The net: a photo, the number of a style and a strength in; a painting of the same size out."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

CELL = 4  # the net's body sees one cell for 4 x 4 pixels
MARGIN = 8  # pixels mirrored round the photo, so that its border is painted like its middle
LUMA = (0.299, 0.587, 0.114)
COUNT = 4  # styles


class StyleNet(nn.Module):
    """One net for all styles: each has its own scale and shift after every convolution (conditional instance norm:
    Dumoulin, Shlens and Kudlur 2017) and its own last convolution; the convolutions between are shared."""

    def __init__(self, styles: int = COUNT, width: int = 48) -> None:
        super().__init__()
        self.grain = Grain()
        self.first = nn.Conv2d(12, 32, 3, padding=1)
        self.down = nn.Conv2d(32, width, 3, stride=2, padding=1)
        self.join = nn.Conv2d(width + Grain.CHANNELS, width, 1)
        self.joined = Manner(styles, width, norm=False)
        self.blocks = nn.ModuleList(Block(styles, width) for _ in range(5))
        self.middle = nn.Conv2d(width, 32, 3, padding=1)
        self.middle_manner = Manner(styles, 32, norm=False)
        self.fine = nn.Conv2d(32, 16, 3, padding=1)
        self.fine_manner = Manner(styles, 16, norm=False)
        self.last = nn.Conv2d(16, 3 * styles, 3, padding=1)
        self.tint = nn.Parameter(torch.zeros(styles))
        self.register_buffer("own", torch.eye(styles))

    def forward(self, photo: torch.Tensor, style: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
        """photo float32 [N, 3, H, W] in 0..1, any H and W; style int64 [N]; strength float32 [N] in 0..1
        -> float32 [N, 3, H, W] in 0..1."""
        height, width = photo.shape[2], photo.shape[3]
        framed = photo.index_select(2, mirrored(height, photo)).index_select(3, mirrored(width, photo))
        painted = self.paint(framed, style)[:, :, MARGIN : MARGIN + height, MARGIN : MARGIN + width]
        return blend(photo, painted, strength)

    def paint(self, photo: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """The whole painting, for H and W that are multiples of 4: [N, 3, H, W] in 0..1."""
        x = F.relu(self.first(F.pixel_unshuffle(photo * 2 - 1, 2)))
        x = F.relu(self.down(x))
        x = F.relu(self.joined(self.join(torch.cat([x, self.grain(photo)], 1)), style))
        for block in self.blocks:
            x = block(x, style)
        # Nearest neighbours, then a convolution: a transposed convolution would leave a grid.
        x = F.relu(self.middle_manner(self.middle(F.interpolate(x, scale_factor=2.0)), style))
        x = F.relu(self.fine_manner(self.fine(F.interpolate(x, scale_factor=2.0)), style))
        all_styles = self.last(x).unflatten(1, (-1, 3))
        own = self.own.index_select(0, style)[:, :, None, None, None]
        # Some styles keep the photo's colours: they go straight to the end, blurred, past all that norms wash out.
        colour = F.avg_pool2d(photo - (photo * self.grain.luma).sum(1, keepdim=True), CELL)
        colour = F.interpolate(colour, scale_factor=float(CELL), mode="bilinear")
        return torch.sigmoid((all_styles * own).sum(1) + colour * self.tint.index_select(0, style)[:, None, None, None])


class Manner(nn.Module):
    """The style's own scale and shift of each channel, after instance norm where `norm`: [N, C, h, w] -> the same."""

    def __init__(self, styles: int, channels: int, norm: bool = True) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(styles, channels))
        self.shift = nn.Parameter(torch.zeros(styles, channels))
        self.norm = norm

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        if self.norm:
            x = x - x.mean((2, 3), keepdim=True)
            x = x * torch.rsqrt((x * x).mean((2, 3), keepdim=True) + 1e-4)
        scale, shift = self.scale.index_select(0, style), self.shift.index_select(0, style)
        return x * scale[:, :, None, None] + shift[:, :, None, None]


class Block(nn.Module):
    """Residual block: two convolutions, each in the style's manner."""

    def __init__(self, styles: int, width: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.one_manner = Manner(styles, width)
        self.two = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.two_manner = Manner(styles, width, norm=False)
        nn.init.constant_(self.two_manner.scale, 0.3)  # gentle at first: five of them add up

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.one_manner(self.one(x), style))
        return x + self.two_manner(self.two(y), style)


class Grain(nn.Module):
    """What a brush goes by, worked out from the photo without any learning: random grain, streaks of it along the
    photo's contours, and the direction of those contours."""

    CHANNELS = 7
    ANGLES = 8

    def __init__(self, seed: int = 7) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        for name, side in (("tile_a", 37), ("tile_b", 41)):
            self.register_buffer(name, torch.randint(0, 256, (4, side, side), generator=random) / 256)
        drift = torch.fft.rfft2(torch.randn(2, 64, 64, generator=random))
        wave = torch.fft.fftfreq(64)[:, None] ** 2 + torch.fft.rfftfreq(64)[None] ** 2
        drift = torch.fft.irfft2(drift * torch.exp(-2 * (math.pi * 5) ** 2 * wave))
        self.register_buffer("drift", drift / drift.std())
        self.register_buffer("streaks", streak_kernels(self.ANGLES))
        turn = torch.arange(self.ANGLES) * 2 * math.pi / self.ANGLES
        self.register_buffer("turns", torch.stack([turn.cos(), turn.sin()])[:, :, None, None])
        self.register_buffer("luma", torch.tensor(LUMA)[None, :, None, None])

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        """[N, 3, H, W] -> [N, 7, H/4, W/4]."""
        along = self.flow(photo)
        noise = self.noise(along)
        streaks = F.conv2d(F.pad(noise[:, :2].transpose(0, 1), (4, 4, 4, 4)), self.streaks)
        pick = (along[:, :, None] * self.turns[None]).sum(1).relu() ** 3
        pick = pick / (pick * pick).sum(1, keepdim=True).sqrt()
        streaks = (streaks[:, None] * pick[None]).sum(2).transpose(0, 1)
        soft = F.avg_pool2d(noise[:, 2:3], 3, 1, 1) * 3
        rest = torch.cat([noise[:, 3:], noise[:, 2:3], soft], 1).expand(photo.shape[0], -1, -1, -1)
        return torch.cat([streaks, rest, along], 1)

    def flow(self, photo: torch.Tensor) -> torch.Tensor:
        """Direction along the contours, [N, 2, H/4, W/4]: cosine and sine of twice the angle (smoothed structure
        tensor: Brox et al. 2006). Where the photo is flat a slow drift of our own takes over."""
        light = F.avg_pool2d((photo * self.luma).sum(1, keepdim=True), CELL)
        light = F.pad(light, (1, 1, 1, 1), mode="replicate")
        right = light[:, :, 1:-1, 2:] - light[:, :, 1:-1, :-2]
        down = light[:, :, 2:, 1:-1] - light[:, :, :-2, 1:-1]
        tensor = torch.cat([down * down - right * right, -2 * right * down], 1)
        for _ in range(2):
            tensor = F.avg_pool2d(tensor, 5, 1, 2)
        # Times ten thousand: the exporter takes a number as small as 1e-12 for nothing, and leaves it out.
        tensor = 1e4 * tensor + 1.5 * self.tiled(self.drift, tensor)
        return tensor * torch.rsqrt((tensor * tensor).sum(1, keepdim=True) + 1e-4)

    def noise(self, like: torch.Tensor) -> torch.Tensor:
        """[1, 4, h, w], even, mean 0, deviation 1. Two small tiles of different size added, only the fraction kept:
        it repeats after 37 x 41 cells, and is the same to the last bit wherever the graph runs."""
        total = self.tiled(self.tile_a, like) + self.tiled(self.tile_b, like)
        return (total - total.floor() - 0.5) * math.sqrt(12)

    @staticmethod
    def tiled(tile: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        rows = torch.arange(like.shape[2], device=like.device) % tile.shape[1]
        columns = torch.arange(like.shape[3], device=like.device) % tile.shape[2]
        return tile.index_select(1, rows).index_select(2, columns)[None]


def streak_kernels(angles: int) -> torch.Tensor:
    """[angles, 1, 9, 9]: long thin Gaussians, each turned by pi / angles more; noise through one keeps deviation 1."""
    y, x = torch.meshgrid(torch.arange(-4.0, 5), torch.arange(-4.0, 5), indexing="ij")
    made = []
    for number in range(angles):
        turn = math.pi * number / angles
        along, across = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
        kernel = torch.exp(-((along / 2.8) ** 2) / 2 - (across / 0.55) ** 2 / 2)
        made.append(kernel / kernel.square().sum().sqrt())
    return torch.stack(made)[:, None]


def mirrored(length: int, like: torch.Tensor) -> torch.Tensor:
    """Which row (or column) of the photo stands where in the framed one, whose length is a multiple of 4."""
    framed = (length + 2 * MARGIN + CELL - 1) // CELL * CELL
    index = (torch.arange(framed, device=like.device) - MARGIN).abs()
    return (length - 1 - (length - 1 - index).abs()).clamp(min=0)


def blend(photo: torch.Tensor, painted: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """From photo (0) to painting (1). The brushwork comes before the colours: half-way the photo is painted already,
    but still in mostly its own colours, which looks better than two pictures shining through each other."""
    amount = strength.clamp(0, 1)[:, None, None, None]
    luma = torch.tensor(LUMA, device=photo.device)[None, :, None, None]
    light, new_light = (photo * luma).sum(1, keepdim=True), (painted * luma).sum(1, keepdim=True)
    mixed = light + (new_light - light) * amount * (2 - amount)
    colour = (photo - light) + (painted - new_light - photo + light) * amount
    return (mixed + colour).clamp(0, 1)
