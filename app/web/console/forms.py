"""Forms of the console: CSRF tokens and the fields of a form."""

from __future__ import annotations

import hmac
import secrets

from flask import request, session

from app.errors import Forbidden


def csrf() -> str:
    """The CSRF token of the session, made at its first form."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(32)
    return str(session["csrf"])


def require_csrf() -> None:
    """Raises Forbidden for a form without the session's token."""
    token = request.form.get("csrf") or request.headers.get("X-CSRF-Token", "")
    if not hmac.compare_digest(token.encode(), str(session.get("csrf", "")).encode()) or not token:
        raise Forbidden("This page is too old. Reload it and try again.")


def words_of(name: str) -> str:
    """One text field, without surrounding blanks."""
    return request.form.get(name, "").strip()


def list_of(name: str) -> list[str]:
    """One text field with commas, as a list."""
    return [item.strip() for item in request.form.get(name, "").split(",") if item.strip()]
