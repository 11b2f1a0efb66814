"""I7: the API of a real site is what its OpenAPI document says: schemathesis finds nothing, no route is missing."""

import json
import os
import re
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import httpx
import pytest

from teahouse import ids, testing
from teahouse.feedback import teach
from teahouse.site import owner_door
from teahouse.site.routes import ROUTES
from teahouse.store import keys, labels, owners, probes
from teahouse.testing import APP
from tests.standard.conftest import PASSWORD, peopled
from tests.standard.houses import RealHouse

ROOT = Path(__file__).parents[2]
# Of each operation; nightly 2,000. 100 take 75 s of one core (5,100 cases, and 980 in a session), 50 fit a minute.
CASES = int(os.environ.get("TEAHOUSE_API_CASES", "50"))
KEY, TOKEN = "th_" + "k" * 43, "t" * 43
CHECKS = {
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "negative_data_rejection", "positive_data_acceptance", "missing_required_header",
    "unsupported_method", "allow_header_conformance", "use_after_free", "ensure_resource_availability", "ignored_auth",
    "object_level_authorization",
}  # fmt: skip
# What fits the schema and is refused all the same (422), because it hangs on the answer that it is about.
BY_THE_ANSWER = {
    "POST /api/predictions/{id}/feedback": "which words an answer takes, and its labels, hang on its app",
    "POST /api/predictions/{id}/share": "a picture that was made must be sent, and of no picture none",
    "PUT /api/predictions/{id}/input": "what is sent again must be what its app takes",
    "POST /api/apps/{app}/teach": "what a picture shows is one of the app's own labels",
    "POST /api/owner/reviews": "the right answer is one of the app's own labels",
}
# Routes that are no part of the document: pages for people, what pages are made of, and the machine's own.
OUTSIDE = {
    "pages": {"home", "play", "embed", "model-card", "teach-page", "mine", "mine-link", "shared", "log", "docs",
              "offline", "pass", "pay", "terms", "refunds", "tax", "seed", "claim", "owner-home", "owner-login",
              "owner-open"},
    "files of pages": {"static", "media", "embed-script", "manifest", "worker", "app-card", "seed-card", "shared-card",
                       "owner-media"},
    "the machine": {"openapi", "healthz", "readyz", "metrics"},
}  # fmt: skip

SETTINGS = """\
continue-on-failure = true
request-timeout = 20
max-stream-events = 1
cache = {{ enabled = false }}
headers = {{ {headers} }}

# Links carry what fits from one operation to the next; what does not fit, fuzzing sends.
[phases.stateful]
generation = {{ mode = "positive" }}
inference = {{ algorithms = [] }}
"""
ALSO_422 = """
[[operations]]
include-name = "{name}"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "422", "429"]
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A site with an owner, who has a key and a session, and with a version, a run and a job to show."""
    with RealHouse(tmp_path_factory.mktemp("house")) as real:
        release, at = real.prepare(), ids.now_ms()
        hashed = owner_door.Passwords().make(PASSWORD)

        def write(c):
            owners.claim(c, hashed, at)
            owners.session_add(c, ids.new_id(), ids.sha256(TOKEN.encode()), at + 10_000_000, at)
            keys.add(c, ids.new_id(), "owner", ["owner"], ids.sha256(KEY.encode()), at)
            probes.fill(c, APP, at)

        with testing.open_house(real.data) as own:
            for n in range(teach.LEAST * 4):
                own.db.write(partial(bring, own, n))
            own.db.write(write)
        assert release and real.start() < 60
        yield real, share(real.url)
        assert real.stop() == 0


def bring(own, n: int, c) -> None:
    """A training photo of the maker's: of many, some are probes, so that there is a round to teach it."""
    word = testing.LABELS[n % 2]
    inputs = {"input": {"blob": own.blobs.put(testing.photo(word, 5000 + n))}}
    row = {"at": 1, "app": APP, "source": "maker", "inputs": inputs, "truth": {"label": word}, "split": "train"}
    labels.add(c, {**row, "near": n.to_bytes(8)})


def share(url: str) -> str:
    """The token of an answer that a visitor shows to others."""
    given = {"Content-Type": "image/jpeg"}
    told = httpx.post(f"{url}/api/apps/{APP}/predictions", content=testing.photo(), headers=given, timeout=30).json()
    headers = {"X-Receipt": told["receipt"], "X-Consent": "show"}
    return httpx.post(f"{url}/api/predictions/{told['id']}/share", headers=headers, timeout=30).json()["token"]


