"""A folder of real photographs, from `new` to an answer for every one of them at its original size."""

import json
import os
import re
import signal
import subprocess
import sys

import httpx
import pytest

from teahouse.desk.reach import wait_ready

pytestmark = [pytest.mark.photos, pytest.mark.torch, pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def ants(teahouse, here, photographs, monkeypatch):
    """The project of `new ants --from-folder`, trained for three epochs: enough for a release, not for a good one."""
    made = teahouse("new", "ants", "--from-folder", photographs)
    assert made.status == 0, made.words
    app = here / "ants" / "apps" / "ants"
    written = (app / "train.py").read_text()
    (app / "train.py").write_text(re.sub(r'"scratch": \d+', '"scratch": 3', written))
    monkeypatch.chdir(here / "ants")
    return made


@pytest.fixture
def url(ants, teahouse, here):
    """The site of the project, with the release that `train` made put on."""
    trained = teahouse("train", "--json")
    assert trained.status in (0, 1), trained.words
    assert teahouse("promote", "1").status == 0
    site = subprocess.Popen(
        [sys.executable, "-P", "-m", "teahouse.cli", "serve", "--quiet", "--port", "0"],
        cwd=here / "ants",
        stdin=subprocess.DEVNULL,
    )
    try:
        note = wait_ready(here / "ants" / ".teahouse", 60)
        assert note, "the site did not come up"
        yield note["url"]
    finally:
        os.kill(site.pid, signal.SIGTERM)
        assert site.wait(20) == 0


def test_a_file_that_is_no_photograph_is_named_and_the_rest_is_used(ants):
    assert "left out ants/imageNotFound.gif" in ants.words
    assert re.search(r"\d+ ants, \d+ bees", ants.words)


def test_every_photograph_gets_an_answer_at_its_original_size(url, photographs, teahouse):
    told = httpx.get(f"{url}/api/apps/ants").json()
    assert told["open"] and 0 <= told["accuracy"]["low"] <= told["accuracy"]["value"] <= told["accuracy"]["high"] <= 1
    assert told["accuracy"]["n"] >= 40
    refused = {}
    with httpx.Client(timeout=30) as visitor:
        for file in sorted(photographs.glob("*/*")):
            answer = visitor.post(
                f"{url}/api/apps/ants/predictions", content=file.read_bytes(), headers={"Content-Type": "image/jpeg"}
            )
            if answer.status_code != 201:
                refused[file.name] = answer.status_code
    assert refused == {"imageNotFound.gif": 422}
    assert json.loads(teahouse("status", "--json").out)["apps"][0]["champion"] == 1
