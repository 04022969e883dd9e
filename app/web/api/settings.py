"""Settings before they are stored: the work of a change, and the site's answer to a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

from flask import Response  # noqa: TC002 - flask-openapi3 evaluates annotations
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app import actions
from app.integrations.settings import IntegrationSettings, storable
from app.web.api.integrations import callers_integration
from app.web.api.shapes import ConditionCode, IntegrationPath, as_json, coded, problems

if TYPE_CHECKING:
    from flask_openapi3 import APIBlueprint

    from app.runtime import Runtime

_PROBLEMS = problems(400, 401, 404, 409, 429, 503)


class NewSettings(IntegrationSettings):
    """Settings as they would be stored; also accepted in a member `settings`, as the call that stores them has them."""

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, body: Any) -> Any:  # noqa: ANN401 - JSON
        is_wrapped = isinstance(body, dict) and {*body} == {"settings"} and isinstance(body["settings"], dict)
        return body["settings"] if is_wrapped else body


class ShownChangePlan(BaseModel):
    """The work of changed settings; all zero where nothing is read and nothing leaves."""

    re_read: int = Field(description="Stored issues that are read again")
    leave: int = Field(description="Stored issues that are out of scope then")
    backfill: int = Field(description="Issues that come")
    requests: int = Field(description="Requests to the site")
    lists: int = Field(description="Of the requests, an estimate for long lists of issues that come")
    points: int = Field(description="Points of the app's hourly quota; 0 where the method has none")
    seconds: int = Field(description="Time at the site's present pace")


class Query(BaseModel):
    """A query to check."""

    model_config = ConfigDict(extra="forbid")

    jql: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), AfterValidator(storable)
    ]


class ShownQueryCheck(BaseModel):
    """The site's answer to a query."""

    ok: bool
    matches: int | None = Field(description="Issues that fit; null where the site doesn't count")
    left_out: int | None = Field(description="Issues in sight that don't")
    sample: list[str] = Field(description="Keys of the newest issues that fit")
    problem: str | None
    problem_code: ConditionCode | None = None

    @classmethod
    def of(cls, check: actions.JqlCheck) -> Self:
        """The shape of a check."""
        fields = {name: getattr(check, name) for name in ("ok", "matches", "left_out")}
        return cls(**fields, sample=[*check.sample], **coded("problem", check.problem))


def add(routes: APIBlueprint, runtime: Runtime) -> None:
    """The calls; neither changes anything."""

    @routes.post(
        "/integrations/<integration_id>/settings/preview",
        summary="The work that other settings would make",
        description="Counts what a change would read again, remove and add. Jira is asked for counts alone.",
        responses={200: ShownChangePlan, **_PROBLEMS},
    )
    def preview(path: IntegrationPath, body: NewSettings) -> Response:
        integration = callers_integration(runtime, path.integration_id)
        actions.check_hygiene(runtime.store, integration, body)
        plan = actions.preview_settings(runtime.store, runtime.sites, integration, body)
        return as_json(ShownChangePlan(**vars(plan)))

    @routes.post(
        "/integrations/<integration_id>/settings/jql",
        summary="Validate a query at the site",
        responses={200: ShownQueryCheck, **_PROBLEMS},
    )
    def validate_query(path: IntegrationPath, body: Query) -> Response:
        integration = callers_integration(runtime, path.integration_id)
        return as_json(ShownQueryCheck.of(actions.validate_jql(runtime.store, runtime.sites, integration, body.jql)))
