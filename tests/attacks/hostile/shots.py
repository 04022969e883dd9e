"""Hostile requests, drawn from a seed, as sent by strangers, scanners and thieves of tokens.

Each shot is bytes, since libraries would repair the interesting parts. Only plain reads of public addresses may get a
2xx answer; requests that could rightly be accepted are never drawn.
"""

from __future__ import annotations

import gzip
import json
import secrets
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes, urlsplit

from tests.attacks.hostile.tokens import KINDS
from tests.story.processes import API_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from tests.attacks.hostile.tokens import Forger, Kind

    Headers = list[tuple[bytes, bytes]]

PUBLIC = (b"/atlassian-connect.json", b"/livez", b"/readyz", b"/metrics", b"/api/v1/openapi.json", b"/console/sign-in")
READS = (b"GET", b"HEAD", b"OPTIONS")
_METHODS = (
    *(
        "GET",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "HEAD",
        "OPTIONS",
        "TRACE",
        "CONNECT",
        "PROPFIND",
        "get",
        "PoSt",
        "G\u0000T",
    ),
    *("GET,POST", "X" * 30, "-", "M-SEARCH", "PRI", "G3T", "\u00e9"),
)
_PRIVATE = (
    *(
        "/api/v1/integrations",
        f"/api/v1/integrations/{uuid.UUID(int=7)}",
        f"/api/v1/integrations/{uuid.UUID(int=7)}/otp",
    ),
    *(f"/api/v1/integrations/{uuid.UUID(int=7)}/changes", "/console", "/console/integrations/x", "/console/sign-out"),
    *("/connect/installed", "/connect/uninstalled", "/connect/enabled", "/connect/webhooks/jira.issue_created"),
    *("/jira/configuration", "/jira/pairing"),
)
_LURES = (
    *(
        "/",
        "",
        "//",
        "/.",
        "/..",
        "/../",
        "/.git/config",
        "/.env",
        "/wp-login.php",
        "/actuator/env",
        "/console/../livez/x",
    ),
    *("/static/../connect.py", "/static/..%2f..%2fconfig.py", "/static/%2e%2e/%2e%2e/config.py", "/static/", "/static"),
    *("/static/....//....//etc/passwd", "/static//etc/passwd", "/static/%00", "/static/console.js/", "/static/\\..\\x"),
    *("/static/" + "a" * 5000, "/connect", "/connect/", "/connect/webhooks/", "/connect/webhooks/../installed"),
    *("/connect/webhooks/" + "%2F" * 200, "/connect/installed/", "//connect/installed", "/connect//installed"),
    *(
        "/base/base/livez",
        "/livez/",
        "/LIVEZ",
        "/metrics/..",
        "/api/v1/openapi.json/",
        "/api/v1/",
        "/api/v2/integrations",
    ),
    *("/jira/configuration/", "/jira/pairing/../configuration", "/connect/%69nstalled%00", "/%", "/%zz", "/%u0041"),
    *(
        "/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
        "/%ff%fe",
        "/\u00ff",
        "/\u0000",
        "/a b",
        "/;x=1",
        "/#x",
        "/?#",
        "/*",
        "*",
    ),
)
_SCHEMES = (
    "JWT",
    "jwt",
    "Bearer",
    "bearer",
    "Basic",
    "Digest",
    "Token",
    "JWT,",
    "JWT\t",
    "",
    "Negotiate",
    "AWS4",
    "\u00ff",
    "JWT JWT",
)
_CODINGS = (
    *(
        "chunked",
        "chunked, chunked",
        "identity",
        "gzip",
        "gzip, chunked",
        "chunked, identity",
        "xchunked",
        "chunked\x0b",
    ),
    *(" chunked", "CHUNKED", "chunked;x=1", "", "\u00ff", ",chunked"),
)
_LENGTHS = (
    "-1",
    "+5",
    "0x5",
    "5,5",
    "5, 6",
    "1e3",
    "",
    "five",
    "9" * 30,
    "5 5",
    "00005",
    "18446744073709551616",
    "\u00b2",
)
_NAMES = (
    *(
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "Forwarded",
        "X-Original-URL",
        "X-Rewrite-URL",
        "Cookie",
    ),
    *("X-HTTP-Method-Override", "Content-Type", "Content-Encoding", "Accept", "Range", "If-None-Match", "Upgrade"),
    *("X-Atlassian-Webhook-Identifier", "X-CSRF-Token", "TE", "Origin", "Referer", "Proxy", "Connection", "User-Agent"),
)
_ODD_NAMES = ("SCRIPT_NAME", "X_Forwarded_For", "Authorization ", " X", "X:", "X\u0000", "\u00e9", "", "Host", "Expect")
_TYPES = (
    *(
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/xml",
        "",
    ),
    *(
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-7",
        "application/json; charset=\u0000",
        "\u00ff",
    ),
    *("text/html; charset=nonsense", "multipart/form-data; boundary=" + "x" * 300, "application/json,text/plain"),
)
_BAD_NUMBERS = ("", "-1", "0", "1e3", "NaN", "0x10", "9" * 25, "%00", "%FF", "1;2", "null", "[]", "1%2C2", "true")


