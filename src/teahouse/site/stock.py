"""What pages show, in memory: small copies, what was made for a link, and the pool as a shuffled deck of cards."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from teahouse import ids
from teahouse.spec.fields import Picture

PASSING, PASSING_BYTES = 64, 32_000_000
K, V = TypeVar("K", bound=Hashable), TypeVar("V")


@dataclass(frozen=True)
class Piece:
    """A picture that nobody owns: its prediction, the seed it came of, the picture and its address on this site."""

    prediction: bytes
    id: str
    seed: int
    picture: Picture = field(repr=False)
    address: str
    score: float | None = None


@dataclass
class Shows:
    """How often a piece was shown, and when first (seconds of a monotonic clock)."""

    times: int = 0
    first: float = 0.0


class Deck:
    """One release's pieces. Whoever draws gets the next of a shuffled order, so that all are shown about as often and
    two draws in a row are two pieces. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pieces: dict[bytes, Piece] = {}
        self._by_seed: dict[int, Piece] = {}
        self._shows: dict[bytes, Shows] = {}
        self._order: list[Piece] = []

    def __len__(self) -> int:
        return len(self._pieces)

    def put(self, pieces: Iterable[Piece]) -> None:
        """Add these."""
        with self._lock:
            for piece in pieces:
                self._pieces[piece.prediction] = self._by_seed[piece.seed] = piece
                self._shows.setdefault(piece.prediction, Shows())
                self._order.insert(random.randrange(len(self._order) + 1), piece)

    def take(self, predictions: Iterable[bytes]) -> None:
        """Take these out; absent ones are fine."""
        with self._lock:
            for prediction in predictions:
                piece = self._pieces.pop(prediction, None)
                if piece is not None:
                    self._shows.pop(prediction)
                    if self._by_seed.get(piece.seed) is piece:
                        del self._by_seed[piece.seed]

    def draw(self, now: float, but: bytes | None = None) -> Piece | None:
        """The next one that is another than `but`; None where there is none."""
        return next(iter(self.hand(1, now, but)), None)

    def hand(self, most: int, now: float, but: bytes | None = None) -> list[Piece]:
        """The next ones, at most so many: none twice, and none that is `but`."""
        found: dict[bytes | None, Piece] = {}
        with self._lock:
            for _ in range(2):
                while self._order and len(found) < most:
                    piece = self._order.pop()
                    if piece.prediction in self._pieces and piece.prediction not in (but, *found):
                        found[piece.prediction] = self._shown(piece, now)
                if len(found) == most:
                    break
                self._order = random.sample(list(self._pieces.values()), len(self._pieces))
        return list(found.values())

    def numbers(self, make: int) -> tuple[int, int]:
        """How many were made for those that are here, and how many are; (0, 0) where the app likes all alike."""
        scored = sum(piece.score is not None for piece in list(self._pieces.values()))
        return (make * scored, scored) if scored else (0, 0)

    def get(self, prediction: bytes) -> Piece | None:
        """The piece of this prediction, or None."""
        return self._pieces.get(prediction)

    def of_seed(self, seed: int) -> Piece | None:
        """The piece that came of this seed, or None."""
        return self._by_seed.get(seed)

    def due(self, times: int, since: float) -> list[Piece]:
        """Those that were shown so often, or for the first time before `since`; the most shown first."""
        with self._lock:
            shown = [(self._shows[key], piece) for key, piece in self._pieces.items() if self._shows[key].times]
        old = [(each, piece) for each, piece in shown if each.times >= times or each.first < since]
        return [piece for _, piece in sorted(old, key=lambda pair: -pair[0].times)]

    def _shown(self, piece: Piece, now: float) -> Piece:
        shows = self._shows[piece.prediction]
        shows.first = shows.first if shows.times else now
        shows.times += 1
        return piece


class LruCache(Generic[K, V]):
    """What was put in or asked for last: at most so many, of so many bytes in all; always the last one. Thread-safe."""

    def __init__(self, most: int, most_bytes: int, size: Callable[[V], int]) -> None:
        self._most, self._most_bytes, self._size = most, most_bytes, size
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.RLock()
        self.bytes = 0

    def get(self, key: K) -> V | None:
        """What is kept under this key, or None; it counts as the last one now."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key]

    def put(self, key: K, value: V) -> None:
        """Keep this, and let go of what is one too many."""
        with self._lock:
            self.drop([key])
            self._kept[key] = value
            self.bytes += self._size(value)
            while len(self._kept) > 1 and (len(self._kept) > self._most or self.bytes > self._most_bytes):
                self.bytes -= self._size(self._kept.popitem(last=False)[1])

    def drop(self, keys: Iterable[K]) -> None:
        """Let go of these; absent ones are fine."""
        with self._lock:
            for key in keys:
                if key in self._kept:
                    self.bytes -= self._size(self._kept.pop(key))

    def items(self) -> list[tuple[K, V]]:
        """All of it, the last one last."""
        with self._lock:
            return list(self._kept.items())


class Stock:
    """All decks by release, and the last few pictures that were made for a link and are in no deck.

    `making`: what is being made for a link right now; `examples`: what a release makes of its own examples; `light`:
    small copies of its own pictures by (release, pixels, kind, which)."""

    def __init__(self) -> None:
        self._decks: dict[str, Deck] = {}
        self._passing = LruCache[tuple[str, int], Piece](PASSING, PASSING_BYTES, lambda one: len(one.picture.data))
        self.making: dict[tuple[str, int], asyncio.Task[Piece]] = {}
        self.examples: dict[tuple[str, int], Picture] = {}
        self.light: dict[tuple[str, int, str, str | int], bytes] = {}
        self.opened: Counter[tuple[str, str]] = Counter()  # (app, release): pages opened with one

    def deck(self, release: str) -> Deck:
        """The release's deck; an empty one where it has none yet."""
        return self._decks.setdefault(release, Deck())

    def find(self, prediction: bytes) -> Piece | None:
        """The piece of this prediction, wherever it is."""
        for deck in list(self._decks.values()):
            if (piece := deck.get(prediction)) is not None:
                return piece
        return next((piece for _, piece in self._passing.items() if piece.prediction == prediction), None)

    def of_seed(self, release: str, seed: int) -> Piece | None:
        """What this release made of this seed, if it is here."""
        return self.deck(release).of_seed(seed) or self._passing.get((release, seed))

    def seed_in_making(self, release: str) -> int | None:
        """A seed that this release is at work on: who just wants a picture need not ask for another one."""
        return next((seed for made_by, seed in self.making if made_by == release), None)

    def pass_by(self, release: str, piece: Piece) -> None:
        """Remember a picture that was made for a link, until 64 others were asked for, or 32 MB of them."""
        self._passing.put((release, piece.seed), piece)

    def pass_on(self, releases: set[str], until: int) -> None:
        """Forget what other releases made for a link, and what is older than `until` (ms UTC): its row goes in time."""
        made = self._passing.items()
        old = [key for key, one in made if key[0] not in releases or ids.made_at(one.prediction) < until]
        self._passing.drop(old)

    def out(self, predictions: Iterable[bytes]) -> None:
        """Take these out of every deck."""
        for deck in list(self._decks.values()):
            deck.take(predictions)

    def keep_only(self, releases: set[str]) -> None:
        """Forget the decks of all other releases."""
        for release in self._decks.keys() - releases:
            del self._decks[release]
        for kept in (self.examples, self.light):
            for key in [key for key in kept if key[0] not in releases]:
                del kept[key]
