"""Consequences of a failed walk for its chunk: later, again, halved, or given up with its reason.

A page that can't be read is asked for again a few times at its checkpoint. If it keeps failing while the site is well,
the fault is in the chunk's contents: a chunk of issues is halved, and again, until the unreadable issue is alone with the
issues that were created in the same minute; only that chunk is given up. While the site itself doesn't answer, nothing is.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from app import clock, logs
from app.catalog.language import Paging
from app.conditions import Code, Condition
from app.errors import JiraBusy, JiraFailure, JiraRefused, TokenExpired, WalkAstray
from app.integrations import ledger
from app.integrations.model import State
from app.sources import Broken, Gone, NotForUs, NotOffered
from app.store import checkpoints
from app.store.checkpoints import LeaseLost

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from app.catalog.language import Walk
    from app.sources import Finding, Source
    from app.store.checkpoints import Chunk
    from app.store.session import Session, Store

log = logs.get(__name__)

MOST_ATTEMPTS = 8
"""Tries of a chunk without progress. 2, 4, 8 … seconds lie between them: eight minutes together."""
_SAME_PAGE = 3
"""Tries of one page before the site is asked whether it is well."""
_OUTAGE = 5
"""Attempts that count while the site doesn't answer: a minute between two tries, and some left afterwards."""
_PROBE = timedelta(hours=1)
"""Interval between tries of a refused scope."""


class ChunkOwner(Protocol):
    """The walker of a failed chunk."""

    @property
    def store(self) -> Store:
        """The database."""

    @property
    def source(self) -> Source:
        """The site."""

    @property
    def tenant_id(self) -> UUID:
        """The site's tenant."""

    def halve(self, chunk: Chunk) -> bool:
        """Split a chunk of issues. Returns False where it has no middle."""


def settle_finding(owner: ChunkOwner, chunk: Chunk, finding: Finding) -> None:
    """Record a finding about the chunk's scope; another try at once wouldn't change it."""
    problem = finding.failure.problem
    _log_stop(chunk, problem)
    with owner.store.bound_to(owner.tenant_id) as session:
        match finding:
            case Gone():
                # The project, board or issue vanished meanwhile: nothing is left to walk.
                checkpoints.finish(session, chunk)
            case NotForUs(failure):
                checkpoints.postpone(session, chunk, until=clock.now() + _PROBE, problem=problem, counts=False)
                tell(session, Condition(Code.JIRA_REFUSES, why=failure.condition))
            case NotOffered() | Broken():
                checkpoints.fail(session, chunk, problem=problem)


def settle_failure(owner: ChunkOwner, chunk: Chunk, walk: Walk, failure: JiraFailure) -> None:
    """Schedule the next try after a failure of the site, the credential or the page.

    Raises JiraRefused again where the credential failed: the worker ends, and its job finds out whether the site refuses
    everything (`ingest.proof.parking`).
    """
    problem = failure.problem
    _log_stop(chunk, problem)
    try:
        if isinstance(failure, JiraBusy | JiraRefused):
            until = failure.retry_at if isinstance(failure, JiraBusy) else clock.now()
            with owner.store.bound_to(owner.tenant_id) as session:
                checkpoints.postpone(session, chunk, until=until, problem=problem, counts=False)
        else:
            _try_again(owner, chunk, walk, failure)
    except LeaseLost:
        log.warning("lease lost", chunk=str(chunk.id), entity=chunk.entity)
    if isinstance(failure, JiraRefused):
        raise failure


def _log_stop(chunk: Chunk, problem: Condition) -> None:
    log.warning(
        "walk stopped", entity=chunk.entity, scope=chunk.scope_id, attempts=chunk.attempts, problem=str(problem)
    )


def _try_again(owner: ChunkOwner, chunk: Chunk, walk: Walk, failure: JiraFailure) -> None:
    """Schedule another try after a failure that may pass, or that lies in the chunk's contents."""
    problem, starts_over = failure.problem, isinstance(failure, TokenExpired | WalkAstray)
    counts = True
    if chunk.attempts >= _SAME_PAGE:
        is_given_up = _give_up_if_well(owner, chunk, walk, failure)
        if is_given_up:
            return
        if is_given_up is None:
            counts = chunk.attempts < _OUTAGE
        else:
            # Jira may stumble over the page token.
            starts_over = starts_over or chunk.page_token is not None
    until = back_off(chunk.attempts)
    with owner.store.bound_to(owner.tenant_id) as session:
        if starts_over and counts:
            checkpoints.restart(session, chunk, until=until, problem=problem)
        else:
            checkpoints.postpone(session, chunk, until=until, problem=problem, counts=counts)


def _give_up_if_well(owner: ChunkOwner, chunk: Chunk, walk: Walk, failure: JiraFailure) -> bool | None:
    """The result of `give_up` where the site is well; None during an outage."""
    try:
        outcome = owner.source.diagnose(failure)
        return give_up(owner, chunk, walk, outcome.failure.problem, for_good=chunk.attempts >= MOST_ATTEMPTS)
    except JiraFailure:
        return None


def give_up(owner: ChunkOwner, chunk: Chunk, walk: Walk, problem: Condition, *, for_good: bool = True) -> bool:
    """Halve a chunk of issues; a chunk without a middle is failed if it is `for_good`. Returns whether either was done."""
    if walk.paging is Paging.TOKEN and owner.halve(chunk):
        log.warning("chunk halved", entity=chunk.entity, scope=chunk.scope_id, problem=str(problem))
        return True
    if for_good:
        log.error("chunk given up", entity=chunk.entity, scope=chunk.scope_id, problem=str(problem))
        with owner.store.bound_to(owner.tenant_id) as session:
            checkpoints.fail(session, chunk, problem=problem)
    return for_good


def tell(session: Session, reason: Condition) -> None:
    """Move the integration to *needs attention*."""
    integration = ledger.of_tenant(session)
    if integration is not None and integration.state.is_working:
        ledger.move_to(session, integration.id, State.NEEDS_ATTENTION, reason=reason)


def back_off(attempts: int) -> datetime:
    """2, 4, 8, … seconds from now, five minutes at most, with jitter."""
    wait = min(2.0 ** min(attempts + 1, 9), 300.0) * random.uniform(0.7, 1.3)  # noqa: S311 - spreads retries, protects nothing
    return clock.now() + timedelta(seconds=wait)
