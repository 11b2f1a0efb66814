"""Answers that are pictures: what the visitor gets, what stays on the disk, and what was used to make them."""

import asyncio
import base64
import io
import json

import numpy
import pytest
from PIL import Image

from teahouse import ids
from teahouse.errors import QueueFull
from teahouse.site import media
from teahouse.store import predictions
from teahouse.testing import NAMES, drew, install_tiny, photo

MIRROR, COLOUR = (f"/api/apps/{NAMES[kind]}/predictions" for kind in ("picture", "seed"))


def row_of(site, answer):
    with site.house.db.read() as c:
        return predictions.get(c, ids.parse(answer["id"]))


def bytes_of(answer):
    head, _, data = answer["output"]["picture"].partition(",")
    assert head == f"data:{answer['output']['media_type']};base64"
    return base64.b64decode(data, validate=True)


def test_a_photo_comes_back_as_a_picture_with_its_size(mirror):
    given = photo("warm", 3, side=300)
    response = mirror.client.post(MIRROR, content=given)
    answer = response.json()
    assert response.status_code == 201, response.text
    assert set(answer["output"]) == {"picture", "media_type", "width", "height"}
    assert (answer["output"]["width"], answer["output"]["height"]) == (300, 300)
    assert answer["confidence"] is None and "seed" not in answer and "inputs" not in answer
    assert answer["feedback"] == [{"kind": "rate", "values": ["love", "meh"]}]
    made = numpy.asarray(Image.open(io.BytesIO(bytes_of(answer)))).astype(float)
    source = numpy.asarray(Image.open(io.BytesIO(given))).astype(float)
    assert answer["output"]["media_type"] == "image/jpeg" and abs(made[:, ::-1] - source).mean() < 4


def test_the_disk_knows_a_picture_by_its_keyed_digest_alone(mirror):
    answer = mirror.ask("cold", 5).json()
    data, row = bytes_of(answer), row_of(mirror, answer)
    assert row.output == {
        "media_type": "image/png", "width": 64, "height": 64, "bytes": len(data),
        "digest": ids.keyed(mirror.house.key("output"), data).hex(),
    }  # fmt: skip
    files = [path.read_bytes() for path in mirror.house.data.rglob("*") if path.is_file()]
    assert not any(data[at : at + 60] in file for file in files for at in (100, len(data) // 2))
    assert not any(ids.sha256(data).encode() in file for file in files)
    told = mirror.client.get(f"/api/predictions/{answer['id']}", headers={"X-Receipt": answer["receipt"]}).json()
    assert told["output"] == {"media_type": "image/png", "width": 64, "height": 64, "bytes": len(data)}


@pytest.mark.parametrize("accept", ["image/*", "image/jpeg", "image/png, */*"])
def test_who_asks_for_a_picture_gets_its_bytes(mirror, accept):
    response = mirror.ask("warm", 1, Accept=accept)
    assert response.status_code == 201 and response.headers["content-type"] == "image/png"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in response.headers["content-security-policy"]
    assert Image.open(io.BytesIO(response.content)).size == (64, 64)
    row = row_of(mirror, {"id": response.headers["x-prediction"]})
    assert row.output["digest"] == ids.keyed(mirror.house.key("output"), response.content).hex()
    own = {"X-Receipt": response.headers["x-receipt"]}
    assert mirror.client.get(f"/api/predictions/{ids.text(row.id)}", headers=own).status_code == 200


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html, image/webp", ""])
def test_everybody_else_gets_json(mirror, accept):
    assert mirror.ask("warm", 1, Accept=accept).json()["output"]["media_type"] == "image/png"


def test_a_stream_ends_with_the_picture(mirror):
    mirror.engine.hold_s = 0.2
    told = mirror.ask("warm", 1, Accept="text/event-stream").text
    answer = json.loads(told.rpartition("event: answer\ndata: ")[2])
    assert Image.open(io.BytesIO(bytes_of(answer))).size == (64, 64)


def test_a_seed_that_nobody_gave_is_drawn_and_told(colour):
    answer = colour.ask(seed=None).json()
    row = row_of(colour, answer)
    assert answer["inputs"] == {"input": answer["seed"]} and row.seed == answer["seed"]
    assert drew(bytes_of(answer), answer["seed"])
    assert colour.ask(seed=None).json()["seed"] != answer["seed"]
    assert {"kind": "choose", "values": [True], "between": "seeds"} in answer["feedback"]
    again = colour.ask(seed=answer["seed"])
    assert again.json()["output"] == answer["output"]
    assert row_of(colour, again.json()).given == row.given
    assert colour.client.post(COLOUR).status_code == 201, "an app that needs nothing takes an empty body"


def test_a_raw_picture_tells_its_seed(colour):
    response = colour.client.post(COLOUR, headers={"Accept": "image/*"})
    assert drew(response.content, int(response.headers["x-seed"]))


def test_a_request_sent_again_is_the_same_picture_of_the_same_seed(colour, own):
    key = {**own, "Idempotency-Key": "once"}
    first, again = (colour.client.post(COLOUR, json={}, headers=key).json() for _ in range(2))
    assert (first["id"], first["seed"], first["output"]) == (again["id"], again["seed"], again["output"])


def test_a_picture_of_another_release_is_not_given_for_an_answered_key(colour, own):
    key = {**own, "Idempotency-Key": "once"}
    colour.client.post(COLOUR, json={"input": 1}, headers=key)
    install_tiny(colour.house, note="two", kind="seed")
    from teahouse.site import reconcile

    asyncio.run(reconcile.once(colour.deps))
    assert colour.client.post(COLOUR, json={"input": 1}, headers=key).status_code == 409


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "7", None, True])
def test_what_is_no_seed_is_refused(colour, seed):
    assert colour.client.post(COLOUR, json={"input": seed}).status_code == 422


