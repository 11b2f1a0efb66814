"""The hot route: what comes in, what is on disk before the answer, what comes out."""

import asyncio
import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from teahouse import ids
from teahouse.errors import DiskFull, InputBroke, QueueFull
from teahouse.store import inputs, predictions, tallies
from teahouse.testing import APP, expected, photo

PATH = f"/api/apps/{APP}/predictions"


def row_of(site, answer):
    with site.house.db.read() as c:
        return predictions.get(c, ids.parse(answer["id"]))


def test_an_answer_has_all_that_the_interface_promises(site):
    given = photo("warm", form="PNG")
    response = site.client.post(PATH, content=given, headers={"Content-Type": "image/png"})
    answer = response.json()
    assert response.status_code == 201
    assert set(answer) == {
        "id", "receipt", "app", "release", "output", "confidence", "familiar", "latency_ms", "feedback", "kept",
    }  # fmt: skip
    assert answer["output"] == expected(given) and answer["release"] == site.release and answer["app"] == APP
    assert answer["confidence"] == max(answer["output"]["scores"].values())
    assert {"kind": "agree", "values": [True, False]} in answer["feedback"]
    assert {"kind": "correct", "values": ["warm", "cold"]} in answer["feedback"]


def test_the_row_is_on_disk_before_the_answer_and_holds_no_photo(site, own):
    given = photo("cold", 4)
    row = row_of(site, site.client.post(PATH, content=given, headers=own).json())
    assert row.given == ids.keyed(site.house.key("given"), given) and len(row.network) == 32
    assert row.output["label"] == "cold" and row.arm == "full" and row.ms > 0 and len(row.visitor) == 16
    everything = [path.read_bytes() for path in site.house.data.rglob("*") if path.is_file()]
    assert not any(given[200:400] in data for data in everything)


def test_multipart_json_and_the_raw_body_give_the_same_answer(site):
    given = photo("cold", 2)
    raw = site.client.post(PATH, content=given).json()
    form = site.client.post(PATH, files={"input": ("../../etc/passwd", given, "image/jpeg")}).json()
    plain = site.client.post(PATH, json={"input": base64.b64encode(given).decode()}).json()
    assert raw["output"] == form["output"] == plain["output"]
    assert row_of(site, raw).given == row_of(site, form).given == row_of(site, plain).given


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "image/jpeg", 422),
        (b"<svg/>", "image/png", 422),
        (b"{}", "application/json", 422),
        (b"[1]", "application/json", 422),
        (b'{"input": 3}', "application/json", 422),
        (b'{"input": "%%%"}', "application/json", 422),
        (b'{"other": "aGk="}', "application/json", 422),
        (b'{"input":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "application/json", 422),
        (b"hello", "multipart/form-data; boundary=x", 422),
        (b"hello", "multipart/form-data", 422),
        (b"x" * 10_400_000, "image/jpeg", 413),
    ],
)
def test_what_can_not_be_used_is_refused_in_words(site, body, kind, status):
    response = site.client.post(PATH, content=body, headers={"Content-Type": kind})
    assert response.status_code == status
    assert set(response.json()["error"]) >= {"code", "what", "why", "do_next"}


def test_a_body_that_streams_past_the_limit_is_refused(site):
    chunks = (b"x" * 1_000_000 for _ in range(30))
    assert site.client.post(PATH, content=chunks).status_code == 413


def test_a_form_with_too_many_parts_or_too_long_headers_is_refused(site):
    part = b'--x\r\nContent-Disposition: form-data; name="input"\r\n\r\n1\r\n'
    head = b'--x\r\nContent-Disposition: form-data; name="' + b"a" * 5000 + b'"\r\n\r\n1\r\n'
    for parts in (part * 21, head):
        response = site.client.post(
            PATH, content=parts + b"--x--\r\n", headers={"Content-Type": "multipart/form-data; boundary=x"}
        )
        assert response.status_code in (413, 422)


def test_an_unknown_app_is_not_found(site):
    assert site.client.post("/api/apps/nothing/predictions", content=photo()).status_code == 404


def test_the_same_key_gets_the_same_answer_again(site, own):
    headers = {**own, "Idempotency-Key": "once"}
    first = site.client.post(PATH, content=photo(seed=1), headers=headers)
    again = site.client.post(PATH, content=photo(seed=1), headers=headers)
    assert (again.status_code, again.json()["id"], again.json()["receipt"]) == (
        201, first.json()["id"], first.json()["receipt"],
    )  # fmt: skip
    assert again.json()["output"] == first.json()["output"]
    assert site.client.post(PATH, content=photo(seed=2), headers=headers).status_code == 409


def test_concurrent_twins_with_one_key_are_one_prediction(site):
    site.engine.hold_s = 0.1

    def ask(_):
        return site.client.post(PATH, content=photo(seed=1), headers={"Idempotency-Key": "twins"}).json()["id"]

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(ask, range(6)))) == 1


