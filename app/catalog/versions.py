"""Versions of one object: the same user in thirty places of a page, or an issue that two pages hold."""

from __future__ import annotations

from app.catalog.extract import Row


def merge(first: Row, second: Row) -> Row:
    """Merge two versions of one object in a page: fragments complete each other, else the newer or later one wins."""
    if first.entity.partial:
        values = {name: value if value is not None else first.values[name] for name, value in second.values.items()}
        faults = {str(fault.column): fault for fault in (*first.faults, *second.faults)}
        return Row(second.entity, second.id, values, tuple(faults[name] for name in faults if values[name] is None))
    order_column = first.entity.updated
    if order_column and _is_older(second.values[order_column], first.values[order_column]):
        return first
    return second


def _is_older(first: object, second: object) -> bool:
    """Whether the first of two times is the earlier one; a row without its time is judged by its place."""
    return first is not None and second is not None and first < second  # type: ignore[operator]  # both are datetimes by declaration
