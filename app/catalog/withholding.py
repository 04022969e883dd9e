"""Removes the text of excluded fields from stored values."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import TYPE_CHECKING, Any

from app.catalog.registry import all_entities

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.catalog.field_policy import FieldPolicy
    from app.catalog.language import Column, Entity

_MOST_DIGITS = 4000
"""Digits of a whole number that Python parses (its own limit is 4,300); longer ones become null."""


@cache
def excludable() -> tuple[Entity, ...]:
    """The entities that may hold text of excluded fields."""
    return tuple(
        entity
        for entity in all_entities().values()
        if any(column.excluded_with or column.without_excluded for column in entity.columns)
    )


def without_excluded(entity: Entity, values: Mapping[Any, Any], policy: FieldPolicy) -> dict[str, Any]:
    """The values of a stored row by column, JSON as text, without the text of excluded fields."""
    kept_values = {column.name: values[column.name] for column in entity.columns}
    for column in entity.columns:
        if column.excluded_with and not policy.may_keep(column.excluded_with):
            condition = column.excluded_where
            if condition is None or values[condition[0]] == condition[1]:
                kept_values[column.name] = None
        elif column.without_excluded and values[column.name] is not None:
            kept_values[column.name] = json_without_excluded(column, values[column.name], policy)
    return kept_values


def json_without_excluded(column: Column, stored_json: str, policy: FieldPolicy) -> str:
    """A column's JSON without the text of excluded fields; the same text where it has none."""
    if column.without_excluded is None:
        return stored_json
    # The standard library's parser: others refuse numbers that PostgreSQL keeps.
    value = json.loads(stored_json, parse_int=_whole, parse_float=_finite)
    kept_value = column.without_excluded(value, policy)
    return stored_json if kept_value == value else json.dumps(kept_value, ensure_ascii=False)


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MOST_DIGITS else None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None
