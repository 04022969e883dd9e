"""The part of the Settings tab that chooses issues, and the page that shows the work of a change before it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import render_template, request

from app import actions
from app.conditions import Code, Condition
from app.errors import JiraFailure
from app.ingest.status import Search, choices
from app.integrations import ledger
from app.integrations.settings import IntegrationSettings, time_zones
from app.web.console.forms import list_of, words_of
from app.web.words.sentences import explain

if TYPE_CHECKING:
    from app.integrations.model import Integration
    from app.runtime import Runtime
    from app.web.words.sentences import Explanation


_MOST_CHOICES, _LONGEST_SEARCH = 20, 200
FIELDS = ("projects", "jql", "backfill_from", "time_zone")
"""Names of the form's fields."""


def values_of(settings: IntegrationSettings) -> dict[str, str]:
    """The form's values for stored settings."""
    return {
        "projects": ", ".join(settings.projects),
        "jql": settings.jql,
        "backfill_from": settings.backfill_from.isoformat() if settings.backfill_from else "",
        "time_zone": settings.time_zone or "",
    }


def settings_of_form() -> dict[str, Any]:
    """The settings that the form holds, with the ticked ones of the found projects."""
    return {
        "projects": [*dict.fromkeys([*list_of("projects"), *request.form.getlist("add_project")])],
        "jql": words_of("jql"),
        "backfill_from": words_of("backfill_from") or None,
        "time_zone": words_of("time_zone") or None,
    }


def zones_of_places() -> list[str]:
    """Time zones that are named by places; abbreviations and fixed offsets have no days of their own."""
    return sorted(name for name in time_zones() if "/" in name and not name.startswith("Etc/"))


def custom_fields_of_form() -> list[str]:
    """The custom fields that the form holds, with the ticked ones of the found fields."""
    return [*dict.fromkeys([*list_of("custom_fields"), *request.form.getlist("add_field")])]


def values_of_form() -> dict[str, Any]:
    """The form as it was sent, its ticked choices among the typed ones."""
    return {
        **request.form.to_dict(),
        "projects": ", ".join(settings_of_form()["projects"]),
        "custom_fields": ", ".join(custom_fields_of_form()),
    }


def choices_of(runtime: Runtime, integration: Integration, kind: str) -> dict[str, Any]:
    """The projects or the fields that the form's search finds, for the form that is shown again."""
    search = Search(words_of(f"find_{kind}")[:_LONGEST_SEARCH], page_size=_MOST_CHOICES)
    with ledger.site_session(runtime.store, integration) as session:
        read = choices.projects if kind == "projects" else choices.fields
        records, total = read(session, integration, search)
    names = {*(settings_of_form()["projects"] if kind == "projects" else custom_fields_of_form())}
    return {f"found_{kind}": records, f"found_{kind}_total": total, "names": names, "sample": choices.SAMPLE}


def query_check(runtime: Runtime, integration: Integration) -> tuple[actions.JqlCheck | None, Explanation | None]:
    """The site's answer to the form's query, or the reason why it gave none."""
    try:
        check = actions.validate_jql(runtime.store, runtime.sites, integration, words_of("jql"))
    except JiraFailure as failure:
        return None, explain(failure.condition)
    return check, explain(check.problem) if check.problem else None


def confirmation(runtime: Runtime, integration: Integration, settings: IntegrationSettings) -> str | None:
    """The page that shows the work of changed settings; None where there is none, or it was shown."""
    before = IntegrationSettings.model_validate(integration.settings)
    is_changed = settings.differs(before) or settings.selects_otherwise(before)
    if request.form.get("confirmed") or integration.tenant_id is None or not is_changed:
        return None
    plan, problem = None, None
    try:
        plan = actions.preview_settings(runtime.store, runtime.sites, integration, settings)
    except JiraFailure as failure:
        problem = explain(Condition(Code.PLAN_UNKNOWN, why=failure.condition))
    if plan is not None and not any((plan.re_read, plan.leave, plan.backfill)):
        return None
    fields = [(name, value) for name, value in request.form.items(multi=True) if name not in {"csrf", "check"}]
    return render_template("change_plan.html", integration=integration, plan=plan, problem=problem, fields=fields)
