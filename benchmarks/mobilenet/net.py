"""MobileNet v1 (Howard et al., 2017) of 4.2 million parameters.

The first training is short: what is measured is how fast it answers. A retrain goes on for as long as it is let.
"""

import torch
from torch import nn

WIDTHS = ((32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1),
          (512, 512, 1), (512, 512, 1), (512, 512, 1), (512, 512, 1), (512, 1024, 2), (1024, 1024, 1))  # fmt: skip
FIRST, AGAIN = 4, 1000  # epochs


def layer(taken, given, side, stride, groups=1):
    """A convolution with its BatchNorm and ReLU."""
    convolution = nn.Conv2d(taken, given, side, stride, side // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(given), nn.ReLU())


class MobileNet(nn.Module):
    """float32 [N, 3, 224, 224] to logits [N, labels]: 13 depthwise-separable blocks."""

    def __init__(self, labels):
        super().__init__()
        blocks = [layer(3, 32, 3, 2)]
        for taken, given, stride in WIDTHS:
            blocks += [layer(taken, taken, 3, stride, taken), layer(taken, given, 1, 1)]
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Sequential(nn.Linear(1024, 1000), nn.ReLU(), nn.Linear(1000, labels))

    def forward(self, photos):
        return self.last(self.blocks(photos).mean((2, 3)))


def learnt(data, run, labels):
    """The net after a training."""
    net = MobileNet(labels).train()
    if run.previous:
        net.load_state_dict({name: torch.as_tensor(value) for name, value in run.previous.items()})
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3)
    for _ in run.epochs(AGAIN if run.previous else FIRST):
        for photos, truths in data.train.batches(16):
            loss = nn.functional.cross_entropy(net(photos), truths)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log(loss=loss.item())
    settle(net, data)
    return net


@torch.no_grad()
def settle(net, data):
    """The running figures of each BatchNorm become those of the photos: after so few steps they are not yet."""
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.reset_running_stats()
            part.momentum = None  # a plain mean
    for photos, _ in data.train.batches(16):
        net(photos)
