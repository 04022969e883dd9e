"""Figures of the stored rows that a plan of changed settings is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, Text, cast, func, select, union

from app.catalog.language import Each
from app.catalog.registry import entity, walked
from app.catalog.site_mapping import HIDING, map_fields
from app.ingest.planning import applied, field_policy
from app.ingest.writing import exclusions, memberships
from app.integrations.settings import IntegrationSettings
from app.store.schema import CHUNKS
from app.store.tables import is_live, table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Cast, Select

    from app.catalog.field_policy import FieldPolicy
    from app.ingest.planning.applied import FieldWork
    from app.integrations.model import Integration
    from app.store.session import Session


@dataclass(frozen=True)
class StoredFigures:
    """The stored side of a plan."""

    before: IntegrationSettings
    work: FieldWork
    issues: Mapping[str, int]
    """Live issues by project."""
    unfit_issues: Mapping[str, int]
    """Of these, those with a value that Jira alone knows after the change of the mapping."""
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


def stored_figures(
    session: Session,
    integration: Integration,
    settings: IntegrationSettings,
    policy: FieldPolicy,
    projects: Collection[str],
) -> StoredFigures:
    """The figures of a site; the policy and the projects are those of the new settings."""
    before = applied.load(session) or IntegrationSettings.model_validate(integration.settings)
    fields = field_policy.site_fields(session)
    work = applied.field_work(before, settings, fields)
    mappings = [map_fields(fields, of.mapping(), of.excluded_fields) for of in (before, settings)]
    former_names, new_names = (
        [name for meaning in work.meanings & HIDING for name in mapping[meaning].fields] for mapping in mappings
    )
    issue = table_of(entity("issue"))
    count = func.count().label("issues")
    by_project = select(issue.c.project_id, count).where(is_live(entity("issue"))).group_by(issue.c.project_id)
    is_unfit = issue.c.custom.has_any(_texts(former_names)) & ~issue.c.custom.has_any(_texts(new_names))
    issues = {row.project_id: int(row.issues) for row in session.execute(by_project)}
    unfit_rows = session.execute(by_project.where(is_unfit)).all() if former_names else []
    unfit_issues = {row.project_id: int(row.issues) for row in unfit_rows}
    included_fields = {*before.excluded_fields} - {*settings.excluded_fields}
    return StoredFigures(
        before,
        work,
        issues,
        unfit_issues,
        lists=_share(session, issues, _lists_read()),
        long_comments=_share(session, issues, _long_comments()),
        emptied_lists=len(exclusions.emptied(session, policy)) if included_fields else 0,
        neighbours=_share(session, issues, _link_ends()),
        left_neighbours=_left_neighbours(session, projects) if policy.selection.projects else 0,
        walks=_walks(session),
        board_count=len(memberships.filters(session)),
    )


def _walks(session: Session) -> list[tuple[str, int]]:
    is_done = (CHUNKS.c.entity == "issue", CHUNKS.c.state == "done")
    rows = session.execute(select(CHUNKS.c.scope_id, CHUNKS.c.seen).where(*is_done))
    return [(row.scope_id, int(row.seen)) for row in rows]


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
    issue, other_issue, link = (
        table_of(entity("issue")),
        table_of(entity("issue")).alias("other_issue"),
        table_of(entity("issue_link")),
    )
    pairs = union(
        select(link.c.source_issue_id.label("issue_id"), link.c.destination_issue_id.label("other_id")).where(
            link.c.deleted_at.is_(None)
        ),
        select(link.c.destination_issue_id, link.c.source_issue_id).where(link.c.deleted_at.is_(None)),
        select(issue.c.id, issue.c.parent_id).where(issue.c.parent_id.is_not(None)),
        select(issue.c.parent_id, issue.c.id).where(issue.c.parent_id.is_not(None)),
    ).subquery()
    is_left = (
        other_issue.c.project_id.not_in(projects)
        & other_issue.c.deleted_at.is_(None)
        & other_issue.c.is_stub.is_(False)
    )
    query = (
        select(func.count(issue.c.id.distinct()))
        .join(pairs, pairs.c.issue_id == issue.c.id)
        .join(other_issue, other_issue.c.id == pairs.c.other_id)
        .where(is_live(entity("issue")), issue.c.project_id.in_(projects), is_left)
    )
    return int(session.execute(query).scalar_one())


def _texts(values: Sequence[str]) -> Cast[Sequence[str]]:
    return cast([*values], ARRAY(Text))
