"""Contents of claimed deliveries: the objects to re-read, and evidence about missing issues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from app.catalog.registry import entity
from app.conditions import Code, Condition
from app.ingest.planning.events import ISSUE_DELETED, ORPHAN_AT
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.ingest.planning.inbox import Delivery
    from app.store.session import Session

_CASCADE = frozenset({"comment_deleted", "worklog_deleted", "attachment_deleted", "issuelink_deleted"})
"""Events of an issue's children when it is deleted; hiding an issue deletes nothing."""
_ENDS = _CASCADE | {ISSUE_DELETED}


def issues(session: Session, deliveries: Sequence[Delivery]) -> list[str]:
    """The issues that deliveries name, each once.

    A stored deletion is final, since Jira reuses no id: a repeated report of it isn't read again.
    """
    touched_ids = _issues_of(session, [delivery for delivery in deliveries if delivery.event not in _ENDS])
    ended_ids = _issues_of(session, [delivery for delivery in deliveries if delivery.event in _ENDS])
    buried_ids = _deleted(session, ended_ids.keys() - touched_ids.keys())
    return [issue_id for issue_id in touched_ids | ended_ids if issue_id not in buried_ids]


def named(deliveries: Iterable[Delivery], name: str, *, whole: bool = False) -> list[str]:
    """The ids of an entity that deliveries name; the empty scope stands for its whole list."""
    object_ids: dict[str, None] = {}
    for delivery in deliveries:
        hint = delivery.hints.get(name)
        if hint is not None:
            object_ids |= dict.fromkeys([""] if whole else hint)
    return list(object_ids)


def deleted(deliveries: Iterable[Delivery]) -> set[str]:
    """The issues that deliveries report deleted."""
    return {issue_id for delivery in deliveries if delivery.event == ISSUE_DELETED for issue_id in delivery.issues}


def evidence(deliveries: Iterable[Delivery]) -> dict[str, Condition]:
    """Evidence about issues that are gone, by issue."""
    by_issue: dict[str, Condition] = {}
    for delivery in deliveries:
        condition = None
        if delivery.event in _CASCADE:
            condition = Condition(Code.CHILD_DELETED, event=delivery.event)
        elif delivery.hints.get("security"):
            condition = Condition(Code.SECURITY_CHANGED)
        elif "moved_to" in delivery.hints:
            condition = Condition(Code.MOVED_TO, project=str(delivery.hints["moved_to"]))
        if condition:
            by_issue |= dict.fromkeys(delivery.issues, condition)
    return by_issue


def _issues_of(session: Session, deliveries: Sequence[Delivery]) -> dict[str, None]:
    """The issues that deliveries name; a comment, worklog or attachment without its issue is looked up in the stored rows."""
    issue_ids = dict.fromkeys(issue_id for delivery in deliveries for issue_id in delivery.issues)
    for name in ORPHAN_AT:
        table = table_of(entity(name))
        if child_ids := named(deliveries, name):
            issue_ids |= dict.fromkeys(
                session.execute(select(table.c.issue_id).where(table.c.id.in_(child_ids))).scalars()
            )
    return issue_ids


def _deleted(session: Session, issue_ids: Iterable[str]) -> set[str]:
    """The issues with a stored deletion."""
    table = table_of(entity("issue"))
    is_gone = (table.c.id.in_(sorted(issue_ids)), table.c.deleted_at.is_not(None), table.c.deleted_because == "deleted")
    return set(session.execute(select(table.c.id).where(*is_gone)).scalars())
