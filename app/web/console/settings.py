"""The Settings tab: name, description, tags, fields, and the actions on an integration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import redirect, request, url_for
from pydantic import ValidationError

from app import actions
from app.conditions import Code
from app.errors import Malformed, Missing
from app.ingest import status
from app.integrations import ledger
from app.integrations.hygiene import MOST_CRITERIA
from app.integrations.settings import IntegrationSettings
from app.web.api.integrations import callers_session
from app.web.api.shapes import ChangeIntegration
from app.web.console import criteria, selecting
from app.web.console.connecting import integration_of
from app.web.console.detail import page
from app.web.console.forms import explain_fields, list_of, words_of
from app.web.console.tokens import EXCLUDABLE
from app.web.words.language import gettext
from app.web.words.sentences import explain
from app.web.words.terms import MEANINGS

if TYPE_CHECKING:
    from flask import Blueprint
    from werkzeug.wrappers import Response as AnyResponse

    from app.integrations.model import Integration
    from app.runtime import Runtime
    from app.web.words.sentences import Explanation


def add(routes: Blueprint, runtime: Runtime) -> None:
    """The form, and the buttons below it."""

    @routes.get("/integrations/<integration_id>/settings")
    def settings(integration_id: str) -> str:
        integration = integration_of(runtime, integration_id)
        return _form(runtime, integration, _values_of(integration), {}, is_saved=request.args.get("saved") == "1")

    @routes.post("/integrations/<integration_id>/settings")
    def save(integration_id: str) -> AnyResponse | tuple[str, int]:
        integration = integration_of(runtime, integration_id)
        if question := request.form.get("check"):
            return _answer(runtime, integration, question), 200
        try:
            changes = _change(_settings_of(integration)).changes()
        except ValidationError as error:
            return _form(runtime, integration, selecting.values_of_form(), explain_fields(error)), 400
        page_of_plan = selecting.confirmation(runtime, integration, changes.settings or _settings_of(integration))
        if page_of_plan is not None:
            return page_of_plan, 200
        with callers_session(runtime) as session:
            actions.change_settings(session, integration.id, changes)
        return redirect(url_for("console.settings", integration_id=integration.id, saved="1"), 303)

    _add_criteria(routes, runtime)

    @routes.post("/integrations/<integration_id>/do/<name>")
    def act(integration_id: str, name: str) -> AnyResponse:
        integration = integration_of(runtime, integration_id)
        if name == "delete" and words_of("name") != integration.name:
            return redirect(url_for("console.settings", integration_id=integration.id, _anchor="delete"), 303)
        _act(runtime, integration, name)
        if name == "delete":
            return redirect(url_for("console.index"), 303)
        return redirect(url_for("console.detail", integration_id=integration.id), 303)


def _add_criteria(routes: Blueprint, runtime: Runtime) -> None:
    @routes.post("/integrations/<integration_id>/hygiene")
    def save_criteria(integration_id: str) -> AnyResponse | tuple[str, int]:
        integration = integration_of(runtime, integration_id)
        try:
            _save_criteria(runtime, integration)
        except ValidationError as error:
            problems = criteria.explain_criteria(error)
        except Malformed as refusal:
            problems = {"": explain(refusal.condition)}
        else:
            return redirect(
                url_for("console.settings", integration_id=integration.id, saved="1", _anchor="hygiene"), 303
            )
        rows = criteria.rows_of_form()
        return _form(runtime, integration, _values_of(integration), problems, criteria=rows), 400


def _answer(runtime: Runtime, integration: Integration, question: str) -> str:
    """The form as it was sent, with the answer to the question of one of its buttons. Raises Missing."""
    values = selecting.values_of_form()
    if question == "jql":
        check, problem = selecting.query_check(runtime, integration)
        return _form(runtime, integration, values, {"jql": problem} if problem else {}, query_check=check)
    if question in {"projects", "fields"}:
        return _form(runtime, integration, values, {}, **selecting.choices_of(runtime, integration, question))
    raise Missing(Code.NO_INTEGRATION)


def _save_criteria(runtime: Runtime, integration: Integration) -> None:
    """Store the form's criteria. Raises ValidationError, Malformed."""
    settings = criteria.settings_of_form(_settings_of(integration))
    actions.check_hygiene(runtime.store, integration, settings)
    with callers_session(runtime) as session:
        actions.change_settings(session, integration.id, ChangeIntegration(settings=settings).changes())


