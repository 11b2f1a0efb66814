"""A whole house for tests, ours and a maker's: a release whose answers are known, an engine in this process, a client.

    from teahouse.testing import photo, whole_house

    with whole_house(tmp_path) as site:
        answer = site.ask("warm")  # POST /api/apps/warmth/predictions
        assert answer.json()["output"]["label"] == "warm"

The tiny release looks at the mean colour of a photo: more red than blue is "warm", more blue is "cold", and the
score is softmax(8 (red - blue), 8 (blue - red)) with red and blue between 0 and 1. No PyTorch, no training.

`whole_house(folder, kind="picture")` stands on a release that mirrors a photo of any size, `kind="seed"` on one that
draws 32 x 32 pixels of one colour from a seed and likes them the better the bluer they are; `kind="twice"` on the tiny
one with a second form beside, int8, that answers the same.
"""

from __future__ import annotations

import asyncio
import atexit
import base64
import io
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from teahouse.engine.answering import Answerer
    from teahouse.engine.port import Answer, Cleaned, EngineState, Ready, Wanted
    from teahouse.site.deps import Deps
    from teahouse.spec.fields.protocol import Picture
    from teahouse.store.house import House

APP = "warmth"
LABELS = ("warm", "cold")
SIDE = 16
NAMES = {"labels": APP, "twice": APP, "picture": "mirror", "seed": "colour"}
INT8 = {"name": "int8", "file": "model.int8.onnx", "flips": 3, "rows": 1204, "tolerance": 0.05}
_SCRATCH = tempfile.gettempdir()  # a test may point tempfile at a folder of its own
COLOURS = {"warm": (220, 60, 40), "cold": (40, 60, 220), "neither": (128, 128, 128)}
# ReduceMean over the picture, then a 3 x 2 matrix; opset 18, [n, 3, 16, 16] -> [n, 2]. Written once by onnx.helper.
MEAN_COLOUR = (
    "CAk65gEKMAoFaW5wdXQKBGF4ZXMSBG1lYW4iClJlZHVjZU1lYW4qDwoIa2VlcGRpbXMYAKABAgofCgRtZWFuCgd3ZWlnaHRzEgZvdXRwdXQiBk1hdE11"
    "bBILbWVhbi1jb2xvdXIqHAgCEAdCBGF4ZXNKEAIAAAAAAAAAAwAAAAAAAAAqKQgDCAIQAUIHd2VpZ2h0c0oYAAAAQQAAAMEAAAAAAAAAAAAAAMEAAABB"
    "WiAKBWlucHV0EhcKFQgBEhEKAxIBbgoCCAMKAggQCgIIEGIZCgZvdXRwdXQSDwoNCAESCQoDEgFuCgIIAkIECgAQEg=="
)


