"""What the owner is told of a release's forms, and how one of them is pinned."""

import asyncio
import html
import re
import shutil
import socket
from dataclasses import replace

import pytest

from teahouse.model import bundle, shape
from teahouse.site import owner_forms, owner_releases, reconcile
from teahouse.store import forms, releases, rollouts
from teahouse.testing import APP, whole_house

PATH = f"/api/owner/apps/{APP}/rollouts"


@pytest.fixture
def site(tmp_path):
    with whole_house(tmp_path, kind="twice") as site:
        yield site


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch):
    """Nothing is loaded here, so nobody waits for it."""
    monkeypatch.setattr(owner_releases, "wait_served", lambda *given: "")


def page(owner, site):
    text = owner.get(f"/owner/releases/{site.release}").text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def write_times(site, fp32=20.0, int8=8.0):
    def write(c):
        for name, ms in (("fp32", fp32), ("int8", int8)):
            if ms is None:
                continue
            slots = 2 if ms else 0
            forms.add(c, forms.Timed(site.release, socket.gethostname(), name, slots, 1, 1, ms, 0))

    site.house.db.write(write)


def test_before_it_was_timed_the_page_says_so(site, owner):
    words = page(owner, site)
    assert "fp32 answers. How fast it is on this machine has not been measured yet." in words
    assert "not measured" in words and "3 of 1,204 answers differ" in words


def test_the_page_tells_how_fast_and_how_equal_each_form_is(site, owner):
    write_times(site)
    site.deps.serving = with_form(site, "int8")
    words = page(owner, site)
    assert "int8 answers: it is 2.5 times as fast here." in words
    assert "fp32 as it was trained 50 2 at a time the original" in words
    assert "int8 answers now in whole numbers, a quarter of the size 125 2 at a time 3 of 1,204 answers differ" in words
    assert "Always run fp32" in words and "Run the fastest" not in words


def test_the_page_tells_where_a_single_answer_has_all_cores(site, owner):
    one = forms.Timed(site.release, socket.gethostname(), "fp32", 2, 1, 1, 20.0, 0, alone=2)
    site.house.db.write(lambda c: forms.add(c, one))
    assert "50 2 at a time; one by itself, on 2 cores the original" in page(owner, site)


def with_form(site, form):
    shown = site.deps.serving.apps[APP]
    champion = replace(shown.champion, form=form)
    return replace(site.deps.serving, apps={APP: replace(shown, champion=champion)})


def test_a_form_is_pinned_and_let_go_and_the_champions_own_pin_stays(site, owner):
    write_times(site)
    given = {"release": site.release, "state": "full", "pinned": True, "form": "fp32", "why": "form fp32"}
    told = owner.post(PATH, json=given).json()
    assert (told["form"], told["pinned"]) == ("fp32", True)
    words = page(owner, site)
    assert "fp32 answers, as you always want it." in words
    assert "Always run int8" in words and "Always run fp32" not in words and "Run the fastest" in words
    assert "always runs as fp32, by you" in html.unescape(owner.get("/owner/timeline").text)
    owner.post(PATH, json={**given, "form": "fastest"})
    with site.house.db.read() as c:
        assert rollouts.form(c, APP) == ""
        assert rollouts.champion(c, APP).pinned


def test_a_form_that_a_release_does_not_have_can_not_be_pinned(tmp_path_factory, owner, site):
    plain = tmp_path_factory.mktemp("plain") / "release"
    with site.house.db.read() as c:
        manifest = shape.from_json(releases.get(c, site.release).manifest)
    shutil.copytree(site.house.releases / site.release, plain)
    (plain / "model.int8.onnx").unlink()
    left = [{"name": "int8", "why": "It answers otherwise too often: 14 of 1,204 answers differ (1.2 %); 0.3 % may."}]
    bundle.seal(plain, replace(manifest, forms=manifest.forms[:1], left_out=left, files={}))
    release = bundle.install(plain, site.house.releases)
    written = shape.to_json(bundle.read(site.house.releases / release))
    site.house.db.write(lambda c: releases.add(c, releases.Sealed(release, APP, None, written)))
    refused = owner.post(PATH, json={"release": release, "state": "full", "form": "int8"})
    assert refused.status_code == 409 and "14 of 1,204" in refused.json()["error"]["why"]
    text = html.unescape(owner.get(f"/owner/releases/{release}").text)
    assert "int8 was tried and left out. It answers otherwise too often: 14 of 1,204" in text
    assert owner.post(PATH, json={"release": release, "state": "full", "form": "int4"}).status_code == 422


@pytest.mark.parametrize(
    ("ms", "pinned", "form", "words"),
    [
        ((20.0, 19.0), "", "fp32", "fp32 answers: int8 is hardly faster here."),
        ((20.0, 0.0), "", "fp32", "fp32 answers: int8 does not answer its examples on this machine."),
        ((20.0, 0.0), "int8", "fp32", "fp32 answers: int8, which you want, does not answer the release's own examples"),
        ((20.0, None), "", "fp32", "fp32 answers. How fast int8 is on this machine has not been measured yet."),
        ((20.0, None), "int8", "int8", "int8 answers, as you always want it."),
        ((0.0, 0.0), "", "fp32", "fp32 answers. None of its forms answered the release's own examples"),
        ((20.0, 8.0), "int8", "int8", "int8 answers, as you always want it."),
    ],
)
def test_why_a_form_answers_is_told_in_words(site, owner, ms, pinned, form, words):
    write_times(site, *ms)
    if pinned:
        site.house.db.write(lambda c: rollouts.append(c, rollouts.Step(APP, site.release, "full", form=pinned)))
    site.deps.serving = with_form(site, form)
    assert words in page(owner, site)


def test_a_form_that_is_being_loaded_is_told_from_one_that_does_not_start(site, owner):
    write_times(site)
    site.deps.serving = with_form(site, "fp32")
    assert "fp32 answers while int8 is being loaded." in page(owner, site)
    asyncio.run(reconcile.once(site.deps))
    site.deps.serving = with_form(site, "fp32")
    assert "fp32 answers: int8 does not start on this machine." in page(owner, site)


def test_answers_a_second_are_told_in_two_digits():
    assert [owner_forms.pace(ms) for ms in (0.5, 8.0, 300.0)] == ["2,000", "125", "3.3"]
