"""One limiter for all processes, on a real Valkey: the requests that Jira sees, and the limiter's memory."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app import clock
from app.errors import JiraBusy, Unavailable
from app.jira.endpoints import Endpoint, endpoint_of
from app.jira.leases import Leases
from app.jira.limits import LEASE_MS, Limiter, Purpose
from tests.integration.jira.asker import ENDPOINTS
from tests.integration.jira.conftest import NOON, Patient

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
SITE, OTHER_SITE = "https://acme.atlassian.net", "https://other.atlassian.net"
SEARCH, ISSUE = ENDPOINTS
COUNT = endpoint_of("POST", "/rest/api/3/search/approximate-count")
GLOBAL = {"RateLimit-Reason": "jira-quota-global-based", "Retry-After": "1800"}
TENANT = {"RateLimit-Reason": "jira-quota-tenant-based", "Retry-After": "1800"}
BURST = {"RateLimit-Reason": "jira-burst-based", "Retry-After": "30"}
NEAR = {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "3", "X-RateLimit-NearLimit": "true"}
JITTER = timedelta(seconds=60)
REQUEST_COUNT = 30
"""Requests to an endpoint, enough for three seconds at the initial rate."""


def ask(
    limiter: Limiter,
    endpoint: Endpoint = ISSUE,
    *,
    site: str = SITE,
    purpose: Purpose = Purpose.READ_THROUGH,
    points: int = 2,
    answer: tuple[int, dict[str, str]] = (200, {}),
    is_metered: bool = True,
) -> int:
    """Make one request and settle it; a search returns as many issues as expected."""
    with limiter.admit(site, endpoint, purpose=purpose, expected_points=points, is_metered=is_metered) as permit:
        permit.settle(*answer, {"issues": [{}] * (points - 1)} if endpoint == SEARCH else {})
        return permit.admission_ms


def refusal(limiter: Limiter, endpoint: Endpoint = ISSUE, **arguments: Any) -> timedelta:
    """The wait that the limiter demands of a request."""
    with pytest.raises(JiraBusy) as refusal_info:
        ask(limiter, endpoint, **arguments)
    return refusal_info.value.retry_at - clock.now()


def rate(limiter: Limiter, endpoint: Endpoint = ISSUE, site: str = SITE) -> float:
    return float(limiter.accounts.standing(site)["endpoints"][str(endpoint)]["rate"])


def nowhere() -> Redis:
    return Redis(port=1, retry=Retry(NoBackoff(), 0))


def spend(limiter: Limiter, points: int, *, site: str = SITE, purpose: Purpose = Purpose.BACKFILL) -> None:
    """Use up points of the hour at once."""
    ask(limiter, SEARCH, site=site, purpose=purpose, points=points)


# Many processes


def start(url: str, *, concurrency: int, threads: int, request_count: int, processes: int = 1) -> subprocess.Popen[str]:
    numbers = map(str, (concurrency, threads, request_count, processes))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.jira.asker", url, SITE, *numbers],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.fixture
def askers(limits_url: str, redis: Redis) -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def most_in_a_second(redis: Redis, name: str) -> int:
    moments = sorted(int(moment) for moment in redis.lrange(name, 0, -1))
    assert len(moments) >= REQUEST_COUNT, name
    return max(sum(1 for moment in moments if start_ms <= moment < start_ms + 1000) for start_ms in moments)


@pytest.mark.parametrize("concurrency", [1, 3, 8])
def test_eight_processes_together_are_as_polite_as_one(
    limits_url: str, redis: Redis, askers: list[subprocess.Popen[str]], concurrency: int
) -> None:
    """At 10 requests a second there is a turn every 100 ms, which may be taken 100 ms late: at most 12 in a second.

    8 more are allowed for requests that a busy machine delays on their way. Concurrency has no tolerance.
    """
    for endpoint in ENDPOINTS:  # after a push-back by Jira the rate doesn't rise during the test
        redis.hset(f"jira:site:{SITE}", mapping={f"{endpoint} rate": 10, f"{endpoint} cut": 1})
    process = start(limits_url, concurrency=concurrency, threads=8, request_count=REQUEST_COUNT, processes=8)
    askers.append(process)
    go(process)
    counts = [int(count) for count in process.communicate(timeout=60)[0].split()]
    assert len(counts) == 8
    assert sum(counts) >= 2 * REQUEST_COUNT
    assert int(redis.get("most") or 0) <= concurrency
    for endpoint in ENDPOINTS:
        assert most_in_a_second(redis, f"admitted {endpoint}") <= 12
        assert most_in_a_second(redis, f"arrived {endpoint}") <= 20
    status = Limiter(redis, site_concurrency=1).accounts.standing(SITE)
    assert status["in_flight"] == 0
    assert status["points_this_hour"] == sum(counts) + redis.llen(f"admitted {ISSUE}")


def test_eight_processes_that_climb_together_stay_below_the_ceiling(
    limits_url: str, redis: Redis, askers: list[subprocess.Popen[str]]
) -> None:
    """A turn may be taken 100 ms late: one second may have a tenth more than the ceiling."""
    request_count = 5 * REQUEST_COUNT
    process = start(limits_url, concurrency=8, threads=4, request_count=request_count, processes=8)
    askers.append(process)
    go(process)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert int(redis.get("most") or 0) <= 8
    for endpoint in ENDPOINTS:
        assert most_in_a_second(redis, f"admitted {endpoint}") <= endpoint.ceiling * 1.1 + 1


def test_the_leases_of_a_killed_process_run_out(
    limits_url: str, redis: Redis, askers: list[subprocess.Popen[str]]
) -> None:
    askers += [start(limits_url, concurrency=2, threads=1, request_count=0) for _ in range(2)]
    for process in askers:
        go(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        process.kill()
        process.wait()
    limiter = Patient(redis, site_concurrency=2)
    limiter.offset_ms = 0
    assert refusal(limiter) < timedelta(seconds=3)
    limiter.offset_ms = LEASE_MS - 10_000
    assert limiter.accounts.standing(SITE)["in_flight"] == 2
    refusal(limiter)
    limiter.offset_ms = LEASE_MS + 1000
    ask(limiter)
    assert limiter.accounts.standing(SITE)["in_flight"] == 0


# In flight


def test_never_more_in_flight_than_allowed_at_a_site_whatever_the_endpoint(redis: Redis) -> None:
    limiter = Patient(redis, site_concurrency=2)
    with ExitStack() as permits:
        for endpoint in (SEARCH, ISSUE):
            permits.enter_context(limiter.admit(SITE, endpoint, purpose=Purpose.BACKFILL, expected_points=2))
        assert limiter.accounts.standing(SITE)["in_flight"] == 2
        assert refusal(limiter, COUNT) < timedelta(seconds=3)
        ask(limiter, COUNT, site=OTHER_SITE)
    ask(limiter, COUNT)


def test_room_that_somebody_waits_for_goes_to_nobody_else(redis: Redis) -> None:
    """A backfill that takes all permits again at once would turn away people at the pairing page."""
    limiter = Limiter(redis, site_concurrency=2, patience=0.2)
    with limiter.admit(SITE, SEARCH, purpose=Purpose.BACKFILL, expected_points=2):
        with limiter.admit(SITE, ISSUE, purpose=Purpose.BACKFILL, expected_points=2):
            refusal(limiter, COUNT)
        refusal(limiter, ISSUE, purpose=Purpose.BACKFILL)
        refusal(limiter, ISSUE, purpose=Purpose.POLL)
        ask(limiter, COUNT)
        ask(limiter, COUNT, purpose=Purpose.POLL)


def test_who_waited_for_room_and_went_away_keeps_it_for_a_second_only(redis: Redis) -> None:
    limiter = Limiter(redis, site_concurrency=1, patience=0.2)
    with limiter.admit(SITE, SEARCH, purpose=Purpose.BACKFILL, expected_points=2):
        refusal(limiter, COUNT)
    refusal(limiter, ISSUE, purpose=Purpose.BACKFILL)
    limiter.offset_ms += 1001
    ask(limiter, ISSUE, purpose=Purpose.BACKFILL)


def test_leaving_without_an_answer_gives_the_lease_back_and_books_what_was_expected(limiter: Patient) -> None:
    with pytest.raises(ZeroDivisionError), limiter.admit(SITE, SEARCH, purpose=Purpose.BACKFILL, expected_points=101):
        raise ZeroDivisionError
    status = limiter.accounts.standing(SITE)
    assert (status["in_flight"], status["points_this_hour"]) == (0, 101)


def test_settling_twice_counts_once(limiter: Patient) -> None:
    with limiter.admit(SITE, SEARCH, purpose=Purpose.BACKFILL, expected_points=101) as permit:
        permit.settle(200, {}, {"issues": [{}] * 30})
        permit.settle(429, GLOBAL)
    ask(limiter, ISSUE)
    assert limiter.accounts.spent(SITE, NOON) == 31 + 2


def test_points_of_comparisons_and_repair_are_counted_apart(limiter: Patient) -> None:
    for purpose in (Purpose.REPAIR, Purpose.POLL):
        with limiter.admit(SITE, SEARCH, purpose=purpose, expected_points=101) as permit:
            permit.settle(200, {}, {"issues": [{}] * 30})
    status = limiter.accounts.standing(SITE)
    assert (status["points_this_hour"], status["repair_points_this_hour"]) == (62, 31)
    assert limiter.accounts.spent_by_app(NOON)["repair"] == 31


def test_a_long_answer_keeps_its_lease(redis: Redis) -> None:
    limiter = Patient(redis, site_concurrency=1)
    limiter._leases = Leases(limiter._renew, interval=0.02)
    with limiter.admit(SITE, SEARCH, purpose=Purpose.BACKFILL, expected_points=101):
        for _ in range(10):
            limiter.move(LEASE_MS / 1000 - 1)
            time.sleep(0.1)
            assert limiter.accounts.standing(SITE)["in_flight"] == 1
        refusal(limiter)


def test_a_lease_that_was_given_back_is_not_renewed(redis: Redis) -> None:
    limiter = Patient(redis, site_concurrency=1)
    with limiter.admit(SITE, SEARCH, purpose=Purpose.BACKFILL, expected_points=101) as permit:
        permit.settle(200, {}, {"issues": []})
        limiter._renew(SITE, [permit.lease])
        assert limiter.accounts.standing(SITE)["in_flight"] == 0


def test_the_thread_that_renews_ends_when_nothing_is_under_way(redis: Redis) -> None:
    limiter = Patient(redis)
    limiter._leases = Leases(limiter._renew, interval=0.02)

    def renewing() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "leases" and thread not in before]

    before = threading.enumerate()
    for _ in range(3):
        with ExitStack() as permits:
            for endpoint in (SEARCH, ISSUE):
                permits.enter_context(limiter.admit(SITE, endpoint, purpose=Purpose.BACKFILL, expected_points=2))
            (thread,) = renewing()
        thread.join(5)
        assert renewing() == []


# The rate


def pushed_back(redis: Redis, endpoint: Endpoint = ISSUE, pace: float = 10) -> None:
    """Jira has once refused this rate as too fast."""
    redis.hset(f"jira:site:{SITE}", mapping={f"{endpoint} rate": pace, f"{endpoint} cut": 1})


def test_turns_lie_a_tenth_of_a_second_apart_at_first(limiter: Patient, redis: Redis) -> None:
    with ExitStack() as permits:
        turns = [
            permits.enter_context(limiter.admit(SITE, ISSUE, purpose=Purpose.BACKFILL, expected_points=2)).admission_ms
            for _ in range(8)
        ]
    assert turns[-1] - turns[0] >= 600, "a turn may be taken up to 100 ms late without delaying the next"
    assert sum(limiter.waits) <= 0.75


def test_endpoints_and_sites_have_turns_of_their_own(limiter: Patient) -> None:
    for site in (SITE, OTHER_SITE):
        for endpoint in (SEARCH, ISSUE, COUNT):
            ask(limiter, endpoint, site=site)
    assert limiter.waits == []


def test_who_would_wait_too_long_is_sent_away_and_takes_no_turn(redis: Redis) -> None:
    limiter = Patient(redis, site_concurrency=64)
    ask(limiter)
    redis.hset(f"jira:site:{SITE}", mapping={f"{ISSUE} rate": 0.5, f"{ISSUE} free": 1e13})
    before = redis.hgetall(f"jira:site:{SITE}")
    refusal(limiter)
    assert redis.hgetall(f"jira:site:{SITE}") == before


def test_a_turn_taken_too_late_is_forfeited(limiter: Patient, redis: Redis) -> None:
    pushed_back(redis)
    ask(limiter)
    late = iter([0.5])
    limiter._pause = lambda wait: limiter.move(wait + next(late, 0.0))
    turn = ask(limiter)
    assert ask(limiter) - turn >= 100 - 1, "the next turn follows the one really taken"


def test_a_turn_is_kept_while_there_is_no_room_at_the_site(redis: Redis) -> None:
    """Another request took the permit while this one waited for its turn."""
    limiter, second_limiter = Patient(redis, site_concurrency=1), Patient(redis, site_concurrency=1)
    pushed_back(redis)
    ask(limiter)
    with ExitStack() as permits:

        def pause(wait: float) -> None:
            if not limiter.waits:
                permits.enter_context(second_limiter.admit(SITE, COUNT, purpose=Purpose.POLL, expected_points=1))
            else:
                permits.close()
            limiter.move(wait if not limiter.waits else 0.05)

        limiter._pause = pause
        ask(limiter)
    assert len(limiter.waits) == 2, "one for the turn, one for a permit"


def test_the_pace_rises_by_one_for_two_clean_answers_until_jira_pushes_back(limiter: Patient) -> None:
    for number in range(1, 41):
        ask(limiter)
        assert rate(limiter) == 10 + number // 2
    ask(limiter, answer=(200, NEAR))
    assert rate(limiter) == 15


def test_the_pace_reaches_the_ceiling_in_a_few_seconds(limiter: Patient) -> None:
    turns = [ask(limiter, SEARCH) for _ in range(100)]
    assert turns[-1] - turns[0] <= 4000
    assert rate(limiter, SEARCH) == 60


def test_after_a_cut_the_pace_rises_by_one_for_fifty_clean_answers(limiter: Patient, redis: Redis) -> None:
    pushed_back(redis)
    for number in range(1, 151):
        ask(limiter)
        assert rate(limiter) == 10 + number // 50


def test_a_cut_revokes_the_turns_that_were_given_before_it(limiter: Patient, redis: Redis) -> None:
    """Eight threads have turns a 60th of a second apart when Jira refuses this rate."""
    pushed_back(redis, SEARCH, 60)
    second_limiter = Patient(redis)
    with ExitStack() as permits:
        permit, *_ = (
            permits.enter_context(second_limiter.admit(SITE, SEARCH, purpose=Purpose.BACKFILL, expected_points=101))
            for _ in range(2)
        )

        def pause(wait: float) -> None:
            if not limiter.waits:
                permit.settle(200, NEAR)
            limiter.move(wait)

        limiter._pause = pause
        start = time.monotonic()
        ask(limiter, SEARCH)
    assert len(limiter.waits) == 2, "the request came at its turn and got a later one"
    # A busy machine spends a part of the wait by itself.
    assert sum(limiter.waits) + time.monotonic() - start >= 1 / 30


@pytest.mark.parametrize("capacity", [15, 20, 35, 50])
def test_the_first_climb_ends_before_the_site_has_to_refuse(limiter: Patient, capacity: int) -> None:
    """The site answers eight requests at once in 80 ms, with a lower limit than the published 100 requests a second."""
    tokens, last, levels = float(capacity), 0, []
    with ExitStack() as in_flight:
        requests_in_flight: list[tuple[int, Any, float]] = []
        for _ in range(600):
            permit = in_flight.enter_context(
                limiter.admit(SITE, SEARCH, purpose=Purpose.READ_THROUGH, expected_points=101)
            )
            tokens = min(capacity, tokens + (permit.admission_ms - last) * capacity / 1000) - 1
            last = permit.admission_ms
            levels.append(tokens)
            requests_in_flight.append((permit.admission_ms + 80, permit, tokens))
            while requests_in_flight and (
                requests_in_flight[0][0] <= permit.admission_ms or len(requests_in_flight) == 8
            ):
                due, earlier, tokens_at_answer = requests_in_flight.pop(0)
                limiter.move(max(0, due - permit.admission_ms) / 1000)
                is_near = tokens_at_answer < 0.2 * capacity
                earlier.settle(200, {"X-RateLimit-NearLimit": str(is_near).lower()}, {"issues": [{}] * 100})
    assert min(levels) >= 0, "a refusal"
    assert min(levels) < 0.2 * capacity, "the site never came near its limit"


def test_who_waits_for_room_is_woken_by_the_next_answer_of_its_own_process(redis: Redis) -> None:
    limiter = Limiter(redis, site_concurrency=1, patience=60.0)
    limiter._admit = Refusing(limiter._admit)
    with ThreadPoolExecutor(1) as executor:
        with limiter.admit(SITE, COUNT, purpose=Purpose.READ_THROUGH, expected_points=1) as permit:
            future = executor.submit(ask, limiter, COUNT)
            limiter._admit.has_refused.wait(30)
        assert future.result() - permit.admission_ms < 10_000, "not after the 20 seconds of the answer"


class Refusing:
    """Redis's answer, with a wait of 20 seconds if no permit is free."""

    def __init__(self, script: Any) -> None:
        self._script, self.has_refused = script, threading.Event()

    def __call__(self, **arguments: Any) -> Any:
        answer = self._script(**arguments)
        if answer[1] == b"concurrency":
            self.has_refused.set()
            answer[2] = 20_000
        return answer


