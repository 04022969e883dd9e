"""Stubs: rows of objects that only other objects have brought, such as a sprint of a board out of sight.

Each id in a row leads to a row. Where the entity's own list hasn't brought it, Jira's object beside the id becomes a stub,
marked as such. A stub yields to the first read of the object itself, replaces no other row than that of an issue which the
settings leave out, and no list buries it: it never was in one.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import text

from app.catalog.extract import Page, Row, extract_stub
from app.catalog.json_value import Json, find
from app.catalog.registry import entity as entity_named
from app.catalog.registry import stub_entities
from app.errors import PoisonRecord
from app.ingest.planning import inbox, plan
from app.store.tables import OUT_OF_SCOPE, table_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import TextClause

    from app.catalog.field_policy import FieldPolicy
    from app.store.session import Session

    Mentions = Mapping[str, Mapping[str, Json]]

_MOST_ASKED = 500
"""Issues that one call has read again."""
_IS_WAITING = (
    "EXISTS (SELECT FROM chunks WHERE chunks.tenant_id = CAST(:tenant_id AS uuid) AND state = 'waiting'"
    f" AND priority < {plan.SHORT} AND entity = '{{entity}}')"
)
"""A list of the entity is still to be read. The priority keeps the many short chunks out of the search."""
_IS_OPEN = f"stored.id IS NULL OR (stored.is_stub AND NOT {_IS_WAITING})"
"""A stub isn't written again while a list may bring the row."""
_IS_FREE_ISSUE = f"stored.id IS NULL OR stored.is_stub OR stored.deleted_because = '{OUT_OF_SCOPE}'"
_IS_OPEN_ISSUE = (
    f"({_IS_FREE_ISSUE}) AND (NOT {_IS_WAITING} OR named.project_key NOT IN ("  # noqa: S608 - our own names
    "SELECT coalesce(key, '') FROM jira_project WHERE tenant_id = CAST(:tenant_id AS uuid) AND NOT is_stub"
    " AND deleted_at IS NULL AND is_archived IS NOT TRUE AND is_deleted IS NOT TRUE))"
)
"""While issues are read, those of open projects get no stub: most are a parent or a sub-task on a later page."""
_NAMING_ISSUES = text(
    "SELECT min(naming.id) FROM ("
    " SELECT id, parent_id AS named_id FROM jira_issue WHERE parent_id IS NOT NULL AND deleted_at IS NULL"
    " UNION ALL SELECT id, unnest(subtask_ids) FROM jira_issue WHERE deleted_at IS NULL"
    " UNION ALL SELECT source_issue_id, destination_issue_id FROM jira_issue_link WHERE deleted_at IS NULL"
    " UNION ALL SELECT destination_issue_id, source_issue_id FROM jira_issue_link WHERE deleted_at IS NULL"
    ") AS naming LEFT JOIN jira_issue AS named ON named.id = naming.named_id"
    " WHERE named.id IS NULL AND naming.named_id IS NOT NULL GROUP BY naming.named_id LIMIT :limit"
)


def missing_rows(session: Session, mentions: Mentions, rows: Sequence[Row], policy: FieldPolicy) -> list[Row]:
    """Stubs for the mentions of a page that have no row there or in the tables, and newer versions of stored stubs.

    A page without any costs one statement.
    """
    stubs: dict[tuple[str, str], Row | None] = {}
    own_keys: set[tuple[str, str]] = set()
    while any(mentions.values()):
        keys = [key for key in _open_mentions(session, mentions) if key not in stubs]
        if keys and not own_keys:
            own_keys = {(row.entity.name, row.id) for row in rows}
        page = Page(policy)
        for key in keys:
            stubs[key] = None if key in own_keys else _stub(key, mentions, page)
        mentions = page.mentions
    return [row for row in stubs.values() if row is not None]


def _stub(key: tuple[str, str], mentions: Mentions, page: Page) -> Row | None:
    name, row_id = key
    try:
        return extract_stub(entity_named(name), mentions[name][row_id], page)
    except PoisonRecord:
        return None


def _open_mentions(session: Session, mentions: Mentions) -> list[tuple[str, str]]:
    """The mentions without a row, or with a stub that may be renewed, by entity and id."""
    ids = {of.name: [*mentions.get(of.name, ())] for of in stub_entities()}
    project_keys = [_project_key(body) for body in mentions.get("issue", {}).values()]
    parameters = {"tenant_id": session.tenant_id, "project_keys": project_keys, **ids}
    return [(row.entity, row.id) for row in session.execute(_open_query(), parameters)]


def _project_key(issue: Json) -> str:
    key = find(issue, "key")
    return key.rpartition("-")[0] if isinstance(key, str) else ""


@cache
def _open_query() -> TextClause:
    """One statement for all pages and entities."""
    parts = []
    for name in (of.name for of in stub_entities()):
        arrays, columns, condition = f"CAST(:{name} AS text[])", "id", _IS_OPEN
        if name == "issue":
            arrays, columns, condition = f"{arrays}, CAST(:project_keys AS text[])", "id, project_key", _IS_OPEN_ISSUE
        parts.append(
            f"SELECT '{name}' AS entity, named.id FROM unnest({arrays}) AS named ({columns})"  # noqa: S608 - our own names
            f" LEFT JOIN {table_of(entity_named(name)).name} AS stored"
            f" ON stored.tenant_id = CAST(:tenant_id AS uuid) AND stored.id = named.id WHERE {condition.format(entity=name)}"
        )
    return text(" UNION ALL ".join(parts))


def ask_for_naming_issues(session: Session) -> int:
    """Have issues read again that name an issue without a row: their project was still to be read then.

    One issue for each missing one. Returns their number.
    """
    issue_ids = session.execute(_NAMING_ISSUES, {"limit": _MOST_ASKED}).scalars()
    return inbox.ask(session, sorted({issue_id for issue_id in issue_ids if issue_id}), origin=inbox.SWEEP)
