"""What a request gives: several inputs in a form, in JSON or as a body, and what is done where one is left out."""

import base64
import json
from types import SimpleNamespace

import pytest

from teahouse import Choice, Image, Number, Seed, Text
from teahouse.errors import InputError, TooLarge
from teahouse.site import given
from teahouse.testing import photo, whole_house

PAINTER = {
    "photo": Image(size=64, fit="keep", name="photo"),
    "style": Choice("sky", "7", start="sky", name="style"),
    "strength": Number(0, 1, start=0.5, name="strength"),
}
KEY = b"k" * 32


def asked(body=b"", kind="", **headers):
    return SimpleNamespace(headers={"content-type": kind, **headers}), body


def opened(fields, body=b"", kind="", **headers):
    request, body = asked(body, kind, **headers)
    return given.opened(request, body, fields, KEY)


def form(**parts):
    lines = b""
    for name, value in parts.items():
        data = value if isinstance(value, bytes) else str(value).encode()
        lines += b'--x\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n\r\n' + data + b"\r\n"
    return lines + b"--x--\r\n", "multipart/form-data; boundary=x"


def test_a_form_with_several_inputs_is_taken_apart():
    parts, _ = opened(PAINTER, *form(photo=photo("warm"), style="7", strength="0.25"))
    assert parts == {"photo": photo("warm"), "style": "7", "strength": 0.25}


def test_what_is_left_out_is_at_its_start_in_every_kind_of_body():
    data = photo("warm")
    ways = [
        opened(PAINTER, data, "image/jpeg"),
        opened(PAINTER, *form(photo=data)),
        opened(PAINTER, json.dumps({"photo": base64.b64encode(data).decode()}).encode(), "application/json"),
    ]
    for parts, digest in ways:
        assert parts == {"photo": data, "style": "sky", "strength": 0.5}
        assert digest == ways[0][1], "however it came, it is the same request"
    assert opened(PAINTER, *form(photo=data, style="sky", strength=0.5))[1] == ways[0][1]
    assert opened(PAINTER, *form(photo=data, strength=0.6))[1] != ways[0][1]


def test_a_photo_or_what_has_no_start_is_asked_for():
    with pytest.raises(InputError, match='"photo" is missing'):
        opened(PAINTER, b"{}", "application/json")
    with pytest.raises(InputError, match='"words" is missing'):
        opened({"words": Text(name="words"), "seed": Seed(name="seed")}, b"{}", "application/json")


def test_a_seed_is_drawn_and_the_same_key_draws_the_same():
    fields = {"input": Seed(8)}
    one, other = opened(fields), opened(fields)
    assert one[0]["input"] != other[0]["input"] and one[1] != other[1]
    first, again = (opened(fields, **{"idempotency-key": "abc"}) for _ in range(2))
    assert first == again
    assert opened(fields, **{"idempotency-key": "abd"})[0] != first[0]
    assert opened(fields, b'{"input": 7}', "application/json", **{"idempotency-key": "abc"})[0] == {"input": 7}
    assert opened(fields, *form(input=7))[0] == {"input": 7}


@pytest.mark.parametrize("body", [b'{"input": "7"}', b'{"input": 4294967296}', b'{"input": 1.5}', b'{"input": null}'])
def test_what_is_no_seed_is_refused(body):
    with pytest.raises(InputError):
        opened({"input": Seed(8)}, body, "application/json")


def test_a_text_that_reads_as_json_stays_a_text():
    fields = {"words": Text(name="words")}
    for text in ("7", "true", '{"a": 1}', "two\r\nlines"):
        assert opened(fields, *form(words=text))[0]["words"] == text.replace("\r\n", "\n")
    with pytest.raises(TooLarge):
        opened(fields, *form(words="x" * 10_001))


def test_a_body_for_an_app_of_two_photos_is_refused():
    two = {"one": Image(name="one"), "other": Image(name="other")}
    with pytest.raises(InputError, match="several fields"):
        opened(two, photo("warm"), "image/jpeg")
    assert set(opened(two, *form(one=photo("warm"), other=photo("cold")))[0]) == {"one", "other"}


def test_a_house_of_seeds_answers_nobody_in_particular(tmp_path):
    with whole_house(tmp_path, kind="seed") as site:
        assert site.client.post("/api/apps/colour/predictions").status_code == 201
        pictures = {site.ask(seed=seed).json()["output"]["picture"] for seed in (1, 2, 1)}
        assert len(pictures) == 2
        assert site.ask(seed=None).status_code == 201
        assert site.ask(seed=-1).status_code == 422


def test_a_house_of_pictures_mirrors_photos_of_any_size(tmp_path):
    with whole_house(tmp_path, kind="picture") as site:
        for side in (8, 64, 900):
            answer = site.client.post(
                "/api/apps/mirror/predictions",
                content=photo("cold", side=side),
                headers={"Content-Type": "image/jpeg"},
            )
            assert answer.status_code == 201, answer.text
            assert answer.json()["output"]["picture"].startswith("data:image/")
