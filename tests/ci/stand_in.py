"""A stand-in for GitHub's API on loopback: releases, comments, workflow dispatches. It keeps what it was told."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

REPO, TOKEN = "maker/warmth", "ghs_of_this_test"


@dataclass
class GitHub:
    """What the stand-in knows, and what it was asked. `trouble` is answered first: (status, headers) each."""

    url: str = ""
    store: str = ""  # another address, to which downloads are sent on
    releases: list[dict[str, Any]] = field(default_factory=list)
    data: dict[int, bytes] = field(default_factory=dict)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    started: list[tuple[str, str]] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, authorization
    trouble: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    digests: bool = True
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last: int = 0

    def environment(self, **more: str) -> dict[str, str]:
        """What the runner sets."""
        return {"GITHUB_API_URL": self.url, "GITHUB_REPOSITORY": REPO, "GITHUB_TOKEN": TOKEN, **more}

    def number(self) -> int:
        self._last += 1
        return self._last

    @property
    def published(self) -> list[dict[str, Any]]:
        return [row for row in self.releases if not row["draft"]]

    def bundle(self, name: str = "") -> bytes:
        """The bytes of the newest published release's bundle."""
        asset = next(one for row in reversed(self.published) for one in row["assets"] if name in one["name"])
        return self.data[asset["id"]]

    def add_release(self, tag: str, files: dict[str, bytes], at: str, **more: Any) -> dict[str, Any]:
        """A release that is there already."""
        number = self.number()
        row = {
            "id": number, "tag_name": tag, "draft": False, "prerelease": False, "published_at": at, "created_at": at,
            "html_url": f"https://github.example/{REPO}/releases/{tag}", "assets": [], "body": "",
            "upload_url": f"{self.url}/uploads/{number}{{?name,label}}", **more,
        }  # fmt: skip
        for name, data in files.items():
            self.add_asset(row, name, data)
        self.releases.append(row)
        return row

    def add_asset(self, row: dict[str, Any], name: str, data: bytes) -> dict[str, Any]:
        """An asset of a release."""
        asset = {"id": self.number(), "name": name, "size": len(data), "state": "uploaded"}
        if self.digests:
            asset["digest"] = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.data[asset["id"]] = data
        row["assets"].append(asset)
        return asset


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    github: GitHub

    def log_message(self, *_: Any) -> None:
        """Silent."""

    def answer(self, status: int, body: Any = None, **headers: str) -> None:
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def given(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def handle_any(self) -> None:
        hub, parts = self.github, urlsplit(self.path)
        body, told = self.given(), self.headers.get("Authorization", "")
        with hub._lock:
            hub.asked.append((self.command, parts.path, told))
            if hub.trouble:
                status, headers = hub.trouble.pop(0)
                self.answer(status, {"message": "trouble"}, **headers)
                return
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            for pattern, function in ROADS:
                found = re.fullmatch(pattern, f"{self.command} {parts.path}")
                if found:
                    function(self, *found.groups(), query=query, body=body)
                    return
            self.answer(404, {"message": "Not Found"})

    do_GET = do_POST = do_PATCH = do_DELETE = handle_any

    def may_write(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {TOKEN}":
            return True
        self.answer(403, {"message": "Resource not accessible by integration"})
        return False

    def list_releases(self, *, query: dict[str, str], body: bytes) -> None:
        size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
        newest = list(reversed(self.github.releases))
        self.answer(200, newest[(page - 1) * size : page * size])

    def make_release(self, *, query: dict[str, str], body: bytes) -> None:
        if not self.may_write():
            return
        told = json.loads(body)
        if any(row["tag_name"] == told["tag_name"] for row in self.github.published):
            self.answer(422, {"message": "Validation Failed", "errors": [{"code": "already_exists"}]})
            return
        at = f"2026-01-01T00:00:{len(self.github.releases):02d}Z"
        tag = told.pop("tag_name")
        self.answer(201, self.github.add_release(tag, {}, at, **told))

    def upload(self, number: str, *, query: dict[str, str], body: bytes) -> None:
        if self.may_write():
            row = next(row for row in self.github.releases if row["id"] == int(number))
            self.answer(201, self.github.add_asset(row, query["name"], body))

    def change_release(self, number: str, *, query: dict[str, str], body: bytes) -> None:
        if self.may_write():
            row = next(row for row in self.github.releases if row["id"] == int(number))
            row |= json.loads(body)
            self.answer(200, row)

    def remove_release(self, number: str, *, query: dict[str, str], body: bytes) -> None:
        if self.may_write():
            self.github.releases[:] = [row for row in self.github.releases if row["id"] != int(number)]
            self.answer(204)

    def asset(self, number: str, *, query: dict[str, str], body: bytes) -> None:
        if self.headers.get("Accept") != "application/octet-stream":
            self.answer(200, {"id": int(number)})
        elif self.github.store:
            self.answer(302, Location=f"{self.github.store}/blob/{number}")
        else:
            self.answer(200, self.github.data[int(number)])

    def blob(self, number: str, *, query: dict[str, str], body: bytes) -> None:
        self.answer(200, self.github.data[int(number)])

    def list_comments(self, pr: str, *, query: dict[str, str], body: bytes) -> None:
        size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
        self.answer(200, self.github.comments.get(int(pr), [])[(page - 1) * size : page * size])

    def make_comment(self, pr: str, *, query: dict[str, str], body: bytes) -> None:
        if self.may_write():
            number, by = self.github.number(), {"type": "Bot", "login": "github-actions[bot]"}
            row = {"id": number, "body": json.loads(body)["body"], "user": by}
            row["html_url"] = f"https://github.example/{REPO}/pull/{pr}#{number}"
            self.github.comments.setdefault(int(pr), []).append(row)
            self.answer(201, row)

    def change_comment(self, number: str, *, query: dict[str, str], body: bytes) -> None:
        if self.may_write():
            every = [row for rows in self.github.comments.values() for row in rows]
            row = next(row for row in every if row["id"] == int(number))
            row |= json.loads(body)
            self.answer(200, row)

    def start(self, workflow: str, *, query: dict[str, str], body: bytes) -> None:
        if self.may_write():
            self.github.started.append((workflow, json.loads(body)["ref"]))
            self.answer(204)


AT = f"/repos/{REPO}"
ROADS = (
    (rf"GET {AT}/releases", Handler.list_releases),
    (rf"POST {AT}/releases", Handler.make_release),
    (r"POST /uploads/(\d+)", Handler.upload),
    (rf"PATCH {AT}/releases/(\d+)", Handler.change_release),
    (rf"DELETE {AT}/releases/(\d+)", Handler.remove_release),
    (rf"GET {AT}/releases/assets/(\d+)", Handler.asset),
    (r"GET /blob/(\d+)", Handler.blob),
    (rf"GET {AT}/issues/(\d+)/comments", Handler.list_comments),
    (rf"POST {AT}/issues/(\d+)/comments", Handler.make_comment),
    (rf"PATCH {AT}/issues/comments/(\d+)", Handler.change_comment),
    (rf"POST {AT}/actions/workflows/([a-z.-]+)/dispatches", Handler.start),
)


class Standing:
    """`with Standing() as github:` the stand-in answers; a second address on the same machine plays the store."""

    def __enter__(self) -> GitHub:
        self.github = GitHub()
        handler = type("Answering", (Handler,), {"github": self.github})
        self.servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for _ in range(2)]
        for server in self.servers:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        self.github.url, self.github.store = (f"http://127.0.0.1:{one.server_address[1]}" for one in self.servers)
        return self.github

    def __exit__(self, *_: object) -> None:
        for server in self.servers:
            server.shutdown()
            server.server_close()