# Slice with step -1 along the width; opset 18, [n, 3, h, w] -> [n, 3, h, w].
MIRROR = (
    "CAkSADrZAQouCgVpbnB1dAoFYmVnaW4KA2VuZAoEYXhpcwoEc3RlcBIGb3V0cHV0IgVTbGljZRIGbWlycm9yKhUIARAHQgViZWdpbkoI////////"
    "//8qEwgBEAdCA2VuZEoIAAAAgP////8qFAgBEAdCBGF4aXNKCAMAAAAAAAAAKhQIARAHQgRzdGVwSgj//////////1oiCgVpbnB1dBIZChcIARIT"
    "CgMSAW4KAggDCgMSAWgKAxIBd2IjCgZvdXRwdXQSGQoXCAESEwoDEgFuCgIIAwoDEgFoCgMSAXdCBAoAEBI="
)
# sigmoid of the first three numbers is the colour, times 0.5..1 to the right and 1..0.5 downwards; its blue less the
# mean of red and green is the score; opset 18, [n, 8] -> [n, 3, 32, 32] and [n].
COLOUR = (
    "CAk6gQYKJwoFaW5wdXQKBWJlZ2luCgNlbmQKBGF4aXMSBWZpcnN0IgVTbGljZQoYCgVmaXJzdBIGY29sb3VyIgdTaWdtb2lkCh0KBmNvbG91cgoF"
    "c2lkZXMSA2RvdCIHUmVzaGFwZQoXCgNkb3QKBmFjcm9zcxIDcm93IgNNdWwKGAoDcm93CgRkb3duEgZvdXRwdXQiA011bAoeCgZjb2xvdXIKBGJs"
    "dWUSBmNvbHVtbiIGTWF0TXVsCh4KBmNvbHVtbgoEZmxhdBIFc2NvcmUiB1Jlc2hhcGUSBmNvbG91cioVCAEQB0IFYmVnaW5KCAAAAAAAAAAAKhMI"
    "ARAHQgNlbmRKCAMAAAAAAAAAKhQIARAHQgRheGlzSggBAAAAAAAAACotCAQQB0IFc2lkZXNKIP//////////AwAAAAAAAAABAAAAAAAAAAEAAAAA"
    "AAAAKhQIARAHQgRmbGF0Sgj//////////yqVAQgBCAEIAQggEAFCBmFjcm9zc0qAAQAAAD8IIQQ/EUIIPxljDD8hhBA/KaUUPzLGGD865xw/Qggh"
    "P0opJT9TSik/W2stP2OMMT9rrTU/dM45P3zvPT+EEEI/jDFGP5VSSj+dc04/pZRSP621Vj+21lo/vvdeP8YYYz/OOWc/11prP997bz/nnHM/7713"
    "P/jeez8AAIA/KpMBCAEIAQggCAEQAUIEZG93bkqAAQAAgD/43ns/7713P+eccz/fe28/11prP845Zz/GGGM/vvdeP7bWWj+ttVY/pZRSP51zTj+V"
    "Uko/jDFGP4QQQj987z0/dM45P2utNT9jjDE/W2stP1NKKT9KKSU/QgghPzrnHD8yxhg/KaUUPyGEED8ZYww/EUIIPwghBD8AAAA/KhoIAwgBEAFC"
    "BGJsdWVKDAAAAL8AAAC/AACAP1oYCgVpbnB1dBIPCg0IARIJCgMSAW4KAggIYiEKBm91dHB1dBIXChUIARIRCgMSAW4KAggDCgIIIAoCCCBiFAoF"
    "c2NvcmUSCwoJCAESBQoDEgFuQgQKABAS"
)


def photo(kind: str | tuple[int, int, int] = "warm", seed: int = 0, side: int = 64, form: str = "JPEG") -> bytes:
    """A picture file of one colour ("warm", "cold", "neither" or RGB) with a pattern that differs by `seed`.

    Two seeds are no near-duplicates of each other: their difference hashes are random."""
    import numpy
    from PIL import Image as Pillow

    colour = numpy.array(COLOURS[kind] if isinstance(kind, str) else kind, dtype=numpy.float32)
    blocks = numpy.random.default_rng(seed).uniform(-24, 24, (9, 9, 1)).astype(numpy.float32)
    small = (colour + blocks - blocks.mean()).clip(0, 255).astype(numpy.uint8)
    out = io.BytesIO()
    Pillow.fromarray(small).resize((side, side), Pillow.Resampling.NEAREST).save(out, form, quality=95)
    return out.getvalue()


def tiny_declaration(name: str = "", kind: str = "labels", **changes: Any) -> dict[str, Any]:
    """The declaration of a tiny release's app, as `App.declaration()` gives it."""
    return {**tiny_app(name, kind).declaration(), **changes}


def tiny_app(name: str = "", kind: str = "labels") -> Any:
    """A tiny release's app, as a maker would write it. kind: labels, picture (photo in, picture out) or seed."""
    from teahouse import App, Image, Labels, Seed

    name = name or NAMES[kind]
    if kind == "picture":
        return App(title="What does the mirror see?", name=name, input=Image(size=512, fit="keep"), output=Image())
    if kind == "seed":
        return App(title="This colour does not exist", name=name, input=Seed(8), output=Image(size=32))
    return App(title="Warm or cold?", name=name, input=Image(size=SIDE), output=Labels(*LABELS))


