"""The model's card: written from the facts, and silent where there are none."""

from types import SimpleNamespace

import pytest

from teahouse import ids
from teahouse.site import accuracy, telling
from teahouse.store import lineage
from teahouse.testing import APP, whole_house

HTML = {"Accept": "text/html"}
WHOLE = accuracy.Accuracy(value=0.9, low=0.85, high=0.94, n=200)


def live(run="r", kind="image"):
    return SimpleNamespace(manifest=SimpleNamespace(run=run), fields={"input": SimpleNamespace(kind=kind)})


def one(value, n=60):
    return {"value": value, "low": value - 0.05, "high": value + 0.05, "n": n}


def test_a_release_that_nobody_measured_says_so(site):
    page = site.client.get(f"/{APP}/card", headers=HTML)
    assert page.status_code == 200 and "Nobody has measured that yet." in page.text
    assert "Its maker trained it elsewhere" in page.text and "Release 1 answers since" in page.text
    assert f'href="/{APP}/card"' in site.client.get(f"/{APP}", headers=HTML).text


def test_what_was_judged_is_told_with_its_interval_and_its_weak_side(site):
    numbers = {
        "gold": {"n": 200, "champion": 160, "challenger_interval": WHOLE.model_dump()},
        "measured_on": "live",
        "report": {"accuracy": WHOLE.model_dump(), "classes": {"warm": one(0.95), "cold": one(0.7)}},
    }

    def judged(c):
        version = ids.new_id()
        lineage.add_version(c, lineage.Version(version, APP, "a" * 64, None, {}, "b" * 64, 1))
        verdict = lineage.Judged(ids.new_id(), APP, site.release, None, version, "promote", [], numbers)
        lineage.add_verdict(c, verdict)

    site.house.db.write(judged)
    page = site.client.get(f"/{APP}/card", headers=HTML).text
    assert "Right about 90 times in 100 on 200 photos from visitors" in page and "85 % to 94 %" in page
    assert "“Cold”: right about 70 times in 100, on 60 photos." in page and "“Warm”" in page
    assert page.count("right about") == 1  # warm is not weak


def test_photos_are_counted_by_whose_they_are():
    told = telling.learned(live(), {"train": 2900, "visitors": 160, "gold": 600})
    assert told[0] == "It learned from 2,900 photos." and told[1].startswith("160 of them are from visitors")
    assert "600 more were never shown" in told[2]
    assert "no visitor's photo" in telling.learned(live(), {"train": 10})[1]
    assert telling.learned(live(), {"train": 4, "visitors": 4})[1] == "All of them are from visitors who allowed it."
    assert "words on 12 pictures" in telling.learned(live(kind="seed"), {"train": 12, "words": 12})[0]
    assert telling.learned(live(), {}) == ()
    assert "elsewhere" in telling.learned(live(run=None), {})[0]


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"light": {"dark": {"n": 60, "challenger": 36}, "bright": {"n": 100, "challenger": 93}}}, ("dark", 60)),
        ({"device": {"phone": {"n": 60, "challenger": 48}}}, ("from phones", 80)),
        ({"light": {"dark": {"n": 19, "challenger": 3}}}, None),
        ({"source": {"live": {"n": 60, "challenger": 3}}}, None),
        ({"light": {"dark": {"words": "none"}}}, None),
        ({"light": 3, "unknown": {"dark": {"n": 60, "challenger": 3}}}, None),
        (None, None),
        ("nonsense", None),
    ],
)
def test_slices_that_are_clearly_weaker_are_named_and_nothing_else(parts, told):
    found = telling.weak({"slices": parts}, {}, WHOLE)
    assert len(found) == (1 if told else 0)
    if told:
        assert told[0] in found[0].lower() and f"right about {told[1]} times in 100, on 60 photos" in found[0]


def test_no_such_app_has_no_card_and_a_closed_one_says_it_is_closed(site):
    assert site.client.get("/other/card", headers=HTML).status_code == 404


def test_what_makes_pictures_tells_what_visitors_chose(tmp_path):
    assert telling.preferred({"choices": {"n": 24, "challenger": 18}}).startswith("18 of 24 visitors")
    assert telling.preferred({}) == ""
    with whole_house(tmp_path, kind="picture") as site:
        assert "Nobody has measured that yet." in site.client.get("/mirror/card", headers=HTML).text