@pytest.mark.parametrize(("endpoint", "ceiling"), [(SEARCH, 60), (ISSUE, 90), (COUNT, 90)])
def test_the_pace_never_passes_sixty_percent_of_the_published_burst(
    limiter: Patient, redis: Redis, endpoint: Endpoint, ceiling: float
) -> None:
    ask(limiter, endpoint)
    redis.hset(f"jira:site:{SITE}", f"{endpoint} rate", ceiling - 0.5)
    for _ in range(60):
        ask(limiter, endpoint)
    assert rate(limiter, endpoint) == ceiling


@pytest.mark.parametrize("answer", [(200, NEAR), (429, BURST)], ids=["near the limit", "429"])
def test_the_pace_is_halved_down_to_a_floor(limiter: Patient, answer: tuple[int, dict[str, str]]) -> None:
    rates = []
    for _ in range(6):
        ask(limiter, answer=answer)
        rates.append(rate(limiter))
        limiter._pauses.clear()
        limiter.move(31)
    assert rates == [5, 2.5, 1.25, 0.625, 0.5, 0.5]
    ask(limiter, COUNT)
    assert rate(limiter, COUNT) == 10, "another endpoint"


def test_what_was_under_way_together_halves_the_pace_once(limiter: Patient) -> None:
    with ExitStack() as stack:
        permits = [
            stack.enter_context(limiter.admit(SITE, ISSUE, purpose=Purpose.BACKFILL, expected_points=2))
            for _ in range(8)
        ]
        limiter.move(0.1)
        for permit in permits:
            permit.settle(429, BURST)
    assert rate(limiter) == 5


