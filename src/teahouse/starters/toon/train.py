"""Trains a small net to draw as the slow teacher does: from scratch, or on from the champion's weights."""

from dataclasses import dataclass
from itertools import chain, count, islice

import finish
import teacher
import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDE, DEEP = 32, 48  # channels at half the size and at a quarter
MARGIN = 4  # pixels repeated around the photo, so that its border is drawn like the rest
SIDE, CROP, EDGE, BATCH = 256, 96, 6, 6  # a lesson's most pixels a side; a crop's; those not counted at its edge
FRESH = 4  # photos that the teacher draws anew for each round


@dataclass(frozen=True)
class Pace:
    """How long to train: photos drawn by the teacher at first, rounds, steps in each, the highest learning rate."""

    lessons: int
    rounds: int
    steps: int
    rate: float


SCRATCH = Pace(60, 20, 90, 3e-3)
ON = Pace(32, 5, 60, 6e-4)  # on from a champion: short, so that it learns new photos and keeps what it knows


class ToonNet(nn.Module):
    """Photo [N, 3, H, W] of 0..1 and palette int64 [N] -> cartoon of the same size, 0..1.

    It predicts flat colours and ink; the finish, which the teacher shares, is fixed. Any H and W from 1 on."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, WIDE, 4, 2, 1)
        self.second = nn.Conv2d(WIDE, DEEP, 4, 2, 1)
        self.deep = nn.Sequential(*(Block(DEEP, dilation) for dilation in (1, 2, 4, 2, 1)))
        self.up = nn.Conv2d(DEEP, WIDE * 4, 1)
        self.fine = Block(WIDE, 1)
        self.last = nn.Conv2d(WIDE, 16, 3, padding=1)
        self.finish = finish.Finish()
        nn.init.normal_(self.last.weight, std=0.01)
        nn.init.zeros_(self.last.bias)

    def forward(self, photo: Tensor, palette: Tensor | None = None) -> Tensor:
        """See the class; without a palette it draws a comic."""
        if palette is None:
            palette = torch.zeros_like(photo[:, 0, 0, 0], dtype=torch.int64)
        smooth, ink = self.draw(finish.level(photo))
        return self.finish(smooth.clamp(0.0, 1.0), torch.sigmoid(ink), palette).clamp(0.0, 1.0)

    def draw(self, photo: Tensor) -> tuple[Tensor, Tensor]:
        """Flat colours [N, 3, H, W] and ink as logits [N, 1, H, W]. The photo is levelled already."""
        height, width = photo.shape[2:]
        # The border is repeated until both sides are multiples of 4, in the graph: every size is welcome.
        wide = longer(longer(photo, 2), 3)
        half = F.relu(self.first(wide * 2 - 1))
        deep = self.deep(F.relu(self.second(half)))
        found = self.last(self.fine(half + F.pixel_shuffle(self.up(deep), 2)))
        found = F.pixel_shuffle(found, 2)[:, :, MARGIN : MARGIN + height, MARGIN : MARGIN + width]
        return photo + found[:, :3], 4 * found[:, 3:] - 2  # most paper has no ink: begin there


def longer(picture: Tensor, axis: int) -> Tensor:
    """[N, 3, H, W]: the first line along an axis MARGIN times more, the last so often that the sum divides by 4."""
    size = picture.shape[axis]
    after = MARGIN + (-size) % 4
    first, last = picture.narrow(axis, 0, 1), picture.narrow(axis, size - 1, 1)
    before_shape, after_shape = ([count if k == axis else -1 for k in range(4)] for count in (MARGIN, after))
    return torch.cat([first.expand(before_shape), picture, last.expand(after_shape)], axis)


class Block(nn.Module):
    """Two convolutions beside a straight way. Their sum starts small: no norm is needed."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)
        self.two = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)
        nn.init.kaiming_normal_(self.one.weight)
        nn.init.kaiming_normal_(self.two.weight)
        with torch.no_grad():
            self.two.weight.mul_(0.3)

    def forward(self, maps: Tensor) -> Tensor:
        """[N, C, h, w] to the same."""
        return maps + self.two(F.relu(self.one(maps)))


def lessons(data):
    """Without end: (photo, flat colours, ink) of a part of one photo, [3 + 3 + 1, h, w], as the teacher draws it.

    One photo a batch, for they differ in size; visitors' photos come as often as the maker's."""
    if not len(data):
        raise ValueError("There are no photos to train on. See photos.py for where they come from.")
    for batch, _ in chain.from_iterable(data.batches(1) for _ in count()):
        photo = vary(finish.level(torch.as_tensor(batch["photo"])))[0]
        smooth, ink = teacher.smooth_and_ink(photo)
        yield torch.cat([photo, smooth, ink])


