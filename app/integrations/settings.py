"""Settings of an integration."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, time, tzinfo
from functools import cache
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from app import clock
from app.catalog.selection import condition_of
from app.catalog.site_mapping import Meaning
from app.integrations.hygiene import MOST_CRITERIA, Criterion, distinct


def storable(text: str) -> str:
    """A stranger's text as PostgreSQL can keep it: no U+0000, no lone surrogates. Raises ValueError."""
    if "\x00" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise ValueError("contains characters that cannot be stored")
    return text


@cache
def time_zones() -> frozenset[str]:
    """Names of all time zones, read once: the list is a walk through hundreds of files."""
    return frozenset(zoneinfo.available_timezones())


def _known_time_zone(name: str) -> str:
    if name not in time_zones():
        raise ValueError("is no time zone of the IANA database, such as Europe/Berlin")
    return name


def _joinable(jql: str) -> str:
    condition_of(jql)
    return jql


ProjectName = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^([0-9]{1,18}|[A-Za-z][A-Za-z0-9_]{0,254})$")
]
FieldId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
CustomFieldId = Annotated[str, StringConstraints(pattern=r"^customfield_[0-9]{1,18}$")]
ExcludedField = Literal["summary", "description", "comment", "worklog_comment"] | CustomFieldId


_FIRST_DAY, _LAST_DAY = date(1990, 1, 1), date(2999, 12, 31)


class SiteFields(BaseModel):
    """The site's own fields by kind; an absent kind is found by schema and untranslated name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    story_points: list[FieldId] = Field(
        default_factory=list, max_length=50, description="Estimates: each issue has the first that holds a number"
    )
    sprint: list[FieldId] = Field(
        default_factory=list, max_length=50, description="Sprints: each issue has the first that holds any"
    )
    epic: FieldId | None = Field(None, description="Ties an issue to its epic, before the parent")
    start_date: FieldId | None = None
    due_date: FieldId | None = Field(None, description="Before Jira's own due date")
    team: FieldId | None = None
    flagged: FieldId | None = Field(None, description="A field of choices: any ticked one flags the issue")


class IntegrationSettings(BaseModel):
    """Settings of one integration; field ids are those of Jira's list of fields, such as `customfield_10016`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    time_zone: Annotated[str, AfterValidator(_known_time_zone)] | None = Field(
        None, max_length=64, description="IANA name: days in reports and criteria begin there; unset: UTC"
    )
    projects: list[ProjectName] = Field(
        default_factory=list, max_length=2000, description="Ids or keys of the projects to take; empty: all in sight"
    )
    jql: Annotated[
        str, StringConstraints(strip_whitespace=True), AfterValidator(storable), AfterValidator(_joinable)
    ] = Field("", max_length=2000, description="A condition that issues must fit as well; an order in it has no effect")
    backfill_from: Annotated[date, Field(ge=_FIRST_DAY, le=_LAST_DAY)] | None = Field(
        None, description="Issues last changed before this day stay out, until they change"
    )
    story_point_field: FieldId | None = Field(None, description="The one estimate; unset: as `field_mapping` says")
    epic_field: FieldId | None = Field(
        None, description="Ties an issue to its epic; unset: as `field_mapping` says, then Epic Link, then the parent"
    )
    field_mapping: SiteFields = Field(default_factory=SiteFields)
    custom_fields: list[FieldId] = Field(
        default_factory=list, max_length=200, description="Custom fields to keep; empty: all that have a value"
    )
    excluded_fields: list[ExcludedField] = Field(
        default_factory=list,
        max_length=200,
        description="Text that is neither requested nor stored, and removed where it was stored; its hygiene checks fall"
        " away",
    )
    hygiene: Annotated[list[Criterion], AfterValidator(distinct)] = Field(
        default_factory=list,
        max_length=MOST_CRITERIA,
        description="Conditions on open issues, evaluated over the stored rows; a change reads nothing again",
    )

    @field_validator("excluded_fields", "projects")
    @classmethod
    def _once(cls, fields: list[str]) -> list[str]:
        if len({*fields}) < len(fields):
            raise ValueError("names one twice")
        return fields

    @model_validator(mode="after")
    def _is_one_mapping(self) -> Self:
        """Two settings for one kind must not differ."""
        for name, fields in (
            ("story_point_field", self.field_mapping.story_points),
            ("epic_field", [self.field_mapping.epic] if self.field_mapping.epic else []),
        ):
            value = getattr(self, name)
            if value is not None and fields and fields != [value]:
                raise ValueError(f"{name} and field_mapping name different fields")
        return self

    def differs(self, other: Self) -> bool:
        """Whether another reading follows from the other settings; order and short forms make no difference."""
        return self._meaning() != other._meaning()

    def selects_otherwise(self, other: Self) -> bool:
        """Whether the other settings take other issues."""
        return self._selection() != other._selection()

    def queries_otherwise(self, other: Self) -> bool:
        """Whether the other settings take other issues within one project."""
        return self._query() != other._query()

    def _selection(self) -> tuple[object, ...]:
        return {*self.projects}, self._query()

    def _query(self) -> tuple[object, ...]:
        return condition_of(self.jql), self.updated_from

    @property
    def updated_from(self) -> datetime | None:
        """The beginning of the first day to read."""
        return self.day_begin(self.backfill_from) if self.backfill_from else None

    @property
    def zone(self) -> tzinfo:
        """The time zone; days begin there."""
        return zoneinfo.ZoneInfo(self.time_zone) if self.time_zone else UTC

    @property
    def today(self) -> date:
        """The present day."""
        return clock.now().astimezone(self.zone).date()

    def day_begin(self, day: date) -> datetime:
        """The beginning of a day."""
        return datetime.combine(day, time(), self.zone)

    @property
    def fields_digest(self) -> str:
        """A text that is equal for settings with the same reading of fields."""
        mapping = {meaning.value: fields for meaning, fields in sorted(self.mapping().items())}
        return f"{mapping} {sorted(self.custom_fields)}"

    def _meaning(self) -> tuple[object, ...]:
        return self.mapping(), {*self.custom_fields}, {*self.excluded_fields}

    def mapping(self) -> dict[Meaning, list[str]]:
        """The chosen fields by kind."""
        fields_by_name = {**self.field_mapping.model_dump(), **self._short_forms()}
        return {
            Meaning(name): [fields] if isinstance(fields, str) else list(fields)
            for name, fields in fields_by_name.items()
            if fields
        }

    def _short_forms(self) -> dict[str, str]:
        short_forms = {Meaning.STORY_POINTS.value: self.story_point_field, Meaning.EPIC.value: self.epic_field}
        return {name: field for name, field in short_forms.items() if field}
