"""Notify: tells the owner, by e-mail and by webhook, what waits in `notices`. The one way out of the house.

Nothing is called but what the owner has set: [notify] and TEAHOUSE_SMTP_URL. Every call has its own time limit, no
answer is followed anywhere else, and a webhook within this machine's own network takes `[notify] local = true`. A
notice that went out and could not be marked goes out again, with the same id in it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from teahouse import ids, telemetry
from teahouse.monitor.notices import NEWS_MS
from teahouse.settings import Notify, Settings
from teahouse.store import notices
from teahouse.store.house import House

SECONDS = 10.0  # for a whole call, however slowly the other side talks
SMTP = "TEAHOUSE_SMTP_URL"
TITLES = {
    "rollback": "A release was taken off",
    "disk": "The disk is nearly full",
    "verdict": "A verdict waits for you",
    "drift": "Visitors' photos have changed",
    "forgotten": "A release learned from what was taken back",
    "digest": "The week in your house",
    "money": "A payment needs a look",
    "cap": "A cap is being used up",
}
PAGES = {
    "rollback": "/owner/releases",
    "verdict": "/owner/review",
    "drift": "/owner/monitor",
    "forgotten": "/owner/releases",
    "money": "/owner/money",
    "cap": "/owner/money",
}

log = telemetry.log("loop")


@dataclass(frozen=True)
class Message:
    """What goes out: the same `id` for the same notice, however often it is sent."""

    id: str
    kind: str
    site: str
    words: str
    url: str
    at: int

    @property
    def title(self) -> str:
        """What it is about, in a line."""
        return TITLES.get(self.kind, "News of your house")


class NotSent(Exception):
    """A way that did not work, in words."""


def send(house: House, settings: Settings, job: Any, so_far: dict[str, Any]) -> dict[str, Any]:
    """Send what waits, over every way that is set; what went over one of them counts as told. What could not go out
    waits for the next job."""
    ways = ways_of(house, settings.notify)
    now, told, failed = ids.now_ms(), 0, []
    with house.db.read() as c:
        waiting = notices.waiting(c, now - NEWS_MS)
    for row in waiting if ways else ():
        message = message_of(house, settings, row)
        went = 0
        for name, way in ways.items():
            try:
                way(message)
                went += 1
            except NotSent as error:
                log.warning("not-told", way=name, notice=message.id, why=str(error))
                failed.append(f"{name}: {error}")
        if went:
            house.db.write(lambda c, seq=row.seq: notices.mark_sent(c, seq, ids.now_ms()))
            told += 1
    return {"told": told, "waiting": len(waiting) - told, **({"failed": sorted(set(failed))[:5]} if failed else {})}


def message_of(house: House, settings: Settings, row: Any) -> Message:
    """A notice as it goes out."""
    name = ids.keyed(house.key("notice"), f"{row.kind} {row.ref}".encode()).hex()[:24]
    page = settings.url + PAGES.get(row.kind, "/owner/")
    return Message(name, row.kind, settings.site.title or "Teahouse", row.words, page, row.at)


def ways_of(house: House, told: Notify) -> dict[str, Callable[[Message], None]]:
    """The ways that are set, by name."""
    found: dict[str, Callable[[Message], None]] = {}
    if told.email:
        found["e-mail"] = lambda message: by_mail(smtp_url(house), told, message)
    if told.webhook:
        found["webhook"] = lambda message: by_webhook(told, message)
    return found


def smtp_url(house: House) -> str:
    """smtp[s]://user:password@host:port of the environment, else of secrets/smtp; "" where there is none."""
    given = os.environ.get(SMTP, "")
    path = house.data / "secrets" / "smtp"
    return given or (path.read_text("utf-8").strip() if path.is_file() else "")


