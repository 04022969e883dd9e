"""The states of an integration, each with its meaning and advice; docs/glossary.md has the same; a test compares.

Also the difference of a site's clock from ours, which the Overview tells beside the state.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from app.integrations.model import State
from app.web.words.language import N_, gettext

_NOTABLE_SKEW = timedelta(seconds=60)
"""Smaller differences are the age of an answer."""


class StateWords(NamedTuple):
    """One state for people: its name, a sentence on its meaning, a sentence of advice."""

    name: str
    meaning: str
    advice: str


STATES: dict[State, StateWords] = {
    State.PENDING: StateWords(
        N_("Pending"),
        N_("The integration waits for a Jira admin to paste its one-time password."),
        N_("Hand the one-time password over; generate a new one if it has run out."),
    ),
    State.BACKFILLING: StateWords(
        N_("Backfilling"),
        N_("The whole site is being read for the first time, or once more."),
        N_("Nothing; the figures grow by themselves."),
    ),
    State.HEALTHY: StateWords(
        N_("Healthy"),
        N_("Everything on the site was read and verified, and changes arrive within seconds."),
        N_("Nothing."),
    ),
    State.DELAYED: StateWords(
        N_("Delayed"),
        N_("Changes arrive later than they should."),
        N_("Nothing; the app catches up by itself."),
    ),
    State.NEEDS_ATTENTION: StateWords(
        N_("Needs attention"),
        N_("Something keeps the app from reading the whole site."),
        N_("Read the reason beside it and do what it says."),
    ),
    State.PAUSED: StateWords(
        N_("Paused"),
        N_("An SEI admin has stopped the reading; what was read stays."),
        N_("Resume it on the Settings tab when it should go on."),
    ),
    State.DISCONNECTED: StateWords(
        N_("Disconnected"),
        N_("No Jira site is paired with this integration any more; what was read is erased after 30 days."),
        N_("Generate a new one-time password and have a Jira admin paste it."),
    ),
    State.DELETING: StateWords(
        N_("Deleting"),
        N_("The integration and its data are being erased."),
        N_("Nothing; it goes by itself."),
    ),
}
LOOKS: dict[State, str] = {
    State.PENDING: "quiet",
    State.BACKFILLING: "busy",
    State.HEALTHY: "good",
    State.DELAYED: "warn",
    State.NEEDS_ATTENTION: "bad",
    State.PAUSED: "quiet",
    State.DISCONNECTED: "quiet",
    State.DELETING: "quiet",
}
"""How a state is coloured; the word always stands beside the colour."""


def skew_words(skew: timedelta) -> str:
    """A sentence about a notable difference; empty for a small one. `skew` is the site's clock less ours."""
    if abs(skew) <= _NOTABLE_SKEW:
        return ""
    minutes = round(abs(skew) / timedelta(minutes=1))
    if skew > timedelta():
        return gettext("The site's clock is %(minutes)s minutes ahead of ours.", minutes=minutes)
    return gettext("The site's clock is %(minutes)s minutes behind ours.", minutes=minutes)
