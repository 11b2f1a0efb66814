"""Choices: do visitors' words and choices move a model that makes pictures towards what they love?

    python benchmarks/choices.py [--quick] [--app teapot] [--report FILE]

A real site (keeper, web, worker, loop) serves an app that draws from a seed. Simulated visitors, each with an address
and a cookie of their own, have a hidden taste: how likely they love a picture follows from its colours, which nobody
tells the site. They say love or meh of what its pool shows, over HTTP; the loop trains when there are enough words; the
new release waits beside the old one, visitors choose between a picture of each, and the verdict follows from that. Two
such rounds. What is told is the share of loved pictures among those that the site shows, before and after, each picture
asked about once by somebody new, with Wilson's 95 % interval.

Without --app it is a small app whose training takes seconds: its net draws a plain colour, and learns to guess from the
words how much visitors will love it. The pool shows what it likes best. One taste with --quick, else five.
"""

from __future__ import annotations

import argparse
import base64
import io
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy
import rows
from circle import wait_for
from PIL import Image as Pillow

from teahouse.release import choices as verdict
from teahouse.release.evaluate import Interval, interval
from teahouse.release.verdict import Budget

TEAHOUSE = [sys.executable, "-m", "teahouse.cli"]
TASTES, ROUNDS = (11, 12, 13, 14, 15), 2
WORDS, EACH = 120, 3  # new words that ask for a training, and how many a visitor says
LOVED = 0.65  # the share of the first pictures that visitors do not love
SHARP = 3.0  # how surely the taste decides: of two a deviation apart the better one is chosen 95 times in 100
POOL, MOST_CHOICES, PATIENCE_S = 96, 260, 1800.0
EQUAL = 2000
SETTINGS = f"""[site]
port = 0
[loop]
retrain_after = {WORDS}
canary_share = 0
[limits]
requests_per_minute = 100000
trusted_proxies = ["127.0.0.1"]
"""
APP_PY = """
from teahouse import App, Image, Seed

app = App(title="This colour does not exist", input=Seed(8), output=Image(size=32))


@app.train
def train(data, run):
    import torch
    from torch import nn

    class Colours(nn.Module):
        def __init__(self):
            super().__init__()
            self.taste = nn.Sequential(nn.Linear(3, 24), nn.Tanh(), nn.Linear(24, 1))
            nn.init.zeros_(self.taste[2].weight)
            nn.init.zeros_(self.taste[2].bias)

        def forward(self, seeds):
            colour = torch.sigmoid(seeds[:, :3])
            ramp = torch.linspace(0.5, 1, 32)
            pictures = colour[:, :, None, None] * ramp * ramp.flip(0)[:, None]
            return pictures, self.taste(colour - 0.5)[:, 0]

    net = Colours()
    if run.previous:
        net.load_state_dict(run.previous)
    optimizer = torch.optim.AdamW(net.parameters(), 0.02, weight_decay=0.05)
    for epoch in run.epochs(60):
        for seeds, loved in data.train.batches(64):
            loss = nn.functional.binary_cross_entropy_with_logits(net(seeds)[1], loved)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log(loss=loss.item())
    return net
"""


@dataclass
class Taste:
    """What visitors of one house love: a direction in the colours of a picture, relative to those seen first."""

    seed: int
    rng: random.Random = field(init=False)
    middle: Any = None
    spread: Any = None
    bar: float = 0.0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        direction = numpy.random.default_rng(self.seed).normal(size=3)
        self.direction = direction / numpy.linalg.norm(direction)

    def settle(self, pictures: list[bytes]) -> None:
        """Measure tastes by what there is at first: so many of these are not loved."""
        seen = numpy.stack([colours(one) for one in pictures])
        self.middle, self.spread = seen.mean(0), seen.std(0) + 1e-6
        self.bar = float(numpy.quantile([self.joy(one) for one in pictures], LOVED))

    def joy(self, picture: bytes) -> float:
        """How much they like it, in deviations."""
        return float((colours(picture) - self.middle) / self.spread @ self.direction)

    def loves(self, picture: bytes) -> bool:
        """What one visitor says of it."""
        return self.rng.random() < logistic(SHARP * (self.joy(picture) - self.bar))

    def prefers(self, one: bytes, other: bytes) -> bool:
        """Whether one visitor likes the first of two better."""
        return self.rng.random() < logistic(SHARP * (self.joy(one) - self.joy(other)))


def logistic(x: float) -> float:
    return 1 / (1 + float(numpy.exp(-x)))


