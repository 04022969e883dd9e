"""Which lists that Jira cut off are really short of something here.

Jira sends the newest 40 histories, 20 comments and 20 worklogs of an issue along with it. An issue that was read before
and is read again is short only of what is not among these, so most lists need no walk of their own. A history never
changes, and the feed of changed worklogs tells of edits, so for both it is enough to count; comments may have been
edited anywhere in their list and are walked again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from app.catalog.registry import entity, list_totals
from app.store.schema import CHUNKS
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from app.catalog.extract import Row, TopUp
    from app.store.session import Session


_OF_A_LINK = '"field":"RemoteIssueLink"'
"""As it is written in a history's items; within a text its quotes would be escaped."""


def known_histories(session: Session, rows: Sequence[Row]) -> set[str]:
    """Which histories of remote links among the rows are stored already; ask before they are."""
    told = [row.id for row in rows if row.entity.name == "changelog" and _tells_of_a_link(row)]
    if not told:
        return set()
    table = table_of(entity("changelog"))
    return set(session.execute(select(table.c.id).where(table.c.id.in_(told), table.c.deleted_at.is_(None))).scalars())


def _tells_of_a_link(row: Row) -> bool:
    return _OF_A_LINK in str(row.values["items"])


def still_short(session: Session, rows: Sequence[Row], needed: Sequence[TopUp], known: Collection[str]) -> list[TopUp]:
    """The top-ups that are needed, once the rows are stored; `known` are histories that were stored before."""
    if not needed:
        return []
    whole = {
        name: _whole(session, name, total, rows, needed)
        for name, total in list_totals().items()
        if entity(name).is_whole_by_count
    }
    fresh = {
        str(row.values["issue_id"])
        for row in rows
        if row.entity.name == "changelog" and row.id not in known and _tells_of_a_link(row)
    }
    whole["remote_link"] = _planned(session, needed) - fresh
    return [each for each in needed if each.parent_id not in whole.get(each.entity.name, ())]


def _planned(session: Session, needed: Sequence[TopUp]) -> set[str]:
    """The issues whose remote links were walked, or will be, after the last history that told of one."""
    parents = [each.parent_id for each in needed if each.entity.name == "remote_link"]
    query = select(CHUNKS.c.scope_id).where(CHUNKS.c.entity == "remote_link", CHUNKS.c.scope_id.in_(parents))
    return set(session.execute(query).scalars()) if parents else set()


def _whole(session: Session, name: str, total: str, rows: Sequence[Row], needed: Sequence[TopUp]) -> set[str]:
    """The issues whose list of an entity holds as many as Jira says."""
    parents = [each.parent_id for each in needed if each.entity.name == name]
    if not parents:
        return set()
    table = table_of(entity(name))
    counted = session.execute(
        select(table.c.issue_id, func.count().label("held"))
        .where(table.c.issue_id.in_(parents), table.c.deleted_at.is_(None))
        .group_by(table.c.issue_id)
    )
    expected = {row.id: row.values.get(total) for row in rows if row.entity.name == "issue"}
    return {row.issue_id for row in counted if row.held == expected.get(row.issue_id)}
