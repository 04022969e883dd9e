"""The pre-flight: each thing that must hold before data flows, checked against the live site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.conditions import Code, Condition
from app.errors import JiraBusy, JiraFailure, Refused
from app.sources import Broken, Gone, NotForUs, NotOffered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.sources import Source


@dataclass(frozen=True)
class Check:
    """One check and the condition that it found."""

    name: str
    ok: bool
    condition: Condition
    is_required: bool = True


class ConnectionUnfit(Refused):
    """A required check of a connection failed."""

    def __init__(self, checks: list[Check]) -> None:
        super().__init__(Code.CONNECTION_UNFIT)
        self.checks = checks


def require_good(source: Source) -> None:
    """Require every required check of a site that isn't paired yet. Raises ConnectionUnfit."""
    checks = list(_against(source))
    if not all(check.ok for check in checks if check.is_required):
        raise ConnectionUnfit(checks)


def not_paired() -> list[Check]:
    """The checks before a Jira admin has pasted the key."""
    return [Check("paired", ok=False, condition=Condition(Code.NOT_PAIRED_YET))]


def validate(source: Source) -> list[Check]:
    """Every check in order; those after an unreachable or refusing site are not tried."""
    return [Check("paired", ok=True, condition=Condition(Code.IS_PAIRED, site=source.address)), *_against(source)]


def _against(source: Source) -> Iterator[Check]:
    for name, ask in (("reachable", _reachable), ("credential", _credential), ("projects", _projects)):
        check = _ask(name, ask, source)
        yield check
        if not check.ok:
            return
    yield _emails(source)


def _ask(name: str, ask: Callable[[Source], tuple[bool, Condition]], source: Source) -> Check:
    try:
        ok, condition = ask(source)
    except JiraFailure as failure:
        return Check(name, ok=False, condition=Condition(_FAILURES[name], why=failure.condition))
    return Check(name, ok=ok, condition=condition)


_FAILURES = {
    "reachable": Code.SITE_UNREACHABLE,
    "credential": Code.SITE_REFUSES,
    "projects": Code.CANNOT_BROWSE,
}


def _reachable(source: Source) -> tuple[bool, Condition]:
    server = source.server()
    return True, Condition(Code.ANSWERS, version=server.version or "", kind=server.deployment or "Cloud")


def _credential(source: Source) -> tuple[bool, Condition]:
    return True, Condition(Code.TAKES_SIGNATURE, name=source.whoami().name or "the app")


def _projects(source: Source) -> tuple[bool, Condition]:
    total = source.project_count()
    if not total:
        return False, Condition(Code.SEES_NO_PROJECT)
    return True, Condition(Code.SEES_PROJECTS, count=total)


def _emails(source: Source) -> Check:
    """E-mail addresses need Atlassian's approval; without it everything else works."""
    try:
        email = source.email_of(source.whoami().id)
    except JiraFailure as failure:
        code = Code.EMAILS_HELD_BACK if isinstance(failure, JiraBusy) else Code.EMAILS_UNKNOWN
        return Check("emails", ok=False, condition=Condition(code, why=failure.condition), is_required=False)
    if isinstance(email, NotOffered):
        return Check("emails", ok=False, condition=Condition(Code.NO_EMAILS), is_required=False)
    if isinstance(email, NotForUs | Gone | Broken):
        condition = Condition(Code.EMAILS_UNKNOWN, why=email.failure.condition)
        return Check("emails", ok=False, condition=condition, is_required=False)
    return Check("emails", ok=True, condition=Condition(Code.READS_EMAILS), is_required=False)
