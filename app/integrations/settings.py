"""Settings of an integration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


def storable(text: str) -> str:
    """A stranger's text as PostgreSQL can keep it: no U+0000, no lone surrogates. Raises ValueError."""
    if "\x00" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise ValueError("contains characters that cannot be stored")
    return text


FieldId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]


class IntegrationSettings(BaseModel):
    """Settings of one integration; field ids are those of Jira's list of fields, such as `customfield_10016`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    story_point_field: FieldId | None = Field(None, description="Estimate; unset: the site's own Story Points field")
    epic_field: FieldId | None = Field(None, description="Ties an issue to its epic; unset: Epic Link, then the parent")
    custom_fields: list[FieldId] = Field(
        default_factory=list, max_length=200, description="Custom fields to keep; empty: all that have a value"
    )
    excluded_fields: list[Literal["summary", "description", "comment"]] = Field(
        default_factory=list, max_length=3, description="Text that is never stored; its hygiene checks fall away"
    )
