"""Conditions that only programs and the command line read: Jira, SEI's calls, operators. No page shows them."""

from __future__ import annotations

from app.conditions import Code
from app.web.words.entry import Entry

_START_ANEW = (
    "Leave it out to start from the beginning, and drop the rows that have not come again when pass_complete is true."
)
PROGRAMS: dict[Code, Entry] = {
    Code.INVALID: Entry("%(fields)s"),
    Code.BODY_TOO_DEEP: Entry("The body is nested too deeply."),
    Code.BODY_MISFRAMED: Entry("The body does not come in the pieces that it says."),
    # The change feed
    Code.BAD_CURSOR: Entry("The cursor is not one of ours. Leave it out to start from the beginning."),
    Code.CURSOR_OUTDATED: Entry(f"The cursor is of an earlier version of the app. {_START_ANEW}"),
    Code.CURSOR_OF_ANOTHER_LIFE: Entry(
        f"The cursor is of another pairing of the integration or of another state of the database. {_START_ANEW}"
    ),
    Code.CURSOR_AHEAD: Entry(
        f"The cursor is ahead of the database, which was restored from a backup or erased. {_START_ANEW}"
    ),
    Code.CURSOR_OF_OTHER_ENTITIES: Entry(
        f"The cursor was handed out for other entities, and rows of these would be missed. {_START_ANEW}"
    ),
    Code.UNKNOWN_ENTITY: Entry("There is no entity '%(entity)s'. There are: %(entities)s."),
    # The hooks of Jira
    Code.BAD_BASE_URL: Entry("baseUrl is not a Jira site that this app serves."),
    Code.BODY_UNEXPECTED: Entry("The body is not what Jira sends; look at: %(fields)s."),
    Code.BODY_OF_OTHER_APP: Entry("The body is for another app."),
    Code.BODY_OF_OTHER_HOOK: Entry("The body is for another lifecycle hook."),
    Code.KEY_HOST_AWAY: Entry("The install-key host does not answer."),
    Code.KEY_HOST_ANSWERED: Entry("The install-key host answered %(status)s."),
    Code.KEY_HOST_NONSENSE: Entry("The install-key host sent something that is no key."),
    # The command line
    Code.ACCOUNT_EXISTS: Entry("There is an account named '%(name)s' already."),
    Code.UNKNOWN_ACCOUNT: Entry("There is no account named '%(name)s'."),
    Code.API_KEY_TAKEN: Entry("Another API key begins like BOOTSTRAP_API_KEY; choose another one."),
    Code.NO_API_KEY: Entry("There is no such key that is still good."),
    Code.NOT_AN_ID: Entry("That is not an integration's id; list them with: python -m app integrations list"),
    Code.NO_SITE: Entry("The integration is not paired with a site."),
    Code.DATABASE_UNREACHABLE: Entry("The database does not answer; check DATABASE_URL."),
}
