"""Run: the child sees what it may see, says what it does, and its end is always told."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from teahouse import ids
from teahouse.errors import TrainingFailed
from teahouse.spec.load import load_app
from teahouse.testing import photo
from teahouse.training import gather, run

APP = """
from teahouse import App, Folder, Image, Labels
app = App(title="Warm or cold?", input=Image(size=16), output=Labels("warm", "cold"), data=Folder("photos"))
"""
HOOK = APP.replace(', data=Folder("photos")', "")


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "apps" / "warmth"
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(APP)
    for label in ("warm", "cold"):
        (folder / "photos" / label).mkdir(parents=True)
        for seed in range(3):
            (folder / "photos" / label / f"{seed}.jpg").write_bytes(photo(label, seed))
    return folder


def plan(source, hook="data", **how):
    return run.Plan("0" * 36, "warmth", hook, source, **how)


def carry_out(folder, plan, **how):
    told = []
    run.prepare(folder, plan)
    return run.follow(folder, told.append, **how), told


def rows(folder):
    return [json.loads(line) for line in (folder / "out" / "rows.jsonl").read_text().splitlines()]


def test_load_tells_the_declaration(source, tmp_path):
    result, _ = carry_out(tmp_path / "run", plan(source, "load"))
    assert result.ok
    assert json.loads((tmp_path / "run" / "declaration.json").read_bytes())["title"] == "Warm or cold?"


def test_data_comes_in_encoded_again_and_a_broken_gif_is_named_and_left_out(source, tmp_path):
    (source / "photos" / "warm" / "moving.gif").write_bytes(b"GIF89a not really")
    (source / "photos" / "cold" / "torn.jpg").write_bytes(photo("cold", 9)[:200])
    result, told = carry_out(tmp_path / "run", plan(source))
    assert result.or_raise()["rows"] == 6
    assert [one["name"] for one in result.value["left_out"]] == ["cold/torn.jpg", "warm/moving.gif"]
    assert "JPEG, PNG or WebP" in result.value["left_out"][1]["why"]
    assert told[-1]["numbers"] == {"done": 8, "of": 8, "new": 6, "left_out": 2}
    for row in rows(tmp_path / "run"):
        data = (tmp_path / "run" / "out" / "photos" / row["blob"]).read_bytes()
        assert ids.sha256(data) == row["blob"]
        assert len(row["near"]) == 16


def test_what_is_known_is_not_decoded_again(source, tmp_path):
    carry_out(tmp_path / "run", plan(source))
    known = {row["origin"]: [row["blob"], row["near"]] for row in rows(tmp_path / "run")}
    result, _ = carry_out(tmp_path / "again", plan(source, extra={"known": known}))
    assert (result.value["rows"], result.value["new"]) == (6, 0)
    assert not list((tmp_path / "again" / "out" / "photos").iterdir())
    strip = [{name: row[name] for name in ("origin", "blob", "truth")} for row in rows(tmp_path / "again")]
    assert [row["origin"] for row in strip] == [row["origin"] for row in rows(tmp_path / "run")]


def test_the_same_picture_under_two_labels_is_named(source, tmp_path):
    (source / "photos" / "cold" / "zz.jpg").write_bytes(photo("warm", 0))
    result, _ = carry_out(tmp_path / "run", plan(source))
    assert result.value["rows"] == 6
    assert "under another label" in result.value["left_out"][0]["why"]


def test_data_may_come_from_a_function(source, tmp_path):
    body = """
@app.data
def photos(folder):
    from teahouse.testing import photo
    for label in ("warm", "cold"):
        (folder / label).mkdir()
        for seed in range(2):
            (folder / label / f"{seed}.jpg").write_bytes(photo(label, seed))
"""
    (source / "app.py").write_text(HOOK + body)
    result, _ = carry_out(tmp_path / "run", plan(source))
    assert result.or_raise()["rows"] == 4


def test_a_mistake_in_the_makers_code_is_told_with_their_line(source, tmp_path):
    (source / "app.py").write_text(HOOK + "\n@app.data\ndef photos(folder):\n    return 1 / 0\n")
    result, _ = carry_out(tmp_path / "run", plan(source))
    assert not result.ok
    with pytest.raises(TrainingFailed) as error:
        result.or_raise()
    assert "app.py, line 7: return 1 / 0. ZeroDivisionError" in error.value.why


def test_a_child_that_is_killed_is_told_of(source, tmp_path):
    (source / "app.py").write_text(
        HOOK + "\n@app.data\ndef photos(folder):\n    import os\n    os.kill(os.getpid(), 9)\n"
    )
    result, _ = carry_out(tmp_path / "run", plan(source))
    assert "SIGKILL" in result.value["error"]["why"]


SLEEPS = "\n@app.data\ndef photos(folder):\n    import subprocess, sys\n    subprocess.run(['sleep', '600'])\n"


def test_a_child_that_takes_too_long_is_ended(source, tmp_path):
    (source / "app.py").write_text(HOOK + SLEEPS)
    result, _ = carry_out(tmp_path / "run", plan(source, limits=run.Limits(seconds=1.5)))
    assert "longer than 2 seconds" in result.value["error"]["why"]


LEAVES = """
@app.data
def photos(folder):
    import pathlib, subprocess
    left = subprocess.Popen(['sleep', '600'])
    pathlib.Path('{told}').write_text(str(left.pid))
    raise ValueError("and goes")
