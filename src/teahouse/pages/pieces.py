"""What a page of a release shows at first: its samples with their answers, words with pictures, pictures of seeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from teahouse.site import pages, play
from teahouse.site.media import OPENING, SAMPLES, THUMB, example_path
from teahouse.site.pictures import RATES
from teahouse.spec.fields import absent
from teahouse.spec.fields.image import media_type

MAKE, SHOWN = 96, 24  # pictures of seeds that are made, and those of them that the app likes best
ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


@dataclass
class Piece:
    """Files by path; the fields of the play page that show them; the card's pictures; what the scripts know of it."""

    files: dict[str, bytes] = field(default_factory=dict)
    shown: dict[str, Any] = field(default_factory=dict)
    card: list[bytes] = field(default_factory=list)
    pool: list[dict[str, Any]] = field(default_factory=list)
    familiar: dict[str, Any] | None = None
    feedback: dict[str, list[Any]] = field(default_factory=dict)

    def put(self, path: str, data: bytes) -> str:
        """Keeps a file; its path with the ending of its kind."""
        path = f"{path}.{ENDINGS.get(media_type(data) or '', 'bin')}"
        self.files[path] = data
        return path

    def light(self, path: str, data: bytes, side: int) -> str:
        """Keeps a small copy of a picture."""
        from teahouse.spec import media

        return self.put(path, media.light(data, side).data)


def of(answerer: Any) -> Piece:
    """All of it, of a loaded release; its samples are answered as a site's worker answers them."""
    piece, manifest = Piece(), answerer.manifest
    drawn = absent.needs_nobody(answerer.fields)
    piece.feedback = feedback(answerer.output)
    first = manifest.examples[0] if manifest.examples else {}
    made = (first.get("expected") or {}) if isinstance(first.get("expected"), dict) else {}
    beside = any(one.kind == "image" for one in answerer.fields.values())
    given = first.get("inputs", {}) if beside else {}
    inputs = tuple(play.input_of(one, given, partial(chip, piece, answerer, one)) for one in answerer.fields.values())
    words = getattr(answerer.output, "words", None)
    piece.shown = {
        "labels": tuple(words()) if words else (),
        "inputs": inputs,
        "output_kind": answerer.output.kind,
        "fit": next((one.fit for one in answerer.fields.values() if one.kind == "image"), "keep"),
        "size": (made.get("width", 1), made.get("height", 1)),
        "samples": samples(piece, answerer),
    }
    piece.shown["opening"] = opening(piece, answerer)
    if drawn and answerer.output.kind == "image":
        stock(piece, answerer)
    if manifest.familiar and any(one.get("fit") in ("crop", "pad") for one in manifest.fields):
        path = f"model/{manifest.files[manifest.familiar['file']][:12]}.safetensors"
        piece.files[path] = (answerer.folder / manifest.familiar["file"]).read_bytes()
        piece.familiar = {"file": path, "threshold": manifest.familiar["threshold"]}
    return piece


def feedback(output: Any) -> dict[str, list[Any]]:
    """What may be said of an answer, as a site says it; nothing is compared, for there is one release."""
    said: dict[str, list[Any]] = {}
    if "rate" in output.feedback:
        said["rate"] = list(RATES)
    if "agree" in output.feedback:
        said["agree"] = [True]
    if "correct" in output.feedback:
        said["correct"] = list(output.words()) if hasattr(output, "words") else []
    return said


def chip(piece: Piece, answerer: Any, choice: Any, word: str) -> str:
    """The small picture of a word that can be chosen, or ""."""
    path = choice.picture(word)
    if path not in answerer.manifest.files:
        return ""
    name = f"samples/{choice.name}-{choice.words().index(word)}"
    return piece.light(name, (answerer.folder / path).read_bytes(), THUMB)


def samples(piece: Piece, answerer: Any) -> tuple[pages.Sample, ...]:
    """The release's example pictures, one tap each."""
    found = []
    for index in range(min(SAMPLES, len(answerer.manifest.examples))):
        path = example_path(answerer.manifest, index)
        if path:
            data = (answerer.folder / path).read_bytes()
            whole, small = piece.put(f"samples/{index}", data), piece.light(f"samples/{index}-cup", data, THUMB)
            found.append(pages.Sample(whole, f"Sample photo {index + 1}", small))
    return tuple(found)


def opening(piece: Piece, answerer: Any) -> pages.Opening | None:
    """The first example and its answer: the page stands answered before anything of the model is there."""
    path = example_path(answerer.manifest, 0)
    if not path:
        return None
    data = (answerer.folder / path).read_bytes()
    piece.card = [data]
    small = piece.light("samples/0-opening", data, OPENING)
    ((given, _), *_) = answerer.examples()
    told = answerer.answer(given)
    whole = next(name for name in piece.files if name.startswith("samples/0."))
    return pages.Opening(pages.Sample(whole, "Sample photo 1", small), answered(piece, told))


def answered(piece: Piece, told: Any) -> pages.Labelled | pages.Pictured | pages.Written:
    """An answer as the page shows it."""
    if told.parts:
        (made,) = told.parts
        piece.card.append(made.data)
        small = piece.light("samples/0-made-opening", made.data, OPENING)
        return pages.Pictured(piece.put("samples/0-made", made.data), made.width, made.height, small=small)
    if "scores" in told.output:
        scores = told.output["scores"]
        return pages.Labelled(told.output["label"], scores, max(scores.values()), told.familiar)
    value = told.output.get("text", told.output.get("number"))
    return pages.Written(f"{value:.4g}" if isinstance(value, float) else str(value), told.familiar)


def stock(piece: Piece, answerer: Any) -> None:
    """Pictures of an app that draws: many are made, those that it likes best are there with the page."""
    name = next(one.name for one in answerer.fields.values() if absent.is_drawn(one))
    made = []
    for number in range(MAKE):
        told = answerer.answer(values := absent.filled({}, answerer.fields, partial(absent.stand_in, number=number)))
        made.append((told.score or 0.0, values[name], told.parts[0]))
    made.sort(key=lambda one: -one[0])
    for _, seed, picture in made[:SHOWN]:
        piece.pool.append({"seed": seed, "picture": piece.put(f"pool/{seed}", picture.data)})
    _, seed, picture = made[0]
    piece.card = [picture.data]
    first = piece.pool.pop(0)
    piece.shown |= {"seed": seed, "picture": first["picture"], "prediction": f"seed-{seed}", "pool": (MAKE, SHOWN),
                    "size": (picture.width, picture.height)}  # fmt: skip