def test_a_halved_pace_counts_anew(limiter: Patient, redis: Redis) -> None:
    pushed_back(redis, ISSUE, 40)
    for _ in range(49):
        ask(limiter)
    ask(limiter, answer=(200, NEAR))
    ask(limiter)
    assert rate(limiter) == 20
    for _ in range(49):
        ask(limiter)
    assert rate(limiter) == 21


@pytest.mark.parametrize(("pace", "answers"), [(0.5, 3), (1.5, 8), (5, 25), (10, 50), (30, 50)])
def test_a_slow_pace_rises_with_the_clean_answers_of_five_seconds(
    limiter: Patient, redis: Redis, pace: float, answers: int
) -> None:
    """At half a request a second, fifty requests would take one and a half minutes."""
    pushed_back(redis, ISSUE, pace)
    for _ in range(answers - 1):
        ask(limiter)
    assert rate(limiter) == pace
    ask(limiter)
    assert rate(limiter) == pace + 1


@pytest.mark.parametrize("status", [500, 503])
def test_a_broken_site_neither_raises_nor_lowers_the_pace(limiter: Patient, status: int) -> None:
    for _ in range(60):
        ask(limiter, answer=(status, {}))
    assert rate(limiter) == 10


# Pauses


def test_the_apps_quota_parks_every_site_but_those_that_cost_no_points(limiter: Patient) -> None:
    ask(limiter, answer=(429, GLOBAL))
    for site in (SITE, OTHER_SITE):
        for endpoint in (SEARCH, ISSUE, COUNT):
            assert timedelta(seconds=1799) < refusal(limiter, endpoint, site=site) < timedelta(seconds=1800) + JITTER
    ask(limiter, site=OTHER_SITE, is_metered=False)
    assert rate(limiter) == 10, "a quota doesn't change the rate"
    limiter.move(1795)
    refusal(limiter, site=OTHER_SITE)
    limiter.move(6)
    ask(limiter)
    ask(limiter, site=OTHER_SITE)


