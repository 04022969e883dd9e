"""An SEI admin validates a connection, or a query, against the live site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.catalog.selection import condition_of
from app.conditions import Code, Condition
from app.errors import Conflicting, JiraFailure, JiraRefused
from app.ingest import status
from app.integrations import ledger
from app.integrations.checks import Check, unanswered
from app.integrations.settings import IntegrationSettings
from app.integrations.validate import not_paired, validate
from app.jira.client import INTERACTIVE
from app.sources.answers import QueryCheck

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.integrations.model import Integration
    from app.sources import Source
    from app.store.session import Store
    from app.tenants.sites import Sites


@dataclass(frozen=True)
class JqlCheck:
    """The site's answer to a query."""

    ok: bool
    matches: int | None
    """Issues that fit; None where the site doesn't count."""
    left_out: int | None
    """Issues in sight that don't."""
    sample: tuple[str, ...]
    """Keys of the newest issues that fit."""
    problem: Condition | None


def check_connection(store: Store, sites: Sites, integration: Integration) -> list[Check]:
    """Run every check of the pre-flight, in order, up to the first that makes the next ones pointless.

    Raises Conflicting where the pairing ends meanwhile: the checks describe the site of another account then.
    """
    if integration.tenant_id is None:
        return not_paired()
    source: Source | None
    try:
        source = sites.open(integration.tenant_id, timeouts=INTERACTIVE)
        checks = validate(source)
    except JiraRefused as refusal:
        source = None
        checks = [Check("paired", ok=False, condition=Condition(Code.SITE_INACTIVE, why=refusal.condition))]
    with ledger.site_session(store, integration) as session:
        uses = status.field_uses(session, integration)
        unseen_projects = status.unseen_projects(session, integration)
    if source is None or not _are_answered(checks):
        return checks
    return [*checks, *_selection(source, integration, unseen_projects), *([_fields(uses)] if uses else [])]


def _are_answered(checks: list[Check]) -> bool:
    """Whether the site takes the credential, without which nothing else is asked."""
    return any(check.name == "credential" and check.ok for check in checks)


def _selection(source: Source, integration: Integration, unseen_projects: list[str]) -> Iterator[Check]:
    """The chosen projects and the query of the settings, held against the site."""
    settings = IntegrationSettings.model_validate(integration.settings)
    if settings.projects:
        names = ", ".join(unseen_projects[:_MOST_NAMES])
        condition = Condition(Code.PROJECTS_CHOSEN, count=len(settings.projects))
        unseen = Condition(Code.PROJECTS_UNSEEN, names=names)
        yield Check("chosen_projects", ok=not names, condition=unseen if names else condition, is_required=False)
    if query := condition_of(settings.jql):
        yield _query(source, query)


def _query(source: Source, query: str) -> Check:
    try:
        answer = source.check_query(query)
    except JiraFailure as failure:
        return unanswered("query", failure.condition)
    if not isinstance(answer, QueryCheck):
        return unanswered("query", answer.failure.condition)
    refused = Condition(Code.JQL_REFUSED, why=_words(answer.problems))
    taken = Condition(Code.JQL_TAKEN, count=answer.matches or 0)
    return Check("query", ok=not answer.problems, condition=refused if answer.problems else taken, is_required=False)


def _fields(uses: list[status.FieldUse]) -> Check:
    """The first doubt about the site's own fields; the Settings tab and the API list the others."""
    doubts = [use.doubt for use in uses if use.doubt is not None]
    doubt = min(doubts, key=lambda condition: _GRAVEST.index(condition.code), default=Condition(Code.FIELDS_CLEAR))
    return Check("fields", ok=not doubts, condition=doubt, is_required=False)


_MOST_NAMES = 10
"""Projects that a check names."""
_GRAVEST = (Code.FIELD_GONE, Code.FIELDS_SEVERAL, Code.FIELD_ABSENT)


def _words(problems: tuple[str, ...]) -> str:
    """The site's own words, to stand in a sentence."""
    return " ".join(problems).strip().removesuffix(".")


def validate_jql(store: Store, sites: Sites, integration: Integration, jql: str) -> JqlCheck:
    """Ask the site whether it takes a query. Raises the JiraFailure of an outage, and Conflicting without a site.

    The pairing is checked again afterwards: keys of a site that has gone to another account never get out.
    """
    try:
        condition = condition_of(jql)
    except ValueError as fault:
        return JqlCheck(
            ok=False, matches=None, left_out=None, sample=(), problem=Condition(Code.JQL_REFUSED, why=str(fault))
        )
    if integration.tenant_id is None:
        raise Conflicting(Code.NOT_WORKING)
    source = sites.open(integration.tenant_id, timeouts=INTERACTIVE)
    check = source.check_query(condition)
    if not isinstance(check, QueryCheck):
        raise check.failure
    total = source.issue_count() if check.matches is not None else None
    with ledger.site_session(store, integration):
        pass
    left_out = None if total is None or check.matches is None else max(0, total - check.matches)
    problem = Condition(Code.JQL_REFUSED, why=_words(check.problems)) if check.problems else None
    return JqlCheck(not check.problems, check.matches, left_out, check.sample, problem)
