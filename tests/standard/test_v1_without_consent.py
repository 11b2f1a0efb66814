"""V1: what a visitor gave without a yes, and what a model made of it, is nowhere on the machine.

Also where the house was killed with it in flight."""

import base64
import os
import tempfile
import threading
import time
from pathlib import Path

import httpx
import pytest

from teahouse import testing
from tests.standard.houses import RealHouse

UPLOADS = int(os.environ.get("TEAHOUSE_UPLOADS", "200"))
MARKER = b"teahouse-marker-5f1c9d"
MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


def marked(seed: int) -> bytes:
    """A JPEG with the marker in a comment segment, which decoders pass over."""
    photo = testing.photo("warm", seed)
    return photo[:2] + b"\xff\xfe" + (len(MARKER) + 2).to_bytes(2, "big") + MARKER + photo[2:]


def files_since(began: float, *tops: Path):
    for top in tops:
        for file in top.rglob("*"):
            try:
                if file.is_file() and not file.is_symlink() and file.stat().st_mtime >= began - 1:
                    yield file
            except OSError:
                continue


def hits(began: float, tops: list[Path], known: set[Path]) -> list[str]:
    """Files younger than the run that hold the marker, or that are pictures."""
    found = []
    for file in files_since(began, *tops):
        try:
            data = file.read_bytes()
        except OSError:
            continue
        if MARKER in data or (file not in known and data.startswith(MAGIC)):
            found.append(str(file))
    return found


@pytest.mark.slow
@pytest.mark.timeout(300 + UPLOADS)
def test_v1_no_photo_stays_without_a_yes(tmp_path, monkeypatch):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with RealHouse(tmp_path / "house") as house:
        house.prepare()
        house.start()
        began, known = time.time(), set(house.data.rglob("*.png")) | set(house.data.rglob("*.jpg"))
        answered = 0
        for turn in range(4):
            with httpx.Client(
                base_url=house.url, timeout=10, headers={"Content-Type": "image/jpeg", "Origin": house.url}
            ) as client:
                for seed in range(UPLOADS // 4):
                    answered += (
                        client.post(f"/api/apps/{testing.APP}/predictions", content=marked(seed)).status_code == 201
                    )
                boundary, part = "xx", marked(turn)
                body = (
                    f'--{boundary}\r\nContent-Disposition: form-data; name="input"; filename="a.jpg"\r\n'.encode()
                    + b"Content-Type: image/jpeg\r\n\r\n"
                    + part
                    + b"x" * 2_000_000
                    + f"\r\n--{boundary}--\r\n".encode()
                )
                large = client.post(
                    f"/api/apps/{testing.APP}/predictions",
                    content=body,
                    headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
                )
                assert large.status_code == 201, large.text
                in_flight = [
                    threading.Thread(target=send_quietly, args=(house.url, marked(900 + seed))) for seed in range(6)
                ]
                for thread in in_flight:
                    thread.start()
                house.kill()
                for thread in in_flight:
                    thread.join(20)
            house.start()
        assert answered >= UPLOADS - 4
        assert house.stop() == 0
        assert hits(began, [house.root, temporary], known) == []
        (house.data / "run" / "planted").write_bytes(marked(1))
        assert len(hits(began, [house.root], known)) == 1, "the search itself finds nothing"


@pytest.mark.slow
@pytest.mark.timeout(300 + UPLOADS)
def test_v1_no_picture_made_of_a_photo_stays_without_a_yes(tmp_path, monkeypatch):
    temporary, app = tmp_path / "tmp", testing.NAMES["picture"]
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with RealHouse(tmp_path / "house") as house:
        house.prepare("picture")
        house.start()
        began, known = time.time(), set(house.data.rglob("*.png")) | set(house.data.rglob("*.jpg"))
        made: list[bytes] = []
        for _ in range(2):
            with httpx.Client(base_url=house.url, timeout=10, headers={"Origin": house.url}) as client:
                for seed in range(UPLOADS // 4):
                    given = {"Content-Type": "image/jpeg", "Accept": "image/*" if seed % 2 else "application/json"}
                    answer = client.post(f"/api/apps/{app}/predictions", content=marked(seed), headers=given)
                    assert answer.status_code == 201, answer.text
                    made.append(answer.content if seed % 2 else picture_of(answer.json()))
                in_flight = [
                    threading.Thread(target=send_quietly, args=(house.url, marked(900 + seed), app))
                    for seed in range(6)
                ]
                for thread in in_flight:
                    thread.start()
                house.kill()
                for thread in in_flight:
                    thread.join(20)
            house.start()
        assert house.stop() == 0
        # in the middle of a picture no two are alike, and nothing of it is in any other file
        pieces = [data[len(data) // 2 :][:40] for data in made]
        assert all(data.startswith(MAGIC) for data in made) and len(set(pieces)) > len(pieces) // 3
        told = [base64.b64encode(data)[600:680] for data in made]
        assert hits(began, [house.root, temporary], known) == []
        assert found_in(began, [house.root, temporary], [*pieces, *told]) == []
        (house.data / "run" / "planted").write_bytes(b"." + made[0])
        (house.data / "run" / "too").write_bytes(base64.b64encode(made[0]))
        assert len(found_in(began, [house.root], [*pieces, *told])) == 2, "the search itself finds nothing"


def picture_of(answer: dict) -> bytes:
    """The bytes in an answer's data URL."""
    return base64.b64decode(answer["output"]["picture"].partition(",")[2])


def found_in(began: float, tops: list[Path], pieces: list[bytes]) -> list[str]:
    """Files younger than the run that hold one of these."""
    return [str(file) for file in files_since(began, *tops) if any(map(file.read_bytes().__contains__, pieces))]


def send_quietly(url: str, photo: bytes, app: str = testing.APP) -> None:
    """A request that the kill may cut."""
    try:
        httpx.post(
            f"{url}/api/apps/{app}/predictions",
            content=photo,
            headers={"Content-Type": "image/jpeg"},
            timeout=10,
        )
    except httpx.HTTPError:
        pass
