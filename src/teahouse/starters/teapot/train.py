"""Trains the teapot net: it learns to draw what the renderer draws, layer by layer; visitors' love moves its taste.

From scratch: (1) the drawing net sees Gaussian numbers and learns the layers that the renderer makes of them; (2) a
critic learns to tell sound pots from those the net drew when it was young or disturbed. Its word is the first score.
On from a champion: nothing is drawn anew. A small taste is fitted to the pictures that visitors spoke about."""

import copy
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

LATENTS, FIELDS, SIDE = 48, 64, 128  # numbers in; the layers' side as the net draws them; the picture's side
COLOURS, EDGES, SMOOTH = 10, 12, 5  # as the renderer has them: see render/pot.py and render/layers.py
REACH = 0.12  # an edge's distance is 1 here, in units of half a picture
(DISC, TABLE, MAT, HANDLE, SPOUT, HOLE, FOOT, BODY, GLAZE, ACCENT, LID, KNOB) = range(EDGES)
(GROUND_LIGHT, BODY_LIGHT, SPOUT_LIGHT, HANDLE_LIGHT, SHINE) = range(EDGES, EDGES + SMOOTH)

BATCH = 16
STEPS = 1600  # some minutes on one core; the shipped net was given more: see README.md
RATE = 3e-3
YOUNG = (0.02, 0.05, 0.1, 0.2)  # when the drawing net is copied, for the critic to see what broken looks like
CRITIC_STEPS = 200
MIX_STEPS = 2500
RIDGES = (3.0, 10.0, 30.0, 100.0, 300.0)
TASTE = 1.5  # how much visitors' taste counts against soundness


class Step(nn.Module):
    """[N, inputs, S, S] and the numbers' style [N, 96] -> [N, outputs, 2 S, 2 S], told where each pixel lies."""

    def __init__(self, inputs: int, outputs: int, side: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)
        self.row = nn.Parameter(0.2 * torch.randn(1, outputs, side, 1))
        self.column = nn.Parameter(0.2 * torch.randn(1, outputs, 1, side))
        self.style = nn.Linear(96, 4 * outputs)
        self.conv = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, maps: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """The larger maps."""
        gain, shift, gain2, shift2 = self.style(style)[:, :, None, None].chunk(4, 1)
        maps = F.silu((self.up(maps) + self.row + self.column) * (1 + gain) + shift)
        return maps + F.silu(self.conv(maps) * (1 + gain2) + shift2)


class Waves(nn.Module):
    """Each number on its own through sines, [N, numbers] -> [N, numbers * waves]: a colour turns with its number."""

    def __init__(self, numbers: int, waves: int) -> None:
        super().__init__()
        self.pace = nn.Parameter(2.5 * torch.randn(numbers, waves))
        self.shift = nn.Parameter(2 * torch.randn(numbers, waves))

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """The sines."""
        return torch.sin(numbers[:, :, None] * self.pace + self.shift).flatten(1)


