"""Conditions of errors that are raised while a person waits for the answer."""

from __future__ import annotations

from app.conditions import Code
from app.web.words.entry import ENABLE, Entry
from app.web.words.language import N_
from app.web.words.people import PEOPLE

_ASK_AN_ADMIN = N_("Ask a Jira administrator to open this page, or to make you one.")
_RETRY = N_("Try again in a moment. If it goes on, tell whoever runs SEI Connect.")
_RELOAD = N_("Reload the page and try again.")
_CONNECT = N_("Generate a one-time password and have a Jira admin paste it first.")
_TROUBLE = N_("SEI Connect has trouble of its own.")
_NO_CONNECTION = N_("This is not connected to a site.")

_PERMISSION: dict[Code, Entry] = {
    Code.NOT_ADMINISTRATOR: Entry(
        "Only Jira administrators can do this. Ask one to open this page.",
        N_("Only Jira administrators can do this."),
        _ASK_AN_ADMIN,
    ),
    Code.NOT_SIGNED_IN: Entry(
        "Only Jira administrators can do this. Sign in to Jira with an administrator's account.",
        N_("Jira does not say who you are."),
        N_("Sign in to Jira with an administrator's account and open this page again."),
    ),
    Code.CANNOT_CHECK: Entry(
        "Jira does not let the app check permissions on this site.",
        N_("Jira does not let the app check whether you are an administrator."),
        ENABLE,
    ),
    Code.CANNOT_ASK_JIRA: Entry(
        "Jira cannot confirm right now that you are an administrator.",
        N_("Jira cannot confirm right now that you are an administrator."),
        N_("Try again in a minute."),
    ),
    Code.UNPROVEN: Entry(
        "Authentication failed.",
        N_("Your session has ended, or this page was not opened from Jira."),
        N_("Reload the Jira page, or open the app from Jira's Apps menu."),
    ),
    Code.PAGE_TOO_OLD: Entry(
        "This page is too old. Reload it and try again.", N_("This page has been open for too long."), _RELOAD
    ),
    Code.UNKNOWN_API_KEY: Entry(
        "This API key is not known. Check that it was copied whole.",
        N_("This API key is not known."),
        N_("Check that it was copied whole and has not been revoked."),
    ),
    Code.SIGN_IN_FAILED: Entry(
        "Signing in did not work. Try again.",
        N_("Signing in through your organisation did not work."),
        N_("Try again. If it goes on, sign in with an API key or tell whoever runs SEI Connect."),
    ),
    Code.NO_ACCOUNT: Entry(
        "Your organisation's sign-in names no SEI account.",
        N_("You are signed in, but no SEI account is yours."),
        N_("Ask whoever runs SEI Connect to give you one."),
    ),
    Code.PROVIDER_AWAY: Entry(
        "The sign-in provider does not answer.",
        N_("Your organisation's sign-in does not answer."),
        N_("Try again in a minute, or sign in with an API key."),
    ),
}
_ONE_TIME_PASSWORD: dict[Code, Entry] = {
    # One code for a wrong, a used and an expired key: a guesser learns nothing from it.
    Code.KEY_REFUSED: Entry(
        "This key is wrong, was used already, or has expired. Ask your SEI admin for a new one.",
        N_("This key is wrong, was used already, or has expired."),
        N_("Compare it with the key in SEI, sign by sign. If it is the same, ask your SEI admin for a new one."),
    ),
    Code.SITE_PAIRED: Entry(
        "This site is already paired with “%(name)s”. Confirm to replace it.",
        N_("This site is already paired with “%(name)s”."),
        N_("Keep that connection, or replace it: then “%(name)s” gets no more data from this site."),
    ),
    Code.SITE_READ_BY_TOKEN: Entry(
        "“%(name)s” reads this site with an API token. Disconnect it on this page first; what it read is erased then.",
        N_("“%(name)s” reads this site with an API token."),
        N_("Disconnect it on this page first; what it read is erased then. After that, use the key."),
    ),
    Code.INTEGRATION_PAIRED: Entry(
        "This key's integration is already paired with another site. Confirm to move it here.",
        N_("This key's integration is already paired with another Jira site."),
        N_("Leave it there, or move it here: then the other site is disconnected."),
    ),
    Code.BEING_ERASED: Entry(
        "The site's former connection is being erased. Try again in a few minutes.",
        N_("The site's former connection is still being erased."),
        N_("Try again in a few minutes with the same key, or ask for a new one."),
    ),
    Code.TOO_MANY_TRIES: Entry(
        "Too many tries. Try again in %(minutes)s minutes.",
        N_("Too many keys were tried."),
        N_("Wait %(minutes)s minutes, then ask your SEI admin for a new key."),
    ),
    Code.TOO_MANY_KEYS: Entry(
        "Too many one-time passwords were generated. Try again in %(minutes)s minutes.",
        N_("Too many one-time passwords were generated."),
        N_("Wait %(minutes)s minutes and generate another one."),
    ),
    Code.TOO_MANY_TOKENS: Entry(
        "Too many API tokens were tried. Try again in %(minutes)s minutes.",
        N_("Too many API tokens were tried."),
        N_("Wait %(minutes)s minutes and try again with the right one."),
    ),
    Code.TOO_MANY_SIGN_INS: Entry(
        "Too many tries to sign in. Try again in %(minutes)s minutes.",
        N_("Too many tries to sign in."),
        N_("Wait %(minutes)s minutes and try again."),
    ),
    Code.NO_KEY_NEEDED: Entry(
        "This integration does not connect through the Jira app, so it needs no one-time password.",
        N_("This integration does not connect through the Jira app."),
        N_("It needs no one-time password; look at its Settings tab."),
    ),
}
_TOKENS: dict[Code, Entry] = {
    Code.BAD_SITE_ADDRESS: Entry(
        "The address is not that of a Jira site, such as https://acme.atlassian.net.",
        N_("This is not the address of a Jira site."),
        N_("Copy it from the browser while Jira is open; it looks like https://acme.atlassian.net."),
    ),
    Code.BAD_EMAIL: Entry(
        "The e-mail address is none.",
        N_("This is not an e-mail address."),
        N_("Give the address that the token's account signs in to Atlassian with."),
    ),
    Code.BAD_TOKEN: Entry(
        "The token is empty or too long.",
        N_("There is no token."),
        N_("Copy the token from Atlassian when it is made; it is shown there only once."),
    ),
    Code.BAD_END: Entry(
        "The end of the token is not a day to come.",
        N_("The end of the token is not a day to come."),
        N_("Give the day that Atlassian shows beside the token, or leave it empty."),
    ),
    Code.SITE_NOT_LISTED: Entry(
        "%(host)s is not an address of Jira Cloud that this installation may call. Use the site's own address, which ends in"
        " .atlassian.net, not a custom domain.",
        N_("%(host)s is not an address of Jira Cloud."),
        N_(
            "Use the site's own address, which ends in .atlassian.net. A custom domain leads people to the site, but tokens"
            " work at its own address only."
        ),
    ),
    Code.CONNECTION_UNFIT: Entry(
        "A required check of the connection failed; nothing was stored. Each check says the next step.",
        N_("The connection was checked, and something that it needs is missing. Nothing was stored."),
        N_("Follow the step beside each failed check, then try again."),
    ),
    Code.APP_ABSENT: Entry(
        "The Jira app is not installed and enabled on this integration's site.",
        N_("The Jira app is not installed and enabled on this site."),
        N_("Ask a Jira admin to install or enable it, then try again; until then the token reads on."),
    ),
    Code.OTHER_SITE: Entry(
        "The token is for another site than %(site)s. Create another integration for it.",
        N_("The token is for another site than %(site)s."),
        N_("Use a token of %(site)s, or create another integration for the other site."),
    ),
}
_INTEGRATIONS: dict[Code, Entry] = {
    Code.NO_INTEGRATION: Entry(
        "There is no such integration.",
        N_("There is no such integration."),
        N_("It may have been deleted; look for it under Your integrations."),
    ),
    Code.NOT_PAIRED: Entry("This site is not paired.", N_("This site is not paired any more."), _RELOAD),
    Code.PAIRING_ENDED: Entry(
        "The pairing of this integration ended during the call. Ask again.",
        N_("This site is not paired any more."),
        _RELOAD,
    ),
    Code.NOT_WORKING: Entry(
        "The integration is not connected, or it is paused.",
        N_("The integration is not connected, or it is paused."),
        N_("Connect or resume it first."),
    ),
    Code.CANNOT_PAUSE: Entry("Only a connected integration can be paused.", _NO_CONNECTION, _CONNECT),
    Code.CANNOT_RESUME: Entry("Only a connected integration can be resumed.", _NO_CONNECTION, _CONNECT),
    Code.DELETING: Entry(
        "This integration is being deleted.", N_("This integration is being deleted."), N_("Create a new one.")
    ),
}
_FORMS: dict[Code, Entry] = {
    Code.BAD_NAME: Entry(
        "Give the integration a name of at most 200 characters.",
        N_("The integration needs a name."),
        N_("Give it one of at most 200 characters."),
    ),
    Code.BAD_TAGS: Entry(
        "Give at most 50 tags of at most 60 characters.",
        N_("These tags cannot be kept."),
        N_("Give at most 50 tags of at most 60 characters, separated by commas."),
    ),
    Code.BAD_DESCRIPTION: Entry(
        "Give a description of at most 2,000 characters.",
        N_("This description is too long."),
        N_("Give one of at most 2,000 characters."),
    ),
    Code.BAD_PROJECTS: Entry(
        "Projects are named by keys or ids.",
        N_("One of these is no project's key or id."),
        N_("Give keys as Jira shows them, such as ACME, separated by commas."),
    ),
    Code.BAD_JQL: Entry(
        "The JQL is not whole.",
        N_("The JQL is not whole: a bracket or a quotation mark has no partner."),
        N_("Copy it from Jira's own search, where it works."),
    ),
    Code.BAD_DAY: Entry(
        "The first day is no day.",
        N_("This is no day."),
        N_("Give a day such as 2025-01-31, or leave the field empty."),
    ),
    Code.BAD_TIME_ZONE: Entry(
        "The time zone is not known.",
        N_("The time zone is not known."),
        N_("Choose one from the list, such as Europe/Berlin."),
    ),
    Code.PLAN_UNKNOWN: Entry(
        "The work of this change can't be counted now: %(why)s",
        N_("Jira cannot be asked how much work this change makes."),
        N_("You may make the change all the same; it begins when Jira answers."),
    ),
    Code.BAD_FIELD: Entry(
        "A field's id has letters, digits and underscores only.",
        N_("One of these is no field's id."),
        N_("Give ids as Jira has them, such as customfield_10016, separated by commas."),
    ),
    Code.FORM_CUT: Entry("Send the form whole, with its length.", N_("The form did not arrive whole."), _RELOAD),
    Code.NOT_JSON: Entry("Send JSON.", N_("The page sent something that the server does not take."), _RELOAD),
    Code.KEY_MALFORMED: Entry(
        'Send {"otp": "…"} with the key you were given.',
        N_("This is no key."),
        N_("Paste the key that your SEI admin gave you, and nothing else."),
    ),
    Code.TOO_MANY_CALLS: Entry(
        "Too many calls. Slow down.", N_("This page was asked for too often."), N_("Wait a minute.")
    ),
    Code.NO_PAGE: Entry("%(text)s", N_("There is no such page."), N_("Go back to Your integrations.")),
    Code.BODY_TOO_LARGE: Entry("%(text)s", N_("That is too much at once."), N_("Shorten it and try again.")),
}
_SERVERS: dict[Code, Entry] = {
    Code.APP_INACTIVE: Entry(
        N_("The app is not active on this site."), N_("The app is not active on this site."), ENABLE
    ),
    Code.JIRA_FAILED: Entry(
        "Jira cannot be asked right now. Try again in a minute.",
        N_("Jira cannot be asked right now."),
        N_("Try again in a minute."),
    ),
    Code.REDIS_AWAY: Entry(N_("Redis does not answer."), _TROUBLE, _RETRY),
    Code.DATABASE_AWAY: Entry(N_("The database does not answer."), _TROUBLE, _RETRY),
    Code.DATABASE_LOST: Entry(N_("The database connection was lost."), _TROUBLE, _RETRY),
    Code.OUT_OF_ORDER: Entry("Something of ours is out of order.", _TROUBLE, _RETRY),
    Code.NO_RAW_LINE: Entry(
        "This server does not pass the raw request line on; run the app under gunicorn.", _TROUBLE, _RETRY
    ),
    Code.UNEXPECTED: Entry(
        "We noted this as %(incident)s.",
        N_("Something went wrong that should not."),
        N_("Try again. If it goes on, tell whoever runs SEI Connect this number: %(incident)s"),
    ),
}
GENERAL = Entry("%(text)s", N_("That did not work."), _RELOAD)
"""The words for conditions without a notice of their own."""
REFUSALS: dict[Code, Entry] = {
    Code.OTHER: GENERAL,
    **_PERMISSION,
    **_ONE_TIME_PASSWORD,
    **_TOKENS,
    **_INTEGRATIONS,
    **_FORMS,
    **_SERVERS,
    **PEOPLE,
}
