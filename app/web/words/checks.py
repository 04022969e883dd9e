"""The findings of “Validate connection”."""

from __future__ import annotations

from app.conditions import Code
from app.web.words.entry import ENABLE, Entry
from app.web.words.language import N_

_ALLOW_LIST = N_("Check that the site is up and, if it limits addresses, that ours are on its allow-list.")
_LET_IT_BROWSE = N_("Ask a Jira admin to let the app, or the account of the token, browse projects.")
_SETTLE = N_("Name the right field on the Settings tab, or leave it as it is.")

CHECKS: dict[Code, Entry] = {
    Code.TOKEN_ENDS: Entry(
        "The API token ends within %(days)s days.",
        N_("The API token ends within %(days)s days."),
        N_("Make another one at Atlassian and give it to the integration before then; nothing is read twice."),
    ),
    Code.NOT_PAIRED_YET: Entry(
        "No Jira site has used the key yet. In Jira, open Apps, choose “Harness SEI configuration” and paste it.",
        N_("No Jira site has used the key yet."),
        N_("In Jira, open Apps, choose “Harness SEI configuration” and paste the key."),
    ),
    Code.IS_PAIRED: Entry("Paired with %(site)s.", N_("Paired with %(site)s.")),
    Code.ANSWERS: Entry("Jira %(version)s answers (%(kind)s).", N_("Jira answers (%(kind)s, version %(version)s).")),
    Code.ASKS_FOR_CREDENTIAL: Entry(
        "Jira answers and asks who we are.", N_("Jira answers, and asks for the credential.")
    ),
    Code.TAKES_SIGNATURE: Entry(
        "Jira takes our signature; we read as “%(name)s”.",
        N_("Jira takes the app's signature and knows it as “%(name)s”."),
    ),
    Code.TAKES_TOKEN: Entry(
        "Jira takes the token; we read as “%(name)s”.", N_("Jira takes the token and knows it as “%(name)s”.")
    ),
    Code.JQL_REFUSED: Entry(
        "Jira does not take the JQL of the settings: %(why)s",
        N_("Jira does not take the JQL. It says: “%(why)s”."),
        N_("Try the query in Jira's own search, signed in as the account behind this connection, and mend it here."),
    ),
    Code.JQL_TAKEN: Entry("Jira takes the JQL; %(count)s issues fit.", N_("Jira takes the JQL; %(count)s issues fit.")),
    Code.PROJECTS_CHOSEN: Entry(
        "All %(count)s chosen projects are in sight.", N_("All %(count)s chosen projects are in sight.")
    ),
    Code.PROJECTS_UNSEEN: Entry(
        "These chosen projects are not in sight: %(names)s.",
        N_("These chosen projects are not in sight: %(names)s."),
        N_("Ask a Jira admin to let the account browse them, or take them out of the settings."),
    ),
    Code.SERVICE_ACCOUNT: Entry(
        "“%(name)s” is a service account.", N_("“%(name)s” is a service account; it stays when people leave.")
    ),
    Code.PERSONAL_ACCOUNT: Entry(
        "“%(name)s” is a person's account; the token ends when the person leaves.",
        N_("“%(name)s” is a person's account; the token ends when the person leaves."),
        N_(
            "Make a service account at admin.atlassian.com, let it browse the projects, and give the integration a token of"
            " that account."
        ),
    ),
    Code.SEES_PROJECTS: Entry("%(count)s projects are visible.", N_("%(count)s projects are visible to the app.")),
    Code.SEES_NO_PROJECT: Entry(
        "No project is in sight. Ask a Jira admin to let it browse projects.",
        N_("No project is in sight."),
        _LET_IT_BROWSE,
    ),
    Code.READS_EMAILS: Entry("E-mail addresses may be read.", N_("E-mail addresses may be read.")),
    Code.NO_EMAILS: Entry(
        "Atlassian has not approved e-mail access for the app; people are told apart by account id.",
        N_("Atlassian has not approved e-mail access for the app."),
        N_("Nothing: people are told apart by their account ids, and everything else works."),
    ),
    Code.EMAILS_SHOWN: Entry(
        "E-mail addresses come as far as people show them to the account.",
        N_("E-mail addresses come as far as people show them to the account."),
    ),
    Code.SITE_INACTIVE: Entry(
        "%(why)s Ask a Jira admin to enable or install the app again.",
        N_("The app is not active on this site."),
        ENABLE,
    ),
    Code.SITE_UNREACHABLE: Entry(
        "%(why)s Check that the site is up and, if it limits addresses, that ours are on its allow-list.",
        N_("The site does not answer as it should."),
        _ALLOW_LIST,
    ),
    Code.SITE_REFUSES: Entry(
        "%(why)s Ask a Jira admin to open Manage apps and enable the app, or to install it again.",
        N_("Jira refuses the app."),
        N_(
            "Ask a Jira admin whether the app is enabled under Manage apps. If it is, have it installed again: that gives it a"
            " new secret, and what is stored stays."
        ),
    ),
    Code.CANNOT_BROWSE: Entry(
        "%(why)s Ask a Jira admin to let it browse projects.",
        N_("Jira does not let us look for projects."),
        _LET_IT_BROWSE,
    ),
    Code.SITE_NOT_JIRA: Entry(
        "%(why)s That is no answer of a Jira.",
        N_("Something answers at this address, but it is not Jira."),
        N_("Check the address: it must be that of the site itself, and Jira must be one of the site's apps."),
    ),
    Code.TOKEN_NOT_TAKEN: Entry(
        "%(why)s Jira does not take the token.",
        N_("Jira does not take the token with this e-mail address."),
        N_(
            "Check the e-mail address, or make another token at Atlassian: tokens end, and are revoked with their account."
        ),
    ),
    Code.TOKEN_UNSCOPED: Entry(
        "%(why)s It needs read:jira-user and read:jira-work.",
        N_("The token is good, but one of its scopes is missing."),
        N_(
            "Make another token with the scopes read:jira-user and read:jira-work, and the read scopes of Jira Software for"
            " boards and sprints."
        ),
    ),
    Code.NOT_ASKED: Entry(
        "Not answered: %(why)s",
        N_("Jira did not answer this question."),
        N_("Validate the connection again in a minute. If it stays, ask a Jira admin why Jira refuses the question."),
    ),
    Code.GRANTED: Entry("The permission is granted.", N_("The account has the permission.")),
    Code.SEES_NO_USERS: Entry(
        "The account may not look people up.",
        N_("The account may not look people up; some names stay account ids."),
        N_("Ask a Jira admin to give it the global permission “Browse users and groups”."),
    ),
    Code.SEES_NO_AGGREGATES: Entry(
        "The account may view aggregated data in no project.",
        N_("The account may view aggregated data in no project."),
        N_("Ask a project admin to add it to the permission “View aggregated data”. Issues are read without it."),
    ),
    Code.HAS_TIME_ZONE: Entry("The account's time zone is %(zone)s.", N_("The account's time zone is %(zone)s.")),
    Code.NO_TIME_ZONE: Entry(
        "The account has no time zone.",
        N_("Jira does not tell the account's time zone."),
        N_("Choose one in the account's Atlassian profile, under the preferences of the account."),
    ),
    Code.TRACKS_TIME: Entry("Time tracking is on.", N_("Time tracking is on.")),
    Code.TRACKS_NO_TIME: Entry(
        "Time tracking is off.",
        N_("Time tracking is off: there are no worklogs and no estimates."),
        N_("If they should be there, ask a Jira admin to switch time tracking on in Jira's settings."),
    ),
    Code.SEES_BOARDS: Entry("%(count)s boards are visible.", N_("%(count)s boards are in sight.")),
    Code.SEES_NO_BOARD: Entry(
        "No board is visible.",
        N_("No board is in sight, so there are no sprints."),
        N_("If there are boards, ask their owners to share the boards' filters with the account."),
    ),
    Code.NO_JIRA_SOFTWARE: Entry(
        "No boards: %(why)s",
        N_("Jira Software offers the account no boards."),
        N_("If the site has boards and sprints, ask a site admin to give the account access to the app Jira."),
    ),
    Code.READS_IN_BULK: Entry(
        "Whole issues come by the bulk endpoints.", N_("The bulk endpoints answer: issues are read by the fast plan.")
    ),
    Code.READS_BY_SEARCH: Entry(
        "Issues come by search: %(why)s",
        N_("Jira refuses a bulk endpoint: issues are read by search, which is slower and as complete."),
        N_("Make a token with the classic scope read:jira-work if speed matters."),
    ),
    Code.COUNTS_ISSUES: Entry(
        "Jira counts about %(count)s issues.", N_("Jira counts about %(count)s issues in the projects in sight.")
    ),
    Code.COUNTS_NO_ISSUES: Entry(
        "Jira doesn't count issues.",
        N_("Jira does not count issues here."),
        N_("Nothing: completeness is then proven by the ids of all issues, which takes longer."),
    ),
    Code.CLOCK_RIGHT: Entry("The clocks agree.", N_("The site's clock agrees with that of SEI Connect.")),
    Code.CLOCK_OFF: Entry(
        "The site's clock is %(seconds)s seconds off ours.",
        N_("The site's clock and that of SEI Connect are %(seconds)s seconds apart."),
        N_("Ask whoever runs SEI Connect to synchronise the clock of its servers (NTP)."),
    ),
    Code.POINTS_LEFT: Entry(
        "At least %(left)s of this hour's %(quota)s points are left.",
        N_("At least %(left)s of this hour's %(quota)s points are left."),
    ),
    Code.POINTS_SCARCE: Entry(
        "%(left)s of this hour's %(quota)s points are left.",
        N_("Only %(left)s of this hour's %(quota)s points are left."),
        N_("Nothing: reading goes on with the next full hour."),
    ),
    Code.FIELDS_CLEAR: Entry(
        "The site's own fields are clear.", N_("It is clear which fields hold points, sprints and others.")
    ),
    Code.FIELDS_SEVERAL: Entry(
        N_("Several fields hold %(meaning)s: %(fields)s. Each issue has the first with a value."),
        N_("Several fields hold %(meaning)s: %(fields)s. Each issue has the first with a value."),
        _SETTLE,
    ),
    Code.FIELD_ABSENT: Entry(
        N_("No field of the site holds %(meaning)s."), N_("No field of the site holds %(meaning)s."), _SETTLE
    ),
    Code.FIELD_GONE: Entry(
        N_("The field in the settings for %(meaning)s isn't there any more: %(fields)s."),
        N_("The field in the settings for %(meaning)s isn't there any more: %(fields)s."),
        _SETTLE,
    ),
}
