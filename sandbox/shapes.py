"""Types, constants and errors of all parts of the site."""

from __future__ import annotations

from typing import Any

JsonObject = dict[str, Any]
"""A JSON object exactly as Jira writes it. Atlassian defines its members, hence `Any`."""

ORIGIN = "https://acme.atlassian.net"
"""The origin in stored objects; answers and events carry the real address instead."""


class JiraError(Exception):
    """An answer with another status than 2xx, with Jira's messages."""

    def __init__(
        self, status: int, *messages: str, headers: dict[str, str] | None = None, body: JsonObject | None = None
    ) -> None:
        """Store the status and Jira's messages; `body` replaces the usual `errorMessages` object."""
        super().__init__(status, *messages)
        self.status = status
        self.messages = messages
        self.headers = headers or {}
        self.body: JsonObject = body if body is not None else {"errorMessages": list(messages), "errors": {}}


class NotNowError(JiraError):
    """A change that the current state of the site does not allow: 409."""

    def __init__(self, message: str) -> None:
        """Store the reason."""
        super().__init__(409, message)
