"""The default fine-tune: a residual net, small and from scratch, or from weights.safetensors beside this file.

It reads top to bottom and is yours to change. A few hundred photographs and two cores are enough for a first release in
about two minutes; photographs that visitors let you keep make the next one better.
"""

import math
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

WIDTHS, DEPTHS = (24, 48, 96, 144), (1, 1, 1, 1)  # half a million: more learns a few hundred photos by heart
EPOCHS = {"scratch": 90, "weights": 10, "again": 24}  # from nothing; from given weights; a retrain from the champion
BATCH = 32
WEIGHTS = Path(__file__).with_name("weights.safetensors")


class Block(nn.Module):
    """Two convolutions and a way around them. Names as in torchvision and timm, so that their weights fit."""

    def __init__(self, taken, given, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(taken, given, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(given)
        self.conv2 = nn.Conv2d(given, given, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(given)
        around = nn.Sequential(nn.Conv2d(taken, given, 1, stride, bias=False), nn.BatchNorm2d(given))
        self.downsample = around if stride != 1 or taken != given else None

    def forward(self, x):
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """A residual net (He et al., 2015) of any widths: float32 NCHW in, one logit a label out."""

    def __init__(self, labels, widths=WIDTHS, depths=DEPTHS):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        taken = widths[0]
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True), 1):
            blocks = []
            for place in range(depth):
                blocks.append(Block(taken, width, 2 if stage > 1 and place == 0 else 1))
                taken = width
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.drop = nn.Dropout(0.2)
        # ImageNet's mean and spread, inside the net: photos come in 0..1 here, in the exported file and on the site
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None], persistent=False)
        self.register_buffer("spread", torch.tensor([0.229, 0.224, 0.225])[:, None, None], persistent=False)
        self.fc = nn.Linear(taken, labels)

    def embed(self, photos):
        x = (photos - self.mean) / self.spread
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean((2, 3))

    def forward(self, photos):
        if self.training:
            return self.fc(self.drop(self.embed(photos)))
        # a mirrored photo shows the same thing: two looks are right a little more often than one
        return (self.fc(self.embed(photos)) + self.fc(self.embed(photos.flip(3)))) / 2


def begin(labels, previous):
    """The net to train, and what it starts from: the champion, given weights, or nothing."""
    if previous:
        net = ResNet(labels, *shape_of(previous))
        net.load_state_dict({name: torch.as_tensor(value) for name, value in previous.items()})
        return net, "again"
    if not WEIGHTS.exists():
        return ResNet(labels), "scratch"
    given = {name: value for name, value in load_file(WEIGHTS).items() if not name.startswith("fc.")}
    net = ResNet(labels, *shape_of(given))
    left = net.load_state_dict(given, strict=False)
    strange = [name for name in left.missing_keys if not name.startswith("fc.")] + left.unexpected_keys
    if strange:
        raise ValueError(f"{WEIGHTS.name} is not a ResNet of basic blocks: {', '.join(strange[:3])} …")
    for part in (net.conv1, net.bn1, net.layer1, net.layer2):
        part.requires_grad_(False)  # edges and textures are the same everywhere; leaving them alone halves the time
    return net, "weights"


def shape_of(weights):
    """Widths and depths of the four stages, read from the weights' names and sizes."""
    widths = tuple(weights[f"layer{stage}.0.conv1.weight"].shape[0] for stage in range(1, 5))
    depths = tuple(sum(f"layer{stage}.{place}.conv1.weight" in weights for place in range(99)) for stage in range(1, 5))
    return widths, depths


def varied(photos):
    """The same photos, each turned, mirrored, zoomed and lit a little differently."""
    n = len(photos)

    def draw(low, high, *shape):
        return torch.empty(n, *shape).uniform_(low, high)

    zoom, turn, mirror = draw(0.5, 1.0), draw(-0.35, 0.35), torch.randint(0, 2, (n,)) * 2.0 - 1
    cos, sin, room = torch.cos(turn) * zoom, torch.sin(turn) * zoom, 1 - zoom
    across = torch.stack([cos * mirror, -sin, draw(-1, 1) * room], 1)
    down = torch.stack([sin * mirror, cos, draw(-1, 1) * room], 1)
    grid = functional.affine_grid(torch.stack([across, down], 1), list(photos.shape), align_corners=False)
    photos = functional.grid_sample(photos, grid, padding_mode="reflection", align_corners=False)
    grey = photos.mean(1, keepdim=True)
    light = draw(0.85, 1.15, 3, 1, 1) * draw(0.75, 1.3, 1, 1, 1)
    return ((grey + (photos - grey) * draw(0.6, 1.4, 1, 1, 1)) * light).clamp(0, 1)


def fine_tune(data, run, labels):
    """Train and return the net. `data.train` gives float32 NCHW photos in 0..1 with their labels as numbers."""
    net, start = begin(labels, run.previous)
    net = net.to(memory_format=torch.channels_last).train()
    epochs, top = EPOCHS[start], 3e-3 if start == "scratch" else 1e-3
    steps = epochs * math.ceil(len(data.train.rows) / BATCH)
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], top, weight_decay=0.05)
    # fast up, slowly down to nothing (Smith, 2018): the last epochs settle what the middle ones found
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, top, total_steps=steps + 1, pct_start=0.2)
    for epoch in run.epochs(epochs):
        total = count = 0
        for photos, truth in data.train.batches(BATCH):
            if len(truth) < 2:
                continue  # batch norm has nothing to average in a batch of one
            loss = functional.cross_entropy(net(varied(photos)), truth, label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if schedule.last_epoch < steps:
                schedule.step()
            total, count = total + loss.item(), count + 1
        run.log(loss=total / max(1, count), **validated(net, data) if epoch % 5 == 4 or epoch == epochs - 1 else {})
    return net.eval()


@torch.no_grad()
def validated(net, data):
    """How many of the photos that were kept aside are answered right."""
    net.eval()
    right = count = 0
    for photos, truth in data.validation.batches(BATCH):
        right += (net(photos).argmax(1) == truth).sum().item()
        count += len(truth)
    net.train()
    return {"accuracy": right / count} if count else {}