def _act(runtime: Runtime, integration: Integration, name: str) -> None:
    """Run the action of a button. Raises Missing for an unknown one, and the errors of the action."""
    if name == "sync":
        actions.sync(runtime.store, integration, is_full=words_of("full") == "1")
        return
    with callers_session(runtime) as session:
        if name == "pause":
            actions.pause(session, integration.id)
        elif name == "resume":
            actions.resume(session, integration.id)
        elif name == "delete":
            actions.delete(session, runtime.otp_store, integration.id)
        else:
            raise Missing(Code.NO_INTEGRATION)


def _form(
    runtime: Runtime,
    integration: Integration,
    values: dict[str, Any],
    problems: dict[str, Explanation],
    **context: object,
) -> str:
    """The Settings tab; `context` are results of a form that was sent."""
    uses: list[status.FieldUse] = []
    if integration.tenant_id is not None:
        with ledger.site_session(runtime.store, integration) as session:
            uses = status.field_uses(session, integration)
    parts: dict[str, Any] = {
        "values": values,
        "problems": problems,
        "uses": [_use(use) for use in uses],
        "time_zones": selecting.zones_of_places(),
        "criteria": criteria.rows_of(_settings_of(integration)),
        "choices": criteria.choices(),
        "most_criteria": MOST_CRITERIA,
    }
    return page("settings.html", runtime, integration, "settings", **{**parts, **context})


def _use(use: status.FieldUse) -> dict[str, Any]:
    """One kind of fields in the reader's language."""
    return {
        "kind": gettext(MEANINGS[use.meaning]),
        "fields": ", ".join(f"{name} ({field_id})" for field_id, name in use.fields.items()),
        "is_chosen": use.is_chosen,
        "doubt": explain(use.doubt) if use.doubt else None,
    }


def _values_of(integration: Integration) -> dict[str, Any]:
    """The form's values for the stored integration."""
    settings = _settings_of(integration)
    fields = {meaning.value: ", ".join(ids) for meaning, ids in settings.mapping().items()}
    return {
        "name": integration.name,
        "description": integration.description,
        "tags": ", ".join(integration.tags),
        **selecting.values_of(settings),
        "story_point_field": fields.get("story_points", ""),
        "epic_field": fields.get("epic", ""),
        **{name: fields.get(name, "") for name in ("sprint", *_SINGLE)},
        "custom_fields": ", ".join(settings.custom_fields),
        "excluded_custom": ", ".join(field for field in settings.excluded_fields if field not in EXCLUDABLE),
        **dict.fromkeys((f"exclude_{field}" for field in settings.excluded_fields), "1"),
    }


def _settings_of(integration: Integration) -> IntegrationSettings:
    return IntegrationSettings.model_validate(integration.settings)


_SINGLE = ("start_date", "due_date", "team", "flagged")


def _change(before: IntegrationSettings) -> ChangeIntegration:
    """The form as a change of the API's; criteria, which have a form of their own, stay. Raises ValidationError."""
    points, excluded_fields = list_of("story_point_field"), [f for f in EXCLUDABLE if request.form.get(f"exclude_{f}")]
    only_field = points[0] if len(points) == 1 else None
    return ChangeIntegration(
        name=words_of("name"),
        description=words_of("description"),
        tags=list_of("tags"),
        settings=IntegrationSettings.model_validate(
            {
                **selecting.settings_of_form(),
                "story_point_field": only_field,
                "epic_field": words_of("epic_field") or None,
                "field_mapping": {
                    "story_points": [] if only_field else points,
                    "sprint": list_of("sprint"),
                    **{name: words_of(name) or None for name in _SINGLE},
                },
                "custom_fields": selecting.custom_fields_of_form(),
                "excluded_fields": [*excluded_fields, *list_of("excluded_custom")],
                "hygiene": before.hygiene,
            }
        ),
    )
