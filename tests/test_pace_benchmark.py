"""The benchmark of the pace: what it plays, and what it measures of it."""

import asyncio
import dataclasses
import random

import pytest

from benchmarks import pace
from partnercenter_async.emulator import FixedWindow, SlidingWindow, TokenBucket


def played(client, limiter, **fields):
    row = dataclasses.replace(pace.ROWS[2], **fields)
    return pace.play(pace.JOBS[client], row, limiter, None, jitter=0.0)


def test_a_job_that_no_limit_holds_up_has_the_pace_that_its_latency_allows():
    result = played("ours", lambda: FixedWindow(10**6, per=60))
    assert result.took == pytest.approx(3000 / 32 * pace.LATENCY, rel=0.01)
    assert (result.requests, result.admitted, result.lost, result.refused) == (3000, 3000, 0, 0.0)
    assert max(result.waits) == pytest.approx(pace.LATENCY)


def test_the_fastest_job_uses_each_window_at_its_beginning_and_each_burst_at_once():
    times = [
        pace.fastest(limiter, 3000, changed_at, changed)
        for limiter, changed_at, changed in (
            (FixedWindow(500, per=60), 0, 500),
            (SlidingWindow(500, per=60, counts_refused=True), 0, 500),
            (TokenBucket(500, per=60, burst=500), 0, 500),
            (TokenBucket(500, per=60, burst=1), 120, 250),
        )
    ]
    assert times == [pytest.approx(each, abs=0.3) for each in (300, 300, 300, 120 + 2000 / 250 * 60)]


def test_what_came_of_a_job_is_held_against_its_goal():
    met = {"took": 361, "admitted": 3000, "requests": 3030, "allowed": 3008, "fastest": 301, "customers": 3000}
    result = pace.Result(**met, waits=[1.0] * 3000)
    assert (result.share, result.of_fastest, result.lost) == (3000 / 3008, 301 / 361, 0)
    assert result.refused == pytest.approx(0.0099, abs=1e-4)
    learned = pace.ROWS[2]
    assert result.reaches(learned)
    worse = ({"admitted": 2900}, {"requests": 3031}, {"waits": [1.0] * 2999})
    assert not any(dataclasses.replace(result, **each).reaches(learned) for each in worse)
    assert dataclasses.replace(result, requests=3280).reaches(pace.ROWS[3])  # 256, and one in a hundred


async def evenly(row, service, waits):
    """A job that knows the rate, and sends a request in each of its intervals."""

    async def one(number):
        await service.exchange("GET", f"/v1/customers/{number}")
        waits.append(pace.LATENCY)

    async with asyncio.TaskGroup() as tasks:
        for number in range(row.customers):
            tasks.create_task(one(number))
            await asyncio.sleep(60 / service.limiter.number)


def test_the_goals_can_be_reached_at_every_limiter():
    row = pace.ROWS[0]
    for _, make in row.limiters([1, 10]):
        result = pace.play(evenly, row, make, None, jitter=0.0)
        assert result.reaches(row)
        assert result.requests == 3000


@pytest.mark.parametrize(("change", "took"), [("halved", 120 + 480), ("doubled", 120 + 120)])
def test_a_limit_that_changes_on_the_way_counts_for_its_time(change, took):
    row = pace.ROWS[2]
    result = pace.play(evenly, row, lambda: TokenBucket(500, per=60, burst=10), change, jitter=0.0)
    assert (result.took, result.allowed) == (pytest.approx(took, abs=0.5), pytest.approx(3000, abs=5))
    assert (result.lost, result.requests - result.admitted) == (0, 0)
    assert result.reaches(row)


@pytest.mark.parametrize("client", pace.JOBS)
def test_every_client_gets_a_short_job_through_a_window(client):
    """Nobody is lost where all that is refused is admitted in the next window."""
    random.seed(0)
    result = played(client, lambda: FixedWindow(25, per=3), concurrency=4)
    assert (result.admitted, result.lost) == (3000, 0)
    assert 357 <= result.took < 600
    assert 0 < result.refused < 0.15


def test_only_the_limiters_that_are_asked_for_are_played_and_a_row_without_one_is_left_out(monkeypatch, capsys):
    plays = []

    def play(job, row, make, change, *, jitter):
        plays.append(repr(make()))
        return pace.Result(took=1, admitted=1, requests=1, allowed=1, fastest=1, customers=1, waits=[1.0])

    monkeypatch.setattr(pace, "play", play)
    monkeypatch.setattr("sys.argv", ["pace", "--only", "creations", "--by", "bucket of 500, refused"])
    assert (pace.main(), plays) == (0, [])  # there the buckets have 10 tokens, or 100
    assert "1,000 creations" not in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["pace", "--only", "learned, 32", "--by", "bucket of 500, refused"])
    assert pace.main() == 0
    assert plays == ["TokenBucket(500, per=60, counts_refused=True, burst=500)"]
    assert "learned, 32" in capsys.readouterr().out


@pytest.mark.parametrize("place", pace.PLACES)
def test_what_waiting_costs_is_measured_of_calls_that_wait(place):
    assert 0 < pace.waiting_cost(20, place, collector=False) < 1e5


def test_interactive_calls_are_told_apart_from_those_that_a_closed_lane_held_up():
    random.seed(0)
    declared, elsewhere, lost = pace.beside("declared", lambda: FixedWindow(500, per=60), every=5.0)
    assert (declared, lost) == (elsewhere, 0)
    assert max(declared) < 1
    learned, elsewhere, lost = pace.beside("learned", lambda: FixedWindow(500, per=60), every=5.0)
    assert lost == 0
    assert max(learned) > 20 > max(elsewhere)
    assert 40 < len(elsewhere) < len(learned)


def test_a_percentile_is_one_of_the_numbers():
    assert [pace.percentile(range(100), part) for part in (0.5, 0.99, 1.0)] == [49, 98, 99]
    assert pace.percentile([7], 0.01) == 7
