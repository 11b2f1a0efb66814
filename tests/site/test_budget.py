"""What one network, and one visitor, may take in a minute: refused past it, in words that say what and when."""

import asyncio
from contextlib import ExitStack, suppress

import pytest

from teahouse import settings as page
from teahouse.engine.port import LANES, Answer
from teahouse.engine.waiting import queue_full
from teahouse.errors import InputError, TooMany
from teahouse.site import budget as budget_page
from teahouse.site.budget import VISITOR, Budget, Window
from teahouse.testing import APP, photo, whole_house

PATH = f"/api/apps/{APP}/predictions"
OWN = {"Origin": "http://127.0.0.1:8360"}


class Clock:
    now = 600.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def refused(budget, who, share=1.0):
    with pytest.raises(TooMany) as raised:
        budget.take(who, share)
    return raised.value


def test_a_window_slides_over_the_minute(clock):
    budget = Budget(4, clock)

    def fits():
        with suppress(TooMany):
            budget.take("a network")
            return True
        return False

    assert [fits() for _ in range(5)] == [True] * 4 + [False]
    budget.take("another network")
    clock.now = 660.0
    assert not fits(), "the minute before is within the window still"
    clock.now = 690.0
    assert [fits() for _ in range(3)] == [True, True, False], "half of it is"
    clock.now = 900.0
    assert [fits() for _ in range(5)] == [True] * 4 + [False]


def test_a_window_looked_at_in_a_new_minute_knows_what_was_in_the_one_before(clock):
    window = Window(clock)
    window.add("a", 10)
    clock.now = 675.0
    assert window.of("a") == 7.5
    clock.now = 720.0
    assert window.of("a") == 0.0


@pytest.mark.parametrize(("began", "amount"), [(610.0, 10.0), (610.0, 25.0), (655.0, 12.0)])
def test_who_waits_as_long_as_told_is_let_in_and_not_much_sooner(clock, began, amount):
    window, clock.now = Window(clock), began
    window.add("a", amount)
    wait = window.wait("a", 10)
    assert 0 < wait <= 120
    clock.now = began + wait - 1
    assert window.wait("a", 10) > 0
    clock.now = began + wait + 1
    assert window.wait("a", 10) == 0 < window.of("a")
    assert window.wait("b", 10) == 0


@pytest.mark.parametrize(
    ("what", "amount", "words"), [("bytes", 1.2e9, "1,200 MB"), ("seconds", 60.0, "60 s"), ("requests", 600, "600 req")]
)
def test_each_budget_is_refused_for_itself_in_words_that_say_what_and_when(clock, what, amount, words):
    budget = Budget(600, clock)
    budget.spend(("a", "b"), what, amount)
    told = refused(budget, "a")
    assert words in told.why and f"{told.extra['retry_after']} seconds" in told.do_next
    assert isinstance(told.extra["retry_after"], int) and 1 <= told.extra["retry_after"] <= 60
    budget.take("c")
    budget.spend(("visitor",), what, amount * VISITOR)
    refused(budget, "visitor", VISITOR)
    clock.now += 35
    assert len({refused(budget, "b").extra["retry_after"] for _ in range(50)}) > 1, "they come back one by one"


def test_who_has_had_less_work_this_minute_is_let_in_before_who_has_had_more(clock):
    budget = Budget(600, clock)
    had = (0.0, 0.004, 0.005, 0.019, 0.02, 0.1, 0.5, 2.0, 50.0)
    for seconds in had:
        budget.spend((str(seconds),), "seconds", seconds)
    lanes = [budget.lane(str(seconds)) for seconds in had]
    ranks = [LANES.index(lane) for lane in lanes]
    assert lanes[:2] == ["free", "free"] and ranks == sorted(ranks) and len(set(ranks)) == 6
    assert ranks[-1] < LANES.index("late"), "who asks again though told to wait comes last"
    clock.now += 120
    assert budget.lane("50.0") == "free"


def test_what_a_network_asks_while_four_of_its_answers_are_under_way_comes_after_others(clock):
    budget, lanes = Budget(600, clock), []
    with ExitStack() as under_way:
        lanes = [under_way.enter_context(budget.under_way("a")) for _ in range(6)]
        assert (budget.lane("a"), budget.lane("b")) == ("late", "free")
    assert lanes == ["free"] * 4 + ["late"] * 2
    assert budget.lane("a") == "free" and not budget.working


async def test_who_comes_again_though_told_to_wait_hears_it_later_and_comes_last(clock, monkeypatch):
    budget, slept = Budget(600, clock), []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(budget_page.asyncio, "sleep", sleep)
    for _ in range(30):
        assert budget.lane("a") == "free"
        await budget.hold("a")
    assert slept == []
    await budget.hold("a")
    assert slept == [budget_page.HOLD_S]
    assert (budget.lane("a"), budget.lane("b")) == ("late", "free")
    clock.now += 120
    assert budget.lane("a") == "free"


