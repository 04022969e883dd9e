"""Errors without a condition for callers: the answer says little, the log says which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask import Flask
from structlog.testing import capture_logs

from app.errors import AppError, ProgrammingFault
from app.store.session import BoundSession, StoreFault, UnboundSession
from app.vault import SealBroken
from app.web import problems
from app.web.words import language

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.test import TestResponse

TEXT = "what happened here"


def answer_to(error: AppError) -> tuple[TestResponse, list[Mapping[str, object]]]:
    """The answer to a request that raises an error, and the events in the log."""
    app = Flask(__name__)
    language.register(app)
    problems.register(app, app_key="app")

    @app.get("/fails")
    def fails() -> str:
        raise error from ValueError("a stranger's value")

    with capture_logs() as events:
        return app.test_client().get("/fails"), [*events]


@pytest.mark.parametrize("kind", [AppError, StoreFault, SealBroken])
def test_an_error_of_the_app_is_logged_with_its_class_and_text(kind: type[AppError]) -> None:
    answer, events = answer_to(kind(TEXT))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert TEXT not in answer.text
    assert [(event["error"], event["reason"], event["path"]) for event in events] == [(kind.__name__, TEXT, "/fails")]
    assert events[0]["log_level"] == "error"
    assert "stranger" not in str(events)


@pytest.mark.parametrize("kind", [ProgrammingFault, UnboundSession, BoundSession])
def test_a_programming_error_is_an_incident(kind: type[AppError]) -> None:
    answer, events = answer_to(kind(TEXT))
    assert answer.status_code == 500
    assert TEXT not in answer.text
    incident = events[0]["incident"]
    assert str(incident) in answer.text
    assert isinstance(events[0]["exc_info"], kind)
