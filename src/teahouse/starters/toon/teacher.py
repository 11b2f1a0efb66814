"""The teacher: a slow, careful cartoon filter of known steps, whose two results the net learns to predict.

`smooth_and_ink(photo)` gives the flat colours and the lines. Pictures are float32 RGB tensors [3, H, W] of 0..1."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

# Rows: luma, and blue and red against it (the weights of BT.601). Distances are taken in this space.
OPPONENT = torch.tensor([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]])
PASSES = ((1, 0.085), (2, 0.06), (3, 0.05), (2, 0.045), (1, 0.05))  # (pixels between taps, colours seen as alike)
FINE, COARSE, REST = 1.0, 1.6, 0.992  # the two blurs across a line, in pixels, and the weight of the wider one
ALONG = 5  # pixels that a line is followed to either side
SHARP = 75.0  # how steeply a line goes from paper to ink
CRISP = 0.65  # share of the once smoothed photo, which has the eyes, in what is drawn; the rest has no fur
SPECK = 26.0  # less ink than this in one piece is a speck: a strong dot of the eye stays, a hair goes


def smooth_and_ink(photo: Tensor) -> tuple[Tensor, Tensor]:
    """The photo's flat colours [3, H, W] and its ink [1, H, W], both 0..1."""
    smooth = flatten(photo)
    return smooth, ink(photo, smooth)


def flatten(photo: Tensor) -> Tensor:
    """Bilateral passes with taps near, far, near: texture goes, edges stay. [3, H, W] to [3, H, W]."""
    picture = photo[None]
    for step, alike in PASSES:
        picture = bilateral(picture, step, alike)
    return quiet_side(quiet_side(picture))[0].clamp(0, 1)


def quiet_side(picture: Tensor) -> Tensor:
    """[1, 3, H, W]: a soft Kuwahara filter. Each pixel becomes the mean of that one of the four 3 x 3 fields at its
    corners which varies least, so that a blurred edge, which would become a halo, gets two clean sides."""
    wide = F.pad(picture, [2] * 4, mode="replicate")
    means, squares = F.avg_pool2d(wide, 3, 1), F.avg_pool2d(wide * wide, 3, 1)
    spread = (squares - means * means).clamp(min=0).sum(1, keepdim=True)
    height, width = picture.shape[2:]
    total, weights = torch.zeros_like(picture), torch.zeros_like(picture[:, :1])
    for y in (0, 2):
        for x in (0, 2):
            field = slice(y, y + height), slice(x, x + width)
            weight = (spread[:, :, *field] + 2e-5) ** -3
            total += weight * means[:, :, *field]
            weights += weight
    return total / weights


def bilateral(picture: Tensor, step: int, alike: float) -> Tensor:
    """[1, 3, H, W]: each pixel the mean of 5 x 5 taps, the near and the like-coloured counting most."""
    colours = torch.einsum("oc,nchw->nohw", OPPONENT * torch.tensor([[1.0], [1.4], [1.4]]), picture)
    # What is compared is a little blurred: else noise counts as an edge and survives.
    guide = blur(colours, 0.6)
    reach = 2 * step
    height, width = picture.shape[2:]
    wide, wide_guide = (F.pad(each, [reach] * 4, mode="replicate") for each in (picture, guide))
    total, weights = torch.zeros_like(picture), torch.zeros_like(picture[:, :1])
    for down in range(-2, 3):
        for right in range(-2, 3):
            y, x = reach + down * step, reach + right * step
            there = wide_guide[:, :, y : y + height, x : x + width]
            apart = (there - guide).square().sum(1, keepdim=True) / (2 * alike * alike)
            weight = torch.exp(-apart - (down * down + right * right) / 4.5)
            total += weight * wide[:, :, y : y + height, x : x + width]
            weights += weight
    return total / weights


def ink(photo: Tensor, smooth: Tensor) -> Tensor:
    """Lines where a difference of two blurs, taken across the edge and summed along it, is negative. [1, H, W]."""
    once = bilateral(photo[None], *PASSES[0])
    mixed = (CRISP * once + (1 - CRISP) * smooth[None]).clamp(0, 1)
    luma = torch.einsum("c,nchw->nhw", OPPONENT[0], mixed)[:, None]
    tangent = flow(mixed)
    across = torch.stack([-tangent[:, 1], tangent[:, 0]], 1)
    difference = line_blur(luma, across, FINE, 3) - REST * line_blur(luma, across, COARSE, 5)
    along = line_blur(difference, tangent, 2.6, ALONG)
    drawn = 1 - torch.where(along > 0, 1.0, 1 + torch.tanh(SHARP * along))
    return without_specks(drawn[0, 0])[None]


