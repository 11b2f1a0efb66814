"""Trains a small convolutional net on the pictures: from scratch, or on from the champion's weights."""

import copy
import math
from itertools import chain, count, islice, pairwise

import torch
from torch import nn
from torch.nn import functional as F

BATCH = 32
EPOCHS = 16  # from scratch: five minutes on one core
FINE_TUNE_STEPS = 400  # on from a champion: enough to learn 200 new photos, short enough not to forget the old ones
OF_THE_NEW = 0.9  # of the way from the champion's weights to the new ones: keeps what the champion knew


class TeaNet(nn.Module):
    """128 x 128 RGB in 0..1, float32 [N, 3, 128, 128] -> logits [N, 2]; 172,082 weights."""

    def __init__(self, labels: int = 2) -> None:
        super().__init__()
        widths = (3, 16, 32, 48, 96, 128)
        self.blocks = nn.Sequential(*(block(a, b) for a, b in pairwise(widths)))
        self.head = nn.Linear(2 * widths[-1], labels)

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        maps = self.blocks(photos * 4 - 2)
        # The mean says what the whole picture is like, the maximum whether a leaf lies anywhere.
        return self.head(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1))


def block(inputs: int, outputs: int) -> nn.Sequential:
    """Convolution, batch norm, ReLU, half the size."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)
    )


def vary(photos: torch.Tensor, light: float, tint: float) -> torch.Tensor:
    """Mirror, turn, scale and light the photos anew: tea stays tea. `light` and `tint`: standard deviations of the
    logarithm of the whole and of each colour."""
    side = int(torch.randint(6, 9, ())) * 16  # 96, 112 or 128: the net takes any size
    if side != photos.shape[-1]:
        photos = F.interpolate(photos, size=(side, side), mode="bilinear", antialias=side < photos.shape[-1])
    if torch.rand(()) < 0.5:
        photos = photos.flip(3)
    if torch.rand(()) < 0.5:
        photos = photos.flip(2)
    if torch.rand(()) < 0.5:
        photos = photos.transpose(2, 3)
    brighter, tinted = torch.randn(len(photos), 1, 1, 1), torch.randn(len(photos), 3, 1, 1)
    gain = torch.exp(light * brighter + tint * tinted)
    return (photos * gain).clamp(0, 1)


def batches(data, steps: int):
    """Exactly `steps` batches, going through the rows as often as that takes."""
    if not len(data.rows):
        raise ValueError("There are no pictures to train on.")
    rounds = (data.batches(BATCH) for _ in count())
    yield from islice(chain.from_iterable(rounds), steps)


def train(data, run) -> nn.Module:
    """A net that knows green tea from oolong."""
    torch.manual_seed(run.seed)
    net, champion = TeaNet(), None
    if run.previous:
        net.load_state_dict({name: torch.as_tensor(value) for name, value in run.previous.items()})
        champion = copy.deepcopy(net)
        steps, rate, light, tint = FINE_TUNE_STEPS, 2e-3, 0.12, 0.08  # visitors bring their own light
    else:
        steps, rate, light, tint = EPOCHS * math.ceil(len(data.train.rows) / BATCH), 3e-3, 0.15, 0.15
    net = net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    rounds = max(1, steps // 60)
    stream = batches(data.train, steps)
    for number in run.epochs(rounds):
        net.train()
        losses = []
        for photos, labels in islice(stream, steps * (number + 1) // rounds - steps * number // rounds):
            photos, labels = torch.as_tensor(photos), torch.as_tensor(labels)
            logits = net(vary(photos, light, tint).contiguous(memory_format=torch.channels_last))
            loss = F.cross_entropy(logits, labels, label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        run.log(loss=sum(losses) / len(losses), **accuracy(net, data.validation))
    return net if champion is None else between(champion, net, OF_THE_NEW)


def between(old: nn.Module, new: nn.Module, share: float) -> nn.Module:
    """The net with weights `share` of the way from old to new: a fine-tuned net that forgets less (Wortsman et al.,
    Robust fine-tuning of zero-shot models, 2022)."""
    was = old.state_dict()
    new.load_state_dict({name: torch.lerp(was[name], value, share) if value.is_floating_point() else value
                         for name, value in new.state_dict().items()})  # fmt: skip
    return new


@torch.no_grad()
def accuracy(net: nn.Module, data) -> dict[str, float]:
    """The share of the validation photos that the net names rightly; nothing without any."""
    net.eval()
    right = [net(torch.as_tensor(photos)).argmax(1) == torch.as_tensor(labels) for photos, labels in data.batches(128)]
    return {"accuracy": torch.cat(right).float().mean().item()} if right else {}
