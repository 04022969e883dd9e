"""One entry of the catalogue of conditions."""

from __future__ import annotations

from typing import NamedTuple

from app.web.words.language import N_

ENABLE = N_("Ask a Jira admin to enable the app under Manage apps, or to install it again.")
"""The remedy of most refusals."""


class Entry(NamedTuple):
    """The words for one code, with `%(parameters)s` in them."""

    sentence: str
    """For programs, in English; where pages show it as a detail, it is marked for translation."""
    notice: str = ""
    """For people; empty where only programs and details have the code."""
    remedy: str = ""
