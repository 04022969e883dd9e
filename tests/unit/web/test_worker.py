"""The end of a request is found exactly, for any fragmentation."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.worker import LONGEST_FIELD, LONGEST_HEAD, LONGEST_LINE, SMALL_BODY, TooLong, is_whole

_WORDS = st.text("abcXYZ019-_", min_size=1, max_size=12).map(str.encode)
_FIELDS = st.lists(st.tuples(_WORDS, st.text(" -~é", max_size=30).map(lambda text: text.encode("latin-1"))), max_size=5)


def a_request(target: bytes, fields: list[tuple[bytes, bytes]], body: bytes, *, in_pieces: bool) -> bytes:
    header = b"Transfer-Encoding: chunked" if in_pieces else b"content-length:%d" % len(body)
    lines = [b"POST /%s HTTP/1.1" % target, *(b"X-%s: %s" % pair for pair in fields), header]
    content = (
        b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if in_pieces and body else b"0\r\n\r\n" if in_pieces else body
    )
    return b"\r\n".join(lines) + b"\r\n\r\n" + content


@given(_WORDS, _FIELDS, st.text("xyz", max_size=300).map(str.encode), st.booleans())
def test_a_request_is_there_with_its_last_octet(
    target: bytes, fields: list[tuple[bytes, bytes]], body: bytes, in_pieces: bool
) -> None:
    raw = a_request(target, fields, body, in_pieces=in_pieces)
    # The last chunk ends the request; the two octets after it carry no information.
    end = len(raw) - (2 if in_pieces else 0)
    assert [at for at in range(len(raw) + 1) if is_whole(raw[:at])] == list(range(end, len(raw) + 1))
    assert is_whole(raw + b"GET /next HT")


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\n\n",
        b"GET / HTTP/1.1\r\nHost: x\n",
        b"\r\n\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (SMALL_BODY + 1),
        b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"x" * (SMALL_BODY + 1),
    ],
    ids=["line-feeds", "one-line-feed", "nothing", "large", "no-number", "asks-first", "pieces-without-end"],
)
def test_what_needs_no_waiting_for(raw: bytes) -> None:
    assert is_whole(raw)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /%s" % (b"x" * LONGEST_LINE), HTTPStatus.REQUEST_URI_TOO_LONG),
        (b"GET /?jwt=%s" % (b"x" * LONGEST_LINE), HTTPStatus.UNAUTHORIZED),
        (b"GET / HTTP/1.1\r\nX: %s" % (b"x" * LONGEST_FIELD), HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
        (b"GET / HTTP/1.1\r\nauthorization: %s" % (b"x" * LONGEST_FIELD), HTTPStatus.UNAUTHORIZED),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (LONGEST_HEAD // 6), HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
    ],
    ids=["line", "line-with-token", "field", "authorization", "head"],
)
def test_what_is_too_long(raw: bytes, status: HTTPStatus) -> None:
    with pytest.raises(TooLong) as failure:
        is_whole(raw)
    assert failure.value.status is status


@pytest.mark.parametrize(("size", "is_fine"), [(LONGEST_LINE, True), (LONGEST_LINE + 1, False)])
def test_the_longest_line(size: int, is_fine: bool) -> None:
    raw = b"GET /".ljust(size - 9, b"x") + b" HTTP/1.1\r\n\r\n"
    if is_fine:
        assert is_whole(raw)
    else:
        with pytest.raises(TooLong):
            is_whole(raw)
