"""What a visitor does by HTTP, and what the house then holds of it, for the rows about privacy."""

from dataclasses import dataclass
from typing import Any

from teahouse import ids, testing
from teahouse.store import apps, inputs, labels, predictions, reviews
from teahouse.store.house import House

APP = testing.APP
MARKER = b"teahouse-marker-7a41be"


def marked(kind: str = "warm", seed: int = 0) -> bytes:
    """A JPEG with the marker in a comment segment, which decoders pass over."""
    photo = testing.photo(kind, seed)
    return photo[:2] + b"\xff\xfe" + (len(MARKER) + 2).to_bytes(2, "big") + MARKER + photo[2:]


def draw_nobody(house: House) -> None:
    """Declares that no visitor's photos are drawn to judge: all of them may train."""
    declared = testing.tiny_declaration(held=0.0)
    house.db.write(lambda c: apps.declare(c, APP, declared["title"], declared, "", ids.now_ms()))


@dataclass(frozen=True)
class Visit:
    """An answer and all that the house holds of it. `piece` is from the middle of the kept photo."""

    id: bytes
    path: str
    receipt: dict[str, str]
    visitor: bytes
    label: bytes
    blob: str
    piece: bytes


def ask(client: Any, origin: str, photo: bytes, **headers: str) -> dict[str, Any]:
    """The answer to a photo, asked by one of the site's own pages."""
    given = {"Content-Type": "image/jpeg", "Origin": origin, **headers}
    answer = client.post(f"/api/apps/{APP}/predictions", content=photo, headers=given)
    assert answer.status_code == 201, answer.text
    return answer.json()


def visit(client: Any, origin: str, photo: bytes, word: str = "cold") -> dict[str, Any]:
    """Play, say the right label, let the photo be kept; the answer."""
    told = ask(client, origin, photo)
    path, own = f"/api/predictions/{told['id']}", {"Origin": origin, "X-Receipt": told["receipt"]}
    said = client.post(f"{path}/feedback", json={"kind": "correct", "value": word}, headers=own)
    assert said.status_code == 201, said.text
    let = {**own, "X-Consent": "keep, train", "Content-Type": "image/jpeg"}
    assert client.put(f"{path}/input", content=photo, headers=let).status_code == 201
    return told


def held(house: House, told: dict[str, Any]) -> Visit:
    """What the house holds of an answer."""
    id_ = ids.parse(told["id"])
    with house.db.read() as c:
        row, label, (kept,) = predictions.get(c, id_), labels.of_prediction(c, id_), inputs.of_prediction(c, id_)
    data = house.blobs.get(kept.blob)
    piece = data[len(data) // 2 : len(data) // 2 + 48]
    receipt = {"X-Receipt": told["receipt"]}
    return Visit(id_, f"/api/predictions/{told['id']}", receipt, row.visitor, label.id, kept.blob, piece)


def accept(house: House, label: bytes, word: str = "cold") -> None:
    """The owner accepts a row."""
    house.db.write(lambda c: reviews.decide(c, reviews.Decision(label, "accept", {"label": word})))
