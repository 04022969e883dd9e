"""Names for people: entities, checks, and what stopped a walk."""

from __future__ import annotations

from typing import NamedTuple

from app.web.words.language import N_

ENTITIES: dict[str, str] = {
    "issue": N_("Issues"),
    "changelog": N_("Changes of issues"),
    "comment": N_("Comments"),
    "worklog": N_("Worklogs"),
    "issue_link": N_("Issue links"),
    "remote_link": N_("Remote links"),
    "attachment": N_("Attachments (names only)"),
    "sprint": N_("Sprints"),
    "board": N_("Boards"),
    "board_issue": N_("Issues on boards"),
    "board_configuration": N_("Settings of boards"),
    "project": N_("Projects"),
    "component": N_("Components"),
    "version": N_("Versions"),
    "status": N_("Statuses"),
    "issue_type": N_("Issue types"),
    "priority": N_("Priorities"),
    "resolution": N_("Resolutions"),
    "field": N_("Fields"),
    "user": N_("People"),
}


JOBS: dict[str, str] = {
    "plan": N_("Planning"),
    "backfill": N_("Reading the site"),
    "verify": N_("Verifying"),
    "webhooks": N_("Applying webhooks"),
    "reread": N_("Reading again"),
    "purge": N_("Erasing"),
}
"""Jobs that leave a line in a site's activity."""
RESULTS: dict[str, tuple[str, str]] = {
    "running": (N_("running"), "busy"),
    "done": (N_("done"), "good"),
    "put off": (N_("put off"), "warn"),
    "failed": (N_("failed"), "bad"),
    "killed": (N_("killed"), "bad"),
}
"""How a run ends, and its look."""
CAUSES: dict[str, str] = {
    "unknown": N_("not known yet"),
    "deleted": N_("deleted in Jira"),
    "moved": N_("moved"),
    "archived": N_("archived"),
    "hidden": N_("hidden from the app"),
    "permission lost": N_("the app may no longer browse its project"),
    "not indexed yet": N_("Jira's search has not caught up"),
}
"""Why a sweep did not see an issue."""


class CheckWords(NamedTuple):
    """A check of the pre-flight: its name and what it asks."""

    name: str
    asks: str


CHECKS: dict[str, CheckWords] = {
    "paired": CheckWords(N_("Paired"), N_("A Jira admin has pasted the one-time password on the site.")),
    "reachable": CheckWords(N_("Reachable"), N_("The site answers the app over the network.")),
    "credential": CheckWords(N_("Signature"), N_("Jira takes what the app signs in the site's name.")),
    "projects": CheckWords(N_("Projects"), N_("The app may browse at least one project.")),
    "emails": CheckWords(N_("E-mail addresses"), N_("The app may read people's e-mail addresses. Optional.")),
}


class StopWords(NamedTuple):
    """Why a part of the site was not read, and what to do about it."""

    says: str
    do: str


STOPS: dict[str, StopWords] = {
    "rate limited": StopWords(
        N_("Jira asked the app to slow down."),
        N_("Nothing; the app comes back at the time that Jira named."),
    ),
    "unreachable": StopWords(
        N_("The site did not answer."),
        N_("The app tries again by itself. If it goes on, check that the site is up and that its allow-list names us."),
    ),
    "refused": StopWords(
        N_("Jira refused the app."),
        N_("Ask a Jira admin to enable the app under Manage apps, or to install it again."),
    ),
    "not found": StopWords(
        N_("What was to be read is not there any more, or is hidden from the app."),
        N_("If it should be there, ask a Jira admin to let the app browse it."),
    ),
    "rejected": StopWords(
        N_("Jira does not offer this here."),
        N_(
            "Nothing for some things, such as sprints of a board without sprints; otherwise sync the integration again."
        ),
    ),
    "page token expired": StopWords(
        N_("Jira forgot how far the reading was."),
        N_("Nothing; the app reads this part again."),
    ),
    "endless walk": StopWords(
        N_("Jira's lists led in a circle."),
        N_("Nothing; the app reads this part again from its beginning."),
    ),
    "unreadable answer": StopWords(
        N_("Jira's answer could not be read."),
        N_("Nothing; the app reads this part again. If it goes on, look for a proxy that changes answers."),
    ),
}
OTHER_STOP = StopWords(
    N_("This part could not be read completely."),
    N_("The app tries again by itself; sync the integration if it goes on."),
)


def stop_of(problem: str) -> StopWords:
    """The words for a chunk's problem, which begins with what Jira did."""
    return STOPS.get(problem.partition(":")[0], OTHER_STOP)
