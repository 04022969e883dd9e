"""Parsed JSON, and functions to read one value out of it."""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""One parsed JSON value."""
_ACCOUNT_NAMES = ("accountId", "key", "name")
_EXACT_FLOATS = 2**53
"""Every whole number up to here is a float of its own."""


class ShapeError(TypeError):
    """A value of another shape than its column's. The message doesn't quote the value."""

    def __init__(self, value: Json) -> None:
        super().__init__(type(value).__name__)
        self.value = value


class NotAnObjectError(ShapeError):
    """A value of another type where an object belongs."""


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


def absent(value: Json) -> Json:
    """None, for null or empty text in place of an object. Raises NotAnObjectError for anything else."""
    if value is not None and value != "":
        raise NotAnObjectError(value)
    return None


def id_text(value: Json) -> str | None:
    """A number as Jira writes an id; None for a fraction, a float without all its digits, and anything else."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) <= _EXACT_FLOATS else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def account_of(user: Json) -> str | None:
    """A user's id: `accountId` on Cloud, `key` or `name` on Data Center; Jira's blank strings count as absent."""
    if not isinstance(user, dict):
        return None
    for name in _ACCOUNT_NAMES:
        account_id = user.get(name)
        if isinstance(account_id, str) and account_id.strip():
            return account_id
    return None


def ids_of(values: Json) -> Json:
    """The ids of a list of objects, as strings, in Jira's order. Raises ShapeError for a list of anything else."""
    if values is None:
        return None
    ids = [_id_of(value) for value in values] if isinstance(values, list) else [None]
    if None in ids:
        raise ShapeError(values)
    return ids  # type: ignore[return-value]  # a list of strings is JSON


def _id_of(value: Json) -> str | None:
    object_id = value.get("id") if isinstance(value, dict) else None
    if isinstance(object_id, str):
        return object_id
    return id_text(object_id)


def named_account(user: Json) -> Json:
    """A user's id, None for no user and a blank one. Raises ShapeError for a user of another form."""
    if not isinstance(user, dict):
        return absent(user)
    account_id = account_of(user)
    if account_id is None and any(not isinstance(user.get(name) or "", str) for name in _ACCOUNT_NAMES):
        raise ShapeError(user)
    return account_id
