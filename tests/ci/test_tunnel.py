"""`teahouse share`: with programs on the path that say what the real ones say."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from teahouse.cli import tunnel
from teahouse.desk.say import CheckFailed, WrongUse
from teahouse.testing import install_tiny, open_house, photo

LINK = "https://quiet-green-leaf-pot.trycloudflare.com"
SAYS = {
    "cloudflared": f"""
2026-01-02T10:00:00Z INF Thank you for trying Cloudflare Tunnel. ... https://developers.cloudflare.com/cloudflare-one/
2026-01-02T10:00:00Z INF Requesting new quick Tunnel on trycloudflare.com...
2026-01-02T10:00:03Z INF +--------------------------------------------------------------------------------------------+
2026-01-02T10:00:03Z INF |  Your quick Tunnel has been created! Visit it at (it may take some time to be reachable):  |
2026-01-02T10:00:03Z INF |  {LINK}                                            |
2026-01-02T10:00:03Z INF +--------------------------------------------------------------------------------------------+
""",
    "tailscale": """
Available on the internet:

https://desk.tail1234.ts.net/
|-- proxy http://127.0.0.1:8360

Press Ctrl+C to exit.
""",
    "ngrok": """
t=2026-01-02T10:00:00+0000 lvl=info msg="starting web service" obj=web addr=127.0.0.1:4040 allow_hosts=[]
t=2026-01-02T10:00:01+0000 lvl=info msg="started tunnel" obj=tunnels name=command_line addr=http://127.0.0.1:8360 url=https://ab12-203.ngrok-free.app
""",
    "ssh": """
