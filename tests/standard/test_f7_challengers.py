"""F7: challengers that crash on load, give no number or the wrong shape never meet a visitor; one that errs and one
that is slow are taken off within 200 of their requests or 60 s, and hardly a visitor notices."""

import pytest

from teahouse.store import predictions, rollouts, tallies
from tests.standard import challengers
from tests.standard.challengers import APP, Crowd
from tests.standard.houses import wait_until

SHARE = 500
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def house(tmp_path):
    """A real house whose champion takes 15 ms."""
    with challengers.champion(tmp_path, "steady") as house:
        yield house


def met(house, release):
    """The answers of this release that visitors got."""
    with house.own.db.read() as c:
        return [row for row in predictions.page(c, APP, limit=100_000) if row.release == release]


@pytest.mark.parametrize(
    "kind", ["crashes on load", "not a number", "wrong shape", "not a number, later", "wrong shape, later"]
)
def test_f7_what_can_not_answer_never_meets_a_visitor(house, tmp_path, kind, capsys):
    release = challengers.install(house.own, tmp_path / "challenger", kind)
    with Crowd(house.url, hands=2) as crowd:
        challengers.let_through(house.own, release, "shadow")
        step, took = challengers.ended(house.own, release, 60)
        seen = crowd.asked
        wait_until(lambda: crowd.asked > seen + 20, "visitors come no more")
    assert (step.state, step.by) == ("rolled_back", "guard"), step.why
    assert crowd.failed == 0 and met(house, release) == []
    with house.own.db.read() as c:
        assert rollouts.taken_off(c, APP, release) is not None
    with capsys.disabled():
        print(f"\nF7 {kind}: taken off after {took:.1f} s ({step.why}); {crowd.asked} visitors meanwhile, 0 met it")


@pytest.mark.parametrize("kind", ["errs", "slow"])
def test_f7_what_errs_or_is_slow_is_taken_off_and_hardly_a_visitor_notices(house, tmp_path, kind, capsys):
    release = challengers.install(house.own, tmp_path / "challenger", kind)
    with Crowd(house.url) as crowd:
        seen = challengers.let_through(house.own, release, "canary", SHARE)
        step, took = challengers.ended(house.own, release, 90)
        answered = crowd.asked
        wait_until(lambda: crowd.asked > answered + 100, "visitors come no more")
    with house.own.db.read() as c:
        counts = tallies.counts(c, APP, [release], 0)
    asked = sum(n for (_, arm, what), n in counts.items() if arm == "canary" and what in ("answers", "errors"))
    assert (step.state, step.by) == ("rolled_back", "guard") and step.seq > seen, step.why
    assert asked <= 200 or took <= 60
    assert crowd.failed <= 0.005 * crowd.asked
    with capsys.disabled():
        print(
            f"\nF7 {kind}: rolled back after {asked} canary requests, {took:.1f} s ({step.why}); "
            f"{crowd.failed} of {crowd.asked} visitors saw an error"
        )