def test_a_tenants_quota_parks_the_site(limiter: Patient) -> None:
    ask(limiter, answer=(429, TENANT))
    for endpoint in (SEARCH, ISSUE, COUNT):
        assert refusal(limiter, endpoint) > timedelta(seconds=1799)
    ask(limiter, site=OTHER_SITE)


def test_a_burst_parks_one_endpoint(limiter: Patient) -> None:
    ask(limiter, answer=(429, BURST))
    assert timedelta(seconds=29) < refusal(limiter) < timedelta(seconds=32)
    ask(limiter, COUNT)
    ask(limiter, ISSUE, site=OTHER_SITE)
    limiter.move(31)
    ask(limiter)


@pytest.mark.parametrize(
    "headers",
    [
        {"RateLimit-Reason": "jira-cost-based", "Retry-After": "20"},
        {"X-Failure-Category": "FAILURE_CLIENT_RATE_LIMIT", "X-RateLimit-Limit": "360000"},
        {},
    ],
    ids=["cost", "gateway", "nothing said"],
)
def test_an_unknown_reason_slows_and_parks_the_whole_site(limiter: Patient, headers: dict[str, str]) -> None:
    ask(limiter, COUNT)
    ask(limiter, answer=(429, headers))
    assert refusal(limiter, COUNT) > timedelta(seconds=19)
    assert (rate(limiter), rate(limiter, COUNT)) == (5, 5)
    ask(limiter, site=OTHER_SITE)