def tiny_release(folder: Path, name: str = "", note: str = "") -> str:
    """Build and seal the tiny release in `folder` (made here); its id. Another `note`, another release."""
    (folder / "examples").mkdir(parents=True)
    examples = []
    for number, label in enumerate(LABELS):
        given = photo(label, seed=number, form="PNG")
        (folder / "examples" / f"{number}.png").write_bytes(given)
        path = f"examples/{number}.png"
        examples.append({"file": path, "inputs": {"input": path}, "expected": expected(given)})
    return _sealed(folder, tiny_app(name), MEAN_COLOUR, examples, note)


def twice_release(folder: Path, name: str = "", note: str = "") -> str:
    """Build and seal the tiny release with a second form, int8, which is the first one's graph; its id."""
    from dataclasses import replace

    from teahouse.model import bundle

    tiny_release(folder, name, note)
    shutil.copyfile(folder / "model.onnx", folder / INT8["file"])
    manifest = bundle.read(folder)
    return bundle.seal(folder, replace(manifest, forms=[*manifest.forms, dict(INT8)], files={}))


def picture_release(folder: Path, name: str = "", note: str = "") -> str:
    """Build and seal a release that mirrors a photo of any size; its id."""
    from teahouse.spec import media

    (folder / "examples").mkdir(parents=True)
    app, examples = tiny_app(name, "picture"), []
    for number, colour in enumerate(COLOURS):
        given = photo(colour, seed=number, side=64, form="PNG")
        (folder / "examples" / f"{number}.png").write_bytes(given)
        path, made = f"examples/{number}.png", media.encode(app.fields["input"].tensor(given)[:, :, ::-1])
        examples.append({"file": path, "inputs": {"input": path}, "expected": _after(folder, number, made)})
    return _sealed(folder, app, MIRROR, examples, note)


def seed_release(folder: Path, name: str = "", note: str = "") -> str:
    """Build and seal a release that draws a colour from a seed and likes blue; its id."""
    (folder / "examples").mkdir(parents=True)
    examples = [
        {"file": "", "inputs": {"input": seed}, "expected": _after(folder, seed, colour_of(seed))} for seed in range(4)
    ]
    return _sealed(folder, tiny_app(name, "seed"), COLOUR, examples, note)


def colour_of(seed: int) -> Any:
    """What the seed release draws for a seed, worked out without it: a Picture."""
    import numpy

    from teahouse.spec import media

    ramp = numpy.linspace(0.5, 1, 32, dtype=numpy.float32)
    return media.encode(_rgb(seed)[:, None, None] * ramp * ramp[::-1, None])


def drew(data: bytes, seed: int) -> bool:
    """Whether these bytes are what the seed release draws for a seed; a value may be one of 255 off, for sums of
    float32 end differently from machine to machine."""
    import numpy
    from PIL import Image

    made, wanted = (numpy.asarray(Image.open(io.BytesIO(one)), dtype=int) for one in (data, colour_of(seed).data))
    return made.shape == wanted.shape and int(abs(made - wanted).max()) <= 1


def blueness(seed: int) -> float:
    """The seed release's score for a seed: its blue less the mean of red and green, -1..1."""
    red, green, blue = (float(part) for part in _rgb(seed))
    return blue - (red + green) / 2


def _rgb(seed: int) -> Any:
    import numpy

    return 1 / (1 + numpy.exp(-tiny_app(kind="seed").fields["input"].tensor(seed)[:3]))


def _after(folder: Path, number: int, made: Any) -> dict[str, Any]:
    """Write down the picture of an answer beside its example; what the manifest says of it."""
    from teahouse.spec import media

    path = f"examples/{number}-after.png"
    (folder / path).write_bytes(made.data)
    return {"picture": path, "width": made.width, "height": made.height, "mean": media.mean_colour(made.data)}


