"""The catalogue's second part: reasons that are kept with an integration's state, and what the checks find."""

from __future__ import annotations

from app.web.words.entry import ENABLE, Entry
from app.web.words.language import N_

FINDINGS: tuple[Entry, ...] = (
    # What is said in a state's reason
    Entry("paused", "Paused by an SEI admin.", N_("An SEI admin paused it."), N_("Resume it on the Settings tab.")),
    Entry(
        "disabled",
        "A Jira admin disabled the app. Work goes on when it is enabled again in Manage apps.",
        N_("A Jira admin disabled the app."),
        N_("Have it enabled again under Manage apps; reading goes on by itself."),
    ),
    Entry("erasing", "Its data is being erased.", N_("Its data is being erased."), N_("Nothing; it goes by itself.")),
    Entry(
        "unpaired",
        "A Jira admin disconnected the site. Generate a new key to connect it again.",
        N_("A Jira admin disconnected the site."),
        N_("Generate a new one-time password to connect it again."),
    ),
    Entry(
        "uninstalled",
        "The app was uninstalled from Jira. Install it again and generate a new key.",
        N_("The app was uninstalled from Jira."),
        N_("Have it installed again, then generate a new one-time password."),
    ),
    Entry(
        "replaced",
        "A Jira admin paired the site with another integration.",
        N_("A Jira admin paired the site with another integration."),
        N_("Ask the Jira admin which one should stay; a new one-time password takes it back."),
    ),
    Entry(
        "rows_missing",
        "{missing} of {expected} {entity} rows are missing; they are fetched again.",
        N_("%(missing)s of %(expected)s rows are missing."),
        N_("Nothing; they are fetched again."),
    ),
    Entry(
        "rows_hidden",
        "{missing} of {expected} {entity} rows are missing; the site does not send them.",
        N_("%(missing)s of %(expected)s rows are missing, and the site does not send them."),
        N_(
            "They are probably hidden from the app: ask a Jira admin to let it browse all projects and security levels."
        ),
    ),
    Entry(
        "rows_unreadable",
        "{missing} of {expected} {entity} rows are missing; {parked} could not be read.",
        N_("%(missing)s of %(expected)s rows are missing, since Jira's records could not be read."),
        N_("Look at what was left out on the Activity tab, and tell whoever runs SEI Connect."),
    ),
    Entry(
        "parts_unread",
        "{parts} parts of the site could not be read.",
        N_("%(parts)s parts of the site could not be read."),
        N_("Look at the error log on the Activity tab, then sync the integration again."),
    ),
    Entry(
        "refused",
        "Jira refuses us: {why}",
        N_("Jira refuses the app."),
        N_("Ask a Jira admin to enable the app under Manage apps, or to install it again."),
    ),
    # What the checks of "Validate connection" find
    Entry(
        "not_paired_yet",
        "No Jira site has used the key yet. In Jira, open Apps, choose “Harness SEI configuration” and paste it.",
        N_("No Jira site has used the key yet."),
        N_("In Jira, open Apps, choose “Harness SEI configuration” and paste the key."),
    ),
    Entry("is_paired", "Paired with {site}.", N_("Paired with %(site)s."), ""),
    Entry("answers", "Jira {version} answers ({kind}).", N_("Jira answers (%(kind)s, version %(version)s)."), ""),
    Entry(
        "signs",
        "Jira takes our signature; we read as “{name}”.",
        N_("Jira takes the app's signature and knows it as “%(name)s”."),
        "",
    ),
    Entry("sees_projects", "{count} projects are visible.", N_("%(count)s projects are visible to the app."), ""),
    Entry(
        "sees_nothing",
        "No project is visible to the app. Ask a Jira admin to let the app browse projects.",
        N_("No project is visible to the app."),
        N_("Ask a Jira admin to let the app browse projects."),
    ),
    Entry("reads_emails", "E-mail addresses may be read.", N_("E-mail addresses may be read."), ""),
    Entry(
        "no_emails",
        "Atlassian has not approved e-mail access for the app; people are told apart by account id.",
        N_("Atlassian has not approved e-mail access for the app."),
        N_("Nothing: people are told apart by their account ids, and everything else works."),
    ),
    Entry(
        "inactive_site",
        "The app is not active on this site. Ask a Jira admin to enable or install the app again.",
        N_("The app is not active on this site."),
        ENABLE,
    ),
    Entry(
        "unreachable",
        "{failure} Check that the site is up and, if it limits addresses, that ours are on its allow-list.",
        N_("The site does not answer as it should."),
        N_("Check that the site is up and, if it limits addresses, that ours are on its allow-list."),
    ),
    Entry(
        "refused",
        "{failure} Ask a Jira admin to open Manage apps and enable the app, or to install it again.",
        N_("Jira refuses the app."),
        ENABLE,
    ),
    Entry(
        "no_browsing",
        "{failure} Ask a Jira admin to let the app browse projects.",
        N_("Jira does not let the app look for projects."),
        N_("Ask a Jira admin to let the app browse projects."),
    ),
    Entry(
        "not_answered", "Jira answered {status}.", N_("Jira did not answer as expected."), N_("Try again in a minute.")
    ),
    Entry("held_back", "Held back: {why}.", N_("Jira asked the app to slow down."), N_("Try again in a minute.")),
)
