"""An SEI admin asks for the work of changed settings, or whether the site takes a query, before anything is changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.catalog.selection import condition_of
from app.conditions import Code, Condition
from app.errors import Conflicting
from app.ingest.drift import ChangePlan, plan_change
from app.jira.client import INTERACTIVE
from app.sources.answers import QueryCheck

if TYPE_CHECKING:
    from app.integrations.model import Integration
    from app.integrations.settings import IntegrationSettings
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


def preview_settings(store: Store, sites: Sites, integration: Integration, settings: IntegrationSettings) -> ChangePlan:
    """The work that the settings would make. Raises Conflicting without a site, and a JiraFailure."""
    if integration.tenant_id is None:
        return ChangePlan()
    return plan_change(store, sites.open(integration.tenant_id, timeouts=INTERACTIVE), integration, settings)


def validate_jql(sites: Sites, integration: Integration, jql: str) -> JqlCheck:
    """Ask the site whether it takes a query. Raises Conflicting without a site, and the JiraFailure of an outage."""
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
    left_out = None if total is None or check.matches is None else max(0, total - check.matches)
    problem = Condition(Code.JQL_REFUSED, why=" ".join(check.problems).strip()) if check.problems else None
    return JqlCheck(not check.problems, check.matches, left_out, check.sample, problem)
