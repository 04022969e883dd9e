"""The site's own fields behind story points, sprint, epic and others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response
from pydantic import BaseModel, Field

from app.catalog.site_mapping import Meaning
from app.ingest import status
from app.integrations import ledger
from app.web.api.integrations import callers_integration
from app.web.api.shapes import ConditionCode, IntegrationPath, coded, problems

if TYPE_CHECKING:
    from flask_openapi3 import APIBlueprint

    from app.integrations.model import Integration
    from app.runtime import Runtime


class NamedField(BaseModel):
    """A field of the site."""

    id: str
    name: str = Field(description="As displayed to the app's account")


class FieldUse(BaseModel):
    """The fields behind one kind, in the order in which they count."""

    kind: Meaning = Field(description="As in `settings.field_mapping`")
    fields: list[NamedField]
    is_chosen: bool = Field(description="By the settings, not by schema and untranslated name")
    finding: str | None = Field(description="A doubt that the settings can settle")
    finding_code: ConditionCode | None = None


class FieldUses(BaseModel):
    """Every kind; none before the site's fields are read."""

    records: list[FieldUse]


def add(routes: APIBlueprint, runtime: Runtime) -> None:
    """The one call."""

    @routes.get(
        "/integrations/<integration_id>/fields",
        summary="Which of the site's fields hold story points, sprints, the epic and others",
        responses={200: FieldUses, **problems(400, 401, 404, 409, 429, 503)},
    )
    def fields(path: IntegrationPath) -> Response:
        shape = uses_of(runtime, callers_integration(runtime, path.integration_id))
        return Response(shape.model_dump_json(), mimetype="application/json")


def uses_of(runtime: Runtime, integration: Integration) -> FieldUses:
    """The fields of an integration by kind."""
    uses: list[status.FieldUse] = []
    if integration.tenant_id is not None:
        with ledger.site_session(runtime.store, integration) as session:
            uses = status.field_uses(session, integration)
    return FieldUses(
        records=[
            FieldUse(
                kind=use.meaning,
                fields=[NamedField(id=field_id, name=name) for field_id, name in use.fields.items()],
                is_chosen=use.is_chosen,
                **coded("finding", use.doubt),
            )
            for use in uses
        ]
    )
