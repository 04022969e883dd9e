"""Conditions of an integration: the reasons of its state."""

from __future__ import annotations

from app.conditions import Code
from app.web.words.entry import ENABLE, Entry
from app.web.words.language import N_

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
