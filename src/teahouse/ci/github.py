"""GitHub's API, for what the workflows need: the newest release, a new one, a comment that is kept up to date.

The address is $GITHUB_API_URL (so the runner sets it), the token $GITHUB_TOKEN or $GH_TOKEN; without one what is public
can be read. The token is sent to that address, and where it sends uploads, and nowhere else.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from teahouse.errors import TeahouseError
from teahouse.model.archive import SUFFIX, Told

if TYPE_CHECKING:
    import httpx

API = "https://api.github.com"
REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}\Z")
REMOTE = re.compile(r"(?:https://|ssh://git@|git@)github\.com[/:]([^/]+/[^/]+?)(?:\.git)?/?\Z")
PAGES, PAGE = 100, 100  # as far back as GitHub tells of releases or comments: ten thousand
TRIES, WAIT_S, MOST_WAIT_S = 4, 1.0, 30.0
MOST_BYTES, MOST_COMMENT = 2_000_000_000, 65_000  # GitHub's own bounds on an asset and, in letters, on a comment


class GitHubSaid(TeahouseError):
    """GitHub refused, in its own words."""

    code, status = "github-refused", 502


class GitHubNotReachable(TeahouseError):
    """GitHub does not answer, or breaks again and again."""

    code, status = "site-not-reachable", 503


@dataclass(frozen=True)
class Asset:
    """A bundle that hangs on a GitHub Release: `digest` is sha256 in hex, "" where GitHub names none."""

    id: int
    name: str
    size: int
    digest: str
    tag: str
    page: str
    at: str


@dataclass(frozen=True)
class Wish:
    """A GitHub Release to make: `commit` is what its tag points at ("": the default branch)."""

    tag: str
    title: str
    notes: str
    commit: str = ""


def own_repo(environment: Mapping[str, str] | None = None, folder: Path | None = None) -> str:
    """OWNER/NAME: $GITHUB_REPOSITORY, else the `origin` of the git checkout that `folder` lies in.

    Raises GitHubSaid where neither names one."""
    given = (os.environ if environment is None else environment).get("GITHUB_REPOSITORY", "")
    repo = given or _origin(folder or Path.cwd())
    if not REPO.match(repo):
        raise GitHubSaid(
            "No repository on GitHub is named.",
            f"{repo!r} is not OWNER/NAME." if repo else "This folder has no `origin` on github.com.",
            "Set GITHUB_REPOSITORY=OWNER/NAME.",
        )
    return repo


def _origin(folder: Path) -> str:
    import subprocess

    try:
        asked = ["git", "-C", str(folder), "remote", "get-url", "origin"]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = REMOTE.match(told.stdout.strip())
    return found[1] if found else ""


class Api:
    """One connection to GitHub's API. Raises GitHubSaid, or GitHubNotReachable after four tries."""

    def __init__(self, environment: Mapping[str, str] | None = None, wait: Callable[[float], None] = time.sleep):
        import httpx

        given = os.environ if environment is None else environment
        self.base = given.get("GITHUB_API_URL", "").rstrip("/") or API
        self.wait = wait
        token = given.get("GITHUB_TOKEN") or given.get("GH_TOKEN") or ""
        if token and not _is_safe(self.base):
            raise GitHubSaid("The token is not sent.", f"{self.base} is not https.", "Set GITHUB_API_URL to https://…")
        self.token = token
        self.http = httpx.Client(
            timeout=httpx.Timeout(60, connect=15),
            headers={
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
                "User-Agent": "teahouse",
                **({"Authorization": f"Bearer {token}"} if token else {}),
            },
        )

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def bundles(self, repo: str, app: str | None = None) -> list[Asset]:
        """The bundles of all published releases, oldest first: of `app` (APP.teahouse), or of any."""
        found = [asset for row in self._pages(f"/repos/{repo}/releases") for asset in _bundles(row, app)]
        return sorted(found, key=lambda asset: (asset.at, asset.id))

    def newest(self, repo: str, app: str | None = None) -> Asset | None:
        """The last of `bundles`; None where there is none."""
        return next(reversed(self.bundles(repo, app)), None)

    def download(self, repo: str, asset: Asset, path: Path, told: Told | None = None) -> Path:
        """Write the asset to `path`; GitHubSaid where its size or digest is another than GitHub says."""
        if asset.size > MOST_BYTES:
            raise GitHubSaid(f"{asset.name} is too large.", f"{asset.size} bytes; at most {MOST_BYTES}.")
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f".{path.name}-{os.getpid()}")
        try:
            digest = self._fetch(f"/repos/{repo}/releases/assets/{asset.id}", asset, scratch, told)
            if asset.digest and digest != asset.digest:
                raise GitHubSaid(
                    f"{asset.name} is not what GitHub says that it is.",
                    f"Its digest is {digest[:12]}…, not {asset.digest[:12]}….",
                    "Try again; if it stays so, do not use it.",
                )
            os.replace(scratch, path)
        finally:
            scratch.unlink(missing_ok=True)
        return path

    def release(self, repo: str, wish: Wish, bundle: Path) -> str:
        """Publish a release with the bundle on it; the address of its page. The same again changes nothing.

        A draft first, published once the bundle hangs on it: nobody meets half of it, and what an earlier try left
        behind is taken away."""
        digest = _digest(bundle)
        for row in self._pages(f"/repos/{repo}/releases"):
            if row.get("tag_name") != wish.tag:
                continue
            if row.get("draft"):
                self.ask("DELETE", f"/repos/{repo}/releases/{row['id']}")
                continue
            there = next((one for one in _bundles(row, None) if one.name == bundle.name), None)
            if there is None or (there.digest and there.digest != digest):
                raise GitHubSaid(
                    f"There is a release {wish.tag} already, with another bundle.",
                    str(row.get("html_url", "")),
                    "Releases are never changed here. Remove it on GitHub if it is wrong.",
                )
            return str(row["html_url"])
        body = {"tag_name": wish.tag, "name": wish.title, "body": wish.notes, "draft": True}
        body |= {"target_commitish": wish.commit} if wish.commit else {}
        made = self.ask("POST", f"/repos/{repo}/releases", body)
        self._upload(str(made["upload_url"]).partition("{")[0], bundle)
        done = self.ask("PATCH", f"/repos/{repo}/releases/{made['id']}", {"draft": False, "make_latest": "true"})
        return str(done["html_url"])

    def comment(self, repo: str, pr: int, body: str, marker: str) -> str:
        """Say `body` under a pull request, in place of what was said there by the same `marker`; its address.

        Only what a program wrote is written over: people may quote the marker."""
        text = body if body.startswith(marker) else f"{marker}\n{body}"
        if len(text) > MOST_COMMENT:
            text = text[:MOST_COMMENT] + "\n\n… cut off here; the whole report hangs on the run."
        for row in self._pages(f"/repos/{repo}/issues/{pr}/comments"):
            by_program = (row.get("user") or {}).get("type") == "Bot"
            if by_program and str(row.get("body") or "").startswith(marker):
                said = self.ask("PATCH", f"/repos/{repo}/issues/comments/{row['id']}", {"body": text})
                return str(said["html_url"])
        return str(self.ask("POST", f"/repos/{repo}/issues/{pr}/comments", {"body": text})["html_url"])

    def start(self, repo: str, workflow: str, branch: str) -> None:
        """Start a workflow of the repository on a branch, as its button on GitHub does."""
        self.ask("POST", f"/repos/{repo}/actions/workflows/{workflow}/dispatches", {"ref": branch})

    def ask(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """One request to the API; its JSON. What only reads is tried again where GitHub is busy or breaks."""
        answer = self._send(method, f"{self.base}{path}", json=body, params=params or None)
        if answer.status_code == 204 or not answer.content:
            return {}
        try:
            return answer.json()
        except ValueError as error:
            raise GitHubNotReachable(f"{self.base} does not speak as GitHub does.", f"{method} {path}") from error

    def _pages(self, path: str) -> Iterator[Mapping[str, Any]]:
        for page in range(1, PAGES + 1):
            rows = self.ask("GET", path, per_page=PAGE, page=page)
            yield from rows
            if len(rows) < PAGE:
                return
        raise GitHubSaid(
            f"{path} has {PAGES * PAGE:,} entries or more.",
            "GitHub lists no others, so what is not among these can not be told from what is not there.",
            "Remove old ones on GitHub.",
        )

    def _send(self, method: str, url: str, **request: Any) -> httpx.Response:
        import httpx

        why = ""
        for turn in range(TRIES if method == "GET" else 1):
            try:
                answer = self.http.request(method, url, **request)
            except httpx.HTTPError as trouble:
                why, pause = str(trouble) or type(trouble).__name__, WAIT_S * 2**turn
            else:
                pause = _pause(answer, turn)
                if pause is None:
                    return _sound(answer, method, url)
                why = f"it answered {answer.status_code}"
            if turn + 1 < TRIES and method == "GET":
                self.wait(pause)
        where = f"{method} {urlsplit(url).path}"
        raise GitHubNotReachable("GitHub does not answer.", f"{where}: {why}.", "Try again later.")

    def _fetch(self, path: str, asset: Asset, target: Path, told: Told | None) -> str:
        """Stream an asset's bytes to `target`; their digest. GitHub sends on to a store elsewhere, which gets no token:
        httpx leaves the header out where the host changes."""
        import httpx

        seen, done = hashlib.sha256(), 0
        headers = {"Accept": "application/octet-stream"}
        try:
            with self.http.stream("GET", f"{self.base}{path}", headers=headers, follow_redirects=True) as answer:
                if answer.status_code >= 400:
                    answer.read()
                _sound(answer, "GET", f"{self.base}{path}")
                with target.open("wb") as out:
                    for chunk in answer.iter_bytes(1 << 20):
                        done += out.write(chunk)
                        seen.update(chunk)
                        if done > asset.size:
                            break
                        if told:
                            told(done, asset.size)
        except httpx.HTTPError as trouble:
            raise GitHubNotReachable("GitHub stopped answering.", str(trouble) or type(trouble).__name__) from trouble
        if done != asset.size:
            raise GitHubSaid(f"{asset.name} did not come whole.", f"{asset.size} bytes were told.", "Try again.")
        return seen.hexdigest()

    def _upload(self, url: str, bundle: Path) -> None:
        if self.token and not _is_safe(url):
            raise GitHubSaid("The bundle is not sent.", f"{url} is not https.")
        size = bundle.stat().st_size
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        with bundle.open("rb") as file:
            chunks = iter(lambda: file.read(1 << 20), b"")
            self._send("POST", url, params={"name": bundle.name}, content=chunks, headers=headers, timeout=600)


def _bundles(row: Mapping[str, Any], app: str | None) -> Iterator[Asset]:
    """The bundles on a release as the API tells it; none of drafts and pre-releases."""
    if row.get("draft") or row.get("prerelease"):
        return
    for asset in row.get("assets") or ():
        name = str(asset["name"])
        meant = name == f"{app}{SUFFIX}" if app else name.endswith(SUFFIX)
        if meant and asset.get("state", "uploaded") == "uploaded":
            algorithm, _, digest = str(asset.get("digest") or "").partition(":")
            yield Asset(
                int(asset["id"]), name, int(asset["size"]), digest if algorithm == "sha256" else "",
                str(row["tag_name"]), str(row.get("html_url") or ""),
                str(row.get("published_at") or row.get("created_at") or ""),
            )  # fmt: skip


def _pause(answer: httpx.Response, turn: int) -> float | None:
    """Seconds to wait before another try, or None where the answer stands."""
    limited = answer.status_code == 403 and answer.headers.get("x-ratelimit-remaining") == "0"
    if answer.status_code < 500 and answer.status_code != 429 and not (limited and "retry-after" in answer.headers):
        return None
    told = answer.headers.get("retry-after", "")
    return min(float(told), MOST_WAIT_S) if told.isdigit() else WAIT_S * 2**turn


def _sound(answer: httpx.Response, method: str, url: str) -> httpx.Response:
    """The answer, or what GitHub said against it in words that name what to do."""
    if answer.status_code < 400:
        return answer
    try:
        said = answer.json()
        words = str(said.get("message", "")) if isinstance(said, dict) else ""
        listed = [one for one in said.get("errors", ()) if isinstance(one, dict)]
        words = " ".join([words, *(str(one.get("message") or one.get("code") or "") for one in listed)]).strip()
    except (ValueError, AttributeError):
        words = ""
    advice = {
        401: "Is GITHUB_TOKEN set, and not expired?",
        403: "The job's `permissions:` must allow it; a token of a fork's pull request can only read.",
        404: "Is the repository right, and may the token see it?",
    }.get(answer.status_code, "")
    raise GitHubSaid(
        f"GitHub answered {answer.status_code}.", f"{method} {urlsplit(url).path}: {words[:300] or 'no words'}", advice
    )


def _is_safe(url: str) -> bool:
    """Whether a token may go there: https, or this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