def test_work_and_bytes_are_counted_for_the_network_and_the_visitor(tmp_path, clock):
    with whole_house(tmp_path) as site:
        site.deps.budget = Budget(600, clock)
        for seed in range(2):  # the same one again would be answered from memory
            assert site.client.post(PATH, content=photo(seed=seed), headers=OWN).status_code == 201
        taken, size = site.deps.budget.taken, len(photo())
        (network, visitor) = taken["seconds"].now
        assert network == "127.0.0.0/24"
        assert taken["bytes"].of(network) == pytest.approx(2 * size, rel=0.1)
        assert taken["bytes"].of(visitor) == pytest.approx(size, rel=0.1), "the first answer made them known"
        assert 0 < taken["seconds"].of(visitor) < taken["seconds"].of(network)


def test_what_was_worked_out_together_is_shared():
    told = Answer({}, ms={"queue": 900.0, "decode": 100.0, "wait": 900.0, "infer": 800.0}, batch=8)
    assert budget_page.work_s(told) == pytest.approx(0.2)
    assert budget_page.work_s(Answer({})) == 0.0


def test_work_that_ended_in_an_error_is_counted_too(site, monkeypatch, clock):
    site.deps.budget = Budget(600, clock)

    async def breaks(*_):
        error = InputError("This photo breaks off.")
        error.worked_s = 2.0
        raise error

    monkeypatch.setattr(site.engine, "predict", breaks)
    assert site.ask().status_code == 422
    assert site.deps.budget.taken["seconds"].now == {"127.0.0.0/24": 2.0}


@pytest.mark.parametrize("what", ["bytes", "seconds"])
def test_a_network_over_its_budget_gets_429_and_its_neighbour_an_answer(tmp_path, what):
    with whole_house(tmp_path, page.Settings(project=tmp_path, limits={"requests_per_minute": 20})) as site:
        site.deps.budget.spend(("203.0.113.0/24",), what, 1e9)
        told = site.visitor("203.0.113.7").post(PATH, content=photo())
        assert told.status_code == 429 and told.json()["error"]["code"] == "too-many"
        assert 1 <= int(told.headers["retry-after"]) <= 60
        assert site.visitor("203.0.114.7").post(PATH, content=photo()).status_code == 201


@pytest.mark.parametrize("path", ["/{app}/seeds/7", "/{app}/seeds/7/card.png", "/{app}", "/{app}/card.png"])
def test_a_picture_made_for_a_page_is_on_the_account_of_who_asked_first(colour, monkeypatch, clock, path):
    budget, lanes, real = Budget(600, clock), [], colour.engine.predict
    colour.deps.budget = budget

    async def seen(release, given, until, lane):
        lanes.append((lane, dict(budget.working)))
        return await real(release, given, until, lane)

    monkeypatch.setattr(colour.engine, "predict", seen)
    for address in ("203.0.113.7", "203.0.114.7"):
        assert colour.visitor(address).get(path.format(app=colour.name)).status_code == 200
    assert lanes[0] == ("free", {"203.0.113.0/24": 1}) and not budget.working
    assert budget.taken["seconds"].of("203.0.113.0/24") > 0
    assert colour.deps.pulse.outcomes["answered"] == len(lanes)
    budget.spend(("203.0.113.0/24",), "seconds", 1.0)
    assert colour.visitor("203.0.113.7").get(f"/{colour.name}/seeds/8").status_code == 200
    assert lanes[-1][0] == "after-4"


def test_a_picture_that_could_not_be_made_is_counted(colour, monkeypatch):
    async def full(*_):
        raise queue_full(64, 3.0)

    monkeypatch.setattr(colour.engine, "predict", full)
    assert colour.client.get(f"/{colour.name}/seeds/7").status_code == 503
    assert colour.deps.pulse.outcomes["shed"] == 1 and not colour.deps.budget.working


def test_where_the_queue_is_full_a_photo_is_refused_before_it_is_read(tmp_path):
    async def unread():
        raise AssertionError("the photo was read")

    async def ask(app):
        said = []

        async def send(message):
            said.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": PATH,
            "query_string": b"",
            "scheme": "http",
            "headers": [(b"host", b"127.0.0.1:8360"), (b"content-length", b"3000000")],
            "client": ("203.0.113.7", 50_000),
        }
        await app(scope, unread, send)
        return said

    with whole_house(tmp_path) as site:
        site.engine.full = lambda *_: queue_full(64, 3.0)
        start, _ = asyncio.run(ask(site.app))
        assert start["status"] == 503 and int(dict(start["headers"])[b"retry-after"]) in range(2, 5)
        assert site.deps.pulse.outcomes["shed"] == 1
