"""One limiter for all workers of all machines: who may ask Jira now, and what every answer teaches.

A request is admitted when nothing is parked, the hour has points left for its purpose, the site has fewer requests in
flight than allowed, and it is the endpoint's turn; all of it is decided in one step in Redis. The pace of an endpoint
starts at 10 requests a second and gains one with every second clean answer, until Jira first says that it is too fast.
That halves it, and from then on it gains one for every 50 clean answers, or for those of five seconds where they are fewer.

    with limiter.admit(site, endpoint, purpose=Purpose.BACKFILL, expected_points=101) as permit:
        answer = ...
        permit.settle(answer.status_code, answer.headers, body)

Shares of the app's hourly points: read-through may fill the hour to 100 %, polling to 80 %, backfill to 60 %. What backfill
may still spend is divided evenly between the sites that want it; a site that has had its share waits a minute, during
which those that want no more drop out and shares grow; in the last quarter of the hour, what is left goes to whoever asks.
Where there are more sites than pages in an hour, new sites have their first page first, then those that have had least.
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
from app.errors import JiraBusy
from app.jira import headers as spoken
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
"""How long a request counts as in flight when its worker was killed; a living one renews it every third of that."""
START, FLOOR = 10.0, 0.5
"""Requests a second at first and at least."""
FIRST_CLIMB, CLIMB = 2, 50
"""Clean answers to one more request a second: until Jira first says that it is too fast, and from then on."""
CLIMB_WITHIN = 5
"""Seconds: where fewer than `CLIMB` answers come in them, all of these clean are enough."""
_WAITING, _TURNS = "jira:waiting", "jira:turns"
_BAD_REQUEST = 400


class Purpose(StrEnum):
    """What a request is for; decides how much of the hour's points it may use up."""

    READ_THROUGH = "read-through"
    """A webhook names something, or a person waits for the answer."""
    POLL = "poll"
    BACKFILL = "backfill"


PARTS = {Purpose.READ_THROUGH: 1.0, Purpose.POLL: 0.8, Purpose.BACKFILL: 0.6}
_WHY = {
    "app": "Jira has stopped the app until its hour of points is over",
    "site": "Jira asked us to leave this site alone",
    "endpoint": "Jira asked us to leave {endpoint} alone",
    "hour": "the points that {purpose} may spend in this hour are used up",
    "share": "this site has had its share of the hour's points",
    "concurrency": "as many requests as allowed are in flight at this site",
    "pace": "{endpoint} is asked as fast as we may",
}


