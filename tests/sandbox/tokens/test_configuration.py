"""Features of the site that an administrator switches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sandbox.tokens.document import problems

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Site
    from tests.sandbox.app_client import AppClient
    from tests.sandbox.tokens.token_client import TokenClient

CONFIGURATION = "/rest/api/3/configuration"


def test_time_tracking_can_be_off(
    person: TokenClient, administrator: TokenClient, client: AppClient, site: Site, openapi: Path
) -> None:
    issue = max(site.world.issues.values(), key=lambda issue: len(issue.worklogs))
    worklogs = f"/rest/api/3/issue/{issue.id}/worklog"
    for is_on in (True, False):
        site.options.time_tracking = is_on
        for caller in (person, client):
            answer = caller.get(CONFIGURATION)
            assert problems(openapi, f"GET {CONFIGURATION}", answer) == []
            assert answer.json()["timeTrackingEnabled"] is is_on
            assert ("timeTrackingConfiguration" in answer.json()) is is_on
        provider = administrator.get(f"{CONFIGURATION}/timetracking")
        assert provider.status_code == (200 if is_on else 204)
        assert problems(openapi, f"GET {CONFIGURATION}/timetracking", provider) == []
        assert person.get(worklogs).status_code == (200 if is_on else 404)
        fields = person.get(f"/rest/api/3/issue/{issue.id}").json()["fields"]
        assert ("worklog" in fields) is is_on
        issues = person.get("/rest/api/3/search/jql", jql=f"id = {issue.id}", fields="worklog,summary").json()["issues"]
        assert ("worklog" in issues[0]["fields"]) is is_on


def test_settings_of_time_tracking_are_for_administrators(
    person: TokenClient, administrator: TokenClient, openapi: Path
) -> None:
    for path in ("timetracking", "timetracking/options"):
        answer = administrator.get(f"{CONFIGURATION}/{path}")
        assert answer.status_code == 200
        assert problems(openapi, f"GET {CONFIGURATION}/{path}", answer) == []
        assert person.get(f"{CONFIGURATION}/{path}").status_code == 403


def test_statuses_are_for_administrators(person: TokenClient, administrator: TokenClient) -> None:
    assert administrator.get("/rest/api/3/statuses/search").status_code == 200
    assert person.get("/rest/api/3/statuses/search").status_code == 401
