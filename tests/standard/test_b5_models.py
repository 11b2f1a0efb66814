"""B5: a model file can lie as it likes: it is refused, or loaded in a limited child that alone may come to harm."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from teahouse.engine.front import LocalEngine
from teahouse.engine.port import Wanted
from teahouse.errors import ReleaseBroken
from teahouse.model import archive, bundle
from teahouse.testing import APP, photo, tiny_release
from tests.standard.bad_archives import whole
from tests.standard.bad_models import models, mutations, weights
from tests.standard.test_i9_egress import can_trace
from tests.standard.zips import Part, tree, written

pytest.importorskip("onnx")
ROOT = Path(__file__).parents[2]
MUTATIONS = int(os.environ.get("TEAHOUSE_MUTATIONS", "1000"))  # 10,000 at night
MOST_S = 5.0
LIVE = 6  # models that a real worker is started for


@pytest.fixture(scope="module")
def honest(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("b5") / "honest"
    tiny_release(folder)
    return folder


def with_model(honest: Path, folder: Path, path: str, data: bytes) -> None:
    shutil.copytree(honest, folder)
    (folder / path).write_bytes(data)


def test_b5_thirty_crafted_models_are_refused_wherever_they_come_in(honest, tmp_path):
    crafted = [("model.onnx", *one) for one in models(str(tmp_path / "secret"))]
    crafted += [("weights.safetensors", *one) for one in weights()]
    crafted += [("code/familiar.safetensors", *one) for one in list(weights())[:3]]
    assert len(crafted) >= 30
    (tmp_path / "secret").write_text("secret")
    releases = tmp_path / "releases"
    for number, (path, name, data) in enumerate(crafted):
        folder, began = tmp_path / f"{number}", time.monotonic()
        with_model(honest, folder, "model.onnx", (honest / "model.onnx").read_bytes())
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(data)
        with pytest.raises(ReleaseBroken) as told:
            bundle.seal(folder, bundle.read(honest))
        assert told.value.what and told.value.do_next, name
        other = Part(path.encode(), data)
        (tmp_path / "b.teahouse").write_bytes(written(whole(honest, other, without=path)))
        with pytest.raises(ReleaseBroken):
            archive.unpack(tmp_path / "b.teahouse", releases, None)
        assert time.monotonic() - began < MOST_S, name
        assert not list(releases.iterdir()), name
        shutil.rmtree(folder)


def loaded(folder: Path, under: tuple[str, ...] = ()) -> tuple[list[dict], list[int]]:
    """Every model of the folder given to a limited child, a new one where one died: what they told, and of what."""
    told: list[dict] = []
    deaths: list[int] = []
    names = sorted(file.name for file in folder.glob("*.model"))
    while names:
        command = [*under, sys.executable, "-m", "tests.standard.loading", str(folder), names[0]]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)
        # onnxruntime has words of its own on the same stream
        found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        assert found, done.stderr[-2000:]
        told += found[1:]
        names = names[len(found) - 1 :]
        if done.returncode == 0:
            break
        assert done.returncode in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE), done.stderr[
            -2000:
        ]
        deaths.append(-done.returncode)
        names = names[1:]
    return told, deaths


def test_b5_mutated_models_are_refused_or_loaded_in_the_limited_child(tmp_path, capsys):
    for number, data in enumerate(mutations(MUTATIONS)):
        (tmp_path / f"{number:05}.model").write_bytes(data)
    before = tree(tmp_path)
    told, deaths = loaded(tmp_path)
    after = {name: data for name, data in tree(tmp_path).items() if not name.startswith("loaded")}
    assert after == before, "something was written"
    refused = sum(bool(one["refused"]) for one in told)
    with capsys.disabled():
        print(
            f"\nB5: {MUTATIONS} mutations: {refused} refused, {len(told) - refused} answer, {len(deaths)} ended a child"
        )
    assert len(told) + len(deaths) == MUTATIONS
    assert refused > MUTATIONS / 4, "the mutations hardly changed anything: the row would say nothing"


async def test_b5_a_site_goes_on_beside_models_that_do_not_load(honest, tmp_path):
    """Mutated models that pass the look at their bytes are given to the engine's real workers, beside a sound one."""
    releases, good = tmp_path / "releases", bundle.install(honest, tmp_path / "releases")
    bad: list[str] = []
    for number, data in enumerate(mutations(MUTATIONS, seed=6)):
        folder = tmp_path / f"{number}"
        with_model(honest, folder, "model.onnx", data)
        with contextlib.suppress(ReleaseBroken):
            bundle.seal(folder, replace(bundle.read(honest), note=f"{number}", files={}))
            bad.append(bundle.install(folder, releases))
        if len(bad) == LIVE:
            break
    given = SimpleNamespace(engine=SimpleNamespace(memory_mb=1024, deadline_s=10.0))
    engine = LocalEngine(releases, settings=given)
    try:
        for release in bad:
            became = await engine.ensure([Wanted(APP, good), Wanted(APP, release, "canary", 500)])
            assert became[0].why == ""
            answer = await engine.predict(good, {"input": photo("warm")}, time.monotonic() + 10, "free")
            assert answer.output["label"] == "warm"
            assert became[1].why == "" or "model.onnx" in became[1].why or "example" in became[1].why, became[1].why
    finally:
        await engine.close()


def opened(trace: Path) -> Iterator[tuple[str, bool]]:
    """(path, whether for writing) of each file that was opened or made, as strace wrote it down."""
    for line in trace.read_text("utf-8", "replace").splitlines():
        found = re.search(r'\b(?:openat|open|creat)\((?:[^,"]+, )?"((?:[^"\\]|\\.)*)"(.*)', line)
        if found and "= -1" not in found[2]:
            yield found[1], bool(re.search(r"O_WRONLY|O_RDWR|O_CREAT", found[2])) or "creat(" in line


def test_b5_no_file_outside_of_staging_is_opened(honest, tmp_path):
    if not can_trace():
        pytest.skip("needs strace")
    secret = tmp_path / "elsewhere" / "secret"
    secret.parent.mkdir()
    secret.write_text("secret")
    (tmp_path / "given").mkdir()
    (tmp_path / "models").mkdir()
    for number, (_, data) in enumerate(models(str(secret))):
        (tmp_path / "given" / f"{number}.teahouse").write_bytes(
            written(whole(honest, Part(b"model.onnx", data), without="model.onnx"))
        )
        (tmp_path / "models" / f"{number:05}.model").write_bytes(data)
    trace = tmp_path / "trace"
    under = ("strace", "-f", "-qq", "-o", str(trace), "-e", "trace=open,openat,creat")
    command = [*under, sys.executable, "-m", "tests.standard.unpacking", str(tmp_path / "given"), str(tmp_path / "r")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr[-2000:]
    assert all(json.loads(line)["refused"] for line in done.stdout.splitlines())
    seen = list(opened(trace))
    assert any(".staging-" in path for path, _ in seen), "the trace saw nothing"
    told, deaths = loaded(tmp_path / "models", under)
    assert deaths == [] and all(one["refused"] for one in told)
    seen += list(opened(trace))
    within = (str(tmp_path / "r"), str(tmp_path / "models" / "loaded"), "/dev/", "/proc/self/")
    assert [path for path, writes in seen if writes and not path.startswith(within) and "__pycache__" not in path] == []
    here = [path for path, _ in seen if path.startswith(str(tmp_path)) and not path.startswith(within)]
    assert {Path(path).parent.name for path in here} <= {"given", "models", tmp_path.name}
    assert not any(path.endswith("passwd") or "elsewhere" in path for path, _ in seen)
