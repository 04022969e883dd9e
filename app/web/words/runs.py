"""Conditions in a site's activity: the results of jobs. Pages show them as details."""

from __future__ import annotations

from app.conditions import Code
from app.web.words.entry import Entry
from app.web.words.language import N_

RUNS: dict[Code, Entry] = {
    Code.SITE_PLANNED: Entry(N_("the whole site is read")),
    Code.WORK_RESUMED: Entry(N_("work goes on")),
    Code.WALKED_MORE_DUE: Entry(N_("%(parts)s parts walked, more is due")),
    Code.WALKED_REST_LATER: Entry(N_("%(parts)s parts walked, the rest is due later")),
    Code.WALKED_ALL: Entry(N_("%(parts)s parts walked, nothing is left")),
    Code.COMPARED: Entry(N_("%(counts)s counts compared, %(differing)s differ")),
    Code.REREAD: Entry(N_("%(deliveries)s deliveries read again")),
    Code.POLLED: Entry(N_("%(issues)s issues changed lately, %(differing)s of them were not here as they are there")),
    Code.WORKLOGS_READ: Entry(N_("%(changed)s worklogs changed, %(deleted)s deleted")),
    Code.LISTS_READ: Entry(N_("%(lists)s lists read again, %(changed)s rows changed")),
    Code.DELIVERIES_RECOVERED: Entry(N_("%(deliveries)s webhooks that Jira could not deliver")),
    Code.DAY_SWEPT: Entry(N_("%(issues)s issues of the last day compared, %(reread)s read again, %(missed)s not seen")),
    Code.IDS_SWEPT: Entry(
        N_("%(ids)s ids compared for as many points, %(reread)s issues read again, %(missed)s not seen")
    ),
    Code.SETTINGS_APPLIED: Entry(
        N_("%(left)s issues out of scope removed, %(planned)s projects added, %(reread)s issues to read")
    ),
    Code.ABSENCES_CHECKED: Entry("%(causes)s"),
    Code.SIGNATURE_STILL_REFUSED: Entry(N_("refused again")),
    Code.LICENCE_STILL_LAPSED: Entry(N_("the licence is still lapsed")),
    Code.LICENCE_FOUND_LAPSED: Entry(N_("the licence has lapsed")),
    Code.SITE_ANSWERS_AGAIN: Entry(N_("the site takes us again")),
    Code.ERASED: Entry(N_("erased")),
    Code.TEXTS_REMOVED: Entry(N_("excluded text removed: %(rows)s changes")),
    Code.WORKER_KILLED: Entry(N_("The worker was killed.")),
    Code.CRASHED: Entry("%(error)s"),
}