def by_mail(url: str, told: Notify, message: Message) -> None:
    """Send it as a plain text mail. A password never goes over a line that is not encrypted, but to this machine."""
    parts = _split(url, ("smtp", "smtps"))
    if parts is None:
        raise NotSent(f"{SMTP} is not set, or is no smtp:// or smtps:// address")
    mail = EmailMessage()
    mail["Subject"] = f"{_one_line(message.site)}: {message.title}"
    mail["From"] = told.sender or told.email
    mail["To"] = told.email
    mail["Date"] = formatdate(message.at / 1000)
    mail["Message-ID"] = f"<{message.id}@teahouse>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(f"{message.words}\n\n{message.url}\n\nYou get this because [notify] in teahouse.toml names you.\n")
    host = parts.hostname or ""
    secure = parts.scheme == "smtps"
    line = smtplib.SMTP_SSL(timeout=SECONDS, context=_tls()) if secure else smtplib.SMTP(timeout=SECONDS)
    try:
        with _hung_up_in_time(line):
            _connect(line, parts, host)
            if parts.username:
                line.login(unquote(parts.username), unquote(parts.password or ""))
            line.send_message(mail)
    except (OSError, smtplib.SMTPException, ValueError) as error:  # ValueError: a password that is not ASCII
        raise NotSent(f"{host} did not take the mail ({type(error).__name__})") from error


@contextmanager
def _hung_up_in_time(line: smtplib.SMTP) -> Iterator[None]:
    """Ends the line after SECONDS: its own time limit is that of one read, and a byte now and then is no answer."""

    def hang_up() -> None:
        with suppress(OSError, AttributeError):
            line.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(SECONDS, hang_up)
    timer.start()
    try:
        with line:
            yield
    finally:
        timer.cancel()


def _connect(line: smtplib.SMTP, parts: SplitResult, host: str) -> None:
    line._host = host  # type: ignore[attr-defined]  # what its certificate has to name: connect() leaves that out
    line.connect(host, parts.port or (465 if parts.scheme == "smtps" else 587))
    if parts.scheme == "smtps":
        return
    line.ehlo()
    if line.has_extn("starttls"):
        line.starttls(context=_tls())
        line.ehlo()
    elif parts.username and not _is_here(host):
        raise NotSent(f"{host} offers no encryption, and the password does not go without")


def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def by_webhook(told: Notify, message: Message) -> None:
    """POST it as JSON {id, kind, title, words, url, at, text}. Its name is looked up once, and what was found is
    called: an address that is not public only with `[notify] local`."""
    import httpx

    parts = _split(told.webhook, ("https", "http"))
    if parts is None or not parts.hostname:
        raise NotSent("[notify] webhook is no https:// address")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = _address(parts.hostname, port, told.local)
    shown = f"[{address}]" if ":" in address else address
    target = f"{parts.scheme}://{shown}:{port}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else "")
    body = {
        "id": message.id,
        "kind": message.kind,
        "title": message.title,
        "words": message.words,
        "url": message.url,
        "at": message.at,
        "text": f"{message.site}: {message.words}",
    }
    headers = {"Host": parts.netloc.rpartition("@")[2], "Idempotency-Key": message.id, "User-Agent": "Teahouse"}
    extensions = {"sni_hostname": parts.hostname}

    async def post() -> int:
        async with asyncio.timeout(SECONDS), httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client:
            async with client.stream("POST", target, json=body, headers=headers, extensions=extensions) as answer:
                return answer.status_code

    try:
        status = asyncio.run(post())
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
        raise NotSent(f"{parts.hostname} did not answer ({type(error).__name__})") from error
    if not 200 <= status < 300:
        raise NotSent(f"{parts.hostname} answered {status}")


def _address(host: str, port: int, local: bool) -> str:
    """The first address of a name that may be called."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NotSent(f"{host} has no address") from error
    for *_, place in found:
        address = ipaddress.ip_address(str(place[0]).partition("%")[0])
        if local or (address.is_global and not address.is_multicast):
            return str(address)
    raise NotSent(f"{host} lies in this machine's own network: `[notify] local = true` allows that")


def _split(url: str, schemes: tuple[str, ...]) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme in schemes and parts.hostname else None


def _is_here(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "::1")


def _one_line(words: str) -> str:
    return " ".join(words.split())[:80]
