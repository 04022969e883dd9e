"""The work that changed settings would make, counted before anything is changed.

The same parts decide as in `drift.settings`: the columns that the stored fields can't fill, the rows that leave and those that
come. Issues are counted by the site itself, where a query decides.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, Text, cast, func, select, union

from app.catalog.language import Each
from app.catalog.registry import entity, walked
from app.catalog.site_mapping import HIDING, map_fields
from app.ingest.drift import selection as selections
from app.ingest.drift import stored_issues
from app.ingest.planning import applied, field_policy
from app.ingest.writing import exclusions, memberships
from app.integrations import ledger
from app.integrations.settings import IntegrationSettings
from app.sources import ISSUE_PAGE, READ_BATCH, Scope
from app.store.schema import CHUNKS
from app.store.tables import is_live, table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Cast, Select

    from app.catalog.field_policy import FieldPolicy
    from app.catalog.selection import Selection
    from app.ingest.planning.applied import FieldWork
    from app.integrations.model import Integration
    from app.sources import Source
    from app.store.session import Session, Store

_ID_PAGE = 5000
"""Ids of one answer."""
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


@dataclass(frozen=True)
class _Stored:
    """The stored side of a plan."""

    before: IntegrationSettings
    work: FieldWork
    issues: Mapping[str, int]
    """Live issues by project."""
    unfit_issues: Mapping[str, int]
    """Of these, the ones whose value Jira alone knows once the mapping has changed."""
    lists: float
    """Requests for lists of an issue by themselves, at its first read, on average."""
    long_comments: float
    """Issues with more comments than come along, of one issue on average: these are walked at each read."""
    emptied_lists: int
    """Lists of histories and worklogs that lost text which comes back."""
    neighbours: float
    """Stored issues that name an issue, on average."""
    left_neighbours: int
    """Issues in projects that stay which name one in a project that doesn't."""
    walks: Sequence[tuple[str, int]]
    """Project and issues of each walk of issues."""
    board_count: int


