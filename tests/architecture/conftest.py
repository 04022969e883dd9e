"""The whole web application on unreachable servers: every attempt to connect fails the test."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import pytest

from app import runtime
from app.web import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask_openapi3 import OpenAPI

    from app.config import Settings


@contextmanager
def connections_refused() -> Iterator[None]:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("somebody tried to connect")

    with pytest.MonkeyPatch.context() as patch:
        for way in ("connect", "connect_ex"):
            patch.setattr(socket.socket, way, refuse)
        yield


@pytest.fixture(autouse=True)
def _nothing_is_asked() -> Iterator[None]:
    with connections_refused():
        yield


def make_app(settings: Settings) -> OpenAPI:
    parts = runtime.assemble(
        settings, database_url="postgresql://nobody@127.0.0.1:1/x", redis_url="redis://127.0.0.1:1/0"
    )
    return create_app(parts)


@pytest.fixture(scope="session")
def app(settings: Settings) -> OpenAPI:
    """One application for all that only look at it or send it requests."""
    with connections_refused():
        return make_app(settings)


@pytest.fixture
def own_app(settings: Settings) -> OpenAPI:
    """An application that a test may change."""
    return make_app(settings)
