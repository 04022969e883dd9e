"""The work that changed settings would make, counted before anything is changed.

The same parts decide as in `drift.settings`: the columns that the stored fields can't fill, the rows that leave and those that
come. Issues are counted by the site itself, where a query decides.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from app.catalog.language import Each
from app.catalog.registry import walked
from app.ingest.drift import selection as selections
from app.ingest.drift import stored_issues
from app.ingest.drift.stored_figures import StoredFigures, stored_figures
from app.ingest.planning import field_policy
from app.integrations import ledger
from app.sources import ISSUE_PAGE, READ_BATCH, Scope
from app.store.schema import CHUNKS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from app.catalog.field_policy import FieldPolicy
    from app.catalog.selection import Selection
    from app.integrations.model import Integration
    from app.integrations.settings import IntegrationSettings
    from app.sources import Source
    from app.store.session import Store

_ID_PAGE = 100
"""Ids of one answer of a sweep, which asks for `updated` as well; ids alone come by thousands."""
_FILTERS, _MATCHED = 50, 1000
"""Boards and issues of one question about memberships."""
_FIRST_PAGE = 5
"""Issues of a walk's first page, by which the size of the others is found."""
_SECONDS_A_REQUEST = 0.3
"""Where the plan asked the site nothing that tells its pace."""


@dataclass(frozen=True)
class ChangePlan:
    """Work of a change: issues, then requests, points and seconds of it."""

    re_read: int = 0
    """Stored issues that are read again."""
    leave: int = 0
    """Stored issues that are out of scope then."""
    backfill: int = 0
    """Issues that come."""
    requests: int = 0
    lists: int = 0
    """Of the requests, those for long lists of issues that come: as many as stored issues needed, on average."""
    points: int = 0
    """Of the app's hourly quota; 0 where the method has none."""
    seconds: int = 0


