"""Identities: the people of an SEI account across its integrations, and the e-mail addresses that an admin gives.

People are one where their Atlassian account ids are equal. An address that an admin gave wins over Jira's, and rows of
`jira_user` are never changed. Every session here is bound to the SEI account.
"""

from app.people.csv_file import CsvFile, read_csv
from app.people.directory import Line, People, Person, find, page_of, worksheet
from app.people.emails import give, take_back
from app.people.imports import Import, Plan, apply, forget_old, listed, preview
from app.people.model import EMAIL, LONGEST_EMAIL, MOST_BYTES, MOST_LINES, PERSON_ID, BadLine, Source, UnfitFile
from app.people.undoing import Undo, undo

__all__ = [
    "EMAIL",
    "LONGEST_EMAIL",
    "MOST_BYTES",
    "MOST_LINES",
    "PERSON_ID",
    "BadLine",
    "CsvFile",
    "Import",
    "Line",
    "People",
    "Person",
    "Plan",
    "Source",
    "Undo",
    "UnfitFile",
    "apply",
    "find",
    "forget_old",
    "give",
    "listed",
    "page_of",
    "preview",
    "read_csv",
    "take_back",
    "undo",
    "worksheet",
]
