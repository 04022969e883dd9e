"""The rate limiter, shared by all workers of all machines: admits requests to Jira and learns from every answer.

A request is admitted when nothing is parked, the hour has points left for its purpose, the site has fewer requests in
flight than allowed, and it is the endpoint's turn; one script in Redis decides all of it. The pace of an endpoint
starts at 10 requests a second and gains one with every second clean answer, until Jira first calls it too fast. Then it
is halved, and gains one for every 50 clean answers, or for those of five seconds where they are fewer.

    with limiter.admit(site, endpoint, purpose=Purpose.BACKFILL, expected_points=101) as permit:
        answer = ...
        permit.settle(answer.status_code, answer.headers, body)

Shares of the app's hourly points: read-through may fill the hour to 100 %, polling to 80 %, backfill to 60 %. The
remaining points of backfill are divided evenly between the sites with a backfill. A site that has used its share waits
a minute; meanwhile sites without demand drop out and the shares grow. In the last quarter of the hour, the remainder
goes to any site. With fewer pages than sites, new sites get their first page first, then those with the fewest points.
"""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson
from redis.exceptions import RedisError

from app import clock, ids, logs
from app.conditions import Code
from app.errors import JiraBusy
from app.jira import headers as limit_headers
from app.jira.leases import Leases
from app.jira.limit_scripts import ADMIT, KEEP, SETTLE
from app.jira.room import Room
from app.jira.standing import APP, LEDGER, Accounts, leases_of, site_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from redis import Redis
    from redis.commands.core import Script

    from app.catalog.json_value import Json
    from app.jira.endpoints import Endpoint

log = logs.get(__name__)

LEASE_MS = 15_000
"""Life of a lease without renewal, as after a kill; a living worker renews it every third of that."""
START, FLOOR = 10.0, 0.5
"""Requests a second at first and at least."""
FIRST_CLIMB, CLIMB = 2, 50
"""Clean answers for one more request a second: before Jira first calls the pace too fast, and afterwards."""
CLIMB_WITHIN = 5
"""Seconds. At a slow pace, the clean answers of this time suffice in place of `CLIMB`."""
_WAITING_SITES, _TURNS = "jira:waiting", "jira:turns"
_BAD_REQUEST = 400


class Purpose(StrEnum):
    """The purpose of a request; it decides the request's part of the hour's points."""

    READ_THROUGH = "read-through"  # an object named by a webhook, or a waiting person
    POLL = "poll"
    REPAIR = "repair"  # comparisons with the site, and missing rows
    BACKFILL = "backfill"


PARTS = {Purpose.READ_THROUGH: 1.0, Purpose.POLL: 0.8, Purpose.REPAIR: 0.8, Purpose.BACKFILL: 0.6}
_CAUSES = {
    "app": Code.APP_BLOCKED,
    "site": Code.SITE_BLOCKED,
    "endpoint": Code.ENDPOINT_BLOCKED,
    "hour": Code.HOUR_SPENT,
    "share": Code.SHARE_SPENT,
    "concurrency": Code.SITE_BUSY,
    "pace": Code.ENDPOINT_BUSY,
}


