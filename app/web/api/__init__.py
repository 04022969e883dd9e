"""SEI's API: integrations, their keys and checks, progress, the change feed. The reference is generated from this code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify
from flask_openapi3 import APIBlueprint, OpenAPI

from app.web.api import choices, completeness, connecting, feed, fields, hygiene, integrations, people, record, settings
from app.web.guard import Door, trusts

if TYPE_CHECKING:
    from app.runtime import Runtime

SECURITY: list[dict[str, list[str]]] = [{"api_key": []}]


def register(app: OpenAPI, runtime: Runtime) -> None:
    """Put the API and its document into the app."""
    routes = APIBlueprint("api", __name__, url_prefix="/api/v1", abp_security=SECURITY)
    trusts(routes, Door.SEI_KEY, runtime)
    connecting.add(routes, runtime)
    integrations.add(routes, runtime)
    feed.add(routes, runtime)
    completeness.add(routes, runtime)
    record.add(routes, runtime)
    fields.add(routes, runtime)
    settings.add(routes, runtime)
    choices.add(routes, runtime)
    hygiene.add(routes, runtime)
    people.add(routes, runtime)
    app.register_api(routes)

    reference = Blueprint("api_reference", __name__, url_prefix="/api/v1")
    trusts(reference, Door.PUBLIC, runtime)

    @reference.get("/openapi.json")
    def openapi() -> Response:
        return jsonify({**app.api_doc, "servers": [{"url": runtime.settings.base_url}]})

    app.register_blueprint(reference)
