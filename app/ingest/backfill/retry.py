"""Consequences of a failed walk for its chunk: later, again, halved, or given up with its reason.

A page that can't be read is asked for again a few times at its checkpoint. If it keeps failing while the site is well,
the fault is in the chunk's contents: the issues of the chunk are read by their ids, and those that fail alone are set
aside (`writing.unreadable`). While the site itself doesn't answer, nothing is given up.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from app import clock, logs
from app.catalog.language import Paging
from app.catalog.registry import entity as entity_of
from app.errors import JiraBusy, JiraFailure, JiraRefused, TokenExpired, WalkAstray
from app.ingest.backfill.by_ids import read_by_ids
from app.ingest.writing import unreadable
from app.ingest.writing.unreadable import Part
from app.sources import (
    Broken,
    Gone,
    NotForUs,
    NotOffered,
    confirm,
    is_without_list,
    may_be_of_part,
)
from app.store import checkpoints
from app.store.checkpoints import LeaseLost

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from app.catalog.language import Walk
    from app.conditions import Condition
    from app.sources import Finding, Source
    from app.store.checkpoints import Chunk
    from app.store.session import Store

log = logs.get(__name__)

MOST_ATTEMPTS = 8
"""Tries of a chunk without progress. 2, 4, 8 … seconds lie between them: eight minutes together."""
SAME_PAGE = 3
"""Tries of one page before the site is asked whether it is well."""
_LIST_ATTEMPTS = 5
"""Attempts, a minute together, before a part of a site that is well is set aside; it is tried again later."""
_OUTAGE = 5
"""Attempts that count while the site doesn't answer: a minute between two tries, and some left afterwards."""


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
    if isinstance(finding, Gone):
        finding = confirm(owner.source, entity_of(chunk.entity), chunk.scope_id, finding)
    with owner.store.bound_to(owner.tenant_id) as session:
        match finding:
            case Gone():
                # The project, board or issue vanished meanwhile: nothing is left to walk.
                checkpoints.finish(session, chunk)
                unreadable.clear(session, chunk.entity, [chunk.scope_id])
            case NotOffered(failure) if is_without_list(entity_of(chunk.entity), failure):
                checkpoints.finish(session, chunk, expected=0)
            case NotForUs() | NotOffered() | Broken():
                checkpoints.fail(session, chunk, problem=problem)
                unreadable.set_aside(session, Part(chunk.entity, chunk.scope_id), finding)


def settle_failure(
    owner: ChunkOwner, chunk: Chunk, walk: Walk, failure: JiraFailure, *, was_site_well: bool = False
) -> None:
    """Schedule the next try after a failure of the site, the credential or the page.

    Raises JiraRefused again where the credential failed: the worker ends, and its job finds out whether the site refuses
    everything (`ingest.proof.parking`).
    """
    problem = failure.problem
    _log_stop(chunk, problem)
    try:
        if isinstance(failure, JiraBusy):
            _wait(owner, chunk, failure, was_site_well=was_site_well)
        elif isinstance(failure, JiraRefused):
            with owner.store.bound_to(owner.tenant_id) as session:
                checkpoints.postpone(session, chunk, until=clock.now(), problem=problem, counts=False)
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


def _wait(owner: ChunkOwner, chunk: Chunk, busy: JiraBusy, *, was_site_well: bool) -> None:
    """Come back at Jira's own time. A part that asks for it at every try is set aside, where the site answered just before.

    During the pauses of a whole site the tries don't count, beyond the first few.
    """
    counts = may_be_of_part(busy) and (was_site_well or chunk.attempts < SAME_PAGE)
    if counts and chunk.attempts >= MOST_ATTEMPTS:
        _set_aside(owner, chunk, Broken(busy))
        return
    until = max(busy.retry_at, back_off(chunk.attempts)) if counts else busy.retry_at
    with owner.store.bound_to(owner.tenant_id) as session:
        checkpoints.postpone(session, chunk, until=until, problem=busy.problem, counts=counts)


def _try_again(owner: ChunkOwner, chunk: Chunk, walk: Walk, failure: JiraFailure) -> None:
    """Schedule another try after a failure that may pass, or that lies in the chunk's contents."""
    problem, starts_over = failure.problem, isinstance(failure, TokenExpired | WalkAstray)
    counts = True
    if chunk.attempts >= SAME_PAGE:
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
        return give_up(owner, chunk, walk, owner.source.diagnose(failure), for_good=chunk.attempts >= _LIST_ATTEMPTS)
    except JiraFailure:
        return None


def give_up(owner: ChunkOwner, chunk: Chunk, walk: Walk, finding: Broken, *, for_good: bool = True) -> bool:
    """Read a chunk of issues by their ids, or halve it; fail what neither can, if it is `for_good`.

    Returns whether one of them was done. Raises a JiraFailure.
    """
    problem = finding.failure.problem
    if walk.paging is Paging.TOKEN and _take_apart(owner, chunk):
        log.warning("chunk taken apart", entity=chunk.entity, scope=chunk.scope_id, problem=str(problem))
        return True
    if for_good:
        _set_aside(owner, chunk, finding)
    return for_good


def _set_aside(owner: ChunkOwner, chunk: Chunk, finding: Broken) -> None:
    problem = finding.failure.problem
    log.error("chunk given up", entity=chunk.entity, scope=chunk.scope_id, problem=str(problem))
    with owner.store.bound_to(owner.tenant_id) as session:
        checkpoints.fail(session, chunk, problem=problem)
        unreadable.set_aside(session, Part(chunk.entity, chunk.scope_id), finding)


def _take_apart(owner: ChunkOwner, chunk: Chunk) -> bool:
    """Read a chunk of issues by their ids, or halve it; False where its project refuses that as well. Raises a JiraFailure."""
    try:
        return read_by_ids(owner.store, owner.source, owner.tenant_id, chunk) or owner.halve(chunk)
    except JiraBusy:
        raise
    except JiraFailure as failure:
        owner.source.diagnose(failure)
        return False


def back_off(attempts: int) -> datetime:
    """2, 4, 8, … seconds from now, five minutes at most, with jitter."""
    wait = min(2.0 ** min(attempts + 1, 9), 300.0) * random.uniform(0.7, 1.3)  # noqa: S311 - spreads retries, protects nothing
    return clock.now() + timedelta(seconds=wait)