===============================================================================
Welcome to localhost.run!
Follow your favourite reverse tunnel at [https://twitter.com/localhost_run].
To set up and manage custom domains go to https://admin.localhost.run/
** your connection id is 0a1b, please mention it if you send me a message about an issue. **

5f3d1e7c9a.lhr.life tunneled with tls termination, https://5f3d1e7c9a.lhr.life
create an account and add your key for a longer lasting domain name.
""",
}
LINKS = {
    "cloudflared": LINK,
    "tailscale": "https://desk.tail1234.ts.net",
    "ngrok": "https://ab12-203.ngrok-free.app",
    "ssh": "https://5f3d1e7c9a.lhr.life",
}


def program(folder: Path, name: str, says: str, ends: bool = False) -> Path:
    """A program that says these words, notes how it was called, and stays (or leaves with a fault)."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    words = folder / f"{name}.txt"
    words.write_text(says)
    last = "exit 1" if ends else "exec sleep 120"
    notes = f'echo "$@" > {folder}/{name}.called\necho $$ > {folder}/{name}.pid\nexport -p > {folder}/{name}.seen'
    path.write_text(f"#!/bin/sh\n{notes}\ncat {words} >&2\n{last}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A folder that is the whole path, but for the shell's own tools."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("sleep", "cat"):
        (folder / name).symlink_to(next(p for p in (Path("/bin") / name, Path("/usr/bin") / name) if p.exists()))
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.mark.parametrize("name", SAYS)
def test_the_link_is_found_in_what_each_program_says(programs, name):
    program(programs, name, SAYS[name])
    with tunnel.opened(tunnel.chosen(name), 8360) as link:
        assert link == LINKS[name]
        assert "8360" in (programs / f"{name}.called").read_text()
    pid = int((programs / f"{name}.pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_program_sees_what_it_needs_and_no_secret_of_anybody(programs, monkeypatch):
    for name in ("TEAHOUSE_SIGNING_KEY", "TEAHOUSE_KEY", "TEAHOUSE_SITE_URL", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("NGROK_AUTHTOKEN", "mine")
    program(programs, "ngrok", SAYS["ngrok"])
    with tunnel.opened(tunnel.chosen("ngrok"), 8360):
        seen = (programs / "ngrok.seen").read_text()
    assert "secret" not in seen and "NGROK_AUTHTOKEN" in seen and "HOME" in seen


def test_the_first_that_is_installed_is_taken_and_another_can_be_asked_for(programs):
    with pytest.raises(WrongUse, match="No tunnel program"):
        tunnel.chosen(None)
    program(programs, "ssh", "")
    program(programs, "ngrok", "")
    assert tunnel.chosen(None).name == "ngrok" and tunnel.chosen("ssh").name == "ssh"
    with pytest.raises(WrongUse, match="cloudflared is not installed") as refused:
        tunnel.chosen("cloudflared")
    assert "--by ngrok" in refused.value.do_next


def test_a_program_that_ends_without_a_link_is_told_in_its_own_words(programs):
    program(programs, "ngrok", "ERROR:  authentication failed: Usage of ngrok requires a verified account.", ends=True)
    with pytest.raises(CheckFailed) as told, tunnel.opened(tunnel.chosen("ngrok"), 8360):
        pass
    assert "verified account" in told.value.why


@pytest.mark.parametrize(
    "line",
    ["https://evil.example/?x=https://a.trycloudflare.com.evil.example", "visit https://www.cloudflare.com", "http://a.trycloudflare.com"],
)  # fmt: skip
def test_no_other_address_is_taken_for_the_link(line):
    assert tunnel.WAYS["cloudflared"].told.search(line) is None
    assert tunnel.WAYS["ssh"].told.search("go to https://admin.localhost.run/") is None


def test_what_is_said_names_what_is_open_and_when_it_ends():
    words = tunnel.opens(tunnel.WAYS["cloudflared"], ["tea"]) + tunnel.said(LINK)
    for part in (LINK, "tea", "everybody who has the link", "Cloudflare", "ends with this terminal"):
        assert part in words


def until(what, patience=40.0):
    """What the function gives once it gives something."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


def said_in(log: Path, pattern: str) -> re.Match[str] | None:
    return re.search(pattern, log.read_text("utf-8", "replace"))


@pytest.fixture
def project(tmp_path):
    """A project with a tiny release, and cloudflared on the path: (how `teahouse share` is started in it, programs)."""
    root, programs = tmp_path / "project", tmp_path / "programs"
    root.mkdir()
    (root / "teahouse.toml").write_text("[site]\nport = 0\n")
    with open_house(root / ".teahouse") as house:
        install_tiny(house)
    program(programs, "cloudflared", SAYS["cloudflared"])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TEAHOUSE_")}
    environment |= {"PATH": f"{programs}:/usr/bin:/bin", "COLUMNS": "200"}

    def start(*options: str, **streams) -> subprocess.Popen:
        command = [sys.executable, "-m", "teahouse.cli", "share", *options]
        return subprocess.Popen(command, cwd=root, env=environment, start_new_session=True, **streams)

    return start, programs


def test_where_nobody_can_be_asked_nothing_is_shared_without_yes(project):
    start, programs = project
    process = start(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    words, _ = process.communicate(timeout=60)
    assert process.returncode == 2 and "share --yes" in words and "who could read it" in words
    assert not (programs / "cloudflared.called").exists()


@pytest.mark.parametrize(("answer", "shared"), [("n\n", False), ("\n", False), ("y\n", True)])
def test_what_it_opens_is_said_and_only_a_yes_opens_it(project, answer, shared):
    start, programs = project
    ours, theirs = pty.openpty()
    process = start(stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = ""
    while "[y/N]" not in said:
        said += os.read(ours, 1000).decode()
    assert "Open to everybody who has the link" in said and "goes through Cloudflare" in said
    assert not (programs / "cloudflared.called").exists()
    os.write(ours, answer.encode())
    if shared:
        until(lambda: (programs / "cloudflared.called").exists())
        process.send_signal(signal.SIGTERM)
    process.wait(30)
    os.close(ours)
    assert shared or process.returncode == 1
    assert (programs / "cloudflared.called").exists() == shared


@pytest.fixture
def shared(project, tmp_path):
    """`teahouse share --yes` on that project: (process, log, programs)."""
    start, programs = project
    log = tmp_path / "share.log"
    with log.open("wb") as out:
        process = start("--yes", stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    yield process, log, programs
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_site_answers_under_the_link_and_keeps_the_owners_side_to_this_machine(shared):
    process, log, programs = shared
    until(lambda: said_in(log, "The site answers"))
    port = until(lambda: re.search(r"127\.0\.0\.1:(\d+)", (programs / "cloudflared.called").read_text()))[1]
    claim = until(lambda: said_in(log, rf"http://127\.0\.0\.1:{port}(/claim/\S+)\s"))[1]
    host = LINK.removeprefix("https://")
    # as the tunnel hands it on: the public name, and who asks
    through = {"Host": host, "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=through) as visitor:
        app = visitor.get("/api/apps").json()["apps"][0]["app"]
        assert visitor.get(f"/{app}").status_code == 200
        photo_of = {"Content-Type": "image/jpeg", "Origin": LINK, "Sec-Fetch-Site": "same-origin"}
        answer = visitor.post(f"/api/apps/{app}/predictions", content=photo("warm"), headers=photo_of)
        assert answer.status_code == 201 and "Secure" in answer.headers["set-cookie"]
        assert visitor.get("/metrics").status_code == visitor.get(claim).status_code == 404
        assert visitor.get(claim, headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404
        assert visitor.get("/owner/").status_code in (303, 401, 403)
        assert visitor.get("/", headers={"Host": "elsewhere.example"}).status_code == 421
    assert httpx.get(f"http://127.0.0.1:{port}{claim}").status_code == 200
    assert LINK in log.read_text() and "ends with this terminal" in log.read_text()
    pid = int((programs / "cloudflared.pid").read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_where_the_tunnel_dies_the_site_stops_and_says_why(shared):
    process, log, programs = shared
    until(lambda: said_in(log, "The site answers"))
    os.kill(int((programs / "cloudflared.pid").read_text()), signal.SIGKILL)
    assert process.wait(30) == 0 and "does not work any more" in log.read_text()
