"""Choices for the settings: the projects and the fields of an integration's site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response  # noqa: TC002 - flask-openapi3 evaluates annotations
from pydantic import BaseModel, ConfigDict, Field

from app.ingest.status import Search
from app.ingest.status import choices as choices_of
from app.integrations import ledger
from app.web.api.integrations import callers_integration
from app.web.api.shapes import IntegrationPath, ListQuery, Metadata, as_json, problems

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flask_openapi3 import APIBlueprint

    from app.integrations.model import Integration
    from app.runtime import Runtime
    from app.store.session import Session

_PROBLEMS = problems(400, 401, 404, 409, 429, 503)


class ChoiceQuery(ListQuery):
    """The page and the search of a list of choices."""

    search: str | None = Field(
        None, max_length=200, description="Part of a key, a name or an id", pattern=r"^[^\x00]*$"
    )


class ShownProject(BaseModel):
    """A project in sight."""

    id: str
    key: str | None
    name: str | None
    is_archived: bool
    issues: int = Field(description="Stored ones")
    is_chosen: bool = Field(description="By the settings")


class ShownField(BaseModel):
    """A field of the site."""

    id: str
    name: str | None = Field(description="As displayed to the account behind the connection")
    type: str | None
    is_custom: bool
    is_excluded: bool
    kind: str | None = Field(description="The kind in `settings.field_mapping` that it is mapped to")
    holders: int | None = Field(
        description="Issues of the sample with a value; null for Jira's own fields, and excluded ones"
    )
    examples: list[str] = Field(description="Up to three values of the sample, shortened")


class Projects(BaseModel):
    """A page of projects by key; none before a site is paired."""

    model_config = ConfigDict(populate_by_name=True)

    records: list[ShownProject]
    metadata: Metadata = Field(alias="_metadata")


class Fields(BaseModel):
    """A page of fields by name; none before a site is paired."""

    model_config = ConfigDict(populate_by_name=True)

    sample: int = Field(description="The newest so many issues at most are looked at for values")
    records: list[ShownField]
    metadata: Metadata = Field(alias="_metadata")


def add(routes: APIBlueprint, runtime: Runtime) -> None:
    """The two lists."""

    @routes.get(
        "/integrations/<integration_id>/site/projects",
        summary="The site's projects, to choose from",
        responses={200: Projects, **_PROBLEMS},
    )
    def site_projects(path: IntegrationPath, query: ChoiceQuery) -> Response:
        choices, metadata = _page(runtime, path, query, choices_of.projects)
        return as_json(Projects.model_validate({"records": choices, "_metadata": metadata}))

    @routes.get(
        "/integrations/<integration_id>/site/fields",
        summary="The site's fields, to choose from",
        responses={200: Fields, **_PROBLEMS},
    )
    def site_fields(path: IntegrationPath, query: ChoiceQuery) -> Response:
        choices, metadata = _page(runtime, path, query, choices_of.fields)
        return as_json(Fields.model_validate({"sample": choices_of.SAMPLE, "records": choices, "_metadata": metadata}))


def _page(
    runtime: Runtime,
    path: IntegrationPath,
    query: ChoiceQuery,
    read: Callable[[Session, Integration, Search], tuple[Sequence[object], int]],
) -> tuple[list[dict[str, object]], Metadata]:
    integration = callers_integration(runtime, path.integration_id)
    choices: Sequence[object] = ()
    total = 0
    if integration.tenant_id is not None:
        with ledger.site_session(runtime.store, integration) as session:
            choices, total = read(session, integration, Search(query.search or "", query.page, query.page_size))
    has_next = query.page * query.page_size < total
    metadata = Metadata(page=query.page, page_size=query.page_size, has_next=has_next, total_count=total)
    return [vars(choice) for choice in choices], metadata