"""
STAYS = LEAVES.replace('raise ValueError("and goes")', "left.wait()")


def gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def until(true, seconds=20.0):
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)
    return found


def test_what_a_child_left_behind_ends_with_it(source, tmp_path):
    (source / "app.py").write_text(HOOK + LEAVES.format(told=tmp_path / "told"))
    result, _ = carry_out(tmp_path / "run", plan(source))
    assert "and goes" in result.value["error"]["why"]
    until(lambda: gone(int((tmp_path / "told").read_text())))


def test_a_child_whose_parent_goes_ends_with_all_it_started_also_where_the_kernel_does_not_tell(source, tmp_path):
    told = tmp_path / "told"
    (source / "app.py").write_text(HOOK + STAYS.format(told=told))
    run.prepare(tmp_path / "run", plan(source))
    deaf = "import sys; from teahouse import child; child.die_with_parent = lambda parent: None\n"
    begin = f"{deaf}from teahouse.training.child import main; sys.exit(main([sys.argv[1], '--parent', '1']))"
    command = [sys.executable, "-c", begin, str(tmp_path / "run")]
    trains = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    until(lambda: told.exists() and told.read_text())
    assert trains.poll() is None
    trains.stdin.close()
    assert trains.wait(20) == -signal.SIGKILL
    until(lambda: gone(int(told.read_text())))


def test_a_child_is_ended_when_asked(source, tmp_path):
    (source / "app.py").write_text(HOOK + SLEEPS)
    asked = threading.Event()
    asked.set()
    result, _ = carry_out(tmp_path / "run", plan(source), stop=asked.is_set)
    assert "asked to stop" in result.value["error"]["why"]


def test_a_child_that_eats_memory_ends_alone(source, tmp_path):
    (source / "app.py").write_text(HOOK + "\n@app.data\ndef photos(folder):\n    b'x' * (4 << 30)\n")
    result, _ = carry_out(tmp_path / "run", plan(source, limits=run.Limits(memory_mb=700)))
    assert result.value["error"]["what"] == "The training ran out of memory."


def test_a_child_sees_no_secrets_in_its_environment(source, tmp_path, monkeypatch):
    monkeypatch.setenv("TEAHOUSE_KEY", "a-secret")
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    seen = "\n@app.data\ndef photos(folder):\n    import os\n    raise ValueError(sorted(os.environ))\n"
    (source / "app.py").write_text(HOOK + seen)
    result, _ = carry_out(tmp_path / "run", plan(source))
    assert "PATH" in result.value["error"]["why"]
    assert "TEAHOUSE_KEY" not in result.value["error"]["why"]
    assert "DATABASE_URL" not in result.value["error"]["why"]


def test_a_child_gives_way_and_leads_a_session(source, tmp_path):
    seen = "import os\n    raise ValueError(os.nice(0), os.getsid(0) == os.getpid())\n"
    seen = f"\n@app.data\ndef photos(folder):\n    {seen}"
    (source / "app.py").write_text(HOOK + seen)
    result, _ = carry_out(tmp_path / "run", plan(source))
    assert f"{min(19, os.nice(0) + 10)}, True" in result.value["error"]["why"]


def test_a_row_that_judges_is_never_laid_out(source, tmp_path):
    row = {"row": "r", "inputs": {}, "truth": None, "split": "gold", "source": "maker"}
    with pytest.raises(TrainingFailed):
        run.prepare(tmp_path / "run", plan(source, "train", rows=(row,)))
    assert run.rows_for([row, {**row, "split": "train"}]) == ({**row, "split": "train"},)


def test_the_snapshot_holds_code_and_no_photos_or_links(source, tmp_path):
    (source / "helpers").mkdir()
    (source / "helpers" / "net.py").write_text("x = 1\n")
    (source / "weights.safetensors").write_bytes(b"w")
    (source / ".env").write_text("SECRET=1")
    os.symlink("/etc/passwd", source / "passwd.txt")
    digest = run.snapshot(source, tmp_path / "code")
    found = sorted(
        str(file.relative_to(tmp_path / "code")) for file in (tmp_path / "code").rglob("*") if file.is_file()
    )
    assert found == ["app.py", "helpers/net.py", "weights.safetensors"]
    assert digest == run.code_digest(source)


def test_a_tidied_folder_has_no_photo_and_no_row_left(source, tmp_path):
    carry_out(tmp_path / "run", plan(source))
    run.tidy(tmp_path / "run")
    left = sorted(file.name for file in (tmp_path / "run").iterdir())
    assert left == ["declaration.json", "log.txt", "progress.jsonl", "result.json", "run.json"]


def test_a_row_whose_photo_was_erased_is_not_laid_out(source, tmp_path):
    rows = [{"row": name, "inputs": {"input": {"blob": name * 64}}, "truth": None, "split": "train"} for name in "ab"]
    photo = {"a" * 64: b"photo"}.get
    run.prepare(tmp_path / "run", plan(source, "train", rows=tuple(rows), photo=photo))
    laid = [json.loads(line)["row"] for line in (tmp_path / "run" / "rows.jsonl").read_text().splitlines()]
    assert laid == ["a"]
    assert [file.name for file in (tmp_path / "run" / "photos").iterdir()] == ["a" * 64]


def test_a_file_that_can_not_be_read_is_named_and_left_out(source, tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    read = Path.read_bytes

    def torn(path):
        if path.name == "1.jpg":
            raise OSError(5, "Input/output error")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", torn)
    told = gather.gather(load_app(source), tmp_path / "run", source, {})
    assert told["rows"] == 4
    assert [one["name"] for one in told["left_out"]] == ["cold/1.jpg", "warm/1.jpg"]
    assert "Input/output error" in told["left_out"][0]["why"]
