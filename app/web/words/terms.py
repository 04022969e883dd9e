"""Names for people: columns, jobs, results, causes and checks. An entity has its label in the catalogue."""

from __future__ import annotations

from typing import NamedTuple

from app.web.words.language import N_

COLUMNS: dict[str, str] = {
    "activated": N_("time of activation"),
    "assignee_id": N_("assignee"),
    "author_id": N_("author"),
    "body": N_("text"),
    "complete": N_("time of completion"),
    "created": N_("time of creation"),
    "creator_id": N_("creator"),
    "description": N_("description"),
    "due": N_("due date"),
    "end": N_("end"),
    "key": N_("key"),
    "labels": N_("labels"),
    "name": N_("name"),
    "priority_id": N_("priority"),
    "release_date": N_("release date"),
    "reporter_id": N_("reporter"),
    "resolved": N_("time of resolution"),
    "seconds": N_("time spent"),
    "sprint_ids": N_("sprints"),
    "start": N_("start"),
    "start_date": N_("start date"),
    "started": N_("start"),
    "status_id": N_("status"),
    "story_points": N_("story points"),
    "summary": N_("summary"),
    "time_original_seconds": N_("original estimate"),
    "time_remaining_seconds": N_("remaining estimate"),
    "time_spent_seconds": N_("time spent"),
    "updated": N_("time of the last change"),
}
"""Columns with a name of their own in sentences; the others go by the feed's."""
JOBS: dict[str, str] = {
    "plan": N_("Planning"),
    "settings": N_("Applying the settings"),
    "backfill": N_("Reading the site"),
    "verify": N_("Verifying"),
    "webhooks": N_("Applying webhooks"),
    "reread": N_("Reading again"),
    "exclude": N_("Removing excluded text"),
    "purge": N_("Erasing"),
}
"""Jobs that leave a line in a site's activity."""
TEXTS: dict[str, str] = {
    "summary": N_("titles"),
    "description": N_("descriptions"),
    "comment": N_("comments"),
    "worklog_comment": N_("comments of worklogs"),
}
"""The texts of issues that an SEI admin may exclude."""
MEANINGS: dict[str, str] = {
    "story_points": N_("story points"),
    "sprint": N_("sprints"),
    "epic": N_("the epic"),
    "start_date": N_("the start date"),
    "due_date": N_("the due date"),
    "team": N_("the team"),
    "flagged": N_("the flag"),
}
"""Kinds of fields that each site has under ids of its own."""
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
    "out of scope": N_("left out by the settings"),
}
"""Why a sweep did not see an issue."""
BRIEF_CAUSES: dict[str, str] = {
    "unknown": N_("unknown"),
    "deleted": N_("deleted"),
    "moved": N_("moved"),
    "archived": N_("archived"),
    "hidden": N_("hidden"),
    "permission lost": N_("permission lost"),
    "not indexed yet": N_("not indexed yet"),
    "out of scope": N_("out of scope"),
}
"""The same beside a count, in a site's activity."""


class CheckWords(NamedTuple):
    """A check of the pre-flight: its name and its question."""

    name: str
    question: str


CHECKS: dict[str, CheckWords] = {
    "paired": CheckWords(N_("Paired"), N_("A Jira admin has pasted the one-time password on the site.")),
    "reachable": CheckWords(N_("Reachable"), N_("The site answers over the network.")),
    "credential": CheckWords(N_("Credential"), N_("Jira takes the app's signature, or the token.")),
    "account": CheckWords(N_("Account"), N_("The token is a service account's. Optional.")),
    "projects": CheckWords(N_("Projects"), N_("At least one project may be browsed.")),
    "users": CheckWords(N_("People"), N_("People may be looked up. Optional.")),
    "emails": CheckWords(N_("E-mail addresses"), N_("People's e-mail addresses may be read. Optional.")),
    "aggregates": CheckWords(N_("Aggregated data"), N_("Aggregated data may be viewed. Optional.")),
    "boards": CheckWords(N_("Boards"), N_("Boards and sprints of Jira Software may be read. Optional.")),
    "issues": CheckWords(N_("Issues"), N_("Jira counts its issues. Optional.")),
    "bulk": CheckWords(N_("Bulk endpoints"), N_("Issues may be read a hundred at a time. Optional.")),
    "time_tracking": CheckWords(N_("Time tracking"), N_("Work is logged and estimated. Optional.")),
    "time_zone": CheckWords(N_("Time zone"), N_("The account has a time zone. Optional.")),
    "clock": CheckWords(N_("Clock"), N_("The site's clock and ours agree. Optional.")),
    "points": CheckWords(N_("Points"), N_("Jira's points of this hour are not used up. Optional.")),
    "chosen_projects": CheckWords(N_("Chosen projects"), N_("The projects of the settings are in sight. Optional.")),
    "query": CheckWords(N_("JQL"), N_("Jira takes the JQL of the settings. Optional.")),
    "fields": CheckWords(N_("Fields"), N_("It is clear which fields hold story points, sprints and others. Optional.")),
}
