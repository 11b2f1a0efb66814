"""I1: every stated limit, at it and one over it, through HTTP; and the pages state what the code keeps."""

import base64
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from PIL import Image as Pillow

from teahouse import Image
from teahouse.site import given
from teahouse.spec.fields import image
from teahouse.testing import APP, photo, whole_house

ASK = f"/api/apps/{APP}/predictions"
LIMITS = Path(__file__).parents[2] / "docs" / "limits.md"


class Notes:
    """A field that takes any JSON, so that the limits of JSON itself are met and no field's own."""

    kind, binary, feedback = "notes", False, frozenset()

    def __init__(self, name: str):
        self.name = name

    def check(self, given):
        pass

    def schema(self):
        return {}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with whole_house(tmp_path_factory.mktemp("limits")) as site:
        yield site


@pytest.fixture
def notes(site, monkeypatch):
    """Lets the app take so many notes beside its photo."""
    predict, serving = site.engine.predict, site.deps.serving

    async def without_notes(release, parts, until, lane):
        return await predict(release, {"input": parts["input"]}, until, lane)

    def take(count: int) -> list[str]:
        fields = {"input": Image(size=16)} | {f"note{n}": Notes(f"note{n}") for n in range(count)}
        shown = serving.apps[APP]
        live = replace(shown.champion, fields=MappingProxyType(fields))
        site.deps.serving = replace(serving, apps={APP: replace(shown, champion=live)})
        return list(fields)[1:]

    monkeypatch.setattr(site.engine, "predict", without_notes)
    yield take
    site.deps.serving = serving


def post(site, content: bytes, kind: str = "image/jpeg") -> int:
    return site.client.post(ASK, content=content, headers={"Content-Type": kind}).status_code


def picture(width: int, height: int, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Pillow.new("RGB", (width, height), (220, 60, 40)).save(out, form)
    return out.getvalue()


def frames(count: int, form: str) -> bytes:
    out = io.BytesIO()
    shots = [Pillow.new("RGB", (16, 16), (220 - 150 * number, 60, 40)) for number in range(count)]
    shots[0].save(out, form, **({"save_all": True, "append_images": shots[1:]} if count > 1 else {}))
    return out.getvalue()


def test_i1_the_bytes_of_a_picture(site):
    body = photo()
    assert post(site, body + bytes(image.MAX_BYTES - len(body))) == 201
    assert post(site, body + bytes(image.MAX_BYTES + 1 - len(body))) == 413


def test_i1_the_bytes_of_a_picture_in_a_form_have_the_same_limit(site):
    body = photo()
    for size, status in ((image.MAX_BYTES, 201), (image.MAX_BYTES + 1, 413)):
        form = {"input": ("photo.jpg", body + bytes(size - len(body)), "image/jpeg")}
        assert site.client.post(ASK, files=form).status_code == status


def test_i1_megapixels(site):
    height = int(image.MAX_MEGAPIXELS * 1e6) // 6000
    assert post(site, picture(6000, height), "image/png") == 201
    assert post(site, picture(6000, height + 1), "image/png") == 413


@pytest.mark.parametrize("upright", [False, True])
def test_i1_the_side_of_a_picture(site, upright):
    for side, status in ((image.MAX_SIDE, 201), (image.MAX_SIDE + 1, 413)):
        assert post(site, picture(16, side) if upright else picture(side, 16), "image/png") == status


@pytest.mark.parametrize("form", ["WEBP", "PNG"])
def test_i1_frames(site, form):
    assert post(site, frames(1, form)) == 201
    assert post(site, frames(2, form)) == 422


def nested(levels: int) -> str:
    """A list of lists, so many deep."""
    return "[" * levels + "]" * levels


def as_json(fields: dict[str, str]) -> str:
    whole = {"input": json.dumps(base64.b64encode(photo()).decode()), **fields}
    return "{" + ",".join(f'"{name}":{value}' for name, value in whole.items()) + "}"


def test_i1_the_depth_of_json(site, notes):
    notes(1)
    for levels, status in ((given.MAX_DEPTH, 201), (given.MAX_DEPTH + 1, 422)):
        body = as_json({"note0": nested(levels - 1)})  # the object around it is a level too
        assert post(site, body.encode(), "application/json") == status
        form = {"input": ("a.jpg", photo(), "image/jpeg"), "note0": (None, nested(levels - 1))}
        assert site.client.post(ASK, files=form).status_code == status


def test_i1_the_length_of_a_text(site, notes):
    notes(1)
    for length, status in ((given.MAX_TEXT, 201), (given.MAX_TEXT + 1, 413)):
        body = as_json({"note0": json.dumps("é" * length)})
        assert post(site, body.encode(), "application/json") == status


def test_i1_the_fields_of_a_form_and_of_json(site, notes):
    for count, status in ((given.MAX_PARTS, 201), (given.MAX_PARTS + 1, 413)):
        names = notes(count - 1)
        form = {"input": ("a.jpg", photo(), "image/jpeg"), **{name: (None, "1") for name in names}}
        assert site.client.post(ASK, files=form).status_code == status
        assert post(site, as_json(dict.fromkeys(names, "1")).encode(), "application/json") == status


def numbers(text: str) -> dict[str, int]:
    """The limits that a text states, by what they are of."""
    patterns = {
        "megabytes": r"([\d,]+) MB\b",
        "megapixels": r"([\d,]+)\s+megapixels",
        "side": r"([\d,]+)\s+pixels\s+a\s+side",
        "text": r"([\d,]+)\s+characters",
        "fields": r"([\d,]+)\s+fields",
        "depth": r"([\d,]+)\s+levels",
    }
    found = {name: re.findall(pattern, text) for name, pattern in patterns.items()}
    return {name: int(all_[0].replace(",", "")) for name, all_ in found.items() if all_}


KEPT = {
    "megabytes": image.MAX_BYTES // 1_000_000,
    "megapixels": int(image.MAX_MEGAPIXELS),
    "side": image.MAX_SIDE,
    "text": given.MAX_TEXT,
    "fields": given.MAX_PARTS,
    "depth": given.MAX_DEPTH,
}


def test_i1_the_page_of_limits_states_what_the_code_keeps():
    table = LIMITS.read_text("utf-8").split("## What may be sent")[1].split("\n## ")[0]
    assert numbers(table) == KEPT
    assert "one frame" in table


def test_i1_openapi_states_what_the_code_keeps(site):
    document = site.client.get("/openapi.json").json()
    assert numbers(document["info"]["description"]) == KEPT
    ask = document["paths"][ASK]["post"]
    schema = ask["requestBody"]["content"]["image/*"]["schema"]["description"]
    some = {name: KEPT[name] for name in ("megabytes", "megapixels", "side")}
    assert numbers(schema) == some == numbers(ask["responses"]["413"]["description"])