def _sealed(folder: Path, app: Any, onnx: str, examples: list[dict[str, Any]], note: str) -> str:
    from teahouse.model import bundle
    from teahouse.model.shape import Manifest

    (folder / "model.onnx").write_bytes(base64.b64decode(onnx))
    manifest = Manifest(
        app=app.name,
        title=app.title,
        note=note,
        fields=[each.json() for each in app.fields.values()],
        output=app.output.json(),
        parity={"max_abs": 0.0, "rows": len(examples)},
        examples=examples,
        made="2026-01-01T00:00:00Z",
    )
    return bundle.seal(folder, manifest)


@cache
def _made(kind: str, note: str) -> Path:
    """A folder with that release, made once in a process and removed at its end."""
    scratch = Path(tempfile.mkdtemp(prefix="teahouse-tiny-", dir=_SCRATCH))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    RELEASES[kind](scratch / "release", note=note)
    return scratch / "release"


RELEASES: dict[str, Callable[..., str]] = {
    "labels": tiny_release,
    "twice": twice_release,
    "picture": picture_release,
    "seed": seed_release,
}


def expected(given: bytes) -> dict[str, Any]:
    """What the tiny release says of a picture, worked out without it."""
    app = tiny_app()
    red, _, blue = app.fields["input"].tensor(given).mean((1, 2))
    return app.output.value([8 * float(red - blue), 8 * float(blue - red)])


@dataclass
class InProcessEngine:
    """The Engine port without processes: each release is an Answerer here. For tests, not for the open net.

    Counts what it did; `broken` names releases that shall fail to load, `hold_s` makes every answer take longer."""

    releases: Path
    broken: set[str] = field(default_factory=set)
    hold_s: float = 0.0
    answered: int = 0
    live: dict[str, Answerer] = field(default_factory=dict)
    lately: set[str] = field(default_factory=set)

    async def ensure(self, wanted: Sequence[Wanted]) -> Sequence[Ready]:
        """Load what is wanted and missing; forget what was not wanted the last time either: a request that began on the
        table of before is still answered, as the real engine does it for some seconds."""
        from teahouse.engine.answering import Answerer
        from teahouse.engine.port import Ready
        from teahouse.errors import TeahouseError

        told = []
        for one in wanted:
            why = "it is broken" if one.release in self.broken else ""
            live = self.live.get(one.release)
            if not why and (live is None or live.form["name"] != (one.form.name or live.manifest.forms[0]["name"])):
                try:
                    live = await asyncio.to_thread(Answerer, self.releases / one.release, form=one.form.name)
                    self.live[one.release] = live
                except TeahouseError as error:
                    why = str(error)
            told.append(Ready(one.release, live.form["name"] if live and not why else "", 1, why))
        now = {one.release for one in wanted}
        self.live = {release: answerer for release, answerer in self.live.items() if release in now | self.lately}
        self.lately = now
        return told

    async def predict(self, release: str, given: Mapping[str, Any], until: float, lane: str = "free") -> Answer:
        """One answer; NotReady where the release is not loaded."""
        from teahouse.errors import NotReady

        if release not in self.live:
            raise NotReady("This release is not loaded.", do_next="Try again in a moment.")
        if self.hold_s:
            await asyncio.sleep(self.hold_s)
        self.answered += 1
        return await asyncio.to_thread(self.live[release].answer, dict(given))

    def wake(self, release: str) -> None:
        """Nothing ever sleeps here."""

    def place(self, release: str, given: Mapping[str, Any]) -> tuple[int, float] | None:
        """Nothing ever waits here."""
        return None

    async def clean(self, data: bytes, field: Any) -> Cleaned:
        """The picture decoded and encoded again."""
        from teahouse.spec import media

        return await asyncio.to_thread(media.clean, data)

    async def light(self, data: bytes, side: int, lane: str = "free") -> Picture:
        """A small copy of a picture."""
        from teahouse.spec import media

        return await asyncio.to_thread(media.light, data, side)

    async def card(self, texts: Mapping[str, str], pictures: Sequence[bytes] = ()) -> bytes:
        """The card of a page."""
        from teahouse.engine import card

        return await asyncio.to_thread(card.draw, texts, pictures)

    def state(self) -> EngineState:
        """What is loaded; nothing ever waits here."""
        from teahouse.engine.port import EngineState, Ready

        return EngineState(
            ready=tuple(Ready(release, one.form["name"], 1) for release, one in self.live.items()),
            counts={"answered": self.answered},
        )

    async def close(self) -> None:
        """Forget all releases."""
        self.live.clear()