def vary(photo: Tensor) -> Tensor:
    """[1, 3, H, W]: smaller by up to a half, a part of at most SIDE pixels a side, in another light, with grain."""
    least = CROP / min(photo.shape[2:])
    scale = max(least, float(torch.empty(()).uniform_(0.5, 1.0)))
    if scale < 0.95 or scale > 1:
        size = [max(CROP, round(side * scale)) for side in photo.shape[2:]]
        photo = F.interpolate(photo, size=size, mode="bilinear", antialias=True)
    photo = part(photo, SIDE)
    gain = torch.exp(0.15 * torch.randn(1, 1, 1, 1) + 0.08 * torch.randn(1, 3, 1, 1))
    power = torch.exp(0.2 * torch.randn(()))
    grain = 0.02 * torch.rand(()) ** 2 * torch.randn(photo.shape)
    return (gain * photo.clamp(0, 1) ** power + grain).clamp(0, 1)


def part(picture: Tensor, side: int) -> Tensor:
    """[..., H, W]: a part of at most `side` pixels a side, anywhere."""
    height, width = picture.shape[-2:]
    y = int(torch.randint(0, max(1, height - side + 1), ()))
    x = int(torch.randint(0, max(1, width - side + 1), ()))
    return picture[..., y : y + side, x : x + side]


def crop(lesson: Tensor) -> Tensor:
    """[7, CROP, CROP] of a lesson, mirrored and turned: the teacher has no up or down."""
    lesson = part(lesson, CROP)
    if torch.rand(()) < 0.5:
        lesson = lesson.flip(2)
    return torch.rot90(lesson, int(torch.randint(0, 4, ())), (1, 2))


def apart(net: ToonNet, batch: Tensor) -> Tensor:
    """How far the net is from the teacher on [N, 7, CROP, CROP]: in colours, in their slopes, in ink, when finished."""
    photo, *truth = batch.split([3, 3, 1], 1)
    inner = slice(EDGE, -EDGE)  # at a crop's edge the net can not see what the teacher saw
    drawn, logits = net.draw(photo)
    logits, ink = logits[:, :, inner, inner], truth[1][:, :, inner, inner]
    smooth, wanted = drawn[:, :, inner, inner], truth[0][:, :, inner, inner]
    wrong = smooth - wanted
    slopes = wrong.diff(dim=2).abs().mean() + wrong.diff(dim=3).abs().mean()
    inked = (torch.sigmoid(logits) - ink).abs().mean() + 0.2 * F.binary_cross_entropy_with_logits(logits, ink)
    palette = torch.randint(0, len(finish.PALETTES), (len(batch),))
    finished = net.finish(smooth, torch.sigmoid(logits), palette) - net.finish(wanted, ink, palette)
    return 3 * wrong.abs().mean() + 1.5 * slopes + inked + finished.abs().mean()


def train(data, run, pace: Pace | None = None) -> nn.Module:
    """A net that draws cartoons. A longer pace makes it a little better."""
    torch.manual_seed(run.seed)
    net, pace = ToonNet(), pace or (ON if run.previous else SCRATCH)
    if run.previous:
        net.load_state_dict({name: torch.as_tensor(value) for name, value in run.previous.items()})
    net.train()
    optimizer = torch.optim.Adam(net.parameters(), lr=pace.rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, pace.rate, total_steps=pace.rounds * pace.steps, pct_start=0.15
    )
    # The mean of the last steps' weights draws calmer lines than the last step's.
    mean = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99))
    stream = lessons(data.train)
    known = list(islice(stream, pace.lessons - FRESH))
    for number in run.epochs(pace.rounds):
        known.extend(islice(stream, FRESH))
        losses = []
        for _ in range(pace.steps):
            chosen = torch.randint(0, len(known), (BATCH,))
            loss = apart(net, torch.stack([crop(known[index]) for index in chosen]))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            mean.update_parameters(net)
            losses.append(loss.item())
        run.log(loss=sum(losses) / len(losses))
        show(mean.module, known[number % len(known)], run)
    return mean.module


@torch.no_grad()
def show(net: ToonNet, lesson: Tensor, run) -> None:
    """A picture for the run's page: photo, teacher, net, side by side."""
    photo, smooth, ink = lesson[None].split([3, 3, 1], 1)
    palette = torch.zeros(1, dtype=torch.int64)
    drawn, logits = net.draw(photo)
    mine = net.finish(drawn.clamp(0, 1), torch.sigmoid(logits), palette)
    run.picture("photo, teacher, net", torch.cat([photo, net.finish(smooth, ink, palette), mine], 3)[0].clamp(0, 1))
