"""Trains the net: no pretrained weights, only photos and the style pictures that paint/ makes.

What is asked of a painting, for each style: a critic that sees small patches can not tell it from the style picture
(Li and Wand 2016; hinge loss: Lim and Ye 2017; spectral norm: Miyato et al. 2018); light and dark are where the photo
has them, in the style's own range; colours are the style's at that lightness, or the photo's where the style keeps
them; strokes run along the photo's contours, not across.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from net import LUMA, StyleNet
from paint import picture
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm
from vgg import Vgg, VggLosses, beside

CROP = 96  # side of what is painted in training, in pixels
STEPS = 1000  # from scratch, one crop for each style a step: six minutes on one free core
FINE_TUNE_STEPS = 240  # on from a champion: a minute and a half
POOL = 200  # photos kept in memory, from which crops are cut
WARM = 0.08  # of the steps: colours and light first; then the critics are heard, fully after as many again
REMEMBERED = 100  # paintings of each style kept for its critics
ROUNDS = 60  # how often a training reports


@dataclass(frozen=True)
class Wish:
    """What one style asks for. `light`: how firmly light and dark follow the photo; `rank`: 1 spreads the photo's
    tones over all of the style's, 0 keeps their distances; `keep`: share of the photo's own colours, made `vivid`
    times as strong; `flow`: how firmly strokes follow contours; `critic`: weight of the critics."""

    light: float = 0.6
    rank: float = 0.5
    colour: float = 0.25
    keep: float = 0.0
    vivid: float = 1.0
    flow: float = 1.5
    critic: float = 0.3


WISHES = {
    "night": Wish(flow=2.0),
    "woodblock": Wish(light=1.0, flow=1.5),
    "garden": Wish(light=0.6, rank=0.25, colour=0.7, keep=0.85, vivid=1.4, flow=1.0, critic=0.45),
    "watercolour": Wish(light=0.7, rank=0.25, colour=0.5, keep=0.8, vivid=1.2, flow=0.6, critic=0.4),
}


VGG_STYLE, VGG_CONTENT = 1.0, 1.2  # where the maker has VGG's weights


def train(data, run) -> nn.Module:
    """The net for all styles: from scratch, or on from the champion with the visitors' photos among the contents."""
    torch.manual_seed(run.seed)
    names = list(WISHES)
    net, steps, rate = StyleNet(len(names)), STEPS, 5e-4
    if run.previous:
        net.load_state_dict({name: torch.as_tensor(value) for name, value in run.previous.items()})
        steps, rate = FINE_TUNE_STEPS, 2e-4
    photos = pool(data)
    lesson = Lesson(net, [Look(picture(name), WISHES[name]) for name in names], steps, rate)
    rounds = min(ROUNDS, steps)
    for number in run.epochs(rounds):
        for _ in range(steps * number // rounds, steps * (number + 1) // rounds):
            run.log(**lesson.step(crops(photos, len(names))))
        if number % 10 == 9:
            run.picture(f"after {lesson.done} steps", sheet(lesson.average, photos[0], len(names)))
    return lesson.average


def photos_of(batch) -> torch.Tensor:
    """The photos of a batch, float32 [n, 3, H, W]: one of several inputs by name."""
    return torch.as_tensor(batch["photo"])


def pool(data) -> list[torch.Tensor]:
    """Up to POOL photos, uint8 [3, H, W], in random order."""
    kept: list[torch.Tensor] = []
    for batch, _ in data.train.batches(1):  # they differ in size
        kept += [(photo * 255).round().to(torch.uint8) for photo in photos_of(batch)]
        if len(kept) >= POOL:
            break
    if not kept:
        raise ValueError("There are no photos to train on.")
    return kept


def crops(photos: list[torch.Tensor], count: int, side: int = CROP) -> torch.Tensor:
    """[count, 3, side, side] in 0..1: random photos, from near and from afar, mirrored, differently lit."""
    made = []
    for _ in range(count):
        photo = photos[int(torch.randint(len(photos), ()))]
        short = min(photo.shape[1:])
        # The photo's shorter side becomes 1.1 to 4.5 crops long.
        wide = max(side, min(short, round(short * side / (side * 1.1 * 4.1 ** float(torch.rand(()))))))
        wide = min(wide, short)
        top = int(torch.randint(photo.shape[1] - wide + 1, ()))
        left = int(torch.randint(photo.shape[2] - wide + 1, ()))
        crop = photo[None, :, top : top + wide, left : left + wide].float() / 255
        crop = F.interpolate(crop, size=(side, side), mode="bilinear", antialias=wide > side, align_corners=False)
        if torch.rand(()) < 0.5:
            crop = crop.flip(3)
        gain = torch.exp(0.15 * torch.randn(1, 1, 1, 1) + 0.06 * torch.randn(1, 3, 1, 1))
        made.append(crop * gain)
    return torch.cat(made).clamp(0, 1)


class Look:
    """A style picture and what is read off it: `tones` [256], its lightness from darkest to lightest, and `palette`
    [256, 3], its mean colour less lightness, at each lightness."""

    def __init__(self, art: np.ndarray, wish: Wish) -> None:
        self.wish = wish
        self.art = torch.from_numpy(art).permute(2, 0, 1)[None].contiguous()
        light = luma(self.art)[0, 0].flatten()
        self.tones = torch.quantile(F.avg_pool2d(luma(self.art), 4).flatten(), torch.linspace(0.01, 0.99, 256))
        pixels = (self.art - luma(self.art))[0].flatten(1).T
        near = torch.exp(-(((torch.linspace(0, 1, 256)[:, None] - light[None, ::7]) / 0.04) ** 2))
        self.palette = (near @ pixels[::7]) / (near.sum(1, keepdim=True) + 1e-3)

    def real(self, side: int = CROP) -> torch.Tensor:
        """A random patch of the picture, [1, 3, side, side], turned and mirrored."""
        top, left = (int(torch.randint(length - side + 1, ())) for length in self.art.shape[2:])
        patch = self.art[:, :, top : top + side, left : left + side]
        patch = torch.rot90(patch, int(torch.randint(4, ())), (2, 3))
        return patch.flip(3) if torch.rand(()) < 0.5 else patch

    def wanted(self, photo: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(lightness [1, 1, H, W], colour less lightness [1, 3, H, W]) that this style would give a photo."""
        light = luma(photo)
        rank = light.flatten().argsort().argsort().view_as(light) / light.numel()
        even = self.tones[8] + (self.tones[-8] - self.tones[8]) * light
        light = self.wish.rank * at(self.tones, rank) + (1 - self.wish.rank) * even
        own = at(self.palette, light)[0, 0].permute(2, 0, 1)[None]
        return light, torch.lerp(own, self.wish.vivid * (photo - luma(photo)), self.wish.keep)


def luma(image: torch.Tensor) -> torch.Tensor:
    """[N, 3, H, W] -> lightness [N, 1, H, W]."""
    return (image * torch.tensor(LUMA)[None, :, None, None]).sum(1, keepdim=True)


def at(table: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Rows of a table of 256 at 0..1."""
    return table[(value * 255).round().long().clamp(0, 255)]


class Critic(nn.Module):
    """Judges each patch of a picture: is it from the style picture? Two of them, for fine and for coarse texture."""

    def __init__(self, keep: float) -> None:
        super().__init__()
        self.fine, self.coarse, self.keep = patches(), patches(), keep

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """[N, 3, H, W] -> two maps of scores, high for real."""
        colour = image - luma(image)
        # Where the photo's own colours are kept, only how they vary from touch to touch is the critic's business.
        image = image - self.keep * F.avg_pool2d(colour, 17, 1, 8, count_include_pad=False)
        # Cut anew each time: else the net learns to please the places that the strides fall on.
        top, left = (int(torch.randint(4, ())) for _ in range(2))
        image = image[:, :, top : top + CROP - 4, left : left + CROP - 4]
        return [self.fine(image * 4 - 2), self.coarse(F.avg_pool2d(image, 2) * 4 - 2)]


def patches(width: int = 24) -> nn.Sequential:
    """A score for each patch of about 22 pixels; no padding, whose zeros would give the border away."""
    layers = [nn.Conv2d(3, width, 4, 2), nn.Conv2d(width, 2 * width, 4, 2), nn.Conv2d(2 * width, 2 * width, 3)]
    made: list[nn.Module] = []
    for layer in layers:
        made += [spectral_norm(layer), nn.LeakyReLU(0.2)]
    return nn.Sequential(*made, nn.Conv2d(2 * width, 1, 1))


class Lesson:
    """Net against critics, a step at a time; `average` is its mean over the last steps, calmer than it."""

    def __init__(self, net: StyleNet, looks: list[Look], steps: int, rate: float) -> None:
        net = net.to(memory_format=torch.channels_last)  # a fifth faster on a CPU
        self.net, self.looks, self.steps, self.done = net, looks, steps, 0
        self.critics = nn.ModuleList(Critic(look.wish.keep) for look in looks).to(memory_format=torch.channels_last)
        self.learn = torch.optim.Adam(net.parameters(), rate, betas=(0.5, 0.99))
        self.judge = torch.optim.Adam(self.critics.parameters(), 3e-3, betas=(0.5, 0.99))
        self.rate = rate
        self.past: list[list[torch.Tensor]] = [[] for _ in looks]
        self.fresh = not net.tint.any()
        if self.fresh:  # begin near the wish (a sigmoid's slope is 1/4)
            net.tint.data = torch.tensor([4 * look.wish.keep * look.wish.vivid for look in looks])
        self.average = copy.deepcopy(net)
        file = beside(Path(__file__).parent)
        self.vgg = VggLosses(Vgg.read(file), [look.art for look in looks]) if file else None

    def step(self, photos: torch.Tensor) -> dict[str, float]:
        """One step on [styles, 3, H, W] photos, one for each style; the losses by name."""
        done = self.done / self.steps
        # A trained net waits until its critics, who begin anew each time, know the style pictures.
        begin = self.done / 50 + 0.02 if self.fresh else max(0.0, 4 * done - 1)
        for group in self.learn.param_groups:
            group["lr"] = self.rate * min(1, begin, 2.5 * (1 - done) + 0.05)
        photos = photos.contiguous(memory_format=torch.channels_last)
        painted = self.net.paint(photos, torch.arange(len(photos)))
        shown = painted.detach()
        false = torch.zeros(())
        if not self.vgg:
            false = sum(self.dispute(number, shown[number : number + 1]) for number in range(len(self.looks)))
            self.judge.zero_grad()
            false.backward()
            self.judge.step()
        self.critics.requires_grad_(False)
        say = max(0.0, min(1.0, done / WARM - 1)) if self.fresh else 1.0
        parts = self.asked(photos, painted, say)
        self.critics.requires_grad_(True)
        self.learn.zero_grad()
        sum(parts.values()).backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.learn.step()
        self.done += 1
        self.remember()
        said = {name: float(part.detach()) for name, part in parts.items()}
        return {"critics": float(false.detach()) / len(photos)} | said

    def dispute(self, number: int, shown: torch.Tensor) -> torch.Tensor:
        """How far the critics of a style are from telling real from painted; old paintings are shown again, or net and
        critics would chase each other in a circle (Shrivastava et al. 2017)."""
        past = self.past[number]
        older = past[int(torch.randint(len(past), ()))] if past else shown
        self.past[number] = [*past[-REMEMBERED:], shown]
        real = [self.looks[number].real() for _ in range(2)]
        both = torch.cat([*real, shown, older]).contiguous(memory_format=torch.channels_last)
        both = self.critics[number](both)
        return sum(F.relu(1 - scores[:2]).mean() + F.relu(1 + scores[2:]).mean() for scores in both)

    def asked(self, photos: torch.Tensor, painted: torch.Tensor, say: float) -> dict[str, torch.Tensor]:
        """The net's losses, each summed over styles with their weights; `say` 0..1 is what the critics have."""
        parts = {"light": 0.0, "colour": 0.0, "flow": 0.0, "critic": 0.0}
        along = self.net.grain.flow(photos)
        for number, look in enumerate(self.looks):
            photo, made, wish = photos[number : number + 1], painted[number : number + 1], look.wish
            light, colour = look.wanted(photo)
            if self.vgg:
                style, content = self.vgg(number, photo, made)
                parts["critic"] += VGG_STYLE * style + VGG_CONTENT * content
                continue
            parts["light"] += wish.light * unlike(luma(made), light)
            parts["colour"] += wish.colour * F.l1_loss(F.avg_pool2d(made - luma(made), 8), F.avg_pool2d(colour, 8)) * 3
            parts["flow"] += wish.flow * say * astray(made, along[number : number + 1])
            if say > 0:
                scores = self.critics[number](made)
                parts["critic"] -= wish.critic * say * sum(each.mean() for each in scores)
        return {name: part for name, part in parts.items() if torch.is_tensor(part)}

    @torch.no_grad()
    def remember(self) -> None:
        """Mix the net into the average, which looks back over a fifth of the steps so far."""
        weight = min(1.0, 5 / (self.done + 1))
        for mean, value in zip(self.average.parameters(), self.net.parameters(), strict=True):
            mean.lerp_(value, weight)


def unlike(made: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """How far two lightnesses [N, 1, H, W] differ, seen from a step back: in mean, and in the edges."""
    loss = 0.0
    for size, weight in ((8, 1.0), (4, 1.0), (2, 0.5)):
        a, b = F.avg_pool2d(made, size), F.avg_pool2d(wanted, size)
        loss = loss + 0.5 * weight * F.l1_loss(a, b)
        loss = loss + weight * (F.l1_loss(a.diff(dim=2), b.diff(dim=2)) + F.l1_loss(a.diff(dim=3), b.diff(dim=3)))
    return loss


def astray(made: torch.Tensor, along: torch.Tensor) -> torch.Tensor:
    """Share of the painting's changes of lightness that lie along the photo's contours, 0..1: long strokes that
    follow them change across, hardly along. `along` is Grain.flow of the photo."""
    light = F.avg_pool2d(luma(made), 2, 1)
    right, down = light.diff(dim=3)[:, :, :-1], light.diff(dim=2)[:, :, :, :-1]
    along = F.interpolate(along, size=right.shape[2:], mode="nearest")
    # (right, down) projected on the direction whose doubled angle `along` holds, squared.
    whole = right * right + down * down
    part = 0.5 * (whole + along[:, :1] * (right * right - down * down) + along[:, 1:] * 2 * right * down)
    return (F.avg_pool2d(part, 16) / (F.avg_pool2d(whole, 16) + 1e-5)).mean()


@torch.no_grad()
def sheet(net: StyleNet, photo: torch.Tensor, count: int) -> torch.Tensor:
    """The photo and its paintings side by side: [3, H, (1 + count) * W]."""
    photo = photo[None].float() / 255
    made = [net(photo, torch.tensor([number]), torch.ones(1)) for number in range(count)]
    return torch.cat([photo, *made], 3)[0]
