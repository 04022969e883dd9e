"""Settings of an integration."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from app.catalog.site_mapping import Meaning
from app.integrations.hygiene import MOST_CRITERIA, Criterion, distinct


def storable(text: str) -> str:
    """A stranger's text as PostgreSQL can keep it: no U+0000, no lone surrogates. Raises ValueError."""
    if "\x00" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise ValueError("contains characters that cannot be stored")
    return text


FieldId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
CustomFieldId = Annotated[str, StringConstraints(pattern=r"^customfield_[0-9]{1,18}$")]
ExcludedField = Literal["summary", "description", "comment", "worklog_comment"] | CustomFieldId


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

    @field_validator("excluded_fields")
    @classmethod
    def _once(cls, fields: list[ExcludedField]) -> list[ExcludedField]:
        if len({*fields}) < len(fields):
            raise ValueError("names a field twice")
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
