"""B4: a whole run unpickles nothing in any process, and a pickle under another name is refused wherever it is put."""

import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import httpx
import pytest

from teahouse import ids
from teahouse.engine.answering import Answerer
from teahouse.errors import ReleaseBroken
from teahouse.model import bundle
from teahouse.model.session import Session
from teahouse.store import jobs
from teahouse.store.house import House
from teahouse.testing import APP, photo, tiny_release, whole_house
from tests.loop import circle
from tests.standard.audit import Watch
from tests.standard.houses import RealHouse, wait_until
from tests.standard.visits import accept, held, marked, visit

ROOT = Path(__file__).parents[2]
UNPICKLED = "pickle.find_class"


def in_a_process(watch: Watch, *command: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, **watch.environment}
    given = {"cwd": ROOT, "env": environment, "capture_output": True, "text": True, "timeout": 100}
    return subprocess.run([sys.executable, *command], **given)


def test_b4_the_watch_itself_sees_a_pickle(tmp_path):
    watch = Watch(tmp_path / "watch", UNPICKLED)
    program = "import pickle, collections, subprocess, sys; pickle.loads(pickle.dumps(collections.OrderedDict))"
    again = f"import subprocess, sys; subprocess.run([sys.executable, '-P', '-c', {program!r}], check=True)"
    assert in_a_process(watch, "-c", again).returncode == 0
    assert [one["event"] for one in watch.told()] == [UNPICKLED] and len(watch.watched()) == 2


def test_b4_a_whole_circle_unpickles_nothing(tmp_path):
    watch = Watch(tmp_path / "watch", UNPICKLED)
    done = in_a_process(watch, "-m", "tests.standard.whole_run", str(tmp_path))
    assert done.stdout.startswith("whole") and done.returncode == 0, done.stderr[-3000:]
    assert watch.told() == []


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.timeout(300)
def test_b4_a_site_with_a_training_unpickles_nothing_in_any_of_its_processes(tmp_path):
    watch = Watch(tmp_path / "watch", UNPICKLED)
    circle.project(tmp_path / "house", count=20, epochs=2)
    with RealHouse(tmp_path / "house", environment=watch.environment) as house:
        house.prepare()
        house.start()
        with httpx.Client(base_url=house.url, timeout=30) as client, House.open(house.data) as own:
            for seed in range(4):
                accept(own, held(own, visit(client, house.url, marked("warm", seed))).label)
            job, _ = own.db.write(lambda c: jobs.ask(c, ids.new_id(), "retrain", APP))

            def ended():
                with own.db.read() as c:
                    found = jobs.get(c, job)
                return found if found.state in jobs.FINISHED else None

            found = wait_until(ended, "the training did not end", 240, pause=0.5)
            assert found.state in ("done", "refused") and "outcome" in found.detail, found.detail
            visit(client, house.url, marked("cold", 9))
            assert client.delete("/api/mine", headers={"Origin": house.url}).status_code == 204
        assert house.stop() == 0
    assert watch.told() == []
    words = " ".join(watch.watched())
    for process in ("cli serve", "desk.opening", "site.serve", "engine.worker", "loop.runner", "training.child"):
        assert f"teahouse.{process}" in words, f"{process} was not watched"


class Payload:
    """What makes the canary if anybody unpickles it."""

    def __init__(self, call, *given):
        self.call = (call, given)

    def __reduce__(self):
        return self.call


def pickles(canary: Path) -> dict[str, bytes]:
    """Pickles of every protocol that make the canary in several ways."""
    calls: dict[str, object] = {
        "system": Payload(os.system, f"touch {canary}"),
        "open": Payload(open, str(canary), "w"),
        "path": Payload(os.mkdir, str(canary)),
        "eval": Payload(eval, f"open({str(canary)!r}, 'w')"),
        "run": Payload(subprocess.call, ["touch", str(canary)]),
    }
    calls["nested"] = {"state": [{"weights": calls["open"]}]}
    found = {f"{name} {p}": pickle.dumps(one, p) for name, one in calls.items() for p in range(6)}
    touch = f"touch {canary}".encode()
    stack = b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c" + bytes([len(touch)]) + touch + b"\x85R."
    return {**found, "by the stack": stack, "cut off": found["open 2"][:-1], "twice": found["open 0"] * 2}


def wrapped(data: bytes) -> dict[str, bytes]:
    """The same bytes as the formats that carry pickles have them, and behind the heads of others."""
    magic = {"JPEG": b"\xff\xd8\xff\xe0", "PNG": b"\x89PNG\r\n\x1a\n", "WebP": b"RIFF\x00\x10\x00\x00WEBPVP8 "}
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    npy = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n" + data
    made = {"bare": data, "npy": npy, "zlib": zlib.compress(data)}
    made |= {kind: head + data for kind, head in magic.items()}
    for name, members in {"pt": ("archive/data.pkl", "archive/version"), "npz": ("weights.npy",)}.items():
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for member in members:
                archive.writestr(member, npy if name == "npz" else data if member.endswith("pkl") else b"3")
        made[name] = out.getvalue()
    made["bad CRC"] = made["pt"].replace(struct.pack("<I", zlib.crc32(data)), b"\0\0\0\0")
    made["safetensors head"] = struct.pack("<Q", 2) + b"{}" + data
    made["behind a photo"] = photo() + data
    return made


def samples(canary: Path) -> dict[str, bytes]:
    """About a hundred: all pickles bare, a few of them in every wrapping."""
    bare = pickles(canary)
    found = dict(bare)
    for name in ("system 2", "open 0", "path 3", "eval 4", "run 5", "nested 4"):
        found |= {f"{name}, {how}": data for how, data in wrapped(bare[name]).items() if how != "bare"}
    return found


def test_b4_a_pickle_posted_as_a_picture_is_refused_and_never_run(tmp_path):
    canary = tmp_path / "canary"
    given = samples(canary)
    assert len(given) >= 90
    with whole_house(tmp_path) as site:
        for name, data in given.items():
            for kind in ("image/jpeg", "application/octet-stream"):
                told = site.client.post(f"/api/apps/{APP}/predictions", content=data, headers={"Content-Type": kind})
                # a photo with something behind it is a photo: what is kept of it is encoded anew
                expected = (201,) if name.endswith("behind a photo") else (413, 422)
                assert told.status_code in expected, (name, told.text)
    assert not canary.exists()


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release") / "sound"
    tiny_release(folder)
    return folder


WEIGHTS = ("weights.safetensors", "familiar.safetensors", "code/weights.safetensors")
PLACES = ["model.onnx", *WEIGHTS, "weights.npz", "weights.bin", "weights.pt"]


@pytest.mark.parametrize("place", PLACES)
def test_b4_a_pickle_in_a_release_is_refused_and_never_run(tmp_path, sound, place):
    canary = tmp_path / "canary"
    manifest = bundle.read(sound)
    for number, data in enumerate(samples(canary).values()):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        for file in ("model.onnx", "examples/0.png", "examples/1.png"):
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_bytes((sound / file).read_bytes())
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).write_bytes(data)
        with pytest.raises(ReleaseBroken):
            bundle.seal(folder, manifest)
        with pytest.raises(ReleaseBroken):
            bundle.install(folder, tmp_path / "releases")
        if place == "model.onnx":
            with pytest.raises(ReleaseBroken):
                Session(folder)
            with pytest.raises(ReleaseBroken):
                Answerer(folder)
    assert not canary.exists()
    assert list((tmp_path / "releases").glob("*")) == [], "nothing of it stays"
