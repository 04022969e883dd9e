"""Finds the site's own fields behind story points, sprint, epic and others, by schema and untranslated name.

A field's displayed name is translated to the language of the app's account, and admins give one name to several fields.
`RULES` is the order in which fields of one kind count; within one rule the lower number comes first, since it is older.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_JIRA = "com.atlassian.jira.plugin.system.customfieldtypes"
_GREENHOPPER = "com.pyxis.greenhopper.jira"
_CUSTOM = "customfield_"


@dataclass(frozen=True)
class SiteField:
    """One field of the site's list."""

    id: str
    name: str | None
    """As displayed to the app's account."""
    untranslated_name: str | None
    schema_type: str | None
    schema_custom: str | None
    scope_project_id: str | None = None
    """The team-managed project with a field of its own."""

    @property
    def names(self) -> set[str]:
        """Its names in lower case."""
        return {name.strip().lower() for name in (self.name, self.untranslated_name) if name}

    @property
    def own_name(self) -> str:
        """The name that no translation changes, in lower case; the displayed one where Jira sends no other."""
        return (self.untranslated_name or self.name or "").strip().lower()

    @property
    def number(self) -> tuple[int, str]:
        """Sort key: the number of a custom field, then the id."""
        digits = self.id.removeprefix(_CUSTOM)
        return (int(digits) if digits.isascii() and digits.isdigit() else 0, self.id)


@dataclass(frozen=True)
class _Rule:
    """Fields of one kind: by the schema's custom type, the value's type and the untranslated name; None: any."""

    custom: str | None = None
    value: str | None = None
    names: frozenset[str] | None = None

    def fits(self, field: SiteField) -> bool:
        if not field.id.startswith(_CUSTOM):
            return False
        return (
            self.custom in (None, field.schema_custom)
            and self.value in (None, field.schema_type)
            and (self.names is None or field.own_name in self.names)
        )


class Meaning(StrEnum):
    """The kinds of fields, named as in the settings and in the field policy."""

    STORY_POINTS = "story_points"
    SPRINT = "sprint"
    EPIC = "epic"
    START_DATE = "start_date"
    DUE_DATE = "due_date"
    TEAM = "team"
    FLAGGED = "flagged"


HIDING = frozenset({Meaning.DUE_DATE, Meaning.EPIC})
"""Kinds of fields in front of a value of Jira's own, which isn't stored beside them."""
_POINT_NAMES = frozenset({"story points", "story point estimate"})
RULES: Mapping[Meaning, tuple[_Rule, ...]] = MappingProxyType(
    {
        Meaning.STORY_POINTS: (
            _Rule(custom=f"{_GREENHOPPER}:jsw-story-points"),
            _Rule(value="number", names=_POINT_NAMES),
            _Rule(value="option", names=_POINT_NAMES),
        ),
        Meaning.SPRINT: (_Rule(custom=f"{_GREENHOPPER}:gh-sprint"),),
        Meaning.EPIC: (_Rule(custom=f"{_GREENHOPPER}:gh-epic-link"),),
        Meaning.START_DATE: (_Rule(custom=f"{_JIRA}:datepicker", names=frozenset({"start date"})),),
        Meaning.DUE_DATE: (),
        Meaning.TEAM: (
            _Rule(custom=f"{_JIRA}:atlassian-team"),
            _Rule(custom="com.atlassian.teams:rm-teams-custom-field-team"),
        ),
        Meaning.FLAGGED: (_Rule(custom=f"{_JIRA}:multicheckboxes", names=frozenset({"flagged"})),),
    }
)


@dataclass(frozen=True)
class Mapped:
    """The fields of one kind on one site."""

    meaning: Meaning
    fields: tuple[str, ...] = ()
    """Ids in the order in which they count."""
    is_chosen: bool = False
    """By the settings, not by the rules."""
    gone_ids: tuple[str, ...] = ()
    """Ids in the settings that the site doesn't have any more."""
    excluded_ids: tuple[str, ...] = ()
    """Ids of fitting or chosen fields that are excluded."""
    is_ambiguous: bool = False
    """Several fields fit that may hold values in the same issue, and the settings name none."""


def map_fields(
    fields: Sequence[SiteField], chosen: Mapping[Meaning, Sequence[str]], excluded_ids: Iterable[str] = ()
) -> dict[Meaning, Mapped]:
    """The site's fields by kind; `chosen` are those of the settings, excluded ones are left out.

    A chosen field that the site doesn't have is none; system fields aren't looked up, since lists leave some of them out.
    Without any field the list isn't read yet, and chosen fields count as they are.
    """
    ids, hidden_ids = {field.id for field in fields}, set(excluded_ids)
    mapping = {}
    for meaning in Meaning:
        names = chosen.get(meaning, ())
        gone_ids = tuple(name for name in names if fields and name.startswith(_CUSTOM) and name not in ids)
        own_ids = tuple(name for name in names if name not in gone_ids and name not in hidden_ids)
        fitting_fields = [] if own_ids else _fitting(fields, meaning)
        candidates = [field for field in fitting_fields if field.id not in hidden_ids]
        mapping[meaning] = Mapped(
            meaning,
            own_ids or tuple(field.id for field in candidates),
            is_chosen=bool(own_ids),
            gone_ids=gone_ids,
            excluded_ids=tuple(sorted(hidden_ids & {*names, *(field.id for field in fitting_fields)})),
            is_ambiguous=_is_ambiguous(candidates),
        )
    return mapping


def _fitting(fields: Sequence[SiteField], meaning: Meaning) -> list[SiteField]:
    """The fields that fit a kind's rules, each once, in the documented order."""
    fields_by_age = sorted(fields, key=lambda field: field.number)
    fields_by_id = {field.id: field for rule in RULES[meaning] for field in fields_by_age if rule.fits(field)}
    return list(fields_by_id.values())


def _is_ambiguous(candidates: Sequence[SiteField]) -> bool:
    """Whether one issue may hold values in several: fields of different projects never meet."""
    scopes = [field.scope_project_id for field in candidates]
    return len(scopes) > 1 and (None in scopes or len(set(scopes)) < len(scopes))