def flow(picture: Tensor) -> Tensor:
    """Unit vectors (x, y) along the edges, [1, 2, H, W], from the smoothed structure tensor of all colours."""
    kernel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    kernels = torch.stack([kernel, kernel.T])[:, None].repeat(3, 1, 1, 1)
    slopes = F.conv2d(F.pad(picture, [1] * 4, mode="replicate"), kernels, groups=3)
    dx, dy = slopes[:, 0::2], slopes[:, 1::2]
    products = torch.stack([(dx * dx).sum(1), (dx * dy).sum(1), (dy * dy).sum(1)], 1)
    e, f, g = blur(products, 2.5).unbind(1)
    # The angle of the larger eigenvector in closed form; the edge runs at a right angle to it.
    angle = 0.5 * torch.atan2(2 * f, e - g) + math.pi / 2
    return torch.stack([torch.cos(angle), torch.sin(angle)], 1)


def line_blur(values: Tensor, direction: Tensor, sigma: float, reach: int) -> Tensor:
    """[1, C, H, W]: a Gaussian mean along a direction [1, 2, H, W] that turns with the picture."""
    height, width = values.shape[2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    start = torch.stack([x, y], -1).float()[None]
    size = torch.tensor([width - 1.0, height - 1.0]).clamp(min=1)
    total, weights = values.clone(), 1.0
    for sign in (1.0, -1.0):
        place, heading = start, direction.permute(0, 2, 3, 1) * sign
        for step in range(1, reach + 1):
            place = place + heading
            grid = place / size * 2 - 1
            weight = math.exp(-step * step / (2 * sigma * sigma))
            total = total + weight * F.grid_sample(values, grid, padding_mode="border", align_corners=True)
            weights += weight
            turned = F.grid_sample(direction, grid, mode="nearest", padding_mode="border", align_corners=True)
            turned = turned.permute(0, 2, 3, 1)
            # A tangent has no sign: go on in the direction that was come from.
            heading = turned * torch.where((turned * heading).sum(-1, keepdim=True) < 0, -1.0, 1.0)
    return total / weights


def without_specks(drawn: Tensor) -> Tensor:
    """[H, W]: pieces of ink whose sum stays under SPECK are wiped out, those just above are faded in."""
    height, width = drawn.shape
    there = drawn > 0.25
    labels = torch.where(there, torch.arange(1, height * width + 1).view(height, width), 0).float()
    while True:
        near = F.max_pool2d(labels[None, None], 3, 1, 1)[0, 0] * there
        # Each pixel takes the label of its label: long lines are done in a few rounds.
        far = torch.cat([torch.zeros(1), near.flatten()])[near.long()] * there
        if torch.equal(far, labels):
            break
        labels = far
    mass = torch.zeros(height * width + 1).scatter_add_(0, labels.long().flatten(), (drawn * there).flatten())
    mass[0] = 0
    kept = ((mass[labels.long()] - SPECK) / (0.5 * SPECK)).clamp(0, 1)
    # The pale rim of a line belongs to it.
    kept = F.max_pool2d(kept[None, None], 5, 1, 2)[0, 0]
    return drawn * kept


def blur(values: Tensor, sigma: float) -> Tensor:
    """[N, C, H, W]: a Gaussian blur, one axis after the other; the border is repeated."""
    reach = math.ceil(2.5 * sigma)
    taps = torch.exp(-torch.arange(-reach, reach + 1).float().square() / (2 * sigma * sigma))
    taps = (taps / taps.sum()).view(1, 1, 1, -1).repeat(values.shape[1], 1, 1, 1)
    values = F.conv2d(F.pad(values, [reach, reach, 0, 0], mode="replicate"), taps, groups=values.shape[1])
    return F.conv2d(F.pad(values, [0, 0, reach, reach], mode="replicate"), taps.transpose(2, 3), groups=values.shape[1])