def test_maintenance_parks_the_site_and_leaves_the_pace(limiter: Patient) -> None:
    ask(limiter, answer=(503, {"Retry-After": "300"}))
    assert refusal(limiter, COUNT) > timedelta(seconds=299)
    assert rate(limiter) == 10


def test_a_short_pause_is_waited_out(limiter: Patient) -> None:
    ask(limiter, answer=(429, {**BURST, "Retry-After": "1"}))
    ask(limiter)
    assert 0.5 < sum(limiter.waits) < 1.4


def test_a_later_answer_does_not_shorten_a_pause(limiter: Patient) -> None:
    with ExitStack() as permits:
        first, second = (
            permits.enter_context(limiter.admit(SITE, ISSUE, purpose=Purpose.BACKFILL, expected_points=2))
            for _ in range(2)
        )
        first.settle(429, TENANT)
        second.settle(429, {**TENANT, "Retry-After": "1"})
    fresh = Patient(limiter._redis)
    fresh.offset_ms = limiter.offset_ms
    assert refusal(fresh) > timedelta(seconds=1799), "as seen by other processes"
    assert refusal(limiter) > timedelta(seconds=1799), "as remembered by this process"


def test_a_site_without_points_cannot_stop_the_app(limiter: Patient) -> None:
    headers = {**GLOBAL, "RateLimit-Policy": '"global-app-quota";q=5;w=3600'}
    ask(limiter, answer=(429, headers), is_metered=False)
    refusal(limiter, is_metered=False)
    ask(limiter, site=OTHER_SITE)
    assert limiter.accounts.standing(OTHER_SITE)["app_quota"] is None