def test_the_house_is_ready_when_picture_and_seed_apps_really_answer(mirror):
    install_tiny(mirror.house, kind="seed")
    from teahouse.site import reconcile

    asyncio.run(reconcile.once(mirror.deps))
    told = mirror.client.get("/readyz")
    assert told.json()["apps"] == {NAMES["picture"]: "answered", NAMES["seed"]: "answered"}, told.text


def test_the_picture_of_an_example_is_made_once_and_by_the_champion_alone(mirror):
    live = mirror.deps.serving.apps[NAMES["picture"]].champion
    address = media.example_output_address(mirror.deps, live, 0)
    answered = mirror.engine.answered
    for _ in range(3):
        response = mirror.client.get(address)
        assert response.status_code == 200 and response.headers["content-type"] == "image/png"
    assert mirror.engine.answered == answered + 1
    given = numpy.asarray(
        Image.open(io.BytesIO(mirror.client.get(media.example_address(mirror.deps, live, 0)).content))
    )
    assert (numpy.asarray(Image.open(io.BytesIO(response.content)))[:, ::-1] == given).all()
    assert media.example_output_address(mirror.deps, live, 99) == ""
    install_tiny(mirror.house, note="two", kind="picture")
    from teahouse.site import reconcile

    asyncio.run(reconcile.once(mirror.deps))
    assert mirror.client.get(address).status_code == 404


def test_a_small_copy_is_made_once_and_the_whole_picture_stands_in_while_none_can_be_made(mirror, monkeypatch):
    live = mirror.deps.serving.apps[NAMES["picture"]].champion
    for small, whole in (
        (media.light_example_address(mirror.deps, live, 0, 32), media.example_address(mirror.deps, live, 0)),
        (media.light_output_address(mirror.deps, live, 0, 32), media.example_output_address(mirror.deps, live, 0)),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(mirror.engine, "light", full)
            assert mirror.client.get(small).content == mirror.client.get(whole).content
        made = mirror.client.get(small)
        with Image.open(io.BytesIO(made.content)) as picture:
            assert (made.headers["content-type"], max(picture.size)) == ("image/webp", 32)
        with monkeypatch.context() as patch:
            patch.setattr(mirror.engine, "light", full)
            assert mirror.client.get(small).content == made.content
    assert media.light_example_address(mirror.deps, live, 99, 32) == ""
    assert media.light_output_address(mirror.deps, live, 99, 32) == ""


async def full(*_given):
    raise QueueFull("Full.")


def test_the_api_is_told_with_pictures(colour):
    told = colour.client.get("/openapi.json").json()["paths"][COLOUR]["post"]
    assert "image/*" in told["responses"]["201"]["content"] and told["requestBody"]["required"] is False
    assert "X-Beside" in {one["name"] for one in told["parameters"]}
    assert "X-Beside" in colour.client.get("/docs").text
