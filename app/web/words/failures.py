"""Conditions that hold a worker up: the failures of Jira, the limiter's pauses, and the problems of chunks.

Pages show their sentences as details, so all of them are translated.
"""

from __future__ import annotations

from app.conditions import Code
from app.web.words.entry import ENABLE, Entry
from app.web.words.language import N_

_INCOMPLETE = N_("This part could not be read completely.")
_RETRY = N_("The app tries again by itself; sync the integration if it goes on.")

FAILURES: dict[Code, Entry] = {
    Code.ANSWERED: Entry(N_("Jira answered %(status)s.")),
    Code.ASKED_TO_WAIT: Entry(N_("Jira answered %(status)s (%(reason)s).")),
    Code.REDIRECTED: Entry(
        N_("Jira answered %(status)s; redirects are not followed."),
        N_("The address leads on to another page, such as a login, and not to Jira."),
        N_(
            "Give the address that Jira's own pages have, such as https://acme.atlassian.net. If a gateway of your company asks"
            " for a login, let SEI Connect pass it."
        ),
    ),
    Code.NO_ANSWER: Entry(N_("No answer from the site: %(error)s.")),
    Code.NAME_UNKNOWN: Entry(
        N_("The name of the site is unknown: %(error)s."),
        N_("There is no site of this name."),
        N_("Check the address for a mistyped letter; a site that was renamed has a new one."),
    ),
    Code.TLS_FAILED: Entry(
        N_("No encrypted connection to the site: %(error)s."),
        N_("No encrypted connection to the site can be made."),
        N_(
            "Ask whoever runs SEI Connect to look for a proxy that replaces certificates, and to have SEI Connect trust that"
            " proxy's certificate."
        ),
    ),
    Code.TIMED_OUT: Entry(
        N_("No answer from the site in time: %(error)s."),
        N_("The site does not answer in time."),
        N_(
            "Look at status.atlassian.com. If Jira is well, ask whoever runs SEI Connect whether a firewall drops its calls to"
            " the site."
        ),
    ),
    Code.ADDRESS_REJECTED: Entry(
        N_("Jira rejects our address, which is not on its allow-list."),
        N_("The site limits addresses, and those of SEI Connect are not on its allow-list."),
        N_("Ask an organisation admin to add them at admin.atlassian.com, under Security, “IP allowlists”."),
    ),
    Code.SITE_SUSPENDED: Entry(
        N_("Atlassian has suspended the site for now."),
        N_("Atlassian has suspended or deactivated the site."),
        N_(
            "Ask a site admin to look at the subscription at admin.atlassian.com; reading goes on once the site is back."
        ),
    ),
    Code.ANSWER_ENDLESS: Entry(N_("The answer does not end.")),
    Code.ANSWER_TOO_LARGE: Entry(N_("The answer is larger than any of Jira's.")),
    Code.ANSWER_NOT_JSON: Entry(N_("The answer is not readable JSON.")),
    Code.ADDRESS_NOT_LISTED: Entry(N_("The site's address is not on SITE_HOSTS.")),
    Code.CREDENTIAL_IGNORED: Entry(N_("Jira did not take the credential and answered as to a stranger (%(status)s).")),
    Code.SCOPE_MISSING: Entry(N_("The token has no scope for %(endpoint)s.")),
    Code.TOKEN_EXPIRED: Entry(N_("Jira no longer takes the page token.")),
    Code.TOKEN_REPEATED: Entry(N_("Jira repeated a page token.")),
    Code.PAGES_EMPTY: Entry(N_("Jira keeps sending empty pages.")),
    Code.PAGES_BEYOND_COUNT: Entry(N_("Jira sends more than twice what it counted.")),
    Code.LIST_ENDLESS: Entry(N_("Jira does not end the list.")),
    Code.LIST_MISSING: Entry(N_("%(path)s has no list at '%(place)s'.")),
    Code.LIST_EMPTY: Entry(N_("%(path)s sends an empty list, and every site has at least one.")),
    Code.OBJECT_MISSING: Entry(N_("%(path)s does not send the object.")),
    Code.OBJECT_NOT_LISTED: Entry(N_("%(path)s does not list the object.")),
    Code.LIST_CUT: Entry(N_("The list of %(entity)s states %(total)s objects and holds %(count)s.")),
    Code.FEED_WITHOUT_VALUES: Entry(N_("%(path)s has no values.")),
    Code.FEED_STUCK: Entry(N_("%(path)s does not move on.")),
    Code.OTHER_FILTERS: Entry(N_("Jira answered other filters than it was asked about.")),
    Code.FILTER_UNREADABLE: Entry(N_("Jira doesn't evaluate the board's filter for the app.")),
    Code.LIMITER_AWAY: Entry(N_("The limiter's Redis does not answer.")),
    Code.APP_BLOCKED: Entry(N_("Held back: Jira has stopped the app until its hour of points is over.")),
    Code.SITE_BLOCKED: Entry(N_("Held back: Jira asked us to leave this site alone.")),
    Code.ENDPOINT_BLOCKED: Entry(N_("Held back: Jira asked us to leave %(endpoint)s alone.")),
    Code.HOUR_SPENT: Entry(N_("Held back: the points that %(purpose)s may spend in this hour are used up.")),
    Code.SHARE_SPENT: Entry(N_("Held back: this site has had its share of the hour's points.")),
    Code.SITE_BUSY: Entry(N_("Held back: as many requests as allowed are in flight at this site.")),
    Code.ENDPOINT_BUSY: Entry(N_("Held back: %(endpoint)s is asked as fast as we may.")),
}
INCOMPLETE = Entry("", _INCOMPLETE, _RETRY)
"""The general words for a part of the site that was not read."""
STOPS: dict[Code, Entry] = {
    Code.NOT_OFFERED: Entry(
        N_("not offered here: %(why)s"),
        N_("The site doesn't offer this."),
        N_("Nothing, unless the site should have it: then ask a Jira admin to switch it on."),
    ),
    Code.NOT_FOR_US: Entry(
        N_("not for the app: %(why)s"),
        N_("Jira doesn't show this part to the app."),
        N_("Ask a Jira admin to give the app access to it, or leave it as it is: everything else is read."),
    ),
    Code.PART_BROKEN: Entry(
        N_("Jira fails here: %(why)s"),
        N_("Jira fails to answer for this part, while it answers for the rest."),
        N_("Open it in Jira; if it fails there too, tell Atlassian's support. The app tries again by itself."),
    ),
    Code.RATE_LIMITED: Entry(
        N_("rate limited: %(why)s"),
        N_("Jira asked the app to slow down."),
        N_("Nothing; the app comes back at the time that Jira named."),
    ),
    Code.UNREACHABLE: Entry(
        N_("unreachable: %(why)s"),
        N_("The site did not answer."),
        N_("The app tries again by itself. If it goes on, check that the site is up and that its allow-list names us."),
    ),
    Code.REFUSED: Entry(N_("refused: %(why)s"), N_("Jira refused the app."), ENABLE),
    Code.NOT_FOUND: Entry(
        N_("not found: %(why)s"),
        N_("What was to be read is not there any more, or is hidden from the app."),
        N_("If it should be there, ask a Jira admin to let the app browse it."),
    ),
    Code.REJECTED: Entry(
        N_("rejected: %(why)s"),
        N_("Jira does not offer this here."),
        N_(
            "Nothing for some things, such as sprints of a board without sprints; otherwise sync the integration again."
        ),
    ),
    Code.PAGE_TOKEN_EXPIRED: Entry(
        N_("page token expired: %(why)s"),
        N_("Jira forgot how far the reading was."),
        N_("Nothing; the app reads this part again."),
    ),
    Code.ENDLESS_WALK: Entry(
        N_("endless walk: %(why)s"),
        N_("Jira's lists led in a circle."),
        N_("Nothing; the app reads this part again from its beginning."),
    ),
    Code.UNREADABLE_ANSWER: Entry(
        N_("unreadable answer: %(why)s"),
        N_("Jira's answer could not be read."),
        N_("Nothing; the app reads this part again. If it goes on, look for a proxy that changes answers."),
    ),
    Code.WALK_SHORT: Entry(N_("Jira counts %(expected)s issues and keeps sending fewer"), _INCOMPLETE, _RETRY),
    Code.WALKED_AGAIN: Entry(
        N_("Jira counts %(expected)s issues and sent %(count)s; walked again"), _INCOMPLETE, _RETRY
    ),
    Code.WORKERS_DIED: Entry(N_("its workers died each time they read it"), _INCOMPLETE, _RETRY),
    Code.FIELDS_AWAITED: Entry(N_("waiting for the site's fields"), _INCOMPLETE, _RETRY),
}