# Points


def test_points_are_booked_and_corrected_by_what_it_really_cost(limiter: Patient) -> None:
    with limiter.admit(SITE, SEARCH, purpose=Purpose.BACKFILL, expected_points=101) as permit:
        assert limiter.accounts.spent(SITE, NOON) == 101
        permit.settle(200, {}, {"issues": [{}] * 40})
    ask(limiter, site=OTHER_SITE, purpose=Purpose.POLL)
    ask(limiter, answer=(404, {}))
    ask(limiter, is_metered=False)
    assert limiter.accounts.spent(SITE, NOON) == 41 + 1
    assert limiter.accounts.spent_by_app(NOON) == {"total": 44, "backfill": 41, "poll": 2, "read-through": 1}
    assert limiter.accounts.spent(SITE, NOON - timedelta(hours=1)) == 0


def test_each_purpose_leaves_the_next_its_reserve(redis: Redis) -> None:
    limiter = Patient(redis, app_points_per_hour=1000)
    spend(limiter, 600)
    for purpose, is_out in [(Purpose.BACKFILL, True), (Purpose.POLL, False)]:
        if is_out:
            assert timedelta(minutes=59) < refusal(limiter, purpose=purpose) < timedelta(minutes=60) + JITTER
        else:
            ask(limiter, purpose=purpose)
    spend(limiter, 198, purpose=Purpose.POLL)
    refusal(limiter, purpose=Purpose.POLL)
    spend(limiter, 200, purpose=Purpose.READ_THROUGH)
    refusal(limiter, purpose=Purpose.READ_THROUGH)
    ask(limiter, is_metered=False)
    limiter.set(NOON + timedelta(hours=1))
    ask(limiter, purpose=Purpose.BACKFILL)


def test_an_untouched_hour_takes_any_one_request(redis: Redis) -> None:
    limiter = Patient(redis, app_points_per_hour=100)
    spend(limiter, 101)
    refusal(limiter, purpose=Purpose.BACKFILL)


def test_a_backfill_alone_may_have_all_that_backfills_may_have(redis: Redis) -> None:
    limiter = Patient(redis, app_points_per_hour=1000)
    for _ in range(6):
        spend(limiter, 100)
    refusal(limiter, purpose=Purpose.BACKFILL)


def test_backfills_at_the_same_time_share_evenly(redis: Redis) -> None:
    limiter = Patient(redis, app_points_per_hour=1000)
    spend(limiter, 10, site=OTHER_SITE)
    for _ in range(3):
        spend(limiter, 100)
    wait = refusal(limiter, SEARCH, purpose=Purpose.BACKFILL, points=100)
    assert timedelta(seconds=59) < wait < timedelta(seconds=63), "300 is half of 600: the next attempt is in a minute"
    spend(limiter, 290, site=OTHER_SITE)
    refusal(limiter, SEARCH, site=OTHER_SITE, purpose=Purpose.BACKFILL, points=100)
    ask(limiter, purpose=Purpose.POLL)


def test_a_share_is_lent_once_its_site_wants_no_more(redis: Redis) -> None:
    limiter = Patient(redis, app_points_per_hour=1000)
    spend(limiter, 10, site=OTHER_SITE)
    spend(limiter, 300)
    refusal(limiter, SEARCH, purpose=Purpose.BACKFILL, points=100)
    limiter.move(91)
    spend(limiter, 100)
    spend(limiter, 190)
    refusal(limiter, SEARCH, purpose=Purpose.BACKFILL, points=100)


def test_in_the_last_quarter_what_is_left_goes_to_whoever_asks(redis: Redis) -> None:
    limiter = Patient(redis, app_points_per_hour=1000)
    limiter.set(NOON + timedelta(minutes=44, seconds=30))
    spend(limiter, 10, site=OTHER_SITE)
    spend(limiter, 300)
    wait = refusal(limiter, SEARCH, purpose=Purpose.BACKFILL, points=100)
    assert wait < timedelta(seconds=32), "not later than the start of the quarter"
    limiter.set(NOON + timedelta(minutes=45, seconds=1))
    spend(limiter, 100)
    spend(limiter, 190)
    refusal(limiter, SEARCH, purpose=Purpose.BACKFILL, points=100)


