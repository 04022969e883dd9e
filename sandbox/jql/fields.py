"""Searchable fields with their operators and values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.world import Issue

EQUALITY = frozenset({"=", "!=", "in", "not in"})
EMPTINESS = frozenset({"is", "is not"})
RANGE = frozenset({">", "<", ">=", "<="})
_CUSTOM = re.compile(r"cf\[(\d+)\]")
_KEY = re.compile(r"^(.*)-(\d+)$")


@dataclass(frozen=True, slots=True)
class Field:
    """A searchable field. `names` returns every spelling of an issue's values in lower case."""

    name: str
    operators: frozenset[str]
    names: Callable[[Issue], tuple[str, ...]]

    def allows(self, operator: str) -> bool:
        """Whether the field supports the operator."""
        return operator in self.operators


def _named(field: str) -> Callable[[Issue], tuple[str, ...]]:
    """Return a reader of an object field: its id and both of its names."""

    def read(issue: Issue) -> tuple[str, ...]:
        value = issue.fields.get(field)
        if not value:
            return ()
        return tuple(str(value[name]).lower() for name in ("id", "name", "untranslatedName") if name in value)

    return read


def _person(field: str) -> Callable[[Issue], tuple[str, ...]]:
    def read(issue: Issue) -> tuple[str, ...]:
        value = issue.fields.get(field)
        return (str(value["accountId"]).lower(),) if value else ()

    return read


def _category(issue: Issue) -> tuple[str, ...]:
    category = issue.fields["status"].get("statusCategory") or {}
    names = {"new": "to do", "indeterminate": "in progress", "done": "done"}
    key = str(category.get("key", ""))
    return (str(category.get("id", "")), key, str(category.get("name", "")).lower(), names.get(key, ""))


def _project(issue: Issue) -> tuple[str, ...]:
    project = issue.fields["project"]
    return (str(project["id"]), project["key"].lower(), str(project.get("name", "")).lower())


_FIELDS = (
    (("project",), EQUALITY | EMPTINESS, _project),
    (
        ("issuekey", "key", "issue", "id"),
        EQUALITY | EMPTINESS | RANGE,
        lambda i: (i.id, i.key.lower(), *map(str.lower, i.former_keys)),
    ),
    (("created", "createddate"), RANGE | EQUALITY | EMPTINESS, lambda _: ()),
    (("updated", "updateddate"), RANGE | EQUALITY | EMPTINESS, lambda _: ()),
    (("status",), EQUALITY | EMPTINESS, _named("status")),
    (("statuscategory",), EQUALITY | EMPTINESS, _category),
    (("issuetype", "type"), EQUALITY | EMPTINESS, _named("issuetype")),
    (("priority",), EQUALITY | EMPTINESS, _named("priority")),
    (("resolution",), EQUALITY | EMPTINESS, _named("resolution")),
    (("assignee",), EQUALITY | EMPTINESS, _person("assignee")),
    (("reporter",), EQUALITY | EMPTINESS, _person("reporter")),
    (("labels",), EQUALITY | EMPTINESS, lambda i: tuple(str(label).lower() for label in i.fields.get("labels") or ())),
)
SEARCHABLE: dict[str, Field] = {
    alias: Field(aliases[0], operators, names) for aliases, operators, names in _FIELDS for alias in aliases
}


def searchable(name: str) -> Field | None:
    """The field of a name in lower case; custom fields are searched by number, such as `cf[10016]`."""
    match = _CUSTOM.fullmatch(name)
    return Field(name, EQUALITY | EMPTINESS, _custom(match.group(1))) if match else SEARCHABLE.get(name)


def _custom(number: str) -> Callable[[Issue], tuple[str, ...]]:
    def read(issue: Issue) -> tuple[str, ...]:
        value = issue.fields.get(f"customfield_{number}")
        return () if value is None or value == [] else (str(value).lower(),)

    return read


SORTABLE: dict[str, str] = {
    **{alias: field.name for alias, field in SEARCHABLE.items() if field.name != "labels"},
    "rank": "rank",
}
DATES = frozenset({"created", "updated"})


def key_order(key: str) -> tuple[str, int]:
    """Return Jira's sort key of issue keys: project, then number."""
    match = _KEY.match(key)
    return (match.group(1), int(match.group(2))) if match else (key, 0)
