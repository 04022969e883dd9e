"""Kinds of Jira, and the ways to be let in."""

from __future__ import annotations

from enum import StrEnum


class Product(StrEnum):
    """Which Jira."""

    CLOUD = "jira_cloud"
    DATA_CENTER = "jira_data_center"


class Method(StrEnum):
    """How an integration connects."""

    CONNECT_APP = "connect_app"
    API_TOKEN = "api_token"  # noqa: S105 - a method's name
    PERSONAL_ACCESS_TOKEN = "personal_access_token"  # noqa: S105 - a method's name
    BASIC = "basic"

    @property
    def is_told_of_changes(self) -> bool:
        """Whether Jira sends webhooks: only the app has them registered."""
        return self is Method.CONNECT_APP
