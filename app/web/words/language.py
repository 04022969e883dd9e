"""Which language a caller reads, and how marked words become theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import flask_babel
from flask import request

if TYPE_CHECKING:
    from flask import Flask

LANGUAGES = ("en", "de")
"""The first is the language of the source; each other one has a catalogue below `translations/`."""
_FOR_PEOPLE = frozenset({"jira_pages", "jira_pairing", "console", "console_sign_in"})
"""Blueprints with words for people; programs always get English."""


def N_(words: str) -> str:  # noqa: N802 - gettext's own name for this mark
    """Mark words that are translated later, where they are shown."""
    return words


def gettext(words: str, **values: object) -> str:
    """Words in the caller's language, with `%(values)s` in them."""
    return str(flask_babel.gettext(words, **values))


def register(app: Flask) -> None:
    """Let templates and code speak the caller's language."""
    flask_babel.Babel(app, default_locale=LANGUAGES[0], default_timezone="UTC", locale_selector=_wanted)
    app.jinja_env.globals["language"] = current


def current() -> str:
    """The language of this answer, such as `de`."""
    locale = flask_babel.get_locale()
    return str(locale.language) if locale else LANGUAGES[0]


def _wanted() -> str:
    if request.blueprint not in _FOR_PEOPLE:
        return LANGUAGES[0]
    return request.accept_languages.best_match(LANGUAGES, LANGUAGES[0]) or LANGUAGES[0]