def run(site, folder: Path, headers: dict[str, str], *options: str) -> tuple[str, dict[str, int]]:
    """Schemathesis on the site: its words, and how many requests each operation was answered."""
    house, token = site
    written = ", ".join(f'{name} = "{value}"' for name, value in {**headers, "Origin": house.url}.items())
    config = SETTINGS.format(headers=written) + "".join(ALSO_422.format(name=name) for name in BY_THE_ANSWER)
    (folder / "schemathesis.toml").write_text(config)
    log = folder / "cases.json"
    command = [
        sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(folder / "schemathesis.toml"),
        "run", f"{house.url}/openapi.json", "--checks", "all", "--max-examples", str(CASES), "--seed", "7",
        "--generation-database", "none", "--report", "har", "--report-har-path", str(log), *options,
    ]  # fmt: skip
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.standard.api_cases", "SHARED": token}
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stdout[-3000:] + done.stderr[-3000:]
    words = next(line.strip() for line in done.stdout.splitlines() if " generated" in line)
    print(f"I7: {words}, up to {CASES} of each operation and phase, {time.monotonic() - began:.0f} s")
    return done.stdout, answered(log, house.url)


def answered(log: Path, url: str) -> dict[str, int]:
    """How many requests were answered 2xx, by method and path with its ids as {}."""
    told: dict[str, int] = {}
    for entry in json.loads(log.read_text())["log"]["entries"]:
        path = entry["request"]["url"].removeprefix(url).partition("?")[0]
        path = re.sub(r"/(predictions|jobs|keys|reports|releases|shares|teach)/[^/]+", r"/\1/{}", path)
        if 200 <= entry["response"]["status"] < 300:
            name = f"{entry['request']['method']} {path}"
            told[name] = told.get(name, 0) + 1
    return told


def findings(words: str) -> str:
    """What schemathesis found, in its own words; nothing where it found nothing."""
    return words.partition("= FAILURES =")[2] or words.partition("= ERRORS =")[2]


def test_i7_the_checks_are_all_that_there_are():
    from schemathesis.checks import CHECKS as known
    from schemathesis.checks import load_all_checks

    load_all_checks()
    assert set(known.get_all_names()) == CHECKS and len(CHECKS) == 14


@pytest.mark.slow
@pytest.mark.timeout(60 + CASES * 4)
def test_i7_what_only_the_log_in_may_do(house, tmp_path, capsys):
    """Keys are made and ended in the browser's session alone, soon after a log-in: so these come first.
    Logging out, which ends the session, is asked with the key."""
    only = ("--include-path-regex", "^/api/owner/(keys|session)", "--exclude-operation-id", "owner-log-out",
            "--generation-with-security-parameters", "false")  # fmt: skip
    with capsys.disabled():
        words, good = run(house, tmp_path, {"Cookie": f"owner={TOKEN}"}, *only)
    assert not findings(words), findings(words)[-8000:]
    assert good.get("POST /api/owner/keys") and good.get("DELETE /api/owner/keys/{}") and good["GET /api/owner/session"]


@pytest.mark.slow
@pytest.mark.timeout(60 + CASES * 20)
def test_i7_schemathesis_finds_nothing(house, tmp_path, capsys):
    with capsys.disabled():
        words, good = run(house, tmp_path, {"Authorization": f"Bearer {KEY}"})
    assert not findings(words), findings(words)[-8000:]
    document = httpx.get(f"{house[0].url}/openapi.json", timeout=20).json()
    assert re.search(r"Tested: +(\d+)", words)[1] == str(len(documented(document)))
    for name in (
        f"POST /api/apps/{APP}/predictions", "GET /api/predictions/{}", "DELETE /api/predictions/{}",
        "POST /api/predictions/{}/feedback", "PUT /api/predictions/{}/input", "POST /api/predictions/{}/share",
        "DELETE /api/predictions/{}/share", "POST /api/reports", "GET /api/owner/jobs/{}", "GET /api/owner/releases/{}",
        "GET /api/owner/live", f"GET /api/apps/{APP}/teach", f"GET /api/apps/{APP}/teach/{{}}",
    ):  # fmt: skip
        assert good.get(name), f"{name} never said yes: {sorted(good)}"
    assert "Traceback" not in house[0].log.read_text()


def documented(document: dict) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, told in document["paths"].items() for method in told}


def test_i7_the_router_and_the_document_list_the_same(tmp_path):
    with peopled(tmp_path) as people:
        told = documented(people.site.client.get("/openapi.json").json())
    outside = set().union(*OUTSIDE.values())
    owner_pages = {route.name for route in ROUTES if route.path.startswith("/owner/") and route.who == "owner"}
    routed = {
        (route.method, route.path.replace("{app}/predictions", f"{APP}/predictions"))
        for route in ROUTES
        if route.name not in outside | owner_pages
    }
    assert told == routed
    assert {route.name for route in ROUTES} >= outside, "a name of OUTSIDE is no route"
    assert all(not route.path.startswith("/api/") for route in ROUTES if route.name in outside | owner_pages)


def test_i7_every_answer_of_the_document_has_a_shape(tmp_path):
    with peopled(tmp_path) as people:
        document = people.site.client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, told in operations.items():
            for status, answer in told["responses"].items():
                if "$ref" in answer:
                    answer = document["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
                assert status == "204" or answer.get("content"), (method, path, status)
                if status >= "400":
                    shape = answer["content"]["application/json"]["schema"]
                    assert shape == {"$ref": "#/components/schemas/Error"}, (method, path, status)
