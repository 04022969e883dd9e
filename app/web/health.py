"""Whether this process lives, whether it can serve, and its metrics; for the private port or the operator's proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST
from redis.exceptions import RedisError

from app.errors import Unavailable
from app.web import metrics
from app.web.guard import Door, trusts

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.runtime import Runtime


def blueprints(runtime: Runtime) -> list[Blueprint]:
    """Public routes without a word about anybody."""
    routes = Blueprint("health", __name__)
    trusts(routes, Door.PUBLIC, runtime)

    @routes.get("/livez")
    def livez() -> Response:
        return jsonify(status="ok")

    @routes.get("/readyz")
    def readyz() -> tuple[Response, int]:
        found = {"database": _answers(runtime.store.ping), "redis": _answers(runtime.redis.ping)}
        is_ready = all(found.values())
        words = {name: "ok" if ok else "does not answer" for name, ok in found.items()}
        return jsonify(status="ok" if is_ready else "unavailable", **words), 200 if is_ready else 503

    @routes.get("/metrics")
    def prometheus() -> Response:
        return Response(metrics.render(runtime), content_type=CONTENT_TYPE_LATEST)

    return [routes]


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except (Unavailable, RedisError):
        return False
    return True
