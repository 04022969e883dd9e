"""Top-ups: cut-off lists that are really short of rows here.

Jira sends the newest 40 histories, 20 comments and 20 worklogs of an issue along with it. An issue that is read again is
short only of older rows, so most lists need no walk of their own. A history never changes, and the worklog feed reports
edits, so counting is enough for both; comments may be edited anywhere in their list and are walked again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from app.catalog.extract import TopUp
from app.catalog.registry import entity, list_totals
from app.store.schema import CHUNKS
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from app.catalog.extract import Row
    from app.store.session import Session


_OF_A_LINK = '"field":"RemoteIssueLink"'
"""Spelling in a history's items; within a text its quotes would be escaped."""


def known_histories(session: Session, rows: Sequence[Row]) -> set[str]:
    """Stored histories of remote links among the rows; call it before the rows are written."""
    history_ids = [row.id for row in rows if row.entity.name == "changelog" and _tells_of_a_link(row)]
    if not history_ids:
        return set()
    table = table_of(entity("changelog"))
    return set(
        session.execute(select(table.c.id).where(table.c.id.in_(history_ids), table.c.deleted_at.is_(None))).scalars()
    )


def _tells_of_a_link(row: Row) -> bool:
    return _OF_A_LINK in str(row.values["items"])


def still_short(
    session: Session,
    rows: Sequence[Row],
    candidates: Sequence[TopUp],
    stored_histories: Collection[str],
    restored_issues: Collection[str],
) -> list[TopUp]:
    """The top-ups that remain once the rows are written; `stored_histories` were stored before.

    Neither counts nor histories tell about the lists of `restored_issues`, so these are all walked again.
    """
    candidates = [*candidates, *_link_walks(session, restored_issues)]
    if not candidates:
        return []
    whole = {
        name: _whole(session, name, total, rows, candidates)
        for name, total in list_totals().items()
        if entity(name).is_whole_by_count
    }
    fresh = {
        str(row.values["issue_id"])
        for row in rows
        if row.entity.name == "changelog" and row.id not in stored_histories and _tells_of_a_link(row)
    }
    whole["remote_link"] = _planned(session, candidates) - fresh
    return [
        top_up
        for top_up in dict.fromkeys(candidates)
        if top_up.parent_id in restored_issues or top_up.parent_id not in whole.get(top_up.entity.name, ())
    ]


def _link_walks(session: Session, restored_issues: Collection[str]) -> list[TopUp]:
    """Walks of remote links of issues that have or had one here: their histories may be gone with the links."""
    if not restored_issues:
        return []
    link = entity("remote_link")
    table = table_of(link)
    query = select(table.c.issue_id).where(table.c.issue_id.in_(restored_issues)).distinct()
    return [TopUp(link, issue_id) for issue_id in session.execute(query).scalars()]


def _planned(session: Session, candidates: Sequence[TopUp]) -> set[str]:
    """Issues with a walk of their remote links, done or planned, after the last history about one."""
    parents = [top_up.parent_id for top_up in candidates if top_up.entity.name == "remote_link"]
    query = select(CHUNKS.c.scope_id).where(CHUNKS.c.entity == "remote_link", CHUNKS.c.scope_id.in_(parents))
    return set(session.execute(query).scalars()) if parents else set()


def _whole(session: Session, name: str, total: str, rows: Sequence[Row], candidates: Sequence[TopUp]) -> set[str]:
    """Issues with as many rows of an entity as Jira's total."""
    parents = [top_up.parent_id for top_up in candidates if top_up.entity.name == name]
    if not parents:
        return set()
    table = table_of(entity(name))
    counts = session.execute(
        select(table.c.issue_id, func.count().label("held"))
        .where(table.c.issue_id.in_(parents), table.c.deleted_at.is_(None))
        .group_by(table.c.issue_id)
    )
    totals = {row.id: row.values.get(total) for row in rows if row.entity.name == "issue"}
    return {row.issue_id for row in counts if row.held == totals.get(row.issue_id)}