@dataclass(frozen=True)
class Shot:
    """The bytes of one connection."""

    number: int
    kind: str
    raw: bytes

    @property
    def method(self) -> bytes:
        return self.raw.split(b" ", 1)[0]

    @property
    def path(self) -> bytes:
        """The decoded path, as the app's routes match it."""
        line = self.raw.split(b"\r\n", 1)[0]
        target = line.split(b" ", 1)[1].rsplit(b" ", 1)[0] if line.count(b" ") > 1 else b""
        try:
            path = urlsplit(target.decode("latin-1")).path
        except ValueError:
            return b""
        return unquote_to_bytes(path.encode("latin-1"))

    def may_succeed(self, base: bytes) -> bool:
        """Whether it is a plain read of a public address."""
        path = self.path.removeprefix(base)
        return self.method in READS and (path in PUBLIC or (path.startswith(b"/static/") and self._reads_no_code(path)))

    def _reads_no_code(self, path: bytes) -> bool:
        """Whether it is OPTIONS or a read outside the static files."""
        return self.method == b"OPTIONS" or b".." not in path

    def may_redirect(self, base: bytes) -> bool:
        """Whether it is a page of the console, which redirects strangers to the sign-in."""
        return self.path.removeprefix(base).startswith(b"/console")


class Hail:
    """Draws shots."""

    def __init__(self, forger: Forger, chance: Random, base: str) -> None:
        self._forger, self._chance, self._base = forger, chance, base
        self._sign_in: tuple[str, str] | None = None
        self._bomb = gzip.compress(b" " * 20_000_000)
        self._mega = b"x" * 1_000_000

    def knows_sign_in(self, cookie: str, csrf: str) -> None:
        """Use a real form's tokens in later attempts to sign in."""
        self._sign_in = (cookie, csrf)

    def shots(self, first: int, count: int) -> Iterator[Shot]:
        ways: dict[str, tuple[int, Callable[[], bytes]]] = {
            "forged token": (34, self._forged),
            "token in the wrong place": (10, self._misplaced),
            "good token, wrong request": (8, self._wrong_request),
            "good token, bad body": (10, self._bad_body),
            "good API key, bad call": (10, self._bad_call),
            "bad API key": (6, self._bad_key),
            "odd path": (10, self._odd_path),
            "odd framing": (8, self._odd_framing),
            "odd headers": (8, self._odd_headers),
            "console": (6, self._console),
        }
        weights = [weight for weight, _ in ways.values()]
        for number in range(first, first + count):
            kind = self._chance.choices(list(ways), weights)[0]
            yield Shot(number, kind, ways[kind][1]())

    # Kinds of attack

    def _forged(self) -> bytes:
        kind = self._kind()
        token = self._forger.bad(kind)
        body = self._body()[0] if kind.method == "POST" and self._chance.random() < 0.3 else b""
        if kind.is_in_query:
            return self._request(kind.method, f"{kind.path}&jwt={quote(token, safe='')}")
        return self._request(kind.method, kind.path, [_authorization("JWT", token)], body)

    def _misplaced(self) -> bytes:
        """A good token in the wrong place, or beside another one."""
        kind = self._kind()
        token = self._forger.good(kind)
        joint = "&" if "?" in kind.path else "?"
        in_query = f"{kind.path}{joint}jwt={token}"
        right = _authorization("JWT", token)
        bad = self._forger.bad(kind)
        if kind.is_in_query:
            ways = (
                (kind.path, [right]),
                (in_query, [right]),
                (f"{in_query}&jwt={token}", []),
                (f"{kind.path}&%6Awt={token}&jwt={token}", []),
                (f"{kind.path}&JWT={token}", []),
                (f"{kind.path}&jwt[]={token}", []),
                (kind.path, [(b"Cookie", f"jwt={token}".encode())]),
            )
        else:
            scheme = self._chance.choice([candidate for candidate in _SCHEMES if candidate.strip().lower() != "jwt"])
            ways = (
                (in_query, []),
                (in_query, [right]),
                (kind.path, [right, right]),
                (kind.path, [right, _authorization("JWT", bad)]),
                (kind.path, [(b"Authorization", b""), right]),
                (kind.path, [(b"Cookie", f"jwt={token}; Authorization=JWT {token}".encode())]),
                (kind.path, [(b"X-Authorization", right[1]), (b"Proxy-Authorization", right[1])]),
                (kind.path, [_authorization(scheme, token)]),
                (kind.path, [(b"Authorization", token.encode())]),
                (kind.path, [(b"Authorization", f"JWT{token}".encode())]),
            )
        path, headers = self._chance.choice(ways)
        return self._request(kind.method, path, headers)

    def _wrong_request(self) -> bytes:
        """A good token with a slightly different request."""
        kind = self._chance.choice([candidate for candidate in KINDS if candidate.name != "context"])
        token = self._forger.good(kind)
        method, path = kind.method, kind.path
        head, _, query = path.partition("?")
        variant = self._chance.randrange(3)
        if variant == 0:
            method = self._chance.choice([candidate for candidate in _METHODS if candidate.upper() != kind.method])
        elif variant == 1:
            candidates = (f"{head}/", f"/{head}", head.upper(), f"{head}%20", f"{head}%00", f"/x/..{head}", head + ";x")
            path = self._chance.choice(candidates) + (f"?{query}" if query else "")
        else:
            path = f"{head}?{query}&x={secrets.token_hex(2)}" if query else f"{head}?x=1"
        if kind.is_in_query:
            return self._request(method, f"{path}{'&' if '?' in path else '?'}jwt={token}")
        return self._request(method, path, [_authorization("JWT", token)])

    def _bad_body(self) -> bytes:
        """A good token and a meaningless body. Webhooks are left out: they get 204 for any body."""
        posts = [kind for kind in KINDS if kind.method == "POST" and "webhooks" not in kind.path]
        kind = self._chance.choice(posts)
        body, extra_headers = self._body()
        return self._request(
            kind.method, kind.path, [_authorization("JWT", self._forger.good(kind)), *extra_headers], body
        )

    def _bad_call(self) -> bytes:
        """A good API key and a wrong call."""
        key = [_authorization("Bearer", API_KEY)]
        target = f"/api/v1/integrations/{uuid.UUID(int=self._chance.getrandbits(128))}"
        number = self._chance.choice(_BAD_NUMBERS)
        body, extra_headers = self._body()
        ways: tuple[tuple[str, str, Headers, bytes], ...] = (
            ("POST", "/api/v1/integrations", [*key, *extra_headers], body),
            ("PATCH", target, [*key, *extra_headers], body),
            ("POST", f"{target}/otp", [*key, *extra_headers], body),
            ("DELETE", target, key, b""),
            ("GET", f"{target}/changes?cursor={self._octets(20)}", key, b""),
            ("GET", f"{target}/changes?entity={self._octets(20)}&limit={number}", key, b""),
            ("GET", f"/api/v1/integrations?page={number}", key, b""),
            ("GET", f"/api/v1/integrations?page_size={number}", key, b""),
            ("GET", f"/api/v1/integrations?search=%00{self._octets(20)}", key, b""),
            ("GET", f"/api/v1/integrations?search={'x' * 300}", key, b""),
            ("GET", f"/api/v1/integrations/{self._octets(30)}x", key, b""),
            ("TRACE", target, key, b""),
        )
        return self._request(*self._chance.choice(ways))

    def _bad_key(self) -> bytes:
        chance = self._chance
        keys = (
            API_KEY[:-1],
            API_KEY + "x",
            API_KEY.swapcase(),
            API_KEY[:12] + "_" + "x" * 40,
            "",
            "sei_",
            "sei_\u0000\u0000\u0000\u0000_" + "x" * 40,
            "\u00ff" * 40,
            f"{API_KEY}, {API_KEY}",
            "x" * chance.randrange(1, 16_000),
            "' OR ''='",
        )
        headers = [_authorization(chance.choice(("Bearer", "bearer", "BEARER")), chance.choice(keys))]
        if chance.random() < 0.3:
            headers = chance.choice(
                (
                    [_authorization("Bearer", API_KEY)] * 2,
                    [_authorization(chance.choice(_SCHEMES[4:]), API_KEY)],
                    [(b"X-Api-Key", API_KEY.encode())],
                    [(b"Cookie", f"api_key={API_KEY}".encode())],
                )
            )
        return self._request(chance.choice(("GET", "POST", "HEAD")), chance.choice(_PRIVATE[:4]), headers)

    def _odd_path(self) -> bytes:
        chance = self._chance
        path = chance.choice(_LURES)
        if chance.random() < 0.3:
            path = "/" + self._octets(chance.choice((5, 60, 2000)))
        if chance.random() < 0.1:
            path = chance.choice(_PRIVATE) + "?" + "&".join(f"{self._octets(4)}={self._octets(4)}" for _ in range(200))
        if chance.random() < 0.1:
            origin = chance.choice(
                ("http://elsewhere.test", "https://[::1", "file://", "//x", "http://u:p@h:99999", "a:b")
            )
            return self._line(chance.choice(_METHODS[:8]), origin + self._base + chance.choice(_PRIVATE))
        return self._request(chance.choice(_METHODS), path, body=chance.choice((b"", b"{}")))

    def _odd_framing(self) -> bytes:
        """Inconsistent lengths and encodings, with a smuggled request to a private address."""
        chance = self._chance
        inner = f"GET {self._base}/api/v1/integrations HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        chunk = chance.choice(
            (b"0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"zz\r\n", b"-1\r\n\r\n", b"ffffffffff\r\nx", b"5;x\r\nhel")
        )
        headers: Headers = []
        if chance.random() < 0.7:
            headers.append((b"Transfer-Encoding", chance.choice(_CODINGS).encode("latin-1")))
        for _ in range(chance.randrange(3)):
            headers.append((b"Content-Length", chance.choice((*_LENGTHS, "0", "5", "100")).encode("latin-1")))
        if chance.random() < 0.2:
            headers.append((b"Expect", chance.choice((b"100-continue", b"200-ok", b""))))
        version = chance.choice(
            ("HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.9", "HTTPS/1.1", "http/1.1", "")
        )
        path = self._base + chance.choice(_PRIVATE)
        return self._line(chance.choice(("POST", "GET", "DELETE")), path, headers, chunk + inner, version)

    def _odd_headers(self) -> bytes:
        chance = self._chance
        headers: Headers = []
        values = ("\u00ff\u00fe", "a\u0000b", "", "a\r b", "127.0.0.1", "x" * 17_000, "bytes=0-,-1", "../../x")
        for _ in range(chance.choices((1, 3, 50, 70), (5, 5, 5, 1))[0]):
            name = chance.choice(_ODD_NAMES if chance.random() < 0.02 else _NAMES)
            value = chance.choice(values) if chance.random() < 0.1 else self._octets(chance.choice((8, 100)))
            headers.append((name.encode("latin-1"), value.encode("latin-1")))
        if chance.random() < 0.5:
            headers.append(_authorization(chance.choice(_SCHEMES), "x" * chance.choice((1, 300, 16_000))))
        return self._request(chance.choice(_METHODS[:8]), chance.choice(_PRIVATE), headers)

    def _console(self) -> bytes:
        """Invented cookies, and attempts to sign in."""
        chance = self._chance
        if self._sign_in is not None and chance.random() < 0.4:
            cookie, csrf = self._sign_in
            key = chance.choice(
                ("sei_" + self._octets(8), "%00", "sei_%00%00%00%00%00%00%00%00_x", "x" * 300, "%FF", API_KEY[:-1])
            )
            form = [
                (b"Content-Type", b"application/x-www-form-urlencoded"),
                (b"Cookie", f"sei_console={cookie}".encode()),
            ]
            return self._request("POST", "/console/sign-in", form, f"csrf={csrf}&key={key}".encode())
        cookies = (
            "x",
            ".e30.x.y",
            "e30.e30.e30",
            "eyJhY2NvdW50IjoiMSJ9.aaaa.bbbb",
            self._octets(50),
            "x" * 4000,
            "\u00ff",
            ".eJw",
            "=",
        )
        headers = [(b"Cookie", f"sei_console={chance.choice(cookies)}".encode("latin-1"))]
        paths = (
            "/console",
            "/console/",
            "/console/sign-out",
            "/console/integrations/x/otp",
            f"/console/integrations/{uuid.UUID(int=9)}",
        )
        body, extra_headers = self._body()
        method = chance.choice(("GET", "POST", "HEAD", "DELETE"))
        return self._request(
            method, chance.choice(paths), [*headers, *extra_headers], body if method == "POST" else b""
        )

    # Parts

    def _kind(self) -> Kind:
        return self._chance.choice(KINDS)

    def _octets(self, limit: int) -> str:
        return "".join(f"%{octet:02X}" for octet in self._chance.randbytes(self._chance.randrange(1, limit + 1)))

    def _body(self) -> tuple[bytes, Headers]:
        """A body that no route accepts, with its headers."""
        chance = self._chance
        if chance.random() < 0.02:
            large = (
                (b"[" * 100_000, []),
                (b'{"a":' * 100_000, []),
                (json.dumps({"name": "x"}).encode()[:-2] + self._mega + b'"}', []),
                (b'{"n":' + b"9" * 1_000_000 + b"}", []),
                (self._mega, []),
                (self._bomb, [(b"Content-Encoding", b"gzip")]),
            )
            body, extra_headers = chance.choice(large)
        else:
            small = (
                *(
                    b"",
                    b"null",
                    b"7",
                    b"[]",
                    b"{}",
                    b'""',
                    b"true",
                    b"{",
                    b"\xff\xfe{\x00}\x00",
                    b"\xef\xbb\xbf{}",
                    b"\x00",
                ),
                *(b'{"a":1,"a":2}', b'{"n":NaN}', b'{"n":Infinity}', b'{"n":1e999}', b'{"n":' + b"9" * 4500 + b"}"),
                *(
                    b'{"\\ud800":"\\udfff"}',
                    b'{"name":"\\ud800"}',
                    b'{"otp":"\\u0000"}',
                    b'{"otp":7}',
                    b'{"otp":["x"]}',
                ),
                *(
                    b'{"clientKey":"\\u0000","key":"x"}',
                    b'{"clientKey":[],"key":{},"sharedSecret":1}',
                    b"a=b&c=d",
                    b"<x/>",
                ),
                *(b'{"otp":"x","replace":"yes"}', b'{"otp":"x","more":1}', b'{"otp":"' + b"A" * 3000 + b'"}'),
                *(b'{"name":"","product":"x","method":[]}', b'{"name":"x","product":"jira_cloud","method":"nothing"}'),
                chance.randbytes(chance.randrange(1, 300)),
                b"[" * chance.randrange(1, 3000),
            )
            body, extra_headers = chance.choice(small), []
        return body, [(b"Content-Type", chance.choice(_TYPES).encode("latin-1")), *extra_headers]

    def _request(self, method: str, path: str, headers: Headers | None = None, body: bytes = b"") -> bytes:
        length: Headers = [(b"Content-Length", str(len(body)).encode())] if body or method == "POST" else []
        return self._line(method, self._base + path if path != "*" else path, [*(headers or []), *length], body)

    def _line(
        self, method: str, target: str, headers: Headers | None = None, body: bytes = b"", version: str = "HTTP/1.1"
    ) -> bytes:
        lines = [
            f"{method} {target} {version}".encode("latin-1", "replace"),
            b"Host: 127.0.0.1",
            b"Connection: close",
            *(name + b": " + value for name, value in headers or []),
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _authorization(scheme: str, value: str) -> tuple[bytes, bytes]:
    return b"Authorization", f"{scheme} {value}".encode("latin-1", "replace")
