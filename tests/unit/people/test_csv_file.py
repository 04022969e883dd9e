"""Files of addresses: as spreadsheets write them, and as an attacker would."""

from __future__ import annotations

import codecs
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.conditions import Code
from app.errors import Malformed
from app.people import MOST_BYTES, MOST_LINES, read_csv

ANN, BOB = "557058:ann", "712020:bob"
ROWS = {ANN: "ann@acme.example", BOB: "bob@acme.example"}


@pytest.mark.parametrize(
    "body",
    [
        b"account_id,email\n557058:ann,ann@acme.example\n712020:bob,bob@acme.example\n",
        b"account_id,email\r\n557058:ann,ann@acme.example\r\n712020:bob,bob@acme.example",
        b"account_id,email\r557058:ann,ann@acme.example\r712020:bob,bob@acme.example\r",
        codecs.BOM_UTF8 + b"account_id;email\r\n557058:ann;ann@acme.example\r\n712020:bob;bob@acme.example\r\n",
        b"account_id\temail\n557058:ann\tann@acme.example\n712020:bob\tbob@acme.example\n",
        b'"account_id","email"\n"557058:ann","ann@acme.example"\n"712020:bob","bob@acme.example"\n',
        b"Email, Account_ID \n ann@acme.example , 557058:ann \n\n,,\nbob@acme.example,712020:bob\n",
        'account_id;name;email\n557058:ann;"Änn; ""A"", B\nC";ann@acme.example\n712020:bob;;bob@acme.example'.encode(),
    ],
    ids=["lines", "crlf", "cr", "german-excel", "tabs", "quoted", "order-and-blanks", "further-columns"],
)
def test_every_usual_form_is_read(body: bytes) -> None:
    file = read_csv(body)
    assert (file.emails, file.bad_lines, file.blank_count) == (ROWS, [], 0)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", Code.CSV_WITHOUT_HEADER),
        (b"\n\n", Code.CSV_WITHOUT_HEADER),
        (b"557058:ann,ann@acme.example\n", Code.CSV_WITHOUT_HEADER),
        (b"account_id,mail\n", Code.CSV_WITHOUT_HEADER),
        (b"account_id,email,email\n", Code.CSV_WITHOUT_HEADER),
        (b"account_id|email\n", Code.CSV_WITHOUT_HEADER),
        ("account_id,email\n1,ä@b.example".encode("cp1252"), Code.CSV_NOT_TEXT),
        ("account_id,email\n".encode("utf-16"), Code.CSV_NOT_TEXT),
        (b"account_id,email\n1,\xff\xfe", Code.CSV_NOT_TEXT),
        (b"account_id,email\n1,a@b.example\x00", Code.CSV_NOT_TEXT),
        (b"account_id,email\n\xed\xa0\x80,a@b.example", Code.CSV_NOT_TEXT),
        (b"\x1f\x8b\x08\x00\x00", Code.CSV_NOT_TEXT),
        (b'account_id,email\n"1,a@b.example\n2,b@b.example\n', Code.CSV_BROKEN),
        (b'account_id,email\n"1"x,a@b.example\n', Code.CSV_BROKEN),
        (b"account_id,email\n" + b"1" * 200_000 + b",a@b.example", Code.CSV_BROKEN),
    ],
)
def test_a_file_of_another_kind_is_refused(body: bytes, code: Code) -> None:
    with pytest.raises(Malformed) as refusal:
        read_csv(body)
    assert refusal.value.condition.code is code


def test_the_line_of_the_damage_is_told() -> None:
    with pytest.raises(Malformed) as refusal:
        read_csv(b'account_id,email\n1,a@b.example\n2,"b@b.example\n3,c@b.example\n')
    assert refusal.value.condition.params["line"] == 3


def test_bad_lines_have_the_numbers_of_an_editor() -> None:
    body = (
        b'account_id,name,email\n557058:ann,"two\nlines",ann@acme.example\n\n'
        b"no id,x,b@b.example\n712020:bob,x,none\n557058:ann,x,c@b.example\n,x,d@b.example\n1\n"
    )
    file = read_csv(body)
    assert [(line.number, line.reason.code, line.reason.params) for line in file.bad_lines] == [
        (5, Code.LINE_BAD_ACCOUNT, {}),
        (6, Code.LINE_BAD_EMAIL, {}),
        (7, Code.LINE_REPEATED, {"line": 2}),
        (8, Code.LINE_BAD_ACCOUNT, {}),
    ]
    assert (file.emails, file.blank_count) == ({ANN: "ann@acme.example"}, 1)


@pytest.mark.parametrize("email", ["=1+1@b.example", "+a@b.example", "-a@b.example", "@a@b.example", "|a@b.example"])
def test_no_address_is_a_formula(email: str) -> None:
    assert [line.reason.code for line in read_csv(f"account_id,email\n1,{email}".encode()).bad_lines] == [
        Code.LINE_BAD_EMAIL
    ]


@pytest.mark.parametrize("person_id", ["=cmd|'/c calc'!A1", "@x", "+1", "-1", "a b", "<b>", "x" * 129, "ä"])
def test_no_account_id_is_a_formula(person_id: str) -> None:
    bad_lines = read_csv(f'account_id,email\n"{person_id}",a@b.example'.encode()).bad_lines
    assert [line.reason.code for line in bad_lines] == [Code.LINE_BAD_ACCOUNT]


@pytest.mark.parametrize(
    "email",
    ["a", "a@", "@b", "a@b@c", "a b@c", "a@b..c", "a@.b", "a@b.", "a@-b", "a@b-", f"{'a' * 65}@b", f"a@{'b' * 253}"],
)
def test_a_text_that_is_no_address_is_bad(email: str) -> None:
    assert len(read_csv(f"account_id,email\n1,{email}".encode()).bad_lines) == 1


@pytest.mark.parametrize("email", ["a@b", "o'brien+jira@acme.example", "_x@acme.example", "A.B-C_d@sub.acme-1.example"])
def test_an_unusual_address_is_good(email: str) -> None:
    assert read_csv(f"account_id,email\n1,{email}".encode()).emails == {"1": email}


def test_ten_thousand_lines_are_read_and_one_more_is_not() -> None:
    lines = ["account_id,email", *(f"{number},p{number}@acme.example" for number in range(MOST_LINES + 1))]
    assert len(read_csv("\n".join(lines[:-1]).encode()).emails) == MOST_LINES
    with pytest.raises(Malformed) as refusal:
        read_csv("\n".join(lines).encode())
    assert refusal.value.condition.code is Code.CSV_TOO_LONG


@pytest.mark.parametrize(
    "pattern",
    [b",", b";", b'"",', b"\n", b'""', b"\r", b"1,a@b.example,", b'"', b"a@" + b"a" * 60 + b".", b"\xc2\xa0\n"],
)
def test_two_megabytes_of_anything_are_read_fast_and_small(pattern: bytes) -> None:
    body = b"account_id,email\n1," + pattern * (MOST_BYTES // len(pattern))
    tracemalloc.start()
    start = time.process_time()
    try:
        read_csv(body)
    except Malformed:
        pass
    finally:
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert time.process_time() - start < 8
    assert peak_bytes < 120_000_000


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tail: bytes) -> None:
    try:
        file = read_csv(b"account_id,email\n" + tail)
    except Malformed:
        return
    assert all("@" in email and email[0] not in "=+-@\t\r" for email in file.emails.values())
