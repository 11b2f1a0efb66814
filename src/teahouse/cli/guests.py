"""The demo's people, all simulated and named so: visitors with photos of tea, and an owner who looks at them."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from teahouse.desk.say import CheckFailed, SiteNotReachable

PURPOSES = "keep, train"
AT_ONCE = 4  # visitors at the same time: the site shares two cores with a training
TRIES = 8
SIDE = 192  # pixels of a simulated photo


@dataclass(frozen=True)
class Shot:
    """A freshly rendered photo of tea and what is in it."""

    label: str
    data: bytes


def shots(domain: str, first_seed: int, count: int, side: int = SIDE) -> Iterator[Shot]:
    """`count` photos of a domain (day, candle), green and oolong in turn; the same seeds give the same photos."""
    from PIL import Image as Pillow

    from teahouse.starters.tea.render import LABELS, render

    for number in range(count):
        label = LABELS[number % len(LABELS)]
        out = io.BytesIO()
        Pillow.fromarray(render(first_seed + number, label, domain, side)).save(out, "JPEG", quality=92)
        yield Shot(label, out.getvalue())


def polite(client: httpx.Client, method: str, path: str, **request: Any) -> httpx.Response:
    """One request; where the site asks for patience, try again when it says."""
    for attempt in range(TRIES):
        try:
            answer = client.request(method, path, **request)
        except httpx.TransportError as trouble:
            if attempt == TRIES - 1:
                raise SiteNotReachable("The site stopped answering.", str(trouble)) from None
            time.sleep(0.2 * 2**attempt)
            continue
        if answer.status_code in (429, 503) and attempt < TRIES - 1:
            time.sleep(min(5.0, float(answer.headers.get("retry-after", 1))))
            continue
        if answer.status_code >= 400:
            where = f"{method} {path.split('?')[0]}"
            raise CheckFailed(f"The site refused {where}: {answer.status_code}.", answer.text[:300])
        return answer
    raise AssertionError("unreachable")


class Guest:
    """One simulated visitor: a cookie jar and a network of their own, and the manners of our own page."""

    def __init__(self, url: str, number: int) -> None:
        """`number` picks the network 2001:db8:N::/64 (documentation addresses, RFC 3849)."""
        origin = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
        manners = {
            "Origin": origin,
            "Sec-Fetch-Site": "same-origin",
            "X-Forwarded-For": f"2001:db8:{number % 65536:x}::1",
        }
        self.http = httpx.Client(base_url=url, headers=manners, timeout=30)

    def visit(self, app: str, photos: list[Shot], told: Callable[[bool], None]) -> None:
        """Send each photo, say if the answer was right; the yes that is given after the first stands for the rest."""
        with self.http:
            for place, shot in enumerate(photos):
                answer = self.ask(app, shot, standing=place > 0)
                right = answer["output"]["label"] == shot.label
                self.say(answer, shot, right)
                if place == 0:
                    self.let_keep(answer, shot)
                told(right)

    def ask(self, app: str, shot: Shot, standing: bool) -> dict[str, Any]:
        """Post one photo; the answer."""
        headers = {"Content-Type": "image/jpeg", **({"X-Consent": PURPOSES} if standing else {})}
        return polite(self.http, "POST", f"/api/apps/{app}/predictions", content=shot.data, headers=headers).json()

    def say(self, answer: dict[str, Any], shot: Shot, right: bool) -> None:
        """One tap: right, or which one it is."""
        word = {"kind": "agree", "value": True} if right else {"kind": "correct", "value": shot.label}
        polite(
            self.http,
            "POST",
            f"/api/predictions/{answer['id']}/feedback",
            json=word,
            headers={"X-Receipt": answer["receipt"]},
        )

    def let_keep(self, answer: dict[str, Any], shot: Shot) -> None:
        """ "Yes, keep it": the same bytes again, with the purposes."""
        headers = {"Content-Type": "image/jpeg", "X-Receipt": answer["receipt"], "X-Consent": PURPOSES}
        polite(self.http, "PUT", f"/api/predictions/{answer['id']}/input", content=shot.data, headers=headers)


def visits(url: str, app: str, rounds: list[list[Shot]], first: int, told: Callable[[bool], None]) -> None:
    """One visitor a list of photos, a few at a time; `told` hears after each photo if the answer was right."""
    lock = threading.Lock()

    def heard(right: bool) -> None:
        with lock:
            told(right)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        calls = [
            pool.submit(Guest(url, first + place).visit, app, photos, heard) for place, photos in enumerate(rounds)
        ]
        for call in calls:
            call.result()


class Memory:
    """What the simulated owner recognises: tiny copies of all photos that were sent, each with what is in it."""

    def __init__(self) -> None:
        self.tiny: list[Any] = []
        self.labels: list[str] = []

    def learn(self, shot: Shot) -> None:
        self.tiny.append(small(shot.data))
        self.labels.append(shot.label)

    def what_is_in(self, photo: bytes) -> str:
        """The label of the photo that looks most like this one."""
        import numpy

        far = ((numpy.stack(self.tiny) - small(photo)) ** 2).sum(1)
        return self.labels[int(far.argmin())]


def small(photo: bytes) -> Any:
    """A photo as 12 × 12 RGB numbers, enough to tell it from a thousand others after a new encoding."""
    import numpy
    from PIL import Image as Pillow

    with Pillow.open(io.BytesIO(photo)) as picture:
        tiny = picture.convert("RGB").resize((12, 12), Pillow.Resampling.BOX)
    return numpy.asarray(tiny, dtype=numpy.float32).ravel() / 255


class SimulatedOwner:
    """The owner, simulated: takes the site by its claim link, then works the queue through the owner's API."""

    def __init__(self, url: str, claim: str, memory: Memory) -> None:
        import secrets

        origin = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
        self.http = httpx.Client(base_url=url, headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"}, timeout=60)
        self.memory = memory
        # nobody needs it again: `teahouse open` logs the person at this machine in
        given = {"password": secrets.token_urlsafe(24), "token": claim.rsplit("/", 1)[1]}
        polite(self.http, "POST", "/api/owner/session", json=given)

    def label_drawn(self, app: str, told: Callable[[], None]) -> None:
        """Label every photo that was drawn by lot with what is really in it; they stand first in the queue."""
        self.work(app, lambda item: item["held"], self.truth_by_looking, told)

    def accept_words(self, app: str, most: int, told: Callable[[], None]) -> int:
        """Accept the visitors' words for other photos, `most` of them; how many there were."""
        return self.work(app, lambda item: not item["held"], self.truth_by_word, told, most)

    def work(
        self,
        app: str,
        wanted: Callable[[dict[str, Any]], bool],
        truth: Callable[[dict[str, Any]], Any],
        told: Callable[[], None],
        most: int | None = None,
    ) -> int:
        """Decide on queue items as long as they are wanted; how many."""
        done = 0
        while most is None or done < most:
            items = [item for item in self.queue(app) if wanted(item)]
            if not items:
                return done
            for item in items[: None if most is None else most - done]:
                said = truth(item)
                decision = {"label": item["label"], "decision": "accept" if said else "set_aside", "truth": said}
                polite(self.http, "POST", "/api/owner/reviews", json=decision)
                done += 1
                told()
        return done

    def queue(self, app: str) -> list[dict[str, Any]]:
        return polite(self.http, "GET", f"/api/owner/reviews?app={app}&limit=100").json()["items"]

    def truth_by_looking(self, item: dict[str, Any]) -> dict[str, str]:
        """Open the photo and tell what is in it."""
        return {"label": self.memory.what_is_in(polite(self.http, "GET", item["photo"]).content)}

    def truth_by_word(self, item: dict[str, Any]) -> dict[str, str] | None:
        return {"label": item["word"]} if item["word"] else None

    def close(self) -> None:
        self.http.close()
