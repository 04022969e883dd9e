"""The Settings tab: words, fields, and what can be done with an integration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import redirect, request, url_for
from pydantic import ValidationError

from app.errors import Missing
from app.integrations import ledger
from app.integrations.settings import IntegrationSettings
from app.web import guard
from app.web.api.integrations import change_to, delete_later, read_again
from app.web.api.shapes import ChangeIntegration
from app.web.console.connecting import held_of
from app.web.console.detail import page
from app.web.console.forms import list_of, words_of
from app.web.words.errors import Told, told

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Blueprint
    from werkzeug.wrappers import Response as AnyResponse

    from app.integrations.model import Integration
    from app.runtime import Runtime

_WRONG = {
    "name": "Give the integration a name of at most 200 characters.",
    "description": "Give a description of at most 2,000 characters.",
    "tags": "Give at most 50 tags of at most 60 characters.",
}
_BAD_FIELD = "A field's id has letters, digits and underscores only."


def add(routes: Blueprint, runtime: Runtime) -> None:
    """The form, and the buttons below it."""

    @routes.get("/integrations/<known>/settings")
    def settings(known: str) -> str:
        held = held_of(runtime, known)
        return _form(runtime, held, _given(held), {}, is_saved=request.args.get("saved") == "1")

    @routes.post("/integrations/<known>/settings")
    def save(known: str) -> AnyResponse | tuple[str, int]:
        held = held_of(runtime, known)
        try:
            change = _change(held)
        except ValidationError as error:
            wrong = {_field(each["loc"]): told(_WRONG.get(_field(each["loc"]), _BAD_FIELD)) for each in error.errors()}
            return _form(runtime, held, dict(request.form), wrong), 400
        change_to(runtime, held.id, change)
        return redirect(url_for("console.settings", known=held.id, saved="1"), 303)

    @routes.post("/integrations/<known>/do/<name>")
    def act(known: str, name: str) -> AnyResponse:
        held = held_of(runtime, known)
        if name == "delete" and words_of("name") != held.name:
            return redirect(url_for("console.settings", known=held.id, _anchor="delete"), 303)
        _act(runtime, held.id, name)
        there = url_for("console.index") if name == "delete" else url_for("console.detail", known=held.id)
        return redirect(there, 303)


def _act(runtime: Runtime, known: UUID, action: str) -> None:
    if action == "pause":
        with runtime.store.bound_to_account(guard.account().id) as session:
            ledger.pause(session, known)
    elif action == "delete":
        delete_later(runtime, known)
    elif action in {"resume", "sync"}:
        read_again(runtime, known, resumes=action == "resume")
    else:
        raise Missing("There is no such integration.")


def _form(
    runtime: Runtime, held: Integration, given: dict[str, Any], wrong: dict[str, Told], *, is_saved: bool = False
) -> str:
    return page("settings.html", runtime, held, "settings", given=given, wrong=wrong, is_saved=is_saved)


def _given(held: Integration) -> dict[str, Any]:
    """The form as the integration stands."""
    kept = IntegrationSettings.model_validate(held.settings)
    return {
        "name": held.name,
        "description": held.description,
        "tags": ", ".join(held.tags),
        "story_point_field": kept.story_point_field or "",
        "epic_field": kept.epic_field or "",
        "custom_fields": ", ".join(kept.custom_fields),
        **dict.fromkeys((f"exclude_{each}" for each in kept.excluded_fields), "1"),
    }


def _change(held: Integration) -> ChangeIntegration:
    """What was sent; settings only where they differ, since changing them reads the site again. Raises ValidationError."""
    wanted = IntegrationSettings(
        story_point_field=words_of("story_point_field") or None,
        epic_field=words_of("epic_field") or None,
        custom_fields=list_of("custom_fields"),
        excluded_fields=[each for each in ("summary", "description", "comment") if request.form.get(f"exclude_{each}")],
    )
    is_same = wanted == IntegrationSettings.model_validate(held.settings)
    return ChangeIntegration(
        name=words_of("name"),
        description=words_of("description"),
        tags=list_of("tags"),
        settings=None if is_same else wanted,
    )


def _field(where: tuple[int | str, ...]) -> str:
    return str(where[0])
