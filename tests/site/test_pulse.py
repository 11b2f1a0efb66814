"""What the house tells of itself while it answers: outcomes, and where the time goes."""

import asyncio

import pytest
from starlette.exceptions import HTTPException

from teahouse.errors import DeadlinePassed, DiskFull, InputError, QueueFull, TooMany, WorkerDied
from teahouse.site import pulse, security
from teahouse.site.assembly import create_app
from teahouse.testing import APP, client_of, photo


def told(site):
    """The metrics by name and labels."""
    lines = site.client.get("/metrics", headers={"Host": "127.0.0.1:8360"}).text.splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_each_answer_tells_where_its_time_went(site):
    for seed in range(3):
        assert site.ask(seed=seed).status_code == 201
    found = told(site)
    assert found['teahouse_predictions_total{outcome="answered"}'] == 3
    for stage in ("receive", "decode", "wait", "infer", "commit", "send"):
        assert found[f'teahouse_stage_seconds_count{{stage="{stage}"}}'] == 3, stage
    assert found['teahouse_batch_size_bucket{le="1"}'] == 3
    spent = [sum(one.values()) for one in site.deps.pulse.last]
    assert all(ms > 0 for ms in spent) and len(spent) == 3


def test_a_stream_is_counted_as_an_answer_is(site):
    assert "event: answer" in site.ask(Accept="text/event-stream").text
    found = told(site)
    assert found['teahouse_predictions_total{outcome="answered"}'] == 1
    assert found['teahouse_stage_seconds_count{stage="send"}'] == 1


def test_what_can_not_be_used_is_refused_and_takes_no_time(site):
    site.client.post(f"/api/apps/{APP}/predictions", content=b"no photo", headers={"Content-Type": "image/jpeg"})
    found = told(site)
    assert found['teahouse_predictions_total{outcome="refused"}'] == 1
    assert found['teahouse_stage_seconds_count{stage="infer"}'] == 0


def test_who_is_turned_away_at_the_gate_is_counted(site, monkeypatch):
    path, counts = f"/api/apps/{APP}/predictions", site.deps.pulse.outcomes
    streams = {"Content-Type": "image/jpeg"}
    monkeypatch.setattr(security, "BODIES", 0)
    crowded = client_of(create_app(site.deps))
    assert crowded.post(path, content=photo()).status_code == 503
    assert counts == {"shed": 1}
    assert crowded.post(path, content=iter([photo()]), headers=streams).status_code == 503
    assert counts == {"shed": 2}, "also where it is told while the photo comes in"
    site.deps.budget.spend(("127.0.0.0/24",), "requests", 1e6)
    assert site.client.post(path, content=photo()).status_code == 429
    assert counts == {"shed": 3}
    assert site.client.get("/api/apps").status_code == 429
    assert counts == {"shed": 3}, "who wanted no answer got none"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(None, "answered"), (QueueFull("Full."), "shed"), (TooMany("A lot."), "shed"), (DeadlinePassed("Late."), "late"),
     (InputError("No."), "refused"), (DiskFull("Full."), "failed"), (WorkerDied("Died."), "failed"),
     (HTTPException(503), "shed"), (HTTPException(413), "refused"), (RuntimeError("broken"), "failed"),
     (asyncio.CancelledError(), "left")],
)  # fmt: skip
def test_what_became_of_a_request(error, outcome):
    assert pulse.outcome_of(error) == outcome and outcome in pulse.OUTCOMES


def test_bins_are_cumulative_and_hold_their_upper_edge():
    bins = pulse.Bins((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        bins.add(value)
    assert bins.told() == ([("1.0", 2.0), ("2.0", 3.0), ("+Inf", 4.0)], 12.0)


def test_quantiles_are_values_that_were_there():
    assert pulse.quantile(range(100), 0.5) == 50 and pulse.quantile(range(100), 0.99) == 99
    assert pulse.quantile([], 0.5) == 0
