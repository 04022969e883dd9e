"""A process that sends requests to one site through the limiter, like workers on several machines.

Arguments: redis URL, site, site concurrency, threads, requests. It prints `ready` and starts on a line of input; then it
calls two endpoints until all processes together made that many requests to each, and prints its own count. With 0
requests it takes one permit, prints `in` and keeps it until it is killed.

The site is a few Redis commands that count requests in flight and record arrivals by one clock.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

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
    url, site, concurrency, threads, request_count = sys.argv[1:]
    redis = Redis.from_url(url)
    limiter = Limiter(redis, site_concurrency=int(concurrency))
    say("ready")
    sys.stdin.readline()
    if int(request_count) == 0:
        with limiter.admit(site, ENDPOINTS[0], purpose=Purpose.BACKFILL, expected_points=101):
            say("in")
            sys.stdin.readline()
        return
    with ThreadPoolExecutor(int(threads)) as pool:
        turns = [
            pool.submit(ask, redis, limiter, site, ENDPOINTS[number % 2], int(request_count))
            for number in range(int(threads))
        ]
        say(sum(turn.result() for turn in turns))


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
