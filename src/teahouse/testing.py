"""A whole house for tests, ours and a maker's: a release whose answers are known, an engine in this process, a client.

    from teahouse.testing import photo, whole_house

    with whole_house(tmp_path) as site:
        answer = site.ask("warm")  # POST /api/apps/warmth/predictions
        assert answer.json()["output"]["label"] == "warm"

The tiny release looks at the mean colour of a photo: more red than blue is "warm", more blue is "cold", and the
score is softmax(8 (red - blue), 8 (blue - red)) with red and blue between 0 and 1. No PyTorch, no training.
"""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from teahouse.engine.answering import Answerer
    from teahouse.engine.port import Answer, Cleaned, EngineState, Ready, Wanted
    from teahouse.site.deps import Deps
    from teahouse.store.house import House

APP = "warmth"
LABELS = ("warm", "cold")
SIDE = 16
COLOURS = {"warm": (220, 60, 40), "cold": (40, 60, 220), "neither": (128, 128, 128)}
# ReduceMean over the picture, then a 3 x 2 matrix; opset 18, [n, 3, 16, 16] -> [n, 2]. Written once by onnx.helper.
MEAN_COLOUR = (
    "CAk65gEKMAoFaW5wdXQKBGF4ZXMSBG1lYW4iClJlZHVjZU1lYW4qDwoIa2VlcGRpbXMYAKABAgofCgRtZWFuCgd3ZWlnaHRzEgZvdXRwdXQiBk1hdE11"
    "bBILbWVhbi1jb2xvdXIqHAgCEAdCBGF4ZXNKEAIAAAAAAAAAAwAAAAAAAAAqKQgDCAIQAUIHd2VpZ2h0c0oYAAAAQQAAAMEAAAAAAAAAAAAAAMEAAABB"
    "WiAKBWlucHV0EhcKFQgBEhEKAxIBbgoCCAMKAggQCgIIEGIZCgZvdXRwdXQSDwoNCAESCQoDEgFuCgIIAkIECgAQEg=="
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


def tiny_declaration(name: str = APP, **changes: Any) -> dict[str, Any]:
    """The declaration of the tiny release's app, as `App.declaration()` gives it."""
    return {**tiny_app(name).declaration(), **changes}


def tiny_app(name: str = APP) -> Any:
    """The tiny release's app, as a maker would write it."""
    from teahouse import App, Image, Labels

    return App(title="Warm or cold?", name=name, input=Image(size=SIDE), output=Labels(*LABELS))


def tiny_release(folder: Path, name: str = APP, note: str = "") -> str:
    """Build and seal the tiny release in `folder` (made here); its id. Another `note`, another release."""
    from teahouse.model import bundle
    from teahouse.model.shape import Manifest

    app = tiny_app(name)
    (folder / "examples").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(base64.b64decode(MEAN_COLOUR))
    examples = []
    for number, label in enumerate(LABELS):
        given = photo(label, seed=number, form="PNG")
        (folder / "examples" / f"{number}.png").write_bytes(given)
        examples.append(
            {
                "file": f"examples/{number}.png",
                "inputs": {"input": f"examples/{number}.png"},
                "expected": expected(given),
            }
        )
    manifest = Manifest(
        app=name,
        title=app.title,
        note=note,
        fields=[each.json() for each in app.fields.values()],
        output=app.output.json(),
        parity={"max_abs": 0.0, "rows": len(LABELS)},
        examples=examples,
        made="2026-01-01T00:00:00Z",
    )
    return bundle.seal(folder, manifest)


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
            if not why and one.release not in self.live:
                try:
                    self.live[one.release] = await asyncio.to_thread(Answerer, self.releases / one.release)
                except TeahouseError as error:
                    why = str(error)
            told.append(Ready(one.release, "fp32", 1, why))
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

    def place(self, release: str, given: Mapping[str, Any]) -> tuple[int, float] | None:
        """Nothing ever waits here."""
        return None

    async def clean(self, data: bytes, field: Any) -> Cleaned:
        """The picture decoded and encoded again."""
        from teahouse.spec import media

        return await asyncio.to_thread(media.clean, data)

    def state(self) -> EngineState:
        """What is loaded; nothing ever waits here."""
        from teahouse.engine.port import EngineState, Ready

        return EngineState(
            ready=tuple(Ready(release, "fp32", 1) for release in self.live), counts={"answered": self.answered}
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

    def ask(self, kind: str = "warm", seed: int = 0, **headers: str) -> Any:
        """Post a photo as a visitor; the response."""
        return self.client.post(
            f"/api/apps/{APP}/predictions", content=photo(kind, seed), headers={"Content-Type": "image/jpeg", **headers}
        )

    def visitor(self, address: str = "127.0.0.1") -> TestClient:
        """Another visitor: a client with a cookie jar of its own."""
        return client_of(self.app, address)


def client_of(app: FastAPI, address: str = "127.0.0.1") -> TestClient:
    """A test client that speaks from `address` to the site's own name."""
    from starlette.testclient import TestClient

    return TestClient(app, base_url="http://127.0.0.1:8360", client=(address, 50_000), follow_redirects=False)


def install_tiny(house: House, note: str = "", state: str = "full") -> str:
    """Install the tiny release in an open house, declare its app and put it on (nowhere, where `state` is ""); its
    id."""
    import tempfile

    from teahouse import ids
    from teahouse.model import bundle, shape
    from teahouse.store import apps, releases, rollouts

    with tempfile.TemporaryDirectory() as scratch:
        tiny_release(Path(scratch) / "release", note=note)
        release = bundle.install(Path(scratch) / "release", house.releases)
    manifest, at = shape.to_json(bundle.read(house.releases / release)), ids.now_ms()

    def put(c: Any) -> None:
        apps.declare(c, APP, manifest["title"], tiny_declaration(), "", at)
        releases.add(c, release, APP, None, manifest, at=at)
        if state:
            rollouts.append(c, APP, release, state, by="owner", why="a test", at=at)

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
def whole_house(folder: Path, settings: Any = None) -> Iterator[WholeHouse]:
    """A site with the tiny release on it, over the real store and the in-process engine."""
    from teahouse import settings as page
    from teahouse.site import reconcile
    from teahouse.site.assembly import create_app
    from teahouse.site.deps import make_deps

    with open_house(folder / ".teahouse") as house:
        release = install_tiny(house)
        engine = InProcessEngine(house.releases)
        deps = make_deps(house, engine, settings or page.Settings(project=folder))
        asyncio.run(reconcile.once(deps))
        app = create_app(deps)
        with client_of(app) as client:
            yield WholeHouse(house, engine, deps, app, client, release)
