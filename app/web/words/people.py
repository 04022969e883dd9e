"""Words about people's addresses and the files that bring them."""

from __future__ import annotations

from app.conditions import Code
from app.web.words.entry import Entry
from app.web.words.language import N_

_NO_CHANGE = N_("Correct the file and upload it again. Nothing was changed.")
PEOPLE: dict[Code, Entry] = {
    Code.NO_GIVEN_EMAIL: Entry(
        "No e-mail address was given by hand for this account id.",
        N_("No address was given by hand for this person."),
        N_("It may have been removed meanwhile; load the page again."),
    ),
    Code.NO_IMPORT: Entry(
        "There is no such import, or it is older than 30 days.",
        N_("There is no such upload any more."),
        N_("An upload can be undone for 30 days. Upload a file with the right addresses instead."),
    ),
    Code.IMPORT_UNDONE: Entry(
        "This import is undone already.",
        N_("This upload is undone already."),
        N_("Upload the file again to have its addresses back."),
    ),
    Code.BAD_PERSON_EMAIL: Entry(
        "The e-mail address is none.",
        N_("This is not an e-mail address."),
        N_("Give one such as ann@acme.example; it begins with a letter or digit."),
    ),
    Code.BAD_LINES: Entry(
        "%(count)s of the file's lines are bad; nothing was changed.",
        N_("%(count)s of the file's lines cannot be taken."),
        _NO_CHANGE,
    ),
    Code.CSV_NOT_TEXT: Entry(
        "The file is not text in UTF-8.",
        N_("The file is not text in UTF-8."),
        N_("In Excel, save it as “CSV UTF-8”, then upload it again."),
    ),
    Code.CSV_WITHOUT_HEADER: Entry(
        "The first line must name the columns account_id and email, each once, with commas, semicolons or tabs between.",
        N_("The first line does not name the columns “account id” and “email”."),
        N_("Write “account id,email” into the first line, each once, then upload the file again."),
    ),
    Code.CSV_BROKEN: Entry(
        "The CSV breaks off in the record that begins in line %(line)s: a quotation mark is open or astray, or a cell is"
        " too long.",
        N_("The file is damaged from line %(line)s on."),
        N_("Look for a quotation mark too many or too few there, then upload the file again."),
    ),
    Code.CSV_TOO_LONG: Entry(
        "The file has more than %(limit)s lines. Split it.",
        N_("The file has more than %(limit)s lines."),
        N_("Split it and upload the parts one after the other."),
    ),
    Code.CSV_EMPTY: Entry(
        "The file has no address.",
        N_("The file has no address."),
        N_("Fill in the column email for at least one person, then upload the file again."),
    ),
    Code.LINE_BAD_ACCOUNT: Entry(
        N_("This is not an Atlassian account id."), N_("This is not an Atlassian account id."), _NO_CHANGE
    ),
    Code.LINE_BAD_EMAIL: Entry(N_("This is not an e-mail address."), N_("This is not an e-mail address."), _NO_CHANGE),
    Code.LINE_REPEATED: Entry(
        N_("The account id is in line %(line)s already."),
        N_("The account id is in line %(line)s already."),
        _NO_CHANGE,
    ),
}
