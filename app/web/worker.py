"""Gunicorn's threaded worker, hardened: slow clients hold no thread, and malformed requests get no echo.

A request gets a thread only once its head and small body have arrived. Gunicorn's own worker assigns a thread at the
first byte and waits for clients that do not hang up: a few dozen idle connections would block everybody. Its error
pages echo the request, tokens included.
"""

from __future__ import annotations

import re
import socket
import time
from collections import deque
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from selectors import EVENT_READ
from typing import TYPE_CHECKING

from gunicorn import util
from gunicorn.http import errors, parser
from gunicorn.workers import gthread

from app import logs
from app.conditions import Code, Condition
from app.web import headers, problems
from app.web.words.sentences import english

if TYPE_CHECKING:
    from concurrent.futures import Future

    from gunicorn.http.message import Request

log = logs.get(__name__)

LONGEST_LINE = 8190
LONGEST_FIELD = 16_384
LONGEST_HEAD = 65_536
SMALL_BODY = 65_536
"""Limit for anybody; more is only read from authenticated callers."""
HEAD_SECONDS = 10
"""Limit from the first byte of a request to its last."""
PATIENCE = 30
"""Seconds for the next piece of a large body, and for a client to accept an answer."""
_MOMENT = 0.05
_LINGER = 5
_MAX_DRAIN = 32 * 1024 * 1024
"""Octets: a client refused in the middle of the largest webhook can still read the reason."""
_PIECE = 65_536

_CREDENTIALS = re.compile(rb"[?&](?:j|%6a)wt=|\r\nauthorization:", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,12})[ \t]*(?=\r\n|$)", re.IGNORECASE)
_IN_PIECES = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_ASKS_FIRST = re.compile(rb"\r\nexpect:", re.IGNORECASE)
_LAST_PIECE = re.compile(rb"(?:^|\r\n)0+[ \t]*(?:;[^\r\n]*)?\r\n")
_STATUS = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.InvalidResponseHeader: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidResponseHeaderName: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ParseException: HTTPStatus.BAD_REQUEST,
}
_WORDS = {
    HTTPStatus.BAD_REQUEST: "The request is not valid HTTP.",
    HTTPStatus.REQUEST_TIMEOUT: "The request did not arrive in time.",
    HTTPStatus.REQUEST_URI_TOO_LONG: "The address is too long.",
    HTTPStatus.EXPECTATION_FAILED: "Expectations are not supported.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers are too long.",
}


class TooLong(Exception):
    """A head beyond the limits."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


def is_whole(data: bytes) -> bool:
    """Whether a request has arrived: its head, and its body unless that is large. Raises TooLong."""
    head, end, body = data.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    # An over-long request with credentials gets the same answer as any failed authentication.
    refusal = HTTPStatus.UNAUTHORIZED if _CREDENTIALS.search(head) else None
    if len(line) > LONGEST_LINE:
        raise TooLong(refusal or HTTPStatus.REQUEST_URI_TOO_LONG)
    if len(head) > LONGEST_HEAD or any(len(field) + 2 > LONGEST_FIELD for field in fields):
        raise TooLong(refusal or HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    if not end:
        # A bare line feed never ends a head: let the parser reject it at once.
        return b"\n" in head.replace(b"\r\n", b"")
    return _has_body(head, body)


def _has_body(head: bytes, body: bytes) -> bool:
    if _ASKS_FIRST.search(head):
        return True
    if _IN_PIECES.search(head):
        return len(body) > SMALL_BODY or _LAST_PIECE.search(body) is not None
    match = _LENGTH.search(head)
    length = int(match[1]) if match else 0
    return length > SMALL_BODY or len(body) >= length


class Parser(parser.RequestParser):  # type: ignore[misc]  # gunicorn ships no types
    """Takes in arrived data without waiting, and reads with a limit on time."""

    started_at: float | None = None
    """Arrival of the incomplete request's first byte, on the monotonic clock."""

    def is_ready(self) -> bool:
        """Whether a request or the end of the connection has arrived. Raises TooLong, TimeoutError."""
        is_over = self._take_in()
        data = self.unreader.buf.getvalue()
        if is_over or is_whole(data):
            self.started_at = None
            return True
        if data:
            self.started_at = self.started_at or time.monotonic()
            if time.monotonic() > self.started_at + HEAD_SECONDS:
                raise TimeoutError
        return False

    def _take_in(self) -> bool:
        """Fill the buffer from the socket. Returns whether the client has closed."""
        buffer, sock = self.unreader.buf, self.unreader.sock
        buffer.seek(0, 2)
        sock.settimeout(0)
        while buffer.tell() <= LONGEST_HEAD + SMALL_BODY:
            try:
                piece = sock.recv(_PIECE)
            except BlockingIOError:
                return False
            except OSError:
                return True
            if not piece:
                return True
            buffer.write(piece)
        return False

    def __next__(self) -> Request:
        """Read the next request, after its arrival."""
        self.unreader.sock.settimeout(PATIENCE)
        return super().__next__()


