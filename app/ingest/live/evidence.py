"""What deliveries say when they are taken: what is to be read again, and what became of issues that are gone."""

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
"""What Jira tells of an issue's children when it is deleted; hiding an issue deletes nothing."""
_ENDS = _CASCADE | {ISSUE_DELETED}


def issues(session: Session, taken: Sequence[Delivery]) -> list[str]:
    """The issues that deliveries name, each once.

    An issue that was found deleted stays so, Jira gives no id twice: what is told of its end once more is not asked for.
    """
    named_else = _issues_of(session, [each for each in taken if each.event not in _ENDS])
    ended = _issues_of(session, [each for each in taken if each.event in _ENDS])
    gone = _deleted(session, ended.keys() - named_else.keys())
    return [each for each in named_else | ended if each not in gone]


def named(taken: Iterable[Delivery], name: str, *, whole: bool = False) -> list[str]:
    """The ids that deliveries name of an entity; the empty scope where its whole list is meant."""
    found: dict[str, None] = {}
    for delivery in taken:
        told = delivery.hints.get(name)
        if told is not None:
            found |= dict.fromkeys([""] if whole else told)
    return list(found)


def deleted(taken: Iterable[Delivery]) -> set[str]:
    """The issues that deliveries call deleted."""
    return {each for delivery in taken if delivery.event == ISSUE_DELETED for each in delivery.issues}


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


def _issues_of(session: Session, taken: Sequence[Delivery]) -> dict[str, None]:
    """The issues, those of comments, worklogs and attachments that arrived without them too: the stored rows know."""
    found = dict.fromkeys(each for delivery in taken for each in delivery.issues)
    for name in ORPHAN_AT:
        table = table_of(entity(name))
        if known := named(taken, name):
            found |= dict.fromkeys(session.execute(select(table.c.issue_id).where(table.c.id.in_(known))).scalars())
    return found


def _deleted(session: Session, known: Iterable[str]) -> set[str]:
    """Those of the issues that were found deleted before."""
    table = table_of(entity("issue"))
    is_gone = (table.c.id.in_(sorted(known)), table.c.deleted_at.is_not(None), table.c.deleted_because == "deleted")
    return set(session.execute(select(table.c.id).where(*is_gone)).scalars())
