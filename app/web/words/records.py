"""Conditions of single records: why one was left out, and the evidence about an issue that was not seen."""

from __future__ import annotations

from app.conditions import Code
from app.web.words.entry import Entry
from app.web.words.language import N_

LEFT_OUT: dict[Code, Entry] = {
    Code.NOT_AN_OBJECT: Entry(N_("%(entity)s: expected an object, got %(type)s")),
    Code.NO_ID: Entry(N_("%(entity)s: no id")),
    Code.ROW_REFUSED: Entry(N_("%(entity)s: %(id)s: the database refuses it (%(fault)s)")),
    Code.VALUE_NOT_IN_OBJECT: Entry(N_("value left out: %(column)s of %(entity)s %(id)s, not in an object")),
    Code.VALUE_NOT_TEXT: Entry(N_("value left out: %(column)s of %(entity)s %(id)s, not a text")),
    Code.VALUE_NOT_TEXTS: Entry(N_("value left out: %(column)s of %(entity)s %(id)s, not a list of texts")),
    Code.VALUE_NOT_INTEGER: Entry(N_("value left out: %(column)s of %(entity)s %(id)s, not a whole number")),
    Code.VALUE_NOT_NUMBER: Entry(N_("value left out: %(column)s of %(entity)s %(id)s, not a number")),
    Code.VALUE_NOT_BOOLEAN: Entry(N_("value left out: %(column)s of %(entity)s %(id)s, not true or false")),
    Code.VALUE_NOT_MOMENT: Entry(N_("value left out: %(column)s of %(entity)s %(id)s, not a time")),
    Code.VALUE_NOT_DATE: Entry(N_("value left out: %(column)s of %(entity)s %(id)s, not a date")),
    Code.VALUE_NOT_JSON: Entry(N_("value left out: %(column)s of %(entity)s %(id)s, of an unknown form")),
    Code.VALUE_OUT_OF_RANGE: Entry(N_("value left out: %(column)s of %(entity)s %(id)s, out of range")),
    Code.VALUE_REFUSED: Entry(
        N_("value left out: %(column)s of %(entity)s %(id)s, refused by the database (%(fault)s)")
    ),
}
"""Pages show them as details."""
EVIDENCE: dict[Code, Entry] = {
    Code.DIRECT_READ: Entry("a direct read"),
    Code.WEBHOOK: Entry("a webhook"),
    Code.AUDIT_LOG: Entry("the audit log"),
    Code.WORKLOGS_DELETED: Entry("Jira's list of deleted worklogs"),
    Code.CHILD_DELETED: Entry("a webhook: %(event)s"),
    Code.SECURITY_CHANGED: Entry("its security level was changed"),
    Code.MOVED_TO: Entry("it was moved to project %(project)s"),
    Code.IN_PROJECT: Entry("it is in project %(project)s now"),
    Code.PROJECT_HIDDEN: Entry("its project is out of sight"),
    Code.PROJECT_ARCHIVED: Entry("its project is archived"),
    Code.PROJECT_DELETED: Entry("its project is deleted"),
    Code.NO_EVIDENCE: Entry("nothing says that it was deleted"),
    Code.OUT_OF_SCOPE: Entry("the settings leave it out"),
}
"""Only programs read them."""
