"""A site over HTTP, as its owner: one small client for the verbs that take `--site`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from teahouse.desk.say import SiteNotReachable, WrongUse
from teahouse.errors import TeahouseError


class SiteSaid(TeahouseError):
    """An error that the site answered, passed on in its own words."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        told = body.get("error", {}) if isinstance(body, dict) else {}
        super().__init__(
            told.get("what") or f"The site answered {status}.", told.get("why", ""), told.get("do_next", "")
        )
        self.code = told.get("code", "site-error")  # type: ignore[misc]
        self.status = status  # type: ignore[misc]


class Site:
    """The owner's API of a site. Raises SiteNotReachable, or SiteSaid with the site's own words."""

    def __init__(self, url: str, key: str | None = None, transport: httpx.BaseTransport | None = None) -> None:
        key = key or os.environ.get("TEAHOUSE_KEY", "")
        if not key:
            raise WrongUse(
                "A site elsewhere wants a key.",
                "TEAHOUSE_KEY is not set.",
                "Make one on the owner's page Keys, then export it.",
            )
        self.url = url.rstrip("/")
        self.http = httpx.Client(
            base_url=self.url,
            timeout=30,
            transport=transport,
            headers={"Authorization": f"Bearer {key}"},
            follow_redirects=False,
        )

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def ask(self, method: str, path: str, **request: Any) -> Any:
        """One request; its JSON, or an error in the site's words."""
        try:
            answer = self.http.request(method, path, **request)
        except httpx.HTTPError as trouble:
            raise SiteNotReachable(
                f"{self.url} does not answer.",
                str(trouble) or type(trouble).__name__,
                "Is the address right, is the site up?",
            ) from None
        return told(answer)

    def get(self, path: str, **params: Any) -> Any:
        return self.ask("GET", path, params=params)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.ask("POST", path, json=body)

    def one_app(self, name: str | None) -> str:
        """The app that is meant: the one named, or the only one of the site."""
        names = [app["app"] for app in self.get("/api/apps")["apps"]]
        if name in names or (name is None and len(names) == 1):
            return name or names[0]
        raise WrongUse(
            "Which app?" if name is None else f'There is no app "{name}".',
            f"{self.url} has {', '.join(names) or 'none'}.",
        )

    def download(self, path: str, target: Path) -> Iterator[int]:
        """Write the body to `target`; yields the bytes written so far."""
        try:
            with self.http.stream("GET", path) as answer, target.open("wb") as out:
                if answer.status_code >= 400:
                    answer.read()
                    told(answer)
                done = 0
                for chunk in answer.iter_bytes():
                    done += out.write(chunk)
                    yield done
        except httpx.HTTPError as trouble:
            raise SiteNotReachable(f"{self.url} stopped answering.", str(trouble)) from None


def told(answer: httpx.Response) -> Any:
    """The JSON of an answer; SiteSaid where it is an error."""
    try:
        body = answer.json() if answer.content else {}
    except ValueError:
        body = {}
    if answer.status_code >= 400:
        raise SiteSaid(answer.status_code, body)
    return body