@dataclass
class _Estimate:
    """A plan in the making."""

    source: Source
    rows: StoredFigures
    selection: Selection
    """That of the new settings."""
    figures: Counter[str] = field(default_factory=Counter)
    objects: int = 0
    """Issues and ids in the answers: each costs a point."""
    neighbours: float = 0
    """Issues to read again because one that they name leaves."""
    board_questions: int = 0
    """Issues of one common question about boards."""
    counts: int = 0
    started_at: float = field(default_factory=time.monotonic)

    def count(self, scope: Scope) -> int | None:
        """The site's count of a scope."""
        self.counts += 1
        return self.source.count(scope)

    def list_ids(self, count: int) -> None:
        """Add a sweep of so many ids."""
        self.figures["requests"] += max(1, -(-count // _ID_PAGE))
        self.objects += count

    def search(self, count: int) -> None:
        """Add searches for so many issues by id, each held against the query."""
        tries = 2 if self.selection.jql else 1
        self.figures["requests"] += tries * -(-count // READ_BATCH)
        self.objects += tries * count

    def read_again(self, count: int) -> None:
        """Add a read of so many stored issues."""
        self.search(count)
        self.figures["requests"] += round(count * self.rows.long_comments)
        self.board_questions += count

    def read_first(self, count: int) -> None:
        """Add the first read of so many issues."""
        self.search(count)
        self.come(count)
        self.board_questions += count

    def come(self, count: int) -> None:
        """Add issues that come, with their long lists."""
        self.figures["backfill"] += count
        self.figures["lists"] += round(count * self.rows.lists)

    def leave(self, count: int, stay_count: int) -> None:
        """Add issues that leave by a query: stored ones that they were linked to are read again."""
        self.figures["leave"] += count
        if stay_count:
            links = count * self.rows.neighbours * stay_count / (count + stay_count)
            self.neighbours += stay_count * (1 - math.exp(-links / stay_count))

    def walk(self, count: int) -> None:
        """Add a walk of so many issues with its count, and their memberships."""
        pages = 1 + -(-max(0, count - _FIRST_PAGE) // ISSUE_PAGE) if count > 3 * _FIRST_PAGE else 1
        id_pages = 1 if self.source.capabilities.bulk_fetch else 0
        self.figures["requests"] += 1 + id_pages + pages + self._matches(count)
        self.objects += count

    def _matches(self, count: int) -> int:
        return -(-self.rows.board_count // _FILTERS) * -(-count // _MATCHED)

    def finished(self, projects: Collection[str]) -> ChangePlan:
        """The plan, with the verification that follows any change of rows."""
        figures = self.figures
        self.read_again(round(self.neighbours))
        figures["requests"] += self._matches(self.board_questions) + figures["lists"]
        if any(figures[name] for name in ("re_read", "leave", "backfill")):
            figures["requests"] += len(projects)
        pace = (time.monotonic() - self.started_at) / self.counts if self.counts else _SECONDS_A_REQUEST
        return ChangePlan(
            re_read=figures["re_read"],
            leave=figures["leave"],
            backfill=figures["backfill"],
            requests=figures["requests"],
            lists=figures["lists"],
            points=figures["requests"] + self.objects if self.source.capabilities.metered_points else 0,
            seconds=round(figures["requests"] * pace),
        )


def plan_change(store: Store, source: Source, integration: Integration, settings: IntegrationSettings) -> ChangePlan:
    """Count the work of changed settings. Raises a JiraFailure, and Conflicting where the pairing ends meanwhile."""
    with ledger.site_session(store, integration) as session:
        tenant_id = session.tenant_id
        policy = field_policy.of_settings(settings, field_policy.site_fields(session))
        projects = stored_issues.open_projects(session, policy.selection)
        rows = stored_figures(session, integration, settings, policy, projects)
        planned_ids = set(session.execute(select(CHUNKS.c.scope_id).where(CHUNKS.c.entity == "issue")).scalars())
    estimate = _Estimate(source, rows, policy.selection, neighbours=rows.left_neighbours)
    stay_ids = [project_id for project_id in projects if project_id in planned_ids]
    estimate.figures["leave"] += sum(count for project_id, count in rows.issues.items() if project_id not in projects)
    _add_query(estimate, policy, settings, stay_ids)
    for project_id in projects:
        if project_id not in planned_ids:
            count = estimate.count(Scope(project_id, policy=policy)) or 0
            estimate.figures["requests"] += len(_OF_PROJECTS)
            estimate.walk(count)
            estimate.come(count)
    walked_ids = [scope.project_id for scope in selections.walked_projects(store, tenant_id, policy)]
    _add_fields(estimate, policy, stay_ids, walked_ids)
    return estimate.finished(projects)


_OF_PROJECTS = [listed_entity for listed_entity in walked(Each.PROJECT) if listed_entity.name != "issue"]


def _add_query(
    estimate: _Estimate, policy: FieldPolicy, settings: IntegrationSettings, projects: Sequence[str]
) -> None:
    """Add the comparison of ids in projects that stay, where a query selects among their issues."""
    rows, selection = estimate.rows, policy.selection
    former = field_policy.selection_of(rows.before)
    if not settings.queries_otherwise(rows.before):
        for project_id in projects if selection.has_query else ():
            estimate.list_ids(rows.issues.get(project_id, 0))
        return
    joined_policy = replace(policy, selection=former.joined(selection))
    for project_id in projects:
        stored_count = rows.issues.get(project_id, 0)
        selected_count = estimate.count(Scope(project_id, policy=policy))
        shared_count = estimate.count(Scope(project_id, policy=joined_policy)) if former.has_query else selected_count
        if not selection.has_query:
            shared_count = stored_count
        if selected_count is None or shared_count is None:
            continue
        leave_count, new_count = max(0, stored_count - shared_count), max(0, selected_count - shared_count)
        estimate.list_ids(selected_count)
        estimate.search(leave_count if selection.has_query else 0)
        estimate.leave(leave_count, shared_count)
        estimate.read_first(new_count)


def _add_fields(estimate: _Estimate, policy: FieldPolicy, projects: Sequence[str], walked_ids: Sequence[str]) -> None:
    """Add the issues to read again in projects that stay."""
    rows = estimate.rows
    estimate.figures["requests"] += rows.emptied_lists
    if rows.work.is_whole:
        estimate.figures["re_read"] += sum(rows.issues.get(project_id, 0) for project_id in projects)
        for project_id, count in rows.walks:
            if project_id in projects:
                estimate.walk(count)
                estimate.figures["requests"] += round(count * rows.long_comments)
        return
    reread_count = sum(rows.unfit_issues.get(project_id, 0) for project_id in projects)
    if rows.work.holding:
        holders_policy = replace(policy, selection=replace(policy.selection, holding=rows.work.holding))
        for project_id in walked_ids:
            count = estimate.count(Scope(project_id, policy=holders_policy)) or 0
            estimate.list_ids(count)
            reread_count += count
    estimate.figures["re_read"] += reread_count
    estimate.read_again(reread_count)