def test_two_visitors_with_the_same_key_do_not_meet(site, own):
    headers = {**own, "Idempotency-Key": "order 1"}
    one, other = site.visitor(), site.visitor()
    for client in (one, other):
        client.post(PATH, content=photo(seed=9), headers=own)  # a cookie each
    first = one.post(PATH, content=photo(seed=1), headers=headers).json()
    second = other.post(PATH, content=photo(seed=1), headers=headers).json()
    assert first["id"] != second["id"] and row_of(site, first).visitor != row_of(site, second).visitor
    assert one.post(PATH, content=photo(seed=1), headers=headers).json()["id"] == first["id"]
    assert other.post(PATH, content=photo(seed=2), headers=headers).status_code == 409


@pytest.mark.parametrize("cookie", [False, True], ids=["before its cookie came", "after its cookie came"])
def test_who_repeats_a_lost_answer_gets_it_and_is_the_same_visitor(site, own, cookie):
    headers = {**own, "Idempotency-Key": "5f" * 16}
    browser = site.visitor()
    lost = browser.post(PATH, content=photo(seed=1), headers=headers)
    if not cookie:
        browser.cookies.clear()
    again = browser.post(PATH, content=photo(seed=1), headers=headers)
    assert again.json()["id"] == lost.json()["id"]
    assert again.headers["set-cookie"].split(";")[0] == lost.headers["set-cookie"].split(";")[0]
    assert len(browser.get("/api/mine", headers=own).json()["predictions"]) == 1
    with site.house.db.read() as c:
        (row,) = predictions.page(c, APP)
    assert "5f5f" not in row.key, "the key opens nothing, and is not kept"


def test_a_program_without_a_cookie_repeats_safely_and_meets_nobody(site):
    def ask(seed, key):
        return site.visitor().post(PATH, content=photo(seed=seed), headers={"Idempotency-Key": key})

    first = ask(1, "1")
    assert ask(1, "1").json()["id"] == first.json()["id"] and "set-cookie" not in first.headers
    other = ask(2, "1")
    assert (other.status_code, other.json()["id"] == first.json()["id"]) == (201, False)
    assert ask(1, "2").json()["id"] != first.json()["id"]


def test_a_repeated_answer_says_that_the_photo_is_kept(site, own):
    receipt = site.client.post(PATH, content=photo(seed=1), headers=own).json()
    let = {**own, "X-Receipt": receipt["receipt"], "X-Consent": "keep, train"}
    path = f"/api/predictions/{receipt['id']}/input"
    assert site.client.put(path, content=photo(seed=1), headers=let).status_code == 201
    headers = {**own, "Idempotency-Key": "k", "X-Consent": "keep, train"}
    told = [site.client.post(PATH, content=photo(seed=2), headers=headers).json() for _ in range(2)]
    assert told[0]["id"] == told[1]["id"] and [one["kept"] for one in told] == [True, True]
    with site.house.db.read() as c:
        (kept,) = inputs.of_prediction(c, ids.parse(told[0]["id"]))
    assert site.house.blobs.exists(kept.blob)


def test_a_key_that_is_no_plain_text_is_refused(site):
    for key in ("k" * 201, "a\tb"):
        assert site.client.post(PATH, content=photo(), headers={"Idempotency-Key": key}).status_code == 422


def test_a_new_visitor_gets_a_signed_cookie_and_a_known_one_has_it_renewed(site, own):
    first = site.client.post(PATH, content=photo(), headers=own)
    cookie = first.headers["set-cookie"]
    assert cookie.startswith("visitor=") and "HttpOnly" in cookie and "samesite=lax" in cookie.lower()
    again = site.client.post(PATH, content=photo(seed=1), headers=own).headers["set-cookie"]
    assert again.split(";")[0] == cookie.split(";")[0] and "Max-Age=15552000" in again
    with site.house.db.read() as c:
        rows = predictions.page(c, APP)
    assert rows[0].visitor == rows[1].visitor


def test_a_forged_cookie_names_nobody(site, own):
    site.client.cookies.set("visitor", "AAAAAAAAAAAAAAAAAAAAAA.c2lnbmF0dXJl")
    assert "set-cookie" in site.client.post(PATH, content=photo(), headers=own).headers


def test_a_foreign_page_gets_an_answer_without_a_cookie(site, own):
    site.client.post(PATH, content=photo(), headers=own)
    foreign = site.client.post(PATH, content=photo(seed=3), headers={"Origin": "https://evil.test"})
    assert foreign.status_code == 201 and "set-cookie" not in foreign.headers
    assert foreign.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in foreign.headers
    with site.house.db.read() as c:
        rows = predictions.page(c, APP)
    assert rows[0].visitor != rows[1].visitor


def test_the_lot_is_drawn_by_visitor_and_near_a_third_is_held(site, own):
    from teahouse.site import visitors

    shown = site.deps.serving.app(APP)
    drawn = [visitors.is_held(site.deps, shown, n.to_bytes(16, "big")) for n in range(3000)]
    assert 900 < sum(drawn) < 1100
    rows = [row_of(site, site.client.post(PATH, content=photo(seed=n), headers=own).json()) for n in range(3)]
    assert len({row.held for row in rows}) == 1