@dataclass
class _Estimate:
    """A plan in the making."""

    source: Source
    stored: _Stored
    selection: Selection
    """That of the new settings."""
    figures: Counter[str] = field(default_factory=Counter)
    objects: int = 0
    """Issues and ids in the answers: each costs a point."""
    neighbours: float = 0
    """Issues to read again because one that they name leaves."""
    matched: int = 0
    """Issues whose boards are asked for together."""
    asked: int = 0
    started_at: float = field(default_factory=time.monotonic)

    def count(self, scope: Scope) -> int | None:
        """The site's count of a scope."""
        self.asked += 1
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
        self.figures["requests"] += round(count * self.stored.long_comments)
        self.matched += count

    def read_first(self, count: int) -> None:
        """Add the first read of so many issues."""
        self.search(count)
        self.come(count)
        self.matched += count

    def come(self, count: int) -> None:
        """Add issues that come, with their long lists."""
        self.figures["backfill"] += count
        self.figures["lists"] += round(count * self.stored.lists)

    def leave(self, count: int, staying: int) -> None:
        """Add issues that leave by a query: stored ones that they were linked to are read again."""
        self.figures["leave"] += count
        if staying:
            links = count * self.stored.neighbours * staying / (count + staying)
            self.neighbours += staying * (1 - math.exp(-links / staying))

    def walk(self, count: int) -> None:
        """Add a walk of so many issues with its count, and their memberships."""
        pages = 1 + -(-max(0, count - _FIRST_PAGE) // ISSUE_PAGE) if count > 3 * _FIRST_PAGE else 1
        id_pages = 1 if self.source.capabilities.bulk_fetch else 0
        self.figures["requests"] += 1 + id_pages + pages + self._matches(count)
        self.objects += count

    def _matches(self, count: int) -> int:
        return -(-self.stored.board_count // _FILTERS) * -(-count // _MATCHED)

    def finished(self, projects: Collection[str]) -> ChangePlan:
        """The plan, with the verification that follows any change of rows."""
        figures = self.figures
        self.read_again(round(self.neighbours))
        figures["requests"] += self._matches(self.matched) + figures["lists"]
        if any(figures[name] for name in ("re_read", "leave", "backfill")):
            figures["requests"] += len(projects)
        pace = (time.monotonic() - self.started_at) / self.asked if self.asked else _SECONDS_A_REQUEST
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
        stored = _stored(session, integration, settings, policy, projects)
        planned_ids = set(session.execute(select(CHUNKS.c.scope_id).where(CHUNKS.c.entity == "issue")).scalars())
    estimate = _Estimate(source, stored, policy.selection, neighbours=stored.left_neighbours)
    staying = [project_id for project_id in projects if project_id in planned_ids]
    estimate.figures["leave"] += sum(count for project_id, count in stored.issues.items() if project_id not in projects)
    _add_query(estimate, policy, settings, staying)
    for project_id in projects:
        if project_id not in planned_ids:
            count = estimate.count(Scope(project_id, policy=policy)) or 0
            estimate.figures["requests"] += len(_OF_PROJECTS)
            estimate.walk(count)
            estimate.come(count)
    walked_ids = [scope.project_id for scope in selections.walked_projects(store, tenant_id, policy)]
    _add_fields(estimate, policy, staying, walked_ids)
    return estimate.finished(projects)


_OF_PROJECTS = [listed_entity for listed_entity in walked(Each.PROJECT) if listed_entity.name != "issue"]


def _stored(
    session: Session,
    integration: Integration,
    settings: IntegrationSettings,
    policy: FieldPolicy,
    projects: Collection[str],
) -> _Stored:
    before = applied.load(session) or IntegrationSettings.model_validate(integration.settings)
    fields = field_policy.site_fields(session)
    work = applied.field_work(before, settings, fields)
    mappings = [map_fields(fields, of.mapping(), of.excluded_fields) for of in (before, settings)]
    hidden, shown = (
        [name for meaning in work.meanings & HIDING for name in mapping[meaning].fields] for mapping in mappings
    )
    issue = table_of(entity("issue"))
    count = func.count().label("issues")
    by_project = select(issue.c.project_id, count).where(is_live(entity("issue"))).group_by(issue.c.project_id)
    is_unfit = issue.c.custom.has_any(_texts(hidden)) & ~issue.c.custom.has_any(_texts(shown))
    issues = {row.project_id: int(row.issues) for row in session.execute(by_project)}
    included = {*before.excluded_fields} - {*settings.excluded_fields}
    return _Stored(
        before,
        work,
        issues,
        {row.project_id: int(row.issues) for row in session.execute(by_project.where(is_unfit))} if hidden else {},
        lists=_share(session, issues, _lists_read()),
        long_comments=_share(session, issues, _long_comments()),
        emptied_lists=len(exclusions.emptied(session, policy)) if included else 0,
        neighbours=_share(session, issues, _link_ends()),
        left_neighbours=_left_neighbours(session, projects) if policy.selection.projects else 0,
        walks=[
            (row.scope_id, int(row.seen))
            for row in session.execute(
                select(CHUNKS.c.scope_id, CHUNKS.c.seen).where(CHUNKS.c.entity == "issue", CHUNKS.c.state == "done")
            )
        ],
        board_count=len(memberships.filters(session)),
    )


def _share(session: Session, issues: Mapping[str, int], query: Select[Any]) -> float:
    """A number of the site by the stored issues."""
    return float(session.execute(query).scalar_one() or 0) / max(1, sum(issues.values()))


def _lists_read() -> Select[Any]:
    names = [listed_entity.name for listed_entity in walked(Each.ISSUE)]
    return select(func.sum(func.greatest(1, func.ceil(CHUNKS.c.seen / 100.0)))).where(CHUNKS.c.entity.in_(names))


def _long_comments() -> Select[Any]:
    return select(func.count()).select_from(CHUNKS).where(CHUNKS.c.entity == "comment")


def _link_ends() -> Select[Any]:
    issue, link = table_of(entity("issue")), table_of(entity("issue_link"))
    links = select(2 * func.count()).where(link.c.deleted_at.is_(None)).scalar_subquery()
    parents = select(2 * func.count(issue.c.parent_id)).where(is_live(entity("issue"))).scalar_subquery()
    return select(links + parents)


def _left_neighbours(session: Session, projects: Collection[str]) -> int:
    """Stored issues of some projects that are linked to an issue of another one, or are its parent or child."""
    near, far, link = table_of(entity("issue")), table_of(entity("issue")).alias("far"), table_of(entity("issue_link"))
    pairs = union(
        select(link.c.source_issue_id.label("near_id"), link.c.destination_issue_id.label("far_id")).where(
            link.c.deleted_at.is_(None)
        ),
        select(link.c.destination_issue_id, link.c.source_issue_id).where(link.c.deleted_at.is_(None)),
        select(near.c.id, near.c.parent_id).where(near.c.parent_id.is_not(None)),
        select(near.c.parent_id, near.c.id).where(near.c.parent_id.is_not(None)),
    ).subquery()
    is_left = far.c.project_id.not_in(projects) & far.c.deleted_at.is_(None) & far.c.is_stub.is_(False)
    query = (
        select(func.count(near.c.id.distinct()))
        .join(pairs, pairs.c.near_id == near.c.id)
        .join(far, far.c.id == pairs.c.far_id)
        .where(is_live(entity("issue")), near.c.project_id.in_(projects), is_left)
    )
    return int(session.execute(query).scalar_one())


def _texts(values: Sequence[str]) -> Cast[Sequence[str]]:
    return cast([*values], ARRAY(Text))


def _add_query(
    estimate: _Estimate, policy: FieldPolicy, settings: IntegrationSettings, projects: Sequence[str]
) -> None:
    """Add the comparison of ids in projects that stay, where a query selects among their issues."""
    stored, selection = estimate.stored, policy.selection
    former = field_policy.selection_of(stored.before)
    if not settings.queries_otherwise(stored.before):
        for project_id in projects if selection.has_query else ():
            estimate.list_ids(stored.issues.get(project_id, 0))
        return
    both = replace(policy, selection=former.joined(selection))
    for project_id in projects:
        stored_count = stored.issues.get(project_id, 0)
        selected_count = estimate.count(Scope(project_id, policy=policy))
        shared_count = estimate.count(Scope(project_id, policy=both)) if former.has_query else selected_count
        if not selection.has_query:
            shared_count = stored_count
        if selected_count is None or shared_count is None:
            continue
        leaving, coming = max(0, stored_count - shared_count), max(0, selected_count - shared_count)
        estimate.list_ids(selected_count)
        estimate.search(leaving if selection.has_query else 0)
        estimate.leave(leaving, shared_count)
        estimate.read_first(coming)


def _add_fields(estimate: _Estimate, policy: FieldPolicy, projects: Sequence[str], walked_ids: Sequence[str]) -> None:
    """Add the issues to read again in projects that stay."""
    stored = estimate.stored
    estimate.figures["requests"] += stored.emptied_lists
    if stored.work.is_whole:
        estimate.figures["re_read"] += sum(stored.issues.get(project_id, 0) for project_id in projects)
        for project_id, count in stored.walks:
            if project_id in projects:
                estimate.walk(count)
                estimate.figures["requests"] += round(count * stored.long_comments)
        return
    reread_count = sum(stored.unfit_issues.get(project_id, 0) for project_id in projects)
    if stored.work.holding:
        holding = replace(policy, selection=replace(policy.selection, holding=stored.work.holding))
        for project_id in walked_ids:
            count = estimate.count(Scope(project_id, policy=holding)) or 0
            estimate.list_ids(count)
            reread_count += count
    estimate.figures["re_read"] += reread_count
    estimate.read_again(reread_count)
