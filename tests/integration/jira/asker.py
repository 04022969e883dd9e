"""Processes that send requests to one site through the limiter, like workers on several machines.

Arguments: redis URL, site, site concurrency, threads, requests, processes. It prints `ready` and starts on a line of
input; then it forks the processes, which call two endpoints until all together made that many requests to each, and
prints their counts. With 0 requests it takes one permit itself, prints `in` and keeps it until it is killed.

The site is a few Redis commands that count requests in flight and record arrivals by one clock.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context

from redis import Redis

from app.errors import JiraBusy
from app.jira.endpoints import Endpoint, endpoint_of
from app.jira.limits import Limiter, Purpose

ENDPOINTS = (endpoint_of("GET", "/rest/api/3/search/jql"), endpoint_of("GET", "/rest/api/3/issue/{issue_id}"))

_ARRIVE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('RPUSH', 'arrived ' .. ARGV[1], string.format('%.0f', now))
redis.call('RPUSH', 'admitted ' .. ARGV[1], ARGV[2])
local flying = redis.call('INCR', 'flying')
if flying > tonumber(redis.call('GET', 'most') or 0) then redis.call('SET', 'most', flying) end
return flying
"""


def main() -> None:
    url, site, *numbers = sys.argv[1:]
    concurrency, threads, request_count, processes = map(int, numbers)
    say("ready")
    sys.stdin.readline()
    if request_count == 0:
        limiter = Limiter(Redis.from_url(url), site_concurrency=concurrency)
        with limiter.admit(site, ENDPOINTS[0], purpose=Purpose.BACKFILL, expected_points=101):
            say("in")
            sys.stdin.readline()
        return
    with get_context("fork").Pool(processes) as pool:
        counts = pool.starmap(work, [(url, site, concurrency, threads, request_count)] * processes, chunksize=1)
    say(" ".join(map(str, counts)))


def work(url: str, site: str, concurrency: int, threads: int, request_count: int) -> int:
    """Do the work of one process, with its own connections. Returns its count."""
    redis = Redis.from_url(url)
    limiter = Limiter(redis, site_concurrency=concurrency)
    with ThreadPoolExecutor(threads) as pool:
        turns = [
            pool.submit(ask, redis, limiter, site, ENDPOINTS[number % 2], request_count) for number in range(threads)
        ]
        return sum(turn.result() for turn in turns)


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def ask(redis: Redis, limiter: Limiter, site: str, endpoint: Endpoint, request_count: int) -> int:
    """Make requests until all processes together made `request_count`. Returns the own count."""
    arrive, count = redis.register_script(_ARRIVE), 0
    while redis.llen(f"arrived {endpoint}") < request_count:
        try:
            with limiter.admit(site, endpoint, purpose=Purpose.READ_THROUGH, expected_points=2) as permit:
                arrive(keys=[], args=[str(endpoint), permit.admission_ms])
                time.sleep(0.03)
                redis.decr("flying")
                permit.settle(200, {}, {})
            count += 1
        except JiraBusy:
            time.sleep(0.05)
    return count


if __name__ == "__main__":
    main()
