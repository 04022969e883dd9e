"""The difference of a site's clock from ours, in words."""

from __future__ import annotations

from datetime import timedelta

from app.web.words.language import gettext

_NOTABLE = timedelta(seconds=60)
"""Smaller differences are the age of an answer."""


def skew_words(skew: timedelta) -> str:
    """A sentence about a notable difference; empty for a small one. `skew` is the site's clock less ours."""
    if abs(skew) <= _NOTABLE:
        return ""
    minutes = round(abs(skew) / timedelta(minutes=1))
    if skew > timedelta():
        return gettext("The site's clock is %(minutes)s minutes ahead of ours.", minutes=minutes)
    return gettext("The site's clock is %(minutes)s minutes behind ours.", minutes=minutes)
