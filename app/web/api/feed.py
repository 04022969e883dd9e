"""The change feed as HTTP: newline-delimited JSON, the cursor in the last line and in `X-Next-Cursor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import orjson
from flask import Response
from pydantic import BaseModel, Field, StringConstraints

from app.handoff import feed
from app.web.api.integrations import callers_integration
from app.web.api.shapes import IntegrationPath, problems

if TYPE_CHECKING:
    from flask_openapi3 import APIBlueprint

    from app.runtime import Runtime

NDJSON = "application/x-ndjson"


class ChangesQuery(BaseModel):
    """The cursor to go on from and the entities to take."""

    # Plain digits, since it goes back in a header even where there is nothing to look it up in.
    cursor: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,19}$")] | None = Field(
        None, description="The last answer's; absent: from the beginning"
    )
    limit: int = Field(1000, ge=1, le=feed.MAX_CHANGES)
    entity: list[Annotated[str, StringConstraints(max_length=64)]] = Field(
        default_factory=list, max_length=50, description="Only these; repeat the parameter"
    )


class Change(BaseModel):
    """A line of the feed: one row's newest version, or its deletion. The last line holds only `next_cursor`."""

    entity: str
    id: str = Field(description="Jira's own id")
    op: str = Field(description="upsert or delete")
    version: int = Field(description="Grows with every change of the row")
    data: dict[str, object]


def add(routes: APIBlueprint, runtime: Runtime) -> None:
    """The one call."""

    @routes.get(
        "/integrations/<integration_id>/changes",
        summary="Changes after a cursor, oldest first",
        responses={
            200: {"content": {NDJSON: {"schema": Change.model_json_schema()}}},
            **problems(400, 401, 404, 429, 503),
        },
    )
    def changes(path: IntegrationPath, query: ChangesQuery) -> Response:
        integration = callers_integration(runtime, path.integration_id)
        if integration.tenant_id is None:
            return _ndjson([], query.cursor or "0", has_more=False)
        with runtime.store.bound_to(integration.tenant_id) as session:
            batch = feed.changes(session, cursor=query.cursor, limit=query.limit, entity_names=query.entity)
        return _ndjson(batch.lines, batch.next_cursor, has_more=batch.has_more)


def _ndjson(lines: list[dict[str, object]], next_cursor: str, *, has_more: bool) -> Response:
    last = {"next_cursor": next_cursor, "has_more": has_more}
    body = b"\n".join(orjson.dumps(line) for line in (*lines, last)) + b"\n"
    answer = Response(body, mimetype=NDJSON)
    answer.headers["X-Next-Cursor"] = next_cursor
    return answer
