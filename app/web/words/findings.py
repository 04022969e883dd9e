"""Conditions of an integration: the reasons of its state, and the findings of “Validate connection”."""

from __future__ import annotations

from app.conditions import Code
from app.web.words.entry import ENABLE, Entry
from app.web.words.language import N_

_IN_A_MINUTE = N_("Try again in a minute.")
_ALLOW_LIST = N_("Check that the site is up and, if it limits addresses, that ours are on its allow-list.")
_LET_IT_BROWSE = N_("Ask a Jira admin to let the app browse projects.")
_SETTLE = N_("Name the right field on the Settings tab, or leave it as it is.")
_CATCH_UP = N_("Nothing; the app catches up by itself.")

REASONS: dict[Code, Entry] = {
    Code.PAUSED: Entry("Paused by an SEI admin.", N_("An SEI admin paused it."), N_("Resume it on the Settings tab.")),
    Code.ERASING: Entry(
        "Its data is being erased.", N_("Its data is being erased."), N_("Nothing; it goes by itself.")
    ),
    Code.UNPAIRED: Entry(
        "A Jira admin disconnected the site. Generate a new key to connect it again.",
        N_("A Jira admin disconnected the site."),
        N_("Generate a new one-time password to connect it again."),
    ),
    Code.APP_DISABLED: Entry(
        "A Jira admin disabled the app. Work goes on when it is enabled again in Manage apps.",
        N_("A Jira admin disabled the app."),
        N_("Have it enabled again under Manage apps; reading goes on by itself."),
    ),
    Code.UNINSTALLED: Entry(
        "The app was uninstalled from Jira. Install it again and generate a new key.",
        N_("The app was uninstalled from Jira."),
        N_("Have it installed again, then generate a new one-time password."),
    ),
    Code.REPLACED: Entry(
        "A Jira admin paired the site with another integration.",
        N_("A Jira admin paired the site with another integration."),
        N_("Ask the Jira admin which one should stay; a new one-time password takes it back."),
    ),
    Code.JIRA_REFUSES: Entry("Jira refuses us: %(why)s", N_("Jira refuses the app."), ENABLE),
    Code.SIGNATURE_REFUSED: Entry(
        "Jira does not take the app's signature any more. Have the app enabled or installed again in Jira.",
        N_("Jira does not take the app's signature any more."),
        ENABLE,
    ),
    Code.TOKEN_REFUSED: Entry(
        "Jira does not take the API token any more: it has ended, was revoked, or its account was closed. Give another one.",
        N_("Jira does not take the API token any more: it has ended, was revoked, or its account was closed."),
        N_(
            "Give the integration another token, on its page under “Give another token”. If Jira takes this one again, work"
            " goes on by itself."
        ),
    ),
    Code.LICENCE_LAPSED: Entry(
        "The licence of the app has lapsed on this site. Ask a Jira admin to renew it in Manage apps.",
        N_("The licence of the app has lapsed on this site."),
        N_("Ask a Jira admin to renew it in Manage apps."),
    ),
    Code.ROWS_REFETCHED: Entry(
        "%(rows)s are missing; they are fetched again.",
        N_("%(missing)s of %(expected)s rows are missing."),
        N_("Nothing; they are fetched again."),
    ),
    Code.ROWS_HIDDEN: Entry(
        "%(rows)s are missing; the site does not send them.",
        N_("%(missing)s of %(expected)s rows are missing, and the site does not send them."),
        N_(
            "They are probably hidden from the app: ask a Jira admin to let it browse all projects and security levels."
        ),
    ),
    Code.ROWS_UNREADABLE: Entry(
        "%(rows)s are missing; %(records)s could not be read.",
        N_("%(missing)s of %(expected)s rows are missing, since Jira's records could not be read."),
        N_("Look at what was left out on the Activity tab, and tell whoever runs SEI Connect."),
    ),
    Code.ROWS_LEFT_OVER: Entry(
        "%(surplus)s more rows are stored than Jira counts; they are read again.",
        N_("%(surplus)s more rows are stored than Jira counts."),
        N_("Nothing; they are read again."),
    ),
    Code.PARTS_UNREAD: Entry(
        "Everything is verified but %(parts)s parts of the site that can't be read.",
        N_("Everything is verified but %(parts)s parts of the site that can't be read."),
        N_("Look at “Not readable” on the Data tab for each part, its reason and what to do."),
    ),
    Code.PROJECT_LOST: Entry(
        "The app can no longer see %(project)s; what is stored of it stays as it is. Let the app browse it again.",
        N_("The app can no longer see the project %(project)s; what is stored of it stays as it is."),
        N_("Ask a Jira admin to let the app browse it again."),
    ),
    Code.PROJECTS_LOST: Entry(
        "The app can no longer see %(project)s and %(others)s more; what is stored of it stays as it is. Let the app browse"
        " it again.",
        N_(
            "The app can no longer see the project %(project)s and %(others)s more; what is stored of them stays as it is."
        ),
        N_("Ask a Jira admin to let the app browse them again."),
    ),
    Code.PROJECT_OUT_OF_SIGHT: Entry("The app can no longer see %(project)s."),
    Code.POLL_LATE: Entry(
        "The last poll that ended was %(age)s ago.", N_("The last poll ended %(age)s ago."), _CATCH_UP
    ),
    Code.CHANGE_LATE: Entry(
        "A change that Jira told of %(age)s ago is not applied yet.",
        N_("A change that Jira reported %(age)s ago is not applied yet."),
        _CATCH_UP,
    ),
    Code.REREAD_LATE: Entry(
        "A change that a poll or a sweep found %(age)s ago is not applied yet.",
        N_("A change that a poll or a sweep found %(age)s ago is not applied yet."),
        _CATCH_UP,
    ),
    Code.JOB_LATE: Entry(
        "The job %(job)s has been due for %(age)s.", N_("The job “%(job)s” has been due for %(age)s."), _CATCH_UP
    ),
    Code.LIST_LATE: Entry(
        "The oldest list of %(entity)s rows should have been read again %(age)s ago.",
        N_("The oldest list of %(entity)s rows should have been read again %(age)s ago."),
        _CATCH_UP,
    ),
}
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
    Code.TAKES_SIGNATURE: Entry(
        "Jira takes our signature; we read as “%(name)s”.",
        N_("Jira takes the app's signature and knows it as “%(name)s”."),
    ),
    Code.SEES_PROJECTS: Entry("%(count)s projects are visible.", N_("%(count)s projects are visible to the app.")),
    Code.SEES_NO_PROJECT: Entry(
        "No project is visible to the app. Ask a Jira admin to let the app browse projects.",
        N_("No project is visible to the app."),
        _LET_IT_BROWSE,
    ),
    Code.READS_EMAILS: Entry("E-mail addresses may be read.", N_("E-mail addresses may be read.")),
    Code.NO_EMAILS: Entry(
        "Atlassian has not approved e-mail access for the app; people are told apart by account id.",
        N_("Atlassian has not approved e-mail access for the app."),
        N_("Nothing: people are told apart by their account ids, and everything else works."),
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
        ENABLE,
    ),
    Code.CANNOT_BROWSE: Entry(
        "%(why)s Ask a Jira admin to let the app browse projects.",
        N_("Jira does not let the app look for projects."),
        _LET_IT_BROWSE,
    ),
    Code.EMAILS_UNKNOWN: Entry("%(why)s", N_("Jira did not answer as expected."), _IN_A_MINUTE),
    Code.EMAILS_HELD_BACK: Entry("%(why)s", N_("Jira asked the app to slow down."), _IN_A_MINUTE),
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
