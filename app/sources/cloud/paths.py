"""REST paths of Jira Cloud."""

from __future__ import annotations

from urllib.parse import quote

_AGILE = frozenset({"board", "sprint", "epic"})
"""Resources of the Agile API; all others belong to the platform's."""


def path_of(resource: str, **ids: str) -> str:
    """The path of a resource as entities name it, such as `issue/{issue_id}/comment`, with its ids filled in."""
    root = "/rest/agile/1.0/" if resource.partition("/")[0] in _AGILE else "/rest/api/3/"
    return root + resource.format(**{name: quote(value, safe="") for name, value in ids.items()})


def licence_path(app_key: str) -> str:
    """The path of the app's own record on the site, by Atlassian Connect's API."""
    return f"/rest/atlassian-connect/1/addons/{quote(app_key, safe='')}"
