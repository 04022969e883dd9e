"""Forms of the console: CSRF tokens, the fields of a form, and the explanation of faulty ones."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from flask import request, session

from app.conditions import Code, Condition
from app.errors import Forbidden
from app.web.words.sentences import explain

if TYPE_CHECKING:
    from pydantic import ValidationError

    from app.web.words.sentences import Explanation

_FAULTS = {
    "name": Code.BAD_NAME,
    "description": Code.BAD_DESCRIPTION,
    "tags": Code.BAD_TAGS,
    "url": Code.BAD_SITE_ADDRESS,
    "email": Code.BAD_EMAIL,
    "token": Code.BAD_TOKEN,
    "expires_at": Code.BAD_END,
    "projects": Code.BAD_PROJECTS,
    "jql": Code.BAD_JQL,
    "backfill_from": Code.BAD_DAY,
    "time_zone": Code.BAD_TIME_ZONE,
}
"""By field; every other field holds ids of Jira's fields."""

_GROUPS = ("credentials", "settings")
"""Members of a body; their fields stand alone in a form."""
_MOST_DIGITS = 6


def csrf() -> str:
    """The CSRF token of the session, made at its first form."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(32)
    return str(session["csrf"])


def require_csrf() -> None:
    """Raises Forbidden for a form without the session's token."""
    token = request.form.get("csrf") or request.headers.get("X-CSRF-Token", "")
    if not hmac.compare_digest(token.encode(), str(session.get("csrf", "")).encode()) or not token:
        raise Forbidden(Code.PAGE_TOO_OLD)


def page_number() -> int:
    """The page of a list, from the address; 1 where it names none."""
    page = request.args.get("page", "1")
    is_page = page.isascii() and page.isdigit() and len(page) <= _MOST_DIGITS and int(page) > 0
    return int(page) if is_page else 1


def words_of(name: str) -> str:
    """One text field, without surrounding blanks."""
    return request.form.get(name, "").strip()


def list_of(name: str) -> list[str]:
    """One text field with commas, as a list."""
    return [item.strip() for item in request.form.get(name, "").split(",") if item.strip()]


def explain_fields(error: ValidationError) -> dict[str, Explanation]:
    """The faults of a form, by field."""
    fields = [str(fault["loc"][1 if fault["loc"][0] in _GROUPS else 0]) for fault in error.errors()]
    return {field: explain(Condition(_FAULTS.get(field, Code.BAD_FIELD))) for field in fields}