def test_a_small_share_still_lets_a_page_through(redis: Redis) -> None:
    """A hundred sites share 600 points, and a page costs 101."""
    limiter = Patient(redis, app_points_per_hour=1000)
    for number in range(100):
        redis.zadd("jira:waiting", {f"site {number}": (NOON + timedelta(minutes=5)).timestamp() * 1000})
    spend(limiter, 101)
    refusal(limiter, SEARCH, purpose=Purpose.BACKFILL, points=101)
    spend(limiter, 101, site=OTHER_SITE)


def test_where_there_are_more_sites_than_pages_those_go_first_that_have_had_least(redis: Redis) -> None:
    """Twelve sites, six pages an hour: a site that had one waits until all had one, regardless of its attempts."""
    limiter, sites = (
        Patient(redis, app_points_per_hour=1000),
        [f"https://{number}.atlassian.net" for number in range(12)],
    )
    had = dict.fromkeys(sites, 0)
    for hour in range(4):
        limiter.set(NOON + timedelta(hours=hour, seconds=1))
        for site in [*sites, *sites]:  # always the same ones ask first
            try:
                spend(limiter, 100, site=site)
                had[site] += 1
            except JiraBusy:
                pass
        assert sum(had.values()) == 6 * (hour + 1), "no points are wasted"
        assert max(had.values()) - min(had.values()) <= 1
    assert set(had.values()) == {2}


def test_a_new_site_comes_before_those_that_have_had_a_page_but_only_with_one(redis: Redis) -> None:
    limiter, sites = (
        Patient(redis, app_points_per_hour=1000),
        [f"https://{number}.atlassian.net" for number in range(12)],
    )
    for hour in range(2):
        limiter.set(NOON + timedelta(hours=hour, seconds=1))
        for site in [*sites, *sites]:
            with suppress(JiraBusy):
                spend(limiter, 100, site=site)
    limiter.set(NOON + timedelta(hours=2, seconds=1))
    spend(limiter, 100, site=SITE)
    refusal(limiter, SEARCH, site=SITE, purpose=Purpose.BACKFILL, points=100)
    spend(limiter, 100, site=sites[0])


def test_who_waited_for_the_full_hour_finds_its_share(redis: Redis) -> None:
    """The first site of the new hour must not take all points: the limiter knows that others are waiting."""
    limiter = Patient(redis, app_points_per_hour=1000)
    spend(limiter, 550, site="https://done.atlassian.net")
    for site in (OTHER_SITE, SITE):
        refusal(limiter, SEARCH, site=site, purpose=Purpose.BACKFILL, points=100)
        limiter.move(92)
        ask(limiter, site=site, purpose=Purpose.BACKFILL)  # small enough for the remaining points
    limiter.set(NOON + timedelta(hours=1, seconds=1))
    for _ in range(3):
        spend(limiter, 100)
    refusal(limiter, SEARCH, purpose=Purpose.BACKFILL, points=100)
    limiter.move(50)
    for _ in range(3):
        spend(limiter, 100, site=OTHER_SITE)


def test_a_request_across_the_full_hour_counts_in_both(limiter: Patient) -> None:
    limiter.set(NOON - timedelta(seconds=1))
    with limiter.admit(SITE, SEARCH, purpose=Purpose.BACKFILL, expected_points=101) as permit:
        limiter.set(NOON + timedelta(seconds=1))
        assert limiter.accounts.spent(SITE, NOON) == 0
        permit.settle(200, {"RateLimit": '"global-app-quota";r=9000;t=1'}, {"issues": [{}] * 50})
    assert limiter.accounts.spent(SITE, NOON - timedelta(hours=1)) == 51
    assert limiter.accounts.spent(SITE, NOON) == 51
    assert limiter.accounts.spent_by_app(NOON)["total"] == 51


def test_at_the_end_of_the_hour_the_next_is_a_moment_away(redis: Redis) -> None:
    limiter = Patient(redis, app_points_per_hour=1000)
    limiter.set(NOON - timedelta(seconds=20))
    spend(limiter, 600)
    assert timedelta(seconds=10) < refusal(limiter, purpose=Purpose.BACKFILL) < timedelta(seconds=22)
    limiter.set(NOON - timedelta(seconds=1))
    ask(limiter, purpose=Purpose.BACKFILL)
    assert sum(limiter.waits) < 1.2, "such a short wait happens inside"
    assert limiter.accounts.spent(SITE, NOON) == 2


