"""The API's shapes: every request is parsed here and nowhere else, every answer is as the document says."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Self
from uuid import UUID

from flask import Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app import clock
from app.actions import Changes
from app.conditions import Code, Condition
from app.integrations.ledger import Draft
from app.integrations.model import Integration, State
from app.integrations.settings import IntegrationSettings, storable
from app.sources import Method, Product
from app.web.api.credentials import ShownCredential, TokenCredentials
from app.web.words.sentences import english, remedy

if TYPE_CHECKING:
    from app.integrations.checks import Check

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(storable)]
Description = Annotated[str, StringConstraints(max_length=2000), AfterValidator(storable)]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60), AfterValidator(storable)]
ConditionCode = Annotated[Code, Field(description="The condition behind the English sentence beside it")]
Search = Annotated[str, StringConstraints(max_length=200), AfterValidator(storable)]


def coded(name: str, condition: Condition | None) -> dict[str, str | None]:
    """A field with a condition's sentence, and `<field>_code` beside it."""
    if condition is None:
        return {name: None, f"{name}_code": None}
    return {name: english(condition), f"{name}_code": condition.code}


def plain(record: object) -> dict[str, Any]:
    """The fields of a record as JSON has them; a condition becomes its sentence and its code."""
    fields: dict[str, Any] = {}
    for name, value in vars(record).items():
        fields |= coded(name, value) if isinstance(value, Condition) else {name: shown(value)}
    return fields


def shown(value: object) -> object:
    """A value as JSON has it."""
    return clock.rfc3339(value) if isinstance(value, datetime) else value


def as_json(shape: BaseModel, status: int = 200) -> Response:
    """The answer with a shape's JSON."""
    return Response(shape.model_dump_json(by_alias=True), status, mimetype="application/json")


Short = Annotated[str, StringConstraints(max_length=64, pattern=r"^[a-z_]*$")]


class IntegrationPath(BaseModel):
    """The address of an integration."""

    integration_id: UUID


class CreateIntegration(BaseModel):
    """A new integration."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(description="Display name")
    description: Description = ""
    tags: list[Tag] = Field(default_factory=list, max_length=50)
    product: Product
    method: Method
    settings: IntegrationSettings = Field(default_factory=IntegrationSettings)
    credentials: TokenCredentials | None = Field(None, description="With method api_token")
    unchecked: bool = Field(default=False, strict=True, description="Store it even if a required check fails")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """Each method has its product and its credentials."""
        if self.method not in {Method.CONNECT_APP, Method.API_TOKEN}:
            raise ValueError("only methods connect_app and api_token are offered")
        if self.product is not Product.CLOUD:
            raise ValueError(f"method {self.method} needs product jira_cloud")
        if (self.credentials is None) == (self.method is Method.API_TOKEN):
            raise ValueError("credentials belong to method api_token, which needs them")
        return self

    def draft(self) -> Draft:
        """The ledger's form of it."""
        settings = self.settings.model_dump(mode="json")
        return Draft(self.name, self.description, self.tags, self.product, self.method, settings)


class ChangeIntegration(BaseModel):
    """Changes of an integration; absent fields stay."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    description: Description | None = None
    tags: list[Tag] | None = Field(None, max_length=50)
    settings: IntegrationSettings | None = None

    def changes(self) -> Changes:
        """The action's form of them."""
        return Changes(self.name, self.description, self.tags, self.settings)


class SyncIntegration(BaseModel):
    """Amount to read; without a body, the latest changes."""

    # flask-openapi3 reads `openapi_extra`: a call without a body is a plain sync.
    model_config = ConfigDict(extra="forbid", openapi_extra={"required": False})  # type: ignore[typeddict-unknown-key]  # see above

    full: bool = Field(default=False, strict=True, description="Walk the whole site again, not only what changed")

    @model_validator(mode="before")
    @classmethod
    def _of_nothing(cls, body: object) -> object:
        return {} if body is None else body


class ListQuery(BaseModel):
    """The page and the search of a list."""

    page: int = Field(1, ge=1, le=100_000)
    page_size: int = Field(50, ge=1, le=200)
    search: Search | None = Field(None, description="Part of the name, or a tag")