def colours(picture: bytes) -> numpy.ndarray:
    """The mean colour of the middle of a picture."""
    image = Pillow.open(io.BytesIO(picture)).convert("RGB")
    width, height = image.size
    middle = image.crop((width // 4, height // 4, width - width // 4, height - height // 4))
    return numpy.asarray(middle, dtype=float).mean((0, 1)) / 255


class Visits:
    """Visitors of one site. Pictures are fetched once: everybody sees the same bytes at one address."""

    def __init__(self, url: str, app: str, database: Path) -> None:
        self.url, self.app, self.database = url, app, database
        self.transport = httpx.HTTPTransport(retries=2)
        self.guests = 0
        self.pictures: dict[str, bytes] = {}
        self.nobody = self.client("192.0.2.1")

    def client(self, address: str) -> httpx.Client:
        headers = {"X-Forwarded-For": address, "Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        return httpx.Client(base_url=self.url, headers=headers, transport=self.transport, timeout=60)

    def guest(self) -> httpx.Client:
        """Somebody new, from a network of their own."""
        self.guests += 1
        return self.client(f"10.{self.guests // 250}.{self.guests % 250}.7")

    def pool(self) -> list[dict[str, Any]]:
        """The next pictures that the site shows."""
        return self.nobody.get(f"/api/apps/{self.app}/pool").raise_for_status().json()["items"]

    def picture(self, one: dict[str, Any]) -> bytes:
        """The bytes of a picture of the pool."""
        if one["id"] not in self.pictures:
            self.pictures[one["id"]] = self.nobody.get(one["picture"]).raise_for_status().content
        return self.pictures[one["id"]]

    def all_shown(self) -> list[bytes]:
        """All pictures that the site shows, each once."""
        seen: dict[str, dict[str, Any]] = {}
        for _ in range(4 * POOL // 8):
            seen |= {one["id"]: one for one in self.pool()}
        return [self.picture(one) for one in seen.values()]

    def rate(self, taste: Taste) -> None:
        """Somebody new says love or meh of a few pictures."""
        client = self.guest()
        for one in self.pool()[:EACH]:
            value = "love" if taste.loves(self.picture(one)) else "meh"
            told = client.post(f"/api/predictions/{one['id']}/feedback", json={"kind": "rate", "value": value})
            told.raise_for_status()

    def beside(self, client: httpx.Client) -> tuple[dict[str, Any], dict[str, Any]]:
        """A picture of the champion's pool, and another one beside it; with no challenger it is the champion's too."""
        first = self.pool()[0]
        told = client.post(f"/api/apps/{self.app}/predictions", json={}, headers={"X-Beside": first["id"]})
        return first, told.raise_for_status().json()

    def choose(self, taste: Taste, champion: str) -> bool:
        """Somebody new sees a picture of each release and says which they like better; False: there is one alone."""
        client = self.guest()
        first, second = self.beside(client)
        if second["release"] == champion:
            return False
        shown = base64.b64decode(second["output"]["picture"].partition(",")[2])
        better = taste.prefers(shown, self.picture(first))
        winner, loser = (second, first) if better else (first, second)
        body = {"kind": "choose", "value": True, "other": loser["id"], "pair": second["pair"]}
        client.post(f"/api/predictions/{winner['id']}/feedback", json=body).raise_for_status()
        return True

    def told(self) -> dict[str, Any]:
        """What the API says of the app."""
        return self.nobody.get(f"/api/apps/{self.app}").raise_for_status().json()

    def held(self, release: str) -> int:
        """How many pictures the pool holds of a release."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as c:
            return c.execute("SELECT count(*) FROM pool WHERE release = ?", (release,)).fetchone()[0]

    def until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait until something is so."""
        end = time.monotonic() + PATIENCE_S
        while not ready():
            if time.monotonic() > end:
                raise SystemExit(f"{what} took longer than {PATIENCE_S:.0f} s")
            time.sleep(0.3)


@dataclass
class Round:
    """What came of one round: the share of loved pictures shown after it, the choices it took, whether it promoted."""

    share: Interval
    choices: int
    promoted: bool
    seconds: float


def one_round(visits: Visits, taste: Taste) -> Round:
    """Words until it trains, choices until it is decided, and a look at what is shown then."""
    began, before = time.monotonic(), visits.told()
    rival, guest = "", visits.guest()

    def waits() -> bool:
        nonlocal rival
        rival = visits.beside(guest)[1]["release"]
        return rival != before["release"]

    for _ in range(WORDS):
        visits.rate(taste)
        if busy(visits.database):
            break
    while not waits() and time.monotonic() - began < PATIENCE_S:
        time.sleep(1)
    visits.until(lambda: visits.held(rival) >= POOL or not waits(), "the challenger's pool")
    chosen = 0
    while chosen < MOST_CHOICES and (now := visits.told())["release"] == before["release"]:
        if not visits.choose(taste, before["release"]):
            break
        chosen += 1
        if chosen in {wanted for wanted, _ in verdict.LOOKS}:
            time.sleep(0.1)
            visits.until(lambda: not busy(visits.database), "the verdict")
            time.sleep(1.5)  # the site looks twice a second at what it shall serve
    now = visits.told()
    promoted = now["release"] != before["release"]
    visits.until(lambda: visits.held(now["release"]) >= POOL * 0.9, "the pool")
    return Round(shown(visits, taste), chosen, promoted, time.monotonic() - began)


def busy(database: Path) -> bool:
    """Whether the loop has work."""
    query = """SELECT count(*) FROM jobs WHERE kind IN ('judge', 'retrain') AND NOT EXISTS
    (SELECT 1 FROM job_events WHERE job_events.job = jobs.id AND state IN ('done', 'refused', 'failed'))"""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as c:
        return bool(c.execute(query).fetchone()[0])


def shown(visits: Visits, taste: Taste) -> Interval:
    """The share of loved pictures among those shown, each asked about once."""
    loved = [taste.loves(one) for one in visits.all_shown()]
    return interval(sum(loved), len(loved))


def house(scratch: Path, app: str, seed: int) -> tuple[Interval, list[Round]]:
    """One site from its first release through two rounds."""
    project = make(scratch / str(seed), app)
    served = subprocess.Popen([*TEAHOUSE, "serve", "--no-open", "--port", "0"], cwd=project, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=(project / "log").open("wb"))  # fmt: skip
    try:
        visits = Visits(wait_for(project), app, project / ".teahouse" / "house.db")
        taste, first = Taste(seed), visits.told()["release"]
        visits.until(lambda: visits.held(first) >= POOL, "the first pool")
        taste.settle(visits.all_shown())
        before = shown(visits, taste)
        return before, [one_round(visits, taste) for _ in range(ROUNDS)]
    finally:
        served.terminate()
        served.wait(60)


def make(folder: Path, app: str) -> Path:
    """A project with the app and its first release."""
    folder.mkdir(parents=True)
    project = folder / app
    if app == "colour":
        (project / "apps" / app).mkdir(parents=True)
        (project / "apps" / app / "app.py").write_text(APP_PY, "utf-8")
    else:
        subprocess.run([*TEAHOUSE, "new", app, "--starter", app], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (project / "teahouse.toml").write_text(SETTINGS, "utf-8")
    if app == "colour":
        subprocess.run([*TEAHOUSE, "train"], cwd=project, check=True, capture_output=True, timeout=PATIENCE_S)
    return project


def percent(found: Interval) -> str:
    return f"{100 * found.value:.0f} ({100 * found.low:.0f} to {100 * found.high:.0f}, n {found.n})"


def pooled(found: list[Interval]) -> Interval:
    """All houses together."""
    return interval(sum(round(one.value * one.n) for one in found), sum(one.n for one in found))


def told(name: str, before: Interval, rounds: list[Round]) -> list[rows.Row]:
    """The rows of one house."""
    found = [rows.row(f"{name}: loved pictures shown at first, %", percent(before), "told", True)]
    for number, one in enumerate(rounds, 1):
        words = f"{percent(one.share)}; {one.choices} choices, {'promoted' if one.promoted else 'not promoted'}"
        found.append(rows.row(f"{name}: after round {number}", f"{words}, {one.seconds:.0f} s", "told", True))
    return found


def equal() -> rows.Row:
    """How often a challenger that is liked just as much is promoted, looked at after every choice."""
    rng, promoted = random.Random(20261125), 0
    for _ in range(EQUAL):
        preferred: list[bool] = []
        while (found := verdict.judge(preferred, (), Budget())).outcome == "hold":
            preferred += [rng.random() < 0.5 for _ in range(max(1, min(10, found.missing)))]
        promoted += found.outcome == "promote"
    share = interval(promoted, EQUAL)
    return rows.row(f"equal challengers promoted, of {EQUAL}", f"{promoted} ({100 * share.value:.1f} %)", "<= 5 %",
                    share.value <= 0.05)  # fmt: skip


def measure(quick: bool, app: str) -> list[rows.Row]:
    """The rows of the report."""
    found, before, after, promoted = [], [], [], []
    with tempfile.TemporaryDirectory(prefix="teahouse-choices-") as scratch:
        for seed in TASTES[:1] if quick else TASTES:
            began, rounds = house(Path(scratch), app, seed)
            found += told(f"{app}, taste {seed}", began, rounds)
            before.append(began)
            after.append(rounds[-1].share)
            promoted.append(any(one.promoted for one in rounds))
    old, new = pooled(before), pooled(after)
    words = f"{percent(old)} before, {percent(new)} after"
    return [
        *found,
        rows.row(f"{app}: two rounds raise the share of loved pictures shown, %", words, "the intervals are apart",
                 new.low > old.high),
        rows.row(f"{app}: sites where choices promoted a release", f"{sum(promoted)} of {len(promoted)}",
                 f"{len(promoted)}", all(promoted)),
        equal(),
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--app", default="colour")
    given, rest = parser.parse_known_args()
    return rows.main((__doc__ or "").partition("\n")[0], lambda quick: measure(quick, given.app), rest, own=parser)


if __name__ == "__main__":
    sys.exit(main())