class Worker(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """Uses threads for requests, and the selector for waiting."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self._lingering_connections: deque[gthread.TConn] = deque()
        """Connections after their last answer, earliest deadline first."""

    # In a thread

    def handle(self, conn: gthread.TConn) -> object:
        """Serve an arrived request; otherwise return the thread."""
        conn.parser = conn.parser or Parser(self.cfg, conn.sock, conn.client)
        conn.data_ready = True
        try:
            if not conn.parser.is_ready():
                return gthread._DEFER if self.alive else False  # noqa: SLF001 - gunicorn's word for "not yet"
        except TooLong as error:
            self._refuse(conn.sock, error.status, "too long")
            return False
        except TimeoutError:
            self._refuse(conn.sock, HTTPStatus.REQUEST_TIMEOUT, "too slow")
            return False
        return super().handle(conn)

    def handle_request(self, req: Request, conn: gthread.TConn) -> bool:
        """Let the app answer; close the connection if the client does not accept the answer."""
        try:
            return bool(super().handle_request(req, conn))
        except TimeoutError:
            log.info("an answer was not taken in time")
            return False

    def _keepalive_after(self, conn: gthread.TConn, keepalive: object) -> bool:
        """Whether the connection may go on: not if that means waiting for a refused body."""
        return bool(keepalive) and bool(conn.parser.finish_body(deadline=time.monotonic() + _MOMENT))

    def handle_error(self, _req: object, client: socket.socket, _addr: object, exc: Exception) -> None:
        """Answer with the kind of error, without an echo of the request."""
        status = next(
            (_STATUS[kind] for kind in type(exc).__mro__ if kind in _STATUS), HTTPStatus.INTERNAL_SERVER_ERROR
        )
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("unexpected", exc_info=exc)
        self._refuse(client, status, type(exc).__name__)

    def _refuse(self, sock: socket.socket, status: HTTPStatus, reason: str) -> None:
        log.info("refused", status=status.value, reason=reason)
        with suppress(OSError):
            util.write_nonblock(sock, _answer(status, self.app.settings.app_key))

    # On the thread that all connections wait for

    def finish_request(self, conn: gthread.TConn, fs: Future[object]) -> None:
        """Let a finished connection linger in the selector until the client has read its answer."""
        if fs.cancelled() or fs.exception() is not None or fs.result() is not False:
            super().finish_request(conn, fs)
            return
        conn.timeout, conn.drained = time.monotonic() + _LINGER, 0
        try:
            conn.sock.settimeout(0)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, EVENT_READ, partial(self._drain, conn))
        except (OSError, ValueError):
            self._forget(conn)
        else:
            self._lingering_connections.append(conn)

    def _drain(self, conn: gthread.TConn, sock: socket.socket) -> None:
        """Discard pending input: closing a socket with unread input would withdraw the answer."""
        try:
            piece = sock.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        conn.drained += len(piece)
        if not piece or conn.drained > _MAX_DRAIN:
            self._lingering_connections.remove(conn)
            self._hang_up(conn)

    def murder_pending(self) -> None:
        """Close connections that have waited or lingered for too long."""
        super().murder_pending()
        while self._lingering_connections and self._lingering_connections[0].timeout < time.monotonic():
            self._hang_up(self._lingering_connections.popleft())

    def _hang_up(self, conn: gthread.TConn) -> None:
        with suppress(KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self._forget(conn)

    def _forget(self, conn: gthread.TConn) -> None:
        self.nr_conns -= 1
        conn.close()


def _answer(status: HTTPStatus, app_key: str) -> bytes:
    """A complete answer, with the headers against framing and caching."""
    fields = dict(headers.BARE)
    if status is HTTPStatus.UNAUTHORIZED:
        body = problems.document(status, "Authentication failed", english(Condition(Code.UNPROVEN)))
        fields["WWW-Authenticate"] = f'JWT realm="{app_key}"'
    else:
        body = problems.document(status, status.phrase, _WORDS.get(status, english(Condition(Code.OUT_OF_ORDER))))
    fields |= {"Content-Type": problems.JSON, "Content-Length": str(len(body)), "Connection": "close"}
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
