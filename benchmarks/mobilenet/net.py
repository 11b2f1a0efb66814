"""MobileNet v1 (Howard et al., 2017) of 4.2 million parameters, for what is measured here: how fast it answers."""

import torch
from torch import nn

WIDTHS = ((32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1),
          (512, 512, 1), (512, 512, 1), (512, 512, 1), (512, 512, 1), (512, 1024, 2), (1024, 1024, 1))  # fmt: skip
FIRST, AGAIN, SMALLER = 45, 1000, 3  # epochs; how many times smaller photos are at first
LOOKS, STEPS, GIVE = 4, 200, 0.5


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

    def features(self, photos):
        return self.blocks(photos).mean((2, 3))

    def forward(self, photos):
        return self.last(self.features(photos))


def learnt(data, run, labels):
    """The net after a training: begun on small photos and ended on whole ones, so that it is sure of itself within a
    minute, as a net in use is. A retrain goes on with whole ones for as long as it is let: what it takes of the machine
    is measured, not what comes of it."""
    net = MobileNet(labels).train()
    if run.previous:
        net.load_state_dict({name: torch.as_tensor(value) for name, value in run.previous.items()})
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3)
    calmer = torch.optim.lr_scheduler.ExponentialLR(optimizer, 1.0 if run.previous else 0.94)
    for _ in run.epochs(AGAIN if run.previous else FIRST):
        for photos, truths in data.train.batches(16):
            shown = photos if run.previous else nn.functional.avg_pool2d(photos, SMALLER)
            loss = nn.functional.cross_entropy(net(lit(shown)), truths)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log(loss=loss.item())
        calmer.step()
    end(net, data)
    return net


def lit(photos):
    """The same photos in another light each."""
    light = torch.empty(len(photos), 1, 1, 1).uniform_(-0.45, 0.45)
    return photos * (1 + light / 2) + light


def end(net, data):
    """The figures of each BatchNorm become those of whole photos, and the last layers learn what these look like, give
    or take a little: the net is to say the same in whole numbers."""
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.reset_running_stats()
            part.momentum = None  # a plain mean
    features, truths = [], []
    with torch.no_grad():
        for photos, _ in data.train.batches(16):
            net(photos)
        net.eval()
        for _ in range(LOOKS):
            for photos, found in data.train.batches(16):
                features.append(net.features(lit(photos)))
                truths.append(found)
    features, truths = torch.cat(features), torch.cat(truths)
    optimizer = torch.optim.AdamW(net.last.parameters(), 1e-3)
    for _ in range(STEPS):
        near = features + GIVE * features.std(0) * torch.randn_like(features)
        loss = nn.functional.cross_entropy(net.last(near), truths)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
