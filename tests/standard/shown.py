"""Everything of a visitor's pictures that a house serves, for the rows that look at the bytes and their headers."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from dataclasses import dataclass
from typing import Any

from starlette.testclient import TestClient

from teahouse import ids
from teahouse.site import owner_door
from teahouse.store import labels
from teahouse.testing import WholeHouse
from tests.standard.conftest import OWN, PASSWORD

MEDIA = re.compile(r"/media/[A-Za-z0-9_.\-]+")


@dataclass(frozen=True)
class Seen:
    """Responses by their address, and pictures that came in another way by what they are."""

    served: dict[str, Any]
    inside: dict[str, bytes]

    def pictures(self) -> dict[str, bytes]:
        return {**{name: one.content for name, one in self.served.items()}, **self.inside}


def owner_of(site: WholeHouse) -> TestClient:
    """The site's owner, logged in; its Door must be one that is quick (`argon2` at its least)."""
    client = site.visitor()
    client.headers.update(OWN)
    token = owner_door.claim_link(site.house, OWN["Origin"]).rsplit("/", 1)[1]
    assert client.post("/api/owner/session", json={"password": PASSWORD, "token": token}).status_code == 201
    return client


def data_url(text: str) -> bytes:
    return base64.b64decode(text.partition(",")[2])


def give(site: WholeHouse, client: TestClient, owner: TestClient, given: bytes) -> Seen | None:
    """A visitor lets a picture be answered, kept and shown; all that is served of it. None where it is refused."""
    sent = {**OWN, "Content-Type": "image/png"}
    answer = client.post(f"/api/apps/{site.name}/predictions", content=given, headers=sent)
    if answer.status_code != 201:
        assert answer.status_code in (413, 415, 422), answer.text
        return None
    told = answer.json()
    path, receipt = f"/api/predictions/{told['id']}", {**OWN, "X-Receipt": told["receipt"]}
    raw = client.post(f"/api/apps/{site.name}/predictions", content=given, headers={**sent, "Accept": "image/*"})
    kept = client.put(f"{path}/input", content=given, headers={**receipt, **sent, "X-Consent": "keep, train"})
    assert kept.status_code == 201, kept.text
    said = client.post(f"{path}/feedback", json={"kind": "rate", "value": "love"}, headers=receipt)
    assert said.status_code == 201, said.text
    made = data_url(told["output"]["picture"])
    shared = client.post(
        f"{path}/share", files={"picture": made, "photo": given}, headers={**receipt, "X-Consent": "show"}
    )
    assert shared.status_code == 201, shared.text
    page = f"/shared/{shared.json()['token']}"
    with site.house.db.read() as c:
        label = ids.text(labels.of_prediction(c, ids.parse(told["id"])).id)
    links = {*MEDIA.findall(client.get("/mine").text), *MEDIA.findall(site.visitor().get(page).text)}
    links |= {*MEDIA.findall(owner.get("/owner/reports").text)}
    served = {"the answer itself": raw, "the owner's photo": owner.get(f"/owner/media/{label}")}
    served |= {link: client.get(link) for link in links}
    served |= {f"{page}/card.png": site.visitor().get(f"{page}/card.png")}
    with zipfile.ZipFile(io.BytesIO(client.get("/api/mine/export").content)) as archive:
        inside = {name: archive.read(name) for name in archive.namelist() if not name.endswith(".json")}
    inside |= {f"blob {digest}": site.house.blobs.get(digest) for digest in site.house.blobs.digests()}
    return Seen(served, {"in the answer": made, **inside})
