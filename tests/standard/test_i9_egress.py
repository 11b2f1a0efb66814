"""I9: URLs in everything that a visitor and an owner can send, and no process of the house calls anywhere."""

import ast
import base64
import io
import json
import re
import shutil
import subprocess
import sys
from urllib.parse import quote

import httpx
import piexif
import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from teahouse import child, ids
from teahouse.store import jobs, keys, owners
from teahouse.store.house import House
from teahouse.testing import APP, photo
from tests.standard.audit import Watch
from tests.standard.houses import RealHouse, wait_until
from tests.standard.visits import accept, held, visit

# addresses that nobody has (RFC 5737, 3849), names that nobody has (RFC 2606), and those that a server must never ask
TARGETS = [
    "http://192.0.2.7/x.jpg",
    "https://outside.invalid/x",
    "ftp://192.0.2.7/x",
    "//192.0.2.7/x",
    "http://[2001:db8::7]/x",
    "http://169.254.169.254/latest/meta-data/",
    "gopher://192.0.2.7:70/_x",
    "file:///etc/passwd",
    "\\\\192.0.2.7\\share",
]
NAMES = ("getaddrinfo", "getnameinfo", "gethostbyname", "gethostbyaddr")
CALLS = tuple(f"socket.{name}" for name in ("connect", "sendto", *NAMES))


def with_url(form: str, url: str) -> bytes:
    """A photo that names the URL wherever its format has room for text."""
    out = io.BytesIO()
    picture = Pillow.open(io.BytesIO(photo()))
    if form == "PNG":
        notes = PngInfo()
        notes.add_text("Comment", url)
        notes.add_itxt("XML:com.adobe.xmp", f'<x xmlns="{url}" href="{url}"/>')
        picture.save(out, "PNG", pnginfo=notes)
        return out.getvalue()
    tags = {piexif.ImageIFD.ImageDescription: url, piexif.ImageIFD.Artist: url, piexif.ImageIFD.Software: url}
    user = {piexif.ExifIFD.UserComment: b"ASCII\0\0\0" + url.encode()}
    picture.save(out, form, exif=piexif.dump({"0th": tags, "Exif": user}))
    return out.getvalue()


def send_all(client: httpx.Client, origin: str, url: str) -> int:
    """The URL in every field that takes a text; how many requests that were."""
    ask, own = f"/api/apps/{APP}/predictions", {"Origin": origin}
    sent = [
        client.post(ask, files={"input": (url, with_url("JPEG", url), url)}, headers=own),
        client.post(ask, json={"input": url}, headers=own),
        client.post(ask, json={"input": "data:image/jpeg;base64," + base64.b64encode(photo()).decode(), url: url}),
        client.post(ask, content=url.encode(), headers={"Content-Type": "text/uri-list"}),
        client.get(f"/{quote(url, safe='')}"),
        client.get(f"/owner/login?next={quote(url)}"),
        client.get("/api/apps", params={"url": url, "app": url, "callback": url}),
        client.post("/api/owner/session", json={"password": url, "token": url}, headers=own),
    ]
    named = ("Referer", "Idempotency-Key", "User-Agent", "X-Receipt", "X-Callback", "Link", "Forwarded", "Via")
    for some in (named, ("X-Forwarded-For",), ("Origin", "X-Consent"), ("Content-Type",)):
        sent.append(client.post(ask, content=photo(), headers=dict.fromkeys(some, url)))
    for form in ("JPEG", "PNG", "WEBP"):
        sent.append(client.post(ask, content=with_url(form, url), headers=own))
        assert sent[-1].status_code == 201
    told = sent[-1].json()
    word, receipt = {"kind": "correct", "value": url}, {**own, "X-Receipt": told["receipt"]}
    sent.append(client.post(f"/api/predictions/{told['id']}/feedback", json=word, headers=receipt))
    assert all(one.status_code < 500 for one in sent), [one.text for one in sent if one.status_code >= 500]
    return len(sent)