class Limiter:
    """Admits requests. Where Redis does not answer, nothing is admitted: callers come back in a few seconds."""

    def __init__(
        self,
        redis: Redis,
        *,
        site_concurrency: int,
        app_points_per_hour: int = 65_000,
        patience: float = 2.0,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """`patience` is how many seconds `admit` itself waits for a turn before it says JiraBusy."""
        self._redis = redis
        self._concurrency = site_concurrency
        self._app_points = app_points_per_hour
        self._patience = patience
        self._pause = pause or threading.Event().wait
        self._admit = redis.register_script(ADMIT)
        self._settle = redis.register_script(SETTLE)
        self._keep = redis.register_script(KEEP)
        self._parked: dict[str, float] = {}
        self._room = Room()
        self._leases = Leases(self._renew, every=LEASE_MS / 3000)
        self.offset_ms = 0
        """Shifts Redis's clock; tests move it."""

    @property
    def accounts(self) -> Accounts:
        """What was spent, and how each site stands."""
        return Accounts(self._redis, self.offset_ms)

    @contextmanager
    def admit(
        self, site: str, endpoint: Endpoint, *, purpose: Purpose, expected_points: int, is_metered: bool = True
    ) -> Iterator[Permit]:
        """Let one request through; it counts as in flight until the block is left. Raises JiraBusy with when to come back.

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
                    self._report(permit, spoken.Lesson(spoken.Effect.NONE), permit.expected)

    def _enter(self, permit: Permit) -> None:
        """Wait for the permit's turn, but not for long."""
        waited, slot, given = 0.0, 0, 0
        while True:
            freed = self._room.count
            is_in, *found = self._ask(permit, slot, given, self._patience - waited)
            if is_in:
                permit.admitted, permit.hour, permit.shares_app = found[0], found[1], bool(found[2])
                return
            why, wait = _text(found[0]), max(0.001, found[1] / 1000)
            if found[2] != slot:
                slot, given = found[2], found[3]
            if why == "concurrency":
                wait *= random.uniform(1, 2)  # noqa: S311 - spreads retries, protects nothing
            if waited + wait > self._patience:
                raise self._busy(permit, why, wait)
            waited += self._rest(wait, why, freed)

    def _rest(self, wait: float, why: str, freed: int) -> float:
        """Wait so many seconds; for room at the site only until a lease is given back. Returns how long it was."""
        if why == "concurrency":
            return self._room.wait(wait, since=freed)
        self._pause(wait)
        return wait

    def _ask(self, permit: Permit, slot: int, given: int, patience: float) -> Any:  # noqa: ANN401 - Redis's answer
        known = self._known_pause(permit)
        if known is not None:
            return [0, *known, 0, 0]
        try:
            return self._admit(
                keys=[APP, site_of(permit.site), leases_of(permit.site), _WAITING, _TURNS],
                args=[
                    orjson.dumps(
                        self._facts(permit)
                        | {
                            "lease_ms": LEASE_MS,
                            "concurrency": self._concurrency,
                            "points": permit.expected,
                            "part": PARTS[permit.purpose],
                            "patience": int(patience * 1000),
                            "slot": slot,
                            "given": given,
                        }
                    )
                ],
            )
        except RedisError as error:
            log.warning("limiter away", problem=type(error).__name__)
            soon = clock.now() + timedelta(seconds=random.uniform(3, 8))  # noqa: S311 - spreads retries
            raise JiraBusy("The limiter's Redis does not answer.", soon) from error

    def _known_pause(self, permit: Permit) -> tuple[str, float] | None:
        """What Jira told this very process holds even when Redis has lost it."""
        for why, key in permit.pausable.items():
            left = self._parked.get(key, 0.0) - self._now()
            if left > 0 and (why != "app" or permit.is_metered):
                return why, left * 1000
        return None

    def _now(self) -> float:
        return clock.now().timestamp() + self.offset_ms / 1000

    @staticmethod
    def _busy(permit: Permit, why: str, wait: float) -> JiraBusy:
        """Later, with jitter: a minute at most, so that a site that waits for the full hour keeps its share."""
        at = clock.now() + timedelta(seconds=wait + random.uniform(0, min(60.0, 1 + wait / 50)))  # noqa: S311 - spreads retries
        said = _WHY[why].format(endpoint=permit.endpoint, purpose=permit.purpose)
        return JiraBusy(f"Held back: {said}.", at)

    def _report(self, permit: Permit, lesson: spoken.Lesson, points: int) -> None:
        """Give the lease back and pass the lesson on. Without Redis the lease runs out; this process remembers a pause."""
        permit.is_settled = True
        scope = lesson.scope if permit.is_metered or lesson.scope is not spoken.Scope.APP else spoken.Scope.SITE
        if scope:
            self._parked[permit.pausable[scope]] = self._now() + lesson.wait
            log.warning("told to wait", site=permit.site, scope=scope, reason=lesson.reason, seconds=lesson.wait)
        learned = {
            "floor": FLOOR,
            "first_climb": FIRST_CLIMB,
            "climb": CLIMB,
            "climb_within": CLIMB_WITHIN,
            "shares_app": permit.shares_app,
            "admitted": permit.admitted,
            "hour": permit.hour,
            "expected": permit.expected,
            "points": points,
            "effect": lesson.effect,
            "scope": scope,
            "wait": int(lesson.wait * 1000) + 1,
            "why": lesson.reason[:100],
            "app_quota": lesson.app_quota,
            "app_left": lesson.app_left,
            "site_quota": lesson.site_quota,
            "site_left": lesson.site_left,
        }
        said = {name: value for name, value in learned.items() if value is not None}
        self._say(self._settle, [APP, site_of(permit.site), leases_of(permit.site), _TURNS], self._facts(permit) | said)
        self._room.free()

    def _facts(self, permit: Permit) -> dict[str, object]:
        """What both steps in Redis are told."""
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
        said = {"offset": self.offset_ms, "leases": leases, "lease_ms": LEASE_MS}
        self._say(self._keep, [leases_of(site)], said)

    @staticmethod
    def _say(script: Script, keys: list[str], said: dict[str, object]) -> None:
        """Tell Redis something that its absence must not turn into a failure."""
        try:
            script(keys=keys, args=[orjson.dumps(said)])
        except RedisError as error:
            log.warning("limiter away", problem=type(error).__name__)


@dataclass
class Permit:
    """One admitted request."""

    _limiter: Limiter
    site: str
    endpoint: Endpoint
    purpose: Purpose
    expected: int
    is_metered: bool
    lease: str = field(default_factory=lambda: str(ids.new()))
    admitted: int = 0
    """Epoch ms by Redis's clock."""
    hour: int = 0
    shares_app: bool = True
    """Whether its points come out of the app's own pool; a site whose answers name only a quota of its own has left it."""
    is_settled: bool = False

    def settle(self, status: int, headers: Mapping[str, str], body: Json = None) -> None:
        """Say how it ended: gives the lease back, books what it really cost, learns from the headers. Never raises."""
        if self.is_settled:
            return
        points = 1 if status >= _BAD_REQUEST else self.endpoint.points_of(body)
        self._limiter._report(self, spoken.lesson_of(status, headers, clock.now()), points)  # noqa: SLF001 - its other half

    @property
    def pausable(self) -> dict[str, str]:
        """What may be parked around this request, by scope."""
        return {"app": "", "site": self.site, "endpoint": f"{self.site} {self.endpoint}"}


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