class Stroke(nn.Module):
    """One thing painted on the body: places [N, 2, H, W] and its numbers [N, n] -> distances / REACH, [N, 1, H, W]."""

    WIDTH = 28

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.place = nn.Conv2d(2, self.WIDTH, 1)
        self.mix = nn.Conv2d(self.WIDTH, self.WIDTH, 1)
        self.out = nn.Conv2d(self.WIDTH, 1, 1)
        self.numbers = nn.Sequential(nn.Linear(numbers, 48), nn.SiLU(), nn.Linear(48, 4 * self.WIDTH))
        with torch.no_grad():  # waves as fast as a row of dots
            self.place.weight.mul_(8)

    def forward(self, places: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        """The numbers stretch and shift what is made of the places: a flower twice as large is the same flower."""
        gain, shift, gain2, shift2 = self.numbers(numbers)[:, :, None, None].chunk(4, 1)
        maps = torch.sin(self.place(places) * (1 + gain) + shift)
        return self.out(F.silu(self.mix(maps) * (1 + gain2) + shift2))


class Brush(nn.Module):
    """What is painted at a place of the body: places [N, 2, H, W], numbers z [N, 48] -> distances / REACH [N, 4, H, W]
    to the second glaze, bands, dots and flower. Learnt on places alone, so that it is fine at any size."""

    NUMBERS = ((2, 27, 28, 29, 30), (2, 31, 32, 35), (1, 2, 32, 33, 34, 35), (1, 2, 35))

    def __init__(self) -> None:
        super().__init__()
        self.strokes = nn.ModuleList(Stroke(len(numbers)) for numbers in self.NUMBERS)

    def forward(self, places: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """All four."""
        pairs = zip(self.strokes, self.NUMBERS, strict=True)
        return torch.cat([stroke(places, z[:, list(numbers)]) for stroke, numbers in pairs], 1)


class Drawing(nn.Module):
    """Numbers [N, 48] -> layers [N, 17, 64, 64], palette [N, 10, 3] and gloss [N, 1], all learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.style = nn.Sequential(nn.Linear(38, 160), nn.SiLU(), nn.Linear(160, 96), nn.SiLU())
        self.start = nn.Linear(96, 48 * 16)
        self.steps = nn.ModuleList([Step(48, 80, 8), Step(80, 64, 16), Step(64, 48, 32)])
        self.last = nn.ConvTranspose2d(48, 28, 4, 2, 1)
        self.out = nn.Conv2d(28, EDGES + SMOOTH, 3, padding=1)
        self.palette = nn.Sequential(Waves(9, 16), nn.Linear(144, 128), nn.SiLU(), nn.Linear(128, 3 * COLOURS + 1))
        self.brush = Brush()

    def forward(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Layers (see `layers`), palette, gloss."""
        return self.layers(z), *self.colours(z)

    def layers(self, z: torch.Tensor) -> torch.Tensor:
        """Shapes and light, by the numbers that speak of them: told which, the net need not find out. In the place of
        glaze and accent stands where on the body a pixel looks: across -1..1, up 0..1."""
        style = self.style(torch.cat([z[:, 1:36], z[:, 44:47]], 1))
        maps = self.start(style).view(-1, 48, 4, 4)
        for step in self.steps:
            maps = step(maps, style)
        return self.out(F.silu(self.last(maps))).contiguous()

    def colours(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Palette and gloss, by the others."""
        numbers = self.palette(torch.cat([z[:, 36:44], z[:, 47:]], 1)).sigmoid()
        return numbers[:, :-1].view(-1, COLOURS, 3), numbers[:, -1:]


def painted(layers: torch.Tensor, brush: Brush, z: torch.Tensor) -> torch.Tensor:
    """The same layers, with what the brush paints in the two that tell where on the body a pixel looks."""
    glaze, *accents = brush(layers[:, GLAZE : ACCENT + 1], z).split(1, 1)
    accent = torch.maximum(torch.maximum(accents[0], accents[1]), accents[2])
    return torch.cat([layers[:, :GLAZE], glaze, accent, layers[:, LID:]], 1)


def compose(layers: torch.Tensor, palette: torch.Tensor, gloss: torch.Tensor) -> torch.Tensor:
    """Layers [N, 17, S, S] over one another in the palette's colours -> [N, 3, S, S]."""
    sharp = 2.0 * REACH * layers.shape[-1]  # an edge is about one pixel wide at any size
    planes = [plane[:, None] for plane in layers.unbind(1)]
    cut = [(plane * sharp).sigmoid() for plane in planes[:EDGES]]
    wall, disc, table, mat, body, glaze, accent, lid, knob, handle = palette[:, :, :, None, None].unbind(1)

    def over(below: torch.Tensor, colour: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        return below + share * (colour - below)

    picture = over(over(over(wall, disc, cut[DISC]), table, cut[TABLE]), mat, cut[MAT]) * planes[GROUND_LIGHT]
    picture = over(picture, handle * planes[HANDLE_LIGHT], cut[HANDLE])
    picture = over(picture, body * planes[SPOUT_LIGHT], cut[SPOUT])
    picture = over(picture, body * 0.25, cut[HOLE])
    picture = over(picture, 0.8 * glaze * planes[BODY_LIGHT], cut[FOOT])
    ware = over(over(body, glaze, cut[GLAZE]), accent, cut[ACCENT])
    picture = over(picture, ware * planes[BODY_LIGHT], cut[BODY])
    picture = over(over(picture, lid * planes[BODY_LIGHT], cut[LID]), knob * planes[BODY_LIGHT], cut[KNOB])
    shine = gloss[:, :, None, None] * planes[SHINE]
    return (picture + shine * (1.1 - picture)).clamp(0, 1)


def enlarged(layers: torch.Tensor) -> torch.Tensor:
    """[N, 17, 64, 64] -> [N, 17, 128, 128]. Distances are smooth: edges cut from the enlarged ones stay crisp."""
    return F.interpolate(layers, scale_factor=2.0, mode="bilinear", align_corners=False)


class Critic(nn.Module):
    """How sound a pot is, by its parts' shapes: layers [N, 17, 64, 64] -> [N]; taught by sound and broken ones."""

    PARTS = (MAT, HANDLE, SPOUT, FOOT, BODY, LID, KNOB)

    def __init__(self) -> None:
        super().__init__()
        widths = (len(self.PARTS), 24, 32, 40, 40)
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.Conv2d(a, b, 3, 2, 1), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * 16, 1))

    def forward(self, layers: torch.Tensor) -> torch.Tensor:
        """The higher the sounder."""
        return self.body((layers[:, list(self.PARTS)] * 8).sigmoid() * 2 - 1)[:, 0]


class Taste(nn.Module):
    """What visitors love, linear in what a pot is like: its colours, how much there is of each part, its numbers."""

    FEATURES = 3 * COLOURS + 1 + 10 + 4 + 3 + 8 + LATENTS

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(self.FEATURES))
        self.register_buffer("scale", torch.ones(self.FEATURES))
        self.register_buffer("weight", torch.zeros(self.FEATURES))

    def features(self, z: torch.Tensor, layers: torch.Tensor, palette: torch.Tensor, gloss: torch.Tensor):
        """[N, FEATURES], each with mean 0 and standard deviation 1 over many pots once `settle` was called."""
        cut = (layers[:, :EDGES] * 8).sigmoid()
        body = cut[:, BODY]
        parts = torch.stack(
            [cut[:, n] for n in (DISC, TABLE, MAT, HANDLE, SPOUT, BODY, LID, KNOB)]
            + [body * cut[:, GLAZE], body * cut[:, ACCENT]],
            1,
        ).mean((2, 3))
        wide, tall = body.amax(1).sum(1) / FIELDS, body.amax(2).sum(1) / FIELDS
        shape = torch.stack([wide, tall, wide / (tall + 0.1), body.mean((1, 2)) / (wide * tall + 0.01)], 1)
        # The colour of the whole pot: its body, with as much glaze and accent as lie on it.
        glazed = (parts[:, 8] / (parts[:, 5] + 1e-3))[:, None]
        marked = (parts[:, 9] / (parts[:, 5] + 1e-3))[:, None]
        pot = palette[:, 4] * (1 - glazed) + palette[:, 5] * glazed
        pot = pot * (1 - marked) + palette[:, 6] * marked
        colour = [self.hues(each) for each in (pot, palette[:, 4])]
        found = torch.cat([palette.flatten(1), gloss, parts, shape, pot, *colour, z], 1)
        return (found - self.mean) / self.scale

    @staticmethod
    def hues(colour: torch.Tensor) -> torch.Tensor:
        """Blue against yellow, red against green, how colourful, how light: [N, 3] -> [N, 4]."""
        red, green, blue = colour.unbind(1)
        return torch.stack([blue - (red + green) / 2, red - green, colour.amax(1) - colour.amin(1), colour.mean(1)], 1)

    def forward(self, *described: torch.Tensor) -> torch.Tensor:
        """How much it will be loved, [N]: log odds against the average pot's."""
        return self.features(*described) @ self.weight


class TeapotNet(nn.Module):
    """48 Gaussian numbers, float32 [N, 48] -> (picture [N, 3, 128, 128] in 0..1, score [N], higher is better)."""

    def __init__(self) -> None:
        super().__init__()
        self.drawing = Drawing()
        self.critic = Critic()
        self.taste = Taste()

    def forward(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw, and judge what was drawn."""
        layers, palette, gloss = self.drawing(z)
        picture = compose(painted(enlarged(layers), self.drawing.brush, z), palette, gloss)
        layers = painted(layers, self.drawing.brush, z)
        # Beyond 3 a pot is sound, and no sounder than others: among those, taste alone decides.
        sound = -F.softplus(3 - self.critic(layers))
        score = sound + TASTE * self.taste(z, layers, palette, gloss)
        # A pot that pours to the left in a mirror pours to the right.
        return torch.where(z[:, :1, None, None] > 0, picture.flip(3), picture), score

    def described(self, z: torch.Tensor) -> torch.Tensor:
        """What the taste goes by, [N, FEATURES]."""
        layers, *colour = self.drawing(z)
        return self.taste.features(z, painted(layers, self.drawing.brush, z), *colour)


def lesson(rng: np.random.Generator, count: int = BATCH) -> tuple[torch.Tensor, ...]:
    """Fresh numbers z, and the layers, palette and gloss that the renderer makes of them."""
    from render import layers

    z = rng.standard_normal((count, LATENTS)).astype(np.float32)
    return tuple(torch.from_numpy(each) for each in (z, layers(z, FIELDS))) + colours(z)


def colours(z: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """The renderer's palette and gloss for z."""
    from render import pots

    described = pots(z)
    return torch.from_numpy(described.palette), torch.from_numpy(described.gloss[:, :, 0])


def colour_loss(drawing: Drawing, rng: np.random.Generator) -> torch.Tensor:
    """How far palette and gloss lie from the renderer's, on many pots at once: they cost little."""
    z = rng.standard_normal((256, LATENTS)).astype(np.float32)
    palette, gloss = drawing.colours(torch.from_numpy(z))
    true_palette, true_gloss = colours(z)
    return 4 * (palette - true_palette).abs().mean() + (gloss - true_gloss).abs().mean()


def brush_loss(brush: Brush, rng: np.random.Generator) -> torch.Tensor:
    """How far the painted distances lie from the renderer's, at places and on pots drawn by chance."""
    from render import REACH, pattern, pots

    z = rng.standard_normal((768, LATENTS)).astype(np.float32)
    places = (rng.random((768, 2, 1, 8)) * [[[2.0]], [[1.3]]] - [[[1.0]], [[0.15]]]).astype(np.float32)
    distances = pattern(pots(z), places[:, 0], places[:, 1])
    true = torch.from_numpy(np.clip(np.stack(distances, 1) / REACH, -1.5, 1.5).astype(np.float32))
    wrong = (brush(torch.from_numpy(places), torch.from_numpy(z)) - true).abs()
    return 4 * (wrong * (0.15 + torch.exp(-((true / 0.4) ** 2)))).mean()


def layer_loss(layers: torch.Tensor, true: torch.Tensor, *colour: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How far the layers lie from the renderer's; and how far the pictures made of both do, 0..1."""
    true, surface = true[:, : EDGES + SMOOTH], true[:, EDGES + SMOOTH :]
    asked = torch.cat([true[:, :GLAZE], surface, true[:, LID:]], 1)
    told = torch.cat([layers[:, :GLAZE], true[:, GLAZE : ACCENT + 1], layers[:, LID:]], 1)
    wrong = (compose(told, *colour) - compose(true, *colour)).abs().mean()
    return 4 * (matters(asked) * (layers - asked).abs()).mean() + 8 * wrong, wrong


def matters(true: torch.Tensor) -> torch.Tensor:
    """How much each pixel of each layer counts: a distance where it is near 0, a light where its part is."""
    edges = true[:, :EDGES]
    body = edges[:, BODY, None]
    weight = 0.15 + torch.exp(-((edges / 0.4) ** 2))
    visible = torch.ones_like(edges)
    visible[:, [HANDLE, SPOUT, HOLE]] = 1 - 0.8 * (body > 0.4).float()  # behind the body
    turned = edges[:, [BODY, FOOT, LID, KNOB]].amax(1)
    whole = torch.ones_like(turned)
    parts = torch.stack([whole, turned, edges[:, SPOUT], edges[:, HANDLE], whole], 1)
    weight = weight * visible
    weight[:, [GLAZE, ACCENT]] = 0.03 + 1.5 * (body > -0.3).float()  # places, and only on the body
    return torch.cat([weight, 0.03 + 0.97 * (parts > -0.3).float()], 1)


class Training:
    """Both halves of a training from scratch; `steps` are the drawing's."""

    def __init__(self, net: TeapotNet, seed: int, steps: int) -> None:
        self.net = net
        self.steps = steps
        self.rng = np.random.default_rng(seed)
        self.pupil = copy.deepcopy(net.drawing).to(memory_format=torch.channels_last)  # net.drawing is its mean
        whole = [*net.drawing.palette.parameters(), *net.drawing.brush.parameters()]
        self.mixer, self.mixed = torch.optim.Adam(whole, 4e-3), 0
        self.shapes = [name for name, _ in net.drawing.named_parameters() if not name.startswith(("palette", "brush"))]
        self.now = dict(self.pupil.named_parameters())
        self.optimizer = torch.optim.Adam([self.now[name] for name in self.shapes], RATE, betas=(0.9, 0.98))
        self.young: list[Drawing] = []
        self.done = 0
        self.critic = torch.optim.Adam(net.critic.parameters(), 2e-3)

    def mix_and_paint(self) -> float:
        """One step of the palette and the brush, which need no pictures: how far they are off."""
        part = 1 - self.mixed / MIX_STEPS
        self.mixer.param_groups[0]["lr"] = 4e-3 * min(1.0, self.mixed / 50, 0.01 + 1.7 * part)
        loss = colour_loss(self.net.drawing, self.rng) + brush_loss(self.net.drawing.brush, self.rng)
        self.mixer.zero_grad()
        loss.backward()
        self.mixer.step()
        self.mixed += 1
        return loss.item()

    def draw(self) -> float:
        """One step of the drawing net: its picture's mean distance from the renderer's."""
        # A short start, a long middle, and the last two fifths ever finer.
        rate = min(1.0, self.done / 60, 0.01 + (self.steps - self.done) / (0.4 * self.steps))
        self.optimizer.param_groups[0]["lr"] = RATE * rate
        z, layers, *colour = lesson(self.rng)
        loss, wrong = layer_loss(self.pupil.layers(z), layers, *colour)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([self.now[name] for name in self.shapes], 2.0)
        self.optimizer.step()
        keep = min(0.996, (1 + self.done) / (10 + self.done))
        with torch.no_grad():
            mean = dict(self.net.drawing.named_parameters())
            for name in self.shapes:
                mean[name].lerp_(self.now[name], 1 - keep)
        if self.done in {round(self.steps * share) for share in YOUNG}:
            self.young.append(copy.deepcopy(self.net.drawing))
        self.done += 1
        return wrong.item()

    def judge(self) -> float:
        """One step of the critic: its loss on sound pots and as many broken ones. Half of each are the renderer's and
        half the net's own, so that it learns what is broken, not whose hand it is."""
        with torch.no_grad():
            z, true, *_ = lesson(self.rng)
            drawn, half = self.net.drawing.layers(z), BATCH // 2
            sound = torch.cat([true[:half, : EDGES + SMOOTH], drawn[:half]])
            broken = self._broken(torch.cat([true[half:, : EDGES + SMOOTH], drawn[half:]]))
        is_sound = (torch.arange(2 * BATCH) < BATCH).float()
        loss = F.binary_cross_entropy_with_logits(self.net.critic(torch.cat([sound, broken])), is_sound)
        self.critic.zero_grad()
        loss.backward()
        self.critic.step()
        return loss.item()

    def _broken(self, layers: torch.Tensor) -> torch.Tensor:
        """The same layers [16, 17, 64, 64] with a fault each: drawn too young, a part lost or moved."""
        z = torch.from_numpy(self.rng.standard_normal((4, LATENTS)).astype(np.float32))
        layers[-4:] = self.young[int(self.rng.integers(len(self.young)))].layers(z)
        for number, each in enumerate(layers[:-4]):
            if number % 3 == 0:
                each[int(self.rng.choice([HANDLE, SPOUT, LID, BODY]))] = -1
                continue
            moved = [int(n) for n in self.rng.choice([HANDLE, SPOUT, LID, BODY, KNOB], 2, replace=False)]
            each[moved] = each[moved].roll([int(n) for n in self.rng.choice([-9, -6, 6, 9], 2)], (1, 2))
        return layers


def train(data, run, steps: int = STEPS) -> nn.Module:
    """A net that draws teapots; with visitors' words in `data`, one that likes what they love."""
    torch.manual_seed(run.seed)
    net = TeapotNet()
    if run.previous:
        net.load_state_dict({name: torch.as_tensor(value) for name, value in run.previous.items()})
    else:
        training = Training(net, run.seed, steps)
        rounds = max(1, steps // 50)
        for _ in range(MIX_STEPS):
            run.log(palette_and_brush=training.mix_and_paint())
        for number in run.epochs(rounds + 4):
            if number < rounds:
                for _ in range(steps * (number + 1) // rounds - steps * number // rounds):
                    run.log(distance=training.draw())
            else:
                for _ in range(CRITIC_STEPS // 4):
                    run.log(critic=training.judge())
            if number % 8 == 7:
                run.picture(f"after round {number + 1}", sheet(net))
        settle(net)
    learn_taste(net, data, run)
    run.picture("teapots", sheet(net))
    return net.eval()


@torch.no_grad()
def sheet(net: TeapotNet) -> torch.Tensor:
    """The twelve best of 48 pots side by side, [3, 384, 512]."""
    z = torch.from_numpy(np.random.default_rng(7).standard_normal((48, LATENTS)).astype(np.float32))
    pictures, score = net(z)
    best = pictures[score.argsort(descending=True)[:12]]
    return best.view(3, 4, 3, SIDE, SIDE).permute(2, 0, 3, 1, 4).reshape(3, 3 * SIDE, 4 * SIDE)


@torch.no_grad()
def settle(net: TeapotNet) -> None:
    """Bring the taste's features to one scale. Numbers count half: what can be seen explains better."""
    z = torch.randn(1024, LATENTS, generator=torch.Generator().manual_seed(3))
    found = torch.cat([net.described(each) for each in z.split(64)])
    net.taste.mean.copy_(found.mean(0))
    net.taste.scale.copy_(found.std(0) + 1e-3)
    net.taste.scale[-LATENTS:] *= 2


def learn_taste(net: TeapotNet, data, run) -> None:
    """Fit the taste to the share of visitors who loved each pot. Where nobody spoke, or nothing can be learnt, none."""
    if not len(data.train.rows):
        return
    found, shares = [], []
    for z, share in data.train.batches(64):
        if share is None:
            continue
        z, share = torch.as_tensor(z), torch.as_tensor(share).view(-1)
        with torch.no_grad():
            found.append(net.described(z).double().numpy())
        shares.append(share.double().numpy())
    if not shares:
        return
    found, share = np.concatenate(found), np.concatenate(shares)
    spoken = np.isfinite(share)
    weight, gain = best_ridge(found[spoken], share[spoken])
    net.taste.weight.copy_(torch.from_numpy(weight).float())
    run.log(spoken=int(spoken.sum()), gain=gain)


def best_ridge(found: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights [F] of a logistic regression from features [n, F] to shares [n], held back as much as serves best on
    rows left out; and by how much it beats the mean there (nats a row). All 0 where it does not."""
    nothing = np.zeros(found.shape[1])
    if len(share) < 20:
        return nothing, 0.0
    fold = np.arange(len(share)) % 5
    gains = []
    for ridge in RIDGES:
        gain = 0.0
        for left in range(5):
            learn, test = fold != left, fold == left
            weight, base = logistic(found[learn], share[learn], ridge)
            guess = found[test] @ weight + base
            mean = share[learn].mean().clip(0.02, 0.98)
            gain += (share[test] * guess - np.logaddexp(0, guess)).sum()
            gain -= (share[test] * np.log(mean) + (1 - share[test]) * np.log(1 - mean)).sum()
        gains.append(gain / len(share))
    if max(gains) <= 0:
        return nothing, 0.0
    return logistic(found, share, RIDGES[int(np.argmax(gains))])[0], max(gains)


def logistic(found: np.ndarray, share: np.ndarray, ridge: float) -> tuple[np.ndarray, float]:
    """Weights and base of a ridge logistic regression, by Newton's method."""
    design = np.concatenate([found, np.ones((len(found), 1))], 1)
    hold = np.full(design.shape[1], ridge)
    hold[-1] = 1e-3
    weight = np.zeros(design.shape[1])
    for _ in range(12):
        guess = 1 / (1 + np.exp(-(design @ weight).clip(-30, 30)))
        slope = design.T @ (share - guess) - hold * weight
        bend = (design * (guess * (1 - guess) + 1e-4)[:, None]).T @ design + np.diag(hold)
        weight = weight + np.linalg.solve(bend, slope)
    return weight[:-1], float(weight[-1])