class ShownIntegration(BaseModel):
    """An integration as SEI sees it; times in RFC 3339, UTC."""

    id: UUID
    name: str
    description: str
    tags: list[str]
    product: Product
    method: Method
    settings: IntegrationSettings
    state: State
    state_reason: str | None
    state_reason_code: ConditionCode | None = None
    site_url: str | None = Field(description="The paired Jira site")
    credential: ShownCredential | None = Field(description="Of method api_token")
    paired_at: str | None
    paired_by: str | None = Field(description="Atlassian account id of the Jira admin who pasted the key")
    last_ingested_at: str | None
    verified_at: str | None = Field(description="When everything was last verified complete")
    created_at: str

    @classmethod
    def of(cls, integration: Integration, site_url: str | None, token: dict[str, Any] | None = None) -> Self:
        """The shape of one integration."""
        computed_names = {"site_url", "credential", "state_reason", "state_reason_code"}
        values: dict[str, Any] = {
            name: getattr(integration, name) for name in cls.model_fields if name not in computed_names
        }
        for name in ("paired_at", "last_ingested_at", "verified_at", "created_at"):
            values[name] = clock.rfc3339(values[name]) if values[name] else None
        credential = ShownCredential.of(token) if token else None
        return cls(
            **values, **coded("state_reason", integration.state_reason), site_url=site_url, credential=credential
        )


class Metadata(BaseModel):
    """The position of a page, in the form of SEI's own API."""

    page: int
    page_size: int
    has_next: bool
    total_count: int


class Integrations(BaseModel):
    """A page of integrations."""

    model_config = ConfigDict(populate_by_name=True)

    records: list[ShownIntegration]
    metadata: Metadata = Field(alias="_metadata")


class OneTimePassword(BaseModel):
    """A one-time password; no later call returns it."""

    otp: str
    expires_at: str
    expires_in: int = Field(description="Seconds")


class ShownCheck(BaseModel):
    """One check of the pre-flight."""

    name: str
    ok: bool
    is_required: bool = Field(description="Whether `ok` of the whole needs this one")
    detail: str
    detail_code: ConditionCode
    remedy: str = Field(description="The next step of an admin; empty where there is nothing to do")

    @classmethod
    def of(cls, check: Check) -> Self:
        """The shape of one check."""
        return cls(
            name=check.name,
            ok=check.ok,
            is_required=check.is_required,
            remedy="" if check.ok else remedy(check.condition),
            **coded("detail", check.condition),
        )


class EntityProgress(BaseModel):
    """Progress of one entity."""

    entity: str
    done: int
    expected: int | None = Field(description="The site's own count; null where it has none")
    verified_at: str | None


class ParkedRecord(BaseModel):
    """A record or a value of Jira's that could not be read or stored, unlike everything around it."""

    entity: str
    row_entity: str | None = Field(description="Entity of the object that has the fault; null: not known")
    row_id: str | None = Field(description="Id of that object: the entry ends when it is read without the fault")
    column: str | None = Field(description="The column that is null for it; null: a whole record is missing")
    reason: str
    reason_code: ConditionCode
    digest: str = Field(description="SHA-256 of the record or value, hexadecimal")
    seen_at: str


class Problem(BaseModel):
    """A part of the site that waits for a reason, or was given up."""

    entity: str
    scope_id: str = Field(description="The project, board or issue; empty: the site")
    state: str = Field(description="waiting, done (in part) or failed")
    problem: str
    problem_code: ConditionCode


class ShownProgress(BaseModel):
    """Progress of an integration."""

    state: State
    state_reason: str | None
    state_reason_code: ConditionCode | None = None
    entities: list[EntityProgress]
    parked: list[ParkedRecord] = Field(description="The newest 100, records before values")
    parked_total: int = Field(description="Records that are missing")
    values_left_out: int = Field(description="Values that are missing in stored records")
    problems: list[Problem] = Field(description="The first 100")
    started_at: str | None
    last_ingested_at: str | None
    verified_at: str | None
    seconds_left: int | None = Field(
        default=None,
        description="Until all issues are stored, at the pace since the reading began; null where nothing is read, less"
        " than a twentieth is stored, or parts of the site are not counted yet",
    )
    points_this_hour: int | None = Field(
        default=None, description="Points of Jira's hourly quota that this site has cost in this UTC hour"
    )
    clock_skew_seconds: int | None = Field(
        default=None,
        description="The site's clock less ours at the last poll, from the `Date` of its answer; null before the first",
    )


class ProblemDocument(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str = Field(description="One English sentence")
    code: str | None = Field(None, description="The condition behind `detail`; absent from 401")
    remedy: str | None = Field(None, description="The next step of the caller, if there is one")
    restart: bool | None = Field(None, description="In 410 of the change feed: true, start without a cursor")
    checks: list[ShownCheck] | None = Field(None, description="In 422: the checks of the connection")
    bad_lines: list[dict[str, Any]] | None = Field(None, description="In 400 of an import of people: the bad lines")


PROBLEM_JSON = "application/problem+json"


def problems(*statuses: int) -> dict[str | int, type[BaseModel] | dict[Any, Any] | None]:
    """The errors of a call, as the document says them."""
    content = {PROBLEM_JSON: {"schema": ProblemDocument.model_json_schema()}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}