def test_the_quota_that_jira_names_replaces_ours(limiter: Patient) -> None:
    ask(limiter, answer=(200, {"RateLimit-Policy": '"global-app-quota";q=500;w=3600'}))
    spend(limiter, 290)
    refusal(limiter, SEARCH, purpose=Purpose.BACKFILL, points=20)
    assert limiter.accounts.standing(SITE)["app_quota"] == 500


def test_where_jira_counted_more_jira_is_right(limiter: Patient) -> None:
    ask(limiter, answer=(200, {"RateLimit": '"global-app-quota";r=15000;t=3000'}))
    assert limiter.accounts.spent_by_app(NOON)["total"] == 50_000
    refusal(limiter, purpose=Purpose.BACKFILL)
    ask(limiter, purpose=Purpose.POLL)
    ask(limiter, answer=(200, {"RateLimit": '"global-app-quota";r=60000;t=3000'}))
    assert limiter.accounts.spent_by_app(NOON)["total"] == 50_004, "the total never falls"


def test_a_site_with_a_quota_of_its_own_leaves_the_apps_pool(redis: Redis) -> None:
    limiter = Patient(redis, app_points_per_hour=1000)
    ask(limiter, answer=(200, {"RateLimit-Policy": '"tenant-app-quota";q=2000;w=3600'}))
    spend(limiter, 1100)
    refusal(limiter, SEARCH, purpose=Purpose.BACKFILL, points=100)
    assert limiter.accounts.spent_by_app(NOON)["total"] == 2, "booked before the site's departure was known"
    spend(limiter, 500, site=OTHER_SITE)


# Redis


def test_after_a_loss_of_redis_the_pace_starts_anew_and_what_jira_said_still_holds(
    limiter: Patient, redis: Redis
) -> None:
    for _ in range(100):
        ask(limiter)
    ask(limiter, COUNT, answer=(429, GLOBAL))
    redis.flushdb()
    redis.script_flush()
    refusal(limiter)
    limiter.move(1801)
    ask(limiter)
    assert rate(limiter) == 10


def test_a_loss_while_a_request_is_under_way(limiter: Patient, redis: Redis) -> None:
    with limiter.admit(SITE, SEARCH, purpose=Purpose.BACKFILL, expected_points=101) as permit:
        redis.flushdb()
        permit.settle(200, {}, {"issues": [{}] * 100})
    ask(limiter)
    assert limiter.accounts.spent(SITE, NOON) == 2


def test_without_redis_nobody_gets_in_but_everybody_comes_back_soon() -> None:
    limiter = Limiter(nowhere(), site_concurrency=8)
    assert timedelta(seconds=2) < refusal(limiter) < timedelta(seconds=9)
    with pytest.raises(Unavailable):
        limiter.accounts.standing(SITE)


def test_an_answer_is_not_lost_with_redis_and_a_pause_still_holds(limits_url: str, redis: Redis) -> None:
    client = Redis.from_url(limits_url, retry=Retry(NoBackoff(), 0))
    limiter = Patient(client)
    with limiter.admit(SITE, ISSUE, purpose=Purpose.BACKFILL, expected_points=2) as permit:
        client.connection_pool = nowhere().connection_pool
        permit.settle(429, TENANT)
        limiter._renew(SITE, [permit.lease])
    assert refusal(limiter) > timedelta(seconds=1799)
    client.close()


def test_nothing_is_kept_for_ever(limiter: Patient, redis: Redis) -> None:
    ask(limiter, purpose=Purpose.BACKFILL, answer=(200, {"RateLimit-Policy": '"global-app-quota";q=65000;w=3600'}))
    with limiter.admit(SITE, ISSUE, purpose=Purpose.BACKFILL, expected_points=2):
        keys = list(redis.scan_iter("*"))
        assert len(keys) == 6
        assert all(0 < redis.ttl(key) <= 2 * 86400 for key in keys)


def test_a_sites_standing_is_told(limiter: Patient) -> None:
    ask(limiter, COUNT)
    ask(limiter, answer=(429, BURST))
    with limiter.admit(SITE, SEARCH, purpose=Purpose.BACKFILL, expected_points=101):
        status = limiter.accounts.standing(SITE)
    until = datetime.fromisoformat(status["endpoints"][str(ISSUE)].pop("blocked_until"))
    assert NOON.astimezone(UTC) + timedelta(seconds=29) < until < NOON + timedelta(seconds=40)
    assert status == {
        "points_this_hour": 1 + 1 + 101,
        "repair_points_this_hour": 0,
        "app_points_this_hour": 1 + 1 + 101,
        "app_quota": None,
        "site_quota": None,
        "app_blocked_until": None,
        "blocked_until": None,
        "why": None,
        "in_flight": 1,
        "endpoints": {
            str(ISSUE): {"rate": 5.0},
            str(SEARCH): {"rate": 10.0, "blocked_until": None},
            str(COUNT): {"rate": 10.0, "blocked_until": None},
        },
    }
