"""The catalogue's first part: what is raised while somebody waits for an answer."""

from __future__ import annotations

from app.web.words.entry import ENABLE, Entry
from app.web.words.language import N_

_ASK_AN_ADMIN = N_("Ask a Jira administrator to open this page, or to make you one.")
_AGAIN = N_("Try again in a moment. If it goes on, tell whoever runs SEI Connect.")
_RELOAD = N_("Reload the page and try again.")
_CONNECT = N_("Generate a one-time password and have a Jira admin paste it first.")
_TROUBLE = N_("SEI Connect has trouble of its own.")
_NOT_FOUND = N_("There is no such page.")

REFUSALS: tuple[Entry, ...] = (
    # Who may
    Entry(
        "not_administrator",
        "Only Jira administrators can do this. Ask one to open this page.",
        N_("Only Jira administrators can do this."),
        _ASK_AN_ADMIN,
    ),
    Entry(
        "not_administrator",
        "Only Jira administrators can do this.",
        N_("Only Jira administrators can do this."),
        _ASK_AN_ADMIN,
    ),
    Entry(
        "not_signed_in",
        "Only Jira administrators can do this. Sign in to Jira with an administrator's account.",
        N_("Jira does not say who you are."),
        N_("Sign in to Jira with an administrator's account and open this page again."),
    ),
    Entry(
        "cannot_check",
        "Jira does not let the app check permissions on this site.",
        N_("Jira does not let the app check whether you are an administrator."),
        ENABLE,
    ),
    Entry(
        "cannot_ask_jira",
        "Jira cannot confirm right now that you are an administrator.",
        N_("Jira cannot confirm right now that you are an administrator."),
        N_("Try again in a minute."),
    ),
    Entry(
        "session_expired",
        "Authentication failed.",
        N_("Your session has ended, or this page was not opened from Jira."),
        N_("Reload the Jira page, or open the app from Jira's Apps menu."),
    ),
    Entry(
        "page_too_old",
        "This page is too old. Reload it and try again.",
        N_("This page has been open for too long."),
        _RELOAD,
    ),
    # The one-time password
    Entry(
        "key_refused",
        "This key is wrong, was used already, or has expired. Ask your SEI admin for a new one.",
        N_("This key is wrong, was used already, or has expired."),
        N_("Compare it with the key in SEI, sign by sign. If it is the same, ask your SEI admin for a new one."),
    ),
    Entry(
        "site_paired",
        "This site is already paired with “{name}”. Confirm to replace it.",
        N_("This site is already paired with “%(name)s”."),
        N_("Keep that connection, or replace it: then “%(name)s” gets no more data from this site."),
    ),
    Entry(
        "integration_paired",
        "This key's integration is already paired with another site. Confirm to move it here.",
        N_("This key's integration is already paired with another Jira site."),
        N_("Leave it there, or move it here: then the other site is disconnected."),
    ),
    Entry(
        "being_erased",
        "The site's former connection is being erased. Try again in a few minutes.",
        N_("The site's former connection is still being erased."),
        N_("Try again in a few minutes with the same key, or ask for a new one."),
    ),
    Entry(
        "too_many_tries",
        "Too many tries. Try again in {minutes} minutes.",
        N_("Too many keys were tried."),
        N_("Wait %(minutes)s minutes, then ask your SEI admin for a new key."),
    ),
    Entry(
        "too_many_keys",
        "Too many one-time passwords were generated. Try again in {minutes} minutes.",
        N_("Too many one-time passwords were generated."),
        N_("Wait %(minutes)s minutes and generate another one."),
    ),
    Entry(
        "too_many_sign_ins",
        "Too many tries to sign in. Try again in {minutes} minutes.",
        N_("Too many tries to sign in."),
        N_("Wait %(minutes)s minutes and try again."),
    ),
    Entry(
        "too_many_calls", "Too many calls. Slow down.", N_("This page was asked for too often."), N_("Wait a minute.")
    ),
    Entry("key_malformed", "Send JSON.", N_("The page sent something that the server does not take."), _RELOAD),
    Entry(
        "key_malformed",
        'Send {"otp": "…"} with the key you were given.',
        N_("This is no key."),
        N_("Paste the key that your SEI admin gave you, and nothing else."),
    ),
    Entry(
        "form_cut",
        "Send the form whole, with its length.",
        N_("The form did not arrive whole."),
        _RELOAD,
    ),
    Entry("not_paired", "This site is not paired.", N_("This site is not paired any more."), _RELOAD),
    Entry(
        "no_key_needed",
        "This integration does not connect through the Jira app, so it needs no one-time password.",
        N_("This integration does not connect through the Jira app."),
        N_("It needs no one-time password; look at its Settings tab."),
    ),
    Entry(
        "deleting",
        "This integration is being deleted.",
        N_("This integration is being deleted."),
        N_("Create a new one."),
    ),
    # Integrations
    Entry(
        "no_integration",
        "There is no such integration.",
        N_("There is no such integration."),
        N_("It may have been deleted; look for it under Your integrations."),
    ),
    Entry(
        "not_working",
        "The integration is not connected, or it is paused.",
        N_("The integration is not connected, or it is paused."),
        N_("Connect or resume it first."),
    ),
    Entry(
        "not_connected", "Only a connected integration can be paused.", N_("This is not connected to a site."), _CONNECT
    ),
    Entry(
        "not_connected",
        "Only a connected integration can be resumed.",
        N_("This is not connected to a site."),
        _CONNECT,
    ),
    Entry(
        "no_credentials",
        "The Jira app signs by itself; there are no credentials to renew. If the site refuses us, have the app enabled or"
        " installed again, then generate a new one-time password.",
        N_("The Jira app signs by itself; there are no credentials to renew."),
        ENABLE,
    ),
    # Jira, and servers of ours
    Entry("app_inactive", "The app is not active on this site.", N_("The app is not active on this site."), ENABLE),
    Entry(
        "jira_failed",
        "Jira cannot be asked right now. Try again in a minute.",
        N_("Jira cannot be asked right now."),
        N_("Try again in a minute."),
    ),
    Entry("trouble", "Redis does not answer.", _TROUBLE, _AGAIN),
    Entry("trouble", "The database does not answer.", _TROUBLE, _AGAIN),
    Entry("trouble", "The database connection was lost.", _TROUBLE, _AGAIN),
    Entry("trouble", "Something of ours is out of order.", _TROUBLE, _AGAIN),
    Entry(
        "trouble",
        "This server does not pass the raw request line on; run the app under gunicorn.",
        _TROUBLE,
        _AGAIN,
    ),
    Entry(
        "unexpected",
        "We noted this as {incident}.",
        N_("Something went wrong that should not."),
        N_("Try again. If it goes on, tell whoever runs SEI Connect this number: %(incident)s"),
    ),
    # The console
    Entry(
        "unknown_api_key",
        "This API key is not known. Check that it was copied whole.",
        N_("This API key is not known."),
        N_("Check that it was copied whole and has not been revoked."),
    ),
    Entry(
        "bad_name",
        "Give the integration a name of at most 200 characters.",
        N_("The integration needs a name."),
        N_("Give it one of at most 200 characters."),
    ),
    Entry(
        "bad_tags",
        "Give at most 50 tags of at most 60 characters.",
        N_("These tags cannot be kept."),
        N_("Give at most 50 tags of at most 60 characters, separated by commas."),
    ),
    Entry(
        "bad_description",
        "Give a description of at most 2,000 characters.",
        N_("This description is too long."),
        N_("Give one of at most 2,000 characters."),
    ),
    Entry(
        "bad_field",
        "A field's id has letters, digits and underscores only.",
        N_("One of these is no field's id."),
        N_("Give ids as Jira has them, such as customfield_10016, separated by commas."),
    ),
    Entry(
        "other_sign_in",
        "Signing in did not work. Try again.",
        N_("Signing in through your organisation did not work."),
        N_("Try again. If it goes on, sign in with an API key or tell whoever runs SEI Connect."),
    ),
    Entry(
        "no_account",
        "Your organisation's sign-in names no SEI account.",
        N_("You are signed in, but no SEI account is yours."),
        N_("Ask whoever runs SEI Connect to give you one."),
    ),
    Entry(
        "provider_away",
        "The sign-in provider does not answer.",
        N_("Your organisation's sign-in does not answer."),
        N_("Try again in a minute, or sign in with an API key."),
    ),
    Entry("no_page", "Not Found", _NOT_FOUND, N_("Go back to Your integrations.")),
    Entry("no_page", "Method Not Allowed", _NOT_FOUND, N_("Go back to Your integrations.")),
    Entry("too_large", "Request Entity Too Large", N_("That is too much at once."), N_("Shorten it and try again.")),
)
