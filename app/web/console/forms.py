"""Forms of the console: only ours are taken, and what is wrong with one is said beside it."""

from __future__ import annotations

import hmac
import secrets

from flask import request, session

from app.errors import Forbidden


def csrf() -> str:
    """The token that a form of ours carries, one a session."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(32)
    return str(session["csrf"])


def require_csrf() -> None:
    """Raises Forbidden where a form is not one of ours."""
    sent = request.form.get("csrf") or request.headers.get("X-CSRF-Token", "")
    if not hmac.compare_digest(sent.encode(), str(session.get("csrf", "")).encode()) or not sent:
        raise Forbidden("This page is too old. Reload it and try again.")


def words_of(name: str) -> str:
    """One text field as it was sent."""
    return request.form.get(name, "").strip()


def list_of(name: str) -> list[str]:
    """One text field with commas, as a list."""
    return [each.strip() for each in request.form.get(name, "").split(",") if each.strip()]
