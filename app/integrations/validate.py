"""The pre-flight: each thing that must hold before data flows, checked against the live site and named in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.errors import JiraFailure
from app.sources import Broken, Gone, NotForUs, NotOffered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.sources import Source


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


def validate(source: Source) -> list[Check]:
    """Every check in order; those after an unreachable or refusing site are not tried."""
    return [Check("paired", ok=True, detail=f"Paired with {source.address}."), *_against(source)]


def _against(source: Source) -> Iterator[Check]:
    for name, ask in (("reachable", _reachable), ("credential", _credential), ("projects", _projects)):
        check = _ask(name, ask, source)
        yield check
        if not check.ok:
            return
    yield _emails(source)


def _ask(name: str, ask: Callable[[Source], tuple[bool, str]], source: Source) -> Check:
    try:
        ok, detail = ask(source)
    except JiraFailure as failure:
        return Check(name, ok=False, detail=f"{failure} {_REMEDY[name]}")
    return Check(name, ok=ok, detail=detail)


_REMEDY = {
    "reachable": "Check that the site is up and, if it limits addresses, that ours are on its allow-list.",
    "credential": "Ask a Jira admin to open Manage apps and enable the app, or to install it again.",
    "projects": "Ask a Jira admin to let the app browse projects.",
}


def _reachable(source: Source) -> tuple[bool, str]:
    server = source.server()
    return True, f"Jira {server.version or ''} answers ({server.deployment or 'Cloud'})."


def _credential(source: Source) -> tuple[bool, str]:
    return True, f"Jira takes our signature; we read as “{source.whoami().name or 'the app'}”."


def _projects(source: Source) -> tuple[bool, str]:
    total = source.project_count()
    if not total:
        return False, f"No project is visible to the app. {_REMEDY['projects']}"
    return True, f"{total} projects are visible."


def _emails(source: Source) -> Check:
    """E-mail addresses need Atlassian's approval; without it everything else works."""
    try:
        email = source.email_of(source.whoami().id)
    except JiraFailure as failure:
        return Check("emails", ok=False, detail=str(failure), is_required=False)
    if isinstance(email, NotOffered):
        detail = "Atlassian has not approved e-mail access for the app; people are told apart by account id."
        return Check("emails", ok=False, detail=detail, is_required=False)
    if isinstance(email, NotForUs | Gone | Broken):
        return Check("emails", ok=False, detail=str(email.failure), is_required=False)
    return Check("emails", ok=True, detail="E-mail addresses may be read.", is_required=False)
