"""The pre-flight: each thing that must hold before data flows, checked against the live site and named in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.catalog.json_value import find
from app.errors import JiraFailure, JiraRejected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.jira.client import Site


@dataclass(frozen=True)
class Check:
    """One check and what to do where it failed."""

    name: str
    ok: bool
    detail: str
    is_required: bool = True


def not_paired() -> list[Check]:
    """What is said before a Jira admin has pasted the key."""
    return [
        Check(
            "paired",
            ok=False,
            detail="No Jira site has used the key yet. In Jira, open Apps, choose “Harness SEI configuration” and paste it.",
        )
    ]


def validate(site: Site) -> list[Check]:
    """Every check in order; those after an unreachable or refusing site are not tried."""
    return [Check("paired", ok=True, detail=f"Paired with {site.base_url}."), *_against(site)]


def _against(site: Site) -> Iterator[Check]:
    for name, ask in (("reachable", _reachable), ("credential", _credential), ("projects", _projects)):
        check = _ask(name, ask, site)
        yield check
        if not check.ok:
            return
    yield _emails(site)


def _ask(name: str, ask: Callable[[Site], tuple[bool, str]], site: Site) -> Check:
    try:
        ok, detail = ask(site)
    except JiraFailure as failure:
        return Check(name, ok=False, detail=f"{failure} {_REMEDY[name]}")
    return Check(name, ok=ok, detail=detail)


_REMEDY = {
    "reachable": "Check that the site is up and, if it limits addresses, that ours are on its allow-list.",
    "credential": "Ask a Jira admin to open Manage apps and enable the app, or to install it again.",
    "projects": "Ask a Jira admin to let the app browse projects.",
}


def _reachable(site: Site) -> tuple[bool, str]:
    body = site.get("/rest/api/3/serverInfo").body
    return True, f"Jira {find(body, 'version') or ''} answers ({find(body, 'deploymentType') or 'Cloud'})."


def _credential(site: Site) -> tuple[bool, str]:
    body = site.get("/rest/api/3/myself").body
    return True, f"Jira takes our signature; we read as “{find(body, 'displayName') or 'the app'}”."


def _projects(site: Site) -> tuple[bool, str]:
    total = find(site.get("/rest/api/3/project/search", {"maxResults": 1}).body, "total")
    if not isinstance(total, int) or total == 0:
        return False, f"No project is visible to the app. {_REMEDY['projects']}"
    return True, f"{total} projects are visible."


def _emails(site: Site) -> Check:
    """E-mail addresses need Atlassian's approval; without it everything else works."""
    try:
        account_id = str(find(site.get("/rest/api/3/myself").body, "accountId"))
        site.get("/rest/api/3/user/email", {"accountId": account_id})
    except JiraRejected:
        detail = "Atlassian has not approved e-mail access for the app; people are told apart by account id."
        return Check("emails", ok=False, detail=detail, is_required=False)
    except JiraFailure as failure:
        return Check("emails", ok=False, detail=str(failure), is_required=False)
    return Check("emails", ok=True, detail="E-mail addresses may be read.", is_required=False)
