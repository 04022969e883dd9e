"""Reads a CSV file of e-mail addresses, as programs and spreadsheets write it, German Excel's semicolons included.

UTF-8 with or without a byte order mark; commas, semicolons or tabs; any line ends. The first line names the columns, of
which `account_id` and `email` count. Time and memory grow with the file's length alone.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.conditions import Code, Condition
from app.errors import Malformed
from app.people.model import EMAIL, LONGEST_EMAIL, MOST_LINES, PERSON_ID, BadLine

if TYPE_CHECKING:
    from collections.abc import Iterator

_PERSON_ID, _EMAIL = re.compile(PERSON_ID), re.compile(EMAIL)
_DELIMITERS = (",", ";", "\t")
_COLUMNS = ("account_id", "email")


@dataclass
class CsvFile:
    """The contents of a file."""

    emails: dict[str, str] = field(default_factory=dict)
    """By account id, in the file's order."""
    bad_lines: list[BadLine] = field(default_factory=list)
    blank_count: int = 0
    """Lines without an address: they leave their person as is."""


def read_csv(body: bytes) -> CsvFile:
    """The contents of a file. Raises Malformed where it is no such file, or has more than 10,000 lines."""
    records = _records(_text_of(body))
    _, header = next(records, (0, list[str]()))
    places = _places(header)
    file = CsvFile()
    lines: dict[str, int] = {}
    for number, cells in records:
        _take(file, lines, number, [cells[place].strip() if place < len(cells) else "" for place in places])
    return file


def _text_of(body: bytes) -> str:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Malformed(Code.CSV_NOT_TEXT) from None
    if "\x00" in text:
        raise Malformed(Code.CSV_NOT_TEXT)
    return text


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Every line that isn't blank, with its number; a quoted cell may span lines. Blank ones count towards the limit."""
    delimiter = _delimiter_of(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 1
    try:
        for count, cells in enumerate(reader):
            if count > MOST_LINES:
                raise Malformed(Code.CSV_TOO_LONG, limit=MOST_LINES)
            if any(cell.strip() for cell in cells):
                yield number, cells
            number = reader.line_num + 1
    except csv.Error:
        raise Malformed(Code.CSV_BROKEN, line=number) from None


def _delimiter_of(text: str) -> str:
    """The delimiter that is most frequent in the header."""
    header = io.StringIO(text, newline="").readline()
    return max(_DELIMITERS, key=header.count)


def _places(header: list[str]) -> list[int]:
    """The columns of account id and address. Raises Malformed where the header lacks one or names one twice."""
    names = [name.strip().lower().replace(" ", "_") for name in header]
    if any(names.count(name) != 1 for name in _COLUMNS):
        raise Malformed(Code.CSV_WITHOUT_HEADER)
    return [names.index(name) for name in _COLUMNS]


def _take(file: CsvFile, lines: dict[str, int], number: int, cells: list[str]) -> None:
    person_id, email = cells
    if person_id and not email:
        file.blank_count += 1
        return
    if fault := _fault(lines, person_id, email):
        file.bad_lines.append(BadLine(number, fault))
        return
    lines[person_id] = number
    file.emails[person_id] = email


def _fault(lines: dict[str, int], person_id: str, email: str) -> Condition | None:
    if not _PERSON_ID.fullmatch(person_id):
        return Condition(Code.LINE_BAD_ACCOUNT)
    if len(email) > LONGEST_EMAIL or not _EMAIL.fullmatch(email):
        return Condition(Code.LINE_BAD_EMAIL)
    if person_id in lines:
        return Condition(Code.LINE_REPEATED, line=lines[person_id])
    return None