@dataclass
class WholeHouse:
    """A site over a house on a temporary folder: what the pages, the API and the store do, a test can see here."""

    house: House
    engine: Any
    deps: Deps
    app: FastAPI
    client: TestClient
    release: str
    kind: str = "labels"

    @property
    def name(self) -> str:
        """The app's name."""
        return NAMES[self.kind]

    def ask(self, kind: str = "warm", seed: int | None = 0, **headers: str) -> Any:
        """Post a photo as a visitor, or to an app of seeds the seed (None: let it be drawn); the response."""
        address = f"/api/apps/{self.name}/predictions"
        if self.kind == "seed":
            return self.client.post(address, json={} if seed is None else {"input": seed}, headers=headers)
        given = {"Content-Type": "image/jpeg", **headers}
        return self.client.post(address, content=photo(kind, seed or 0), headers=given)

    def visitor(self, address: str = "127.0.0.1") -> TestClient:
        """Another visitor: a client with a cookie jar of its own, answered by the same loop."""
        client = client_of(self.app, address)
        client.portal = self.client.portal  # else every request starts a thread and a loop
        return client


def client_of(app: FastAPI, address: str = "127.0.0.1") -> TestClient:
    """A test client that speaks from `address` to the site's own name."""
    from starlette.testclient import TestClient

    return TestClient(app, base_url="http://127.0.0.1:8360", client=(address, 50_000), follow_redirects=False)


def install_tiny(house: House, note: str = "", state: str = "full", kind: str = "labels") -> str:
    """Install a tiny release in an open house, declare its app and put it on (nowhere, where `state` is ""); its id."""
    from teahouse import ids
    from teahouse.model import bundle, shape
    from teahouse.store import apps, releases, rollouts

    release = bundle.install(_made(kind, note), house.releases)
    manifest, at = shape.to_json(bundle.read(house.releases / release)), ids.now_ms()
    name = NAMES[kind]

    def put(c: Any) -> None:
        apps.declare(c, name, manifest["title"], tiny_declaration(kind=kind), "", at)
        releases.add(c, release, name, None, manifest, at=at)
        if state:
            rollouts.append(c, name, release, state, by="owner", why="a test", at=at)

    house.db.write(put)
    return release


@contextmanager
def open_house(folder: Path) -> Iterator[House]:
    """A fresh house with all its tables, closed afterwards."""
    from teahouse.store.house import House

    house = House.open(folder)
    try:
        yield house
    finally:
        house.close()


@contextmanager
def whole_house(folder: Path, settings: Any = None, kind: str = "labels") -> Iterator[WholeHouse]:
    """A site with a tiny release on it (see RELEASES for the kinds), over the real store and the in-process engine."""
    from teahouse import settings as page
    from teahouse.site import reconcile
    from teahouse.site.assembly import create_app
    from teahouse.site.deps import make_deps

    with open_house(folder / ".teahouse") as house:
        release = install_tiny(house, kind=kind)
        engine = InProcessEngine(house.releases)
        deps = make_deps(house, engine, settings or page.Settings(project=folder))
        asyncio.run(reconcile.once(deps))
        app = create_app(deps)
        with client_of(app) as client:
            yield WholeHouse(house, engine, deps, app, client, release, kind)
