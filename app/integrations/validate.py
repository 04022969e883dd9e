"""The pre-flight: each thing that must hold before data flows, checked against the live site.

Two checks come first, since nothing else is answered without them: the site is reachable and takes the credential. The
others don't depend on each other and are asked side by side, within the patience of a web request.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from types import MappingProxyType
from typing import TYPE_CHECKING

from app.conditions import Code, Condition
from app.errors import JiraBusy, JiraFailure, JiraGone, JiraNonsense, JiraRefused, JiraRejected, Refused
from app.integrations import checks
from app.integrations.checks import Check, Connection, is_by_app, unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Future

    from app.sources import Source
    from app.sources.answers import Server

_THREADS = 6
"""Questions side by side: fewer than `SITE_CONCURRENCY`, of which a backfill may be using some."""
_PATIENCE = 15.0
"""Seconds for the questions side by side. The two before them take 13 at most each (`INTERACTIVE`)."""
_STATUS_WITHOUT_CREDENTIAL = 401
_CAUSES = frozenset(
    {
        Code.NAME_UNKNOWN,
        Code.TLS_FAILED,
        Code.TIMED_OUT,
        Code.REDIRECTED,
        Code.ADDRESS_REJECTED,
        Code.SITE_SUSPENDED,
    }
)
"""Failures with a remedy of their own."""


CHECKS: Mapping[str, Callable[[Connection], Check | None]] = MappingProxyType(
    {
        "account": checks.account,
        "projects": checks.projects,
        "users": checks.users,
        "emails": checks.emails,
        "aggregates": checks.aggregates,
        "boards": checks.boards,
        "issues": checks.issues,
        "bulk": checks.bulk,
        "time_tracking": checks.time_tracking,
        "time_zone": checks.time_zone,
        "clock": checks.clock,
        "points": checks.points,
    }
)
"""The checks behind the first two, in the order in which they are shown."""


class ConnectionUnfit(Refused):
    """A required check of a connection failed."""

    def __init__(self, results: list[Check]) -> None:
        super().__init__(Code.CONNECTION_UNFIT)
        self.checks = results


def require_good(source: Source) -> None:
    """Require every required check of a site that isn't paired yet. Raises ConnectionUnfit."""
    results = list(_against(source))
    if not all(check.ok for check in results if check.is_required):
        raise ConnectionUnfit(results)


def not_paired() -> list[Check]:
    """The checks before a Jira admin has pasted the key."""
    return [Check("paired", ok=False, condition=Condition(Code.NOT_PAIRED_YET))]


def validate(source: Source) -> list[Check]:
    """Every check in order; those after an unreachable or refusing site are not tried."""
    return [Check("paired", ok=True, condition=Condition(Code.IS_PAIRED, site=source.address)), *_against(source)]


def _against(source: Source) -> Iterator[Check]:
    try:
        server = source.server()
    except JiraFailure as failure:
        if not _is_about_credential(failure):
            yield Check("reachable", ok=False, condition=_obstacle(failure))
            return
        server = None
    yield Check("reachable", ok=True, condition=_greeting(server))
    try:
        account = source.whoami()
    except JiraFailure as failure:
        yield Check("credential", ok=False, condition=_rejection(source, failure))
        return
    code = Code.TAKES_SIGNATURE if is_by_app(source) else Code.TAKES_TOKEN
    yield Check("credential", ok=True, condition=Condition(code, name=account.name or account.id))
    yield from _side_by_side(Connection(source, server, account))


def _greeting(server: Server | None) -> Condition:
    if server is None:
        return Condition(Code.ASKS_FOR_CREDENTIAL)
    return Condition(Code.ANSWERS, version=server.version or "", kind=server.deployment or "Cloud")


def _is_about_credential(failure: JiraFailure) -> bool:
    """Whether the site answered, and only the credential may be at fault."""
    is_401 = failure.condition.params.get("status") == _STATUS_WITHOUT_CREDENTIAL
    return isinstance(failure, JiraRefused) and (is_401 or failure.condition.code is Code.SCOPE_MISSING)


def _obstacle(failure: JiraFailure) -> Condition:
    """The condition of an unreachable site, with the remedy of its cause."""
    if failure.condition.code in _CAUSES:
        return failure.condition
    if isinstance(failure, JiraBusy):
        return Condition(Code.NOT_ASKED, why=failure.condition)
    is_foreign = isinstance(failure, JiraGone | JiraNonsense | JiraRejected)
    return Condition(Code.SITE_NOT_JIRA if is_foreign else Code.SITE_UNREACHABLE, why=failure.condition)


def _rejection(source: Source, failure: JiraFailure) -> Condition:
    """The condition of a refused credential."""
    if not isinstance(failure, JiraRefused):
        return Condition(Code.NOT_ASKED, why=failure.condition)
    if is_by_app(source):
        return Condition(Code.SITE_REFUSES, why=failure.condition)
    is_unscoped = failure.condition.code is Code.SCOPE_MISSING
    return Condition(Code.TOKEN_UNSCOPED if is_unscoped else Code.TOKEN_NOT_TAKEN, why=failure.condition)


def _side_by_side(connection: Connection) -> Iterator[Check]:
    """The other checks. One without an answer in time says so, and its thread ends by the time-outs of its requests."""
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="validate")
    try:
        futures = {name: pool.submit(check, connection) for name, check in CHECKS.items()}
        wait(futures.values(), _PATIENCE)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    for name, future in futures.items():
        check = _result_of(name, future)
        if check is not None:
            yield check


def _result_of(name: str, future: Future[Check | None]) -> Check | None:
    if not future.done() or future.cancelled():
        return unanswered(name, Condition(Code.TIMED_OUT, error=f"{_PATIENCE:.0f} s"))
    try:
        return future.result()
    except JiraFailure as failure:
        return unanswered(name, failure.condition)
