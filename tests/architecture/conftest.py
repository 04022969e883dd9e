"""The whole web application on unreachable servers: every attempt to connect fails the test."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, NoReturn

import pytest

from app import runtime
from app.web import create_app

if TYPE_CHECKING:
    from flask_openapi3 import OpenAPI

    from app.config import Settings


@pytest.fixture(autouse=True)
def _nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("somebody tried to connect")

    for way in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, way, refuse)


@pytest.fixture
def app(settings: Settings) -> OpenAPI:
    parts = runtime.assemble(
        settings, database_url="postgresql://nobody@127.0.0.1:1/x", redis_url="redis://127.0.0.1:1/0"
    )
    return create_app(parts)
