"""The few type names and constants that every part of the site shares."""

from __future__ import annotations

from typing import Any

JsonObject = dict[str, Any]
"""A JSON object exactly as Jira writes it. Its inner shape is Atlassian's, not ours, hence `Any`."""

ORIGIN = "https://acme.atlassian.net"
"""How stored objects spell the site's own origin; replaced by the real address when bytes leave the site."""


class JiraError(Exception):
    """An answer other than 2xx, in the words Jira uses for it."""

    def __init__(
        self, status: int, *messages: str, headers: dict[str, str] | None = None, body: JsonObject | None = None
    ) -> None:
        """Keep the status and Jira's messages; `body` replaces the usual `errorMessages` object."""
        super().__init__(status, *messages)
        self.status = status
        self.messages = messages
        self.headers = headers or {}
        self.body: JsonObject = body if body is not None else {"errorMessages": list(messages), "errors": {}}


class NotNowError(JiraError):
    """A change that cannot be made as the site stands: 409."""

    def __init__(self, message: str) -> None:
        """Say what is missing."""
        super().__init__(409, message)
