"""A process of its own that asks one site through the limiter, as workers on several machines do.

Arguments: redis URL, site, site concurrency, threads, seconds. Prints `ready`, starts when a line arrives; then asks two
endpoints until the time is up and prints how many requests it made. With 0 seconds it takes one permit, prints `in` and
holds it until it is killed.

The site is a few commands in Redis: it counts who is in flight and keeps when each request arrived, by one clock.
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
    url, site, concurrency, threads, wanted = sys.argv[1:]
    redis = Redis.from_url(url)
    limiter = Limiter(redis, site_concurrency=int(concurrency))
    say("ready")
    sys.stdin.readline()
    if int(wanted) == 0:
        with limiter.admit(site, ENDPOINTS[0], purpose=Purpose.BACKFILL, expected_points=101):
            say("in")
            sys.stdin.readline()
        return
    with ThreadPoolExecutor(int(threads)) as pool:
        turns = [
            pool.submit(ask, redis, limiter, site, ENDPOINTS[number % 2], int(wanted)) for number in range(int(threads))
        ]
        say(sum(turn.result() for turn in turns))


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def ask(redis: Redis, limiter: Limiter, site: str, endpoint: Endpoint, wanted: int) -> int:
    """Ask until all processes together have been let in as often as wanted, however busy the machine is."""
    arrive, made = redis.register_script(_ARRIVE), 0
    while redis.llen(f"arrived {endpoint}") < wanted:
        try:
            with limiter.admit(site, endpoint, purpose=Purpose.READ_THROUGH, expected_points=2) as permit:
                arrive(keys=[], args=[str(endpoint), permit.admission_ms])
                time.sleep(0.03)
                redis.decr("flying")
                permit.settle(200, {}, {})
            made += 1
        except JiraBusy:
            time.sleep(0.05)
    return made


if __name__ == "__main__":
    main()
