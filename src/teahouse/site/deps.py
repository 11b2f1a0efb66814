"""What a handler gets to work with: the house, the engine, the settings, the table of live releases, the signers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Semaphore
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fastapi import Request
from itsdangerous import Signer, TimestampSigner

from teahouse import ids
from teahouse.engine.port import Form
from teahouse.errors import NotFound, NotReady, SettingsError
from teahouse.payments.chosen import till_of
from teahouse.site.budget import Budget
from teahouse.site.cap import Cap
from teahouse.site.chains import Chains
from teahouse.site.costs import Costs
from teahouse.site.kept import Kept
from teahouse.site.known import Known
from teahouse.site.mirror import Mirror
from teahouse.site.pulse import Pulse
from teahouse.site.purse import Purses
from teahouse.site.seen import Looks
from teahouse.site.stock import Stock

if TYPE_CHECKING:
    from teahouse.engine.port import Engine
    from teahouse.model.shape import Manifest
    from teahouse.payments.till import Till
    from teahouse.settings import Settings
    from teahouse.spec.fields.protocol import Field
    from teahouse.store.house import House


@dataclass(frozen=True)
class Live:
    """One wanted release of an app, with all that a request needs of it."""

    app: str
    release: str
    number: int
    seq: int
    state: str
    share: int
    manifest: Manifest
    fields: Mapping[str, Field]
    output: Field
    form: str
    ready: bool
    why: str = ""
    wants: Form = Form()  # how it shall run here; `form` is the name of the one that it runs in


def trains(declaration: Mapping[str, Any]) -> bool:
    """Whether an app's app.py says how it is trained: else nothing learns by itself from what is kept."""
    return "train" in declaration.get("hooks", ["train"])


@dataclass(frozen=True)
class Shown:
    """An app as the site shows it; ``champion`` is None until a release is full and loaded."""

    name: str
    title: str
    declaration: Mapping[str, Any]
    champion: Live | None = None
    canaries: tuple[Live, ...] = ()
    shadows: tuple[Live, ...] = ()

    @property
    def held(self) -> float:
        """The share of visitors whose answers are drawn for judging, 0..1; none of pictures, which choices judge."""
        if (self.declaration.get("output") or {}).get("kind") == "image":
            return 0.0
        return float(self.declaration.get("held", 1 / 3))

    @property
    def deadline_s(self) -> float:
        """Seconds an answer may take before the site says that it is late."""
        return float(self.declaration.get("deadline_s") or 10)


@dataclass(frozen=True)
class Serving:
    """What is live right now. The reconciler swaps the whole value in one assignment."""

    apps: Mapping[str, Shown] = field(default_factory=lambda: MappingProxyType({}))
    settled: bool = False

    def app(self, name: str) -> Shown:
        """The app of this name; NotFound, or NotReady before the first look at what there is."""
        shown = self.apps.get(name)
        if shown is None and not self.settled:
            raise NotReady("The site is just opening.", do_next="Try again in a moment.", retry_after=1)
        if shown is None:
            raise NotFound("There is no such app here.", do_next="See the home page for the apps of this site.")
        return shown


@dataclass(frozen=True)
class Signers:
    """Keyed signatures, each with a purpose of its own: none opens what another signed."""

    receipt: Signer
    visitor: Signer
    media: TimestampSigner
    link: TimestampSigner


def signers(house: House) -> Signers:
    """The signers of a house, keyed from its secret."""
    options: dict[str, Any] = {"digest_method": hashlib.sha256}
    return Signers(
        receipt=Signer(house.key("receipt"), salt=b"receipt", **options),
        visitor=Signer(house.key("visitor"), salt=b"visitor", **options),
        media=TimestampSigner(house.key("media"), salt=b"media", **options),
        link=TimestampSigner(house.key("link"), salt=b"mine", **options),
    )


@dataclass
class Deps:
    """The parts of one running site; two of them may live in one process.

    ``ask_for_loop`` tells the keeper that a job waits (the reconciler calls it). ``web`` names this
    web process in `servings`.
    """

    house: House
    engine: Engine
    settings: Settings
    signers: Signers
    web: str
    serving: Serving = field(default_factory=Serving)
    ask_for_loop: Callable[[], None] = lambda: None
    clock: Callable[[], int] = ids.now_ms
    stock: Stock = field(default_factory=Stock)
    looks: Looks = field(default_factory=Looks)
    mirror: Mirror = field(default_factory=Mirror)
    pulse: Pulse = field(default_factory=Pulse)
    known: Known = field(default_factory=Known)
    budget: Budget = field(default_factory=Budget)
    kept: Kept = field(default_factory=Kept)
    cap: Cap = field(default_factory=Cap)
    costs: Costs = field(default_factory=Costs)
    purses: Purses = field(default_factory=Purses)
    samples: dict[str, frozenset[bytes]] = field(default_factory=dict)  # what costs nobody an answer, by release
    chains: Chains = field(default_factory=Chains)
    calls: Semaphore = field(default_factory=lambda: BoundedSemaphore(4))  # to the till, at once
    till_awaited: bool = False  # a buyer is back, and waits for their payment to arrive
    _till: Till | None = None
    _keys: dict[str, bytes] = field(default_factory=dict)

    @property
    def till(self) -> Till:
        """Where money is taken; opened when it is first asked for. SettingsError where its access is not whole."""
        if self._till is None:
            self._till = till_of(self.settings, self.house)
        return self._till

    @property
    def live(self) -> bool:
        """Whether the till takes real money; where it can not be opened as if it did: play money buys nothing then."""
        try:
            return self.till.live
        except SettingsError:
            return True

    def key(self, purpose: str) -> bytes:
        """The house's 32 bytes for this purpose, read from its secret once."""
        if purpose not in self._keys:
            self._keys[purpose] = self.house.key(purpose)
        return self._keys[purpose]


def make_deps(house: House, engine: Engine, settings: Settings, ask_for_loop: Callable[[], None] | None = None) -> Deps:
    """The parts of a site over an open house and any engine."""
    budget = Budget(settings.limits.requests_per_minute)
    web = f"{os.getpid()}-{ids.text(ids.new_id())[-8:]}"
    deps = Deps(house, engine, settings, signers(house), web, budget=budget)
    if ask_for_loop is not None:
        deps.ask_for_loop = ask_for_loop
    return deps


def deps_of(request: Request) -> Deps:
    """The parts of the site that this request came to."""
    return request.app.state.deps
