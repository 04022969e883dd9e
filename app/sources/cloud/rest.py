"""REST of Jira Cloud: its paths, and a site's wire with each 401 held against the credential itself.

Jira Cloud answers 401 for one endpoint while the credential is good elsewhere: a scope that the app lacks, a product without a
licence. Only `myself` decides about the credential; a 401 beside a good answer of `myself` is a refusal of that one part.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from app.catalog.json_value import account_of
from app.conditions import Code
from app.errors import JiraGone, JiraNonsense, JiraRefused, JiraRejected
from app.sources.outcomes import Broken

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from app.catalog.json_value import Json
    from app.errors import JiraFailure
    from app.jira.client import Answer, Site

_AGILE = frozenset({"board", "sprint", "epic"})
"""Resources of the Agile API; all others belong to the platform's."""


def path_of(resource: str, **ids: str) -> str:
    """The path of a resource as entities name it, such as `issue/{issue_id}/comment`, with its ids filled in."""
    root = "/rest/agile/1.0/" if resource.partition("/")[0] in _AGILE else "/rest/api/3/"
    return root + resource.format(**{name: quote(value, safe="") for name, value in ids.items()})


def licence_path(app_key: str) -> str:
    """The path of the app's own record on the site, by Atlassian Connect's API."""
    return f"/rest/atlassian-connect/1/addons/{quote(app_key, safe='')}"


@dataclass(frozen=True)
class CloudSession:
    """A site and its credential."""

    site: Site

    @property
    def base_url(self) -> str:
        """The site's address."""
        return self.site.base_url

    def get(
        self, path: str, params: Mapping[str, str | int | Sequence[str | int]] | None = None, *, is_page: bool = False
    ) -> Answer:
        """Send a GET. Raises a JiraFailure."""
        with self._checked_credential(path):
            return self.site.get(path, params, is_page=is_page)

    def post(self, path: str, body: Json, *, is_page: bool = False) -> Answer:
        """Send a POST with JSON. Raises a JiraFailure."""
        with self._checked_credential(path):
            return self.site.post(path, body, is_page=is_page)

    def diagnose(self, failure: JiraFailure) -> Broken:
        """Attribute a failure to the object, once `myself` answers. Raises the JiraFailure of an outage."""
        path = path_of("myself")
        if account_of(self.get(path).body) is None:
            raise JiraNonsense(Code.OBJECT_MISSING, path=path)
        return Broken(failure)

    @contextmanager
    def _checked_credential(self, path: str) -> Iterator[None]:
        """Tell a 401 of a part from one of the credential. Raises JiraRefused either way."""
        try:
            yield
        except JiraRefused as refusal:
            if not refusal.is_credential or path == path_of("myself"):
                raise
            if not self._knows_us():
                raise
            refusal.is_credential = False
            raise

    def _knows_us(self) -> bool:
        """Whether the site takes the credential. Raises JiraFailure where it doesn't answer at all."""
        try:
            return isinstance(self.site.get(path_of("myself")).body, dict)
        except (JiraRefused, JiraGone, JiraRejected, JiraNonsense):
            return False