def test_each_answer_is_tallied_with_its_milliseconds(site):
    site.ask(), site.ask("cold")
    with site.house.db.read() as c:
        (row,) = [row for row in tallies.read(c, APP, 0) if row.what == "answers"]
    assert (row.n, row.release, row.arm) == (2, site.release, "full") and row.total > 0


def test_a_stream_ends_with_the_answer(site, own):
    response = site.client.post(PATH, content=photo(), headers={**own, "Accept": "text/event-stream"})
    assert response.headers["content-type"].startswith("text/event-stream")
    name, data = response.text.strip().split("\n\n")[-1].split("\n")
    assert name == "event: answer" and json.loads(data.removeprefix("data: "))["output"]["label"] == "warm"


def test_a_stream_tells_the_place_in_the_queue(site, own, monkeypatch):
    told, answer = [(3, 1.24), (9, 4.0), None], site.engine.predict

    async def predict(*given):
        while told:  # until it was asked for its place three times
            await asyncio.sleep(0.01)
        return await answer(*given)

    monkeypatch.setattr(site.engine, "place", lambda release, given: told.pop(0) if told else None)
    monkeypatch.setattr(site.engine, "predict", predict)
    response = site.client.post(PATH, content=photo(), headers={**own, "Accept": "text/event-stream"})
    queued = 'event: queued\ndata: {"place":3,"wait_s":1.2}\n\n'
    assert response.text.startswith(2 * queued + "event: answer"), "a place that was told never grows"


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (QueueFull("Full.", place=9, wait=3.2), 503, "4"),
        (InputBroke("That photo broke it."), 422, None),
        (DiskFull("No room."), 507, None),
    ],
)
def test_what_the_engine_refuses_is_told_in_one_shape(site, monkeypatch, error, status, retry):
    async def predict(*_args):
        raise error

    monkeypatch.setattr(site.engine, "predict", predict)
    response = site.ask()
    assert (response.status_code, response.headers.get("retry-after")) == (status, retry)
    assert response.json()["error"]["code"] == error.code
    assert site.ask(Accept="text/event-stream").status_code == status


def test_what_fails_while_it_waits_is_an_event(site, monkeypatch):
    async def predict(*_args):
        await asyncio.sleep(0.1)
        raise QueueFull("Full.", place=9, wait=3.2)

    monkeypatch.setattr(site.engine, "predict", predict)
    stream = site.ask(Accept="text/event-stream")
    assert stream.status_code == 200 and stream.text.startswith("event: error") and "queue-full" in stream.text


def test_an_answer_that_can_not_be_kept_is_not_given(site, monkeypatch):
    async def append(*_):
        raise DiskFull("This could not be kept.")

    monkeypatch.setattr(type(site.house.db), "append", append)
    assert site.ask().status_code == 507


@pytest.mark.parametrize("accept", [b"application/json", b"text/event-stream"])
def test_who_has_left_is_not_worked_for(site, monkeypatch, accept):
    """A photo that waits leaves the queue with its visitor, also before a stream of events began; nothing is written of
    it."""
    begun, ended = threading.Event(), threading.Event()

    async def waits(*_args):
        begun.set()
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    monkeypatch.setattr(site.engine, "predict", waits)
    body, sent = photo(), []
    headers = [(b"host", b"127.0.0.1:8360"), (b"content-type", b"image/jpeg"), (b"accept", accept)]
    scope = {"type": "http", "method": "POST", "path": PATH, "query_string": b"", "headers": headers, "scheme": "http",
             "http_version": "1.1", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8360),
             "asgi": {"spec_version": "2.4"}}  # fmt: skip
    parts = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive():
        part = next(parts, None)
        if part is None:
            await asyncio.to_thread(begun.wait, 20)
        return part or {"type": "http.disconnect"}

    async def send(message):
        if accept == b"text/event-stream":
            raise OSError("They are gone.")
        sent.append(message)

    async def leave():
        await site.app(scope, receive, send)
        return await asyncio.to_thread(ended.wait, 5)  # in this loop: its end would end the work in any case

    assert asyncio.run(asyncio.wait_for(leave(), 20)) and not sent
    with site.house.db.read() as c:
        assert predictions.page(c, APP) == []


def test_an_app_without_a_loaded_release_says_when_to_come_again(site):
    from dataclasses import replace

    shown = site.deps.serving.apps[APP]
    site.deps.serving = replace(site.deps.serving, apps={APP: replace(shown, champion=None)})
    response = site.ask()
    assert response.status_code == 503 and int(response.headers["retry-after"]) >= 1


def test_a_web_that_has_not_looked_at_its_releases_yet_does_not_say_that_there_is_no_such_app(site):
    site.deps.serving = type(site.deps.serving)()
    response = site.ask()
    assert response.status_code == 503 and response.headers["retry-after"] == "1"


def test_many_at_once_are_all_kept(site):
    answers = []
    threads = [threading.Thread(target=lambda n=n: answers.append(site.ask(seed=n).json()["id"])) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with site.house.db.read() as c:
        assert {ids.text(row.id) for row in predictions.page(c, APP)} == set(answers)
