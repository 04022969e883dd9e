"""Parsed JSON, and functions to read one value out of it."""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""One parsed JSON value."""


def find(body: Json, path: str) -> Json:
    """The value at a dotted path, or None where any step is missing; an empty path is the body."""
    for step in _steps(path):
        if not isinstance(body, dict):
            return None
        body = body.get(step)
    return body


@cache
def _steps(path: str) -> tuple[str, ...]:
    """The names along a path; all paths are our own, so there are few."""
    return tuple(path.split(".")) if path else ()


def account_of(user: Json) -> str | None:
    """A user's id: `accountId` on Cloud, `key` or `name` on Data Center; Jira's blank strings count as absent."""
    if not isinstance(user, dict):
        return None
    for name in ("accountId", "key", "name"):
        account_id = user.get(name)
        if isinstance(account_id, str) and account_id.strip():
            return account_id
    return None


def ids_of(values: Json) -> Json:
    """The ids of a list of objects, as strings, in Jira's order."""
    if not isinstance(values, list):
        return None
    return [str(value["id"]) for value in values if isinstance(value, dict) and value.get("id") is not None]
