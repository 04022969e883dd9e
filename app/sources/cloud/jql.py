"""Queries: literals in epoch milliseconds, which no user's time zone touches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.catalog.language import OPEN_END

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.sources.scope import Scope

BY_CREATION = "ORDER BY created ASC, key ASC"
"""`created` never changes, so an issue that is edited during a walk doesn't jump over the reader."""


def in_scope(scope: Scope) -> str:
    """The issues of a scope."""
    clauses = [f"project = {scope.project_id}"]
    if scope.lower:
        clauses.append(f"created >= {scope.lower}")
    if scope.upper != OPEN_END:
        clauses.append(f"created < {scope.upper}")
    return " AND ".join(clauses)


def since(moment: int) -> str:
    """Everything that changed from a moment on, epoch milliseconds, oldest first."""
    return f"updated >= {moment} {BY_CREATION}"


def among(issue_ids: Iterable[str]) -> str:
    """The issues of these ids."""
    return f"id in ({', '.join(issue_ids)}) ORDER BY created ASC"
