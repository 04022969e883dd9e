"""Liveness, readiness and metrics, for the private port or the operator's proxy."""

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
    """Public routes without data of any tenant."""
    routes = Blueprint("health", __name__)
    trusts(routes, Door.PUBLIC, runtime)

    @routes.get("/livez")
    def livez() -> Response:
        return jsonify(status="ok")

    @routes.get("/readyz")
    def readyz() -> tuple[Response, int]:
        answers = {"database": _is_answering(runtime.store.ping), "redis": _is_answering(runtime.redis.ping)}
        is_ready = all(answers.values())
        statuses = {name: "ok" if ok else "does not answer" for name, ok in answers.items()}
        return jsonify(status="ok" if is_ready else "unavailable", **statuses), 200 if is_ready else 503

    @routes.get("/metrics")
    def prometheus() -> Response:
        return Response(metrics.render(runtime), content_type=CONTENT_TYPE_LATEST)

    return [routes]


def _is_answering(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except (Unavailable, RedisError):
        return False
    return True