def ask_as_owner(house: RealHouse, url: str) -> None:
    """The URL in what an owner sends."""
    with httpx.Client(base_url=house.url, timeout=20, headers={"Authorization": "Bearer th_key"}) as client:
        sent = [
            ("jobs", {"kind": "export", "app": url, "args": {"url": url}}),
            ("jobs", {"kind": "judge", "app": APP, "args": {"release": url}}),
            ("jobs", {"kind": "export", "app": APP, "args": {"target": url}}),
            (f"apps/{APP}/rollouts", {"release": url, "state": "full", "share": 10_000}),
            ("reviews", {"label": url, "decision": "accept", "truth": {"label": url}, "reason": url}),
            ("keys", {"role": url, "rights": [url]}),
        ]
        assert all(client.post(f"/api/owner/{path}", json=body).status_code < 500 for path, body in sent)


def everything(house: RealHouse) -> int:
    """A visit, a review, an export by the loop, an erasure, and all the URLs; how many requests carried one."""
    with House.open(house.data) as own:
        own.db.write(lambda c: owners.claim(c, "no password opens this", ids.now_ms()))
        digest = ids.sha256(b"th_key")
        own.db.write(lambda c: keys.add(c, ids.new_id(), "owner", ["owner"], digest, ids.now_ms()))
        with httpx.Client(base_url=house.url, timeout=20) as client:
            accept(own, held(own, visit(client, house.url, with_url("JPEG", TARGETS[0]))).label)
            count = sum(send_all(client, house.url, url) for url in TARGETS)
            for url in TARGETS:
                ask_as_owner(house, url)
            assert client.delete("/api/mine", headers={"Origin": house.url}).status_code == 204

        def idle():
            with own.db.read() as c:
                return not jobs.unfinished(c)

        wait_until(idle, "the loop did not finish", 90, pause=0.2)
    return count


def outside(trace: str) -> list[str]:
    """The connect() calls of a trace that go to another machine; a name service's socket file is none."""
    calls = [line for line in trace.splitlines() if "connect(" in line]
    inside = re.compile(r"AF_UNIX|AF_NETLINK|AF_UNSPEC|inet_addr\(\"127\.|inet_pton\(AF_INET6, \"::1\"")
    return [call for call in calls if not inside.search(call)]


def test_i9_the_reading_of_a_trace_finds_a_call():
    lines = [
        '7 connect(5, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("192.0.2.7")}, 16) = -1 ENETUNREACH',
        '7 connect(5, {sa_family=AF_INET6, sin6_port=htons(80), inet_pton(AF_INET6, "2001:db8::7", &sin6_addr)}) = 0',
        '7 connect(5, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("8.8.8.8")}, 16) = 0',
        '7 connect(5, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
        '7 connect(5, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = -1 ENOENT',
    ]
    assert outside("\n".join(lines)) == lines[:3]


def test_i9_the_libraries_that_would_call_home_are_told_not_to():
    quiet = {"ORT_DISABLE_TELEMETRY": "1"}
    assert quiet.items() <= child.environment().items()
    program = "import os; os.environ.clear(); import teahouse.model.session; print(dict(os.environ))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert quiet.items() <= ast.literal_eval(done.stdout).items(), done.stderr


def can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    tried = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=connect", "true"]
    return subprocess.run(tried, capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_i9_no_process_of_a_house_calls_out(tmp_path):
    watch, trace = Watch(tmp_path / "watch", *CALLS), tmp_path / "trace"
    traced = ("strace", "-f", "-qq", "-o", str(trace), "-e", "trace=connect,sendto") if can_trace() else ()
    home = tmp_path / "home"
    home.mkdir()
    seen = {**watch.environment, "HOME": str(home)}
    with RealHouse(tmp_path / "house", under=traced, environment=seen) as house:
        house.prepare()
        house.start()
        assert everything(house) >= 15 * len(TARGETS)
        assert house.stop() == 0
        words = " ".join(watch.watched())
        for process in ("site.serve", "engine.worker", "loop.runner"):
            assert f"teahouse.{process}" in words, f"{process} was not watched"
        calls = [one for one in watch.told() if "127.0.0.1" not in json.dumps(one["given"])]
        assert calls == []
        if traced:
            assert outside(trace.read_text()) == []
        log = house.log.read_text()
    assert [file for file in home.rglob("*") if file.is_file()] == [], "somebody keeps notes about this machine"
    assert "request-broke" not in log and "Traceback" not in log