class Limiter:
    """Admits requests. While Redis does not answer, nothing is admitted, and callers come back in a few seconds."""

    def __init__(
        self,
        redis: Redis,
        *,
        site_concurrency: int,
        app_points_per_hour: int = 65_000,
        patience: float = 2.0,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """Create a limiter; `admit` waits up to `patience` seconds for a turn before it raises JiraBusy."""
        self._redis = redis
        self._concurrency = site_concurrency
        self._app_points = app_points_per_hour
        self._patience = patience
        self._pause = pause or threading.Event().wait
        self._admit = redis.register_script(ADMIT)
        self._settle = redis.register_script(SETTLE)
        self._keep = redis.register_script(KEEP)
        self._pauses: dict[str, float] = {}
        self._room = Room()
        self._leases = Leases(self._renew, interval=LEASE_MS / 3000)
        self.offset_ms = 0
        """Offset from Redis's clock, for tests."""

    @property
    def accounts(self) -> Accounts:
        """Points spent, and the state of each site."""
        return Accounts(self._redis, self.offset_ms)

    @contextmanager
    def admit(
        self, site: str, endpoint: Endpoint, *, purpose: Purpose, expected_points: int, is_metered: bool = True
    ) -> Iterator[Permit]:
        """Admit one request; it is in flight until the block ends. Raises JiraBusy with the time to come back.

        `expected_points` are booked at once and corrected by `settle`. `is_metered` is False for API tokens, which
        cost no points.
        """
        permit = Permit(self, site, endpoint, purpose, expected_points if is_metered else 0, is_metered)
        self._enter(permit)
        with self._leases.holding(site, permit.lease):
            try:
                yield permit
            finally:
                if not permit.is_settled:
                    self._report(permit, limit_headers.Lesson(limit_headers.Effect.NONE), permit.expected_points)

    def _enter(self, permit: Permit) -> None:
        """Wait for the permit's turn, within the limiter's patience. Raises JiraBusy."""
        waiting_time, slot, slot_set_at = 0.0, 0, 0
        while True:
            release_count = self._room.count
            is_in, *details = self._ask(permit, slot, slot_set_at, self._patience - waiting_time)
            if is_in:
                permit.admission_ms, permit.hour, permit.shares_app = details[0], details[1], bool(details[2])
                return
            cause, wait = _text(details[0]), max(0.001, details[1] / 1000)
            if details[2] != slot:
                slot, slot_set_at = details[2], details[3]
            if cause == "concurrency":
                wait *= random.uniform(1, 2)  # noqa: S311 - spreads retries, protects nothing
            if waiting_time + wait > self._patience:
                raise self._busy(permit, cause, wait)
            waiting_time += self._rest(wait, cause, release_count)

    def _rest(self, wait: float, cause: str, release_count: int) -> float:
        """Wait; a wait for room at the site ends early when a lease is released. Returns the seconds waited."""
        if cause == "concurrency":
            return self._room.wait(wait, since=release_count)
        self._pause(wait)
        return wait

    def _ask(self, permit: Permit, slot: int, slot_set_at: int, patience: float) -> Any:  # noqa: ANN401 - Redis's answer
        pause = self._local_pause(permit)
        if pause is not None:
            return [0, *pause, 0, 0]
        try:
            return self._admit(
                keys=[APP, site_of(permit.site), leases_of(permit.site), _WAITING_SITES, _TURNS],
                args=[
                    orjson.dumps(
                        self._facts(permit)
                        | {
                            "lease_ms": LEASE_MS,
                            "concurrency": self._concurrency,
                            "points": permit.expected_points,
                            "part": PARTS[permit.purpose],
                            "patience": int(patience * 1000),
                            "slot": slot,
                            "slot_set_at": slot_set_at,
                        }
                    )
                ],
            )
        except RedisError as error:
            log.warning("limiter away", problem=type(error).__name__)
            retry_at = clock.now() + timedelta(seconds=random.uniform(3, 8))  # noqa: S311 - spreads retries
            raise JiraBusy(Code.LIMITER_AWAY, retry_at=retry_at) from error

    def _local_pause(self, permit: Permit) -> tuple[str, float] | None:
        """Cause and milliseconds of a pause imposed by Jira on this process, valid even if Redis has lost it."""
        for cause, key in permit.pausable.items():
            seconds = self._pauses.get(key, 0.0) - self._now()
            if seconds > 0 and (cause != "app" or permit.is_metered):
                return cause, seconds * 1000
        return None

    def _now(self) -> float:
        return clock.now().timestamp() + self.offset_ms / 1000

    @staticmethod
    def _busy(permit: Permit, cause: str, wait: float) -> JiraBusy:
        """A refusal until later, with jitter of a minute at most: a site waiting for the full hour keeps its share."""
        at = clock.now() + timedelta(seconds=wait + random.uniform(0, min(60.0, 1 + wait / 50)))  # noqa: S311 - spreads retries
        code, facts = _CAUSES[cause], {"endpoint": str(permit.endpoint), "purpose": permit.purpose.value}
        return JiraBusy(code, retry_at=at, **{name: facts[name] for name in code.params})

    def _report(self, permit: Permit, lesson: limit_headers.Lesson, points: int) -> None:
        """Release the lease and report the lesson. Without Redis the lease expires; this process remembers a pause."""
        permit.is_settled = True
        scope = (
            lesson.scope
            if permit.is_metered or lesson.scope is not limit_headers.Scope.APP
            else limit_headers.Scope.SITE
        )
        if scope:
            self._pauses[permit.pausable[scope]] = self._now() + lesson.wait
            log.warning("told to wait", site=permit.site, scope=scope, reason=lesson.reason, seconds=lesson.wait)
        facts = {
            "floor": FLOOR,
            "first_climb": FIRST_CLIMB,
            "climb": CLIMB,
            "climb_within": CLIMB_WITHIN,
            "shares_app": permit.shares_app,
            "admitted": permit.admission_ms,
            "hour": permit.hour,
            "expected": permit.expected_points,
            "points": points,
            "effect": lesson.effect,
            "scope": scope,
            "wait": int(lesson.wait * 1000) + 1,
            "why": lesson.reason[:100],
            "app_quota": lesson.app_quota,
            "app_balance": lesson.app_balance,
            "site_quota": lesson.site_quota,
            "site_balance": lesson.site_balance,
        }
        arguments = {name: value for name, value in facts.items() if value is not None}
        self._send(
            self._settle, [APP, site_of(permit.site), leases_of(permit.site), _TURNS], self._facts(permit) | arguments
        )
        self._room.free()

    def _facts(self, permit: Permit) -> dict[str, object]:
        """The arguments common to both scripts."""
        return {
            "offset": self.offset_ms,
            "ledger": LEDGER,
            "site": permit.site,
            "endpoint": str(permit.endpoint),
            "ceiling": permit.endpoint.ceiling,
            "start": START,
            "lease": permit.lease,
            "metered": permit.is_metered,
            "purpose": permit.purpose,
            "quota": self._app_points,
        }

    def _renew(self, site: str, leases: Sequence[str]) -> None:
        arguments = {"offset": self.offset_ms, "leases": leases, "lease_ms": LEASE_MS}
        self._send(self._keep, [leases_of(site)], arguments)

    @staticmethod
    def _send(script: Script, keys: list[str], arguments: dict[str, object]) -> None:
        """Run a script for its effect; an outage of Redis is only logged."""
        try:
            script(keys=keys, args=[orjson.dumps(arguments)])
        except RedisError as error:
            log.warning("limiter away", problem=type(error).__name__)


@dataclass
class Permit:
    """One admitted request."""

    _limiter: Limiter
    site: str
    endpoint: Endpoint
    purpose: Purpose
    expected_points: int
    is_metered: bool
    lease: str = field(default_factory=lambda: str(ids.new()))
    admission_ms: int = 0
    """Epoch ms by Redis's clock."""
    hour: int = 0
    shares_app: bool = True
    """Whether its points come out of the app's pool; a site with only a quota of its own in its answers has left it."""
    is_settled: bool = False

    def settle(self, status: int, headers: Mapping[str, str], body: Json = None) -> None:
        """Report the answer: releases the lease, books the actual cost, learns from the headers. Never raises."""
        if self.is_settled:
            return
        points = 1 if status >= _BAD_REQUEST else self.endpoint.points_of(body)
        self._limiter._report(self, limit_headers.lesson_of(status, headers, clock.now()), points)  # noqa: SLF001 - its other half

    @property
    def pausable(self) -> dict[str, str]:
        """Keys of the pauses for this request, by scope."""
        return {"app": "", "site": self.site, "endpoint": f"{self.site} {self.endpoint}"}


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
