"""Column constructors: a kind and a path make a column of an entity."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.catalog.json_value import Json, absent, ids_of, named_account
from app.catalog.language import Column, Item, Kind
from app.catalog.rich_text import plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def reading(path: str) -> Callable[[Item], Json]:
    """A function for reading the value at a dotted path, None where any step is missing.

    The function raises NotAnObjectError for a step into anything but an object.
    """
    first, *steps = path.split(".")

    def take_first(item: Item) -> Json:
        return item.body.get(first)

    def take(item: Item) -> Json:
        value = item.body.get(first)
        for step in steps:
            if not isinstance(value, dict):
                return absent(value)
            value = value.get(step)
        return value

    return take if steps else take_first


def text(name: str, at: str) -> Column:
    """A column of text at a path."""
    return Column(name, Kind.TEXT, reading(at))


def texts(name: str, at: str) -> Column:
    """A column of several strings at a path."""
    return Column(name, Kind.TEXTS, reading(at))


def integer(name: str, at: str) -> Column:
    """A column of whole numbers at a path."""
    return Column(name, Kind.INTEGER, reading(at))


def number(name: str, at: str) -> Column:
    """A column of numbers at a path; Jira sometimes sends them as strings."""
    return Column(name, Kind.NUMBER, reading(at))


def boolean(name: str, at: str) -> Column:
    """A column of truth values at a path."""
    return Column(name, Kind.BOOLEAN, reading(at))


def moment(name: str, at: str) -> Column:
    """A column of points in time at a path: ISO with any offset, epoch seconds or milliseconds."""
    return Column(name, Kind.MOMENT, reading(at))


def date(name: str, at: str) -> Column:
    """A column of calendar days at a path."""
    return Column(name, Kind.DATE, reading(at))


def document(name: str, at: str) -> Column:
    """A column of Jira's JSON at a path, unchanged."""
    return Column(name, Kind.JSON, reading(at))


def carried_at(path: str) -> Callable[[Item], list[Json]]:
    """A function for reading the object or the objects at a path."""
    take = reading(path)

    def take_objects(item: Item) -> list[Json]:
        value = take(item)
        return value if isinstance(value, list) else [value]

    return take_objects


def reference(name: str, target: str, at: str) -> Column:
    """A column of the id of the object at a path, a row of the entity `target`."""
    return Column(name, Kind.TEXT, reading(f"{at}.id"), target=target, carried=carried_at(at))


def bare_reference(name: str, target: str, at: str) -> Column:
    """A column of an id that Jira sends without its object."""
    take = reading(at)
    return Column(name, Kind.TEXT, take, target=target, carried=lambda item: [{"id": take(item)}])


def ids(name: str, target: str, at: str) -> Column:
    """A column of the ids of the objects in the list at a path, rows of the entity `target`."""
    take = reading(at)
    return Column(name, Kind.TEXTS, lambda item: ids_of(take(item)), target=target, carried=carried_at(at))


def account(name: str, at: str) -> Column:
    """A column of the account id of the user at a path. Users declare the places of their own objects."""
    take = reading(at)
    return Column(name, Kind.TEXT, lambda item: named_account(take(item)), target="user")


def parent(name: str, otherwise: str = "") -> Column:
    """A column of the parent's id: of the enclosing object or, for an object on its own, at a path of the body."""
    take = reading(otherwise)
    return Column(name, Kind.TEXT, lambda item: item.parent_id or take(item), target=name.removesuffix("_id"))


def rich_text(name: str, at: str) -> tuple[Column, Column, Column]:
    """Three columns for a rich text: Jira's document, its plain words, and their length in characters."""
    take = reading(at)

    def words(item: Item) -> str | None:
        value = take(item)
        if value is not item.words[0]:
            item.words = (value, plain_text(value))
        return item.words[1]

    return (
        Column(name, Kind.JSON, take),
        Column(f"{name}_text", Kind.TEXT, words),
        Column(f"{name}_length", Kind.INTEGER, lambda item: len(words(item) or "")),
    )


def unless_excluded(field: str, *columns: Column, condition: tuple[Column, str] | None = None) -> Iterator[Column]:
    """The columns, empty if the SEI admin excludes the field; with `condition`, in rows with that value in that column."""

    def taking(take: Callable[[Item], Json]) -> Callable[[Item], Json]:
        def take_unless_excluded(item: Item) -> Json:
            if item.policy.may_keep(field) or (condition is not None and condition[0].take(item) != condition[1]):
                return take(item)
            return None

        return take_unless_excluded

    name_and_value = None if condition is None else (condition[0].name, condition[1])
    for column in columns:
        yield replace(column, take=taking(column.take), excluded_with=field, excluded_where=name_and_value)
