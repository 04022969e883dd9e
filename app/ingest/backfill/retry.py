"""What becomes of a chunk whose walk met a failure: later, again, halved, or given up with the reason said.

A page that cannot be read is asked for again a few times at its checkpoint. If it stays so while the site is well, the
trouble is in what the chunk holds: a chunk of issues is halved, and again, until what nobody can read is alone with what
was created in the same minute; only that is given up. While the site itself does not answer, nothing is.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

from app import clock, logs
from app.catalog.language import Each, Paging
from app.errors import (
    JiraBusy,
    JiraDown,
    JiraFailure,
    JiraGone,
    JiraNonsense,
    JiraRefused,
    TokenExpired,
    WalkAstray,
)
from app.integrations import ledger
from app.integrations.model import State
from app.store import checkpoints
from app.store.checkpoints import LeaseLost

if TYPE_CHECKING:
    from datetime import datetime

    from app.catalog.language import Walk
    from app.ingest.backfill.walk import Walker
    from app.store.checkpoints import Chunk
    from app.store.session import Session

log = logs.get(__name__)

MOST_ATTEMPTS = 8
"""How often a chunk is tried without getting further. 2, 4, 8 … seconds lie between: eight minutes together."""
_SAME_PAGE = 3
"""How often a page is asked for again before the site is asked whether it is well."""
_OUTAGE = 5
"""Attempts are counted no further while the site does not answer: a minute between two tries, and some left after it."""
_PROBE = timedelta(hours=1)
"""How often a broken credential is tried again."""


def settle(walker: Walker, chunk: Chunk, walk: Walk, failure: JiraFailure) -> None:
    """Decide by what failed, and how often the chunk has got no further since."""
    problem = f"{failure.word}: {failure}"
    log.warning("walk stopped", entity=chunk.entity, scope=chunk.scope_id, attempts=chunk.attempts, problem=problem)
    try:
        if isinstance(failure, JiraDown | JiraNonsense | TokenExpired):
            _try_again(walker, chunk, walk, failure)
        else:
            with walker.store.bound_to(walker.tenant_id) as session:
                _decide(session, chunk, walk, failure)
    except LeaseLost:
        log.warning("lease lost", chunk=str(chunk.id), entity=chunk.entity)
    if isinstance(failure, JiraRefused) and failure.is_credential:
        raise failure


def _decide(session: Session, chunk: Chunk, walk: Walk, failure: JiraFailure) -> None:
    """Failures that another try at once would not mend."""
    problem = f"{failure.word}: {failure}"
    if isinstance(failure, JiraBusy):
        checkpoints.postpone(session, chunk, until=failure.retry_at, problem=problem, counts=False)
    elif isinstance(failure, JiraGone) and walk.each is not Each.SITE:
        # The project, board or issue vanished meanwhile: nothing left to walk.
        checkpoints.finish(session, chunk)
    elif isinstance(failure, JiraRefused) and failure.is_credential:
        # The hand ends with it, and whoever sent it finds out whether the site refuses everything (`parking`).
        checkpoints.postpone(session, chunk, until=clock.now(), problem=problem, counts=False)
    elif isinstance(failure, JiraRefused):
        checkpoints.postpone(session, chunk, until=clock.now() + _PROBE, problem=problem, counts=False)
        tell(session, f"Jira refuses us: {failure}")
    else:
        checkpoints.fail(session, chunk, problem=problem)


def _try_again(walker: Walker, chunk: Chunk, walk: Walk, failure: JiraFailure) -> None:
    """Failures that pass, or that lie in what the chunk holds."""
    problem, starts_over = f"{failure.word}: {failure}", isinstance(failure, TokenExpired | WalkAstray)
    counts = True
    if chunk.attempts >= _SAME_PAGE:
        is_given_up = _give_up_if_well(walker, chunk, walk, problem)
        if is_given_up:
            return
        if is_given_up is None:
            counts = chunk.attempts < _OUTAGE
        else:
            # Its token may be what Jira stumbles over.
            starts_over = starts_over or chunk.page_token is not None
    until = back_off(chunk.attempts)
    with walker.store.bound_to(walker.tenant_id) as session:
        if starts_over and counts:
            checkpoints.restart(session, chunk, until=until, problem=problem)
        else:
            checkpoints.postpone(session, chunk, until=until, problem=problem, counts=counts)


def _give_up_if_well(walker: Walker, chunk: Chunk, walk: Walk, problem: str) -> bool | None:
    """What `give_up` returns; None where the site does not even answer the small questions that go with it."""
    try:
        walker.site.get("/rest/api/3/serverInfo")
        return give_up(walker, chunk, walk, problem, for_good=chunk.attempts >= MOST_ATTEMPTS)
    except JiraFailure:
        return None


def give_up(walker: Walker, chunk: Chunk, walk: Walk, problem: str, *, for_good: bool = True) -> bool:
    """Halve a chunk of issues; what cannot be halved is failed if it is `for_good`. Returns whether either was done."""
    if walk.paging is Paging.TOKEN and walker.halve(chunk):
        log.warning("chunk halved", entity=chunk.entity, scope=chunk.scope_id, problem=problem)
        return True
    if for_good:
        log.error("chunk given up", entity=chunk.entity, scope=chunk.scope_id, problem=problem)
        with walker.store.bound_to(walker.tenant_id) as session:
            checkpoints.fail(session, chunk, problem=problem)
    return for_good


def tell(session: Session, reason: str) -> None:
    """Say in the integration's state that somebody must act."""
    integration = ledger.of_tenant(session)
    if integration is not None and integration.state.is_working:
        ledger.move_to(session, integration.id, State.NEEDS_ATTENTION, reason=reason)


def back_off(attempts: int) -> datetime:
    """2, 4, 8, … seconds from now, five minutes at most, with jitter."""
    wait = min(2.0 ** min(attempts + 1, 9), 300.0) * random.uniform(0.7, 1.3)  # noqa: S311 - spreads retries, protects nothing
    return clock.now() + timedelta(seconds=wait)
