"""The change feed as HTTP: newline-delimited JSON, the cursor in the last line and in `X-Next-Cursor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import orjson
from flask import Response
from pydantic import BaseModel, Field, StringConstraints

from app.handoff import feed
from app.handoff.cursor import PATTERN, START, parse
from app.integrations import ledger
from app.web.api.integrations import callers_integration
from app.web.api.shapes import IntegrationPath, problems

if TYPE_CHECKING:
    from flask_openapi3 import APIBlueprint

    from app.runtime import Runtime

NDJSON = "application/x-ndjson"


class ChangesQuery(BaseModel):
    """The cursor to go on from and the entities to take."""

    cursor: Annotated[str, StringConstraints(pattern=PATTERN)] | None = Field(
        None, description="The last answer's; absent: from the beginning"
    )
    limit: int = Field(1000, ge=1, le=feed.MAX_CHANGES)
    entity: list[Annotated[str, StringConstraints(max_length=64)]] = Field(
        default_factory=list, max_length=50, description="Only these; repeat the parameter"
    )


class Change(BaseModel):
    """A line of the feed: one row's newest version, or its deletion. The last line is an `End`."""

    entity: str
    id: str = Field(description="Jira's own id")
    op: str = Field(description="upsert or delete")
    version: int = Field(description="Grows with every change of the row")
    data: dict[str, object]


class End(BaseModel):
    """The last line of an answer."""

    next_cursor: str = Field(description="Opaque, at most 64 characters where no entities are named")
    has_more: bool = Field(description="Whether to call again at once")
    pass_id: str | None = Field(
        serialization_alias="pass",
        description="The same from one start without a cursor to the next; null while no site is paired",
    )
    pass_complete: bool = Field(
        description="Whether this pass has reached the end at least once: rows that it has not brought are gone"
    )


def add(routes: APIBlueprint, runtime: Runtime) -> None:
    """The one call."""

    @routes.get(
        "/integrations/<integration_id>/changes",
        summary="Changes after a cursor, oldest first",
        responses={
            200: {"content": {NDJSON: {"schema": _line_schema()}}},
            **problems(400, 401, 404, 409, 410, 429, 503),
        },
    )
    def changes(path: IntegrationPath, query: ChangesQuery) -> Response:
        integration = callers_integration(runtime, path.integration_id)
        if integration.tenant_id is None:
            parse(query.cursor)
            end = End(next_cursor=query.cursor or START, has_more=False, pass_id=None, pass_complete=False)
            return _ndjson([], end)
        with ledger.site_session(runtime.store, integration) as session:
            batch = feed.changes(
                session, integration.id, cursor=query.cursor, limit=query.limit, entity_names=query.entity
            )
        return _ndjson(batch.lines, _end_of(batch))


def _end_of(batch: feed.Changes) -> End:
    place = batch.cursor
    return End(
        next_cursor=str(place), has_more=batch.has_more, pass_id=place.pass_id, pass_complete=place.is_pass_complete
    )


def _line_schema() -> dict[str, object]:
    return {"anyOf": [Change.model_json_schema(), End.model_json_schema(by_alias=True, mode="serialization")]}


def _ndjson(lines: list[dict[str, object]], end: End) -> Response:
    body = b"\n".join(orjson.dumps(line) for line in (*lines, end.model_dump(by_alias=True))) + b"\n"
    answer = Response(body, mimetype=NDJSON)
    answer.headers["X-Next-Cursor"] = end.next_cursor
    return answer
